#include "web/encoding.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, INFLATE_STEP = 65536 };

/* The weight of one list element behind its name: ";q=0.5"; 1 when absent, 0 when unreadable. */
static double weight_of(const char *at, size_t len) {
    char text[32];
    size_t used = 0;
    for (size_t i = 0; i < len && used + 1 < sizeof text; i++)
        if (at[i] != ' ' && at[i] != '\t') text[used++] = at[i];
    text[used] = '\0';
    if (used == 0) return 1;
    if (strncasecmp(text, ";q=", 3) != 0) return 0;
    char *end;
    double weight = strtod(text + 3, &end);
    return *end == '\0' && weight >= 0 && weight <= 1 ? weight : 0;
}

bool encoding_takes_gzip(const char *accept_encoding) {
    double named = -1, any = -1;
    for (const char *at = accept_encoding; at != NULL && *at != '\0';) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, ",");
        size_t name = strcspn(at, "; \t,");
        double weight = weight_of(at + name, len - name);
        if ((name == 4 && strncasecmp(at, "gzip", 4) == 0) || (name == 6 && strncasecmp(at, "x-gzip", 6) == 0))
            named = weight;
        else if (name == 1 && *at == '*')
            any = weight;
        at += len;
    }
    return named >= 0 ? named > 0 : any > 0;
}

err_t encoding_deflate(slice_t plain, buffer_t *out) {
    z_stream z = {0};
    if (plain.len > UINT32_MAX || deflateInit2(&z, 3, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return ERR_NOMEM;
    uLong bound = deflateBound(&z, (uLong)plain.len);
    z.next_out = buffer_reserve(out, bound);
    z.avail_out = (uInt)bound;
    z.next_in = (z_const Bytef *)plain.data;
    z.avail_in = (uInt)plain.len;
    int result = deflate(&z, Z_FINISH);
    out->len += z.total_out;
    (void)deflateEnd(&z);
    return result == Z_STREAM_END ? ERR_OK : ERR_IO;
}

err_t encoding_inflate(slice_t packed, size_t most, buffer_t *out) {
    z_stream z = {0};
    if (packed.len > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW) != Z_OK) return ERR_NOMEM;
    z.next_in = (z_const Bytef *)packed.data;
    z.avail_in = (uInt)packed.len;
    size_t before = out->len;
    int result = Z_OK;
    while (result == Z_OK && out->len - before <= most) {
        z.next_out = buffer_reserve(out, INFLATE_STEP);
        z.avail_out = INFLATE_STEP;
        result = inflate(&z, Z_NO_FLUSH);
        out->len += INFLATE_STEP - z.avail_out;
    }
    (void)inflateEnd(&z);
    if (out->len - before > most) return ERR_TOO_LARGE;
    return result == Z_STREAM_END ? ERR_OK : ERR_MALFORMED;
}
