/* Importing requests: sizes of other versions, every check, copies, and what it costs. Options of other sizes too. */
#include "call/call.h"
#include "client/options.h"

#include "../support/counting_memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* One import with its memory. */
typedef struct fixture {
    counting_memory memory;
    llmc_arena arena;
    llmcost_error error;
    const llmcost_request *out;
} fixture;

static void begin(fixture *f)
{
    counting_memory_init(&f->memory);
    llmc_arena_init(&f->arena, &f->memory.allocator, NULL, 0);
    llmc_error_init(&f->error, &f->memory.allocator);
    f->out = NULL;
}

static void end(fixture *f)
{
    llmc_arena_clear(&f->arena);
    llmc_error_clear(&f->error);
    assert_int_equal(f->memory.blocks, 0);
}

static llmcost_status import(fixture *f, const llmcost_request *request, bool copy)
{
    return llmc_request_import(request, LLMC_OP_CHAT, copy, &f->arena, &f->out, &f->error);
}

/* ---- every kind of field, all of it right ---- */

typedef struct full {
    llmcost_request request;
    llmcost_message messages[4];
    llmcost_part parts[3], thoughts[3];
    llmcost_tool_call calls[2];
    llmcost_tool tools[2];
    llmcost_tag tags[2];
    const char *stop[2];
} full;

static void fill(full *all)
{
    memset(all, 0, sizeof *all);
    llmcost_request_init(&all->request);
    all->parts[0] = (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = "What is this? \xC3\xA9" };
    all->parts[1] = (llmcost_part){ .type = LLMCOST_PART_IMAGE_URL, .url = "https://example.com/cat.png", .detail = "low" };
    all->parts[2] = (llmcost_part){ .type = LLMCOST_PART_IMAGE, .data = "\x89PNG\0\1", .data_bytes = 6, .media_type = "image/png" };
    all->thoughts[0] = (llmcost_part){ .type = LLMCOST_PART_REASONING, .text = "hm", .signature = "c2ln" };
    all->thoughts[1] = (llmcost_part){ .type = LLMCOST_PART_REASONING_HIDDEN, .text = "opaque" };
    all->thoughts[2] = (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = "a\0b and more", .text_bytes = 3 };
    all->calls[0] = (llmcost_tool_call){ .id = "call_1", .name = "weather", .arguments = "{\"city\":\"Oslo\"}" };
    all->calls[1] = (llmcost_tool_call){ .id = "", .name = "time", .arguments = "{}" };
    all->tools[0] = (llmcost_tool){ .name = "weather", .description = "The weather", .parameters = "{\"type\":\"object\"}", .strict = 1 };
    all->tools[1] = (llmcost_tool){ .name = "time", .cache_mark = 1 };
    all->tags[0] = (llmcost_tag){ "feature", "faq" };
    all->tags[1] = (llmcost_tag){ "user", "42" };
    all->stop[0] = "END";
    all->stop[1] = "\n\n";
    all->messages[0] = (llmcost_message){ .role = LLMCOST_SYSTEM, .text = "Be brief.", .cache_mark = 1 };
    all->messages[1] = (llmcost_message){ .role = LLMCOST_USER, .parts = all->parts, .part_count = 3, .name = "ann" };
    all->messages[2] = (llmcost_message){ .role = LLMCOST_ASSISTANT, .parts = all->thoughts, .part_count = 3, .tool_calls = all->calls, .tool_call_count = 2 };
    all->messages[3] = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = "call_1", .text = "no", .is_error = 1 };
    llmcost_request *r = &all->request;
    r->model = "openai/gpt-4o";
    r->messages = all->messages;
    r->message_count = 4;
    r->tools = all->tools;
    r->tool_count = 2;
    r->tags = all->tags;
    r->tag_count = 2;
    r->stop = all->stop;
    r->stop_count = 2;
    r->max_tokens = 100;
    r->has_temperature = r->has_top_p = r->has_seed = 1;
    r->temperature = 0.5;
    r->top_p = 1;
    r->seed = -7;
    r->logprobs = 1;
    r->top_logprobs = 20;
    r->n = 2;
    r->tool_choice = LLMCOST_TOOLS_ONE;
    r->tool_choice_name = "weather";
    r->format = LLMCOST_FORMAT_JSON_SCHEMA;
    r->format_schema = "{}";
    r->format_name = "answer";
    r->format_strict = 1;
    r->effort = LLMCOST_EFFORT_MAX;
    r->end_user = "u-1";
    r->extra = "{\"verbosity\":\"low\"}";
    r->cache_namespace = "tenant";
    r->deadline_ms = -1;
}

/* ---- what is borrowed and what is copied ---- */

static void test_own_layout_is_borrowed(void **state)
{
    (void)state;
    fixture f;
    full all;
    begin(&f);
    fill(&all);
    assert_int_equal(import(&f, &all.request, false), LLMCOST_OK);
    assert_ptr_equal(f.out, &all.request);
    assert_int_equal(f.memory.calls, 0);
    end(&f);
}

static void assert_full(const llmcost_request *r)
{
    assert_string_equal(r->model, "openai/gpt-4o");
    assert_int_equal(r->message_count, 4);
    assert_string_equal(r->messages[0].text, "Be brief.");
    assert_int_equal(r->messages[0].text_bytes, 9);
    assert_int_equal(r->messages[0].cache_mark, 1);
    assert_string_equal(r->messages[1].name, "ann");
    const llmcost_part *parts = r->messages[1].parts;
    assert_int_equal(r->messages[1].part_count, 3);
    assert_int_equal(parts[0].text_bytes, 16);
    assert_string_equal(parts[1].url, "https://example.com/cat.png");
    assert_string_equal(parts[1].detail, "low");
    assert_int_equal(parts[2].type, LLMCOST_PART_IMAGE);
    assert_memory_equal(parts[2].data, "\x89PNG\0\1", 6);
    assert_string_equal(parts[2].media_type, "image/png");
    parts = r->messages[2].parts;
    assert_string_equal(parts[0].signature, "c2ln");
    assert_string_equal(parts[1].text, "opaque");
    assert_int_equal(parts[2].text_bytes, 3);
    assert_memory_equal(parts[2].text, "a\0b\0", 4);
    assert_string_equal(r->messages[2].tool_calls[0].arguments, "{\"city\":\"Oslo\"}");
    assert_string_equal(r->messages[2].tool_calls[1].id, "");
    assert_string_equal(r->messages[3].tool_call_id, "call_1");
    assert_int_equal(r->messages[3].is_error, 1);
    assert_string_equal(r->tools[0].parameters, "{\"type\":\"object\"}");
    assert_string_equal(r->tools[0].description, "The weather");
    assert_int_equal(r->tools[0].strict, 1);
    assert_int_equal(r->tools[1].cache_mark, 1);
    assert_null(r->tools[1].parameters);
    assert_string_equal(r->tags[1].value, "42");
    assert_string_equal(r->stop[1], "\n\n");
    assert_string_equal(r->tool_choice_name, "weather");
    assert_string_equal(r->format_schema, "{}");
    assert_string_equal(r->format_name, "answer");
    assert_string_equal(r->end_user, "u-1");
    assert_string_equal(r->extra, "{\"verbosity\":\"low\"}");
    assert_string_equal(r->cache_namespace, "tenant");
    assert_true(r->seed == -7 && r->temperature == 0.5 && r->n == 2 && r->deadline_ms == -1);
}

static char *text_on_heap(const char *text)
{
    return strcpy(malloc(strlen(text) + 1), text);
}

static void test_copy_survives_the_caller(void **state)
{
    (void)state;
    fixture f;
    full *all = malloc(sizeof *all);
    char *model = text_on_heap("openai/gpt-4o"), *system = text_on_heap("Be brief.");
    begin(&f);
    fill(all);
    all->request.model = model;
    all->messages[0].text = system;
    assert_int_equal(import(&f, &all->request, true), LLMCOST_OK);
    memset(all, 0xEE, sizeof *all);
    memset(model, 'x', strlen(model));
    memset(system, 'x', strlen(system));
    free(all);
    free(model);
    free(system);
    assert_full(f.out);
    end(&f);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    bool passed = false;
    for (int step = 1; !passed; step++) {
        fixture f;
        full all;
        begin(&f);
        fill(&all);
        f.memory.fail_at = step;
        llmcost_status status = import(&f, &all.request, true);
        passed = !f.memory.failed;
        assert_int_equal(status, passed ? LLMCOST_OK : LLMCOST_E_MEMORY);
        assert_int_equal(f.error.status, status);
        if (passed)
            assert_full(f.out);
        else
            assert_null(f.out);
        end(&f);
        assert_in_range(step, 1, 1000);
    }
}

/* ---- callers of other versions ---- */

/* The items of an array as another version lays them out: `stride` bytes each, filled up with zeros. */
static char *lay_out(const void *items, size_t count, size_t ours, size_t stride)
{
    char *out = calloc(count, stride);
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * stride, (const char *)items + i * ours, ours < stride ? ours : stride);
    return out;
}

/* A request of which every struct and array has grown by some bytes; all that must be freed is in `owned`. */
typedef struct grown {
    char *owned[8];
    int count;
    llmcost_request *request;
    char *messages, *parts, *calls, *tools, *tags;
} grown;

enum { MORE = 16 };

static char *own(grown *g, char *memory)
{
    g->owned[g->count++] = memory;
    return memory;
}

static void grow(grown *g, full *all)
{
    memset(g, 0, sizeof *g);
    g->parts = own(g, lay_out(all->parts, 3, sizeof all->parts[0], sizeof all->parts[0] + MORE));
    char *thoughts = own(g, lay_out(all->thoughts, 3, sizeof all->parts[0], sizeof all->parts[0] + MORE));
    g->calls = own(g, lay_out(all->calls, 2, sizeof all->calls[0], sizeof all->calls[0] + MORE));
    all->messages[1].parts = (void *)g->parts;
    all->messages[2].parts = (void *)thoughts;
    all->messages[2].tool_calls = (void *)g->calls;
    g->messages = own(g, lay_out(all->messages, 4, sizeof all->messages[0], sizeof all->messages[0] + MORE));
    g->tools = own(g, lay_out(all->tools, 2, sizeof all->tools[0], sizeof all->tools[0] + MORE));
    g->tags = own(g, lay_out(all->tags, 2, sizeof all->tags[0], sizeof all->tags[0] + MORE));
    all->request.messages = (void *)g->messages;
    all->request.tools = (void *)g->tools;
    all->request.tags = (void *)g->tags;
    all->request.struct_size += MORE;
    all->request.message_stride += MORE;
    all->request.part_stride += MORE;
    all->request.tool_call_stride += MORE;
    all->request.tool_stride += MORE;
    all->request.tag_stride += MORE;
    g->request = (void *)own(g, lay_out(&all->request, 1, sizeof all->request, sizeof all->request + MORE));
}

static void free_grown(grown *g)
{
    for (int i = 0; i < g->count; i++)
        free(g->owned[i]);
}

static void test_newer_callers(void **state)
{
    (void)state;
    for (int copy = 0; copy < 2; copy++) {
        fixture f;
        full all;
        grown g;
        begin(&f);
        fill(&all);
        grow(&g, &all);
        assert_int_equal(import(&f, g.request, copy), LLMCOST_OK);
        assert_ptr_not_equal(f.out, g.request);
        assert_int_equal(f.out->struct_size, sizeof(llmcost_request));
        assert_int_equal(f.out->message_stride, sizeof(llmcost_message));
        assert_int_equal(f.out->tag_stride, sizeof(llmcost_tag));
        if (copy)
            assert_full(f.out);
        else
            assert_string_equal(f.out->messages[2].tool_calls[0].name, "weather");
        assert_string_equal(f.out->messages[1].parts[2].media_type, "image/png");
        free_grown(&g);
        end(&f);
    }
}

/* A byte that we do not know, in the last item of each array: refused, by name. */
static void test_newer_callers_with_unknown_fields(void **state)
{
    (void)state;
    static const struct {
        size_t pointer; /* of the array in struct grown */
        size_t stride, last;
        const char *named;
    } rows[] = {
        { offsetof(grown, request), sizeof(llmcost_request) + MORE, 0, "the request sets" },
        { offsetof(grown, messages), sizeof(llmcost_message) + MORE, 3, "messages[3]" },
        { offsetof(grown, parts), sizeof(llmcost_part) + MORE, 2, "parts[2]" },
        { offsetof(grown, calls), sizeof(llmcost_tool_call) + MORE, 1, "tool_calls[1]" },
        { offsetof(grown, tools), sizeof(llmcost_tool) + MORE, 1, "tools[1]" },
        { offsetof(grown, tags), sizeof(llmcost_tag) + MORE, 1, "tags[1]" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        full all;
        grown g;
        char *array;
        begin(&f);
        fill(&all);
        grow(&g, &all);
        memcpy(&array, (char *)&g + rows[i].pointer, sizeof array);
        array[(rows[i].last + 1) * rows[i].stride - 1] = 1;
        assert_int_equal(import(&f, g.request, false), LLMCOST_E_INVALID);
        assert_null(f.out);
        assert_non_null(strstr(f.error.message, rows[i].named));
        free_grown(&g);
        end(&f);
    }
}

static void test_older_callers(void **state)
{
    (void)state;
    fixture f;
    full all;
    begin(&f);
    fill(&all);
    size_t message = offsetof(llmcost_message, name), part = offsetof(llmcost_part, signature), tool = offsetof(llmcost_tool, strict);
    size_t request = offsetof(llmcost_request, extra);
    char *parts = lay_out(all.parts, 3, sizeof all.parts[0], part);
    all.messages[1].parts = (void *)parts;
    all.messages[1].part_count = 3;
    all.messages[2].parts = NULL;
    all.messages[2].part_count = 0;
    char *messages = lay_out(all.messages, 4, sizeof all.messages[0], message);
    char *tools = lay_out(all.tools, 2, sizeof all.tools[0], tool);
    all.request.messages = (void *)messages;
    all.request.tools = (void *)tools;
    all.request.struct_size = (uint32_t)request;
    all.request.message_stride = (uint32_t)message;
    all.request.part_stride = (uint32_t)part;
    all.request.tool_stride = (uint32_t)tool;
    char *old = lay_out(&all.request, 1, sizeof all.request, request);
    assert_int_equal(import(&f, (void *)old, false), LLMCOST_OK);
    assert_int_equal(f.out->struct_size, sizeof(llmcost_request));
    assert_null(f.out->extra);
    assert_null(f.out->cache_namespace);
    assert_int_equal(f.out->deadline_ms, 0);
    assert_string_equal(f.out->end_user, "u-1");
    assert_null(f.out->messages[1].name);
    assert_string_equal(f.out->messages[1].parts[2].media_type, "image/png");
    assert_null(f.out->messages[1].parts[2].signature);
    assert_int_equal(f.out->tools[1].cache_mark, 0);
    assert_string_equal(f.out->tools[1].name, "time");
    free(parts);
    free(messages);
    free(tools);
    free(old);
    end(&f);
}

/* A message of a response keeps the layout of the library that made it, whatever the request's strides say. */
static void test_messages_with_strides_of_their_own(void **state)
{
    (void)state;
    for (int copy = 0; copy < 2; copy++) {
        fixture f;
        full all;
        begin(&f);
        fill(&all);
        char *thoughts = lay_out(all.thoughts, 3, sizeof all.thoughts[0], sizeof all.thoughts[0] + MORE);
        char *calls = lay_out(all.calls, 2, sizeof all.calls[0], sizeof all.calls[0] + 2 * MORE);
        all.messages[1].part_stride = sizeof(llmcost_part); /* ours, said out loud */
        all.messages[2].parts = (void *)thoughts;
        all.messages[2].part_stride = sizeof(llmcost_part) + MORE;
        all.messages[2].tool_calls = (void *)calls;
        all.messages[2].tool_call_stride = sizeof(llmcost_tool_call) + 2 * MORE;
        assert_int_equal(import(&f, &all.request, copy), LLMCOST_OK);
        assert_ptr_not_equal(f.out, &all.request);
        if (copy)
            assert_full(f.out);
        assert_string_equal(f.out->messages[2].tool_calls[1].name, "time");
        assert_string_equal(f.out->messages[2].parts[1].text, "opaque");
        assert_int_equal(f.out->messages[2].part_stride, 0);
        assert_int_equal(f.out->messages[2].tool_call_stride, 0);
        calls[2 * (sizeof all.calls[0] + 2 * MORE) - 1] = 1;
        end(&f);
        begin(&f);
        assert_int_equal(import(&f, &all.request, copy), LLMCOST_E_INVALID);
        assert_non_null(strstr(f.error.message, "messages[2].tool_calls[1]"));
        end(&f);
        free(thoughts);
        free(calls);
    }
    static const uint32_t absurd[] = { 1, 8, 17, 20000, UINT32_MAX, UINT32_MAX - 7 };
    for (size_t i = 0; i < 2 * sizeof absurd / sizeof absurd[0]; i++) {
        fixture f;
        full all;
        begin(&f);
        fill(&all);
        *(i % 2 ? &all.messages[2].part_stride : &all.messages[2].tool_call_stride) = absurd[i / 2];
        assert_int_equal(import(&f, &all.request, false), LLMCOST_E_INVALID);
        assert_non_null(strstr(f.error.message, i % 2 ? "messages[2].part_stride" : "messages[2].tool_call_stride"));
        end(&f);
    }
}

/* A caller of an older layout puts an answer of ours into the next request. */
static void test_an_answer_in_an_older_request(void **state)
{
    (void)state;
    fixture f;
    full all;
    begin(&f);
    fill(&all);
    size_t part = offsetof(llmcost_part, signature);
    char *parts = lay_out(all.parts, 3, sizeof all.parts[0], part);
    all.messages[1].parts = (void *)parts;
    all.request.part_stride = (uint32_t)part;
    all.messages[2].part_stride = sizeof(llmcost_part);
    all.messages[2].tool_call_stride = sizeof(llmcost_tool_call);
    assert_int_equal(import(&f, &all.request, true), LLMCOST_OK);
    assert_string_equal(f.out->messages[1].parts[2].media_type, "image/png");
    assert_null(f.out->messages[1].parts[2].signature);
    assert_string_equal(f.out->messages[2].parts[0].signature, "c2ln");
    free(parts);
    end(&f);
}

static void test_absurd_sizes(void **state)
{
    (void)state;
    static const uint32_t absurd[] = { 0, 1, 8, 12, 17, 20000, UINT32_MAX, UINT32_MAX - 7 };
    static const char *const names[] = { "struct_size", "message_stride", "part_stride", "tool_call_stride", "tool_stride", "tag_stride" };
    for (size_t field = 0; field < 6; field++) {
        for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
            fixture f;
            full all;
            begin(&f);
            fill(&all);
            memcpy((uint32_t *)&all.request + field, &absurd[i], sizeof absurd[i]);
            assert_int_equal(import(&f, &all.request, false), LLMCOST_E_INVALID);
            assert_non_null(strstr(f.error.message, names[field]));
            end(&f);
        }
    }
}

static void test_null(void **state)
{
    (void)state;
    fixture f;
    begin(&f);
    assert_int_equal(import(&f, NULL, false), LLMCOST_E_MISUSE);
    assert_null(f.out);
    llmcost_request_init(NULL);
    llmcost_request zero = { 0 };
    assert_int_equal(import(&f, &zero, false), LLMCOST_E_INVALID);
    end(&f);
}

/* ---- every check ---- */

typedef struct broken {
    const char *message; /* how the failure begins */
    void (*breaks)(full *all);
} broken;

#define BREAKS(name, ...)       \
    static void name(full *all) \
    {                           \
        __VA_ARGS__;            \
    }
BREAKS(no_model, all->request.model = NULL)
BREAKS(empty_model, all->request.model = "")
BREAKS(control_model, all->request.model = "gpt\r\nX-Key: 1")
BREAKS(bad_utf8_model, all->request.model = "gpt\xFF")
static char long_name[2000];
BREAKS(long_model, all->request.model = long_name)
BREAKS(no_messages, all->request.message_count = 0)
BREAKS(null_messages, all->request.messages = NULL)
BREAKS(many_messages, all->request.message_count = UINT32_MAX)
BREAKS(bad_role, all->messages[3].role = 4)
BREAKS(negative_role, all->messages[0].role = -1)
BREAKS(bad_is_error, all->messages[3].is_error = 2)
BREAKS(misplaced_is_error, all->messages[0].is_error = 1)
BREAKS(bad_cache_mark, all->messages[0].cache_mark = 2)
BREAKS(message_reserved, all->messages[2].reserved[1] = 1)
BREAKS(text_utf8, all->messages[0].text = "ab\xC3(")
BREAKS(text_surrogate, all->messages[0].text = "\xED\xA0\x80")
BREAKS(text_length, (all->messages[0].text = NULL, all->messages[0].text_bytes = 5))
BREAKS(text_huge, all->messages[0].text_bytes = ((size_t)256 << 20) + 1)
BREAKS(no_content, all->messages[0].text = NULL)
BREAKS(both, all->messages[1].text = "both")
BREAKS(null_parts, all->messages[1].parts = NULL)
BREAKS(many_parts, all->messages[1].part_count = UINT32_MAX)
BREAKS(part_type, all->parts[1].type = 8)
BREAKS(audio_data, all->parts[1] = (llmcost_part){ .type = LLMCOST_PART_AUDIO, .media_type = "audio/wav" })
BREAKS(audio_media, (all->parts[1] = all->parts[2], all->parts[1].type = LLMCOST_PART_AUDIO, all->parts[1].media_type = NULL))
BREAKS(audio_detail, (all->parts[1] = all->parts[2], all->parts[1].type = LLMCOST_PART_AUDIO, all->parts[1].detail = "low"))
BREAKS(document_data, all->parts[1] = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .media_type = "application/pdf" })
BREAKS(document_both, (all->parts[2].type = LLMCOST_PART_DOCUMENT, all->parts[2].url = "https://example.com/a.pdf"))
BREAKS(document_url, all->parts[1] = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .url = "" })
BREAKS(document_line, all->parts[1] = (llmcost_part){ .type = LLMCOST_PART_DOCUMENT, .url = "https://example.com/\n" })
BREAKS(document_name, (all->parts[2].type = LLMCOST_PART_DOCUMENT, all->parts[2].detail = "a\nb.pdf"))
BREAKS(file_path, all->parts[1] = (llmcost_part){ .type = LLMCOST_PART_FILE })
BREAKS(file_data, (all->parts[2].type = LLMCOST_PART_FILE, all->parts[2].url = "a.png"))
BREAKS(inputs, all->request.inputs = &all->request.model)
BREAKS(input_lengths, all->request.input_bytes = &all->parts[2].data_bytes)
BREAKS(input_count, all->request.input_count = 1)
BREAKS(dimensions, all->request.dimensions = 5)
BREAKS(purpose, all->request.input_purpose = LLMCOST_INPUT_QUERY)
BREAKS(reserved2, all->request.reserved2 = 1)
BREAKS(part_type_negative, all->parts[1].type = -1)
BREAKS(part_reserved, all->parts[0].reserved = 1)
BREAKS(part_text, all->parts[0].text = NULL)
BREAKS(part_utf8, all->parts[0].text = "\x80")
BREAKS(part_url, all->parts[1].url = NULL)
BREAKS(part_empty_url, all->parts[1].url = "")
BREAKS(part_control_url, all->parts[1].url = "https://a\nb")
BREAKS(part_detail, all->parts[1].detail = "huge")
BREAKS(part_data, all->parts[2].data = NULL)
BREAKS(part_no_bytes, all->parts[2].data_bytes = 0)
BREAKS(part_huge, all->parts[2].data_bytes = SIZE_MAX)
BREAKS(part_media, all->parts[2].media_type = NULL)
BREAKS(part_control_media, all->parts[2].media_type = "image/\n")
BREAKS(part_reasoning, all->parts[0].type = LLMCOST_PART_REASONING)
BREAKS(part_hidden_text, all->thoughts[1].text = NULL)
BREAKS(part_signature, all->thoughts[0].signature = "\xFE")
BREAKS(null_calls, all->messages[2].tool_calls = NULL)
BREAKS(misplaced_calls, (all->messages[0].tool_calls = all->calls, all->messages[0].tool_call_count = 1))
BREAKS(call_id, all->calls[1].id = NULL)
BREAKS(call_control_id, all->calls[1].id = "a\nb")
BREAKS(call_name, all->calls[1].name = "")
BREAKS(call_control_name, all->calls[0].name = "a\x01")
BREAKS(call_arguments, all->calls[0].arguments = NULL)
BREAKS(call_arguments_utf8, all->calls[0].arguments = "{\"\xC0\xAF\"}")
BREAKS(tool_id, all->messages[3].tool_call_id = NULL)
BREAKS(misplaced_tool_id, all->messages[0].tool_call_id = "x")
BREAKS(control_tool_id, all->messages[3].tool_call_id = "x\n")
BREAKS(speaker, all->messages[1].name = "\x7F")
BREAKS(empty_speaker, all->messages[1].name = "")
BREAKS(null_tools, all->request.tools = NULL)
BREAKS(tool_name, all->tools[1].name = NULL)
BREAKS(tool_control_name, all->tools[1].name = "a\tb")
BREAKS(tool_description, all->tools[0].description = "\xFF")
BREAKS(tool_parameters, all->tools[0].parameters = "\xFF")
BREAKS(tool_strict, all->tools[0].strict = 2)
BREAKS(tool_mark, all->tools[0].cache_mark = 3)
BREAKS(tool_reserved, all->tools[0].reserved[5] = 1)
BREAKS(null_tags, all->request.tags = NULL)
BREAKS(tag_name, all->tags[1].name = "")
BREAKS(tag_control_name, all->tags[1].name = "a\nb")
BREAKS(tag_value, all->tags[1].value = NULL)
BREAKS(tag_long_value, all->tags[0].value = long_name)
BREAKS(null_stops, all->request.stop = NULL)
BREAKS(stop_null, all->stop[1] = NULL)
BREAKS(stop_empty, all->stop[1] = "")
BREAKS(stop_utf8, all->stop[0] = "\xF5")
BREAKS(hot, all->request.temperature = 2.5)
BREAKS(cold, all->request.temperature = -0.1)
BREAKS(no_number, all->request.temperature = NAN)
BREAKS(infinite, all->request.top_p = INFINITY)
BREAKS(top_p, all->request.top_p = 1.01)
BREAKS(has_temperature, all->request.has_temperature = 2)
BREAKS(lost_temperature, all->request.has_temperature = 0)
BREAKS(lost_top_p, all->request.has_top_p = 0)
BREAKS(lost_seed, all->request.has_seed = 0)
BREAKS(has_seed, all->request.has_seed = 9)
BREAKS(logprobs, all->request.logprobs = 2)
BREAKS(top_logprobs, all->request.top_logprobs = 21)
BREAKS(top_logprobs_negative, all->request.top_logprobs = -1)
BREAKS(top_logprobs_alone, all->request.logprobs = 0)
BREAKS(choices, all->request.n = 129)
BREAKS(max_tokens, all->request.max_tokens = -1)
BREAKS(thinking, all->request.thinking_budget_tokens = -1)
BREAKS(ttl, all->request.cache_ttl_ms = -1)
BREAKS(bound, all->request.input_bound_tokens = -5)
BREAKS(reserved0, all->request.reserved0 = 1)
BREAKS(priority, all->request.priority = 1001)
BREAKS(priority_low, all->request.priority = -1001)
BREAKS(parallel, all->request.parallel_tool_calls = 3)
BREAKS(sampled, all->request.cache_sampled = 3)
BREAKS(effort, all->request.effort = 8)
BREAKS(cache, all->request.cache = 4)
BREAKS(tool_choice, all->request.tool_choice = 4)
BREAKS(tool_choice_name, all->request.tool_choice_name = NULL)
BREAKS(tool_choice_lost, all->request.tool_choice = LLMCOST_TOOLS_AUTO)
BREAKS(format, all->request.format = 3)
BREAKS(format_strict, all->request.format_strict = 2)
BREAKS(format_schema, all->request.format_schema = NULL)
BREAKS(format_lost, all->request.format = LLMCOST_FORMAT_JSON)
BREAKS(format_utf8, all->request.format_schema = "\xFF")
BREAKS(format_name, all->request.format_name = "a\nb")
BREAKS(end_user, all->request.end_user = "a\nb")
BREAKS(cache_namespace, all->request.cache_namespace = "\x1B")
BREAKS(extra, all->request.extra = "\xFF")

static void assert_refused(const broken *row, void (*fills)(full *all))
{
    memset(long_name, 'a', sizeof long_name - 1);
    for (int copy = 0; copy < 2; copy++) {
        fixture f;
        full all;
        begin(&f);
        fills(&all);
        row->breaks(&all);
        llmcost_status status = import(&f, &all.request, copy);
        if (status != LLMCOST_E_INVALID || !f.error.message || strncmp(f.error.message, row->message, strlen(row->message)) != 0)
            fail_msg("%s, copy %d: status %d, \"%s\"", row->message, copy, status, f.error.message ? f.error.message : "");
        assert_null(f.out);
        assert_int_equal(f.error.status, LLMCOST_E_INVALID);
        end(&f);
    }
}

static void test_every_check(void **state)
{
    (void)state;
    static const broken rows[] = {
        { "model is missing:", no_model }, { "model is empty:", empty_model }, { "model holds a control character", control_model },
        { "model is not valid UTF-8", bad_utf8_model }, { "model is longer than 1024 bytes", long_model },
        { "messages is empty:", no_messages }, { "messages is NULL, but its count is 4", null_messages }, { "messages has 4294967295 items", many_messages },
        { "messages[3].role is 4: it must be 0 to 3", bad_role }, { "messages[0].role is -1", negative_role }, { "messages[3].is_error is 2", bad_is_error },
        { "messages[0].is_error is set", misplaced_is_error }, { "messages[0].cache_mark is 2", bad_cache_mark }, { "messages[2].reserved is not 0", message_reserved },
        { "messages[0].text is not valid UTF-8", text_utf8 }, { "messages[0].text is not valid UTF-8", text_surrogate },
        { "messages[0].text is missing, but its length", text_length }, { "messages[0].text makes this part of the request larger than 256 MB", text_huge },
        { "messages[0].text is missing: set text or parts", no_content }, { "messages[1].text and parts are both set", both },
        { "messages[1].parts is NULL, but its count is 3", null_parts }, { "messages[1].parts has 4294967295 items", many_parts },
        { "messages[1].parts[1].data is missing", audio_data }, { "messages[1].parts[1].media_type is missing", audio_media },
        { "messages[1].parts[1].detail is set", audio_detail }, { "messages[1].parts[1].data is missing: set data and data_bytes, or url", document_data },
        { "messages[1].parts[2].url and data are both set", document_both }, { "messages[1].parts[1].url is empty", document_url },
        { "messages[1].parts[1].url holds a control", document_line }, { "messages[1].parts[2].detail holds a control", document_name },
        { "messages[1].parts[1].url is missing", file_path }, { "messages[1].parts[2].data is set", file_data }, { "inputs is set: it belongs to llmcost_embed()", inputs },
        { "input_bytes is set", input_lengths }, { "input_count is set", input_count }, { "dimensions is set", dimensions }, { "input_purpose is set", purpose },
        { "reserved is not 0", reserved2 }, { "messages[1].parts[1].type is 8", part_type }, { "messages[1].parts[1].type is -1", part_type_negative },
        { "messages[1].parts[0].reserved is not 0", part_reserved }, { "messages[1].parts[0].text is missing", part_text },
        { "messages[1].parts[0].text is not valid UTF-8", part_utf8 }, { "messages[1].parts[1].url is missing: set it, or use LLMCOST_PART_IMAGE", part_url },
        { "messages[1].parts[1].url is missing", part_empty_url }, { "messages[1].parts[1].url holds a control character", part_control_url },
        { "messages[1].parts[1].detail is not known", part_detail }, { "messages[1].parts[2].data is missing", part_data },
        { "messages[1].parts[2].data is missing", part_no_bytes }, { "messages[1].parts[2].data makes this part", part_huge },
        { "messages[1].parts[2].media_type is missing", part_media }, { "messages[1].parts[2].media_type holds a control", part_control_media },
        { "messages[1].parts[0].type is reasoning", part_reasoning }, { "messages[2].parts[1].text is missing", part_hidden_text },
        { "messages[2].parts[0].signature is not valid UTF-8", part_signature }, { "messages[2].tool_calls is NULL, but its count is 2", null_calls },
        { "messages[0].tool_calls is set", misplaced_calls }, { "messages[2].tool_calls[1].id is missing", call_id },
        { "messages[2].tool_calls[1].id holds a control", call_control_id }, { "messages[2].tool_calls[1].name is empty", call_name },
        { "messages[2].tool_calls[0].name holds a control", call_control_name }, { "messages[2].tool_calls[0].arguments is missing", call_arguments },
        { "messages[2].tool_calls[0].arguments is not valid UTF-8", call_arguments_utf8 }, { "messages[3].tool_call_id is missing", tool_id },
        { "messages[0].tool_call_id is set", misplaced_tool_id }, { "messages[3].tool_call_id holds a control", control_tool_id },
        { "messages[1].name holds a control", speaker }, { "messages[1].name is empty", empty_speaker }, { "tools is NULL, but its count is 2", null_tools },
        { "tools[1].name is missing", tool_name }, { "tools[1].name holds a control", tool_control_name }, { "tools[0].description is not valid", tool_description },
        { "tools[0].parameters is not valid", tool_parameters }, { "tools[0].strict is 2", tool_strict }, { "tools[0].cache_mark is 3", tool_mark },
        { "tools[0].reserved is not 0", tool_reserved }, { "tags is NULL, but its count is 2", null_tags }, { "tags[1].name is empty", tag_name },
        { "tags[1].name holds a control", tag_control_name }, { "tags[1].value is missing", tag_value }, { "tags[0].value is longer than 1024", tag_long_value },
        { "stop is NULL, but its count is 2", null_stops }, { "stop[1] is NULL", stop_null }, { "stop[1] is empty", stop_empty }, { "stop[0] is not valid UTF-8", stop_utf8 },
        { "temperature must be 0 to 2", hot }, { "temperature must be 0 to 2", cold }, { "temperature must be 0 to 2", no_number }, { "top_p must be 0 to 1", infinite },
        { "top_p must be 0 to 1", top_p }, { "temperature is announced by a has_temperature of 2", has_temperature },
        { "temperature is set, but has_temperature is 0", lost_temperature }, { "top_p is set, but has_top_p is 0", lost_top_p },
        { "seed is set, but has_seed is 0", lost_seed }, { "has_seed is 9", has_seed }, { "logprobs is 2", logprobs }, { "top_logprobs is 21: it must be 0 to 20", top_logprobs },
        { "top_logprobs is -1", top_logprobs_negative }, { "top_logprobs needs logprobs", top_logprobs_alone }, { "n is 129", choices },
        { "max_tokens is -1: it must be 0 or more", max_tokens }, { "thinking_budget_tokens is -1", thinking }, { "cache_ttl_ms is -1", ttl },
        { "input_bound_tokens is -5", bound }, { "reserved is not 0", reserved0 }, { "priority is 1001: it must be -1000 to 1000", priority }, { "priority is -1001", priority_low }, { "parallel_tool_calls is 3", parallel },
        { "cache_sampled is 3", sampled }, { "effort is 8", effort }, { "cache is 4", cache }, { "tool_choice is 4", tool_choice },
        { "tool_choice_name is missing", tool_choice_name }, { "tool_choice_name is set", tool_choice_lost }, { "format is 3", format },
        { "format_strict is 2", format_strict }, { "format_schema is missing", format_schema }, { "format_schema is set", format_lost },
        { "format_schema is not valid UTF-8", format_utf8 }, { "format_name holds a control", format_name }, { "end_user holds a control", end_user },
        { "cache_namespace holds a control", cache_namespace }, { "extra is not valid UTF-8", extra },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(&rows[i], fill);
}

/* What most requests are: everything is zero but a text, and one tag. */
static void fill_plainly(full *all)
{
    memset(all, 0, sizeof *all);
    llmcost_request_init(&all->request);
    all->messages[0] = (llmcost_message){ .role = LLMCOST_USER, .text = "Hi" };
    all->tags[0] = (llmcost_tag){ "feature", "faq" };
    all->request.model = "m";
    all->request.messages = all->messages;
    all->request.message_count = 1;
    all->request.tags = all->tags;
    all->request.tag_count = 1;
}

BREAKS(second_reserved, all->messages[0].reserved[1] = 1)
BREAKS(no_parts, all->messages[0].part_count = 1)
BREAKS(some_parts, (all->parts[0].text = "b", all->messages[0].parts = all->parts, all->messages[0].part_count = 1))
BREAKS(no_calls, all->messages[0].tool_call_count = 1)
BREAKS(nameless, all->messages[0].name = "")
BREAKS(result_of_nothing, all->messages[0].role = LLMCOST_TOOL)
BREAKS(empty_tag, all->tags[0].name = "")
BREAKS(no_value, all->tags[0].value = NULL)
BREAKS(only_seed, all->request.seed = 1)
BREAKS(only_tools_one, all->request.tool_choice = LLMCOST_TOOLS_ONE)
BREAKS(only_tool_name, all->request.tool_choice_name = "f")
BREAKS(only_schema, all->request.format_schema = "{}")
BREAKS(no_schema, all->request.format = LLMCOST_FORMAT_JSON_SCHEMA)
BREAKS(sampling_then_choices, (all->request.parallel_tool_calls = 3, all->request.n = 129))
BREAKS(choices_then_format, (all->request.format_strict = 2, all->request.effort = 8))
BREAKS(user_then_tags, (all->tags[0].name = "", all->request.end_user = ""))
BREAKS(tags_then_limits, (all->tags[0].name = "", all->request.max_tokens = -1, all->request.priority = 2000))
BREAKS(tokens_then_thinking, (all->request.thinking_budget_tokens = -1, all->request.max_tokens = -1))
BREAKS(limits_then_cache, (all->request.cache = 4, all->request.reserved0 = 1))

/* One field alone is seen too, and of several the first is named. */
static void test_every_check_of_a_plain_request(void **state)
{
    (void)state;
    static const broken rows[] = {
        { "model is missing:", no_model }, { "model is empty:", empty_model }, { "model is longer than 1024 bytes", long_model }, { "messages is empty:", no_messages },
        { "messages[0].role is -1", negative_role }, { "messages[0].is_error is set", misplaced_is_error }, { "messages[0].cache_mark is 2", bad_cache_mark },
        { "messages[0].reserved is not 0", second_reserved }, { "messages[0].text is not valid UTF-8", text_utf8 }, { "messages[0].text is missing, but its length", text_length },
        { "messages[0].text makes this part of the request larger than 256 MB", text_huge }, { "messages[0].text is missing: set text or parts", no_content },
        { "messages[0].parts is NULL, but its count is 1", no_parts }, { "messages[0].text and parts are both set", some_parts },
        { "messages[0].tool_calls is NULL, but its count is 1", no_calls }, { "messages[0].tool_calls is set", misplaced_calls },
        { "messages[0].tool_call_id is set", misplaced_tool_id }, { "messages[0].tool_call_id is missing", result_of_nothing }, { "messages[0].name is empty", nameless },
        { "tags[0].name is empty", empty_tag }, { "tags[0].value is missing", no_value }, { "tags[0].value is longer than 1024", tag_long_value },
        { "temperature is set, but has_temperature is 0", hot }, { "top_p is set, but has_top_p is 0", top_p }, { "seed is set, but has_seed is 0", only_seed },
        { "temperature is announced by a has_temperature of 2", has_temperature }, { "has_seed is 9", has_seed }, { "logprobs is 2", logprobs },
        { "top_logprobs is 21", top_logprobs }, { "n is 129", choices }, { "max_tokens is -1: it must be 0 or more", max_tokens }, { "thinking_budget_tokens is -1", thinking },
        { "cache_ttl_ms is -1", ttl }, { "input_bound_tokens is -5", bound }, { "priority is 1001", priority }, { "priority is -1001", priority_low },
        { "reserved is not 0", reserved0 }, { "reserved is not 0", reserved2 }, { "parallel_tool_calls is 3", parallel }, { "cache_sampled is 3", sampled },
        { "effort is 8", effort }, { "cache is 4", cache }, { "tool_choice is 4", tool_choice }, { "tool_choice_name is missing", only_tools_one },
        { "tool_choice_name is set", only_tool_name }, { "format is 3", format }, { "format_strict is 2", format_strict }, { "format_schema is set", only_schema },
        { "format_schema is missing", no_schema }, { "format_name holds a control", format_name }, { "end_user holds a control", end_user },
        { "cache_namespace holds a control", cache_namespace }, { "extra is not valid UTF-8", extra }, { "inputs is set: it belongs to llmcost_embed()", inputs },
        { "input_bytes is set", input_lengths }, { "input_count is set", input_count }, { "dimensions is set", dimensions }, { "input_purpose is set", purpose },
        { "n is 129", sampling_then_choices }, { "effort is 8", choices_then_format }, { "end_user is empty", user_then_tags },
        { "tags[0].name is empty", tags_then_limits }, { "max_tokens is -1", tokens_then_thinking }, { "reserved is not 0", limits_then_cache },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(&rows[i], fill_plainly);
}

/* Every byte at every place of a name of every length that its bytes are looked at in another way. */
static void test_bytes_of_names(void **state)
{
    (void)state;
    fixture f;
    full all;
    begin(&f);
    fill_plainly(&all);
    for (size_t bytes = 1; bytes <= 20; bytes++) {
        char *name = malloc(bytes + 1); /* exactly, so that a read behind it is seen */
        memset(name, '~', bytes);
        name[bytes] = '\0';
        all.tags[0].value = name;
        for (size_t at = 0; at < bytes; at++) {
            for (int byte = 1; byte < 256; byte++) {
                name[at] = (char)byte;
                const char *wrong = byte < 0x20 || byte == 0x7F ? "tags[0].value holds a control character" : byte > 0x7F ? "tags[0].value is not valid UTF-8" : NULL;
                assert_int_equal(import(&f, &all.request, false), wrong ? LLMCOST_E_INVALID : LLMCOST_OK);
                if (wrong)
                    assert_string_equal(f.error.message, wrong);
            }
            name[at] = '~';
        }
        free(name);
    }
    all.tags[0].value = "\xC3\xA9t\xC3\xA9 \xF0\x9F\x98\x80";
    assert_int_equal(import(&f, &all.request, false), LLMCOST_OK);
    all.tags[0].value = "\xC3\xA9t\xC3\xA9\n\xFF";
    assert_int_equal(import(&f, &all.request, false), LLMCOST_E_INVALID);
    assert_string_equal(f.error.message, "tags[0].value holds a control character");
    end(&f);
}

/* What looks odd and is right. */
static void test_accepted(void **state)
{
    (void)state;
    fixture f;
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_message message = { .role = LLMCOST_USER, .text = "" };
    begin(&f);
    request.model = "m";
    request.messages = &message;
    request.message_count = 1;
    assert_int_equal(import(&f, &request, false), LLMCOST_OK);
    message = (llmcost_message){ .role = LLMCOST_ASSISTANT, .tool_calls = &(llmcost_tool_call){ .id = "", .name = "f", .arguments = "" }, .tool_call_count = 1 };
    assert_int_equal(import(&f, &request, false), LLMCOST_OK);
    message = (llmcost_message){ .role = LLMCOST_TOOL, .tool_call_id = "", .text = "x" };
    assert_int_equal(import(&f, &request, false), LLMCOST_OK);
    request.n = 128;
    request.has_temperature = 1;
    request.temperature = 2;
    assert_int_equal(import(&f, &request, false), LLMCOST_OK);
    end(&f);
}

/* The usual request: two messages of 1 KB together. The gate is far above the aim: what others take of the machine does not count. */
static void test_speed(void **state)
{
    (void)state;
    enum { ROUNDS = 200000 };
    char text[1024];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    llmcost_message messages[2] = { { .role = LLMCOST_SYSTEM, .text = "Be brief.", .text_bytes = 9 }, { .text = text, .text_bytes = sizeof text - 1 } };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = "openai/gpt-4o";
    request.messages = messages;
    request.message_count = 2;
    fixture f;
    begin(&f);
    double best = 1e9;
    for (int attempt = 0; attempt < 5; attempt++) {
        struct timespec from, to;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        for (int i = 0; i < ROUNDS; i++)
            assert_false(import(&f, &request, false));
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        double ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / ROUNDS;
        best = ns < best ? ns : best;
    }
    print_message("import of 1 KB in two messages: %.0f ns\n", best);
    assert_int_equal(f.memory.calls, 0);
    assert_true(best < 100000); /* sanitizers and valgrind included: something that grew out of hand */
    end(&f);
}

/* ---- options ---- */

static void *no_allocate(size_t bytes, void *user)
{
    (void)bytes;
    (void)user;
    return NULL;
}

static int64_t zero_time(void *user)
{
    (void)user;
    return 0;
}

static void test_options(void **state)
{
    (void)state;
    llmcost_options to, from = LLMCOST_OPTIONS_INIT;
    assert_int_equal(llmc_options_import(NULL, &to), LLMCOST_OK);
    assert_int_equal(to.struct_size, sizeof to);
    llmcost_error *error = NULL;
    from.random_seed = 5;
    from.error = &error;
    from.log_level = LLMCOST_LOG_TRACE;
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_OK);
    assert_memory_equal(&to, &from, sizeof to);

    char bytes[sizeof from + 32] __attribute__((aligned(16))) = { 0 };
    memcpy(bytes, &from, sizeof from);
    llmcost_options *longer = (llmcost_options *)bytes;
    longer->struct_size = sizeof bytes;
    assert_int_equal(llmc_options_import(longer, &to), LLMCOST_OK);
    assert_int_equal(to.struct_size, sizeof to);
    assert_int_equal(to.random_seed, 5);
    bytes[sizeof bytes - 1] = 1;
    assert_int_equal(llmc_options_import(longer, &to), LLMCOST_E_MISUSE);
    assert_int_equal(to.random_seed, 0);
    assert_ptr_equal(to.error, &error);

    from.struct_size = offsetof(llmcost_options, random_seed);
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_OK);
    assert_int_equal(to.random_seed, 0);
    assert_int_equal(to.log_level, LLMCOST_LOG_TRACE);
    static const uint32_t absurd[] = { 0, 4, 9, 20001, UINT32_MAX };
    for (size_t i = 0; i < sizeof absurd / sizeof absurd[0]; i++) {
        from.struct_size = absurd[i];
        assert_int_equal(llmc_options_import(&from, &to), LLMCOST_E_MISUSE);
    }
}

static void test_options_checks(void **state)
{
    (void)state;
    llmcost_options to, from = LLMCOST_OPTIONS_INIT;
    llmcost_allocator allocator = { 0 };
    llmcost_clock clock = { 0 };
    from.allocator = &allocator;
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_OK);
    assert_null(to.allocator);
    allocator.allocate = no_allocate;
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_E_MISUSE);
    from.allocator = NULL;
    from.clock = &clock;
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_E_MISUSE);
    clock.monotonic_ns = clock.wall_ms = zero_time;
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_OK);
    assert_ptr_equal(to.clock, &clock);
    from.log_level = 5;
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_E_MISUSE);
    from.log_level = -1;
    assert_int_equal(llmc_options_import(&from, &to), LLMCOST_E_MISUSE);
}

static void test_options_init(void **state)
{
    (void)state;
    unsigned char bytes[sizeof(llmcost_options) + 16] __attribute__((aligned(16)));
    llmcost_options *options = (llmcost_options *)(void *)bytes, defaults = LLMCOST_OPTIONS_INIT;
    memset(bytes, 0xEE, sizeof bytes);
    llmcost_options_init(options, 16);
    assert_int_equal(options->struct_size, 16);
    assert_int_equal(bytes[15], 0);
    assert_int_equal(bytes[16], 0xEE);
    llmcost_options_init(options, sizeof bytes);
    assert_int_equal(bytes[sizeof bytes - 1], 0);
    llmcost_options_init(options, sizeof *options);
    assert_memory_equal(options, &defaults, sizeof defaults);
    memset(bytes, 0xEE, sizeof bytes);
    llmcost_options_init(options, 2);
    llmcost_options_init(NULL, 16);
    assert_int_equal(bytes[0], 0xEE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_layout_is_borrowed), cmocka_unit_test(test_copy_survives_the_caller), cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_newer_callers), cmocka_unit_test(test_newer_callers_with_unknown_fields), cmocka_unit_test(test_older_callers),
        cmocka_unit_test(test_messages_with_strides_of_their_own), cmocka_unit_test(test_an_answer_in_an_older_request),
        cmocka_unit_test(test_absurd_sizes), cmocka_unit_test(test_null), cmocka_unit_test(test_every_check),
        cmocka_unit_test(test_every_check_of_a_plain_request), cmocka_unit_test(test_bytes_of_names), cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_speed), cmocka_unit_test(test_options), cmocka_unit_test(test_options_checks), cmocka_unit_test(test_options_init),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
