/* action: what a routing change does, in no mesh's language. suggest.c decides on one, a language writes it as objects,
 * the store keeps it inside the suggestion's document, so that it can be written again in another language later.
 *
 * Names come from telemetry, so from anybody: action_valid refuses all that Kubernetes would not accept as a name, and
 * nothing is rendered before it has agreed. */
#ifndef SEISMESH_ANALYZER_ACTION_H
#define SEISMESH_ANALYZER_ACTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    ACTION_NONE,
    ACTION_SHIFT_VERSIONS,   /* targets: versions and their shares of the traffic */
    ACTION_SHIFT_ZONES,      /* targets: zones and their shares */
    ACTION_DRAIN_INSTANCE,   /* `instance` gets no traffic */
    ACTION_TIGHTEN_EJECTION, /* proxies leave out instances that fail */
    ACTION_CIRCUIT_BREAKER,  /* at most `in_flight` requests at a time, `pending` more may wait */
    ACTION_RATE_LIMIT,       /* at most `requests_per_s` */
    ACTION_CUT_RETRIES,      /* at most `attempts` retries of a request */
    ACTION_SET_TIMEOUT,      /* calls to the service are given up after `timeout_s` */
    ACTION_FAIL_OVER,        /* callers in `from_zone` go to `to_zone` while theirs fails */
    ACTION_KINDS
} action_kind_t;

enum { ACTION_TARGETS_MAX = 16, ACTION_NAME_BYTES = 64, ACTION_INSTANCE_BYTES = 256, WEIGHT_WHOLE = 10000 };

typedef struct {
    char name[ACTION_NAME_BYTES];
    uint32_t weight; /* hundredths of a percent; all of an action add up to WEIGHT_WHOLE */
} action_target_t;

typedef struct {
    uint8_t kind;
    char service[ACTION_NAME_BYTES], namespace_name[ACTION_NAME_BYTES]; /* namespace "" = not known */
    char caller[ACTION_NAME_BYTES];                                     /* who is hurt; "" = not one in particular */
    char instance[ACTION_INSTANCE_BYTES];
    uint32_t port;    /* of the service; 0 = not known */
    char protocol[8]; /* "grpc" when all calls are; "" = HTTP, or not known */
    action_target_t targets[ACTION_TARGETS_MAX];
    uint32_t target_count;
    uint32_t consecutive_errors, max_ejection_percent;
    double interval_s, ejection_s;
    uint32_t in_flight, pending;
    double requests_per_s;
    uint32_t attempts;
    double timeout_s; /* of the whole call; with ACTION_CUT_RETRIES of one try, 0 = unchanged */
    char from_zone[ACTION_NAME_BYTES], to_zone[ACTION_NAME_BYTES];
} routing_action_t;

/* "shift_versions"; NULL for ACTION_NONE and unknown kinds. */
const char *action_kind_name(uint8_t kind);

/* What it is, for sentences: "a request timeout". */
const char *action_kind_words(uint8_t kind);

/* A service's name as seismesh has it ("namespace/name@cluster") into the action; false when Kubernetes forbids it. */
bool action_set_service(routing_action_t *action, const char *service);
/* The same for the one who calls it; an unusable name leaves it unknown. */
void action_set_caller(routing_action_t *action, const char *service);
bool action_add_target(routing_action_t *action, const char *name, uint32_t weight); /* false when it does not fit */

/* True when every name and figure may be rendered. Otherwise `why` (if not NULL) says what may not. */
bool action_valid(const routing_action_t *action, const char **why);

bool name_is_dns_label(const char *text);   /* RFC 1123: lower case, digits, '-' inside, at most 63 */
bool name_is_label_value(const char *text); /* Kubernetes label value: also capitals, '_' and '.' inside */

/* As the API shows it and the store keeps it. From JSON: false when anything is missing, of another type, too long, or
 * not valid. */
json_t *action_to_json(const routing_action_t *action);
bool action_from_json(const json_t *json, routing_action_t *action);

#endif
