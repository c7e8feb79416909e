#include "collector/rollup/names.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"

#include <stdlib.h>

static uint32_t find(const names_t *names, slice_t text, uint64_t hash) {
    for (table_probe_t p = table_probe(&names->index, hash); table_next(&names->index, &p);)
        if (slice_equal(names_text(names, p.index), text)) return p.index;
    return UINT32_MAX;
}

static uint32_t add(names_t *names, slice_t text, uint64_t hash) {
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 256 : names->capacity * 2;
        names->texts = memory_resize(names->texts, names->capacity * sizeof *names->texts);
        names->lengths = memory_resize(names->lengths, names->capacity * sizeof *names->lengths);
        names->hashes = memory_resize(names->hashes, names->capacity * sizeof *names->hashes);
    }
    char *copy = memory_new(1, text.len + 1);
    if (text.len > 0) memcpy(copy, text.data, text.len);
    uint32_t id = names->count++;
    names->texts[id] = copy;
    names->lengths[id] = (uint32_t)text.len;
    names->hashes[id] = hash;
    table_insert(&names->index, hash, id);
    return id;
}

void names_init(names_t *names, uint32_t limit, counters_t *counters) {
    *names = (names_t){.limit = limit, .counters = counters};
    (void)add(names, slice_text(""), XXH3_64bits("", 0));
    slice_t overflow = slice_text("__overflow__");
    (void)add(names, overflow, XXH3_64bits(overflow.data, overflow.len));
}

void names_fini(names_t *names) {
    for (uint32_t i = 0; i < names->count; i++) free(names->texts[i]);
    free(names->texts);
    free(names->lengths);
    free(names->hashes);
    table_fini(&names->index);
    *names = (names_t){0};
}

/* Length of the valid UTF-8 sequence at the start of `s` (RFC 3629: no surrogates, no overlong forms, at most
 * U+10FFFF), 0 when there is none. NUL counts as invalid: names are C strings too. */
static size_t utf8_length(slice_t s) {
    uint8_t a = s.data[0];
    if (a != 0 && a < 0x80) return 1;
    size_t len = a >= 0xc2 && a < 0xe0 ? 2 : (a & 0xf0) == 0xe0 ? 3 : a >= 0xf0 && a < 0xf5 ? 4 : 0;
    if (len == 0 || s.len < len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((s.data[i] & 0xc0) != 0x80) return 0;
    uint8_t b = s.data[1];
    if ((a == 0xe0 && b < 0xa0) || (a == 0xed && b >= 0xa0) || (a == 0xf0 && b < 0x90) || (a == 0xf4 && b >= 0x90))
        return 0;
    return len;
}

/* Copies valid UTF-8, replaces the rest, stops at NAME_BYTES_MAX; the result lies in `space`. */
static slice_t mend(slice_t text, char space[NAME_BYTES_MAX], bool *bad, bool *cut) {
    static const char replacement[] = "\xef\xbf\xbd";
    size_t len = 0;
    *bad = *cut = false;
    for (size_t i = 0; i < text.len;) {
        size_t n = utf8_length(slice_of(text.data + i, text.len - i));
        const void *from = n > 0 ? (const void *)(text.data + i) : (const void *)replacement;
        size_t size = n > 0 ? n : 3;
        *bad = *bad || n == 0;
        if (len + size > NAME_BYTES_MAX) {
            *cut = true;
            break;
        }
        memcpy(space + len, from, size);
        len += size;
        i += n > 0 ? n : 1;
    }
    return slice_of(space, len);
}

uint32_t names_intern(names_t *names, slice_t text) {
    if (text.len == 0) return NAME_NONE;
    uint64_t hash = text.len <= NAME_BYTES_MAX ? XXH3_64bits(text.data, text.len) : 0;
    uint32_t id = text.len <= NAME_BYTES_MAX ? find(names, text, hash) : UINT32_MAX;
    if (id != UINT32_MAX) return id;
    char space[NAME_BYTES_MAX];
    bool bad, cut;
    slice_t mended = mend(text, space, &bad, &cut);
    if (bad) counters_add(names->counters, COUNTER_NAMES_NOT_UTF8, 1);
    if (cut) counters_add(names->counters, COUNTER_NAMES_TRUNCATED, 1);
    hash = XXH3_64bits(mended.data, mended.len);
    id = find(names, mended, hash);
    if (id != UINT32_MAX) return id;
    if (names->count >= names->limit) {
        counters_add(names->counters, COUNTER_NAMES_OVERFLOW, 1);
        return NAME_OVERFLOW;
    }
    return add(names, mended, hash);
}

uint32_t names_find(const names_t *names, slice_t text) {
    if (text.len == 0) return NAME_NONE;
    return find(names, text, XXH3_64bits(text.data, text.len));
}
