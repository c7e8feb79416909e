/* otlp_http: the OTLP/HTTP receiver. libmicrohttpd brings the threads, the sockets and HTTP/1.1; a request is suspended
 * while the journal makes it durable, so that a few threads serve many waiting senders. */
#include "base/log.h"
#include "base/memory.h"
#include "collector/receive/http_request.h"
#include "collector/receive/listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    IDLE_TIMEOUT_S = 300,         /* exporters of metrics often send once a minute over one connection */
    CONNECTION_BYTES = 64 * 1024, /* libmicrohttpd reads into half of it: large enough for few reads per request */
    STOP_SLOW_BODIES_MS = 1000,   /* receiver_stop waits so long for bodies that still arrive, … */
    STOP_JOURNAL_MS = 4000,       /* … so long for the journal, … */
    STOP_MS = 5000,               /* … and so long at all */
};

typedef struct {
    receiver_t receiver;
    http_service_t service;
    struct MHD_Daemon *daemon;
} otlp_http_t;

static void library_log(void *context, const char *format, va_list args) {
    char line[256];
    (void)context;
    int len = vsnprintf(line, sizeof line, format, args);
    if (len > 0 && (size_t)len < sizeof line && line[len - 1] == '\n') line[len - 1] = '\0';
    log_debug("otlp_http: %s", line);
}

static struct MHD_Response *accepted_response(format_t format) {
    answer_t answer = {.situation = SITUATION_ACCEPTED};
    buffer_t body = {0};
    answer_encode(&answer, format, &body);
    struct MHD_Response *response = MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_COPY);
    buffer_fini(&body);
    if (response == NULL) return NULL;
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, format_media_types[format]);
    return response;
}

static err_t service_init(http_service_t *service, const receiver_config_t *config, intake_t *intake) {
    pthread_condattr_t monotonic;
    service->config = *config;
    service->intake = intake;
    for (int i = 0; i < FORMAT_COUNT; i++) service->accepted[i] = accepted_response((format_t)i);
    (void)pthread_mutex_init(&service->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&service->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    http_limits_t limits = {.connections = config->connections,
                            .seconds = {[PHASE_HEADERS] = config->header_timeout_s,
                                        [PHASE_BODY] = config->body_timeout_s,
                                        [PHASE_ANSWER] = config->body_timeout_s,
                                        [PHASE_IDLE] = IDLE_TIMEOUT_S}};
    return http_connections_start(&service->connections, &limits, intake->clock, intake->counters);
}

static void service_fini(http_service_t *service) {
    http_connections_stop(&service->connections);
    for (int i = 0; i < FORMAT_COUNT; i++) MHD_destroy_response(service->accepted[i]);
    (void)pthread_cond_destroy(&service->changed);
    (void)pthread_mutex_destroy(&service->lock);
}

/* Our own limit of connections decides; the library's is a share per thread and must not come first. */
static struct MHD_Daemon *daemon_start(http_service_t *service, int listener) {
    const receiver_config_t *config = &service->config;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO | MHD_USE_ERROR_LOG;
    uint32_t threads = config->threads > 0 ? config->threads : 1;
    struct MHD_OptionItem pool = {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL};
    if (threads < 2) pool.option = MHD_OPTION_END;
    struct MHD_OptionItem options[] = {pool, {MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(flags, 0, http_connections_admit, &service->connections, http_request_handle, service,
                            MHD_OPTION_EXTERNAL_LOGGER, library_log, NULL, /* first, to catch what follows */
                            MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
                            (config->connections + 64) * threads, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_CONNECTION, http_connections_notify,
                            &service->connections, MHD_OPTION_URI_LOG_CALLBACK, http_connections_first_line,
                            &service->connections, MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, service,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static void wait_ms(http_service_t *service, int64_t ms) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * NS_PER_MS;
    until.tv_sec += until.tv_nsec / NS_PER_S;
    until.tv_nsec %= NS_PER_S;
    (void)pthread_cond_timedwait(&service->changed, &service->lock, &until);
}

/* Until all is answered; slow bodies are given up first, then the journal. What the journal is just answering is
 * waited for in any case: it is ours to finish. */
static void service_drain(http_service_t *service) {
    const clock_source_t *clock = service->intake->clock;
    int64_t start_ns = clock_monotonic_ns(clock);
    bool abandoned = false;
    atomic_store(&service->draining, true);
    (void)pthread_mutex_lock(&service->lock);
    while (service->active > 0 || service->owed > 0) {
        int64_t waited_ms = (clock_monotonic_ns(clock) - start_ns) / NS_PER_MS;
        if (service->owed == 0 && waited_ms > (abandoned ? STOP_MS : STOP_SLOW_BODIES_MS)) break;
        if (!abandoned && waited_ms > STOP_JOURNAL_MS) {
            (void)pthread_mutex_unlock(&service->lock);
            http_requests_abandon(service);
            (void)pthread_mutex_lock(&service->lock);
            abandoned = true;
        }
        wait_ms(service, 50);
    }
    (void)pthread_mutex_unlock(&service->lock);
}

static void otlp_http_stop(receiver_t *receiver) {
    otlp_http_t *http = (otlp_http_t *)receiver;
    int listener = MHD_quiesce_daemon(http->daemon);
    if (listener >= 0) (void)close(listener);
    service_drain(&http->service);
    MHD_stop_daemon(http->daemon);
    service_fini(&http->service);
    free(http);
}

err_t otlp_http_start(const receiver_config_t *config, intake_t *intake, receiver_t **out, char *why, size_t why_size) {
    int listener;
    uint16_t port;
    err_t err = listen_open(config, "OTLP/HTTP", "listen.otlp_http", &listener, &port, why, why_size);
    if (err != ERR_OK) return err;
    otlp_http_t *http = memory_new(1, sizeof *http);
    http->receiver = (receiver_t){port, otlp_http_stop};
    if (service_init(&http->service, config, intake) == ERR_OK) http->daemon = daemon_start(&http->service, listener);
    if (http->daemon == NULL) {
        (void)snprintf(why, why_size, "OTLP/HTTP cannot start its threads; raise the limits on threads and open files");
        service_fini(&http->service);
        (void)close(listener);
        free(http);
        return ERR_IO;
    }
    *out = &http->receiver;
    return ERR_OK;
}
