/*
 * A score out of plain signs: what the text is made of, and words that hard requests have more often than easy ones.
 *
 * Integers and a table, so that a receipt can say where each point comes from and a reader can work it out by hand. It
 * looks at the text once, never at more of it than a fixed number of bytes for each position, and allocates nothing.
 * It knows nothing of what is asked: whether a fact is common or rare, a model can tell and this cannot.
 */
#include "text/classify.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

const char *const llmc_hint_names[LLMC_HINTS] = { "length", "code", "math", "numbers", "questions", "reasoning", "steps", "conditions", "easy" };

enum { LONGEST_WORD = 15 };

/* The text itself: a pointer to it would be as long as most of them. */
typedef struct known_word {
    char word[LONGEST_WORD];
    uint8_t hint;
} known_word;

/* In the order of strcmp(); lower case. A word counts by its beginning where it ends with '-': "compar-" is compare, comparison. */
static const known_word words[] = {
    { "afterwards", LLMC_HINT_STEPS },     { "algorithm-", LLMC_HINT_CODE },       { "analys-", LLMC_HINT_REASONING },  { "analyz-", LLMC_HINT_REASONING },
    { "api", LLMC_HINT_CODE },             { "argue", LLMC_HINT_REASONING },       { "array", LLMC_HINT_CODE },         { "assess", LLMC_HINT_REASONING },
    { "bug", LLMC_HINT_CODE },             { "calculate", LLMC_HINT_MATH },        { "class", LLMC_HINT_CODE },         { "compar-", LLMC_HINT_REASONING },
    { "compile-", LLMC_HINT_CODE },        { "concurren-", LLMC_HINT_CODE },       { "contrast", LLMC_HINT_REASONING }, { "criteria", LLMC_HINT_CONDITIONS },
    { "critique", LLMC_HINT_REASONING },   { "debug-", LLMC_HINT_CODE },           { "define", LLMC_HINT_EASY },        { "deriv-", LLMC_HINT_MATH },
    { "design", LLMC_HINT_REASONING },     { "difference-", LLMC_HINT_REASONING }, { "each", LLMC_HINT_CONDITIONS },    { "equation-", LLMC_HINT_MATH },
    { "evaluat-", LLMC_HINT_REASONING },   { "exactly", LLMC_HINT_CONDITIONS },    { "except", LLMC_HINT_CONDITIONS },  { "explain", LLMC_HINT_REASONING },
    { "finally", LLMC_HINT_STEPS },        { "function", LLMC_HINT_CODE },         { "greet-", LLMC_HINT_EASY },        { "hello", LLMC_HINT_EASY },
    { "hence", LLMC_HINT_REASONING },      { "hi", LLMC_HINT_EASY },               { "how", LLMC_HINT_REASONING },      { "hypothes-", LLMC_HINT_REASONING },
    { "if", LLMC_HINT_CONDITIONS },        { "implement-", LLMC_HINT_CODE },       { "implication-", LLMC_HINT_REASONING }, { "infer", LLMC_HINT_REASONING },
    { "integral-", LLMC_HINT_MATH },       { "javascript", LLMC_HINT_CODE },       { "justif-", LLMC_HINT_REASONING },  { "lastly", LLMC_HINT_STEPS },
    { "least", LLMC_HINT_CONDITIONS },     { "lemma", LLMC_HINT_MATH },            { "matrix", LLMC_HINT_MATH },        { "most", LLMC_HINT_CONDITIONS },
    { "must", LLMC_HINT_CONDITIONS },      { "next", LLMC_HINT_STEPS },            { "optimi-", LLMC_HINT_REASONING },  { "percent", LLMC_HINT_MATH },
    { "plan", LLMC_HINT_STEPS },           { "polynomial-", LLMC_HINT_MATH },      { "probab-", LLMC_HINT_MATH },       { "proof", LLMC_HINT_MATH },
    { "prove", LLMC_HINT_MATH },           { "python", LLMC_HINT_CODE },           { "reason-", LLMC_HINT_REASONING },  { "recommend-", LLMC_HINT_REASONING },
    { "refactor-", LLMC_HINT_CODE },       { "regex", LLMC_HINT_CODE },            { "should", LLMC_HINT_CONDITIONS },  { "spell", LLMC_HINT_EASY },
    { "sql", LLMC_HINT_CODE },             { "step-", LLMC_HINT_STEPS },           { "strateg-", LLMC_HINT_REASONING }, { "suppose", LLMC_HINT_REASONING },
    { "synonym-", LLMC_HINT_EASY },        { "thanks", LLMC_HINT_EASY },           { "then", LLMC_HINT_STEPS },         { "theorem", LLMC_HINT_MATH },
    { "therefore", LLMC_HINT_REASONING },  { "thread-", LLMC_HINT_CODE },          { "trade", LLMC_HINT_REASONING },    { "translat-", LLMC_HINT_EASY },
    { "unless", LLMC_HINT_CONDITIONS },    { "why", LLMC_HINT_REASONING },         { "without", LLMC_HINT_CONDITIONS },
};

/* Chinese has no spaces: these are looked for at each character. */
static const known_word phrases[] = {
    { "为什么", LLMC_HINT_REASONING }, { "如何", LLMC_HINT_REASONING },   { "怎么", LLMC_HINT_REASONING },   { "分析", LLMC_HINT_REASONING },
    { "比较", LLMC_HINT_REASONING },   { "对比", LLMC_HINT_REASONING },   { "区别", LLMC_HINT_REASONING },   { "解释", LLMC_HINT_REASONING },
    { "论证", LLMC_HINT_REASONING },   { "设计", LLMC_HINT_REASONING },   { "评估", LLMC_HINT_REASONING },   { "推理", LLMC_HINT_REASONING },
    { "权衡", LLMC_HINT_REASONING },   { "优化", LLMC_HINT_REASONING },   { "证明", LLMC_HINT_MATH },        { "推导", LLMC_HINT_MATH },
    { "方程", LLMC_HINT_MATH },        { "积分", LLMC_HINT_MATH },        { "导数", LLMC_HINT_MATH },        { "概率", LLMC_HINT_MATH },
    { "矩阵", LLMC_HINT_MATH },        { "计算", LLMC_HINT_MATH },        { "定理", LLMC_HINT_MATH },        { "函数", LLMC_HINT_CODE },
    { "代码", LLMC_HINT_CODE },        { "算法", LLMC_HINT_CODE },        { "程序", LLMC_HINT_CODE },        { "编程", LLMC_HINT_CODE },
    { "调试", LLMC_HINT_CODE },        { "首先", LLMC_HINT_STEPS },       { "然后", LLMC_HINT_STEPS },       { "接着", LLMC_HINT_STEPS },
    { "最后", LLMC_HINT_STEPS },       { "步骤", LLMC_HINT_STEPS },       { "计划", LLMC_HINT_STEPS },       { "必须", LLMC_HINT_CONDITIONS },
    { "至少", LLMC_HINT_CONDITIONS },  { "至多", LLMC_HINT_CONDITIONS },  { "不得", LLMC_HINT_CONDITIONS },  { "如果", LLMC_HINT_CONDITIONS },
    { "假设", LLMC_HINT_REASONING },   { "每", LLMC_HINT_CONDITIONS },    { "你好", LLMC_HINT_EASY },        { "谢谢", LLMC_HINT_EASY },
    { "翻译", LLMC_HINT_EASY },        { "同义词", LLMC_HINT_EASY },
};

/* What is counted on the way through the text. */
typedef struct counts {
    size_t found[LLMC_HINTS];
    size_t letters, wide;            /* bytes of alphabets, and characters of three bytes and more */
    size_t numbers, question_marks, operators, symbols, formulas, fences, items;
    bool line_start;
} counts;

static bool is_letter(unsigned char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* Orders a word of a text against one of the table, of which a '-' at its end stands for any end. */
static int compare(const char *word, const known_word *known)
{
    const char *at = known->word;
    for (; *word && *word == *at; word++)
        at++;
    if (*at == '-' || (!*at && !*word))
        return 0;
    return (unsigned char)*word - (unsigned char)*at;
}

static void count_word(counts *all, const char *text, size_t bytes)
{
    char word[LONGEST_WORD + 1];
    size_t length = bytes < LONGEST_WORD ? bytes : LONGEST_WORD, low = 0, high = sizeof words / sizeof words[0];
    for (size_t i = 0; i < length; i++)
        word[i] = (char)(text[i] | 0x20);
    word[length] = '\0';
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(word, &words[middle]);
        if (order == 0) {
            all->found[words[middle].hint]++;
            return;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
}

static bool begins_with(const char *text, size_t bytes, const char *word)
{
    size_t length = 0;
    while (length < bytes && word[length] && text[length] == word[length]) /* most differ in the first byte */
        length++;
    return !word[length];
}

static void count_phrase(counts *all, const char *text, size_t bytes)
{
    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (!begins_with(text, bytes, phrases[i].word))
            continue;
        all->found[phrases[i].hint]++;
        return;
    }
}

/* One character beyond ASCII, or a byte that is none. Returns its bytes. */
static size_t count_wide(counts *all, const char *text, size_t bytes)
{
    static const char *const formulas[] = { "∫", "∑", "√", "≤", "≥", "≠", "π", "∞", "∂", "×", "÷", "²", "³", "→", "∈" };
    unsigned char head = (unsigned char)*text;
    size_t length = head >= 0xF0 ? 4 : head >= 0xE0 ? 3 : head >= 0xC0 ? 2 : 1;
    all->wide += head >= 0xE0;
    all->letters += head < 0xE0;
    if (begins_with(text, bytes, "？"))
        all->question_marks++;
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++)
        all->formulas += begins_with(text, bytes, formulas[i]);
    if (head >= 0xE0)
        count_phrase(all, text, bytes);
    return length < bytes ? length : bytes;
}

/* A mark of ASCII, or several that mean one thing. Returns its bytes. */
static size_t count_mark(counts *all, const char *text, size_t bytes)
{
    static const char marks[] = "=-!&|:(){}<>/#+`?;*^\\"; /* all that means anything */
    static const char *const code[] = { "=>", "->", "==", "!=", "&&", "||", "::", "();", ") {", "){", "</", "/>", "#include", "//", "+=" };
    if (!memchr(marks, *text, sizeof marks - 1))
        return 1;
    if (begins_with(text, bytes, "```")) {
        all->fences++;
        return 3;
    }
    for (size_t i = 0; i < sizeof code / sizeof code[0]; i++) {
        if (!begins_with(text, bytes, code[i]))
            continue;
        all->symbols++;
        return strlen(code[i]);
    }
    all->question_marks += *text == '?';
    all->symbols += *text == '{' || *text == '}' || *text == ';';
    all->operators += *text == '=' || *text == '+' || *text == '*' || *text == '^' || *text == '/' || *text == '<' || *text == '>';
    all->formulas += *text == '\\' && bytes > 1 && is_letter((unsigned char)text[1]); /* \frac */
    all->items += all->line_start && (*text == '-' || *text == '*') && bytes > 1 && text[1] == ' ';
    return 1;
}

static size_t count_number(counts *all, const char *text, size_t bytes)
{
    size_t length = 0;
    while (length < bytes && (is_digit((unsigned char)text[length]) || (text[length] == ',' && length + 1 < bytes && is_digit((unsigned char)text[length + 1]))))
        length++;
    bool item = all->line_start && length < bytes && (text[length] == '.' || text[length] == ')');
    all->items += item;
    all->numbers += !item;
    return length;
}

static size_t count_one(counts *all, const char *text, size_t bytes)
{
    unsigned char c = (unsigned char)*text;
    size_t length = 0;
    if (c >= 0x80)
        return count_wide(all, text, bytes);
    if (is_digit(c))
        return count_number(all, text, bytes);
    if (!is_letter(c))
        return count_mark(all, text, bytes);
    while (length < bytes && is_letter((unsigned char)text[length]))
        length++;
    count_word(all, text, length);
    return length;
}

/* How many of the steps a count has reached. */
static int reached(size_t count, const size_t *steps, size_t step_count)
{
    int points = 0;
    while ((size_t)points < step_count && count >= steps[points])
        points++;
    return points;
}
#define REACHED(count, ...) reached((count), (const size_t[]){ __VA_ARGS__ }, sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t))

static void give_points(const counts *all, llmc_score *out)
{
    size_t size = all->letters + 3 * all->wide; /* a Chinese character says as much as three letters */
    size_t code = all->found[LLMC_HINT_CODE] + all->symbols / 2 + 4 * all->fences;
    size_t math = 2 * all->found[LLMC_HINT_MATH] + all->formulas + all->operators / 2;
    out->points[LLMC_HINT_LENGTH] = REACHED(size, 250, 700, 2000, 8000);
    out->points[LLMC_HINT_CODE] = REACHED(code, 1, 2, 4, 8);
    out->points[LLMC_HINT_MATH] = REACHED(math, 2, 3, 5, 9);
    out->points[LLMC_HINT_NUMBERS] = REACHED(all->numbers, 3, 6, 12);
    out->points[LLMC_HINT_QUESTIONS] = REACHED(all->question_marks, 2, 4);
    out->points[LLMC_HINT_REASONING] = REACHED(all->found[LLMC_HINT_REASONING], 1, 1, 2, 4);
    out->points[LLMC_HINT_STEPS] = REACHED(all->found[LLMC_HINT_STEPS] + all->items, 2, 4);
    out->points[LLMC_HINT_CONDITIONS] = REACHED(all->found[LLMC_HINT_CONDITIONS], 2, 4);
    out->points[LLMC_HINT_EASY] = all->found[LLMC_HINT_EASY] ? -2 : 0;
}

void llmc_classify(const char *text, size_t bytes, llmc_score *out)
{
    counts all = { .line_start = true };
    *out = (llmc_score){ 0 };
    for (size_t at = 0, length; at < bytes; at += length) {
        length = count_one(&all, text + at, bytes - at);
        bool blank = text[at] == ' ' || text[at] == '\t';
        all.letters += (unsigned char)text[at] < 0x80 ? length : 0;
        all.line_start = text[at] == '\n' || (blank && all.line_start);
    }
    give_points(&all, out);
    for (size_t i = 0; i < LLMC_HINTS; i++)
        out->total += out->points[i];
    if (out->total < 0)
        out->total = 0;
}

const char *llmc_score_text(const llmc_score *score, char out[LLMC_SCORE_TEXT_BYTES])
{
    int length = snprintf(out, LLMC_SCORE_TEXT_BYTES, "score %d", score->total);
    const char *between = ": ";
    for (size_t i = 0; i < LLMC_HINTS; i++) {
        if (!score->points[i])
            continue;
        length += snprintf(out + length, (size_t)(LLMC_SCORE_TEXT_BYTES - length), "%s%s %d", between, llmc_hint_names[i], score->points[i]);
        between = ", ";
    }
    return out;
}
