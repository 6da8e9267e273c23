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

static llmcost_status run_front(llmcost_client *client, llmc_front *front, const llmc_call_start *start, llmcost_response **out)
{
    llmcost_response *response = front->response;
    llmc_call *call = llmc_call_new(client, response, start);
    if (!call) {
        llmc_response_unref(response);
        return LLMCOST_E_MEMORY;
    }
    if (front->status)
        llmc_call_fail(call, front->status);
    else
        run_to_the_end(client, call);
    *out = response;
    return response->status;
}

static llmcost_status chat(llmcost_client *client, const llmcost_request *request, llmcost_response **out)
{
    llmc_front front;
    llmcost_status status = llmc_front_open(client, request, false, &front);
    if (status)
        return status;
    llmc_call_start start = { .operation = &llmc_operations[LLMC_OP_CHAT], .request = front.request, .mode = LLMC_CALL_BLOCKING };
    return run_front(client, &front, &start, out);
}

static llmcost_status chat_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_response **out)
{
    llmc_json_front json;
    llmcost_status status = llmc_front_open_json(client, body, body_bytes, &json);
    if (status)
        return status;
    llmc_front *front = &json.front;
    if (!front->status && json.wants_stream)
        front->status = llmc_error_set(&front->response->error, LLMCOST_E_INVALID, "\"stream\": true: use llmcost_stream_open_json()");
    llmc_call_start start = { .operation = &llmc_operations[LLMC_OP_CHAT], .request = front->request, .mode = LLMC_CALL_BLOCKING };
    return run_front(client, front, &start, out);
}

static llmcost_status list_models(llmcost_client *client, const char *provider, llmcost_response **out)
{
    llmc_front front = { .response = llmc_response_new(&client->services.allocator, &client->services, llmc_client_next_id(client)) };
    if (!front.response)
        return LLMCOST_E_MEMORY;
    llmc_call_start start = { .operation = &llmc_operations[LLMC_OP_LIST_MODELS], .provider_name = provider, .mode = LLMC_CALL_BLOCKING };
    return run_front(client, &front, &start, out);
}

/* ---- the public face: each is a door of the client, held open while the call runs ---- */

llmcost_status llmcost_chat(llmcost_client *client, const llmcost_request *request, llmcost_response **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = chat(client, request, out);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_ask(llmcost_client *client, const char *model, const char *question, llmcost_response **out)
{
    llmcost_message message = { .role = LLMCOST_USER, .text = question };
    llmcost_request request;
    llmcost_request_init(&request);
    request.model = model;
    request.messages = &message;
    request.message_count = 1;
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    return model && question ? llmcost_chat(client, &request, out) : LLMCOST_E_MISUSE;
}

llmcost_status llmcost_chat_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_response **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = chat_json(client, body, body_bytes, out);
    llmc_client_leave(&visit);
    return status;
}

llmcost_status llmcost_list_models(llmcost_client *client, const char *provider, llmcost_response **out)
{
    if (!out)
        return LLMCOST_E_MISUSE;
    *out = NULL;
    if (!provider)
        return LLMCOST_E_MISUSE;
    llmc_visit visit;
    llmcost_status status = llmc_client_enter(client, &visit);
    if (status)
        return status;
    status = list_models(client, provider, out);
    llmc_client_leave(&visit);
    return status;
}
