/* groups: lists of targets with the labels that they share, as static_configs has them and files of file_sd_configs do:
 *
 *     - targets: [10.0.0.1:15020, 10.0.0.2:15020]
 *       labels: {namespace: shop}
 *
 * Texts are borrowed from the document. */
#ifndef SEISMESH_SCRAPE_GROUPS_H
#define SEISMESH_SCRAPE_GROUPS_H

#include "base/yaml_tree.h"
#include "collector/scrape/translate.h"

typedef struct {
    const char **addresses; /* HOST:PORT, or HOST */
    size_t count;
    origin_label_t *labels; /* ended by a name of NULL; names that begin with "__" are instructions (targets.h) */
} target_group_t;

typedef struct {
    target_group_t *list;
    size_t count;
} target_groups_t;

/* Reads a list of groups. False, with the sentence in tree->why, when it is none; what was read must be freed all the
 * same. */
bool target_groups_read(yaml_tree_t *tree, const yaml_node_t *node, target_groups_t *groups);
void target_groups_free(target_groups_t *groups);

/* A mapping of texts as labels; `any_key` = keys may be other than label names. Freed by the caller. */
bool labels_read(yaml_tree_t *tree, const yaml_node_t *node, const char *what, bool any_key, origin_label_t **labels);

/* A list of texts. Freed by the caller. */
bool texts_read(yaml_tree_t *tree, const yaml_node_t *node, const char *what, const char ***texts, size_t *count);

#endif
