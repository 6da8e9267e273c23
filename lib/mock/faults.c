/* What goes wrong in a body: errors in each dialect's words, and bodies that are none. */
#include "mock/reply.h"

#include <string.h>

static llmc_mock_text word(const char *text)
{
    return (llmc_mock_text){ text, text ? strlen(text) : 0 };
}

struct error_words {
    int32_t status;
    const char *openai_type, *openai_code, *anthropic_type, *message;
};

static const struct error_words error_table[] = {
    { 400, "invalid_request_error", NULL, "invalid_request_error", "The request is invalid." },
    { 401, "invalid_request_error", "invalid_api_key", "authentication_error", "Incorrect API key provided." },
    { 402, "insufficient_quota", "insufficient_quota", "billing_error", "The account has no money left." },
    { 403, "invalid_request_error", "permission_denied", "permission_error", "The key may not do this." },
    { 404, "invalid_request_error", "model_not_found", "not_found_error", "There is no such thing." },
    { 408, "server_error", "timeout", "timeout_error", "The request took too long." },
    { 409, "server_error", "conflict", "invalid_request_error", "Conflict." },
    { 413, "invalid_request_error", "request_too_large", "request_too_large", "The request is too large." },
    { 429, "requests", "rate_limit_exceeded", "rate_limit_error", "Too many requests." },
    { 500, "server_error", NULL, "api_error", "The server failed." },
    { 503, "server_error", "overloaded", "overloaded_error", "The server is overloaded." },
    { 504, "server_error", "timeout", "timeout_error", "The server took too long." },
    { 529, "server_error", "overloaded", "overloaded_error", "Overloaded" },
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

static bool is_anthropic(llmc_mock_dialect dialect)
{
    return dialect == LLMC_MOCK_ANTHROPIC || dialect == LLMC_MOCK_ANTHROPIC_MODELS;
}

void llmc_mock_error_object(llmc_buffer *out, llmc_mock_dialect dialect, int32_t status, const llmc_mock_failure *failure, const char *param)
{
    const struct error_words *words = words_of(status);
    bool anthropic = is_anthropic(dialect), own = failure && (failure->type.text || failure->code.text);
    llmc_mock_text type = failure && failure->type.text ? failure->type : word(anthropic ? words->anthropic_type : words->openai_type);
    llmc_mock_text code = own ? failure->code : word(words->openai_code);
    llmc_mock_text message = failure && failure->message.text ? failure->message : word(words->message);
    if (anthropic)
        llmc_mock_anthropic_error(out, type, message);
    else
        llmc_mock_openai_error(out, type, code, message, param);
}

void llmc_mock_error_body(llmc_mock_body *body, const llmc_mock_question *question, int32_t status, const llmc_mock_failure *failure, const char *param)
{
    body->status = status;
    llmc_mock_error_object(&body->bytes, question->dialect, status, failure, param);
}

bool llmc_mock_stream_broke(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    const llmc_mock_fault *fault = &answer->rule->fault;
    if (body->broken)
        return true;
    if (!fault->error_in_stream_json || (int64_t)body->events++ < fault->error_in_stream.after)
        return false;
    body->broken = true;
    bool anthropic = is_anthropic(answer->question->dialect);
    llmc_mock_put(&body->bytes, anthropic ? "event: error\ndata: " : "data: ");
    llmc_mock_error_object(&body->bytes, answer->question->dialect, anthropic ? 529 : 500, &fault->error_in_stream, NULL);
    llmc_mock_put(&body->bytes, "\n\n");
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
    llmc_mock_put(&body->bytes, "<html>\r\n<head><title>Bad gateway</title></head>\r\n<body><center><h1>Bad gateway</h1></center></body>\r\n</html>\r\n");
}

bool llmc_mock_fault_body(llmc_mock_body *body, const llmc_mock_question *question, const llmc_mock_rule *rule)
{
    const llmc_mock_fault *fault = &rule->fault;
    if (fault->redirect.text) {
        body->status = fault->status ? (int32_t)fault->status : 302;
        llmc_mock_put(&body->headers, "Location: ");
        llmc_buffer_add(&body->headers, fault->redirect.text, fault->redirect.bytes);
        llmc_mock_put(&body->headers, "\r\n");
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
