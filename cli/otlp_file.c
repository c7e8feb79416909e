#include "cli/otlp_file.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

typedef enum { PLAIN, GZIP, ZSTD } packing_t;

struct otlp_file {
    FILE *file; /* of PLAIN and ZSTD */
    gzFile gzip;
    ZSTD_CCtx *zstd;
    packing_t packing;
    bool json, failed;
    int failure; /* errno */
    uint64_t bytes;
    buffer_t scratch, packed;
};

static bool ends(const char *text, size_t len, const char *suffix) {
    size_t more = strlen(suffix);
    return len >= more && memcmp(text + len - more, suffix, more) == 0;
}

err_t otlp_file_open(const char *path, otlp_file_t **out, char *why, size_t why_size) {
    size_t len = strlen(path);
    otlp_file_t *file = memory_new(1, sizeof *file);
    file->packing = ends(path, len, ".gz") ? GZIP : ends(path, len, ".zst") ? ZSTD : PLAIN;
    len -= file->packing == GZIP ? 3 : file->packing == ZSTD ? 4 : 0;
    file->json = ends(path, len, ".jsonl") || ends(path, len, ".json");
    if (file->packing == GZIP) {
        file->gzip = gzopen(path, "wb4");
    } else {
        file->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
        file->zstd = file->packing == ZSTD ? ZSTD_createCCtx() : NULL;
    }
    if (file->gzip != NULL || (file->file != NULL && (file->packing == PLAIN || file->zstd != NULL))) {
        *out = file;
        return ERR_OK;
    }
    (void)snprintf(why, why_size, "cannot write %s: %s", path, strerror(errno));
    if (file->file != NULL) (void)fclose(file->file);
    free(file);
    return ERR_IO;
}

static bool note_failure(otlp_file_t *file) {
    file->failure = errno;
    file->failed = true;
    return false;
}

static bool write_zstd(otlp_file_t *file, slice_t bytes, ZSTD_EndDirective end) {
    ZSTD_inBuffer in = {bytes.data, bytes.len, 0};
    size_t left;
    do {
        buffer_clear(&file->packed);
        ZSTD_outBuffer packed = {buffer_reserve(&file->packed, ZSTD_CStreamOutSize()), ZSTD_CStreamOutSize(), 0};
        left = ZSTD_compressStream2(file->zstd, &packed, &in, end);
        if (ZSTD_isError(left)) {
            errno = EIO;
            return note_failure(file);
        }
        if (fwrite(packed.dst, 1, packed.pos, file->file) != packed.pos) return note_failure(file);
    } while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
    return true;
}

static bool put_bytes(otlp_file_t *file, slice_t bytes) {
    if (file->failed) return false;
    file->bytes += bytes.len;
    if (bytes.len == 0) return true;
    switch (file->packing) {
    case GZIP:
        return gzwrite(file->gzip, bytes.data, (unsigned)bytes.len) == (int)bytes.len || note_failure(file);
    case ZSTD:
        return write_zstd(file, bytes, ZSTD_e_continue);
    default:
        return fwrite(bytes.data, 1, bytes.len, file->file) == bytes.len || note_failure(file);
    }
}

bool otlp_file_add(otlp_file_t *file, otlp_kind_t kind, slice_t body) {
    buffer_clear(&file->scratch);
    if (file->json) {
        if (!otlp_json_append(&file->scratch, kind, body)) {
            errno = EINVAL;
            return note_failure(file);
        }
        buffer_byte(&file->scratch, '\n');
        return put_bytes(file, buffer_slice(&file->scratch));
    }
    buffer_varint(&file->scratch, body.len);
    return put_bytes(file, buffer_slice(&file->scratch)) && put_bytes(file, body);
}

uint64_t otlp_file_bytes(const otlp_file_t *file) {
    return file->bytes;
}

err_t otlp_file_close(otlp_file_t *file) {
    if (file->packing == ZSTD && !file->failed) (void)write_zstd(file, slice_of("", 0), ZSTD_e_end);
    bool closed = file->packing == GZIP ? gzclose(file->gzip) == Z_OK : fclose(file->file) == 0;
    if (!closed && !file->failed) (void)note_failure(file);
    int failure = file->failed ? file->failure : 0;
    (void)ZSTD_freeCCtx(file->zstd);
    buffer_fini(&file->scratch);
    buffer_fini(&file->packed);
    free(file);
    errno = failure;
    return failure == 0 ? ERR_OK : ERR_IO;
}
