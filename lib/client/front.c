/* What every front door does first: make a response, import the request. */
#include "client/client.h"
#include "client/chat_json.h"

#include <string.h>

/* For a request of two kilobytes or three, as most are. */
enum { OWN_REQUEST_BYTES = 3072 };

static llmcost_status new_response(const llmc_visit *visit, bool owns_request, llmc_front *front)
{
    *front = (llmc_front){ .response = llmc_response_new(&visit->client->services, llmc_visit_id(visit), owns_request ? OWN_REQUEST_BYTES : 0) };
    return front->response ? LLMCOST_OK : LLMCOST_E_MEMORY;
}

static llmcost_status import(llmc_front *front, const llmcost_request *request, llmc_operation_id operation, bool copy)
{
    llmcost_response *response = front->response;
    front->status = llmc_request_import(request, operation, copy, &response->arena, &front->request, &response->error);
    if (front->status != LLMCOST_E_MEMORY && front->status != LLMCOST_E_MISUSE)
        return LLMCOST_OK;
    llmc_response_unref(response);
    front->response = NULL;
    return front->status;
}

llmcost_status llmc_front_open(const llmc_visit *visit, const llmcost_request *request, llmc_operation_id operation, bool copy, llmc_front *front)
{
    llmcost_status status = request ? new_response(visit, copy, front) : LLMCOST_E_MISUSE;
    return status ? status : import(front, request, operation, copy);
}

llmcost_status llmc_front_open_json(const llmc_visit *visit, const char *body, size_t bytes, llmc_operation_id operation, llmc_json_front *json)
{
    llmc_front *front = &json->front;
    llmc_stream_wish wish = { 0 };
    llmcost_request *request = NULL;
    llmcost_status status = body ? new_response(visit, true, front) : LLMCOST_E_MISUSE;
    if (status)
        return status;
    front->status = (operation == LLMC_OP_EMBED ? llmc_inputs_from_json : llmc_request_from_json)(body, bytes, &front->response->arena, &request, &wish, &front->response->error);
    json->wants_stream = wish.stream;
    json->wants_usage = wish.include_usage;
    front->response->base64 = wish.base64;
    if (front->status == LLMCOST_OK)
        return import(front, request, operation, false); /* its texts are in the arena already */
    if (front->status != LLMCOST_E_MEMORY)
        return LLMCOST_OK;
    llmc_response_unref(front->response);
    front->response = NULL;
    return LLMCOST_E_MEMORY;
}
