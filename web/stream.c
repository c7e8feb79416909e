#include "web/stream.h"

#include "base/memory.h"
#include "web/documents.h"
#include "web/internal.h"
#include "web/routes.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <xxhash.h>

enum {
    RING_MESSAGES = 256,
    RING_BYTES = 8 << 20,
    WATCHED = 200, /* newest incidents, and suggestions, looked at for changes */
    BLOCK_BYTES = 16384,
};

typedef struct {
    buffer_t bytes;
} message_t;

typedef struct stream {
    stream_hub_t *hub;
    struct MHD_Connection *connection;
    http_connection_t *peer;
    struct stream *next;
    uint64_t message; /* number of the message being sent */
    size_t offset;    /* in it */
    bool suspended;
} stream_t;

/* Remembers the documents of one kind as they were sent last, by a hash. */
typedef struct {
    uint64_t ids[WATCHED], hashes[WATCHED];
    uint32_t count;
} watch_t;

struct stream_hub {
    web_t *web;
    uint32_t streams_max, comment_s;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below but the watches, which belong to the thread */
    pthread_cond_t wake;
    bool news, closing;
    message_t ring[RING_MESSAGES];
    uint64_t first, end; /* numbers of the oldest message kept, and one behind the newest */
    uint64_t greeting;   /* the newest checkpoint message: what a new stream begins with */
    size_t ring_bytes;
    stream_t *streams;
    uint32_t stream_count;
    watch_t incidents, suggestions;
};

static void drop_oldest(stream_hub_t *hub) {
    message_t *oldest = &hub->ring[hub->first++ % RING_MESSAGES];
    hub->ring_bytes -= oldest->bytes.len;
    buffer_fini(&oldest->bytes);
}

static void wake_streams(stream_hub_t *hub) {
    for (stream_t *stream = hub->streams; stream != NULL; stream = stream->next) {
        if (!stream->suspended) continue;
        stream->suspended = false;
        MHD_resume_connection(stream->connection);
    }
}

/* Takes over the message's bytes. */
static void publish(stream_hub_t *hub, buffer_t bytes, bool greeting) {
    (void)pthread_mutex_lock(&hub->lock);
    while (hub->end - hub->first == RING_MESSAGES ||
           (hub->end > hub->first && hub->ring_bytes + bytes.len > RING_BYTES))
        drop_oldest(hub);
    if (greeting) hub->greeting = hub->end;
    hub->ring_bytes += bytes.len;
    hub->ring[hub->end++ % RING_MESSAGES].bytes = bytes;
    wake_streams(hub);
    (void)pthread_mutex_unlock(&hub->lock);
}

static int append(const char *data, size_t len, void *buffer) {
    buffer_append(buffer, data, len);
    return 0;
}

/* JSON by jansson has no raw line breaks, so one `data:` line holds any document. */
static buffer_t event_bytes(const char *event, const json_t *document) {
    buffer_t bytes = {0};
    buffer_format(&bytes, "event: %s\ndata: ", event);
    if (json_dump_callback(document, append, &bytes, JSON_COMPACT | JSON_REAL_PRECISION(10)) != 0)
        buffer_text(&bytes, "null");
    buffer_text(&bytes, "\n\n");
    return bytes;
}

/* Whether the document differs from what was sent under this id; remembers it. */
static bool changed(watch_t *watch, uint64_t id, uint64_t hash) {
    for (uint32_t i = 0; i < watch->count; i++) {
        if (watch->ids[i] != id) continue;
        bool differs = watch->hashes[i] != hash;
        watch->hashes[i] = hash;
        return differs;
    }
    if (watch->count == WATCHED) {
        memmove(watch->ids, watch->ids + 1, sizeof watch->ids - sizeof watch->ids[0]);
        memmove(watch->hashes, watch->hashes + 1, sizeof watch->hashes - sizeof watch->hashes[0]);
        watch->count--;
    }
    watch->ids[watch->count] = id;
    watch->hashes[watch->count++] = hash;
    return true;
}

/* Documents come newest first; they are sent oldest first, so that a reader sees them in the order of events. */
static void publish_changes(stream_hub_t *hub, watch_t *watch, const char *event, json_t *documents, bool quietly) {
    for (size_t i = json_array_size(documents); i-- > 0;) {
        const json_t *document = json_array_get(documents, i);
        buffer_t bytes = event_bytes(event, document);
        uint64_t id = (uint64_t)json_integer_value(json_object_get(document, "id"));
        if (changed(watch, id, XXH3_64bits(bytes.data, bytes.len)) && !quietly)
            publish(hub, bytes, false);
        else
            buffer_fini(&bytes);
    }
    json_decref(documents);
}

/* `quietly`: only remember; what is there at the start is no news. */
static void make_messages(stream_hub_t *hub, bool quietly) {
    web_t *web = hub->web;
    query_t *query;
    if (readers_take(&web->readers, &query) != ERR_OK) return; /* logged there; the next checkpoint tries again */
    json_t *status = document_status(web, query);
    json_t *incidents = document_newest_incidents(query, WATCHED);
    json_t *suggestions = document_newest_suggestions(query, WATCHED);
    readers_give(&web->readers, query);
    publish_changes(hub, &hub->incidents, "incident", incidents, quietly);
    publish_changes(hub, &hub->suggestions, "suggestion", suggestions, quietly);
    publish(hub, event_bytes("checkpoint", status), true);
    json_decref(status);
}

/* Waits for news; false when `comment_s` went by without any. */
static bool wait_for_news(stream_hub_t *hub) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += hub->comment_s;
    (void)pthread_mutex_lock(&hub->lock);
    int result = 0;
    while (!hub->news && !hub->closing && result == 0) result = pthread_cond_timedwait(&hub->wake, &hub->lock, &until);
    bool news = hub->news;
    hub->news = false;
    (void)pthread_mutex_unlock(&hub->lock);
    return news;
}

static bool is_closing(stream_hub_t *hub) {
    (void)pthread_mutex_lock(&hub->lock);
    bool closing = hub->closing;
    (void)pthread_mutex_unlock(&hub->lock);
    return closing;
}

static void *run(void *argument) {
    stream_hub_t *hub = argument;
    make_messages(hub, true);
    while (!is_closing(hub)) {
        if (wait_for_news(hub)) {
            make_messages(hub, false);
        } else if (!is_closing(hub)) {
            buffer_t comment = {0};
            buffer_text(&comment, ": still here\n\n");
            publish(hub, comment, false);
        }
    }
    return NULL;
}

stream_hub_t *stream_hub_start(web_t *web, uint32_t streams_max, uint32_t comment_s) {
    stream_hub_t *hub = memory_new(1, sizeof *hub);
    hub->web = web;
    hub->streams_max = streams_max;
    hub->comment_s = comment_s;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&hub->lock, NULL);
    (void)pthread_cond_init(&hub->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&hub->thread, NULL, run, hub);
    assert(failed == 0);
    return hub;
}

void stream_hub_notify(stream_hub_t *hub) {
    (void)pthread_mutex_lock(&hub->lock);
    hub->news = true;
    (void)pthread_cond_signal(&hub->wake);
    (void)pthread_mutex_unlock(&hub->lock);
}

void stream_hub_close(stream_hub_t *hub) {
    (void)pthread_mutex_lock(&hub->lock);
    hub->closing = true;
    (void)pthread_cond_signal(&hub->wake);
    wake_streams(hub);
    (void)pthread_mutex_unlock(&hub->lock);
    (void)pthread_join(hub->thread, NULL);
}

void stream_hub_free(stream_hub_t *hub) {
    assert(hub->streams == NULL);
    while (hub->first < hub->end) drop_oldest(hub);
    (void)pthread_cond_destroy(&hub->wake);
    (void)pthread_mutex_destroy(&hub->lock);
    free(hub);
}

/* Called by the HTTP library for the next bytes. Suspends the connection when there are none: under the lock, so that a
 * message published right after finds it suspended. */
static ssize_t read_stream(void *argument, uint64_t position, char *out, size_t size) {
    (void)position;
    stream_t *stream = argument;
    stream_hub_t *hub = stream->hub;
    ssize_t given = 0;
    (void)pthread_mutex_lock(&hub->lock);
    if (stream->message < hub->first) { /* fell behind the ring */
        stream->message = hub->first;
        stream->offset = 0;
    }
    if (hub->closing) {
        given = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (stream->message == hub->end) {
        stream->suspended = true;
        http_connection_phase(stream->peer, &hub->web->connections, PHASE_WAITING);
        MHD_suspend_connection(stream->connection);
    } else {
        const buffer_t *bytes = &hub->ring[stream->message % RING_MESSAGES].bytes;
        size_t len = bytes->len - stream->offset < size ? bytes->len - stream->offset : size;
        memcpy(out, bytes->data + stream->offset, len);
        stream->offset += len;
        if (stream->offset == bytes->len) {
            stream->message++;
            stream->offset = 0;
        }
        given = (ssize_t)len;
        http_connection_phase(stream->peer, &hub->web->connections, PHASE_ANSWER); /* each block has its time */
    }
    (void)pthread_mutex_unlock(&hub->lock);
    return given;
}

static void free_stream(void *argument) {
    stream_t *stream = argument;
    stream_hub_t *hub = stream->hub;
    (void)pthread_mutex_lock(&hub->lock);
    stream_t **at = &hub->streams;
    while (*at != stream) at = &(*at)->next;
    *at = stream->next;
    hub->stream_count--;
    (void)pthread_mutex_unlock(&hub->lock);
    free(stream);
}

struct MHD_Response *stream_open(stream_hub_t *hub, struct MHD_Connection *connection) {
    stream_t *stream = memory_new(1, sizeof *stream);
    *stream = (stream_t){.hub = hub, .connection = connection, .peer = http_connection_of(connection)};
    (void)pthread_mutex_lock(&hub->lock);
    bool room = hub->stream_count < hub->streams_max && !hub->closing;
    if (room) {
        stream->message = hub->greeting >= hub->first ? hub->greeting : hub->end;
        stream->next = hub->streams;
        hub->streams = stream;
        hub->stream_count++;
    }
    (void)pthread_mutex_unlock(&hub->lock);
    struct MHD_Response *response = NULL;
    if (room) {
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, free_stream);
        if (response == NULL) free_stream(stream);
    } else {
        free(stream);
    }
    return response;
}

void api_stream(web_request_t *request) {
    request->answer.status = 200;
    request->answer.content_type = "text/event-stream";
    request->answer.stream = true;
}
