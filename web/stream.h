/* stream: server-sent events. One thread makes the messages (after each checkpoint: `checkpoint`, and `incident` and
 * `suggestion` for those that changed) into a bounded ring; each open stream copies from the ring at its own pace and
 * is suspended when it has all. A stream too slow for the ring misses the oldest messages, never holds up anybody. */
#ifndef SEISMESH_WEB_STREAM_H
#define SEISMESH_WEB_STREAM_H

#include "web/server.h"

#include <microhttpd.h>

typedef struct stream_hub stream_hub_t;

/* Starts the thread that makes the messages. */
stream_hub_t *stream_hub_start(web_t *web, uint32_t streams_max, uint32_t comment_s);

/* There is something new. Any thread. */
void stream_hub_notify(stream_hub_t *hub);

/* An answer that streams on this connection; NULL when streams_max are open, or the hub is closing. */
struct MHD_Response *stream_open(stream_hub_t *hub, struct MHD_Connection *connection);

/* Ends all streams and the thread. Afterwards the HTTP daemon can be stopped, then the hub freed. */
void stream_hub_close(stream_hub_t *hub);
void stream_hub_free(stream_hub_t *hub);

#endif
