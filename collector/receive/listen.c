#include "collector/receive/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

uint16_t receiver_port(const receiver_t *receiver) {
    return receiver->port;
}

void receiver_stop(receiver_t *receiver) {
    receiver->stop(receiver);
}

static struct addrinfo *address_of(const receiver_config_t *config) {
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", config->port);
    return getaddrinfo(config->host, port, &hints, &found) == 0 ? found : NULL;
}

static uint16_t bound_port(int fd) {
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) return 0;
    if (address.ss_family == AF_INET6) return ntohs(((const struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&address)->sin_port);
}

/* Returns the socket, or -1 with errno set. */
static int open_socket(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0) return -1;
    /* Without SO_REUSEADDR a restart would wait for the old connections' TIME_WAIT to pass. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static err_t explain(int error, const receiver_config_t *config, const char *what, const char *key, char *why,
                     size_t why_size) {
    const char *host = config->host;
    unsigned port = config->port;
    switch (error) {
    case EADDRINUSE:
        (void)snprintf(why, why_size,
                       "%s cannot listen on %s:%u: another process has this port; stop it, or set %s to another one",
                       what, host, port, key);
        return ERR_BUSY;
    case EADDRNOTAVAIL:
        (void)snprintf(why, why_size, "%s cannot listen on %s:%u: this machine has no such address; change %s", what,
                       host, port, key);
        return ERR_INVALID;
    case EACCES:
        (void)snprintf(why, why_size,
                       "%s cannot listen on %s:%u: ports below 1024 need a privilege; set %s to a higher one", what,
                       host, port, key);
        return ERR_INVALID;
    default:
        (void)snprintf(why, why_size, "%s cannot listen on %s:%u: %s; change %s", what, host, port, strerror(error),
                       key);
        return ERR_IO;
    }
}

err_t listen_open(const receiver_config_t *config, const char *what, const char *key, int *fd, uint16_t *port,
                  char *why, size_t why_size) {
    struct addrinfo *address = address_of(config);
    if (address == NULL) {
        (void)snprintf(why, why_size, "%s cannot listen on \"%s\": no such address; set %s to HOST:PORT", what,
                       config->host, key);
        return ERR_INVALID;
    }
    *fd = open_socket(address);
    int error = errno;
    freeaddrinfo(address);
    if (*fd < 0) return explain(error, config, what, key, why, why_size);
    *port = bound_port(*fd);
    return ERR_OK;
}
