/* Blocking calls: the event engine, driven by the caller's own thread on a driver leased from the pool. */
#include "client/client.h"

#include <string.h>

/* Runs a call to its end. The response keeps the call's memory. */
static void run_to_the_end(llmcost_client *client, llmc_call *call)
{
    llmc_call_begin(call);
    llmc_slot *slot = call->slot;
    if (!call->complete && !slot) /* a policy waits for something that no driver will bring */
        llmc_call_cancel(call, LLMCOST_E_MISUSE);
    while (!call->complete) {
        llmc_driver_step(&slot->driver, LLMC_NEVER);
        if (atomic_load_explicit(&slot->cancel_all, memory_order_relaxed))
            llmc_call_cancel(call, LLMCOST_E_CANCELLED);
    }
    if (call->owns_lease)
        llmc_slot_return(slot, false);
    llmc_client_give_turn(client);
}

/* provider: of a call without a request. */
static llmcost_status run_front(llmcost_client *client, llmc_operation_id operation, const llmc_front *front, const char *provider, llmcost_response **out)
{
    llmcost_response *response = front->response;
    llmc_call *call = llmc_call_new(client, response, operation, front->request, LLMC_CALL_BLOCKING);
    if (!call) {
        llmc_response_unref(response);
        return LLMCOST_E_MEMORY;
    }
    call->root->provider_name = provider;
    if (front->status)
        llmc_call_fail(call, front->status);
    else
        run_to_the_end(client, call);
    *out = response;
    return response->status;
}

static inline __attribute__((always_inline)) llmcost_status ask_request(const llmc_visit *visit, llmc_operation_id operation, const llmcost_request *request, llmcost_response **out)
{
    llmc_front front;
    llmcost_status status = llmc_front_open(visit, request, operation, false, &front);
    return status ? status : run_front(visit->client, operation, &front, NULL, out);
}

/* What a call is asked with: a request, an OpenAI body, or a provider's name. */
typedef struct question {
    llmc_operation_id operation;
    const llmcost_request *request;
    const char *body, *provider;
    size_t body_bytes;
} question;

static llmcost_status ask_json(const llmc_visit *visit, const question *asked, llmcost_response **out)
{
    llmc_json_front json;
    llmcost_status status = llmc_front_open_json(visit, asked->body, asked->body_bytes, asked->operation, &json);
    if (status)
        return status;
    llmc_front *front = &json.front;
    if (!front->status && json.wants_stream && asked->operation == LLMC_OP_CHAT)
        front->status = llmc_error_set(&front->response->error, LLMCOST_E_INVALID, "\"stream\": true: use llmcost_stream_open_json()");
    return run_front(visit->client, asked->operation, front, NULL, out);
}

static llmcost_status ask_provider(const llmc_visit *visit, const question *asked, llmcost_response **out)
{
    llmc_front front = { .response = llmc_response_new(&visit->client->services, llmc_visit_id(visit), 0) };
    if (!front.response)
        return LLMCOST_E_MEMORY;
    return run_front(visit->client, asked->operation, &front, asked->provider, out);
}

static llmcost_status ask(const llmc_visit *visit, const question *asked, llmcost_response **out)
{
    if (asked->provider)
        return ask_provider(visit, asked, out);
    return asked->body ? ask_json(visit, asked, out) : ask_request(visit, asked->operation, asked->request, out);
}

/* A door of the client, held open while the call runs. */
static llmcost_status through(llmcost_client *client, const question *asked, llmcost_response **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = ask(&visit, asked, out);
    llmc_client_leave(&visit);
    return status;
}

/* ---- the public face ---- */

/* Written out: a hit of the cache takes hardly longer than a door to open and shut. */
llmcost_status llmcost_chat(llmcost_client *client, const llmcost_request *request, llmcost_response **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = ask_request(&visit, LLMC_OP_CHAT, request, out);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_ask(llmcost_client *client, const char *model, const char *text, llmcost_response **out)
{
    llmcost_message message = { .role = LLMCOST_USER, .text = text };
    llmcost_request request;
    llmcost_request_init(&request);
    request.model = model;
    request.messages = &message;
    request.message_count = 1;
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    return model && text ? llmcost_chat(client, &request, out) : LLMCOST_E_MISUSE;
}

llmcost_status llmcost_chat_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_response **out)
{
    const question asked = { .operation = LLMC_OP_CHAT, .body = body, .body_bytes = body_bytes };
    return through(client, &asked, out);
}

llmcost_status llmcost_embed(llmcost_client *client, const llmcost_request *request, llmcost_response **out)
{
    const question asked = { .operation = LLMC_OP_EMBED, .request = request };
    return through(client, &asked, out);
}

llmcost_status llmcost_embed_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_response **out)
{
    const question asked = { .operation = LLMC_OP_EMBED, .body = body, .body_bytes = body_bytes };
    return through(client, &asked, out);
}

/* The count of a response whose caller may want only that. */
static llmcost_status hand_count(llmcost_response *response, llmcost_status status, int64_t *tokens, llmcost_response **out)
{
    if (!status)
        *tokens = llmc_usage_prompt(&response->answer->usage);
    if (out)
        *out = response;
    else
        llmc_response_unref(response);
    return status;
}

static llmcost_status count_tokens(llmcost_client *client, const question *asked, int64_t *tokens, llmcost_response **out)
{
    llmcost_response *response = NULL;
    if (tokens)
        *tokens = 0;
    if (out)
        *out = NULL;
    if (!tokens)
        return LLMCOST_E_MISUSE;
    llmcost_status status = through(client, asked, &response);
    return hand_count(response, status, tokens, out);
}

llmcost_status llmcost_count_tokens(llmcost_client *client, const llmcost_request *request, int64_t *tokens, llmcost_response **out)
{
    const question asked = { .operation = LLMC_OP_COUNT_TOKENS, .request = request };
    return count_tokens(client, &asked, tokens, out);
}

llmcost_status llmcost_count_tokens_json(llmcost_client *client, const char *body, size_t body_bytes, int64_t *tokens, llmcost_response **out)
{
    const question asked = { .operation = LLMC_OP_COUNT_TOKENS, .body = body, .body_bytes = body_bytes };
    return count_tokens(client, &asked, tokens, out);
}

/* Of an operation that needs nothing but a name. */
static llmcost_status of_provider(llmcost_client *client, llmc_operation_id operation, const char *provider, llmcost_response **out)
{
    const question asked = { .operation = operation, .provider = provider };
    if (out)
        *out = NULL;
    return provider ? through(client, &asked, out) : LLMCOST_E_MISUSE;
}

llmcost_status llmcost_list_models(llmcost_client *client, const char *provider, llmcost_response **out)
{
    return of_provider(client, LLMC_OP_LIST_MODELS, provider, out);
}

llmcost_status llmcost_balance(llmcost_client *client, const char *provider, llmcost_response **out)
{
    return of_provider(client, LLMC_OP_BALANCE, provider, out);
}
