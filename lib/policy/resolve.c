/* resolve.c: names become routes, and the choices of a route that need no call are made (decide.c). */
#include "policy/choose.h"
#include "policy/decide.h"
#include "policy/outlook.h"

#include <string.h>

static const llmc_provider *find_provider(const llmc_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->provider_count; i++) {
        if (strcmp(settings->providers[i].name, name) == 0)
            return &settings->providers[i];
    }
    return NULL;
}

/* An operation on a provider itself: a leaf without a model. */
static __attribute__((noinline)) llmcost_verdict resolve_provider(llmcost_leg *leg)
{
    const llmc_provider *provider = find_provider(leg->services->settings, leg->provider_name);
    if (!provider)
        return llmc_leg_fail(leg, LLMCOST_E_UNKNOWN_MODEL, "no provider \"%.100s\" is configured", leg->provider_name);
    if (!provider->codec->has_operation(leg->operation->id))
        return llmc_leg_fail(leg, LLMCOST_E_UNSUPPORTED, "provider \"%s\" has no operation %s", provider->name, leg->operation->name);
    const llmc_codec_target target = { .preset = provider->preset, .provider = provider->name, .model = "", .quirks = provider->quirks, .api_version = provider->api_version };
    if ((leg->status = provider->codec->check(leg->operation->id, NULL, &target, &leg->error)))
        return LLMCOST_FAIL;
    llmc_route *route = llmc_arena_calloc(llmc_leg_arena(leg), 1, sizeof *route);
    if (!route)
        return llmc_leg_out_of_memory(leg);
    route->kind = LLMC_ROUTE_LEAF;
    route->name = provider->name;
    route->provider = provider;
    route->model = "";
    leg->route = route;
    return LLMCOST_CONTINUE;
}

static llmcost_verdict make_choices(llmcost_leg *leg)
{
    leg->route = llmc_route_decide(leg, leg->route);
    return leg->route ? LLMCOST_CONTINUE : LLMCOST_FAIL;
}

static llmcost_verdict find_route(llmcost_leg *leg)
{
    leg->status = llmc_settings_resolve(leg->services->settings, leg->request->model, llmc_leg_arena(leg), &leg->route, &leg->error);
    if (leg->status)
        return LLMCOST_FAIL;
    leg->named_route = leg->route;
    return LLMCOST_CONTINUE;
}

static llmcost_verdict resolve_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    if (leg->provider_name)
        return resolve_provider(leg);
    if (leg->parent && leg->route) /* a child that was made for a route */
        return LLMCOST_CONTINUE;
    llmcost_verdict verdict = find_route(leg);
    if (verdict != LLMCOST_CONTINUE || !leg->route->choice_count || !leg->operation->generates) /* what one model embeds means nothing to another: check.c refuses */
        return verdict;
    size_t asked = llmc_choose_ask_health(leg, leg->route);
    if (leg->status)
        return LLMCOST_FAIL;
    leg->facts->asked = asked;
    return asked ? LLMCOST_WAIT : make_choices(leg);
}

llmcost_verdict llmc_resolve_look(llmcost_leg *leg)
{
    llmcost_verdict verdict = find_route(leg);
    if (verdict != LLMCOST_CONTINUE || !leg->route->choice_count)
        return verdict;
    if (!llmc_facts_of(leg))
        return LLMCOST_FAIL;
    leg->facts->only_looks = true;
    return make_choices(leg);
}

static llmcost_verdict resolve_resume(llmcost_leg *leg, void *state, void *user, const llmcost_wake *wake)
{
    (void)state;
    (void)user;
    if (wake->kind != LLMCOST_WAKE_CHILD)
        return LLMCOST_WAIT;
    llmc_health_learn(leg, wake->child);
    return --leg->facts->asked ? LLMCOST_WAIT : make_choices(leg);
}

const llmcost_policy llmc_policy_resolve = {
    .struct_size = sizeof(llmcost_policy), .name = "resolve", .phase = LLMCOST_PHASE_RESOLVE,
    .enter = resolve_enter, .resume = resolve_resume,
};
