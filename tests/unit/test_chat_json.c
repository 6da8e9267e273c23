/* Reading OpenAI chat-completions bodies: every member, every failure, memory, and what our own answers look like there. */
#include "call/openai_shape.h"
#include "client/chat_json.h"

#include "../support/counting_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

typedef struct fixture {
    counting_memory memory;
    llmc_arena arena;
    llmcost_error error;
    llmcost_request *request;
    llmc_stream_wish wish;
} fixture;

static void begin(fixture *f)
{
    counting_memory_init(&f->memory);
    llmc_arena_init(&f->arena, &f->memory.allocator, NULL, 0);
    llmc_error_init(&f->error, &f->memory.allocator);
}

static void end(fixture *f)
{
    llmc_arena_clear(&f->arena);
    llmc_error_clear(&f->error);
    assert_int_equal(f->memory.blocks, 0);
}

/* From exactly as many bytes as there are, which are gone afterwards. */
static llmcost_status parse(fixture *f, const char *body)
{
    size_t bytes = strlen(body);
    char *copy = malloc(bytes);
    memcpy(copy, body, bytes);
    llmcost_status status = llmc_request_from_json(copy, bytes, &f->arena, &f->request, &f->wish, &f->error);
    memset(copy, 'x', bytes);
    free(copy);
    return status;
}

/* Reads, and passes the import's checks. */
static const llmcost_request *read_good(fixture *f, const char *body)
{
    const llmcost_request *imported = NULL;
    begin(f);
    llmcost_status status = parse(f, body);
    if (!status)
        status = llmc_request_import(f->request, LLMC_OP_CHAT, false, &f->arena, &imported, &f->error);
    if (status)
        fail_msg("%s: %s", body, f->error.message);
    assert_ptr_equal(imported, f->request);
    return f->request;
}

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define BODY(members) "{\"model\":\"m\"," HELLO "," members "}"

/* ---- members ---- */

static void test_small(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f, " {\"model\" : \"openai/gpt-4o\", " HELLO " }\n");
    llmcost_request defaults;
    llmcost_request_init(&defaults);
    defaults.model = r->model;
    defaults.messages = r->messages;
    defaults.message_count = 1;
    assert_memory_equal(r, &defaults, sizeof defaults);
    assert_string_equal(r->model, "openai/gpt-4o");
    assert_int_equal(r->messages[0].role, LLMCOST_USER);
    assert_string_equal(r->messages[0].text, "Hi");
    assert_int_equal(r->messages[0].text_bytes, 2);
    assert_false(f.wish.stream || f.wish.include_usage);
    end(&f);
}

static void test_every_member(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f, BODY(
        "\"stream\":true,\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false},\"max_tokens\":77,\"temperature\":0.25,\"top_p\":1,"
        "\"seed\":-9007199254740993,\"n\":3,\"logprobs\":true,\"top_logprobs\":5,\"user\":\"u\",\"parallel_tool_calls\":false,"
        "\"reasoning_effort\":\"high\",\"stop\":[\"a\\n\",\"b\"],"
        "\"llmcost\":{\"tags\":{\"feature\":\"faq\",\"us\\u0065r\":\"7\"},\"cache\":\"refresh\",\"namespace\":\"t\",\"deadline_ms\":8000,"
        "\"cache_ttl_ms\":60000,\"sampled\":true,\"input_bound_tokens\":900}"));
    assert_true(f.wish.stream && f.wish.include_usage);
    assert_int_equal(r->max_tokens, 77);
    assert_true(r->has_temperature && r->temperature == 0.25 && r->has_top_p && r->top_p == 1);
    assert_true(r->has_seed && r->seed == INT64_C(-9007199254740993));
    assert_int_equal(r->n, 3);
    assert_int_equal(r->logprobs, 1);
    assert_int_equal(r->top_logprobs, 5);
    assert_string_equal(r->end_user, "u");
    assert_int_equal(r->parallel_tool_calls, LLMCOST_OFF);
    assert_int_equal(r->effort, LLMCOST_EFFORT_HIGH);
    assert_int_equal(r->stop_count, 2);
    assert_string_equal(r->stop[0], "a\n");
    assert_string_equal(r->stop[1], "b");
    assert_int_equal(r->tag_count, 2);
    assert_string_equal(r->tags[0].name, "feature");
    assert_string_equal(r->tags[0].value, "faq");
    assert_string_equal(r->tags[1].name, "user");
    assert_string_equal(r->tags[1].value, "7");
    assert_int_equal(r->cache, LLMCOST_CACHE_REFRESH);
    assert_string_equal(r->cache_namespace, "t");
    assert_int_equal(r->deadline_ms, 8000);
    assert_int_equal(r->cache_ttl_ms, 60000);
    assert_int_equal(r->cache_sampled, LLMCOST_ON);
    assert_int_equal(r->input_bound_tokens, 900);
    assert_null(r->extra);
    end(&f);
}

static void test_other_spellings(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f, BODY("\"max_completion_tokens\":9,\"max_tokens\":9,\"safety_identifier\":\"s\",\"user\":\"s\",\"stop\":\"END\",\"parallel_tool_calls\":true,"
                                                  "\"llmcost\":{\"sampled\":false,\"cache\":\"default\",\"deadline_ms\":-1}"));
    assert_int_equal(r->max_tokens, 9);
    assert_string_equal(r->end_user, "s");
    assert_int_equal(r->stop_count, 1);
    assert_string_equal(r->stop[0], "END");
    assert_int_equal(r->parallel_tool_calls, LLMCOST_ON);
    assert_int_equal(r->cache_sampled, LLMCOST_OFF);
    assert_int_equal(r->cache, LLMCOST_CACHE_DEFAULT);
    assert_int_equal(r->deadline_ms, -1);
    end(&f);
    static const char *const efforts[] = { "none", "minimal", "low", "medium", "high", "xhigh", "max" };
    for (int i = 0; i < 7; i++) {
        char body[200];
        snprintf(body, sizeof body, BODY("\"reasoning_effort\":\"%s\""), efforts[i]);
        assert_int_equal(read_good(&f, body)->effort, LLMCOST_EFFORT_NONE + i);
        end(&f);
    }
}

static void test_null_is_absent(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\",\"name\":null,\"tool_calls\":null,\"audio\":null,\"refusal\":null}],"
        "\"stream\":null,\"stream_options\":null,\"max_tokens\":null,\"max_completion_tokens\":null,\"temperature\":null,\"top_p\":null,\"stop\":null,\"tools\":null,"
        "\"tool_choice\":null,\"parallel_tool_calls\":null,\"response_format\":null,\"seed\":null,\"n\":null,\"reasoning_effort\":null,\"logprobs\":null,"
        "\"top_logprobs\":null,\"user\":null,\"safety_identifier\":null,\"llmcost\":null,\"metadata\":null}");
    llmcost_request defaults;
    llmcost_request_init(&defaults);
    defaults.model = r->model;
    defaults.messages = r->messages;
    defaults.message_count = 1;
    assert_memory_equal(r, &defaults, sizeof defaults);
    assert_false(f.wish.stream);
    end(&f);
    r = read_good(&f, BODY("\"llmcost\":{\"tags\":null,\"cache\":null,\"namespace\":null,\"deadline_ms\":null,\"cache_ttl_ms\":null,\"sampled\":null,\"input_bound_tokens\":null},"
                           "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":null,\"parameters\":null,\"strict\":null}}]"));
    assert_int_equal(r->tool_count, 1);
    assert_null(r->tools[0].parameters);
    assert_int_equal(r->tag_count, 0);
    end(&f);
}

static void test_extra(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f, "{\"presence_penalty\":0.10,\"model\":\"m\",\"logit_bias\":{\"50256\": -100}," HELLO ",\"met\\u0061data\":{\"a\":[1, null,\"\\ud83d\\ude00\"]},\"store\":false}");
    assert_string_equal(r->extra, "{\"presence_penalty\":0.10,\"logit_bias\":{\"50256\": -100},\"met\\u0061data\":{\"a\":[1, null,\"\\ud83d\\ude00\"]},\"store\":false}");
    end(&f);
}

/* Members whose value our request cannot say go to the provider as they are. */
static void test_foreign_values(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"web_search\",\"web_search\":{\"enable\":true}}]",
        "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"sql\"}}]",
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"examples\":[]}}]",
        "\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}}",
        "\"tool_choice\":\"validated\"",
        "\"response_format\":{\"type\":\"grammar\",\"grammar\":\"root ::= x\"}",
        "\"response_format\":{\"type\":\"json_object\",\"schema\":{}}",
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"description\":\"d\",\"grammar\":\"x\",\"schema\":{},\"strict\":true}}",
        "\"reasoning_effort\":\"default\"",
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        fixture f;
        char body[400], extra[400];
        snprintf(body, sizeof body, BODY("%s"), members[i]);
        snprintf(extra, sizeof extra, "{%s}", members[i]);
        const llmcost_request *r = read_good(&f, body);
        assert_string_equal(r->extra, extra);
        assert_int_equal(r->tool_count, 0);
        assert_int_equal(r->tool_choice, LLMCOST_TOOLS_AUTO);
        assert_null(r->tool_choice_name);
        assert_int_equal(r->format, LLMCOST_FORMAT_TEXT);
        assert_null(r->format_schema);
        assert_int_equal(r->effort, LLMCOST_EFFORT_DEFAULT);
        end(&f);
    }
}

static void test_tools(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f, BODY(
        "\"tools\":[{\"function\":{\"strict\":true,\"parameters\":{\"type\": \"object\"},\"name\":\"weather\",\"description\":\"d\\u00e9\"},\"type\":\"function\"},"
        "{\"type\":\"function\",\"function\":{\"name\":\"t1\"}},{\"type\":\"function\",\"function\":{\"name\":\"t2\"}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"t3\"}},{\"type\":\"function\",\"function\":{\"name\":\"t4\"}}]"));
    assert_int_equal(r->tool_count, 5);
    assert_string_equal(r->tools[0].name, "weather");
    assert_string_equal(r->tools[0].description, "d\xC3\xA9");
    assert_string_equal(r->tools[0].parameters, "{\"type\": \"object\"}");
    assert_int_equal(r->tools[0].strict, 1);
    assert_string_equal(r->tools[4].name, "t4");
    assert_null(r->tools[4].parameters);
    end(&f);
    static const struct {
        const char *json;
        int choice;
    } choices[] = {
        { "\"auto\"", LLMCOST_TOOLS_AUTO }, { "\"none\"", LLMCOST_TOOLS_NONE }, { "\"required\"", LLMCOST_TOOLS_REQUIRED }, { "\"any\"", LLMCOST_TOOLS_REQUIRED },
        { "{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}", LLMCOST_TOOLS_ONE },
    };
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        char body[300];
        snprintf(body, sizeof body, BODY("\"tool_choice\":%s"), choices[i].json);
        r = read_good(&f, body);
        assert_int_equal(r->tool_choice, choices[i].choice);
        if (choices[i].choice == LLMCOST_TOOLS_ONE)
            assert_string_equal(r->tool_choice_name, "weather");
        assert_null(r->extra);
        end(&f);
    }
}

static void test_calls_of_custom_tools(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":["
        "{\"id\":\"a\",\"custom\":{\"input\":\"SELECT 1\",\"name\":\"sql\"},\"type\":\"custom\",\"function\":null},{\"id\":\"b\",\"type\":\"custom\",\"custom\":{\"name\":\"ping\"}},"
        "{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\"},\"custom\":null}]}]}");
    const llmcost_tool_call *calls = r->messages[0].tool_calls;
    assert_int_equal(r->messages[0].tool_call_count, 3);
    assert_string_equal(calls[0].id, "a");
    assert_string_equal(calls[0].name, "sql");
    assert_string_equal(calls[0].arguments, "SELECT 1");
    assert_int_equal(calls[0].is_custom, 1);
    assert_string_equal(calls[1].arguments, "");
    assert_int_equal(calls[1].is_custom, 1);
    assert_string_equal(calls[2].arguments, "{}");
    assert_int_equal(calls[2].is_custom, 0);
    end(&f);
}

static void test_response_format(void **state)
{
    (void)state;
    fixture f;
    assert_int_equal(read_good(&f, BODY("\"response_format\":{\"type\":\"text\"}"))->format, LLMCOST_FORMAT_TEXT);
    end(&f);
    assert_int_equal(read_good(&f, BODY("\"response_format\":{\"type\":\"json_object\"}"))->format, LLMCOST_FORMAT_JSON);
    end(&f);
    const llmcost_request *r = read_good(&f, BODY("\"response_format\":{\"json_schema\":{\"schema\":{\"type\":\"object\"},\"name\":\"n\",\"strict\":true},\"type\":\"json_schema\"}"));
    assert_int_equal(r->format, LLMCOST_FORMAT_JSON_SCHEMA);
    assert_string_equal(r->format_schema, "{\"type\":\"object\"}");
    assert_string_equal(r->format_name, "n");
    assert_int_equal(r->format_strict, 1);
    assert_null(r->extra);
    end(&f);
}

/* It goes into the schema, which every provider takes, where there is room for it. */
static void test_description_of_a_schema(void **state)
{
    (void)state;
    static const struct { const char *members, *schema; } rows[] = {
        { "\"description\":\"a \\\"d\\\"\",\"schema\":{\"type\":\"object\"}", "{\"description\":\"a \\\"d\\\"\",\"type\":\"object\"}" },
        { "\"schema\": { \"type\":\"object\"} ,\"description\":\"d\"", "{\"description\":\"d\", \"type\":\"object\"}" },
        { "\"schema\":{ },\"description\":\"d\"", "{\"description\":\"d\" }" },
        { "\"schema\":{\"type\":\"object\",\"description\":\"own\"},\"description\":\"d\"", "{\"type\":\"object\",\"description\":\"own\"}" },
        { "\"schema\":{\"$ref\":\"#/$defs/a\"},\"description\":\"d\"", "{\"$ref\":\"#/$defs/a\"}" },
        { "\"schema\":{\"type\":\"object\"},\"description\":\"\"", "{\"type\":\"object\"}" },
        { "\"schema\":{\"type\":\"object\"},\"description\":null", "{\"type\":\"object\"}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        char body[600];
        snprintf(body, sizeof body, BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",%s,\"strict\":true}}"), rows[i].members);
        const llmcost_request *r = read_good(&f, body);
        assert_int_equal(r->format, LLMCOST_FORMAT_JSON_SCHEMA);
        assert_string_equal(r->format_schema, rows[i].schema);
        assert_string_equal(r->format_name, "n");
        assert_int_equal(r->format_strict, 1);
        assert_null(r->extra);
        end(&f);
    }
}

/* ---- messages ---- */

static void test_audio_and_files(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"mp3\",\"data\":\"AP8B\"}},"
        "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERg==\",\"file_id\":null}},"
        "{\"file\":{\"file_data\":\"https://example.com/b.pdf\"},\"type\":\"file\"}]}]}");
    const llmcost_part *parts = r->messages[0].parts;
    assert_int_equal(r->messages[0].part_count, 3);
    assert_int_equal(parts[0].type, LLMCOST_PART_AUDIO);
    assert_string_equal(parts[0].media_type, "audio/mpeg");
    assert_int_equal(parts[0].data_bytes, 3);
    assert_memory_equal(parts[0].data, "\0\xFF\1", 3);
    assert_int_equal(parts[1].type, LLMCOST_PART_DOCUMENT);
    assert_string_equal(parts[1].media_type, "application/pdf");
    assert_string_equal(parts[1].detail, "a.pdf");
    assert_memory_equal(parts[1].data, "%PDF", 4);
    assert_null(parts[1].url);
    assert_int_equal(parts[2].type, LLMCOST_PART_DOCUMENT);
    assert_string_equal(parts[2].url, "https://example.com/b.pdf");
    assert_null(parts[2].detail);
    end(&f);
}

static void test_messages(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f,
        "{\"model\":\"m\",\"messages\":["
        "{\"content\":\"Be brief.\",\"role\":\"developer\"},"
        "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"And kind.\"}]},"
        "{\"role\":\"user\",\"name\":\"ann\",\"content\":[{\"text\":\"What is this?\",\"type\":\"text\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https:\\/\\/example.com\\/a.png\",\"detail\":\"low\"}},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image\\/png;name=x;base64,AP8B\"}},{\"type\":\"image_url\",\"image_url\":\"http://b\"}]},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
        "{\"id\":\"c2\",\"function\":{\"arguments\":{\"b\": 2},\"name\":\"g\"}},{\"id\":\"c3\",\"function\":{\"name\":\"h\",\"arguments\":\"\"}}],\"annotations\":[{\"x\":1}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"a\\u0000b\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":[{\"type\":\"text\",\"text\":\"two\"}]},"
        "{\"role\":\"assistant\",\"content\":\"I\",\"refusal\":\"won't\"},"
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]},"
        "{\"role\":\"user\",\"content\":\"\\ud83d\\ude00 ok\",\"prefix\":false,\"images\":[ ],\"extra\":{}}]}");
    assert_int_equal(r->message_count, 9);
    const llmcost_message *m = r->messages;
    assert_int_equal(m[0].role, LLMCOST_SYSTEM);
    assert_string_equal(m[0].text, "Be brief.");
    assert_int_equal(m[1].role, LLMCOST_SYSTEM);
    assert_string_equal(m[1].parts[0].text, "And kind.");
    assert_null(m[1].text);
    assert_string_equal(m[2].name, "ann");
    assert_int_equal(m[2].part_count, 4);
    assert_string_equal(m[2].parts[0].text, "What is this?");
    assert_int_equal(m[2].parts[1].type, LLMCOST_PART_IMAGE_URL);
    assert_string_equal(m[2].parts[1].url, "https://example.com/a.png");
    assert_string_equal(m[2].parts[1].detail, "low");
    assert_int_equal(m[2].parts[2].type, LLMCOST_PART_IMAGE);
    assert_string_equal(m[2].parts[2].media_type, "image/png");
    assert_int_equal(m[2].parts[2].data_bytes, 3);
    assert_memory_equal(m[2].parts[2].data, "\0\xFF\1", 3);
    assert_null(m[2].parts[2].url);
    assert_string_equal(m[2].parts[3].url, "http://b");
    assert_null(m[3].text);
    assert_int_equal(m[3].tool_call_count, 3);
    assert_string_equal(m[3].tool_calls[0].id, "c1");
    assert_string_equal(m[3].tool_calls[0].arguments, "{\"a\":1}");
    assert_string_equal(m[3].tool_calls[1].name, "g");
    assert_string_equal(m[3].tool_calls[1].arguments, "{\"b\": 2}");
    assert_string_equal(m[3].tool_calls[2].arguments, "{}");
    assert_int_equal(m[4].role, LLMCOST_TOOL);
    assert_string_equal(m[4].tool_call_id, "c1");
    assert_int_equal(m[4].text_bytes, 3);
    assert_memory_equal(m[4].text, "a\0b\0", 4);
    assert_string_equal(m[5].parts[0].text, "two");
    assert_int_equal(m[6].part_count, 2);
    assert_string_equal(m[6].parts[0].text, "I");
    assert_string_equal(m[6].parts[1].text, "won't");
    assert_string_equal(m[7].parts[0].text, "no");
    assert_string_equal(m[8].text, "\xF0\x9F\x98\x80 ok");
    end(&f);
}

static void test_reasoning(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f,
        "{\"model\":\"m\",\"messages\":["
        "{\"role\":\"assistant\",\"content\":\"Yes.\",\"reasoning_content\":\"hm\"},"
        "{\"role\":\"assistant\",\"reasoning\":\"hm\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
        "{\"role\":\"assistant\",\"content\":\"No.\",\"reasoning_content\":\"hm\",\"thinking_blocks\":[{\"index\":0,\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"},{\"type\":\"redacted_thinking\",\"data\":\"xyz\"}]}"
        "]}");
    const llmcost_message *m = r->messages;
    assert_int_equal(m[0].part_count, 2);
    assert_int_equal(m[0].parts[0].type, LLMCOST_PART_REASONING);
    assert_string_equal(m[0].parts[0].text, "hm");
    assert_null(m[0].parts[0].signature);
    assert_string_equal(m[0].parts[1].text, "Yes.");
    assert_int_equal(m[1].part_count, 1);
    assert_int_equal(m[1].tool_call_count, 1);
    assert_int_equal(m[2].part_count, 3);
    assert_string_equal(m[2].parts[0].signature, "c2ln");
    assert_int_equal(m[2].parts[1].type, LLMCOST_PART_REASONING_HIDDEN);
    assert_string_equal(m[2].parts[1].text, "xyz");
    assert_string_equal(m[2].parts[2].text, "No.");
    end(&f);
}

static void test_cache_marks(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f,
        "{\"model\":\"m\",\"messages\":["
        "{\"role\":\"system\",\"content\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"text\",\"text\":\"c\",\"cache_control\":{\"type\":\"ephemeral\"}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"d\",\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"e\"}]}]}");
    for (int i = 0; i < 4; i++)
        assert_int_equal(r->messages[i].cache_mark, i < 3);
    end(&f);
    /* Marks in the middle cut a message. */
    r = read_good(&f,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"name\":\"ann\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}},"
        "{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"text\",\"text\":\"c\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"d\"}]}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"},\"cache_control\":{\"type\":\"ephemeral\"}}]}");
    assert_int_equal(r->message_count, 3);
    static const char *const firsts[] = { "a", "b", "d" };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(r->messages[i].role, LLMCOST_USER);
        assert_string_equal(r->messages[i].name, "ann");
        assert_int_equal(r->messages[i].cache_mark, i < 2);
        assert_int_equal(r->messages[i].part_count, i == 1 ? 2 : 1);
        assert_string_equal(r->messages[i].parts[0].text, firsts[i]);
    }
    assert_int_equal(r->tools[0].cache_mark, 1);
    assert_null(r->extra);
    end(&f);
}

static void test_many_messages(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    char *body = malloc(COUNT * 64 + 64), *at = body;
    at += sprintf(at, "{\"model\":\"m\",\"messages\":[");
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "%s{\"role\":\"user\",\"content\":\"%d\"}", i ? "," : "", i);
    sprintf(at, "]}");
    fixture f;
    const llmcost_request *r = read_good(&f, body);
    assert_int_equal(r->message_count, COUNT);
    assert_string_equal(r->messages[999].text, "999");
    assert_string_equal(r->messages[3].text, "3");
    end(&f);
    free(body);
}

/* Of members of one name the last one counts, and nothing of the others is left. */
static void test_repeated_members(void **state)
{
    (void)state;
    fixture f;
    const llmcost_request *r = read_good(&f,
        "{\"messages\":[],\"model\":\"a\",\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"content\":\"y\"},"
        "{\"role\":\"user\",\"content\":\"y\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}],\"stop\":[\"a\",\"b\"],\"stop\":\"c\","
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{}}},\"response_format\":{\"type\":\"json_object\"}}");
    assert_string_equal(r->model, "m");
    assert_int_equal(r->message_count, 2);
    assert_string_equal(r->messages[0].text, "y");
    assert_int_equal(r->messages[0].part_count, 0);
    assert_null(r->messages[1].text);
    assert_int_equal(r->messages[1].part_count, 1);
    assert_int_equal(r->stop_count, 1);
    assert_int_equal(r->format, LLMCOST_FORMAT_JSON);
    assert_null(r->format_schema);
    end(&f);
}

/* ---- failures ---- */

#define MESSAGE(members) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{" members "}]}"
#define PART(members) MESSAGE("\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{" members "}]")
#define CALL(members) MESSAGE("\"role\":\"assistant\",\"tool_calls\":[{" members "}]")

static const struct {
    const char *body, *message;
} failures[] = {
    { "nope", "the body must be a JSON object" }, { "x", "the body is no JSON: a value was expected, at byte 0" }, { " ", "the body must be a JSON object" }, { "[]", "the body must be a JSON object" }, { "null", "the body must be a JSON object" },
    { "{\"model\":", "the body is no JSON: the text ends in the middle of a value, at byte 9" }, { "{\"model\":\"m\"} x", "the body is no JSON: there is more text behind the value" },
    { "{\"model\":\"m\",}", "the body is no JSON" }, { "{\"a\":01}", "the body is no JSON: a number is malformed" }, { "{\"model\":\"\xFF\"}", "the body is no JSON: a string is no UTF-8" },
    { "{\"model\":5}", "model must be a string" }, { "{\"model\":\"a\\u0000b\"}", "model holds a zero byte" }, { "{\"model\":\"\\ud83d\"}", "model holds half of a \\u surrogate pair" },
    { "{\"messages\":{}}", "messages must be an array" }, { "{\"messages\":[\"Hi\"]}", "messages[0] must be an object" }, { "{\"messages\":[null]}", "messages[0] must be an object" },
    { BODY("\"max_tokens\":\"5\""), "max_tokens must be a whole number" }, { BODY("\"max_tokens\":0"), "max_tokens must be a whole number of 1 or more" },
    { BODY("\"max_tokens\":1.5"), "max_tokens must be a whole number of 1 or more" }, { BODY("\"max_tokens\":5,\"max_completion_tokens\":6"), "max_completion_tokens contradicts" },
    { BODY("\"temperature\":\"hot\""), "temperature must be a number" }, { BODY("\"temperature\":1e999"), "temperature is beyond the range" }, { BODY("\"top_p\":true"), "top_p must be a number" },
    { BODY("\"seed\":1.5"), "seed must be a whole number of 64 bits" }, { BODY("\"n\":0"), "n must be a whole number from 1 to 128" }, { BODY("\"n\":129"), "n must be a whole number from 1 to 128" },
    { BODY("\"logprobs\":5"), "logprobs must be true or false" }, { BODY("\"top_logprobs\":21"), "top_logprobs must be a whole number from 0 to 20" },
    { BODY("\"user\":\"a\",\"safety_identifier\":\"b\""), "safety_identifier contradicts" }, { BODY("\"user\":{}"), "user must be a string" },
    { BODY("\"stop\":5"), "stop must be an array" }, { BODY("\"stop\":[\"a\",5]"), "stop[1] must be a string" }, { BODY("\"stop\":[null]"), "stop[0] must be a string" },
    { BODY("\"reasoning_effort\":3"), "reasoning_effort must be a string" }, { BODY("\"stream\":\"yes\""), "stream must be true or false" },
    { BODY("\"stream_options\":true"), "stream_options must be an object" }, { BODY("\"stream_options\":{\"include_usage\":1}"), "stream_options.include_usage must be true or false" },
    { BODY("\"tools\":{}"), "tools must be an array" }, { BODY("\"tools\":[5]"), "tools[0] must be an object" }, { BODY("\"tools\":[null]"), "tools[0] must be an object" },
    { BODY("\"tools\":[{\"type\":\"function\"}]"), "tools[0].function.name is missing" }, { BODY("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":5}}]"), "tools[0].function.name must be a string" },
    { BODY("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":\"{}\"}}]"), "tools[0].function.parameters must be an object" },
    { BODY("\"tool_choice\":5"), "tool_choice must be an object" }, { BODY("\"tool_choice\":{\"type\":\"function\"}"), "tool_choice.function.name is missing" },
    { BODY("\"parallel_tool_calls\":1"), "parallel_tool_calls must be true or false" }, { BODY("\"response_format\":\"json\""), "response_format must be an object" },
    { BODY("\"response_format\":{}"), "response_format.type is missing" }, { BODY("\"response_format\":{\"type\":\"json_schema\"}"), "response_format.json_schema.schema is missing" },
    { BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":1}}"), "response_format.json_schema.schema must be an object" },
    { BODY("\"llmcost\":[]"), "llmcost must be an object" }, { BODY("\"llmcost\":{\"tag\":{}}"), "llmcost.tag is not known: did you mean \"tags\"?" },
    { BODY("\"llmcost\":{\"deadline\":5}"), "llmcost.deadline is not known: did you mean \"deadline_ms\"?" }, { BODY("\"llmcost\":{\"tags\":{\"a\":5}}"), "llmcost.tags.a must be a string" },
    { BODY("\"llmcost\":{\"tags\":{\"a\":null}}"), "llmcost.tags.a must be a string" }, { BODY("\"llmcost\":{\"cache\":\"on\"}"), "llmcost.cache \"on\" is not known: default, off, refresh or only" },
    { BODY("\"llmcost\":{\"deadline_ms\":99999999999}"), "llmcost.deadline_ms must be a whole number from" }, { BODY("\"llmcost\":{\"cache_ttl_ms\":-1}"), "llmcost.cache_ttl_ms must be a whole number of 0 or more" },
    { BODY("\"llmcost\":{\"sampled\":\"x\"}"), "llmcost.sampled must be true or false" }, { BODY("\"llmcost\":{\"input_bound_tokens\":-1}"), "llmcost.input_bound_tokens must be" },
    { MESSAGE("\"content\":\"a\""), "messages[1].role is missing" }, { MESSAGE("\"role\":\"function\",\"content\":\"a\""), "messages[1].role \"function\" is not known: system, developer, user, assistant or tool" },
    { MESSAGE("\"role\":\"user\""), "messages[1].content is missing" }, { MESSAGE("\"role\":\"user\",\"content\":[]"), "messages[1].content is missing" },
    { MESSAGE("\"role\":\"user\",\"content\":5"), "messages[1].content must be a string or an array of parts" }, { MESSAGE("\"role\":\"assistant\",\"content\":null"), "messages[1].content is missing" },
    { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"foo\":1"), "messages[1].foo is not known" }, { MESSAGE("\"role\":\"assistant\",\"content\":\"a\",\"function_call\":{\"name\":\"f\"}"), "messages[1].function_call is not known" },
    { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"foo\":\"\""), "messages[1].foo is not known" }, { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"foo\":[0]"), "messages[1].foo is not known" },
    { MESSAGE("\"role\":\"tool\",\"content\":\"a\""), "messages[1].tool_call_id is missing" }, { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"tool_call_id\":\"x\""), "messages[1].tool_call_id belongs to" },
    { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"reasoning_content\":\"x\""), "messages[1].reasoning_content belongs to the assistant" },
    { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"thinking_blocks\":[{\"type\":\"redacted_thinking\",\"data\":\"x\"}]"), "messages[1].thinking_blocks belongs to the assistant" },
    { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"refusal\":\"x\""), "messages[1].refusal belongs to the assistant" },
    { MESSAGE("\"role\":\"user\",\"content\":\"a\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\"}}]"), "messages[1].tool_calls belongs to the assistant" },
    { MESSAGE("\"role\":\"assistant\",\"thinking_blocks\":[{\"type\":\"thinking\"}]"), "messages[1].thinking_blocks[0].thinking is missing" },
    { MESSAGE("\"role\":\"assistant\",\"thinking_blocks\":[{\"type\":\"musing\"}]"), "messages[1].thinking_blocks[0].type \"musing\" is not known" },
    { MESSAGE("\"role\":\"assistant\",\"thinking_blocks\":[{\"type\":\"redacted_thinking\",\"thinking\":\"x\"}]"), "messages[1].thinking_blocks[0].data is missing" },
    { PART("\"type\":\"video\",\"video\":{\"url\":\"x\"}"), "messages[1].content[1].type \"video\" is not known: text, image_url, input_audio, file or refusal" },
    { PART("\"type\":\"input_audio\",\"input_audio\":{\"data\":\"\"}"), "messages[1].content[1].input_audio.format is missing" },
    { PART("\"text\":\"a\""), "messages[1].content[1].type is missing" }, { PART("\"type\":\"text\""), "messages[1].content[1].text is missing" }, { PART("\"type\":\"text\",\"text\":5"), "messages[1].content[1].text must be a string" },
    { PART("\"type\":\"text\",\"text\":\"a\",\"foo\":1"), "messages[1].content[1].foo is not known" }, { PART("\"type\":\"image_url\""), "messages[1].content[1].image_url.url is missing" },
    { PART("\"type\":\"image_url\",\"image_url\":{\"url\":5}"), "messages[1].content[1].image_url.url must be a string" }, { PART("\"type\":\"image_url\",\"image_url\":{\"url\":\"x\",\"size\":5}"), "messages[1].content[1].image_url.size is not known" },
    { PART("\"type\":\"input_audio\""), "messages[1].content[1].input_audio.data is missing" },
    { PART("\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\"}"), "messages[1].content[1].input_audio.format is missing" },
    { PART("\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"au\"}"), "messages[1].content[1].input_audio.format \"au\" is not known: wav, mp3" },
    { PART("\"type\":\"input_audio\",\"input_audio\":{\"data\":\"A$\",\"format\":\"wav\"}"), "messages[1].content[1].input_audio.data is malformed base64" },
    { PART("\"type\":\"input_audio\",\"input_audio\":{\"data\":\"\",\"format\":\"wav\"}"), "messages[1].content[1].input_audio.data is empty base64" },
    { PART("\"type\":\"input_audio\",\"input_audio\":{\"path\":\"/etc/passwd\"}"), "messages[1].content[1].input_audio.path is not known" },
    { PART("\"type\":\"file\""), "messages[1].content[1].file.file_data is missing" },
    { PART("\"type\":\"file\",\"file\":{\"file_id\":\"f-1\"}"), "messages[1].content[1].file.file_id is not taken" },
    { PART("\"type\":\"file\",\"file\":{\"file_data\":\"/etc/passwd\"}"), "messages[1].content[1].file.file_data must be a data: URL" },
    { PART("\"type\":\"file\",\"file\":{\"file_data\":\"file:///etc/passwd\"}"), "messages[1].content[1].file.file_data must be a data: URL" },
    { PART("\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf,AAAA\"}"), "messages[1].content[1].file.file_data is a data: URL without" },
    { PART("\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,A$\"}"), "messages[1].content[1].file.file_data is malformed base64" },
    { PART("\"type\":\"file\",\"file\":{\"path\":\"/etc/passwd\"}"), "messages[1].content[1].file.path is not known" },
    { PART("\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png,abc\"}"), "messages[1].content[1].image_url.url is a data: URL without" },
    { PART("\"type\":\"image_url\",\"image_url\":{\"url\":\"data:;base64,abc\"}"), "messages[1].content[1].image_url.url is a data: URL without" },
    { PART("\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,a$c=\"}"), "messages[1].content[1].image_url.url is malformed base64" },
    { PART("\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,\"}"), "messages[1].content[1].image_url.url is empty base64" },
    { PART("\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"forever\"}"), "messages[1].content[1].cache_control.type \"forever\" is not known: ephemeral" },
    { PART("\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"scope\":\"x\"}"), "messages[1].content[1].cache_control.scope is not known" },
    { PART("\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"), "messages[1].content[1].cache_control.ttl \"1h\" is not known: 5m" },
    { MESSAGE("\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"b\"}]"), "messages[1].content has a cache mark on a part before the last" },
    { MESSAGE("\"role\":\"user\",\"content\":[5]"), "messages[1].content[0] must be an object" },
    { CALL("\"type\":\"function\",\"function\":{\"name\":\"f\"}"), "messages[1].tool_calls[0].id is missing" }, { CALL("\"id\":\"c\""), "messages[1].tool_calls[0].function.name is missing" },
    { CALL("\"id\":\"c\",\"type\":\"custom\""), "messages[1].tool_calls[0].custom.name is missing" },
    { CALL("\"id\":\"c\",\"type\":\"web\""), "messages[1].tool_calls[0].type \"web\" is not known: function or custom" },
    { CALL("\"id\":\"c\",\"type\":\"custom\",\"function\":{\"name\":\"f\"}"), "messages[1].tool_calls[0].function does not belong to a call of type \"custom\"" },
    { CALL("\"id\":\"c\",\"custom\":{\"name\":\"f\"}"), "messages[1].tool_calls[0].custom does not belong to a call of type \"function\"" },
    { CALL("\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":{}}"), "messages[1].tool_calls[0].custom.input must be a string" },
    { CALL("\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"format\":{\"type\":\"text\"}}"), "messages[1].tool_calls[0].custom.format is not known" }, { CALL("\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":5}"), "messages[1].tool_calls[0].function.arguments must be a string" },
    { CALL("\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"a\\u0000\"}"), "messages[1].tool_calls[0].function.arguments holds a zero byte" },
    { CALL("\"id\":\"c\",\"extra_content\":{\"google\":{}}"), "messages[1].tool_calls[0].extra_content is not known" }, { MESSAGE("\"role\":\"assistant\",\"tool_calls\":[null]"), "messages[1].tool_calls[0] must be an object" },
};

static void test_every_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        fixture f;
        begin(&f);
        llmcost_status status = parse(&f, failures[i].body);
        if (status != LLMCOST_E_INVALID || strncmp(f.error.message, failures[i].message, strlen(failures[i].message)) != 0)
            fail_msg("%s\n  wanted \"%s\"\n  status %d, \"%s\"", failures[i].body, failures[i].message, status, llmcost_error_message(&f.error));
        assert_null(f.request);
        assert_int_equal(f.error.status, LLMCOST_E_INVALID);
        end(&f);
    }
}

static void test_misuse(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    assert_int_equal(llmc_request_from_json(NULL, 3, &f.arena, &f.request, &f.wish, &f.error), LLMCOST_E_MISUSE);
    assert_null(f.request);
    assert_int_equal(llmc_request_from_json(BODY("\"n\":1"), 0, &f.arena, &f.request, &f.wish, &f.error), LLMCOST_OK);
    assert_int_equal(f.request->n, 1);
    assert_int_equal(llmc_request_from_json("", 0, &f.arena, &f.request, &f.wish, &f.error), LLMCOST_E_INVALID);
    end(&f);
}

static void test_too_deep(void **state)
{
    (void)state;
    char body[2200];
    size_t at = (size_t)sprintf(body, "{\"x\":");
    memset(body + at, '[', 1000);
    memset(body + at + 1000, ']', 1000);
    body[at + 2000] = '}';
    body[at + 2001] = '\0';
    fixture f;
    begin(&f);
    assert_int_equal(parse(&f, body), LLMCOST_E_INVALID);
    assert_non_null(strstr(f.error.message, "nested too deep"));
    end(&f);
}

/* Every prefix of a body that uses everything is refused, and nothing leaks. */
static const char everything[] =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\\u00e9\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}},"
    "{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"wav\",\"data\":\"AP8B\"}},{\"type\":\"file\",\"file\":{\"file_data\":\"data:text/plain;base64,AAAA\"}}]},"
    "{\"role\":\"assistant\",\"content\":\"x\",\"refusal\":\"r\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"s\"}],"
    "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"ok\"}],"
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"a\":[1,2]}}}],\"stop\":[\"q\"],\"logit_bias\":{\"1\":2},\"top_k\":5,"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{}}},\"llmcost\":{\"tags\":{\"a\":\"b\"},\"namespace\":\"n\"}}";

static void test_every_prefix(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < sizeof everything - 1; bytes++) {
        fixture f;
        char *body = malloc(bytes);
        memcpy(body, everything, bytes);
        begin(&f);
        assert_int_equal(llmc_request_from_json(body, bytes, &f.arena, &f.request, &f.wish, &f.error), LLMCOST_E_INVALID);
        assert_null(f.request);
        assert_non_null(strstr(f.error.message, "no JSON"));
        end(&f);
        free(body);
    }
}

static void test_failing_allocations(void **state)
{
    (void)state;
    bool passed = false;
    for (int step = 1; !passed; step++) {
        fixture f;
        begin(&f);
        /* A block for each allocation, so that every one can fail. */
        char page[64];
        llmc_arena_init(&f.arena, &f.memory.allocator, page, sizeof page);
        f.memory.fail_at = step;
        llmcost_status status = parse(&f, everything);
        passed = !f.memory.failed;
        assert_int_equal(status, passed ? LLMCOST_OK : LLMCOST_E_MEMORY);
        assert_int_equal(f.error.status, status);
        assert_int_equal(f.request != NULL, passed);
        end(&f);
        assert_in_range(step, 1, 1000);
    }
    /* Arena blocks are large: fail in the middle by a body that needs many. */
    char *big = malloc(70000);
    int at = sprintf(big, "{\"model\":\"m\",\"messages\":[");
    for (int i = 0; i < 300; i++)
        at += sprintf(big + at, "%s{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"%0100d\"}]}", i ? "," : "", i);
    sprintf(big + at, "],\"top_k\":1}");
    passed = false;
    for (int step = 1; !passed; step++) {
        fixture f;
        begin(&f);
        f.memory.fail_at = step;
        llmcost_status status = parse(&f, big);
        passed = !f.memory.failed;
        assert_int_equal(status, passed ? LLMCOST_OK : LLMCOST_E_MEMORY);
        end(&f);
        assert_in_range(step, 1, 1000);
    }
    free(big);
}

/* ---- our answer's message in the next body ---- */

static llmc_answer *answer_of(const llmcost_event *events, size_t count)
{
    llmc_answer_builder builder;
    llmc_usage usage;
    llmc_usage_init(&usage);
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1 << 20);
    for (size_t i = 0; i < count; i++)
        assert_true(llmc_answer_builder_add(&builder, &events[i]));
    llmc_answer *answer = llmc_answer_build(&builder, "p", "", &usage, 0);
    llmc_answer_builder_free(&builder);
    return answer;
}

static llmcost_event said(int kind, const char *text)
{
    return (llmcost_event){ .kind = kind, .text = text, .bytes = strlen(text), .tool_id = "", .tool_name = "", .finish_raw = "" };
}

static void test_round_trip(void **state)
{
    (void)state;
    llmcost_event call = said(LLMCOST_EVENT_TOOL_CALL, "");
    call.tool_id = "toolu_1";
    call.tool_name = "weather";
    const llmcost_event events[] = {
        said(LLMCOST_EVENT_REASONING, "hm \xE2\x80\xA6"), said(LLMC_EVENT_SIGNATURE, "c2ln"), said(LLMC_EVENT_REASONING_HIDDEN, "opaque"), said(LLMCOST_EVENT_TEXT, "I'll look \"it\" up.\n"),
        call, said(LLMCOST_EVENT_TOOL_ARGUMENTS, "{\"city\":\"Oslo\"}"),
    };
    llmc_answer *answer = answer_of(events, sizeof events / sizeof events[0]);
    llmcost_response response = { .allocator = llmc_allocator_system, .answer = answer };
    llmc_receipt_init(&response.receipt, 1, "USD", 0);
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, 1 << 20);
    llmc_openai_completion(&response, &out);
    json_t *completion = json_loads(llmc_buffer_text(&out), 0, NULL);
    assert_non_null(completion);
    json_t *message = json_object_get(json_object_get(json_array_get(json_object_get(completion, "choices"), 0), "message"), "content");
    assert_string_equal(json_string_value(message), "I'll look \"it\" up.\n");
    json_t *next = json_pack("{s:s,s:[{s:s,s:s},O,{s:s,s:s,s:s}]}", "model", "m", "messages", "role", "user", "content", "Weather?",
                             json_object_get(json_array_get(json_object_get(completion, "choices"), 0), "message"), "role", "tool", "tool_call_id", "toolu_1", "content", "rain");
    char *body = json_dumps(next, 0);
    fixture f;
    const llmcost_message *got = &read_good(&f, body)->messages[1], *wanted = answer->choices[0].message;
    assert_int_equal(got->role, LLMCOST_ASSISTANT);
    assert_int_equal(got->part_count, wanted->part_count);
    for (uint32_t i = 0; i < got->part_count; i++) {
        assert_int_equal(got->parts[i].type, wanted->parts[i].type);
        assert_int_equal(got->parts[i].text_bytes, wanted->parts[i].text_bytes);
        assert_string_equal(got->parts[i].text, wanted->parts[i].text);
        assert_int_equal(!got->parts[i].signature, !wanted->parts[i].signature);
        if (got->parts[i].signature)
            assert_string_equal(got->parts[i].signature, wanted->parts[i].signature);
    }
    assert_int_equal(got->tool_call_count, 1);
    assert_string_equal(got->tool_calls[0].id, "toolu_1");
    assert_string_equal(got->tool_calls[0].name, "weather");
    assert_string_equal(got->tool_calls[0].arguments, "{\"city\":\"Oslo\"}");
    end(&f);
    free(body);
    json_decref(next);
    json_decref(completion);
    llmc_buffer_free(&out);
    llmc_answer_unref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small), cmocka_unit_test(test_every_member), cmocka_unit_test(test_other_spellings), cmocka_unit_test(test_null_is_absent),
        cmocka_unit_test(test_extra), cmocka_unit_test(test_foreign_values), cmocka_unit_test(test_tools), cmocka_unit_test(test_calls_of_custom_tools), cmocka_unit_test(test_response_format), cmocka_unit_test(test_description_of_a_schema),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_audio_and_files), cmocka_unit_test(test_reasoning), cmocka_unit_test(test_cache_marks), cmocka_unit_test(test_many_messages),
        cmocka_unit_test(test_repeated_members), cmocka_unit_test(test_every_failure), cmocka_unit_test(test_misuse), cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_every_prefix), cmocka_unit_test(test_failing_allocations), cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
