/* guard: who may ask, decided from the request's headers alone, and the security headers of every answer. */
#ifndef SEISMESH_WEB_GUARD_H
#define SEISMESH_WEB_GUARD_H

#include <stdbool.h>

typedef struct {
    const char *listen_host; /* as configured: "127.0.0.1", "0.0.0.0" … */
    const char *names;       /* further names, separated by commas; NULL = none */
} guard_t;

/* Whether the Host header (NULL = absent) names this server: localhost, a loopback address, the configured host or one
 * of the names; where all interfaces are listened on, any numeric address too. A page elsewhere whose name was pointed
 * at us (DNS rebinding) comes with its own name and is refused. */
bool guard_host(const guard_t *guard, const char *host);

/* Whether a request that changes something comes from our own page or from a program: no form or page elsewhere can
 * send X-Seismesh, and browsers name the page in Origin and Sec-Fetch-Site. NULL = absent. */
bool guard_post(const char *host, const char *origin, const char *sec_fetch_site, const char *x_seismesh);

typedef struct {
    const char *name, *value;
} guard_header_t;

extern const guard_header_t guard_headers[]; /* ended by a NULL name */

#endif
