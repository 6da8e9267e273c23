/*
 * What the parameters allow, reckoned apart from the library: list prices, the day's questions and lengths, and the
 * small model's shares as probabilities. A question is asked for the first time (small model, and with its probability
 * the large one too), or is known by then and free. The tight budget closes the door when the most that a call may cost
 * no longer fits; a question that was refused is unknown the next time.
 */
#include "desk.h"

#include <stdlib.h>
#include <string.h>

/* USD per token. */
static const double small_in = 0.15e-6, small_out = 0.60e-6, large_in = 2.50e-6, large_out = 10e-6;
enum { MARKER_TOKENS = 3, FRAMING_TOKENS = 64 };

typedef struct prices {
    double small_answered, small_unsure, large, small_most, large_most;
} prices;

static prices price(const desk_day *day, const desk_question *question)
{
    double bytes = (double)(strlen(day->system) + strlen(question->text)), told = (double)strlen(desk_instruction) + 2;
    double in = bytes / 4, out = (double)question->answer_bytes / 4;
    return (prices){
        .small_answered = (in + told / 4) * small_in + out * small_out,
        .small_unsure = (in + told / 4) * small_in + MARKER_TOKENS * small_out,
        .large = in * large_in + out * large_out,
        .small_most = (bytes + told + FRAMING_TOKENS) * small_in + DESK_MAX_TOKENS * small_out,
        .large_most = (bytes + FRAMING_TOKENS) * large_in + DESK_MAX_TOKENS * large_out,
    };
}

typedef struct chances {
    double unsure, wrong; /* of the small model; wrong: without saying so */
} chances;

static chances chances_of(const desk_options *options, const desk_question *question)
{
    double fails = 1 - (question->easy ? options->easy_accuracy : options->hard_accuracy);
    return (chances){ fails * options->admits, fails * (1 - options->admits) };
}

/* One moment of the day. known: the probability that this question has an answer by now. */
static void ask(desk_forecast *sum, const prices *at, const chances *luck, const desk_options *options, bool tight, double limit, double *known)
{
    double fresh = 1 - *known, left = tight && limit >= 0 ? limit - sum->tight_cost : 1e18;
    double small = left >= at->small_most ? 1 : 0, large = small > 0 && left - at->small_unsure >= at->large_most ? 1 : 0;
    double settled = small * (1 - luck->unsure + luck->unsure * large);
    double cost = fresh * small * ((1 - luck->unsure) * at->small_answered + luck->unsure * (at->small_unsure + large * at->large));
    double answered = *known + fresh * settled;
    sum->cost += cost;
    sum->tight_cost += tight ? cost : 0;
    sum->plain_cost += answered * at->large;
    sum->hit_rate += *known;
    sum->refused += 1 - answered;
    sum->wrong += answered * (luck->wrong + luck->unsure * (1 - options->large_accuracy));
    *known = answered;
}

bool desk_forecast_make(desk_forecast *forecast, const desk_day *day, const desk_options *options, double tight_limit)
{
    double *known = calloc(day->question_count, sizeof *known);
    memset(forecast, 0, sizeof *forecast);
    if (!known)
        return false;
    for (size_t moment = 0; moment < day->asked_count; moment++) {
        const desk_question *question = &day->questions[day->asked[moment]];
        prices at = price(day, question);
        chances luck = chances_of(options, question);
        ask(forecast, &at, &luck, options, question->feature == DESK_TIGHT_FEATURE, tight_limit, &known[day->asked[moment]]);
    }
    free(known);
    forecast->hit_rate /= (double)day->asked_count;
    forecast->saving = forecast->plain_cost > 0 ? 1 - forecast->cost / forecast->plain_cost : 0;
    return true;
}
