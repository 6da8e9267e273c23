/* OpenAI's own members of extra in the other formats: what is refused by name, what is left out, what moves, what passes. */
#include "../support/encode_check.h"
#include "provider/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const llmcost_message hello[] = { { .role = LLMCOST_USER, .text = "Hello" } };

static const struct {
    const char *preset, *model;
} targets[] = {
    { "anthropic", "claude-sonnet-4-5" }, { "google", "gemini-2.5-flash" }, { "ollama", "qwen3" }, { "cohere", "command-a" },
    { "bedrock", "anthropic.claude-3-haiku-20240307-v1:0" },
};
enum { ANTHROPIC = 0, GOOGLE, OLLAMA, COHERE, BEDROCK, TARGETS };

static llmc_codec_target target_at(size_t index)
{
    return target_of(targets[index].preset, targets[index].model, false);
}

static llmcost_request bounded(const char *extra)
{
    llmcost_request request = request_of(hello, 1);
    request.max_tokens = 100;
    request.extra = extra;
    return request;
}

static char *encoded(const llmc_codec_target *target, const char *extra)
{
    llmcost_request request = bounded(extra);
    llmcost_error error;
    llmc_encoded out;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    assert_int_equal(target->preset->codec->check(LLMC_OP_CHAT, &request, target, &error), LLMCOST_OK);
    assert_int_equal(target->preset->codec->encode(LLMC_OP_CHAT, &request, target, &out, &error), LLMCOST_OK);
    char *body = strndup(out.body.data, out.body.length);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
    return body;
}

static void what_a_format_lacks_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } members[] = {
        { "logit_bias", "{\"1\":1}" }, { "store", "true" }, { "metadata", "{\"a\":\"b\"}" }, { "service_tier", "\"flex\"" },
        { "modalities", "[\"text\",\"audio\"]" }, { "verbosity", "\"low\"" }, { "audio", "{\"voice\":\"x\"}" }, { "prediction", "{\"type\":\"content\"}" },
        { "prompt_cache_key", "\"k\"" }, { "functions", "[{\"name\":\"f\"}]" }, { "function_call", "\"auto\"" }, { "web_search_options", "{\"a\":1}" },
    };
    for (size_t i = 0; i < TARGETS; i++)
        for (size_t j = 0; j < sizeof members / sizeof members[0]; j++) {
            char extra[100];
            llmc_codec_target target = target_at(i);
            snprintf(extra, sizeof extra, "{\"top_k\":1,\"%s\": %s}", members[j].name, members[j].value);
            llmcost_request request = bounded(extra);
            expect_unsupported(&target, &request, members[j].name);
        }
    static const size_t without_penalties[] = { ANTHROPIC, BEDROCK };
    for (size_t i = 0; i < 2; i++) {
        llmc_codec_target target = target_at(without_penalties[i]);
        llmcost_request request = bounded("{\"presence_penalty\":0.5}");
        expect_unsupported(&target, &request, "presence_penalty");
        request.extra = "{\"frequency_p\\u0065nalty\":-0.5}";
        expect_unsupported(&target, &request, "frequency_penalty");
    }
}

static void what_asks_for_nothing_is_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < TARGETS; i++) {
        llmc_codec_target target = target_at(i);
        char *bare = encoded(&target, NULL);
        llmcost_request request = bounded("{\"store\":false,\"presence_penalty\":0,\"frequency_penalty\":0.0,\"logit_bias\":{ },\"metadata\":null,\"service_tier\":\"default\","
                                          "\"modalities\":[\"text\"],\"verbosity\":\"medium\",\"functions\":[],\"function_call\":\"none\",\"audio\":null}");
        expect_body(&target, &request, bare);
        request.extra = "{\"service_tier\":\"auto\",\"metadata\":{}}";
        expect_body(&target, &request, bare);
        expect_clean_without_memory(&target, &request);
        free(bare);
    }
}

static void penalties_go_where_they_belong(void **state)
{
    (void)state;
    static const char given[] = "{\"presence_penalty\":0.5,\"frequency_penalty\":1e-1,\"weird\":[1]}";
    static const struct {
        size_t target;
        const char *body;
    } cases[] = {
        { GOOGLE, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}],\"generationConfig\":{\"maxOutputTokens\":100,\"presencePenalty\":0.5,\"frequencyPenalty\":0.1},\"weird\":[1]}" },
        { OLLAMA, "{\"model\":\"qwen3\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"stream\":false,\"options\":{\"num_predict\":100,\"presence_penalty\":0.5,\"frequency_penalty\":0.1},\"weird\":[1]}" },
        { COHERE, "{\"model\":\"command-a\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"max_tokens\":100,\"presence_penalty\":0.5,\"frequency_penalty\":0.1,\"weird\":[1]}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmc_codec_target target = target_at(cases[i].target);
        llmcost_request request = bounded(given);
        expect_body(&target, &request, cases[i].body);
        expect_clean_without_memory(&target, &request);
    }
    llmc_codec_target ollama = target_at(OLLAMA), google = target_at(GOOGLE), cohere = target_at(COHERE);
    llmcost_request request = request_of(hello, 1);
    request.extra = "{\"frequency_penalty\":1}"; /* nothing else is an option */
    expect_body(&ollama, &request, "{\"model\":\"qwen3\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"stream\":false,\"options\":{\"frequency_penalty\":1}}");
    request.extra = "{\"presence_penalty\":1,\"options\":{\"presence_penalty\":1}}";
    expect_invalid(&ollama, &request, "options.presence_penalty");
    request.extra = "{\"presence_penalty\":1,\"generationConfig\":{\"presencePenalty\":1}}";
    expect_invalid(&google, &request, "generationConfig.presencePenalty");
    request.extra = "{\"presence_penalty\":0.5,\"frequency_penalty\":1.5}";
    expect_unsupported(&cohere, &request, "frequency_penalty");
    request.extra = "{\"presence_penalty\":-0.5}";
    expect_unsupported(&cohere, &request, "presence_penalty");
}

static void anthropics_own_pass(void **state)
{
    (void)state;
    llmc_codec_target target = target_at(ANTHROPIC);
    llmcost_request request = bounded("{\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"standard_only\"}");
    expect_body(&target, &request, "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
                                   "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"standard_only\"}");
    request.extra = "{\"metadata\":{\"user_id\":\"u\",\"team\":\"t\"}}";
    expect_unsupported(&target, &request, "metadata");
    request.extra = "{\"service_tier\":\"priority\"}";
    expect_unsupported(&target, &request, "service_tier");
}

/* Responses has most of chat's members, "verbosity" inside "text"; what it keeps by itself is asked not to. */
static void responses_take_what_they_have(void **state)
{
    (void)state;
    static const char *const lacking[] = { "{\"presence_penalty\":0.5}", "{\"frequency_penalty\":-1}", "{\"logit_bias\":{\"1\":1}}", "{\"prediction\":{\"a\":1}}" };
    static const struct {
        const char *extra, *members;
    } cases[] = {
        { NULL, "\"max_output_tokens\":100,\"store\":false" },
        { "{\"presence_penalty\":0,\"frequency_penalty\":0.0,\"logit_bias\":null,\"modalities\":[\"text\"],\"store\":false,\"metadata\":{}}", "\"max_output_tokens\":100,\"store\":false" },
        { "{\"store\":true,\"metadata\":{\"a\":\"b\"},\"prompt_cache_key\":\"k\"}", "\"max_output_tokens\":100,\"store\":true,\"metadata\":{\"a\":\"b\"},\"prompt_cache_key\":\"k\"" },
        { "{\"service_tier\":\"default\"}", "\"max_output_tokens\":100,\"store\":false,\"service_tier\":\"default\"" },
        { "{\"service_tier\":\"flex\"}", "\"max_output_tokens\":100,\"store\":false,\"service_tier\":\"flex\"" },
        { "{\"verbosity\":\"low\"}", "\"text\":{\"verbosity\":\"low\"},\"max_output_tokens\":100,\"store\":false" },
        { "{\"verbosity\":\"low\",\"text\":{\"format\":{\"type\":\"text\"}}}", "\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"text\"}},\"max_output_tokens\":100,\"store\":false" },
        { "{\"verbosity\":null,\"text\":{\"verbosity\":\"high\"}}", "\"text\":{\"verbosity\":\"high\"},\"max_output_tokens\":100,\"store\":false" },
    };
    llmc_codec_target target = target_of("openai-responses", "gpt-4o", false);
    for (size_t i = 0; i < sizeof lacking / sizeof lacking[0]; i++) {
        char name[40] = "";
        llmcost_request request = bounded(lacking[i]);
        sscanf(lacking[i], "{\"%39[a-z_]", name);
        expect_unsupported(&target, &request, name);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[400];
        llmcost_request request = bounded(cases[i].extra);
        snprintf(body, sizeof body, "{\"model\":\"gpt-4o\",\"input\":[{\"role\":\"user\",\"content\":\"Hello\"}],%s}", cases[i].members);
        expect_body(&target, &request, body);
        expect_clean_without_memory(&target, &request);
    }
    llmcost_request request = bounded("{\"verbosity\":\"low\",\"text\":{\"verbosity\":\"high\"}}");
    expect_invalid(&target, &request, "text.verbosity");
    request.format = LLMCOST_FORMAT_JSON;
    request.extra = "{\"verbosity\":\"low\",\"text\":{\"x\":1}}";
    expect_body(&target, &request, "{\"model\":\"gpt-4o\",\"input\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"low\",\"x\":1},\"max_output_tokens\":100,\"store\":false}");
}

static void openais_dialects_take_them_as_they_come(void **state)
{
    (void)state;
    llmc_codec_target target = target_of("openai", "gpt-4o", false);
    llmcost_request request = request_of(hello, 1);
    request.extra = "{\"store\":false,\"presence_penalty\":0,\"metadata\":{\"a\":\"b\"},\"logit_bias\":{\"1\":1}}";
    expect_body(&target, &request, "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],\"store\":false,\"presence_penalty\":0,\"metadata\":{\"a\":\"b\"},\"logit_bias\":{\"1\":1}}");
}

static void what_is_no_object_is_the_encoders_to_refuse(void **state)
{
    (void)state;
    static const char *const extras[] = { "7", "{\"store\":" };
    for (size_t i = 0; i < TARGETS; i++) {
        llmc_codec_target target = target_at(i);
        for (size_t j = 0; j < 2; j++) {
            llmcost_request request = bounded(extras[j]);
            expect_invalid(&target, &request, "extra is no JSON object");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_format_lacks_is_named), cmocka_unit_test(what_asks_for_nothing_is_left_out), cmocka_unit_test(penalties_go_where_they_belong),
        cmocka_unit_test(anthropics_own_pass), cmocka_unit_test(responses_take_what_they_have), cmocka_unit_test(openais_dialects_take_them_as_they_come), cmocka_unit_test(what_is_no_object_is_the_encoders_to_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
