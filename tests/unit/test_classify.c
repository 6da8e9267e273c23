/* The local classifier: every sign alone, whole requests in English and Chinese, any bytes, and recorded questions. */
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "../support/shared.h"
#include "text/classify.h"

static llmc_score score(const char *text)
{
    llmc_score out;
    llmc_classify(text, strlen(text), &out);
    return out;
}

static void test_signs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "", "score 0" },
        { "What is the capital of France?", "score 0" },
        { "Why?", "score 2: reasoning 2" },
        { "WHY and how", "score 3: reasoning 3" },
        { "Comparisons, comparing", "score 3: reasoning 3" },
        { "Everywhy whyever", "score 0" },
        { "hello", "score 0: easy -2" },
        { "thanks, why?", "score 0: reasoning 2, easy -2" },
        { "```\nx\n```", "score 4: code 4" },
        { "a sql api", "score 2: code 2" },
        { "if (a == b) { c(); }", "score 2: code 2" },
        { "\\frac \\sum", "score 1: math 1" },
        { "x^2 + y^2 = z^2", "score 2: math 1, numbers 1" },
        { "√2 ≥ π", "score 2: math 2" },
        { "1 2", "score 0" },
        { "1,000 2 30", "score 1: numbers 1" },
        { "a? b?", "score 1: questions 1" },
        { "a？b？c？d？", "score 2: questions 2" },
        { "1. a\n2. b\n3. c\n4) d", "score 2: steps 2" },
        { "- a\n- b", "score 1: steps 1" },
        { "First do it, then that, finally this", "score 1: steps 1" },
        { "must not, at least, unless, without", "score 2: conditions 2" },
        { "afterwards", "score 0" }, /* the first and the last of the table */
        { "afterwards without then must", "score 2: steps 1, conditions 1" },
        { "为什么", "score 2: reasoning 2" },
        { "首先分析，然后比较", "score 4: reasoning 3, steps 1" },
        { "翻译", "score 0: easy -2" },
        { "证明方程", "score 2: math 2" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[LLMC_SCORE_TEXT_BYTES];
        llmc_score out = score(cases[i].text);
        if (strcmp(llmc_score_text(&out, text), cases[i].says) != 0)
            fail_msg("\"%s\": %s, not %s", cases[i].text, text, cases[i].says);
    }
}

static int length_points(size_t bytes, const char *unit)
{
    llmc_score out;
    size_t each = strlen(unit);
    char *text = malloc(bytes * each + 1);
    assert_non_null(text);
    for (size_t i = 0; i < bytes; i++)
        memcpy(text + i * each, unit, each);
    llmc_classify(text, bytes * each, &out);
    free(text);
    return out.points[LLMC_HINT_LENGTH];
}

static void test_length(void **state)
{
    (void)state;
    static const size_t steps[] = { 250, 700, 2000, 8000 };
    for (int i = 0; i < 4; i++) {
        assert_int_equal(length_points(steps[i] - 1, "x"), i);
        assert_int_equal(length_points(steps[i], "x"), i + 1);
    }
    assert_int_equal(length_points(233, "中"), 1); /* a character counts as three letters */
    assert_int_equal(length_points(234, "中"), 2);
}

typedef enum level { SIMPLE, MEDIUM, COMPLEX } level;

static level level_of(const llmc_score *out)
{
    return out->total >= LLMC_SCORE_COMPLEX ? COMPLEX : out->total >= LLMC_SCORE_MEDIUM ? MEDIUM : SIMPLE;
}

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        level level;
    } cases[] = {
        { "Hi, how are you?", SIMPLE },
        { "What does TTL mean?", SIMPLE },
        { "Who wrote Faust?", SIMPLE },
        { "Translate 'good morning' into Spanish.", SIMPLE },
        { "谢谢!", SIMPLE },
        { "法国的首都是哪里?", SIMPLE },
        { "把下面这句话翻译成英文:今天天气很好。", SIMPLE },
        { "Explain how a TTL cache differs from an LRU cache, and when I should prefer each of them.", MEDIUM },
        { "Why does my SQL query return duplicates? SELECT a.id FROM a JOIN b ON a.id = b.a_id;", MEDIUM },
        { "如何设计一个缓存?请分析两种方案的区别。", MEDIUM },
        { "解释一下为什么天空是蓝色的，并比较日落时的颜色。", MEDIUM },
        { "Design a rate limiter for several machines. It must survive the loss of one and must not answer later than 5 ms. First compare at least three strategies, then recommend one, and "
          "finally explain how you would test it. What are the trade-offs? What happens when the network is cut in two?",
          COMPLEX },
        { "Here is my code:\n```python\ndef f(xs):\n    for i in range(len(xs)):\n        if xs[i] == 3: del xs[i]\n```\nWhy does it raise IndexError? Refactor it, then prove that your version is linear.", COMPLEX },
        { "请设计一个分布式限流系统: 必须能够容忍单个节点故障, 如果网络分区发生, 至少保证不超过限额的两倍。首先分析三种算法的区别, 然后比较它们的优缺点, 最后评估测试步骤。", COMPLEX },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[LLMC_SCORE_TEXT_BYTES];
        llmc_score out = score(cases[i].text);
        if (level_of(&out) != cases[i].level)
            fail_msg("\"%s\": %s", cases[i].text, llmc_score_text(&out, text));
    }
}

static void test_any_bytes(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (size_t bytes = 0; bytes < 300; bytes++) {
        llmc_score out, again;
        char *text = malloc(bytes ? bytes : 1), line[LLMC_SCORE_TEXT_BYTES];
        assert_non_null(text);
        for (size_t i = 0; i < bytes; i++)
            text[i] = (char)((random = random * 1664525 + 1013904223) >> 24);
        llmc_classify(text, bytes, &out);
        llmc_classify(text, bytes, &again);
        assert_memory_equal(&out, &again, sizeof out);
        assert_true(out.total >= 0 && strlen(llmc_score_text(&out, line)) < sizeof line);
        free(text);
    }
    for (const char *cut = "中é"; *cut; cut++) { /* characters that end early */
        llmc_score out;
        llmc_classify(cut, 1, &out);
    }
}

/* The longest line that there can be. */
static void test_every_sign_at_once(void **state)
{
    (void)state;
    char line[LLMC_SCORE_TEXT_BYTES];
    llmc_score out = { .total = 2147483647 };
    for (int i = 0; i < LLMC_HINTS; i++)
        out.points[i] = -9;
    llmc_score_text(&out, line);
    assert_non_null(strstr(line, "score 2147483647: length -9, code -9, math -9, numbers -9, questions -9, reasoning -9, steps -9, conditions -9, easy -9"));
}

/* ---- recorded questions, where they are ---- */

typedef struct ranks {
    size_t easy[64], hard[64]; /* by score */
    size_t easy_count, hard_count;
} ranks;

/* The chance that a hard question scores higher than an easy one: 0.5 is none. */
static double area(const ranks *all)
{
    double sum = 0;
    for (size_t h = 0; h < 64; h++) {
        for (size_t e = 0; e < 64; e++)
            sum += (double)all->hard[h] * (double)all->easy[e] * (h > e ? 1 : h == e ? 0.5 : 0);
    }
    return sum / ((double)all->hard_count * (double)all->easy_count);
}

static void tell(const char *name, const ranks *all)
{
    static const size_t from[] = { 0, LLMC_SCORE_MEDIUM, LLMC_SCORE_COMPLEX, 64 };
    static const char *const names[] = { "simple", "medium", "complex" };
    print_message("%s: a hard question scores higher than an easy one with %.3f\n", name, area(all));
    for (int i = 0; i < 3; i++) {
        size_t easy = 0, hard = 0;
        for (size_t s = from[i]; s < from[i + 1]; s++) {
            easy += all->easy[s];
            hard += all->hard[s];
        }
        print_message("  %-8s %5zu questions, %4.1f%% of them hard\n", names[i], easy + hard, easy + hard ? 100.0 * (double)hard / (double)(easy + hard) : 0);
    }
}

static void test_recorded_questions(void **state)
{
    (void)state;
    char path[600], line[1 << 16];
    ranks all = { .easy_count = 0 };
    snprintf(path, sizeof path, "%s/data/cascade/mmlu_weak_strong.jsonl", shared_folder());
    FILE *file = *shared_folder() ? fopen(path, "r") : NULL;
    if (!file) {
        print_message("no recorded questions here: %s\n", path);
        skip();
    }
    while (fgets(line, sizeof line, file)) {
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        llmc_score out = score(json_string_value(json_object_get(row, "prompt")));
        bool easy = json_is_true(json_object_get(row, "weak")); /* the small model was right */
        size_t at = out.total < 64 ? (size_t)out.total : 63;
        (easy ? all.easy : all.hard)[at]++;
        *(easy ? &all.easy_count : &all.hard_count) += 1;
        json_decref(row);
    }
    fclose(file);
    tell("MMLU", &all);
    assert_true(all.easy_count > 1000 && all.hard_count > 500);
    assert_true(area(&all) > 0.6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs), cmocka_unit_test(test_length), cmocka_unit_test(test_requests), cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_every_sign_at_once),
        cmocka_unit_test(test_recorded_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
