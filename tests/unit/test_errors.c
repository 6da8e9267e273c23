/* Error bodies and headers of every shape into one taxonomy. */
#include "../support/nth_failure.h"
#include "provider/presets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct body_case {
    int32_t http;
    const char *body;
    llmcost_status status;
    const char *code, *words;
} bodies[] = {
    /* OpenAI */
    { 400, "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"param\":\"x\",\"code\":null}}", LLMCOST_E_INVALID_REQUEST, "invalid_request_error", "no" },
    { 401, "{\"error\":{\"message\":\"who\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}", LLMCOST_E_AUTH, "invalid_api_key", "who" },
    { 429, "{\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}", LLMCOST_E_QUOTA, "insufficient_quota", "m" },
    { 429, "{\"error\":{\"message\":\"m\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}", LLMCOST_E_RATE_LIMITED, "rate_limit_exceeded", "m" },
    { 429, "{\"error\":{\"message\":\"m\",\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}", LLMCOST_E_RATE_LIMITED, "rate_limit_exceeded", "m" },
    { 429, "{\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\",\"type\":\"tokens\"}}", LLMCOST_E_RATE_LIMITED, "rate_limit_exceeded", "m" },
    { 429, "{\"error\":{\"message\":\"m\",\"type\":\"tokens\",\"code\":null}}", LLMCOST_E_RATE_LIMITED, "tokens", "m" },
    { 429, "{\"error\":{\"message\":\"m\",\"code\":\"project_spend_limit_exceeded\"}}", LLMCOST_E_QUOTA, "project_spend_limit_exceeded", "m" },
    { 400, "{\"error\":{\"message\":\"m\",\"code\":\"context_length_exceeded\"}}", LLMCOST_E_CONTEXT_LENGTH, "context_length_exceeded", "m" },
    { 404, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"model_not_found\"}}", LLMCOST_E_NOT_FOUND, "model_not_found", "m" },
    { 503, "{\"error\":{\"message\":\"m\",\"code\":\"slow_down\"}}", LLMCOST_E_OVERLOADED, "slow_down", "m" },
    { 400, "{\"error\":{\"message\":\"m\",\"code\":\"content_policy_violation\"}}", LLMCOST_E_CONTENT_FILTER, "content_policy_violation", "m" },
    /* Azure */
    { 400, "{\"error\":{\"message\":\"m\",\"code\":\"content_filter\",\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", LLMCOST_E_CONTENT_FILTER, "content_filter", "m" },
    /* Anthropic */
    { 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too low to go on\"},\"request_id\":\"req_9\"}", LLMCOST_E_QUOTA, "invalid_request_error", NULL },
    { 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 12 tokens > 8\"}}", LLMCOST_E_CONTEXT_LENGTH, "invalid_request_error", NULL },
    { 402, "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"m\"}}", LLMCOST_E_QUOTA, "billing_error", "m" },
    { 529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}", LLMCOST_E_OVERLOADED, "overloaded_error", "m" },
    { 200, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}", LLMCOST_E_OVERLOADED, "overloaded_error", "m" },
    { 200, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}", LLMCOST_E_RATE_LIMITED, "rate_limit_error", "m" },
    { 200, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}", LLMCOST_E_SERVER, "api_error", "m" },
    { 200, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"m\"}}", LLMCOST_E_AUTH, "authentication_error", "m" },
    { 413, "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"m\"}}", LLMCOST_E_INVALID_REQUEST, "request_too_large", "m" },
    { 504, "{\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"m\"}}", LLMCOST_E_SERVER_TIMEOUT, "timeout_error", "m" },
    /* OpenRouter */
    { 200, "{\"error\":{\"code\":502,\"message\":\"up\",\"metadata\":{\"provider_name\":\"x\",\"raw\":\"y\"}}}", LLMCOST_E_SERVER, "502", "up" },
    { 200, "{\"error\":{\"code\":429,\"message\":\"up\"}}", LLMCOST_E_RATE_LIMITED, "429", "up" },
    { 403, "{\"error\":{\"code\":403,\"message\":\"flagged\",\"metadata\":{\"reasons\":[\"v\"],\"flagged_input\":\"z\"}}}", LLMCOST_E_CONTENT_FILTER, "403", "flagged" },
    { 402, "{\"error\":{\"code\":402,\"message\":\"m\"}}", LLMCOST_E_QUOTA, "402", "m" },
    /* Moonshot */
    { 429, "{\"error\":{\"type\":\"exceeded_current_quota_error\",\"message\":\"m\"}}", LLMCOST_E_QUOTA, "exceeded_current_quota_error", "m" },
    { 429, "{\"error\":{\"type\":\"engine_overloaded_error\",\"message\":\"m\"}}", LLMCOST_E_OVERLOADED, "engine_overloaded_error", "m" },
    { 429, "{\"error\":{\"type\":\"rate_limit_reached_error\",\"message\":\"m\"}}", LLMCOST_E_RATE_LIMITED, "rate_limit_reached_error", "m" },
    { 400, "{\"error\":{\"type\":\"content_filter\",\"message\":\"m\"}}", LLMCOST_E_CONTENT_FILTER, "content_filter", "m" },
    { 403, "{\"error\":{\"message\":\"Insufficient balance on the account\"}}", LLMCOST_E_QUOTA, "", NULL },
    /* Zhipu */
    { 429, "{\"error\":{\"code\":\"1113\",\"message\":\"m\"}}", LLMCOST_E_QUOTA, "1113", "m" },
    { 429, "{\"error\":{\"code\":\"1302\",\"message\":\"m\"}}", LLMCOST_E_RATE_LIMITED, "1302", "m" },
    { 429, "{\"error\":{\"code\":\"1312\",\"message\":\"m\"}}", LLMCOST_E_OVERLOADED, "1312", "m" },
    { 400, "{\"error\":{\"code\":\"1261\",\"message\":\"m\"}}", LLMCOST_E_CONTEXT_LENGTH, "1261", "m" },
    { 400, "{\"error\":{\"code\":\"1301\",\"message\":\"m\"}}", LLMCOST_E_CONTENT_FILTER, "1301", "m" },
    { 400, "{\"error\":{\"code\":\"1211\",\"message\":\"m\"}}", LLMCOST_E_NOT_FOUND, "1211", "m" },
    { 401, "{\"error\":{\"code\":\"1000\",\"message\":\"m\"}}", LLMCOST_E_AUTH, "1000", "m" },
    /* DashScope */
    { 400, "{\"code\":\"Arrearage\",\"message\":\"m\",\"request_id\":\"r-1\"}", LLMCOST_E_QUOTA, "Arrearage", "m" },
    { 400, "{\"error\":{\"code\":\"data_inspection_failed\",\"message\":\"m\"}}", LLMCOST_E_CONTENT_FILTER, "data_inspection_failed", "m" },
    { 400, "{\"error\":{\"code\":\"invalid_parameter_error\",\"message\":\"Range of input length should be [1, 9]\"}}", LLMCOST_E_CONTEXT_LENGTH, "invalid_parameter_error", NULL },
    { 429, "{\"code\":\"Throttling.RateQuota\",\"message\":\"m\"}", LLMCOST_E_RATE_LIMITED, "Throttling.RateQuota", "m" },
    { 403, "{\"code\":\"AllocationQuota.FreeTierOnly\",\"message\":\"m\"}", LLMCOST_E_QUOTA, "AllocationQuota.FreeTierOnly", "m" },
    { 401, "{\"code\":\"InvalidApiKey\",\"message\":\"m\"}", LLMCOST_E_AUTH, "InvalidApiKey", "m" },
    /* a code that nobody knows says more than its kind, wherever it stands */
    { 400, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"brand_new\"}}", LLMCOST_E_INVALID_REQUEST, "brand_new", "m" },
    { 400, "{\"error\":{\"code\":\"brand_new\",\"type\":\"kind_of\",\"message\":\"m\"}}", LLMCOST_E_INVALID_REQUEST, "brand_new", "m" },
    { 500, "{\"error\":{\"message\":\"m\",\"type\":\"kind_of\",\"code\":null}}", LLMCOST_E_SERVER, "kind_of", "m" },
    /* Doubao */
    { 403, "{\"error\":{\"code\":\"AccountOverdueError\",\"message\":\"m\"}}", LLMCOST_E_QUOTA, "AccountOverdueError", "m" },
    { 429, "{\"error\":{\"code\":\"ServerOverloaded\",\"message\":\"m\"}}", LLMCOST_E_OVERLOADED, "ServerOverloaded", "m" },
    { 400, "{\"error\":{\"code\":\"InputTextRiskDetection\",\"message\":\"m\"}}", LLMCOST_E_CONTENT_FILTER, "InputTextRiskDetection", "m" },
    { 400, "{\"error\":{\"code\":\"SensitiveContentDetected.SevereViolation\",\"message\":\"m\"}}", LLMCOST_E_CONTENT_FILTER, NULL, "m" },
    { 404, "{\"error\":{\"code\":\"InvalidEndpointOrModel.NotFound\",\"message\":\"m\"}}", LLMCOST_E_NOT_FOUND, NULL, "m" },
    /* Qianfan */
    { 400, "{\"error\":{\"code\":\"tokens_too_long\",\"message\":\"m\",\"type\":\"invalid_request_error\"},\"id\":\"as-1\"}", LLMCOST_E_CONTEXT_LENGTH, "tokens_too_long", "m" },
    { 400, "{\"error\":{\"code\":\"x\",\"message\":\"m\",\"type\":\"unsafe_request\"}}", LLMCOST_E_CONTENT_FILTER, "unsafe_request", "m" },
    { 200, "{\"error_code\":110,\"error_msg\":\"m\"}", LLMCOST_E_AUTH, "110", "m" },
    { 200, "{\"error_code\":336501,\"error_msg\":\"m\"}", LLMCOST_E_RATE_LIMITED, "336501", "m" },
    { 200, "{\"error_code\":17,\"error_msg\":\"m\"}", LLMCOST_E_QUOTA, "17", "m" },
    /* Hunyuan */
    { 200, "{\"Response\":{\"Error\":{\"Code\":\"AuthFailure.SecretIdNotFound\",\"Message\":\"m\"},\"RequestId\":\"q\"}}", LLMCOST_E_AUTH, NULL, "m" },
    { 200, "{\"Response\":{\"Error\":{\"Code\":\"ResourceUnavailable.InArrears\",\"Message\":\"m\"}}}", LLMCOST_E_QUOTA, NULL, "m" },
    { 200, "{\"Response\":{\"Error\":{\"Code\":\"LimitExceeded\",\"Message\":\"m\"}}}", LLMCOST_E_RATE_LIMITED, NULL, "m" },
    { 200, "{\"Response\":{\"Error\":{\"Code\":\"FailedOperation.EngineRequestTimeout\",\"Message\":\"m\"}}}", LLMCOST_E_SERVER_TIMEOUT, NULL, "m" },
    { 200, "{\"Response\":{\"Error\":{\"Code\":\"InvalidParameterValue\",\"Message\":\"m\"}}}", LLMCOST_E_INVALID_REQUEST, NULL, "m" },
    /* MiniMax */
    { 200, "{\"base_resp\":{\"status_code\":1008,\"status_msg\":\"m\"}}", LLMCOST_E_QUOTA, "1008", "m" },
    { 200, "{\"base_resp\":{\"status_code\":1002,\"status_msg\":\"m\"}}", LLMCOST_E_RATE_LIMITED, "1002", "m" },
    { 200, "{\"base_resp\":{\"status_code\":1026,\"status_msg\":\"m\"}}", LLMCOST_E_CONTENT_FILTER, "1026", "m" },
    { 200, "{\"base_resp\":{\"status_code\":1004,\"status_msg\":\"m\"}}", LLMCOST_E_AUTH, "1004", "m" },
    { 200, "{\"base_resp\":{\"status_code\":7777,\"status_msg\":\"m\"}}", LLMCOST_E_SERVER, "7777", "m" },
    /* xAI, SiliconFlow, Mistral, Cohere, Ollama, Gemini */
    { 400, "{\"code\":\"Client specified an invalid argument\",\"error\":\"m\"}", LLMCOST_E_INVALID_REQUEST, NULL, "m" },
    { 403, "{\"code\":30001,\"message\":\"m\",\"data\":null}", LLMCOST_E_QUOTA, "30001", "m" },
    { 503, "{\"code\":50505,\"message\":\"m\"}", LLMCOST_E_OVERLOADED, "50505", "m" },
    { 401, "\"Api key is invalid\"", LLMCOST_E_AUTH, "", "Api key is invalid" },
    { 422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"Field required\",\"type\":\"missing\"}]}", LLMCOST_E_INVALID_REQUEST, "missing", "Field required" },
    { 401, "{\"detail\":\"Unauthorized\"}", LLMCOST_E_AUTH, "", "Unauthorized" },
    { 400, "{\"object\":\"error\",\"message\":\"m\",\"type\":\"invalid_model\",\"code\":\"1500\"}", LLMCOST_E_NOT_FOUND, "invalid_model", "m" },
    { 500, "{\"message\":\"m\"}", LLMCOST_E_SERVER, "", "m" },
    { 404, "{\"error\":\"model not there\"}", LLMCOST_E_NOT_FOUND, "", "model not there" },
    { 400, "{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}", LLMCOST_E_AUTH, "API_KEY_INVALID", "m" },
    /* Groq */
    { 498, "{\"error\":{\"message\":\"m\"}}", LLMCOST_E_OVERLOADED, "", "m" },
    /* a throttled call speaks of tokens, too */
    { 429, "{\"message\":\"Too many tokens, please wait\"}", LLMCOST_E_RATE_LIMITED, "", NULL },
    { 400, "{\"error\":{\"message\":\"This model's maximum context length is 9 tokens\"}}", LLMCOST_E_CONTEXT_LENGTH, "", NULL },
    { 400, "{\"error\":{\"message\":\"the request exceeds the available context size\"}}", LLMCOST_E_CONTEXT_LENGTH, "", NULL },
    /* no JSON */
    { 502, "<html>\n<head><title>502 Bad Gateway</title></head></html>", LLMCOST_E_SERVER, "", "502 Bad Gateway" },
    /* as an event, though the status says all */
    { 429, "data: {\"error\":{\"message\":\"no money\",\"code\":\"insufficient_quota\"}}\n\n", LLMCOST_E_QUOTA, "insufficient_quota", "no money" },
    { 400, "id:1\nevent:error\n:HTTP_STATUS/400\ndata:{\"code\":\"Arrearage\",\"message\":\"m\",\"request_id\":\"r\"}\n\n", LLMCOST_E_QUOTA, "Arrearage", "m" },
    { 500, "no data: {\"code\":\"Arrearage\"}", LLMCOST_E_SERVER, "", "no data: {\"code\":\"Arrearage\"}" },
    { 500, "data: gone", LLMCOST_E_SERVER, "", "data: gone" },
    { 500, "data:", LLMCOST_E_SERVER, "", "data:" },
    { 503, "<!DOCTYPE html><body>sorry</body>", LLMCOST_E_OVERLOADED, "", "an HTML page" },
    { 504, "  upstream request timeout \n", LLMCOST_E_SERVER_TIMEOUT, "", "upstream request timeout" },
    { 429, "", LLMCOST_E_RATE_LIMITED, "", "" },
    { 500, "{\"error\":{\"message\":\"half an ans", LLMCOST_E_SERVER, "", "" },
    { 500, "{}", LLMCOST_E_SERVER, "", "" },
    { 500, "[]", LLMCOST_E_SERVER, "", "" },
    { 500, "null", LLMCOST_E_SERVER, "", "null" },
    { 401, "{\"error\":{\"message\":\"\\u00fcber\\ud83d\\ude00\"}}", LLMCOST_E_AUTH, "", "\xc3\xbc" "ber\xf0\x9f\x98\x80" },
};

/* The same four digits mean nothing at another host. */
static void codes_of_a_host_are_its_own(void **state)
{
    (void)state;
    static const char body[] = "{\"error\":{\"code\":\"1113\",\"message\":\"m\"}}";
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_decode_error_body(&error, 400, body, strlen(body)), LLMCOST_E_INVALID_REQUEST);
    llmc_error_clear(&error);
    assert_int_equal(llmc_decode_error_of_host(&error, LLMC_QUIRK(ZHIPU_CODES), 400, body, strlen(body)), LLMCOST_E_QUOTA);
    llmc_error_clear(&error);
}

static void another_door_is_shown(void **state)
{
    (void)state;
    static const char body[] = "{\"error\":{\"message\":\"Function tools are not supported with this model in /v1/chat/completions. Use /v1/responses instead.\"}}";
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_decode_error_body(&error, 400, body, strlen(body)), LLMCOST_E_INVALID_REQUEST);
    assert_non_null(strstr(llmcost_error_message(&error), "openai-responses"));
    llmc_error_clear(&error);
}

static void bodies_become_statuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        llmcost_error error;
        llmc_error_init(&error, &llmc_allocator_system);
        llmcost_status status = llmc_decode_error_of_host(&error, LLMC_QUIRK(ZHIPU_CODES), bodies[i].http, bodies[i].body, strlen(bodies[i].body));
        if (status != bodies[i].status)
            fail_msg("%s: %s", bodies[i].body, llmcost_error_message(&error));
        assert_int_equal(error.status, status);
        assert_int_equal(error.http_status, bodies[i].http);
        if (bodies[i].code)
            assert_string_equal(llmcost_error_code(&error), bodies[i].code);
        if (bodies[i].words)
            assert_string_equal(llmcost_error_provider_message(&error), bodies[i].words);
        assert_non_null(error.message);
        llmc_error_clear(&error);
    }
}

static void request_ids_are_kept(void **state)
{
    (void)state;
    llmcost_error error;
    const char body[] = "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"},\"request_id\":\"req_7\"}";
    uint32_t rank = 0;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_decode_error_body(&error, 500, body, strlen(body));
    assert_string_equal(llmcost_error_request_id(&error), "req_7");
    llmc_error_clear(&error);
    llmc_decode_error_header(&error, &rank, "X-Request-Id", "from-header", 0);
    llmc_decode_error_body(&error, 500, body, strlen(body));
    assert_string_equal(llmcost_error_request_id(&error), "from-header");
    llmc_error_clear(&error);
}

/* Amazon names the kind in a header; its body holds the words only. */
static void kinds_in_headers(void **state)
{
    (void)state;
    static const struct { int32_t http; const char *kind, *body; llmcost_status status; const char *code; } cases[] = {
        { 403, "UnrecognizedClientException:http://internal.amazon.com/coral/", "{\"message\":\"m\"}", LLMCOST_E_AUTH, "UnrecognizedClientException" },
        { 403, "InvalidSignatureException", "{\"message\":\"m\"}", LLMCOST_E_AUTH, "InvalidSignatureException" },
        { 403, "ExpiredTokenException", "{\"message\":\"m\"}", LLMCOST_E_AUTH, "ExpiredTokenException" },
        { 403, "com.amazon.coral.service#MissingAuthenticationTokenException:x", "{\"message\":\"m\"}", LLMCOST_E_AUTH, "MissingAuthenticationTokenException" },
        { 403, "AccessDeniedException", "{\"message\":\"m\"}", LLMCOST_E_PERMISSION, "AccessDeniedException" },
        { 429, "ThrottlingException", "{\"message\":\"Too many tokens\"}", LLMCOST_E_RATE_LIMITED, "ThrottlingException" },
        { 429, "ModelNotReadyException", "{\"message\":\"m\"}", LLMCOST_E_OVERLOADED, "ModelNotReadyException" },
        { 400, "ServiceQuotaExceededException", "{\"message\":\"m\"}", LLMCOST_E_RATE_LIMITED, "ServiceQuotaExceededException" },
        { 400, "ValidationException", "{\"message\":\"m\"}", LLMCOST_E_INVALID_REQUEST, "ValidationException" },
        { 400, "ValidationException", "{\"message\":\"Input is too long for requested model.\"}", LLMCOST_E_CONTEXT_LENGTH, "ValidationException" },
        { 400, "ValidationException", "{\"message\":\"Input Tokens Exceeded: 9\"}", LLMCOST_E_CONTEXT_LENGTH, "ValidationException" },
        { 400, "ValidationException", "{\"message\":\"The provided model identifier is invalid.\"}", LLMCOST_E_NOT_FOUND, "ValidationException" },
        { 404, "ResourceNotFoundException", "{\"message\":\"m\"}", LLMCOST_E_NOT_FOUND, "ResourceNotFoundException" },
        { 408, "ModelTimeoutException", "{\"message\":\"m\"}", LLMCOST_E_SERVER_TIMEOUT, "ModelTimeoutException" },
        { 424, "ModelErrorException", "{\"message\":\"m\"}", LLMCOST_E_SERVER, "ModelErrorException" },
        { 500, "InternalServerException", "{\"message\":\"m\"}", LLMCOST_E_SERVER, "InternalServerException" },
        { 503, "ServiceUnavailableException", "", LLMCOST_E_OVERLOADED, "ServiceUnavailableException" },
        { 400, "ValidationException", "{\"code\":\"context_length_exceeded\"}", LLMCOST_E_CONTEXT_LENGTH, "context_length_exceeded" },
        { 400, "", "{\"__type\":\"ThrottlingException\",\"message\":\"m\"}", LLMCOST_E_RATE_LIMITED, "ThrottlingException" },
        { 400, ":", "{\"message\":\"m\"}", LLMCOST_E_INVALID_REQUEST, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmcost_error error;
        uint32_t rank = 0;
        llmc_error_init(&error, &llmc_allocator_system);
        llmc_decode_error_header(&error, &rank, "x-amzn-ErrorType", cases[i].kind, 0);
        assert_int_equal(llmc_decode_error_body(&error, cases[i].http, cases[i].body, strlen(cases[i].body)), cases[i].status);
        assert_string_equal(llmcost_error_code(&error), cases[i].code);
        llmc_error_clear(&error);
    }
}

static void statuses_without_a_body(void **state)
{
    (void)state;
    static const struct { int32_t http; llmcost_status status; } cases[] = {
        { 400, LLMCOST_E_INVALID_REQUEST }, { 401, LLMCOST_E_AUTH }, { 402, LLMCOST_E_QUOTA }, { 403, LLMCOST_E_PERMISSION }, { 404, LLMCOST_E_NOT_FOUND },
        { 408, LLMCOST_E_SERVER_TIMEOUT }, { 409, LLMCOST_E_CONFLICT }, { 413, LLMCOST_E_INVALID_REQUEST }, { 415, LLMCOST_E_INVALID_REQUEST },
        { 422, LLMCOST_E_INVALID_REQUEST }, { 424, LLMCOST_E_SERVER }, { 429, LLMCOST_E_RATE_LIMITED }, { 498, LLMCOST_E_OVERLOADED }, { 499, LLMCOST_E_CANCELLED },
        { 500, LLMCOST_E_SERVER }, { 502, LLMCOST_E_SERVER }, { 503, LLMCOST_E_OVERLOADED }, { 504, LLMCOST_E_SERVER_TIMEOUT }, { 520, LLMCOST_E_SERVER },
        { 524, LLMCOST_E_SERVER_TIMEOUT }, { 529, LLMCOST_E_OVERLOADED }, { 200, LLMCOST_E_SERVER }, { 302, LLMCOST_E_NOT_FOUND }, { 418, LLMCOST_E_INVALID_REQUEST },
        { 0, LLMCOST_E_SERVER }, { 599, LLMCOST_E_SERVER },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(llmc_status_from_http(cases[i].http), cases[i].status);
}

static const int64_t NOW_MS = INT64_C(1795258830000); /* 2026-11-21T11:00:30Z */

static int64_t wait_at(int64_t wall_ms, const char *name, const char *value)
{
    llmcost_error error;
    uint32_t rank = 0;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_decode_error_header(&error, &rank, name, value, wall_ms);
    int64_t ms = error.retry_after_ms;
    llmc_error_clear(&error);
    return ms;
}

static int64_t wait_for(const char *name, const char *value)
{
    return wait_at(NOW_MS, name, value);
}

static void waits_are_read(void **state)
{
    (void)state;
    const int64_t month = INT64_C(30) * 24 * 3600 * 1000;
    assert_int_equal(wait_for("Retry-After", "7"), 7000);
    assert_int_equal(wait_for("retry-after", "0"), 0);
    assert_int_equal(wait_for("retry-after", "1.5"), 1500);
    assert_int_equal(wait_for("retry-after", "99999999999999999999"), month);
    assert_int_equal(wait_for("retry-after", "soon"), -1);
    assert_int_equal(wait_for("retry-after", "-5"), -1);
    assert_int_equal(wait_for("retry-after", ""), -1);
    assert_int_equal(wait_for("retry-after", "Sat, 21 Nov 2026 11:00:50 GMT"), 20000);
    assert_int_equal(wait_for("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT"), 0);
    assert_int_equal(wait_for("retry-after", "Sat, 21 Nix 2026 11:00:00 GMT"), -1);
    assert_int_equal(wait_for("retry-after", "Sat, 00 Nov 2026 11:00:50 GMT"), -1);
    assert_int_equal(wait_for("retry-after-ms", "250"), 250);
    assert_int_equal(wait_for("retry-after-ms", "0.2"), 1);
    assert_int_equal(wait_for("x-ratelimit-reset-requests", "6m0s"), 360000);
    assert_int_equal(wait_for("x-ratelimit-reset-tokens", "120ms"), 120);
    assert_int_equal(wait_for("x-ratelimit-reset-tokens", "1h2m3.5s"), 3723500);
    assert_int_equal(wait_for("x-ratelimit-reset-tokens", "12 parsecs"), -1);
    assert_int_equal(wait_for("x-ratelimit-reset", "1795258835"), 5000);
    assert_int_equal(wait_for("X-RateLimit-Reset", "1795258832000"), 2000);
    assert_int_equal(wait_for("x-ratelimit-reset", "30"), 30000);
    assert_int_equal(wait_for("anthropic-ratelimit-tokens-reset", "2026-11-21T11:01:00Z"), 30000);
    assert_int_equal(wait_for("anthropic-ratelimit-input-tokens-reset", "2026-11-21T13:00:31.25+02:00"), 1000);
    assert_int_equal(wait_for("anthropic-ratelimit-tokens-reset", "2026-13-21T11:01:00Z"), -1);
    assert_int_equal(wait_for("anthropic-ratelimit-tokens-remaining", "5"), -1);
    assert_int_equal(wait_for("content-type", "5"), -1);
}

static int advice_of(const char *name, const char *value)
{
    llmcost_error error, copy;
    uint32_t rank = 0;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_error_init(&copy, &llmc_allocator_system);
    llmc_decode_error_header(&error, &rank, name, value, NOW_MS);
    assert_true(llmc_error_copy(&copy, &error));
    assert_int_equal(copy.should_retry, error.should_retry);
    llmc_error_move(&copy, &error);
    int advice = copy.should_retry;
    llmc_error_clear(&copy);
    assert_int_equal(copy.should_retry, 0);
    return advice;
}

static void advice_is_read(void **state)
{
    (void)state;
    assert_int_equal(advice_of("x-should-retry", "true"), 1);
    assert_int_equal(advice_of("X-Should-Retry", "False"), -1);
    assert_int_equal(advice_of("x-should-retry", "maybe"), 0);
    assert_int_equal(advice_of("x-should-retry", ""), 0);
    assert_int_equal(advice_of("x-should-retry-not", "true"), 0);
}

/* The two older forms that RFC 9110 asks a reader to know. */
static void older_dates_are_read(void **state)
{
    (void)state;
    const int64_t month = INT64_C(30) * 24 * 3600 * 1000;
    static const char *const refused[] = {
        "Saturday, 21-Nix-26 11:00:50 GMT", "Saturday, 32-Nov-26 11:00:50 GMT", "Saturday, 21-Nov-26 11:00", "Saturday, 21-Nov-2026 11:00:50 GMT", "Saturday 21-Nov-26 11:00:50 GMT",
        "Sat Nix 21 11:00:50 2026", "Sat Nov  0 11:00:50 2026", "Sat Nov 21 11:00:50 202", "Sat Nov 21 11:00:50 26", "Sat Nov 21 11-00-50 2026", ", ", "Sat", "",
    };
    assert_int_equal(wait_for("retry-after", "Saturday, 21-Nov-26 11:00:50 GMT"), 20000);
    assert_int_equal(wait_for("retry-after", "Saturday, 21-Nov-26 11:00:00 GMT"), 0);
    assert_int_equal(wait_for("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT"), 0); /* 1994: 2094 is more than fifty years away */
    assert_int_equal(wait_for("retry-after", "Friday, 20-Nov-76 11:00:30 GMT"), month);
    assert_int_equal(wait_for("retry-after", "Sunday, 22-Nov-76 11:00:30 GMT"), 0);
    assert_int_equal(wait_for("retry-after", "Sat Nov 21 11:00:50 2026"), 20000);
    assert_int_equal(wait_for("retry-after", "Sun Nov  6 08:49:37 1994"), 0);
    /* The host's clock may say anything. */
    static const char *const dates[] = { "Sat, 21 Nov 2026 11:00:50 GMT", "Saturday, 21-Nov-26 11:00:50 GMT", "Sat Nov 21 11:00:50 2026" };
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        assert_int_equal(wait_at(INT64_MIN, "retry-after", dates[i]), month);
        assert_int_equal(wait_at(INT64_MAX, "retry-after", dates[i]), 0);
    }
    assert_int_equal(wait_at(INT64_MIN, "anthropic-ratelimit-requests-reset", "2026-11-21T11:00:50Z"), month);
    assert_int_equal(wait_for("retry-after", "Tue Dec  1 00:00:00 2026"), (INT64_C(9) * 86400 + 12 * 3600 + 59 * 60 + 30) * 1000);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (wait_for("retry-after", refused[i]) != -1)
            fail_msg("\"%s\" is read", refused[i]);
}

/* The more exact header wins, in any order; of several reset times the nearest. */
static void exact_waits_win(void **state)
{
    (void)state;
    static const char *const headers[][2] = { { "x-ratelimit-reset-tokens", "9s" }, { "x-ratelimit-reset-requests", "4s" }, { "retry-after", "2" }, { "retry-after-ms", "0" } };
    static const int64_t best[] = { 9000, 4000, 2000, 0 };
    for (size_t used = 1; used <= 4; used++)
        for (int backwards = 0; backwards < 2; backwards++) {
            llmcost_error error;
            uint32_t rank = 0;
            llmc_error_init(&error, &llmc_allocator_system);
            for (size_t i = 0; i < used; i++) {
                size_t which = backwards ? used - 1 - i : i;
                llmc_decode_error_header(&error, &rank, headers[which][0], headers[which][1], NOW_MS);
            }
            assert_int_equal(error.retry_after_ms, best[used - 1]);
            llmc_error_clear(&error);
        }
}

static void a_delay_in_the_body_counts_where_no_header_did(void **state)
{
    (void)state;
    const char body[] = "{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"retryDelay\":\"17s\"}]}}";
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_decode_error_body(&error, 429, body, strlen(body)), LLMCOST_E_RATE_LIMITED);
    assert_int_equal(error.retry_after_ms, 17000);
    error.retry_after_ms = 3;
    llmc_decode_error_body(&error, 429, body, strlen(body));
    assert_int_equal(error.retry_after_ms, 3);
    llmc_decode_error_body(&error, 401, "", 0); /* nothing to wait for */
    assert_int_equal(error.retry_after_ms, -1);
    llmc_error_clear(&error);
}

static void without_memory_the_status_stays(void **state)
{
    (void)state;
    const char body[] = "{\"error\":{\"code\":1234567,\"message\":\"a \\\"word\\\"\"},\"request_id\":\"r\\u00e9\"}";
    for (long n = 1;; n++) {
        nth_failure failure = { .fail_at = n };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        llmcost_error error;
        llmc_error_init(&error, &allocator);
        assert_int_equal(llmc_decode_error_body(&error, 429, body, strlen(body)), LLMCOST_E_RATE_LIMITED);
        assert_int_equal(error.status, LLMCOST_E_RATE_LIMITED);
        llmc_error_clear(&error);
        assert_int_equal(failure.live, 0);
        if (failure.allocations < n)
            break;
    }
}

static void huge_words_are_bounded(void **state)
{
    (void)state;
    static char body[70000];
    llmcost_error error;
    size_t length = (size_t)snprintf(body, sizeof body, "{\"error\":{\"message\":\"");
    while (length < 60000)
        length += (size_t)snprintf(body + length, sizeof body - length, "\\u00e9\xc3\xa9");
    length += (size_t)snprintf(body + length, sizeof body - length, "\"}}");
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_decode_error_body(&error, 500, body, length), LLMCOST_E_SERVER);
    assert_in_range(strlen(error.provider_message), 500, 2000);
    assert_in_range(strlen(error.message), 100, 1000);
    llmc_error_clear(&error);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char body[4000] = "";
    for (int i = 0; i < 200; i++)
        strcat(body, "{\"error\":");
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_decode_error_body(&error, 500, body, strlen(body)), LLMCOST_E_SERVER);
    llmc_error_clear(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_become_statuses), cmocka_unit_test(codes_of_a_host_are_its_own), cmocka_unit_test(another_door_is_shown),
        cmocka_unit_test(request_ids_are_kept), cmocka_unit_test(kinds_in_headers), cmocka_unit_test(statuses_without_a_body),
        cmocka_unit_test(waits_are_read), cmocka_unit_test(advice_is_read), cmocka_unit_test(older_dates_are_read), cmocka_unit_test(exact_waits_win), cmocka_unit_test(a_delay_in_the_body_counts_where_no_header_did),
        cmocka_unit_test(without_memory_the_status_stays), cmocka_unit_test(huge_words_are_bounded), cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
