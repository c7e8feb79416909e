#include "collector/receive/inflate.h"

#include <limits.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { ROOM_MIN = 16 * 1024, ROOM_MAX = 1024 * 1024, GZIP_WINDOW_BITS = 15 + 16 };

coding_t coding_named(slice_t name) {
    static const struct {
        const char *name;
        coding_t coding;
    } codings[] = {
        {"", CODING_IDENTITY},   {"identity", CODING_IDENTITY}, {"gzip", CODING_GZIP},
        {"x-gzip", CODING_GZIP}, {"zstd", CODING_ZSTD},
    };
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++)
        if (strlen(codings[i].name) == name.len &&
            (name.len == 0 || strncasecmp(codings[i].name, (const char *)name.data, name.len) == 0))
            return codings[i].coding;
    return CODING_UNKNOWN;
}

/* Where inflated bytes go, and what holds them back. */
typedef struct {
    const inflate_limits_t *limits;
    buffer_t *out;
    size_t start; /* out->len before */
    size_t held;  /* asked for so far */
} sink_t;

static err_t sink_check(const sink_t *sink, size_t consumed) {
    size_t made = sink->out->len - sink->start;
    if (made > sink->limits->output_bytes) return ERR_TOO_LARGE;
    if (made > INFLATE_RATIO_FREE && made / INFLATE_RATIO_MAX > consumed) return ERR_TOO_LARGE;
    return ERR_OK;
}

/* Makes room for the next step: as much again as there is, so that copying stays linear, but in steps small enough
 * that a bomb is noticed early. One byte more than the limit tells "full" from "over". */
static err_t sink_room(sink_t *sink, size_t *room) {
    size_t made = sink->out->len - sink->start;
    *room = made < ROOM_MIN ? ROOM_MIN : made > ROOM_MAX ? ROOM_MAX : made;
    if (*room > sink->limits->output_bytes + 1 - made) *room = (size_t)(sink->limits->output_bytes + 1 - made);
    size_t wanted = made + *room; /* what an earlier step held and did not fill is there still */
    if (wanted > sink->held) {
        if (sink->limits->hold != NULL && !sink->limits->hold(sink->limits->context, wanted - sink->held))
            return ERR_FULL;
        sink->held = wanted;
    }
    (void)buffer_reserve(sink->out, *room);
    return ERR_OK;
}

static err_t gzip_member(z_stream *z, size_t input_len, sink_t *sink) {
    for (;;) {
        size_t room;
        err_t err = sink_room(sink, &room);
        if (err != ERR_OK) return err;
        z->next_out = sink->out->data + sink->out->len;
        z->avail_out = (uInt)room;
        int result = inflate(z, Z_NO_FLUSH);
        sink->out->len += room - z->avail_out;
        err = sink_check(sink, input_len - z->avail_in);
        if (err != ERR_OK || result == Z_STREAM_END) return err;
        if (result == Z_MEM_ERROR) return ERR_NOMEM;
        bool starved = z->avail_in == 0 && z->avail_out > 0;
        if (result != Z_OK || starved) return ERR_MALFORMED;
    }
}

static err_t inflate_gzip(slice_t input, sink_t *sink) {
    if (input.len > UINT_MAX) return ERR_TOO_LARGE;
    z_stream z = {.next_in = (z_const Bytef *)input.data, .avail_in = (uInt)input.len};
    if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK) return ERR_NOMEM;
    err_t err = ERR_OK;
    for (int members = 0; err == ERR_OK; members++) {
        err = members == INFLATE_PARTS_MAX ? ERR_TOO_LARGE : gzip_member(&z, input.len, sink);
        if (z.avail_in == 0 || inflateReset(&z) != Z_OK) break;
    }
    (void)inflateEnd(&z);
    return err;
}

static err_t zstd_error(size_t result) {
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_frameParameter_windowTooLarge:
        return ERR_TOO_LARGE;
    case ZSTD_error_memory_allocation:
        return ERR_NOMEM;
    default:
        return ERR_MALFORMED;
    }
}

static err_t zstd_frames(ZSTD_DCtx *context, slice_t input, sink_t *sink) {
    ZSTD_inBuffer in = {input.data, input.len, 0};
    for (int frames = 0;;) {
        size_t room;
        err_t err = sink_room(sink, &room);
        if (err != ERR_OK) return err;
        ZSTD_outBuffer out = {sink->out->data + sink->out->len, room, 0};
        size_t result = ZSTD_decompressStream(context, &out, &in);
        if (ZSTD_isError(result)) return zstd_error(result);
        sink->out->len += out.pos;
        err = sink_check(sink, in.pos);
        if (err != ERR_OK) return err;
        if (result == 0 && ++frames > INFLATE_PARTS_MAX) return ERR_TOO_LARGE;
        if (in.pos == in.size && result == 0) return ERR_OK;
        if (in.pos == in.size && out.pos < out.size) return ERR_MALFORMED; /* cut short */
    }
}

static err_t inflate_zstd(slice_t input, sink_t *sink) {
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL) return ERR_NOMEM;
    size_t result = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, INFLATE_WINDOW_LOG_MAX);
    err_t err = ZSTD_isError(result) ? zstd_error(result) : zstd_frames(context, input, sink);
    (void)ZSTD_freeDCtx(context);
    return err;
}

static err_t inflate_identity(slice_t input, sink_t *sink) {
    if (input.len > sink->limits->output_bytes) return ERR_TOO_LARGE;
    if (sink->limits->hold != NULL && !sink->limits->hold(sink->limits->context, input.len)) return ERR_FULL;
    buffer_append(sink->out, input.data, input.len);
    return ERR_OK;
}

err_t inflate_body(coding_t coding, slice_t input, const inflate_limits_t *limits, buffer_t *out) {
    sink_t sink = {.limits = limits, .out = out, .start = out->len};
    switch (coding) {
    case CODING_IDENTITY:
        return inflate_identity(input, &sink);
    case CODING_GZIP:
        return input.len == 0 ? ERR_MALFORMED : inflate_gzip(input, &sink);
    case CODING_ZSTD:
        return input.len == 0 ? ERR_MALFORMED : inflate_zstd(input, &sink);
    case CODING_UNKNOWN:
        break;
    }
    return ERR_UNSUPPORTED;
}
