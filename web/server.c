#include "web/server.h"

#include "base/log.h"
#include "base/memory.h"
#include "web/assets.h"
#include "web/elsewhere.h"
#include "web/encoding.h"
#include "web/internal.h"
#include "web/routes.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
    THREADS_DEFAULT = 4,
    CONNECTIONS_DEFAULT = 256,
    STREAMS_DEFAULT = 64,
    COMMENT_DEFAULT_S = 15,
    HEADER_TIMEOUT_DEFAULT_S = 10,
    BODY_TIMEOUT_DEFAULT_S = 30,
    IDLE_TIMEOUT_S = 30,
    CONNECTION_MEMORY_BYTES = 32768, /* request line and headers; the library refuses more */
    COMPRESS_FROM_BYTES = 1400,      /* what fits one packet is sent as it is */
    ASSET_BYTES_MAX = 16 << 20,
};

/* One HTTP exchange, from its request line to its end. */
typedef struct {
    char *raw; /* the request target as it came; NULL when longer than TARGET_BYTES_MAX */
    bool begun;
    bool too_large;
    http_connection_t *peer;
    buffer_t body;
} exchange_t;

/* --- answers --- */

static void add_headers(struct MHD_Response *response, const answer_t *answer) {
    for (const guard_header_t *header = guard_headers; header->name != NULL; header++)
        (void)MHD_add_response_header(response, header->name, header->value);
    if (answer->content_type != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    if (answer->allow != NULL) (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
                                  answer->cache_control == NULL ? "no-store" : answer->cache_control);
    if (answer->etag[0] != '\0') (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, answer->etag);
    if (answer->retry_after_s > 0) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", answer->retry_after_s);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, text);
    }
    if (!answer->stream) (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
}

static const char *header_of(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* The answer's bytes, compressed where that helps and is taken. Hands over answer->body. */
static struct MHD_Response *make_response(answer_t *answer, bool takes_gzip) {
    bool gzip = answer->asset_gzip && takes_gzip;
    struct MHD_Response *response;
    if (answer->asset.data != NULL && (gzip || !answer->asset_gzip)) {
        response = MHD_create_response_from_buffer(answer->asset.len, (void *)(uintptr_t)answer->asset.data,
                                                   MHD_RESPMEM_PERSISTENT);
    } else {
        if (answer->asset.data != NULL && encoding_inflate(answer->asset, ASSET_BYTES_MAX, &answer->body) != ERR_OK)
            log_error("web: an embedded file does not inflate");
        buffer_t packed = {0};
        if (takes_gzip && answer->body.len >= COMPRESS_FROM_BYTES &&
            encoding_deflate(buffer_slice(&answer->body), &packed) == ERR_OK) {
            buffer_fini(&answer->body);
            answer->body = packed;
            gzip = true;
        } else {
            buffer_fini(&packed);
        }
        (void)buffer_reserve(&answer->body, 1); /* an empty body has memory to hand over too */
        response = MHD_create_response_from_buffer(answer->body.len, answer->body.data, MHD_RESPMEM_MUST_FREE);
        if (response != NULL) answer->body = (buffer_t){0};
    }
    if (response != NULL && gzip) (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return response;
}

/* The answer is the client's to take now. */
static void expect_reader(web_t *web, http_connection_t *peer, const answer_t *answer) {
    http_connection_phase(peer, &web->connections, PHASE_ANSWER);
    http_connection_progress(peer, answer->asset.len + answer->body.len);
}

static enum MHD_Result send_answer(web_t *web, struct MHD_Connection *connection, answer_t *answer) {
    expect_reader(web, http_connection_of(connection), answer);
    struct MHD_Response *response =
        answer->stream ? stream_open(web->streams, connection)
                       : make_response(answer, encoding_takes_gzip(header_of(connection, "Accept-Encoding")));
    if (response == NULL) return MHD_NO;
    add_headers(response, answer);
    if (answer->status >= 400) counters_add(web->context.counters, COUNTER_API_ERRORS, 1);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* --- files --- */

static void no_page(web_request_t *request) {
    answer_plain(request, 404, "text/plain; charset=utf-8",
                 "This build has no page in it (make ui, then build again). The API is under /api/v1/.\n");
}

/* A file by name; any other path is the page's own address (it routes by itself). */
static void answer_file(web_request_t *request, const target_t *target, const char *if_none_match) {
    const char *name = target->segment_count == 1 ? target->segments[0] : "index.html";
    const asset_t *asset = asset_find(name);
    if (asset == NULL || strcmp(name, "openapi.yaml") == 0) asset = asset_find(name = "index.html");
    if (asset == NULL) {
        no_page(request);
        return;
    }
    answer_t *answer = &request->answer;
    slice_t bytes = asset_gzip(asset);
    (void)snprintf(answer->etag, sizeof answer->etag, "W/\"%016llx\"",
                   (unsigned long long)XXH3_64bits(bytes.data, bytes.len));
    answer->cache_control = asset_is_hashed(name) ? "public, max-age=31536000, immutable" : "no-cache";
    answer->content_type = asset_type(name);
    if (if_none_match != NULL && strstr(if_none_match, answer->etag) != NULL) {
        answer->status = 304;
        return;
    }
    answer->status = 200;
    answer->asset = bytes;
    answer->asset_gzip = true;
}

void api_openapi(web_request_t *request) {
    const asset_t *asset = asset_find("openapi.yaml");
    if (asset == NULL) {
        answer_not_found(request, "file in this build");
        return;
    }
    request->answer.status = 200;
    request->answer.content_type = asset_type("openapi.yaml");
    request->answer.asset = asset_gzip(asset);
    request->answer.asset_gzip = true;
}

/* --- requests --- */

/* What `end` stands for when it is not given. */
static int64_t newest_ns(const web_request_t *request) {
    query_status_t status;
    bool known = query_status(request->query, &status) == ERR_OK && status.event_ns > 0;
    return known ? status.event_ns + 1 : clock_wall_ns(request->context->clock);
}

static void run_route(web_t *web, web_request_t *request) {
    err_t err = readers_take(&web->readers, &request->query);
    if (err == ERR_OK) err = query_begin(request->query);
    if (err != ERR_OK) {
        answer_store_error(request, err);
    } else {
        if (request_parameters(request, newest_ns(request))) request->route->handle(request);
        query_end(request->query);
    }
    if (request->query != NULL) readers_give(&web->readers, request->query);
    if (request->answer.status == 0) answer_error(request, 500, "internal", NULL, "The resource gave no answer.");
}

static bool is_api(const target_t *target) {
    return target->segment_count > 0 && strcmp(target->segments[0], "api") == 0;
}

static void answer_unrouted(web_request_t *request, const char *method, const char *allow, const char *if_none_match) {
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (allow[0] != '\0' || (!reads && !is_api(request->target))) {
        request->answer.allow = allow[0] != '\0' ? allow : "GET, HEAD";
        answer_error(request, 405, "method_not_allowed", NULL, "This resource answers %s only.", request->answer.allow);
    } else if (is_api(request->target)) {
        answer_error(request, 404, "not_found", NULL,
                     "There is no such resource; /api/v1/openapi.yaml lists those there are.");
    } else {
        answer_file(request, request->target, if_none_match);
    }
}

static bool may_enter(web_t *web, struct MHD_Connection *connection, web_request_t *request, const char *method) {
    const char *host = header_of(connection, "Host");
    if (!guard_host(&web->guard, host)) {
        answer_error(
            request, 421, "wrong_host", NULL,
            "This server is not called by that name. Use the address it listens on, or localhost, or put the name "
            "into listen.web_names.");
        return false;
    }
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) return true;
    const char *id, *allow;
    const route_t *route = route_find(method, request->target, &id, &allow);
    if (route != NULL && route_only_asks(route)) return true;
    bool changes = strcmp(method, "POST") == 0 || (route != NULL && strcmp(method, "DELETE") == 0);
    if (changes && !guard_post(host, header_of(connection, "Origin"), header_of(connection, "Sec-Fetch-Site"),
                               header_of(connection, "X-Seismesh"))) {
        answer_error(request, 403, "forbidden", NULL,
                     "A change needs the header 'X-Seismesh: 1', and an Origin of this server if it has one.");
        return false;
    }
    return true;
}

static void dispatch(web_t *web, struct MHD_Connection *connection, const char *method, const exchange_t *exchange,
                     web_request_t *request) {
    target_t target = {0};
    const char *why = "The request target is longer than 8192 bytes.", *allow;
    err_t err = exchange->raw == NULL ? ERR_TOO_LARGE : target_parse(slice_text(exchange->raw), &target, &why);
    request->target = &target;
    if (!may_enter(web, connection, request, method)) {
        /* answered */
    } else if (exchange->too_large) {
        answer_error(request, 413, "body_too_large", NULL, "A request body may have 65536 bytes at most.");
    } else if (err != ERR_OK) {
        answer_error(request, err == ERR_TOO_LARGE ? 414 : 400, "invalid_target", NULL, "%s", why);
    } else {
        request->route = route_find(method, &target, &request->id, &allow);
        if (request->route != NULL)
            run_route(web, request);
        else
            answer_unrouted(request, method, allow, header_of(connection, "If-None-Match"));
    }
    target_fini(&target);
}

static bool declares_too_much(struct MHD_Connection *connection) {
    const char *length = header_of(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL && strtoull(length, NULL, 10) > BODY_BYTES_MAX;
}

static enum MHD_Result respond(web_t *web, struct MHD_Connection *connection, const char *method,
                               const exchange_t *exchange) {
    http_connection_phase(exchange->peer, &web->connections, PHASE_WAITING);
    counters_add(web->context.counters, COUNTER_API_REQUESTS, 1);
    web_request_t request = {.web = web,
                             .context = &web->context,
                             .body = buffer_slice(&exchange->body),
                             .relayed = header_of(connection, ELSEWHERE_HEADER) != NULL};
    dispatch(web, connection, method, exchange, &request);
    enum MHD_Result result = send_answer(web, connection, &request.answer);
    if (result == MHD_NO && request.answer.stream) {
        request.answer.stream = false;
        request.answer.retry_after_s = 30;
        answer_error(&request, 503, "too_many_streams", NULL, "As many event streams are open as this server allows.");
        result = send_answer(web, connection, &request.answer);
    }
    buffer_fini(&request.answer.body);
    return result;
}

/* The library calls this when the headers are there, then with each piece of the body, then once more. */
static enum MHD_Result handle(void *argument, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state) {
    (void)url;
    (void)version;
    web_t *web = argument;
    exchange_t *exchange = *state;
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->too_large = declares_too_much(connection);
        http_connection_phase(exchange->peer, &web->connections, PHASE_BODY);
        return exchange->too_large ? respond(web, connection, method, exchange) : MHD_YES;
    }
    if (*size > 0) {
        if (exchange->body.len + *size > BODY_BYTES_MAX)
            exchange->too_large = true;
        else
            buffer_append(&exchange->body, data, *size);
        *size = 0;
        return MHD_YES;
    }
    return respond(web, connection, method, exchange);
}

static void *begin_exchange(void *argument, const char *uri, struct MHD_Connection *connection) {
    web_t *web = argument;
    exchange_t *exchange = memory_new(1, sizeof *exchange);
    exchange->peer = http_connection_of(connection);
    http_connection_phase(exchange->peer, &web->connections, PHASE_HEADERS);
    if (strlen(uri) <= TARGET_BYTES_MAX) exchange->raw = memory_text(uri);
    return exchange;
}

static void end_exchange(void *argument, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    (void)connection;
    (void)code;
    web_t *web = argument;
    exchange_t *exchange = *state;
    if (exchange == NULL) return;
    http_connection_phase(exchange->peer, &web->connections, PHASE_IDLE);
    free(exchange->raw);
    buffer_fini(&exchange->body);
    free(exchange);
    *state = NULL;
}

/* --- life --- */

static void log_library(void *argument, const char *format, va_list args) {
    (void)argument;
    char line[512], quoted[512];
    (void)vsnprintf(line, sizeof line, format, args);
    log_debug("web: %s", log_quote(quoted, sizeof quoted, slice_text(line)));
}

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} address_t;

static bool read_address(const char *host, uint16_t port, address_t *address) {
    *address = (address_t){0};
    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) != 1) return false;
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port);
    return true;
}

static err_t listen_at(web_t *web, char *why, size_t why_size) {
    address_t address;
    const web_config_t *config = &web->config;
    if (!read_address(config->host, config->port, &address)) {
        (void)snprintf(why, why_size, "'%s' is no address to listen on: give a numeric one such as 127.0.0.1.",
                       config->host);
        return ERR_INVALID;
    }
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (address.any.sa_family == AF_INET6) flags |= MHD_USE_IPv6;
    errno = 0;
    /* Our own limit of connections decides; the library's is a share per thread and must not come first. */
    unsigned connections = (config->connections + 64) * config->threads;
    web->daemon = MHD_start_daemon(
        flags, config->port, http_connections_admit, &web->connections, handle, web, MHD_OPTION_EXTERNAL_LOGGER,
        log_library, NULL, MHD_OPTION_SOCK_ADDR, &address.any, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)config->threads,
        MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_NOTIFY_CONNECTION, http_connections_notify, &web->connections, MHD_OPTION_URI_LOG_CALLBACK,
        begin_exchange, web, MHD_OPTION_NOTIFY_COMPLETED, end_exchange, web, MHD_OPTION_END);
    if (web->daemon == NULL) {
        int error = errno;
        (void)snprintf(why, why_size, "The web page cannot listen on %s:%u (%s): set listen.web to a free address.",
                       config->host, (unsigned)config->port, strerror(error));
        return error == EADDRINUSE || error == EACCES ? ERR_BUSY : ERR_INVALID;
    }
    web->port = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return ERR_OK;
}

static uint32_t or_default(uint32_t value, uint32_t fallback) {
    return value == 0 ? fallback : value;
}

static err_t limit_connections(web_t *web) {
    const web_config_t *config = &web->config;
    uint32_t body_s = or_default(config->body_timeout_s, BODY_TIMEOUT_DEFAULT_S);
    http_limits_t limits = {
        .connections = config->connections,
        .seconds = {[PHASE_HEADERS] = or_default(config->header_timeout_s, HEADER_TIMEOUT_DEFAULT_S),
                    [PHASE_BODY] = body_s,
                    [PHASE_ANSWER] = body_s,
                    [PHASE_IDLE] = IDLE_TIMEOUT_S},
    };
    return http_connections_start(&web->connections, &limits, web->context.clock, web->context.counters);
}

err_t web_start(const web_config_t *config, const web_context_t *context, web_t **out, char *why, size_t why_size) {
    web_t *web = memory_new(1, sizeof *web);
    web->config = *config;
    web->config.host = web->host = memory_text(config->host);
    web->config.names = web->names = memory_text(config->names == NULL ? "" : config->names);
    web->config.threads = or_default(config->threads, THREADS_DEFAULT);
    web->config.connections = or_default(config->connections, CONNECTIONS_DEFAULT);
    /* The library takes no more threads than connections. */
    if (web->config.threads > web->config.connections) web->config.threads = web->config.connections;
    web->context = *context;
    web->guard = (guard_t){.listen_host = web->host, .names = web->names};
    web->started_wall_ns = clock_wall_ns(context->clock);
    web->started_ns = clock_monotonic_ns(context->clock);
    readers_init(&web->readers, context->store_path, web->config.threads + 1);

    query_t *query = query_open(context->store_path);
    bool readable = query != NULL;
    if (readable) query_close(query);
    err_t err = limit_connections(web);
    if (err != ERR_OK) {
        (void)snprintf(why, why_size, "The web page cannot start its threads; raise the limit on threads.");
    } else if (!readable) {
        err = ERR_FOREIGN;
        (void)snprintf(why, why_size, "The store %s cannot be opened for reading.", context->store_path);
    } else {
        web->streams = stream_hub_start(web, or_default(config->streams, STREAMS_DEFAULT),
                                        or_default(config->stream_comment_s, COMMENT_DEFAULT_S));
        err = listen_at(web, why, why_size);
    }
    if (err != ERR_OK) {
        web_stop(web);
        return err;
    }
    *out = web;
    return ERR_OK;
}

uint16_t web_port(const web_t *web) {
    return web->port;
}

void web_notify(web_t *web) {
    stream_hub_notify(web->streams);
}

void web_stop(web_t *web) {
    if (web->streams != NULL) stream_hub_close(web->streams);
    if (web->daemon != NULL) MHD_stop_daemon(web->daemon);
    http_connections_stop(&web->connections);
    if (web->streams != NULL) stream_hub_free(web->streams);
    readers_fini(&web->readers);
    free(web->host);
    free(web->names);
    free(web);
}
