#include "engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "call/call.h"

static void count_receipt(const llmcost_response *response, void *user)
{
    (void)response;
    ((engine_rig *)user)->receipts++;
}

void rig_init(engine_rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->random_seed = 1;
    fake_clock_init(&rig->clock);
    fake_network_init(&rig->network, &rig->clock);
    counting_memory_init(&rig->memory);
}

static const char *no_environment(const char *name, void *user)
{
    (void)name;
    (void)user;
    return NULL;
}

void rig_open(engine_rig *rig, const char *config)
{
    llmcost_error *error = NULL;
    llmcost_options options = LLMCOST_OPTIONS_INIT;
    rig_init(rig);
    options.allocator = &rig->memory.allocator;
    options.clock = &rig->clock.clock;
    options.transport = &rig->network.transport;
    options.random_seed = rig->random_seed;
    options.environment = no_environment;
    options.error = &error;
    llmcost_status status = llmcost_client_open(&rig->client, config, &options);
    if (status)
        fail_msg("open: %s", llmcost_error_message(error));
    assert_int_equal(llmcost_client_on_receipt(rig->client, count_receipt, rig), LLMCOST_OK);
}

static void check_slots(engine_rig *rig)
{
    llmc_pool *pool = &rig->client->pool;
    assert_int_equal(pool->leased, 0);
    assert_int_equal(pool->owned, 0);
    size_t all = 0, idle = 0;
    for (llmc_slot *slot = pool->all; slot; slot = slot->next_all, all++) {
        if (slot->call_count) /* detached work, which closing drains or drops */
            continue;
        assert_null(slot->calls);
        assert_int_equal(slot->driver.timer_count, 0);
        assert_int_equal(slot->driver.timer_reserved, 0);
    }
    for (llmc_slot *slot = pool->idle; slot; slot = slot->next_idle)
        idle++;
    assert_int_equal(all, idle);
}

void rig_close(engine_rig *rig)
{
    check_slots(rig);
    if (rig->client->services.detached == 0)
        assert_int_equal(rig_held(rig), 0);
    assert_int_equal(llmcost_client_close(rig->client), LLMCOST_OK);
    assert_int_equal(rig->network.active, 0);
    assert_int_equal(rig->network.drivers, 0);
    if (!rig->responses_out)
        assert_int_equal(rig->memory.blocks, 0);
    fake_network_free(&rig->network);
}

static int64_t sum_of_member(const char *json, const char *member)
{
    int64_t sum = 0;
    for (const char *at = json; (at = strstr(at, member)); )
        sum += strtoll(at += strlen(member), NULL, 10);
    return sum;
}

static int64_t sum_of_budgets(engine_rig *rig, const char *member)
{
    char *json = NULL;
    assert_int_equal(llmcost_budgets(rig->client, &json), LLMCOST_OK);
    int64_t sum = sum_of_member(json, member);
    llmcost_string_free(json);
    return sum;
}

int64_t rig_held(engine_rig *rig)
{
    return sum_of_budgets(rig, "\"held_nano\":");
}

int64_t rig_spent(engine_rig *rig)
{
    return sum_of_budgets(rig, "\"spent_nano\":");
}

int64_t rig_stat(engine_rig *rig, const char *name)
{
    char *json = NULL, member[100];
    assert_int_equal(llmcost_stats(rig->client, &json), LLMCOST_OK);
    snprintf(member, sizeof member, "\"%s\":", name);
    assert_non_null(strstr(json, member));
    int64_t figure = sum_of_member(json, member);
    llmcost_string_free(json);
    return figure;
}

llmcost_request *rig_ask(rig_request *space, const char *model, const char *text)
{
    memset(space, 0, sizeof *space);
    llmcost_request_init(&space->request);
    space->messages[0] = (llmcost_message){ .role = LLMCOST_USER, .text = text };
    space->request.model = model;
    space->request.messages = space->messages;
    space->request.message_count = 1;
    return &space->request;
}

int64_t rig_line(const llmcost_response *response, uint32_t line, const char *key)
{
    int64_t figure;
    return llmcost_response_line_number(response, line, key, &figure) ? figure : -1;
}

const char *rig_line_text(const llmcost_response *response, uint32_t line, const char *key)
{
    const char *text = llmcost_response_line_text(response, line, key);
    return text ? text : "";
}

int64_t rig_line_sum(const llmcost_response *response)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < llmcost_response_line_count(response); i++)
        sum += response->receipt.line_count > i && rig_line(response, i, "cost_nano") > 0 ? rig_line(response, i, "cost_nano") : 0;
    return sum;
}

void rig_check_receipt(const llmcost_response *response)
{
    const llmc_receipt *receipt = &response->receipt;
    int64_t saved = 0;
    for (int i = 0; i < LLMC_SAVING_COUNT; i++)
        saved += receipt->saved_nano[i];
    assert_int_equal(rig_line_sum(response), llmcost_response_cost_nano(response));
    assert_int_equal(saved, llmcost_response_saved_nano(response));
    if (receipt->baseline)
        assert_int_equal(receipt->baseline_nano - receipt->cost_nano, saved);
}

llmcost_response *rig_bill(engine_rig *rig, const char *config, const char *model, const char *usage)
{
    char body[400];
    rig_request space;
    llmcost_response *response = NULL;
    rig_open(rig, config);
    int length = snprintf(body, sizeof body, "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"h\"},\"finish_reason\":\"stop\"}],\"usage\":{%s}}", usage);
    fake_exchange_piece(fake_network_add(&rig->network, NULL), 0, body, (size_t)length);
    assert_int_equal(llmcost_chat(rig->client, rig_ask(&space, model, "hello"), &response), LLMCOST_OK);
    rig_check_receipt(response);
    return response;
}

llmcost_status rig_stream(engine_rig *rig, const llmcost_request *request, char *text, size_t bytes, llmcost_response **out)
{
    llmcost_stream *stream = NULL;
    const llmcost_event *event;
    size_t length = 0;
    text[0] = '\0';
    assert_int_equal(llmcost_stream_open(rig->client, request, &stream), LLMCOST_OK);
    llmcost_status status;
    while ((status = llmcost_stream_next(stream, &event)) == LLMCOST_OK && event) {
        size_t piece;
        const char *piece_text = llmcost_event_text(event, &piece);
        if (llmcost_event_get_kind(event) != LLMCOST_EVENT_TEXT || llmcost_event_choice(event))
            continue;
        assert_true(length + piece < bytes);
        memcpy(text + length, piece_text, piece + 1);
        length += piece;
    }
    if (out)
        assert_int_equal(llmcost_stream_finish(stream, out), status);
    llmcost_stream_close(stream);
    return status;
}
