#include "web/guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

const guard_header_t guard_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
     "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for "
     "'script'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
    {NULL, NULL},
};

/* The host part of "name:port", "[v6]:port" or either without a port; false when it is neither. */
static bool host_part(const char *host, char *out, size_t size) {
    size_t len;
    const char *port;
    if (host[0] == '[') {
        const char *close = strchr(host, ']');
        if (close == NULL) return false;
        len = (size_t)(close - host) - 1;
        port = close + 1;
        host++;
    } else {
        len = strcspn(host, ":");
        port = host + len;
    }
    if (len == 0 || len >= size) return false;
    if (*port == ':') port += 1 + strspn(port + 1, "0123456789");
    if (*port != '\0') return false;
    memcpy(out, host, len);
    out[len] = '\0';
    return true;
}

static bool is_numeric(const char *host) {
    unsigned char space[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, space) == 1 || inet_pton(AF_INET6, host, space) == 1;
}

static bool is_any(const char *host) {
    return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool list_holds(const char *names, const char *host) {
    size_t wanted = strlen(host);
    for (const char *at = names; at != NULL && *at != '\0';) {
        at += strspn(at, " ,");
        size_t len = strcspn(at, " ,");
        if (len == wanted && strncasecmp(at, host, len) == 0) return true;
        at += len;
    }
    return false;
}

bool guard_host(const guard_t *guard, const char *host) {
    char name[256];
    if (host == NULL || !host_part(host, name, sizeof name)) return false;
    if (strcasecmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 || strcmp(name, "::1") == 0) return true;
    if (strcasecmp(name, guard->listen_host) == 0 || list_holds(guard->names, name)) return true;
    return is_any(guard->listen_host) && is_numeric(name);
}

bool guard_post(const char *host, const char *origin, const char *sec_fetch_site, const char *x_seismesh) {
    if (x_seismesh == NULL || strcmp(x_seismesh, "1") != 0 || host == NULL) return false;
    if (sec_fetch_site != NULL && strcmp(sec_fetch_site, "same-origin") != 0 && strcmp(sec_fetch_site, "none") != 0)
        return false;
    if (origin == NULL) return true;
    if (strncmp(origin, "http://", 7) == 0) return strcasecmp(origin + 7, host) == 0;
    if (strncmp(origin, "https://", 8) == 0) return strcasecmp(origin + 8, host) == 0; /* behind a TLS proxy */
    return false;
}
