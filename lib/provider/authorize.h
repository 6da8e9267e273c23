/* What a request shows of a credential: header lines, and for one old exchange a query. A pure function of its arguments. */
#ifndef LLMC_AUTHORIZE_H
#define LLMC_AUTHORIZE_H

#include "provider/provider.h"

typedef struct llmc_unauthorized {
    const char *method, *url;  /* whole: scheme, host, path, query */
    const char *body;
    size_t body_bytes;
    int64_t wall_ms;
} llmc_unauthorized;

/*
 * Appends header lines, each ended by a zero byte, to `lines`, and what belongs into the URL's query ("&client_id=...")
 * to `query`; both hold secrets and are to be wiped. token: what the credential was exchanged for; NULL: it is shown itself.
 * E_MEMORY, E_INVALID (a credential that cannot sign).
 */
llmcost_status llmc_authorize(const llmc_provider *provider, const llmc_credential *credential, const llmc_secret *token, const llmc_unauthorized *request,
                              llmc_buffer *lines, llmc_buffer *query);

#endif
