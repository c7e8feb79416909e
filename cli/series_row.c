#include "cli/series_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

slice_t series_row_trim(slice_t text) {
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) text = slice_of(text.data + 1, text.len - 1);
    while (text.len > 0 && memchr(" \t\r\n", text.data[text.len - 1], 4) != NULL) text.len--;
    return text;
}

/* A field without the quotes round it. */
static slice_t unquote(slice_t text) {
    text = series_row_trim(text);
    bool quoted = text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"';
    return quoted ? slice_of(text.data + 1, text.len - 2) : text;
}

bool series_row_split(slice_t line, series_row_t *row) {
    const uint8_t *comma = memchr(line.data, ',', line.len);
    if (comma == NULL) return false;
    size_t len = (size_t)(comma - line.data);
    row->time = unquote(slice_of(line.data, len));
    row->value = unquote(slice_of(comma + 1, line.len - len - 1));
    return memchr(row->value.data, ',', row->value.len) == NULL;
}

bool series_row_value(slice_t text, double *value) {
    static const char *const missing[] = {"", "nan", "NaN", "null", "NULL"};
    char copy[64], *end;
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        if (!slice_is(text, missing[i])) continue;
        *value = NAN;
        return true;
    }
    if (text.len >= sizeof copy || memchr("+-.0123456789", text.data[0], 13) == NULL) return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (strpbrk(copy, "xXpPnN") != NULL) return false; /* hexadecimal and names of numbers are a mistake here */
    *value = strtod(copy, &end);
    return end == copy + text.len && isfinite(*value);
}
