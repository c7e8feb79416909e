/* Pods of a Kubernetes cluster, from its API server: one list, then a watch from the list's resourceVersion on, so that
 * only what changes is sent (https://kubernetes.io/docs/reference/using-api/api-concepts/). A watch that ends is taken
 * up where it was; one that is too old (410) begins with a list again. While the server cannot be reached, the pods
 * that are known are kept and scraped.
 *
 * A thread per namespace (or one for all) waits for the server and keeps pods as targets; the scraping thread takes
 * them over in poll(). Zones are the nodes' labels, where nodes may be read. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "collector/scrape/discovery.h"
#include "collector/scrape/http_access.h"
#include "collector/scrape/kubernetes_pod.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define METADATA_ONLY   "Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"

enum {
    PAGE_PODS = 250,
    ANSWER_BYTES_MAX = 64 << 20, /* of a page of a list, or one event */
    PODS_MAX = 200000,
    WATCH_S = 300,
    LIST_TIMEOUT_S = 60,
    ZONES_EVERY_S = 300,
    PAUSE_FIRST_MS = 1000,
    PAUSE_MOST_MS = 30000,
};

typedef struct kubernetes kubernetes_t;

/* Pods of one namespace, or of all. */
typedef struct {
    kubernetes_t *owner;
    const char *namespace_name; /* NULL = all */
    pthread_t thread;
    bool running;
    pod_t **pods; /* under the owner's lock */
    size_t count, capacity;
    char version[64]; /* resourceVersion up to which we know */
    bool expired;     /* the watch said 410 */
    buffer_t answer;
    size_t event_at; /* in `answer`: where the event that is being received began */
    long status;     /* of the request under way */
    CURL *curl;
} watcher_t;

typedef struct {
    char *node, *zone;
} zone_t;

struct kubernetes {
    discovery_t base;
    const kubernetes_discovery_t *config;
    http_access_t access;
    char server[512];
    watcher_t *watchers;
    size_t count;
    zone_t *zones; /* under the lock */
    size_t zone_count;
    int64_t zones_ns; /* when they were read; the first watcher's */
    bool zones_refused;
    uint64_t changes; /* under the lock: of what poll() would tell */
    uint64_t told;
    bool refused; /* some of the pods' targets, the last time */
    _Atomic bool stopping;
};

static void lock(kubernetes_t *own) {
    (void)pthread_mutex_lock(&own->base.lock);
}
static void unlock(kubernetes_t *own) {
    (void)pthread_mutex_unlock(&own->base.lock);
}

/* ---- what is known ---- */

static void put_pod(watcher_t *watcher, pod_t *pod) {
    for (size_t i = 0; i < watcher->count; i++) {
        if (strcmp(watcher->pods[i]->uid, pod->uid) != 0) continue;
        pod_free(watcher->pods[i]);
        watcher->pods[i] = pod;
        return;
    }
    if (watcher->count == PODS_MAX) {
        pod_free(pod);
        return;
    }
    if (watcher->count == watcher->capacity) {
        watcher->capacity = watcher->capacity == 0 ? 64 : watcher->capacity * 2;
        watcher->pods = memory_resize(watcher->pods, watcher->capacity * sizeof *watcher->pods);
    }
    watcher->pods[watcher->count++] = pod;
}

static void drop_pod(watcher_t *watcher, const char *uid) {
    for (size_t i = 0; i < watcher->count; i++) {
        if (strcmp(watcher->pods[i]->uid, uid) != 0) continue;
        pod_free(watcher->pods[i]);
        watcher->pods[i] = watcher->pods[--watcher->count];
        return;
    }
}

static void drop_pods(watcher_t *watcher) {
    for (size_t i = 0; i < watcher->count; i++) pod_free(watcher->pods[i]);
    watcher->count = 0;
}

static const char *zone_of(const kubernetes_t *own, const char *node) {
    for (size_t i = 0; i < own->zone_count; i++)
        if (strcmp(own->zones[i].node, node) == 0) return own->zones[i].zone;
    return "";
}

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL ? "" : value;
}

static void remember_version(watcher_t *watcher, const json_t *object) {
    const char *version = text(json_object_get(object, "metadata"), "resourceVersion");
    if (version[0] != '\0' && strspn(version, "0123456789abcdefABCDEF-") == strlen(version))
        (void)snprintf(watcher->version, sizeof watcher->version, "%s", version);
}

/* ---- requests ---- */

static int stop_soon(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const watcher_t *watcher = context;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return watcher->owner->stopping;
}

static size_t take_bytes(char *data, size_t size, size_t count, void *context) {
    watcher_t *watcher = context;
    if (size * count > ANSWER_BYTES_MAX - watcher->answer.len) return 0;
    buffer_append(&watcher->answer, data, size * count);
    return size * count;
}

/* One GET. Returns curl's verdict; watcher->status has the server's. */
static CURLcode get(watcher_t *watcher, const char *path, const char *accept, long timeout_s, curl_write_callback take,
                    char *why, size_t why_size) {
    char url[1700];
    struct curl_slist *headers = curl_slist_append(NULL, accept);
    (void)snprintf(url, sizeof url, "%s%s", watcher->owner->server, path);
    curl_easy_reset(watcher->curl);
    http_request_init(watcher->curl);
    buffer_clear(&watcher->answer);
    watcher->event_at = 0;
    watcher->status = 0;
    CURLcode code = CURLE_READ_ERROR;
    if (http_access_apply(&watcher->owner->access, watcher->curl, &headers, why, why_size) == ERR_OK) {
        (void)curl_easy_setopt(watcher->curl, CURLOPT_URL, url);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_ACCEPT_ENCODING, "gzip");
        (void)curl_easy_setopt(watcher->curl, CURLOPT_CONNECTTIMEOUT, 10L);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_TIMEOUT, timeout_s);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_WRITEFUNCTION, take);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_WRITEDATA, watcher);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_XFERINFOFUNCTION, stop_soon);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_XFERINFODATA, watcher);
        (void)curl_easy_setopt(watcher->curl, CURLOPT_NOPROGRESS, 0L);
        code = curl_easy_perform(watcher->curl);
        (void)curl_easy_getinfo(watcher->curl, CURLINFO_RESPONSE_CODE, &watcher->status);
        if (code != CURLE_OK)
            (void)snprintf(why, why_size, "%.100s: %s", watcher->owner->server, curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    return code;
}

static bool answered_well(const watcher_t *watcher, CURLcode code, char *why, size_t why_size) {
    if (code != CURLE_OK) return false;
    if (watcher->status == 200) return true;
    const char *cure = watcher->status == 401 ? "the token is not accepted"
                       : watcher->status == 403
                           ? "the service account may not list and watch pods; docs/scraping.md has "
                             "the role that it needs"
                           : "the API server refuses";
    (void)snprintf(why, why_size, "%.100s answers %ld: %s", watcher->owner->server, watcher->status, cure);
    return false;
}

/* ---- zones ---- */

static void keep_zones(kubernetes_t *own, const json_t *nodes) {
    size_t i;
    const json_t *node;
    lock(own);
    for (size_t z = 0; z < own->zone_count; z++) {
        free(own->zones[z].node);
        free(own->zones[z].zone);
    }
    own->zone_count = 0;
    own->zones = memory_resize(own->zones, (json_array_size(nodes) + 1) * sizeof *own->zones);
    json_array_foreach(nodes, i, node) {
        const json_t *metadata = json_object_get(node, "metadata"), *labels = json_object_get(metadata, "labels");
        const char *zone = text(labels, "topology.kubernetes.io/zone");
        if (zone[0] != '\0')
            own->zones[own->zone_count++] = (zone_t){memory_text(text(metadata, "name")), memory_text(zone)};
    }
    own->changes++;
    unlock(own);
}

/* Zones are an extra: without them everything else is as it was. */
static void read_zones(watcher_t *watcher) {
    kubernetes_t *own = watcher->owner;
    char why[DISCOVERY_ERROR_MAX] = "";
    int64_t now = clock_monotonic_ns(&clock_system);
    if (watcher != own->watchers || (own->zones_ns != 0 && now - own->zones_ns < ZONES_EVERY_S * NS_PER_S)) return;
    own->zones_ns = now;
    CURLcode code = get(watcher, "/api/v1/nodes", METADATA_ONLY, LIST_TIMEOUT_S, take_bytes, why, sizeof why);
    if (code != CURLE_OK || watcher->status != 200) {
        if (!own->zones_refused && code == CURLE_OK)
            log_info("scrape job %s: nodes may not be read (%ld), so zones are not known", own->base.job->name,
                     watcher->status);
        own->zones_refused = true;
        return;
    }
    json_t *list = json_loadb((const char *)watcher->answer.data, watcher->answer.len, 0, NULL);
    if (list != NULL) keep_zones(own, json_object_get(list, "items"));
    json_decref(list);
}

/* ---- the list ---- */

static void pods_path(const watcher_t *watcher, const char *query, char *out, size_t size) {
    if (watcher->namespace_name == NULL)
        (void)snprintf(out, size, "/api/v1/pods?%s", query);
    else
        (void)snprintf(out, size, "/api/v1/namespaces/%.200s/pods?%s", watcher->namespace_name, query);
}

static bool list_page(watcher_t *watcher, char *continued, size_t size, watcher_t *fresh, char *why, size_t why_size) {
    char query[800], path[1100];
    (void)snprintf(query, sizeof query, "limit=%d%s%s", PAGE_PODS, continued[0] != '\0' ? "&continue=" : "", continued);
    pods_path(watcher, query, path, sizeof path);
    CURLcode code = get(watcher, path, "Accept: application/json", LIST_TIMEOUT_S, take_bytes, why, why_size);
    if (!answered_well(watcher, code, why, why_size)) return false;
    size_t i;
    json_t *list = json_loadb((const char *)watcher->answer.data, watcher->answer.len, 0, NULL), *object;
    if (list == NULL || !json_is_array(json_object_get(list, "items"))) {
        json_decref(list);
        (void)snprintf(why, why_size, "%.100s answers with something that is no list of pods", watcher->owner->server);
        return false;
    }
    json_array_foreach(json_object_get(list, "items"), i, object) {
        pod_t *pod = pod_read(object);
        if (pod != NULL) put_pod(fresh, pod);
    }
    remember_version(watcher, list);
    char *token = curl_easy_escape(watcher->curl, text(json_object_get(list, "metadata"), "continue"), 0);
    (void)snprintf(continued, size, "%s", token != NULL && strlen(token) < size ? token : "");
    curl_free(token);
    json_decref(list);
    return true;
}

/* All pods, page by page; what was known is replaced at the end only. */
static bool list_pods(watcher_t *watcher, char *why, size_t why_size) {
    watcher_t fresh = {0};
    char continued[600] = "";
    bool fine;
    do fine = list_page(watcher, continued, sizeof continued, &fresh, why, why_size);
    while (fine && continued[0] != '\0' && !watcher->owner->stopping);
    if (!fine || continued[0] != '\0') {
        drop_pods(&fresh);
        free(fresh.pods);
        return false;
    }
    lock(watcher->owner);
    drop_pods(watcher);
    free(watcher->pods);
    watcher->pods = fresh.pods;
    watcher->count = fresh.count;
    watcher->capacity = fresh.capacity;
    watcher->owner->changes++;
    unlock(watcher->owner);
    return true;
}

/* ---- the watch ---- */

static void take_event(watcher_t *watcher, slice_t line) {
    json_t *event = json_loadb((const char *)line.data, line.len, 0, NULL);
    const json_t *object = json_object_get(event, "object");
    const char *type = text(event, "type");
    bool gone = strcmp(type, "DELETED") == 0;
    if (strcmp(type, "ERROR") == 0 || event == NULL) {
        watcher->expired = true; /* 410 most of all: whatever it is, a list makes it good */
    } else if (gone || strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0) {
        pod_t *pod = pod_read(object);
        lock(watcher->owner);
        if (pod != NULL && gone) drop_pod(watcher, pod->uid);
        if (pod != NULL && !gone) put_pod(watcher, pod);
        watcher->owner->changes++;
        unlock(watcher->owner);
        if (gone) pod_free(pod);
    }
    if (!watcher->expired) remember_version(watcher, object); /* of bookmarks, too */
    json_decref(event);
}

/* Events are lines. What came of the next one is kept. */
static size_t take_events(char *data, size_t size, size_t count, void *context) {
    watcher_t *watcher = context;
    size_t taken = take_bytes(data, size, count, context);
    if (taken == 0) return 0;
    (void)curl_easy_getinfo(watcher->curl, CURLINFO_RESPONSE_CODE, &watcher->status);
    if (watcher->status != 200) return taken;
    for (const uint8_t *end; (end = memchr(watcher->answer.data + watcher->event_at, '\n',
                                           watcher->answer.len - watcher->event_at)) != NULL;) {
        size_t at = watcher->event_at, len = (size_t)(end - watcher->answer.data) - at;
        if (len > 0) take_event(watcher, slice_of(watcher->answer.data + at, len));
        watcher->event_at = at + len + 1;
    }
    size_t rest = watcher->answer.len - watcher->event_at;
    memmove(watcher->answer.data, watcher->answer.data + watcher->event_at, rest);
    watcher->answer.len = rest;
    watcher->event_at = 0;
    return taken;
}

/* Until the server ends it. False: something is wrong. */
static bool watch_pods(watcher_t *watcher, char *why, size_t why_size) {
    char query[300], path[1100];
    (void)snprintf(query, sizeof query, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s",
                   WATCH_S, watcher->version);
    pods_path(watcher, query, path, sizeof path);
    watcher->expired = false;
    CURLcode code = get(watcher, path, "Accept: application/json", WATCH_S + 30, take_events, why, why_size);
    if (watcher->status == 410) watcher->expired = true;
    if (watcher->expired) {
        watcher->version[0] = '\0';
        return true;
    }
    return answered_well(watcher, code, why, why_size);
}

/* ---- the thread ---- */

static void pause_ms(const kubernetes_t *own, int64_t ms) {
    int64_t until = clock_monotonic_ns(&clock_system) + ms * NS_PER_MS;
    while (!own->stopping && clock_monotonic_ns(&clock_system) < until) (void)usleep(50000);
}

static void *run(void *context) {
    watcher_t *watcher = context;
    kubernetes_t *own = watcher->owner;
    int64_t pause = PAUSE_FIRST_MS;
    bool failing = false;
    while (!own->stopping) {
        char why[DISCOVERY_ERROR_MAX] = "";
        read_zones(watcher);
        int64_t began = clock_monotonic_ns(&clock_system);
        bool listed = watcher->version[0] != '\0' || list_pods(watcher, why, sizeof why);
        if (listed && failing) discovery_say(&own->base, "%s", "");
        if (listed) failing = false;
        if (listed && watch_pods(watcher, why, sizeof why)) {
            pause = PAUSE_FIRST_MS;
            /* a watch that ends at once must not become a loop that is as fast as it can */
            if (clock_monotonic_ns(&clock_system) - began < NS_PER_S) pause_ms(own, PAUSE_FIRST_MS);
            continue;
        }
        if (own->stopping) break;
        failing = true;
        discovery_say(&own->base, "%s; the pods known so far are kept", why);
        pause_ms(own, pause);
        pause = pause * 2 < PAUSE_MOST_MS ? pause * 2 : PAUSE_MOST_MS;
    }
    return NULL;
}

/* ---- life ---- */

static void tell(kubernetes_t *own, targets_t *targets) {
    buffer_t resource = {0};
    for (size_t w = 0; w < own->count; w++)
        for (size_t p = 0; p < own->watchers[w].count; p++) {
            const pod_t *pod = own->watchers[w].pods[p];
            for (size_t t = 0; t < pod->count; t++) {
                const pod_target_t *target = &pod->targets[t];
                buffer_clear(&resource);
                buffer_append(&resource, target->resource.data, target->resource.len);
                origin_attribute(&resource, "cloud.availability_zone", zone_of(own, pod->node));
                target_spec_t spec = {.scheme = target->scheme,
                                      .address = target->address,
                                      .path = target->path,
                                      .query = "",
                                      .resource = buffer_slice(&resource),
                                      .start_ns = target->start_ns};
                targets_add(targets, own->base.source, own->base.job, &spec);
            }
        }
    buffer_fini(&resource);
}

static void kubernetes_poll(discovery_t *discovery, targets_t *targets) {
    kubernetes_t *own = (kubernetes_t *)discovery;
    uint64_t refused = targets->refused;
    lock(own);
    bool changed = own->changes != own->told;
    if (changed) {
        own->told = own->changes;
        targets_begin(targets, discovery->source);
        tell(own, targets);
        targets_end(targets, discovery->source);
    }
    unlock(own);
    bool refusing = targets->refused > refused;
    if (refusing)
        discovery_say(discovery, "%s", targets->why);
    else if (changed && own->refused)
        discovery_say(discovery, "%s", "");
    if (changed) own->refused = refusing;
    for (size_t i = 0; i < own->count; i++)
        if (!own->watchers[i].running)
            own->watchers[i].running = pthread_create(&own->watchers[i].thread, NULL, run, &own->watchers[i]) == 0;
}

static void kubernetes_stop(discovery_t *discovery) {
    kubernetes_t *own = (kubernetes_t *)discovery;
    own->stopping = true;
    for (size_t i = 0; i < own->count; i++) {
        watcher_t *watcher = &own->watchers[i];
        if (watcher->running) (void)pthread_join(watcher->thread, NULL);
        drop_pods(watcher);
        free(watcher->pods);
        buffer_fini(&watcher->answer);
        curl_easy_cleanup(watcher->curl);
    }
    for (size_t z = 0; z < own->zone_count; z++) {
        free(own->zones[z].node);
        free(own->zones[z].zone);
    }
    free(own->zones);
    free(own->watchers);
}

/* The cluster that we run in, as its pods are told of it. */
static void find_server(kubernetes_t *own) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    own->access = own->config->access;
    if (own->config->api_server != NULL) {
        size_t len = strlen(own->config->api_server);
        while (len > 0 && own->config->api_server[len - 1] == '/') len--;
        (void)snprintf(own->server, sizeof own->server, "%.*s", (int)len, own->config->api_server);
        return;
    }
    bool bracketed = host != NULL && strchr(host, ':') != NULL;
    (void)snprintf(own->server, sizeof own->server, "https://%s%s%s:%s", bracketed ? "[" : "",
                   host != NULL ? host : "kubernetes.default.svc", bracketed ? "]" : "", port != NULL ? port : "443");
    if (own->access.ca_file == NULL) own->access.ca_file = SERVICE_ACCOUNT "ca.crt";
    if (own->access.credentials_file == NULL) own->access.credentials_file = SERVICE_ACCOUNT "token";
}

discovery_t *discover_kubernetes(const scrape_job_t *job, const kubernetes_discovery_t *config) {
    static const discovery_ops_t ops = {"kubernetes", kubernetes_poll, kubernetes_stop};
    kubernetes_t *own = memory_new(1, sizeof *own);
    own->base = (discovery_t){.ops = &ops, .job = job};
    own->config = config;
    find_server(own);
    own->count = config->namespace_count > 0 ? config->namespace_count : 1;
    own->watchers = memory_new(own->count, sizeof *own->watchers);
    for (size_t i = 0; i < own->count; i++)
        own->watchers[i] = (watcher_t){.owner = own,
                                       .namespace_name = config->namespace_count > 0 ? config->namespaces[i] : NULL,
                                       .curl = curl_easy_init()};
    return &own->base;
}
