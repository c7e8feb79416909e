/* json_object_get and json_string_value take NULL and wrong types, and say NULL: so what is missing or of another shape
 * than the API's is the same as not told. */
#include "collector/scrape/kubernetes_pod.h"

#include "base/clock.h"
#include "base/memory.h"
#include "collector/scrape/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Proxies that are known by their container. Where `declared`, the port must stand in the pod: others have a container
 * of this name, too. */
typedef struct {
    const char *container, *port_name;
    int port;
    const char *path;
    bool declared;
    const char *version_label; /* of the pod */
} proxy_t;

static const proxy_t proxies[] = {
    {"istio-proxy", NULL, 15020, "/stats/prometheus", false, "version"}, /* sidecar, gateway, waypoint, ztunnel */
    {"linkerd-proxy", "linkerd-admin", 4191, "/metrics", false, "pod-template-hash"},
    {"consul-dataplane", "prometheus", 20200, "/metrics", false, "version"},
    {"kuma-sidecar", NULL, 5670, "/metrics", false, "version"},
    {"envoy", NULL, 15010, "/stats/prometheus", true, "version"}, /* Open Service Mesh */
    {"envoy", NULL, 9901, "/stats/prometheus", true, "version"},  /* App Mesh */
    {"traefik", "metrics", 9100, "/metrics", true, "version"},
};
enum { PROXIES = sizeof proxies / sizeof proxies[0] };

/* ---- reading the object ---- */

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

static const json_t *part(const json_t *object, const char *key, const char *inner) {
    return json_object_get(json_object_get(object, key), inner);
}

static const json_t *named(const json_t *list, const char *name) {
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item) if (strcmp(text(item, "name"), name) == 0) return item;
    return NULL;
}

/* Containers, and the init containers that go on running (native sidecars). */
static const json_t *container_named(const json_t *pod, const char *name) {
    const json_t *found = named(part(pod, "spec", "containers"), name);
    if (found != NULL) return found;
    found = named(part(pod, "spec", "initContainers"), name);
    return strcmp(text(found, "restartPolicy"), "Always") == 0 ? found : NULL;
}

static int port_number(const json_t *port) {
    json_int_t number = json_integer_value(json_object_get(port, "containerPort"));
    return number > 0 && number < 65536 && strcmp(text(port, "protocol"), "UDP") != 0 ? (int)number : 0;
}

/* The declared port of this name or, with a name that is NULL or absent, of this number; 0 when there is none. */
static int declared_port(const json_t *container, const proxy_t *proxy) {
    const json_t *ports = json_object_get(container, "ports"), *port;
    size_t i;
    if (proxy->port_name != NULL && (port = named(ports, proxy->port_name)) != NULL) return port_number(port);
    json_array_foreach(ports, i, port) if (port_number(port) == proxy->port) return proxy->port;
    return 0;
}

static int first_port(const json_t *pod) {
    size_t c, p;
    const json_t *container, *port;
    json_array_foreach(part(pod, "spec", "containers"), c, container) {
        json_array_foreach(json_object_get(container, "ports"), p,
                           port) if (port_number(port) > 0) return port_number(port);
    }
    return 0;
}

/* "2026-11-26T05:00:00Z" as nanoseconds; 0 when it is none. */
static int64_t read_time(const char *stamp) {
    struct tm tm = {0};
    if (sscanf(stamp, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6)
        return 0;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t seconds = timegm(&tm);
    return seconds > 0 && seconds < INT64_C(9000000000) ? (int64_t)seconds * NS_PER_S : 0;
}

/* Since when the container runs, while it is in its first life: after that, counters that fall tell more surely. */
static int64_t running_since(const json_t *pod, const char *container) {
    const json_t *status = named(part(pod, "status", "containerStatuses"), container);
    if (status == NULL) status = named(part(pod, "status", "initContainerStatuses"), container);
    if (json_integer_value(json_object_get(status, "restartCount")) != 0) return 0;
    return read_time(text(part(status, "state", "running"), "startedAt"));
}

/* ---- who the pod is ---- */

/* A ReplicaSet's name is its Deployment's with the pod template's hash behind it. */
static void put_workload(buffer_t *resource, const json_t *pod) {
    static const char *const kinds[][2] = {{"StatefulSet", "k8s.statefulset.name"},
                                           {"DaemonSet", "k8s.daemonset.name"},
                                           {"Job", "k8s.job.name"},
                                           {"ReplicaSet", "k8s.replicaset.name"}};
    const json_t *owner = json_array_get(part(pod, "metadata", "ownerReferences"), 0);
    const char *kind = text(owner, "kind"), *name = text(owner, "name");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i][0]) == 0) origin_attribute(resource, kinds[i][1], name);
    const char *hash = text(part(pod, "metadata", "labels"), "pod-template-hash");
    size_t len = strlen(name), behind = strlen(hash);
    bool deployed = strcmp(kind, "ReplicaSet") == 0 && behind > 0 && len > behind + 1 &&
                    name[len - behind - 1] == '-' && strcmp(name + len - behind, hash) == 0;
    if (!deployed) return;
    char *deployment = memory_text(name);
    deployment[len - behind - 1] = '\0';
    origin_attribute(resource, "k8s.deployment.name", deployment);
    free(deployment);
}

static void put_pod(buffer_t *resource, const json_t *pod, const char *container, const char *version_label) {
    const json_t *metadata = json_object_get(pod, "metadata"), *labels = json_object_get(metadata, "labels");
    const char *app = text(labels, "app");
    bool hash = strcmp(version_label, "pod-template-hash") == 0;
    origin_attribute(resource, "k8s.pod.name", text(metadata, "name"));
    origin_attribute(resource, "k8s.pod.uid", text(metadata, "uid"));
    origin_attribute(resource, "k8s.namespace.name", text(metadata, "namespace"));
    origin_attribute(resource, "k8s.node.name", text(json_object_get(pod, "spec"), "nodeName"));
    origin_attribute(resource, "k8s.container.name", container);
    origin_attribute(resource, "app", app[0] != '\0' ? app : text(labels, "app.kubernetes.io/name"));
    origin_attribute(resource, hash ? version_label : "k8s.pod.label.version", text(labels, version_label));
    put_workload(resource, pod);
}

/* ---- targets ---- */

static void add_target(pod_t *pod, const json_t *object, const char *container, const char *version_label,
                       const char *scheme, int port, const char *path) {
    char address[300];
    const char *ip = text(json_object_get(object, "status"), "podIP");
    bool bracketed = strchr(ip, ':') != NULL;
    if (pod->count == POD_TARGETS_MAX || port == 0 || ip[0] == '\0') return;
    (void)snprintf(address, sizeof address, "%s%s%s:%d", bracketed ? "[" : "", ip, bracketed ? "]" : "", port);
    for (size_t i = 0; i < pod->count; i++)
        if (strcmp(pod->targets[i].address, address) == 0) return; /* found before, in the other way */
    pod_target_t *target = &pod->targets[pod->count++];
    (void)snprintf(target->address, sizeof target->address, "%s", address);
    (void)snprintf(target->path, sizeof target->path, "%s", path);
    (void)snprintf(target->scheme, sizeof target->scheme, "%s", scheme);
    put_pod(&target->resource, object, container, version_label);
}

static void add_proxies(pod_t *pod, const json_t *object) {
    for (size_t i = 0; i < PROXIES; i++) {
        const proxy_t *proxy = &proxies[i];
        const json_t *container = container_named(object, proxy->container);
        int port = container == NULL ? 0 : declared_port(container, proxy);
        if (port == 0 && container != NULL && !proxy->declared) port = proxy->port;
        size_t before = pod->count;
        add_target(pod, object, proxy->container, proxy->version_label, "http", port, proxy->path);
        if (pod->count > before) pod->targets[before].start_ns = running_since(object, proxy->container);
    }
}

/* As Prometheus' well-known example has the annotations. */
static void add_annotated(pod_t *pod, const json_t *object, const json_t *annotations) {
    const char *path = text(annotations, "prometheus.io/path"), *scheme = text(annotations, "prometheus.io/scheme");
    const char *told = text(annotations, "prometheus.io/port");
    int port = told[0] == '\0' ? first_port(object) : atoi(told);
    if (port < 0 || port > 65535) port = 0;
    const json_t *container = json_array_get(part(object, "spec", "containers"), 0);
    add_target(pod, object, text(container, "name"), "version", scheme[0] != '\0' ? scheme : "http", port,
               path[0] != '\0' ? path : "/metrics");
}

pod_t *pod_read(const json_t *object) {
    const char *uid = text(json_object_get(object, "metadata"), "uid");
    const json_t *annotations = part(object, "metadata", "annotations");
    const char *scrape = text(annotations, "prometheus.io/scrape");
    if (uid[0] == '\0') return NULL;
    pod_t *pod = memory_new(1, sizeof *pod);
    pod->uid = memory_text(uid);
    pod->node = memory_text(text(json_object_get(object, "spec"), "nodeName"));
    bool running = strcmp(text(json_object_get(object, "status"), "phase"), "Running") == 0;
    if (!running || strcmp(scrape, "false") == 0) return pod;
    add_proxies(pod, object);
    if (strcmp(scrape, "true") == 0) add_annotated(pod, object, annotations);
    return pod;
}

void pod_free(pod_t *pod) {
    if (pod == NULL) return;
    for (size_t i = 0; i < pod->count; i++) buffer_fini(&pod->targets[i].resource);
    free(pod->uid);
    free(pod->node);
    free(pod);
}
