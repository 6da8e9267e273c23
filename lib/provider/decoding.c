/* What decoders of several formats do in the same way; see decoding.h. */
#include "provider/decoding.h"

#include "base/text.h"

enum { IDENTITY_MAXIMUM = 1 << 12 };

llmcost_status llmc_decoder_no_memory(llmc_decoder *decoder)
{
    return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for the answer");
}

/* ---- who answers ---- */

void llmc_identity_init(llmc_identity *identity, const llmc_allocator *allocator)
{
    llmc_buffer_init(&identity->id, allocator, IDENTITY_MAXIMUM);
    llmc_buffer_init(&identity->model, allocator, IDENTITY_MAXIMUM);
    identity->introduced = false;
}

void llmc_identity_free(llmc_identity *identity)
{
    llmc_buffer_free(&identity->id);
    llmc_buffer_free(&identity->model);
}

llmcost_status llmc_decoder_introduce(llmc_decoder *decoder, llmc_identity *identity, const llmc_json_span *id, const llmc_json_span *model)
{
    if (identity->introduced)
        return LLMCOST_OK;
    llmc_decode_member(id, &identity->id);
    llmc_decode_member(model, &identity->model);
    const char *its_id = llmc_buffer_text(&identity->id), *its_model = llmc_buffer_text(&identity->model);
    if (!its_id || !its_model)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(identity->id.data);
    llmc_utf8_sanitize(identity->model.data);
    identity->introduced = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = its_id, .bytes = strlen(its_id), .tool_name = its_model });
}

/* ---- lists ---- */

void *llmc_decoder_reach(llmc_decoder *decoder, void *items, size_t *count, size_t *capacity, size_t index, size_t item_bytes)
{
    if (index < *count)
        return items;
    if (!llmc_grow(decoder->allocator, &items, capacity, index + 1, item_bytes)) {
        llmc_decoder_no_memory(decoder);
        return NULL;
    }
    memset((char *)items + *count * item_bytes, 0, (index + 1 - *count) * item_bytes);
    *count = index + 1;
    return items;
}

llmcost_status llmc_decoder_emit_listed(llmc_decoder *decoder, uint32_t choice, const char *name, const llmc_json_span *raw)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_buffer_add_byte(scratch, '[');
    llmc_buffer_add(scratch, raw->text, raw->bytes);
    llmc_buffer_add_byte(scratch, ']');
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return llmc_decoder_no_memory(decoder);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_EXTRA, .choice = choice, .text = text, .bytes = scratch->length, .tool_name = name });
}

/* ---- the end ---- */

bool llmc_decoder_refused(const llmc_decoder *decoder)
{
    return decoder->http_status < 200 || decoder->http_status > 299;
}

llmcost_status llmc_decoder_truncated(llmc_decoder *decoder)
{
    return llmc_error_set(decoder->error, LLMCOST_E_TRUNCATED, decoder->stream ? "the stream ended before the answer was complete; try again" : "the answer is empty; try again");
}

llmcost_status llmc_decoder_end_early(llmc_decoder *decoder)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return llmc_decode_error_body(decoder->error, decoder->http_status, "", 0);
    return llmc_decoder_truncated(decoder);
}
