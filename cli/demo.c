/* demo: a simulated shop in two meshes, of which a canary goes bad, sent over OTLP to a real daemon: one of its own, of
 * which nothing is left behind, or one that runs already (--to, --server). What the page shows is what it would show of
 * a real mesh; a suggestion that is accepted is done to the simulation. */
#include "cli/demo.h"

#include "analyzer/simulate/emit.h"
#include "base/config_value.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/daemon.h"
#include "cli/sender.h"

#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEMO_NOTICE "demo data: Accept changes the simulated mesh"

typedef struct {
    const char *speed_text, *seed_text, *for_text;
    const char *to, *server; /* NULL: a daemon of its own */
    double speed, for_s;
    bool once;
} options_t;

typedef struct {
    options_t options;
    config_t config;
    char folder[200]; /* temporary data; "" = the user's own */
    daemon_t *daemon;
    sender_t *sender;
    scenario_t *scenario;
    emit_t *emit;
    world_t *world;
    sigset_t signals;
    bool interrupted, reads_input;
    int64_t live_ns;  /* by the monotonic clock, when history ended */
    int64_t begin_ns; /* nothing before this is sent: the server has later data */
    demo_story_t story;
    char server[300], why[600];
} demo_t;

static bool wait_or_interrupt(void *context, int64_t ns) {
    demo_t *demo = context;
    struct timespec time = {ns / NS_PER_S, ns % NS_PER_S};
    if (!demo->interrupted && sigtimedwait(&demo->signals, NULL, &time) > 0) demo->interrupted = true;
    return !demo->interrupted;
}

static bool send_request(void *context, otlp_kind_t kind, slice_t body, uint64_t items) {
    demo_t *demo = context;
    if (demo->scenario->start_ns + world_now(demo->world) < demo->begin_ns) return true;
    return sender_send(demo->sender, kind, body, items, demo->why, sizeof demo->why) == ERR_OK;
}

/* ---- what the user says ---- */

/* One line a turn, so that input without end holds nobody up. */
static void take_words(demo_t *demo) {
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[200];
    if (demo->reads_input && poll(&ready, 1, 0) > 0) {
        ssize_t count = read(STDIN_FILENO, line, sizeof line - 1);
        demo->reads_input = count > 0;
        line[count > 0 ? count : 0] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "apply") == 0)
            demo_story_apply(&demo->story);
        else if (strcmp(line, "undo") == 0)
            demo_story_undo(&demo->story);
        else if (strcmp(line, "quit") == 0)
            demo->interrupted = true;
        else if (line[0] != '\0')
            demo_say(&demo->story, "say apply, undo or quit", "");
    }
}

/* ---- running ---- */

static bool step(demo_t *demo, int64_t ns) {
    world_run(demo->world, world_now(demo->world) + ns);
    emit_flush(demo->emit, demo->world);
    return !emit_failed(demo->emit) && wait_or_interrupt(demo, 0);
}

static bool pace(demo_t *demo) {
    for (;;) {
        take_words(demo);
        int64_t due_ns = demo->live_ns + (int64_t)(demo_story_s(&demo->story) / demo->options.speed * 1e9);
        int64_t left_ns = due_ns - clock_monotonic_ns(&clock_system);
        if (left_ns <= 0) return wait_or_interrupt(demo, 0);
        if (!wait_or_interrupt(demo, left_ns < NS_PER_S / 10 ? left_ns : NS_PER_S / 10)) return false;
    }
}

/* True when --once came to its good end. */
static bool play(demo_t *demo) {
    bool going = true;
    (void)printf("sending %d minutes of history\n", DEMO_HISTORY_S / 60);
    (void)fflush(stdout);
    while (going && demo_story_s(&demo->story) < 0) going = step(demo, 5 * NS_PER_S);
    demo->live_ns = clock_monotonic_ns(&clock_system);
    if (going)
        demo_say(&demo->story, "from here on it is live: twelve services in two meshes, 50 requests a second", "");
    while (going && demo_story_s(&demo->story) < demo->options.for_s && !(demo->options.once && demo->story.closed)) {
        going = step(demo, NS_PER_S) && pace(demo);
        if (going) demo_story_tell(&demo->story);
    }
    return demo->story.closed;
}

/* ---- start and end ---- */

static int parse(int *argc, char **argv, options_t *options) {
    options->speed = 1;
    options->once = command_flag("--once", argc, argv);
    int misused = command_option("--speed", argc, argv, &options->speed_text);
    if (misused == EXIT_FINE) misused = command_option("--seed", argc, argv, &options->seed_text);
    if (misused == EXIT_FINE) misused = command_option("--for", argc, argv, &options->for_text);
    if (misused == EXIT_FINE) misused = command_option("--to", argc, argv, &options->to);
    if (misused == EXIT_FINE) misused = command_option("--server", argc, argv, &options->server);
    if (misused != EXIT_FINE) return misused;
    if ((options->to == NULL) != (options->server == NULL))
        return command_misused("demo",
                               "a running server is named by both: --to its OTLP/HTTP address, --server its page");
    if (options->speed_text != NULL &&
        (!config_value_real(options->speed_text, &options->speed) || options->speed < 0.1 || options->speed > 100))
        return command_misused("demo", "--speed is from 0.1 to 100, not '%s'", options->speed_text);
    options->for_s = options->once ? 600 : 3600;
    if (options->for_text != NULL && (!config_value_seconds(options->for_text, &options->for_s) ||
                                      options->for_s <= DEMO_CALM_S || options->for_s > 80000))
        return command_misused("demo", "--for is a time from 31s to 22h, not '%s'", options->for_text);
    return EXIT_FINE;
}

/* Data that is not the user's own goes where temporary things are. */
static bool choose_folder(demo_t *demo) {
    const char *place = getenv("TMPDIR");
    if (strcmp(demo->config.data, "./seismesh-data") != 0) return true;
    (void)snprintf(demo->folder, sizeof demo->folder, "%.150s/seismesh-demo-XXXXXX", place == NULL ? "/tmp" : place);
    if (mkdtemp(demo->folder) == NULL) {
        (void)snprintf(demo->why, sizeof demo->why, "no folder can be made at %s: set TMPDIR", demo->folder);
        demo->folder[0] = '\0';
        return false;
    }
    free(demo->config.data);
    demo->config.data = memory_text(demo->folder);
    return true;
}

static bool build_world(demo_t *demo) {
    uint64_t seed;
    emit_sink_t sink = {demo, send_request};
    if (scenario_read(slice_text(demo_shop), &demo->scenario, demo->why, sizeof demo->why) != ERR_OK) return false;
    seed = demo->scenario->seed;
    if (demo->options.seed_text != NULL && !config_value_count(demo->options.seed_text, &seed)) {
        (void)snprintf(demo->why, sizeof demo->why, "--seed is a whole number, not '%s'", demo->options.seed_text);
        return false;
    }
    /* Faster than the clock, it ends in the present: servers refuse the future. */
    double ahead_s = demo->options.speed > 1 ? demo->options.for_s * (1 - 1 / demo->options.speed) : 0;
    demo->scenario->start_ns = clock_wall_ns(&clock_system) - (int64_t)((DEMO_HISTORY_S + ahead_s) * 1e9);
    if (emit_new(demo->scenario, seed, sink, &demo->emit, demo->why, sizeof demo->why) != ERR_OK) return false;
    demo->world = world_new(demo->scenario, seed, emit_listener(demo->emit));
    return true;
}

/* What a server has already stays as it is: the story goes on after it. */
static bool look_at_server(demo_t *demo) {
    int status;
    json_t *answer = ask_fine(&demo->story.client, "/status", NULL, &status);
    const json_t *newest = json_object_get(answer, "event_time_ms");
    if (json_is_integer(newest)) demo->begin_ns = json_integer_value(newest) * INT64_C(1000000) + 1;
    json_decref(answer);
    if (answer == NULL) (void)snprintf(demo->why, sizeof demo->why, "the server does not answer");
    return answer != NULL;
}

static bool start_daemon(demo_t *demo) {
    free(demo->config.web_notice);
    demo->config.web_notice = memory_text(DEMO_NOTICE);
    return choose_folder(demo) &&
           daemon_start(&demo->config, &clock_system, &demo->daemon, demo->why, sizeof demo->why) == ERR_OK;
}

static bool start(demo_t *demo) {
    char url[300];
    if (!build_world(demo)) return false;
    if (demo->options.to == NULL && !start_daemon(demo)) return false;
    if (demo->options.to == NULL) {
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", daemon_port_http(demo->daemon));
        (void)snprintf(demo->server, sizeof demo->server, "http://127.0.0.1:%u", daemon_port_web(demo->daemon));
    } else {
        (void)snprintf(url, sizeof url, "%s", demo->options.to);
        (void)snprintf(demo->server, sizeof demo->server, "%s", demo->options.server);
    }
    demo->story = (demo_story_t){.client = {.command = "demo", .server = demo->server},
                                 .scenario = demo->scenario,
                                 .world = demo->world,
                                 .once = demo->options.once};
    return look_at_server(demo) &&
           sender_open(url, wait_or_interrupt, demo, &demo->sender, demo->why, sizeof demo->why) == ERR_OK;
}

/* A folder and all that is in it; links are not followed. */
static void remove_folder(char *folder) {
    char *const paths[] = {folder, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (const FTSENT *one; walk != NULL && (one = fts_read(walk)) != NULL;)
        if (one->fts_info != FTS_D) (void)remove(one->fts_accpath); /* folders at their second visit, when empty */
    if (walk != NULL) (void)fts_close(walk);
}

static void stop(demo_t *demo) {
    if (demo->sender != NULL) sender_close(demo->sender);
    if (demo->daemon != NULL) daemon_stop(demo->daemon);
    emit_free(demo->emit);
    world_free(demo->world);
    scenario_free(demo->scenario);
    buffer_fini(&demo->story.client.answer);
    if (demo->folder[0] != '\0') remove_folder(demo->folder);
    config_free(&demo->config);
    free(demo);
}

static void introduce(const demo_t *demo) {
    if (demo->daemon != NULL)
        (void)printf("page: %s/   OTLP/HTTP: port %u   data: %s%s\n", demo->server, daemon_port_http(demo->daemon),
                     demo->config.data, demo->folder[0] != '\0' ? " (removed at the end)" : "");
    else
        (void)printf("page: %s/   telemetry goes to %s\n", demo->server, demo->options.to);
    (void)printf("half a minute after the history a canary goes bad; seismesh finds it, names it, and says what would "
                 "help\n");
    if (!demo->options.once) (void)printf("then press Accept on the page, or say 'apply' here; Ctrl-C ends it\n");
}

int command_demo(int argc, char **argv) {
    demo_t *demo = memory_new(1, sizeof *demo);
    int status = parse(&argc, argv, &demo->options);
    if (status == EXIT_FINE && config_load(&demo->config, &argc, argv, demo->why, sizeof demo->why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh demo: %s\n", demo->why);
        status = EXIT_USAGE;
    }
    if (status != EXIT_FINE) {
        free(demo);
        return status;
    }
    if (argc > 1) {
        status = command_misused("demo", "it takes no argument '%s'", argv[1]);
        stop(demo);
        return status;
    }
    log_set_level(LOG_WARN);
    (void)sigemptyset(&demo->signals);
    (void)sigaddset(&demo->signals, SIGINT);
    (void)sigaddset(&demo->signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &demo->signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    demo->reads_input = !demo->options.once;
    if (!start(demo)) {
        (void)fprintf(stderr, "seismesh demo: %s\n", demo->why);
        stop(demo);
        return EXIT_USAGE;
    }
    introduce(demo);
    bool healed = play(demo);
    bool lost = emit_failed(demo->emit) && !demo->interrupted;
    if (lost) (void)fprintf(stderr, "seismesh demo: %s\n", demo->why);
    status = lost || (demo->options.once && !healed && !demo->interrupted) ? EXIT_FAILED : EXIT_FINE;
    stop(demo);
    return status;
}
