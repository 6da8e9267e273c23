/*
 * format.c: JSON, or JSON of a schema, from a target that has no mechanism for it: the model is told, and what it
 * answers is checked. An answer that breaks the schema is E_MALFORMED, which is tried again like any answer that cannot
 * be understood. A fence around the answer (```json) is taken off, but not in a stream, whose pieces have gone out.
 */
#include "policy/format.h"

#include "policy/request_copy.h"
#include "policy/wish.h"
#include "wire/json_schema.h"

#include <string.h>

static const char tell_schema[] = "Answer with JSON only, without a code fence and without any other text. The JSON must follow this JSON Schema:\n";
static const char tell_json[] = "Answer with one JSON object only, without a code fence and without any other text.";

typedef struct format_state {
    bool instructed;
    const char *schema; /* NULL: any object */
} format_state;

llmcost_status llmc_target_check(llmcost_leg *leg, const llmc_route *target, const llmcost_request *request, llmcost_error *error)
{
    const llmc_provider *provider = target->provider;
    const llmc_codec_target aim = { .preset = provider->preset, .provider = provider->name, .model = target->model, .quirks = provider->quirks,
                                    .stream = llmc_leg_streams(leg), .api_version = provider->api_version };
    return provider->codec->check(leg->operation->id, request, &aim, error);
}

__attribute__((cold)) bool llmc_length_suffices(llmcost_leg *leg, const llmc_route *target, int64_t max_tokens, llmcost_error *error)
{
    llmcost_request request = *leg->request;
    llmc_request_drop(&request, leg->wishes);
    request.max_tokens = max_tokens;
    return llmc_target_check(leg, target, &request, error) != LLMCOST_E_UNSUPPORTED;
}

llmcost_status llmc_format_for(llmcost_leg *leg, const llmc_route *target, int32_t *format, llmcost_error *error)
{
    llmcost_request bare;
    const llmcost_request *asked = leg->request;
    if (leg->wishes) {
        bare = *asked;
        llmc_request_drop(&bare, leg->wishes);
        asked = &bare;
    }
    llmcost_status status = llmc_target_check(leg, target, asked, error);
    *format = leg->request->format;
    if (status != LLMCOST_E_UNSUPPORTED || leg->request->format == LLMCOST_FORMAT_TEXT)
        return status;
    /* What the least format fails by is what the caller has to change: a missing format is made good. */
    llmcost_request request = *asked;
    for (int32_t lesser = leg->request->format - 1; lesser >= LLMCOST_FORMAT_TEXT; lesser--) {
        llmcost_error of_lesser;
        llmc_error_init(&of_lesser, &leg->services->allocator);
        request.format = lesser;
        status = llmc_target_check(leg, target, &request, &of_lesser);
        llmc_error_move(error, &of_lesser);
        if (status)
            continue;
        *format = lesser;
        return LLMCOST_OK;
    }
    return status;
}

static const char *instruction(const llmcost_request *request, llmc_arena *arena)
{
    if (request->format != LLMCOST_FORMAT_JSON_SCHEMA || !request->format_schema)
        return tell_json;
    size_t bytes = strlen(request->format_schema);
    char *text = llmc_arena_alloc(arena, sizeof tell_schema + bytes);
    if (!text)
        return NULL;
    memcpy(text, tell_schema, sizeof tell_schema - 1);
    memcpy(text + sizeof tell_schema - 1, request->format_schema, bytes + 1);
    return text;
}

static llmcost_verdict format_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    format_state *state = memory;
    int32_t format, format_wanted = leg->request->format;
    if (format_wanted == LLMCOST_FORMAT_TEXT)
        return LLMCOST_CONTINUE;
    llmcost_status status = llmc_format_for(leg, leg->route, &format, &leg->error);
    if (status) {
        leg->status = status;
        return LLMCOST_FAIL;
    }
    if (format == format_wanted)
        return LLMCOST_CONTINUE;
    llmc_arena *arena = llmc_leg_arena(leg);
    const char *text = instruction(leg->request, arena);
    llmcost_request *request = text ? llmc_request_with_instruction(leg->request, text, arena) : NULL;
    llmc_line *line = llmc_leg_line(leg);
    if (!request || !line)
        return llmc_leg_out_of_memory(leg);
    request->format = format;
    line->flags |= LLMC_LINE_FORMAT_INSTRUCTED;
    leg->extra_prompt_tokens += (int64_t)(strlen(text) + 3) / 4;
    leg->request = request;
    state->instructed = true;
    state->schema = format_wanted == LLMCOST_FORMAT_JSON_SCHEMA ? request->format_schema : NULL;
    return LLMCOST_CONTINUE;
}

/* ```json ... ```, and nothing beside it. */
static llmc_text without_fence(llmc_text text)
{
    static const char blanks[] = " \t\r\n";
    const char *at = text.text, *end = at + text.bytes;
    while (at < end && strchr(blanks, *at) && *at)
        at++;
    while (end > at && strchr(blanks, end[-1]) && end[-1])
        end--;
    if (end - at < 6 || memcmp(at, "```", 3) != 0 || memcmp(end - 3, "```", 3) != 0)
        return text;
    const char *line = memchr(at, '\n', (size_t)(end - at));
    return line && line < end - 3 ? (llmc_text){ line + 1, (size_t)(end - 3 - (line + 1)) } : text;
}

/* A choice that calls tools, was refused or was cut off holds no answer to judge. */
static bool is_to_judge(const llmc_choice *choice)
{
    return !choice->tool_call_count && !choice->refusal.bytes && (choice->finish == LLMCOST_FINISH_STOP || choice->finish == LLMCOST_FINISH_NONE);
}

static llmcost_verdict unwrap(llmcost_leg *leg, llmc_text inner)
{
    llmc_answer *answer = llmc_answer_with_text(leg->answer, inner.text, inner.bytes);
    if (!answer)
        return llmc_leg_out_of_memory(leg);
    const llmcost_leg *source = leg->source;
    llmc_leg_set_answer(leg, answer);
    leg->source = source;
    return LLMCOST_CONTINUE;
}

static llmcost_verdict format_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    const format_state *state = memory;
    if (!state->instructed || leg->status != LLMCOST_OK || !leg->answer)
        return LLMCOST_CONTINUE;
    for (uint32_t i = 0; i < leg->answer->choice_count; i++) {
        const llmc_choice *choice = &leg->answer->choices[i];
        char reason[200];
        if (!is_to_judge(choice))
            continue;
        llmc_text text = choice->text, inner = llmc_leg_streams(leg) || leg->answer->choice_count > 1 ? text : without_fence(text);
        llmcost_status status = llmc_json_schema_check(state->schema, inner.text, inner.bytes, reason);
        if (status == LLMCOST_E_MEMORY)
            return llmc_leg_out_of_memory(leg);
        if (status)
            return llmc_leg_fail(leg, status, "%s: the answer does not follow the format that was asked for: %s", leg->route->name, reason);
        if (inner.bytes != text.bytes)
            return unwrap(leg, inner);
    }
    return LLMCOST_CONTINUE;
}

const llmcost_policy llmc_policy_format = {
    .struct_size = sizeof(llmcost_policy), .name = "format", .phase = LLMCOST_PHASE_FIT, .operations = 1u << LLMC_OP_CHAT, .state_bytes = sizeof(format_state),
    .enter = format_enter, .leave = format_leave,
};
