#include "base/address.h"

#include <stdlib.h>
#include <string.h>

bool address_parse(const char *text, address_t *address) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == '\0' || strlen(colon) > 6) return false;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || colon[1] == '-' || colon[1] == '+' || port > UINT16_MAX) return false;
    const char *host = text;
    size_t len = (size_t)(colon - text);
    bool bracketed = host[0] == '[' && host[len - 1] == ']';
    if (bracketed) {
        host++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof address->host) return false;
    if (!bracketed && memchr(host, ':', len) != NULL) return false; /* IPv6 needs its brackets */
    memcpy(address->host, host, len);
    address->host[len] = '\0';
    address->port = (uint16_t)port;
    return true;
}
