/* listen: the receivers' listening sockets, and what a receiver_t is inside. */
#ifndef SEISMESH_RECEIVE_LISTEN_H
#define SEISMESH_RECEIVE_LISTEN_H

#include "collector/receive/receiver.h"

/* First member of each receiver. */
struct receiver {
    uint16_t port;
    void (*stop)(receiver_t *receiver);
};

/* A non-blocking listening socket for config->host and port; `port` gets the one that it has. `what` names the receiver
 * and `key` its setting in `why`. ERR_BUSY: taken by another process; ERR_INVALID: not an address of this machine, or
 * not allowed; ERR_IO. */
err_t listen_open(const receiver_config_t *config, const char *what, const char *key, int *fd, uint16_t *port,
                  char *why, size_t why_size);

#endif
