/*
 * Recorded exchanges with Ollama and Cohere in their own formats, through the codecs; and the recorded requests, read
 * into ours and encoded again. Exchanges through Ollama's OpenAI door are with the others of that dialect.
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

enum { SPLIT_MAXIMUM = 16 << 10 };

static const llmc_codec *codec_for(const recorded *e)
{
    bool ollama = !strcmp(e->cells[RECORDED_PROVIDER], "ollama") || !strcmp(e->cells[RECORDED_PROVIDER], "ollama_cloud");
    if (!strcmp(e->cells[RECORDED_PROVIDER], "cohere"))
        return &llmc_codec_cohere;
    return ollama && !recorded_has_tag(e, "chat") ? &llmc_codec_ollama : NULL;
}

/* What there is no operation for, with the reason; NULL: there is one. */
static const char *why_not(const recorded *e)
{
    if (recorded_has_tag(e, "ollama_generate"))
        return "/api/generate is no operation of ours";
    if (recorded_has_tag(e, "count_tokens"))
        return "/v1/tokenize counts one text, not a chat";
    return strstr(e->meta, "\"/v1/chat\"") ? "/v1/chat is the older format" : NULL;
}

static replay_how how_of(const recorded *e)
{
    int32_t status = (int32_t)recorded_figure(e, RECORDED_STATUS);
    return (replay_how){ .codec = e->codec, .operation = recorded_has_tag(e, "embeddings") ? LLMC_OP_EMBED : LLMC_OP_CHAT,
                         .stream = recorded_figure(e, RECORDED_STREAM) && status == 200, .http_status = status };
}

/* ---- what the body says, line by line and as trees ---- */

static void add(char **sum, json_t *text)
{
    if (!json_is_string(text))
        return;
    *sum = realloc(*sum, strlen(*sum) + json_string_length(text) + 1);
    strcat(*sum, json_string_value(text));
}

static void add_line(char **text, char **reasoning, json_t *line)
{
    size_t i;
    json_t *delta = json_object_get(line, "delta"), *message = json_object_get(delta ? delta : line, "message"), *content = json_object_get(message, "content"), *part;
    add(reasoning, json_object_get(message, "tool_plan"));
    add(reasoning, json_object_get(message, "thinking"));
    add(text, content);
    add(reasoning, json_object_get(content, "thinking"));
    add(text, json_object_get(content, "text"));
    json_array_foreach(content, i, part) {
        add(reasoning, json_object_get(part, "thinking"));
        add(text, json_object_get(part, "text"));
    }
}

static void check_texts(const recorded *e, const replay *r)
{
    char *text = strdup(""), *reasoning = strdup(""), *copy = strndup(e->body, e->bytes), *rest = copy, *line;
    while ((line = strsep(&rest, "\r\n"))) {
        json_t *tree = json_loads(strncmp(line, "data:", 5) ? line : line + 5, 0, NULL);
        add_line(&text, &reasoning, tree);
        json_decref(tree);
    }
    assert_string_equal(r->text, text);
    assert_string_equal(r->reasoning, reasoning);
    assert_true(text[0] || reasoning[0] || r->tool_calls);
    free(text);
    free(reasoning);
    free(copy);
}

static void check_usage(const recorded *e, const replay *r)
{
    const llmc_usage *u = &r->usage;
    assert_int_equal(u->flags, LLMC_USAGE_REPORTED);
    if (e->codec == &llmc_codec_ollama) {
        recorded_check_quantities(e, u->quantity, false);
        return;
    }
    assert_true(recorded_has(e, RECORDED_BILLED_IN) && recorded_has(e, RECORDED_BILLED_OUT));
    assert_int_equal(u->quantity[LLMCOST_INPUT], recorded_figure(e, RECORDED_BILLED_IN));
    assert_int_equal(u->quantity[LLMCOST_OUTPUT], recorded_figure(e, RECORDED_BILLED_OUT));
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_true(i == LLMCOST_INPUT || i == LLMCOST_OUTPUT || u->quantity[i] == -1);
}

static void check_finish(const recorded *e, const replay *r)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "stop", LLMCOST_FINISH_STOP }, { "length", LLMCOST_FINISH_LENGTH }, { "COMPLETE", LLMCOST_FINISH_STOP }, { "MAX_TOKENS", LLMCOST_FINISH_LENGTH }, { "TOOL_CALL", LLMCOST_FINISH_TOOL_CALLS },
    };
    assert_string_equal(r->finish_raw, e->cells[RECORDED_FINISH]);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, e->cells[RECORDED_FINISH])) {
            assert_int_equal(r->finish, words[i].finish == LLMCOST_FINISH_STOP && r->tool_calls ? LLMCOST_FINISH_TOOL_CALLS : words[i].finish);
            return;
        }
    fail_msg("%s: finish %s", e->name, e->cells[RECORDED_FINISH]);
}

static void check_embeddings(const recorded *e, const replay *r)
{
    assert_int_equal(r->status, LLMCOST_OK);
    json_t *body = json_loadb(e->body, e->bytes, 0, NULL), *vectors = json_object_get(body, "embeddings");
    json_t *vector = json_array_get(json_is_array(vectors) ? vectors : json_object_get(vectors, "float"), 0);
    char begin[100];
    snprintf(begin, sizeof begin, "EMBEDDING 0 0 |%.9g %.9g ", (double)(float)json_number_value(json_array_get(vector, 0)), (double)(float)json_number_value(json_array_get(vector, 1)));
    assert_non_null(strstr(r->log, begin));
    size_t numbers = 1;
    for (const char *at = strstr(r->log, begin) + strlen("EMBEDDING 0 0 |"); *at != '|'; at++)
        numbers += *at == ' ';
    assert_int_equal(numbers, json_array_size(vector));
    assert_int_equal(r->usage.quantity[LLMCOST_INPUT], recorded_figure(e, RECORDED_PROMPT));
    json_decref(body);
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
    replay_by(&got, &how, e->body, e->bytes, 1);
    same(wanted, &got, e, 1);
    for (size_t i = 1; i < e->bytes && e->bytes <= SPLIT_MAXIMUM; i++) {
        replay_split(&got, &how, e->body, e->bytes, i);
        same(wanted, &got, e, i);
    }
    for (size_t size = 2; size <= 64; size++) {
        replay_by(&got, &how, e->body, e->bytes, size);
        same(wanted, &got, e, size);
    }
    for (uint64_t i = 1; i <= 100; i++) {
        uint64_t seed = i;
        replay_pieces(&got, &how, e->body, e->bytes, random_piece, &seed);
        same(wanted, &got, e, (size_t)i);
    }
}

static void check_answer(const recorded *e, const replay *r)
{
    if (r->status)
        print_message("%s\n", llmcost_error_message(&r->error));
    assert_int_equal(r->status, LLMCOST_OK);
    check_texts(e, r);
    check_usage(e, r);
    check_finish(e, r);
    assert_int_equal(r->tool_calls, recorded_tool_calls(e));
    assert_int_equal(r->model[0] != '\0', e->codec == &llmc_codec_ollama);
}

static void check_response(const recorded *e)
{
    replay_how how = how_of(e);
    replay r;
    replay_whole(&r, &how, e->body, e->bytes);
    if (recorded_fails(e)) {
        recorded_check_failure(e, r.status);
        assert_true(llmcost_error_provider_message(&r.error)[0]);
    } else if (how.operation == LLMC_OP_EMBED) {
        check_embeddings(e, &r);
    } else {
        check_answer(e, &r);
    }
    if (how.stream)
        check_splits(e, &r);
    replay_free(&r);
}

/* ---- the request: read into ours, encoded, compared ---- */

typedef struct reading {
    llmcost_message messages[16];
    llmcost_part parts[16];
    llmcost_tool tools[8];
    const char *inputs[1];
    char *texts[16];
    uint32_t part_count, text_count;
    json_t *extra;
} reading;

static char *keep(reading *r, json_t *tree)
{
    assert_true(r->text_count < 16);
    return r->texts[r->text_count++] = json_dumps(tree, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER);
}

static void read_message(reading *r, llmcost_message *message, json_t *tree)
{
    static const char *const roles[] = { "user", "system", "assistant", "tool" };
    json_t *content = json_object_get(tree, "content"), *part;
    size_t i;
    while (strcmp(roles[message->role], json_string_value(json_object_get(tree, "role"))) != 0)
        message->role++;
    message->text = json_string_value(content);
    message->parts = &r->parts[r->part_count];
    message->part_count = (uint32_t)json_array_size(content);
    json_array_foreach(content, i, part) {
        const char *text = json_string_value(json_object_get(part, "text")), *url = json_string_value(json_object_get(json_object_get(part, "image_url"), "url"));
        assert_true(r->part_count < 16);
        r->parts[r->part_count++] = (llmcost_part){ .type = url ? LLMCOST_PART_IMAGE_URL : LLMCOST_PART_TEXT, .text = text, .url = url };
    }
}

static void read_tool(reading *r, llmcost_tool *tool, json_t *tree)
{
    json_t *function = json_object_get(tree, "function");
    tool->name = json_string_value(json_object_get(function, "name"));
    tool->description = json_string_value(json_object_get(function, "description"));
    tool->parameters = keep(r, json_object_get(function, "parameters"));
}

static void read_numbers(llmcost_request *request, json_t *from)
{
    json_t *temperature = json_object_get(from, "temperature"), *seed = json_object_get(from, "seed");
    request->has_temperature = temperature != NULL;
    request->temperature = json_number_value(temperature);
    request->has_seed = seed != NULL;
    request->seed = json_integer_value(seed);
    request->max_tokens = json_integer_value(json_object_get(from, "max_tokens"));
}

/* What there is a field for goes there, the rest into extra. */
static void read_request(reading *r, llmcost_request *request, json_t *tree)
{
    size_t i;
    json_t *item;
    bool embeds = json_object_get(tree, "input");
    *request = (llmcost_request)LLMCOST_REQUEST_INIT;
    request->messages = r->messages;
    request->tools = r->tools;
    json_array_foreach(json_object_get(tree, "messages"), i, item)
        read_message(r, &r->messages[request->message_count++], item);
    json_array_foreach(json_object_get(tree, "tools"), i, item)
        read_tool(r, &r->tools[request->tool_count++], item);
    read_numbers(request, tree);
    if (!embeds && json_object_get(tree, "options"))
        read_numbers(request, json_object_get(tree, "options"));
    if (json_object_get(tree, "format"))
        request->format = LLMCOST_FORMAT_JSON;
    r->inputs[0] = json_string_value(json_object_get(tree, "input"));
    request->inputs = r->inputs;
    request->input_count = embeds;
    r->extra = json_object();
    if (embeds)
        json_object_set(r->extra, "options", json_object_get(tree, "options"));
    if (json_object_get(tree, "documents"))
        json_object_set(r->extra, "documents", json_object_get(tree, "documents"));
    request->extra = keep(r, r->extra);
}

/*
 * The intended differences, taken out of both: content that is one text part goes as a string; "stream" is always
 * written for Ollama, and for Cohere only where it is true; an empty list of tools is left out; one input is a list.
 */
static void take_out_differences(json_t *body)
{
    size_t i;
    json_t *message, *input = json_object_get(body, "input");
    json_array_foreach(json_object_get(body, "messages"), i, message) {
        json_t *content = json_object_get(message, "content"), *text = json_object_get(json_array_get(content, 0), "text");
        if (json_array_size(content) == 1 && text)
            json_object_set(message, "content", text);
    }
    json_object_del(body, "stream");
    if (!json_array_size(json_object_get(body, "tools")))
        json_object_del(body, "tools");
    if (json_array_size(input) == 1)
        json_object_set(body, "input", json_array_get(input, 0));
}

/* json_equal() tells 0 from 0.0. */
static void same_body(const recorded *e, json_t *got, json_t *wanted)
{
    char *a = json_dumps(got, JSON_SORT_KEYS), *b = json_dumps(wanted, JSON_SORT_KEYS);
    json_t *left = json_loads(a, JSON_DECODE_INT_AS_REAL, NULL), *right = json_loads(b, JSON_DECODE_INT_AS_REAL, NULL);
    if (!json_equal(left, right))
        fail_msg("%s:\ngot    %s\nwanted %s", e->name, a, b);
    json_decref(left);
    json_decref(right);
    free(a);
    free(b);
}

static void check_request(const recorded *e)
{
    reading r = { .part_count = 0 };
    llmcost_request request;
    llmc_encoded out;
    llmcost_error error;
    json_t *wanted = json_loads(e->request, 0, NULL);
    llmc_operation_id operation = how_of(e).operation;
    read_request(&r, &request, wanted);
    llmc_codec_target target = target_of(e->codec->name, json_string_value(json_object_get(wanted, "model")), recorded_figure(e, RECORDED_STREAM) != 0);
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(e->codec->check(operation, &request, &target, &error), LLMCOST_OK);
    assert_int_equal(e->codec->encode(operation, &request, &target, &out, &error), LLMCOST_OK);
    assert_non_null(strstr(e->meta, llmc_buffer_text(&out.path)));
    json_t *got = json_loadb(out.body.data, out.body.length, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_is_true(json_object_get(got, "stream")), operation == LLMC_OP_CHAT && target.stream);
    take_out_differences(got);
    take_out_differences(wanted);
    same_body(e, got, wanted);
    json_decref(got);
    json_decref(wanted);
    json_decref(r.extra);
    for (uint32_t i = 0; i < r.text_count; i++)
        free(r.texts[i]);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

static void check_exchange(void **state)
{
    const recorded *e = *state;
    if (why_not(e)) {
        print_message("%s: not replayed: %s\n", e->name, why_not(e));
        skip();
    }
    check_response(e);
    if (e->request)
        check_request(e);
    else
        print_message("%s: no request was recorded\n", e->name);
}

int main(void)
{
    recordings all = recordings_read_for(codec_for, 10);
    int failures = recordings_run(&all, "recorded exchanges of Ollama and Cohere", check_exchange);
    recordings_free(&all);
    return failures;
}
