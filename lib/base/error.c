#include "base/error.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1000, TEXT_BYTES = 2000 };

void llmc_error_init(llmcost_error *error, const llmc_allocator *allocator)
{
    *error = (llmcost_error){ .allocator = *allocator, .retry_after_ms = -1 };
}

void llmc_error_clear(llmcost_error *error)
{
    uintptr_t any = (uintptr_t)error->message | (uintptr_t)error->provider | (uintptr_t)error->code | (uintptr_t)error->provider_message |
                    (uintptr_t)error->request_id | (uintptr_t)error->trail;
    error->status = LLMCOST_OK;
    error->http_status = 0;
    error->retry_after_ms = -1;
    error->should_retry = 0;
    if (!any) /* as in every call that succeeds */
        return;
    char **texts[] = { &error->message, &error->provider, &error->code, &error->provider_message, &error->request_id, &error->trail };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        llmc_free(&error->allocator, *texts[i]);
        *texts[i] = NULL;
    }
}

void llmc_error_set_text(llmcost_error *error, char **field, const char *text, size_t bytes)
{
    llmc_free(&error->allocator, *field);
    *field = NULL;
    if (!text)
        return;
    *field = llmc_strndup(&error->allocator, text, llmc_utf8_cut(text, bytes, TEXT_BYTES));
    if (*field)
        llmc_utf8_sanitize(*field);
}

llmcost_status llmc_error_set(llmcost_error *error, llmcost_status status, const char *format, ...)
{
    char line[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    error->status = status;
    if (length < 0)
        length = 0;
    llmc_error_set_text(error, &error->message, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    return status;
}

bool llmc_error_copy(llmcost_error *to, const llmcost_error *from)
{
    llmc_error_clear(to);
    to->status = from->status;
    to->http_status = from->http_status;
    to->retry_after_ms = from->retry_after_ms;
    to->should_retry = from->should_retry;
    char *const sources[] = { from->message, from->provider, from->code, from->provider_message, from->request_id, from->trail };
    char **targets[] = { &to->message, &to->provider, &to->code, &to->provider_message, &to->request_id, &to->trail };
    bool complete = true;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (sources[i] && !(*targets[i] = llmc_strdup(&to->allocator, sources[i])))
            complete = false;
    }
    return complete;
}

void llmc_error_move(llmcost_error *to, llmcost_error *from)
{
    llmc_error_clear(to);
    llmc_allocator allocator = to->allocator;
    *to = *from;
    to->allocator = allocator;
    llmc_allocator from_allocator = from->allocator;
    llmc_error_init(from, &from_allocator);
}

/* The public face. */

void llmcost_error_free(llmcost_error *error)
{
    if (!error)
        return;
    llmc_allocator allocator = error->allocator;
    llmc_error_clear(error);
    llmc_free(&allocator, error);
}

static const char *text_or_empty(const char *text)
{
    return text ? text : "";
}

llmcost_status llmcost_error_status(const llmcost_error *error)
{
    return error ? error->status : LLMCOST_OK;
}

const char *llmcost_error_message(const llmcost_error *error)
{
    if (!error)
        return "";
    return error->message ? error->message : llmcost_status_text(error->status);
}

const char *llmcost_error_provider(const llmcost_error *error)
{
    return error ? text_or_empty(error->provider) : "";
}

const char *llmcost_error_code(const llmcost_error *error)
{
    return error ? text_or_empty(error->code) : "";
}

const char *llmcost_error_provider_message(const llmcost_error *error)
{
    return error ? text_or_empty(error->provider_message) : "";
}

const char *llmcost_error_request_id(const llmcost_error *error)
{
    return error ? text_or_empty(error->request_id) : "";
}

int32_t llmcost_error_http_status(const llmcost_error *error)
{
    return error ? error->http_status : 0;
}

int64_t llmcost_error_retry_after_ms(const llmcost_error *error)
{
    return error ? error->retry_after_ms : -1;
}

const char *llmcost_error_trail(const llmcost_error *error)
{
    return error && error->trail ? error->trail : "[]";
}
