/* render_all: every kind of action in every language, one JSON document a line, for those who judge the objects by the
 * meshes' own schemas. Names are ordinary ones, and ones that are allowed and look like something else in YAML. */
#include "tests/analyzer/routing/actions.h"

#include <stdlib.h>

static void rename_parts(routing_action_t *action) {
    static const char *const odd[] = {"1.10", "true", "null", "v2_RC.1"};
    bool zones = action->kind == ACTION_SHIFT_ZONES || action->kind == ACTION_FAIL_OVER;
    action->target_count = 0;
    (void)snprintf(action->protocol, sizeof action->protocol, "grpc");
    for (uint32_t i = 0; i < 4; i++) (void)action_add_target(action, odd[i], i == 0 ? WEIGHT_WHOLE : 0);
    if (zones) return;
    (void)snprintf(action->service, sizeof action->service, "null");
    (void)snprintf(action->namespace_name, sizeof action->namespace_name, "true");
    (void)snprintf(action->caller, sizeof action->caller, "123");
}

/* The action as the store keeps it: without what its kind does not use. */
static void print_one(const routing_language_ops *language, const routing_action_t *whole) {
    change_t change;
    routing_action_t stored, *action = &stored;
    json_t *kept = action_to_json(whole);
    if (!action_from_json(kept, &stored)) abort();
    json_decref(kept);
    (void)routing_render(language, action, NULL, &change);
    json_t *document = json_pack("{ss,ss,so}", "language", language->name, "kind", action_kind_name(action->kind),
                                 "action", action_to_json(action));
    change_into(&change, action, document);
    char *text = json_dumps(document, JSON_COMPACT);
    (void)puts(text == NULL ? "{}" : text);
    free(text);
    json_decref(document);
    change_fini(&change);
}

int main(void) {
    for (size_t i = 0; routing_languages[i] != NULL; i++)
        for (uint8_t kind = 1; kind < ACTION_KINDS; kind++) {
            routing_action_t action = sample_action(kind), odd = action;
            rename_parts(&odd);
            print_one(routing_languages[i], &action);
            print_one(routing_languages[i], &odd);
        }
    return 0;
}
