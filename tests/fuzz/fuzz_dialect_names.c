/* Any bytes as a name in every form, as a side, and as a metric's name: parts lie within what was given. */
#include "collector/dialect/dialect.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(slice_t whole, slice_t part) {
    if (part.len > 0 && (part.data < whole.data || part.data + part.len > whole.data + whole.len)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *set;
    if (set == NULL) set = dialect_set_new(NULL);
    uint8_t *copy = malloc(size + 1); /* of this very length, so that a step outside is seen */
    if (copy == NULL) return 0;
    memcpy(copy, data, size);
    slice_t text = slice_of(copy, size);
    for (form_t form = 0; form < FORMS; form++) {
        dialect_name_t name = dialect_read(form, text);
        check(text, name.name);
        check(text, name.namespace_name);
        check(text, name.version);
        (void)dialect_side(dialect_form_side(form, text));
    }
    (void)dialect_side(text);
    dialect_rule_t rule = dialect_metric(set, dialect_of_scope(set, text), text);
    check(text, rule.before);
    free(copy);
    return 0;
}
