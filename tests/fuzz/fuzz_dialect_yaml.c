/* Any text as the dialects of a configuration: refused with a reason that names a line, or compiled. */
#include "collector/dialect/dialect_yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1), why[160] = "";
    if (text == NULL) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    const dialect_t **extra;
    if (dialect_yaml_parse(text, 1, &extra, why, sizeof why) == ERR_OK) {
        dialect_set_t *set = dialect_set_new(extra);
        (void)dialect_metric(set, NULL, slice_of(data, size));
        dialect_set_free(set);
        dialect_yaml_free(extra);
    } else if (strncmp(why, "line ", 5) != 0) {
        abort();
    }
    free(text);
    return 0;
}
