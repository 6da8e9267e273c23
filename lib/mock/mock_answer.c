/*
 * From a whole request to the wire that answers it: who is asked for (path), whether the provider would take it (key,
 * validation), then the host's callback, then the rules. The cheapest way that can decide is taken: a raw reply needs
 * no body, a fixed one only a skim.
 */
#include "mock/server.h"

#include "base/text.h"
#include "mock/dialect.h"
#include "mock/http_request.h"

#include <string.h>

struct llmcost_mock_exchange {
    const llmc_allocator *allocator;
    llmc_mock_question *question;
    llmc_mock_rule rule;
    llmc_mock_choice choice;
    llmc_buffer text;
    llmc_mock_script *single;
};

static void take_next_script(llmc_mock_server *server)
{
    if (!atomic_load_explicit(&server->next_script, memory_order_relaxed))
        return;
    llmc_mock_script *next = atomic_exchange(&server->next_script, NULL);
    if (!next)
        return;
    llmc_mock_script_free(server->script);
    server->script = next;
}

/* ---- the host's callback */

static llmc_mock_wire *ask_host(llmc_mock_server *server, llmc_mock_question *question, bool *answered)
{
    llmcost_mock_exchange exchange = { .allocator = &server->allocator, .question = question };
    exchange.rule = (llmc_mock_rule){ .times = -1, .choices = &exchange.choice, .choice_count = 1, .usage = { -1, -1, -1, -1, -1, -1, false }, .fault = { .cut_at = -1 } };
    llmc_buffer_init(&exchange.text, &server->allocator, SIZE_MAX / 4);
    *answered = server->on_request(&exchange, server->on_request_user) != 0;
    llmc_mock_wire *wire = NULL;
    if (*answered)
        wire = llmc_mock_wire_of_rule(&server->allocator, question, exchange.single ? &exchange.single->rules[0] : &exchange.rule);
    llmc_mock_script_free(exchange.single);
    llmc_buffer_free(&exchange.text);
    return wire;
}

const char *llmcost_mock_exchange_model(const llmcost_mock_exchange *exchange)
{
    return exchange ? exchange->question->model.text : "";
}

static const char *text_of(llmc_buffer *buffer, size_t *bytes)
{
    const char *text = buffer ? llmc_buffer_text(buffer) : NULL;
    if (bytes)
        *bytes = text ? buffer->length : 0;
    return text ? text : "";
}

const char *llmcost_mock_exchange_user(const llmcost_mock_exchange *exchange, size_t *bytes)
{
    return text_of(exchange ? &exchange->question->user : NULL, bytes);
}

const char *llmcost_mock_exchange_system(const llmcost_mock_exchange *exchange, size_t *bytes)
{
    return text_of(exchange ? &exchange->question->system : NULL, bytes);
}

const char *llmcost_mock_exchange_body(const llmcost_mock_exchange *exchange, size_t *bytes)
{
    if (bytes)
        *bytes = exchange ? exchange->question->body_bytes : 0;
    return exchange ? exchange->question->body : "";
}

llmcost_status llmcost_mock_exchange_text(llmcost_mock_exchange *exchange, const char *text, size_t bytes)
{
    if (!exchange || !text)
        return LLMCOST_E_MISUSE;
    bytes = bytes ? bytes : strlen(text);
    if (!llmc_utf8_valid(text, bytes))
        return LLMCOST_E_MISUSE;
    llmc_buffer_clear(&exchange->text);
    llmc_buffer_add(&exchange->text, text, bytes);
    const char *copy = llmc_buffer_text(&exchange->text);
    exchange->choice.text = (llmc_mock_text){ copy, exchange->text.length };
    return copy ? LLMCOST_OK : LLMCOST_E_MEMORY;
}

void llmcost_mock_exchange_usage(llmcost_mock_exchange *exchange, int64_t prompt, int64_t completion, int64_t cached)
{
    if (!exchange)
        return;
    exchange->rule.usage.prompt = prompt;
    exchange->rule.usage.completion = completion;
    exchange->rule.usage.cached = cached;
}

void llmcost_mock_exchange_delay(llmcost_mock_exchange *exchange, int64_t delay_ms, int64_t chunk_delay_ms)
{
    if (!exchange)
        return;
    exchange->rule.delay_ms = delay_ms < 0 ? 0 : delay_ms;
    exchange->rule.chunk_delay_ms = chunk_delay_ms < 0 ? 0 : chunk_delay_ms;
}

llmcost_status llmcost_mock_exchange_rule(llmcost_mock_exchange *exchange, const char *rule_json)
{
    if (!exchange || !rule_json)
        return LLMCOST_E_MISUSE;
    llmcost_error error;
    llmc_error_init(&error, exchange->allocator);
    llmc_mock_script *single;
    llmcost_status status = llmc_mock_script_single(&single, rule_json, exchange->allocator, &error);
    llmc_error_clear(&error);
    if (status != LLMCOST_OK)
        return status;
    llmc_mock_script_free(exchange->single);
    exchange->single = single;
    return LLMCOST_OK;
}

/* ---- the control paths */

static llmc_mock_wire *show_stats(llmc_mock_server *server, const llmc_mock_question *question)
{
    llmc_buffer json;
    llmc_buffer_init(&json, &server->allocator, 4096);
    const struct { const char *before; uint64_t value; } parts[] = {
        { "{\"requests\":", atomic_load(&server->requests) },    { ",\"connections\":", atomic_load(&server->accepted) },
        { ",\"open\":", atomic_load(&server->open) },            { ",\"abandoned\":", atomic_load(&server->abandoned) },
        { ",\"dropped\":", atomic_load(&server->dropped) },
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        llmc_buffer_add_text(&json, parts[i].before);
        llmc_buffer_add_integer(&json, (int64_t)parts[i].value);
    }
    llmc_buffer_add_byte(&json, '}');
    const char *text = llmc_buffer_text(&json);
    llmc_mock_wire *wire = text ? llmc_mock_wire_of_json(&server->allocator, question, 200, text) : NULL;
    llmc_buffer_free(&json);
    return wire;
}

static llmc_mock_wire *replace_script(llmc_mock_server *server, llmc_mock_question *question)
{
    llmcost_error error;
    llmc_error_init(&error, &server->allocator);
    llmc_mock_script *script;
    llmcost_status status = llmc_mock_script_compile(&script, question->body, question->body_bytes, &server->allocator, &error);
    llmc_mock_wire *wire;
    if (status == LLMCOST_OK) {
        llmc_mock_script_free(server->script);
        server->script = script;
        wire = llmc_mock_wire_of_json(&server->allocator, question, 200, "{}");
    } else {
        llmc_mock_invalid(question, NULL, "%.190s", llmcost_error_message(&error));
        wire = llmc_mock_wire_of_refusal(&server->allocator, question);
    }
    llmc_error_clear(&error);
    return wire;
}

static bool path_is(const llmc_mock_question *question, const char *path)
{
    return question->path.bytes == strlen(path) && memcmp(question->path.text, path, question->path.bytes) == 0;
}

/* ---- the providers */

static void read_body(llmc_mock_server *server, llmc_mock_question *question)
{
    bool wanted = llmc_mock_question_is_chat(question) && question->route->dialect->skims;
    bool skim = wanted && !server->script->validate && !server->on_request && !llmc_mock_script_reads_messages(server->script);
    if (skim && llmc_mock_question_skim(question))
        return;
    llmc_mock_question_read(question, server->script->validate);
}

static llmc_mock_wire *answer_rule(llmc_mock_server *server, llmc_mock_question *question)
{
    llmc_mock_rule *rule = llmc_mock_script_choose(server->script, question);
    if (rule && !rule->is_fixed && !question->root && llmc_mock_question_is_chat(question))
        llmc_mock_question_read(question, false); /* the skim was not enough: an echo, or an estimate */
    if (rule && !question->refusal)
        return llmc_mock_wire_of_rule(&server->allocator, question, rule);
    llmc_mock_refuse(question, 404, "invalid_request_error", NULL, "Unknown request URL: %.*s", (int)(question->path.bytes < 120 ? question->path.bytes : 120), question->path.text);
    return llmc_mock_wire_of_refusal(&server->allocator, question);
}

static llmc_mock_wire *answer_provider(llmc_mock_server *server, llmc_mock_question *question)
{
    bool chat = llmc_mock_question_is_chat(question), models = llmc_mock_question_lists_models(question);
    if (server->script->require_key.text)
        llmc_mock_question_check_key(question, server->script->require_key);
    if (question->route->operation != LLMC_MOCK_NOTHING && !models && !question->refusal)
        read_body(server, question);
    if (question->refusal)
        return llmc_mock_wire_of_refusal(&server->allocator, question);
    if (question->user.failure || question->system.failure || question->path_model.failure)
        return NULL;
    bool answered = false;
    llmc_mock_wire *wire = chat && server->on_request ? ask_host(server, question, &answered) : NULL;
    if (answered)
        return wire;
    if (!models)
        return answer_rule(server, question);
    llmc_mock_rule *rule = llmc_mock_script_choose(server->script, question);
    if (rule)
        return llmc_mock_wire_of_rule(&server->allocator, question, rule);
    return llmc_mock_wire_of_models(&server->allocator, question, server->script->models);
}

llmc_mock_wire *llmc_mock_answer_request(llmc_mock_server *server, const llmc_http_request *request, const char *bytes, uint64_t *number)
{
    llmc_mock_question question;
    llmc_mock_question_init(&question, &server->allocator);
    question.head = bytes;
    question.head_bytes = request->head_bytes;
    question.body = bytes + request->body;
    question.body_bytes = request->body_bytes;
    question.path = (llmc_mock_text){ bytes + request->target, request->target_bytes };
    question.is_post = request->method == LLMC_HTTP_POST;
    question.http_1_0 = request->http_1_0;
    llmc_mock_question_route(&question);
    take_next_script(server);
    if (!question.is_post && request->method != LLMC_HTTP_GET)
        llmc_mock_refuse(&question, 405, "invalid_request_error", NULL, "Only GET and POST are answered here.");
    llmc_mock_wire *wire;
    if (path_is(&question, "/mock/stats")) {
        wire = show_stats(server, &question);
    } else if (path_is(&question, "/mock/script") && question.is_post) {
        wire = replace_script(server, &question);
    } else {
        question.number = *number = atomic_fetch_add(&server->requests, 1) + 1;
        llmc_mock_records_add(&server->records, question.number, question.head, question.head_bytes, question.body, question.body_bytes);
        wire = answer_provider(server, &question);
    }
    llmc_mock_question_free(&question);
    return wire;
}

llmc_mock_wire *llmc_mock_answer_bad(llmc_mock_server *server, int32_t status)
{
    llmc_mock_question question;
    llmc_mock_question_init(&question, &server->allocator);
    llmc_mock_refuse(&question, status, "invalid_request_error", NULL, "The HTTP request could not be read (%d).", (int)status);
    llmc_mock_wire *wire = llmc_mock_wire_of_refusal(&server->allocator, &question);
    llmc_mock_question_free(&question);
    return wire;
}
