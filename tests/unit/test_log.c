/* Log lines: who speaks, at which level, and that no line holds a key, a prompt or an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/engine_rig.h"

#define KEY "sk-KEY-that-nobody-may-see"
#define CONFIG                                                                                                        \
    "{\"providers\":{\"openai\":{\"key\":\"" KEY "\",\"retries\":1,\"headers\":{\"X-Team\":\"HEADER\"}}},\"cache\":{\"memory\":{},\"sampled\":true},"     \
    "\"routes\":{\"faq\":{\"cascade\":[\"openai/gpt-4o-mini\",\"openai/gpt-4o\"]}},\"budgets\":[{\"name\":\"small\",\"limit\":\"0.000001 USD\",\"where\":{\"poor\":\"yes\"}}]}"

typedef struct log_lines {
    char text[20000];
    int highest;
} log_lines;

static void take_line(llmcost_log_level level, const char *part, const char *line, void *user)
{
    log_lines *log = user;
    size_t at = strlen(log->text);
    snprintf(log->text + at, sizeof log->text - at, "%d %s| %s\n", (int)level, part, line);
    if ((int)level > log->highest)
        log->highest = (int)level;
    assert_null(strchr(line, '\n'));
}

static void open_logging(engine_rig *rig, log_lines *log, int level)
{
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    memset(log, 0, sizeof *log);
    rig_init(rig);
    options.allocator = &rig->memory.allocator;
    options.clock = &rig->clock.clock;
    options.transport = &rig->network.transport;
    options.log = take_line;
    options.log_user = log;
    options.log_level = level;
    llmcost_error *error = NULL;
    options.error = &error;
    if (llmcost_client_open(&rig->client, CONFIG, &options))
        fail_msg("%s", llmcost_error_message(error));
}

static void ask(engine_rig *rig, const char *text, bool poor, llmcost_status expected)
{
    rig_request space;
    llmcost_tag tag = { "poor", "yes" };
    llmcost_response *response = NULL;
    llmcost_request *request = rig_ask(&space, "faq", text);
    request->tags = &tag;
    request->tag_count = poor;
    assert_int_equal(llmcost_chat(rig->client, request, &response), expected);
    llmcost_response_free(response);
}

/* A failure that is tried again, an answer that is not sure, a better one, the same from the cache, and no money. */
static void run_scenario(engine_rig *rig)
{
    fake_exchange *failure = fake_network_add(&rig->network, "gpt-4o-mini");
    static const char echo[] = "{\"error\":{\"message\":\"bad key " KEY "\",\"code\":\"" KEY "\"}}";
    failure->http_status = 503;
    failure->times = 1;
    fake_exchange_piece(failure, 0, echo, sizeof echo - 1);
    fake_network_says(&rig->network, "gpt-4o-mini", "UNCERTAIN", 10, 5);
    fake_network_says(&rig->network, "gpt-4o", "the ANSWER", 10, 5);
    ask(rig, "the PROMPT", false, LLMCOST_OK);
    ask(rig, "the PROMPT", false, LLMCOST_OK);
    ask(rig, "another PROMPT", true, LLMCOST_E_BUDGET);
}

static void assert_has(const log_lines *log, const char *line)
{
    if (!strstr(log->text, line))
        fail_msg("no line \"%s\" in\n%s", line, log->text);
}

static void test_every_part_speaks(void **unused)
{
    (void)unused;
    engine_rig rig;
    log_lines log;
    open_logging(&rig, &log, LLMCOST_LOG_TRACE);
    run_scenario(&rig);
    assert_has(&log, "4 cache| faq: miss\n");
    assert_has(&log, "4 wire| openai/gpt-4o-mini: HTTP 503, E_OVERLOADED, ");
    assert_has(&log, "3 retry| openai/gpt-4o-mini: E_OVERLOADED; try 2 in ");
    assert_has(&log, "4 wire| openai/gpt-4o-mini: HTTP 200, OK, ");
    assert_has(&log, "3 cascade| faq: escalates to step 2\n");
    assert_has(&log, "4 wire| openai/gpt-4o: HTTP 200, OK, ");
    assert_has(&log, "4 cache| faq: hit\n");
    assert_has(&log, "3 budget| openai/gpt-4o-mini: refused by budget \"small\"\n");
    static const char *const never[] = { KEY, "KEY", "HEADER", "PROMPT", "ANSWER", "UNCERTAIN", "Bearer" };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_null(strstr(log.text, never[i]));
    rig_close(&rig);
}

static void test_levels(void **unused)
{
    (void)unused;
    static const struct { int level, highest; } cases[] = { { 0, 0 }, { LLMCOST_LOG_ERROR, 0 }, { LLMCOST_LOG_WARNING, 0 }, { LLMCOST_LOG_INFO, LLMCOST_LOG_INFO }, { LLMCOST_LOG_TRACE, LLMCOST_LOG_TRACE } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        engine_rig rig;
        log_lines log;
        open_logging(&rig, &log, cases[i].level);
        run_scenario(&rig);
        assert_int_equal(log.highest, cases[i].highest);
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_part_speaks), cmocka_unit_test(test_levels) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
