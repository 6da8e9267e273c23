#include "base/secret.h"

#include "base/sha256.h"

#include <string.h>

void llmc_wipe(void *memory, size_t bytes)
{
    if (memory)
        explicit_bzero(memory, bytes);
}

bool llmc_secret_set(llmc_secret *secret, const llmc_allocator *allocator, const char *text, size_t bytes)
{
    char *copy = llmc_strndup(allocator, text, bytes);
    if (!copy)
        return false;
    uint8_t digest[32];
    llmc_sha256_of(text, bytes, digest);
    llmc_secret_free(secret, allocator);
    secret->hidden = copy;
    secret->bytes = bytes;
    llmc_hex(digest, 4, secret->fingerprint);
    return true;
}

void llmc_secret_free(llmc_secret *secret, const llmc_allocator *allocator)
{
    llmc_wipe(secret->hidden, secret->bytes);
    llmc_free(allocator, secret->hidden);
    *secret = (llmc_secret){ 0 };
}

const char *llmc_secret_reveal(const llmc_secret *secret)
{
    return secret->hidden ? secret->hidden : "";
}

/* Fewer bytes than these at the end of a text that was cut tell nothing. */
enum { TELLING_BYTES = 6 };

static size_t common_bytes(const char *text, const char *secret)
{
    size_t bytes = 0;
    while (text[bytes] && text[bytes] == secret[bytes])
        bytes++;
    return bytes;
}

void llmc_secret_mask(const llmc_secret *secret, char *text)
{
    if (!text || secret->bytes < TELLING_BYTES || !memmem(text, strlen(text), secret->hidden, TELLING_BYTES))
        return;
    char *to = text;
    for (const char *from = text; *from;) {
        size_t common = common_bytes(from, secret->hidden);
        if (common < TELLING_BYTES || (common < secret->bytes && from[common])) {
            *to++ = *from++;
            continue;
        }
        memcpy(to, "***", 3);
        to += 3;
        from += common;
    }
    *to = '\0';
}
