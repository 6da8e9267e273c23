/*
 * The demo: a support desk's day against the loopback provider in a process of its own, first with the large model
 * alone, then with cache, cascade and budgets. What was saved is held against what the parameters allow, reckoned apart
 * (demo/forecast.c). Exits 0 only when the two agree within 2 points, the report adds up to the receipts to the last
 * unit, and no budget was overspent.
 */
#include "demo/desk.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool open_client(llmcost_client **client, const char *config)
{
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    llmcost_error *error = NULL;
    options.error = &error;
    if (llmcost_client_open(client, config, &options) == LLMCOST_OK)
        return true;
    fprintf(stderr, "demo: %s\n", llmcost_error_message(error));
    llmcost_error_free(error);
    return false;
}

static bool run_plain(desk_run *run, const desk_day *day, const char *url)
{
    char config[512];
    llmcost_client *client = NULL;
    snprintf(config, sizeof config, "{\"providers\": {\"openai\": {\"base_url\": \"%s/v1\", \"key\": \"none\"}}}", url);
    bool done = open_client(&client, config) && desk_run_day(run, day, client, "openai/gpt-4o", "plain");
    llmcost_client_close(client);
    return done;
}

/* No temperature is set, so the provider samples; "sampled" says that such an answer may be given again all the same. */
static bool run_saving(desk_run *run, const desk_day *day, const char *url, double limit, json_t **report)
{
    char config[2048], *text = NULL;
    llmcost_client *client = NULL;
    snprintf(config, sizeof config,
             "{\"providers\": {\"openai\": {\"base_url\": \"%s/v1\", \"key\": \"none\"}},"
             " \"models\": {\"small\": \"openai/gpt-4o-mini\", \"large\": \"openai/gpt-4o\"},"
             " \"routes\": {\"desk\": {\"cascade\": [\"small\", \"large\"], \"escalate_on\": {\"marker\": \"UNCERTAIN\", \"marker_instruction\": \"%s\"}}},"
             " \"cache\": {\"sampled\": true, \"memory\": {\"max_bytes\": \"1GB\", \"ttl\": \"1d\"}},"
             " \"budgets\": [{\"name\": \"day\", \"limit\": \"1000 USD\", \"per\": \"day\"},"
             "               {\"name\": \"%s\", \"limit\": \"%.6f USD\", \"where\": {\"feature\": \"%s\"}}],"
             " \"min_max_tokens\": %d, \"report\": {\"tags\": [\"feature\"]}}",
             url, desk_instruction, desk_features[DESK_TIGHT_FEATURE], limit, desk_features[DESK_TIGHT_FEATURE], DESK_MAX_TOKENS);
    bool done = open_client(&client, config) && desk_run_day(run, day, client, "desk", "saving") && llmcost_report(client, "json", &text) == LLMCOST_OK;
    *report = done ? json_loads(text, 0, NULL) : NULL;
    llmcost_string_free(text);
    llmcost_client_close(client);
    return *report != NULL;
}

/* ---- the report ---- */

static int64_t figure(const json_t *report, const char *group, const char *name)
{
    const json_t *total = json_object_get(report, "total");
    return json_integer_value(json_object_get(group ? json_object_get(total, group) : total, name));
}

static void print_features(const desk_run *plain, const desk_run *saving)
{
    printf("\ncost by feature   asked   plain USD    with USD    share   refused   wrong\n");
    for (int i = 0; i <= DESK_FEATURES; i++) {
        const desk_feature_total *before = i < DESK_FEATURES ? &plain->by[i] : &plain->total, *after = i < DESK_FEATURES ? &saving->by[i] : &saving->total;
        printf("  %-12s %8llu %11.4f %11.4f %7.1f%% %9llu %7llu\n", i < DESK_FEATURES ? desk_features[i] : "all", (unsigned long long)after->asked,
               (double)before->cost / 1e9, (double)after->cost / 1e9, saving->total.cost ? 100.0 * (double)after->cost / (double)saving->total.cost : 0.0,
               (unsigned long long)after->refused, (unsigned long long)after->wrong);
    }
}

static void print_policies(const json_t *report)
{
    static const char *const names[] = { "cache", "route", "overhead" };
    static const char *const texts[] = { "answers given again", "answered by the small model", "small model asked in vain" };
    printf("\nsaving by policy, by the receipts (each call against its dearest model)\n");
    for (int i = 0; i < 3; i++)
        printf("  %-12s %11.4f USD   %s\n", names[i], (double)figure(report, "saved_by", names[i]) / 1e9, texts[i]);
    printf("  %-12s %11.4f USD\n", "all", (double)figure(report, NULL, "saved_nano") / 1e9);
}

static void print_counts(const desk_run *plain, const desk_run *saving, const desk_forecast *allowed, const json_t *report, double limit)
{
    const desk_feature_total *tight = &saving->by[DESK_TIGHT_FEATURE], *all = &saving->total;
    printf("\nhit rate          %6.1f%%   (the parameters expect %.1f%%)\n", 100.0 * (double)saving->cached / (double)all->asked, 100 * allowed->hit_rate);
    printf("escalations       %6lld\n", (long long)figure(report, NULL, "escalations"));
    printf("wrong answers     %6llu let through of %llu   (the parameters expect %.0f; the large model alone: %llu)\n", (unsigned long long)all->wrong,
           (unsigned long long)all->answered, allowed->wrong, (unsigned long long)plain->total.wrong);
    printf("refused           %6llu by the budget \"%s\": limit %.6f USD, spent %.6f   (the parameters expect %.0f)\n", (unsigned long long)all->refused,
           desk_features[DESK_TIGHT_FEATURE], limit, (double)tight->cost / 1e9, allowed->refused);
}

/* The share saved of what the answered questions cost without policies. */
static double net_saving(const desk_run *plain, const desk_run *saving, size_t moments)
{
    int64_t before = 0;
    for (size_t i = 0; i < moments; i++)
        before += saving->answered[i] ? plain->cost[i] : 0;
    return before ? 1 - (double)saving->total.cost / (double)before : 0;
}

static int judge(const desk_run *plain, const desk_run *saving, const desk_day *day, const desk_forecast *allowed, const json_t *report, double limit)
{
    double net = net_saving(plain, saving, day->asked_count);
    bool agrees = fabs(net - allowed->saving) <= 0.02;
    bool adds_up = figure(report, NULL, "cost_nano") == saving->total.cost && figure(report, NULL, "saved_nano") == saving->saved;
    bool within = (double)saving->by[DESK_TIGHT_FEATURE].cost <= limit * 1e9;
    printf("\nnet saving        %6.1f%%   on the questions that were answered\n", 100 * net);
    printf("allowed           %6.1f%%   by these parameters: %s\n", 100 * allowed->saving, agrees ? "within 2 points" : "MORE THAN 2 POINTS APART");
    printf("report            %s\n", adds_up ? "equal to the sum of the receipts, to the last unit" : "DIFFERS from the sum of the receipts");
    printf("budget            %s\n", within ? "kept" : "OVERSPENT");
    return agrees && adds_up && within ? 0 : 1;
}

/* ---- the whole ---- */

/* Six decimals, as the config writes it, so that both sides mean the same amount. */
static double tight_limit(const desk_day *day, const desk_options *options)
{
    desk_forecast open;
    return desk_forecast_make(&open, day, options, -1) ? round(open.tight_cost * options->tight * 1e6) / 1e6 : 0;
}

static int compare(const desk_day *day, const desk_options *options, const char *url)
{
    desk_run plain = { 0 }, saving = { 0 };
    desk_forecast allowed;
    json_t *report = NULL;
    double limit = tight_limit(day, options);
    int code = 2;
    if (desk_run_make(&plain, day) && desk_run_make(&saving, day) && run_plain(&plain, day, url) && run_saving(&saving, day, url, limit, &report) &&
        desk_forecast_make(&allowed, day, options, limit)) {
        print_features(&plain, &saving);
        print_policies(report);
        print_counts(&plain, &saving, &allowed, report, limit);
        code = judge(&plain, &saving, day, &allowed, report, limit);
    }
    json_decref(report);
    desk_run_free(&plain);
    desk_run_free(&saving);
    return code;
}

int main(int count, char **arguments)
{
    desk_options options;
    desk_day day = { 0 };
    llmcost_mock *mock = NULL;
    llmcost_mock_options mock_options = LLMCOST_MOCK_OPTIONS_INIT;
    int code = 2;
    if (!desk_options_read(&options, count, arguments))
        return 2;
    if (options.model)
        return desk_real(&options);
    desk_options_print(&options);
    mock_options.in_child_process = 1;
    mock_options.on_request = desk_answer;
    mock_options.on_request_user = &day;
    if (desk_day_make(&day, &options) && llmcost_mock_start(&mock, NULL, &mock_options) == LLMCOST_OK)
        code = compare(&day, &options, llmcost_mock_url(mock));
    llmcost_mock_stop(mock);
    desk_day_free(&day);
    return code;
}
