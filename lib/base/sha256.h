/* SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104): for addresses in shared stores, fingerprints and request signatures. */
#ifndef LLMC_SHA256_H
#define LLMC_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct llmc_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} llmc_sha256;

void llmc_sha256_begin(llmc_sha256 *hash);
void llmc_sha256_add(llmc_sha256 *hash, const void *data, size_t bytes);
void llmc_sha256_end(llmc_sha256 *hash, uint8_t out[32]);
void llmc_sha256_of(const void *data, size_t bytes, uint8_t out[32]);
void llmc_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes, uint8_t out[32]);
void llmc_hex(const uint8_t *data, size_t bytes, char *out); /* lower case, 2 * bytes + 1 characters */

#endif
