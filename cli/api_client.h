/* api_client: the HTTP API of a server (docs/api.md), as commands ask it, and its texts on a terminal. */
#ifndef SEISMESH_CLI_API_CLIENT_H
#define SEISMESH_CLI_API_CLIENT_H

#include "base/buffer.h"

#include <jansson.h>

#define API_SERVER_DEFAULT "http://127.0.0.1:7117"

/* Begin with {.command = the command's name, .server = where}; end with buffer_fini(&client.answer). */
typedef struct {
    const char *command, *server;
    const char *method; /* NULL: GET, or POST when there is a body */
    buffer_t answer;
    long status;
} api_client_t;

/* Asks below /api/v1. The answer of a request that went well; else NULL, the reason
 * is said on standard error, and *status is EXIT_FAILED. */
json_t *ask_fine(api_client_t *client, const char *path, const char *body, int *status);

/* A member that is a text; "" when it is none. */
const char *text_of(const json_t *object, const char *key);

/* Telemetry names things: what it says is shown on a terminal, so control characters are not passed on to it. */
void print_text(const char *before, const char *text, const char *after);

#endif
