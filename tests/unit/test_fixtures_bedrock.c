/* Recorded exchanges with Amazon Bedrock, through the codec: answers, failures, and the bodies that were sent. */
#include "../support/codec_replay.h"
#include "../support/recorded.h"
#include "../support/shared.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPLIT_MAXIMUM = 16 << 10, MESSAGES_MAXIMUM = 8, PARTS_MAXIMUM = 8 };

/* ---- what the body says, read another way ---- */

static void add_string(char **sum, json_t *text)
{
    if (!json_is_string(text))
        return;
    size_t length = strlen(*sum);
    *sum = realloc(*sum, length + json_string_length(text) + 1);
    memcpy(*sum + length, json_string_value(text), json_string_length(text) + 1);
}

/* A block, or a piece of one. */
static void add_block(char **text, char **reasoning, char **arguments, json_t *block)
{
    json_t *reasons = json_object_get(block, "reasoningContent"), *whole = json_object_get(reasons, "reasoningText");
    json_t *input = json_object_get(json_object_get(block, "toolUse"), "input");
    add_string(text, json_object_get(block, "text"));
    add_string(reasoning, json_object_get(whole ? whole : reasons, "text"));
    add_string(arguments, input);
    if (json_is_object(input)) {
        char *written = json_dumps(input, JSON_COMPACT);
        json_t *string = json_string(written);
        add_string(arguments, string);
        json_decref(string);
        free(written);
    }
}

static uint32_t read_u32(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void said(const recorded *e, bool stream, char **text, char **reasoning, char **arguments)
{
    *text = strdup("");
    *reasoning = strdup("");
    *arguments = strdup("");
    if (!stream) {
        size_t i;
        json_t *block, *body = json_loadb(e->body, e->bytes, 0, NULL), *message = json_object_get(json_object_get(body, "output"), "message");
        json_array_foreach(json_object_get(message, "content"), i, block)
            add_block(text, reasoning, arguments, block);
        json_decref(body);
        return;
    }
    for (size_t at = 0; at < e->bytes; at += read_u32(e->body + at)) {
        size_t headers = read_u32(e->body + at + 4), payload = read_u32(e->body + at) - headers - 16;
        json_t *event = json_loadb(e->body + at + 12 + headers, payload, 0, NULL);
        assert_non_null(event);
        add_block(text, reasoning, arguments, json_object_get(event, "delta"));
        json_decref(event);
    }
}

/* ---- answers ---- */

static replay_how how_of(const recorded *e)
{
    int32_t status = (int32_t)recorded_figure(e, RECORDED_STATUS);
    return (replay_how){ .codec = e->codec, .stream = recorded_figure(e, RECORDED_STREAM) && status == 200, .http_status = status };
}

static int64_t count_of(const llmc_usage *usage, llmcost_class token_class)
{
    return usage->quantity[token_class] > 0 ? usage->quantity[token_class] : 0;
}

/* The prompt is beside what was read from the cache and written to it, and the total says so. */
static void check_usage(const recorded *e, const llmc_usage *usage)
{
    assert_int_equal(usage->flags, LLMC_USAGE_REPORTED);
    assert_int_equal(usage->quantity[LLMCOST_INPUT], recorded_figure(e, RECORDED_PROMPT));
    assert_int_equal(usage->quantity[LLMCOST_OUTPUT], recorded_figure(e, RECORDED_COMPLETION));
    assert_int_equal(count_of(usage, LLMCOST_INPUT_CACHED), recorded_figure(e, RECORDED_CACHED));
    assert_int_equal(count_of(usage, LLMCOST_WRITE_5M) + count_of(usage, LLMCOST_WRITE_1H), recorded_figure(e, RECORDED_WRITE));
    assert_int_equal(usage->quantity[LLMCOST_INPUT_CACHED] >= 0, recorded_has(e, RECORDED_CACHED));
    assert_int_equal(usage->reported_total, recorded_figure(e, RECORDED_TOTAL));
}

static void check_success(const recorded *e, const replay *r)
{
    char *text, *reasoning, *arguments;
    said(e, how_of(e).stream, &text, &reasoning, &arguments);
    if (r->status)
        fail_msg("%s: %s", e->name, llmcost_error_message(&r->error));
    assert_string_equal(r->text, text);
    assert_string_equal(r->reasoning, reasoning);
    json_t *got = json_loads(r->arguments, JSON_DISABLE_EOF_CHECK, NULL), *wanted = json_loads(arguments, JSON_DISABLE_EOF_CHECK, NULL);
    assert_true(json_equal(got, wanted) || (!got && !wanted));
    json_decref(got);
    json_decref(wanted);
    assert_true(text[0] || r->tool_calls);
    assert_int_equal(r->tool_calls, recorded_figure(e, RECORDED_TOOL_CALLS));
    assert_int_equal(r->finishes, 1);
    assert_string_equal(r->finish_raw, e->cells[RECORDED_FINISH]);
    if (!strcmp(r->finish_raw, "guardrail_intervened"))
        assert_int_equal(r->finish, LLMCOST_FINISH_CONTENT_FILTER);
    else
        recorded_check_finish(e, r->finish, r->tool_calls > 0);
    check_usage(e, &r->usage);
    free(text);
    free(reasoning);
    free(arguments);
}

/* With the headers, as the engine reads them. */
static void check_failure(const recorded *e)
{
    llmcost_error error;
    uint32_t rank = 0;
    const char *name;
    json_t *value, *meta = json_loads(e->meta, 0, NULL);
    llmc_error_init(&error, &llmc_allocator_system);
    json_object_foreach(json_object_get(meta, "headers"), name, value)
        llmc_decode_error_header(&error, &rank, name, json_string_value(value), 0);
    llmcost_status status = llmc_decode_error_body(&error, (int32_t)recorded_figure(e, RECORDED_STATUS), e->body, e->bytes);
    print_message("%s: %s: %s\n", e->name, llmcost_status_name(status), llmcost_error_message(&error));
    if (recorded_has_tag(e, "model_not_found"))
        assert_int_equal(status, LLMCOST_E_NOT_FOUND);
    else if (recorded_figure(e, RECORDED_STATUS) == 403)
        assert_int_equal(status, LLMCOST_E_AUTH); /* the header says what the status does not */
    else if (recorded_figure(e, RECORDED_STATUS) == 503)
        assert_int_equal(status, LLMCOST_E_OVERLOADED);
    recorded_check_failure(e, status);
    assert_true(strstr(llmcost_error_code(&error), "Exception") != NULL);
    assert_true(llmcost_error_provider_message(&error)[0]);
    llmc_error_clear(&error);
    json_decref(meta);
}

static void same(const replay *wanted, replay *got, const recorded *e, size_t where)
{
    if (strcmp(wanted->log, got->log) != 0 || wanted->status != got->status)
        fail_msg("%s: differs when cut at or by %zu", e->name, where);
    replay_free(got);
}

static size_t random_piece(size_t at, void *user)
{
    uint64_t *seed = user;
    (void)at;
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return 1 + (size_t)(*seed >> 33) % 300;
}

static void check_splits(const recorded *e, const replay *wanted)
{
    replay_how how = how_of(e);
    replay got;
    for (size_t i = 1; e->bytes <= SPLIT_MAXIMUM && i < e->bytes; i++) {
        replay_split(&got, &how, e->body, e->bytes, i);
        same(wanted, &got, e, i);
    }
    for (size_t size = 1; size <= 64; size++) {
        replay_by(&got, &how, e->body, e->bytes, size);
        same(wanted, &got, e, size);
    }
    for (uint64_t i = 1; i <= 100; i++) {
        uint64_t seed = i;
        replay_pieces(&got, &how, e->body, e->bytes, random_piece, &seed);
        same(wanted, &got, e, (size_t)i);
    }
}

/* ---- requests ---- */

/*
 * Where what we send differs on purpose: empty members say nothing and are left out ("inferenceConfig": {}, "system": [],
 * "stopSequences": []), so is a tool choice of auto, and a schema has no description of its own.
 */
static void leave_out(json_t *node)
{
    const char *key;
    void *next;
    json_t *value;
    json_object_foreach_safe(node, next, key, value) {
        leave_out(value);
        bool empty = (json_is_object(value) || json_is_array(value)) && json_object_size(value) + json_array_size(value) == 0;
        if ((empty && strcmp(key, "auto") != 0) || (!strcmp(key, "toolChoice") && json_object_get(value, "auto")))
            json_object_del(node, key);
    }
    json_t *schema = json_object_get(node, "jsonSchema");
    json_object_del(schema, "description");
}

typedef struct request_copy {
    llmcost_request request;
    llmcost_message messages[MESSAGES_MAXIMUM];
    llmcost_tool tools[4];
    const char *stop[4];
    char *schemas[4];
} request_copy;

static void add_turn(request_copy *copy, int32_t role, json_t *block)
{
    assert_true(copy->request.message_count < MESSAGES_MAXIMUM);
    llmcost_message *message = &copy->messages[copy->request.message_count++];
    *message = (llmcost_message){ .role = role, .text = json_string_value(json_object_get(block, "text")) };
    if (json_object_get(block, "cachePoint")) { /* a mark on what is before it */
        copy->request.message_count--;
        message[-1].cache_mark = 1;
    }
}

static void copy_request(request_copy *copy, json_t *body)
{
    size_t i, j;
    json_t *message, *block, *tool, *figures = json_object_get(body, "inferenceConfig"), *value;
    json_t *format = json_object_get(json_object_get(json_object_get(json_object_get(body, "outputConfig"), "textFormat"), "structure"), "jsonSchema");
    memset(copy, 0, sizeof *copy);
    llmcost_request_init(&copy->request);
    copy->request.messages = copy->messages;
    copy->request.tools = copy->tools;
    copy->request.stop = copy->stop;
    json_array_foreach(json_object_get(body, "system"), i, block)
        add_turn(copy, LLMCOST_SYSTEM, block);
    json_array_foreach(json_object_get(body, "messages"), i, message)
        json_array_foreach(json_object_get(message, "content"), j, block)
            add_turn(copy, strcmp(json_string_value(json_object_get(message, "role")), "user") ? LLMCOST_ASSISTANT : LLMCOST_USER, block);
    json_array_foreach(json_object_get(json_object_get(body, "toolConfig"), "tools"), i, tool) {
        json_t *spec = json_object_get(tool, "toolSpec");
        copy->schemas[i] = json_dumps(json_object_get(json_object_get(spec, "inputSchema"), "json"), 0);
        copy->tools[i] = (llmcost_tool){ .name = json_string_value(json_object_get(spec, "name")), .parameters = copy->schemas[i],
                                         .description = json_string_value(json_object_get(spec, "description")) };
        copy->request.tool_count++;
    }
    copy->request.max_tokens = json_integer_value(json_object_get(figures, "maxTokens"));
    if ((value = json_object_get(figures, "temperature"))) {
        copy->request.has_temperature = 1;
        copy->request.temperature = json_number_value(value);
    }
    if ((value = json_object_get(figures, "topP"))) {
        copy->request.has_top_p = 1;
        copy->request.top_p = json_number_value(value);
    }
    if (format) {
        copy->request.format = LLMCOST_FORMAT_JSON_SCHEMA;
        copy->request.format_name = json_string_value(json_object_get(format, "name"));
        copy->request.format_schema = json_string_value(json_object_get(format, "schema"));
    }
}

static void check_request(const recorded *e, const char *sent)
{
    json_t *wanted = json_loads(sent, 0, NULL), *got;
    request_copy copy;
    llmc_encoded out;
    llmcost_error error;
    const llmc_preset *preset = llmc_preset_find("bedrock");
    const llmc_codec_target target = { .preset = preset, .provider = "bedrock", .model = e->cells[RECORDED_MODEL], .stream = strstr(e->name, "stream") != NULL };
    copy_request(&copy, wanted);
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(e->codec->check(LLMC_OP_CHAT, &copy.request, &target, &error), LLMCOST_OK);
    assert_int_equal(e->codec->encode(LLMC_OP_CHAT, &copy.request, &target, &out, &error), LLMCOST_OK);
    got = json_loadb(out.body.data, out.body.length, 0, NULL);
    leave_out(wanted);
    if (!json_equal(got, wanted))
        fail_msg("%s: sent %.*s", e->name, (int)out.body.length, out.body.data);
    for (size_t i = 0; i < 4; i++)
        free(copy.schemas[i]);
    json_t *meta = json_loads(e->meta, 0, NULL);
    const char *endpoint = json_string_value(json_object_get(meta, "endpoint")), *path = llmc_buffer_text(&out.path);
    if (!strchr(endpoint, ':')) /* some clients do not encode it */
        assert_string_equal(path, endpoint);
    json_decref(meta);
    json_decref(got);
    json_decref(wanted);
    llmc_encoded_free(&out);
}

static void check_sent(const recorded *e)
{
    char path[2000];
    snprintf(path, sizeof path, "%s/fixtures/%s/request.json", shared_folder(), e->name);
    char *sent = read_file(path, NULL);
    if (!sent || strstr(sent, "guardContent") || !strncmp(e->cells[RECORDED_CASE], "invoke", 6))
        print_message("%s: the request is not compared: %s\n", e->name, sent ? "it holds what only this provider has" : "it was not recorded");
    else
        check_request(e, sent);
    free(sent);
}

static void check_exchange(void **state)
{
    const recorded *e = *state;
    replay_how how = how_of(e);
    replay r;
    check_sent(e);
    if (recorded_fails(e)) {
        check_failure(e);
        return;
    }
    replay_whole(&r, &how, e->body, e->bytes);
    check_success(e, &r);
    if (how.stream)
        check_splits(e, &r);
    replay_free(&r);
}

static const llmc_codec *bedrock_of(const recorded *e)
{
    return !strcmp(e->cells[RECORDED_PROVIDER], "bedrock") ? &llmc_codec_bedrock : NULL;
}

int main(void)
{
    recordings all = recordings_read_for(bedrock_of, 14);
    int failures = recordings_run(&all, "recorded exchanges", check_exchange);
    recordings_free(&all);
    return failures;
}
