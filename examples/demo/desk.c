/*
 * The two models behind the desk. The day is inherited by the loopback provider's process, so a ticket's number is all
 * that a question needs to carry. Usage is the loopback provider's own: a quarter of the bytes.
 */
#include "desk.h"

#include <stdio.h>
#include <string.h>

static desk_outcome outcome_of(const desk_question *question, bool small, bool may_admit)
{
    if (!small)
        return question->large;
    return question->small == DESK_UNSURE && !may_admit ? DESK_WRONG : question->small;
}

static llmcost_status write_answer(llmcost_mock_exchange *exchange, size_t number, const desk_question *question, bool right)
{
    static const char filler[] = "We looked into the case and this is what we found for you. ";
    char text[4096];
    size_t wanted = question->answer_bytes < sizeof text ? question->answer_bytes : sizeof text - 1;
    size_t at = (size_t)snprintf(text, sizeof text, "This is settled by rule %u . ", (unsigned)desk_key(number) + !right);
    while (at < wanted) {
        size_t piece = sizeof filler - 1 < wanted - at ? sizeof filler - 1 : wanted - at;
        memcpy(text + at, filler, piece);
        at += piece;
    }
    return llmcost_mock_exchange_text(exchange, text, at);
}

int desk_answer(llmcost_mock_exchange *exchange, void *user)
{
    const desk_day *day = user;
    size_t number = 0;
    if (!desk_number_in(llmcost_mock_exchange_user(exchange, NULL), &number) || number >= day->question_count)
        return 0;
    const desk_question *question = &day->questions[number];
    bool small = strcmp(llmcost_mock_exchange_model(exchange), "gpt-4o-mini") == 0;
    bool may_admit = strstr(llmcost_mock_exchange_system(exchange, NULL), "UNCERTAIN") != NULL;
    desk_outcome outcome = outcome_of(question, small, may_admit);
    if (outcome == DESK_UNSURE)
        return llmcost_mock_exchange_text(exchange, "UNCERTAIN", 0) == LLMCOST_OK;
    return write_answer(exchange, number, question, outcome == DESK_RIGHT) == LLMCOST_OK;
}
