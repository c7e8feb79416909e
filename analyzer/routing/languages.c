/* The list. A new language is its file and a line here. */
#include "analyzer/routing/language.h"

#include <string.h>

extern const routing_language_ops language_istio, language_google, language_google_routing, language_gateway_api,
    language_linkerd, language_smi, language_osm, language_traefik_mesh, language_consul, language_consul_k8s,
    language_kuma, language_kuma_universal, language_app_mesh, language_traefik, language_traefik_file, language_nsm;

const routing_language_ops *const routing_languages[] = {
    &language_istio,
    &language_gateway_api,
    &language_linkerd,
    &language_consul,
    &language_consul_k8s,
    &language_kuma,
    &language_kuma_universal,
    &language_app_mesh,
    &language_google,
    &language_google_routing,
    &language_traefik,
    &language_traefik_file,
    &language_smi,
    &language_traefik_mesh,
    &language_osm,
    &language_nsm,
    NULL,
};

const routing_language_ops *routing_language(const char *name) {
    for (size_t i = 0; routing_languages[i] != NULL; i++)
        if (strcmp(routing_languages[i]->name, name) == 0) return routing_languages[i];
    return NULL;
}

uint32_t routing_language_index(const routing_language_ops *language) {
    uint32_t at = 0;
    while (routing_languages[at] != language) at++;
    return at;
}

/* Where a mesh has several, the one of Kubernetes objects, or of its own command. */
const routing_language_ops *routing_language_of_mesh(const char *mesh) {
    static const struct {
        const char *mesh;
        const routing_language_ops *language;
    } own[] = {
        {"istio", &language_istio},   {"linkerd", &language_linkerd},   {"consul", &language_consul},
        {"kuma", &language_kuma},     {"app_mesh", &language_app_mesh}, {"osm", &language_osm},
        {"google", &language_google}, {"traefik", &language_traefik},   {"nsm", &language_nsm},
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(own[i].mesh, mesh) == 0) return own[i].language;
    return NULL;
}
