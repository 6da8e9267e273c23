/* Log-probabilities of Gemini's format, in OpenAI's shape. */
#include "provider/gemini_decoding.h"

typedef struct gemini_token {
    llmc_json_span token, logprob;
} gemini_token;

/* Token and number stay as they are written. */
static void write_token(llmc_json_writer *out, llmc_json *json)
{
    static const llmc_wanted_member wanted[] = { LLMC_WANTED(gemini_token, "token", token), LLMC_WANTED(gemini_token, "logProbability", logprob) };
    gemini_token token = { 0 };
    llmc_read_wanted(json, wanted, 2, &token);
    bool number = token.logprob.bytes && strchr("-0123456789", *token.logprob.text);
    llmc_json_write_key(out, "token");
    llmc_json_write_raw(out, "\"", 1);
    llmc_buffer_add(out->out, token.token.text, token.token.bytes);
    llmc_buffer_add_byte(out->out, '"');
    llmc_json_write_key(out, "logprob");
    llmc_json_write_raw(out, number ? token.logprob.text : "null", number ? token.logprob.bytes : 4);
    llmc_json_write_key(out, "bytes");
    llmc_json_write_null(out);
}

/* The alternatives of one place. */
static void write_alternatives(llmc_json_writer *out, llmc_json *json)
{
    llmc_json_key key;
    for (bool more = llmc_json_object(json); more && llmc_json_next_key(json, &key);) {
        if (!llmc_json_key_is(&key, "candidates")) {
            llmc_json_skip(json);
            continue;
        }
        for (bool inner = llmc_json_array(json); inner && llmc_json_next_item(json);) {
            llmc_json_write_begin_object(out);
            write_token(out, json);
            llmc_json_write_end_object(out);
        }
    }
}

typedef struct gemini_logprobs {
    llmc_json_span chosen, alternatives;
} gemini_logprobs;

llmcost_status llmc_gemini_decode_logprobs(llmc_decoder *decoder, uint32_t index, const llmc_json_span *raw)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_logprobs, "chosenCandidates", chosen), LLMC_WANTED(gemini_logprobs, "topCandidates", alternatives),
    };
    gemini_logprobs lists = { 0 };
    llmc_json json, others;
    llmc_json_writer out = { .out = &decoder->scratch };
    llmc_json_begin(&json, raw->text, raw->bytes);
    llmc_read_wanted(&json, wanted, 2, &lists);
    if (lists.chosen.bytes <= 2)
        return LLMCOST_OK;
    llmc_json_begin(&json, lists.chosen.text, lists.chosen.bytes);
    llmc_json_begin(&others, lists.alternatives.text ? lists.alternatives.text : "", lists.alternatives.bytes);
    bool more = llmc_json_array(&json), more_others = lists.alternatives.bytes && llmc_json_array(&others);
    llmc_buffer_clear(&decoder->scratch);
    llmc_json_write_begin_array(&out);
    while (more && llmc_json_next_item(&json)) {
        llmc_json_write_begin_object(&out);
        write_token(&out, &json);
        llmc_json_write_member_array(&out, "top_logprobs");
        more_others = more_others && llmc_json_next_item(&others);
        if (more_others)
            write_alternatives(&out, &others);
        llmc_json_write_end_array(&out);
        llmc_json_write_end_object(&out);
    }
    llmc_json_write_end_array(&out);
    const char *text = llmc_buffer_text(&decoder->scratch);
    if (!text)
        return llmc_decoder_no_memory(decoder);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_LOGPROBS, .choice = index, .text = text, .bytes = decoder->scratch.length });
}
