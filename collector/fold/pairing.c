#include "collector/fold/pairing.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"
#include "base/table.h"

#include <stdlib.h>

enum { NOBODY = UINT32_MAX };

typedef struct {
    half_t half;
    uint64_t hash;
    uint32_t older, newer; /* neighbours in the order of waiting */
} slot_t;

/* Slots are taken from the free list first, so that the memory touched is what waited at most at one time, not the
 * whole capacity. */
struct pairing {
    slot_t *slots;
    uint32_t limit, touched; /* slots below `touched` were used at least once */
    uint32_t free;           /* first of the free list, linked by `newer` */
    uint32_t oldest, newest, waiting;
    table_t index;
};

pairing_t *pairing_new(uint32_t spans_max) {
    pairing_t *pairing = memory_new(1, sizeof *pairing);
    pairing->limit = spans_max == 0 ? 1 : spans_max;
    pairing->slots = memory_new(pairing->limit, sizeof *pairing->slots);
    pairing->free = pairing->oldest = pairing->newest = NOBODY;
    return pairing;
}

void pairing_free(pairing_t *pairing) {
    if (pairing == NULL) return;
    table_fini(&pairing->index);
    free(pairing->slots);
    free(pairing);
}

static uint64_t hash_of(const half_t *half) {
    uint8_t key[24];
    memcpy(key, half->trace_id, 16);
    memcpy(key + 16, half->call_id, 8);
    return XXH3_64bits(key, sizeof key);
}

void pairing_prefetch(const pairing_t *pairing, const half_t *half) {
    table_prefetch(&pairing->index, hash_of(half));
}

static void unlink_slot(pairing_t *pairing, uint32_t at) {
    slot_t *slot = &pairing->slots[at];
    if (slot->older == NOBODY)
        pairing->oldest = slot->newer;
    else
        pairing->slots[slot->older].newer = slot->newer;
    if (slot->newer == NOBODY)
        pairing->newest = slot->older;
    else
        pairing->slots[slot->newer].older = slot->older;
    (void)table_remove(&pairing->index, slot->hash, at);
    slot->newer = pairing->free;
    pairing->free = at;
    pairing->waiting--;
}

static void wait(pairing_t *pairing, const half_t *half, uint64_t hash) {
    uint32_t at = pairing->free;
    if (at == NOBODY)
        at = pairing->touched++;
    else
        pairing->free = pairing->slots[at].newer;
    pairing->slots[at] = (slot_t){*half, hash, pairing->newest, NOBODY};
    if (pairing->newest == NOBODY)
        pairing->oldest = at;
    else
        pairing->slots[pairing->newest].newer = at;
    pairing->newest = at;
    table_insert(&pairing->index, hash, at);
    pairing->waiting++;
}

static bool is_other(const half_t *a, const half_t *b) {
    return a->server != b->server && memcmp(a->trace_id, b->trace_id, 16) == 0 &&
           memcmp(a->call_id, b->call_id, 8) == 0;
}

bool pairing_meet(pairing_t *pairing, const half_t *half, half_t *other, bool *evicted) {
    uint64_t hash = hash_of(half);
    *evicted = false;
    for (table_probe_t p = table_probe(&pairing->index, hash); table_next(&pairing->index, &p);) {
        if (!is_other(&pairing->slots[p.index].half, half)) continue;
        *other = pairing->slots[p.index].half;
        unlink_slot(pairing, p.index);
        return true;
    }
    if (pairing->waiting == pairing->limit) {
        *other = pairing->slots[pairing->oldest].half;
        *evicted = true;
        unlink_slot(pairing, pairing->oldest);
    }
    wait(pairing, half, hash);
    return false;
}

bool pairing_expire(pairing_t *pairing, int64_t before_ns, half_t *out) {
    if (pairing->oldest == NOBODY || pairing->slots[pairing->oldest].half.seen_ns >= before_ns) return false;
    *out = pairing->slots[pairing->oldest].half;
    unlink_slot(pairing, pairing->oldest);
    return true;
}

uint32_t pairing_waiting(const pairing_t *pairing) {
    return pairing->waiting;
}

void half_save(const half_t *half, buffer_t *out) {
    buffer_append(out, half->trace_id, sizeof half->trace_id);
    buffer_append(out, half->call_id, sizeof half->call_id);
    buffer_zigzag(out, half->end_ns);
    buffer_zigzag(out, half->seen_ns);
    buffer_varint(out, half->duration_ns);
    buffer_varint(out, half->service);
    buffer_varint(out, half->peer);
    buffer_varint(out, half->version);
    buffer_varint(out, half->zone);
    const uint8_t small[4] = {half->server, half->failure, half->protocol, half->observer};
    buffer_append(out, small, sizeof small);
    buffer_varint(out, half->retries);
    buffer_varint(out, half->request_bytes);
    buffer_varint(out, half->response_bytes);
}

static bool load_u32(bytes_t *in, uint32_t *value) {
    uint64_t wide;
    if (!bytes_varint(in, &wide) || wide > UINT32_MAX) return false;
    *value = (uint32_t)wide;
    return true;
}

bool half_load(half_t *half, bytes_t *in) {
    slice_t trace, call;
    if (!bytes_take(in, sizeof half->trace_id, &trace) || !bytes_take(in, sizeof half->call_id, &call)) return false;
    memcpy(half->trace_id, trace.data, trace.len);
    memcpy(half->call_id, call.data, call.len);
    return bytes_zigzag(in, &half->end_ns) && bytes_zigzag(in, &half->seen_ns) &&
           bytes_varint(in, &half->duration_ns) && load_u32(in, &half->service) && load_u32(in, &half->peer) &&
           load_u32(in, &half->version) && load_u32(in, &half->zone) && bytes_byte(in, &half->server) &&
           bytes_byte(in, &half->failure) && bytes_byte(in, &half->protocol) && bytes_byte(in, &half->observer) &&
           half->server <= 1 && half->failure <= FAILURE_NONE && half->protocol < PROTOCOLS &&
           half->observer < OBSERVERS && load_u32(in, &half->retries) && bytes_varint(in, &half->request_bytes) &&
           bytes_varint(in, &half->response_bytes);
}

void pairing_save(const pairing_t *pairing, buffer_t *out) {
    buffer_varint(out, pairing->waiting);
    for (uint32_t at = pairing->oldest; at != NOBODY; at = pairing->slots[at].newer)
        half_save(&pairing->slots[at].half, out);
}

err_t pairing_load(pairing_t *pairing, bytes_t *in) {
    uint64_t count;
    if (!bytes_varint(in, &count) || count > pairing->limit) return ERR_MALFORMED;
    for (; count > 0; count--) {
        half_t half = {0};
        if (!half_load(&half, in)) return ERR_MALFORMED;
        wait(pairing, &half, hash_of(&half));
    }
    return ERR_OK;
}
