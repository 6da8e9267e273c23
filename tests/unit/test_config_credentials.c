/* Keys, pairs, callbacks and the files they come from; base URLs that are made of settings. */
#include "client/config.h"

#include "../support/config_reading.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

static const char *const nothing[] = { NULL };
static char folder[] = "/tmp/llmcost-credentials-XXXXXX";

static const char *write_file(const char *name, const char *text)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
    return path;
}

static const char *key_of(const llmc_provider *provider, size_t index)
{
    assert_in_range(index, 0, provider->credential_count - 1);
    return llmc_secret_reveal(&provider->credentials[index].key);
}

static void several_keys(void **state)
{
    (void)state;
    static const char *const environment[] = { "A=sk-a", "B=sk-b", NULL };
    config_reading reading = config_reading_good("{\"providers\": {\"openai\": {\"keys\": [\"env:A\", \"env:B\", \"sk-c\", \"host:vault\"]}}}", environment);
    const llmc_provider *provider = reading.settings->providers;
    assert_int_equal(provider->credential_count, 4);
    assert_string_equal(key_of(provider, 0), "sk-a");
    assert_string_equal(key_of(provider, 1), "sk-b");
    assert_string_equal(key_of(provider, 2), "sk-c");
    assert_string_equal(key_of(provider, 3), "");
    assert_null(provider->credentials[0].host);
    assert_string_equal(provider->credentials[3].host, "vault");
    assert_int_equal(strlen(llmc_credential_fingerprint(&provider->credentials[0])), 8);
    assert_string_equal(llmc_credential_fingerprint(&provider->credentials[3]), "");
    config_reading_end(&reading);
    config_reading_bad_has("{\"providers\": {\"openai\": {\"keys\": [\"sk\", 5]}}}", nothing, "a key is a text");
    config_reading_bad_has("{\"providers\": {\"openai\": {\"key\": \"host:\"}}}", nothing, "\"host:\" needs the name of a callback");
}

static void pairs(void **state)
{
    (void)state;
    static const char *const environment[] = { "ID=AK", "SECRET=SK", "SESSION=ST", NULL };
    config_reading reading = config_reading_good("{\"providers\": {\"aws\": {\"base_url\": \"https://host\", \"auth\": \"aws\", \"region\": \"eu-north-1\","
                                                 "\"key\": {\"access_key\": \"env:ID\", \"secret_key\": \"env:SECRET\", \"session_token\": \"env:SESSION\"}}}}", environment);
    const llmc_provider *provider = reading.settings->providers;
    assert_int_equal(provider->auth, LLMC_AUTH_AWS);
    assert_string_equal(llmc_secret_reveal(&provider->credentials->id), "AK");
    assert_string_equal(key_of(provider, 0), "SK");
    assert_string_equal(llmc_secret_reveal(&provider->credentials->session), "ST");
    assert_string_equal(provider->region, "eu-north-1");
    assert_string_equal(llmc_credential_fingerprint(provider->credentials), provider->credentials->id.fingerprint);
    config_reading_end(&reading);
#define SIXTEEN "0123456789abcdef"
#define SIXTY_FOUR SIXTEEN SIXTEEN SIXTEEN SIXTEEN
#define LONG_KEY SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR SIXTY_FOUR
    static const struct { const char *provider, *words; } wrong[] = {
        { "{\"key\": {\"access_key\": \"a\"}, \"auth\": \"aws\"}", "a pair needs \"secret_key\"" },
        { "{\"key\": {\"access_key\": \"a\", \"secret_key\": \" hunter2\"}, \"auth\": \"aws\"}", "the secret_key begins or ends with a space" },
        { "{\"key\": {\"access_key\": \"a\", \"secret_key\": \"b\", \"token\": \"c\"}, \"auth\": \"aws\"}", "not \"token\"" },
        { "{\"key\": {\"access_key\": \"a\", \"secret_key\": 1}, \"auth\": \"aws\"}", "a secret_key is a text" },
        { "{\"key\": {\"access_key\": \"a\", \"secret_key\": \"b\"}}", "takes one key, not a pair" },
        { "{\"key\": \"a\", \"auth\": \"bce\"}", "needs a pair" },
        { "{\"key\": \"hunter2\", \"auth\": \"jwt\"}", "a key of the form id.secret" },
        { "{\"key\": \"hunter2.\", \"auth\": \"jwt\"}", "a key of the form id.secret" },
        { "{\"key\": \"hunter2.b.c\", \"auth\": \"jwt\"}", "a key of the form id.secret" },
        { "{\"key\": {\"access_key\": \"a\", \"secret_key\": \"" LONG_KEY "x\"}, \"auth\": \"aws\", \"region\": \"r\"}", "each half of a pair has at most 256 bytes" },
        { "{\"key\": {\"access_key\": \"" LONG_KEY "x\", \"secret_key\": \"b\"}, \"auth\": \"bce\"}", "each half of a pair has at most 256 bytes" },
        { "{\"key\": \"a\", \"auth\": \"basic\"}", "\"auth\" must be one of" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char config[600];
        snprintf(config, sizeof config, "{\"providers\": {\"openai\": %s}}", wrong[i].provider);
        config_reading_begin(&reading, config, nothing);
        assert_int_equal(reading.status, LLMCOST_E_CONFIG);
        if (!strstr(llmcost_error_message(&reading.error), wrong[i].words))
            fail_msg("%s: %s", config, llmcost_error_message(&reading.error));
        assert_null(strstr(llmcost_error_message(&reading.error), "hunter2"));
        config_reading_end(&reading);
    }
    reading = config_reading_good("{\"providers\": {\"openai\": {\"key\": {\"access_key\": \"a\", \"secret_key\": \"" LONG_KEY "\"}, \"auth\": \"aws\", \"region\": \"r\"}}}", nothing);
    config_reading_end(&reading);
    reading = config_reading_good("{\"providers\": {\"zhipu\": {\"key\": \"id.secret\", \"auth\": \"jwt\"}}}", nothing);
    assert_int_equal(reading.settings->providers->auth, LLMC_AUTH_JWT);
    config_reading_end(&reading);
}

/* The usual variables: a key goes before a pair, unless the config wants the pair; official names before older ones. */
static void pairs_of_the_environment(void **state)
{
    (void)state;
    static const struct { const char *config, *environment[7]; llmc_auth auth; const char *id, *key; } cases[] = {
        { "{}", { "QIANFAN_API_KEY=K", "QIANFAN_ACCESS_KEY=A1", "QIANFAN_SECRET_KEY=S1" }, LLMC_AUTH_BEARER, "", "K" },
        { "{}", { "QIANFAN_ACCESS_KEY=A1", "QIANFAN_SECRET_KEY=S1", "BAIDU_QIANFAN_AK=A2", "BAIDU_QIANFAN_SK=S2" }, LLMC_AUTH_BCE, "A1", "S1" },
        { "{}", { "QIANFAN_ACCESS_KEY=A1", "BAIDU_QIANFAN_AK=A2", "BAIDU_QIANFAN_SK=S2" }, LLMC_AUTH_BCE, "A2", "S2" }, /* half a pair is none */
        { "{}", { "QIANFAN_AK=A3", "QIANFAN_SK=S3" }, LLMC_AUTH_OAUTH, "A3", "S3" },
        { "{\"auth\": \"oauth\"}", { "QIANFAN_API_KEY=K", "BAIDU_QIANFAN_AK=A2", "BAIDU_QIANFAN_SK=S2" }, LLMC_AUTH_OAUTH, "A2", "S2" },
        { "{\"auth\": \"oauth\"}", { "QIANFAN_ACCESS_KEY=A1", "QIANFAN_SECRET_KEY=S1", "QIANFAN_AK=A3", "QIANFAN_SK=S3" }, LLMC_AUTH_OAUTH, "A3", "S3" },
        { "{\"auth\": \"bce\"}", { "QIANFAN_API_KEY=K", "QIANFAN_ACCESS_KEY=A1", "QIANFAN_SECRET_KEY=S1" }, LLMC_AUTH_BCE, "A1", "S1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char config[200];
        snprintf(config, sizeof config, "{\"providers\": {\"qianfan\": %s}}", cases[i].config);
        config_reading reading = config_reading_good(config, cases[i].environment);
        const llmc_provider *provider = reading.settings->providers;
        assert_int_equal(provider->auth, cases[i].auth);
        assert_string_equal(llmc_secret_reveal(&provider->credentials->id), cases[i].id);
        assert_string_equal(key_of(provider, 0), cases[i].key);
        bool exchanges = cases[i].auth != LLMC_AUTH_BEARER;
        assert_int_equal(provider->exchange != NULL, exchanges);
        assert_int_equal(provider->credentials->token != NULL, exchanges);
        if (exchanges)
            assert_string_equal(provider->exchange->provider->base_url, cases[i].auth == LLMC_AUTH_BCE ? "https://iam.bj.baidubce.com" : "https://aip.baidubce.com");
        config_reading_end(&reading);
    }
    config_reading_bad_has("{\"providers\": {\"qianfan\": {\"auth\": \"bce\"}}}", (const char *const[]){ "QIANFAN_API_KEY=K", NULL }, "set QIANFAN_ACCESS_KEY and QIANFAN_SECRET_KEY");
    config_reading_bad_has("{\"providers\": {\"x\": {\"preset\": \"baidu-iam\"}}}", nothing, "unknown preset"); /* nobody asks it a question */
    config_reading_bad_has("{\"providers\": {\"x\": {\"base_url\": \"https://h\", \"codec\": \"baidu_token\"}}}", nothing, "\"codec\" must be one of");
    config_reading_bad_has("{\"providers\": {\"bedrock\": {\"base_url\": \"https://h\", \"key\": {\"access_key\": \"a\", \"secret_key\": \"b\"}}}}", nothing, "needs a \"region\"");
    config_reading_bad_has("{\"providers\": {\"qianfan\": {\"token_url\": \"https://h/x?y\", \"key\": {\"access_key\": \"a\", \"secret_key\": \"b\"}}}}", nothing, "the token_url of provider \"qianfan\" must not hold a query");
    config_reading_bad_has("{\"providers\": {\"qianfan\": {\"keys\": [{\"access_key\": \"a\", \"secret_key\": \"b\"}, \"plain\"]}}}", nothing, "needs a pair");
    config_reading_sweep("{\"providers\": {\"qianfan\": {\"token_url\": \"http://127.0.0.1:1\", \"keys\": [{\"access_key\": \"a\", \"secret_key\": \"b\"}, {\"access_key\": \"c\", \"secret_key\": \"d\"}]}}}", nothing);
}

static void environment_files(void **state)
{
    (void)state;
    write_file("keys.env", "\xEF\xBB\xBF# keys\n\nOPENAI_API_KEY=sk-first\r\nexport  MISTRAL_API_KEY = 'sk $m#'  # mine\nXAI_API_KEY=\"a\\\"b\\\\c\" \n"
                           "GROQ_API_KEY=sk-groq # old\n EMPTY=\nDEEPSEEK_API_KEY=''\nOPENAI_API_KEY=sk-last");
    const char *path = write_file("llmcost.json", "{\"env_file\": \"keys.env\", \"providers\": {\"openai\": {}, \"mistral\": {}, \"xai\": {}, \"groq\": {\"key\": \"env:GROQ_API_KEY\"}}}");
    static const char *const environment[] = { "GROQ_API_KEY=sk-of-the-environment", NULL };
    config_reading reading = config_reading_good(path, environment);
    assert_string_equal(key_of(&reading.settings->providers[0], 0), "sk-last");
    assert_string_equal(key_of(&reading.settings->providers[1], 0), "sk $m#");
    assert_string_equal(key_of(&reading.settings->providers[2], 0), "a\"b\\c");
    assert_string_equal(key_of(&reading.settings->providers[3], 0), "sk-of-the-environment");
    config_reading_end(&reading);
    reading = config_reading_good(path, nothing);
    assert_string_equal(key_of(&reading.settings->providers[3], 0), "sk-groq");
    config_reading_end(&reading);

    static const struct { const char *lines, *words; } wrong[] = {
        { "A=1\nhunter2\n", "line 2 of" }, { "=hunter2", "line 1 of" }, { "A-B=hunter2", "line 1 of" }, { "A=\"hunter2", "line 1 of" }, { "A='hunter2' x", "line 1 of" },
    };
    path = write_file("wrong.json", "{\"env_file\": \"wrong.env\"}");
    char config[300];
    snprintf(config, sizeof config, "%s", path);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file("wrong.env", wrong[i].lines);
        config_reading_begin(&reading, config, nothing);
        assert_int_equal(reading.status, LLMCOST_E_CONFIG);
        assert_non_null(strstr(llmcost_error_message(&reading.error), wrong[i].words));
        assert_null(strstr(llmcost_error_message(&reading.error), "hunter2"));
        config_reading_end(&reading);
    }
    write_file("wrong.env", "");
    reading = config_reading_good(config, nothing);
    config_reading_end(&reading);
    config_reading_bad_has("{\"env_file\": 1}", nothing, "\"env_file\" must be the path");
    config_reading_bad(("{\"env_file\": \"/no/such\"}"), nothing, LLMCOST_E_FILE, "config:1: cannot read \"/no/such\": there is no such file");
}

static void deployments(void **state)
{
    (void)state;
    config_reading reading = config_reading_good("{\"providers\": {\"openai\": {\"key\": \"k\", \"models\": {\"prod\": \"gpt-4o-mini\"}}}}", nothing);
    llmc_arena arena;
    llmc_arena_init(&arena, &llmc_allocator_system, NULL, 0);
    const llmc_route *leaf = NULL;
    assert_int_equal(llmc_settings_resolve(reading.settings, "openai/prod", &arena, &leaf, &reading.error), LLMCOST_OK);
    assert_string_equal(leaf->model, "prod");
    assert_string_equal(llmc_model_name(leaf->prices), "gpt-4o-mini");
    llmc_arena_clear(&arena);
    config_reading_end(&reading);
    config_reading_bad_has("{\"providers\": {\"openai\": {\"key\": \"k\", \"models\": [1]}}}", nothing, "\"models\" must be an object");
    config_reading_bad_has("{\"providers\": {\"openai\": {\"key\": \"k\", \"models\": {\"a\": 1}}}}", nothing, "config:1:");
}

static void urls_of_the_environment(void **state)
{
    (void)state;
    static const char *const environment[] = { "OPENAI_BASE_URL=https://gateway.example//", "OPENAI_API_KEY=k", NULL };
    config_reading reading = config_reading_good("{\"providers\": {\"openai\": {}}}", environment);
    assert_string_equal(reading.settings->providers->base_url, "https://gateway.example/v1"); /* no choice of the config's author */
    config_reading_end(&reading);
    reading = config_reading_good("{\"providers\": {\"openai\": {\"base_url\": \"http://localhost:1/openai/v1\", \"api_version\": \"2024-10-21\"}}}", nothing);
    assert_string_equal(reading.settings->providers->base_url, "http://localhost:1/openai");
    assert_string_equal(reading.settings->providers->api_version, "2024-10-21");
    config_reading_end(&reading);
}

/* What Ollama's own programs read from this variable. */
static void addresses_of_ollama(void **state)
{
    (void)state;
    static const struct { const char *written, *taken; bool loopback; } hosts[] = {
        { "127.0.0.1", "http://127.0.0.1:11434", true },
        { "127.0.0.1:9", "http://127.0.0.1:9", true },
        { "0.0.0.0", "http://127.0.0.1:11434", true },
        { "0.0.0.0:9", "http://127.0.0.1:9", true },
        { "http://0.0.0.0:9/", "http://127.0.0.1:9", true },
        { "0.0.0.01", "http://0.0.0.1:11434", false }, /* as libcurl reads it */
        { "[::]", "http://[::1]:11434", true },
        { "[::]:9", "http://[::1]:9", true },
        { "http://[::]:9", "http://[::1]:9", true },
        { "::", "http://[::1]:11434", true },
        { "::1", "http://[::1]:11434", true },
        { "[::1]", "http://[::1]:11434", true },
        { "[::2]:9/", "http://[::2]:9", false },
        { ":9", "http://127.0.0.1:9", true },
        { "http://:9", "http://127.0.0.1:9", true },
        { "box", "http://box:11434", false },
        { "box/", "http://box:11434", false },
        { "box:9//", "http://box:9", false },
        { "box/ollama/", "http://box:11434/ollama", false },
        { "http://box", "http://box", false },
        { "https://BOX/", "https://box", false },
    };
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char variable[100];
        snprintf(variable, sizeof variable, "OLLAMA_HOST=%s", hosts[i].written);
        const char *const environment[] = { variable, NULL };
        config_reading reading = config_reading_good("{\"providers\": {\"ollama\": {}}}", environment);
        assert_string_equal(reading.settings->providers->base_url, hosts[i].taken);
        assert_int_equal(reading.settings->providers->loopback, hosts[i].loopback);
        assert_ptr_equal(reading.settings->providers->codec, &llmc_codec_ollama);
        config_reading_end(&reading);
    }
    static const char *const elsewhere[] = { "OLLAMA_HOST=0.0.0.0:9", "OPENAI_BASE_URL=0.0.0.0:9", NULL };
    config_reading reading = config_reading_good("{\"providers\": {\"ollama\": {\"base_url\": \"http://0.0.0.0:8\"}, \"openai\": {\"key\": \"k\", \"send_key_over_plain_http\": true}, \"ollama-openai\": {}}}", elsewhere);
    assert_string_equal(reading.settings->providers[0].base_url, "http://0.0.0.0:8"); /* what the config says, it means */
    assert_string_equal(reading.settings->providers[1].base_url, "http://0.0.0.0:9/v1"); /* nobody's address of a listener */
    assert_string_equal(reading.settings->providers[2].base_url, "http://localhost:11434/v1");
    config_reading_end(&reading);
    config_reading_sweep("{\"providers\": {\"ollama\": {}}}", elsewhere);
}

static void doors_of_ollama(void **state)
{
    (void)state;
    static const char *const environment[] = { "OLLAMA_HOST=box/v1", NULL };
    config_reading reading = config_reading_good("{\"providers\": {\"ollama\": {}, \"a\": {\"preset\": \"ollama\", \"base_url\": \"http://localhost:11434/v1/\", \"quirks\": {\"max_tokens\": false}},"
                                                 "\"b\": {\"preset\": \"ollama\", \"base_url\": \"http://localhost:11434\"}, \"c\": {\"preset\": \"ollama\", \"base_url\": \"http://localhost/v1\", \"codec\": \"ollama\"},"
                                                 "\"d\": {\"preset\": \"ollama\", \"base_url\": \"http://localhost/x/v1beta\"}}}", environment);
    const llmc_preset *door = llmc_preset_find("ollama-openai");
    const llmc_provider *providers = reading.settings->providers;
    assert_string_equal(providers[0].base_url, "http://box:11434/v1");
    assert_ptr_equal(providers[0].codec, &llmc_codec_openai);
    assert_int_equal(providers[0].quirks, door->quirks);
    assert_true(providers[0].free_of_charge);
    assert_string_equal(providers[1].base_url, "http://localhost:11434/v1");
    assert_ptr_equal(providers[1].codec, &llmc_codec_openai);
    assert_int_equal(providers[1].quirks, door->quirks & ~LLMC_QUIRK(MAX_TOKENS));
    assert_ptr_equal(providers[2].codec, &llmc_codec_ollama);
    assert_ptr_equal(providers[3].codec, &llmc_codec_ollama); /* said in so many words */
    assert_ptr_equal(providers[4].codec, &llmc_codec_ollama);
    assert_int_equal(providers[4].quirks, 0);
    config_reading_end(&reading);
}

static void azure(void **state)
{
    (void)state;
    static const char config[] = "{\"providers\": {\"azure\": {\"key\": \"k\"}, \"azure-responses\": {\"key\": \"k\"}}}";
    static const struct { const char *variable, *taken; } places[] = {
        { "AZURE_OPENAI_ENDPOINT=https://res.openai.azure.com/", "https://res.openai.azure.com/openai/v1" },
        { "AZURE_OPENAI_ENDPOINT=https://res.openai.azure.com", "https://res.openai.azure.com/openai/v1" },
        { "AZURE_OPENAI_ENDPOINT=https://res.services.ai.azure.com/openai/v1/", "https://res.services.ai.azure.com/openai/v1" },
        { "AZURE_OPENAI_RESOURCE=res", "https://res.openai.azure.com/openai/v1" },
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *const environment[] = { places[i].variable, NULL };
        config_reading reading = config_reading_good(config, environment);
        for (size_t p = 0; p < 2; p++) {
            assert_string_equal(reading.settings->providers[p].base_url, places[i].taken);
            assert_int_equal(reading.settings->providers[p].auth, LLMC_AUTH_API_KEY);
        }
        config_reading_end(&reading);
    }
    static const char *const endpoint[] = { "AZURE_OPENAI_ENDPOINT=https://res.openai.azure.com/", NULL };
    config_reading reading = config_reading_good("{\"providers\": {\"azure\": {\"key\": \"k\", \"api_version\": \"2024-10-21\"}}}", endpoint);
    assert_string_equal(reading.settings->providers->base_url, "https://res.openai.azure.com/openai");
    config_reading_end(&reading);
    reading = config_reading_good("{\"providers\": {\"azure\": {\"key\": \"k\", \"resource\": \"other\"}}}", nothing);
    assert_string_equal(reading.settings->providers->base_url, "https://other.openai.azure.com/openai/v1");
    config_reading_end(&reading);
    config_reading_bad_has("{\"providers\": {\"azure\": {\"key\": \"k\"}}}", nothing, "needs a \"resource\", or the environment variable AZURE_OPENAI_RESOURCE");
}

/* A key alone says nothing of where: only what has an address is opened. */
static void azure_of_the_environment(void **state)
{
    (void)state;
    static const char *const without[] = { "AZURE_OPENAI_API_KEY=k", "OPENAI_API_KEY=k", NULL };
    static const char *const with[][4] = { { "AZURE_OPENAI_API_KEY=k", "AZURE_OPENAI_ENDPOINT=https://res.openai.azure.com/", NULL }, { "AZURE_OPENAI_API_KEY=k", "AZURE_OPENAI_RESOURCE=res", NULL } };
    config_reading reading;
    config_reading_begin(&reading, NULL, without);
    assert_int_equal(reading.status, LLMCOST_OK);
    assert_null(config_reading_provider(&reading, "azure"));
    assert_null(config_reading_provider(&reading, "azure-responses"));
    assert_non_null(config_reading_provider(&reading, "openai"));
    config_reading_end(&reading);
    for (size_t i = 0; i < 2; i++) {
        config_reading_begin(&reading, NULL, with[i]);
        assert_int_equal(reading.status, LLMCOST_OK);
        assert_string_equal(config_reading_provider(&reading, "azure")->base_url, "https://res.openai.azure.com/openai/v1");
        assert_string_equal(config_reading_provider(&reading, "azure-responses")->base_url, "https://res.openai.azure.com/openai/v1");
        config_reading_end(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_keys), cmocka_unit_test(pairs), cmocka_unit_test(pairs_of_the_environment), cmocka_unit_test(environment_files), cmocka_unit_test(deployments), cmocka_unit_test(urls_of_the_environment),
        cmocka_unit_test(addresses_of_ollama), cmocka_unit_test(doors_of_ollama), cmocka_unit_test(azure), cmocka_unit_test(azure_of_the_environment),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[300];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) ? 1 : failed;
}
