/* Amazon's Signature Version 4, as a pure function. The path is encoded twice, as all services but S3 want it. */
#ifndef LLMC_SIGV4_H
#define LLMC_SIGV4_H

#include "provider/signing.h"

typedef struct llmc_sigv4_scope {
    const char *region, *service; /* "us-east-1", "bedrock" */
} llmc_sigv4_scope;

/*
 * Appends the header lines to add, "x-amz-date: ...", "x-amz-security-token: ..." (where there is one) and
 * "Authorization: ...", each ended by a zero byte; the token is a secret, so the buffer is to be wiped.
 * E_MEMORY; E_INVALID: an empty, overlong or unsafe key, region or header. Appends nothing then.
 */
llmcost_status llmc_sigv4_sign(const llmc_signed_request *request, const llmc_signing_key *key, const llmc_sigv4_scope *scope, int64_t wall_ms, llmc_buffer *lines);

#endif
