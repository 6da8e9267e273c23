/*
 * llmcost_explain(): which way a request would go, why, and what it could cost, without sending anything.
 *
 * A call is made to be looked at, on a copy of the client's services: the policies' own code resolves its name, decides
 * its route, makes its cache key, checks it and bounds its price, so an explanation cannot say what a call would not do.
 * What that code counts, logs and draws from the random numbers goes with the copy.
 *
 * Left out on purpose: asking a host's store, judges, labels, or policies. What they would say is named as unknown.
 */
#include "client/chat_json.h"
#include "client/explain.h"

#include "policy/describe.h"
#include "policy/outlook.h"

#include <string.h>

typedef struct question {
    const llmcost_request *request;
    const char *body;
    size_t body_bytes;
} question;

/* ---- the cache ---- */

static const char *cache_outcome(const llmcost_leg *leg, llmcost_verdict verdict, const llmc_cache_outlook *outlook)
{
    if (outlook->why_not)
        return outlook->why_not;
    if (leg->request->cache == LLMCOST_CACHE_REFRESH)
        return "refresh";
    if (verdict == LLMCOST_ANSWER)
        return "hit";
    return outlook->asks_store ? "unknown" : "miss";
}

static void write_cache(llmc_explaining *explaining, llmcost_leg *leg, llmcost_verdict verdict, const llmc_cache_outlook *outlook)
{
    enum { SHOWN = 8 };
    char address[2 * SHOWN + 1];
    for (size_t i = 0; i < SHOWN; i++) {
        address[2 * i] = "0123456789abcdef"[outlook->address[i] >> 4];
        address[2 * i + 1] = "0123456789abcdef"[outlook->address[i] & 15];
    }
    address[2 * SHOWN] = '\0';
    llmc_json_writer *json = &explaining->json;
    llmc_json_write_member_object(json, "cache");
    llmc_json_write_member_bool(json, "eligible", !outlook->why_not);
    llmc_explain_text(explaining, leg, "outcome", cache_outcome(leg, verdict, outlook));
    llmc_explain_text(explaining, leg, "address", outlook->why_not ? NULL : address);
    llmc_explain_text(explaining, leg, "store", outlook->asks_store && !outlook->in_memory ? "unknown" : NULL);
    llmc_json_write_end_object(json);
}

/* ---- the whole ---- */

static void write_not_asked(llmc_explaining *explaining, llmcost_leg *leg)
{
    const llmcost_client *client = leg->call->client;
    llmc_json_write_member_array(&explaining->json, "not_asked");
    for (uint16_t i = 0; i < client->policy_count; i++) {
        if (!llmc_policy_is_ours(&client->policies[i]))
            llmc_json_write_text(&explaining->json, client->policies[i].name);
    }
    llmc_json_write_end_array(&explaining->json);
}

static void write_end(llmc_explaining *explaining, llmcost_leg *leg, const llmc_ways *ways)
{
    llmc_explain_cost(explaining, "cost", ways->least_nano, ways->greatest_nano);
    llmc_explain_text(explaining, leg, "status", llmcost_status_name(ways->refusal));
    llmc_explain_text(explaining, leg, "message", ways->refusal ? ways->message : NULL);
}

static llmc_ways failed(llmc_explaining *explaining, const llmcost_leg *leg)
{
    explaining->no_memory |= leg->status == LLMCOST_E_MEMORY;
    return (llmc_ways){ .refusal = leg->status, .message = llmcost_error_message(&leg->error) };
}

/* A hit asks nobody further in; a call that fails there never gets to the tree. */
static llmc_ways explain_resolved(llmc_explaining *explaining, llmcost_leg *leg)
{
    llmc_cache_outlook outlook;
    llmcost_verdict cached = llmc_cache_look(leg, &outlook);
    write_cache(explaining, leg, cached, &outlook);
    llmc_ways ways = cached == LLMCOST_FAIL ? failed(explaining, leg) : (llmc_ways){ 0 };
    bool checked = cached == LLMCOST_CONTINUE && llmc_policy_check.enter(leg, NULL, NULL) == LLMCOST_FAIL;
    if (checked)
        ways = failed(explaining, leg);
    llmcost_leg *root = llmc_leg_sketch(leg, leg->route, leg->request);
    if (!root) {
        explaining->no_memory = true;
        return ways;
    }
    llmc_json_write_member_object(&explaining->json, "tree");
    llmc_ways tree = llmc_explain_tree(explaining, root);
    llmc_json_write_end_object(&explaining->json);
    if (outlook.asks_store && !outlook.in_memory)
        tree.least_nano = 0;
    if (tree.refusal) /* nothing is sent, so nothing is paid */
        tree.least_nano = tree.greatest_nano = 0;
    return cached == LLMCOST_CONTINUE && !checked ? tree : ways;
}

static llmc_ways explain_leg(llmc_explaining *explaining, llmcost_leg *leg)
{
    llmcost_verdict verdict = llmc_resolve_look(leg);
    llmc_explain_text(explaining, leg, "route", leg->named_route ? leg->named_route->name : NULL);
    llmc_explain_text(explaining, leg, "kind", leg->named_route ? llmc_route_kind_names[leg->named_route->kind] : NULL);
    llmc_json_write_key(&explaining->json, "decisions");
    llmc_decisions_write(&explaining->json, llmc_leg_receipt(leg));
    return verdict == LLMCOST_CONTINUE ? explain_resolved(explaining, leg) : failed(explaining, leg);
}

/* ---- the call that is looked at ---- */

static llmcost_status import(llmcost_response *response, const question *asked, const llmcost_request **request, bool *streams)
{
    llmc_stream_wish wish = { 0 };
    llmcost_request *read = NULL;
    llmcost_error *error = &response->error;
    if (!asked->body)
        return llmc_request_import(asked->request, LLMC_OP_CHAT, false, &response->arena, request, error);
    llmcost_status status = llmc_request_from_json(asked->body, asked->body_bytes, &response->arena, &read, &wish, error);
    *streams = wish.stream;
    return status ? status : llmc_request_import(read, LLMC_OP_CHAT, false, &response->arena, request, error);
}

static llmcost_status explain_request(llmcost_client *client, llmcost_response *response, llmc_services *services, const question *asked, llmc_explaining *explaining)
{
    bool streams = false;
    const llmcost_request *request = NULL;
    llmcost_status status = import(response, asked, &request, &streams);
    if (status == LLMCOST_E_MEMORY || status == LLMCOST_E_MISUSE)
        return status;
    llmc_call *call = llmc_call_sketch(client, response, LLMC_OP_CHAT, request, services);
    if (!call)
        return LLMCOST_E_MEMORY;
    call->streams = streams;
    llmc_json_write_begin_object(&explaining->json);
    llmc_explain_text(explaining, call->root, "model", request ? request->model : NULL);
    llmc_ways ways = { .refusal = status, .message = llmcost_error_message(&response->error) };
    if (!status)
        ways = explain_leg(explaining, call->root);
    write_end(explaining, call->root, &ways);
    write_not_asked(explaining, call->root);
    llmc_json_write_end_object(&explaining->json);
    llmc_leg_destroy(call->root);
    return explaining->no_memory ? LLMCOST_E_MEMORY : LLMCOST_OK;
}

static llmcost_status write_explanation(llmcost_client *client, const void *how, llmc_buffer *out)
{
    llmc_services services;
    llmc_services_copy(&services, &client->services);
    llmc_explaining explaining = { .json = { .out = out }, .currency = client->settings->currency };
    llmcost_response *response = llmc_response_new(&services, 0, 0);
    if (!response)
        return LLMCOST_E_MEMORY;
    llmcost_status status = explain_request(client, response, &services, how, &explaining);
    llmc_response_unref(response);
    return status;
}

/* ---- the public face ---- */

llmcost_status llmcost_explain(llmcost_client *client, const llmcost_request *request, char **out)
{
    const question asked = { .request = request };
    if (out)
        *out = NULL;
    return request ? llmc_client_hand_out(client, write_explanation, &asked, out) : LLMCOST_E_MISUSE;
}

llmcost_status llmcost_explain_json(llmcost_client *client, const char *body, size_t body_bytes, char **out)
{
    const question asked = { .body = body, .body_bytes = body_bytes };
    if (out)
        *out = NULL;
    return body ? llmc_client_hand_out(client, write_explanation, &asked, out) : LLMCOST_E_MISUSE;
}

/* ---- routes in words ---- */

static llmcost_status describe_one(llmcost_client *client, const char *name, llmc_buffer *out)
{
    llmc_arena arena;
    llmcost_error error;
    const llmc_route *route;
    llmc_arena_init(&arena, &client->services.allocator, NULL, 0);
    llmc_error_init(&error, &client->services.allocator);
    llmcost_status status = llmc_settings_resolve(client->settings, name, &arena, &route, &error);
    if (!status)
        llmc_route_describe(name, route, out);
    llmc_error_clear(&error);
    llmc_arena_clear(&arena);
    return status;
}

static llmcost_status write_routes(llmcost_client *client, const void *how, llmc_buffer *out)
{
    const llmc_settings *settings = client->settings;
    if (how)
        return describe_one(client, how, out);
    for (size_t i = 0; i < settings->name_count; i++)
        llmc_route_describe(settings->names[i].name, settings->names[i].route, out);
    return LLMCOST_OK;
}

llmcost_status llmcost_route_describe(llmcost_client *client, const char *name, char **out)
{
    return llmc_client_hand_out(client, write_routes, name, out);
}
