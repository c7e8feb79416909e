/* scrape_targets: proxies to scrape. Listens on one port of all addresses; the target's number is in the address that
 * is asked: 127.0.1.0 is 256. Each answer counts on by the seconds that have passed.
 *
 *     scrape_targets PORT [SERIES]     pages of so many series (2000), until it is ended */
#define _GNU_SOURCE /* memmem */
#include "base/memory.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/pages.h"

typedef struct {
    int fd;
    const buffer_t *template;
} connection_t;

static bool send_all(int fd, const void *data, size_t len) {
    for (const char *at = data; len > 0;) {
        ssize_t sent = write(fd, at, len);
        if (sent <= 0) return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool read_request(int fd) {
    char request[4096];
    size_t len = 0;
    while (len < sizeof request - 1) {
        ssize_t got = read(fd, request + len, sizeof request - 1 - len);
        if (got <= 0) return false;
        len += (size_t)got;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL) return true;
    }
    return false;
}

static bool answer(int fd, const buffer_t *template, unsigned target) {
    char head[160];
    struct timespec now;
    buffer_t page = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    buffer_append(&page, template->data, template->len);
    page_fill(&page, target, (unsigned long long)now.tv_sec * 10 + (unsigned long long)now.tv_nsec / 100000000);
    int len =
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\n\r\n", page.len);
    bool fine = send_all(fd, head, (size_t)len) && send_all(fd, page.data, page.len);
    buffer_fini(&page);
    return fine;
}

static void *serve(void *context) {
    connection_t connection = *(connection_t *)context;
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    free(context);
    (void)getsockname(connection.fd, (struct sockaddr *)&own, &size);
    while (read_request(connection.fd) &&
           answer(connection.fd, connection.template, ntohl(own.sin_addr.s_addr) & 0xffff)) {
    }
    (void)close(connection.fd);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    buffer_t template = {0};
    pthread_attr_t small;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0) {
        perror("scrape_targets");
        return 2;
    }
    page_sidecar(&template, argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2000);
    (void)printf("%zu bytes a page\n", template.len);
    (void)fflush(stdout);
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 65536);
    (void)pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    for (;;) {
        connection_t *connection = memory_new(1, sizeof *connection);
        pthread_t thread;
        *connection = (connection_t){accept(listener, NULL, NULL), &template};
        if (connection->fd < 0 || pthread_create(&thread, &small, serve, connection) != 0) return 1;
    }
}
