/* fuzz_web_query: a request target and a body, as the web server reads them: byte 0 chooses the route, a newline parts
 * target and body. No store is asked; all parsing before a handler and the body's parsing are. */
#include "web/routes.h"

#include <stdlib.h>

/* The handlers themselves are not under test: any route's parameters are. */
static size_t route_count(void) {
    size_t count = 0;
    while (web_routes[count].path != NULL) count++;
    return count;
}

static void read_parameters(const target_t *target, const route_t *route) {
    web_request_t request = {.target = target, .route = route};
    slice_t key, value;
    if (request_parameters(&request, INT64_C(1700000000) * NS_PER_S)) {
        if (request.start_ns > request.end_ns || request.limit == 0 || request.limit > LIST_LIMIT_MAX) abort();
        for (uint32_t i = 0; request_attribute(&request, i, &key, &value); i++)
            if (key.len == 0) abort();
        (void)request_duration(&request, "min_duration", 0);
    } else if (request.answer.status != 400) {
        abort();
    }
    buffer_fini(&request.answer.body);
}

static void read_body(slice_t body) {
    web_request_t request = {.body = body};
    char *reason;
    if (request_reason(&request, &reason) != (reason != NULL)) abort();
    if (reason == NULL && request.answer.status != 400) abort();
    free(reason);
    buffer_fini(&request.answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const uint8_t *newline = memchr(data + 1, '\n', size - 1);
    size_t len = newline == NULL ? size - 1 : (size_t)(newline - data) - 1;
    target_t target;
    const char *why, *id, *allow;
    if (target_parse(slice_of(data + 1, len), &target, &why) == ERR_OK) {
        const route_t *route = route_find("GET", &target, &id, &allow);
        (void)route_find("POST", &target, &id, &allow);
        read_parameters(&target, route != NULL ? route : &web_routes[data[0] % route_count()]);
        target_fini(&target);
    }
    if (newline != NULL) read_body(slice_of(newline + 1, size - len - 2));
    return 0;
}
