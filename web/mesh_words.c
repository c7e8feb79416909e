#include "web/mesh_words.h"

#include "collector/dialect/dialect.h"
#include "web/values.h"

#include <stdio.h>

#define BIT(item) (1u << (item))

enum {
    ANY_MESH = 0,
    SERVER = 1 << MESH_SERVER_REQUESTS,
    CLIENT = 1 << MESH_CLIENT_REQUESTS,
    TIMES = 1 << MESH_LATENCY,
    SPANS = 1 << MESH_SERVER_SPANS | 1 << MESH_CLIENT_SPANS,
    LOGS = 1 << MESH_ACCESS_LOGS,
    NAMELESS = 1 << MESH_NAMELESS,
};

/* A sentence holds where one of `some` (or none is asked for) came and nothing of `none`, but in the meshes `but`: of
 * these nobody could send it. */
static const struct {
    uint32_t some, none, but;
    const char *sentence;
} rules[] = {
    {CLIENT, SERVER, BIT(MESH_OSM) | BIT(MESH_APP_MESH) | BIT(MESH_TRAEFIK),
     "Only the callers' proxies report requests: what a service answers to callers outside the mesh, and what each of "
     "its versions and instances answers, is not known. Scrape the callees' proxies too."},
    {SERVER, CLIENT, BIT(MESH_TRAEFIK),
     "Only the callees' proxies report requests: failures that never arrive (refused, no healthy host, no route), the "
     "caller's waiting time and its retries are not known. Scrape the callers' proxies too."},
    {SERVER | CLIENT, TIMES, ANY_MESH,
     "Requests are counted, but no histogram of durations arrives: slowness is not found. Let the mesh's duration "
     "metrics through."},
    {TIMES, SERVER | CLIENT, ANY_MESH,
     "Durations arrive, but no counter of requests: traffic and errors are not known. Let the mesh's request counters "
     "through."},
    {NAMELESS, 0, ANY_MESH,
     "Some series do not say which workload reports them and are not counted. Add the scrape target's labels "
     "(namespace, pod, deployment or app), or the k8sattributes processor."},
    {SERVER | CLIENT, SPANS, ANY_MESH,
     "No spans of its proxies arrive: incidents have no traces to open as examples. Switch tracing on, if the mesh has "
     "it."},
    {SPANS | LOGS, SERVER | CLIENT, BIT(MESH_NSM),
     "Only spans or access logs arrive, no metrics: where they are sampled, counts and rates are those of the sample. "
     "Send the mesh's metrics too."},
};

static json_t *received(const counters_t *counters, mesh_t mesh, uint32_t *bits) {
    static const char *const names[MESH_ITEMS] = {"server_requests", "client_requests", "latency", "server_spans",
                                                  "client_spans",    "access_logs",     "nameless"};
    json_t *object = json_object();
    *bits = 0;
    for (uint32_t item = 0; item < MESH_ITEMS; item++) {
        uint64_t count = counters_get(counters, (counter_t)(COUNTER_MESH_FIRST + (mesh - 1) * MESH_ITEMS + item));
        json_object_set_new(object, names[item], json_integer((json_int_t)count));
        if (count > 0) *bits |= BIT(item);
    }
    return object;
}

/* Meshes with a proxy beside each service: one service is in one of them. */
static const uint32_t beside =
    BIT(MESH_ISTIO) | BIT(MESH_LINKERD) | BIT(MESH_CONSUL) | BIT(MESH_KUMA) | BIT(MESH_APP_MESH) | BIT(MESH_OSM);

static uint32_t bit_of(const query_t *query, uint32_t name) {
    const char *text = query_name(query, name);
    for (uint32_t mesh = MESH_NONE + 1; mesh < MESHES; mesh++)
        if (strcmp(text, mesh_names[mesh]) == 0) return BIT(mesh);
    return 0;
}

/* Says so when another mesh reports a service under the same name, which adds the two up. */
static void add_shared(json_t *missing, mesh_t mesh, const query_t *query, const seen_list_t *seen) {
    uint32_t shared = 0;
    const char *example = "";
    for (uint32_t i = 0, next; i < seen->count; i = next) {
        uint32_t meshes = 0;
        for (next = i; next < seen->count && seen->items[next].service == seen->items[i].service; next++)
            meshes |= bit_of(query, seen->items[next].mesh) & beside;
        if ((meshes >> mesh & 1) == 0 || (meshes & (meshes - 1)) == 0) continue;
        if (shared++ == 0) example = query_name(query, seen->items[i].service);
    }
    if (shared == 0) return;
    char text[512];
    (void)snprintf(
        text, sizeof text,
        "%u service%s (%.200s, say) %s reported by another mesh under the same name, and counted together. If "
        "they are different ones, tell the clusters apart: set k8s.cluster.name on the resources of each.",
        shared, shared == 1 ? "" : "s", example, shared == 1 ? "is" : "are");
    json_array_append_new(missing, value_text(slice_text(text)));
}

json_t *mesh_words(const counters_t *counters, const query_t *query, const seen_list_t *seen) {
    json_t *list = json_array();
    for (mesh_t mesh = MESH_NONE + 1; mesh < MESHES; mesh++) {
        uint32_t bits;
        json_t *items = received(counters, mesh, &bits), *missing = json_array();
        for (size_t i = 0; bits != 0 && i < sizeof rules / sizeof rules[0]; i++)
            if ((bits & rules[i].some) != 0 && (bits & rules[i].none) == 0 && (rules[i].but >> mesh & 1) == 0)
                json_array_append_new(missing, json_string(rules[i].sentence));
        if (bits != 0) add_shared(missing, mesh, query, seen);
        json_t *one = json_pack("{ss,so,so}", "mesh", mesh_names[mesh], "received", items, "missing", missing);
        if (bits != 0)
            json_array_append_new(list, one);
        else
            json_decref(one);
    }
    return list;
}
