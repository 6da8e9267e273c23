/*
 * Makes the day. Quotas are dealt like cards from a shuffled deck, so that every share is met to the question and two
 * seeds differ in order and lengths only: a forecast from the shares alone then has something to be held against.
 */
#include "day.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const desk_features[DESK_FEATURES] = { "faq", "orders", "returns", "summaries" };
static const double feature_shares[DESK_FEATURES] = { 0.45, 0.30, 0.15, 0.10 };
const char desk_instruction[] = "If you are not sure of your answer, reply with the single word UNCERTAIN and nothing else.";

/* ---- chance ---- */

static uint64_t next(uint64_t *state)
{
    uint64_t word = (*state += 0x9e3779b97f4a7c15u);
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}

static size_t below(uint64_t *state, size_t count)
{
    return (size_t)(next(state) % count);
}

/* From half of the mean to one and a half. */
static size_t length(uint64_t *state, double mean)
{
    return (size_t)llround(mean * (0.5 + (double)(next(state) >> 11) / 9007199254740992.0));
}

static void shuffle(uint64_t *state, int *cards, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = below(state, i);
        int card = cards[i - 1];
        cards[i - 1] = cards[other];
        cards[other] = card;
    }
}

/* A shuffled deck with round(share * count) cards of each kind; the last kind gets the rest. */
static int *deal(uint64_t *state, size_t count, const double *shares, int kinds)
{
    int *cards = malloc((count + 1) * sizeof *cards);
    double upto = 0;
    size_t at = 0;
    if (!cards)
        return NULL;
    for (int kind = 0; kind < kinds; kind++) {
        upto += shares[kind];
        size_t end = kind == kinds - 1 ? count : (size_t)llround(upto * (double)count);
        while (at < end && at < count)
            cards[at++] = kind;
    }
    shuffle(state, cards, count);
    return cards;
}

/* ---- texts ---- */

static char *words(uint64_t *state, const char *head, size_t bytes)
{
    static const char *const list[] = { "the", "parcel", "order", "invoice", "was", "sent", "on", "Monday", "customer", "says", "that", "refund", "and",
                                        "address", "changed", "since", "delivery", "of", "a", "box", "with", "label", "please", "check", "account" };
    size_t at = strlen(head), room = bytes > at ? bytes : at;
    char *text = malloc(room + 16);
    if (!text)
        return NULL;
    memcpy(text, head, at + 1);
    while (at < bytes)
        at += (size_t)sprintf(text + at, " %s", list[below(state, sizeof list / sizeof list[0])]);
    text[room] = '\0';
    return text;
}

uint32_t desk_key(size_t question)
{
    uint64_t state = question * 2 + 1;
    return (uint32_t)(next(&state) % 900000 + 100000);
}

bool desk_number_in(const char *text, size_t *question)
{
    const char *at = strstr(text, "Ticket ");
    return at && sscanf(at, "Ticket %zu", question) == 1;
}

bool desk_is_right(size_t question, const char *answer)
{
    char key[32];
    snprintf(key, sizeof key, "rule %u ", (unsigned)desk_key(question));
    return strstr(answer, key) != NULL;
}

/* ---- the day ---- */

/* Deals what a model makes of the questions of one difficulty. */
static bool deal_outcomes(desk_day *day, uint64_t *state, bool easy, double accuracy, double admits)
{
    const double shares[] = { accuracy, (1 - accuracy) * (1 - admits), (1 - accuracy) * admits };
    size_t count = 0, at = 0;
    for (size_t i = 0; i < day->question_count; i++)
        count += day->questions[i].easy == easy;
    int *cards = deal(state, count, shares, 3);
    for (size_t i = 0; cards && i < day->question_count; i++) {
        if (day->questions[i].easy == easy)
            day->questions[i].small = (desk_outcome)cards[at++];
    }
    free(cards);
    return cards != NULL;
}

static bool deal_questions(desk_day *day, const desk_options *options, uint64_t *state)
{
    const double easy_shares[] = { options->easy_share, 1 - options->easy_share };
    const double large_shares[] = { options->large_accuracy, 1 - options->large_accuracy };
    int *features = deal(state, day->question_count, feature_shares, DESK_FEATURES);
    int *hard = deal(state, day->question_count, easy_shares, 2);
    int *large = deal(state, day->question_count, large_shares, 2);
    bool made = features && hard && large;
    for (size_t i = 0; made && i < day->question_count; i++) {
        desk_question *question = &day->questions[i];
        char head[64];
        *question = (desk_question){ .feature = features[i], .easy = !hard[i], .large = large[i] ? DESK_WRONG : DESK_RIGHT };
        snprintf(head, sizeof head, "Ticket %zu (%s):", i, desk_features[question->feature]);
        question->answer_bytes = 4 * length(state, options->answer_tokens);
        question->text = words(state, head, 4 * length(state, options->question_tokens));
        made = question->text != NULL;
    }
    free(features);
    free(hard);
    free(large);
    return made && deal_outcomes(day, state, true, options->easy_accuracy, options->admits) &&
           deal_outcomes(day, state, false, options->hard_accuracy, options->admits);
}

/* A repeat asks what some earlier moment asked, so what is popular gets more so. */
static bool deal_order(desk_day *day, const desk_options *options, uint64_t *state)
{
    const double shares[] = { 1 - options->repeat_share, options->repeat_share };
    int *repeats = deal(state, day->asked_count, shares, 2);
    size_t fresh = 0;
    if (!repeats)
        return false;
    for (size_t first = 0; repeats[0]; first++) { /* nothing can be repeated yet */
        if (!repeats[first]) {
            repeats[0] = 0;
            repeats[first] = 1;
        }
    }
    for (size_t i = 0; i < day->asked_count; i++)
        day->asked[i] = repeats[i] ? day->asked[below(state, i)] : fresh++;
    free(repeats);
    return true;
}

bool desk_day_make(desk_day *day, const desk_options *options)
{
    uint64_t state = (uint64_t)options->seed;
    memset(day, 0, sizeof *day);
    day->asked_count = (size_t)options->questions;
    day->question_count = (size_t)llround((1 - options->repeat_share) * (double)day->asked_count);
    day->questions = calloc(day->question_count, sizeof *day->questions);
    day->asked = calloc(day->asked_count, sizeof *day->asked);
    day->system = words(&state, "You answer for the support desk of a parcel shop.", 4 * (size_t)options->system_tokens);
    return day->questions && day->asked && day->system && deal_questions(day, options, &state) && deal_order(day, options, &state);
}

void desk_day_free(desk_day *day)
{
    for (size_t i = 0; day->questions && i < day->question_count; i++)
        free(day->questions[i].text);
    free(day->questions);
    free(day->asked);
    free(day->system);
    memset(day, 0, sizeof *day);
}
