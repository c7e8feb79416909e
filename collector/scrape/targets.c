#include "collector/scrape/targets.h"

#include "base/clock.h"
#include "base/memory.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <stdlib.h>

void targets_init(targets_t *targets, uint32_t max) {
    *targets = (targets_t){.max = max};
    (void)pthread_mutex_init(&targets->lock, NULL);
}

void target_free(target_t *target) {
    for (origin_label_t *label = target->labels; label->name != NULL; label++) {
        free((char *)(uintptr_t)label->name);
        free((char *)(uintptr_t)label->value);
    }
    free(target->labels);
    free(target->url);
    free(target->instance);
    buffer_fini(&target->resource);
    free(target);
}

void targets_fini(targets_t *targets) {
    for (uint32_t i = 0; i < targets->count; i++) target_free(targets->list[i]);
    free(targets->list);
    table_fini(&targets->index);
    (void)pthread_mutex_destroy(&targets->lock);
}

/* ---- addresses ---- */

/* What may stand in a part of a URL that others wrote: no blanks or control characters, none of `but`. */
static bool is_plain(const char *text, const char *but) {
    if (text[0] == '\0') return false;
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127 || strchr(but, *c) != NULL) return false;
    return true;
}

/* The port that follows the host; NULL when none is told. An IPv6 address stands in brackets. */
static const char *port_of(const char *address) {
    const char *bracket = strrchr(address, ']'), *colon = strrchr(bracket == NULL ? address : bracket, ':');
    return colon == NULL || colon[1] == '\0' ? NULL : colon + 1;
}

static bool is_port(const char *port) {
    size_t digits = strspn(port, "0123456789");
    return digits > 0 && digits <= 5 && port[digits] == '\0' && atoi(port) > 0 && atoi(port) < 65536;
}

static bool refuse(targets_t *targets, const scrape_job_t *job, const char *what, const char *text) {
    targets->refused++;
    (void)snprintf(targets->why, sizeof targets->why, "job %.40s: %s%.80s", job->name, what, text);
    for (char *c = targets->why; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 127) *c = '?';
    return false;
}

/* HOST:PORT, with the scheme's own port where none is told, as Prometheus has it in `instance`. */
static bool complete_address(targets_t *targets, const scrape_job_t *job, const target_spec_t *spec, char *out,
                             size_t size) {
    if (!is_plain(spec->address, "/@?#%\"'<>\\"))
        return refuse(targets, job, "no address (HOST:PORT): ", spec->address);
    const char *port = port_of(spec->address);
    if (port != NULL && !is_port(port)) return refuse(targets, job, "no port from 1 to 65535: ", spec->address);
    bool secure = strcmp(spec->scheme, "https") == 0;
    int len = snprintf(out, size, "%s%s", spec->address, port != NULL ? "" : secure ? ":443" : ":80");
    return (len > 0 && (size_t)len < size) || refuse(targets, job, "too long an address: ", spec->address);
}

static bool make_url(targets_t *targets, const scrape_job_t *job, const target_spec_t *spec, const char *address,
                     char *out, size_t size) {
    bool known = strcmp(spec->scheme, "http") == 0 || strcmp(spec->scheme, "https") == 0;
    if (!known) return refuse(targets, job, "neither http nor https: ", spec->scheme);
    if (spec->path[0] != '/' || !is_plain(spec->path, "#\"<>\\"))
        return refuse(targets, job, "no path (it begins with a '/'): ", spec->path);
    const char *sign = spec->query[0] == '\0' ? "" : strchr(spec->path, '?') != NULL ? "&" : "?";
    int len = snprintf(out, size, "%s://%s%s%s%s", spec->scheme, address, spec->path, sign, spec->query);
    return (len > 0 && (size_t)len < size) || refuse(targets, job, "too long a URL: ", spec->path);
}

/* ---- targets ---- */

static bool is_series_label(const origin_label_t *label) {
    return strncmp(label->name, "__", 2) != 0 && strcmp(label->name, "job") != 0 &&
           strcmp(label->name, "instance") != 0 && label->value[0] != '\0';
}

static origin_label_t *copy_labels(const origin_label_t *labels) {
    size_t count = 0, kept = 0;
    while (labels != NULL && labels[count].name != NULL) count++;
    origin_label_t *copy = memory_new(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        if (is_series_label(&labels[i]))
            copy[kept++] = (origin_label_t){memory_text(labels[i].name), memory_text(labels[i].value)};
    return copy;
}

static const char *label_value(const origin_label_t *labels, const char *name) {
    for (; labels != NULL && labels->name != NULL; labels++)
        if (strcmp(labels->name, name) == 0 && labels->value[0] != '\0') return labels->value;
    return NULL;
}

/* Attributes as a prometheus receiver gives them to a target; the job's name is the translator's. */
static void make_resource(buffer_t *resource, const scrape_job_t *job, const target_spec_t *spec, const char *instance,
                          const char *address) {
    char host[300];
    const char *port = port_of(address);
    (void)snprintf(host, sizeof host, "%.*s", (int)(port - 1 - address), address);
    origin_attribute(resource, "service.instance.id", instance);
    origin_attribute(resource, "server.address", host);
    origin_attribute(resource, "server.port", port);
    origin_attribute(resource, "url.scheme", spec->scheme);
    for (const origin_label_t *own = job->resource_attributes; own != NULL && own->name != NULL; own++)
        origin_attribute(resource, own->name, own->value);
    buffer_append(resource, spec->resource.data, spec->resource.len);
}

static uint64_t key_of(uint64_t source, const target_t *target) {
    uint64_t key = XXH3_64bits_withSeed(target->url, strlen(target->url), source + 1);
    for (const origin_label_t *label = target->labels; label->name != NULL; label++)
        key += XXH3_64bits_withSeed(label->value, strlen(label->value), XXH3_64bits(label->name, strlen(label->name)));
    if (target->resource.len > 0) key ^= XXH3_64bits_withSeed(target->resource.data, target->resource.len, key);
    return key;
}

static target_t *find(const targets_t *targets, uint64_t key) {
    for (table_probe_t p = table_probe(&targets->index, key); table_next(&targets->index, &p);)
        if (targets->list[p.index]->key == key) return targets->list[p.index];
    return NULL;
}

/* A target's moment within the interval is given by its address, so that it is the same after a restart and the load is
 * spread evenly. */
static int64_t first_due(const target_t *target) {
    int64_t interval_ns = (int64_t)(target->job->interval_s * 1e9), now = clock_monotonic_ns(&clock_system);
    int64_t wall = clock_wall_ns(&clock_system);
    int64_t offset = (int64_t)(XXH3_64bits(target->url, strlen(target->url)) % (uint64_t)interval_ns);
    int64_t wait = (offset - wall % interval_ns + interval_ns) % interval_ns;
    return now + wait;
}

static void insert(targets_t *targets, target_t *target) {
    (void)pthread_mutex_lock(&targets->lock);
    if (targets->count == targets->capacity) {
        targets->capacity = targets->capacity == 0 ? 64 : targets->capacity * 2;
        targets->list = memory_resize(targets->list, targets->capacity * sizeof *targets->list);
    }
    table_insert(&targets->index, target->key, targets->count);
    targets->list[targets->count++] = target;
    (void)pthread_mutex_unlock(&targets->lock);
}

void targets_add(targets_t *targets, uint64_t source, const scrape_job_t *job, const target_spec_t *spec) {
    char address[300], url[TARGET_URL_MAX];
    if (!complete_address(targets, job, spec, address, sizeof address) ||
        !make_url(targets, job, spec, address, url, sizeof url))
        return;
    const char *named = label_value(spec->labels, "instance"), *instance = named != NULL ? named : address;
    target_t *target = memory_new(1, sizeof *target);
    *target = (target_t){.job = job,
                         .url = memory_text(url),
                         .instance = memory_text(instance),
                         .labels = copy_labels(spec->labels),
                         .start_ns = spec->start_ns,
                         .source = source,
                         .told = true};
    make_resource(&target->resource, job, spec, instance, address);
    target->key = key_of(source, target);
    target_t *known = find(targets, target->key);
    if (known != NULL) {
        known->told = true;
        known->start_ns = spec->start_ns;
    } else if (targets->count >= targets->max) {
        (void)refuse(targets, job, "more targets than limits.scrape_targets allows; left out: ", url);
    } else {
        target->next_ns = first_due(target);
        insert(targets, target);
        return;
    }
    target_free(target);
}

void targets_begin(targets_t *targets, uint64_t source) {
    for (uint32_t i = 0; i < targets->count; i++)
        if (targets->list[i]->source == source) targets->list[i]->told = false;
}

void targets_end(targets_t *targets, uint64_t source) {
    uint32_t kept = 0;
    (void)pthread_mutex_lock(&targets->lock);
    table_clear(&targets->index);
    for (uint32_t i = 0; i < targets->count; i++) {
        target_t *target = targets->list[i];
        if (target->source == source && !target->told) {
            target->gone = true;
            if (!target->in_flight) target_free(target);
            continue;
        }
        table_insert(&targets->index, target->key, kept);
        targets->list[kept++] = target;
    }
    targets->count = kept;
    (void)pthread_mutex_unlock(&targets->lock);
}

/* ---- groups ---- */

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
}

static void put_escaped(buffer_t *out, const char *text) {
    for (; *text != '\0'; text++)
        if (is_unreserved(*text))
            buffer_byte(out, (uint8_t)*text);
        else
            buffer_format(out, "%%%02X", (unsigned char)*text);
}

/* "a=b&c=d" of labels __param_a, __param_c. */
static void make_query(buffer_t *query, const origin_label_t *labels) {
    static const char prefix[] = "__param_";
    for (; labels != NULL && labels->name != NULL; labels++) {
        if (strncmp(labels->name, prefix, sizeof prefix - 1) != 0) continue;
        if (query->len > 0) buffer_byte(query, '&');
        put_escaped(query, labels->name + sizeof prefix - 1);
        buffer_byte(query, '=');
        put_escaped(query, labels->value);
    }
    buffer_byte(query, '\0');
}

void targets_add_group(targets_t *targets, uint64_t source, const scrape_job_t *job, const target_group_t *group) {
    const char *scheme = label_value(group->labels, "__scheme__");
    const char *path = label_value(group->labels, "__metrics_path__");
    buffer_t query = {0};
    make_query(&query, group->labels);
    for (size_t i = 0; i < group->count; i++) {
        target_spec_t spec = {.scheme = scheme != NULL ? scheme : job->scheme,
                              .address = group->addresses[i],
                              .path = path != NULL ? path : job->metrics_path,
                              .query = (const char *)query.data,
                              .labels = group->labels};
        targets_add(targets, source, job, &spec);
    }
    buffer_fini(&query);
}
