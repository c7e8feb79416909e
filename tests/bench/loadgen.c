/* loadgen: sends the workload mesh20 to an OTLP receiver and keeps a ledger of what was acknowledged.
 *
 *   loadgen --to http://127.0.0.1:4318 | --to grpc://127.0.0.1:4317
 *           [--spans N] [--connections 8] [--rate SPANS_PER_SECOND] [--seed N] [--out LEDGER.json]
 *           [--start UNIX_SECONDS] [--step-ms N] [--patience SECONDS]
 *           [--coding gzip|zstd] [--attributes N] [--names usual|unique] [--mesh usual|wide]
 *
 * --spans is rounded up to whole rounds of 20,000. Without --rate the loop is closed: each connection sends its next
 * request when the last was answered; with it, a request has its scheduled moment, from which its latency counts.
 * Event time is the wall clock's, unless --step-ms says by how much it goes on from round to round (and --start, where
 * it begins): then every byte is a function of the options, and with one connection so is their order.
 * Bodies go out as they are, or in a --coding (fastest level: what an opened body costs is the server's matter). More
 * --attributes, unique --names and the wide --mesh are mesh20_options_t's.
 * A request that was not accepted, or whose connection broke, is sent again with the same bytes until it is answered,
 * for at most --patience seconds without any answer. */
#include "tests/bench/ledger.h"
#include "tests/bench/sender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { CONNECTIONS_MAX = 1000, PAUSE_NS = 50000000, EVENTS = 64 };

typedef struct {
    const sender_ops_t *ops;
    char host[64];
    uint16_t port;
    char authority[80];
    uint64_t spans, seed, rate;
    uint32_t connections;
    int64_t start_ns, step_ns, patience_ns;
    const char *coding; /* NULL = none */
    mesh20_options_t mesh;
    const char *out;
} options_t;

typedef struct {
    sender_t *sender; /* NULL = not connected */
    uint8_t *body, *coded;
    size_t body_len, coded_len;
    uint64_t number; /* of the request it has, UINT64_MAX = none */
    bool sent;       /* since the connection was made or the last answer */
    bool watched;    /* for writing */
    int fd;
    int64_t scheduled_ns, pause_until_ns;
} connection_t;

typedef struct {
    const options_t *options;
    mesh20_t *mesh;
    run_t run;
    uint8_t *fates;
    int64_t *round_ns; /* event time of each round; 0 = not begun */
    connection_t connections[CONNECTIONS_MAX];
    uint64_t next, answered;
    size_t coded_room;
    int epoll;
    int64_t began_ns, answered_ns;
} generator_t;

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void fail(const char *what) {
    (void)fprintf(stderr, "loadgen: %s\n", what);
    exit(2);
}

/* Event time of a round: fixed when its first request is made, the same for all of them. */
static int64_t round_time(generator_t *g, uint64_t round) {
    if (g->round_ns[round] == 0)
        g->round_ns[round] = g->options->step_ns > 0 ? g->options->start_ns + (int64_t)round * g->options->step_ns
                                                     : now_ns(CLOCK_REALTIME);
    return g->round_ns[round];
}

static void connect_sender(generator_t *g, connection_t *c, int64_t now) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(g->options->port)};
    if (inet_pton(AF_INET, g->options->host, &address.sin_addr) != 1) fail("--to needs a numeric IPv4 address");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) fail("no socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(fd);
        c->pause_until_ns = now + PAUSE_NS;
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    c->fd = fd;
    c->sender = g->options->ops->open(fd, g->options->authority);
    c->sent = c->watched = false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll");
}

static void watch_writing(generator_t *g, connection_t *c) {
    bool wanted = g->options->ops->wants_write(c->sender);
    if (wanted == c->watched) return;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? (uint32_t)EPOLLOUT : 0), .data.ptr = c};
    (void)epoll_ctl(g->epoll, EPOLL_CTL_MOD, c->fd, &event);
    c->watched = wanted;
}

static void settle(generator_t *g, connection_t *c, fate_t fate, int64_t now) {
    g->fates[c->number] = (uint8_t)fate;
    g->run.latency_us[g->run.answered++] = (uint32_t)((now - c->scheduled_ns) / 1000);
    g->answered++;
    g->answered_ns = now;
    c->number = UINT64_MAX;
    c->sent = false;
}

static void work(generator_t *g, connection_t *c) {
    answer_t answer = g->options->ops->work(c->sender);
    int64_t now = now_ns(CLOCK_MONOTONIC);
    switch (answer) {
    case ANSWER_NONE:
        break;
    case ANSWER_ACCEPTED:
        settle(g, c, FATE_ACKNOWLEDGED, now);
        break;
    case ANSWER_REFUSED:
        settle(g, c, FATE_REFUSED, now);
        break;
    case ANSWER_RETRY:
        g->run.retried++;
        c->sent = false;
        c->pause_until_ns = now + PAUSE_NS;
        break;
    case ANSWER_LOST:
        g->run.lost += c->sent;
        g->options->ops->close(c->sender);
        c->sender = NULL;
        c->pause_until_ns = now;
        return;
    }
    watch_writing(g, c);
}

/* Makes `coded` of the body. The room is deflate's bound and zstd's. */
static void encode(const options_t *options, connection_t *c, size_t room) {
    if (strcmp(options->coding, "zstd") == 0) {
        c->coded_len = ZSTD_compress(c->coded, room, c->body, c->body_len, 1);
        if (ZSTD_isError(c->coded_len)) fail("zstd");
        return;
    }
    z_stream z = {.next_in = c->body, .avail_in = (uInt)c->body_len, .next_out = c->coded, .avail_out = (uInt)room};
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        fail("gzip");
    c->coded_len = z.total_out;
    (void)deflateEnd(&z);
}

static void make_body(generator_t *g, connection_t *c) {
    uint64_t round = c->number / ROUND_REQUESTS;
    uint32_t request = (uint32_t)(c->number % ROUND_REQUESTS);
    mesh20_write(g->mesh, round, request, round_time(g, round), c->body);
    c->body_len = mesh20_size(g->mesh, request);
    if (g->options->coding != NULL) encode(g->options, c, g->coded_room);
}

/* Gives a connection its next request, when it is time for one. Returns the moment to come back, 0 = by event. */
static int64_t feed(generator_t *g, connection_t *c, int64_t now) {
    if (c->pause_until_ns > now) return c->pause_until_ns;
    if (c->number == UINT64_MAX) {
        if (g->next == g->run.requests) return 0;
        int64_t due = now;
        if (g->options->rate > 0)
            due = g->began_ns + (int64_t)((double)(g->next * REQUEST_SPANS) * 1e9 / (double)g->options->rate);
        if (due > now) return due;
        c->number = g->next++;
        c->scheduled_ns = due;
        make_body(g, c);
    }
    if (c->sender == NULL) connect_sender(g, c, now);
    if (c->sender == NULL) return c->pause_until_ns;
    if (c->sent) return 0;
    c->sent = true;
    slice_t body = g->options->coding != NULL ? slice_of(c->coded, c->coded_len) : slice_of(c->body, c->body_len);
    g->options->ops->submit(c->sender, body, g->options->coding);
    work(g, c);
    return c->sender == NULL || !c->sent ? now : 0;
}

static void wait_for_events(generator_t *g, int64_t until_ns, int64_t now) {
    int64_t wait_ns = until_ns > now ? until_ns - now : 0;
    struct timespec timeout = {wait_ns / 1000000000, wait_ns % 1000000000};
    struct epoll_event events[EVENTS];
    int count = epoll_pwait2(g->epoll, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        connection_t *c = events[i].data.ptr;
        if (c->sender != NULL) work(g, c);
    }
}

static void generate(generator_t *g) {
    g->began_ns = g->answered_ns = now_ns(CLOCK_MONOTONIC);
    while (g->answered < g->run.requests) {
        int64_t now = now_ns(CLOCK_MONOTONIC), wake = now + PAUSE_NS;
        if (now - g->answered_ns > g->options->patience_ns) {
            (void)fprintf(stderr, "loadgen: no answer for %" PRId64 " s, giving up\n",
                          g->options->patience_ns / 1000000000);
            return;
        }
        for (uint32_t i = 0; i < g->options->connections; i++) {
            int64_t again = feed(g, &g->connections[i], now);
            if (again != 0 && again < wake) wake = again;
        }
        if (g->answered < g->run.requests) wait_for_events(g, wake, now);
    }
}

static void run_all(const options_t *options) {
    generator_t *g = calloc(1, sizeof *g);
    if (g == NULL) fail("no memory");
    g->options = options;
    g->mesh = mesh20_new(options->seed, options->mesh);
    uint64_t rounds = (options->spans + ROUND_SPANS - 1) / ROUND_SPANS;
    g->run = (run_t){.protocol = options->ops->name, .seed = options->seed, .requests = rounds * ROUND_REQUESTS};
    g->fates = calloc(g->run.requests, 1);
    g->run.fates = g->fates;
    g->run.latency_us = calloc(g->run.requests, sizeof(uint32_t));
    g->round_ns = calloc(rounds, sizeof(int64_t));
    size_t largest = 0;
    for (uint32_t r = 0; r < ROUND_REQUESTS; r++)
        if (mesh20_size(g->mesh, r) > largest) largest = mesh20_size(g->mesh, r);
    g->coded_room = largest + largest / 64 + 1024;
    for (uint32_t i = 0; i < options->connections; i++) {
        g->connections[i].number = UINT64_MAX;
        g->connections[i].body = malloc(largest);
        g->connections[i].coded = options->coding == NULL ? NULL : malloc(g->coded_room);
    }
    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    (void)printf("seed %" PRIu64 ", %" PRIu64 " spans in %" PRIu64 " requests of %zu bytes or so, %.0f %% of the "
                 "pairs callee first\n",
                 options->seed, g->run.requests * REQUEST_SPANS, g->run.requests, mesh20_size(g->mesh, 0),
                 100 * mesh20_server_first_ratio(g->mesh));
    (void)fflush(stdout);
    int64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    generate(g);
    g->run.cpu_seconds = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e9;
    g->run.seconds = (double)(now_ns(CLOCK_MONOTONIC) - g->began_ns) / 1e9;
    g->run.first_ns = g->round_ns[0];
    for (uint64_t r = 0; r < rounds && g->round_ns[r] != 0; r++) g->run.last_ns = g->round_ns[r];
    run_sort(&g->run);
    double spans = (double)(g->answered * REQUEST_SPANS);
    (void)printf("%.0f spans answered in %.2f s: %.0f spans/s, acknowledged after p50 %.2f p99 %.2f max %.2f ms; "
                 "retried %" PRIu64 ", lost %" PRIu64 "; generator %.2f CPU-s per million spans\n",
                 spans, g->run.seconds, spans / g->run.seconds, run_latency_ms(&g->run, 0.5),
                 run_latency_ms(&g->run, 0.99), run_latency_ms(&g->run, 1), g->run.retried, g->run.lost,
                 g->run.cpu_seconds / spans * 1e6);
    if (options->out != NULL) {
        FILE *out = fopen(options->out, "w");
        if (out == NULL) fail("cannot write the ledger");
        ledger_write(g->mesh, &g->run, out);
        if (fclose(out) != 0) fail("cannot write the ledger");
    }
    bool complete = g->answered == g->run.requests;
    mesh20_free(g->mesh); /* the rest lives as long as the process */
    exit(complete ? 0 : 1);
}

static void parse_target(options_t *options, const char *text) {
    char scheme[8];
    unsigned port;
    if (sscanf(text, "%7[a-z]://%63[^:]:%u", scheme, options->host, &port) != 3 || port > 65535)
        fail("--to needs http://ADDRESS:PORT or grpc://ADDRESS:PORT");
    options->port = (uint16_t)port;
    options->ops = strcmp(scheme, "grpc") == 0 ? &sender_grpc : &sender_http;
    (void)snprintf(options->authority, sizeof options->authority, "%s:%u", options->host, port);
}

int main(int argc, char **argv) {
    options_t options = {.spans = 1000000, .seed = 1, .connections = 8, .patience_ns = INT64_C(60000000000)};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        uint64_t number = strtoull(value, NULL, 10);
        if (strcmp(name, "--to") == 0)
            parse_target(&options, value);
        else if (strcmp(name, "--out") == 0)
            options.out = value;
        else if (strcmp(name, "--spans") == 0)
            options.spans = number;
        else if (strcmp(name, "--seed") == 0)
            options.seed = number;
        else if (strcmp(name, "--rate") == 0)
            options.rate = number;
        else if (strcmp(name, "--connections") == 0)
            options.connections = (uint32_t)number;
        else if (strcmp(name, "--start") == 0)
            options.start_ns = (int64_t)number * 1000000000;
        else if (strcmp(name, "--step-ms") == 0)
            options.step_ns = (int64_t)number * 1000000;
        else if (strcmp(name, "--patience") == 0)
            options.patience_ns = (int64_t)number * 1000000000;
        else if (strcmp(name, "--coding") == 0)
            options.coding = value;
        else if (strcmp(name, "--attributes") == 0)
            options.mesh.attributes = (uint32_t)number;
        else if (strcmp(name, "--names") == 0)
            options.mesh.unique_names = strcmp(value, "unique") == 0;
        else if (strcmp(name, "--mesh") == 0)
            options.mesh.wide = strcmp(value, "wide") == 0;
        else
            fail("unknown option; the head of loadgen.c lists them");
    }
    if (options.ops == NULL || argc % 2 == 0) fail("needs --to, and a value for each option");
    if (options.coding != NULL && strcmp(options.coding, "gzip") != 0 && strcmp(options.coding, "zstd") != 0)
        fail("--coding is gzip or zstd");
    if (options.mesh.attributes > 100) fail("--attributes is 100 at most");
    if (options.connections < 1 || options.connections > CONNECTIONS_MAX) fail("--connections is 1 to 1000");
    if (options.step_ns > 0 && options.start_ns == 0) options.start_ns = now_ns(CLOCK_REALTIME);
    (void)signal(SIGPIPE, SIG_IGN);
    run_all(&options);
}
