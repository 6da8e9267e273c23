/* The presets table, quirk names, operations and estimates. */
#include "provider/presets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void every_host_is_there(void **state)
{
    (void)state;
    static const char *const names[] = { "openai", "anthropic", "google", "vertex", "vertex-anthropic", "deepseek", "moonshot", "moonshot-cn", "zhipu", "zai", "dashscope", "dashscope-intl", "doubao",
                                         "qianfan", "hunyuan", "minimax", "stepfun", "mistral", "xai", "groq", "openrouter", "siliconflow", "perplexity",
                                         "together", "fireworks", "cerebras", "deepinfra", "baichuan", "01ai", "spark", "mimo", "huggingface", "qiniu",
                                         "holysheep", "openai-responses", "xai-responses", "azure", "azure-responses", "vllm", "llamacpp", "lmstudio",
                                         "ollama", "ollama-openai", "ollama-cloud", "cohere", "openai-compatible", "bedrock", "qianfan-v1" };
    assert_int_equal(llmc_preset_count(), sizeof names / sizeof names[0]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(llmc_preset_find(names[i]));
    assert_ptr_equal(llmc_preset_find("gemini"), llmc_preset_find("google")); /* a second name */
    assert_null(llmc_preset_find("nobody"));
    assert_null(llmc_preset_find("baidu-iam")); /* no host to ask a question */
    assert_string_equal(llmc_preset_of_exchange(LLMC_AUTH_BCE)->base_url, "https://iam.bj.baidubce.com");
    assert_string_equal(llmc_preset_of_exchange(LLMC_AUTH_OAUTH)->base_url, "https://aip.baidubce.com");
    assert_null(llmc_preset_of_exchange(LLMC_AUTH_BEARER));
    assert_null(llmc_preset_find(""));
    assert_null(llmc_preset_at(llmc_preset_count()));
}

static void every_entry_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < llmc_preset_count(); i++) {
        const llmc_preset *preset = llmc_preset_at(i);
        assert_ptr_equal(llmc_preset_find(preset->name), preset); /* names are unique */
        assert_non_null(preset->codec);
        assert_non_null(preset->name);
        assert_true(!strcmp(preset->currency, "USD") || !strcmp(preset->currency, "CNY"));
        assert_int_equal(preset->quirks >> LLMC_QUIRK_BIT_COUNT, 0);
        if (!preset->base_url) {
            assert_string_equal(preset->name, "openai-compatible");
            continue;
        }
        assert_int_not_equal(preset->base_url[strlen(preset->base_url) - 1], '/');
        if (preset->free_of_charge) {
            assert_memory_equal(preset->base_url, "http://localhost:", 17);
            assert_int_equal(preset->auth, LLMC_AUTH_NONE_OR_BEARER);
            continue;
        }
        assert_memory_equal(preset->base_url, "https://", 8);
        assert_true(preset->key_variables[0] || preset->pairs);
    }
    assert_string_equal(llmc_preset_find("google")->key_variables[0], "GOOGLE_API_KEY"); /* wins if both are there */
    assert_string_equal(llmc_preset_find("google")->key_variables[1], "GEMINI_API_KEY");
    assert_int_equal(llmc_preset_find("google")->auth, LLMC_AUTH_X_GOOG_API_KEY);
    const llmc_preset *vertex = llmc_preset_find("vertex");
    assert_string_equal(vertex->catalog, "google");
    assert_string_equal(vertex->settings[0].name, "project");
    assert_null(vertex->settings[0].otherwise);
    assert_string_equal(vertex->settings[1].name, "location");
    assert_string_equal(vertex->settings[1].otherwise, "us-central1");
    assert_null(vertex->settings[2].name);
    const llmc_preset *claude = llmc_preset_find("vertex-anthropic");
    assert_ptr_equal(claude->codec, &llmc_codec_anthropic);
    assert_string_equal(claude->catalog, "anthropic");
    assert_true(claude->second_door);
    assert_false(vertex->second_door);
    assert_string_equal(claude->base_url, "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers/anthropic");
    assert_string_equal(claude->places[0].base_url, "https://aiplatform.googleapis.com/v1/projects/{project}/locations/{location}/publishers/anthropic");
    assert_string_equal(vertex->places[2].base_url, "https://aiplatform.eu.rep.googleapis.com/v1/projects/{project}/locations/{location}/publishers/google");
    assert_null(claude->places[3].setting);
    assert_string_equal(llmc_preset_find("zhipu")->key_variables[1], "ZHIPU_API_KEY");
    const llmc_preset *bedrock = llmc_preset_find("bedrock");
    assert_int_equal(bedrock->auth, LLMC_AUTH_AWS);
    assert_string_equal(bedrock->settings[0].name, "region");
    assert_string_equal(bedrock->settings[0].variables[1], "AWS_DEFAULT_REGION");
    assert_null(bedrock->settings[0].otherwise);
    assert_null(bedrock->settings[1].name);
    assert_int_equal(llmc_preset_find("anthropic")->auth, LLMC_AUTH_X_API_KEY);
    assert_string_equal(llmc_preset_find("moonshot-cn")->currency, "CNY");
    assert_string_equal(llmc_preset_find("ollama")->base_url_variable, "OLLAMA_HOST");
    assert_ptr_equal(llmc_preset_find("ollama")->codec, &llmc_codec_ollama);
    assert_ptr_equal(llmc_preset_find("ollama-openai")->codec, &llmc_codec_openai);
    assert_int_equal(llmc_preset_find("ollama-cloud")->auth, LLMC_AUTH_BEARER);
    assert_false(llmc_preset_find("ollama-cloud")->free_of_charge);
    assert_string_equal(llmc_preset_find("cohere")->key_variables[0], "CO_API_KEY");
    assert_string_equal(llmc_preset_find("cohere")->key_variables[1], "COHERE_API_KEY");
    assert_true(llmc_preset_find("xai")->quirks & LLMC_QUIRK(REASONING_BESIDE_COMPLETION));
    assert_true(llmc_preset_find("mistral")->quirks & LLMC_QUIRK(RANDOM_SEED));
    assert_false(llmc_preset_find("openai")->quirks & LLMC_QUIRK(MAX_TOKENS));
}

static void quirks_have_names(void **state)
{
    (void)state;
    assert_int_equal(llmc_quirk_find("max_tokens"), LLMC_QUIRK(MAX_TOKENS));
    assert_int_equal(llmc_quirk_find("done_optional"), LLMC_QUIRK(DONE_OPTIONAL));
    assert_int_equal(llmc_quirk_find("open_unit_sampling"), LLMC_QUIRK(OPEN_UNIT_SAMPLING));
    assert_int_equal(llmc_quirk_find("MAX_TOKENS"), 0);
    assert_int_equal(llmc_quirk_find(""), 0);
}

static void codecs_have_names(void **state)
{
    (void)state;
    assert_ptr_equal(llmc_codec_find("openai"), &llmc_codec_openai);
    assert_ptr_equal(llmc_codec_find("anthropic"), &llmc_codec_anthropic);
    assert_ptr_equal(llmc_codec_find("gemini"), &llmc_codec_gemini);
    assert_ptr_equal(llmc_codec_find("ollama"), &llmc_codec_ollama);
    assert_ptr_equal(llmc_codec_find("cohere"), &llmc_codec_cohere);
    assert_ptr_equal(llmc_codec_find("responses"), &llmc_codec_responses);
    size_t count = 0;
    for (; llmc_codec_at(count); count++)
        assert_ptr_equal(llmc_codec_find(llmc_codec_at(count)->name), llmc_codec_at(count));
    assert_int_equal(count, 8);
    assert_null(llmc_codec_find("gopher"));
    for (int i = 0; i <= LLMC_OP_LIST_MODELS; i++) {
        assert_int_equal(llmc_operations[i].id, i);
        assert_true(llmc_codec_openai.has_operation((llmc_operation_id)i));
        assert_true(llmc_codec_anthropic.has_operation((llmc_operation_id)i));
    }
    assert_true(llmc_operations[LLMC_OP_CHAT].priced);
    assert_false(llmc_operations[LLMC_OP_LIST_MODELS].priced);
}

static void estimates_are_near(void **state)
{
    (void)state;
    assert_int_equal(llmc_estimate_tokens("", 0), 0);
    assert_int_equal(llmc_estimate_tokens("a", 1), 1);
    assert_int_equal(llmc_estimate_tokens("\x80", 1), 1); /* no character, yet not nothing */
    const char latin[] = "The library writes one receipt for every call, and the lines of a receipt add up."; /* 17 words */
    assert_in_range(llmc_estimate_tokens(latin, strlen(latin)), 16, 28);
    const char chinese[] = "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c"; /* four characters */
    assert_in_range(llmc_estimate_tokens(chinese, strlen(chinese)), 2, 4);
    assert_in_range(llmc_estimate_tokens("\xf0\x9f\x98\x80", 4), 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_host_is_there), cmocka_unit_test(every_entry_is_complete), cmocka_unit_test(quirks_have_names),
        cmocka_unit_test(codecs_have_names), cmocka_unit_test(estimates_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
