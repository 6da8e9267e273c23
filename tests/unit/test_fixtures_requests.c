/*
 * What other programs sent to hosts of the OpenAI dialect, read as a request of ours and written again for the same host:
 * the body must mean the same, member by member. Ways to say the same thing are made alike first; what is left and
 * intended is listed by name. The few of the Responses format are read by hand.
 */
#include "call/call.h"
#include "client/chat_json.h"
#include "provider/presets.h"

#include "../support/recorded.h"
#include "../support/shared.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Members that differ on purpose, by the beginning of the case's name. What is not written at all says itself why. */
static const struct {
    const char *name, *member, *why;
} intended[] = {
    { "mistral/chat-length-stop-json-schema-", "messages", "ids of calls are made fit for older models" },
    { "openai/chat-cache-write-", "messages", "a cache mark in the middle of a message makes two of it" },
    { "openai/chat-cached-3c7ed1", "messages", "the same" },
    { "", "reasoning_split", "asked for so that thinking does not stand in the text" },
    { "", "stream_options", "usage is always asked for" },
};

static size_t compared, unread, differing;

/* ---- ways to say the same ---- */

static void rename_member(json_t *object, const char *from, const char *to)
{
    json_t *value = json_object_get(object, from);
    if (value) {
        json_object_set(object, to, value);
        json_object_del(object, from);
    }
}

static bool says_nothing(const char *key, const json_t *value)
{
    bool empty = (json_is_array(value) && !json_array_size(value)) || (json_is_object(value) && !json_object_size(value));
    return json_is_null(value) || (empty && strcmp(key, "properties") != 0 && strcmp(key, "parameters") != 0 && strcmp(key, "required") != 0);
}

static void drop_nothings(json_t *object)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, key, value)
        if (says_nothing(key, value) || ((!strcmp(key, "strict") || !strcmp(key, "prefix")) && json_is_false(value)))
            json_object_del(object, key);
}

/* A list of texts is what they say together. */
/* true: there is one. Five minutes are how long it lasts unless it says otherwise. */
static bool plain_mark(json_t *object)
{
    json_t *mark = json_object_get(object, "cache_control");
    if (json_is_string(json_object_get(mark, "ttl")) && !strcmp(json_string_value(json_object_get(mark, "ttl")), "5m"))
        json_object_del(mark, "ttl");
    return mark || json_object_get(object, "prompt_cache_breakpoint");
}

static void plain_content(json_t *message)
{
    json_t *content = json_object_get(message, "content"), *part;
    size_t i, length = 0;
    char *text = calloc(1, 1);
    bool marked = false;
    json_array_foreach(content, i, part) {
        drop_nothings(part);
        marked = plain_mark(part) || marked;
    }
    json_array_foreach(content, i, part) {
        const char *piece = json_string_value(json_object_get(part, "text"));
        if (!piece || marked) {
            free(text);
            return;
        }
        text = realloc(text, length + strlen(piece) + 1);
        strcpy(text + length, piece);
        length += strlen(piece);
    }
    if (json_is_array(content))
        json_object_set_new(message, "content", json_string(text));
    free(text);
    const char *said = json_string_value(json_object_get(message, "content"));
    if (said && !*said)
        json_object_del(message, "content");
}

static void plain_messages(json_t *messages)
{
    size_t i, j;
    json_t *message, *call;
    json_array_foreach(messages, i, message) {
        plain_content(message);
        drop_nothings(message);
        const char *role = json_string_value(json_object_get(message, "role"));
        if (role && !strcmp(role, "tool"))
            json_object_del(message, "name");
        if (role && !strcmp(role, "developer"))
            json_object_set_new(message, "role", json_string("system"));
        json_object_del(message, "reasoning_content"); /* goes back to some hosts only */
        json_object_del(message, "reasoning");
        json_object_del(message, "reasoning_details");
        json_array_foreach(json_object_get(message, "tool_calls"), j, call) {
            json_object_del(call, "index");
            json_object_set_new(call, "type", json_string("function"));
        }
    }
}

static void plain_tools(json_t *body)
{
    size_t i;
    json_t *tool;
    json_array_foreach(json_object_get(body, "tools"), i, tool) {
        drop_nothings(json_object_get(tool, "function"));
        plain_mark(tool);
    }
    const char *choice = json_string_value(json_object_get(body, "tool_choice"));
    bool any = choice && !strcmp(choice, "any");
    if (choice && !strcmp(choice, "auto"))
        json_object_del(body, "tool_choice");
    if (any)
        json_object_set_new(body, "tool_choice", json_string("required"));
}

static void plain(json_t *body)
{
    const char *key;
    json_t *value, *format = json_object_get(body, "response_format");
    drop_nothings(body);
    plain_messages(json_object_get(body, "messages"));
    plain_tools(body);
    drop_nothings(json_object_get(format, "json_schema"));
    const char *type = json_string_value(json_object_get(format, "type"));
    if (type && !strcmp(type, "text"))
        json_object_del(body, "response_format");
    rename_member(body, "max_completion_tokens", "max_tokens");
    rename_member(body, "random_seed", "seed");
    rename_member(body, "safety_identifier", "user");
    if (json_is_false(json_object_get(body, "stream")))
        json_object_del(body, "stream");
    if (json_is_false(json_object_get(body, "logprobs")))
        json_object_del(body, "logprobs");
    if (json_integer_value(json_object_get(body, "n")) == 1)
        json_object_del(body, "n");
    if (json_is_string(json_object_get(body, "stop")))
        json_object_set_new(body, "stop", json_pack("[O]", json_object_get(body, "stop")));
    json_object_foreach(body, key, value)
        if (json_is_number(value))
            json_object_set_new(body, key, json_real(json_number_value(value)));
}

/* ---- one case ---- */

static bool is_intended(const char *name, const char *member)
{
    for (size_t i = 0; i < sizeof intended / sizeof intended[0]; i++)
        if (!strncmp(name, intended[i].name, strlen(intended[i].name)) && !strcmp(member, intended[i].member))
            return true;
    return false;
}

static void report(const char *name, const char *member, const json_t *sent, const json_t *ours)
{
    char *a = sent ? json_dumps(sent, JSON_ENCODE_ANY) : NULL, *b = ours ? json_dumps(ours, JSON_ENCODE_ANY) : NULL;
    print_error("%s: \"%s\": sent %.300s, ours %.300s\n", name, member, a ? a : "nothing", b ? b : "nothing");
    free(a);
    free(b);
    differing++;
}

static void compare(const char *name, json_t *sent, json_t *ours)
{
    const char *key;
    json_t *value;
    plain(sent);
    plain(ours);
    json_object_foreach(sent, key, value)
        if (!json_equal(value, json_object_get(ours, key)) && !is_intended(name, key))
            report(name, key, value, json_object_get(ours, key));
    json_object_foreach(ours, key, value)
        if (!json_object_get(sent, key) && !is_intended(name, key))
            report(name, key, NULL, value);
    compared++;
}

static llmcost_status write_again(const recorded *e, const char *body, size_t bytes, llmc_encoded *out, llmcost_error *error)
{
    llmc_arena arena;
    llmcost_request *request;
    const llmcost_request *imported;
    llmc_stream_wish wish;
    llmc_arena_init(&arena, &llmc_allocator_system, NULL, 0);
    const llmc_preset *preset = recorded_preset(e);
    if (preset->codec != &llmc_codec_openai)
        preset = llmc_preset_find("openai-compatible");
    llmcost_status status = llmc_request_from_json(body, bytes, &arena, &request, &wish, error);
    if (!status)
        status = llmc_request_import(request, LLMC_OP_CHAT, false, &arena, &imported, error);
    if (!status) {
        llmc_codec_target target = { .preset = preset, .provider = preset->name, .model = imported->model, .quirks = preset->quirks, .stream = wish.stream };
        status = llmc_codec_openai.check(LLMC_OP_CHAT, imported, &target, error);
        if (!status)
            status = llmc_codec_openai.encode(LLMC_OP_CHAT, imported, &target, out, error);
    }
    llmc_arena_clear(&arena);
    return status;
}

static void check_request(const recorded *e)
{
    char path[1200];
    size_t bytes;
    snprintf(path, sizeof path, "%s/fixtures/%s/request.json", shared_folder(), e->name);
    char *body = read_file(path, &bytes);
    json_t *sent = body ? json_loadb(body, bytes, 0, NULL) : NULL;
    if (sent) {
        llmc_encoded out;
        llmcost_error error;
        llmc_error_init(&error, &llmc_allocator_system);
        llmc_encoded_init(&out, &llmc_allocator_system);
        if (write_again(e, body, bytes, &out, &error)) {
            print_message("%s is not written: %s\n", e->name, llmcost_error_message(&error));
            unread++;
        } else {
            json_t *ours = json_loadb(out.body.data, out.body.length, JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(ours);
            compare(e->name, sent, ours);
            json_decref(ours);
        }
        llmc_encoded_free(&out);
        llmc_error_clear(&error);
    }
    json_decref(sent);
    free(body);
}

/* ---- the Responses format ---- */

enum { TURNS_MAXIMUM = 8 };

typedef struct asked {
    llmcost_request request;
    llmcost_message messages[TURNS_MAXIMUM];
    llmcost_part parts[TURNS_MAXIMUM][TURNS_MAXIMUM];
    llmcost_tool tools[TURNS_MAXIMUM];
    char *schemas[TURNS_MAXIMUM + 1];
} asked;

static void read_turn(asked *a, json_t *turn, uint32_t index)
{
    size_t i;
    json_t *part, *content = json_object_get(turn, "content");
    llmcost_message *message = &a->messages[index];
    message->role = !strcmp(json_string_value(json_object_get(turn, "role")), "system") ? LLMCOST_SYSTEM : LLMCOST_USER;
    message->text = json_string_value(content);
    message->parts = json_is_array(content) ? a->parts[index] : NULL;
    message->part_count = (uint32_t)json_array_size(content);
    json_array_foreach(content, i, part) {
        const char *url = json_string_value(json_object_get(part, "image_url"));
        a->parts[index][i] = (llmcost_part){ .type = url ? LLMCOST_PART_IMAGE_URL : LLMCOST_PART_TEXT, .url = url, .text = json_string_value(json_object_get(part, "text")) };
    }
}

/* false: tools of the server's, which go through extra. */
static bool read_tools(asked *a, json_t *sent)
{
    size_t i;
    json_t *tool;
    json_array_foreach(json_object_get(sent, "tools"), i, tool) {
        if (strcmp(json_string_value(json_object_get(tool, "type")), "function") != 0)
            return false;
        json_t *parameters = json_object_get(tool, "parameters");
        a->schemas[i] = parameters ? json_dumps(parameters, 0) : NULL;
        a->tools[i] = (llmcost_tool){ .name = json_string_value(json_object_get(tool, "name")), .description = json_string_value(json_object_get(tool, "description")),
                                      .parameters = a->schemas[i], .strict = json_is_true(json_object_get(tool, "strict")) };
    }
    a->request.tools = a->tools;
    a->request.tool_count = (uint32_t)json_array_size(json_object_get(sent, "tools"));
    const char *chosen = json_string_value(json_object_get(json_object_get(sent, "tool_choice"), "name"));
    a->request.tool_choice = chosen ? LLMCOST_TOOLS_ONE : LLMCOST_TOOLS_AUTO;
    a->request.tool_choice_name = chosen;
    return true;
}

static bool read_asked(asked *a, json_t *sent)
{
    size_t i;
    json_t *turn, *format = json_object_get(json_object_get(sent, "text"), "format");
    *a = (asked){ .request = LLMCOST_REQUEST_INIT };
    json_array_foreach(json_object_get(sent, "input"), i, turn)
        read_turn(a, turn, (uint32_t)i);
    a->request.messages = a->messages;
    a->request.message_count = (uint32_t)i;
    a->request.max_tokens = json_integer_value(json_object_get(sent, "max_output_tokens"));
    if (format) {
        a->request.format = LLMCOST_FORMAT_JSON_SCHEMA;
        a->request.format_name = json_string_value(json_object_get(format, "name"));
        a->request.format_strict = json_is_true(json_object_get(format, "strict"));
        a->request.format_schema = a->schemas[TURNS_MAXIMUM] = json_dumps(json_object_get(format, "schema"), 0);
    }
    return read_tools(a, sent);
}

/* What is said of keeping, and defaults. A tool without parameters was sent with its definition in the older place. */
static void plain_response(json_t *body)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(body, "input"), i, item) {
        plain_content(item);
        json_object_del(item, "type");
        const char *role = json_string_value(json_object_get(item, "role"));
        if (role && !strcmp(role, "developer"))
            json_object_set_new(item, "role", json_string("system"));
    }
    json_array_foreach(json_object_get(body, "tools"), i, item) {
        drop_nothings(item);
        json_object_del(item, "function");
        if (!json_object_size(json_object_get(json_object_get(item, "parameters"), "properties")))
            json_object_del(item, "parameters");
    }
    json_object_del(body, "store");
    json_object_del(body, "include");
    plain_tools(body);
    if (json_is_false(json_object_get(body, "stream")))
        json_object_del(body, "stream");
}

static void check_response_request(const recorded *e)
{
    char path[1200];
    size_t bytes;
    asked a;
    snprintf(path, sizeof path, "%s/fixtures/%s/request.json", shared_folder(), e->name);
    char *body = read_file(path, &bytes);
    json_t *sent = body ? json_loadb(body, bytes, 0, NULL) : NULL;
    const llmc_preset *preset = llmc_preset_find(!strcmp(e->cells[RECORDED_PROVIDER], "xai") ? "xai-responses" : "openai-responses");
    if (sent && read_asked(&a, sent)) {
        llmc_encoded out;
        llmcost_error error;
        llmc_error_init(&error, &llmc_allocator_system);
        llmc_encoded_init(&out, &llmc_allocator_system);
        llmc_codec_target target = { .preset = preset, .provider = preset->name, .model = json_string_value(json_object_get(sent, "model")), .quirks = preset->quirks,
                                     .stream = json_is_true(json_object_get(sent, "stream")) };
        assert_int_equal(preset->codec->check(e->operation, &a.request, &target, &error), LLMCOST_OK);
        assert_int_equal(preset->codec->encode(e->operation, &a.request, &target, &out, &error), LLMCOST_OK);
        json_t *ours = json_loadb(out.body.data, out.body.length, JSON_REJECT_DUPLICATES, NULL);
        plain_response(sent);
        plain_response(ours);
        if (!json_equal(sent, ours))
            report(e->name, "the whole body", sent, ours);
        compared++;
        json_decref(ours);
        llmc_encoded_free(&out);
        for (size_t i = 0; i <= TURNS_MAXIMUM; i++)
            free(a.schemas[i]);
    }
    json_decref(sent);
    free(body);
}

static void skip_without(const recordings *all)
{
    if (all->count)
        return;
    print_message("no recorded exchanges beside the checkout (fixtures/INDEX.tsv)\n");
    skip();
}

static void responses_mean_the_same(void **state)
{
    const recordings *all = *state;
    compared = differing = 0;
    skip_without(all);
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].codec == &llmc_codec_responses)
            check_response_request(&all->list[i]);
    print_message("%zu requests of the Responses format compared\n", compared);
    assert_int_equal(differing, 0);
    assert_true(compared > 5);
}

static void requests_mean_the_same(void **state)
{
    const recordings *all = *state;
    skip_without(all);
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].codec == &llmc_codec_openai && all->list[i].operation == LLMC_OP_CHAT)
            check_request(&all->list[i]);
    print_message("%zu requests compared, %zu not written, %zu differences\n", compared, unread, differing);
    assert_int_equal(differing, 0);
    assert_true(compared > 50);
}

int main(void)
{
    recordings all = recordings_read();
    const struct CMUnitTest tests[] = { { "requests_mean_the_same", requests_mean_the_same, NULL, NULL, &all },
                                         { "responses_mean_the_same", responses_mean_the_same, NULL, NULL, &all } };
    int failures = cmocka_run_group_tests_name("recorded requests", tests, NULL, NULL);
    recordings_free(&all);
    return failures;
}
