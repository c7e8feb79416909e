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
