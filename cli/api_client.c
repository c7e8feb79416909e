#include "cli/api_client.h"

#include "cli/command.h"

#include <curl/curl.h>
#include <stdio.h>

enum { ANSWER_BYTES_MAX = 16 << 20, TIMEOUT_S = 30 };

static size_t keep_answer(char *data, size_t size, size_t count, void *context) {
    api_client_t *client = context;
    size_t len = size * count;
    if (len > ANSWER_BYTES_MAX - client->answer.len) return 0; /* ends the transfer */
    buffer_append(&client->answer, data, len);
    return len;
}

void print_text(const char *before, const char *text, const char *after) {
    (void)fputs(before, stdout);
    for (const char *at = text; *at != '\0'; at++) {
        bool control = ((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f;
        (void)putchar(control ? '?' : *at);
    }
    (void)fputs(after, stdout);
}

const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

/* Asks the API. NULL, after saying why on standard error, when there is no usable answer. */
static json_t *ask(api_client_t *client, const char *path, const char *body) {
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
    if (client->method != NULL) (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, client->method);
    CURLcode result = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &client->status);
    json_t *answer =
        result == CURLE_OK ? json_loadb((const char *)client->answer.data, client->answer.len, 0, NULL) : NULL;
    if (result != CURLE_OK)
        (void)fprintf(stderr, "seismesh %s: %.*s cannot be reached: %s; is 'seismesh serve' running there?\n",
                      client->command, (int)len, client->server, curl_easy_strerror(result));
    else if (answer == NULL)
        (void)fprintf(stderr, "seismesh %s: %.*s answered HTTP %ld, but not as seismesh does\n", client->command,
                      (int)len, client->server, client->status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    buffer_fini(&url);
    return answer;
}

json_t *ask_fine(api_client_t *client, const char *path, const char *body, int *status) {
    json_t *answer = ask(client, path, body);
    *status = EXIT_FAILED;
    if (answer == NULL) return NULL;
    if (client->status == 200) {
        *status = EXIT_FINE;
        return answer;
    }
    const char *message = text_of(json_object_get(answer, "error"), "message");
    (void)fprintf(stderr, "seismesh %s: %s\n", client->command, message[0] != '\0' ? message : "the server refused it");
    json_decref(answer);
    return NULL;
}
