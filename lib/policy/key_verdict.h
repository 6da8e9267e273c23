/* What a failure says of the key that the leg was sent with, and the alert that tells of a key that is out. */
#ifndef LLMC_KEY_VERDICT_H
#define LLMC_KEY_VERDICT_H

#include "policy/key_pool.h"
#include "policy/policy.h"

/*
 * LLMC_KEY_OK: nothing; else the call may go on with another key. A 403 is about the key only where its words are, and
 * not about a model that the key may not use.
 */
llmc_key_state llmc_key_verdict(llmcost_status status, const llmcost_error *error);
/* A rejected key is out for good: not one that the host can hand out anew, nor where a wrong clock may have spoilt the signature. */
bool llmc_key_stays_rejected(const llmcost_error *error, const llmc_provider *provider, const llmc_credential *credential);
bool llmc_shows_money(const llmc_answer *answer); /* some balance is above zero; NULL: no */
void llmc_key_alert(llmc_services *services, const char *provider, const char *key, const char *state);

#endif
