#include "cli/unpack.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { INPUT_BYTES = 64 * 1024, OUTPUT_BYTES = 256 * 1024 };

typedef enum { PACKED_UNKNOWN, PACKED_PLAIN, PACKED_GZIP, PACKED_ZSTD } packed_t;

struct unpack {
    int fd;
    packed_t packed;
    uint64_t size, read;
    size_t at, end; /* of input: what is not yet unpacked */
    bool inside;    /* in the middle of a gzip member or zstd frame */
    bool pending;   /* the output was full: there may be more without any further input */
    z_stream gzip;
    ZSTD_DStream *zstd;
    uint8_t input[INPUT_BYTES];
};

unpack_t *unpack_open(const char *path) {
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0) return NULL;
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        (void)close(fd);
        errno = EISDIR;
        return NULL;
    }
    unpack_t *unpack = memory_new(1, sizeof *unpack);
    unpack->fd = fd;
    unpack->size = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    return unpack;
}

void unpack_close(unpack_t *unpack) {
    if (unpack->packed == PACKED_GZIP) (void)inflateEnd(&unpack->gzip);
    (void)ZSTD_freeDStream(unpack->zstd);
    if (unpack->fd != STDIN_FILENO) (void)close(unpack->fd);
    free(unpack);
}

uint64_t unpack_size(const unpack_t *unpack) {
    return unpack->size;
}
uint64_t unpack_read(const unpack_t *unpack) {
    return unpack->read - (unpack->end - unpack->at);
}

/* Fills the input when it is empty; false at the end of the file or on an error (then *err says so). */
static bool fill(unpack_t *unpack, err_t *err) {
    if (unpack->at < unpack->end) return true;
    ssize_t got;
    do got = read(unpack->fd, unpack->input, sizeof unpack->input);
    while (got < 0 && errno == EINTR);
    if (got < 0) *err = ERR_IO;
    if (got <= 0) return false;
    unpack->at = 0;
    unpack->end = (size_t)got;
    unpack->read += (size_t)got;
    return true;
}

static err_t recognise(unpack_t *unpack) {
    const uint8_t *first = unpack->input;
    size_t len = unpack->end;
    if (len >= 2 && first[0] == 0x1f && first[1] == 0x8b) {
        unpack->packed = PACKED_GZIP;
        return inflateInit2(&unpack->gzip, 16 + MAX_WBITS) == Z_OK ? ERR_OK : ERR_NOMEM;
    }
    if (len >= 4 && memcmp(first, "\x28\xb5\x2f\xfd", 4) == 0) {
        unpack->packed = PACKED_ZSTD;
        unpack->zstd = ZSTD_createDStream();
        return unpack->zstd != NULL ? ERR_OK : ERR_NOMEM;
    }
    unpack->packed = PACKED_PLAIN;
    return ERR_OK;
}

static err_t gunzip(unpack_t *unpack, buffer_t *out) {
    z_stream *gzip = &unpack->gzip;
    if (!unpack->inside && inflateReset(gzip) != Z_OK) return ERR_MALFORMED;
    gzip->next_in = unpack->input + unpack->at;
    gzip->avail_in = (uInt)(unpack->end - unpack->at);
    gzip->next_out = buffer_reserve(out, OUTPUT_BYTES);
    gzip->avail_out = OUTPUT_BYTES;
    int result = inflate(gzip, Z_NO_FLUSH);
    unpack->at = unpack->end - gzip->avail_in;
    out->len += OUTPUT_BYTES - gzip->avail_out;
    unpack->inside = result != Z_STREAM_END;
    unpack->pending = unpack->inside && gzip->avail_out == 0;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? ERR_OK : ERR_MALFORMED;
}

static err_t unzstd(unpack_t *unpack, buffer_t *out) {
    ZSTD_inBuffer in = {unpack->input, unpack->end, unpack->at};
    ZSTD_outBuffer plain = {buffer_reserve(out, OUTPUT_BYTES), OUTPUT_BYTES, 0};
    size_t result = ZSTD_decompressStream(unpack->zstd, &plain, &in);
    if (ZSTD_isError(result)) return ERR_MALFORMED;
    unpack->at = in.pos;
    out->len += plain.pos;
    unpack->inside = result != 0;
    unpack->pending = unpack->inside && plain.pos == plain.size;
    return ERR_OK;
}

err_t unpack_more(unpack_t *unpack, buffer_t *out) {
    err_t err = ERR_OK;
    if (!unpack->pending && !fill(unpack, &err))
        return err != ERR_OK ? err : unpack->inside ? ERR_MALFORMED : ERR_NOT_FOUND;
    if (unpack->packed == PACKED_UNKNOWN && (err = recognise(unpack)) != ERR_OK) return err;
    if (unpack->packed == PACKED_GZIP) return gunzip(unpack, out);
    if (unpack->packed == PACKED_ZSTD) return unzstd(unpack, out);
    buffer_append(out, unpack->input + unpack->at, unpack->end - unpack->at);
    unpack->at = unpack->end;
    return ERR_OK;
}
