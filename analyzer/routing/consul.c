#include "analyzer/routing/consul.h"

#include "analyzer/routing/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what both languages say ---- */

static void subset_name(const char *version, char *out, size_t size) {
    size_t used = 0;
    for (const char *c = version; *c != '\0' && used + 1 < size; c++)
        out[used++] = (char)(isalnum((unsigned char)*c) ? tolower((unsigned char)*c) : '-');
    out[used] = '\0';
}

/* The name under which a live resolver filters for this version; false: none does. */
static bool live_subset(const render_t *render, const char *version, char *out, size_t size) {
    char bare[ACTION_NAME_BYTES + 40], quoted[ACTION_NAME_BYTES + 40];
    size_t index;
    const json_t *object;
    (void)snprintf(bare, sizeof bare, "Service.Meta.version == %s", version);
    (void)snprintf(quoted, sizeof quoted, "Service.Meta.version == \"%s\"", version);
    json_array_foreach((json_t *)render->live, index, object) {
        json_t *subsets = (json_t *)merge_at(object, "Subsets|spec.subsets"), *subset;
        const char *name;
        json_object_foreach(subsets, name, subset) {
            const char *filter = json_string_value(merge_at(subset, "Filter|filter"));
            if (filter == NULL || (strcmp(filter, bare) != 0 && strcmp(filter, quoted) != 0)) continue;
            (void)snprintf(out, size, "%s", name);
            return true;
        }
    }
    return false;
}

void consul_shift_versions(render_t *render, consul_place_t *place) {
    const routing_action_t *action = render->action;
    json_t *subsets = json_object(), *splits = json_array();
    for (uint32_t i = 0; i < action->target_count; i++) {
        const action_target_t *target = &action->targets[i];
        char name[OBJECT_NAME_BYTES], filter[ACTION_NAME_BYTES + 40];
        bool live = live_subset(render, target->name, name, sizeof name);
        if (!live) subset_name(target->name, name, ACTION_NAME_BYTES);
        if (json_object_get(subsets, name) != NULL) /* "1.0" and "1_0" */
            (void)snprintf(name + strlen(name), sizeof name - strlen(name), "-%u", (unsigned)i);
        (void)snprintf(filter, sizeof filter, "Service.Meta.version == \"%s\"", target->name);
        if (!live) (void)json_object_set_new(subsets, name, json_pack("{ss}", "filter", filter));
        json_t *weight =
            target->weight % 100 == 0 ? json_integer(target->weight / 100) : json_real(target->weight / 100.0);
        (void)json_array_append_new(splits, json_pack("{so,ss}", "weight", weight, "serviceSubset", name));
    }
    if (json_object_size(subsets) > 0)
        place(render, "ServiceResolver", action->service, json_object(), json_pack("{so}", "subsets", subsets));
    else
        json_decref(subsets);
    place(render, "ServiceSplitter", action->service, json_object(), json_pack("{so}", "splits", splits));
}

/* What a caller does about this upstream. */
static void upstream(render_t *render, consul_place_t *place, const char *key, json_t *value) {
    const routing_action_t *action = render->action;
    if (action->caller[0] == '\0')
        render_refuse(render, "Consul sets this in the service-defaults of each caller, and no caller is known");
    json_t *override = json_pack("{ss,so}", "name", action->service, key, value);
    place(render, "ServiceDefaults", action->caller, json_object(),
          json_pack("{s{s[o]}}", "upstreamConfig", "overrides", override));
}

void consul_tighten_ejection(render_t *render, consul_place_t *place) {
    const routing_action_t *action = render->action;
    duration_text_t interval, ejection;
    upstream(render, place, "passiveHealthCheck",
             json_pack("{ss,si,si,si,ss}", "interval", render_duration(&interval, action->interval_s), "maxFailures",
                       (int)action->consecutive_errors, "enforcingConsecutive5xx", 100, "maxEjectionPercent",
                       (int)action->max_ejection_percent, "baseEjectionTime",
                       render_duration(&ejection, action->ejection_s)));
}

void consul_circuit_breaker(render_t *render, consul_place_t *place) {
    upstream(render, place, "limits",
             json_pack("{si,si}", "maxConcurrentRequests", (int)render->action->in_flight, "maxPendingRequests",
                       (int)render->action->pending));
}

void consul_rate_limit(render_t *render, consul_place_t *place) {
    int rate = (int)ceil(render->action->requests_per_s);
    place(
        render, "ServiceDefaults", render->action->service, json_object(),
        json_pack("{s{s{si,si}}}", "rateLimits", "instanceLevel", "requestsPerSecond", rate, "requestsMaxBurst", rate));
}

/* A route for everything, unless routes are there. */
static void route(render_t *render, consul_place_t *place, json_t *destination) {
    place(render, "ServiceRouter", render->action->service,
          json_pack("{s[{s{s{ss}}}]}", "routes", "match", "http", "pathPrefix", "/"),
          json_pack("{s[{so}]}", "routes", "destination", destination));
}

void consul_cut_retries(render_t *render, consul_place_t *place) {
    route(render, place, json_pack("{si}", "numRetries", (int)render->action->attempts));
}

void consul_set_timeout(render_t *render, consul_place_t *place) {
    duration_text_t timeout;
    route(render, place, json_pack("{ss}", "requestTimeout", render_duration(&timeout, render->action->timeout_s)));
}

void consul_fail_over(render_t *render, consul_place_t *place) {
    place(render, "ServiceResolver", render->action->service, json_object(),
          json_pack("{s{s{s[{ss}]}}}", "failover", "*", "targets", "datacenter", render->action->to_zone));
}

/* ---- HCL ---- */

static const struct {
    const char *kind, *entry;
} entries[] = {
    {"ServiceSplitter", "service-splitter"},
    {"ServiceResolver", "service-resolver"},
    {"ServiceRouter", "service-router"},
    {"ServiceDefaults", "service-defaults"},
};

static const char *entry_of(const char *kind) {
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        if (strcmp(entries[i].kind, kind) == 0) return entries[i].entry;
    return kind;
}

/* "serviceSubset" as "ServiceSubset", "http" as "HTTP". Keys of the two maps are names, and stay as they are. */
static json_t *capitalised(const json_t *value, bool names) {
    const char *key;
    json_t *item;
    size_t index;
    if (json_is_array(value)) {
        json_t *list = json_array();
        json_array_foreach((json_t *)value, index, item)(void) json_array_append_new(list, capitalised(item, false));
        return list;
    }
    if (!json_is_object(value)) return json_deep_copy(value);
    json_t *object = json_object();
    json_object_foreach((json_t *)value, key, item) {
        char capital[OBJECT_NAME_BYTES];
        (void)snprintf(capital, sizeof capital, "%s", strcmp(key, "http") == 0 ? "HTTP" : key);
        if (!names) capital[0] = (char)toupper((unsigned char)capital[0]);
        bool map = strcmp(key, "subsets") == 0 || strcmp(key, "failover") == 0;
        (void)json_object_set_new(object, names ? key : capital, capitalised(item, map));
    }
    return object;
}

static void backup_name(const placed_t *placed, buffer_t *out) {
    buffer_t name = {0};
    buffer_format(&name, "%s.%s.before.json", placed->name, placed->kind);
    buffer_byte(&name, 0);
    text_shell((const char *)name.data, out);
    buffer_fini(&name);
}

static void consul_call(const placed_t *placed, const char *verb, buffer_t *out) {
    buffer_format(out, "consul config %s -kind %s -name ", verb, placed->kind);
    text_shell(placed->name, out);
}

static void consul_put(const json_t *tree, buffer_t *out) {
    buffer_text(out, "consul config write - <<'EOF'\n");
    text_hcl(tree, out);
    buffer_text(out, "EOF\n");
}

static void consul_apply(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = 0; i < count; i++) {
        if (placed[i].before == NULL) { /* what is there is replaced, so it is kept first */
            consul_call(&placed[i], "read", out);
            buffer_text(out, " > ");
            backup_name(&placed[i], out);
            buffer_text(out, "\n");
        }
        consul_put(placed[i].after, out);
    }
}

static void consul_undo(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = count; i-- > 0;) {
        if (placed[i].before != NULL) {
            consul_put(placed[i].before, out);
            continue;
        }
        buffer_text(out, "if [ -s ");
        backup_name(&placed[i], out);
        buffer_text(out, " ]; then consul config write ");
        backup_name(&placed[i], out);
        buffer_text(out, "; else ");
        consul_call(&placed[i], "delete", out);
        buffer_text(out, "; fi\n");
    }
}

/* Reading an entry that is not there ends like any other error, so the list says first whether it is. */
static void consul_read(const placed_t *placed, size_t count, const char *also, buffer_t *out) {
    (void)also;
    for (size_t i = 0; i < count; i++) {
        buffer_format(out, "names=$(consul config list -kind %s) && ", placed[i].kind);
        buffer_text(out, "if printf '%s\\n' \"$names\" | grep -qxF -e ");
        text_shell(placed[i].name, out);
        buffer_text(out, "; then ");
        consul_call(&placed[i], "read", out);
        buffer_text(out, "; fi\n");
    }
}

static const routing_form_t form_consul = {"hcl", text_hcl, consul_apply, consul_undo, consul_read};

static void place_entry(render_t *render, const char *kind, const char *service, json_t *base, json_t *change) {
    json_t *entry = json_pack("{ss,ss}", "Kind", entry_of(kind), "Name", service);
    json_t *members = capitalised(base, false);
    (void)json_object_update(entry, members);
    json_decref(members);
    render_object(render, &form_consul, entry_of(kind), service, entry, capitalised(change, false));
    json_decref(base);
    json_decref(change);
}

static void shift_versions(render_t *render) {
    consul_shift_versions(render, place_entry);
}
static void tighten_ejection(render_t *render) {
    consul_tighten_ejection(render, place_entry);
}
static void circuit_breaker(render_t *render) {
    consul_circuit_breaker(render, place_entry);
}
static void rate_limit(render_t *render) {
    consul_rate_limit(render, place_entry);
}
static void cut_retries(render_t *render) {
    consul_cut_retries(render, place_entry);
}
static void set_timeout(render_t *render) {
    consul_set_timeout(render, place_entry);
}
static void fail_over(render_t *render) {
    consul_fail_over(render, place_entry);
}

static const merge_rule_t lists[] = {
    {.list = "Splits", .how = LIST_BY, .path = "ServiceSubset", .weighted = true, .whole = "Service"},
    {.list = "Routes", .how = LIST_EACH, .path = "Destination.Service", .absent_too = true},
    {.list = "Overrides", .how = LIST_BY, .path = "Name"},
    {.list = NULL},
};

static const about_rule_t about[] = {
    {"service-splitter", "="},
    {"service-resolver", "="},
    {"service-router", "="},
    {"service-defaults", "="},
    {NULL, NULL},
};

const routing_language_ops language_consul = {
    .name = "consul",
    .title = "Consul",
    .mesh = "consul",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions,
                                       .limits = {CONSUL_LIMIT_WEIGHT, CONSUL_LIMIT_HTTP, CONSUL_LIMIT_WHOLE,
                                                  "instances are told apart by their meta value version"}},
            [ACTION_SHIFT_ZONES] = {NULL, CONSUL_CANNOT_ZONES, ACTION_FAIL_OVER, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, CONSUL_CANNOT_DRAIN, ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {tighten_ejection, .limits = {CONSUL_LIMIT_CALLER, CONSUL_LIMIT_WHOLE}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker, .limits = {CONSUL_LIMIT_CALLER, CONSUL_LIMIT_WHOLE}},
            [ACTION_RATE_LIMIT] = {rate_limit,
                                   .limits = {"rate limits are a feature of Consul Enterprise, from 1.17 on",
                                              CONSUL_LIMIT_WHOLE}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {CONSUL_LIMIT_HTTP, CONSUL_LIMIT_WHOLE}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {CONSUL_LIMIT_HTTP, CONSUL_LIMIT_WHOLE}},
            [ACTION_FAIL_OVER] = {fail_over, .limits = {"Consul fails over between datacenters: the zone's name is "
                                                        "taken for one",
                                                        CONSUL_LIMIT_WHOLE}},
        },
    .lists = lists,
    .about = about,
};
