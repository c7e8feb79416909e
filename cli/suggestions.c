/* suggestions: what the server proposes, and what came of it, over its HTTP API (docs/api.md), for people and scripts
 * without a browser. */
#include "analyzer/routing/language.h"
#include "analyzer/routing/text.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "cli/api_client.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    api_client_t api;
    const char *reason, *as, *against, *minutes;
    bool live;
} client_t;

static void print_row(const json_t *suggestion) {
    char created[32] = "";
    json_int_t ms = json_integer_value(json_object_get(suggestion, "created_ms"));
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) != NULL) (void)strftime(created, sizeof created, "%Y-%m-%d %H:%M:%S", &utc);
    /* Ids are texts or numbers. */
    const json_t *id = json_object_get(suggestion, "id");
    char number[32];
    (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(id));
    print_text("", json_is_string(id) ? json_string_value(id) : number, "  ");
    (void)printf("%s  %3.0f %%  ", created, 100 * json_number_value(json_object_get(suggestion, "confidence")));
    print_text("", text_of(suggestion, "title"), "\n");
}

static int list(client_t *client) {
    char path[400] = "/suggestions?state=open&limit=100";
    size_t shown = 0;
    for (;;) {
        int status;
        json_t *answer = ask_fine(&client->api, path, NULL, &status);
        if (answer == NULL) return status;
        size_t index;
        json_t *suggestion;
        json_array_foreach(json_object_get(answer, "suggestions"), index, suggestion) {
            if (shown++ == 0) (void)printf("ID  proposed (UTC)       sure  what\n");
            print_row(suggestion);
        }
        const char *next = text_of(answer, "next");
        char *cursor = curl_easy_escape(NULL, next, 0);
        bool more = next[0] != '\0' && cursor != NULL && strlen(cursor) < 300 && index > 0;
        if (more) (void)snprintf(path, sizeof path, "/suggestions?state=open&limit=100&cursor=%s", cursor);
        curl_free(cursor);
        json_decref(answer);
        if (!more) break;
    }
    if (shown == 0) (void)printf("no open suggestions\n");
    return EXIT_FINE;
}

static void print_list(const char *title, const json_t *texts) {
    size_t index;
    json_t *text;
    json_array_foreach(texts, index, text) {
        if (index == 0) (void)printf("\n%s\n", title);
        print_text("  - ", json_string_value(text) == NULL ? "" : json_string_value(text), "\n");
    }
}

static void print_line(const char *title, const char *text) {
    if (text[0] == '\0') return;
    (void)printf("%-10s", title);
    print_text("", text, "\n");
}

static const char *figure(const json_t *value, bool share, char *out, size_t size) {
    double number = json_number_value(value);
    if (!json_is_number(value)) return "?";
    (void)snprintf(out, size, share ? "%.3g %%" : "%.3g s", share ? number * 100 : number);
    return out;
}

static void print_effect(const json_t *suggestion) {
    static const struct {
        const char *key, *words, *of_calls; /* a timeout: of the calls that it cuts, and of who waits for them */
        bool share;
    } figures[] = {{"error_ratio", "failing requests", "failing calls", true},
                   {"p99_s", "latency p99", "latency p99 of the caller", false}};
    bool calls = strcmp(text_of(suggestion, "kind"), "set_timeout") == 0;
    const json_t *effects = json_object_get(suggestion, "effect");
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        const json_t *effect = json_object_get(effects, figures[i].key);
        static const char *const keys[] = {"now", "predicted", "low", "high"};
        char text[4][32];
        const char *said[4];
        if (!json_is_object(effect)) continue;
        for (size_t k = 0; k < 4; k++)
            said[k] = figure(json_object_get(effect, keys[k]), figures[i].share, text[k], sizeof text[k]);
        (void)printf("%s: %s now, %s predicted (%s to %s)\n", calls ? figures[i].of_calls : figures[i].words, said[0],
                     said[1], said[2], said[3]);
    }
}

/* What has come of it: where it was seen, and predicted against observed. */
static void print_outcome(const json_t *suggestion) {
    const json_t *verified = json_object_get(suggestion, "verified");
    print_line("seen", text_of(json_object_get(suggestion, "seen"), "sentence"));
    print_line("waits", text_of(json_object_get(suggestion, "waits_for"), "sentence"));
    print_line("verdict", text_of(verified, "sentence"));
    if (json_is_boolean(json_object_get(verified, "inside")))
        print_line("forecast", json_is_true(json_object_get(verified, "inside"))
                                   ? "what was observed lies inside the predicted 90 % interval"
                                   : "what was observed lies outside of the predicted 90 % interval");
    print_line("take back", text_of(verified, "undo"));
}

/* The change in the language that it is written in. */
static void print_written(const json_t *written) {
    const char *cannot = text_of(written, "cannot");
    size_t index;
    json_t *object;
    if (cannot[0] != '\0') print_text("\n", cannot, "\n");
    json_array_foreach(json_object_get(written, "objects"), index, object) {
        print_text("\n", text_of(object, "diff"), "\n");
    }
    print_list("limits", json_object_get(written, "limits"));
    if (text_of(written, "apply")[0] != '\0') print_text("\napply:  ", text_of(written, "apply"), "\n");
    if (text_of(written, "undo")[0] != '\0') print_text("undo:   ", text_of(written, "undo"), "\n");
}

static void print_suggestion(const json_t *suggestion) {
    print_text("", text_of(suggestion, "title"), " (");
    print_text("", text_of(suggestion, "state"), ")\n\n");
    print_text("", text_of(suggestion, "sentence"), "\n");
    print_text("", text_of(json_object_get(suggestion, "capacity"), "sentence"), "\n");
    print_effect(suggestion);
    print_outcome(suggestion);
    print_list("wrong if", json_object_get(suggestion, "wrong_if"));
    print_written(suggestion);
    const json_t *beside = json_object_get(suggestion, "beside");
    if (!json_is_object(beside)) return;
    print_text("\nThe same for ", text_of(beside, "mesh"), "\n");
    print_written(beside);
}

/* Reads a file of live objects, or standard input ("-"). NULL, after saying why. */
static json_t *read_live(const char *path) {
    buffer_t text = {0};
    char why[200] = "";
    json_t *objects = NULL;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "seismesh suggestions: %s cannot be opened: %s\n", path, strerror(errno));
        return NULL;
    }
    for (size_t got = 1; got > 0 && text.len <= LIVE_BYTES_MAX;) {
        got = fread(buffer_reserve(&text, 65536), 1, 65536, file);
        text.len += got;
    }
    if (ferror(file))
        (void)fprintf(stderr, "seismesh suggestions: %s cannot be read\n", path);
    else if (text_read(buffer_slice(&text), &objects, why, sizeof why) != ERR_OK)
        (void)fprintf(stderr, "seismesh suggestions: %s: %s\n", path, why);
    if (file != stdin) (void)fclose(file);
    buffer_fini(&text);
    return objects;
}

/* Adds what a command of the mesh's own tool prints. Its errors go to the terminal as they are. */
static bool run_reader(const char *command, json_t *objects) {
    buffer_t text = {0};
    char why[200] = "";
    json_t *printed = NULL;
    (void)fprintf(stderr, "reading: %s\n", command);
    FILE *pipe = popen(command, "r");
    for (size_t got = 1; pipe != NULL && got > 0 && text.len <= LIVE_BYTES_MAX; text.len += got)
        got = fread(buffer_reserve(&text, 65536), 1, 65536, pipe);
    int ended = pipe == NULL ? -1 : pclose(pipe);
    bool fine = ended == 0;
    if (!fine)
        (void)fprintf(stderr, "seismesh suggestions: that command failed, so nothing is compared. Hand the objects in "
                              "with --against FILE, or leave --live out to see complete new ones\n");
    else if (text.len > 0 && text_read(buffer_slice(&text), &printed, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh suggestions: what it printed cannot be read: %s\n", why);
        fine = false;
    }
    if (printed != NULL) (void)json_array_extend(objects, printed);
    json_decref(printed);
    buffer_fini(&text);
    return fine;
}

/* What the mesh holds now, by its own tool with the rights of who runs this: `kubectl get …`. NULL, after saying why.
 */
static json_t *ask_mesh(const routing_language_ops *language, const routing_action_t *action) {
    change_t change;
    json_t *objects = json_array();
    (void)routing_render(language, action, NULL, &change);
    char *rest = NULL;
    bool fine = true, any = false;
    for (char *line = strtok_r((char *)change.read.data, "\n", &rest); line != NULL && fine;
         line = strtok_r(NULL, "\n", &rest)) {
        fine = run_reader(line, objects);
        any = true;
    }
    if (!any)
        (void)fprintf(stderr,
                      "seismesh suggestions: %s has no command that prints what is live for this: hand the objects in "
                      "with --against FILE\n",
                      language->title);
    change_fini(&change);
    if (fine && any) return objects;
    json_decref(objects);
    return NULL;
}

/* Writes the suggestion's action anew as a change of the live objects. False after saying why not. */
static bool write_against(const client_t *client, json_t *suggestion) {
    routing_action_t action;
    change_t change;
    const routing_language_ops *language =
        routing_language(client->as != NULL ? client->as : text_of(suggestion, "mesh"));
    if (language == NULL) language = routing_languages[0];
    if (!action_from_json(json_object_get(suggestion, "action"), &action)) {
        (void)fprintf(stderr,
                      "seismesh suggestions: this suggestion changes nothing, so there is nothing to compare\n");
        return false;
    }
    json_t *live = client->live ? ask_mesh(language, &action) : read_live(client->against);
    if (live == NULL) return false;
    (void)routing_render(language, &action, live, &change);
    change_into(&change, &action, suggestion);
    change_fini(&change);
    json_decref(live);
    return true;
}

static const char *decision_said(const char *action) {
    return strcmp(action, "accept") == 0    ? "accepted: "
           : strcmp(action, "dismiss") == 0 ? "dismissed: "
                                            : "open again: ";
}

static int show_or_decide(client_t *client, const char *action, const char *id) {
    bool decides = strcmp(action, "show") != 0;
    char *escaped = curl_easy_escape(NULL, id, 0), *body = NULL;
    buffer_t path = {0};
    buffer_format(&path, "/suggestions/%s%s%s", escaped == NULL ? "" : escaped, decides ? "/" : "",
                  decides ? action : "");
    if (!decides && client->as != NULL) buffer_format(&path, "?as=%s", client->as); /* a known name: no escapes */
    buffer_byte(&path, '\0');
    if (decides) {
        json_t *document = client->reason == NULL ? json_object() : json_pack("{s:s}", "reason", client->reason);
        body = document == NULL ? memory_text("{}") : json_dumps(document, JSON_COMPACT);
        json_decref(document);
    }
    int status;
    json_t *suggestion = ask_fine(&client->api, (const char *)path.data, body, &status);
    if (suggestion != NULL && decides)
        print_text(decision_said(action), text_of(suggestion, "title"), "\n");
    else if (suggestion != NULL && (client->live || client->against != NULL) && !write_against(client, suggestion))
        status = EXIT_FAILED;
    else if (suggestion != NULL)
        print_suggestion(suggestion);
    json_decref(suggestion);
    free(body);
    curl_free(escaped);
    buffer_fini(&path);
    return status;
}

/* --- what became of all of them --- */

static int record(client_t *client) {
    static const char *const columns[] = {"proposed", "seen",   "expired",   "undone", "undecided",
                                          "verified", "helped", "no_effect", "harmed"};
    int status;
    json_t *answer = ask_fine(&client->api, "/track-record", NULL, &status), *row;
    if (answer == NULL) return status;
    size_t index;
    print_text("", text_of(answer, "sentence"), "\n");
    json_array_foreach(json_object_get(answer, "kinds"), index, row) {
        if (index == 0) {
            (void)printf("\n%-20s", "kind");
            for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) (void)printf(" %9s", columns[i]);
            (void)printf(" %9s\n", "inside");
        }
        (void)printf("%-20s", text_of(row, "kind"));
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
            (void)printf(" %9lld", (long long)json_integer_value(json_object_get(row, columns[i])));
        (void)printf(" %4lld/%lld\n", (long long)json_integer_value(json_object_get(row, "inside")),
                     (long long)json_integer_value(json_object_get(row, "compared")));
    }
    json_decref(answer);
    return EXIT_FINE;
}

/* --- the last minutes again --- */

/* "0.2 % (0.1 % to 0.4 %)" */
static void print_range(const json_t *after, const char *key, bool share) {
    const json_t *range = json_object_get(after, key);
    char text[3][32], whole[128];
    (void)snprintf(whole, sizeof whole, "%s (%s to %s)",
                   figure(json_object_get(range, "predicted"), share, text[0], sizeof text[0]),
                   figure(json_object_get(range, "low"), share, text[1], sizeof text[1]),
                   figure(json_object_get(range, "high"), share, text[2], sizeof text[2]));
    (void)printf("  %-30s", whole);
}

static void print_point(const json_t *point) {
    char when[16] = "", text[32];
    time_t seconds = (time_t)(json_integer_value(json_object_get(point, "time_ms")) / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) != NULL) (void)strftime(when, sizeof when, "%H:%M:%S", &utc);
    const json_t *before = json_object_get(point, "before"), *after = json_object_get(point, "after");
    (void)printf("%-10s %8lld  %8s", when, (long long)json_integer_value(json_object_get(point, "requests")),
                 figure(json_object_get(before, "error_ratio"), true, text, sizeof text));
    print_range(after, "error_ratio", true);
    (void)printf("  %8s", figure(json_object_get(before, "p99_s"), false, text, sizeof text));
    print_range(after, "p99_s", false);
    (void)printf("%s\n", json_is_true(json_object_get(point, "beyond")) ? "  beyond what was borne" : "");
}

static int dry_run(client_t *client, const char *id) {
    char *escaped = curl_easy_escape(NULL, id, 0), *minutes = curl_easy_escape(NULL, client->minutes, 0);
    buffer_t path = {0};
    buffer_format(&path, "/suggestions/%s/dry-run?minutes=%s", escaped == NULL ? "" : escaped,
                  minutes == NULL ? "" : minutes);
    buffer_byte(&path, '\0');
    int status;
    json_t *answer = ask_fine(&client->api, (const char *)path.data, NULL, &status), *point;
    size_t index;
    if (answer != NULL) print_text("", text_of(answer, "sentence"), "\n");
    json_array_foreach(json_object_get(answer, "points"), index, point) {
        if (index == 0)
            (void)printf("\n%-10s %8s  %8s  %-30s  %8s  %-30s\n", "UTC", "requests", "failing", "under the suggestion",
                         "p99", "under the suggestion");
        print_point(point);
    }
    if (answer != NULL && !json_is_true(json_object_get(answer, "possible"))) status = EXIT_FAILED;
    json_decref(answer);
    curl_free(escaped);
    curl_free(minutes);
    buffer_fini(&path);
    return status;
}

static int dry_run_or_misused(client_t *client, int argc, char **argv) {
    if (argc != 3) return command_misused(argv[0], "dry-run which one? 'seismesh suggestions' lists their IDs");
    return dry_run(client, argv[2]);
}

static bool decision_known(const char *action) {
    static const char *const actions[] = {"show", "accept", "dismiss", "reopen"};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(action, actions[i]) == 0) return true;
    return false;
}

int command_suggestions(int argc, char **argv) {
    client_t client = {.api = {.command = argv[0], .server = API_SERVER_DEFAULT}, .minutes = "15"};
    int misused = command_option("--server", &argc, argv, &client.api.server);
    if (misused == EXIT_FINE) misused = command_option("--reason", &argc, argv, &client.reason);
    if (misused == EXIT_FINE) misused = command_option("--as", &argc, argv, &client.as);
    if (misused == EXIT_FINE) misused = command_option("--against", &argc, argv, &client.against);
    client.live = command_flag("--live", &argc, argv);
    if (misused == EXIT_FINE) misused = command_option("--minutes", &argc, argv, &client.minutes);
    if (misused == EXIT_FINE) misused = command_unknown_option(argc, argv);
    if (misused != EXIT_FINE) return misused;
    if (client.as != NULL && routing_language(client.as) == NULL)
        return command_misused(argv[0], "there is no routing language '%s', but " ROUTING_LANGUAGES, client.as);
    const char *action = argc > 1 ? argv[1] : "list";
    int status;
    if (strcmp(action, "show") != 0 && (client.as != NULL || client.against != NULL || client.live))
        return command_misused(argv[0], "--as, --against and --live belong to 'show'");
    if (client.live && client.against != NULL)
        return command_misused(argv[0], "--live asks the mesh, --against reads a file: one of them");
    if (strcmp(action, "list") == 0)
        status = argc > 2 ? command_misused(argv[0], "list takes no argument, not '%s'", argv[2]) : list(&client);
    else if (strcmp(action, "record") == 0)
        status = argc > 2 ? command_misused(argv[0], "record takes no argument, not '%s'", argv[2]) : record(&client);
    else if (strcmp(action, "dry-run") == 0)
        status = dry_run_or_misused(&client, argc, argv);
    else if (!decision_known(action))
        status = command_misused(argv[0], "it can be listed, shown, dry-run, accepted, dismissed or reopened, not '%s'",
                                 action);
    else if (argc != 3)
        status = command_misused(argv[0], "%s which one? 'seismesh suggestions' lists their IDs", action);
    else
        status = show_or_decide(&client, action, argv[2]);
    buffer_fini(&client.api.answer);
    return status;
}
