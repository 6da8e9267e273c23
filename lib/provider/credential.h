/*
 * What a provider is shown so that it answers. A key goes onto the wire as it is; a pair signs, here or at an exchange
 * that turns it into a short-lived token. Immutable once the client is open: what is exchanged is kept elsewhere.
 */
#ifndef LLMC_CREDENTIAL_H
#define LLMC_CREDENTIAL_H

#include "base/secret.h"

typedef enum llmc_auth {
    LLMC_AUTH_BEARER,         /* Authorization: Bearer KEY */
    LLMC_AUTH_X_API_KEY,      /* x-api-key: KEY */
    LLMC_AUTH_NONE_OR_BEARER, /* local servers: a key is optional */
    LLMC_AUTH_API_KEY,        /* api-key: KEY; a token that begins with "ey" (a JWT) goes as a bearer */
    LLMC_AUTH_X_GOOG_API_KEY, /* x-goog-api-key: KEY */
    LLMC_AUTH_AWS,            /* SigV4 with the service "bedrock"; a key without an id is a bearer token */
    LLMC_AUTH_JWT,            /* Zhipu: the key is "id.secret", each request carries a token signed with it */
    LLMC_AUTH_BCE,            /* Baidu: a signed request gives a short-lived bearer token */
    LLMC_AUTH_OAUTH           /* Baidu's older exchange of the pair for a token of a month */
} llmc_auth;

typedef struct llmc_credential {
    llmc_secret key;     /* the key, or the secret half of a pair */
    llmc_secret id;      /* the public half; empty: none */
    llmc_secret session; /* AWS: the session token; empty: none */
    const char *host;    /* "host:NAME": a callback of llmcost_client_add_key_source(); NULL: none */
    struct llmc_token *token; /* what an exchange or the callback gave; NULL: the key itself is shown */
} llmc_credential;

/* Eight hex digits that name it on receipts: of the public half, where there is one. "" where it is the host's. */
const char *llmc_credential_fingerprint(const llmc_credential *credential);
void llmc_credential_free(llmc_credential *credential, const llmc_allocator *allocator); /* wipes */
void llmc_credential_mask(const llmc_credential *credential, char *text);

#endif
