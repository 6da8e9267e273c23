/*
 * Reasoning with what a provider wants back of it in the next turn, its signature or its opaque data, as JSON beside
 * OpenAI's members of a message. One writer, so that what a stream's pieces come to is what a whole answer has.
 */
#include "provider/answer.h"

static void begin_block(llmc_json_writer *json, bool indexed, int64_t index, const char *type)
{
    llmc_json_write_begin_object(json);
    if (indexed)
        llmc_json_write_member_integer(json, "index", index);
    llmc_json_write_member_text(json, "type", type);
}

void llmc_write_thinking_blocks(llmc_json_writer *json, llmc_text reasoning, llmc_text signature, llmc_text hidden, bool indexed)
{
    llmc_json_write_begin_array(json);
    if (signature.bytes) {
        begin_block(json, indexed, 0, "thinking");
        llmc_json_write_member_string(json, "thinking", reasoning.text, reasoning.bytes);
        llmc_json_write_member_string(json, "signature", signature.text, signature.bytes);
        llmc_json_write_end_object(json);
    }
    if (hidden.bytes) {
        begin_block(json, indexed, signature.bytes > 0, "redacted_thinking");
        llmc_json_write_member_string(json, "data", hidden.text, hidden.bytes);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

static llmc_text text_of(const llmc_buffer *buffer)
{
    return (llmc_text){ buffer->length ? buffer->data : "", buffer->length };
}

bool llmc_answer_builder_thinking(const llmc_answer_builder *builder, uint32_t choice, llmc_buffer *out)
{
    if (choice >= builder->choice_count)
        return true;
    const llmc_choice_builder *from = &builder->choices[choice];
    if (!from->signature.length && !from->hidden_reasoning.length)
        return true;
    llmc_json_writer json = { .out = out };
    llmc_write_thinking_blocks(&json, text_of(&from->reasoning), text_of(&from->signature), text_of(&from->hidden_reasoning), true);
    return llmc_buffer_text(out) != NULL;
}
