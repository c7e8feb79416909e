/* Any text as a configuration file: read or refused, and a kept section is a piece of it. */
#include "base/config_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool any_setting(void *context, const char *key, const char *value, int line, char *why, size_t why_size) {
    (void)context;
    if (line < 1 || key[0] == '\0') abort();
    if (value[0] != '!') return true;
    (void)snprintf(why, why_size, "%s", value);
    return false;
}

static const char *const kept[] = {"dialects", "scrape", NULL};

static void any_section(void *context, const char *name, slice_t text, int line) {
    const slice_t *whole = context;
    if (strcmp(name, kept[0]) != 0 && strcmp(name, kept[1]) != 0) abort();
    if (line < 1 || (text.len > 0 && (text.data < whole->data || text.data + text.len > whole->data + whole->len)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[300];
    slice_t whole = slice_of(data, size);
    const config_yaml_sink_t sink = {&whole, any_setting, kept, any_section};
    (void)config_yaml_read(whole, &sink, why, sizeof why);
    return 0;
}
