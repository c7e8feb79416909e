#include "web/assets.h"

#include <ctype.h>

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/vnd.microsoft.icon"},
    {".woff2", "font/woff2"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".yaml", "application/yaml"},
    {".txt", "text/plain; charset=utf-8"},
};

const asset_t *asset_find(const char *name) {
    for (const asset_t *asset = web_assets; asset->name != NULL; asset++)
        if (strcmp(asset->name, name) == 0) return asset;
    return NULL;
}

const char *asset_type(const char *name) {
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].ending, ending) == 0) return types[i].type;
    return "application/octet-stream";
}

/* esbuild's form: a dash, eight of A-Z and 2-7, the ending. */
bool asset_is_hashed(const char *name) {
    const char *dash = strrchr(name, '-');
    if (dash == NULL) return false;
    size_t len = 0;
    while (isupper((unsigned char)dash[1 + len]) || (dash[1 + len] >= '2' && dash[1 + len] <= '7')) len++;
    return len == 8 && dash[1 + len] == '.';
}
