/* assets: the page's files and openapi.yaml, gzip-compressed, inside the program (web/embed.sh makes the list). */
#ifndef SEISMESH_WEB_ASSETS_H
#define SEISMESH_WEB_ASSETS_H

#include "base/slice.h"

typedef struct {
    const char *name; /* "index.html"; NULL ends the list */
    const uint8_t *begin, *end;
} asset_t;

/* Made by web/embed.sh. */
extern const asset_t web_assets[];

/* By name, without a leading slash; NULL when there is none. */
const asset_t *asset_find(const char *name);

static inline slice_t asset_gzip(const asset_t *asset) {
    return slice_of(asset->begin, (size_t)(asset->end - asset->begin));
}

/* "text/html; charset=utf-8" and so on, by the name's ending. */
const char *asset_type(const char *name);

/* Whether the name carries a hash of the contents ("app-1A2B3C4D.js"), so that it may be cached for ever. */
bool asset_is_hashed(const char *name);

#endif
