#include "cli/simulate_actions.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
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

static void answer(bool fine, const world_t *world, const char *what) {
    json_t *said = json_pack("{sb,sf,ss}", "done", fine, "at_s", (double)world_now(world) * 1e-9, "what", what);
    (void)json_dumpf(said, stdout, 0);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    json_decref(said);
}

static void act(actions_in_t *actions, world_t *world) {
    char what[400];
    action_t action;
    schema_document_t *document = NULL;
    if (actions->too_long) {
        answer(false, world, "the line is longer than 64 KiB");
        return;
    }
    if (actions->line.len == 0) return;
    err_t err = action_read(buffer_slice(&actions->line), actions->scenario, &action, &document, what, sizeof what);
    if (err == ERR_OK) err = world_act(world, &action, what, sizeof what);
    answer(err == ERR_OK, world, what);
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
