#include "exporters/otlp_out.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "collector/receive/status.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum {
    CONNECT_TIMEOUT_MS = 3000,
    REQUEST_TIMEOUT_MS = 10000,
    ANSWER_BYTES_MAX = 65536, /* of the peer's answer; a longer one is not read to its end */
    PAUSE_FIRST_MS = 100,
    PAUSE_MOST_MS = 5000,
    RETRY_AFTER_MOST_S = 30,
    STOP_MS = 5000,
};

typedef struct batch {
    struct batch *next;
    size_t len;
    uint8_t bytes[];
} batch_t;

struct otlp_out {
    char *url;
    counters_t *counters;
    CURL *curl;
    struct curl_slist *headers;
    buffer_t answer; /* of the peer, as far as it was read */
    uint64_t queue_bytes_max;
    uint64_t jitter; /* state of its random numbers; the sending thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    batch_t *first, **last;
    size_t queued_bytes;
    bool stopping;
    int64_t stop_by_ns; /* monotonic; valid when stopping */
};

typedef enum { SENT, REFUSED, BUSY, STOPPED, QUEUE_FULL, OUTCOMES, ASKED_TO_WAIT, NO_CONTACT } outcome_t;

static const struct {
    counter_t requests, spans;
} counters_of[OUTCOMES] = {
    [SENT] = {COUNTER_FORWARDED_REQUESTS, COUNTER_COUNT},
    [REFUSED] = {COUNTER_FORWARD_REFUSED, COUNTER_FORWARD_SPANS_REFUSED},
    [BUSY] = {COUNTER_FORWARD_BUSY, COUNTER_FORWARD_SPANS_BUSY},
    [STOPPED] = {COUNTER_FORWARD_STOPPED, COUNTER_FORWARD_SPANS_STOPPED},
    [QUEUE_FULL] = {COUNTER_FORWARD_QUEUE_FULL, COUNTER_FORWARD_SPANS_QUEUE_FULL},
};

static int64_t now_ns(void) {
    return clock_monotonic_ns(&clock_system);
}

/* --- counting --- */

static uint64_t spans_in(slice_t body) {
    otlp_summary_t summary = {0};
    return otlp_check(OTLP_TRACES, body, 0, &summary) == ERR_OK ? summary.items : 0;
}

static void count(otlp_out_t *out, outcome_t outcome, slice_t body) {
    counters_add(out->counters, counters_of[outcome].requests, 1);
    if (outcome != SENT) counters_add(out->counters, counters_of[outcome].spans, spans_in(body));
}

/* A partial success is a success: nothing is sent again. A peer may count as it likes, but not more than it got. */
static void count_rejected(otlp_out_t *out, slice_t body) {
    const char *type = NULL;
    (void)curl_easy_getinfo(out->curl, CURLINFO_CONTENT_TYPE, &type);
    uint64_t rejected =
        type != NULL && strstr(type, "protobuf") != NULL ? answer_rejected(buffer_slice(&out->answer), NULL) : 0;
    if (rejected == 0) return;
    uint64_t sent = spans_in(body);
    counters_add(out->counters, COUNTER_FORWARD_SPANS_REJECTED, rejected < sent ? rejected : sent);
}

/* --- the queue --- */

void otlp_out_push(otlp_out_t *out, slice_t body) {
    bool queued = false;
    batch_t *batch = memory_new(1, sizeof *batch + body.len);
    batch->len = body.len;
    if (body.len > 0) memcpy(batch->bytes, body.data, body.len);
    (void)pthread_mutex_lock(&out->lock);
    if (!out->stopping && body.len <= out->queue_bytes_max - out->queued_bytes) {
        *out->last = batch;
        out->last = &batch->next;
        out->queued_bytes += body.len;
        queued = true;
        (void)pthread_cond_signal(&out->wake);
    }
    (void)pthread_mutex_unlock(&out->lock);
    if (queued) return;
    free(batch);
    count(out, QUEUE_FULL, body);
}

/* The oldest batch, or NULL when we stop and nothing is left or the time for it is over. It counts as queued until it
 * is dealt with. */
static batch_t *take(otlp_out_t *out) {
    (void)pthread_mutex_lock(&out->lock);
    while (out->first == NULL && !out->stopping) (void)pthread_cond_wait(&out->wake, &out->lock);
    batch_t *batch = out->first;
    if (out->stopping && now_ns() >= out->stop_by_ns) batch = NULL;
    if (batch != NULL) {
        out->first = batch->next;
        if (out->first == NULL) out->last = &out->first;
    }
    (void)pthread_mutex_unlock(&out->lock);
    return batch;
}

static void done_with(otlp_out_t *out, batch_t *batch) {
    (void)pthread_mutex_lock(&out->lock);
    out->queued_bytes -= batch->len;
    (void)pthread_mutex_unlock(&out->lock);
    free(batch);
}

/* Milliseconds until we must have stopped; `otherwise` while nobody asked us to. */
static int64_t time_left_ms(otlp_out_t *out, int64_t otherwise) {
    (void)pthread_mutex_lock(&out->lock);
    int64_t left = out->stopping ? (out->stop_by_ns - now_ns()) / NS_PER_MS : otherwise;
    (void)pthread_mutex_unlock(&out->lock);
    return left < 0 ? 0 : left < otherwise ? left : otherwise;
}

/* Sleeps, but not beyond the moment at which we must have stopped. False when that has come. */
static bool pause_ms(otlp_out_t *out, int64_t ms) {
    int64_t until = now_ns() + ms * NS_PER_MS;
    (void)pthread_mutex_lock(&out->lock);
    for (;;) {
        int64_t end = out->stopping && out->stop_by_ns < until ? out->stop_by_ns : until;
        if (now_ns() >= end) break;
        struct timespec at = {.tv_sec = end / NS_PER_S, .tv_nsec = end % NS_PER_S};
        (void)pthread_cond_timedwait(&out->wake, &out->lock, &at);
    }
    bool go_on = !out->stopping || now_ns() < out->stop_by_ns;
    (void)pthread_mutex_unlock(&out->lock);
    return go_on;
}

/* --- sending --- */

/* The answer's body is read to its end, since that keeps the connection usable, but not without end. */
static size_t take_answer(char *data, size_t size, size_t count, void *argument) {
    otlp_out_t *out = argument;
    if (size * count > ANSWER_BYTES_MAX - out->answer.len) return 0;
    buffer_append(&out->answer, data, size * count);
    return size * count;
}

/* Lets a transfer in flight end when the time to stop has come. */
static int watch(void *argument, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return time_left_ms(argument, REQUEST_TIMEOUT_MS) == 0;
}

static outcome_t judge(long status) {
    if (status >= 200 && status < 300) return SENT;
    return status == 429 || status == 502 || status == 503 || status == 504 ? ASKED_TO_WAIT : REFUSED;
}

static outcome_t send_once(otlp_out_t *out, const batch_t *batch, int64_t *retry_after_ms) {
    *retry_after_ms = 0;
    buffer_clear(&out->answer);
    (void)curl_easy_setopt(out->curl, CURLOPT_POSTFIELDS, (const void *)batch->bytes);
    (void)curl_easy_setopt(out->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)batch->len);
    CURLcode code = curl_easy_perform(out->curl);
    long status = 0;
    (void)curl_easy_getinfo(out->curl, CURLINFO_RESPONSE_CODE, &status);
    /* An answer that we stopped reading has a status all the same: sending it again would double the spans there. */
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && status != 0)) {
        log_debug("forward: %s", curl_easy_strerror(code));
        return NO_CONTACT;
    }
    curl_off_t seconds = 0;
    (void)curl_easy_getinfo(out->curl, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > RETRY_AFTER_MOST_S) seconds = RETRY_AFTER_MOST_S;
    if (seconds > 0) *retry_after_ms = seconds * 1000;
    return judge(status);
}

/* Between half of it and one and a half: many clients of a server that was restarted should not all come at once. */
static int64_t jittered(otlp_out_t *out, int64_t ms) {
    out->jitter = out->jitter * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ms / 2 + (int64_t)(out->jitter >> 33) % (ms + 1);
}

static void log_trouble(const otlp_out_t *out, outcome_t outcome) {
    if (outcome == NO_CONTACT)
        log_warn("forward: %s cannot be reached; spans wait for it, in a queue of %llu bytes", out->url,
                 (unsigned long long)out->queue_bytes_max);
    else
        log_warn("forward: spans are not taken by %s; what it refuses is dropped and counted", out->url);
}

/* Until the batch is delivered, or never will be. */
static outcome_t deliver(otlp_out_t *out, const batch_t *batch, bool *failing) {
    int64_t pause = PAUSE_FIRST_MS, busy_since_ns = 0, retry_after_ms;
    for (;;) {
        outcome_t outcome = send_once(out, batch, &retry_after_ms);
        if (outcome == SENT && *failing) log_info("forward: spans reach %s again", out->url);
        if (outcome != SENT && !*failing) log_trouble(out, outcome);
        *failing = outcome != SENT;
        if (outcome < OUTCOMES) return outcome;
        int64_t now = now_ns();
        if (outcome == NO_CONTACT || busy_since_ns == 0) busy_since_ns = now;
        if (now - busy_since_ns > OTLP_OUT_BUSY_S * NS_PER_S) return BUSY;
        if (!pause_ms(out, retry_after_ms + jittered(out, pause))) return STOPPED;
        pause = pause * 2 < PAUSE_MOST_MS ? pause * 2 : PAUSE_MOST_MS;
    }
}

static void *run(void *argument) {
    otlp_out_t *out = argument;
    bool failing = false;
    for (batch_t *batch; (batch = take(out)) != NULL;) {
        slice_t body = slice_of(batch->bytes, batch->len);
        outcome_t outcome = deliver(out, batch, &failing);
        count(out, outcome, body);
        if (outcome == SENT) count_rejected(out, body);
        done_with(out, batch);
    }
    return NULL;
}

/* --- life --- */

static void set_up(otlp_out_t *out) {
    out->headers = curl_slist_append(NULL, "Content-Type: application/x-protobuf");
    out->headers = curl_slist_append(out->headers, "Expect:"); /* no round trip before each body */
    CURL *curl = out->curl;
    (void)curl_easy_setopt(curl, CURLOPT_URL, out->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* the configured address and no other, whatever http_proxy says */
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, out->headers);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "seismesh/" SEISMESH_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)REQUEST_TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, out);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

err_t otlp_out_start(const char *url, uint64_t queue_bytes, counters_t *counters, otlp_out_t **result) {
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) return ERR_INVALID;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) return ERR_NOMEM;
    otlp_out_t *out = memory_new(1, sizeof *out);
    out->curl = curl_easy_init();
    if (out->curl == NULL) {
        free(out);
        return ERR_NOMEM;
    }
    out->url = memory_text(url);
    out->queue_bytes_max = queue_bytes;
    out->counters = counters;
    out->jitter = (uint64_t)now_ns();
    out->last = &out->first;
    set_up(out);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&out->lock, NULL);
    (void)pthread_cond_init(&out->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&out->thread, NULL, run, out);
    assert(failed == 0);
    *result = out;
    return ERR_OK;
}

void otlp_out_stop(otlp_out_t *out) {
    (void)pthread_mutex_lock(&out->lock);
    out->stopping = true;
    out->stop_by_ns = now_ns() + STOP_MS * NS_PER_MS;
    (void)pthread_cond_signal(&out->wake);
    (void)pthread_mutex_unlock(&out->lock);
    (void)pthread_join(out->thread, NULL);
    while (out->first != NULL) {
        batch_t *batch = out->first;
        out->first = batch->next;
        count(out, STOPPED, slice_of(batch->bytes, batch->len));
        free(batch);
    }
    curl_easy_cleanup(out->curl);
    curl_slist_free_all(out->headers);
    (void)pthread_cond_destroy(&out->wake);
    (void)pthread_mutex_destroy(&out->lock);
    buffer_fini(&out->answer);
    free(out->url);
    free(out);
}
