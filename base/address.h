/* address: "127.0.0.1:4318", "[::1]:4318", "localhost:0" in its two parts. */
#ifndef SEISMESH_BASE_ADDRESS_H
#define SEISMESH_BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char host[256]; /* without brackets */
    uint16_t port;
} address_t;

/* False when it is not HOST:PORT. Whether the host exists is found out by whoever binds it. */
bool address_parse(const char *text, address_t *address);

#endif
