/* Baidu's bce-auth-v1, as a pure function: it signs the request for a short-lived bearer token. */
#ifndef LLMC_BCEAUTH_H
#define LLMC_BCEAUTH_H

#include "provider/signing.h"

/*
 * Appends the header lines to add, "x-bce-date: ...", "x-bce-security-token: ..." (where there is one) and
 * "Authorization: ...", each ended by a zero byte. valid_seconds: how long the signature holds. The body is not signed.
 * E_MEMORY; E_INVALID: an empty, overlong or unsafe key or header. Appends nothing then.
 */
llmcost_status llmc_bceauth_sign(const llmc_signed_request *request, const llmc_signing_key *key, int64_t wall_ms, uint32_t valid_seconds, llmc_buffer *lines);

#endif
