/* CRC-32 (IEEE 802.3, reflected, as in gzip and zlib): the checksums of Amazon's event streams. */
#ifndef LLMC_CRC32_H
#define LLMC_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Begins at 0; what it returns goes in again with the next bytes. */
uint32_t llmc_crc32(uint32_t crc, const void *data, size_t bytes);

#endif
