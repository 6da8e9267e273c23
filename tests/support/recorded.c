#include "recorded.h"

#include "shared.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- one exchange ---- */

bool recorded_has_tag(const recorded *e, const char *tag)
{
    size_t bytes = strlen(tag);
    for (const char *at = e->cells[RECORDED_TAGS]; (at = strstr(at, tag)); at += bytes)
        if ((at == e->cells[RECORDED_TAGS] || at[-1] == ',') && (at[bytes] == ',' || !at[bytes]))
            return true;
    return false;
}

bool recorded_has(const recorded *e, int column)
{
    return e->cells[column][0] != '\0';
}

int64_t recorded_figure(const recorded *e, int column)
{
    return recorded_has(e, column) ? atoll(e->cells[column]) : 0;
}

bool recorded_fails(const recorded *e)
{
    return recorded_figure(e, RECORDED_STATUS) != 200 || recorded_has_tag(e, "error_in_stream") || recorded_has_tag(e, "error_in_200") ||
           recorded_has_tag(e, "error");
}

const llmc_preset *recorded_preset(const recorded *e)
{
    const llmc_preset *preset = llmc_preset_find(e->cells[RECORDED_PROVIDER]);
    return preset ? preset : llmc_preset_find("openai-compatible");
}

uint32_t recorded_tool_calls(const recorded *e)
{
    /* two calls, each complete, with ids of their own under one index: the list counts one */
    if (!strcmp(e->cells[RECORDED_CASE], "chat-stream-tools-cached-reasoning-78c4e1"))
        return 2;
    return (uint32_t)recorded_figure(e, RECORDED_TOOL_CALLS);
}

/* ---- what the body says, read as a tree ---- */

static void add_string(char **sum, json_t *text)
{
    if (!json_is_string(text))
        return;
    size_t length = *sum ? strlen(*sum) : 0;
    *sum = realloc(*sum, length + json_string_length(text) + 1);
    memcpy(*sum + length, json_string_value(text), json_string_length(text) + 1);
}

/* Strings, and arrays of {kind: text} one level deep or two (Mistral's thinking). */
static void add_content(char **sum, json_t *content, const char *kind)
{
    size_t i;
    json_t *part;
    json_array_foreach(content, i, part) {
        add_string(sum, json_object_get(part, kind));
        if (!strcmp(kind, "thinking"))
            add_content(sum, json_object_get(part, kind), "text");
    }
}

/* Responses: the whole one, which the last event of a stream holds too. Summaries are paragraphs; text counts where there is none. */
static void add_response(char **text, char **reasoning, json_t *body)
{
    size_t i, j;
    json_t *item, *part, *whole = json_object_get(body, "response"), *ended = json_object_get(body, "type");
    if (whole && strcmp(json_string_value(ended), "response.completed") != 0 && strcmp(json_string_value(ended), "response.incomplete") != 0)
        return;
    json_array_foreach(json_object_get(whole ? whole : body, "output"), i, item) {
        bool thinks = !strcmp(json_string_value(json_object_get(item, "type")), "reasoning");
        json_t *summary = json_object_get(item, "summary");
        json_array_foreach(thinks && json_array_size(summary) ? summary : json_object_get(item, "content"), j, part) {
            json_t *between = thinks && **reasoning ? json_string("\n\n") : NULL;
            add_string(reasoning, between);
            json_decref(between);
            add_string(thinks ? reasoning : text, json_object_get(part, "text"));
        }
    }
}

static void add_message(const recorded *e, char **text, char **reasoning, json_t *body)
{
    size_t i;
    json_t *choice;
    if (e->codec == &llmc_codec_responses) {
        add_response(text, reasoning, body);
        return;
    }
    if (e->codec == &llmc_codec_anthropic) {
        json_t *block = json_object_get(body, "content_block"), *delta = json_object_get(body, "delta");
        add_content(text, json_object_get(body, "content"), "text");
        add_content(reasoning, json_object_get(body, "content"), "thinking");
        add_string(text, json_object_get(block, "text"));
        add_string(text, json_object_get(delta, "text"));
        add_string(reasoning, json_object_get(delta, "thinking"));
        return;
    }
    json_array_foreach(json_object_get(body, "choices"), i, choice) {
        if (json_number_value(json_object_get(choice, "index")) != 0)
            continue;
        json_t *message = json_object_get(choice, e->cells[RECORDED_STREAM][0] == '1' ? "delta" : "message");
        json_t *content = json_object_get(message, "content"), *first = json_object_get(message, "reasoning_content");
        add_string(text, content);
        add_content(text, content, "text");
        add_content(reasoning, content, "thinking");
        add_string(reasoning, json_is_string(first) ? first : json_object_get(message, "reasoning"));
    }
}

/* What choice 0 says, with line-wise reading of the stream: another way than the library's. */
void recorded_said(const recorded *e, char **text, char **reasoning)
{
    enum { FLAGS = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL };
    *text = strdup("");
    *reasoning = strdup("");
    if (e->cells[RECORDED_STREAM][0] != '1') {
        json_t *body = json_loadb(e->body, e->bytes, FLAGS, NULL);
        add_message(e, text, reasoning, body);
        json_decref(body);
        return;
    }
    char *copy = strndup(e->body, e->bytes), *rest = copy, *line;
    while ((line = strsep(&rest, "\r\n"))) {
        if (strncmp(line, "data:", 5) != 0)
            continue;
        json_t *chunk = json_loads(line + 5, FLAGS, NULL);
        add_message(e, text, reasoning, chunk);
        json_decref(chunk);
    }
    free(copy);
}

/* ---- checks ---- */

static int64_t count_of(const int64_t *quantity, llmcost_class token_class)
{
    return quantity[token_class] > 0 ? quantity[token_class] : 0;
}

static void check_input(const recorded *e, const int64_t *quantity, bool prompt_exclusive)
{
    int64_t input = count_of(quantity, LLMCOST_INPUT), cached = count_of(quantity, LLMCOST_INPUT_CACHED), audio = count_of(quantity, LLMCOST_AUDIO_IN);
    int64_t writes = count_of(quantity, LLMCOST_WRITE_5M) + count_of(quantity, LLMCOST_WRITE_30M) + count_of(quantity, LLMCOST_WRITE_1H);
    assert_int_equal(cached, recorded_figure(e, RECORDED_CACHED));
    assert_int_equal(quantity[LLMCOST_INPUT_CACHED] >= 0, recorded_has(e, RECORDED_CACHED));
    assert_int_equal(audio, recorded_figure(e, RECORDED_AUDIO_IN));
    if (e->codec == &llmc_codec_anthropic || prompt_exclusive)
        assert_int_equal(input, recorded_figure(e, RECORDED_PROMPT));
    else if (!strcmp(e->cells[RECORDED_PROVIDER], "mistral") && audio)
        assert_int_equal(input + cached + writes, recorded_figure(e, RECORDED_PROMPT)); /* audio beside the prompt */
    else
        assert_int_equal(input + cached + writes + audio, recorded_figure(e, RECORDED_PROMPT));
    if (recorded_has(e, RECORDED_WRITE))
        assert_int_equal(writes, recorded_figure(e, RECORDED_WRITE));
    if (recorded_has(e, RECORDED_WRITE_1H))
        assert_int_equal(count_of(quantity, LLMCOST_WRITE_1H), recorded_figure(e, RECORDED_WRITE_1H));
}

void recorded_check_quantities(const recorded *e, const int64_t *quantity, bool prompt_exclusive)
{
    int64_t output = count_of(quantity, LLMCOST_OUTPUT), reasoning = count_of(quantity, LLMCOST_REASONING);
    int64_t completion = recorded_figure(e, RECORDED_COMPLETION), thought = recorded_figure(e, RECORDED_REASONING);
    check_input(e, quantity, prompt_exclusive);
    assert_int_equal(reasoning, thought);
    if (output + reasoning + count_of(quantity, LLMCOST_AUDIO_OUT) == completion)
        return;
    /* beside: told by the total, or because it is the larger */
    assert_int_equal(output, completion);
    assert_true(!strcmp(e->cells[RECORDED_PROVIDER], "xai") || thought > completion ||
                recorded_figure(e, RECORDED_TOTAL) == recorded_figure(e, RECORDED_PROMPT) + completion + thought);
}

llmcost_finish recorded_finish(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "stop", LLMCOST_FINISH_STOP }, { "length", LLMCOST_FINISH_LENGTH }, { "tool_calls", LLMCOST_FINISH_TOOL_CALLS },
        { "tool_use", LLMCOST_FINISH_TOOL_CALLS }, { "end_turn", LLMCOST_FINISH_STOP }, { "max_tokens", LLMCOST_FINISH_LENGTH },
        { "stop_sequence", LLMCOST_FINISH_STOP }, { "max_output_tokens", LLMCOST_FINISH_LENGTH }, { "content_filter", LLMCOST_FINISH_CONTENT_FILTER }, { "error", LLMCOST_FINISH_ERROR },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_NONE;
}

void recorded_check_finish(const recorded *e, llmcost_finish finish, bool has_tool_calls)
{
    llmcost_finish wanted = recorded_finish(e->cells[RECORDED_FINISH]);
    if (!recorded_has(e, RECORDED_FINISH))
        return;
    if (wanted == LLMCOST_FINISH_NONE)
        print_message("%s: finish %s is %d\n", e->name, e->cells[RECORDED_FINISH], (int)finish);
    else if (wanted == LLMCOST_FINISH_STOP && has_tool_calls)
        assert_int_equal(finish, LLMCOST_FINISH_TOOL_CALLS);
    else
        assert_int_equal(finish, wanted);
}

void recorded_check_failure(const recorded *e, llmcost_status status)
{
    int64_t http = recorded_figure(e, RECORDED_STATUS);
    llmcost_category category = llmcost_status_category(status);
    assert_int_not_equal(status, LLMCOST_OK);
    if (recorded_has_tag(e, "context_length"))
        assert_int_equal(status, LLMCOST_E_CONTEXT_LENGTH);
    else if (recorded_has_tag(e, "quota"))
        assert_int_equal(status, LLMCOST_E_QUOTA);
    else if (http == 404)
        assert_int_equal(status, LLMCOST_E_NOT_FOUND);
    else if (http == 401)
        assert_int_equal(status, LLMCOST_E_AUTH);
    else if (http == 429)
        assert_int_equal(category, LLMCOST_CATEGORY_CAPACITY);
    else if (http == 403)
        assert_int_equal(category, LLMCOST_CATEGORY_CREDENTIALS);
    else if (http == 400)
        assert_int_equal(category, status == LLMCOST_E_AUTH ? LLMCOST_CATEGORY_CREDENTIALS : LLMCOST_CATEGORY_REQUEST);
}

/* ---- the list ---- */

static bool is_case(const recorded *e, const char *prefix)
{
    return strncmp(e->cells[RECORDED_CASE], prefix, strlen(prefix)) == 0;
}

static llmc_operation_id operation_of(const recorded *e)
{
    return is_case(e, "embeddings") ? LLMC_OP_EMBED : is_case(e, "count-tokens") ? LLMC_OP_COUNT_TOKENS : LLMC_OP_CHAT;
}

static const llmc_codec *codec_for(const recorded *e)
{
    static const char *const others[] = { "gemini", "vertexai", "bedrock", "cohere", "ollama_cloud" };
    if (!strcmp(e->cells[RECORDED_PROVIDER], "anthropic") && recorded_has_tag(e, "messages"))
        return &llmc_codec_anthropic;
    if (!strcmp(e->cells[RECORDED_PROVIDER], "vertexai") && !strncmp(e->cells[RECORDED_MODEL], "claude", 6))
        return &llmc_codec_anthropic;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (!strcmp(e->cells[RECORDED_PROVIDER], others[i]) && strncmp(e->cells[RECORDED_CASE], "chat", 4) != 0)
            return NULL;
    bool anthropic = !strcmp(e->cells[RECORDED_PROVIDER], "anthropic"), ollama = !strcmp(e->cells[RECORDED_PROVIDER], "ollama");
    if (is_case(e, "count-tokens"))
        return anthropic ? &llmc_codec_anthropic : &llmc_codec_responses;
    if (is_case(e, "responses"))
        return &llmc_codec_responses;
    return is_case(e, "chat") || (is_case(e, "embeddings") && !ollama) ? &llmc_codec_openai : NULL;
}

char *recorded_part(const recorded *e, const char *part, size_t *bytes)
{
    char path[2000];
    snprintf(path, sizeof path, "%s/fixtures/%s/%s", shared_folder(), e->name, part);
    return read_file(path, bytes);
}

static void add_exchange(recordings *all, char *line, recorded_codec_fn choose)
{
    recorded e = { 0 };
    for (int i = 0; i < RECORDED_COLUMNS; i++) {
        e.cells[i] = strsep(&line, "\t");
        if (!e.cells[i])
            return;
    }
    snprintf(e.name, sizeof e.name, "%s/%s", e.cells[RECORDED_PROVIDER], e.cells[RECORDED_CASE]);
    e.codec = choose(&e);
    e.operation = operation_of(&e);
    e.body = e.codec ? recorded_part(&e, "response.body", &e.bytes) : NULL;
    if (!e.body)
        return;
    e.meta = recorded_part(&e, "response.meta.json", NULL);
    e.request = recorded_part(&e, "request.json", NULL);
    all->list = realloc(all->list, (all->count + 1) * sizeof *all->list);
    all->list[all->count++] = e;
}

recordings recordings_read(void)
{
    return recordings_read_for(codec_for, 100);
}

recordings recordings_read_for(recorded_codec_fn choose, size_t least)
{
    char path[1100];
    recordings all = { .least = least };
    snprintf(path, sizeof path, "%s/fixtures/INDEX.tsv", shared_folder());
    all.index = *shared_folder() ? read_file(path, NULL) : NULL;
    char *rest = all.index, *line;
    strsep(&rest, "\n");
    while (rest && (line = strsep(&rest, "\n")))
        add_exchange(&all, line, choose);
    return all;
}

void recordings_free(recordings *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->list[i].body);
        free(all->list[i].meta);
        free(all->list[i].request);
    }
    free(all->list);
    free(all->index);
}

static void recordings_are_there(void **state)
{
    const recordings *all = *state;
    if (!all->count) {
        print_message("no recorded exchanges beside the checkout (fixtures/INDEX.tsv)\n");
        skip();
    }
    assert_true(all->count >= all->least);
}

int recordings_run(recordings *all, const char *group, void (*test)(void **state))
{
    struct CMUnitTest *tests = calloc(all->count + 1, sizeof *tests);
    tests[0] = (struct CMUnitTest){ "recordings_are_there", recordings_are_there, NULL, NULL, all };
    for (size_t i = 0; i < all->count; i++)
        tests[i + 1] = (struct CMUnitTest){ all->list[i].name, test, NULL, NULL, &all->list[i] };
    int failures = _cmocka_run_group_tests(group, tests, all->count + 1, NULL, NULL);
    free(tests);
    return failures;
}
