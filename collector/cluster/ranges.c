#include "collector/cluster/ranges.h"

#include <string.h>

bool ranges_has(const ranges_t *ranges, uint64_t number) {
    for (uint32_t i = ranges->count; i > 0; i--)
        if (number >= ranges->items[i - 1].from) return number < ranges->items[i - 1].to;
    return false;
}

uint64_t ranges_overlap(const ranges_t *ranges, uint64_t from, uint64_t to) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ranges->count; i++) {
        uint64_t low = ranges->items[i].from > from ? ranges->items[i].from : from;
        uint64_t high = ranges->items[i].to < to ? ranges->items[i].to : to;
        if (low < high) sum += high - low;
    }
    return sum;
}

static void remove_at(ranges_t *ranges, uint32_t at) {
    ranges->count--;
    memmove(&ranges->items[at], &ranges->items[at + 1], (ranges->count - at) * sizeof ranges->items[0]);
}

void ranges_add(ranges_t *ranges, uint64_t from, uint64_t to) {
    if (from >= to) return;
    uint32_t at = 0;
    while (at < ranges->count && ranges->items[at].to < from) at++;
    while (at < ranges->count && ranges->items[at].from <= to) { /* touches the new one: becomes part of it */
        if (ranges->items[at].from < from) from = ranges->items[at].from;
        if (ranges->items[at].to > to) to = ranges->items[at].to;
        remove_at(ranges, at);
    }
    memmove(&ranges->items[at + 1], &ranges->items[at], (ranges->count - at) * sizeof ranges->items[0]);
    ranges->items[at].from = from;
    ranges->items[at].to = to;
    if (++ranges->count <= RANGES_MAX) return;
    ranges->items[1].from = ranges->items[0].from;
    remove_at(ranges, 0);
}

uint64_t ranges_end(const ranges_t *ranges) {
    return ranges->count == 0 ? 0 : ranges->items[ranges->count - 1].to;
}
