/* Routing objects from arbitrary names, and arbitrary live objects. The input's first bytes choose the kind of action,
 * the language, and which names are arbitrary; the rest are the names, one a line, and behind a zero byte a live
 * object.
 *
 *   1. Whatever routing_render writes reads back (YAML by libyaml, JSON by jansson) as one object that is the same
 * again when it is written again, and no line ends a here document.
 *   2. A name that is not valid gives no object at all.
 *   3. A name that is valid reaches only values: the object has the members that it has with ordinary names. */
#include "analyzer/routing/text.h"
#include "tests/analyzer/routing/actions.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail_if(bool wrong, const char *what) {
    if (!wrong) return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

/* Values away; of lists as many elements; keys stay, but for those that are names themselves. */
static json_t *shape_of(const json_t *value, bool names) {
    const char *key;
    json_t *item;
    size_t index;
    if (json_is_array(value)) {
        json_t *list = json_array();
        json_array_foreach((json_t *)value, index, item)(void) json_array_append_new(list, shape_of(item, false));
        return list;
    }
    if (!json_is_object(value)) return json_null();
    json_t *object = json_object();
    size_t count = 0;
    json_object_foreach((json_t *)value, key, item) {
        char numbered[32];
        (void)snprintf(numbered, sizeof numbered, "name %zu", count++);
        bool map = strcmp(key, "subsets") == 0 || strcmp(key, "Subsets") == 0 || strcmp(key, "to") == 0 ||
                   strcmp(key, "services") == 0 || strcmp(key, "middlewares") == 0 ||
                   strcmp(key, "serversTransports") == 0;
        (void)json_object_set_new(object, names ? numbered : key, shape_of(item, map && json_is_object(item)));
    }
    return object;
}

static json_t *reads_back(const routing_language_ops *language, const char *text) {
    json_t *objects = NULL;
    char why[200];
    if (strcmp(language->name, "consul") == 0) return NULL; /* HCL: judged by Consul's own reader in tests/interop */
    fail_if(text_read(slice_text(text), &objects, why, sizeof why) != ERR_OK, why);
    fail_if(json_array_size(objects) != 1, "more than one object");
    buffer_t again = {0};
    json_t *object = json_incref(json_array_get(objects, 0));
    (strcmp(language->name, "app-mesh") == 0 ? text_json : text_yaml)(object, &again);
    buffer_byte(&again, 0);
    fail_if(strcmp((const char *)again.data, text) != 0, "not the same when written again");
    buffer_fini(&again);
    json_decref(objects);
    return object;
}

static void check_change(const routing_language_ops *language, const change_t *change, const change_t *usual) {
    size_t index;
    const json_t *object;
    fail_if(usual != NULL && json_array_size(change->objects) != json_array_size(usual->objects), "other objects");
    json_array_foreach(change->objects, index, object) {
        json_t *tree = reads_back(language, json_string_value(json_object_get(object, "after")));
        if (usual != NULL && tree != NULL) {
            const json_t *other = json_array_get(usual->objects, index);
            json_t *ordinary = reads_back(language, json_string_value(json_object_get(other, "after")));
            json_t *one = shape_of(tree, false), *two = shape_of(ordinary, false);
            fail_if(!json_equal(one, two), "a name reached another field");
            json_decref(one);
            json_decref(two);
            json_decref(ordinary);
        }
        json_decref(tree);
    }
    const char *apply = (const char *)change->apply.data, *at = apply;
    size_t ends = 0, begins = 0;
    for (; (at = strstr(at, "<<'EOF'\n")) != NULL; at++) begins++;
    for (at = apply; (at = strstr(at, "\nEOF\n")) != NULL; at++) ends++;
    fail_if(begins != ends, "a here document ends early");
}

static bool next_line(const uint8_t **data, size_t *size, char *out, size_t out_size) {
    size_t len = 0;
    if (*size == 0) return false;
    while (len < *size && (*data)[len] != '\n') len++;
    size_t used = len < out_size - 1 ? len : out_size - 1;
    memset(out, 0, out_size);
    memcpy(out, *data, used);
    len += len < *size;
    *data += len;
    *size -= len;
    return true;
}

static json_t *live_of(slice_t text) {
    json_t *objects = NULL;
    char why[200];
    return text.len > 0 && text_read(text, &objects, why, sizeof why) == ERR_OK ? objects : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    size_t languages = 0;
    while (routing_languages[languages] != NULL) languages++;
    const routing_language_ops *language = routing_languages[data[0] % languages];
    routing_action_t usual = sample_action((uint8_t)(1 + data[1] % (ACTION_KINDS - 1))), action = usual;
    uint8_t which = data[2];
    data += 3;
    size -= 3;
    const uint8_t *zero = memchr(data, 0, size);
    slice_t live = zero == NULL ? slice_of(NULL, 0) : slice_of(zero + 1, size - (size_t)(zero - data) - 1);
    if (zero != NULL) size = (size_t)(zero - data);
    bool changed = false;
    for (unsigned i = 0; i < ACTION_TEXTS; i++) {
        size_t room;
        char *text = action_text(&action, i, &room);
        if ((which >> i & 1) != 0) changed |= next_line(&data, &size, text, room);
    }
    change_t ordinary, change;
    json_t *objects = live_of(live);
    (void)routing_render(language, &usual, NULL, &ordinary);
    (void)routing_render(language, &action, NULL, &change);
    bool valid = action_valid(&action, NULL);
    fail_if(!valid && json_array_size(change.objects) > 0, "an object with a name that is not valid");
    /* An empty name is one that is not known, which leaves a member out, and two zones of a region are refused. */
    bool comparable = valid && changed && action.namespace_name[0] != '\0' && action.caller[0] != '\0' &&
                      usual.kind != ACTION_FAIL_OVER && usual.kind != ACTION_SHIFT_ZONES;
    check_change(language, &change, comparable ? &ordinary : NULL);
    change_fini(&change);
    change_fini(&ordinary);
    if (objects != NULL) {
        (void)routing_render(language, &action, objects, &change);
        check_change(language, &change, NULL);
        change_fini(&change);
        json_decref(objects);
    }
    return 0;
}
