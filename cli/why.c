/* why: the explanation of an incident or anomaly, as the API gives it (docs/api.md, Why). */
#include "base/buffer.h"
#include "cli/api_client.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static void print_list(const char *title, const json_t *texts, const char *before) {
    size_t index;
    json_t *text;
    json_array_foreach(texts, index, text) {
        if (index == 0) (void)printf("%s", title);
        print_text(before, json_string_value(text) == NULL ? "" : json_string_value(text), "\n");
    }
}

static void print_suspect(const json_t *suspect) {
    (void)printf("%lld. ", (long long)json_integer_value(json_object_get(suspect, "rank")));
    print_text("", text_of(suspect, "service"), "");
    if (text_of(suspect, "version")[0] != '\0') print_text(", version ", text_of(suspect, "version"), "");
    if (text_of(suspect, "instance")[0] != '\0') print_text(", instance ", text_of(suspect, "instance"), "");
    (void)printf("%s\n", json_is_true(json_object_get(suspect, "cleared")) ? " (not this one, a person says)" : "");
    print_list("", json_object_get(suspect, "evidence"), "   - ");
}

static void print_why(const json_t *why) {
    size_t index;
    json_t *item;
    print_text("", text_of(why, "sentence"), "\n");
    const json_t *culprit = json_object_get(why, "culprit");
    if (text_of(culprit, "reason")[0] != '\0') {
        bool established = json_is_true(json_object_get(culprit, "established"));
        print_text(established ? "\nculprit " : "\nculprit not established, first suspect ",
                   text_of(culprit, "service"), ": ");
        print_text("", text_of(culprit, "reason"), "\n");
    }
    const json_t *suspects = json_object_get(why, "suspects");
    if (json_array_size(suspects) == 0) print_list("\nevidence\n", json_object_get(why, "evidence"), "- ");
    json_array_foreach(suspects, index, item) {
        if (index == 0) (void)printf("\nsuspects\n");
        print_suspect(item);
    }
    json_array_foreach(json_object_get(why, "answers"), index, item) {
        print_text("\nanswered: ", text_of(item, "answer"), "");
        print_text(text_of(item, "note")[0] == '\0' ? "" : ", ", text_of(item, "note"), "\n");
    }
}

int command_why(int argc, char **argv) {
    api_client_t api = {.command = argv[0], .server = API_SERVER_DEFAULT};
    const char *format = "text";
    int misused = command_option("--server", &argc, argv, &api.server);
    if (misused == EXIT_FINE) misused = command_option("-o", &argc, argv, &format);
    if (misused == EXIT_FINE) misused = command_unknown_option(argc, argv);
    if (misused != EXIT_FINE) return misused;
    bool json = strcmp(format, "json") == 0;
    if (!json && strcmp(format, "text") != 0) return command_misused(argv[0], "-o is text or json, not '%s'", format);
    if (argc != 2) return command_misused(argv[0], "why which one? The ID of an incident (12) or anomaly (a345)");
    char *escaped = curl_easy_escape(NULL, argv[1], 0);
    buffer_t path = {0};
    int status;
    buffer_format(&path, "/why/%s", escaped == NULL ? "" : escaped);
    buffer_byte(&path, '\0');
    json_t *why = ask_fine(&api, (const char *)path.data, NULL, &status);
    if (why != NULL && json) {
        (void)json_dumpf(why, stdout, JSON_INDENT(2));
        (void)putchar('\n');
    } else if (why != NULL) {
        print_why(why);
    }
    json_decref(why);
    curl_free(escaped);
    buffer_fini(&path);
    buffer_fini(&api.answer);
    return status;
}
