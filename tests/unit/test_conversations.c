/*
 * Conversations that change hands: a tool turn answered in one format, the next one in another, sent on in a third.
 * Calls and their results keep belonging together, in ids that each format takes, and what one format hid goes to no other.
 */
#include "provider/answer.h"

#include "../support/encode_check.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define WORD ALPHANUMERIC "_-"

/* '@' stands for the number of the turn. secrets: what only formats of this family may see again. */
static const struct format {
    const char *preset, *model, *body, *family, *secrets[2];
    size_t longest_id;
    const char *letters; /* of ids; NULL: any */
} formats[] = {
    { "openai", "gpt-4o",
      "{\"id\":\"r@\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
      "{\"id\":\"call_openai@a\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"x\\\":@}\"}},"
      "{\"id\":\"call_openai@b\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
      "openai", { NULL }, 40, NULL },
    { "openrouter", "vendor/model",
      "{\"id\":\"r@\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\",\"reasoning_details\":["
      "{\"type\":\"reasoning.encrypted\",\"data\":\"routerSecret@\",\"index\":0}],\"tool_calls\":["
      "{\"id\":\"functions.add:@ an id with more letters than most formats take, and with blanks\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"x\\\":@}\"}},"
      "{\"id\":\"functions.add:@b\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
      "openrouter", { "routerSecret@" }, SIZE_MAX, NULL },
    { "mistral", "mistral-small",
      "{\"id\":\"r@\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
      "{\"id\":\"aB3dE6gH@\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"x\\\":@}\"}},"
      "{\"id\":\"bB3dE6gH@\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
      "mistral", { NULL }, 9, ALPHANUMERIC },
    { "anthropic", "claude-sonnet-4-5",
      "{\"type\":\"message\",\"id\":\"r@\",\"model\":\"m\",\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"claudeSigned@\"},"
      "{\"type\":\"redacted_thinking\",\"data\":\"claudeHidden@\"},{\"type\":\"tool_use\",\"id\":\"toolu_@a\",\"name\":\"add\",\"input\":{\"x\":@}},"
      "{\"type\":\"tool_use\",\"id\":\"toolu_@b\",\"name\":\"add\",\"input\":{}}],\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}",
      "claude", { "claudeSigned@", "claudeHidden@" }, SIZE_MAX, WORD },
    { "bedrock", "anthropic.claude-sonnet-4-6",
      "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"rockSigned@\"}}},"
      "{\"reasoningContent\":{\"redactedContent\":\"rockHidden@\"}},{\"toolUse\":{\"toolUseId\":\"tooluse_@a\",\"name\":\"add\",\"input\":{\"x\":@}}},"
      "{\"toolUse\":{\"toolUseId\":\"tooluse_@b\",\"name\":\"add\",\"input\":{}}}]}},\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":1,\"outputTokens\":1,\"totalTokens\":2}}",
      "claude", { "rockSigned@", "rockHidden@" }, 64, WORD },
    { "openai-responses", "gpt-5",
      "{\"id\":\"r@\",\"object\":\"response\",\"model\":\"m\",\"status\":\"completed\",\"output\":[{\"type\":\"reasoning\",\"id\":\"rs_@\",\"summary\":[],\"encrypted_content\":\"gAAAAAitem@\"},"
      "{\"type\":\"function_call\",\"id\":\"fc_@a\",\"call_id\":\"call_@a\",\"name\":\"add\",\"arguments\":\"{\\\"x\\\":@}\"},"
      "{\"type\":\"function_call\",\"id\":\"fc_@b\",\"call_id\":\"call_@b\",\"name\":\"add\",\"arguments\":\"{}\"}]}",
      "responses", { "gAAAAAitem@" }, 64, WORD },
    { "google", "gemini-3-flash-preview",
      "{\"responseId\":\"r@\",\"modelVersion\":\"m\",\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"add\",\"args\":{\"x\":@}},\"thoughtSignature\":\"geminiSigned@\"},"
      "{\"functionCall\":{\"name\":\"add\",\"args\":{}}}]},\"finishReason\":\"STOP\",\"index\":0}]}",
      "gemini", { "geminiSigned@" }, SIZE_MAX, NULL },
    { "ollama", "qwen3",
      "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:0@Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"hm\",\"tool_calls\":[{\"function\":{\"name\":\"add\",\"arguments\":{\"x\":@}}},"
      "{\"function\":{\"name\":\"add\",\"arguments\":{}}}]},\"done\":true,\"done_reason\":\"stop\"}",
      "ollama", { NULL }, SIZE_MAX, NULL },
    { "cohere", "command-a",
      "{\"id\":\"r@\",\"finish_reason\":\"TOOL_CALL\",\"message\":{\"role\":\"assistant\",\"tool_plan\":\"hm\",\"tool_calls\":["
      "{\"id\":\"add_@\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"x\\\":@}\"}},"
      "{\"id\":\"add:@.b\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{}\"}}]}}",
      "cohere", { NULL }, SIZE_MAX, NULL },
};
enum { FORMATS = sizeof formats / sizeof formats[0], TURNS = 2, CALLS = 2 };

static char *of_turn(const char *text, int turn)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *at = copy; *at; at++)
        *at = *at == '@' ? (char)('1' + turn) : *at;
    return copy;
}

/* ---- answers ---- */

static bool gather(void *user, const llmcost_event *event)
{
    return llmc_answer_builder_add(user, event);
}

static llmc_answer *answer_of(const struct format *format, int turn)
{
    const llmc_preset *preset = llmc_preset_find(format->preset);
    const llmc_allocator *allocator = &llmc_allocator_system;
    char *body = of_turn(format->body, turn);
    void *state = malloc(preset->codec->decoder_bytes);
    llmc_decoder decoder;
    llmc_answer_builder builder;
    llmcost_error error;
    assert_non_null(state);
    llmc_error_init(&error, allocator);
    llmc_answer_builder_init(&builder, allocator, 1 << 20);
    llmc_decoder_begin(&decoder, preset->codec, LLMC_OP_CHAT, allocator, preset->quirks, false, 200, gather, &builder, &error, state);
    const llmc_frame frame = { "", body, strlen(body) };
    if (preset->codec->decode_frame(&decoder, &frame) || preset->codec->decode_end(&decoder))
        fail_msg("%s: %s", format->preset, llmcost_error_message(&error));
    llmc_answer *answer = llmc_answer_build(&builder, format->preset, "", &decoder.usage, 0);
    assert_non_null(answer);
    assert_int_equal(answer->choice_count, 1);
    assert_int_equal(answer->choices->tool_call_count, CALLS);
    llmc_decoder_free(&decoder);
    llmc_answer_builder_free(&builder);
    llmc_error_clear(&error);
    free(state);
    free(body);
    return answer;
}

/* ---- what goes out ---- */

typedef struct sent_ids {
    char calls[TURNS * CALLS][200], results[TURNS * CALLS][200];
    size_t call_count, result_count;
} sent_ids;

static void note(char ids[][200], size_t *count, const json_t *id)
{
    assert_true(*count < TURNS * CALLS);
    snprintf(ids[(*count)++], sizeof ids[0], "%s", json_is_string(id) ? json_string_value(id) : "");
}

static bool is_type(const json_t *object, const char *type)
{
    const char *text = json_string_value(json_object_get(object, "type"));
    return text && !strcmp(text, type);
}

/* Every format's places for ids, in the order of the text. */
static void collect(const json_t *value, sent_ids *ids)
{
    static const struct { const char *around, *id; bool result; } nested[] = {
        { "toolUse", "toolUseId", false }, { "toolResult", "toolUseId", true }, { "functionCall", "id", false }, { "functionResponse", "id", true },
    };
    static const struct { const char *type, *id; bool result; } typed[] = {
        { "tool_use", "id", false }, { "tool_result", "tool_use_id", true }, { "function_call", "call_id", false }, { "function_call_output", "call_id", true },
    };
    size_t i;
    const char *key;
    json_t *item;
    json_array_foreach(value, i, item)
        collect(item, ids);
    if (!json_is_object(value))
        return;
    for (i = 0; i < sizeof nested / sizeof nested[0]; i++)
        if ((item = json_object_get(value, nested[i].around)))
            note(nested[i].result ? ids->results : ids->calls, nested[i].result ? &ids->result_count : &ids->call_count, json_object_get(item, nested[i].id));
    for (i = 0; i < sizeof typed / sizeof typed[0]; i++)
        if (is_type(value, typed[i].type))
            note(typed[i].result ? ids->results : ids->calls, typed[i].result ? &ids->result_count : &ids->call_count, json_object_get(value, typed[i].id));
    json_array_foreach(json_object_get(value, "tool_calls"), i, item)
        note(ids->calls, &ids->call_count, json_object_get(item, "id"));
    if ((item = json_object_get(value, "tool_call_id")))
        note(ids->results, &ids->result_count, item);
    json_object_foreach((json_t *)value, key, item)
        collect(item, ids);
}

static void check_ids(const struct format *to, const json_t *body, const char *where)
{
    sent_ids ids = { .call_count = 0 };
    collect(body, &ids);
    assert_int_equal(ids.call_count, TURNS * CALLS);
    assert_int_equal(ids.result_count, TURNS * CALLS);
    for (size_t i = 0; i < TURNS * CALLS; i++) {
        const char *id = ids.calls[i];
        size_t bytes = strlen(id);
        if (strcmp(id, ids.results[i]) != 0)
            fail_msg("%s: the call \"%s\" has the result of \"%s\"", where, id, ids.results[i]);
        bool letters = !to->letters || strspn(id, to->letters) == bytes;
        if (!letters || bytes > to->longest_id || (!bytes && strcmp(to->preset, "google") != 0))
            fail_msg("%s: the id \"%s\"", where, id);
        for (size_t j = 0; j < i && bytes; j++)
            assert_string_not_equal(ids.calls[j], id);
    }
}

static void check_secrets(const struct format *to, const struct format *from, int turn, const char *text, const char *where)
{
    for (size_t i = 0; i < 2 && from->secrets[i]; i++) {
        char *secret = of_turn(from->secrets[i], turn);
        bool sent = strstr(text, secret) != NULL, wanted = !strcmp(to->family, from->family);
        if (sent != wanted)
            fail_msg("%s: %s was %s\n%s", where, secret, sent ? "sent" : "left out", text);
        free(secret);
    }
}

static void check_body(const struct format *to, const struct format *const from[TURNS], const llmcost_request *request)
{
    llmc_codec_target target = target_of(to->preset, to->model, false);
    const llmc_codec *codec = target.preset->codec;
    llmc_encoded out;
    llmcost_error error;
    char where[100];
    snprintf(where, sizeof where, "%s, %s, to %s", from[0]->preset, from[1]->preset, to->preset);
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    if (codec->check(LLMC_OP_CHAT, request, &target, &error) || codec->encode(LLMC_OP_CHAT, request, &target, &out, &error))
        fail_msg("%s: %s", where, llmcost_error_message(&error));
    json_t *body = json_loadb(out.body.data, out.body.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(body);
    check_ids(to, body, where);
    for (int turn = 0; turn < TURNS; turn++)
        check_secrets(to, from[turn], turn, llmc_buffer_text(&out.body), where);
    json_decref(body);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

/* A question, and for each answer the results of its calls: the first of them failed. */
static void check_conversation(const struct format *const from[TURNS], llmc_answer *const answers[TURNS])
{
    llmcost_message messages[1 + TURNS * (2 + CALLS)] = { { .role = LLMCOST_USER, .text = "hi" } };
    llmcost_tool tool = { .name = "add", .parameters = "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"integer\"}}}" };
    uint32_t count = 1;
    for (int turn = 0; turn < TURNS; turn++) {
        const llmcost_message *said = answers[turn]->choices->message;
        messages[count++] = *said;
        for (uint32_t i = 0; i < CALLS; i++)
            messages[count++] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = said->tool_calls[i].id, .text = "4", .is_error = i == 0 };
        messages[count++] = (llmcost_message){ .role = LLMCOST_USER, .text = "go on" };
    }
    llmcost_request request = { .struct_size = sizeof request, .message_stride = sizeof *messages, .tool_stride = sizeof tool, .messages = messages,
                                .message_count = count, .tools = &tool, .tool_count = 1, .max_tokens = 100 };
    for (size_t to = 0; to < FORMATS; to++)
        check_body(&formats[to], from, &request);
}

static void every_order_of_two(void **state)
{
    (void)state;
    llmc_answer *answers[FORMATS][TURNS];
    for (size_t i = 0; i < FORMATS; i++)
        for (int turn = 0; turn < TURNS; turn++)
            answers[i][turn] = answer_of(&formats[i], turn);
    for (size_t first = 0; first < FORMATS; first++)
        for (size_t second = 0; second < FORMATS; second++)
            check_conversation((const struct format *const[]){ &formats[first], &formats[second] }, (llmc_answer *const[]){ answers[first][0], answers[second][1] });
    for (size_t i = 0; i < FORMATS; i++)
        for (int turn = 0; turn < TURNS; turn++)
            llmc_answer_unref(answers[i][turn]);
}

static void every_codec_takes_part(void **state)
{
    (void)state;
    for (size_t i = 0; llmc_codec_at(i); i++) {
        bool found = llmc_codec_at(i) == &llmc_codec_qianfan_v1; /* knows a single call, without an id, and refuses several: its own test */
        for (size_t j = 0; j < FORMATS; j++)
            found = found || llmc_preset_find(formats[j].preset)->codec == llmc_codec_at(i);
        if (!found)
            fail_msg("no conversation of %s", llmc_codec_at(i)->name);
    }
}

/* The last turn leaves nothing in the body. */
static void expect_without_last(const llmc_codec_target *target, llmcost_request request)
{
    llmc_encoded out;
    llmcost_error error;
    llmcost_request before = request;
    before.message_count--;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(target->preset->codec->encode(LLMC_OP_CHAT, &before, target, &out, &error), LLMCOST_OK);
    expect_body(target, &request, llmc_buffer_text(&out.body));
    llmc_encoded_free(&out);
}

/* Formats without empty turns: the assistant's and system text are left out, the user's is refused, for it asks something. */
static void turns_that_say_nothing(void **state)
{
    (void)state;
    static const llmcost_part empty[] = { { .type = LLMCOST_PART_TEXT, .text = "" }, { .type = LLMCOST_PART_REASONING, .text = "unsigned" } };
    static const llmcost_part one[] = { { .type = LLMCOST_PART_TEXT, .text = "" }, { .type = LLMCOST_PART_TEXT, .text = "b" } };
    static const llmcost_message messages[] = {
        { .role = LLMCOST_SYSTEM, .text = "" }, { .role = LLMCOST_USER, .text = "a" }, { .role = LLMCOST_ASSISTANT, .text = "", .cache_mark = 1 }, { .role = LLMCOST_ASSISTANT, .parts = empty, .part_count = 2 },
        { .role = LLMCOST_USER, .parts = one, .part_count = 2 }, { .role = LLMCOST_ASSISTANT, .text = "" },
    };
    static const struct { const char *preset, *model, *body; } taking[] = {
        { "anthropic", "claude-sonnet-4-5", "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}]}" },
        { "google", "gemini-2.5-flash", "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}],\"generationConfig\":{\"maxOutputTokens\":9}}" },
        { "bedrock", "amazon.nova-lite-v1:0", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":\"b\"}]}],\"inferenceConfig\":{\"maxTokens\":9}}" },
        { "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":\"b\"}]}],\"inferenceConfig\":{\"maxTokens\":9}}" },
        { "cohere", "m", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]}" },
    };
    for (size_t i = 0; i < sizeof taking / sizeof taking[0]; i++) {
        llmc_codec_target target = target_of(taking[i].preset, taking[i].model, false);
        llmcost_request request = request_of(messages, sizeof messages / sizeof messages[0]);
        request.max_tokens = 9;
        expect_body(&target, &request, taking[i].body);
    }
    static const llmcost_tool_call call = { .id = "c", .name = "f", .arguments = "{}" };
    static const llmcost_tool tool = { .name = "f" };
    static const llmcost_message mute[][4] = {
        { { .role = LLMCOST_USER, .text = "" } }, { { .role = LLMCOST_USER, .parts = empty, .part_count = 1 } },
        { { .role = LLMCOST_USER, .text = "a" }, { .role = LLMCOST_ASSISTANT, .text = "b" }, { .role = LLMCOST_USER, .text = "" } },
        { { .role = LLMCOST_USER, .text = "a" }, { .role = LLMCOST_ASSISTANT, .tool_calls = &call, .tool_call_count = 1 }, { .role = LLMCOST_TOOL, .tool_call_id = "c", .text = "" }, { .role = LLMCOST_USER, .text = "" } },
    };
    static const uint32_t counts[] = { 1, 1, 3, 4 };
    static const char *const where[] = { "messages[0] without content", "messages[0] without content", "messages[2] without content" };
    static const char *const strict[] = { "anthropic", "google", "bedrock", "cohere", "qianfan-v1" }, *const lenient[] = { "openai", "openai-responses", "ollama" };
    for (size_t i = 0; i < 4; i++) {
        llmcost_request request = request_of(mute[i], counts[i]);
        request.max_tokens = 90;
        request.tools = &tool;
        request.tool_count = 1;
        for (size_t k = 0; k < sizeof strict / sizeof strict[0]; k++) {
            llmc_codec_target target = target_of(strict[k], "m", false);
            if (i < 3)
                expect_unsupported(&target, &request, where[i]);
            else
                expect_without_last(&target, request); /* what a tool told is what the user has to say */
        }
        for (size_t k = 0; k < sizeof lenient / sizeof lenient[0]; k++) {
            llmc_codec_target target = target_of(lenient[k], "m", false);
            llmcost_error error;
            llmc_error_init(&error, &llmc_allocator_system);
            assert_int_equal(target.preset->codec->check(LLMC_OP_CHAT, &request, &target, &error), LLMCOST_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(turns_that_say_nothing), cmocka_unit_test(every_order_of_two), cmocka_unit_test(every_codec_takes_part) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
