#include "cli/simulate_actions.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 << 10 };

struct actions_in {
    const scenario_t *scenario;
    int file;
    bool own, too_long; /* opened here; the line is longer than allowed, and skipped */
    buffer_t line;
};

/* A pipe without a writer would be at its end at once: we hold it open for writing ourselves. */
err_t actions_in_open(const char *path, const scenario_t *scenario, actions_in_t **out, char *why, size_t why_size) {
    struct stat about;
    bool input = strcmp(path, "-") == 0;
    int mode = !input && stat(path, &about) == 0 && S_ISFIFO(about.st_mode) ? O_RDWR : O_RDONLY;
    int file = input ? STDIN_FILENO : open(path, mode | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        (void)snprintf(why, why_size, "cannot read %s: %s", path, strerror(errno));
        return ERR_IO;
    }
    actions_in_t *actions = memory_new(1, sizeof *actions);
    *actions = (actions_in_t){.scenario = scenario, .file = file, .own = !input};
    *out = actions;
    return ERR_OK;
}

void actions_in_close(actions_in_t *actions) {
    if (actions->own) (void)close(actions->file);
    buffer_fini(&actions->line);
    free(actions);
}

static void answer(FILE *file, bool fine, const world_t *world, const char *what) {
    json_t *said = json_pack("{sb,sf,ss}", "done", fine, "at_s", (double)world_now(world) * 1e-9, "what", what);
    (void)json_dumpf(said, file, 0);
    (void)fputc('\n', file);
    (void)fflush(file);
    json_decref(said);
}

static void act(actions_in_t *actions, world_t *world) {
    char what[400];
    action_t action;
    schema_document_t *document = NULL;
    if (actions->too_long) {
        answer(stdout, false, world, "the line is longer than 64 KiB");
        return;
    }
    if (actions->line.len == 0) return;
    err_t err = action_read(buffer_slice(&actions->line), actions->scenario, &action, &document, what, sizeof what);
    if (err == ERR_OK) err = world_act(world, &action, what, sizeof what);
    answer(stdout, err == ERR_OK, world, what);
    schema_free(document);
}

static void take_bytes(actions_in_t *actions, world_t *world, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
            act(actions, world);
            buffer_clear(&actions->line);
            actions->too_long = false;
        } else if (actions->line.len < LINE_MAX_BYTES) {
            buffer_byte(&actions->line, (uint8_t)bytes[i]);
        } else {
            actions->too_long = true;
        }
    }
}

void actions_in_take(actions_in_t *actions, world_t *world) {
    char bytes[4096];
    for (;;) {
        struct pollfd ready = {.fd = actions->file, .events = POLLIN};
        if (poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0) return;
        ssize_t count = read(actions->file, bytes, sizeof bytes);
        if (count <= 0) return;
        take_bytes(actions, world, bytes, (size_t)count);
    }
}

/* ---- planned ones ---- */

typedef struct {
    action_t action;
    schema_document_t *document;
    bool done;
} planned_t;

struct action_plan {
    planned_t *items;
    size_t count;
};

void action_plan_free(action_plan_t *plan) {
    for (size_t i = 0; i < plan->count; i++) schema_free(plan->items[i].document);
    free(plan->items);
    free(plan);
}

static err_t plan_line(action_plan_t *plan, const scenario_t *scenario, slice_t line, char *why, size_t why_size) {
    planned_t planned = {0};
    err_t err = action_read(line, scenario, &planned.action, &planned.document, why, why_size);
    if (err != ERR_OK) return err;
    plan->items = memory_resize(plan->items, (plan->count + 1) * sizeof *plan->items);
    plan->items[plan->count++] = planned;
    return ERR_OK;
}

err_t action_plan_read(const char *path, const scenario_t *scenario, action_plan_t **out, char *why, size_t why_size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)snprintf(why, why_size, "cannot read %s: %s", path, strerror(errno));
        return ERR_IO;
    }
    action_plan_t *plan = memory_new(1, sizeof *plan);
    char *line = memory_new(1, LINE_MAX_BYTES), sentence[400] = "";
    err_t err = ERR_OK;
    for (int number = 1; err == ERR_OK && fgets(line, LINE_MAX_BYTES, file) != NULL; number++) {
        if (line[strspn(line, " \t\r\n")] == '\0') continue;
        err = plan_line(plan, scenario, slice_text(line), sentence, sizeof sentence);
        if (err != ERR_OK) (void)snprintf(why, why_size, "%s, line %d: %s", path, number, sentence);
    }
    free(line);
    (void)fclose(file);
    if (err == ERR_OK)
        *out = plan;
    else
        action_plan_free(plan);
    return err;
}

int64_t action_plan_begin(const action_plan_t *plan) {
    int64_t first_ns = -1;
    for (size_t i = 0; i < plan->count; i++)
        if (first_ns < 0 || plan->items[i].action.at_ns < first_ns) first_ns = plan->items[i].action.at_ns;
    return first_ns;
}

void action_plan_take(action_plan_t *plan, world_t *world, FILE *report) {
    char what[400] = "";
    for (size_t i = 0; i < plan->count; i++) {
        planned_t *planned = &plan->items[i];
        if (planned->done || planned->action.at_ns > world_now(world)) continue;
        planned->done = true;
        err_t err = world_act(world, &planned->action, what, sizeof what);
        answer(report, err == ERR_OK, world, what);
    }
}
