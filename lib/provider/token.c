#include "provider/token.h"

#include "base/clock.h"

#include <string.h>

bool llmc_token_open(llmc_token *token, const llmc_allocator *allocator)
{
    *token = (llmc_token){ .allocator = allocator };
    return pthread_mutex_init(&token->lock, NULL) == 0;
}

void llmc_token_close(llmc_token *token)
{
    llmc_secret_free(&token->value, token->allocator);
    pthread_mutex_destroy(&token->lock);
}

llmcost_status llmc_token_get(llmc_token *token, int64_t now_ns, llmc_secret *out)
{
    llmcost_status status = LLMCOST_E_AUTH;
    pthread_mutex_lock(&token->lock);
    if (token->value.bytes && now_ns < token->expires_ns)
        status = llmc_secret_set(out, token->allocator, token->value.hidden, token->value.bytes) ? LLMCOST_OK : LLMCOST_E_MEMORY;
    pthread_mutex_unlock(&token->lock);
    return status;
}

bool llmc_token_set(llmc_token *token, const char *text, size_t bytes, int64_t now_ns, int64_t valid_ms)
{
    int64_t margin = valid_ms / 10 < LLMC_TOKEN_MARGIN_MS ? valid_ms / 10 : LLMC_TOKEN_MARGIN_MS;
    if (valid_ms <= 0)
        return true;
    pthread_mutex_lock(&token->lock);
    bool set = llmc_secret_set(&token->value, token->allocator, text, bytes);
    if (set)
        token->expires_ns = llmc_clock_after(now_ns, valid_ms - margin);
    pthread_mutex_unlock(&token->lock);
    return set;
}

void llmc_token_reject(llmc_token *token, const llmc_secret *rejected)
{
    pthread_mutex_lock(&token->lock);
    if (token->value.bytes == rejected->bytes && rejected->bytes && memcmp(token->value.hidden, rejected->hidden, rejected->bytes) == 0)
        llmc_secret_free(&token->value, token->allocator);
    pthread_mutex_unlock(&token->lock);
}

/* ---- whose turn it is ---- */

bool llmc_token_begin_asking(llmc_token *token, uint32_t *round)
{
    pthread_mutex_lock(&token->lock);
    bool ours = !token->asking;
    token->asking = true;
    *round = token->round;
    pthread_mutex_unlock(&token->lock);
    return ours;
}

void llmc_token_end_asking(llmc_token *token)
{
    pthread_mutex_lock(&token->lock);
    token->asking = false;
    token->round++;
    pthread_mutex_unlock(&token->lock);
}

bool llmc_token_is_asked_for(llmc_token *token, uint32_t round)
{
    pthread_mutex_lock(&token->lock);
    bool asked_for = token->asking && token->round == round;
    pthread_mutex_unlock(&token->lock);
    return asked_for;
}
