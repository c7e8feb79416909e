/* Files with groups of targets, in JSON or YAML, found by patterns. They are looked at every two seconds and read when
 * their size, time or inode has changed, or others have come. A file that cannot be read or is broken keeps the targets
 * that it had; a file that is gone takes them along. So does Prometheus. */
#include "base/clock.h"
#include "base/memory.h"
#include "collector/scrape/discovery.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILES_MAX = 1000, LOOK_EVERY_S = 2 };

typedef struct {
    char *path;
    int64_t changed_ns;
    uint64_t size, inode;
    yaml_tree_t tree; /* of the last good version; the texts of `groups` */
    target_groups_t groups;
    char broken[200]; /* what is wrong with the version that was read last; "" = nothing */
} target_file_t;

typedef struct {
    discovery_t base;
    const file_discovery_t *config;
    int64_t look_ns;
    target_file_t **files; /* in the order of the paths */
    size_t count, left_out;
} files_discovery_t;

static void file_free(target_file_t *file) {
    target_groups_free(&file->groups);
    yaml_tree_fini(&file->tree);
    free(file->path);
    free(file);
}

static bool read_text(const char *path, buffer_t *text, char *why, size_t size) {
    FILE *stream = fopen(path, "rb");
    size_t got = 0;
    if (stream != NULL) {
        do {
            got = fread(buffer_reserve(text, 65536), 1, 65536, stream);
            text->len += got;
        } while (got > 0 && text->len <= YAML_TREE_BYTES_MAX);
        bool fine = ferror(stream) == 0;
        (void)fclose(stream);
        if (fine) return true;
    }
    (void)snprintf(why, size, "cannot be read: %s", strerror(errno));
    return false;
}

/* Takes the new version where it is a good one. */
static void read_file(target_file_t *file) {
    buffer_t text = {0};
    yaml_tree_t tree = {0};
    target_groups_t groups = {0};
    file->broken[0] = '\0';
    bool fine = read_text(file->path, &text, file->broken, sizeof file->broken) &&
                yaml_tree_load(&tree, buffer_slice(&text), 1, file->broken, sizeof file->broken);
    const yaml_node_t *root = fine ? yaml_root(&tree) : NULL;
    if (root != NULL) fine = target_groups_read(&tree, root, &groups);
    tree.why = NULL;
    tree.why_size = 0;
    if (fine) {
        target_groups_free(&file->groups);
        yaml_tree_fini(&file->tree);
        file->tree = tree;
        file->groups = groups;
    } else {
        target_groups_free(&groups);
        yaml_tree_fini(&tree);
    }
    buffer_fini(&text);
}

/* Whether it is another version than the one that was read last. */
static bool has_changed(target_file_t *file) {
    struct stat now;
    if (stat(file->path, &now) != 0) return false; /* it went between glob and here: the next look sees it */
    int64_t changed_ns = (int64_t)now.st_mtim.tv_sec * NS_PER_S + now.st_mtim.tv_nsec;
    bool same = file->changed_ns == changed_ns && file->size == (uint64_t)now.st_size && file->inode == now.st_ino;
    file->changed_ns = changed_ns;
    file->size = (uint64_t)now.st_size;
    file->inode = now.st_ino;
    return !same;
}

/* The known file of this path, taken out of the old list, or a new one. */
static target_file_t *take_file(files_discovery_t *own, const char *path) {
    for (size_t i = 0; i < own->count; i++) {
        if (own->files[i] == NULL || strcmp(own->files[i]->path, path) != 0) continue;
        target_file_t *file = own->files[i];
        own->files[i] = NULL;
        return file;
    }
    target_file_t *file = memory_new(1, sizeof *file);
    file->path = memory_text(path);
    return file;
}

static bool is_listed(target_file_t *const *files, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(files[i]->path, path) == 0) return true;
    return false;
}

static void find_paths(const file_discovery_t *config, glob_t *found) {
    for (size_t i = 0; i < config->count; i++)
        (void)glob(config->patterns[i], (i > 0 ? GLOB_APPEND : 0) | GLOB_NOSORT, NULL, found);
}

/* True when anything is other than it was. */
static bool look(files_discovery_t *own) {
    glob_t found = {0};
    find_paths(own->config, &found);
    size_t most = found.gl_pathc < FILES_MAX ? found.gl_pathc : FILES_MAX, count = 0;
    target_file_t **files = memory_new(most + 1, sizeof(target_file_t *));
    bool changed = own->left_out != found.gl_pathc - most;
    own->left_out = found.gl_pathc - most;
    for (size_t i = 0; i < most; i++) {
        if (is_listed(files, count, found.gl_pathv[i])) continue;
        target_file_t *file = take_file(own, found.gl_pathv[i]);
        if (has_changed(file)) {
            read_file(file);
            changed = true;
        }
        files[count++] = file;
    }
    for (size_t i = 0; i < own->count; i++) {
        if (own->files[i] == NULL) continue;
        file_free(own->files[i]);
        changed = true;
    }
    free(own->files);
    globfree(&found);
    own->files = files;
    own->count = count;
    return changed;
}

static void say_broken(files_discovery_t *own, const targets_t *targets, uint64_t refused) {
    for (size_t i = 0; i < own->count; i++) {
        const target_file_t *file = own->files[i];
        if (file->broken[0] == '\0') continue;
        discovery_say(&own->base, "%s: %s; %s", file->path, file->broken,
                      file->tree.loaded ? "its targets of before are kept" : "it has no targets");
        return;
    }
    if (own->left_out > 0)
        discovery_say(&own->base, "%zu files more than the %d that are read", own->left_out, FILES_MAX);
    else if (targets->refused > refused)
        discovery_say(&own->base, "%s", targets->why);
    else
        discovery_say(&own->base, "%s", "");
}

static void files_poll(discovery_t *discovery, targets_t *targets) {
    files_discovery_t *own = (files_discovery_t *)discovery;
    int64_t now = clock_monotonic_ns(&clock_system);
    if (now < own->look_ns) return;
    own->look_ns = now + LOOK_EVERY_S * NS_PER_S;
    if (!look(own)) return;
    uint64_t refused = targets->refused;
    targets_begin(targets, discovery->source);
    for (size_t i = 0; i < own->count; i++)
        for (size_t g = 0; g < own->files[i]->groups.count; g++)
            targets_add_group(targets, discovery->source, discovery->job, &own->files[i]->groups.list[g]);
    targets_end(targets, discovery->source);
    say_broken(own, targets, refused);
}

static void files_stop(discovery_t *discovery) {
    files_discovery_t *own = (files_discovery_t *)discovery;
    for (size_t i = 0; i < own->count; i++) file_free(own->files[i]);
    free(own->files);
}

discovery_t *discover_files(const scrape_job_t *job, const file_discovery_t *config) {
    static const discovery_ops_t ops = {"file", files_poll, files_stop};
    files_discovery_t *own = memory_new(1, sizeof *own);
    own->base = (discovery_t){.ops = &ops, .job = job};
    own->config = config;
    return &own->base;
}
