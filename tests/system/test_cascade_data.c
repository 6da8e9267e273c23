/*
 * Recorded answers of a cheap and a dear model to the same questions, through a cascade over real HTTP. The loopback
 * provider says what the models said then; the bill, the lines and the savings are computed here once more, by hand.
 *
 * Words: PGR = (accuracy - weak) / (strong - weak). The cost ratio is against the strong model alone, the cheap answers
 * that were thrown away included.
 */
#include "../support/shared.h"

#include <llmcost/mock.h>

#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Nano-dollars per token: 0.24 and 24.7 dollars per million. The judge costs what the small model costs. */
enum { SMALL_RATE = 240, LARGE_RATE = 24700, JUDGE_RATE = 240 };
enum { SMALL, LARGE };
#define INSTRUCTION "If you are not sure that you are right, reply UNCERTAIN."
_Static_assert((sizeof INSTRUCTION - 1) % 4 == 0, "whole tokens, so that they can be told from the question's");

typedef struct row {
    char *question, *answer[2];
    bool right[2];    /* as recorded */
    bool passes;      /* the small model's number is the truth */
} row;

typedef struct data_set {
    row *rows;
    size_t count;
} data_set;

/* A way to run the questions. */
typedef struct plan {
    const char *name, *model, *escalate_on;
    int only;             /* SMALL or LARGE: no cascade; -1 */
    bool host_judge, streamed, last_line;
    double judge_errs;    /* a model judges, and is wrong so often; below 0: no such judge */
    double says_unsure;   /* the small model says the marker so often when it is wrong; below 0: no marker */
    double false_alarm;   /* and so often when it is right */
} plan;

/* What a run came to. */
typedef struct tally {
    int64_t cost, baseline, saved;
    size_t calls, right, escalations, legs;
} tally;

static data_set gsm8k, mmlu;

/* ---- reading ---- */

/* The number behind "####", else the last one. Digits only, so that no locale and no comma is in the way. */
static void number_of(const char *text, char out[40])
{
    const char *mark = NULL, *best = NULL;
    for (const char *at = text; (at = strstr(at, "####")); at += 4)
        mark = at;
    for (const char *at = mark ? mark : text; *at; at++) {
        bool starts = *at >= '0' && *at <= '9' && (at == text || !strchr("0123456789.,", at[-1]));
        if (!starts)
            continue;
        best = at > text && at[-1] == '-' ? at - 1 : at;
        if (mark)
            break;
    }
    size_t length = 0;
    bool fraction = false, zero = true;
    for (; best && *best && strchr("-0123456789.,", *best) && length < 39; best++) {
        if (*best == ',')
            continue;
        if (*best == '.' && (fraction || best[1] < '0' || best[1] > '9'))
            break;
        fraction = fraction || *best == '.';
        zero = zero && (!fraction || *best == '.' || *best == '0');
        out[length++] = *best;
    }
    out[length] = '\0';
    char *point = strchr(out, '.');
    if (point && zero)
        *point = '\0'; /* 3.0 */
}

static bool same_number(const char *answer, const char *truth)
{
    char said[40], wanted[40];
    number_of(answer, said);
    number_of(truth, wanted);
    return said[0] && strcmp(said, wanted) == 0;
}

static void add_row(data_set *set, row fresh)
{
    set->rows = realloc(set->rows, (set->count + 1) * sizeof *set->rows);
    assert_non_null(set->rows);
    set->rows[set->count++] = fresh;
}

static void add_gsm8k(json_t *line)
{
    static const char *const models[2] = { "mixtral-8x7b", "gpt-4-1106" };
    if (json_is_true(json_object_get(line, "contaminated")))
        return;
    row fresh = { .question = strdup(json_string_value(json_object_get(line, "prompt"))) };
    for (int i = 0; i < 2; i++) {
        json_t *answer = json_object_get(json_object_get(line, "answers"), models[i]);
        fresh.answer[i] = strdup(json_string_value(json_object_get(answer, "text")));
        fresh.right[i] = json_is_true(json_object_get(answer, "correct"));
    }
    fresh.passes = same_number(fresh.answer[SMALL], json_string_value(json_object_get(line, "truth")));
    add_row(&gsm8k, fresh);
}

static const row *find_row(const data_set *set, const char *question, bool within);

/* Only right or wrong is recorded: the answers are made up. Of questions that are there twice the first counts. */
static void add_mmlu(json_t *line)
{
    static const char *const verdicts[2][2] = { { "weak and wrong", "weak and right" }, { "strong and wrong", "strong and right" } };
    const char *question = json_string_value(json_object_get(line, "prompt"));
    if (find_row(&mmlu, question, false))
        return;
    row fresh = { .question = strdup(question) };
    fresh.right[SMALL] = fresh.passes = json_is_true(json_object_get(line, "weak"));
    fresh.right[LARGE] = json_is_true(json_object_get(line, "strong"));
    for (int i = 0; i < 2; i++)
        fresh.answer[i] = strdup(verdicts[i][fresh.right[i]]);
    add_row(&mmlu, fresh);
}

static void read_lines(const char *name, void (*add)(json_t *line))
{
    char path[1100];
    snprintf(path, sizeof path, "%s/data/cascade/%s", shared_folder(), name);
    char *text = *shared_folder() ? read_file(path, NULL) : NULL, *rest = text, *line;
    while (rest && (line = strsep(&rest, "\n"))) {
        json_t *object = json_loads(line, 0, NULL);
        if (object)
            add(object);
        json_decref(object);
    }
    free(text);
}

static void free_rows(data_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->rows[i].question);
        free(set->rows[i].answer[SMALL]);
        free(set->rows[i].answer[LARGE]);
    }
    free(set->rows);
}

static const row *find_row(const data_set *set, const char *question, bool within)
{
    for (size_t i = 0; i < set->count; i++) {
        const row *r = &set->rows[i];
        if (within ? strstr(question, r->question) != NULL : strcmp(question, r->question) == 0)
            return r;
    }
    return NULL;
}

/* ---- what the models do ---- */

/* The same question always has the same luck, whatever else is asked. */
static bool happens(double share, const data_set *set, const row *r, uint64_t seed)
{
    uint64_t x = seed + UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(r - set->rows + 1);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((x ^ (x >> 31)) >> 11) / 9007199254740992.0 < share;
}

static bool is_unsure(const plan *p, const data_set *set, const row *r)
{
    return p->says_unsure >= 0 && happens(r->right[SMALL] ? p->false_alarm : p->says_unsure, set, r, 1);
}

static bool judge_accepts(const plan *p, const data_set *set, const row *r)
{
    return r->right[SMALL] != happens(p->judge_errs, set, r, 2);
}

/* What the small model says. The marker comes in all its places; as a last line only where nothing was shown before. */
static const char *small_says(const plan *p, const data_set *set, const row *r, char *space, size_t bytes)
{
    if (!is_unsure(p, set, r))
        return r->answer[SMALL];
    int form = happens(0.5, set, r, 3) ? 0 : happens(0.5, set, r, 4) || !p->last_line ? 1 : 2;
    if (form == 2)
        snprintf(space, bytes, "%s\nUNCERTAIN", r->answer[SMALL]);
    const char *alone = happens(0.5, set, r, 5) ? "UNCERTAIN" : " **UNCERTAIN** \n";
    return form == 0 ? alone : form == 1 ? "UNCERTAIN.\nThere are several ways to read this." : space;
}

static int64_t tokens(size_t bytes)
{
    return ((int64_t)bytes + 3) / 4;
}

typedef struct provider {
    const plan *plan;
    const data_set *set;
    atomic_size_t asked[3], strange;
} provider;

static int answer_question(llmcost_mock_exchange *exchange, void *user)
{
    static const char *const models[] = { "mixtral-8x7b", "gpt-4-1106", "judge" };
    static char space[1 << 16];
    provider *p = user;
    size_t user_bytes, system_bytes, model = 0;
    while (model < 3 && strcmp(llmcost_mock_exchange_model(exchange), models[model]) != 0)
        model++;
    const char *question = llmcost_mock_exchange_user(exchange, &user_bytes);
    llmcost_mock_exchange_system(exchange, &system_bytes);
    const row *r = model < 3 ? find_row(p->set, question, model == 2) : NULL;
    bool instructed = model == SMALL && p->plan->says_unsure >= 0;
    if (!r || (model == 2 ? !strstr(question, r->answer[SMALL]) : system_bytes != (instructed ? sizeof INSTRUCTION - 1 : 0))) {
        p->strange++;
        return 0;
    }
    p->asked[model]++;
    const char *text = model == LARGE ? r->answer[LARGE] : small_says(p->plan, p->set, r, space, sizeof space);
    if (model == 2)
        text = judge_accepts(p->plan, p->set, r) ? "YES" : "NO";
    int64_t prompt = model == 2 ? tokens(strlen(r->question) + strlen(r->answer[SMALL])) : tokens(user_bytes + system_bytes);
    llmcost_mock_exchange_usage(exchange, prompt, tokens(strlen(text)), 0);
    return llmcost_mock_exchange_text(exchange, text, 0) == LLMCOST_OK;
}

static int compare_numbers(const llmcost_judgement *judgement, void *user)
{
    const row *r = find_row(user, judgement->question, false);
    return !r || strcmp(judgement->answer, r->answer[SMALL]) != 0 ? -1 : r->passes;
}

/* ---- one call ---- */

typedef struct expected {
    bool escalates;
    int64_t line[3]; /* what each line costs */
    const char *purpose[3], *model[3];
    size_t lines;
    int64_t baseline, answered; /* the cost of the line that answered */
    const char *text;
} expected;

static void expect_line(expected *e, const char *purpose, const char *model, int64_t cost)
{
    e->purpose[e->lines] = purpose;
    e->model[e->lines] = model;
    e->line[e->lines++] = cost;
}

static expected expect(const plan *p, const data_set *set, const row *r)
{
    static char space[1 << 16];
    expected e = { .text = r->answer[p->only == SMALL ? SMALL : LARGE] };
    const char *said = small_says(p, set, r, space, sizeof space);
    size_t question = strlen(r->question), extra = p->says_unsure >= 0 ? sizeof INSTRUCTION - 1 : 0;
    int64_t small = (tokens(question + extra) + tokens(strlen(said))) * SMALL_RATE;
    int64_t large = (tokens(question) + tokens(strlen(r->answer[LARGE]))) * LARGE_RATE;
    if (p->only >= 0) {
        expect_line(&e, "answer", p->only == SMALL ? "mixtral-8x7b" : "gpt-4-1106", e.answered = e.baseline = p->only == SMALL ? small : large);
        return e;
    }
    e.escalates = p->host_judge ? !r->passes : p->judge_errs >= 0 ? !judge_accepts(p, set, r) : is_unsure(p, set, r);
    e.answered = e.escalates ? large : small;
    e.baseline = e.escalates ? large : (tokens(question) + tokens(strlen(said))) * LARGE_RATE;
    expect_line(&e, "cascade", "mixtral-8x7b", small);
    if (p->judge_errs >= 0)
        expect_line(&e, "judge", "judge", (tokens(question + strlen(r->answer[SMALL])) + tokens(judge_accepts(p, set, r) ? 3 : 2)) * JUDGE_RATE);
    if (e.escalates)
        expect_line(&e, "cascade", "gpt-4-1106", large);
    if (!e.escalates)
        e.text = r->answer[SMALL];
    return e;
}

static int64_t integer(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static int64_t check_lines(const llmcost_response *response, const expected *e)
{
    int64_t total = 0;
    assert_int_equal(llmcost_response_line_count(response), e->lines);
    for (uint32_t i = 0; i < e->lines; i++) {
        int64_t cost = -1;
        assert_string_equal(llmcost_response_line_text(response, i, "purpose"), e->purpose[i]);
        assert_string_equal(llmcost_response_line_text(response, i, "model"), e->model[i]);
        assert_int_equal(llmcost_response_line_number(response, i, "cost_nano", &cost), 1);
        assert_int_equal(cost, e->line[i]);
        total += e->line[i];
    }
    return total;
}

static void check_call(const llmcost_response *response, const expected *e, tally *t)
{
    assert_string_equal(llmcost_response_text(response), e->text);
    assert_string_equal(llmcost_response_model_name(response), e->escalates ? "gpt-4-1106" : e->model[0]);
    assert_int_equal(llmcost_response_is_altered(response), 0);
    int64_t total = check_lines(response, e), by_policy = 0;
    assert_int_equal(llmcost_response_cost_nano(response), total);
    assert_int_equal(llmcost_response_saved_nano(response), e->baseline - total);
    json_t *receipt = json_loads(llmcost_response_receipt(response), 0, NULL), *saved = json_object_get(receipt, "saved"), *value;
    const char *policy;
    assert_int_equal(integer(receipt, "cost_nano"), total);
    assert_int_equal(integer(receipt, "escalations"), e->escalates);
    assert_int_equal(integer(json_object_get(receipt, "baseline"), "cost_nano"), e->baseline);
    assert_int_equal(integer(saved, "route"), e->baseline - e->answered);
    assert_int_equal(integer(saved, "overhead"), e->answered - total);
    json_object_foreach(saved, policy, value)
        by_policy += json_integer_value(value);
    assert_int_equal(by_policy, e->baseline - total);
    json_decref(receipt);
    t->cost += total;
    t->baseline += e->baseline;
    t->escalations += e->escalates;
    t->legs += e->lines;
    t->calls++;
}

typedef struct heard {
    char text[1 << 16];
    size_t bytes;
} heard;

static int hear(const llmcost_event *event, void *user)
{
    heard *h = user;
    size_t bytes;
    const char *text = llmcost_event_text(event, &bytes);
    if (llmcost_event_get_kind(event) != LLMCOST_EVENT_TEXT || h->bytes + bytes >= sizeof h->text)
        return llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT;
    memcpy(h->text + h->bytes, text, bytes);
    h->bytes += bytes;
    h->text[h->bytes] = '\0';
    return 0;
}

static void ask(llmcost_client *client, const plan *p, const data_set *set, const row *r, tally *t)
{
    static heard h;
    llmcost_message message = { .role = LLMCOST_USER, .text = r->question };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = p->model;
    request.messages = &message;
    request.message_count = 1;
    h.bytes = 0;
    h.text[0] = '\0';
    llmcost_response *response = NULL;
    llmcost_status status = p->streamed ? llmcost_chat_stream(client, &request, hear, &h, &response) : llmcost_chat(client, &request, &response);
    if (status)
        print_message("%s\n", llmcost_error_message(llmcost_response_error(response)));
    assert_int_equal(status, LLMCOST_OK);
    expected e = expect(p, set, r);
    check_call(response, &e, t);
    if (p->streamed)
        assert_string_equal(h.text, e.text);
    t->right += r->right[p->only == LARGE || e.escalates ? LARGE : SMALL];
    llmcost_response_free(response);
}

/* ---- one run ---- */

static llmcost_client *open_client(const llmcost_mock *mock, const plan *p)
{
    char config[3000];
    snprintf(config, sizeof config,
             "{\"providers\": {\"replay\": {\"base_url\": \"%s/v1\", \"catalog\": \"replay\", \"free\": false}},"
             " \"models\": {\"small\": \"replay/mixtral-8x7b\", \"large\": \"replay/gpt-4-1106\", \"judge\": \"replay/judge\"},"
             " \"routes\": {\"support\": {\"cascade\": [\"small\", \"large\"], \"escalate_on\": %s}},"
             " \"prices\": {\"llmcost_prices\": 1, \"unit\": \"per_million_tokens\", \"currency\": \"USD\", \"models\": {"
             "   \"replay/mixtral-8x7b\": {\"input\": 0.24, \"output\": 0.24}, \"replay/gpt-4-1106\": {\"input\": 24.7, \"output\": 24.7},"
             "   \"replay/judge\": {\"input\": 0.24, \"output\": 0.24}}}}",
             llmcost_mock_url(mock), p->escalate_on ? p->escalate_on : "{\"marker\": true}");
    llmcost_client *client = NULL;
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    options.error = &error;
    if (llmcost_client_open(&client, config, &options))
        fail_msg("%s", llmcost_error_message(error));
    return client;
}

static void check_report(llmcost_client *client, const tally *t)
{
    char *text = NULL;
    assert_int_equal(llmcost_report(client, "json", &text), LLMCOST_OK);
    json_t *report = json_loads(text, 0, NULL), *total = json_object_get(report, "total");
    assert_int_equal(integer(total, "calls"), t->calls);
    assert_int_equal(integer(total, "failed"), 0);
    assert_int_equal(integer(total, "cost_nano"), t->cost);
    assert_int_equal(integer(total, "baseline_nano"), t->baseline);
    assert_int_equal(integer(total, "saved_nano"), t->baseline - t->cost);
    assert_int_equal(integer(total, "escalations"), t->escalations);
    json_decref(report);
    llmcost_string_free(text);
}

static tally run(const plan *p, data_set *set)
{
    provider served = { .plan = p, .set = set };
    llmcost_mock_options options = LLMCOST_MOCK_OPTIONS_INIT;
    options.on_request = answer_question;
    options.on_request_user = &served;
    options.record_requests = -1;
    llmcost_mock *mock = NULL;
    assert_int_equal(llmcost_mock_start(&mock, NULL, &options), LLMCOST_OK);
    llmcost_client *client = open_client(mock, p);
    assert_int_equal(llmcost_client_add_judge(client, "numbers", compare_numbers, set), LLMCOST_OK);
    tally t = { 0 };
    for (size_t i = 0; i < set->count; i++)
        ask(client, p, set, &set->rows[i], &t);
    assert_int_equal(served.strange, 0);
    assert_int_equal(served.asked[0] + served.asked[1] + served.asked[2], t.legs);
    assert_int_equal(served.asked[LARGE], p->only == LARGE ? t.calls : t.escalations);
    assert_int_equal(served.asked[2], p->judge_errs >= 0 ? t.calls : 0);
    assert_int_equal(llmcost_mock_request_count(mock), t.legs);
    check_report(client, &t);
    assert_int_equal(llmcost_client_close(client), LLMCOST_OK);
    assert_int_equal(llmcost_mock_stop(mock), LLMCOST_OK);
    return t;
}

static void print_tally(const plan *p, const tally *t, const tally *weak, const tally *strong)
{
    double gap = (double)strong->right - (double)weak->right;
    print_message("%-34s accuracy %5.1f%%  PGR %5.2f  to the strong model %5.1f%%  cost $%.6f  ratio %.3f\n", p->name, 100.0 * (double)t->right / (double)t->calls,
                  ((double)t->right - (double)weak->right) / gap, p->only == LARGE ? 100.0 : 100.0 * (double)t->escalations / (double)t->calls, (double)t->cost / 1e9,
                  (double)t->cost / (double)strong->cost);
}

static const plan large_alone = { .name = "the large model alone", .model = "large", .only = LARGE, .judge_errs = -1, .says_unsure = -1 };
static const plan small_alone = { .name = "the small model alone", .model = "small", .only = SMALL, .judge_errs = -1, .says_unsure = -1 };
static const plan oracle = { .name = "cascade, a judge that knows", .model = "support", .escalate_on = "{\"judge\": \"host:numbers\"}", .only = -1, .host_judge = true,
                             .judge_errs = -1, .says_unsure = -1 };

static void run_all(data_set *set, const plan *plans, size_t count)
{
    tally strong = run(&large_alone, set), weak = run(&small_alone, set);
    print_message("%zu questions\n", set->count);
    print_tally(&large_alone, &strong, &weak, &strong);
    print_tally(&small_alone, &weak, &weak, &strong);
    for (size_t i = 0; i < count; i++) {
        tally t = run(&plans[i], set);
        print_tally(&plans[i], &t, &weak, &strong);
        assert_true(t.cost < strong.cost && t.cost > weak.cost);
        assert_true(t.right > weak.right);
        assert_true(t.escalations > 0 && t.escalations < t.calls);
    }
}

static void questions_of_arithmetic(void **state)
{
    (void)state;
    static const plan streamed_oracle = { .name = "the same, streamed", .model = "support", .escalate_on = "{\"judge\": \"host:numbers\"}", .only = -1, .host_judge = true,
                                          .streamed = true, .judge_errs = -1, .says_unsure = -1 };
    const plan plans[] = {
        oracle,
        streamed_oracle,
        { .name = "a judge model, wrong in 10%", .model = "support", .only = -1, .judge_errs = 0.1, .says_unsure = -1,
          .escalate_on = "{\"judge\": \"judge\", \"judge_instruction\": \"Is this answer right? YES or NO.\"}" },
        { .name = "the marker, on 80% of what is wrong", .model = "support", .only = -1, .judge_errs = -1, .says_unsure = 0.8, .false_alarm = 0.05, .last_line = true,
          .escalate_on = "{\"marker\": true, \"marker_instruction\": \"" INSTRUCTION "\"}" },
        { .name = "the same, streamed", .model = "support", .only = -1, .judge_errs = -1, .says_unsure = 0.8, .false_alarm = 0.05, .streamed = true,
          .escalate_on = "{\"marker\": true, \"marker_instruction\": \"" INSTRUCTION "\"}" },
    };
    if (!gsm8k.count) {
        print_message("no recorded answers beside the checkout (data/cascade/gsm8k_six_models.jsonl)\n");
        skip();
    }
    assert_int_equal(gsm8k.count, 513);
    run_all(&gsm8k, plans, sizeof plans / sizeof plans[0]);
}

static void questions_with_choices(void **state)
{
    (void)state;
    if (!mmlu.count) {
        print_message("no recorded verdicts beside the checkout (data/cascade/mmlu_weak_strong.jsonl)\n");
        skip();
    }
    assert_true(mmlu.count > 2800);
    run_all(&mmlu, &oracle, 1);
}

static void numbers_are_found(void **state)
{
    (void)state;
    static const struct { const char *text, *number; } cases[] = {
        { "He has 3 + 4 = 7 apples.", "7" }, { "#### 18\n", "18" }, { "so 5\n#### 2,125 dollars in 3 days", "2125" }, { "It is 3.0.", "3" },
        { "It is 3.50", "3.50" },            { "none", "" },        { "-54", "-54" },                                  { "$65,960", "65960" },
        { "A: 70000.", "70000" },
    };
    char number[40];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        number_of(cases[i].text, number);
        assert_string_equal(number, cases[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_found),
        cmocka_unit_test(questions_of_arithmetic),
        cmocka_unit_test(questions_with_choices),
    };
    read_lines("gsm8k_six_models.jsonl", add_gsm8k);
    read_lines("mmlu_weak_strong.jsonl", add_mmlu);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free_rows(&gsm8k);
    free_rows(&mmlu);
    return failures;
}
