/* replay: recordings to a server, as fast as they happened, N times as fast, or as fast as it takes them. */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config_value.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/event_time.h"
#include "cli/progress.h"
#include "cli/recording.h"
#include "cli/sender.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    sigset_t signals;
    bool interrupted;
    double speed; /* 0 = as fast as it goes */
    recording_t *recording;
    sender_t *sender;
    progress_t progress;
    int64_t start_ns, start_wall_ns, first_event_ns;
    double ago_s;   /* the recording is moved to begin this long ago; negative: it stays when it was */
    buffer_t moved; /* the request, moved */
} replay_t;

/* Waits, but not longer than until Ctrl-C. The signals are blocked and only taken here: no handler, no global. */
static bool wait_or_interrupt(void *context, int64_t ns) {
    replay_t *replay = context;
    struct timespec time = {ns / NS_PER_S, ns % NS_PER_S};
    if (!replay->interrupted && sigtimedwait(&replay->signals, NULL, &time) > 0) replay->interrupted = true;
    return !replay->interrupted;
}

static void show(replay_t *replay) {
    progress_show(&replay->progress, recording_bytes_read(replay->recording), recording_bytes(replay->recording));
}

/* Waits until it is this request's turn, drawing the bar meanwhile. */
static bool pace(replay_t *replay, int64_t event_ns) {
    if (replay->first_event_ns == 0) replay->first_event_ns = event_ns;
    double offset = replay->speed > 0 ? (double)(event_ns - replay->first_event_ns) / replay->speed : 0;
    for (;;) {
        show(replay);
        int64_t left = replay->start_ns + (int64_t)offset - clock_monotonic_ns(&clock_system);
        if (left <= 0) return wait_or_interrupt(replay, 0);
        if (!wait_or_interrupt(replay, left < NS_PER_S / 10 ? left : NS_PER_S / 10)) return false;
    }
}

/* Moves the request as far as the first one has to go, in whole minutes: the buckets hold what they held. */
static err_t move(replay_t *replay, recorded_t *item, char *why, size_t why_size) {
    if (replay->ago_s < 0) return ERR_OK;
    int64_t to_ns = replay->start_wall_ns - (int64_t)(replay->ago_s * 1e9), minute = 60 * NS_PER_S;
    int64_t ns = (to_ns - replay->first_event_ns) / minute * minute;
    buffer_clear(&replay->moved);
    buffer_append(&replay->moved, item->payload.data, item->payload.len);
    item->payload = buffer_slice(&replay->moved);
    if (event_time_move(item->kind, replay->moved.data, replay->moved.len, ns)) return ERR_OK;
    (void)snprintf(why, why_size, "%s:%" PRIu64 ": times in it cannot be moved: not an OTLP %s request", item->file,
                   item->line, otlp_kind_names[item->kind]);
    return ERR_MALFORMED;
}

static err_t send_all(replay_t *replay, char *why, size_t why_size) {
    recorded_t item;
    err_t err;
    while ((err = recording_next(replay->recording, &item, why, why_size)) == ERR_OK) {
        if (!pace(replay, item.event_ns)) return ERR_CLOSED;
        if ((err = move(replay, &item, why, why_size)) != ERR_OK) return err;
        err = sender_send(replay->sender, item.kind, item.payload, item.items, why, why_size);
        if (err != ERR_OK) return err;
    }
    return err;
}

static void print_summary(const replay_t *replay, err_t end) {
    const sender_totals_t *totals = sender_totals(replay->sender);
    double seconds = (double)(clock_monotonic_ns(&clock_system) - replay->start_ns) * 1e-9;
    uint64_t items = 0, rejected = 0;
    for (int kind = 0; kind < OTLP_KINDS; kind++) {
        items += totals->items[kind];
        rejected += totals->rejected[kind];
    }
    (void)printf("%s %" PRIu64 " requests in %.1f s: %" PRIu64 " spans, %" PRIu64 " points, %" PRIu64
                 " log records (%.0f per second)\n",
                 end == ERR_CLOSED      ? "interrupted after"
                 : end == ERR_NOT_FOUND ? "replayed"
                                        : "stopped after",
                 totals->requests, seconds, totals->items[OTLP_TRACES], totals->items[OTLP_METRICS],
                 totals->items[OTLP_LOGS], seconds > 0 ? (double)items / seconds : 0);
    if (totals->retries > 0) (void)printf("sent again %" PRIu64 " times, as the server asked\n", totals->retries);
    if (rejected > 0 || totals->refused_requests > 0)
        (void)printf("refused: %" PRIu64 " requests, and %" PRIu64 " items of others; the first: %s\n",
                     totals->refused_requests, rejected, totals->first_refusal);
}

static int replay_run(replay_t *replay) {
    char why[600] = "";
    progress_start(&replay->progress, "replay");
    replay->start_ns = clock_monotonic_ns(&clock_system);
    replay->start_wall_ns = clock_wall_ns(&clock_system);
    err_t end = send_all(replay, why, sizeof why);
    progress_end(&replay->progress);
    print_summary(replay, end);
    if (end == ERR_CLOSED) return 128 + SIGINT;
    if (end != ERR_NOT_FOUND) (void)fprintf(stderr, "seismesh replay: %s\n", why);
    bool refused = sender_totals(replay->sender)->refused_requests > 0;
    return end == ERR_NOT_FOUND && !refused ? EXIT_FINE : EXIT_FAILED;
}

static int parse_speed(const char *text, double *speed) {
    *speed = 0;
    if (strcmp(text, "max") == 0) return EXIT_FINE;
    if (config_value_real(text, speed) && *speed > 0) return EXIT_FINE;
    return command_misused("replay", "--speed is how many times as fast as it happened, such as 10, or max, not '%s'",
                           text);
}

static int parse_ago(const char *text, double *ago_s) {
    if (text == NULL || config_value_seconds(text, ago_s)) return EXIT_FINE;
    return command_misused("replay", "--ago is how long before now the recording is to begin, such as 15m, not '%s'",
                           text);
}

int command_replay(int argc, char **argv) {
    const char *to = NULL, *speed = "1", *ago = NULL;
    replay_t replay = {.ago_s = -1};
    int misused = command_option("--to", &argc, argv, &to);
    if (misused == EXIT_FINE) misused = command_option("--speed", &argc, argv, &speed);
    if (misused == EXIT_FINE) misused = command_option("--ago", &argc, argv, &ago);
    if (misused == EXIT_FINE) misused = command_unknown_option(argc, argv);
    if (misused == EXIT_FINE && argc < 2) misused = command_misused("replay", "which recordings?");
    if (misused == EXIT_FINE && to == NULL)
        misused = command_misused("replay", "where to? --to http://127.0.0.1:4318 is a server on this machine");
    if (misused == EXIT_FINE) misused = parse_speed(speed, &replay.speed);
    if (misused == EXIT_FINE) misused = parse_ago(ago, &replay.ago_s);
    if (misused != EXIT_FINE) return misused;

    char why[600] = "";
    (void)sigemptyset(&replay.signals);
    (void)sigaddset(&replay.signals, SIGINT);
    (void)sigaddset(&replay.signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &replay.signals, NULL);
    if (sender_open(to, wait_or_interrupt, &replay, &replay.sender, why, sizeof why) != ERR_OK)
        return command_misused("replay", "%s", why);
    const char **files = memory_new((size_t)argc, sizeof *files);
    for (int i = 1; i < argc; i++) files[i - 1] = argv[i];
    int status = EXIT_USAGE;
    if (recording_open(files, (size_t)argc - 1, &replay.recording, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh replay: %s\n", why);
    } else {
        status = replay_run(&replay);
        recording_close(replay.recording);
    }
    sender_close(replay.sender);
    buffer_fini(&replay.moved);
    free(files);
    return status;
}
