#include "cli/sender.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "collector/receive/status.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_NS  (300 * NS_PER_S)
#define PAUSE_MIN_NS (100 * NS_PER_MS)
#define PAUSE_MAX_NS (10 * NS_PER_S)

enum { ANSWER_BYTES_MAX = 64 * 1024, REQUEST_TIMEOUT_S = 60 };

struct sender {
    CURL *curl;
    struct curl_slist *headers;
    char *urls[OTLP_KINDS];
    bool (*pause)(void *context, int64_t ns);
    void *context;
    bool reached; /* the server has answered at least once */
    buffer_t answer;
    sender_totals_t totals;
};

static size_t keep_answer(char *data, size_t size, size_t count, void *context) {
    buffer_t *answer = context;
    size_t len = size * count, room = ANSWER_BYTES_MAX - answer->len;
    buffer_append(answer, data, len < room ? len : room); /* what is beyond nobody needs */
    return len;
}

/* curl asks this a few times a second: the way to end a transfer that hangs. */
static int keep_going(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    sender_t *sender = context;
    (void)a, (void)b, (void)c, (void)d;
    return sender->pause(sender->context, 0) ? 0 : 1;
}

/* Checks the address and makes the three URLs of it. */
static err_t make_urls(sender_t *sender, const char *url, char *why, size_t why_size) {
    CURLU *parsed = curl_url();
    char *whole = NULL, *scheme = NULL;
    bool fine = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, CURLU_GUESS_SCHEME) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
                curl_url_get(parsed, CURLUPART_URL, &whole, 0) == CURLUE_OK;
    if (fine) {
        size_t len = strlen(whole);
        while (len > 0 && whole[len - 1] == '/') len--;
        for (int kind = 0; kind < OTLP_KINDS; kind++) {
            size_t size = len + 16;
            sender->urls[kind] = memory_new(1, size);
            (void)snprintf(sender->urls[kind], size, "%.*s/v1/%s", (int)len, whole, otlp_kind_names[kind]);
        }
    } else {
        (void)snprintf(why, why_size, "'%s' is not the address of a server, such as http://127.0.0.1:4318", url);
    }
    curl_free(whole);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return fine ? ERR_OK : ERR_INVALID;
}

err_t sender_open(const char *url, bool (*pause)(void *context, int64_t ns), void *context, sender_t **out, char *why,
                  size_t why_size) {
    sender_t *sender = memory_new(1, sizeof *sender);
    *sender = (sender_t){.pause = pause, .context = context, .curl = curl_easy_init()};
    err_t err = sender->curl == NULL ? ERR_NOMEM : make_urls(sender, url, why, why_size);
    if (err != ERR_OK) {
        if (err == ERR_NOMEM) (void)snprintf(why, why_size, "libcurl cannot be started");
        sender_close(sender);
        return ERR_INVALID;
    }
    /* "Expect:" empty: no waiting for a 100 before each body. */
    sender->headers = curl_slist_append(NULL, "Content-Type: application/x-protobuf");
    sender->headers = curl_slist_append(sender->headers, "Expect:");
    (void)curl_easy_setopt(sender->curl, CURLOPT_HTTPHEADER, sender->headers);
    (void)curl_easy_setopt(sender->curl, CURLOPT_USERAGENT, "seismesh/" SEISMESH_VERSION);
    (void)curl_easy_setopt(sender->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(sender->curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(sender->curl, CURLOPT_TIMEOUT, (long)REQUEST_TIMEOUT_S);
    (void)curl_easy_setopt(sender->curl, CURLOPT_WRITEFUNCTION, keep_answer);
    (void)curl_easy_setopt(sender->curl, CURLOPT_WRITEDATA, &sender->answer);
    (void)curl_easy_setopt(sender->curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(sender->curl, CURLOPT_XFERINFOFUNCTION, keep_going);
    (void)curl_easy_setopt(sender->curl, CURLOPT_XFERINFODATA, sender);
    *out = sender;
    return ERR_OK;
}

void sender_close(sender_t *sender) {
    curl_easy_cleanup(sender->curl);
    curl_slist_free_all(sender->headers);
    for (int kind = 0; kind < OTLP_KINDS; kind++) free(sender->urls[kind]);
    buffer_fini(&sender->answer);
    free(sender);
}

const sender_totals_t *sender_totals(const sender_t *sender) {
    return &sender->totals;
}

static void note_refusal(sender_t *sender, const char *before, slice_t text) {
    char quoted[200];
    sender_totals_t *totals = &sender->totals;
    if (totals->first_refusal[0] != '\0') return;
    (void)snprintf(totals->first_refusal, sizeof totals->first_refusal, "%s%s", before,
                   log_quote(quoted, sizeof quoted, text));
}

/* google.rpc.Status { message = 2 }, or whatever text came instead. */
static slice_t read_message(slice_t answer) {
    bytes_t in = bytes_of(answer);
    wire_field_t field;
    slice_t message = {0};
    while (wire_next(&in, &field))
        if (field.number == 2 && field.type == WIRE_BLOCK) message = field.block;
    return bytes_done(&in) && message.len > 0 ? message : answer;
}

static void count_accepted(sender_t *sender, otlp_kind_t kind, uint64_t items) {
    slice_t message;
    uint64_t rejected = answer_rejected(buffer_slice(&sender->answer), &message);
    if (rejected > items) rejected = items;
    sender->totals.requests++;
    sender->totals.items[kind] += items - rejected;
    sender->totals.rejected[kind] += rejected;
    if (rejected > 0) note_refusal(sender, "", message);
}

static bool retryable(CURLcode result, long status) {
    if (result != CURLE_OK) return result != CURLE_URL_MALFORMAT && result != CURLE_UNSUPPORTED_PROTOCOL;
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* What the server asks for, else twice the pause before. */
static int64_t next_pause(sender_t *sender, int64_t before_ns) {
    curl_off_t asked_s = 0;
    (void)curl_easy_getinfo(sender->curl, CURLINFO_RETRY_AFTER, &asked_s);
    if (asked_s > 0) return asked_s < 60 ? asked_s * NS_PER_S : 60 * NS_PER_S;
    return before_ns == 0 ? PAUSE_MIN_NS : before_ns * 2 < PAUSE_MAX_NS ? before_ns * 2 : PAUSE_MAX_NS;
}

static CURLcode post(sender_t *sender, otlp_kind_t kind, slice_t body, long *status) {
    *status = 0;
    buffer_clear(&sender->answer);
    (void)curl_easy_setopt(sender->curl, CURLOPT_URL, sender->urls[kind]);
    (void)curl_easy_setopt(sender->curl, CURLOPT_POSTFIELDS, body.len > 0 ? (const char *)body.data : "");
    (void)curl_easy_setopt(sender->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    CURLcode result = curl_easy_perform(sender->curl);
    if (result == CURLE_OK) (void)curl_easy_getinfo(sender->curl, CURLINFO_RESPONSE_CODE, status);
    return result;
}

static err_t give_up(const sender_t *sender, otlp_kind_t kind, CURLcode result, long status, char *why,
                     size_t why_size) {
    if (result != CURLE_OK && !sender->reached)
        (void)snprintf(why, why_size, "%s cannot be reached: %s; is 'seismesh serve' running there?",
                       sender->urls[kind], curl_easy_strerror(result));
    else if (result != CURLE_OK)
        (void)snprintf(why, why_size, "%s is gone: %s", sender->urls[kind], curl_easy_strerror(result));
    else
        (void)snprintf(why, why_size, "%s has not accepted anything for 5 minutes (HTTP %ld)", sender->urls[kind],
                       status);
    return ERR_IO;
}

err_t sender_send(sender_t *sender, otlp_kind_t kind, slice_t body, uint64_t items, char *why, size_t why_size) {
    int64_t since = clock_monotonic_ns(&clock_system), pause_ns = 0;
    for (;; sender->totals.retries++) {
        long status;
        CURLcode result = post(sender, kind, body, &status);
        if (result == CURLE_ABORTED_BY_CALLBACK) return ERR_CLOSED;
        if (result == CURLE_OK && status == 200) {
            sender->reached = true;
            count_accepted(sender, kind, items);
            return ERR_OK;
        }
        if (result == CURLE_OK && !retryable(result, status)) {
            char before[40];
            sender->reached = true;
            sender->totals.refused_requests++;
            (void)snprintf(before, sizeof before, "HTTP %ld: ", status);
            note_refusal(sender, before, read_message(buffer_slice(&sender->answer)));
            return ERR_OK;
        }
        /* A server that was never there is most likely a wrong address; one that was may come back. */
        int64_t waited = clock_monotonic_ns(&clock_system) - since;
        if (!retryable(result, status) || (result != CURLE_OK && !sender->reached) || waited > PATIENCE_NS)
            return give_up(sender, kind, result, status, why, why_size);
        pause_ns = next_pause(sender, pause_ns);
        if (!sender->pause(sender->context, pause_ns)) return ERR_CLOSED;
    }
}
