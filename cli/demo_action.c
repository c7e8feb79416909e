/* What a suggestion asks of the simulated mesh. */
#include "cli/demo.h"

#include <stdio.h>
#include <string.h>

/* Services are told with their namespace in front; a scenario names them without. */
static const char *bare(const char *service) {
    const char *slash = service == NULL ? NULL : strchr(service, '/');
    return slash == NULL ? service : slash + 1;
}

static const char *target_of(const json_t *suggestion, const char *key) {
    return json_string_value(json_object_get(json_object_get(suggestion, "target"), key));
}

/* All weight to the versions that are not the target: the others of the load table. */
static json_t *roll_back(const json_t *suggestion, const char *service, const char *version) {
    const json_t *load = json_object_get(json_object_get(suggestion, "effect"), "load");
    json_t *weights = json_object();
    size_t i;
    const json_t *row;
    json_array_foreach(load, i, row) {
        const char *name = json_string_value(json_object_get(row, "target"));
        double rate = json_number_value(json_object_get(row, "predicted_rate"));
        if (name != NULL) (void)json_object_set_new(weights, name, json_real(strcmp(name, version) == 0 ? 0 : rate));
    }
    return json_pack("{ss,ss,so}", "kind", "shift_versions", "service", service, "weights", weights);
}

char *demo_action_of(const json_t *suggestion) {
    const char *kind = json_string_value(json_object_get(suggestion, "kind"));
    const char *service = bare(target_of(suggestion, "service")), *version = target_of(suggestion, "version");
    const char *instance = target_of(suggestion, "instance");
    const json_t *own = json_object_get(suggestion, "action");
    json_t *action = NULL;
    if (json_is_object(own))
        action = json_deep_copy(own);
    else if (kind != NULL && service != NULL && version != NULL && strcmp(kind, "roll_back_version") == 0)
        action = roll_back(suggestion, service, version);
    else if (kind != NULL && service != NULL && instance != NULL && strcmp(kind, "eject_instance") == 0)
        action = json_pack("{ss,ss,ss}", "kind", "drain_instance", "service", service, "instance", instance);
    char *text = action == NULL ? NULL : json_dumps(action, JSON_COMPACT);
    json_decref(action);
    return text;
}
