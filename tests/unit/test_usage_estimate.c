/* How many tokens a request may be, and how many it is taken for, member by member. */
#include "policy/usage_estimate.h"

#include "policy/request_copy.h"
#include "provider/presets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Of a request, of a message, of a part, of a tool, around all tools; bytes count one each. */
enum { REQUEST = 32, MESSAGE = 16, PART = 8, TOOL = 64, TOOLS = 512, XAI = 256 };

static llmc_settings settings;
static llmc_services services = { .settings = &settings };

static int64_t bound_at(const char *provider_name, const char *model, const llmcost_request *request, int64_t added)
{
    llmc_provider provider = { .preset = llmc_preset_find(provider_name) };
    llmc_route target = { .provider = &provider, .model = model };
    const char *why = NULL;
    int64_t tokens = -1;
    assert_non_null(provider.preset);
    if (llmc_prompt_bound(&services, request, &target, added, &tokens, &why))
        return tokens;
    assert_non_null(strstr(why, "input_bound_tokens"));
    return -1;
}

static int64_t bound(const llmcost_request *request)
{
    return bound_at("openai", "m", request, 0);
}

static int64_t estimate(const char *model, const llmcost_request *request)
{
    llmc_route target = { .model = model };
    return llmc_prompt_estimate(&services, request, &target);
}

static void test_every_member_is_bounded(void **state)
{
    (void)state;
    llmcost_message message = { .text = "hello" };
    llmcost_request request = { .messages = &message, .message_count = 1 };
    int64_t hello = REQUEST + MESSAGE + 5;
    assert_int_equal(bound(&request), hello);
    message.name = "a";
    message.tool_call_id = "bc";
    assert_int_equal(bound(&request), hello + 3);
    message.name = message.tool_call_id = NULL;

    const llmcost_tool_call calls[] = { { .id = "a", .name = "bc", .arguments = "{\"\"}" }, { .name = "d" } };
    message.tool_calls = calls;
    message.tool_call_count = 2;
    assert_int_equal(bound(&request), hello + 2 * PART + 1 + 2 + 4 + 1);
    message.tool_call_count = 0;

    const llmcost_part parts[] = { { .text = "ab", .text_bytes = 1 }, { .text = "cde", .signature = "fghi" } };
    message.parts = parts;
    message.part_count = 2;
    assert_int_equal(bound(&request), hello + 2 * PART + 1 + 3 + 4);
    message.part_count = 0;

    const llmcost_tool tools[] = { { .name = "a", .description = "bc", .parameters = "{\"\"}" }, { .name = "d" } };
    request.tools = tools;
    request.tool_count = 2;
    assert_int_equal(bound(&request), hello + TOOLS + 2 * TOOL + 1 + 2 + 4 + 1);
    request.tool_count = 0;

    request.format_schema = "abc";
    request.extra = "{}";
    assert_int_equal(bound(&request), hello + 3 + 2);
    request.format_schema = request.extra = NULL;

    assert_int_equal(bound_at("xai", "m", &request, 0), hello + XAI);
    const char *const inputs[] = { "abc", "defg" };
    const size_t bytes[] = { 2, 1 };
    llmcost_request vectors = { .inputs = inputs, .input_count = 2 };
    assert_int_equal(bound(&vectors), REQUEST + 2 * PART + 7);
    vectors.input_bytes = bytes;
    assert_int_equal(bound_at("xai", "m", &vectors, 0), REQUEST + 2 * PART + 3); /* no prompt, no preamble */
}

/* By family and by the detail asked for; a version that is newer than what is known is another family. */
static void test_images_by_model(void **state)
{
    static const struct { const char *model; int64_t low, high, most; } cases[] = {
        { "gpt-4o-mini-2024-07-18", 48169, 48169, 48169 }, { "gpt-4o", 1445, 1445, 1445 }, { "gpt-4.1-mini", 6637, 6637, 6637 }, { "gpt-4.1", 1445, 1445, 1445 },
        { "gpt-5.5", 309, 3001, 12001 }, { "gpt-5.6-sol", 309, 3001, 36001 }, { "claude-haiku-4-5", 6500, 6500, 6500 }, { "o3", 1445, 1445, 1445 },
        { "gpt-5.9", -1, -1, -1 }, { "o31", -1, -1, -1 }, { "gpt-3.5-turbo", -1, -1, -1 }, { NULL, -1, -1, -1 },
    };
    const llmcost_part parts[] = { { .type = LLMCOST_PART_IMAGE, .data = "x", .data_bytes = 1, .detail = "low" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "u", .detail = "high" },
                                   { .type = LLMCOST_PART_IMAGE_URL, .url = "u", .detail = "auto" }, { .type = LLMCOST_PART_IMAGE_URL, .url = "u" } };
    const llmcost_message message = { .parts = parts, .part_count = 4 };
    const llmcost_request request = { .messages = &message, .message_count = 1 };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t tokens = cases[i].low + cases[i].high + 2 * cases[i].most;
        assert_int_equal(bound_at("openai", cases[i].model, &request, 0), tokens < 0 ? -1 : REQUEST + MESSAGE + 4 * PART + tokens);
        assert_int_equal(estimate(cases[i].model, &request), 4 + (tokens < 0 ? 4 * 1000 : tokens));
    }
    settings.image_bound_tokens = 1; /* the config's word counts before ours */
    assert_int_equal(bound_at("openai", "gpt-4o", &request, 0), REQUEST + MESSAGE + 4 * PART + 4);
    assert_int_equal(estimate("gpt-3.5-turbo", &request), 4 + 4);
    settings.image_bound_tokens = 0;
}

static void test_what_only_the_host_can_bound(void **state)
{
    static const llmcost_part parts[] = { { .type = LLMCOST_PART_AUDIO, .data = "x", .data_bytes = 2500 }, { .type = LLMCOST_PART_DOCUMENT, .data = "x", .data_bytes = 1500 } };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const llmcost_message message = { .parts = &parts[i], .part_count = 1 };
        llmcost_request request = { .messages = &message, .message_count = 1 };
        assert_int_equal(bound(&request), -1);
        assert_int_equal(estimate("m", &request), 4 + 1000 + (i ? 1 : 2));
        request.input_bound_tokens = 1;
        assert_int_equal(bound(&request), 1);
        assert_int_equal(bound_at("openai", "m", &request, 1), 1 + 4 + MESSAGE); /* what we put in ourselves is not in the host's figure */
        request.input_bound_tokens = INT64_MAX;
        assert_int_equal(bound_at("openai", "m", &request, 1), INT64_MAX);
    }
}

static void test_text_is_estimated_by_its_bytes(void **state)
{
    (void)state;
    llmcost_message messages[] = { { .text = "12345678" }, { .text = "1" } };
    llmcost_request request = { .messages = messages, .message_count = 1 };
    assert_int_equal(estimate("m", &request), 2 + 4);
    request.message_count = 2;
    assert_int_equal(estimate("m", &request), 3 + 8);
}

static void test_sound(void **state)
{
    static const struct { llmcost_part part; bool sounds; } cases[] = {
        { { .type = LLMCOST_PART_AUDIO }, true }, { { .type = LLMCOST_PART_DOCUMENT, .media_type = "video/mp4" }, true }, { { .type = LLMCOST_PART_DOCUMENT, .media_type = "audio/wav" }, true },
        { { .type = LLMCOST_PART_DOCUMENT, .media_type = "application/pdf" }, false }, { { .type = LLMCOST_PART_DOCUMENT }, false },
        { { .type = LLMCOST_PART_IMAGE, .media_type = "audio/wav" }, false }, { { .type = LLMCOST_PART_TEXT, .text = "audio/" }, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const llmcost_part parts[] = { { .text = "a" }, cases[i].part };
        const llmcost_message messages[] = { { .text = "a" }, { .parts = parts, .part_count = 2 } };
        const llmcost_request request = { .messages = messages, .message_count = 2 };
        assert_int_equal(llmc_prompt_has_sound(&request), cases[i].sounds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_member_is_bounded), cmocka_unit_test(test_images_by_model), cmocka_unit_test(test_what_only_the_host_can_bound),
        cmocka_unit_test(test_text_is_estimated_by_its_bytes), cmocka_unit_test(test_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
