/*
 * A short-lived token: what an exchange or the host gave for a credential, kept until shortly before it expires. Shared
 * by all threads of a client; copies are handed out, so that nobody reads one that is being replaced.
 *
 * Of several that find none, one asks for it and the others look again after a while. Nobody waits on a lock or for a
 * message: who asks may be on a loop that nobody turns just now.
 */
#ifndef LLMC_TOKEN_H
#define LLMC_TOKEN_H

#include "base/secret.h"

#include <pthread.h>

enum { LLMC_TOKEN_MARGIN_MS = 60000 }; /* a token that expires on the way is of no use */

typedef struct llmc_token {
    pthread_mutex_t lock;
    const llmc_allocator *allocator;
    llmc_secret value;
    int64_t expires_ns; /* monotonic, the margin taken off */
    uint32_t round;     /* how often asking ended, well or badly */
    bool asking;        /* somebody does */
} llmc_token;

bool llmc_token_open(llmc_token *token, const llmc_allocator *allocator);
void llmc_token_close(llmc_token *token); /* wipes */

/* A copy of the token that holds now, yours: llmc_secret_free(). LLMCOST_E_AUTH: there is none; E_MEMORY. */
llmcost_status llmc_token_get(llmc_token *token, int64_t now_ns, llmc_secret *out);
/* valid_ms: since now_ns, when it was asked for; 0 or less: it is not kept. false: no memory, nothing changed. */
bool llmc_token_set(llmc_token *token, const char *text, size_t bytes, int64_t now_ns, int64_t valid_ms);
/* The provider did not accept it: forgotten, unless another has taken its place. */
void llmc_token_reject(llmc_token *token, const llmc_secret *rejected);

/* The turn to ask is the caller's: true, and llmc_token_end_asking() is due. false: somebody else asks, in *round. */
bool llmc_token_begin_asking(llmc_token *token, uint32_t *round);
void llmc_token_end_asking(llmc_token *token);
bool llmc_token_is_asked_for(llmc_token *token, uint32_t round); /* that round goes on */

#endif
