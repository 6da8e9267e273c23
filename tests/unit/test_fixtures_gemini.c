/*
 * Recorded exchanges with the Gemini API and Vertex AI: their answers through the codec, and their requests against
 * ours. Left to others: what goes through the OpenAI dialect ("chat"), batches, and Claude on Vertex.
 *
 * How our request may differ from a recorded one, beside the order of members: members that are null, false for
 * "thought" or the default (candidateCount 1, mode AUTO, empty generationConfig, a role of systemInstruction) are left
 * out; schemas go as JSON Schema under its names; names are in camel case; a level is in capitals; ids of calls go to
 * the 3rd generation only.
 */
#include "../support/codec_replay.h"
#include "../support/encode_check.h"
#include "../support/recorded.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPLIT_MAXIMUM = 16 << 10, ROOM = 40 };

static bool begins(const recorded *e, const char *kind)
{
    return !strncmp(e->cells[RECORDED_CASE], kind, strlen(kind));
}

static const llmc_codec *codec_for(const recorded *e)
{
    bool google = !strcmp(e->cells[RECORDED_PROVIDER], "gemini"), vertex = !strcmp(e->cells[RECORDED_PROVIDER], "vertexai");
    if ((!google && !vertex) || begins(e, "chat"))
        return NULL;
    if (!strncmp(e->cells[RECORDED_MODEL], "claude", 6) || begins(e, "batch")) {
        print_message("%s: not of this format\n", e->name);
        return NULL;
    }
    return &llmc_codec_gemini;
}

static llmc_operation_id operation_of(const recorded *e)
{
    if (begins(e, "count"))
        return LLMC_OP_COUNT_TOKENS;
    return begins(e, "embed") ? LLMC_OP_EMBED : LLMC_OP_CHAT;
}

static llmc_codec_target target_for(const recorded *e)
{
    return target_of(!strcmp(e->cells[RECORDED_PROVIDER], "vertexai") ? "vertex" : "google", e->cells[RECORDED_MODEL], recorded_figure(e, RECORDED_STREAM));
}

/* ---- answers ---- */

static void add_string(char **sum, json_t *text)
{
    size_t length = strlen(*sum), bytes = json_string_length(text);
    *sum = realloc(*sum, length + bytes + 1);
    memcpy(*sum + length, bytes ? json_string_value(text) : "", bytes + 1);
}

static void add_chunk(char **text, char **reasoning, json_t *chunk)
{
    size_t i;
    json_t *part, *candidate = json_array_get(json_object_get(chunk, "candidates"), 0);
    json_array_foreach(json_object_get(json_object_get(candidate, "content"), "parts"), i, part)
        add_string(json_is_true(json_object_get(part, "thought")) ? reasoning : text, json_object_get(part, "text"));
}

/* As trees, line by line: another way than the library's. */
static void said(const recorded *e, char **text, char **reasoning)
{
    *text = strdup("");
    *reasoning = strdup("");
    char *copy = strndup(e->body, e->bytes), *rest = copy, *line;
    json_t *chunk = json_loads(copy, 0, NULL);
    if (chunk)
        add_chunk(text, reasoning, chunk);
    json_decref(chunk);
    while ((line = strsep(&rest, "\r\n"))) {
        if (strncmp(line, "data:", 5) != 0)
            continue;
        chunk = json_loads(line + 5, 0, NULL);
        add_chunk(text, reasoning, chunk);
        json_decref(chunk);
    }
    free(copy);
}

static int64_t count_of(const replay *r, llmcost_class token_class)
{
    return r->usage.quantity[token_class] > 0 ? r->usage.quantity[token_class] : 0;
}

static void check_usage(const recorded *e, const replay *r)
{
    int64_t input = count_of(r, LLMCOST_INPUT) + count_of(r, LLMCOST_INPUT_CACHED) + count_of(r, LLMCOST_AUDIO_IN);
    assert_int_equal(r->usage.flags, LLMC_USAGE_REPORTED); /* and the total is the sum of the classes */
    assert_int_equal(input, recorded_figure(e, RECORDED_PROMPT));
    assert_int_equal(count_of(r, LLMCOST_INPUT_CACHED), recorded_figure(e, RECORDED_CACHED));
    assert_int_equal(count_of(r, LLMCOST_REASONING), recorded_figure(e, RECORDED_REASONING));
    assert_int_equal(count_of(r, LLMCOST_OUTPUT), recorded_figure(e, RECORDED_COMPLETION));
    assert_int_equal(r->usage.reported_total, recorded_figure(e, RECORDED_TOTAL));
}

static void check_finish(const recorded *e, const replay *r)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "STOP", LLMCOST_FINISH_STOP }, { "MAX_TOKENS", LLMCOST_FINISH_LENGTH }, { "SAFETY", LLMCOST_FINISH_CONTENT_FILTER },
    };
    if (!recorded_has(e, RECORDED_FINISH)) {
        assert_int_equal(r->finish, LLMCOST_FINISH_CONTENT_FILTER); /* a blocked prompt */
        return;
    }
    assert_string_equal(r->finish_raw, e->cells[RECORDED_FINISH]);
    llmcost_finish wanted = LLMCOST_FINISH_NONE;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, e->cells[RECORDED_FINISH]))
            wanted = words[i].finish;
    assert_int_equal(r->finish, wanted == LLMCOST_FINISH_STOP && r->tool_calls ? LLMCOST_FINISH_TOOL_CALLS : wanted);
}

static void check_success(const recorded *e, const replay *r)
{
    char *text, *reasoning;
    if (r->status)
        fail_msg("%s", llmcost_error_message(&r->error));
    if (operation_of(e) == LLMC_OP_COUNT_TOKENS) {
        json_t *body = json_loadb(e->body, e->bytes, 0, NULL);
        assert_int_equal(r->usage.quantity[LLMCOST_INPUT], json_integer_value(json_object_get(body, "totalTokens")));
        json_decref(body);
        return;
    }
    said(e, &text, &reasoning);
    assert_string_equal(r->text, text);
    assert_string_equal(r->reasoning, reasoning);
    free(text);
    free(reasoning);
    assert_int_equal(r->tool_calls, recorded_figure(e, RECORDED_TOOL_CALLS));
    if (recorded_has(e, RECORDED_PROMPT))
        check_usage(e, r);
    else
        print_message("%s: reports no usage\n", e->name);
    assert_true(r->model[0] || recorded_has_tag(e, "refusal"));
    check_finish(e, r);
}

static void check_failure(const recorded *e, const replay *r)
{
    print_message("%s: %s: %s\n", e->name, llmcost_status_name(r->status), llmcost_error_message(&r->error));
    assert_int_equal(r->error.status, r->status);
    assert_int_equal(r->error.http_status, recorded_figure(e, RECORDED_STATUS));
    assert_true(llmcost_error_provider_message(&r->error)[0]);
    if (recorded_has_tag(e, "quota")) {
        /* Called a quota by its words, but it is one of requests or tokens per minute: calls may be repeated. */
        print_message("%s: a limit per minute, not an account without money\n", e->name);
        assert_int_equal(r->status, LLMCOST_E_RATE_LIMITED);
        return;
    }
    recorded_check_failure(e, r->status);
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

static void check_splits(const recorded *e, const replay_how *how, const replay *wanted)
{
    replay got;
    replay_by(&got, how, e->body, e->bytes, 1);
    same(wanted, &got, e, 1);
    for (size_t i = 1; e->bytes <= SPLIT_MAXIMUM && i < e->bytes; i++) {
        replay_split(&got, how, e->body, e->bytes, i);
        same(wanted, &got, e, i);
    }
    for (size_t size = 2; size <= 64; size++) {
        replay_by(&got, how, e->body, e->bytes, size);
        same(wanted, &got, e, size);
    }
    for (uint64_t i = 1; i <= 100; i++) {
        uint64_t seed = i;
        replay_pieces(&got, how, e->body, e->bytes, random_piece, &seed);
        same(wanted, &got, e, (size_t)i);
    }
}

/* ---- requests ---- */

/* A request made from a recorded one. Texts are borrowed from the tree, or kept in `kept`. */
typedef struct remade {
    llmcost_request request;
    llmcost_message messages[ROOM];
    llmcost_part parts[ROOM];
    llmcost_tool_call calls[ROOM];
    llmcost_tool tools[ROOM];
    const char *stop[ROOM];
    uint32_t part_count, call_count;
    char *kept[ROOM];
    size_t kept_count;
} remade;

static const char *keep(remade *to, char *text)
{
    assert_true(to->kept_count < ROOM);
    to->kept[to->kept_count++] = text;
    return text;
}

static const char *dumped(remade *to, json_t *value)
{
    return value ? keep(to, json_dumps(value, JSON_COMPACT)) : NULL;
}

static llmcost_message *add_message(remade *to, int32_t role)
{
    assert_true(to->request.message_count < ROOM);
    llmcost_message *message = &to->messages[to->request.message_count++];
    *message = (llmcost_message){ .role = role, .parts = &to->parts[to->part_count], .tool_calls = &to->calls[to->call_count] };
    return message;
}

static void add_part(remade *to, llmcost_message *message, llmcost_part part)
{
    assert_true(to->part_count < ROOM);
    to->parts[to->part_count++] = part;
    message->part_count++;
}

static const char *printed(remade *to, const char *format, const char *a, const char *b)
{
    char *text = malloc(strlen(format) + strlen(a) + strlen(b) + 1);
    sprintf(text, format, a, b);
    return keep(to, text);
}

static void add_call(remade *to, llmcost_message *message, json_t *part)
{
    json_t *call = json_object_get(part, "functionCall"), *signature = json_object_get(part, "thoughtSignature");
    char number[20];
    snprintf(number, sizeof number, "%u", message->tool_call_count);
    const char *id = json_string_value(json_object_get(call, "id"));
    to->calls[to->call_count++] = (llmcost_tool_call){ .id = id ? id : "", .name = json_string_value(json_object_get(call, "name")), .arguments = dumped(to, json_object_get(call, "args")) };
    message->tool_call_count++;
    if (signature)
        add_part(to, message, (llmcost_part){ .type = LLMCOST_PART_REASONING_HIDDEN, .text = printed(to, "gemini:%s:%s\n", number, json_string_value(signature)) });
}

static void add_result(remade *to, json_t *response)
{
    llmcost_message *message = add_message(to, LLMCOST_TOOL);
    size_t i;
    json_t *part;
    const char *id = json_string_value(json_object_get(response, "id"));
    message->tool_call_id = id ? id : "";
    add_part(to, message, (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = dumped(to, json_object_get(response, "response")) });
    json_array_foreach(json_object_get(response, "parts"), i, part) {
        json_t *data = json_object_get(part, "inlineData");
        const char *url = printed(to, "data:%s;base64,%s", json_string_value(json_object_get(data, "mimeType")), json_string_value(json_object_get(data, "data")));
        add_part(to, message, (llmcost_part){ .type = LLMCOST_PART_IMAGE_URL, .url = url });
    }
}

static void add_turn(remade *to, json_t *turn, int32_t role)
{
    llmcost_message *message = NULL;
    size_t i;
    json_t *part, *text;
    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        if (json_object_get(part, "functionResponse")) {
            add_result(to, json_object_get(part, "functionResponse"));
            continue;
        }
        if (!message)
            message = add_message(to, role);
        text = json_object_get(part, "text");
        if (text)
            add_part(to, message, (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = json_string_value(text) });
        else
            add_call(to, message, part);
    }
}

static void add_tools(remade *to, json_t *functions)
{
    size_t i;
    json_t *function;
    json_array_foreach(functions, i, function)
        to->tools[to->request.tool_count++] = (llmcost_tool){ .name = json_string_value(json_object_get(function, "name")),
                                                              .description = json_string_value(json_object_get(function, "description")),
                                                              .parameters = dumped(to, json_object_get(function, "parametersJsonSchema")) };
}

static void add_config(remade *to, json_t *config)
{
    llmcost_request *request = &to->request;
    size_t i;
    json_t *stop, *thinking = json_object_get(config, "thinkingConfig"), *temperature = json_object_get(config, "temperature"), *top_p = json_object_get(config, "topP");
    request->max_tokens = json_integer_value(json_object_get(config, "maxOutputTokens"));
    request->n = (uint32_t)json_integer_value(json_object_get(config, "candidateCount"));
    request->has_temperature = temperature != NULL;
    request->temperature = json_number_value(temperature);
    request->has_top_p = top_p != NULL;
    request->top_p = json_number_value(top_p);
    request->thinking_budget_tokens = json_integer_value(json_object_get(thinking, "thinkingBudget"));
    request->effort = json_object_get(thinking, "thinkingLevel") ? LLMCOST_EFFORT_LOW : LLMCOST_EFFORT_DEFAULT;
    json_array_foreach(json_object_get(config, "stopSequences"), i, stop)
        to->stop[request->stop_count++] = json_string_value(stop);
    json_t *schema = json_object_get(config, "responseJsonSchema");
    request->format = schema ? LLMCOST_FORMAT_JSON_SCHEMA : json_object_get(config, "responseMimeType") ? LLMCOST_FORMAT_JSON : LLMCOST_FORMAT_TEXT;
    request->format_schema = dumped(to, schema);
}

/* Members that have no field of their own go through extra. */
static const char *extra_of(remade *to, json_t *body)
{
    json_t *extra = json_object(), *config = json_object_get(body, "generationConfig");
    static const char *const names[] = { "safetySettings", "cachedContent" };
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(body, names[i]))
            json_object_set(extra, names[i], json_object_get(body, names[i]));
    if (json_object_get(config, "topK"))
        json_object_set_new(extra, "generationConfig", json_pack("{sO}", "topK", json_object_get(config, "topK")));
    const char *text = json_object_size(extra) ? dumped(to, extra) : NULL;
    json_decref(extra);
    return text;
}

static void remake(remade *to, json_t *body)
{
    size_t i;
    json_t *turn;
    memset(to, 0, sizeof *to);
    to->request = (llmcost_request)LLMCOST_REQUEST_INIT;
    add_turn(to, json_object_get(body, "systemInstruction"), LLMCOST_SYSTEM);
    json_array_foreach(json_object_get(body, "contents"), i, turn) {
        const char *role = json_string_value(json_object_get(turn, "role"));
        add_turn(to, turn, role && !strcmp(role, "model") ? LLMCOST_ASSISTANT : LLMCOST_USER);
    }
    add_tools(to, json_object_get(json_array_get(json_object_get(body, "tools"), 0), "functionDeclarations"));
    add_config(to, json_object_get(body, "generationConfig"));
    to->request.extra = extra_of(to, body);
    to->request.messages = to->messages;
    to->request.tools = to->tools;
    to->request.stop = to->stop;
}

static void rename_member(json_t *object, const char *old, const char *name)
{
    json_t *value = json_object_get(object, old);
    if (!value)
        return;
    json_object_set(object, name, value);
    json_object_del(object, old);
}

/* The intended differences, taken out of a recorded request. */
static void simplify(json_t *value)
{
    size_t i;
    const char *key;
    void *next;
    json_t *member;
    if (json_is_array(value)) {
        json_array_foreach(value, i, member)
            simplify(member);
        return;
    }
    json_object_foreach_safe(value, next, key, member) {
        if (json_is_null(member) || (!strcmp(key, "thought") && json_is_false(member)))
            json_object_del(value, key);
        else
            simplify(member);
    }
    static const char *const renamed[][2] = {
        { "parameters", "parametersJsonSchema" }, { "parameters_json_schema", "parametersJsonSchema" }, { "responseSchema", "responseJsonSchema" },
        { "output_dimensionality", "outputDimensionality" },
    };
    for (i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        rename_member(value, renamed[i][0], renamed[i][1]);
    if (json_integer_value(json_object_get(value, "candidateCount")) == 1)
        json_object_del(value, "candidateCount");
    if (json_object_get(value, "thinkingLevel"))
        json_object_set_new(value, "thinkingLevel", json_string("LOW"));
}

static void simplify_body(json_t *body)
{
    simplify(body);
    json_t *mode = json_object_get(json_object_get(json_object_get(body, "toolConfig"), "functionCallingConfig"), "mode");
    if (mode && !strcmp(json_string_value(mode), "AUTO"))
        json_object_del(body, "toolConfig");
    if (!json_object_size(json_object_get(body, "generationConfig")))
        json_object_del(body, "generationConfig");
    json_object_del(json_object_get(body, "systemInstruction"), "role");
    if (!json_is_array(json_object_get(json_object_get(body, "systemInstruction"), "parts")))
        json_object_del(body, "systemInstruction"); /* one empty part */
    json_object_del(body, "model");                 /* some clients repeat the path's */
}

static void compare(const recorded *e, llmc_operation_id operation, const llmc_codec_target *target, const llmcost_request *request, json_t *wanted)
{
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    if (llmc_codec_gemini.check(operation, request, target, &error) || llmc_codec_gemini.encode(operation, request, target, &out, &error))
        fail_msg("%s: %s", e->name, llmcost_error_message(&error));
    json_t *got = json_loadb(out.body.data, out.body.length, JSON_REJECT_DUPLICATES, NULL);
    json_t *inner = json_object_get(got, "generateContentRequest");
    json_object_del(inner, "model");
    if (!json_equal(inner ? inner : got, wanted)) {
        char *text = json_dumps(wanted, JSON_COMPACT);
        fail_msg("got    %.*s\nwanted %s", (int)out.body.length, out.body.data, text);
    }
    json_decref(got);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

static void check_embeddings(const recorded *e, const llmc_codec_target *target, json_t *body)
{
    llmcost_request request = LLMCOST_REQUEST_INIT;
    const char *inputs[ROOM];
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(body, "requests"), i, item) {
        inputs[request.input_count++] = json_string_value(json_object_get(json_array_get(json_object_get(json_object_get(item, "content"), "parts"), 0), "text"));
        request.dimensions = (int32_t)json_integer_value(json_object_get(item, "outputDimensionality"));
    }
    request.inputs = inputs;
    compare(e, LLMC_OP_EMBED, target, &request, body);
}

static void check_request(const recorded *e)
{
    char *text = recorded_part(e, "request.json", NULL);
    if (!text)
        return;
    llmc_codec_target target = target_for(e);
    json_t *file = json_loads(text, 0, NULL), *inner = json_object_get(file, "generateContentRequest"), *body = inner ? inner : file;
    assert_non_null(file);
    simplify_body(body);
    if (operation_of(e) == LLMC_OP_EMBED) {
        check_embeddings(e, &target, body);
    } else {
        remade *to = malloc(sizeof *to);
        remake(to, body);
        compare(e, operation_of(e), &target, &to->request, body);
        for (size_t i = 0; i < to->kept_count; i++)
            free(to->kept[i]);
        free(to);
    }
    json_decref(file);
    free(text);
}

static void check_exchange(void **state)
{
    const recorded *e = *state;
    int32_t status = (int32_t)recorded_figure(e, RECORDED_STATUS);
    /* A refused streaming call is answered by a plain body. */
    replay_how how = { .codec = e->codec, .operation = operation_of(e), .quirks = target_for(e).quirks, .stream = recorded_figure(e, RECORDED_STREAM) && status == 200, .http_status = status };
    replay r;
    replay_whole(&r, &how, e->body, e->bytes);
    if (recorded_fails(e))
        check_failure(e, &r);
    else
        check_success(e, &r);
    if (how.stream)
        check_splits(e, &how, &r);
    replay_free(&r);
    check_request(e);
}

int main(void)
{
    recordings all = recordings_read_for(codec_for, 20);
    int failures = recordings_run(&all, "recorded exchanges with Gemini", check_exchange);
    recordings_free(&all);
    return failures;
}
