/* suggestions: what the server proposes, over its HTTP API (docs/api.md), for people and scripts without a browser. */
#include "base/memory.h"
#include "cli/api_client.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    api_client_t api;
    const char *reason;
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

static void print_suggestion(const json_t *suggestion) {
    print_text("", text_of(suggestion, "title"), " (");
    print_text("", text_of(suggestion, "state"), ")\n\n");
    print_text("", text_of(suggestion, "sentence"), "\n");
    print_text("", text_of(json_object_get(suggestion, "capacity"), "sentence"), "\n");
    size_t index;
    json_t *object;
    json_array_foreach(json_object_get(suggestion, "objects"), index, object) {
        print_text("\n", text_of(object, "diff"), "\n");
    }
    print_list("wrong if", json_object_get(suggestion, "wrong_if"));
    if (text_of(suggestion, "apply")[0] != '\0') print_text("\napply:  ", text_of(suggestion, "apply"), "\n");
    if (text_of(suggestion, "undo")[0] != '\0') print_text("undo:   ", text_of(suggestion, "undo"), "\n");
}

static int show_or_decide(client_t *client, const char *action, const char *id) {
    bool decides = strcmp(action, "show") != 0;
    char *escaped = curl_easy_escape(NULL, id, 0), *body = NULL;
    buffer_t path = {0};
    buffer_format(&path, "/suggestions/%s%s%s", escaped == NULL ? "" : escaped, decides ? "/" : "",
                  decides ? action : "");
    buffer_byte(&path, '\0');
    if (decides) {
        json_t *document = client->reason == NULL ? json_object() : json_pack("{s:s}", "reason", client->reason);
        body = document == NULL ? memory_text("{}") : json_dumps(document, JSON_COMPACT);
        json_decref(document);
    }
    int status;
    json_t *suggestion = ask_fine(&client->api, (const char *)path.data, body, &status);
    if (suggestion != NULL && decides)
        print_text(strcmp(action, "accept") == 0 ? "accepted: " : "dismissed: ", text_of(suggestion, "title"), "\n");
    else if (suggestion != NULL)
        print_suggestion(suggestion);
    json_decref(suggestion);
    free(body);
    curl_free(escaped);
    buffer_fini(&path);
    return status;
}

static bool decision_known(const char *action) {
    static const char *const actions[] = {"show", "accept", "dismiss"};
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(action, actions[i]) == 0) return true;
    return false;
}

int command_suggestions(int argc, char **argv) {
    client_t client = {.api = {.command = argv[0], .server = API_SERVER_DEFAULT}};
    int misused = command_option("--server", &argc, argv, &client.api.server);
    if (misused == EXIT_FINE) misused = command_option("--reason", &argc, argv, &client.reason);
    if (misused == EXIT_FINE) misused = command_unknown_option(argc, argv);
    if (misused != EXIT_FINE) return misused;
    const char *action = argc > 1 ? argv[1] : "list";
    int status;
    if (strcmp(action, "list") == 0)
        status = argc > 2 ? command_misused(argv[0], "list takes no argument, not '%s'", argv[2]) : list(&client);
    else if (!decision_known(action))
        status = command_misused(argv[0], "it can be listed, shown, accepted or dismissed, not '%s'", action);
    else if (argc != 3)
        status = command_misused(argv[0], "%s which one? 'seismesh suggestions' lists their IDs", action);
    else
        status = show_or_decide(&client, action, argv[2]);
    buffer_fini(&client.api.answer);
    return status;
}
