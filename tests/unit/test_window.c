/* Which prompts are certainly too long for a context window, to the byte and to the word. */
#include "policy/window.h"

#include "money/catalog_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WINDOW = 100 };

static const llmc_model known = { .context = WINDOW }, large = { .context = 100 * WINDOW };
static const llmc_route leaf = { .kind = LLMC_ROUTE_LEAF, .prices = &known }, larger = { .kind = LLMC_ROUTE_LEAF, .prices = &large }, unknown = { .kind = LLMC_ROUTE_LEAF };

static bool holds(const llmc_route *route, const llmcost_request *request, int64_t too_small)
{
    llmcost_leg leg = { .request = request };
    llmc_prompt_floor prompt = { 0 };
    bool first = llmc_route_may_hold(&leg, route, too_small, &prompt);
    assert_int_equal(llmc_route_may_hold(&leg, route, too_small, &prompt), first); /* what is known of the prompt already says the same */
    return first;
}

/* A token for every 256 bytes, wherever they are. */
static void test_bytes(void **state)
{
    static char text[WINDOW * 256 + 257];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    const size_t most = WINDOW * 256 + 255;
    for (size_t over = 0; over <= 1; over++) {
        const llmcost_part parts[] = { { .text = text, .text_bytes = 100 }, { .type = LLMCOST_PART_IMAGE_URL, .url = text }, { .text = text, .text_bytes = 50 + over } };
        const llmcost_message whole = { .text = text, .text_bytes = most + over }, divided[] = { { .text = text, .text_bytes = most - 190 }, { .text = text, .text_bytes = 40, .parts = parts, .part_count = 3 } };
        const llmcost_request one = { .messages = &whole, .message_count = 1 }, two = { .messages = divided, .message_count = 2 };
        assert_int_equal(holds(&leaf, &one, 0), !over);
        assert_int_equal(holds(&leaf, &two, 0), !over);
        const llmcost_request extra = { .messages = &whole, .message_count = 1, .extra = "{\"truncation\":\"auto\"}" };
        assert_true(holds(&leaf, &extra, 0)); /* the provider may have been asked to cut it */
    }
    const llmcost_message ended = { .text = text };
    const llmcost_request by_end = { .messages = &ended, .message_count = 1 };
    assert_false(holds(&leaf, &by_end, 0));
}

/* A token for every four words, whatever is between them. */
static void test_words(void **state)
{
    static const char spaces[] = " \t\n\v\f\r";
    char text[3 * (4 * WINDOW + 4) + 1];
    (void)state;
    for (size_t words = 4 * WINDOW + 3; words <= 4 * WINDOW + 4; words++) {
        for (size_t i = 0; i < words; i++)
            memcpy(text + 3 * i, (const char[]){ 'a', spaces[i % 6], spaces[(i + 1) % 6] }, 3);
        text[3 * words] = '\0';
        const llmcost_message message = { .text = text };
        const llmcost_request request = { .messages = &message, .message_count = 1 };
        assert_int_equal(holds(&leaf, &request, 0), words == 4 * WINDOW + 3);
    }
}

static void test_routes(void **state)
{
    static char text[WINDOW * 256 + 257];
    const llmc_route *const small_last[] = { &larger, &leaf }, *const large_last[] = { &leaf, &larger }, *const none[] = { &leaf, &leaf };
    (void)state;
    memset(text, 'x', sizeof text - 1);
    const llmcost_message message = { .text = text }, hello = { .text = "hello" };
    const llmcost_request request = { .messages = &message, .message_count = 1 }, brief = { .messages = &hello, .message_count = 1 };
    const struct { llmc_route route; bool held; } cases[] = {
        { { .kind = LLMC_ROUTE_FALLBACK, .steps = small_last, .step_count = 2 }, true }, { { .kind = LLMC_ROUTE_FALLBACK, .steps = large_last, .step_count = 2 }, true },
        { { .kind = LLMC_ROUTE_FALLBACK, .steps = none, .step_count = 2 }, false },
        { { .kind = LLMC_ROUTE_CASCADE, .steps = small_last, .step_count = 2 }, false }, { { .kind = LLMC_ROUTE_CASCADE, .steps = large_last, .step_count = 2 }, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(holds(&cases[i].route, &request, 0), cases[i].held);
    assert_true(holds(&unknown, &request, 1000000));
    assert_true(holds(&leaf, &brief, WINDOW - 1));
    assert_false(holds(&leaf, &brief, WINDOW)); /* a window of this size did not do */
    assert_int_equal(llmc_route_window(&leaf), WINDOW);
    assert_int_equal(llmc_route_window(&unknown), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bytes), cmocka_unit_test(test_words), cmocka_unit_test(test_routes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
