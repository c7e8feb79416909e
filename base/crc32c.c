/* With SSE4.2 the processor does eight bytes per instruction, but each waits 3 cycles for the one before; three
 * independent streams keep it busy. They are joined by multiplying with x^(8n) mod P, as a table of 4 x 256 words
 * (method: Mark Adler, "crc32c.c", description; Gopal et al., Intel 2011). Without SSE4.2: table of 8 x 256. */
#include "base/crc32c.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

enum { STREAM = 1024 }; /* bytes per stream and round */

typedef struct {
    uint32_t bytewise[8][256];
    uint32_t shift[4][256]; /* appends STREAM zero bytes to a checksum */
    bool hardware;
} crc_tables_t;

static crc_tables_t tables; /* constant after start: filled before main by prepare() */

static uint32_t step(uint32_t crc) {
    return (crc >> 1) ^ ((crc & 1) ? POLYNOMIAL : 0);
}

static uint32_t zeros_after(uint32_t crc, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) crc = (crc >> 8) ^ tables.bytewise[0][crc & 0xff];
    return crc;
}

__attribute__((constructor)) static void prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = step(crc);
        tables.bytewise[0][i] = crc;
    }
    for (int t = 1; t < 8; t++)
        for (uint32_t i = 0; i < 256; i++)
            tables.bytewise[t][i] =
                (tables.bytewise[t - 1][i] >> 8) ^ tables.bytewise[0][tables.bytewise[t - 1][i] & 0xff];
    for (uint32_t t = 0; t < 4; t++)
        for (uint32_t i = 0; i < 256; i++) tables.shift[t][i] = zeros_after(i << (8 * t), STREAM);
#ifdef __x86_64__
    tables.hardware = __builtin_cpu_supports("sse4.2");
#endif
}

static uint32_t portable(uint32_t crc, const uint8_t *at, size_t len) {
    for (; len >= 8; at += 8, len -= 8) {
        uint32_t low, high;
        memcpy(&low, at, 4);
        memcpy(&high, at + 4, 4);
        low ^= crc;
        crc = tables.bytewise[7][low & 0xff] ^ tables.bytewise[6][(low >> 8) & 0xff] ^
              tables.bytewise[5][(low >> 16) & 0xff] ^ tables.bytewise[4][low >> 24] ^ tables.bytewise[3][high & 0xff] ^
              tables.bytewise[2][(high >> 8) & 0xff] ^ tables.bytewise[1][(high >> 16) & 0xff] ^
              tables.bytewise[0][high >> 24];
    }
    for (; len > 0; at++, len--) crc = (crc >> 8) ^ tables.bytewise[0][(crc ^ *at) & 0xff];
    return crc;
}

#ifdef __x86_64__
static uint32_t append_stream(uint32_t crc) {
    return tables.shift[0][crc & 0xff] ^ tables.shift[1][(crc >> 8) & 0xff] ^ tables.shift[2][(crc >> 16) & 0xff] ^
           tables.shift[3][crc >> 24];
}

static uint64_t word(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

__attribute__((target("sse4.2"))) static uint32_t hardware(uint32_t crc, const uint8_t *at, size_t len) {
    for (; len >= 3 * (size_t)STREAM; at += 3 * (size_t)STREAM, len -= 3 * (size_t)STREAM) {
        uint64_t first = crc, second = 0, third = 0;
        for (size_t i = 0; i < STREAM; i += 8) {
            first = __builtin_ia32_crc32di(first, word(at + i));
            second = __builtin_ia32_crc32di(second, word(at + STREAM + i));
            third = __builtin_ia32_crc32di(third, word(at + 2 * (size_t)STREAM + i));
        }
        crc = append_stream((uint32_t)first) ^ (uint32_t)second;
        crc = append_stream(crc) ^ (uint32_t)third;
    }
    uint64_t wide = crc;
    for (; len >= 8; at += 8, len -= 8) wide = __builtin_ia32_crc32di(wide, word(at));
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--) crc = __builtin_ia32_crc32qi(crc, *at);
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len) {
    crc = ~crc;
#ifdef __x86_64__
    if (tables.hardware) return ~hardware(crc, data, len);
#endif
    return ~portable(crc, data, len);
}
