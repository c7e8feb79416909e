/* Istio's objects (networking.istio.io/v1). Names come from telemetry, so from anybody: only what Kubernetes itself
 * would accept as a name is rendered, and even that in quotes, because YAML reads "true", "1.10" and "null" as
 * something else. The objects are our own, by name, so that taking them back deletes nothing of anybody else's. */
#include "analyzer/routing/routing.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_MAX_BYTES = 63, OBJECT_NAME_BYTES = 80 };

static bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 1123 label: lower case, digits, '-' inside. */
static bool is_dns_label(const char *text, size_t len) {
    if (len == 0 || len > NAME_MAX_BYTES || !is_alphanumeric(text[0]) || !is_alphanumeric(text[len - 1])) return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alphanumeric(text[i]) && text[i] != '-') return false;
    return true;
}

bool kube_label(const char *value) {
    size_t len = strlen(value);
    if (len == 0 || len > NAME_MAX_BYTES) return false;
    for (size_t i = 0; i < len; i++) {
        char c = value[i];
        bool letter = is_alphanumeric(c) || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || i == len - 1 || (c != '-' && c != '_' && c != '.'))) return false;
    }
    return true;
}

bool kube_service(const char *service, kube_name_t *out) {
    *out = (kube_name_t){{0}, {0}};
    const char *at = strchr(service, '@'), *slash = strchr(service, '/');
    size_t len = at != NULL ? (size_t)(at - service) : strlen(service);
    if (slash != NULL && (size_t)(slash - service) < len) {
        size_t space = (size_t)(slash - service);
        if (!is_dns_label(service, space)) return false;
        memcpy(out->namespace_name, service, space);
        service = slash + 1;
        len -= space + 1;
    }
    if (!is_dns_label(service, len)) return false;
    memcpy(out->name, service, len);
    return true;
}

/* Subset names are DNS labels; versions may have dots, underscores and capitals. */
static void subset_name(const char *version, char *out, size_t size) {
    size_t used = 0;
    for (const char *c = version; *c != '\0' && used + 1 < size; c++)
        out[used++] = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : is_alphanumeric(*c) ? *c : '-');
    out[used] = '\0';
}

static void head(buffer_t *out, const char *kind, const char *name, const kube_name_t *service) {
    buffer_format(out, "apiVersion: networking.istio.io/v1\nkind: %s\nmetadata:\n  name: \"%s\"\n", kind, name);
    if (service->namespace_name[0] != '\0') buffer_format(out, "  namespace: \"%s\"\n", service->namespace_name);
    buffer_format(out, "  labels:\n    app.kubernetes.io/managed-by: \"seismesh\"\nspec:\n");
}

/* All of a text as added lines of a unified diff. */
static void diff_of(const char *yaml, const char *kind, const char *name, buffer_t *out) {
    unsigned lines = 0;
    for (const char *c = yaml; *c != '\0'; c++) lines += *c == '\n';
    buffer_format(out, "--- /dev/null\n+++ %s/%s.yaml\n@@ -0,0 +1,%u @@\n", kind, name, lines);
    while (*yaml != '\0') {
        size_t len = strcspn(yaml, "\n");
        buffer_byte(out, '+');
        buffer_append(out, yaml, len);
        buffer_byte(out, '\n');
        yaml += yaml[len] == '\n' ? len + 1 : len;
    }
    buffer_byte(out, 0);
}

static void add_object(change_t *change, const char *kind, const char *name, const kube_name_t *service,
                       buffer_t *yaml) {
    buffer_t diff = {0};
    buffer_byte(yaml, 0);
    diff_of((const char *)yaml->data, kind, name, &diff);
    json_t *space = service->namespace_name[0] == '\0' ? json_null() : json_string(service->namespace_name);
    (void)json_array_append_new(change->objects, json_pack("{ss,ss,so,sn,ss,ss}", "kind", kind, "name", name,
                                                           "namespace", space, "before", "after",
                                                           (const char *)yaml->data, "diff", (const char *)diff.data));
    if (json_array_size(change->objects) > 1) buffer_text(&change->apply, "---\n");
    buffer_text(&change->apply, (const char *)yaml->data);
    buffer_fini(&diff);
    buffer_fini(yaml);
}

static void begin(change_t *change) {
    *change = (change_t){.objects = json_array()};
    buffer_text(&change->apply, "kubectl apply -f - <<'EOF'\n");
}

static void finish(change_t *change, const kube_name_t *service, const char *names) {
    buffer_text(&change->apply, "EOF\n");
    buffer_byte(&change->apply, 0);
    buffer_format(&change->undo, "kubectl delete %s%s%s", service->namespace_name[0] == '\0' ? "" : "-n ",
                  service->namespace_name, service->namespace_name[0] == '\0' ? "" : " ");
    buffer_text(&change->undo, names);
    buffer_byte(&change->undo, 0);
}

static void destination_rule(const kube_name_t *service, const char *name, const char *const versions[2],
                             const char *const subsets[2], buffer_t *out) {
    head(out, "DestinationRule", name, service);
    buffer_format(out, "  host: \"%s\"\n  subsets:\n", service->name);
    for (int i = 0; i < 2; i++)
        buffer_format(out, "    - name: \"%s\"\n      labels:\n        version: \"%s\"\n", subsets[i], versions[i]);
}

void istio_roll_back(const kube_name_t *service, const char *keep, const char *drop, change_t *change) {
    char name[OBJECT_NAME_BYTES], kept[NAME_MAX_BYTES + 1], dropped[NAME_MAX_BYTES + 1], names[4 * OBJECT_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.52s-seismesh", service->name);
    subset_name(keep, kept, sizeof kept);
    subset_name(drop, dropped, sizeof dropped);
    if (strcmp(kept, dropped) == 0) dropped[0] = dropped[0] == 'x' ? 'y' : 'x'; /* "1.0" and "1_0" */
    begin(change);
    buffer_t yaml = {0};
    head(&yaml, "VirtualService", name, service);
    buffer_format(&yaml, "  hosts:\n    - \"%s\"\n  http:\n    - route:\n", service->name);
    const char *const subsets[2] = {kept, dropped}, *const versions[2] = {keep, drop};
    for (int i = 0; i < 2; i++)
        buffer_format(
            &yaml,
            "        - destination:\n            host: \"%s\"\n            subset: \"%s\"\n          weight: %d\n",
            service->name, subsets[i], i == 0 ? 100 : 0);
    add_object(change, "VirtualService", name, service, &yaml);
    yaml = (buffer_t){0};
    destination_rule(service, name, versions, subsets, &yaml);
    add_object(change, "DestinationRule", name, service, &yaml);
    (void)snprintf(names, sizeof names, "virtualservice.networking.istio.io/%s destinationrule.networking.istio.io/%s",
                   name, name);
    finish(change, service, names);
}

void istio_eject(const kube_name_t *service, unsigned percent, change_t *change) {
    char name[OBJECT_NAME_BYTES], names[2 * OBJECT_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%.52s-seismesh", service->name);
    begin(change);
    buffer_t yaml = {0};
    head(&yaml, "DestinationRule", name, service);
    buffer_format(&yaml,
                  "  host: \"%s\"\n  trafficPolicy:\n    outlierDetection:\n      consecutive5xxErrors: 3\n"
                  "      interval: \"10s\"\n      baseEjectionTime: \"60s\"\n      maxEjectionPercent: %u\n",
                  service->name, percent);
    add_object(change, "DestinationRule", name, service, &yaml);
    (void)snprintf(names, sizeof names, "destinationrule.networking.istio.io/%s", name);
    finish(change, service, names);
}

void change_fini(change_t *change) {
    json_decref(change->objects);
    buffer_fini(&change->apply);
    buffer_fini(&change->undo);
}
