/* Unified diff by the longest common subsequence of lines. What both begin and end with is taken off first, so the
 * quadratic table is of the changed middle only; a middle beyond DIFF_LINES_MAX lines is replaced as a whole, which is
 * still a correct diff. */
#include "analyzer/routing/text.h"
#include "base/memory.h"

#include <stdlib.h>

enum { DIFF_LINES_MAX = 2000, CONTEXT_LINES = 3 };

typedef struct {
    slice_t *items;
    size_t count;
} lines_t;

static lines_t lines_of(const char *text) {
    size_t count = 0;
    for (const char *c = text; *c != '\0'; c++) count += *c == '\n';
    lines_t lines = {memory_new(count + 2, sizeof *lines.items), 0};
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        lines.items[lines.count++] = slice_of(text, len);
        text += text[len] == '\n' ? len + 1 : len;
    }
    return lines;
}

/* ' ' both, '-' only before, '+' only after, in order; `ops` has room for both lengths. Returns how many. */
static size_t script_of(const lines_t *a, const lines_t *b, char *ops) {
    size_t head = 0, tail = 0, used = 0;
    while (head < a->count && head < b->count && slice_equal(a->items[head], b->items[head])) head++;
    while (tail < a->count - head && tail < b->count - head &&
           slice_equal(a->items[a->count - 1 - tail], b->items[b->count - 1 - tail]))
        tail++;
    size_t n = a->count - head - tail, m = b->count - head - tail;
    for (size_t i = 0; i < head; i++) ops[used++] = ' ';
    bool small = n <= DIFF_LINES_MAX && m <= DIFF_LINES_MAX;
    uint16_t *longest = small ? memory_new((n + 1) * (m + 1), sizeof *longest) : NULL;
    for (size_t i = n; small && i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            uint16_t down = longest[(i + 1) * (m + 1) + j], right = longest[i * (m + 1) + j + 1];
            longest[i * (m + 1) + j] = slice_equal(a->items[head + i], b->items[head + j])
                                           ? (uint16_t)(longest[(i + 1) * (m + 1) + j + 1] + 1)
                                       : down >= right ? down
                                                       : right;
        }
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        bool same = small && i < n && j < m && slice_equal(a->items[head + i], b->items[head + j]);
        bool drop = i < n && (j >= m || !small || longest[(i + 1) * (m + 1) + j] >= longest[i * (m + 1) + j + 1]);
        ops[used++] = same ? ' ' : drop ? '-' : '+';
        if (same || drop) i++;
        if (same || !drop) j++;
    }
    free(longest);
    for (size_t k = 0; k < tail; k++) ops[used++] = ' ';
    return used;
}

/* One hunk: ops from `from` to `to`, which begins at lines `a_at` and `b_at` (from 0). */
static void hunk(const lines_t *a, const lines_t *b, const char *ops, size_t from, size_t to, size_t a_at, size_t b_at,
                 buffer_t *out) {
    size_t olds = 0, news = 0;
    for (size_t i = from; i < to; i++) {
        olds += ops[i] != '+';
        news += ops[i] != '-';
    }
    buffer_format(out, "@@ -%zu,%zu +%zu,%zu @@\n", olds == 0 ? a_at : a_at + 1, olds, news == 0 ? b_at : b_at + 1,
                  news);
    for (size_t i = from; i < to; i++) {
        slice_t line = ops[i] == '+' ? b->items[b_at] : a->items[a_at];
        buffer_byte(out, (uint8_t)ops[i]);
        buffer_append(out, line.data, line.len);
        buffer_byte(out, '\n');
        a_at += ops[i] != '+';
        b_at += ops[i] != '-';
    }
}

static void hunks(const lines_t *a, const lines_t *b, const char *ops, size_t count, buffer_t *out) {
    size_t a_at = 0, b_at = 0, done = 0;
    for (size_t i = 0; i < count;) {
        if (ops[i] == ' ') {
            i++;
            continue;
        }
        size_t from = i > done + CONTEXT_LINES ? i - CONTEXT_LINES : done, last = i;
        for (size_t k = i; k < count && k <= last + 2 * CONTEXT_LINES; k++)
            if (ops[k] != ' ') last = k;
        size_t to = last + 1 + CONTEXT_LINES < count ? last + 1 + CONTEXT_LINES : count;
        for (size_t k = done; k < from; k++) {
            a_at += ops[k] != '+';
            b_at += ops[k] != '-';
        }
        hunk(a, b, ops, from, to, a_at, b_at, out);
        for (size_t k = from; k < to; k++) {
            a_at += ops[k] != '+';
            b_at += ops[k] != '-';
        }
        done = i = to;
    }
}

void text_diff(const char *before, const char *after, const char *name, buffer_t *out) {
    lines_t a = lines_of(before == NULL ? "" : before), b = lines_of(after);
    char *ops = memory_new(a.count + b.count + 1, 1);
    size_t count = script_of(&a, &b, ops);
    if (before == NULL)
        buffer_format(out, "--- /dev/null\n+++ %s\n", name);
    else
        buffer_format(out, "--- %s\n+++ %s\n", name, name);
    hunks(&a, &b, ops, count, out);
    free(ops);
    free(a.items);
    free(b.items);
}
