/* What goes wrong in a body: errors in each dialect's words, and bodies that are none. */
#include "mock/dialect.h"

#include <string.h>

struct error_words {
    int32_t status;
    const char *types[LLMC_MOCK_WORDS_COUNT], *code, *message; /* the code is OpenAI's */
};

static const struct error_words error_table[] = {
    { 400, { "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT", "ValidationException" }, NULL, "The request is invalid." },
    { 401, { "invalid_request_error", "authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException" }, "invalid_api_key", "Incorrect API key provided." },
    { 402, { "insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED", "PaymentRequiredException" }, "insufficient_quota", "The account has no money left." },
    { 403, { "invalid_request_error", "permission_error", "PERMISSION_DENIED", "AccessDeniedException" }, "permission_denied", "The key may not do this." },
    { 404, { "invalid_request_error", "not_found_error", "NOT_FOUND", "ResourceNotFoundException" }, "model_not_found", "There is no such thing." },
    { 408, { "server_error", "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException" }, "timeout", "The request took too long." },
    { 409, { "server_error", "invalid_request_error", "ABORTED", "ConflictException" }, "conflict", "Conflict." },
    { 413, { "invalid_request_error", "request_too_large", "INVALID_ARGUMENT", "ValidationException" }, "request_too_large", "The request is too large." },
    { 429, { "requests", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException" }, "rate_limit_exceeded", "Too many requests." },
    { 500, { "server_error", "api_error", "INTERNAL", "InternalServerException" }, NULL, "The server failed." },
    { 503, { "server_error", "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException" }, "overloaded", "The server is overloaded." },
    { 504, { "server_error", "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException" }, "timeout", "The server took too long." },
    { 529, { "server_error", "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException" }, "overloaded", "Overloaded" },
};

static const struct error_words *words_of(int32_t status)
{
    const struct error_words *fallback = &error_table[0];
    for (size_t i = 0; i < sizeof error_table / sizeof error_table[0]; i++) {
        if (error_table[i].status == status)
            return &error_table[i];
        if (error_table[i].status == 500 && status >= 500)
            fallback = &error_table[i];
    }
    return fallback;
}

/* The slots of an error's forms. */
static void describe(llmc_mock_fill *fill, llmc_buffer *out, const llmc_mock_dialect *dialect, int32_t status, const llmc_mock_failure *failure, const char *param)
{
    const struct error_words *words = words_of(status);
    bool own = failure && (failure->type.text || failure->code.text);
    llmc_mock_fill_begin(fill, out, dialect, NULL);
    fill->status = status;
    fill->type = failure && failure->type.text ? failure->type : llmc_mock_word(words->types[dialect->words]);
    fill->code = own ? failure->code : llmc_mock_word(words->code);
    fill->message = failure && failure->message.text ? failure->message : llmc_mock_word(words->message);
    fill->param = llmc_mock_word(param);
}

void llmc_mock_error_body(llmc_mock_body *body, const llmc_mock_question *question, int32_t status, const llmc_mock_failure *failure, const char *param)
{
    const llmc_mock_dialect *dialect = question->route->dialect;
    llmc_mock_fill fill;
    body->status = status;
    describe(&fill, &body->bytes, dialect, status, failure, param);
    llmc_mock_fill_form(&fill, dialect->error);
    fill.out = &body->headers;
    if (dialect->error_header)
        llmc_mock_fill_form(&fill, dialect->error_header);
}

bool llmc_mock_stream_broke(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    const llmc_mock_fault *fault = &answer->rule->fault;
    const llmc_mock_dialect *dialect = answer->question->route->dialect;
    size_t from = body->bytes.length;
    llmc_mock_fill fill;
    if (body->broken)
        return true;
    if (!fault->error_in_stream_json || (int64_t)body->events++ < fault->error_in_stream.after)
        return false;
    body->broken = true;
    describe(&fill, &body->bytes, dialect, dialect->stream_failure, &fault->error_in_stream, NULL);
    fill.sequence = (int64_t)body->events;
    llmc_mock_fill_form(&fill, dialect->error_in_stream);
    if (dialect->wrap)
        dialect->wrap(body, from);
    llmc_mock_body_cut(body);
    return true;
}

static bool wants_error_body(const llmc_mock_fault *fault)
{
    return fault->status >= 400 || fault->failure.type.text || fault->failure.code.text || fault->failure.message.text;
}

static void add_html(llmc_mock_body *body)
{
    body->content_type = "text/html";
    llmc_buffer_add_text(&body->bytes, "<html>\r\n<head><title>Bad gateway</title></head>\r\n<body><center><h1>Bad gateway</h1></center></body>\r\n</html>\r\n");
}

bool llmc_mock_fault_body(llmc_mock_body *body, const llmc_mock_question *question, const llmc_mock_rule *rule)
{
    const llmc_mock_fault *fault = &rule->fault;
    if (fault->redirect.text) {
        body->status = fault->status ? (int32_t)fault->status : 302;
        llmc_buffer_add_text(&body->headers, "Location: ");
        llmc_buffer_add(&body->headers, fault->redirect.text, fault->redirect.bytes);
        llmc_buffer_add_text(&body->headers, "\r\n");
        return true;
    }
    if (fault->error_with_200_json) {
        llmc_mock_error_body(body, question, 500, &fault->error_with_200, NULL);
        body->status = 200;
        return true;
    }
    body->status = fault->status ? (int32_t)fault->status : 200;
    if (fault->body.text) {
        llmc_buffer_add(&body->bytes, fault->body.text, fault->body.bytes);
        return true;
    }
    if (fault->html) {
        body->status = fault->status ? (int32_t)fault->status : 502;
        add_html(body);
        return true;
    }
    if (fault->garbage_body) {
        llmc_buffer_add(&body->bytes, "\x00\xff{]\"choices\":[[[,,, no json at all \xc3\x28", 39);
        return true;
    }
    if (wants_error_body(fault))
        llmc_mock_error_body(body, question, fault->status ? (int32_t)fault->status : 500, &fault->failure, NULL);
    return wants_error_body(fault);
}
