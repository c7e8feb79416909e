/* Streams stand in an array with a free list and are linked in the order of their last points, so that expiry looks at
 * the oldest only. Buckets of histograms are one allocation per stream, made when the stream is new or grows; all of
 * them together are bounded by a share of the cap on streams. */
#include "collector/fold/delta.h"

#include "base/memory.h"
#include "base/table.h"

#include <math.h>
#include <stdlib.h>

enum { NOBODY = UINT32_MAX, BUCKETS_PER_STREAM = 24 };

/* A stream that says that it began so short a while before its first point is believed. */
#define FRESH_NS (INT64_C(90) * 1000000000)

/* Points of one export may differ a little in their times. */
#define SAME_EXPORT_NS INT64_C(500000000)

typedef struct {
    stream_id_t id;
    delta_point_t last; /* buckets: owned */
    int64_t before_ns;  /* of a family: the export before the last one; 0 = none */
    uint32_t capacity;  /* of buckets */
    uint32_t older, newer;
} stream_t;

typedef struct {
    uint32_t service, signal;
    int64_t last_ns;
} auxiliary_t;

struct delta {
    stream_t *streams;
    uint32_t count, capacity; /* of the array; `count` are in use or free */
    uint32_t live, max, free_list, oldest, newest;
    uint64_t buckets, buckets_max;
    table_t index;
    int64_t idle_ns;
    counters_t *counters;
    auxiliary_t *auxiliaries;
    uint32_t auxiliary_count, auxiliary_capacity;
    table_t auxiliary_index;
};

delta_t *delta_new(uint32_t streams_max, int64_t idle_ns, counters_t *counters) {
    delta_t *delta = memory_new(1, sizeof *delta);
    delta->max = streams_max;
    delta->buckets_max = (uint64_t)streams_max * BUCKETS_PER_STREAM;
    delta->idle_ns = idle_ns;
    delta->counters = counters;
    delta->free_list = delta->oldest = delta->newest = NOBODY;
    return delta;
}

void delta_free(delta_t *delta) {
    if (delta == NULL) return;
    for (uint32_t i = delta->oldest; i != NOBODY; i = delta->streams[i].newer) free(delta->streams[i].last.buckets);
    free(delta->streams);
    free(delta->auxiliaries);
    table_fini(&delta->index);
    table_fini(&delta->auxiliary_index);
    free(delta);
}

uint32_t delta_streams(const delta_t *delta) {
    return delta->live;
}

static void unlink_stream(delta_t *delta, uint32_t at) {
    stream_t *stream = &delta->streams[at];
    if (stream->older == NOBODY)
        delta->oldest = stream->newer;
    else
        delta->streams[stream->older].newer = stream->newer;
    if (stream->newer == NOBODY)
        delta->newest = stream->older;
    else
        delta->streams[stream->newer].older = stream->older;
}

static void link_newest(delta_t *delta, uint32_t at) {
    stream_t *stream = &delta->streams[at];
    stream->older = delta->newest;
    stream->newer = NOBODY;
    if (delta->newest == NOBODY)
        delta->oldest = at;
    else
        delta->streams[delta->newest].newer = at;
    delta->newest = at;
}

static void remove_stream(delta_t *delta, uint32_t at) {
    stream_t *stream = &delta->streams[at];
    unlink_stream(delta, at);
    (void)table_remove(&delta->index, stream->id.low, at);
    delta->buckets -= stream->capacity;
    free(stream->last.buckets);
    *stream = (stream_t){.newer = delta->free_list};
    delta->free_list = at;
    delta->live--;
}

static stream_t *find_stream(delta_t *delta, stream_id_t id) {
    for (table_probe_t p = table_probe(&delta->index, id.low); table_next(&delta->index, &p);) {
        stream_t *stream = &delta->streams[p.index];
        if (stream->id.low != id.low || stream->id.high != id.high) continue;
        if (p.index != delta->newest) {
            unlink_stream(delta, p.index);
            link_newest(delta, p.index);
        }
        return stream;
    }
    return NULL;
}

/* NULL, and counted, when there are as many streams as there may be. */
static stream_t *add_stream(delta_t *delta, stream_id_t id) {
    if (delta->live >= delta->max) {
        counters_add(delta->counters, COUNTER_STREAMS_OVERFLOW, 1);
        return NULL;
    }
    uint32_t at = delta->free_list;
    if (at != NOBODY) {
        delta->free_list = delta->streams[at].newer;
    } else {
        if (delta->count == delta->capacity) {
            delta->capacity = delta->capacity == 0 ? 256 : delta->capacity * 2;
            delta->streams = memory_resize(delta->streams, delta->capacity * sizeof *delta->streams);
        }
        at = delta->count++;
    }
    delta->streams[at] = (stream_t){.id = id};
    table_insert(&delta->index, id.low, at);
    link_newest(delta, at);
    delta->live++;
    return &delta->streams[at];
}

/* Keeps a copy of the point, buckets included; false when there is no room for the buckets. */
static bool keep(delta_t *delta, stream_t *stream, const delta_point_t *point) {
    uint64_t *buckets = stream->last.buckets;
    if (point->bucket_count > stream->capacity) {
        uint32_t more = point->bucket_count - stream->capacity;
        if (delta->buckets + more > delta->buckets_max) {
            counters_add(delta->counters, COUNTER_STREAMS_OVERFLOW, 1);
            return false;
        }
        buckets = memory_resize(buckets, point->bucket_count * sizeof *buckets);
        stream->capacity = point->bucket_count;
        delta->buckets += more;
    }
    if (point->bucket_count > 0) memcpy(buckets, point->buckets, point->bucket_count * sizeof *buckets);
    stream->last = *point;
    stream->last.buckets = buckets;
    return true;
}

static uint32_t position(const delta_t *delta, const stream_t *stream) {
    return (uint32_t)(stream - delta->streams);
}

/* When the family was exported before the export of `time_ns`; 0 = it was not. */
static int64_t family_before(delta_t *delta, stream_id_t id, int64_t time_ns) {
    id.high = ~id.high; /* a stream without attributes may have its family's id */
    stream_t *family = find_stream(delta, id);
    if (family == NULL) {
        family = add_stream(delta, id);
        if (family != NULL) family->last.time_ns = time_ns;
        return 0;
    }
    if (time_ns > family->last.time_ns + SAME_EXPORT_NS) {
        family->before_ns = family->last.time_ns;
        family->last.time_ns = time_ns;
    }
    return family->before_ns < time_ns ? family->before_ns : 0;
}

/* The first point of a stream. */
static bool begin(delta_t *delta, stream_id_t id, int64_t family_ns, delta_point_t *point, int64_t *since_ns) {
    stream_t *stream = add_stream(delta, id);
    if (stream == NULL) return false;
    if (!keep(delta, stream, point)) {
        remove_stream(delta, position(delta, stream));
        return false;
    }
    bool fresh =
        point->start_ns > 0 && point->start_ns < point->time_ns && point->time_ns - point->start_ns <= FRESH_NS;
    *since_ns = family_ns > point->start_ns ? family_ns : point->start_ns;
    return family_ns > 0 || fresh;
}

/* Brings exponential buckets to a coarser scale, in place. */
static void coarsen(delta_point_t *point, int32_t scale) {
    if (point->scale <= scale || point->bucket_count == 0) {
        if (point->scale > scale) point->scale = scale;
        return;
    }
    int32_t shift = point->scale - scale;
    if (shift > 31) shift = 31;
    int32_t first = point->offset >> shift;
    uint32_t last = 0;
    for (uint32_t i = 0; i < point->bucket_count; i++) {
        uint64_t count = point->buckets[i];
        uint32_t to = (uint32_t)((((int64_t)point->offset + i) >> shift) - first);
        point->buckets[i] = 0;
        point->buckets[to] += count;
        last = to;
    }
    point->offset = first;
    point->scale = scale;
    point->bucket_count = last + 1;
}

static uint64_t bucket_at(const delta_point_t *point, int64_t index) {
    int64_t at = index - point->offset;
    return at < 0 || at >= point->bucket_count ? 0 : point->buckets[at];
}

static bool any_bucket_fell(const delta_point_t *now, const delta_point_t *last) {
    for (uint32_t i = 0; i < last->bucket_count; i++)
        if (last->buckets[i] > bucket_at(now, (int64_t)last->offset + i)) return true;
    return now->zeros < last->zeros;
}

/* Whether the value is one that can have grown out of the last one: otherwise the sender began anew. */
static bool continues(const delta_point_t *now, const delta_point_t *last) {
    if (now->whole != last->whole || now->exponential != last->exponential) return false;
    if (now->count < last->count || now->bounds != last->bounds) return false;
    bool number = now->bucket_count == 0 && last->bucket_count == 0 && !now->exponential && now->bounds == 0;
    if (number && !now->whole && now->sum < last->sum) return false;
    return now->exponential || !any_bucket_fell(now, last);
}

static void subtract(delta_point_t *now, const delta_point_t *last) {
    now->count -= last->count;
    now->sum -= last->sum;
    if (any_bucket_fell(now, last)) { /* exponential: its zero bucket was widened; how many is sure, how long is not */
        now->bucket_count = 0;
        now->zeros = 0;
        return;
    }
    now->zeros -= last->zeros;
    for (uint32_t i = 0; i < now->bucket_count; i++) now->buckets[i] -= bucket_at(last, (int64_t)now->offset + i);
}

/* Whether the sender says that it started anew, or does not continue from its last point. */
static bool is_reset(delta_t *delta, const delta_point_t *point, const delta_point_t *last) {
    bool moved = point->start_ns > 0 && last->start_ns > 0 && point->start_ns != last->start_ns;
    if (moved && point->start_ns > last->time_ns) counters_add(delta->counters, COUNTER_POINT_GAPS, 1);
    return (moved && point->start_ns >= last->time_ns) || !continues(point, last);
}

static bool in_order(delta_t *delta, const delta_point_t *point, const delta_point_t *last) {
    if (point->time_ns > last->time_ns) return true;
    bool same = point->time_ns == last->time_ns;
    counters_add(delta->counters, same ? COUNTER_DROPPED_POINT_DUPLICATE : COUNTER_DROPPED_POINT_OUT_OF_ORDER, 1);
    return false;
}

bool delta_cumulative(delta_t *delta, stream_id_t family, stream_id_t id, delta_point_t *point, int64_t *since_ns) {
    int64_t family_ns = family_before(delta, family, point->time_ns);
    stream_t *stream = find_stream(delta, id);
    *since_ns = 0;
    if (stream == NULL) return begin(delta, id, family_ns, point, since_ns);
    delta_point_t *last = &stream->last;
    if (!in_order(delta, point, last)) return false;
    if (point->exponential && last->exponential) {
        int32_t scale = point->scale < last->scale ? point->scale : last->scale;
        coarsen(point, scale);
        coarsen(last, scale);
    }
    uint64_t before[DELTA_BUCKETS_MAX];
    delta_point_t previous = *last;
    if (previous.bucket_count > 0) memcpy(before, last->buckets, previous.bucket_count * sizeof *before);
    previous.buckets = before;
    if (!keep(delta, stream, point)) {
        remove_stream(delta, position(delta, stream));
        return false;
    }
    if (is_reset(delta, point, &previous)) {
        counters_add(delta->counters, COUNTER_POINT_RESETS, 1);
        *since_ns = point->start_ns > previous.time_ns ? point->start_ns : previous.time_ns;
        return true;
    }
    *since_ns = previous.time_ns;
    subtract(point, &previous);
    return true;
}

bool delta_interval(delta_t *delta, stream_id_t id, const delta_point_t *point) {
    stream_t *stream = find_stream(delta, id);
    if (stream == NULL) stream = add_stream(delta, id);
    if (stream == NULL) return true; /* increments need no memory to be right; only duplicates go unnoticed */
    delta_point_t *last = &stream->last;
    if (last->time_ns == point->time_ns && last->start_ns == point->start_ns) {
        counters_add(delta->counters, COUNTER_DROPPED_POINT_DUPLICATE, 1);
        return false;
    }
    if (point->time_ns > last->time_ns) {
        last->time_ns = point->time_ns;
        last->start_ns = point->start_ns;
    }
    return true;
}

static uint64_t auxiliary_hash(uint32_t service, uint32_t signal) {
    return ((uint64_t)service << 32 | signal) * UINT64_C(0x9e3779b97f4a7c15);
}

/* How many a service has is the index of a row of its own, signal 0, whose last_ns counts them. */
static auxiliary_t *find_auxiliary(delta_t *delta, uint32_t service, uint32_t signal) {
    uint64_t hash = auxiliary_hash(service, signal);
    for (table_probe_t p = table_probe(&delta->auxiliary_index, hash); table_next(&delta->auxiliary_index, &p);) {
        auxiliary_t *auxiliary = &delta->auxiliaries[p.index];
        if (auxiliary->service == service && auxiliary->signal == signal) return auxiliary;
    }
    return NULL;
}

static void add_auxiliary(delta_t *delta, auxiliary_t auxiliary) {
    if (delta->auxiliary_count == delta->auxiliary_capacity) {
        delta->auxiliary_capacity = delta->auxiliary_capacity == 0 ? 64 : delta->auxiliary_capacity * 2;
        delta->auxiliaries = memory_resize(delta->auxiliaries, delta->auxiliary_capacity * sizeof *delta->auxiliaries);
    }
    table_insert(&delta->auxiliary_index, auxiliary_hash(auxiliary.service, auxiliary.signal), delta->auxiliary_count);
    delta->auxiliaries[delta->auxiliary_count++] = auxiliary;
}

bool delta_auxiliary(delta_t *delta, uint32_t service, uint32_t signal, uint32_t limit, int64_t time_ns) {
    auxiliary_t *known = find_auxiliary(delta, service, signal);
    if (known != NULL) {
        if (time_ns > known->last_ns) known->last_ns = time_ns;
        return true;
    }
    auxiliary_t *tally = find_auxiliary(delta, service, 0);
    if (tally != NULL && tally->last_ns >= limit) return false;
    if (limit == 0) return false;
    if (tally != NULL)
        tally->last_ns++;
    else
        add_auxiliary(delta, (auxiliary_t){service, 0, 1});
    add_auxiliary(delta, (auxiliary_t){service, signal, time_ns});
    return true;
}

/* Rebuilds the rows without the idle ones. */
static void expire_auxiliaries(delta_t *delta, int64_t before_ns) {
    bool any = false;
    for (uint32_t i = 0; i < delta->auxiliary_count && !any; i++)
        any = delta->auxiliaries[i].signal != 0 && delta->auxiliaries[i].last_ns < before_ns;
    if (!any) return;
    uint32_t count = delta->auxiliary_count;
    auxiliary_t *old = memory_new(count, sizeof *old);
    memcpy(old, delta->auxiliaries, count * sizeof *old);
    delta->auxiliary_count = 0;
    table_clear(&delta->auxiliary_index);
    for (uint32_t i = 0; i < count; i++)
        if (old[i].signal != 0 && old[i].last_ns >= before_ns)
            (void)delta_auxiliary(delta, old[i].service, old[i].signal, UINT32_MAX, old[i].last_ns);
    free(old);
}

void delta_expire(delta_t *delta, int64_t event_ns) {
    int64_t before_ns = event_ns - delta->idle_ns;
    while (delta->oldest != NOBODY && delta->streams[delta->oldest].last.time_ns < before_ns) {
        counters_add(delta->counters, COUNTER_STREAMS_EXPIRED, 1);
        remove_stream(delta, delta->oldest);
    }
    expire_auxiliaries(delta, before_ns);
}

static void save_stream(const stream_t *stream, buffer_t *out) {
    const delta_point_t *last = &stream->last;
    buffer_u64(out, stream->id.low);
    buffer_u64(out, stream->id.high);
    buffer_zigzag(out, stream->before_ns);
    buffer_zigzag(out, last->start_ns);
    buffer_zigzag(out, last->time_ns);
    buffer_byte(out, (uint8_t)(last->whole | last->exponential << 1));
    buffer_varint(out, last->count);
    buffer_f64(out, last->sum);
    buffer_varint(out, last->zeros);
    buffer_u64(out, last->bounds);
    buffer_zigzag(out, last->scale);
    buffer_zigzag(out, last->offset);
    buffer_varint(out, last->bucket_count);
    for (uint32_t i = 0; i < last->bucket_count; i++) buffer_varint(out, last->buckets[i]);
}

/* Oldest first, so that loading in this order gives the same order again. */
void delta_save(const delta_t *delta, buffer_t *out) {
    buffer_varint(out, delta->live);
    for (uint32_t i = delta->oldest; i != NOBODY; i = delta->streams[i].newer) save_stream(&delta->streams[i], out);
    uint32_t auxiliaries = 0;
    for (uint32_t i = 0; i < delta->auxiliary_count; i++) auxiliaries += delta->auxiliaries[i].signal != 0;
    buffer_varint(out, auxiliaries);
    for (uint32_t i = 0; i < delta->auxiliary_count; i++) {
        const auxiliary_t *auxiliary = &delta->auxiliaries[i];
        if (auxiliary->signal == 0) continue;
        buffer_varint(out, auxiliary->service);
        buffer_varint(out, auxiliary->signal);
        buffer_zigzag(out, auxiliary->last_ns);
    }
}

static bool load_i32(bytes_t *in, int32_t *value) {
    int64_t wide;
    if (!bytes_zigzag(in, &wide) || wide < INT32_MIN || wide > INT32_MAX) return false;
    *value = (int32_t)wide;
    return true;
}

static bool load_point(bytes_t *in, delta_point_t *point, uint64_t buckets[DELTA_BUCKETS_MAX]) {
    uint8_t flags;
    uint64_t count;
    if (!bytes_zigzag(in, &point->start_ns) || !bytes_zigzag(in, &point->time_ns) || !bytes_byte(in, &flags) ||
        !bytes_varint(in, &point->count) || !bytes_f64(in, &point->sum) || !bytes_varint(in, &point->zeros) ||
        !bytes_u64(in, &point->bounds) || !load_i32(in, &point->scale) || !load_i32(in, &point->offset) ||
        !bytes_varint(in, &count) || count > DELTA_BUCKETS_MAX || flags > 3)
        return false;
    point->whole = flags & 1;
    point->exponential = (flags & 2) != 0;
    point->bucket_count = (uint32_t)count;
    point->buckets = buckets;
    for (uint32_t i = 0; i < count; i++)
        if (!bytes_varint(in, &buckets[i])) return false;
    return true;
}

static bool load_stream(delta_t *delta, bytes_t *in) {
    uint64_t buckets[DELTA_BUCKETS_MAX];
    stream_id_t id;
    delta_point_t point = {0};
    int64_t before_ns;
    if (!bytes_u64(in, &id.low) || !bytes_u64(in, &id.high) || !bytes_zigzag(in, &before_ns)) return false;
    if (!load_point(in, &point, buckets) || find_stream(delta, id) != NULL) return false;
    stream_t *stream = add_stream(delta, id);
    if (stream == NULL) return true; /* the cap was lowered since: counted */
    stream->before_ns = before_ns;
    if (!keep(delta, stream, &point)) remove_stream(delta, position(delta, stream));
    return true;
}

err_t delta_load(delta_t *delta, bytes_t *in) {
    uint64_t count, service, signal;
    int64_t last_ns;
    if (!bytes_varint(in, &count)) return ERR_MALFORMED;
    for (; count > 0; count--)
        if (!load_stream(delta, in)) return ERR_MALFORMED;
    if (!bytes_varint(in, &count)) return ERR_MALFORMED;
    for (; count > 0; count--) {
        if (!bytes_varint(in, &service) || !bytes_varint(in, &signal) || !bytes_zigzag(in, &last_ns))
            return ERR_MALFORMED;
        if (service > UINT32_MAX || signal == 0 || signal > UINT32_MAX) return ERR_MALFORMED;
        (void)delta_auxiliary(delta, (uint32_t)service, (uint32_t)signal, UINT32_MAX, last_ns);
    }
    return ERR_OK;
}
