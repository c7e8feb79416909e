/* golden: what a reader sees of a mesh's recording (datasets/meshes) once it was folded: services, their versions,
 * edges, who counted, in which mesh it was seen; compared with expected.txt of its folder, line by line. Users define
 * _GNU_SOURCE first. */
#ifndef SEISMESH_TESTS_DIALECT_GOLDEN_H
#define SEISMESH_TESTS_DIALECT_GOLDEN_H

#include "collector/rollup/observer.h"
#include "tests/collector/fold/kit.h"

#include <math.h>

#define FOLDER "datasets/meshes/"

enum { LINES_MAX = 64, LINE_BYTES = 256, FILE_BYTES_MAX = 1 << 20 };

typedef struct {
    char lines[LINES_MAX][LINE_BYTES];
    uint32_t count;
} page_t;

static inline char *read_file(const char *mesh, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, FOLDER "%s/%s", mesh, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    char *text = malloc(FILE_BYTES_MAX);
    size_t len = fread(text, 1, FILE_BYTES_MAX - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

/* True when there was such a recording. */
static inline bool feed(kit_t *kit, const char *mesh, otlp_kind_t kind) {
    char name[32], why[256] = "";
    (void)snprintf(name, sizeof name, "%s.jsonl", otlp_kind_names[kind]);
    char *text = read_file(mesh, name), *rest = text;
    for (char *line; text != NULL && (line = strsep(&rest, "\n")) != NULL;) {
        if (*line == '\0') continue;
        buffer_t wire = {0};
        CHECK_EQUAL(otlp_json_decode(kind, slice_text(line), 1 << 20, &wire, why, sizeof why), ERR_OK);
        CHECK_TEXT(why, "");
        CHECK_EQUAL(kit_record(kit, kind, buffer_slice(&wire)), ERR_OK);
        buffer_fini(&wire);
    }
    free(text);
    return text != NULL;
}

static inline const char *name_of(const kit_t *kit, uint32_t id) {
    return names_cstr(&kit->fold->shard.names, id);
}

/* One subject's cells of all observers and buckets, as a reader merges them; `version` NAME_NONE - 1 = all. */
static inline observer_t read_cells(kit_t *kit, const entity_key_t *subject, bool by_version, cell_t *sum) {
    shard_t *shard = &kit->fold->shard;
    observer_tally_t tally = {{0}};
    cell_init(sum);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t id = 1; id < shard->entity_count; id++) {
            const entity_key_t *key = &shard->entities[id];
            if (key->kind != subject->kind || key->service != subject->service || key->caller != subject->caller)
                continue;
            if (pass == 1 && by_version && key->version != subject->version) continue;
            for (uint32_t b = 0; b < shard->bucket_count; b++) {
                const bucket_t *bucket = shard->buckets[b];
                uint32_t place = id < bucket->place_capacity ? bucket->place[id] : 0;
                if (place == 0) continue;
                const cell_t *cell = bucket->cells[place - 1];
                if (pass == 0)
                    observer_count(&tally, (observer_t)key->observer, cell);
                else
                    observer_merge(sum, observer_choose(&tally), (observer_t)key->observer, cell);
            }
        }
    return observer_choose(&tally);
}

static inline void add_line(page_t *page, const char *line) {
    for (uint32_t i = 0; i < page->count; i++)
        if (strcmp(page->lines[i], line) == 0) return;
    CHECK(page->count < LINES_MAX);
    if (page->count < LINES_MAX) (void)snprintf(page->lines[page->count++], LINE_BYTES, "%s", line);
}

static inline size_t say_cell(const kit_t *kit, char *out, size_t size, const cell_t *cell) {
    size_t len = (size_t)snprintf(out, size, ": %llu requests", (unsigned long long)cell->requests);
    for (int f = 0; f < FAILURE_CLASSES; f++)
        if (cell->failures[f] > 0)
            len += (size_t)snprintf(out + len, size - len, ", %llu %s", (unsigned long long)cell->failures[f],
                                    failure_names[f]);
    uint64_t times = cell->ok.count + cell->failed.count;
    if (times > 0)
        len += (size_t)snprintf(out + len, size - len, ", %.0f ms",
                                (double)(cell->ok.sum_ns + cell->failed.sum_ns) / (double)times / 1e6);
    if (cell->retries > 0)
        len += (size_t)snprintf(out + len, size - len, ", %llu retries", (unsigned long long)cell->retries);
    for (uint32_t g = 0; g < cell->gauge_count; g++)
        len += (size_t)snprintf(out + len, size - len, ", %s %.0f", name_of(kit, cell->gauges[g].signal),
                                fixed_value(cell->gauges[g].sum) / cell->gauges[g].count);
    return len;
}

static inline void say_entity(kit_t *kit, const entity_key_t *key, page_t *page) {
    char line[LINE_BYTES];
    cell_t sum;
    bool edge = key->kind == ENTITY_EDGE, versions = edge || key->kind == ENTITY_VERSION;
    if (key->kind == ENTITY_SERVICE && key->operation != NAME_NONE) {
        (void)snprintf(line, sizeof line, "seen %s in %s", name_of(kit, key->service), name_of(kit, key->operation));
        add_line(page, line);
        return;
    }
    if (key->kind != ENTITY_SERVICE && !versions) return;
    observer_t observer = read_cells(kit, key, versions, &sum);
    int len = snprintf(line, sizeof line, "%s %s%s%s%s%s", entity_kind_names[key->kind],
                       edge ? name_of(kit, key->caller) : "", edge ? " > " : "", name_of(kit, key->service),
                       key->version != NAME_NONE ? " " : "", name_of(kit, key->version));
    len += (int)say_cell(kit, line + len, sizeof line - (size_t)len, &sum);
    (void)snprintf(line + len, sizeof line - (size_t)len, ", by %s", observer_names[observer]);
    if (sum.requests > 0 || sum.gauge_count > 0 || sum.retries > 0) add_line(page, line);
    cell_fini(&sum);
}

static inline int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static inline void compare(const char *mesh, const page_t *page) {
    char *text = read_file(mesh, "expected.txt"), *rest = text;
    bool seen[LINES_MAX] = {false};
    if (text == NULL) {
        CHECK_TEXT("no expected.txt", mesh);
        for (uint32_t i = 0; i < page->count; i++) (void)fprintf(stderr, "%s\n", page->lines[i]);
        return;
    }
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        uint32_t i = 0;
        if (*line == '\0' || *line == '#') continue;
        while (i < page->count && strcmp(page->lines[i], line) != 0) i++;
        if (i == page->count) {
            CHECK_TEXT("missing", mesh);
            (void)fprintf(stderr, "    - %s\n", line);
        } else {
            seen[i] = true;
        }
    }
    for (uint32_t i = 0; i < page->count; i++)
        if (!seen[i]) {
            CHECK_TEXT("not expected", mesh);
            (void)fprintf(stderr, "    + %s\n", page->lines[i]);
        }
    free(text);
}

/* Settles what waits, and compares with what is expected of `mesh`. */
static inline void golden_compare(kit_t *kit, const char *mesh) {
    static page_t page;
    page.count = 0;
    fold_finish(kit->fold);
    shard_t *shard = &kit->fold->shard;
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        entity_key_t key = shard->entities[id];
        say_entity(kit, &key, &page);
    }
    qsort(page.lines, page.count, sizeof page.lines[0], by_text);
    compare(mesh, &page);
}

#endif
