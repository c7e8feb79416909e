/* http_client: HTTP/1.1 by hand, so that tests see exactly what is on the wire. */
#ifndef SEISMESH_TESTS_HTTP_CLIENT_H
#define SEISMESH_TESTS_HTTP_CLIENT_H

#include "base/buffer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

typedef struct {
    int status; /* 0: cut without an answer */
    char head[2048];
    buffer_t body;
} http_reply_t;

static inline int client_connect(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 20};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    if (fd >= 0) (void)close(fd);
    return -1;
}

static inline bool client_send(int fd, slice_t bytes) {
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes = slice_of(bytes.data + n, bytes.len - (size_t)n);
    }
    return true;
}

/* Sends byte after byte, ten a second, and never one too late for a timeout that starts anew with each. True when the
 * peer cuts the connection before `bytes` are through. */
static inline bool client_dribble(int fd, slice_t bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        char answer;
        if (send(fd, bytes.data + i, 1, MSG_NOSIGNAL) != 1 || recv(fd, &answer, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
            return true;
        (void)usleep(100000);
    }
    return false;
}

/* Sends the request again and again, and reads no answer. True when the peer cuts the connection. */
static inline bool client_never_reads(uint16_t port, const char *request) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    struct timeval patience = {.tv_sec = 20};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    bool open = connect(fd, (struct sockaddr *)&address, sizeof address) == 0, cut = false;
    for (int i = 0; open && !cut && i < 1000000; i++) {
        cut = !client_send(fd, slice_text(request));
        if (cut && (errno == EAGAIN || errno == EWOULDBLOCK))
            cut = open = false; /* our patience ended, not the peer's */
    }
    (void)close(fd);
    return cut;
}

/* The value of a header of the reply, or "" (storage of the thread). */
static inline const char *reply_header(const http_reply_t *reply, const char *name) {
    static _Thread_local char value[256];
    for (const char *line = reply->head; line != NULL && *line != '\0'; line = strstr(line, "\r\n")) {
        if (*line == '\r') line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            const char *start = line + strlen(name) + 1;
            start += strspn(start, " ");
            (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(start, "\r"), start);
            return value;
        }
    }
    return "";
}

/* Reads one answer (skipping 100 Continue when `skip_continue`). */
static inline http_reply_t client_reply(int fd) {
    http_reply_t reply = {0};
    size_t len = 0;
    while (strstr(reply.head, "\r\n\r\n") == NULL) {
        if (len + 1 >= sizeof reply.head || recv(fd, reply.head + len, 1, 0) != 1) return reply;
        reply.head[++len] = '\0';
        if (strcmp(reply.head, "HTTP/1.1 100 Continue\r\n\r\n") == 0) {
            len = 0;
            reply.head[0] = '\0';
        }
    }
    size_t body = strtoul(reply_header(&reply, "Content-Length"), NULL, 10);
    while (reply.body.len < body) {
        ssize_t n = recv(fd, buffer_reserve(&reply.body, body - reply.body.len + 1), body - reply.body.len, 0);
        if (n <= 0) return reply;
        reply.body.len += (size_t)n;
    }
    buffer_byte(&reply.body, 0); /* so that JSON can be searched as text */
    reply.body.len--;
    reply.status = atoi(reply.head + strlen("HTTP/1.1 "));
    return reply;
}

/* Sends a request on an open connection and reads the answer. `headers`: whole lines with their ends. */
static inline http_reply_t client_exchange(int fd, const char *method, const char *path, const char *headers,
                                           slice_t body) {
    buffer_t request = {0};
    buffer_format(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n", method, path, headers,
                  body.len);
    buffer_append(&request, body.data, body.len);
    http_reply_t reply = {0};
    if (client_send(fd, buffer_slice(&request))) reply = client_reply(fd);
    buffer_fini(&request);
    return reply;
}

static inline http_reply_t client_request(uint16_t port, const char *method, const char *path, const char *headers,
                                          slice_t body) {
    int fd = client_connect(port);
    http_reply_t reply = client_exchange(fd, method, path, headers, body);
    (void)close(fd);
    return reply;
}

#endif
