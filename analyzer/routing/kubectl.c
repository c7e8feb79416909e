/* The forms of Kubernetes: whole objects through `kubectl apply`, and annotations on Services that are there already
 * (an object that is only annotations would not be a Service that the API server takes). */
#include "analyzer/routing/language.h"
#include "analyzer/routing/text.h"

#include <ctype.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static void in_namespace(const json_t *tree, buffer_t *out) {
    const char *space = text_at(json_object_get(tree, "metadata"), "namespace");
    if (space[0] == '\0') return;
    buffer_text(out, "-n ");
    text_shell(space, out);
    buffer_text(out, " ");
}

/* "virtualservice.networking.istio.io": constants of the languages, or a live object's own. */
static void resource_type(const placed_t *placed, buffer_t *name) {
    for (const char *c = text_at(placed->after, "kind"); *c != '\0'; c++)
        buffer_byte(name, (uint8_t)tolower((unsigned char)*c));
    const char *group = text_at(placed->after, "apiVersion"), *slash = strchr(group, '/');
    if (slash != NULL) buffer_format(name, ".%.*s", (int)(slash - group), group);
}

/* "virtualservice.networking.istio.io/cart" */
static void resource(const placed_t *placed, buffer_t *out) {
    buffer_t name = {0};
    resource_type(placed, &name);
    buffer_format(&name, "/%s", placed->name);
    buffer_byte(&name, 0);
    text_shell((const char *)name.data, out);
    buffer_fini(&name);
}

/* Every line of the YAML begins with a key or a dash, and all else is quoted on its line: none is "EOF" alone. */
static void apply_texts(const placed_t *placed, size_t count, bool before, buffer_t *out) {
    buffer_text(out, "kubectl apply -f - <<'EOF'\n");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_text(out, "---\n");
        text_yaml(before ? placed[i].before : placed[i].after, out);
    }
    buffer_text(out, "EOF\n");
}

static void apply(const placed_t *placed, size_t count, buffer_t *out) {
    apply_texts(placed, count, false, out);
}

static void undo(const placed_t *placed, size_t count, buffer_t *out) {
    size_t news = 0;
    for (size_t i = 0; i < count; i++) news += placed[i].before == NULL;
    if (news > 0) {
        buffer_text(out, "kubectl delete ");
        in_namespace(placed[0].after, out);
        for (size_t i = count; i-- > 0;) {
            if (placed[i].before != NULL) continue;
            resource(&placed[i], out);
            if (--news > 0) buffer_text(out, " ");
        }
        buffer_text(out, "\n");
    }
    for (size_t i = count; i-- > 0;)
        if (placed[i].before != NULL) apply_texts(&placed[i], 1, true, out);
}

static void read_live(const placed_t *placed, size_t count, const char *also, buffer_t *out) {
    buffer_t types = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_byte(&types, ',');
        resource_type(&placed[i], &types);
    }
    if (also != NULL) buffer_format(&types, ",%s", also);
    buffer_byte(&types, 0);
    buffer_text(out, "kubectl get ");
    in_namespace(placed[0].after, out);
    text_shell((const char *)types.data, out);
    buffer_text(out, " -o json\n");
    buffer_fini(&types);
}

const routing_form_t form_kubectl = {"yaml", text_yaml, apply, undo, read_live};

static void annotate(const placed_t *placed, bool back, buffer_t *out) {
    buffer_text(out, "kubectl annotate --overwrite ");
    in_namespace(placed->after, out);
    resource(placed, out);
    const json_t *before = json_object_get(json_object_get(placed->before, "metadata"), "annotations");
    const json_t *after = json_object_get(json_object_get(placed->after, "metadata"), "annotations");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)after, key, value) {
        const json_t *old = json_object_get(before, key);
        if (placed->before != NULL && old != NULL && json_equal(old, value)) continue;
        const json_t *to = back ? old : value;
        buffer_t word = {0};
        if (to == NULL)
            buffer_format(&word, "%s-", key);
        else
            buffer_format(&word, "%s=%s", key, json_is_string(to) ? json_string_value(to) : "");
        buffer_byte(&word, 0);
        buffer_text(out, " ");
        text_shell((const char *)word.data, out);
        buffer_fini(&word);
    }
    buffer_text(out, "\n");
}

static void apply_annotations(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = 0; i < count; i++) annotate(&placed[i], false, out);
}

static void undo_annotations(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = count; i-- > 0;) annotate(&placed[i], true, out);
}

const routing_form_t form_annotate = {"yaml", text_yaml, apply_annotations, undo_annotations, read_live};
