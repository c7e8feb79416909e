#include "analyzer/routing/merge.h"

#include "base/slice.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const merge_rule_t *rules;
    const merge_names_t *names;
    char *why;
    size_t why_size;
} merge_t;

static bool refuse(const merge_t *merge, const char *what, const char *name) {
    (void)snprintf(merge->why, merge->why_size, what, name);
    return false;
}

bool merge_is_service(const merge_names_t *names, const char *text) {
    const char *slash = strrchr(text, '/');
    if (slash != NULL) text = slash + 1;
    size_t len = strlen(names->service), space = strlen(names->namespace_name);
    if (strncmp(text, names->service, len) != 0) return false;
    if (text[len] == '\0') return true;
    if (text[len] != '.') return false;
    text += len + 1;
    if (space == 0) return strstr(text, ".svc") != NULL || strchr(text, '.') == NULL;
    return strncmp(text, names->namespace_name, space) == 0 && (text[space] == '\0' || text[space] == '.');
}

static bool names_it(const merge_names_t *names, const char *text, bool backends) {
    if (merge_is_service(names, text)) return true;
    const char *slash = strrchr(text, '/');
    for (uint32_t i = 0; backends && i < names->backend_count; i++)
        if (strcmp(names->backends[i], text) == 0 || (slash != NULL && strcmp(names->backends[i], slash + 1) == 0))
            return true;
    return false;
}

/* Takes the first member off a path. */
static slice_t next_part(slice_t *path) {
    bool bracket = path->len > 0 && path->data[0] == '[';
    const uint8_t *end = memchr(path->data, bracket ? ']' : '.', path->len);
    size_t len = end == NULL ? path->len : (size_t)(end - path->data);
    slice_t part = bracket ? slice_of(path->data + 1, len - 1) : slice_of(path->data, len);
    size_t used = len + (bracket && len < path->len);
    used += used < path->len; /* the dot */
    *path = slice_of(path->data + used, path->len - used);
    return part;
}

static slice_t next_alternative(const char **paths) {
    size_t len = strcspn(*paths, "|");
    slice_t path = slice_of(*paths, len);
    *paths += len + ((*paths)[len] == '|');
    return path;
}

/* True at the first value at the path that names the service. */
static bool any_at(const json_t *value, slice_t path, const merge_names_t *names, bool backends, bool *seen) {
    size_t index;
    const json_t *item;
    if (json_is_array(value)) {
        json_array_foreach((json_t *)value, index, item) if (any_at(item, path, names, backends, seen)) return true;
        return false;
    }
    if (path.len == 0) {
        if (!json_is_string(value)) return false;
        *seen = true;
        return names_it(names, json_string_value(value), backends);
    }
    slice_t part = next_part(&path);
    if (slice_is(part, "*")) {
        const char *key;
        json_t *each;
        json_object_foreach((json_t *)value, key, each) if (any_at(each, path, names, backends, seen)) return true;
        return false;
    }
    const json_t *member = json_object_getn(value, (const char *)part.data, part.len);
    return member != NULL && any_at(member, path, names, backends, seen);
}

static bool any_of(const json_t *value, const char *paths, const merge_names_t *names, bool backends, bool *seen) {
    while (*paths != '\0')
        if (any_at(value, next_alternative(&paths), names, backends, seen)) return true;
    return false;
}

const json_t *merge_at(const json_t *value, const char *paths) {
    while (*paths != '\0') {
        slice_t path = next_alternative(&paths);
        const json_t *at = value;
        while (at != NULL && path.len > 0) {
            slice_t part = next_part(&path);
            at = json_object_getn(at, (const char *)part.data, part.len);
        }
        if (at != NULL) return at;
    }
    return NULL;
}

bool merge_mentions(const merge_names_t *names, const json_t *object, const char *path, bool backends) {
    bool seen = false;
    return any_of(object, path, names, backends, &seen);
}

static bool is_meant(const merge_t *merge, const merge_rule_t *rule, const json_t *element) {
    bool seen = false;
    if (merge->names == NULL || rule->path == NULL) return true;
    if (any_of(element, rule->path, merge->names, true, &seen)) return true;
    return rule->absent_too && !seen;
}

static bool merge_value(const merge_t *merge, json_t *into, const json_t *change);

static bool merge_each(const merge_t *merge, const merge_rule_t *rule, json_t *into, const json_t *change) {
    size_t index, meant = 0;
    json_t *element;
    json_array_foreach(into, index, element) {
        if (!json_is_object(element) || !is_meant(merge, rule, element)) continue;
        meant++;
        if (!merge_value(merge, element, json_array_get(change, 0))) return false;
    }
    return meant > 0 || refuse(merge, "nothing in the live object's list %s is about this service", rule->list);
}

static json_t *counterpart(const json_t *list, const merge_rule_t *rule, const json_t *of) {
    size_t index;
    json_t *element;
    const json_t *key = merge_at(of, rule->path);
    json_array_foreach((json_t *)list, index, element) {
        const json_t *other = merge_at(element, rule->path);
        if (key == NULL ? other == NULL : other != NULL && json_equal(key, other)) return element;
    }
    return NULL;
}

/* Takes out what stands for the whole service; false when traffic goes somewhere that the change does not know. */
static bool take_out_whole(const merge_t *merge, const merge_rule_t *rule, json_t *into, const json_t *change,
                           json_t **whole) {
    for (size_t i = json_array_size(into); i-- > 0;) {
        json_t *element = json_array_get(into, i);
        if (counterpart(change, rule, element) != NULL) continue;
        const json_t *key = merge_at(element, rule->path), *weight = json_object_get(element, "weight");
        if (weight == NULL) weight = json_object_get(element, "Weight");
        const char *name = json_string_value(key);
        bool is_whole = merge->names != NULL &&
                        (name == NULL ? rule->whole != NULL && merge_mentions(merge->names, element, rule->whole, false)
                                      : merge_is_service(merge->names, name));
        if (is_whole) {
            if (*whole == NULL) *whole = json_deep_copy(element);
            (void)json_array_remove(into, i);
        } else if (weight == NULL || json_number_value(weight) > 0) {
            return refuse(merge, "the live object also sends traffic to %.80s, which the suggestion does not know",
                          name == NULL ? "something else" : name);
        }
    }
    return true;
}

static bool merge_by(const merge_t *merge, const merge_rule_t *rule, json_t *into, const json_t *change) {
    size_t index;
    json_t *ours, *whole = NULL;
    bool fine = !rule->weighted || take_out_whole(merge, rule, into, change, &whole);
    json_array_foreach((json_t *)change, index, ours) {
        json_t *theirs = fine ? counterpart(into, rule, ours) : NULL;
        if (theirs == NULL && fine) {
            theirs = whole == NULL ? json_object() : json_deep_copy(whole);
            (void)json_array_append_new(into, theirs);
        }
        fine = fine && merge_value(merge, theirs, ours);
    }
    json_decref(whole);
    return fine;
}

static bool merge_member(const merge_t *merge, json_t *into, const char *key, json_t *value) {
    json_t *there = json_object_get(into, key);
    if (json_is_object(there) && json_is_object(value)) return merge_value(merge, there, value);
    if (json_is_array(there) && json_is_array(value))
        for (const merge_rule_t *rule = merge->rules; rule != NULL && rule->list != NULL; rule++)
            if (strcmp(rule->list, key) == 0)
                return rule->how == LIST_EACH ? merge_each(merge, rule, there, value)
                                              : merge_by(merge, rule, there, value);
    if (there != NULL && merge->names != NULL && strcmp(key, "port") == 0) return true;
    return json_object_set_new(into, key, json_deep_copy(value)) == 0;
}

static bool merge_value(const merge_t *merge, json_t *into, const json_t *change) {
    const char *key;
    json_t *value;
    if (!json_is_object(into)) return refuse(merge, "the live object has another shape than expected%s", "");
    json_object_foreach((json_t *)change, key, value) if (!merge_member(merge, into, key, value)) return false;
    return true;
}

bool merge_change(json_t *into, const json_t *change, const merge_rule_t *rules, const merge_names_t *names, char *why,
                  size_t why_size) {
    merge_t merge = {rules, names, why, why_size};
    return merge_value(&merge, into, change);
}
