#include "base/http_connections.h"

#include "base/memory.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { WATCH_EVERY_MS = 250, PROGRESS_BYTES_PER_S = 32 * 1024 };

static int64_t now_ns(const http_connections_t *all) {
    return clock_monotonic_ns(all->clock);
}

http_connection_t *http_connection_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void http_connection_phase(http_connection_t *connection, const http_connections_t *all, http_phase_t phase) {
    atomic_store_explicit(&connection->since_ns, now_ns(all), memory_order_relaxed);
    atomic_store_explicit(&connection->phase, (int)phase, memory_order_release); /* with it goes its beginning */
}

void *http_connections_first_line(void *context, const char *uri, struct MHD_Connection *connection) {
    (void)uri;
    http_connection_phase(http_connection_of(connection), context, PHASE_HEADERS);
    return NULL;
}

void http_connection_progress(http_connection_t *connection, size_t bytes) {
    int64_t earned_ns = (int64_t)bytes * NS_PER_S / PROGRESS_BYTES_PER_S;
    atomic_fetch_add_explicit(&connection->since_ns, earned_ns, memory_order_relaxed);
}

/* How long the peer has kept us waiting in this phase; negative while it is ahead. */
static int64_t behind_ns(const http_connection_t *connection, int64_t now) {
    return now - atomic_load_explicit(&connection->since_ns, memory_order_relaxed);
}

static int phase_of(const http_connection_t *connection) {
    return atomic_load_explicit(&connection->phase, memory_order_acquire);
}

/* The socket stays open until libmicrohttpd has noticed: it owns the descriptor, and tells us before it closes it. */
static void cut(http_connections_t *all, http_connection_t *connection, counter_t reason) {
    counters_add(all->counters, reason, 1); /* first: whoever sees the end sees the count */
    (void)shutdown(connection->fd, SHUT_RDWR);
    http_connection_phase(connection, all, PHASE_WAITING);
}

static void cut_overdue(http_connections_t *all) {
    int64_t now = now_ns(all);
    for (http_connection_t *c = all->first; c != NULL; c = c->next) {
        int phase = phase_of(c);
        if (phase == PHASE_WAITING || behind_ns(c, now) <= all->limits.seconds[phase] * NS_PER_S) continue;
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

err_t http_connections_start(http_connections_t *connections, const http_limits_t *limits, const clock_source_t *clock,
                             counters_t *counters) {
    *connections = (http_connections_t){.limits = *limits, .clock = clock, .counters = counters};
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

/* Who gives his place to a newcomer: the lower rank first, in one rank the one most behind; but nobody before he was
 * behind for so long. A connection that was idle for a moment only is left alone: its next request may be on its way.
 */
static const struct {
    int rank; /* 0: never */
    int after_ms;
} gives_way[HTTP_PHASES] = {
    [PHASE_HEADERS] = {1, 0},
    [PHASE_IDLE] = {2, 1000},
    [PHASE_BODY] = {3, 3000},
    [PHASE_ANSWER] = {3, 3000},
};

static bool make_place(http_connections_t *all) {
    http_connection_t *chosen = NULL;
    int chosen_rank = 0;
    int64_t chosen_behind = 0, now = now_ns(all);
    for (http_connection_t *c = all->first; c != NULL; c = c->next) {
        int phase = phase_of(c), rank = gives_way[phase].rank;
        int64_t behind = behind_ns(c, now);
        if (rank == 0 || behind < gives_way[phase].after_ms * NS_PER_MS) continue;
        if (chosen != NULL && (rank > chosen_rank || (rank == chosen_rank && behind <= chosen_behind))) continue;
        chosen = c;
        chosen_rank = rank;
        chosen_behind = behind;
    }
    if (chosen == NULL) return false;
    cut(all, chosen, phase_of(chosen) == PHASE_IDLE ? COUNTER_CLOSED_IDLE : COUNTER_CLOSED_SLOW);
    return true;
}

enum MHD_Result http_connections_admit(void *context, const struct sockaddr *address, socklen_t len) {
    http_connections_t *all = context;
    (void)address;
    (void)len;
    (void)pthread_mutex_lock(&all->lock);
    bool admitted = all->count < all->limits.connections || make_place(all);
    (void)pthread_mutex_unlock(&all->lock);
    if (!admitted) counters_add(all->counters, COUNTER_REFUSED_CONNECTIONS, 1);
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
