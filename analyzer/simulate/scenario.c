/* Reads by the tables (scenario_schema.c), then resolves names and refuses what cannot be simulated: unknown names,
 * calls in a circle, requests that fan out into too many calls, events without effect. */
#include "analyzer/simulate/scenario.h"

#include "analyzer/simulate/scenario_schema.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALLS_PER_REQUEST_MAX = 5000, NAME_BYTES = 60 };

typedef struct {
    scenario_t *scenario;
    char *why;
    size_t why_size;
} checker_t;

#define REFUSE(checker, line, ...) (schema_refuse((checker)->why, (checker)->why_size, line, __VA_ARGS__) == ERR_OK)

/* The i-th of a list_t's items, as type. */
#define ITEM(list, type, i) (&((type *)(list).items)[i])

static uint32_t index_of(const char *name, const char *(*next)(const void *context, uint32_t i), const void *context) {
    const char *one;
    for (uint32_t i = 0; name != NULL && (one = next(context, i)) != NULL; i++)
        if (strcmp(one, name) == 0) return i;
    return NONE;
}

static const char *next_service(const void *context, uint32_t i) {
    const scenario_t *scenario = context;
    return i < scenario->services.count ? service_at(scenario, i)->name : NULL;
}

static const char *next_version(const void *context, uint32_t i) {
    const service_spec_t *service = context;
    return i < service->versions.count ? ITEM(service->versions, version_spec_t, i)->name : NULL;
}

static const char *next_operation(const void *context, uint32_t i) {
    const service_spec_t *service = context;
    return i < service->operations.count ? ITEM(service->operations, operation_spec_t, i)->name : NULL;
}

static const char *next_text(const void *context, uint32_t i) {
    const list_t *list = context;
    return i < list->count ? ((const char **)list->items)[i] : NULL;
}

static const char *next_traffic(const void *context, uint32_t i) {
    const scenario_t *scenario = context;
    if (i >= scenario->traffic.count) return NULL;
    const char *name = ITEM(scenario->traffic, traffic_spec_t, i)->name;
    return name == NULL ? "" : name;
}

uint32_t scenario_service(const scenario_t *scenario, const char *name) {
    return index_of(name, next_service, scenario);
}
uint32_t service_version(const service_spec_t *service, const char *name) {
    return index_of(name, next_version, service);
}
uint32_t service_operation(const service_spec_t *service, const char *name) {
    return index_of(name, next_operation, service);
}
uint32_t scenario_zone(const scenario_t *scenario, const char *name) {
    return index_of(name, next_text, &scenario->zones);
}

/* Finds a name, or refuses it with the nearest that there is. An absent name (NULL) is NONE and fine. */
static bool resolve(const checker_t *checker, int line, const char *kind, const char *name,
                    const char *(*next)(const void *context, uint32_t i), const void *context, uint32_t *out) {
    *out = index_of(name, next, context);
    if (name == NULL || *out != NONE) return true;
    const char *near = schema_nearest(name, next, context);
    if (near != NULL) return REFUSE(checker, line, "there is no %s '%s'; did you mean '%s'?", kind, name, near);
    return REFUSE(checker, line, "there is no %s '%s'; add it, or name one that there is", kind, name);
}

static bool resolve_service(const checker_t *checker, int line, const char *name, uint32_t *out) {
    return resolve(checker, line, "service", name, next_service, checker->scenario, out);
}

static bool resolve_zone(const checker_t *checker, int line, const char *name, uint32_t *out) {
    return resolve(checker, line, "zone", name, next_text, &checker->scenario->zones, out);
}

/* ---- services ---- */

static bool check_duration(const checker_t *checker, duration_t *time, const duration_t *fallback) {
    if (time->head.line == 0) {
        *time = *fallback;
        return true;
    }
    bool by_mean = time->mean_ns > 0;
    if (by_mean && time->shape == SHAPE_LOGNORMAL) time->shape = SHAPE_EXPONENTIAL;
    if (by_mean && (time->median_ns > 0 || time->p99_ns > 0))
        return REFUSE(checker, time->head.line, "a time has a mean, or a median and a p99, not both");
    if (by_mean) return true;
    if (time->shape != SHAPE_LOGNORMAL) return REFUSE(checker, time->head.line, "this shape needs 'mean'; add it");
    if (time->median_ns > 0 && time->p99_ns >= time->median_ns) return true;
    return REFUSE(checker, time->head.line, "a time needs 'median' and a 'p99' that is not below it, or 'mean'");
}

static bool plain_name(const char *name) {
    return strlen(name) <= NAME_BYTES;
}

/* Adds the item that stands for "not written". */
static void add_default(scenario_t *scenario, list_t *list, size_t size) {
    if (list->count == 0) *list = (list_t){schema_memory(scenario->document, 1, size), 1};
}

static bool check_versions(const checker_t *checker, service_spec_t *service) {
    if (service->versions.count == 0) {
        add_default(checker->scenario, &service->versions, sizeof(version_spec_t));
        *ITEM(service->versions, version_spec_t, 0) =
            (version_spec_t){.name = "v1", .weight = 100, .instances = NONE, .head.line = service->head.line};
    }
    double weights = 0;
    for (uint32_t i = 0; i < service->versions.count; i++) {
        version_spec_t *version = ITEM(service->versions, version_spec_t, i);
        if (!plain_name(version->name)) return REFUSE(checker, version->head.line, "a version's name is too long");
        if (version->instances == NONE) version->instances = service->instances;
        if ((version->head.given & UINT64_C(1) << 2) == 0) version->errors = service->errors;
        if (!check_duration(checker, &version->time, &service->time)) return false;
        weights += version->weight;
    }
    if (weights > 0) return true;
    return REFUSE(checker, service->head.line, "all versions of '%s' have the weight 0; give one of them some",
                  service->name);
}

static bool check_call(const checker_t *checker, call_spec_t *call) {
    if (!resolve_service(checker, call->head.line, call->to, &call->service)) return false;
    const service_spec_t *callee = service_at(checker->scenario, call->service);
    return resolve(checker, call->head.line, "operation", call->operation, next_operation, callee, &call->op);
}

static bool check_calls(const checker_t *checker, list_t calls) {
    for (uint32_t i = 0; i < calls.count; i++)
        if (!check_call(checker, ITEM(calls, call_spec_t, i))) return false;
    return true;
}

static bool check_service(const checker_t *checker, service_spec_t *service) {
    static const duration_t usual = {.median_ns = 5000000, .p99_ns = 25000000};
    uint32_t zone;
    if (!plain_name(service->name)) return REFUSE(checker, service->head.line, "a service's name is too long");
    if (!check_duration(checker, &service->time, &usual) || !check_versions(checker, service)) return false;
    if (service->zones.count == 0) service->zones = checker->scenario->zones;
    for (uint32_t i = 0; i < service->zones.count; i++)
        if (!resolve_zone(checker, service->head.line, ((const char **)service->zones.items)[i], &zone)) return false;
    if (service->operations.count == 0) {
        add_default(checker->scenario, &service->operations, sizeof(operation_spec_t));
        *ITEM(service->operations, operation_spec_t, 0) =
            (operation_spec_t){.name = "GET /", .share = 1, .head.line = service->head.line};
    }
    double shares = 0;
    for (uint32_t i = 0; i < service->operations.count; i++) {
        operation_spec_t *operation = ITEM(service->operations, operation_spec_t, i);
        if (operation->time.head.line > 0 && !check_duration(checker, &operation->time, &usual)) return false;
        shares += operation->share;
    }
    if (shares <= 0)
        return REFUSE(checker, service->head.line, "all operations of '%s' have the share 0", service->name);
    if (service->autoscale.head.line > 0 && service->autoscale.min > service->autoscale.max)
        return REFUSE(checker, service->autoscale.head.line, "'min' is above 'max'; exchange them");
    return true;
}

/* Calls that one request may set off at most, without retries; -1 when it comes back to itself. `state` is 0 for
 * operations not looked at, -1 for those on the way, else the number + 1. */
static double fan_out(const scenario_t *scenario, uint32_t service, uint32_t op, double *state) {
    double *own = &state[service * OPERATIONS_MAX + op];
    if (*own != 0) return *own - (*own > 0 ? 1 : 0);
    *own = -1;
    const service_spec_t *spec = service_at(scenario, service);
    const list_t lists[2] = {spec->calls, ITEM(spec->operations, operation_spec_t, op)->calls};
    double sum = 0;
    for (int l = 0; l < 2; l++)
        for (uint32_t i = 0; i < lists[l].count; i++) {
            const call_spec_t *call = ITEM(lists[l], call_spec_t, i);
            const service_spec_t *callee = service_at(scenario, call->service);
            double most = 0;
            for (uint32_t o = 0; o < callee->operations.count; o++) {
                if (call->op != NONE && call->op != o) continue;
                double below = fan_out(scenario, call->service, o, state);
                if (below < 0) return -1;
                if (below > most) most = below;
            }
            sum += (1 + most) * call->times;
        }
    *own = sum + 1;
    return sum;
}

static bool check_fan_out(const checker_t *checker) {
    const scenario_t *scenario = checker->scenario;
    double *state = memory_new((size_t)scenario->services.count * OPERATIONS_MAX, sizeof *state);
    bool fine = true;
    for (uint32_t s = 0; s < scenario->services.count && fine; s++) {
        const service_spec_t *service = service_at(scenario, s);
        for (uint32_t o = 0; o < service->operations.count && fine; o++) {
            double calls = fan_out(scenario, s, o, state);
            if (calls < 0)
                fine = REFUSE(checker, service->head.line,
                              "calls go round in a circle through '%s'; give it operations, so that they end",
                              service->name);
            else if (calls > CALLS_PER_REQUEST_MAX)
                fine = REFUSE(checker, service->head.line, "a request to '%s' sets off %.0f calls; at most %d",
                              service->name, calls, CALLS_PER_REQUEST_MAX);
        }
    }
    free(state);
    return fine;
}

static uint32_t written_calls(const service_spec_t *service, uint32_t op) {
    const list_t lists[2] = {service->calls, ITEM(service->operations, operation_spec_t, op)->calls};
    uint32_t count = 0;
    for (int l = 0; l < 2; l++)
        for (uint32_t i = 0; i < lists[l].count; i++) count += ITEM(lists[l], call_spec_t, i)->times;
    return count;
}

static bool check_services(const checker_t *checker) {
    scenario_t *scenario = checker->scenario;
    if (scenario->zones.count == 0) {
        add_default(scenario, &scenario->zones, sizeof(const char *));
        *(const char **)scenario->zones.items = "a";
    }
    if (scenario->services.count == 0) return REFUSE(checker, scenario->head.line, "'services' is empty; add one");
    for (uint32_t i = 0; i < scenario->services.count; i++)
        if (!check_service(checker, ITEM(scenario->services, service_spec_t, i))) return false;
    for (uint32_t i = 0; i < scenario->services.count; i++) {
        service_spec_t *service = ITEM(scenario->services, service_spec_t, i);
        if (!check_calls(checker, service->calls)) return false;
        for (uint32_t o = 0; o < service->operations.count; o++) {
            if (!check_calls(checker, ITEM(service->operations, operation_spec_t, o)->calls)) return false;
            if (written_calls(service, o) > CALLS_MAX)
                return REFUSE(checker, service->head.line, "an operation of '%s' makes %u calls; at most %d",
                              service->name, written_calls(service, o), CALLS_MAX);
        }
    }
    return check_fan_out(checker);
}

static bool check_traffic(const checker_t *checker) {
    const scenario_t *scenario = checker->scenario;
    for (uint32_t i = 0; i < scenario->traffic.count; i++) {
        traffic_spec_t *traffic = ITEM(scenario->traffic, traffic_spec_t, i);
        int line = traffic->head.line;
        if (!resolve_service(checker, line, traffic->to, &traffic->service)) return false;
        const service_spec_t *service = service_at(scenario, traffic->service);
        if (!resolve(checker, line, "operation", traffic->operation, next_operation, service, &traffic->op))
            return false;
        if (traffic->period_ns > 0 && traffic->on_ns > traffic->period_ns)
            return REFUSE(checker, line, "'on' is longer than 'every'; make it shorter");
        if ((traffic->period_ns > 0) != (traffic->on_ns > 0))
            return REFUSE(checker, line, "'every' and 'on' belong together; add the other one");
    }
    return true;
}

/* ---- what happens ---- */

/* An instance is SERVICE-VERSION-NUMBER. */
static bool known_instance(const scenario_t *scenario, uint32_t service, const char *name) {
    const service_spec_t *spec = service_at(scenario, service);
    char prefix[2 * NAME_BYTES + 4];
    for (uint32_t v = 0; v < spec->versions.count; v++) {
        int len = snprintf(prefix, sizeof prefix, "%s-%s-", spec->name, next_version(spec, v));
        if (len < 0 || strncmp(name, prefix, (size_t)len) != 0) continue;
        char *end;
        long number = strtol(name + len, &end, 10);
        if (name[len] != '\0' && *end == '\0' && number >= 1 && number <= INSTANCES_MAX) return true;
    }
    return false;
}

static bool check_instance(const checker_t *checker, int line, uint32_t service, const char *instance) {
    if (instance == NULL) return true;
    if (service == NONE) return REFUSE(checker, line, "'instance' needs 'service' beside it; add it");
    if (known_instance(checker->scenario, service, instance)) return true;
    return REFUSE(checker, line, "'%s' is no instance of '%s': they are called SERVICE-VERSION-NUMBER, such as %s-%s-1",
                  instance, service_at(checker->scenario, service)->name, service_at(checker->scenario, service)->name,
                  next_version(service_at(checker->scenario, service), 0));
}

static bool check_version(const checker_t *checker, int line, uint32_t service, const char *version, uint32_t *out) {
    *out = NONE;
    if (version == NULL) return true;
    if (service == NONE) return REFUSE(checker, line, "'version' needs 'service' beside it; add it");
    return resolve(checker, line, "version", version, next_version, service_at(checker->scenario, service), out);
}

static bool check_who(const checker_t *checker, event_spec_t *event) {
    int line = event->head.line;
    who_t *who = &event->who;
    const scenario_t *scenario = checker->scenario;
    if (!resolve_service(checker, line, event->service, &who->service) ||
        !resolve_service(checker, line, event->from, &who->from) ||
        !check_version(checker, line, who->service, event->version, &who->version) ||
        !check_instance(checker, line, who->service, event->instance) ||
        !resolve_zone(checker, line, event->zone, &who->zone) ||
        !resolve_zone(checker, line, event->to_zone, &who->to_zone) ||
        !resolve(checker, line, "source of traffic", event->traffic, next_traffic, scenario, &who->traffic))
        return false;
    if (event->operation == NULL) return true;
    if (who->service == NONE) return REFUSE(checker, line, "'operation' needs 'service' beside it; add it");
    return resolve(checker, line, "operation", event->operation, next_operation, service_at(scenario, who->service),
                   &who->op);
}

static bool check_event(const checker_t *checker, event_spec_t *event) {
    int line = event->head.line;
    if (!check_who(checker, event)) return false;
    bool pair = event->timeout_ns > 0 || event->retries != NONE || event->pool_leak_per_minute > 0;
    bool source = event->surge != 1 || event->client_errors > 0;
    bool telemetry = event->sampling >= 0 || event->silent || event->clock_skew_ns != 0;
    bool path = event->loss > 0 || event->deny != DENY_NO;
    bool work = event->errors > 0 || event->slower != 1 || event->delay_ns > 0 || event->pause_ns > 0 ||
                event->blackhole || event->crash || event->leak_mb_per_minute > 0 || event->places < 1;
    if (!pair && !source && !telemetry && !path && !work)
        return REFUSE(checker, line, "an event without effect; add one, such as 'errors: 20%%' or 'slower: 3'");
    if (pair && (event->who.from == NONE || event->who.service == NONE))
        return REFUSE(checker, line, "'timeout', 'retries' and 'pool_leak_per_minute' need 'from' and 'service'");
    if ((event->pause_ns > 0) != (event->pause_every_ns > 0))
        return REFUSE(checker, line, "'pause' and 'pause_every' belong together; add the other one");
    if (event->pause_ns > 0 && event->pause_ns >= event->pause_every_ns)
        return REFUSE(checker, line, "'pause' is not shorter than 'pause_every'; make it shorter");
    if (event->ramp_ns > 0 && event->for_ns > 0 && event->ramp_ns > event->for_ns)
        return REFUSE(checker, line, "'ramp' is longer than 'for'; make it shorter");
    return true;
}

static bool check_weights(const checker_t *checker, const action_t *action, const service_spec_t *service) {
    int line = action->head.line;
    double sum = 0;
    uint32_t found;
    for (uint32_t i = 0; i < action->weights.count; i++) {
        const weight_spec_t *weight = ITEM(action->weights, weight_spec_t, i);
        sum += weight->weight;
        if (action->kind == DO_SHIFT_ZONES
                ? !resolve_zone(checker, line, weight->name, &found)
                : !resolve(checker, line, "version", weight->name, next_version, service, &found))
            return false;
    }
    if (action->weights.count == 0)
        return REFUSE(checker, line, "%s needs 'weights', such as {v1: 100, v2: 0}; add it",
                      action_names[action->kind]);
    return sum > 0 || REFUSE(checker, line, "all weights are 0; give one some");
}

/* What each action cannot do without. */
static bool check_needs(const checker_t *checker, const action_t *action) {
    const struct {
        uint32_t kind;
        bool there;
        const char *key;
    } needs[] = {{DO_DRAIN_INSTANCE, action->instance != NULL, "instance"},
                 {DO_FAIL_OVER, action->from_zone != NULL, "from_zone"},
                 {DO_SCALE, action->instances != NONE, "instances"},
                 {DO_SET_TIMEOUT, action->timeout_s > 0, "timeout_s"}};
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (action->kind == needs[i].kind && !needs[i].there)
            return REFUSE(checker, action->head.line, "%s needs '%s'; add it", action_names[action->kind],
                          needs[i].key);
    return true;
}

static bool check_action(const checker_t *checker, const action_t *action) {
    int line = action->head.line;
    uint32_t service, caller, version, zone;
    if (!check_needs(checker, action) || !resolve_service(checker, line, action->service, &service) ||
        !resolve_service(checker, line, action->caller, &caller) ||
        !resolve_zone(checker, line, action->from_zone, &zone) ||
        !resolve_zone(checker, line, action->to_zone, &zone) ||
        !check_version(checker, line, service, action->version, &version) ||
        !check_instance(checker, line, service, action->instance))
        return false;
    bool shifts = action->kind == DO_SHIFT_VERSIONS || action->kind == DO_SHIFT_ZONES;
    return !shifts || check_weights(checker, action, service_at(checker->scenario, service));
}

static bool check_actions(const checker_t *checker, list_t actions) {
    for (uint32_t i = 0; i < actions.count; i++)
        if (!check_action(checker, ITEM(actions, action_t, i))) return false;
    return true;
}

static bool check_truth(const checker_t *checker) {
    const truth_t *truth = &checker->scenario->truth;
    uint32_t service, other;
    if (truth->head.line == 0) return true;
    int line = truth->culprit.head.line;
    if (!resolve_service(checker, line, truth->culprit.service, &service) ||
        !check_version(checker, line, service, truth->culprit.version, &other) ||
        !check_instance(checker, line, service, truth->culprit.instance) ||
        !resolve_zone(checker, line, truth->culprit.zone, &other))
        return false;
    for (uint32_t i = 0; i < truth->also.count; i++)
        if (!resolve_service(checker, truth->head.line, ((const char **)truth->also.items)[i], &other)) return false;
    if (!resolve_service(checker, truth->objective.head.line, truth->objective.service, &other)) return false;
    if (truth->routing_heals && truth->cure.count == 0)
        return REFUSE(checker, truth->head.line, "routing_heals is true: say how, in 'cure'");
    return check_actions(checker, truth->cure);
}

static bool check(const checker_t *checker) {
    const scenario_t *scenario = checker->scenario;
    if (!check_services(checker) || !check_traffic(checker)) return false;
    for (uint32_t i = 0; i < scenario->events.count; i++)
        if (!check_event(checker, ITEM(scenario->events, event_spec_t, i))) return false;
    return check_actions(checker, scenario->actions) && check_truth(checker);
}

err_t scenario_read(slice_t text, scenario_t **out, char *why, size_t why_size) {
    scenario_t *scenario = memory_new(1, sizeof *scenario);
    err_t err = schema_read(text, &schema_scenario, scenario, &scenario->document, why, why_size);
    if (err == ERR_OK) {
        const checker_t checker = {scenario, why, why_size};
        if (check(&checker)) {
            *out = scenario;
            return ERR_OK;
        }
    }
    scenario_free(scenario);
    return ERR_INVALID;
}

void scenario_free(scenario_t *scenario) {
    if (scenario == NULL) return;
    schema_free(scenario->document);
    free(scenario);
}

err_t action_read(slice_t text, const scenario_t *scenario, action_t *action, schema_document_t **document, char *why,
                  size_t why_size) {
    char sentence[400] = "";
    *action = (action_t){0};
    err_t err = schema_read(text, &schema_action, action, document, sentence, sizeof sentence);
    const checker_t checker = {(scenario_t *)(uintptr_t)scenario, sentence, sizeof sentence};
    if (err == ERR_OK && !check_action(&checker, action)) {
        schema_free(*document);
        *document = NULL;
        err = ERR_INVALID;
    }
    const char *colon = strchr(sentence, ':'); /* one line: its number says nothing */
    if (err != ERR_OK) (void)snprintf(why, why_size, "%s", colon == NULL ? sentence : colon + 2);
    return err;
}
