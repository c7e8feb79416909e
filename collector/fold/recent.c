/* A ring of 64-bit hashes with a table to find them. At 32,768 entries a wrong match is expected once in 5e14
 * requests. */
#include "collector/fold/recent.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"
#include "base/table.h"

#include <stdlib.h>

enum { RECENT_MAX = 32768 };

struct recent {
    uint64_t ring[RECENT_MAX];
    uint32_t count, next;
    table_t index;
};

recent_t *recent_new(void) {
    return memory_new(1, sizeof(recent_t));
}

void recent_free(recent_t *recent) {
    if (recent == NULL) return;
    table_fini(&recent->index);
    free(recent);
}

static void remember(recent_t *recent, uint64_t hash) {
    if (recent->count == RECENT_MAX)
        (void)table_remove(&recent->index, recent->ring[recent->next], recent->next);
    else
        recent->count++;
    recent->ring[recent->next] = hash;
    table_insert(&recent->index, hash, recent->next);
    recent->next = (recent->next + 1) % RECENT_MAX;
}

bool recent_seen(recent_t *recent, uint8_t kind, slice_t body) {
    if (body.len == 0) return false; /* an empty request counts nothing, twice or once */
    uint64_t hash = XXH3_64bits(body.data, body.len) + kind;
    table_probe_t probe = table_probe(&recent->index, hash);
    if (table_next(&recent->index, &probe)) return true;
    remember(recent, hash);
    return false;
}

void recent_save(const recent_t *recent, buffer_t *out) {
    buffer_varint(out, recent->count);
    uint32_t oldest = recent->count < RECENT_MAX ? 0 : recent->next;
    for (uint32_t i = 0; i < recent->count; i++) buffer_u64(out, recent->ring[(oldest + i) % RECENT_MAX]);
}

err_t recent_load(recent_t *recent, bytes_t *in) {
    uint64_t count, hash;
    if (!bytes_varint(in, &count) || count > RECENT_MAX) return ERR_MALFORMED;
    for (; count > 0; count--) {
        if (!bytes_u64(in, &hash)) return ERR_MALFORMED;
        remember(recent, hash);
    }
    return ERR_OK;
}
