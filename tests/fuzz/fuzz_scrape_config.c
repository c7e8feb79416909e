/* Any text as a `scrape:` section, as a file of targets, and as a pod of the Kubernetes API. */
#include "collector/scrape/kubernetes_pod.h"
#include "collector/scrape/targets.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_section(const char *text) {
    char why[200] = "";
    scrape_config_t *config = NULL;
    if (scrape_config_parse(text, 1, &config, why, sizeof why) == ERR_OK)
        scrape_config_free(config);
    else if (why[0] == '\0')
        abort(); /* a refusal without a reason */
}

static void read_groups(slice_t text) {
    static const scrape_job_t job = {.name = "job", .scheme = "http", .metrics_path = "/metrics", .interval_s = 15};
    yaml_tree_t tree;
    target_groups_t groups = {0};
    targets_t targets;
    char why[200];
    if (!yaml_tree_load(&tree, text, 1, why, sizeof why)) return;
    const yaml_node_t *root = yaml_root(&tree);
    targets_init(&targets, 100);
    if (root != NULL && target_groups_read(&tree, root, &groups))
        for (size_t i = 0; i < groups.count; i++) targets_add_group(&targets, 1, &job, &groups.list[i]);
    targets_begin(&targets, 1);
    targets_end(&targets, 1);
    if (targets.count != 0) abort();
    targets_fini(&targets);
    target_groups_free(&groups);
    yaml_tree_fini(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = calloc(1, size + 1);
    memcpy(text, data, size);
    read_section(text);
    read_groups(slice_of(data, size));
    json_t *pod = json_loadb(text, size, 0, NULL);
    pod_free(pod_read(pod));
    json_decref(pod);
    free(text);
    return 0;
}
