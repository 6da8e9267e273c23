/* What the two halves of the Responses decoder share: output items (responses_items.c), and the response around them (responses.c). */
#ifndef LLMC_RESPONSES_DECODING_H
#define LLMC_RESPONSES_DECODING_H

#include "provider/decoding.h"
#include "provider/responses_codec.h"

typedef enum item_kind { ITEM_NONE = 0, ITEM_MESSAGE, ITEM_REASONING, ITEM_CALL, ITEM_OTHER } item_kind;
typedef enum reasoning_form { FORM_NONE = 0, FORM_SUMMARY, FORM_TEXT } reasoning_form;

typedef struct responses_item {
    item_kind kind;
    reasoning_form form;    /* a host that sends both forms says the same twice: the first one counts */
    uint32_t tool, part;    /* part: of the reasoning, the one told last */
    llmc_utf8_joiner text, refusal;
    bool announced, told, logged, complete;
} responses_item;

typedef struct responses_state {
    llmc_identity identity;
    responses_item *items;
    size_t item_count, item_capacity;
    uint32_t tool_count;
    llmc_usage_counts counts;
    bool byok, reasoned, any_complete;
} responses_state;

/* The members of an event; of one without a response around it (a whole body, an error) also those of the response. */
typedef struct responses_event {
    llmc_json_span type, output_index, part_index, delta, logprobs, item, response, error;
    llmc_json_span id, model, status, output, usage, details, tier;
} responses_event;

static inline responses_state *llmc_responses_state(const llmc_decoder *decoder)
{
    return decoder->state;
}

static inline bool llmc_responses_is(const llmc_json_span *span, const char *word)
{
    return llmc_json_key_is(span, word);
}

static inline bool llmc_responses_has_items(const llmc_json_span *raw)
{
    return raw->bytes > 2 && raw->text[0] == '[';
}

/* The item at its place in the output. */
llmcost_status llmc_responses_item_at(llmc_decoder *decoder, int64_t index, responses_item **out);
/* An item as it ends, whole: what no piece of it told. What it still holds back. */
llmcost_status llmc_responses_finish_item(llmc_decoder *decoder, responses_item *item, const llmc_json_span *raw);
llmcost_status llmc_responses_flush_item(llmc_decoder *decoder, responses_item *item);
/* What decodes an event that tells of an item; NULL: it tells of something else. */
typedef llmcost_status (*llmc_responses_event_fn)(llmc_decoder *decoder, const responses_event *event);
llmc_responses_event_fn llmc_responses_item_event(const llmc_json_span *type);

#endif
