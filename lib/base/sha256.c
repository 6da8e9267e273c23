/*
 * SHA-256 in plain C: what is hashed here is short (fingerprints, addresses in shared stores, signatures), so clarity
 * comes before the last cycle. The message schedule is kept as a ring of sixteen words.
 */
#include "base/sha256.h"

#include "base/secret.h"

#include <string.h>

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static uint32_t read_word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_word(uint8_t *at, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(word >> (24 - 8 * i));
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t schedule[16], v[8];
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t *word = &schedule[i & 15];
        if (i < 16) {
            *word = read_word(block + 4 * i);
        } else {
            uint32_t near = schedule[(i + 14) & 15], far = schedule[(i + 1) & 15];
            *word += (rotate(near, 17) ^ rotate(near, 19) ^ near >> 10) + schedule[(i + 9) & 15] + (rotate(far, 7) ^ rotate(far, 18) ^ far >> 3);
        }
        uint32_t chosen = (v[4] & v[5]) ^ (~v[4] & v[6]), majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint32_t first = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + chosen + round_constants[i] + *word;
        uint32_t second = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + majority;
        v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + first;
        v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = first + second;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

void llmc_sha256_begin(llmc_sha256 *hash)
{
    static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    memcpy(hash->state, start, sizeof start);
    hash->bytes = 0;
}

void llmc_sha256_add(llmc_sha256 *hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    size_t filled = hash->bytes % sizeof hash->block;
    hash->bytes += bytes;
    if (filled && bytes >= sizeof hash->block - filled) {
        size_t missing = sizeof hash->block - filled;
        memcpy(hash->block + filled, at, missing);
        compress(hash->state, hash->block);
        at += missing;
        bytes -= missing;
        filled = 0;
    }
    for (; bytes >= sizeof hash->block; at += sizeof hash->block, bytes -= sizeof hash->block)
        compress(hash->state, at);
    if (bytes)
        memcpy(hash->block + filled, at, bytes);
}

void llmc_sha256_end(llmc_sha256 *hash, uint8_t out[32])
{
    static const uint8_t padding[64] = { 0x80 };
    uint64_t bits = hash->bytes * 8;
    uint8_t length[8];
    write_word(length, (uint32_t)(bits >> 32));
    write_word(length + 4, (uint32_t)bits);
    size_t filled = hash->bytes % 64;
    llmc_sha256_add(hash, padding, (filled < 56 ? 56 : 120) - filled);
    llmc_sha256_add(hash, length, sizeof length);
    for (int i = 0; i < 8; i++)
        write_word(out + 4 * i, hash->state[i]);
    llmc_wipe(hash, sizeof *hash);
}

void llmc_sha256_of(const void *data, size_t bytes, uint8_t out[32])
{
    llmc_sha256 hash;
    llmc_sha256_begin(&hash);
    llmc_sha256_add(&hash, data, bytes);
    llmc_sha256_end(&hash, out);
}

void llmc_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes, uint8_t out[32])
{
    uint8_t inner[64] = { 0 }, outer[64];
    if (key_bytes > sizeof inner)
        llmc_sha256_of(key, key_bytes, inner);
    else if (key_bytes)
        memcpy(inner, key, key_bytes);
    for (size_t i = 0; i < sizeof inner; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    llmc_sha256 hash;
    llmc_sha256_begin(&hash);
    llmc_sha256_add(&hash, inner, sizeof inner);
    llmc_sha256_add(&hash, data, bytes);
    llmc_sha256_end(&hash, out);
    llmc_sha256_begin(&hash);
    llmc_sha256_add(&hash, outer, sizeof outer);
    llmc_sha256_add(&hash, out, 32);
    llmc_sha256_end(&hash, out);
    llmc_wipe(inner, sizeof inner);
    llmc_wipe(outer, sizeof outer);
}

void llmc_hex(const uint8_t *data, size_t bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
    *out = '\0';
}
