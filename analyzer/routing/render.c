/* From an action to a change: the language's writer places its objects, each is merged into the live one that is about
 * the same service or stands as a new one, and the forms make the commands. */
#include "analyzer/routing/language.h"
#include "analyzer/routing/text.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_of(const json_t *object) {
    static const char *const keys[] = {"kind", "Kind", "type"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *kind = json_string_value(json_object_get(object, keys[i]));
        if (kind != NULL) return kind;
    }
    return "";
}

/* ---- what writers use ---- */

void render_limit(render_t *render, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t index;
    const json_t *known;
    json_array_foreach(render->limits, index, known) if (strcmp(json_string_value(known), text) == 0) return;
    (void)json_array_append_new(render->limits, json_string(text));
}

void render_refuse(render_t *render, const char *format, ...) {
    if (render->refused[0] != '\0') return; /* the first reason counts */
    va_list args;
    va_start(args, format);
    (void)vsnprintf(render->refused, sizeof render->refused, format, args);
    va_end(args);
}

void render_own_name(const render_t *render, char *out, size_t size) {
    (void)snprintf(out, size, "%.52s-seismesh", render->action->service);
}

json_t *render_kubernetes(render_t *render, const char *api_version, const char *kind, const char *name) {
    json_t *metadata = json_pack("{ss}", "name", name);
    if (render->action->namespace_name[0] != '\0')
        (void)json_object_set_new(metadata, "namespace", json_string(render->action->namespace_name));
    else
        render_limit(render, "the namespace is not in the telemetry: the current one of kubectl is used");
    (void)json_object_set_new(metadata, "labels", json_pack("{ss}", "app.kubernetes.io/managed-by", "seismesh"));
    return json_pack("{ss,ss,so}", "apiVersion", api_version, "kind", kind, "metadata", metadata);
}

json_t *render_spec(json_t *object, json_t *body) {
    (void)json_object_set_new(object, "spec", body);
    return object;
}

bool render_live_has(const render_t *render, const char *kind, const char *path) {
    size_t index;
    const json_t *object;
    json_array_foreach((json_t *)render->live, index, object) {
        if (strcmp(kind_of(object), kind) != 0) continue;
        const json_t *at = merge_at(object, path);
        if (at != NULL) return true;
    }
    return false;
}

/* "cart-v2" is it by name; "cart-svc-v2" too, when it ends in the version. */
static bool is_backend(const render_t *render, const char *name, const char *version, const char *usual) {
    size_t len = strlen(name), tail = strlen(version), head = strlen(render->action->service);
    if (strcmp(name, usual) == 0) return true;
    return len > tail + 1 && strcmp(name + len - tail, version) == 0 && name[len - tail - 1] == '-' &&
           strncmp(name, render->action->service, head) == 0;
}

static const char *find_name(const render_t *render, const json_t *value, const char *version, const char *usual) {
    size_t index;
    const char *key, *found = NULL;
    json_t *item;
    json_array_foreach((json_t *)value, index, item) {
        if (found == NULL) found = find_name(render, item, version, usual);
    }
    if (!json_is_object(value)) return found;
    json_object_foreach((json_t *)value, key, item) {
        bool names = strcmp(key, "name") == 0 || strcmp(key, "service") == 0 || strcmp(key, "virtualNode") == 0 ||
                     strcmp(key, "serviceName") == 0;
        if (found != NULL) break;
        if (names && json_is_string(item)) {
            const char *slash = strrchr(json_string_value(item), '/');
            const char *last = slash != NULL ? slash + 1 : json_string_value(item);
            if (is_backend(render, last, version, usual)) found = json_string_value(item);
        } else {
            found = find_name(render, item, version, usual);
        }
    }
    return found;
}

void render_backend(render_t *render, const char *version, char *out, size_t size) {
    char usual[OBJECT_NAME_BYTES];
    (void)snprintf(usual, sizeof usual, "%s-%s", render->action->service, version);
    for (char *c = usual; *c != '\0'; c++) /* names of Services have no capitals and no dots */
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c == '.' || *c == '_' ? '-' : *c);
    usual[63] = '\0';
    const char *found = render->live == NULL ? NULL : find_name(render, render->live, version, usual);
    (void)snprintf(out, size, "%s", found == NULL ? usual : found);
    if (found == NULL)
        render_limit(render,
                     "version %s must be behind a Service (or node) of its own, here named %s: put "
                     "your name if it has another",
                     version, usual);
}

static uint32_t find_port(const json_t *value) {
    size_t index;
    const char *key;
    json_t *item;
    uint32_t found = 0;
    json_array_foreach((json_t *)value, index, item) if (found == 0) found = find_port(item);
    if (!json_is_object(value)) return found;
    json_object_foreach((json_t *)value, key, item) {
        if (found != 0) break;
        json_int_t port = json_is_integer(item) && strcmp(key, "port") == 0 ? json_integer_value(item) : 0;
        found = port > 0 && port < 65536 ? (uint32_t)port : find_port(item);
    }
    return found;
}

uint32_t render_port(render_t *render) {
    uint32_t port = render->action->port != 0 ? render->action->port : find_port(render->live);
    if (port == 0)
        render_limit(render, "the port of %s is not in the telemetry: 80 is written, put the Service's own",
                     render->action->service);
    return port == 0 ? 80 : port;
}

void render_percents(const routing_action_t *action, uint32_t percents[ACTION_TARGETS_MAX]) {
    uint32_t left = 100;
    for (uint32_t i = 0; i < action->target_count; i++) left -= percents[i] = action->targets[i].weight / 100;
    bool raised[ACTION_TARGETS_MAX] = {false};
    while (left > 0) { /* to whom rounding down took most */
        uint32_t best = ACTION_TARGETS_MAX;
        for (uint32_t i = 0; i < action->target_count; i++)
            if (!raised[i] &&
                (best == ACTION_TARGETS_MAX || action->targets[i].weight % 100 > action->targets[best].weight % 100))
                best = i;
        if (best == ACTION_TARGETS_MAX) break;
        raised[best] = true;
        percents[best]++;
        left--;
    }
}

const char *render_duration(duration_text_t *duration, double seconds) {
    double ms = ceil(seconds * 1000 - 1e-6);
    bool whole = fmod(ms, 1000) == 0;
    (void)snprintf(duration->text, sizeof duration->text, whole ? "%.0fs" : "%.0fms", whole ? ms / 1000 : ms);
    return duration->text;
}

/* ---- placing objects ---- */

static const char *group_of(const json_t *object) {
    const char *version = json_string_value(json_object_get(object, "apiVersion"));
    return version == NULL ? "" : version;
}

/* The same group, whatever the version: "networking.istio.io/v1beta1" as "…/v1". */
static bool same_group(const json_t *a, const json_t *b) {
    const char *x = group_of(a), *y = group_of(b);
    const char *x_end = strchr(x, '/'), *y_end = strchr(y, '/');
    size_t x_len = x_end == NULL ? 0 : (size_t)(x_end - x), y_len = y_end == NULL ? 0 : (size_t)(y_end - y);
    return x_len == y_len && strncmp(x, y, x_len) == 0;
}

static const char *space_of(const json_t *object) {
    const char *space = json_string_value(json_object_get(json_object_get(object, "metadata"), "namespace"));
    return space == NULL ? "" : space;
}

static const char *live_name(const json_t *live) {
    static const char *const paths[] = {"metadata.name", "Name", "name", "routeName", "virtualNodeName"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *name = json_string_value(merge_at(live, paths[i]));
        if (name != NULL) return name;
    }
    return "";
}

/* Whether a live object is the one that `base`, named `name`, stands for. */
static bool is_about(const render_t *render, const merge_names_t *names, const json_t *object, const json_t *base,
                     const char *kind, const char *name) {
    const about_rule_t *rule = render->language->about;
    while (rule != NULL && rule->kind != NULL && strcmp(rule->kind, kind) != 0) rule++;
    if (rule == NULL || rule->kind == NULL) return false;
    if (strcmp(kind_of(object), kind_of(base)) != 0 || !same_group(object, base)) return false;
    const char *space = space_of(object);
    bool by_name = strcmp(rule->about, "=") == 0;
    if (by_name && space[0] != '\0' && space_of(base)[0] != '\0' && strcmp(space, space_of(base)) != 0) return false;
    return by_name ? strcmp(live_name(object), name) == 0 : merge_mentions(names, object, rule->about, true);
}

static void names_of(render_t *render, merge_names_t *names) {
    *names = (merge_names_t){.service = render->action->service, .namespace_name = render->action->namespace_name};
    for (uint32_t i = 0; i < render->action->target_count; i++) {
        char name[OBJECT_NAME_BYTES];
        size_t before = json_array_size(render->limits);
        render_backend(render, render->action->targets[i].name, name, sizeof name);
        while (json_array_size(render->limits) > before) /* only asked, not written */
            (void)json_array_remove(render->limits, json_array_size(render->limits) - 1);
        const char *slash = strrchr(name, '/');
        (void)snprintf(names->backends[names->backend_count++], MERGE_NAME_BYTES, "%s",
                       slash == NULL ? name : slash + 1);
    }
}

/* The live object that this one changes; NULL when there is none. Two are one too many. */
static const json_t *find_live(render_t *render, const merge_names_t *names, const json_t *base, const char *kind,
                               const char *name) {
    size_t index;
    const json_t *object, *found = NULL;
    json_array_foreach((json_t *)render->live, index, object) {
        if (!is_about(render, names, object, base, kind, name)) continue;
        if (found != NULL)
            render_refuse(render, "two live objects of kind %.40s are about %s: give only the one to be changed", kind,
                          names->service);
        found = object;
    }
    return found;
}

void render_object(render_t *render, const routing_form_t *form, const char *kind, const char *name, json_t *base,
                   json_t *change) {
    merge_names_t names;
    char why[256] = "";
    names_of(render, &names);
    const json_t *live = find_live(render, &names, base, kind, name);
    placed_t placed = {.form = form, .before = live == NULL ? NULL : json_deep_copy(live)};
    placed.after = live == NULL ? json_deep_copy(base) : json_deep_copy(live);
    (void)snprintf(placed.kind, sizeof placed.kind, "%s", kind);
    (void)snprintf(placed.name, sizeof placed.name, "%s", name);
    if (live != NULL && live_name(live)[0] != '\0')
        (void)snprintf(placed.name, sizeof placed.name, "%s", live_name(live));
    if (!merge_change(placed.after, change, render->language->lists, live == NULL ? NULL : &names, why, sizeof why))
        render_refuse(render, "%s", why);
    if (render->live != NULL && live == NULL && form != &form_annotate)
        render_limit(render, "what was handed in holds no %s about %s: this one is new", kind, names.service);
    json_decref(base);
    json_decref(change);
    assert(render->count < OBJECTS_MAX);
    bool same = live != NULL && json_equal(placed.before, placed.after);
    if (same) render_limit(render, "the live %s %s says this already", kind, placed.name);
    if (render->refused[0] == '\0' && !same) {
        render->placed[render->count++] = placed;
        return;
    }
    json_decref(placed.before);
    json_decref(placed.after);
}

/* ---- the change ---- */

static void add_object(change_t *change, const placed_t *placed) {
    buffer_t before = {0}, after = {0}, diff = {0}, file = {0};
    placed->form->write(placed->after, &after);
    buffer_byte(&after, 0);
    if (placed->before != NULL) {
        placed->form->write(placed->before, &before);
        buffer_byte(&before, 0);
    }
    buffer_format(&file, "%s/%s.%s", placed->kind, placed->name, placed->form->extension);
    for (size_t i = 0; i < file.len; i++) /* live names are anybody's, and this is one line */
        if (file.data[i] < 0x20 || file.data[i] == 0x7f) file.data[i] = '?';
    buffer_byte(&file, 0);
    const char *old = placed->before == NULL ? NULL : (const char *)before.data;
    text_diff(old, (const char *)after.data, (const char *)file.data, &diff);
    buffer_byte(&diff, 0);
    const char *space = space_of(placed->after);
    (void)json_array_append_new(change->objects,
                                json_pack("{ss,ss,so,so,ss,ss}", "kind", placed->kind, "name", placed->name,
                                          "namespace", space[0] == '\0' ? json_null() : json_string(space), "before",
                                          old == NULL ? json_null() : json_string(old), "after",
                                          (const char *)after.data, "diff", (const char *)diff.data));
    buffer_fini(&before);
    buffer_fini(&after);
    buffer_fini(&diff);
    buffer_fini(&file);
}

/* Runs of one form become one command each; undoing goes the other way round. */
static void add_commands(change_t *change, const render_t *render) {
    for (size_t from = 0, to; from < render->count; from = to) {
        for (to = from + 1; to < render->count && render->placed[to].form == render->placed[from].form;) to++;
        if (change->apply.len > 0) buffer_text(&change->apply, "\n");
        const routing_form_t *form = render->placed[from].form;
        form->apply(&render->placed[from], to - from, &change->apply);
        if (form->read != NULL)
            form->read(&render->placed[from], to - from, render->language->also_read, &change->read);
    }
    for (size_t to = render->count, from; to > 0; to = from) {
        for (from = to - 1; from > 0 && render->placed[from - 1].form == render->placed[to - 1].form;) from--;
        if (change->undo.len > 0) buffer_text(&change->undo, "\n");
        render->placed[from].form->undo(&render->placed[from], to - from, &change->undo);
    }
}

/* What the nearest kind needs and the wanted one has not said. */
static bool fill_nearest(routing_action_t *action, uint8_t kind) {
    uint8_t wanted = action->kind;
    action->kind = kind;
    if (kind == ACTION_TIGHTEN_EJECTION && action->consecutive_errors == 0) {
        action->consecutive_errors = 5;
        action->interval_s = 10;
        action->ejection_s = 30;
        action->max_ejection_percent = 50;
    }
    if (kind == ACTION_FAIL_OVER && wanted == ACTION_SHIFT_ZONES) {
        uint32_t least = 0, most = 0;
        for (uint32_t i = 1; i < action->target_count; i++) {
            if (action->targets[i].weight < action->targets[least].weight) least = i;
            if (action->targets[i].weight > action->targets[most].weight) most = i;
        }
        memcpy(action->from_zone, action->targets[least].name, sizeof action->from_zone);
        memcpy(action->to_zone, action->targets[most].name, sizeof action->to_zone);
        if (least == most) return false;
        action->target_count = 0;
    }
    return action_valid(action, NULL);
}

static void write_row(render_t *render, const routing_row_t *row) {
    row->write(render);
    for (size_t i = 0; i < LIMITS_MAX && row->limits[i] != NULL; i++) render_limit(render, "%s", row->limits[i]);
}

static void fini_placed(render_t *render) {
    for (size_t i = 0; i < render->count; i++) {
        json_decref(render->placed[i].before);
        json_decref(render->placed[i].after);
    }
    render->count = 0;
}

static json_t *unwrapped(const routing_language_ops *language, const json_t *live) {
    json_t *list = json_array();
    size_t index;
    json_t *object;
    json_array_foreach((json_t *)live, index, object) {
        const json_t *inner = language->unwrap == NULL ? object : language->unwrap(object);
        (void)json_array_append_new(list, json_deep_copy(inner));
    }
    return list;
}

static void say_cannot(change_t *change, const routing_language_ops *language, const routing_action_t *action,
                       const routing_row_t *row, uint8_t instead) {
    (void)snprintf(change->cannot, sizeof change->cannot, "%s cannot express %s: %s%s%s", language->title,
                   action_kind_words(action->kind), row->cannot == NULL ? "it has no field for it" : row->cannot,
                   instead == ACTION_NONE ? "" : ". The nearest that it can is ",
                   instead == ACTION_NONE ? "" : action_kind_words(instead));
}

bool routing_render(const routing_language_ops *language, const routing_action_t *action, const json_t *live,
                    change_t *change) {
    *change = (change_t){.language = language, .objects = json_array(), .limits = json_array()};
    routing_action_t used = *action;
    json_t *objects = live == NULL ? NULL : unwrapped(language, live);
    render_t render = {.language = language, .action = &used, .live = objects, .limits = change->limits};
    if (language->status != NULL) render_limit(&render, "%s", language->status);
    const char *why = "";
    if (!action_valid(action, &why)) {
        (void)snprintf(change->cannot, sizeof change->cannot,
                       "nothing is written, because the action's %s is not one that a mesh would take", why);
    } else {
        const routing_row_t *row = &language->rows[action->kind];
        uint8_t instead = ACTION_NONE;
        if (row->write == NULL) {
            instead = row->nearest;
            if (instead != ACTION_NONE && (language->rows[instead].write == NULL || !fill_nearest(&used, instead)))
                instead = ACTION_NONE;
            say_cannot(change, language, action, row, instead);
            row = &language->rows[instead];
        }
        if (row->write != NULL) write_row(&render, row);
    }
    if (render.refused[0] != '\0') {
        fini_placed(&render);
        (void)snprintf(change->cannot, sizeof change->cannot, "%s", render.refused);
    }
    if (render.count == 0 && change->cannot[0] == '\0')
        (void)snprintf(change->cannot, sizeof change->cannot,
                       "nothing is to be changed: the live objects say this already");
    for (size_t i = 0; i < render.count; i++) add_object(change, &render.placed[i]);
    add_commands(change, &render);
    buffer_byte(&change->apply, 0);
    buffer_byte(&change->undo, 0);
    buffer_byte(&change->read, 0);
    fini_placed(&render);
    json_decref(objects);
    return json_array_size(change->objects) > 0;
}

static json_t *text_or_null(const char *text) {
    return text[0] == '\0' ? json_null() : json_string(text);
}

static void put(const change_t *change, json_t *into) {
    (void)json_object_set_new(into, "mesh", json_string(change->language->name));
    (void)json_object_set(into, "objects", change->objects);
    (void)json_object_set_new(into, "apply", json_string((const char *)change->apply.data));
    (void)json_object_set_new(into, "undo", json_string((const char *)change->undo.data));
    (void)json_object_set_new(into, "read", text_or_null((const char *)change->read.data));
    (void)json_object_set(into, "limits", change->limits);
    (void)json_object_set_new(into, "cannot", text_or_null(change->cannot));
}

void change_into(const change_t *change, const routing_action_t *action, json_t *document) {
    put(change, document);
    const routing_language_ops *other =
        change->language->beside == NULL ? NULL : routing_language(change->language->beside);
    (void)json_object_set_new(document, "beside", json_null());
    if (other == NULL) return;
    change_t beside;
    (void)routing_render(other, action, NULL, &beside);
    json_t *second = json_object();
    put(&beside, second);
    (void)json_object_set_new(document, "beside", second);
    change_fini(&beside);
}

void change_fini(change_t *change) {
    json_decref(change->objects);
    json_decref(change->limits);
    buffer_fini(&change->apply);
    buffer_fini(&change->undo);
    buffer_fini(&change->read);
}
