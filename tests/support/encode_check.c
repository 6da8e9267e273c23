#include "encode_check.h"

#include "nth_failure.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

llmc_codec_target target_of(const char *name, const char *model, bool stream)
{
    const llmc_preset *preset = llmc_preset_find(name);
    assert_non_null(preset);
    return (llmc_codec_target){ .preset = preset, .provider = name, .model = model, .quirks = preset->quirks, .stream = stream };
}

static llmcost_status check_and_encode_as(const llmc_codec_target *target, llmc_operation_id operation, const llmcost_request *request, llmc_encoded *out, llmcost_error *error)
{
    llmcost_status status = target->preset->codec->check(operation, request, target, error);
    return status ? status : target->preset->codec->encode(operation, request, target, out, error);
}

static llmcost_status check_and_encode(const llmc_codec_target *target, const llmcost_request *request, llmc_encoded *out, llmcost_error *error)
{
    return check_and_encode_as(target, LLMC_OP_CHAT, request, out, error);
}

static void same_json(const llmc_buffer *body, const char *json)
{
    json_error_t where;
    json_t *got = json_loadb(body->data, body->length, JSON_REJECT_DUPLICATES, &where), *wanted = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    if (!got)
        fail_msg("%s: %.*s", where.text, (int)body->length, body->data);
    assert_non_null(wanted);
    if (!json_equal(got, wanted))
        fail_msg("got    %.*s\nwanted %s", (int)body->length, body->data, json);
    json_decref(got);
    json_decref(wanted);
}

llmcost_request request_of(const llmcost_message *messages, uint32_t count)
{
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.messages = messages;
    request.message_count = count;
    return request;
}

void expect_encoded(const llmc_codec_target *target, llmc_operation_id operation, const llmcost_request *request, const char *method, const char *path, const char *json)
{
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    if (check_and_encode_as(target, operation, request, &out, &error))
        fail_msg("%s", llmcost_error_message(&error));
    assert_string_equal(out.method, method);
    assert_string_equal(llmc_buffer_text(&out.path), path);
    assert_true(!out.headers[0] || target->preset->codec == &llmc_codec_anthropic); /* which may be told the format's version */
    if (json)
        same_json(&out.body, json);
    assert_int_equal(out.body.length > 0, json != NULL);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

void expect_body(const llmc_codec_target *target, const llmcost_request *request, const char *json)
{
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    if (check_and_encode(target, request, &out, &error))
        fail_msg("%s", llmcost_error_message(&error));
    same_json(&out.body, json);
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

void expect_unsupported(const llmc_codec_target *target, const llmcost_request *request, const char *field)
{
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmcost_status status = target->preset->codec->check(LLMC_OP_CHAT, request, target, &error);
    if (status != LLMCOST_E_UNSUPPORTED)
        fail_msg("%s was taken for supported", field);
    assert_int_equal(error.status, LLMCOST_E_UNSUPPORTED);
    if (!strstr(error.message, field) || !strstr(error.message, target->provider))
        fail_msg("%s: %s", field, error.message);
    assert_string_equal(llmcost_error_provider(&error), target->provider);
    llmc_error_clear(&error);
}

void expect_invalid(const llmc_codec_target *target, const llmcost_request *request, const char *words)
{
    llmc_encoded out;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_encoded_init(&out, &llmc_allocator_system);
    llmcost_status status = target->preset->codec->encode(LLMC_OP_CHAT, request, target, &out, &error);
    if (status != LLMCOST_E_INVALID || !strstr(llmcost_error_message(&error), words))
        fail_msg("%s: %s", words, llmcost_error_message(&error));
    llmc_encoded_free(&out);
    llmc_error_clear(&error);
}

void expect_clean_without_memory(const llmc_codec_target *target, const llmcost_request *request)
{
    for (long n = 1;; n++) {
        nth_failure failure = { .fail_at = n };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        llmc_encoded out;
        llmcost_error error;
        llmc_error_init(&error, &llmc_allocator_system);
        llmc_encoded_init(&out, &allocator);
        llmcost_status status = check_and_encode(target, request, &out, &error);
        llmc_encoded_free(&out);
        llmc_error_clear(&error);
        assert_int_equal(failure.live, 0);
        if (failure.allocations < n) {
            assert_int_equal(status, LLMCOST_OK);
            assert_true(n > 2);
            return;
        }
        assert_int_equal(status, LLMCOST_E_MEMORY);
    }
}
