/* The parts of the demo that work on a day. */
#ifndef DEMO_DESK_H
#define DEMO_DESK_H

#include "day.h"

#include <llmcost/mock.h>

/* Answers as the two models would; runs in the loopback provider's process. user: the desk_day. */
int desk_answer(llmcost_mock_exchange *exchange, void *user);

/* What a run of the day came to. Amounts in nano-dollars. */
typedef struct desk_feature_total {
    uint64_t asked, answered, refused, wrong;
    int64_t cost;
} desk_feature_total;
typedef struct desk_run {
    desk_feature_total by[DESK_FEATURES], total;
    uint64_t cached, failed;
    int64_t saved;            /* by the receipts */
    int64_t *cost;            /* of each moment of the day */
    bool *answered;
} desk_run;

bool desk_run_make(desk_run *run, const desk_day *day);
void desk_run_free(desk_run *run);
/* Asks the whole day, or its first `count` moments. */
bool desk_run_day(desk_run *run, const desk_day *day, llmcost_client *client, const char *model, const char *what);

/* What the parameters allow, from list prices and shares alone: nothing here looks at what was answered. */
typedef struct desk_forecast {
    double plain_cost;        /* of the questions that are answered, USD */
    double cost, tight_cost;  /* with everything on, USD */
    double saving;            /* 0 to 1 */
    double hit_rate, refused, wrong;
} desk_forecast;
/* tight_limit: the budget of the last feature in USD; below 0: none. */
bool desk_forecast_make(desk_forecast *forecast, const desk_day *day, const desk_options *options, double tight_limit);

/* Ten questions to a real provider, under 0.05 USD. Returns the exit code. */
int desk_real(const desk_options *options);

#endif
