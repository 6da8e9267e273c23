/* Providers, their keys and URLs, and the files that a config names. */
#include "client/config.h"

#include "../support/config_reading.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

static const char *const environment[] = { "OPENAI_API_KEY=sk-openai", "ANTHROPIC_API_KEY=sk-anthropic", "KIMI_1=sk-kimi-1", "KIMI_2=sk-kimi-2", "EMPTY=", "BAD_KEY=sk\n1", NULL };
static char folder[] = "/tmp/llmcost-config-XXXXXX";

static config_reading good(const char *config)
{
    return config_reading_good(config, environment);
}

static void bad(const char *config, const char *message)
{
    config_reading_bad(config, environment, LLMCOST_E_CONFIG, message);
}

static void bad_has(const char *config, const char *words)
{
    config_reading_bad_has(config, environment, words);
}

static void bad_with(llmcost_status status, const char *config, const char *message)
{
    config_reading_bad(config, environment, status, message);
}

static const char *write_bytes(const char *name, const char *text, size_t bytes)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
    return path;
}

static const char *write_file(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text));
}

/* ---- providers ---- */

static void test_provider_keys(void **state)
{
    (void)state;
    config_reading reading = good("{\"providers\": {\"my-host_1.x\": {\"base_url\": \"HTTPS://Example.COM:443/Deep/v1//\", \"key\": \"a key\", \"codec\": \"anthropic\","
                                  "\"headers\": {\"X-Team\": \"a: b\", \"anthropic-beta\": \"\"}, \"currency\": \"EUR\", \"catalog\": \"openai\", \"free\": true,"
                                  "\"send_key_over_plain_http\": true, \"on_abort\": \"drain\", \"connect_ms\": 1, \"first_byte_ms\": \"2s\", \"idle_ms\": 0,"
                                  "\"max_response_bytes\": \"2KB\", \"max_connections\": 5, \"proxy\": \"\", \"ca_file\": \"ca.pem\", \"accept_any_certificate\": true,"
                                  "\"retries\": 0, \"quirks\": {\"no_seed\": true, \"max_tokens\": false}}}}");
    const llmc_provider *provider = reading.settings->providers;
    assert_string_equal(provider->name, "my-host_1.x");
    assert_string_equal(provider->base_url, "https://example.com/Deep/v1");
    assert_string_equal(provider->preset->name, "openai-compatible");
    assert_string_equal(llmc_secret_reveal(&provider->credentials->key), "a key");
    assert_ptr_equal(provider->codec, &llmc_codec_anthropic);
    assert_int_equal(provider->header_count, 2);
    assert_string_equal(provider->headers[0], "X-Team: a: b");
    assert_string_equal(provider->headers[1], "anthropic-beta: ");
    assert_string_equal(provider->currency, "EUR");
    assert_string_equal(provider->catalog, "openai");
    assert_true(provider->free_of_charge);
    assert_true(provider->allow_plain_http_key);
    assert_true(provider->drain_on_abort);
    assert_int_equal(provider->connect_ms, 1);
    assert_int_equal(provider->first_byte_ms, 2000);
    assert_int_equal(provider->idle_ms, 0);
    assert_int_equal(provider->max_response_bytes, 2048);
    assert_int_equal(provider->max_connections, 5);
    assert_string_equal(provider->proxy, "");
    assert_string_equal(provider->ca_file, "ca.pem");
    assert_true(provider->insecure_tls);
    assert_int_equal(provider->retries, 0);
    assert_int_equal(provider->quirks, (provider->preset->quirks | LLMC_QUIRK(NO_SEED)) & ~LLMC_QUIRK(MAX_TOKENS));
    assert_false(provider->loopback);
    config_reading_end(&reading);

    reading = good("{\"providers\": {\"openai\": {\"free\": false}, \"ollama\": {\"free\": false}}}");
    provider = reading.settings->providers;
    assert_string_equal(provider->currency, "USD");
    assert_string_equal(provider->catalog, "openai");
    assert_false(provider->drain_on_abort);
    assert_int_equal(provider->drain_ms, 60000);
    assert_int_equal(provider->connect_ms, 10000);
    assert_int_equal(provider->first_byte_ms, 300000);
    assert_int_equal(provider->idle_ms, 60000);
    assert_int_equal(provider->max_response_bytes, 32 << 20);
    assert_int_equal(provider->max_connections, 100);
    assert_null(provider->proxy);
    assert_string_equal(provider[1].proxy, ""); /* ollama: on this machine */
    assert_null(provider->ca_file);
    assert_false(provider->insecure_tls);
    assert_false(provider->allow_plain_http_key);
    assert_int_equal(provider->retries, 2);
    assert_int_equal(provider->quirks, provider->preset->quirks);
    assert_false(provider[1].free_of_charge);
    config_reading_end(&reading);
}

static void test_provider_errors(void **state)
{
    (void)state;
    bad("{\"providers\": {\n\"open ai\": {}}}", "config:2: the name of a provider is made of letters, digits, \"_\", \".\" and \"-\"");
    bad_has("{\"providers\": {\"a/b\": {}}}", "the name of a provider");
    bad_has("{\"providers\": {\"\": {}}}", "a name has 1 to 256 bytes");
    bad("{\"providers\": {\"openai\": true}}", "config:1: \"openai\" must be an object");
    bad("{\"providers\": {\"opneai\": {}}}", "config:1: a \"preset\" or \"base_url\" is needed for provider \"opneai\", did you mean \"openai\"?");
    bad("{\"providers\": {\"x\": {\n\"preset\": \"mistrl\"}}}", "config:2: unknown preset \"mistrl\", did you mean \"mistral\"?");
    bad_has("{\"providers\": {\"x\": {\"preset\": 5}}}", "\"preset\" must be a text");
    bad_has("{\"providers\": {\"x\": {\"preset\": \"openai-compatible\"}}}", "provider \"x\" needs a \"base_url\"");
    bad_has("{\"providers\": {\"openai\": {\"codec\": \"gopher\"}}}", "\"codec\" must be one of openai, anthropic, gemini, responses, bedrock, cohere, ollama");
    bad_has("{\"providers\": {\"openai\": {\"codec\": 1}}}", "\"codec\" must be one of openai, anthropic");
    bad_has("{\"providers\": {\"openai\": {\"quirks\": {\"no_sed\": true}}}}", "unknown quirk \"no_sed\", did you mean \"no_seed\"?");
    bad_has("{\"providers\": {\"openai\": {\"quirks\": {\"no_seed\": 1}}}}", "\"no_seed\" must be true or false");
    bad_has("{\"providers\": {\"openai\": {\"quirks\": []}}}", "\"quirks\" must be an object");
    bad_has("{\"providers\": {\"openai\": {\"on_abort\": \"run\"}}}", "\"on_abort\" must be one of cancel|drain");
    bad_has("{\"providers\": {\"openai\": {\"max_response_bytes\": 1}}}", "out of range");
    bad_has("{\"providers\": {\"openai\": {\"retries\": 21}}}", "out of range: from 0 to 20");
    bad_has("{\"providers\": {\"openai\": {\"proxy\": \"http://a\\r\\nb\"}}}", "\"proxy\" holds a control character");
    bad_has("{\"providers\": {\"openai\": {\"headers\": []}}}", "\"headers\" must be an object");
    bad_has("{\"providers\": {\"openai\": {\"headers\": {\"a b\": \"c\"}}}}", "no name of an HTTP header");
    bad_has("{\"providers\": {\"openai\": {\"headers\": {\"a:\": \"c\"}}}}", "no name of an HTTP header");
    bad_has("{\"providers\": {\"openai\": {\"headers\": {\"\": \"c\"}}}}", "no name of an HTTP header");
    bad_has("{\"providers\": {\"openai\": {\"headers\": {\"X-A\": \"c\\r\\nX-B: d\"}}}}", "without control characters");
    bad_has("{\"providers\": {\"openai\": {\"headers\": {\"X-A\": 1}}}}", "must be a text");
    bad_has("{\"providers\": {\"openai\": {\"headers\": {\"Content-Length\": \"1\"}}}}", "is the library's own");
}

static void test_base_urls(void **state)
{
    (void)state;
    static const struct { const char *written, *taken; bool loopback; } urls[] = {
        { "http://localhost:80/v1", "http://localhost/v1", true },
        { "http://LOCALHOST:8080", "http://localhost:8080", true },
        { "http://127.0.0.1/", "http://127.0.0.1", true },
        { "http://127.9.8.7:1", "http://127.9.8.7:1", true },
        { "http://[::1]:8080/v1", "http://[::1]:8080/v1", true },
        { "https://128.0.0.1", "https://128.0.0.1", false },
        { "https://127.0.0.1.example.com/x/", "https://127.0.0.1.example.com/x", false },
        { "https://localhost.example.com", "https://localhost.example.com", false },
        { "https://[::2]/a", "https://[::2]/a", false },
    };
    char config[300];
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        snprintf(config, sizeof config, "{\"providers\": {\"x\": {\"base_url\": \"%s\", \"key\": \"k\"}}}", urls[i].written);
        config_reading reading = good(config);
        assert_string_equal(reading.settings->providers->base_url, urls[i].taken);
        assert_int_equal(reading.settings->providers->loopback, urls[i].loopback);
        config_reading_end(&reading);
    }
    /* An address alone gets the preset's path; a slash says that there is none. */
    config_reading reading = good("{\"providers\": {\"openai\": {\"base_url\": \"https://gateway.example\"}, \"vllm\": {\"base_url\": \"http://10.0.0.1:8000/\"}}}");
    assert_string_equal(reading.settings->providers[0].base_url, "https://gateway.example/v1");
    assert_string_equal(reading.settings->providers[1].base_url, "http://10.0.0.1:8000");
    config_reading_end(&reading);

    /* What is sent is what is kept. */
    reading = good("{\"providers\": {\"openai\": {\"base_url\": \"https://example.com:443/b\xc3\xbc/%c3%a4/../v1#\"}, \"vllm\": {\"base_url\": \"http://[::1]:8000/v1\"}}}");
    assert_string_equal(reading.settings->providers[0].base_url, "https://example.com/b%c3%bc/v1");
    assert_string_equal(reading.settings->providers[1].base_url, "http://[::1]:8000/v1");
    config_reading_end(&reading);

    static const struct { const char *url, *words; } bad_urls[] = {
        { "ftp://example.com", "must begin with http:// or https://" },
        { "file:///etc/passwd", "must begin with http:// or https://" },
        { "example.com/v1", "is no URL" },
        { "", "\"base_url\" has 1 to 2000 bytes" },
        { "https://", "is no URL" },
        { "https://user@example.com", "must not hold a user name or password" },
        { "https://user:hunter2@example.com", "must not hold a user name or password" },
        { "https://example.com/?a=b", "must not hold a query" },
        { "https://example.com/#x", "must not hold a query or a fragment" },
        { "https://exa\\nmple.com", "holds a control character" },
        { "https://exa mple.com", "is no URL" },
        { "https://example.com:99999/", "is no URL" },
        { "https://example.com:0/v1", "is no URL" },
        { "https:///v1", "is no URL" },
        { "http:/127.0.0.1/v1", "is no URL" },
        { "http:/127.0.0.1/a://b", "is no URL" },
        { "https:example.com", "is no URL" },
        { "https://example.com\\\\evil/v1", "is no URL" },
        { "https://@example.com/v1", "must not hold a user name or password" },
        { "https://example.com/v1?", "must not hold a query" },
        { "http://example.com/v1", "would send its key over plain http" },
        { "http://127.0.0.1.example.com", "would send its key over plain http" },
    };
    for (size_t i = 0; i < sizeof bad_urls / sizeof bad_urls[0]; i++) {
        snprintf(config, sizeof config, "{\"providers\": {\"openai\": {\"base_url\": \"%s\"}}}", bad_urls[i].url);
        bad_has(config, bad_urls[i].words);
        config_reading failed;
        config_reading_begin(&failed, config, environment);
        assert_null(strstr(llmcost_error_message(&failed.error), "hunter2"));
        config_reading_end(&failed);
    }
}

static void test_a_key_is_shown_once(void **state)
{
    (void)state;
    bad("{\"providers\": {\"openai\": {\"key\": \"k\", \"headers\": {\n\"authorization\": \"Basic x\"}}}}",
        "config:2: provider \"openai\": the header authorization is where its key goes: leave one of them out");
    bad_has("{\"providers\": {\"anthropic\": {\"key\": \"k\", \"headers\": {\"X-Api-Key\": \"x\"}}}}", "where its key goes");
    bad_has("{\"providers\": {\"x\": {\"base_url\": \"https://h/v1\", \"auth\": \"api-key\", \"key\": \"k\", \"headers\": {\"Api-Key\": \"x\"}}}}", "where its key goes");
    bad_has("{\"providers\": {\"x\": {\"base_url\": \"https://h/v1\", \"headers\": {\"host\": \"\"}}}}", "the header host is empty");
    bad_has("{\"providers\": {\"x\": {\"base_url\": \"https://h/v1\", \"headers\": {\"Host\": \"  \"}}}}", "the header Host is empty");
    bad_has("{\"providers\": {\"x\": {\"base_url\": \"https://h/v1\", \"auth\": \"x-goog-api-key\", \"key\": \"k\", \"headers\": {\"x-goog-api-key\": \"x\"}}}}", "where its key goes");
    config_reading reading = good("{\"providers\": {\"anthropic\": {\"key\": \"k\", \"headers\": {\"Authorization\": \"Basic gateway\"}}}}");
    config_reading_end(&reading);
    reading = good("{\"providers\": {\"x\": {\"base_url\": \"https://h/v1\", \"headers\": {\"Authorization\": \"Basic x\"}}}}");
    config_reading_end(&reading);
}

static void test_keys_over_plain_http(void **state)
{
    (void)state;
    bad_has("{\"providers\": {\"x\": {\"base_url\": \"http://example.com\", \"headers\": {\"X-Goog-Api-Key\": \"k\"}}}}", "would send its key over plain http");
    bad("{\"providers\": {\"x\": {\"base_url\": \"http://example.com\", \"key\": \"sk-secret\"}}}",
        "config:1: provider \"x\" would send its key over plain http: use https, or say \"send_key_over_plain_http\": true");
    bad_has("{\"providers\": {\"x\": {\"base_url\": \"http://example.com\", \"headers\": {\"Authorization\": \"Basic x\"}}}}", "plain http");
    bad("{\"providers\": {\"x\": {\"base_url\": \"http://127.0.0.1\", \"key\": \"k\", \"proxy\": \"http://proxy.example.com\"}}}",
        "config:1: provider \"x\" would send its key over plain http to its \"proxy\": say \"proxy\": \"\", or \"send_key_over_plain_http\": true");
    bad_has("{\"providers\": {\"x\": {\"base_url\": \"http://example.com\", \"key\": \"k\", \"proxy\": \"http://proxy.example.com\"}}}", "plain http");
    static const char *const fine[] = {
        "{\"providers\": {\"x\": {\"base_url\": \"http://example.com\"}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"http://example.com\", \"headers\": {\"X-Team\": \"x\"}}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"http://example.com\", \"key\": \"k\", \"send_key_over_plain_http\": true}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"https://example.com\", \"key\": \"k\"}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"http://localhost\", \"key\": \"k\"}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"http://localhost\", \"key\": \"k\", \"proxy\": \"\"}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"http://localhost\", \"proxy\": \"http://proxy.example.com\"}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"https://localhost\", \"key\": \"k\", \"proxy\": \"http://proxy.example.com\"}}}",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        config_reading reading = good(fine[i]);
        config_reading_end(&reading);
    }
}

static void test_secrets_of_providers(void **state)
{
    (void)state;
    bad("{\"providers\": {\"openai\": {\n\"key\": \"env:NOT_THERE\"}}}", "config:2: provider \"openai\": the environment variable NOT_THERE is not set");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"env:EMPTY\"}}}", "EMPTY is not set");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"env:\"}}}", "\"env:\" needs the name of a variable");
    bad("{\"providers\": {\"mistral\": {}}}", "config:1: provider \"mistral\" has no key: set the environment variable MISTRAL_API_KEY, or give it a \"key\"");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"env:BAD_KEY\"}}}", "the key in its environment variable holds a control character");
    bad_has("{\"providers\": {\"openai\": {\"key\": \" sk\"}}}", "the key begins or ends with a space");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"sk \"}}}", "the key begins or ends with a space");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"\"}}}", "the key is empty");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"sk-\\u2026\"}}}", "not ASCII");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"sk\\r\\nX-Evil: 1\"}}}", "control character");
    bad_has("{\"providers\": {\"openai\": {\"key\": 5}}}", "a key is a text");
    bad_has("{\"providers\": {\"openai\": {\"keys\": []}}}", "\"keys\" must be a list of 1 to 1000 keys");
    bad_has("{\"providers\": {\"openai\": {\"keys\": \"sk\"}}}", "\"keys\" must be a list");
    bad_has("{\"providers\": {\"openai\": {\"key\": \"a\", \"keys\": [\"b\"]}}}", "both \"key\" and \"keys\"");
    static const char *const never[] = {
        "{\"providers\": {\"openai\": {\"key\": \" hunter2\"}}}", "{\"providers\": {\"openai\": {\"keys\": [\" hunter2\"]}}}",
        "{\"providers\": {\"x\": {\"base_url\": \"http://h\", \"key\": \"hunter2\"}}}", "{\"providers\": {\"openai\": {\"key\": \"hunter2\\n\"}}}",
        "{\"providers\": {\"openai\": {\"headers\": {\"A\": \"hunter2\\n\"}}}}",
    };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        config_reading reading;
        config_reading_begin(&reading, never[i], environment);
        assert_int_equal(reading.status, LLMCOST_E_CONFIG);
        assert_null(strstr(llmcost_error_message(&reading.error), "hunter2"));
        config_reading_end(&reading);
    }
    /* A server of this machine may do without. */
    config_reading reading = good("{\"providers\": {\"mistral\": {\"base_url\": \"http://localhost:1\"}, \"ollama\": {}}}");
    assert_int_equal(reading.settings->providers[0].credential_count, 0);
    config_reading_end(&reading);
}

/* ---- files ---- */

static void test_files(void **state)
{
    (void)state;
    char config[600], message[800];
    write_file("key", "sk-from-file\r\n\n");
    write_file("inner", "sk\ninner\n");
    write_file("empty", "");
    write_bytes("zero", "{\0}", 3);
    const char *path = write_file("llmcost.json", "{\"providers\": {\"openai\": {\"key\": \"file:key\", \"ca_file\": \"certs/ca.pem\"}}}");
    config_reading reading = good(path);
    assert_string_equal(llmc_secret_reveal(&reading.settings->providers->credentials->key), "sk-from-file");
    snprintf(message, sizeof message, "%s/certs/ca.pem", folder);
    assert_string_equal(reading.settings->providers->ca_file, message);
    config_reading_end(&reading);

    snprintf(config, sizeof config, "{\"providers\": {\"openai\": {\"key\": \"file:%s/key\", \"ca_file\": \"/abs/ca.pem\"}}}", folder);
    reading = good(config);
    assert_string_equal(llmc_secret_reveal(&reading.settings->providers->credentials->key), "sk-from-file");
    assert_string_equal(reading.settings->providers->ca_file, "/abs/ca.pem");
    config_reading_end(&reading);

    snprintf(config, sizeof config, "{\"providers\": {\"openai\": {\"key\": \"file:%s/inner\"}}}", folder);
    bad_has(config, "the key in its file holds a control character");
    snprintf(config, sizeof config, "{\"providers\": {\"openai\": {\"key\": \"file:%s/empty\"}}}", folder);
    bad_has(config, "the key in its file is empty");
    bad_with(LLMCOST_E_FILE, "{\n\"providers\": {\"openai\": {\"key\": \"file:/no/such\"}}}", "config:2: cannot read \"/no/such\": there is no such file");

    bad_with(LLMCOST_E_FILE, "/no/such/config.json", "cannot read \"/no/such/config.json\": there is no such file");
    snprintf(message, sizeof message, "cannot read \"%s\": it is a directory", folder);
    bad_with(LLMCOST_E_FILE, folder, message);
    bad_with(LLMCOST_E_FILE, "/dev/null", "cannot read \"/dev/null\": it is not a regular file");
    bad_with(LLMCOST_E_FILE, "", "cannot read \"\": there is no such file");
    snprintf(config, sizeof config, "%s/empty", folder);
    snprintf(message, sizeof message, "%s:1:1: the config is empty; the least is {}", config);
    bad(config, message);
    snprintf(config, sizeof config, "%s/zero", folder);
    bad_has(config, "zero:1:2: ");
    path = write_file("list.json", "\n [1]");
    snprintf(message, sizeof message, "%s:2:2: a config is an object: { ... }", path);
    bad(path, message);
    path = write_file("mark.json", "\xEF\xBB\xBF{\"cahce\":1}");
    bad_has(path, "mark.json:1: unknown key");

    path = write_file("locked.json", "{}");
    chmod(path, 0);
    if (geteuid() != 0) {
        snprintf(message, sizeof message, "cannot read \"%s\": permission denied", path);
        bad_with(LLMCOST_E_FILE, path, message);
    }
    snprintf(config, sizeof config, "%s/pipe", folder);
    assert_int_equal(mkfifo(config, 0600), 0);
    snprintf(message, sizeof message, "cannot read \"%s\": it is not a regular file", config);
    bad_with(LLMCOST_E_FILE, config, message); /* and does not wait for a writer */
}

static void test_large_files(void **state)
{
    (void)state;
    char message[800], config[600];
    const char *path = write_file("large.json", "{}");
    assert_int_equal(truncate(path, (16 << 20) + 1), 0);
    snprintf(message, sizeof message, "cannot read \"%s\": it is larger than 16 MB", path);
    bad_with(LLMCOST_E_FILE, path, message);
    snprintf(config, sizeof config, "{\"providers\": {\"openai\": {\"key\": \"file:%s\"}}}", path);
    snprintf(message, sizeof message, "config:1: cannot read \"%s\": it is larger than 64 KB", path);
    bad_with(LLMCOST_E_FILE, config, message);
}

static void test_prices(void **state)
{
    (void)state;
    static const char litellm[] = "{\"house-model\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06}}";
    write_file("prices.json", litellm);
    const char *path = write_file("priced.json", "{\"prices\": \"prices.json\"}");
    config_reading reading = good(path);
    assert_true(llmc_catalog_has(reading.settings->catalog, "openai", "house-model"));
    config_reading_end(&reading);
    path = write_file("priced.json", "{\"prices\": [\"prices.json\"]}");
    reading = good(path);
    assert_true(llmc_catalog_has(reading.settings->catalog, "openai", "house-model"));
    config_reading_end(&reading);
    char config[400];
    snprintf(config, sizeof config, "{\"prices\": %s}", litellm);
    reading = good(config);
    assert_true(llmc_catalog_has(reading.settings->catalog, "openai", "house-model"));
    config_reading_end(&reading);

    bad_with(LLMCOST_E_FILE, "{\"prices\": \"/no/such\"}", "config:1: cannot read \"/no/such\": there is no such file");
    bad_has("{\"prices\": 5}", "\"prices\" must be the path of a file");
    bad_has("{\"prices\": [5]}", "\"prices\" must be the path of a file");
    write_file("broken.json", "{");
    snprintf(config, sizeof config, "{\"prices\": \"%s/broken.json\"}", folder);
    bad_has(config, "broken.json");
}

static void test_without_memory(void **state)
{
    (void)state;
    write_file("key", "sk-from-file\n");
    config_reading_sweep(write_file("sweep.json", "{\"providers\": {\"openai\": {\"key\": \"file:key\", \"headers\": {\"X-A\": \"b\"}, \"ca_file\": \"x\"}}}"), environment);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provider_keys),
        cmocka_unit_test(test_provider_errors),
        cmocka_unit_test(test_base_urls),
        cmocka_unit_test(test_a_key_is_shown_once),
        cmocka_unit_test(test_keys_over_plain_http),
        cmocka_unit_test(test_secrets_of_providers),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_large_files),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
