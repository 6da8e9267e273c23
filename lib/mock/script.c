/*
 * Compiles a script. Every object of the format is one table below: a key, its kind, where it goes. An unknown key is
 * an error that names the nearest known one.
 */
#include "mock/script.h"

#include "base/text.h"
#include "mock/question.h"
#include "mock/reply.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef enum key_kind { TEXT, COUNT, SIGNED, FLAG, EITHER, NUMBER_TEXT, OBJECT, ARRAY } key_kind;

struct key {
    const char *name;
    uint8_t kind; /* key_kind */
    uint16_t at;
};

/* EITHER: an int32 that is 0 or 1 when given. NUMBER_TEXT: a text, or a number that is taken as its text. */
static const char *const kind_words[] = { "a string", "a number from 0 up", "a whole number", "true or false", "true or false", "a string", "an object", "an array" };

struct reader {
    llmcost_error *error;
    llmcost_status status;
    char where[120];
};

static bool complain(struct reader *reader, const char *what, const char *key)
{
    if (reader->status == LLMCOST_OK)
        reader->status = llmc_error_set(reader->error, LLMCOST_E_CONFIG, "script: %s: \"%s\" %s", reader->where[0] ? reader->where : "top level", key, what);
    return false;
}

static bool complain_unknown(struct reader *reader, const char *name, const struct key *keys, size_t count)
{
    const char *nearest = NULL;
    size_t best = 4;
    for (size_t i = 0; i < count; i++) {
        size_t distance = llmc_text_distance(name, keys[i].name);
        if (distance < best) {
            best = distance;
            nearest = keys[i].name;
        }
    }
    char what[100];
    snprintf(what, sizeof what, nearest ? "is no known key; did you mean \"%s\"?" : "is no known key", nearest);
    return complain(reader, what, name);
}

static llmc_mock_text text_of(const json_t *string)
{
    return (llmc_mock_text){ json_string_value(string), json_string_length(string) };
}

static bool store_number(int64_t *out, const json_t *value, int64_t minimum)
{
    if (!json_is_integer(value) || json_integer_value(value) < minimum || json_integer_value(value) > INT32_MAX * INT64_C(1000))
        return false;
    *out = json_integer_value(value);
    return true;
}

static bool store(const struct key *key, json_t *value, char *target)
{
    switch (key->kind) {
    case TEXT:
    case NUMBER_TEXT:
        if (json_is_string(value))
            *(llmc_mock_text *)(void *)target = text_of(value);
        return json_is_string(value);
    case COUNT:
        return store_number((int64_t *)(void *)target, value, 0);
    case SIGNED:
        return store_number((int64_t *)(void *)target, value, INT32_MIN);
    case FLAG:
        if (json_is_boolean(value))
            *(bool *)target = json_is_true(value);
        return json_is_boolean(value);
    case EITHER:
        if (json_is_boolean(value))
            *(int32_t *)(void *)target = json_is_true(value);
        return json_is_boolean(value);
    case OBJECT:
    case ARRAY:
        *(json_t **)(void *)target = value;
        return key->kind == OBJECT ? json_is_object(value) : json_is_array(value);
    }
    return false;
}

/* A number where a text is wanted becomes that text, in the tree, so that the tree owns it. */
static json_t *number_as_text(json_t *object, const char *name, json_t *value)
{
    if (!json_is_number(value))
        return value;
    char text[40];
    size_t bytes = json_dumpb(value, text, sizeof text, JSON_ENCODE_ANY);
    if (bytes > sizeof text || json_object_set_new(object, name, json_stringn(text, bytes)) != 0)
        return value;
    return json_object_get(object, name);
}

static bool read_members(struct reader *reader, json_t *object, const struct key *keys, size_t count, void *out)
{
    if (!json_is_object(object))
        return complain(reader, "is not an object", "value");
    /* Over the keys we know and then over those we do not: the tree may change while parts become texts. */
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(object, keys[i].name);
        if (!value)
            continue;
        if (keys[i].kind == NUMBER_TEXT)
            value = number_as_text(object, keys[i].name, value);
        if (!store(&keys[i], value, (char *)out + keys[i].at)) {
            char what[60];
            snprintf(what, sizeof what, "must be %s", kind_words[keys[i].kind]);
            return complain(reader, what, keys[i].name);
        }
    }
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = strcmp(keys[i].name, name) == 0;
        if (!known)
            return complain_unknown(reader, name, keys, count);
    }
    return true;
}

#define READ(reader, object, table, out) read_members(reader, object, table, sizeof table / sizeof table[0], out)

#define IN(kind, type, field) { #field, kind, offsetof(type, field) }

static const struct key match_keys[] = {
    IN(TEXT, llmc_mock_match, path),
    IN(TEXT, llmc_mock_match, model),
    IN(TEXT, llmc_mock_match, contains),
    IN(TEXT, llmc_mock_match, system_contains),
    IN(EITHER, llmc_mock_match, stream),
    { "header", OBJECT, offsetof(llmc_mock_match, header_name) }, /* read again below */
};

static const struct key header_keys[] = {
    { "name", TEXT, offsetof(llmc_mock_match, header_name) },
    { "equals", TEXT, offsetof(llmc_mock_match, header_equals) },
};

static const struct key choice_keys[] = {
    IN(TEXT, llmc_mock_choice, text),
    IN(TEXT, llmc_mock_choice, reasoning),
    IN(TEXT, llmc_mock_choice, refusal),
    IN(TEXT, llmc_mock_choice, finish),
    IN(ARRAY, llmc_mock_choice, tool_calls),
    IN(ARRAY, llmc_mock_choice, logprobs),
};

static const struct key usage_keys[] = {
    IN(COUNT, llmc_mock_usage, prompt),
    IN(COUNT, llmc_mock_usage, completion),
    IN(COUNT, llmc_mock_usage, cached),
    IN(COUNT, llmc_mock_usage, cache_write),
    IN(COUNT, llmc_mock_usage, write_1h),
    IN(COUNT, llmc_mock_usage, reasoning),
};

static const struct key embedding_keys[] = {
    IN(COUNT, llmc_mock_embedding, dimensions),
    IN(ARRAY, llmc_mock_embedding, vectors),
};

static const struct key raw_keys[] = {
    IN(COUNT, llmc_mock_raw, status),
    IN(TEXT, llmc_mock_raw, content_type),
    IN(TEXT, llmc_mock_raw, body),
};

static const struct key failure_keys[] = {
    IN(COUNT, llmc_mock_failure, after),
    IN(TEXT, llmc_mock_failure, type),
    IN(NUMBER_TEXT, llmc_mock_failure, code),
    IN(TEXT, llmc_mock_failure, message),
};

static const struct key fault_keys[] = {
    IN(COUNT, llmc_mock_fault, status),
    IN(NUMBER_TEXT, llmc_mock_fault, retry_after),
    IN(NUMBER_TEXT, llmc_mock_fault, retry_after_ms),
    IN(TEXT, llmc_mock_fault, body),
    { "type", TEXT, offsetof(llmc_mock_fault, failure.type) },
    { "code", NUMBER_TEXT, offsetof(llmc_mock_fault, failure.code) },
    { "message", TEXT, offsetof(llmc_mock_fault, failure.message) },
    IN(COUNT, llmc_mock_fault, cut_at),
    IN(FLAG, llmc_mock_fault, reset),
    IN(FLAG, llmc_mock_fault, silent),
    IN(FLAG, llmc_mock_fault, close_before_reply),
    IN(COUNT, llmc_mock_fault, drip_bytes),
    IN(COUNT, llmc_mock_fault, drip_ms),
    IN(FLAG, llmc_mock_fault, garbage),
    IN(FLAG, llmc_mock_fault, garbage_body),
    IN(FLAG, llmc_mock_fault, html),
    IN(COUNT, llmc_mock_fault, huge_bytes),
    IN(SIGNED, llmc_mock_fault, wrong_length),
    { "error_in_stream", OBJECT, offsetof(llmc_mock_fault, error_in_stream_json) },
    { "error_with_200", OBJECT, offsetof(llmc_mock_fault, error_with_200_json) },
    IN(FLAG, llmc_mock_fault, no_terminator),
    IN(FLAG, llmc_mock_fault, no_end),
    IN(FLAG, llmc_mock_fault, no_usage),
    IN(TEXT, llmc_mock_fault, redirect),
    IN(COUNT, llmc_mock_fault, long_header),
};

/* What a rule's JSON holds, before its parts are read. */
struct rule_json {
    int64_t times, after, delay_ms, chunk_delay_ms, chunk_bytes, chunks;
    bool split_utf8;
    json_t *match, *reply, *fault;
};

static const struct key rule_keys[] = {
    IN(OBJECT, struct rule_json, match),
    IN(COUNT, struct rule_json, times),
    IN(COUNT, struct rule_json, after),
    IN(OBJECT, struct rule_json, reply),
    IN(COUNT, struct rule_json, delay_ms),
    IN(COUNT, struct rule_json, chunk_delay_ms),
    IN(COUNT, struct rule_json, chunk_bytes),
    IN(COUNT, struct rule_json, chunks),
    IN(FLAG, struct rule_json, split_utf8),
    IN(OBJECT, struct rule_json, fault),
};

struct reply_json {
    llmc_mock_choice only;
    json_t *choices, *headers, *raw, *embedding;
    llmc_mock_text model;
    json_t *usage;
};

static const struct key reply_keys[] = {
    { "text", TEXT, offsetof(struct reply_json, only.text) },
    { "reasoning", TEXT, offsetof(struct reply_json, only.reasoning) },
    { "refusal", TEXT, offsetof(struct reply_json, only.refusal) },
    { "finish", TEXT, offsetof(struct reply_json, only.finish) },
    { "tool_calls", ARRAY, offsetof(struct reply_json, only.tool_calls) },
    { "logprobs", ARRAY, offsetof(struct reply_json, only.logprobs) },
    IN(ARRAY, struct reply_json, choices),
    IN(OBJECT, struct reply_json, headers),
    IN(OBJECT, struct reply_json, raw),
    IN(OBJECT, struct reply_json, embedding),
    IN(TEXT, struct reply_json, model),
    { "usage", OBJECT, offsetof(struct reply_json, usage) },
};

struct top_json {
    json_t *rules, *fallback, *models;
    llmc_mock_text require_key;
    bool validate;
};

static const struct key top_keys[] = {
    IN(ARRAY, struct top_json, rules),
    { "default", OBJECT, offsetof(struct top_json, fallback) },
    IN(ARRAY, struct top_json, models),
    IN(TEXT, struct top_json, require_key),
    IN(FLAG, struct top_json, validate),
};

/* Arguments given as an object become text; the tree owns it. */
static bool read_tool_calls(struct reader *reader, json_t *calls)
{
    size_t index;
    json_t *call;
    LLMC_MOCK_EACH(calls, index, call) {
        if (!json_is_object(call) || !json_is_string(json_object_get(call, "name")))
            return complain(reader, "needs objects with a \"name\"", "tool_calls");
        json_t *id = json_object_get(call, "id"), *arguments = json_object_get(call, "arguments");
        if (id && !json_is_string(id))
            return complain(reader, "must be a string", "tool_calls[].id");
        if (!arguments || json_is_string(arguments))
            continue;
        size_t bytes = json_dumpb(arguments, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
        llmc_buffer text;
        llmc_buffer_init(&text, &reader->error->allocator, 1 << 26);
        bool fits = llmc_buffer_reserve(&text, bytes);
        if (fits)
            json_dumpb(arguments, text.data, bytes, JSON_COMPACT | JSON_ENCODE_ANY);
        fits = fits && json_object_set_new(call, "arguments", json_stringn(text.data, bytes)) == 0;
        llmc_buffer_free(&text);
        if (!fits) {
            reader->status = LLMCOST_E_MEMORY;
            return false;
        }
    }
    return true;
}

static bool check_choice(struct reader *reader, llmc_mock_choice *choice)
{
    size_t index;
    json_t *number;
    LLMC_MOCK_EACH(choice->logprobs, index, number) {
        if (!json_is_number(number))
            return complain(reader, "must be an array of numbers", "logprobs");
    }
    return read_tool_calls(reader, choice->tool_calls);
}

static bool read_choices(struct reader *reader, const struct reply_json *reply, llmc_mock_rule *rule, const llmc_allocator *allocator)
{
    rule->has_choices = json_array_size(reply->choices) > 0;
    rule->choice_count = rule->has_choices ? json_array_size(reply->choices) : 1;
    rule->choices = llmc_calloc(allocator, rule->choice_count, sizeof *rule->choices);
    if (!rule->choices) {
        reader->status = LLMCOST_E_MEMORY;
        return false;
    }
    rule->choices[0] = reply->only;
    for (size_t i = 0; rule->has_choices && i < rule->choice_count; i++) {
        if (!READ(reader, json_array_get(reply->choices, i), choice_keys, &rule->choices[i]) || !check_choice(reader, &rule->choices[i]))
            return false;
    }
    return rule->has_choices || check_choice(reader, &rule->choices[0]);
}

static bool read_headers(struct reader *reader, json_t *headers)
{
    const char *name;
    json_t *value;
    json_object_foreach(headers, name, value) {
        if (!json_is_string(value) || !llmc_text_is_header_safe(name) || !llmc_text_is_header_safe(json_string_value(value)) || strchr(name, ':'))
            return complain(reader, "must be a string without control characters", name);
    }
    return true;
}

static bool read_usage(struct reader *reader, json_t *usage, llmc_mock_usage *out)
{
    *out = (llmc_mock_usage){ -1, -1, -1, -1, -1, -1, false };
    if (json_is_string(usage)) {
        out->none = strcmp(json_string_value(usage), "none") == 0;
        return out->none || complain(reader, "must be an object or \"none\"", "usage");
    }
    return !usage || READ(reader, usage, usage_keys, out);
}

static bool read_embedding(struct reader *reader, json_t *json, llmc_mock_embedding *out)
{
    size_t index, at;
    json_t *vector, *number;
    if (!READ(reader, json, embedding_keys, out))
        return false;
    if (out->dimensions > LLMC_MOCK_MOST_DIMENSIONS)
        return complain(reader, "is too large", "dimensions");
    LLMC_MOCK_EACH(out->vectors, index, vector) {
        LLMC_MOCK_EACH(vector, at, number) {
            if (!json_is_number(number))
                return complain(reader, "must be arrays of numbers", "vectors");
        }
        if (!json_array_size(vector) || json_array_size(vector) > LLMC_MOCK_MOST_DIMENSIONS)
            return complain(reader, "must be arrays of numbers", "vectors");
    }
    return true;
}

static bool read_reply(struct reader *reader, json_t *json, llmc_mock_rule *rule, const llmc_allocator *allocator)
{
    struct reply_json reply = { 0 };
    json_t *usage = json_object_get(json, "usage");
    bool usage_is_text = json_is_string(usage);
    if (usage_is_text) { /* "none": kept apart from the table, where usage is an object */
        json_incref(usage);
        json_object_del(json, "usage");
    }
    bool fine = (!json || READ(reader, json, reply_keys, &reply)) && read_usage(reader, usage, &rule->usage);
    if (usage_is_text)
        json_decref(usage);
    if (!fine || !read_choices(reader, &reply, rule, allocator) || !read_headers(reader, reply.headers))
        return false;
    rule->model = reply.model;
    rule->headers = reply.headers;
    rule->raw_json = reply.raw;
    rule->raw.status = 200;
    if (reply.embedding && !read_embedding(reader, reply.embedding, &rule->embedding))
        return false;
    if (reply.raw && !READ(reader, reply.raw, raw_keys, &rule->raw))
        return false;
    if (rule->raw.status < 100 || rule->raw.status > 999)
        return complain(reader, "must be a number from 100 to 999", "status");
    return !rule->raw.content_type.text || llmc_text_is_header_safe(rule->raw.content_type.text) || complain(reader, "must not hold control characters", "content_type");
}

static bool read_fault(struct reader *reader, json_t *json, llmc_mock_fault *fault)
{
    fault->cut_at = -1;
    if (!json)
        return true;
    if (!READ(reader, json, fault_keys, fault))
        return false;
    if (fault->status && (fault->status < 100 || fault->status > 999))
        return complain(reader, "must be a number from 100 to 999", "status");
    if ((fault->retry_after.text && !llmc_text_is_header_safe(fault->retry_after.text)) || (fault->redirect.text && !llmc_text_is_header_safe(fault->redirect.text)))
        return complain(reader, "must not hold control characters", fault->redirect.text ? "redirect" : "retry_after");
    if (fault->error_in_stream_json && !READ(reader, fault->error_in_stream_json, failure_keys, &fault->error_in_stream))
        return false;
    return !fault->error_with_200_json || READ(reader, fault->error_with_200_json, failure_keys, &fault->error_with_200);
}

static bool read_match(struct reader *reader, json_t *json, llmc_mock_match *match)
{
    json_t *header = json_object_get(json, "header");
    bool fine = !json || READ(reader, json, match_keys, match);
    match->header_name = match->header_equals = (llmc_mock_text){ 0 };
    if (!fine)
        return false;
    if (!header)
        return true;
    if (!READ(reader, header, header_keys, match))
        return false;
    return (match->header_name.text && match->header_equals.text) || complain(reader, "needs \"name\" and \"equals\"", "header");
}

static bool is_fixed(const llmc_mock_rule *rule)
{
    if (rule->raw_json)
        return true;
    if (!rule->usage.none && rule->usage.prompt < 0)
        return false;
    for (size_t i = 0; i < rule->choice_count; i++) {
        const llmc_mock_choice *choice = &rule->choices[i];
        if (!choice->text.text && !choice->refusal.text && !json_array_size(choice->tool_calls))
            return false;
    }
    return true;
}

static bool read_rule(struct reader *reader, json_t *json, llmc_mock_rule *rule, const llmc_allocator *allocator)
{
    struct rule_json parts = { .times = -1 };
    rule->match.stream = -1;
    if (json && !READ(reader, json, rule_keys, &parts))
        return false;
    size_t length = strlen(reader->where);
    rule->times = parts.times;
    rule->after = parts.after;
    rule->delay_ms = parts.delay_ms;
    rule->chunk_delay_ms = parts.chunk_delay_ms;
    rule->chunk_bytes = parts.chunk_bytes;
    rule->chunks = parts.chunks;
    rule->split_utf8 = parts.split_utf8;
    snprintf(reader->where + length, sizeof reader->where - length, ".match");
    if (!read_match(reader, parts.match, &rule->match))
        return false;
    snprintf(reader->where + length, sizeof reader->where - length, ".reply");
    if (!read_reply(reader, parts.reply, rule, allocator))
        return false;
    snprintf(reader->where + length, sizeof reader->where - length, ".fault");
    if (!read_fault(reader, parts.fault, &rule->fault))
        return false;
    rule->is_fixed = is_fixed(rule);
    return true;
}

static bool read_script(struct reader *reader, llmc_mock_script *script)
{
    struct top_json top = { .validate = true };
    if (script->root && !READ(reader, script->root, top_keys, &top))
        return false;
    script->validate = top.validate;
    script->models = top.models;
    script->require_key = top.require_key;
    size_t count = json_array_size(top.rules);
    script->rules = llmc_calloc(&script->allocator, count + 1, sizeof *script->rules);
    if (!script->rules) {
        reader->status = LLMCOST_E_MEMORY;
        return false;
    }
    script->rule_count = count + 1;
    for (size_t i = 0; i <= count; i++) {
        snprintf(reader->where, sizeof reader->where, "rules[%zu]", i);
        if (i == count)
            snprintf(reader->where, sizeof reader->where, "default");
        if (!read_rule(reader, i < count ? json_array_get(top.rules, i) : top.fallback, &script->rules[i], &script->allocator))
            return false;
    }
    return true;
}

static llmcost_status finish(llmc_mock_script **out, llmc_mock_script *script, struct reader *reader)
{
    if (reader->status != LLMCOST_OK) {
        llmc_mock_script_free(script);
        if (reader->status == LLMCOST_E_MEMORY)
            llmc_error_set(reader->error, LLMCOST_E_MEMORY, "script: out of memory");
        return reader->status;
    }
    *out = script;
    return LLMCOST_OK;
}

llmcost_status llmc_mock_script_compile(llmc_mock_script **out, const char *json, size_t bytes, const llmc_allocator *allocator, llmcost_error *error)
{
    *out = NULL;
    llmc_mock_script *script = llmc_calloc(allocator, 1, sizeof *script);
    if (!script)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "script: out of memory");
    script->allocator = *allocator;
    struct reader reader = { .error = error };
    json_error_t where;
    if (json && !(script->root = json_loadb(json, bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &where))) {
        reader.status = LLMCOST_E_CONFIG;
        llmc_error_set(error, LLMCOST_E_CONFIG, "script: line %d: %s", where.line, where.text);
    }
    if (reader.status == LLMCOST_OK)
        read_script(&reader, script);
    return finish(out, script, &reader);
}

llmcost_status llmc_mock_script_single(llmc_mock_script **out, const char *rule_json, const llmc_allocator *allocator, llmcost_error *error)
{
    *out = NULL;
    llmc_mock_script *script = llmc_calloc(allocator, 1, sizeof *script);
    if (!script || !(script->rules = llmc_calloc(allocator, 1, sizeof *script->rules))) {
        llmc_free(allocator, script);
        return llmc_error_set(error, LLMCOST_E_MEMORY, "script: out of memory");
    }
    script->allocator = *allocator;
    script->rule_count = 1;
    struct reader reader = { .error = error, .where = "rule" };
    json_error_t where;
    if (rule_json && !(script->root = json_loads(rule_json, JSON_ALLOW_NUL, &where))) {
        reader.status = LLMCOST_E_CONFIG;
        llmc_error_set(error, LLMCOST_E_CONFIG, "script: line %d: %s", where.line, where.text);
    }
    if (reader.status == LLMCOST_OK)
        read_rule(&reader, script->root, &script->rules[0], allocator);
    return finish(out, script, &reader);
}

static void free_rule(llmc_mock_script *script, llmc_mock_rule *rule)
{
    for (size_t i = 0; i < LLMC_MOCK_KEPT_WIRES; i++) {
        llmc_mock_wire_release(rule->kept[i].wire);
        llmc_free(&script->allocator, rule->kept[i].model);
    }
    llmc_free(&script->allocator, rule->choices);
}

void llmc_mock_script_free(llmc_mock_script *script)
{
    if (!script)
        return;
    llmc_allocator allocator = script->allocator;
    for (size_t i = 0; i < script->rule_count; i++)
        free_rule(script, &script->rules[i]);
    llmc_free(&allocator, script->rules);
    json_decref(script->root);
    llmc_free(&allocator, script);
}
