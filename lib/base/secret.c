#include "base/secret.h"

#include "base/sha256.h"

#include <string.h>

void llmc_wipe(void *memory, size_t bytes)
{
    if (memory)
        explicit_bzero(memory, bytes);
}

/* ---- memory that is wiped ---- */

/* In front of each piece; keeps what follows aligned. */
typedef union piece_head {
    size_t bytes;
    char aligned[16];
} piece_head;

static void *allocate_piece(size_t bytes, void *user)
{
    const llmc_wiping_memory *memory = user;
    piece_head *head = bytes <= SIZE_MAX - sizeof *head ? llmc_alloc(memory->under, sizeof *head + bytes) : NULL;
    if (!head)
        return NULL;
    head->bytes = bytes;
    return head + 1;
}

static void release_piece(void *piece, void *user)
{
    const llmc_wiping_memory *memory = user;
    piece_head *head = piece;
    if (!head--)
        return;
    llmc_wipe(piece, head->bytes);
    llmc_free(memory->under, head);
}

static void *reallocate_piece(void *piece, size_t bytes, void *user)
{
    void *moved = allocate_piece(bytes, user);
    if (!moved || !piece)
        return moved;
    size_t before = ((const piece_head *)piece - 1)->bytes;
    memcpy(moved, piece, before < bytes ? before : bytes);
    release_piece(piece, user);
    return moved;
}

void llmc_wiping_memory_init(llmc_wiping_memory *memory, const llmc_allocator *under)
{
    *memory = (llmc_wiping_memory){ .pieces = { allocate_piece, reallocate_piece, release_piece, memory }, .under = under };
}

/* ---- secrets ---- */

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
    char *to = text, *end = text + strlen(text);
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
    llmc_wipe(to, (size_t)(end - to)); /* a shorter text, and nothing behind its end */
}
