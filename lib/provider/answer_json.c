/*
 * Answers as JSON, for stores that keep bytes.
 *
 * Written and read by this library only, so the format has one number and no options: another number is no answer of
 * ours. Reading trusts nothing, since a shared store may return anything: whatever is not exactly an answer is none,
 * which costs a cache miss. What does not change the meaning of the rest, a member that is not known, is passed over.
 */
#include "provider/answer.h"

#include "base/base64.h"
#include "base/text.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

enum { FORMAT = 1 };

/* The texts of a choice and the events that a builder takes them as. */
typedef struct choice_text {
    const char *name;
    size_t offset;
    int kind;
} choice_text;

static const choice_text choice_texts[] = {
    { "text", offsetof(llmc_choice, text), LLMCOST_EVENT_TEXT },
    { "reasoning", offsetof(llmc_choice, reasoning), LLMCOST_EVENT_REASONING },
    { "refusal", offsetof(llmc_choice, refusal), LLMCOST_EVENT_REFUSAL },
    { "signature", offsetof(llmc_choice, signature), LLMC_EVENT_SIGNATURE },
    { "hidden_reasoning", offsetof(llmc_choice, hidden_reasoning), LLMC_EVENT_REASONING_HIDDEN },
};

/* The numbers of a usage beside its classes; -1 is left out. */
typedef struct usage_number {
    const char *name;
    size_t offset;
} usage_number;

static const usage_number usage_numbers[] = {
    { "prompt", offsetof(llmc_usage, reported_prompt) },
    { "completion", offsetof(llmc_usage, reported_completion) },
    { "total", offsetof(llmc_usage, reported_total) },
    { "stated_cost_pico", offsetof(llmc_usage, stated_cost_pico) },
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- writing ---- */

static void write_string(llmc_json_writer *json, const char *key, const char *text)
{
    if (!*text)
        return;
    llmc_json_write_key(json, key);
    llmc_json_write_text(json, text);
}

static void write_number(llmc_json_writer *json, const char *key, int64_t value, int64_t none)
{
    if (value == none)
        return;
    llmc_json_write_key(json, key);
    llmc_json_write_integer(json, value);
}

static void write_usage(llmc_json_writer *json, const llmc_usage *usage)
{
    llmc_json_write_key(json, "usage");
    llmc_json_write_begin_object(json);
    for (uint32_t i = 0; i < LLMCOST_CLASS_COUNT; i++)
        write_number(json, llmcost_class_name(i), usage->quantity[i], -1);
    for (size_t i = 0; i < COUNT(usage_numbers); i++) {
        int64_t value;
        memcpy(&value, (const char *)usage + usage_numbers[i].offset, sizeof value);
        write_number(json, usage_numbers[i].name, value, -1);
    }
    write_number(json, "flags", usage->flags, 0);
    write_string(json, "tier", usage->tier);
    llmc_json_write_end_object(json);
}

static void write_tool_calls(llmc_json_writer *json, const llmc_choice *choice)
{
    if (!choice->tool_call_count)
        return;
    llmc_json_write_key(json, "tool_calls");
    llmc_json_write_begin_array(json);
    for (uint32_t i = 0; i < choice->tool_call_count; i++) {
        llmc_json_write_begin_object(json);
        write_string(json, "id", choice->tool_calls[i].id);
        write_string(json, "name", choice->tool_calls[i].name);
        write_string(json, "arguments", choice->tool_calls[i].arguments);
        write_number(json, "custom", choice->tool_calls[i].is_custom, 0);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

static void write_choice(llmc_json_writer *json, const llmc_choice *choice)
{
    llmc_json_write_begin_object(json);
    for (size_t i = 0; i < COUNT(choice_texts); i++) {
        const llmc_text *text = (const llmc_text *)((const char *)choice + choice_texts[i].offset);
        if (!text->bytes)
            continue;
        llmc_json_write_key(json, choice_texts[i].name);
        llmc_json_write_string(json, text->text, text->bytes);
    }
    if (choice->logprobs.bytes) {
        llmc_json_write_key(json, "logprobs");
        llmc_json_write_raw(json, choice->logprobs.text, choice->logprobs.bytes);
    }
    write_number(json, "finish", choice->finish, LLMCOST_FINISH_NONE);
    write_string(json, "finish_raw", choice->finish_raw);
    write_tool_calls(json, choice);
    llmc_json_write_end_object(json);
}

static void write_choices(llmc_json_writer *json, const llmc_answer *answer)
{
    llmc_json_write_key(json, "choices");
    llmc_json_write_begin_array(json);
    for (uint32_t i = 0; i < answer->choice_count; i++)
        write_choice(json, &answer->choices[i]);
    llmc_json_write_end_array(json);
}

static void write_models(llmc_json_writer *json, const llmc_answer *answer)
{
    if (!answer->model_count)
        return;
    llmc_json_write_key(json, "models");
    llmc_json_write_begin_array(json);
    for (uint32_t i = 0; i < answer->model_count; i++)
        llmc_json_write_text(json, answer->models[i]);
    llmc_json_write_end_array(json);
}

/* To and from little-endian, which machines that share a store agree on. */
static void order_bytes(void *floats, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, (char *)floats + at, sizeof word);
        word = htole32(word);
        memcpy((char *)floats + at, &word, sizeof word);
    }
}

static void write_embeddings(llmc_json_writer *json, const llmc_answer *answer)
{
    size_t bytes = (size_t)answer->embedding_count * answer->dimensions * sizeof(float);
    if (!bytes)
        return;
    llmc_buffer ordered;
    llmc_buffer_init(&ordered, json->out->allocator, SIZE_MAX / 4);
    llmc_buffer_add(&ordered, answer->embeddings, bytes);
    if (ordered.failure) {
        json->out->failure = ordered.failure;
        return;
    }
    order_bytes(ordered.data, bytes);
    llmc_json_write_key(json, "embeddings");
    llmc_json_write_begin_object(json);
    write_number(json, "dimensions", answer->dimensions, 0);
    llmc_json_write_key(json, "vectors");
    llmc_json_write_base64(json, NULL, ordered.data, bytes);
    llmc_json_write_end_object(json);
    llmc_buffer_free(&ordered);
}

bool llmc_answer_write(const llmc_answer *answer, llmc_buffer *out)
{
    size_t start = out->length;
    llmc_json_writer writer = { out, false }, *json = &writer;
    llmc_json_write_begin_object(json);
    write_number(json, "llmcost_answer", FORMAT, 0);
    write_string(json, "id", answer->id);
    write_string(json, "model", answer->model);
    write_string(json, "provider", answer->provider);
    write_string(json, "target", answer->target);
    write_string(json, "receipt_id", answer->receipt_id);
    write_number(json, "duration_ns", answer->duration_ns, 0);
    write_usage(json, &answer->usage);
    write_choices(json, answer);
    write_models(json, answer);
    write_embeddings(json, answer);
    if (strcmp(answer->extra, "{}") != 0) {
        llmc_json_write_key(json, "extra");
        llmc_json_write_raw(json, answer->extra, strlen(answer->extra));
    }
    llmc_json_write_end_object(json);
    /* A host's policy may have put in bytes that are no UTF-8: such an answer cannot be kept. */
    return !out->failure && llmc_utf8_valid(out->data + start, out->length - start);
}

/* ---- reading ---- */

typedef struct answer_reader {
    llmc_json json;
    llmc_answer_builder builder;
    llmc_usage usage;
    int64_t format, duration_ns;
    llmc_buffer provider, target, receipt_id, id, model;
    llmc_buffer finish_raw, scratch, second, third; /* texts of what is being read */
} answer_reader;

/* A member that is there must be what it ought to be. */
static void read_integer(answer_reader *reader, int64_t least, int64_t most, int64_t *out)
{
    int64_t value;
    if (!llmc_json_integer(&reader->json, &value) || value < least || value > most) {
        llmc_json_fail(&reader->json, "no such number");
        return;
    }
    *out = value;
}

/* Replaces out by a string, which may hold zero bytes. */
static void read_text(answer_reader *reader, llmc_buffer *out)
{
    llmc_buffer_clear(out);
    if (!llmc_json_string(&reader->json, out) || !llmc_buffer_text(out) || !llmc_utf8_valid(out->data, out->length))
        llmc_json_fail(&reader->json, "no such text");
}

/* A text without zero bytes. */
static void read_name(answer_reader *reader, llmc_buffer *out)
{
    read_text(reader, out);
    if (out->length && memchr(out->data, 0, out->length))
        llmc_json_fail(&reader->json, "a zero byte in a name");
}

static void add_event(answer_reader *reader, llmcost_event event)
{
    if (!reader->json.failure && !llmc_answer_builder_add(&reader->builder, &event))
        llmc_json_fail(&reader->json, "too large, or no memory");
}

static bool enter(answer_reader *reader, bool entered)
{
    if (!entered)
        llmc_json_fail(&reader->json, "not the container that belongs here");
    return entered;
}

static const char *text_of(const llmc_buffer *buffer)
{
    return buffer->length ? buffer->data : "";
}

static bool read_class(answer_reader *reader, const llmc_json_key *key)
{
    for (uint32_t i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (llmc_json_key_is(key, llmcost_class_name(i))) {
            read_integer(reader, 0, INT64_MAX, &reader->usage.quantity[i]);
            return true;
        }
    }
    return false;
}

static bool read_usage_number(answer_reader *reader, const llmc_json_key *key)
{
    for (size_t i = 0; i < COUNT(usage_numbers); i++) {
        if (llmc_json_key_is(key, usage_numbers[i].name)) {
            int64_t value = -1;
            read_integer(reader, 0, INT64_MAX, &value);
            memcpy((char *)&reader->usage + usage_numbers[i].offset, &value, sizeof value);
            return true;
        }
    }
    return false;
}

static void read_tier(answer_reader *reader)
{
    read_name(reader, &reader->scratch);
    if (reader->scratch.length >= sizeof reader->usage.tier) {
        llmc_json_fail(&reader->json, "a tier with a long name");
        return;
    }
    memset(reader->usage.tier, 0, sizeof reader->usage.tier);
    memcpy(reader->usage.tier, text_of(&reader->scratch), reader->scratch.length);
}

/* Anything unknown in here might be money: then the answer is none. */
static void read_usage(answer_reader *reader)
{
    llmc_json_key key;
    if (!enter(reader, llmc_json_object(&reader->json)))
        return;
    while (llmc_json_next_key(&reader->json, &key)) {
        int64_t flags = 0;
        if (read_class(reader, &key) || read_usage_number(reader, &key))
            continue;
        if (llmc_json_key_is(&key, "flags")) {
            read_integer(reader, 0, UINT32_MAX, &flags);
            reader->usage.flags = (uint32_t)flags;
        } else if (llmc_json_key_is(&key, "tier")) {
            read_tier(reader);
        } else {
            llmc_json_fail(&reader->json, "a count that is not known");
        }
    }
}

static void read_tool_call(answer_reader *reader, uint32_t choice, uint32_t index)
{
    llmc_json_key key;
    int64_t custom = 0;
    llmc_buffer *id = &reader->scratch, *name = &reader->second, *arguments = &reader->third;
    llmc_buffer_clear(id);
    llmc_buffer_clear(name);
    llmc_buffer_clear(arguments);
    if (!enter(reader, llmc_json_object(&reader->json)))
        return;
    while (llmc_json_next_key(&reader->json, &key)) {
        if (llmc_json_key_is(&key, "id"))
            read_name(reader, id);
        else if (llmc_json_key_is(&key, "name"))
            read_name(reader, name);
        else if (llmc_json_key_is(&key, "arguments"))
            read_name(reader, arguments);
        else if (llmc_json_key_is(&key, "custom"))
            read_integer(reader, 0, 1, &custom);
        else
            llmc_json_skip(&reader->json);
    }
    add_event(reader, (llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .choice = choice, .tool_index = index, .tool_id = text_of(id), .tool_name = text_of(name), .is_custom = custom });
    add_event(reader, (llmcost_event){ .kind = LLMCOST_EVENT_TOOL_ARGUMENTS, .choice = choice, .tool_index = index, .text = text_of(arguments), .bytes = arguments->length });
}

static void read_tool_calls(answer_reader *reader, uint32_t choice)
{
    if (!enter(reader, llmc_json_array(&reader->json)))
        return;
    for (uint32_t i = 0; llmc_json_next_item(&reader->json); i++)
        read_tool_call(reader, choice, i);
}

/* Raw JSON of one type, checked by having been read. */
static bool read_raw(answer_reader *reader, llmc_json_type type, llmc_json_span *raw)
{
    bool fits = llmc_json_peek(&reader->json) == type;
    if (!llmc_json_raw(&reader->json, raw) || !fits) {
        llmc_json_fail(&reader->json, "not the value that belongs here");
        return false;
    }
    return true;
}

static bool read_choice_text(answer_reader *reader, const llmc_json_key *key, uint32_t choice)
{
    for (size_t i = 0; i < COUNT(choice_texts); i++) {
        if (llmc_json_key_is(key, choice_texts[i].name)) {
            read_text(reader, &reader->scratch);
            add_event(reader, (llmcost_event){ .kind = choice_texts[i].kind, .choice = choice, .text = text_of(&reader->scratch), .bytes = reader->scratch.length });
            return true;
        }
    }
    return false;
}

static void read_choice(answer_reader *reader, uint32_t choice)
{
    llmc_json_key key;
    llmc_json_span raw;
    int64_t finish = LLMCOST_FINISH_NONE;
    llmc_buffer_clear(&reader->finish_raw);
    if (!enter(reader, llmc_json_object(&reader->json)))
        return;
    while (llmc_json_next_key(&reader->json, &key)) {
        if (read_choice_text(reader, &key, choice))
            continue;
        if (llmc_json_key_is(&key, "logprobs")) {
            if (read_raw(reader, LLMC_JSON_ARRAY, &raw))
                add_event(reader, (llmcost_event){ .kind = LLMCOST_EVENT_LOGPROBS, .choice = choice, .text = raw.text, .bytes = raw.bytes });
        } else if (llmc_json_key_is(&key, "finish")) {
            read_integer(reader, LLMCOST_FINISH_NONE, LLMCOST_FINISH_ERROR, &finish);
        } else if (llmc_json_key_is(&key, "finish_raw")) {
            read_name(reader, &reader->finish_raw);
        } else if (llmc_json_key_is(&key, "tool_calls")) {
            read_tool_calls(reader, choice);
        } else {
            llmc_json_skip(&reader->json);
        }
    }
    add_event(reader, (llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .choice = choice, .finish = (llmcost_finish)finish, .finish_raw = text_of(&reader->finish_raw) });
}

static void read_choices(answer_reader *reader)
{
    if (!enter(reader, llmc_json_array(&reader->json)))
        return;
    for (uint32_t i = 0; llmc_json_next_item(&reader->json); i++)
        read_choice(reader, i);
}

static void read_models(answer_reader *reader)
{
    if (!enter(reader, llmc_json_array(&reader->json)))
        return;
    while (llmc_json_next_item(&reader->json)) {
        read_name(reader, &reader->scratch);
        add_event(reader, (llmcost_event){ .kind = LLMC_EVENT_MODEL, .text = text_of(&reader->scratch), .bytes = reader->scratch.length });
    }
}

/* Whole vectors, and as many as there may be inputs. */
static void add_vectors(answer_reader *reader, char *floats, size_t bytes, size_t each)
{
    size_t count = each ? bytes / each : 0;
    if (!count || count > UINT32_MAX || count * each != bytes || reader->builder.inputs) {
        llmc_json_fail(&reader->json, "not the vectors that belong here");
        return;
    }
    order_bytes(floats, bytes);
    reader->builder.inputs = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        add_event(reader, (llmcost_event){ .kind = LLMC_EVENT_EMBEDDING, .choice = (uint32_t)i, .text = floats + i * each, .bytes = each });
}

static void decode_vectors(answer_reader *reader, const llmc_json_span *base64, size_t each)
{
    const llmc_allocator *allocator = reader->builder.allocator;
    unsigned char *floats = llmc_alloc(allocator, base64->bytes / 4 * 3 + 3);
    size_t bytes = 0;
    if (floats && !base64->escaped && llmc_base64_decode(base64->text, base64->bytes, floats, &bytes))
        add_vectors(reader, (char *)floats, bytes, each);
    else
        llmc_json_fail(&reader->json, "vectors that are no base64, or no memory");
    llmc_free(allocator, floats);
}

static void read_embeddings(answer_reader *reader)
{
    enum { MOST_DIMENSIONS = 1 << 24 };
    llmc_json_key key;
    llmc_json_span base64 = { 0 };
    int64_t dimensions = 0;
    if (!enter(reader, llmc_json_object(&reader->json)))
        return;
    while (llmc_json_next_key(&reader->json, &key)) {
        if (llmc_json_key_is(&key, "dimensions"))
            read_integer(reader, 1, MOST_DIMENSIONS, &dimensions);
        else if (llmc_json_key_is(&key, "vectors"))
            llmc_json_span_string(&reader->json, &base64);
        else
            llmc_json_skip(&reader->json);
    }
    if (!reader->json.failure)
        decode_vectors(reader, &base64, (size_t)dimensions * sizeof(float));
}

static void read_extra(answer_reader *reader)
{
    llmc_json_key key;
    llmc_json_span raw;
    llmc_buffer *name = &reader->scratch;
    if (!enter(reader, llmc_json_object(&reader->json)))
        return;
    while (llmc_json_next_key(&reader->json, &key)) {
        llmc_buffer_clear(name);
        if (!llmc_json_decode(&key, name) || !llmc_buffer_text(name) || !llmc_utf8_valid(name->data, name->length) || memchr(name->data, 0, name->length)) {
            llmc_json_fail(&reader->json, "no such name");
            return;
        }
        if (read_raw(reader, llmc_json_peek(&reader->json), &raw))
            add_event(reader, (llmcost_event){ .kind = LLMCOST_EVENT_EXTRA, .tool_name = text_of(name), .text = raw.text, .bytes = raw.bytes });
    }
}

static void read_member(answer_reader *reader, const llmc_json_key *key)
{
    const struct { const char *name; llmc_buffer *into; } names[] = {
        { "id", &reader->id }, { "model", &reader->model }, { "provider", &reader->provider }, { "target", &reader->target }, { "receipt_id", &reader->receipt_id },
    };
    const struct { const char *name; void (*read)(answer_reader *reader); } parts[] = {
        { "usage", read_usage }, { "choices", read_choices }, { "models", read_models }, { "embeddings", read_embeddings }, { "extra", read_extra },
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        if (llmc_json_key_is(key, names[i].name)) {
            read_name(reader, names[i].into);
            return;
        }
    }
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (llmc_json_key_is(key, parts[i].name)) {
            parts[i].read(reader);
            return;
        }
    }
    if (llmc_json_key_is(key, "llmcost_answer"))
        read_integer(reader, FORMAT, FORMAT, &reader->format);
    else if (llmc_json_key_is(key, "duration_ns"))
        read_integer(reader, INT64_MIN, INT64_MAX, &reader->duration_ns);
    else
        llmc_json_skip(&reader->json);
}

static llmc_answer *read_answer(answer_reader *reader)
{
    llmc_json_key key;
    if (!llmc_json_object(&reader->json))
        return NULL;
    while (llmc_json_next_key(&reader->json, &key))
        read_member(reader, &key);
    if (!llmc_json_end(&reader->json) || reader->format != FORMAT)
        return NULL;
    llmcost_event meta = { .kind = LLMC_EVENT_META, .text = text_of(&reader->id), .bytes = reader->id.length, .tool_name = text_of(&reader->model) };
    if (!llmc_answer_builder_add(&reader->builder, &meta))
        return NULL;
    reader->builder.target = text_of(&reader->target);
    return llmc_answer_build(&reader->builder, text_of(&reader->provider), text_of(&reader->receipt_id), &reader->usage, reader->duration_ns);
}

llmc_answer *llmc_answer_read(const llmc_allocator *allocator, const char *text, size_t bytes)
{
    answer_reader reader = { .format = 0 };
    llmc_buffer *buffers[] = { &reader.provider, &reader.target, &reader.receipt_id, &reader.id, &reader.model, &reader.finish_raw, &reader.scratch, &reader.second, &reader.third };
    for (size_t i = 0; i < COUNT(buffers); i++)
        llmc_buffer_init(buffers[i], allocator, bytes);
    llmc_json_begin(&reader.json, text, bytes);
    llmc_usage_init(&reader.usage);
    llmc_answer_builder_init(&reader.builder, allocator, bytes);
    llmc_answer *answer = read_answer(&reader);
    llmc_answer_builder_free(&reader.builder);
    for (size_t i = 0; i < COUNT(buffers); i++)
        llmc_buffer_free(buffers[i]);
    return answer;
}
