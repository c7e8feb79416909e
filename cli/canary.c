/* canary: a verdict on one version of a service against another, for people and for pipelines, which take the exit
 * code: 0 pass, 1 fail, 3 not enough data; 2 when there is no verdict at all. */
#include "cli/api_client.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_NOT_ENOUGH_DATA = 3 };

typedef struct {
    const char *name; /* of the parameter */
    const char *option, *value;
} parameter_t;

static bool take_flag(const char *name, int *argc, char **argv) {
    int kept = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], name) != 0) argv[kept++] = argv[i];
    bool found = kept < *argc;
    *argc = kept;
    argv[kept] = NULL;
    return found;
}

static void add_parameter(buffer_t *path, const char *name, const char *before, const char *value) {
    char *escaped = value == NULL ? NULL : curl_easy_escape(NULL, value, 0);
    if (escaped != NULL) buffer_format(path, "%s%s=%s%s", path->len > 8 ? "&" : "?", name, before, escaped);
    curl_free(escaped);
}

static int exit_code(const char *verdict) {
    static const struct {
        const char *verdict;
        int code;
    } codes[] = {{"pass", EXIT_FINE}, {"fail", EXIT_FAILED}, {"not_enough_data", EXIT_NOT_ENOUGH_DATA}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (strcmp(verdict, codes[i].verdict) == 0) return codes[i].code;
    return EXIT_USAGE;
}

static int answer(const json_t *document, bool as_json) {
    int code = exit_code(text_of(document, "verdict"));
    if (code == EXIT_USAGE) {
        (void)fprintf(stderr, "seismesh canary: the server gave no verdict that this version knows\n");
    } else if (as_json) {
        (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
        (void)putchar('\n');
    } else {
        print_text("", text_of(document, "verdict"), "\n");
        print_text("", text_of(document, "sentence"), "\n");
    }
    return code;
}

static int ask(api_client_t *client, char **names, const char *last, const parameter_t *options, size_t count,
               bool as_json) {
    buffer_t path = {0};
    buffer_text(&path, "/canary");
    add_parameter(&path, "service", "", names[0]);
    add_parameter(&path, "baseline", "", names[1]);
    add_parameter(&path, "canary", "", names[2]);
    add_parameter(&path, "start", "-", last);
    for (size_t i = 0; i < count; i++) add_parameter(&path, options[i].name, "", options[i].value);
    buffer_byte(&path, '\0');
    int status;
    json_t *document = ask_fine(client, (const char *)path.data, NULL, &status);
    status = document == NULL ? EXIT_USAGE : answer(document, as_json);
    json_decref(document);
    buffer_fini(&path);
    return status;
}

int command_canary(int argc, char **argv) {
    api_client_t client = {.command = argv[0], .server = API_SERVER_DEFAULT};
    const char *last = NULL;
    parameter_t options[] = {{"start", "--since", NULL},
                             {"end", "--until", NULL},
                             {"error_points", "--error-points", NULL},
                             {"latency_factor", "--latency-factor", NULL},
                             {"alpha", "--alpha", NULL},
                             {"confidence", "--confidence", NULL}};
    size_t count = sizeof options / sizeof options[0];
    bool as_json = take_flag("--json", &argc, argv);
    int misused = command_option("--server", &argc, argv, &client.server);
    if (misused == EXIT_FINE) misused = command_option("--last", &argc, argv, &last);
    for (size_t i = 0; i < count && misused == EXIT_FINE; i++)
        misused = command_option(options[i].option, &argc, argv, &options[i].value);
    if (misused == EXIT_FINE) misused = command_unknown_option(argc, argv);
    if (misused != EXIT_FINE) return misused;
    if (argc != 4) return command_misused(argv[0], "give a service, its baseline version and its canary version");
    if (last != NULL && options[0].value != NULL) return command_misused(argv[0], "--since or --last, not both");
    int status = ask(&client, argv + 1, last, options, count, as_json);
    buffer_fini(&client.answer);
    return status;
}
