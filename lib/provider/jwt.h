/* JSON Web Tokens signed with HMAC-SHA-256 (RFC 7515), as pure functions. */
#ifndef LLMC_JWT_H
#define LLMC_JWT_H

#include "base/buffer.h"

/* Appends header.payload.signature. header, payload: JSON as it stands. Failures are the buffer's. */
void llmc_jwt_hs256(const char *header, size_t header_bytes, const char *payload, size_t payload_bytes, const void *key, size_t key_bytes, llmc_buffer *out);
/*
 * The bearer token that Zhipu takes in place of a raw key "id.secret"; it holds for three and a half minutes.
 * E_MEMORY; E_INVALID: the key has no two parts. Appends nothing then.
 */
llmcost_status llmc_jwt_zhipu(const char *key, int64_t wall_ms, llmc_buffer *out);

#endif
