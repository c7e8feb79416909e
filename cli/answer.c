/* answer: what a person says of an incident or anomaly, told to a server (docs/api.md, Answer). */
#include "base/buffer.h"
#include "cli/api_client.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    api_client_t api;
    const char *until, *note, *who, *culprit;
    bool all;
} client_t;

static const char *moment(const json_t *ms, char out[32]) {
    time_t seconds = (time_t)(json_integer_value(ms) / 1000);
    struct tm utc;
    if (!json_is_integer(ms) || gmtime_r(&seconds, &utc) == NULL) return "for ever";
    (void)strftime(out, 32, "%Y-%m-%d %H:%M:%S", &utc);
    return out;
}

static void print_answer(const json_t *answer) {
    char until[32];
    const json_t *targets = json_object_get(answer, "targets");
    (void)printf("%-4lld %-9s %-20s", (long long)json_integer_value(json_object_get(answer, "id")),
                 text_of(answer, "answer"), moment(json_object_get(answer, "until_ms"), until));
    (void)printf(" incident %-4lld ", (long long)json_integer_value(json_object_get(answer, "incident")));
    if (text_of(answer, "culprit")[0] != '\0')
        print_text("not ", text_of(answer, "culprit"), "");
    else
        print_text("", text_of(json_array_get(targets, 0), "service"), "");
    if (text_of(answer, "culprit")[0] == '\0' && json_array_size(targets) > 1)
        (void)printf(" and %zu more", json_array_size(targets) - 1);
    if (text_of(answer, "who")[0] != '\0') print_text(", says ", text_of(answer, "who"), "");
    if (text_of(answer, "note")[0] != '\0') print_text(": ", text_of(answer, "note"), "");
    (void)printf("%s\n", json_is_true(json_object_get(answer, "in_force")) ? "" : " (over)");
}

static int list(client_t *client) {
    char path[400];
    const char *state = client->all ? "all" : "in_force";
    size_t shown = 0;
    (void)snprintf(path, sizeof path, "/answers?state=%s&limit=100", state);
    for (bool more = true; more;) {
        int status;
        json_t *answers = ask_fine(&client->api, path, NULL, &status);
        if (answers == NULL) return status;
        size_t index;
        json_t *answer;
        json_array_foreach(json_object_get(answers, "answers"), index, answer) {
            if (shown++ == 0) (void)printf("ID   answer    until (event, UTC)    about\n");
            print_answer(answer);
        }
        char *cursor = curl_easy_escape(NULL, text_of(answers, "next"), 0);
        more = cursor != NULL && cursor[0] != '\0' && strlen(cursor) < 300 && index > 0;
        if (more) (void)snprintf(path, sizeof path, "/answers?state=%s&limit=100&cursor=%s", state, cursor);
        curl_free(cursor);
        json_decref(answers);
    }
    if (shown == 0) (void)printf("no answer is in force\n");
    return EXIT_FINE;
}

/* Asks `method` of PREFIX ID SUFFIX and prints the answer that comes back. */
static int change(client_t *client, const char *method, const char *prefix, const char *id, const char *suffix,
                  const char *body) {
    int status;
    char *escaped = curl_easy_escape(NULL, id, 0);
    buffer_t path = {0};
    buffer_format(&path, "%s%s%s", prefix, escaped == NULL ? "" : escaped, suffix);
    buffer_byte(&path, '\0');
    client->api.method = method;
    json_t *answer = ask_fine(&client->api, (const char *)path.data, body, &status);
    if (answer != NULL) print_answer(answer);
    json_decref(answer);
    curl_free(escaped);
    buffer_fini(&path);
    return status;
}

static int give(client_t *client, const char *id, const char *answer) {
    json_t *document = json_pack("{ss,ss*,ss*,ss*,ss*}", "answer", answer, "until", client->until, "note", client->note,
                                 "who", client->who, "culprit", client->culprit);
    char *body = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    if (body == NULL) return command_misused(client->api.command, "the texts must be UTF-8");
    int status = change(client, "POST", "/incidents/", id, "/answer", body);
    free(body);
    return status;
}

int command_answer(int argc, char **argv) {
    client_t client = {.api = {.command = argv[0], .server = API_SERVER_DEFAULT}, .who = getenv("USER")};
    const struct {
        const char *name, **value;
    } options[] = {{"--server", &client.api.server},
                   {"--for", &client.until},
                   {"--note", &client.note},
                   {"--who", &client.who},
                   {"--culprit", &client.culprit}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int misused = command_option(options[i].name, &argc, argv, options[i].value);
        if (misused != EXIT_FINE) return misused;
    }
    client.all = command_flag("--all", &argc, argv);
    int status = command_unknown_option(argc, argv);
    if (status != EXIT_FINE) return status;
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        status = list(&client);
    else if (argc == 3 && strcmp(argv[1], "revoke") == 0)
        status = change(&client, "DELETE", "/answers/", argv[2], "", NULL);
    else if (argc != 3)
        status =
            command_misused(argv[0], "say which one and what it is, such as 'answer 12 expected', or 'answer list'");
    else if (strcmp(argv[2], "expected") != 0 && strcmp(argv[2], "wrong") != 0 && strcmp(argv[2], "mute") != 0)
        status = command_misused(argv[0], "an answer is expected, wrong or mute, not '%s'", argv[2]);
    else
        status = give(&client, argv[1], argv[2]);
    buffer_fini(&client.api.answer);
    return status;
}
