/* crc32c: the Castagnoli checksum (polynomial 0x1EDC6F41, RFC 3720 section 12.1), of everything that we put on disk. */
#ifndef SEISMESH_BASE_CRC32C_H
#define SEISMESH_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Checksum of `data`, going on from `crc` (0 at the start). "123456789" gives 0xe3069283. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
