/* Recorded exchanges of every provider that speaks one of the two formats, through the codecs. */
#include "../support/codec_replay.h"
#include "../support/recorded.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SPLIT_MAXIMUM = 16 << 10 };

static replay_how how_of(const recorded *e)
{
    int32_t status = (int32_t)recorded_figure(e, RECORDED_STATUS);
    /* A refused streaming call is answered by a plain body. */
    return (replay_how){ .codec = e->codec, .operation = e->operation, .quirks = recorded_preset(e)->quirks, .stream = recorded_figure(e, RECORDED_STREAM) && status == 200, .http_status = status };
}

static void check_usage(const recorded *e, const replay *r)
{
    const llmc_usage *u = &r->usage;
    assert_true(u->flags & LLMC_USAGE_REPORTED);
    assert_int_equal(u->reported_prompt, recorded_figure(e, RECORDED_PROMPT));
    if (recorded_has(e, RECORDED_COMPLETION))
        assert_int_equal(u->reported_completion, recorded_figure(e, RECORDED_COMPLETION));
    recorded_check_quantities(e, u->quantity, u->flags & LLMC_USAGE_PROMPT_EXCLUSIVE);
    if (u->flags & (LLMC_USAGE_TOTAL_DIFFERS | LLMC_USAGE_PROMPT_EXCLUSIVE))
        print_message("%s: total differs or prompt exclusive (flags %u): prompt %s cached %s completion %s reasoning %s total %s\n", e->name, u->flags,
                      e->cells[RECORDED_PROMPT], e->cells[RECORDED_CACHED], e->cells[RECORDED_COMPLETION], e->cells[RECORDED_REASONING], e->cells[RECORDED_TOTAL]);
    if (recorded_has(e, RECORDED_COST) && u->stated_cost_pico >= 0) {
        double stated = (double)u->stated_cost_pico / 1e12, wanted = atof(e->cells[RECORDED_COST]);
        assert_true(stated - wanted < 1e-9 && wanted - stated < 1e-9);
    }
}

static void check_success(const recorded *e, const replay *r)
{
    char *text, *reasoning;
    recorded_said(e, &text, &reasoning);
    if (r->status)
        print_message("%s\n", llmcost_error_message(&r->error));
    assert_int_equal(r->status, LLMCOST_OK);
    assert_string_equal(r->text, text);
    assert_string_equal(r->reasoning, reasoning);
    free(text);
    free(reasoning);
    assert_true(r->text[0] || r->tool_calls || r->reasoning[0] || r->refusal[0] ||
                recorded_figure(e, RECORDED_COMPLETION) == recorded_figure(e, RECORDED_REASONING)); /* nothing was said, or only thought */
    assert_int_equal(r->tool_calls, recorded_tool_calls(e));
    assert_true(r->model[0]);
    if (recorded_has(e, RECORDED_PROMPT))
        check_usage(e, r);
    recorded_check_finish(e, r->finish, r->tool_calls > 0);
}

/* Vectors, read as a tree; base64 by its length alone. vLLM's older one sends double precision. */
static void check_vectors(const recorded *e, const replay *r)
{
    size_t i;
    json_t *item, *body = json_loadb(e->body, e->bytes, 0, NULL);
    size_t word = !strcmp(e->cells[RECORDED_PROVIDER], "vllm") ? 8 : 4;
    char *log = r->log;
    json_array_foreach(json_object_get(body, "data"), i, item) {
        json_t *vector = json_object_get(item, "embedding");
        size_t count = json_array_size(vector), found = 1;
        if (json_is_string(vector))
            count = json_string_length(vector) / 4 * 3 / word;
        char *line = strstr(log, "EMBEDDING"), *end = line ? strchr(line, '\n') : NULL;
        assert_non_null(end);
        for (char *at = strchr(line, '|'); at < end; at++)
            found += *at == ' ';
        assert_int_equal(found, count);
        double norm = 0;
        for (char *at = strchr(line, '|') + 1; at < end; at = strchr(at, ' ') && strchr(at, ' ') < end ? strchr(at, ' ') + 1 : end)
            norm += strtod(at, NULL) * strtod(at, NULL);
        assert_true(norm > 0.9 && norm < 1.1); /* all these are of length one */
        log = end;
    }
    assert_int_equal(i, 1);
    json_decref(body);
}

static void check_other(const recorded *e, const replay *r)
{
    if (r->status)
        print_message("%s\n", llmcost_error_message(&r->error));
    assert_int_equal(r->status, LLMCOST_OK);
    if (e->operation == LLMC_OP_EMBED)
        check_vectors(e, r);
    assert_true(r->usage.flags & LLMC_USAGE_REPORTED);
    if (recorded_has(e, RECORDED_PROMPT))
        assert_int_equal(r->usage.quantity[LLMCOST_INPUT], recorded_figure(e, RECORDED_PROMPT));
    assert_true(r->usage.quantity[LLMCOST_INPUT] > 0);
}

static void check_failure(const recorded *e, const replay *r)
{
    print_message("%s: %s: %s\n", e->name, llmcost_status_name(r->status), llmcost_error_message(&r->error));
    recorded_check_failure(e, r->status);
    assert_int_equal(r->error.status, r->status);
    assert_int_equal(r->error.http_status, recorded_figure(e, RECORDED_STATUS));
    assert_true(llmcost_error_provider_message(&r->error)[0]);
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
    const recorded *e = *state;
    replay_how how = how_of(e);
    replay r;
    replay_whole(&r, &how, e->body, e->bytes);
    if (recorded_fails(e))
        check_failure(e, &r);
    else if (e->operation != LLMC_OP_CHAT)
        check_other(e, &r);
    else
        check_success(e, &r);
    if (how.stream)
        check_splits(e, &r);
    replay_free(&r);
}

int main(void)
{
    recordings all = recordings_read();
    int failures = recordings_run(&all, "recorded exchanges", check_exchange);
    recordings_free(&all);
    return failures;
}
