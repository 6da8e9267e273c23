/* Children of legs, and legs that outlive their call. */
#include "call/call.h"
#include "call/events.h"
#include "money/tags.h"
#include "policy/decide.h"
#include "policy/place.h"

#include <string.h>

/* A cascade inside a cascade enters at its parent's phase, at its first policy; anything further out would meet itself again. */
static uint16_t first_policy(const llmcost_leg *parent, const llmc_spawn *spawn)
{
    const llmcost_client *client = parent->call->client;
    uint16_t first = llmc_leg_policy_index(parent, spawn->first_phase), least = parent->at < client->policy_count ? parent->at : 0;
    least = spawn->inside ? (uint16_t)(parent->at + 1) : llmc_leg_policy_index(parent, (llmcost_phase)client->policies[least].phase);
    return first < least ? least : first;
}

/* Where it begins a child is met by no policy further out: those that make its route what the rest can work with. */
static bool is_sound(llmcost_leg *parent, const llmcost_leg *child)
{
    uint16_t cascades = llmc_leg_policy_index(parent, LLMCOST_PHASE_ROUTE), names = llmc_leg_policy_index(parent, LLMCOST_PHASE_RESOLVE);
    const char *why = NULL;
    if (child->operation->has_request && !child->request)
        why = "a child that asks a model needs a request";
    else if (!child->route && child->first > names)
        why = "a child without a model begins where names are resolved, or further out";
    else if (child->route && child->route->kind != LLMC_ROUTE_LEAF && !child->operation->generates)
        why = "a child for a cascade chats";
    else if (child->route && child->route->kind != LLMC_ROUTE_LEAF && child->first > cascades)
        why = "a child for a cascade begins in the phase of routes, or further out";
    if (why)
        llmc_leg_fail(parent, LLMCOST_E_MISUSE, "%s", why);
    return !why;
}

/* A route that a policy names (a judge) has choices too. They are about the child's request. NULL: none can serve it, or no memory. */
static const llmc_route *decide(llmcost_leg *parent, llmcost_leg *child)
{
    const llmc_route *route = llmc_route_decide(child, child->route);
    if (!route) {
        parent->status = child->status;
        llmc_error_copy(&parent->error, &child->error);
    }
    return route;
}

llmcost_leg *llmc_leg_spawn(llmcost_leg *parent, const llmc_spawn *spawn)
{
    if (parent->cancelled || llmc_leg_is_detached(parent)) /* nobody waits for its outcome, and the request may be gone */
        return NULL;
    bool own_deadline = spawn->deadline_ns && spawn->deadline_ns < parent->deadline_ns;
    llmc_driver *driver = own_deadline ? llmc_leg_driver(parent) : NULL;
    if (own_deadline && (!driver || !llmc_driver_reserve_timer(driver))) {
        driver ? llmc_leg_out_of_memory(parent) : llmc_leg_no_driver(parent);
        return NULL;
    }
    llmcost_leg *child = llmc_leg_new(parent->call, parent, spawn->operation ? spawn->operation : parent->operation, first_policy(parent, spawn));
    if (!child) {
        if (own_deadline)
            llmc_driver_unreserve_timer(driver);
        llmc_leg_out_of_memory(parent);
        return NULL;
    }
    child->request = spawn->request ? spawn->request : parent->request;
    child->wishes = spawn->request ? spawn->wishes : parent->wishes;
    child->extra_prompt_tokens = spawn->request ? 0 : parent->extra_prompt_tokens; /* it is in the request */
    child->route = spawn->route ? spawn->route : parent->route;
    if (child->route && child->route->choice_count)
        child->route = decide(parent, child);
    if (!child->route != !(spawn->route || parent->route) || !is_sound(parent, child)) {
        if (own_deadline)
            llmc_driver_unreserve_timer(driver);
        parent->children = child->next_sibling;
        return NULL;
    }
    if (child->route && child->route->through)
        llmc_route_taken(child->route);
    child->provider_name = parent->provider_name;
    child->all_fit = parent->all_fit && child->request == parent->request;
    if (child->route && parent->route && child->route->provider == parent->route->provider) { /* no other host is shown it */
        child->credential = parent->credential;
        child->token = parent->token;
    }
    child->purpose = spawn->purpose;
    child->forwards = spawn->forwards;
    child->attempt = spawn->attempt;
    child->until_shown = own_deadline && spawn->until_shown;
    if (own_deadline)
        llmc_leg_set_deadline(child, driver, spawn->deadline_ns);
    llmc_leg_schedule(child);
    return child;
}

/* What the report was told when the caller left was an estimate. */
static void count_difference(llmc_call *call)
{
    const llmcost_leg *leg = call->root;
    const llmc_line *line = leg->line;
    int64_t more_nano = line->cost_nano - leg->counted_nano;
    const int64_t saved_nano[LLMC_SAVING_COUNT] = { [LLMC_SAVING_OVERHEAD] = -more_nano };
    const llmc_call_facts facts = {
        .tags = call->tags, .tag_count = call->tag_count, .provider = line->provider, .model = line->model,
        .wall_ms = call->response->receipt.started_wall_ms, .saved_nano = saved_nano,
        .row.figure = { [LLMC_COST_NANO] = more_nano, [LLMC_TOKENS_IN] = llmc_usage_prompt(&line->usage) - leg->counted_in,
                        [LLMC_TOKENS_OUT] = llmc_usage_output(&line->usage) - leg->counted_out },
    };
    llmc_totals_add(call->client->services.totals, &facts);
    llmcost_response *origin = call->user;
    llmc_count_late(&call->client->services, &origin->receipt, more_nano);
}

static void detached_done(llmc_call *call)
{
    count_difference(call);
    llmc_place_leave(call->root, call->root->place);
    llmcost_response *origin = call->user;
    atomic_fetch_sub(&call->client->services.detached, 1);
    llmc_response_unref(origin);
    llmc_response_unref(call->response);
}

static bool copy_tags(llmc_call *to, const llmcost_request *request)
{
    to->tag_count = request ? request->tag_count : 0;
    to->tags = llmc_tags_copy(to->tag_count ? request->tags : NULL, to->tag_count, &to->response->arena);
    return to->tags != NULL;
}

/* Nobody waits for what reads on, but it holds money. */
static int64_t detached_deadline(const llmcost_leg *leg)
{
    const llmc_provider *provider = leg->route ? leg->route->provider : NULL;
    return llmc_clock_after(llmc_leg_now(leg), provider && provider->drain_ms ? provider->drain_ms : -1);
}

static llmc_call *detached_call(const llmcost_leg *leg)
{
    llmc_call *from = leg->call;
    llmcost_response *response = llmc_response_new(&from->client->services, llmc_client_next_id(from->client), 0);
    llmc_call *call = response ? llmc_arena_calloc(&response->arena, 1, sizeof *call) : NULL;
    if (call)
        call->response = response;
    if (!call || !copy_tags(call, from->request)) {
        llmc_response_unref(response);
        return NULL;
    }
    call->client = from->client;
    call->user = from->response;
    call->mode = LLMC_CALL_DETACHED;
    call->done = detached_done;
    call->started_ns = from->started_ns;
    call->deadline_ns = detached_deadline(leg);
    return call;
}

/*
 * The detached leg takes the states of the policies from `index` on; its own line is not on the receipt, which the
 * caller already has. Its call has an arena of its own, because the caller's thread goes on using the response's; that
 * one, where the states are, lives until the detached leg is complete.
 */
llmcost_leg *llmc_leg_detach(llmcost_leg *leg, llmcost_phase phase)
{
    uint16_t index = llmc_leg_policy_index(leg, phase);
    if (index <= leg->first || index > leg->at || !leg->call->slot)
        return NULL;
    llmc_call *call = detached_call(leg);
    llmcost_leg *detached = call ? llmc_leg_new(call, NULL, leg->operation, index) : NULL;
    llmc_line *line = detached ? llmc_arena_calloc(llmc_leg_arena(detached), 1, sizeof *line) : NULL;
    if (!line || !llmc_call_attach(call, leg->call->slot)) {
        if (call)
            llmc_response_unref(call->response);
        return NULL;
    }
    if (leg->line)
        *line = *leg->line;
    line->next = NULL;
    detached->line = line;
    detached->route = leg->route;
    detached->provider_name = leg->provider_name;
    detached->credential = leg->credential;
    if ((detached->place = leg->place))
        detached->place->kept = true;
    leg->place = NULL;
    detached->purpose = leg->purpose;
    detached->stage = LLMC_LEG_ENTERING;
    detached->waiting = 1;
    detached->sent = leg->sent;
    detached->requested_wall_ms = leg->requested_wall_ms;
    detached->bound_nano = leg->bound_nano;
    detached->at = leg->at;
    for (uint16_t i = index; i <= leg->at; i++)
        detached->stops[i].state = leg->stops[i].state;
    detached->entered = leg->entered & ~UINT64_C(0) << index;
    leg->entered &= ~detached->entered;
    leg->at = (uint16_t)(index - 1);
    call->root = detached;
    llmc_response_ref(leg->call->response);
    atomic_fetch_add(&call->client->services.detached, 1);
    return detached;
}
