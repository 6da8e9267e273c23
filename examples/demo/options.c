/* The demo's options, in one table: it parses, prints and explains them. */
#include "day.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct option {
    const char *name;
    size_t offset;
    double fallback, minimum, maximum;
    const char *text;
} option;

#define AT(field) offsetof(desk_options, field)
static const option options_table[] = {
    { "seed", AT(seed), 1, 0, 4294967295.0, "everything follows from it" },
    { "questions", AT(questions), 6000, 100, 1000000, "asked in the day" },
    { "repeat", AT(repeat_share), 0.35, 0, 0.95, "share that repeats an earlier question word for word" },
    { "easy", AT(easy_share), 0.70, 0, 1, "share of easy questions" },
    { "easy-accuracy", AT(easy_accuracy), 0.96, 0, 1, "of the small model on easy questions" },
    { "hard-accuracy", AT(hard_accuracy), 0.40, 0, 1, "of the small model on hard questions" },
    { "admits", AT(admits), 0.85, 0, 1, "how often the small model says so when it does not know" },
    { "large-accuracy", AT(large_accuracy), 0.99, 0, 1, "of the large model" },
    { "system-tokens", AT(system_tokens), 250, 10, 20000, "instructions before every question" },
    { "question-tokens", AT(question_tokens), 180, 20, 20000, "mean; from half of it to one and a half" },
    { "answer-tokens", AT(answer_tokens), 160, 20, 380, "mean; from half of it to one and a half" },
    { "tight", AT(tight), 0.6, 0.05, 1, "budget of the last feature, as a share of what it needs" },
};
enum { OPTION_COUNT = sizeof options_table / sizeof options_table[0] };

static double *field(desk_options *options, const option *of)
{
    return (double *)((char *)options + of->offset);
}

/* What is wrong, where something is, and all options. */
static bool usage(const char *why, const char *word)
{
    fprintf(stderr, "%s%s%sOptions, each with a value:\n", why, word, *why ? "\n" : "");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const option *of = &options_table[i];
        fprintf(stderr, "  --%-16s %s (%g; %.10g to %.10g)\n", of->name, of->text, of->fallback, of->minimum, of->maximum);
    }
    fprintf(stderr, "  --%-16s %s\n  --%-16s %s\n", "model", "a real one, such as openai/gpt-4o-mini: ten questions under 0.05 USD", "base-url", "where that provider is");
    return false;
}

static bool out_of_range(const option *of)
{
    fprintf(stderr, "demo: --%s takes a number from %.10g to %.10g\n", of->name, of->minimum, of->maximum);
    return false;
}

static const option *find(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(options_table[i].name, name) == 0)
            return &options_table[i];
    }
    return NULL;
}

static bool read_one(desk_options *options, const char *word, const char *value)
{
    if (strcmp(word, "--help") == 0)
        return usage("", "");
    if (strncmp(word, "--", 2) != 0)
        return usage("demo: not an option: ", word);
    if (!value)
        return usage("demo: a value is missing after ", word);
    if (strcmp(word, "--model") == 0)
        return (options->model = value) != NULL;
    if (strcmp(word, "--base-url") == 0)
        return (options->base_url = value) != NULL;
    const option *of = find(word + 2);
    char *end = NULL;
    double number = strtod(value, &end);
    if (!of)
        return usage("demo: not an option: ", word);
    if (end == value || *end || !(number >= of->minimum && number <= of->maximum))
        return out_of_range(of);
    *field(options, of) = number;
    return true;
}

bool desk_options_read(desk_options *options, int count, char **arguments)
{
    memset(options, 0, sizeof *options);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        *field(options, &options_table[i]) = options_table[i].fallback;
    for (int i = 1; i < count; i += 2) {
        if (!read_one(options, arguments[i], i + 1 < count ? arguments[i + 1] : NULL))
            return false;
    }
    return true;
}

void desk_options_print(const desk_options *options)
{
    puts("A support desk's day, made from these parameters (change one with --NAME VALUE):");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const option *of = &options_table[i];
        printf("  %-16s %8.10g   %s\n", of->name, *field((desk_options *)options, of), of->text);
    }
}
