/* sink: answers every HTTP/1.1 POST with 200 and looks at nothing but Content-Length. What a run costs against it is
 * the cost of the generator, the kernel and the framing alone: figures of a server that is not far above are refused.
 *
 *   sink PORT      one thread, epoll, 127.0.0.1; ends by a signal */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 17, EVENTS = 64 };

typedef struct {
    int fd;
    size_t have;      /* bytes of a head that is not complete yet */
    size_t body_left; /* bytes of a body still to come */
    char data[ROOM];
} client_t;

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

/* Eats what is there; false when the client is to be dropped. */
static int eat(client_t *client) {
    size_t at = 0;
    for (;;) {
        size_t part = client->have - at < client->body_left ? client->have - at : client->body_left;
        at += part;
        client->body_left -= part;
        if (client->body_left > 0) break;
        if (part > 0 && write(client->fd, answer, sizeof answer - 1) < 0) return 0;
        char *end = memmem(client->data + at, client->have - at, "\r\n\r\n", 4);
        if (end == NULL) break;
        *end = 0;
        const char *length = strcasestr(client->data + at, "\r\ncontent-length:");
        if (length == NULL) return 0;
        client->body_left = strtoul(length + 17, NULL, 10);
        at = (size_t)(end - client->data) + 4;
    }
    memmove(client->data, client->data + at, client->have - at);
    client->have -= at;
    return client->have < ROOM;
}

static void serve(int epoll, client_t *client) {
    ssize_t got = read(client->fd, client->data + client->have, ROOM - client->have);
    if (got > 0) {
        client->have += (size_t)got;
        if (eat(client)) return;
    }
    (void)epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL);
    (void)close(client->fd);
    free(client);
}

static void admit(int epoll, int listener) {
    client_t *client = calloc(1, sizeof *client);
    if (client == NULL) abort();
    client->fd = accept(listener, NULL, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (client->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) != 0) free(client);
}

int main(int argc, char **argv) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)(argc == 2 ? atoi(argv[1]) : 0));
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 128) != 0) {
        (void)fprintf(stderr, "sink: cannot listen at port %s\n", argc == 2 ? argv[1] : "?");
        return 2;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                admit(epoll, listener);
            else
                serve(epoll, events[i].data.ptr);
        }
    }
}
