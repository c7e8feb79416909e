#include "analyzer/routing/action.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define BIT(kind) (1U << (kind))

static const struct {
    const char *name, *words;
} kinds[ACTION_KINDS] = {
    [ACTION_SHIFT_VERSIONS] = {"shift_versions", "shares of the traffic by version"},
    [ACTION_SHIFT_ZONES] = {"shift_zones", "shares of the traffic by zone"},
    [ACTION_DRAIN_INSTANCE] = {"drain_instance", "taking one instance out by name"},
    [ACTION_TIGHTEN_EJECTION] = {"tighten_ejection", "ejecting instances that fail"},
    [ACTION_CIRCUIT_BREAKER] = {"circuit_breaker", "a limit on requests in flight"},
    [ACTION_RATE_LIMIT] = {"rate_limit", "a rate limit"},
    [ACTION_CUT_RETRIES] = {"cut_retries", "a limit on retries"},
    [ACTION_SET_TIMEOUT] = {"set_timeout", "a request timeout"},
    [ACTION_FAIL_OVER] = {"fail_over", "failing over to another zone"},
};

const char *action_kind_name(uint8_t kind) {
    return kind < ACTION_KINDS ? kinds[kind].name : NULL;
}

const char *action_kind_words(uint8_t kind) {
    return kind < ACTION_KINDS && kinds[kind].words != NULL ? kinds[kind].words : "nothing";
}

/* ---- names ---- */

static bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool dns_label(const char *text, size_t len) {
    if (len == 0 || len >= ACTION_NAME_BYTES || !is_alphanumeric(text[0]) || !is_alphanumeric(text[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alphanumeric(text[i]) && text[i] != '-') return false;
    return true;
}

bool name_is_dns_label(const char *text) {
    return dns_label(text, strlen(text));
}

static bool label_value(const char *text, size_t longest) {
    size_t len = strlen(text);
    if (len == 0 || len > longest) return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = is_alphanumeric(c) || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || i == len - 1 || (c != '-' && c != '_' && c != '.'))) return false;
    }
    return true;
}

bool name_is_label_value(const char *text) {
    return label_value(text, ACTION_NAME_BYTES - 1);
}

/* "namespace/name@cluster" or "name" into two labels. */
static bool split_service(const char *service, char *name, char *space) {
    const char *at = strchr(service, '@'), *slash = strchr(service, '/');
    size_t len = at != NULL ? (size_t)(at - service) : strlen(service);
    char parts[2][ACTION_NAME_BYTES] = {{0}, {0}};
    if (slash != NULL && (size_t)(slash - service) < len) {
        size_t before = (size_t)(slash - service);
        if (!dns_label(service, before)) return false;
        memcpy(parts[0], service, before);
        service = slash + 1;
        len -= before + 1;
    }
    if (!dns_label(service, len)) return false;
    memcpy(parts[1], service, len);
    memcpy(space, parts[0], sizeof parts[0]);
    memcpy(name, parts[1], sizeof parts[1]);
    return true;
}

bool action_set_service(routing_action_t *action, const char *service) {
    return split_service(service, action->service, action->namespace_name);
}

void action_set_caller(routing_action_t *action, const char *service) {
    char space[ACTION_NAME_BYTES];
    if (!split_service(service, action->caller, space)) action->caller[0] = '\0';
}

bool action_add_target(routing_action_t *action, const char *name, uint32_t weight) {
    if (action->target_count >= ACTION_TARGETS_MAX || !name_is_label_value(name)) return false;
    action_target_t *target = &action->targets[action->target_count++];
    memset(target, 0, sizeof *target);
    memcpy(target->name, name, strlen(name));
    target->weight = weight;
    return true;
}

/* ---- the fields, once for all directions ---- */

typedef enum { FIELD_TEXT, FIELD_COUNT, FIELD_REAL } field_type_t;

/* A field, the kinds that need it, those that may have it, and what it may be: counts and reals from `low` to `high`.
 */
typedef struct {
    const char *key;
    field_type_t type;
    size_t offset;
    uint32_t needed, allowed;
    double low, high;
    size_t bytes;
    bool (*check)(const char *text);
} field_t;

static bool is_instance(const char *text) {
    return label_value(text, ACTION_INSTANCE_BYTES - 1);
}

static bool is_protocol(const char *text) {
    return strcmp(text, "grpc") == 0;
}

#define ALL         (~0U)
#define TEXT_OF(f)  FIELD_TEXT, offsetof(routing_action_t, f)
#define COUNT_OF(f) FIELD_COUNT, offsetof(routing_action_t, f)
#define REAL_OF(f)  FIELD_REAL, offsetof(routing_action_t, f)
static const field_t fields[] = {
    {"service", TEXT_OF(service), ALL, ALL, 0, 0, ACTION_NAME_BYTES, name_is_dns_label},
    {"namespace", TEXT_OF(namespace_name), 0, ALL, 0, 0, ACTION_NAME_BYTES, name_is_dns_label},
    {"caller", TEXT_OF(caller), 0, ALL, 0, 0, ACTION_NAME_BYTES, name_is_dns_label},
    {"instance", TEXT_OF(instance), BIT(ACTION_DRAIN_INSTANCE), BIT(ACTION_DRAIN_INSTANCE), 0, 0, ACTION_INSTANCE_BYTES,
     is_instance},
    {"from_zone", TEXT_OF(from_zone), BIT(ACTION_FAIL_OVER), BIT(ACTION_FAIL_OVER), 0, 0, ACTION_NAME_BYTES,
     name_is_label_value},
    {"to_zone", TEXT_OF(to_zone), BIT(ACTION_FAIL_OVER), BIT(ACTION_FAIL_OVER), 0, 0, ACTION_NAME_BYTES,
     name_is_label_value},
    {"protocol", TEXT_OF(protocol), 0, ALL, 0, 0, sizeof((routing_action_t *)NULL)->protocol, is_protocol},
    {"port", COUNT_OF(port), 0, ALL, 1, 65535, 0, NULL},
    {"consecutive_errors", COUNT_OF(consecutive_errors), BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE),
     BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE), 1, 1000, 0, NULL},
    {"max_ejection_percent", COUNT_OF(max_ejection_percent), BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE),
     BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE), 1, 100, 0, NULL},
    {"interval_s", REAL_OF(interval_s), BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE),
     BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE), 0.001, 86400, 0, NULL},
    {"ejection_s", REAL_OF(ejection_s), BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE),
     BIT(ACTION_TIGHTEN_EJECTION) | BIT(ACTION_DRAIN_INSTANCE), 0.001, 86400, 0, NULL},
    {"in_flight", COUNT_OF(in_flight), BIT(ACTION_CIRCUIT_BREAKER), BIT(ACTION_CIRCUIT_BREAKER), 1, 1e6, 0, NULL},
    {"pending", COUNT_OF(pending), BIT(ACTION_CIRCUIT_BREAKER), BIT(ACTION_CIRCUIT_BREAKER), 1, 1e6, 0, NULL},
    {"requests_per_s", REAL_OF(requests_per_s), BIT(ACTION_RATE_LIMIT),
     BIT(ACTION_RATE_LIMIT) | BIT(ACTION_CIRCUIT_BREAKER), 0.001, 1e7, 0, NULL},
    {"attempts", COUNT_OF(attempts), 0, BIT(ACTION_CUT_RETRIES), 1, 100, 0, NULL}, /* absent: no retry at all */
    {"timeout_s", REAL_OF(timeout_s), BIT(ACTION_SET_TIMEOUT), BIT(ACTION_SET_TIMEOUT) | BIT(ACTION_CUT_RETRIES), 0.001,
     86400, 0, NULL},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static const uint32_t SHIFTS = BIT(ACTION_SHIFT_VERSIONS) | BIT(ACTION_SHIFT_ZONES);

static bool refuse(const char **why, const char *what) {
    if (why != NULL) *why = what;
    return false;
}

/* What is absent is "" or 0. */
static bool field_valid(const field_t *field, const routing_action_t *action) {
    const char *at = (const char *)action + field->offset;
    bool needed = (field->needed & BIT(action->kind)) != 0;
    if (field->type == FIELD_TEXT) {
        if (memchr(at, '\0', field->bytes) == NULL) return false;
        return at[0] == '\0' ? !needed : field->check(at);
    }
    uint32_t count = 0;
    double real = 0;
    if (field->type == FIELD_COUNT)
        memcpy(&count, at, sizeof count);
    else
        memcpy(&real, at, sizeof real);
    double value = field->type == FIELD_COUNT ? count : real;
    return value == 0 ? !needed : isfinite(value) && value >= field->low && value <= field->high;
}

static bool targets_valid(const routing_action_t *action, const char **why) {
    uint32_t count = action->target_count;
    uint64_t sum = 0;
    if (count == 0 || count > ACTION_TARGETS_MAX) return refuse(why, "targets");
    for (uint32_t i = 0; i < count; i++) {
        const action_target_t *target = &action->targets[i];
        if (memchr(target->name, '\0', sizeof target->name) == NULL || !name_is_label_value(target->name))
            return refuse(why, "a target's name");
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(action->targets[j].name, target->name) == 0) return refuse(why, "a target named twice");
        sum += target->weight;
    }
    return sum == WEIGHT_WHOLE || refuse(why, "weights that do not add up to 100 %");
}

bool action_valid(const routing_action_t *action, const char **why) {
    if (action_kind_name(action->kind) == NULL) return refuse(why, "kind");
    for (size_t i = 0; i < FIELDS; i++)
        if ((fields[i].allowed & BIT(action->kind)) != 0 && !field_valid(&fields[i], action))
            return refuse(why, fields[i].key);
    return (SHIFTS & BIT(action->kind)) == 0 || targets_valid(action, why);
}

/* ---- JSON ---- */

json_t *action_to_json(const routing_action_t *action) {
    json_t *json = json_pack("{ss}", "kind", action_kind_name(action->kind));
    for (size_t i = 0; i < FIELDS && json != NULL; i++) {
        const field_t *field = &fields[i];
        const char *at = (const char *)action + field->offset;
        uint32_t count = 0;
        double real = 0;
        if ((field->allowed & BIT(action->kind)) == 0) continue;
        if (field->type == FIELD_COUNT) memcpy(&count, at, sizeof count);
        if (field->type == FIELD_REAL) memcpy(&real, at, sizeof real);
        if (field->type == FIELD_TEXT && at[0] != '\0') (void)json_object_set_new(json, field->key, json_string(at));
        if (count != 0) (void)json_object_set_new(json, field->key, json_integer(count));
        if (real != 0) (void)json_object_set_new(json, field->key, json_real(real));
    }
    if (json == NULL || (SHIFTS & BIT(action->kind)) == 0) return json;
    json_t *targets = json_array();
    for (uint32_t i = 0; i < action->target_count; i++)
        (void)json_array_append_new(targets, json_pack("{ss,sf}", "name", action->targets[i].name, "weight_percent",
                                                       action->targets[i].weight / 100.0));
    (void)json_object_set_new(json, "targets", targets);
    return json;
}

static bool read_field(const field_t *field, const json_t *value, routing_action_t *action) {
    char *at = (char *)action + field->offset;
    if (field->type == FIELD_TEXT) {
        size_t len = json_string_length(value);
        if (!json_is_string(value) || len >= field->bytes || strlen(json_string_value(value)) != len) return false;
        memcpy(at, json_string_value(value), len);
        return true;
    }
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= field->low && number <= field->high)) return false;
    uint32_t count = (uint32_t)number;
    if (field->type == FIELD_COUNT)
        memcpy(at, &count, sizeof count);
    else
        memcpy(at, &number, sizeof number);
    return true;
}

static bool read_targets(const json_t *targets, routing_action_t *action) {
    size_t index;
    json_t *target;
    json_array_foreach(targets, index, target) {
        const char *name = json_string_value(json_object_get(target, "name"));
        double percent = json_number_value(json_object_get(target, "weight_percent"));
        if (name == NULL || !(percent >= 0 && percent <= 100)) return false;
        if (!action_add_target(action, name, (uint32_t)lround(percent * 100))) return false;
    }
    return true;
}

bool action_from_json(const json_t *json, routing_action_t *action) {
    memset(action, 0, sizeof *action);
    const char *kind = json_string_value(json_object_get(json, "kind"));
    for (uint8_t i = 1; i < ACTION_KINDS && kind != NULL; i++)
        if (strcmp(kind, kinds[i].name) == 0) action->kind = i;
    if (action->kind == ACTION_NONE) return false;
    for (size_t i = 0; i < FIELDS; i++) {
        const json_t *value = json_object_get(json, fields[i].key);
        if (value != NULL && !json_is_null(value) && !read_field(&fields[i], value, action)) return false;
    }
    return read_targets(json_object_get(json, "targets"), action) && action_valid(action, NULL);
}
