/* The key of the cache: two requests have the same bytes exactly when they ask the same. */
#include "policy/canonical.h"

#include "../support/rounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 2, ROOM = 4096 };

/* A request with all that it points at, and its leg. */
typedef struct asked {
    llmc_services services;
    llmc_settings settings;
    llmc_operation operation;
    llmc_route route;
    llmcost_request request;
    llmcost_message messages[MOST];
    llmcost_part parts[MOST][MOST];
    llmcost_tool_call calls[MOST][MOST];
    llmcost_tool tools[MOST];
    const char *stop[MOST], *inputs[MOST];
    size_t input_bytes[MOST];
    llmcost_leg leg;
} asked;

/* One throw among those of a request may come out otherwise; how many there are does not depend on how they come out. */
static uint64_t random_state;
static long throws, altered = -1;

static uint32_t dice(uint32_t sides)
{
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    uint32_t side = (uint32_t)(random_state >> 20) % sides;
    return throws++ == altered ? side == 0 : side;
}

/* So that two requests are often the same. */
static bool seldom(void)
{
    return dice(12) == 0;
}

static uint32_t rarely(uint32_t sides)
{
    uint32_t side = dice(sides);
    return seldom() ? side : 0;
}

static const char *text(void)
{
    static const char *const texts[] = { "a", "", "ab", "b", "abcdefghijklmnop" };
    return texts[rarely(5)];
}

static const char *text_or_none(void)
{
    const char *drawn = text();
    return seldom() ? drawn : NULL;
}

static void draw_message(asked *of, uint32_t at)
{
    llmcost_message *message = &of->messages[at];
    const char *said = text();
    *message = (llmcost_message){ .role = (int32_t)rarely(4), .is_error = seldom(), .cache_mark = seldom(), .text = seldom() ? NULL : said,
                                  .parts = of->parts[at], .part_count = rarely(MOST + 1), .tool_calls = of->calls[at],
                                  .tool_call_count = rarely(MOST + 1), .tool_call_id = text_or_none(), .name = text_or_none() };
    message->text_bytes = seldom() && message->text ? strlen(message->text) : 0;
    for (uint32_t i = 0; i < MOST; i++) {
        of->parts[at][i] = (llmcost_part){ .type = (int32_t)rarely(3), .text = text_or_none(), .url = text_or_none(), .detail = text_or_none(),
                                           .media_type = text_or_none(), .data = "abc", .data_bytes = rarely(3), .signature = text_or_none() };
        of->calls[at][i] = (llmcost_tool_call){ .id = text(), .name = text(), .arguments = text(), .is_custom = seldom() };
    }
}

static void draw_numbers(llmcost_request *request)
{
    static const double numbers[] = { 0.0, -0.0, 0.5, 1 };
    request->max_tokens = rarely(3) * 50;
    request->has_seed = seldom();
    request->seed = dice(3);
    request->has_temperature = seldom();
    request->temperature = numbers[dice(4)];
    request->has_top_p = seldom();
    request->top_p = numbers[dice(4)];
    request->logprobs = seldom();
    request->top_logprobs = (int32_t)rarely(3);
    request->parallel_tool_calls = (uint8_t)rarely(3);
    request->n = rarely(3);
    request->tool_choice = (int32_t)rarely(3);
    request->format = (int32_t)rarely(3);
    request->format_strict = seldom();
    request->effort = (int32_t)rarely(3);
    request->thinking_budget_tokens = rarely(3);
    request->dimensions = (int32_t)rarely(3);
    request->input_purpose = (int32_t)rarely(3);
    /* What shapes no answer. */
    request->tag_count = dice(2);
    request->cache_sampled = (uint8_t)dice(3);
    request->cache = (int32_t)dice(3);
    request->cache_ttl_ms = dice(3);
    request->priority = (int32_t)dice(3);
    request->deadline_ms = (int32_t)dice(3);
    request->end_user = text_or_none();
    request->model = text();
}

static void draw(asked *of)
{
    llmcost_request *request = &of->request;
    throws = 0;
    *of = (asked){ .operation.id = seldom() ? LLMC_OP_EMBED : LLMC_OP_CHAT };
    llmcost_request_init(request);
    draw_numbers(request);
    request->messages = of->messages;
    request->message_count = seldom() ? dice(MOST + 1) : 1;
    request->tools = of->tools;
    request->tool_count = rarely(MOST + 1);
    request->stop = of->stop;
    request->stop_count = rarely(MOST + 1);
    request->inputs = of->inputs;
    request->input_count = dice(MOST + 1);
    request->input_bytes = seldom() ? of->input_bytes : NULL;
    request->tool_choice_name = text_or_none();
    request->format_name = text_or_none();
    request->format_schema = text_or_none();
    request->extra = text_or_none();
    request->cache_namespace = text_or_none();
    for (uint32_t i = 0; i < MOST; i++) {
        draw_message(of, i);
        of->tools[i] = (llmcost_tool){ .name = text(), .description = text_or_none(), .parameters = text_or_none(), .strict = seldom() };
        of->stop[i] = text();
        of->inputs[i] = text();
        of->input_bytes[i] = strlen(of->inputs[i]);
    }
    of->route.fingerprint[31] = seldom();
    of->settings.cache_namespace = "a";
    of->settings.default_max_tokens = 50;
    of->services.settings = &of->settings;
    of->leg = (llmcost_leg){ .services = &of->services, .operation = &of->operation, .request = request, .route = &of->route };
}

/* ---- the same in words ---- */

typedef struct words {
    char text[ROOM];
    size_t bytes;
} words;

__attribute__((format(printf, 2, 3))) static void say(words *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out->bytes += (size_t)vsnprintf(out->text + out->bytes, sizeof out->text - out->bytes, format, arguments);
    va_end(arguments);
    assert_true(out->bytes < sizeof out->text);
}

static void say_text(words *out, const char *name, const char *value)
{
    say(out, value ? "%s '%s', " : "%s none, ", name, value);
}

static void describe_message(words *out, const llmcost_message *message)
{
    say(out, "message of %d %d: ", message->role, message->is_error);
    say_text(out, "text", message->text);
    say_text(out, "answers", message->tool_call_id);
    say_text(out, "name", message->name);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        say(out, "part %d with %.*s, ", part->type, (int)part->data_bytes, (const char *)part->data);
        say_text(out, "text", part->text);
        say_text(out, "url", part->url);
        say_text(out, "detail", part->detail);
        say_text(out, "type", part->media_type);
        say_text(out, "signature", part->signature);
    }
    for (uint32_t i = 0; i < message->tool_call_count; i++)
        say(out, "calls '%s' '%s' '%s'%s, ", message->tool_calls[i].id, message->tool_calls[i].name, message->tool_calls[i].arguments, message->tool_calls[i].is_custom ? " custom" : "");
}

static void describe(words *out, const asked *of)
{
    const llmcost_request *request = &of->request;
    out->bytes = 0;
    say(out, "operation %d, route %d, ", (int)of->operation.id, of->route.fingerprint[31]);
    say_text(out, "space", request->cache_namespace ? request->cache_namespace : "a");
    say(out, "max %lld, ", (long long)(request->max_tokens ? request->max_tokens : 50));
    if (request->has_seed)
        say(out, "seed %lld, ", (long long)request->seed);
    if (request->has_temperature)
        say(out, "temperature %d, ", (int)(request->temperature * 10));
    if (request->has_top_p)
        say(out, "top_p %d, ", (int)(request->top_p * 10));
    say(out, "logprobs %d %d, parallel %d, n %u, choice %d, format %d %d, effort %d, thinking %lld, ", request->logprobs, request->top_logprobs,
        request->parallel_tool_calls, request->n ? request->n : 1, request->tool_choice, request->format, request->format_strict, request->effort,
        (long long)request->thinking_budget_tokens);
    say_text(out, "choice", request->tool_choice_name);
    say_text(out, "name", request->format_name);
    say_text(out, "schema", request->format_schema);
    say_text(out, "extra", request->extra);
    for (uint32_t i = 0; i < request->message_count; i++)
        describe_message(out, &request->messages[i]);
    for (uint32_t i = 0; i < request->tool_count; i++) {
        say(out, "tool %d '%s', ", request->tools[i].strict, request->tools[i].name);
        say_text(out, "description", request->tools[i].description);
        say_text(out, "parameters", request->tools[i].parameters);
    }
    for (uint32_t i = 0; i < request->stop_count; i++)
        say(out, "stop '%s', ", request->stop[i]);
    if (of->operation.id != LLMC_OP_EMBED)
        return;
    say(out, "dimensions %d, purpose %d, ", request->dimensions, request->input_purpose);
    for (uint32_t i = 0; i < request->input_count; i++)
        say(out, "input '%s', ", request->inputs[i]);
}

/* ---- tests ---- */

typedef struct key {
    _Alignas(int64_t) char bytes[ROOM];
    size_t count;
} key;

static void write_key(key *out, const asked *of)
{
    memset(out->bytes, 0x5A, sizeof out->bytes);
    out->count = llmc_canonical_write(&of->leg, out->bytes, sizeof out->bytes);
    assert_true(out->count > 0 && out->count <= sizeof out->bytes);
    for (size_t i = out->count; i < sizeof out->bytes; i++)
        assert_int_equal(out->bytes[i], 0x5A);
}

/* Equal keys to equal words, both ways. */
static void compare(const words *said, const key *keys, size_t one, size_t other, size_t *same)
{
    bool equal = strcmp(said[one].text, said[other].text) == 0;
    if (equal != (keys[one].count == keys[other].count && memcmp(keys[one].bytes, keys[other].bytes, keys[one].count) == 0))
        fail_msg("%s\n%s\n%s", equal ? "two keys for" : "one key for", said[one].text, said[other].text);
    *same += equal;
}

/* Requests that differ by one throw, and those against each other. */
static void the_same_bytes_for_the_same_question(void **state)
{
    (void)state;
    enum { MOST_THROWS = 300 };
    static asked of;
    words *said = calloc(MOST_THROWS, sizeof *said);
    key *keys = calloc(MOST_THROWS, sizeof *keys);
    assert_true(said && keys);
    size_t same = 0, compared = 0;
    for (int round = 0; round < test_rounds(40); round++) {
        size_t count = 0;
        for (altered = -1; altered < 0 || altered < throws; altered++, count++) {
            random_state = 88172645463325252u + (uint64_t)round * 7919;
            draw(&of);
            assert_true(throws < MOST_THROWS);
            describe(&said[count], &of);
            write_key(&keys[count], &of);
            for (size_t i = 0; i < count; i++, compared++)
                compare(said, keys, count, i, &same);
        }
    }
    altered = -1;
    assert_true(same > 1000 && same < compared);
    free(said);
    free(keys);
}

/* It measures the same without room for it, and writes nothing behind the room. */
static void without_room_it_measures(void **state)
{
    (void)state;
    static asked of;
    key whole, part;
    random_state = 4711;
    for (int i = 0; i < test_rounds(300); i++) {
        draw(&of);
        write_key(&whole, &of);
        for (size_t room = LLMC_CANONICAL_LEAST; room < whole.count; room += 1 + dice(9)) {
            memset(part.bytes, 0x5A, sizeof part.bytes);
            assert_int_equal(llmc_canonical_write(&of.leg, part.bytes, room), whole.count);
            for (size_t at = room; at < sizeof part.bytes; at++)
                assert_int_equal(part.bytes[at], 0x5A);
        }
        assert_int_equal(llmc_canonical_write(&of.leg, part.bytes, whole.count), whole.count);
        assert_memory_equal(part.bytes, whole.bytes, whole.count);
    }
}

/* 256 MB: more than a key may be. Nobody reads it, for there is no room. */
static void what_is_too_large_has_no_key(void **state)
{
    (void)state;
    static asked of;
    key out;
    random_state = 1;
    draw(&of);
    of.messages[0].text = "x";
    of.request.message_count = 1;
    of.messages[0].text_bytes = (size_t)1 << 28;
    assert_int_equal(llmc_canonical_write(&of.leg, out.bytes, sizeof out.bytes), 0);
    of.messages[0].text_bytes = ((size_t)1 << 28) - 4000;
    assert_true(llmc_canonical_write(&of.leg, out.bytes, sizeof out.bytes) > (size_t)1 << 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes_for_the_same_question),
        cmocka_unit_test(without_room_it_measures),
        cmocka_unit_test(what_is_too_large_has_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
