/* read_page: a page of standard input as our reader understands it, one JSON array a line: [name, {label: value}, value
 * as text, nanoseconds]; for comparison with other readers. Ends with 1, and says why, when the page is refused.
 *
 *     read_page text|openmetrics < PAGE */
#include "base/buffer.h"
#include "collector/scrape/exposition.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *text_of(slice_t text) {
    return json_stringn((const char *)text.data, text.len);
}

static json_t *labels_of(slice_t labels) {
    json_t *object = json_object();
    slice_t name, value;
    while (exposition_label(&labels, &name, &value)) {
        buffer_t plain = {0};
        char key[256];
        (void)snprintf(key, sizeof key, "%.*s", (int)name.len, (const char *)name.data);
        plain.len = exposition_unescape(value, buffer_reserve(&plain, value.len + 1));
        json_object_set_new_nocheck(object, key, text_of(buffer_slice(&plain)));
        buffer_fini(&plain);
    }
    return object;
}

static void print_sample(const exposition_sample_t *sample) {
    char value[64], time[64];
    (void)snprintf(value, sizeof value, "%.17g", sample->value);
    (void)snprintf(time, sizeof time, "%" PRId64, sample->time_ns);
    json_t *row = json_pack("[o,o,s,s]", text_of(sample->name), labels_of(sample->labels), value, time);
    char *line = json_dumps(row, JSON_COMPACT);
    (void)puts(line == NULL ? "null" : line);
    free(line);
    json_decref(row);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    buffer_t text = {0};
    for (size_t got; (got = fread(buffer_reserve(&text, 65536), 1, 65536, stdin)) > 0;) text.len += got;
    exposition_t page;
    exposition_sample_t sample;
    exposition_begin(&page, buffer_slice(&text), strcmp(argv[1], "openmetrics") == 0);
    exposition_item_t item;
    while ((item = exposition_next(&page, &sample)) != EXPOSITION_END && item != EXPOSITION_WRONG)
        if (item == EXPOSITION_SAMPLE) print_sample(&sample);
    if (item == EXPOSITION_WRONG) (void)fprintf(stderr, "line %u: %s\n", page.line, page.why);
    buffer_fini(&text);
    return item == EXPOSITION_WRONG;
}
