#include "collector/scrape/groups.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>

typedef struct {
    const char *what;
    const char **texts;
    size_t *count;
} texts_t;

static bool add_text(yaml_tree_t *tree, void *context, size_t index, const yaml_node_t *item) {
    texts_t *texts = context;
    if (!yaml_text(tree, item, texts->what, &texts->texts[index])) return false;
    if (texts->texts[index][0] == '\0') return yaml_fail(tree, item, "an empty text among %s", texts->what);
    *texts->count = index + 1;
    return true;
}

bool texts_read(yaml_tree_t *tree, const yaml_node_t *node, const char *what, const char ***out, size_t *count) {
    *out = memory_new(yaml_count(node) + 1, sizeof **out);
    *count = 0;
    return yaml_sequence(tree, node, what, add_text, &(texts_t){what, *out, count});
}

typedef struct {
    const char *what;
    bool any_key;
    origin_label_t *next;
} labels_t;

static bool is_label_name(const char *name) {
    if (!isalpha((unsigned char)name[0]) && name[0] != '_') return false;
    for (; *name != '\0'; name++)
        if (!isalnum((unsigned char)*name) && *name != '_') return false;
    return true;
}

static bool add_label(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    labels_t *labels = context;
    if (key[0] == '\0' || (!labels->any_key && !is_label_name(key)))
        return yaml_fail(tree, value, "'%.60s' is no name of a label; letters, digits and '_' make one", key);
    labels->next->name = key;
    if (!yaml_text(tree, value, key, &labels->next->value)) {
        labels->next->name = NULL;
        return false;
    }
    labels->next++;
    return true;
}

bool labels_read(yaml_tree_t *tree, const yaml_node_t *node, const char *what, bool any_key, origin_label_t **out) {
    *out = memory_new(yaml_count(node) + 1, sizeof **out);
    return yaml_mapping(tree, node, what, add_label, &(labels_t){what, any_key, *out});
}

static bool group_member(yaml_tree_t *tree, void *context, const char *key, const yaml_node_t *value) {
    target_group_t *group = context;
    if (strcmp(key, "targets") == 0) return texts_read(tree, value, "targets", &group->addresses, &group->count);
    if (strcmp(key, "labels") == 0) return labels_read(tree, value, "labels", false, &group->labels);
    return yaml_unknown(tree, value, key, "a group of targets");
}

static bool add_group(yaml_tree_t *tree, void *context, size_t index, const yaml_node_t *item) {
    target_groups_t *groups = context;
    groups->count = index + 1;
    return yaml_mapping(tree, item, "a group of targets", group_member, &groups->list[index]);
}

bool target_groups_read(yaml_tree_t *tree, const yaml_node_t *node, target_groups_t *groups) {
    *groups = (target_groups_t){.list = memory_new(yaml_count(node) + 1, sizeof *groups->list)};
    return yaml_sequence(tree, node, "groups of targets", add_group, groups);
}

void target_groups_free(target_groups_t *groups) {
    for (size_t i = 0; i < groups->count; i++) {
        free(groups->list[i].addresses);
        free(groups->list[i].labels);
    }
    free(groups->list);
    *groups = (target_groups_t){0};
}
