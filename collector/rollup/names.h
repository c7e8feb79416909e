/* names: strings from outside as small numbers. Id 0 is "", id 1 is "__overflow__", which every new string becomes
 * when the table is full. Ids are given in order of first use, never reused, and kept in the store. */
#ifndef SEISMESH_ROLLUP_NAMES_H
#define SEISMESH_ROLLUP_NAMES_H

#include "base/counters.h"
#include "base/slice.h"
#include "base/table.h"

enum { NAME_NONE = 0, NAME_OVERFLOW = 1, NAME_BYTES_MAX = 256 };

typedef struct {
    char **texts; /* by id; owned, NUL-terminated valid UTF-8 */
    uint32_t *lengths;
    uint64_t *hashes;
    uint32_t count, capacity, limit;
    table_t index;
    counters_t *counters;
} names_t;

void names_init(names_t *names, uint32_t limit, counters_t *counters);
void names_fini(names_t *names);

/* The id of a string: known, new, or NAME_OVERFLOW. Longer ones are cut to NAME_BYTES_MAX, bytes that are not UTF-8
 * become U+FFFD; both are counted. */
uint32_t names_intern(names_t *names, slice_t text);

/* The id of a string, or UINT32_MAX when it is not there. */
uint32_t names_find(const names_t *names, slice_t text);

static inline slice_t names_text(const names_t *names, uint32_t id) {
    return id < names->count ? slice_of(names->texts[id], names->lengths[id]) : slice_of(NULL, 0);
}
static inline const char *names_cstr(const names_t *names, uint32_t id) {
    return id < names->count ? names->texts[id] : "";
}

#endif
