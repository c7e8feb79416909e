/* simulate: a mesh in a box, as OTLP to a file or to a server. To a server it runs in step with the clock, and takes
 * actions while it runs. */
#include "analyzer/simulate/emit.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config_value.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/otlp_file.h"
#include "cli/progress.h"
#include "cli/sender.h"
#include "cli/simulate_actions.h"
#include "cli/simulate_summary.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    const char *scenario_path, *to, *out, *summary, *actions, *seed, *speed, *duration, *cure;
    double speed_factor; /* 0 = as fast as it goes */
    int64_t cure_ns;     /* -1 = none */
} arguments_t;

typedef struct {
    arguments_t arguments;
    scenario_t *scenario;
    world_t *world;
    emit_t *emit;
    otlp_file_t *file;
    sender_t *sender;
    actions_in_t *actions;
    action_plan_t *plan;
    sigset_t signals;
    bool interrupted, cured;
    uint64_t items[OTLP_KINDS];
    err_t sent;
    char why[600];
    progress_t progress;
    int64_t began_ns;
} run_t;

/* Waits, but not longer than until Ctrl-C, as replay does. */
static bool wait_or_interrupt(void *context, int64_t ns) {
    run_t *run = context;
    struct timespec time = {ns / NS_PER_S, ns % NS_PER_S};
    if (!run->interrupted && sigtimedwait(&run->signals, NULL, &time) > 0) run->interrupted = true;
    return !run->interrupted;
}

static bool take_request(void *context, otlp_kind_t kind, slice_t body, uint64_t items) {
    run_t *run = context;
    run->items[kind] += items;
    if (run->file != NULL && !otlp_file_add(run->file, kind, body)) return false;
    if (run->sender == NULL) return true;
    run->sent = sender_send(run->sender, kind, body, items, run->why, sizeof run->why);
    return run->sent == ERR_OK;
}

static void cure(run_t *run) {
    const list_t *cure = &run->scenario->truth.cure;
    char what[300];
    run->cured = true;
    for (uint32_t i = 0; i < cure->count; i++) {
        err_t err = world_act(run->world, &((const action_t *)cure->items)[i], what, sizeof what);
        (void)fprintf(stderr, "%s: %s\n", err == ERR_OK ? "cure" : "cure failed", what);
    }
}

/* Waits until the clock is where the world is, taking actions meanwhile. */
static bool pace(run_t *run) {
    double factor = run->arguments.speed_factor;
    for (;;) {
        if (run->actions != NULL) actions_in_take(run->actions, run->world);
        int64_t due_ns = factor > 0 ? (int64_t)((double)world_now(run->world) / factor) : 0;
        int64_t left_ns = run->began_ns + due_ns - clock_monotonic_ns(&clock_system);
        if (left_ns <= 0) return wait_or_interrupt(run, 0);
        if (!wait_or_interrupt(run, left_ns < NS_PER_S / 20 ? left_ns : NS_PER_S / 20)) return false;
    }
}

static bool simulate(run_t *run) {
    int64_t end_ns = run->scenario->duration_ns, step_ns = NS_PER_S;
    double factor = run->arguments.speed_factor;
    if (factor > 0 && factor < 1) step_ns = (int64_t)((double)NS_PER_S * factor);
    progress_start(&run->progress, "simulate");
    run->began_ns = clock_monotonic_ns(&clock_system);
    bool going = true;
    while (going && world_now(run->world) < end_ns) {
        int64_t until_ns = world_now(run->world) + step_ns;
        if (run->arguments.cure_ns >= 0 && !run->cured && world_now(run->world) >= run->arguments.cure_ns) cure(run);
        if (run->plan != NULL) action_plan_take(run->plan, run->world, stderr);
        world_run(run->world, until_ns < end_ns ? until_ns : end_ns);
        if (run->emit != NULL) emit_flush(run->emit, run->world);
        progress_show(&run->progress, (uint64_t)world_now(run->world), (uint64_t)end_ns);
        going = (run->emit == NULL || !emit_failed(run->emit)) && pace(run);
    }
    progress_end(&run->progress);
    return going;
}

/* When the first change was made that was not in the scenario; -1 = none. */
static int64_t changed_at(const run_t *run) {
    if (run->cured) return run->arguments.cure_ns;
    return run->plan != NULL ? action_plan_begin(run->plan) : -1;
}

static void print_summary(const run_t *run) {
    world_totals_t totals = world_totals(run->world);
    double seconds = (double)(clock_monotonic_ns(&clock_system) - run->began_ns) * 1e-9;
    double simulated = (double)world_now(run->world) * 1e-9;
    (void)fprintf(stderr,
                  "simulated %.0f s in %.2f s: %" PRIu64 " requests from outside (%" PRIu64 " failed), %" PRIu64
                  " calls in all; said %" PRIu64 " spans, %" PRIu64 " points\n",
                  simulated, seconds, totals.requests, totals.requests_failed, totals.calls, run->items[OTLP_TRACES],
                  run->items[OTLP_METRICS]);
    if (totals.overflowed > 0)
        (void)fprintf(stderr, "%" PRIu64 " calls were not made: too many on the way at once\n", totals.overflowed);
    if (run->sender == NULL) return;
    const sender_totals_t *sent = sender_totals(run->sender);
    if (sent->refused_requests > 0 || sent->rejected[OTLP_TRACES] + sent->rejected[OTLP_METRICS] > 0)
        (void)fprintf(stderr, "the server refused some of it; the first: %s\n", sent->first_refusal);
}

/* ---- arguments ---- */

static int parse_speed(arguments_t *a) {
    bool live = a->to != NULL;
    a->speed_factor = live ? 1 : 0;
    if (a->speed == NULL) return EXIT_FINE;
    if (!live) return command_misused("simulate", "--speed goes with --to; a file is written as fast as it goes");
    if (strcmp(a->speed, "max") == 0) {
        a->speed_factor = 0;
        return EXIT_FINE;
    }
    if (config_value_real(a->speed, &a->speed_factor) && a->speed_factor > 0) return EXIT_FINE;
    return command_misused("simulate", "--speed is how many times as fast as the clock, such as 10, or max, not '%s'",
                           a->speed);
}

static int parse_arguments(int *argc, char **argv, arguments_t *a) {
    const struct {
        const char *name;
        const char **value;
    } options[] = {
        {"--to", &a->to},     {"--out", &a->out},     {"--summary", &a->summary},   {"--actions", &a->actions},
        {"--seed", &a->seed}, {"--speed", &a->speed}, {"--duration", &a->duration}, {"--cure", &a->cure}};
    int misused = EXIT_FINE;
    for (size_t i = 0; i < sizeof options / sizeof options[0] && misused == EXIT_FINE; i++)
        misused = command_option(options[i].name, argc, argv, options[i].value);
    if (misused == EXIT_FINE) misused = command_unknown_option(*argc, argv);
    if (misused != EXIT_FINE) return misused;
    if (*argc != 2) return command_misused("simulate", "one scenario is wanted, such as tests/scenarios/NAME.yaml");
    a->scenario_path = argv[1];
    if (a->to == NULL && a->out == NULL && a->summary == NULL)
        return command_misused("simulate", "where to? --to http://127.0.0.1:4318, --out FILE, or only --summary FILE");
    return parse_speed(a);
}

static bool read_time(const char *text, const char *option, int64_t *ns) {
    double seconds;
    if (config_value_seconds(text, &seconds) && seconds >= 0 && seconds <= 366 * 86400.0) {
        *ns = llround(seconds * 1e9);
        return true;
    }
    (void)command_misused("simulate", "%s is a time such as 90s or 12m, not '%s'", option, text);
    return false;
}

static bool override_scenario(run_t *run) {
    arguments_t *a = &run->arguments;
    uint64_t seed;
    a->cure_ns = -1;
    if (a->seed != NULL) {
        if (!config_value_count(a->seed, &seed) || seed > UINT32_MAX) {
            (void)command_misused("simulate", "--seed is a whole number below 4294967296, not '%s'", a->seed);
            return false;
        }
        run->scenario->seed = (uint32_t)seed;
    }
    if (a->duration != NULL && !read_time(a->duration, "--duration", &run->scenario->duration_ns)) return false;
    if (a->cure != NULL && !read_time(a->cure, "--cure", &a->cure_ns)) return false;
    /* Live, its time is ours; faster than the clock, it ends now at the latest, since nobody takes the future. */
    if (a->to != NULL) run->scenario->start_ns = clock_wall_ns(&clock_system);
    if (a->to != NULL && a->speed_factor != 1) run->scenario->start_ns -= run->scenario->duration_ns;
    return true;
}

/* At most one byte more than a scenario may have. */
static err_t read_file(const char *path, buffer_t *text) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return ERR_IO;
    size_t count = fread(buffer_reserve(text, SCHEMA_BYTES_MAX + 1), 1, SCHEMA_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    int why = errno;
    text->len += count;
    (void)fclose(file);
    errno = why;
    return failed ? ERR_IO : ERR_OK;
}

static bool load(run_t *run) {
    buffer_t text = {0};
    const char *path = run->arguments.scenario_path;
    err_t err = read_file(path, &text);
    if (err == ERR_OK) {
        err = scenario_read(buffer_slice(&text), &run->scenario, run->why, sizeof run->why);
        if (err != ERR_OK) (void)fprintf(stderr, "seismesh simulate: %s, %s\n", path, run->why);
    } else {
        (void)fprintf(stderr, "seismesh simulate: cannot read %s: %s\n", path, strerror(errno));
    }
    buffer_fini(&text);
    return err == ERR_OK && override_scenario(run);
}

static bool complain(const run_t *run) {
    (void)fprintf(stderr, "seismesh simulate: %s\n", run->why);
    return false;
}

/* Readers take the kind of what is not JSON from the file's name, where that has one. */
static bool name_fits(run_t *run, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    for (int kind = 0; kind < OTLP_KINDS && strstr(name, ".json") == NULL; kind++) {
        if (strstr(name, otlp_kind_names[kind]) == NULL || emit_kinds(run->emit) == 1U << kind) continue;
        (void)snprintf(
            run->why, sizeof run->why,
            "%s would be read as holding only %s; name it otherwise, or let the scenario's telemetry say only "
            "that",
            path, otlp_kind_names[kind]);
        return complain(run);
    }
    return true;
}

static bool open_all(run_t *run) {
    const arguments_t *a = &run->arguments;
    uint32_t seed = run->scenario->seed;
    world_listener_t listener = {0};
    if (a->out != NULL || a->to != NULL) {
        emit_sink_t sink = {run, take_request};
        if (emit_new(run->scenario, seed, sink, &run->emit, run->why, sizeof run->why) != ERR_OK) return complain(run);
        listener = emit_listener(run->emit);
    }
    if (a->out != NULL && !name_fits(run, a->out)) return false;
    if (a->out != NULL && otlp_file_open(a->out, &run->file, run->why, sizeof run->why) != ERR_OK) return complain(run);
    if (a->to != NULL && sender_open(a->to, wait_or_interrupt, run, &run->sender, run->why, sizeof run->why) != ERR_OK)
        return complain(run);
    if (a->actions != NULL && a->to == NULL &&
        action_plan_read(a->actions, run->scenario, &run->plan, run->why, sizeof run->why) != ERR_OK)
        return complain(run);
    if (a->actions != NULL && a->to != NULL &&
        actions_in_open(a->actions, run->scenario, &run->actions, run->why, sizeof run->why) != ERR_OK)
        return complain(run);
    run->world = world_new(run->scenario, seed, listener);
    return true;
}

static bool close_all(run_t *run) {
    bool fine = true;
    if (run->file != NULL && otlp_file_close(run->file) != ERR_OK) {
        (void)fprintf(stderr, "seismesh simulate: cannot write %s: %s\n", run->arguments.out, strerror(errno));
        fine = false;
    }
    if (run->sender != NULL) sender_close(run->sender);
    if (run->actions != NULL) actions_in_close(run->actions);
    if (run->plan != NULL) action_plan_free(run->plan);
    emit_free(run->emit);
    world_free(run->world);
    scenario_free(run->scenario);
    return fine;
}

int command_simulate(int argc, char **argv) {
    run_t *run = memory_new(1, sizeof *run);
    int status = parse_arguments(&argc, argv, &run->arguments);
    if (status == EXIT_FINE && !load(run)) status = EXIT_USAGE;
    (void)sigemptyset(&run->signals);
    (void)sigaddset(&run->signals, SIGINT);
    (void)sigaddset(&run->signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &run->signals, NULL);
    if (status == EXIT_FINE && !open_all(run)) status = EXIT_USAGE;
    if (status == EXIT_FINE) {
        bool finished = simulate(run);
        print_summary(run);
        if (run->sent != ERR_OK && run->sent != ERR_CLOSED) (void)complain(run);
        status = finished ? EXIT_FINE : run->interrupted ? 128 + SIGINT : EXIT_FAILED;
        if (run->arguments.summary != NULL &&
            !summary_write(run->arguments.summary, run->scenario, run->world, changed_at(run)))
            status = EXIT_FAILED;
    }
    if (!close_all(run)) status = EXIT_FAILED;
    free(run);
    return status;
}
