/*
 * window.c: a prompt is kept from a window only where it certainly does not fit, for a refusal costs nothing and a call
 * that is not made can only be regretted.
 *
 * Certain is what holds for every tokenizer that we know of: none has a token of more than 128 bytes, and those that
 * join words at all join two or three. So a prompt has at least a token for every 256 bytes, and one for every 4 words.
 * Left out on purpose: what members of `extra` make of the prompt. Some ask the provider to cut it.
 */
#include "policy/window.h"

#include <string.h>

enum { BYTES_OF_A_TOKEN = 256, WORDS_OF_A_TOKEN = 4 };

typedef int64_t measure(const char *text, size_t bytes);

static int64_t bytes_in(const char *text, size_t bytes)
{
    (void)text;
    return (int64_t)bytes;
}

static int64_t words_in(const char *text, size_t bytes)
{
    int64_t words = 0;
    bool inside = false;
    for (size_t i = 0; i < bytes; i++) {
        bool space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        words += !space && !inside;
        inside = !space;
    }
    return words;
}

static int64_t over_texts(const llmcost_request *request, measure *of)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        if (message->text)
            sum += of(message->text, message->text_bytes ? message->text_bytes : strlen(message->text));
        for (uint32_t k = 0; k < message->part_count; k++) {
            const llmcost_part *part = &message->parts[k];
            if (part->text)
                sum += of(part->text, part->text_bytes ? part->text_bytes : strlen(part->text));
        }
    }
    return sum;
}

/* Words are counted only where there may be enough of them: a prompt that is short beside a window is not read. */
static bool is_too_long(const llmcost_request *request, int64_t window, llmc_prompt_floor *prompt)
{
    if (!prompt->measured) {
        prompt->measured = true;
        prompt->bytes = request->extra ? 0 : over_texts(request, bytes_in);
    }
    if (prompt->bytes / (2 * WORDS_OF_A_TOKEN) <= window)
        return false;
    if (!prompt->counted) {
        prompt->counted = true;
        int64_t by_words = over_texts(request, words_in) / WORDS_OF_A_TOKEN, by_bytes = prompt->bytes / BYTES_OF_A_TOKEN;
        prompt->tokens = by_words > by_bytes ? by_words : by_bytes;
    }
    return prompt->tokens > window;
}

int64_t llmc_route_window(const llmc_route *leaf)
{
    return leaf->prices ? llmc_model_context(leaf->prices) : 0;
}

bool llmc_route_may_hold(const llmcost_leg *leg, const llmc_route *route, int64_t too_small, llmc_prompt_floor *prompt)
{
    if (route->kind == LLMC_ROUTE_LEAF) {
        int64_t window = llmc_route_window(route);
        return window <= 0 || (window > too_small && !is_too_long(leg->request, window, prompt));
    }
    for (size_t i = route->kind == LLMC_ROUTE_CASCADE ? route->step_count - 1 : 0; i < route->step_count; i++) {
        if (llmc_route_may_hold(leg, route->steps[i], too_small, prompt))
            return true;
    }
    return false;
}
