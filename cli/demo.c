/* demo: the real daemon, fed over its own OTLP port by a simulated shop of which a canary goes bad. What the page shows
 * is what it would show of a real mesh; the top suggestion can be applied to the simulation, and taken back, by a word
 * on the terminal. Nothing is left behind. */
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

typedef struct {
    const char *speed_text, *seed_text, *for_text;
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
    int64_t live_ns;                                         /* by the monotonic clock, when history ended */
    bool told_fault, told_incident, told_suggestion, closed; /* the story so far */
    char changed[128];                                       /* service whose routing we changed; "" = none */
    char why[600];
} demo_t;

static bool wait_or_interrupt(void *context, int64_t ns) {
    demo_t *demo = context;
    struct timespec time = {ns / NS_PER_S, ns % NS_PER_S};
    if (!demo->interrupted && sigtimedwait(&demo->signals, NULL, &time) > 0) demo->interrupted = true;
    return !demo->interrupted;
}

static bool send_request(void *context, otlp_kind_t kind, slice_t body, uint64_t items) {
    demo_t *demo = context;
    return sender_send(demo->sender, kind, body, items, demo->why, sizeof demo->why) == ERR_OK;
}

/* Seconds since the history ended. */
static double story_s(const demo_t *demo) {
    return (double)world_now(demo->world) * 1e-9 - DEMO_HISTORY_S;
}

static void say(const demo_t *demo, const char *format, const char *text) {
    (void)printf("%5.0f s  ", story_s(demo));
    for (const char *at = format; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 's') {
            for (const char *c = text; *c != '\0'; c++)
                (void)putchar((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
            at++;
        } else {
            (void)putchar(*at);
        }
    }
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* ---- what the server found ---- */

static uint16_t page_port(const demo_t *demo) {
    return daemon_port_web(demo->daemon);
}

/* The newest of a list, borrowed from it. */
static const json_t *newest(const json_t *answer, const char *list) {
    return json_array_get(json_object_get(answer, list), 0);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* The newest suggestion that changes something, as a line for action_read: one that is open, or, after 'undo', one that
 * was applied before. NULL = none. */
static char *applicable(const demo_t *demo) {
    static const char *const paths[] = {"/suggestions?state=open&limit=1", "/suggestions?state=seen&limit=1",
                                        "/suggestions?state=verified&limit=1"};
    char *line = NULL;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && line == NULL; i++) {
        json_t *answer = demo_ask(page_port(demo), paths[i]);
        const json_t *suggestion = newest(answer, "suggestions");
        if (suggestion != NULL) line = demo_action_of(suggestion);
        json_decref(answer);
    }
    return line;
}

static void apply(demo_t *demo) {
    char what[400] = "";
    action_t action;
    schema_document_t *document = NULL;
    char *line = applicable(demo);
    if (line == NULL) {
        say(demo, "there is no suggestion with a change%s", "");
        return;
    }
    err_t err = action_read(slice_text(line), demo->scenario, &action, &document, what, sizeof what);
    if (err == ERR_OK) err = world_act(demo->world, &action, what, sizeof what);
    say(demo, err == ERR_OK ? "applied to the simulated mesh: %s" : "cannot be applied: %s", what);
    if (err == ERR_OK) (void)snprintf(demo->changed, sizeof demo->changed, "%s", action.service);
    if (err == ERR_OK && !demo->options.once)
        say(demo, "errors should be gone within seconds; 'undo' brings them back%s", "");
    schema_free(document);
    free(line);
}

static void undo(demo_t *demo) {
    char what[400] = "";
    const action_t action = {.kind = DO_RESET, .service = demo->changed};
    if (demo->changed[0] == '\0') {
        say(demo, "nothing was applied%s", "");
        return;
    }
    (void)world_act(demo->world, &action, what, sizeof what);
    say(demo, "%s", what);
    demo->changed[0] = '\0';
}

static void tell_incident(demo_t *demo) {
    json_t *answer = demo_ask(page_port(demo), "/incidents?limit=1");
    const json_t *incident = newest(answer, "incidents");
    bool open = strcmp(text_of(incident, "state"), "open") == 0;
    if (incident != NULL && open && !demo->told_incident) {
        demo->told_incident = true;
        say(demo, "incident: %s", text_of(incident, "title"));
    }
    if (incident != NULL && !open && demo->told_incident && !demo->closed) {
        demo->closed = true;
        say(demo, "the incident is over%s", "");
    }
    if (open) demo->closed = false;
    json_decref(answer);
}

static void tell_suggestion(demo_t *demo) {
    if (!demo->told_incident || demo->told_suggestion) return;
    json_t *answer = demo_ask(page_port(demo), "/suggestions?state=open&limit=1");
    const json_t *suggestion = newest(answer, "suggestions");
    char *line = suggestion == NULL ? NULL : demo_action_of(suggestion);
    if (line != NULL) {
        demo->told_suggestion = true;
        say(demo, "suggestion: %s", text_of(suggestion, "title"));
        if (!demo->options.once) say(demo, "type 'apply' to do that to the simulated mesh%s", "");
    }
    free(line);
    json_decref(answer);
    if (demo->told_suggestion && demo->options.once) apply(demo);
}

static void tell_story(demo_t *demo) {
    if (!demo->told_fault && story_s(demo) >= DEMO_CALM_S) {
        demo->told_fault = true;
        say(demo, "payments v2, a canary with a fifth of the traffic, begins to fail%s", "");
    }
    if (!demo->told_fault) return;
    tell_incident(demo);
    tell_suggestion(demo);
}

/* ---- what the user says ---- */

static void take_words(demo_t *demo) {
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[200];
    while (demo->reads_input && poll(&ready, 1, 0) > 0) {
        ssize_t count = read(STDIN_FILENO, line, sizeof line - 1);
        demo->reads_input = count > 0;
        line[count > 0 ? count : 0] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "apply") == 0)
            apply(demo);
        else if (strcmp(line, "undo") == 0)
            undo(demo);
        else if (strcmp(line, "quit") == 0)
            demo->interrupted = true;
        else if (line[0] != '\0')
            say(demo, "say apply, undo or quit%s", "");
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
        int64_t due_ns = demo->live_ns + (int64_t)(story_s(demo) / demo->options.speed * 1e9);
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
    while (going && story_s(demo) < 0) going = step(demo, 5 * NS_PER_S);
    demo->live_ns = clock_monotonic_ns(&clock_system);
    if (going) say(demo, "from here on it is live: twelve services, 50 requests a second%s", "");
    while (going && story_s(demo) < demo->options.for_s && !(demo->options.once && demo->closed)) {
        going = step(demo, NS_PER_S) && pace(demo);
        if (going) tell_story(demo);
    }
    return demo->closed;
}

/* ---- start and end ---- */

static int parse(int *argc, char **argv, options_t *options) {
    options->speed = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], "--once") == 0) {
            options->once = true;
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
            --*argc;
            break;
        }
    int misused = command_option("--speed", argc, argv, &options->speed_text);
    if (misused == EXIT_FINE) misused = command_option("--seed", argc, argv, &options->seed_text);
    if (misused == EXIT_FINE) misused = command_option("--for", argc, argv, &options->for_text);
    if (misused != EXIT_FINE) return misused;
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

static bool start(demo_t *demo) {
    char url[60];
    if (!build_world(demo) || !choose_folder(demo) ||
        daemon_start(&demo->config, &clock_system, &demo->daemon, demo->why, sizeof demo->why) != ERR_OK)
        return false;
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", daemon_port_http(demo->daemon));
    return sender_open(url, wait_or_interrupt, demo, &demo->sender, demo->why, sizeof demo->why) == ERR_OK;
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
    if (demo->folder[0] != '\0') remove_folder(demo->folder);
    config_free(&demo->config);
    free(demo);
}

static void introduce(const demo_t *demo) {
    (void)printf("page: http://127.0.0.1:%u/   OTLP/HTTP: port %u   data: %s%s\n", page_port(demo),
                 daemon_port_http(demo->daemon), demo->config.data,
                 demo->folder[0] != '\0' ? " (removed at the end)" : "");
    (void)printf("half a minute after the history a canary goes bad; seismesh finds it, names it, and says what would "
                 "help\n");
    if (!demo->options.once) (void)printf("then say 'apply' here, and 'undo'; Ctrl-C ends it\n");
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
