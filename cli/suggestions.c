/* suggestions: what the server proposes, over its HTTP API (docs/api.md), for people and scripts without a browser. */
#include "base/buffer.h"
#include "base/memory.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ANSWER_BYTES_MAX = 16 << 20, TIMEOUT_S = 30 };

typedef struct {
    const char *server, *reason;
    buffer_t answer;
    long status;
} client_t;

static size_t keep_answer(char *data, size_t size, size_t count, void *context) {
    client_t *client = context;
    size_t len = size * count;
    if (len > ANSWER_BYTES_MAX - client->answer.len) return 0; /* ends the transfer */
    buffer_append(&client->answer, data, len);
    return len;
}

/* Telemetry names things: what it says is shown on a terminal, so control characters are not passed on to it. */
static void print_text(const char *before, const char *text, const char *after) {
    (void)fputs(before, stdout);
    for (const char *at = text; *at != '\0'; at++) {
        bool control = ((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f;
        (void)putchar(control ? '?' : *at);
    }
    (void)fputs(after, stdout);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* Asks the API. NULL, after saying why on standard error, when there is no usable answer. */
static json_t *ask(client_t *client, const char *path, const char *body) {
    buffer_t url = {0};
    size_t len = strlen(client->server);
    while (len > 0 && client->server[len - 1] == '/') len--;
    buffer_format(&url, "%.*s/api/v1%s", (int)len, client->server, path);
    buffer_byte(&url, '\0');
    buffer_clear(&client->answer);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "X-Seismesh: 1");
    headers = curl_slist_append(headers, "Content-Type: application/json");
    (void)curl_easy_setopt(curl, CURLOPT_URL, (const char *)url.data);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    if (body != NULL) (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    CURLcode result = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &client->status);
    json_t *answer =
        result == CURLE_OK ? json_loadb((const char *)client->answer.data, client->answer.len, 0, NULL) : NULL;
    if (result != CURLE_OK)
        (void)fprintf(stderr, "seismesh suggestions: %.*s cannot be reached: %s; is 'seismesh serve' running there?\n",
                      (int)len, client->server, curl_easy_strerror(result));
    else if (answer == NULL)
        (void)fprintf(stderr, "seismesh suggestions: %.*s answered HTTP %ld, but not as seismesh does\n", (int)len,
                      client->server, client->status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    buffer_fini(&url);
    return answer;
}

/* The answer of a request that went well; else its error is said, and *status is what the command ends with. */
static json_t *ask_fine(client_t *client, const char *path, const char *body, int *status) {
    json_t *answer = ask(client, path, body);
    *status = EXIT_FAILED;
    if (answer == NULL) return NULL;
    if (client->status == 200) {
        *status = EXIT_FINE;
        return answer;
    }
    const char *message = text_of(json_object_get(answer, "error"), "message");
    (void)fprintf(stderr, "seismesh suggestions: %s\n", message[0] != '\0' ? message : "the server refused it");
    json_decref(answer);
    return NULL;
}

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
        json_t *answer = ask_fine(client, path, NULL, &status);
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
    json_t *suggestion = ask_fine(client, (const char *)path.data, body, &status);
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
    client_t client = {.server = "http://127.0.0.1:7117"};
    int misused = command_option("--server", &argc, argv, &client.server);
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
    buffer_fini(&client.answer);
    return status;
}
