/*
 * reasoning_details of an earlier answer, for the hosts that want them back. A stream tells them in pieces, and hidden
 * reasoning is those pieces as they came, one JSON list behind the other. Here neighbours of one type and index are put
 * together again: their texts as they stand, still escaped, so that halves of a character meet.
 */
#include "provider/openai_codec.h"

#include "provider/decoding.h"

typedef struct detail {
    llmc_json_span raw, type, index, text, summary, signature;
} detail;

typedef struct details_writer {
    llmc_encoding *encoding;
    detail first;       /* of the group at hand; raw.bytes 0: none */
    llmc_buffer text;   /* joined, escaped */
    llmc_json_span signature;
    bool begun;
} details_writer;

static bool is_text(const detail *item)
{
    return llmc_json_key_is(&item->type, "reasoning.text") || llmc_json_key_is(&item->type, "reasoning.summary");
}

static bool same(const llmc_json_span *a, const llmc_json_span *b)
{
    return a->bytes == b->bytes && (!a->bytes || !memcmp(a->text, b->text, a->bytes));
}

/* Members as they came, but for those that were joined. */
static void write_first(details_writer *writer)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span value;
    bool joined = is_text(&writer->first);
    llmc_json_begin(&json, writer->first.raw.text, writer->first.raw.bytes);
    llmc_json_object(&json);
    while (llmc_json_next_key(&json, &key)) {
        bool left = joined && (llmc_json_key_is(&key, "text") || llmc_json_key_is(&key, "summary") || llmc_json_key_is(&key, "signature"));
        llmc_json_raw(&json, &value);
        if (!left)
            llmc_encoding_copy_member(&writer->encoding->json, &key, &value);
    }
}

static void write_escaped(llmc_json_writer *json, const char *name, const char *text, size_t bytes)
{
    llmc_json_write_key(json, name);
    llmc_buffer_add_byte(json->out, '"');
    llmc_buffer_add(json->out, text, bytes);
    llmc_buffer_add_byte(json->out, '"');
    json->comma = true;
}

static void end_group(details_writer *writer)
{
    llmc_json_writer *json = &writer->encoding->json;
    if (!writer->first.raw.bytes)
        return;
    if (writer->text.failure)
        json->out->failure = writer->text.failure;
    if (!writer->begun) {
        llmc_json_write_key(json, "reasoning_details");
        llmc_json_write_begin_array(json);
        writer->begun = true;
    }
    llmc_json_write_begin_object(json);
    write_first(writer);
    if (is_text(&writer->first))
        write_escaped(json, llmc_json_key_is(&writer->first.type, "reasoning.text") ? "text" : "summary", writer->text.data, writer->text.length);
    if (writer->signature.bytes)
        write_escaped(json, "signature", writer->signature.text, writer->signature.bytes);
    llmc_json_write_end_object(json);
    writer->first = (detail){ 0 };
    writer->signature = (llmc_json_span){ 0 };
    llmc_buffer_clear(&writer->text);
}

static void add_detail(details_writer *writer, const detail *item)
{
    bool continues = writer->first.raw.bytes && is_text(item) && same(&item->type, &writer->first.type) && same(&item->index, &writer->first.index);
    if (!continues) {
        end_group(writer);
        writer->first = *item;
    }
    if (!is_text(item))
        return;
    llmc_buffer_add(&writer->text, item->text.text, item->text.bytes);
    llmc_buffer_add(&writer->text, item->summary.text, item->summary.bytes);
    if (item->signature.bytes)
        writer->signature = item->signature;
}

/* A text that is none of these members' strings counts as empty. */
static void read_detail(llmc_json *json, detail *item)
{
    llmc_json_key key;
    *item = (detail){ 0 };
    llmc_json ahead = *json;
    llmc_json_raw(json, &item->raw);
    if (!llmc_json_object(&ahead))
        return;
    while (llmc_json_next_key(&ahead, &key)) {
        if (llmc_json_key_is(&key, "type"))
            llmc_json_span_string(&ahead, &item->type);
        else if (llmc_json_key_is(&key, "index"))
            llmc_json_raw(&ahead, &item->index);
        else if (llmc_json_key_is(&key, "text"))
            llmc_json_span_string(&ahead, &item->text);
        else if (llmc_json_key_is(&key, "summary"))
            llmc_json_span_string(&ahead, &item->summary);
        else if (llmc_json_key_is(&key, "signature"))
            llmc_json_span_string(&ahead, &item->signature);
        else
            llmc_json_skip(&ahead);
    }
}

static void add_part(details_writer *writer, const llmcost_part *part)
{
    static const char family[] = "reasoning.";
    llmc_json json;
    llmc_json_begin(&json, part->text, llmc_text_bytes(part->text, part->text_bytes));
    while (llmc_json_peek(&json) == LLMC_JSON_ARRAY) {
        llmc_json_array(&json);
        while (llmc_json_next_item(&json)) {
            detail item;
            bool is_object = llmc_json_peek(&json) == LLMC_JSON_OBJECT;
            read_detail(&json, &item);
            if (json.failure)
                return; /* not ours */
            if (is_object && item.type.bytes > sizeof family - 1 && !memcmp(item.type.text, family, sizeof family - 1))
                add_detail(writer, &item);
        }
    }
}

void llmc_openai_write_reasoning_details(llmc_encoding *encoding, const llmcost_message *message)
{
    details_writer writer = { .encoding = encoding };
    llmc_buffer_init(&writer.text, encoding->json.out->allocator, encoding->json.out->maximum);
    for (uint32_t i = 0; i < message->part_count; i++)
        if (message->parts[i].type == LLMCOST_PART_REASONING_HIDDEN && llmc_reasoning_is_json(&message->parts[i]))
            add_part(&writer, &message->parts[i]);
    end_group(&writer);
    if (writer.begun)
        llmc_json_write_end_array(&encoding->json);
    llmc_buffer_free(&writer.text);
}
