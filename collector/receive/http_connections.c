#include "collector/receive/http_connections.h"

#include "base/memory.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
    IDLE_TIMEOUT_S = 300, /* exporters of metrics often send once a minute over one connection */
    WATCH_EVERY_MS = 250,
    PROGRESS_BYTES_PER_S = 32 * 1024,
};

static int64_t now_ns(const http_connections_t *all) {
    return clock_monotonic_ns(all->intake->clock);
}

void http_connection_phase(http_connection_t *connection, const http_connections_t *all, http_phase_t phase) {
    const int64_t allowed_s[] = {
        [PHASE_HEADERS] = all->config->header_timeout_s,
        [PHASE_BODY] = all->config->body_timeout_s,
        [PHASE_WAITING] = INT32_MAX, /* our turn: the journal answers, or receiver_stop gives up */
        [PHASE_IDLE] = IDLE_TIMEOUT_S,
    };
    atomic_store_explicit(&connection->deadline_ns, now_ns(all) + allowed_s[phase] * NS_PER_S, memory_order_relaxed);
    atomic_store_explicit(&connection->phase, (int)phase, memory_order_relaxed);
}

void http_connection_progress(http_connection_t *connection, size_t bytes) {
    int64_t more_ns = (int64_t)bytes * NS_PER_S / PROGRESS_BYTES_PER_S;
    atomic_fetch_add_explicit(&connection->deadline_ns, more_ns, memory_order_relaxed);
}

/* The socket stays open until libmicrohttpd has noticed: it owns the descriptor, and tells us before it closes it. */
static void cut(http_connections_t *all, http_connection_t *connection, counter_t reason) {
    (void)shutdown(connection->fd, SHUT_RDWR);
    http_connection_phase(connection, all, PHASE_WAITING);
    counters_add(all->intake->counters, reason, 1);
}

static void cut_overdue(http_connections_t *all) {
    int64_t now = now_ns(all);
    for (http_connection_t *c = all->first; c != NULL; c = c->next) {
        if (atomic_load_explicit(&c->deadline_ns, memory_order_relaxed) > now) continue;
        int phase = atomic_load_explicit(&c->phase, memory_order_relaxed);
        cut(all, c, phase == PHASE_IDLE ? COUNTER_CLOSED_IDLE : COUNTER_CLOSED_SLOW);
    }
}

static void *watch(void *context) {
    http_connections_t *all = context;
    (void)pthread_mutex_lock(&all->lock);
    while (!all->stopping) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_EVERY_MS * NS_PER_MS;
        until.tv_sec += until.tv_nsec / NS_PER_S;
        until.tv_nsec %= NS_PER_S;
        (void)pthread_cond_timedwait(&all->stop_asked, &all->lock, &until);
        cut_overdue(all);
    }
    (void)pthread_mutex_unlock(&all->lock);
    return NULL;
}

err_t http_connections_start(http_connections_t *connections, const receiver_config_t *config, intake_t *intake) {
    *connections = (http_connections_t){.config = config, .intake = intake};
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&connections->lock, NULL);
    (void)pthread_cond_init(&connections->stop_asked, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    connections->watched = pthread_create(&connections->watch, NULL, watch, connections) == 0;
    return connections->watched ? ERR_OK : ERR_IO;
}

void http_connections_stop(http_connections_t *connections) {
    (void)pthread_mutex_lock(&connections->lock);
    connections->stopping = true;
    (void)pthread_cond_signal(&connections->stop_asked);
    (void)pthread_mutex_unlock(&connections->lock);
    if (connections->watched) (void)pthread_join(connections->watch, NULL);
    (void)pthread_cond_destroy(&connections->stop_asked);
    (void)pthread_mutex_destroy(&connections->lock);
}

static bool make_place(http_connections_t *all) {
    for (http_connection_t *c = all->first; c != NULL; c = c->next) {
        if (atomic_load_explicit(&c->phase, memory_order_relaxed) != PHASE_HEADERS) continue;
        cut(all, c, COUNTER_CLOSED_SLOW);
        return true;
    }
    return false;
}

enum MHD_Result http_connections_admit(void *context, const struct sockaddr *address, socklen_t len) {
    http_connections_t *all = context;
    (void)address;
    (void)len;
    (void)pthread_mutex_lock(&all->lock);
    bool admitted = all->count < all->config->connections || make_place(all);
    (void)pthread_mutex_unlock(&all->lock);
    if (!admitted) counters_add(all->intake->counters, COUNTER_REFUSED_CONNECTIONS, 1);
    return admitted ? MHD_YES : MHD_NO;
}

static void add(http_connections_t *all, http_connection_t *c) {
    c->previous = all->last;
    if (all->last == NULL)
        all->first = c;
    else
        all->last->next = c;
    all->last = c;
    all->count++;
}

static void take_out(http_connections_t *all, http_connection_t *c) {
    if (c->previous == NULL)
        all->first = c->next;
    else
        c->previous->next = c->next;
    if (c->next == NULL)
        all->last = c->previous;
    else
        c->next->previous = c->previous;
    all->count--;
}

void http_connections_notify(void *context, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode code) {
    http_connections_t *all = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        http_connection_t *c = memory_new(1, sizeof *c);
        c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        http_connection_phase(c, all, PHASE_HEADERS);
        *socket_context = c;
        (void)pthread_mutex_lock(&all->lock);
        add(all, c);
        (void)pthread_mutex_unlock(&all->lock);
    } else {
        http_connection_t *c = *socket_context;
        (void)pthread_mutex_lock(&all->lock);
        take_out(all, c);
        (void)pthread_mutex_unlock(&all->lock);
        free(c);
        *socket_context = NULL;
    }
}
