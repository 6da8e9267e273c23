/* What a host may ask of one piece of an answer. NULL is answered like a piece that has nothing. */
#include "call/openai_shape.h"

llmcost_event_kind llmcost_event_get_kind(const llmcost_event *event)
{
    return event ? (llmcost_event_kind)event->kind : (llmcost_event_kind)0;
}

const char *llmcost_event_text(const llmcost_event *event, size_t *bytes)
{
    static const uint32_t with_text = 1U << LLMCOST_EVENT_TEXT | 1U << LLMCOST_EVENT_REASONING | 1U << LLMCOST_EVENT_REFUSAL | 1U << LLMCOST_EVENT_TOOL_ARGUMENTS |
                                      1U << LLMCOST_EVENT_LOGPROBS;
    bool has = event && event->kind >= 0 && event->kind < 32 && with_text >> event->kind & 1 && event->text;
    if (bytes)
        *bytes = has ? event->bytes : 0;
    return has ? event->text : "";
}

uint32_t llmcost_event_choice(const llmcost_event *event)
{
    return event ? event->choice : 0;
}

uint32_t llmcost_event_tool_index(const llmcost_event *event)
{
    return event ? event->tool_index : 0;
}

static const char *of_tool_call(const llmcost_event *event, const char *text)
{
    return event->kind == LLMCOST_EVENT_TOOL_CALL && text ? text : "";
}

const char *llmcost_event_tool_id(const llmcost_event *event)
{
    return event ? of_tool_call(event, event->tool_id) : "";
}

const char *llmcost_event_tool_name(const llmcost_event *event)
{
    return event ? of_tool_call(event, event->tool_name) : "";
}

llmcost_finish llmcost_event_finish(const llmcost_event *event)
{
    return event && event->kind == LLMCOST_EVENT_FINISH ? event->finish : LLMCOST_FINISH_NONE;
}

const char *llmcost_event_finish_raw(const llmcost_event *event)
{
    return event && event->kind == LLMCOST_EVENT_FINISH && event->finish_raw ? event->finish_raw : "";
}

int64_t llmcost_event_tokens(const llmcost_event *event, llmcost_class token_class)
{
    bool has = event && event->kind == LLMCOST_EVENT_USAGE && event->usage && (unsigned)token_class < LLMCOST_CLASS_COUNT;
    return has ? event->usage->quantity[token_class] : -1;
}

const char *llmcost_event_json(const llmcost_event *event)
{
    if (!event || !event->response_for_json)
        return NULL;
    llmc_chunks *chunks = event->response_for_json;
    if (!chunks->written) {
        llmc_buffer_clear(&chunks->text);
        chunks->has_form = llmc_openai_chunk(event, chunks, &chunks->text);
        chunks->written = true;
    }
    return chunks->has_form ? llmc_buffer_text(&chunks->text) : NULL;
}
