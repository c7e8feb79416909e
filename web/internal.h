/* internal: what server.c and stream.c share. Nobody else includes it but the handlers that need the whole server. */
#ifndef SEISMESH_WEB_INTERNAL_H
#define SEISMESH_WEB_INTERNAL_H

#include "base/http_connections.h"
#include "web/guard.h"
#include "web/readers.h"
#include "web/request.h"
#include "web/stream.h"

#include <microhttpd.h>

struct web {
    web_config_t config;
    web_context_t context;
    char *host, *names; /* owned copies, which config and guard point to */
    guard_t guard;
    readers_t readers;
    stream_hub_t *streams;
    http_connections_t connections;
    struct MHD_Daemon *daemon;
    uint16_t port;
    int64_t started_wall_ns, started_ns;
};

#endif
