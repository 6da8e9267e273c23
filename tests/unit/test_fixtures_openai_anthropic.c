/* Recorded exchanges of every provider that speaks one of the two formats, through the codecs. */
#include "../support/codec_replay.h"
#include "../support/shared.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COLUMNS = 23, SPLIT_MAXIMUM = 16 << 10 };
enum column { PROVIDER, CASE, STATUS, STREAM, TAGS, MODEL, PROMPT, COMPLETION, CACHED, REASONING, WRITE, WRITE_5M, WRITE_1H, AUDIO_IN, AUDIO_OUT, TOTAL,
              BILLED_IN, BILLED_OUT, COST, FINISH, TOOL_CALLS, BODY_BYTES, SOURCE };

typedef struct exchange {
    char *cells[COLUMNS];
    char *body;
    size_t bytes;
    const llmc_codec *codec;
} exchange;

static char folder[1000];
static char *index_text;
static exchange *exchanges;
static struct CMUnitTest *tests;
static size_t count;

static bool has_tag(const exchange *e, const char *tag)
{
    size_t bytes = strlen(tag);
    for (const char *at = e->cells[TAGS]; (at = strstr(at, tag)); at += bytes)
        if ((at == e->cells[TAGS] || at[-1] == ',') && (at[bytes] == ',' || !at[bytes]))
            return true;
    return false;
}

static bool is_reported(const exchange *e, enum column column)
{
    return e->cells[column][0] != '\0';
}

static int64_t figure(const exchange *e, enum column column)
{
    return is_reported(e, column) ? atoll(e->cells[column]) : 0;
}

static int64_t quantity(const llmc_usage *usage, llmcost_class token_class)
{
    return usage->quantity[token_class] > 0 ? usage->quantity[token_class] : 0;
}

static replay_how how_of(const exchange *e)
{
    const llmc_preset *preset = llmc_preset_find(e->cells[PROVIDER]);
    if (!preset)
        preset = llmc_preset_find("openai-compatible");
    int32_t status = atoi(e->cells[STATUS]);
    /* A refused streaming call is answered by a plain body. */
    return (replay_how){ .codec = e->codec, .quirks = preset->quirks, .stream = e->cells[STREAM][0] == '1' && status == 200, .http_status = status };
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

static void add_message(const exchange *e, char **text, char **reasoning, json_t *body)
{
    size_t i;
    json_t *choice;
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
        json_t *message = json_object_get(choice, e->cells[STREAM][0] == '1' ? "delta" : "message");
        json_t *content = json_object_get(message, "content"), *first = json_object_get(message, "reasoning_content");
        add_string(text, content);
        add_content(text, content, "text");
        add_content(reasoning, content, "thinking");
        add_string(reasoning, json_is_string(first) ? first : json_object_get(message, "reasoning"));
    }
}

/* What choice 0 says, with line-wise reading of the stream: another way than the library's. */
static void read_expected(const exchange *e, char **text, char **reasoning)
{
    enum { FLAGS = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL };
    *text = strdup("");
    *reasoning = strdup("");
    if (e->cells[STREAM][0] != '1') {
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

static void check_usage(const exchange *e, const replay *r)
{
    const llmc_usage *u = &r->usage;
    bool exclusive = e->codec == &llmc_codec_anthropic;
    int64_t input = quantity(u, LLMCOST_INPUT), cached = quantity(u, LLMCOST_INPUT_CACHED);
    int64_t writes = quantity(u, LLMCOST_WRITE_5M) + quantity(u, LLMCOST_WRITE_30M) + quantity(u, LLMCOST_WRITE_1H);
    int64_t output = quantity(u, LLMCOST_OUTPUT), reasoning = quantity(u, LLMCOST_REASONING), audio = quantity(u, LLMCOST_AUDIO_IN);
    assert_true(u->flags & LLMC_USAGE_REPORTED);
    assert_int_equal(u->reported_prompt, figure(e, PROMPT));
    if (is_reported(e, COMPLETION))
        assert_int_equal(u->reported_completion, figure(e, COMPLETION));
    assert_int_equal(cached, figure(e, CACHED));
    assert_int_equal(u->quantity[LLMCOST_INPUT_CACHED] >= 0, is_reported(e, CACHED));
    assert_int_equal(reasoning, figure(e, REASONING));
    assert_int_equal(audio, figure(e, AUDIO_IN));
    if (exclusive || (u->flags & LLMC_USAGE_PROMPT_EXCLUSIVE))
        assert_int_equal(input, figure(e, PROMPT));
    else if (!strcmp(e->cells[PROVIDER], "mistral") && figure(e, AUDIO_IN))
        assert_int_equal(input + cached + writes, figure(e, PROMPT)); /* audio beside the prompt */
    else
        assert_int_equal(input + cached + writes + audio, figure(e, PROMPT));
    if (is_reported(e, WRITE))
        assert_int_equal(writes, figure(e, WRITE));
    if (is_reported(e, WRITE_1H))
        assert_int_equal(quantity(u, LLMCOST_WRITE_1H), figure(e, WRITE_1H));
    if (output + reasoning + quantity(u, LLMCOST_AUDIO_OUT) != figure(e, COMPLETION)) {
        /* beside: told by the total, or because it is the larger */
        assert_int_equal(output, figure(e, COMPLETION));
        assert_true(!strcmp(e->cells[PROVIDER], "xai") || figure(e, REASONING) > figure(e, COMPLETION) ||
                    figure(e, TOTAL) == figure(e, PROMPT) + figure(e, COMPLETION) + figure(e, REASONING));
    }
    if (u->flags & (LLMC_USAGE_TOTAL_DIFFERS | LLMC_USAGE_PROMPT_EXCLUSIVE))
        print_message("%s/%s: total differs or prompt exclusive (flags %u): prompt %s cached %s completion %s reasoning %s total %s\n", e->cells[PROVIDER],
                      e->cells[CASE], u->flags, e->cells[PROMPT], e->cells[CACHED], e->cells[COMPLETION], e->cells[REASONING], e->cells[TOTAL]);
    if (is_reported(e, COST) && u->stated_cost_pico >= 0) {
        double stated = (double)u->stated_cost_pico / 1e12, wanted = atof(e->cells[COST]);
        assert_true(stated - wanted < 1e-9 && wanted - stated < 1e-9);
    }
}

static llmcost_finish wanted_finish(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "stop", LLMCOST_FINISH_STOP }, { "length", LLMCOST_FINISH_LENGTH }, { "tool_calls", LLMCOST_FINISH_TOOL_CALLS },
        { "tool_use", LLMCOST_FINISH_TOOL_CALLS }, { "end_turn", LLMCOST_FINISH_STOP }, { "max_tokens", LLMCOST_FINISH_LENGTH },
        { "stop_sequence", LLMCOST_FINISH_STOP }, { "content_filter", LLMCOST_FINISH_CONTENT_FILTER }, { "error", LLMCOST_FINISH_ERROR },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_NONE;
}

static void check_success(const exchange *e, const replay *r)
{
    char *text, *reasoning;
    read_expected(e, &text, &reasoning);
    if (r->status)
        print_message("%s\n", llmcost_error_message(&r->error));
    assert_int_equal(r->status, LLMCOST_OK);
    assert_string_equal(r->text, text);
    assert_string_equal(r->reasoning, reasoning);
    free(text);
    free(reasoning);
    assert_true(r->text[0] || r->tool_calls || r->reasoning[0] || r->refusal[0] || figure(e, COMPLETION) == 0);
    if (!strcmp(e->cells[CASE], "chat-stream-tools-cached-reasoning-78c4e1"))
        assert_int_equal(r->tool_calls, 2); /* two calls, each complete, with ids of their own under one index: the list counts one */
    else
        assert_int_equal(r->tool_calls, figure(e, TOOL_CALLS));
    assert_true(r->model[0]);
    if (is_reported(e, PROMPT))
        check_usage(e, r);
    if (!is_reported(e, FINISH))
        return;
    llmcost_finish wanted = wanted_finish(e->cells[FINISH]);
    if (wanted == LLMCOST_FINISH_NONE)
        print_message("%s/%s: finish %s is %d\n", e->cells[PROVIDER], e->cells[CASE], e->cells[FINISH], (int)r->finish);
    else if (wanted == LLMCOST_FINISH_STOP && r->tool_calls)
        assert_int_equal(r->finish, LLMCOST_FINISH_TOOL_CALLS);
    else
        assert_int_equal(r->finish, wanted);
}

static void check_failure(const exchange *e, const replay *r)
{
    int status = atoi(e->cells[STATUS]);
    assert_int_not_equal(r->status, LLMCOST_OK);
    print_message("%s/%s: %s: %s\n", e->cells[PROVIDER], e->cells[CASE], llmcost_status_name(r->status), llmcost_error_message(&r->error));
    assert_int_equal(r->error.status, r->status);
    assert_int_equal(r->error.http_status, status);
    assert_true(llmcost_error_provider_message(&r->error)[0]);
    if (has_tag(e, "context_length"))
        assert_int_equal(r->status, LLMCOST_E_CONTEXT_LENGTH);
    else if (has_tag(e, "quota"))
        assert_int_equal(r->status, LLMCOST_E_QUOTA);
    else if (has_tag(e, "model_not_found") && status == 404)
        assert_int_equal(r->status, LLMCOST_E_NOT_FOUND);
    else if (status == 401)
        assert_int_equal(r->status, LLMCOST_E_AUTH);
    else if (status == 404)
        assert_int_equal(r->status, LLMCOST_E_NOT_FOUND);
    else if (status == 429)
        assert_int_equal(llmcost_status_category(r->status), LLMCOST_CATEGORY_CAPACITY);
    else if (status == 403)
        assert_int_equal(llmcost_status_category(r->status), LLMCOST_CATEGORY_CREDENTIALS);
    else if (status == 400)
        assert_int_equal(llmcost_status_category(r->status), status == 400 && r->status == LLMCOST_E_AUTH ? LLMCOST_CATEGORY_CREDENTIALS : LLMCOST_CATEGORY_REQUEST);
}

static void same(const replay *wanted, replay *got, const exchange *e, size_t where)
{
    if (strcmp(wanted->log, got->log) != 0 || wanted->status != got->status)
        fail_msg("%s/%s: differs when cut at or by %zu", e->cells[PROVIDER], e->cells[CASE], where);
    replay_free(got);
}

static size_t random_piece(size_t at, void *user)
{
    uint64_t *seed = user;
    (void)at;
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return 1 + (size_t)(*seed >> 33) % 300;
}

static void check_splits(const exchange *e, const replay *wanted)
{
    replay_how how = how_of(e);
    replay got;
    replay_by(&got, &how, e->body, e->bytes, 1);
    same(wanted, &got, e, 1);
    if (e->bytes <= SPLIT_MAXIMUM) {
        for (size_t i = 1; i < e->bytes; i++) {
            replay_split(&got, &how, e->body, e->bytes, i);
            same(wanted, &got, e, i);
        }
        return;
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

static void check_exchange(void **state)
{
    const exchange *e = *state;
    replay_how how = how_of(e);
    replay r;
    replay_whole(&r, &how, e->body, e->bytes);
    bool failed = how.http_status != 200 || has_tag(e, "error_in_stream") || has_tag(e, "error_in_200") || has_tag(e, "error");
    if (failed)
        check_failure(e, &r);
    else
        check_success(e, &r);
    if (how.stream)
        check_splits(e, &r);
    replay_free(&r);
}

/* ---- the list ---- */

static const llmc_codec *codec_for(const exchange *e)
{
    static const char *const others[] = { "gemini", "vertexai", "bedrock", "cohere", "ollama_cloud" };
    if (!strcmp(e->cells[PROVIDER], "anthropic") && has_tag(e, "messages"))
        return &llmc_codec_anthropic;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (!strcmp(e->cells[PROVIDER], others[i]) && strncmp(e->cells[CASE], "chat", 4) != 0)
            return NULL;
    return strncmp(e->cells[CASE], "chat", 4) == 0 ? &llmc_codec_openai : NULL;
}

static void add_exchange(char *line)
{
    exchange e = { 0 };
    char path[2000];
    for (int i = 0; i < COLUMNS; i++) {
        e.cells[i] = strsep(&line, "\t");
        if (!e.cells[i])
            return;
    }
    e.codec = codec_for(&e);
    if (!e.codec)
        return;
    snprintf(path, sizeof path, "%s/fixtures/%s/%s/response.body", folder, e.cells[PROVIDER], e.cells[CASE]);
    e.body = read_file(path, &e.bytes);
    if (!e.body)
        return;
    exchanges = realloc(exchanges, (count + 1) * sizeof *exchanges);
    exchanges[count++] = e;
}

static void recordings_are_there(void **state)
{
    (void)state;
    if (!count)
        skip();
    assert_true(count > 100);
}

int main(void)
{
    char path[1100];
    snprintf(folder, sizeof folder, "%s", shared_folder());
    snprintf(path, sizeof path, "%s/fixtures/INDEX.tsv", folder);
    index_text = folder[0] ? read_file(path, NULL) : NULL;
    char *rest = index_text, *line;
    strsep(&rest, "\n");
    while (rest && (line = strsep(&rest, "\n")))
        add_exchange(line);
    tests = calloc(count + 1, sizeof *tests);
    tests[0] = (struct CMUnitTest){ "recordings_are_there", recordings_are_there, NULL, NULL, NULL };
    for (size_t i = 0; i < count; i++) {
        char *name = malloc(300);
        snprintf(name, 300, "%s/%s", exchanges[i].cells[PROVIDER], exchanges[i].cells[CASE]);
        tests[i + 1] = (struct CMUnitTest){ name, check_exchange, NULL, NULL, &exchanges[i] };
    }
    int failures = _cmocka_run_group_tests("recorded exchanges", tests, count + 1, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)tests[i + 1].name);
        free(exchanges[i].body);
    }
    free(tests);
    free(exchanges);
    free(index_text);
    return failures;
}
