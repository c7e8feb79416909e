#include "collector/scrape/fetch.h"

#include "base/memory.h"
#include "collector/scrape/http_access.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>

enum { READ_BYTES = 128 * 1024, KEPT_BYTES = 4 << 20 };

/* As Prometheus asks, so that a client library answers with OpenMetrics where it can. */
#define ACCEPT                                                                                                         \
    "Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"            \
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

typedef struct transfer {
    struct transfer *next; /* of the free ones */
    fetcher_t *fetcher;
    target_t *target;
    CURL *curl;
    struct curl_slist *headers;
    buffer_t page;
    ticket_t ticket; /* holds the page's memory */
    int64_t wall_ns, began_ns;
    counter_t failure; /* COUNTER_COUNT = none so far */
    bool too_large, no_memory;
    char error[CURL_ERROR_SIZE];
} transfer_t;

struct fetcher {
    CURLM *multi;
    intake_t *intake;
    receiver_config_t limits;
    fetch_done_fn done;
    void *context;
    transfer_t *transfers, *free_list;
    uint32_t count;
};

fetcher_t *fetcher_new(uint32_t connections, intake_t *intake, const receiver_config_t *limits, fetch_done_fn done,
                       void *context) {
    struct rlimit files = {.rlim_cur = 1024};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) return NULL;
    fetcher_t *fetcher = memory_new(1, sizeof *fetcher);
    *fetcher = (fetcher_t){.multi = curl_multi_init(),
                           .intake = intake,
                           .limits = *limits,
                           .done = done,
                           .context = context,
                           .transfers = memory_new(connections, sizeof(transfer_t)),
                           .count = connections};
    if (fetcher->multi == NULL) {
        fetcher_free(fetcher);
        return NULL;
    }
    /* Idle connections are kept for the next scrape, but leave most of the descriptors to others. */
    (void)getrlimit(RLIMIT_NOFILE, &files);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS,
                            (long)(files.rlim_cur < 65536 ? files.rlim_cur / 4 : 16384));
    for (uint32_t i = 0; i < connections; i++) {
        transfer_t *transfer = &fetcher->transfers[i];
        *transfer = (transfer_t){.next = fetcher->free_list, .fetcher = fetcher, .curl = curl_easy_init()};
        fetcher->free_list = transfer;
    }
    return fetcher;
}

void fetcher_free(fetcher_t *fetcher) {
    for (uint32_t i = 0; i < fetcher->count; i++) {
        transfer_t *transfer = &fetcher->transfers[i];
        if (transfer->target != NULL) {
            (void)curl_multi_remove_handle(fetcher->multi, transfer->curl);
            ticket_release(&transfer->ticket);
            transfer->target->in_flight = false;
            if (transfer->target->gone) target_free(transfer->target);
        }
        curl_slist_free_all(transfer->headers);
        curl_easy_cleanup(transfer->curl);
        buffer_fini(&transfer->page);
    }
    (void)curl_multi_cleanup(fetcher->multi);
    free(fetcher->transfers);
    free(fetcher);
}

void fetcher_wake(fetcher_t *fetcher) {
    (void)curl_multi_wakeup(fetcher->multi);
}

/* ---- the page ---- */

static size_t take_page(char *data, size_t size, size_t count, void *context) {
    transfer_t *transfer = context;
    size_t more = size * count;
    if (more > transfer->target->job->body_size_limit - transfer->page.len) {
        transfer->too_large = true;
        return 0;
    }
    if (!ticket_hold(&transfer->ticket, more)) {
        transfer->no_memory = true;
        return 0;
    }
    buffer_append(&transfer->page, data, more);
    return more;
}

/* ---- the request ---- */

static err_t set_up(transfer_t *transfer) {
    const scrape_job_t *job = transfer->target->job;
    CURL *curl = transfer->curl;
    char timeout[80];
    curl_easy_reset(curl);
    http_request_init(curl);
    (void)snprintf(timeout, sizeof timeout, "X-Prometheus-Scrape-Timeout-Seconds: %g", job->timeout_s);
    transfer->headers = curl_slist_append(NULL, ACCEPT);
    transfer->headers = curl_slist_append(transfer->headers, timeout);
    err_t err = http_access_apply(&job->access, curl, &transfer->headers, transfer->error, sizeof transfer->error);
    (void)curl_easy_setopt(curl, CURLOPT_URL, transfer->target->url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers);
    if (job->enable_compression) (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)READ_BYTES);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ceil(job->timeout_s * 1000));
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->error);
    (void)curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_page);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    return err;
}

static bool is_openmetrics(CURL *curl) {
    static const char type[] = "application/openmetrics-text";
    const char *told = NULL;
    (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &told);
    return told != NULL && strncasecmp(told, type, sizeof type - 1) == 0;
}

static void fail(transfer_t *transfer, counter_t failure, const char *text) {
    transfer->failure = failure;
    if (text != transfer->error) (void)snprintf(transfer->error, sizeof transfer->error, "%s", text);
}

static void judge(transfer_t *transfer, CURLcode code) {
    long status = 0;
    char text[100];
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->too_large) {
        (void)snprintf(text, sizeof text, "the page is larger than body_size_limit (%llu bytes)",
                       (unsigned long long)transfer->target->job->body_size_limit);
        fail(transfer, COUNTER_SCRAPE_SIZE, text);
    } else if (transfer->no_memory) {
        fail(transfer, COUNTER_SCRAPE_MEMORY, "no memory for the page (limits.intake_bytes)");
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        (void)snprintf(text, sizeof text, "no whole page within scrape_timeout (%g s)",
                       transfer->target->job->timeout_s);
        fail(transfer, COUNTER_SCRAPE_TIMEOUT, text);
    } else if (code != CURLE_OK) {
        fail(transfer, COUNTER_SCRAPE_CONNECT, transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code));
    } else if (status != 200) {
        (void)snprintf(text, sizeof text, "the target answers %ld%s", status,
                       status >= 300 && status < 400 ? " (redirects are not followed)" : "");
        fail(transfer, COUNTER_SCRAPE_STATUS, text);
    }
}

/* Tells, and makes the transfer free for the next target. */
static void finish(transfer_t *transfer) {
    fetcher_t *fetcher = transfer->fetcher;
    target_t *target = transfer->target;
    bool fine = transfer->failure == COUNTER_COUNT;
    fetched_t fetched = {.target = target,
                         .wall_ns = transfer->wall_ns,
                         .duration_s = (double)(clock_monotonic_ns(fetcher->intake->clock) - transfer->began_ns) * 1e-9,
                         .page = fine ? buffer_slice(&transfer->page) : slice_of(NULL, 0),
                         .openmetrics = fine && is_openmetrics(transfer->curl),
                         .failure = transfer->failure,
                         .error = transfer->error};
    target->in_flight = false;
    if (!target->gone) fetcher->done(fetcher->context, &fetched);
    if (target->gone) target_free(target);
    transfer->target = NULL;
    ticket_release(&transfer->ticket);
    if (transfer->page.capacity > KEPT_BYTES) buffer_fini(&transfer->page);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    transfer->next = fetcher->free_list;
    fetcher->free_list = transfer;
}

bool fetcher_begin(fetcher_t *fetcher, target_t *target) {
    transfer_t *transfer = fetcher->free_list;
    if (transfer == NULL) return false;
    fetcher->free_list = transfer->next;
    transfer->target = target;
    transfer->wall_ns = clock_wall_ns(fetcher->intake->clock);
    transfer->began_ns = clock_monotonic_ns(fetcher->intake->clock);
    transfer->failure = COUNTER_COUNT;
    transfer->too_large = transfer->no_memory = false;
    transfer->error[0] = '\0';
    buffer_clear(&transfer->page);
    ticket_init(&transfer->ticket, fetcher->intake, &fetcher->limits, OTLP_METRICS, NULL, NULL);
    target->in_flight = true;
    if (set_up(transfer) != ERR_OK) {
        fail(transfer, COUNTER_SCRAPE_SECRET, transfer->error);
        finish(transfer);
    } else if (curl_multi_add_handle(fetcher->multi, transfer->curl) != CURLM_OK) {
        fail(transfer, COUNTER_SCRAPE_CONNECT, "libcurl cannot take the request");
        finish(transfer);
    }
    return true;
}

static void take_finished(fetcher_t *fetcher) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(fetcher->multi, &left)) != NULL;) {
        char *transfer = NULL;
        CURLcode code = message->data.result;
        CURL *curl = message->easy_handle;
        if (message->msg != CURLMSG_DONE) continue;
        (void)curl_easy_getinfo(curl, CURLINFO_PRIVATE, &transfer);
        judge((transfer_t *)(void *)transfer, code);
        (void)curl_multi_remove_handle(fetcher->multi, curl);
        finish((transfer_t *)(void *)transfer);
    }
}

void fetcher_work(fetcher_t *fetcher, int64_t wait_ms) {
    int running = 0;
    (void)curl_multi_perform(fetcher->multi, &running);
    take_finished(fetcher);
    (void)curl_multi_poll(fetcher->multi, NULL, 0, (int)wait_ms, NULL);
    (void)curl_multi_perform(fetcher->multi, &running);
    take_finished(fetcher);
}
