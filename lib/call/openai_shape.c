/*
 * Writing OpenAI's shape. Counts are put together again from the disjoint classes, as OpenAI counts: cached and written
 * tokens are part of the prompt, reasoning is part of the completion. Left out: service_tier and system_fingerprint, which
 * are optional and say nothing of an answer.
 */
#include "call/openai_shape.h"

#include <endian.h>

/* ---- pieces that whole answers and chunks share ---- */

static void write_head(llmc_json_writer *json, const char *id, const char *object, int64_t created, const char *model)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "id", id);
    llmc_json_write_member_text(json, "object", object);
    llmc_json_write_member_integer(json, "created", created);
    llmc_json_write_member_text(json, "model", model);
}

/* OpenAI has no word of its own for a full context: a client that looks for "length" means it too. */
static void write_finish(llmc_json_writer *json, llmcost_finish finish)
{
    if (finish == LLMCOST_FINISH_CONTEXT_LENGTH)
        finish = LLMCOST_FINISH_LENGTH;
    llmc_json_write_member_text(json, "finish_reason", finish == LLMCOST_FINISH_NONE ? NULL : llmcost_finish_name(finish));
}

static int64_t known(int64_t quantity)
{
    return quantity > 0 ? quantity : 0;
}

static bool has_counts(const llmc_usage *usage)
{
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (i != LLMCOST_REQUEST && usage->quantity[i] >= 0)
            return true;
    }
    return false;
}

static void write_usage(llmc_json_writer *json, const llmc_usage *usage)
{
    const int64_t *quantity = usage->quantity;
    int64_t written = known(quantity[LLMCOST_WRITE_5M]) + known(quantity[LLMCOST_WRITE_30M]) + known(quantity[LLMCOST_WRITE_1H]);
    int64_t prompt = llmc_usage_prompt(usage), completion = llmc_usage_output(usage);
    llmc_json_write_key(json, "usage");
    if (!has_counts(usage)) {
        llmc_json_write_null(json);
        return;
    }
    llmc_json_write_begin_object(json);
    llmc_json_write_member_integer(json, "prompt_tokens", prompt);
    llmc_json_write_member_integer(json, "completion_tokens", completion);
    llmc_json_write_member_integer(json, "total_tokens", prompt + completion);
    llmc_json_write_member_object(json, "prompt_tokens_details");
    llmc_json_write_member_integer(json, "cached_tokens", known(quantity[LLMCOST_INPUT_CACHED]));
    if (written)
        llmc_json_write_member_integer(json, "cache_write_tokens", written);
    llmc_json_write_member_integer(json, "audio_tokens", known(quantity[LLMCOST_AUDIO_IN]));
    llmc_json_write_end_object(json);
    llmc_json_write_member_object(json, "completion_tokens_details");
    llmc_json_write_member_integer(json, "reasoning_tokens", known(quantity[LLMCOST_REASONING]));
    llmc_json_write_member_integer(json, "audio_tokens", known(quantity[LLMCOST_AUDIO_OUT]));
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* ---- a whole answer ---- */

static void write_part(llmc_json_writer *json, const char *name, const llmc_text *text)
{
    llmc_json_write_member_string(json, name, text->text, text->bytes);
}

/* A call of a custom tool has other words for the same. */
static const char *type_of(bool is_custom)
{
    return is_custom ? "custom" : "function";
}

static const char *arguments_of(bool is_custom)
{
    return is_custom ? "input" : "arguments";
}

static void write_tool_calls(llmc_json_writer *json, const llmc_choice *choice)
{
    llmc_json_write_member_array(json, "tool_calls");
    for (uint32_t i = 0; i < choice->tool_call_count; i++) {
        const llmcost_tool_call *call = &choice->tool_calls[i];
        llmc_json_write_begin_object(json);
        llmc_json_write_member_text(json, "id", call->id);
        llmc_json_write_member_text(json, "type", type_of(call->is_custom));
        llmc_json_write_member_object(json, type_of(call->is_custom));
        llmc_json_write_member_text(json, "name", call->name);
        llmc_json_write_member_text(json, arguments_of(call->is_custom), call->arguments);
        llmc_json_write_end_object(json);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

static void write_message(llmc_json_writer *json, const llmc_choice *choice)
{
    bool says_nothing = !choice->text.bytes && (choice->tool_call_count || choice->refusal.bytes);
    llmc_json_write_member_object(json, "message");
    llmc_json_write_member_text(json, "role", "assistant");
    if (says_nothing)
        llmc_json_write_member_text(json, "content", NULL);
    else
        write_part(json, "content", &choice->text);
    if (choice->refusal.bytes)
        write_part(json, "refusal", &choice->refusal);
    else
        llmc_json_write_member_text(json, "refusal", NULL);
    if (choice->reasoning.bytes)
        write_part(json, "reasoning_content", &choice->reasoning);
    if (choice->signature.bytes || choice->hidden_reasoning.bytes) {
        llmc_json_write_key(json, "thinking_blocks");
        llmc_write_thinking_blocks(json, choice->reasoning, choice->signature, choice->hidden_reasoning, false);
    }
    if (choice->tool_call_count)
        write_tool_calls(json, choice);
    llmc_json_write_end_object(json);
}

static void write_logprobs(llmc_json_writer *json, const char *items, size_t bytes)
{
    llmc_json_write_member_object(json, "logprobs");
    llmc_json_write_key(json, "content");
    llmc_json_write_raw(json, items, bytes);
    llmc_json_write_end_object(json);
}

static void write_choice(llmc_json_writer *json, uint32_t index, const llmc_choice *choice)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_integer(json, "index", index);
    write_message(json, choice);
    if (choice->logprobs.bytes)
        write_logprobs(json, choice->logprobs.text, choice->logprobs.bytes);
    else
        llmc_json_write_member_text(json, "logprobs", NULL);
    write_finish(json, choice->finish);
    llmc_json_write_end_object(json);
}

/* Members of our own shape keep their meaning. */
static bool is_ours(const llmc_json_key *key)
{
    static const char *const ours[] = { "id", "object", "created", "model", "choices", "data", "usage", "error", "llmcost" };
    bool taken = false;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        taken |= llmc_json_key_is(key, ours[i]);
    return taken;
}

/* What the provider sent beside an answer, such as citations. */
static void write_extra(llmc_json_writer *json, const char *extra)
{
    llmc_json reader;
    llmc_json_key key;
    llmc_json_span value;
    llmc_json_begin(&reader, extra, strlen(extra));
    if (!llmc_json_object(&reader))
        return;
    while (llmc_json_next_key(&reader, &key)) {
        if (!llmc_json_raw(&reader, &value) || is_ours(&key))
            continue;
        llmc_buffer_add(json->out, ",\"", 2);
        llmc_buffer_add(json->out, key.text, key.bytes);
        llmc_buffer_add(json->out, "\":", 2);
        llmc_buffer_add(json->out, value.text, value.bytes);
    }
}

/* The counts of the leg that answered; of a cached answer those that it once had. */
static const llmc_usage *delivered_usage(const llmcost_response *response)
{
    return response->answered && has_counts(&response->answered->usage) ? &response->answered->usage : &response->answer->usage;
}

static void write_answer(llmc_json_writer *json, const llmcost_response *response)
{
    const llmc_answer *answer = response->answer;
    write_head(json, *answer->id ? answer->id : llmc_receipt_id(&response->receipt), "chat.completion", response->receipt.started_wall_ms / 1000, answer->model);
    llmc_json_write_member_array(json, "choices");
    for (uint32_t i = 0; i < answer->choice_count; i++)
        write_choice(json, i, &answer->choices[i]);
    llmc_json_write_end_array(json);
    write_usage(json, delivered_usage(response));
    write_extra(json, answer->extra);
}

/* ---- vectors ---- */

/* As OpenAI has it: the bytes of little-endian floats. */
static void write_vector_bytes(llmc_json_writer *json, const float *vector, uint32_t dimensions)
{
    llmc_buffer bytes;
    llmc_buffer_init(&bytes, json->out->allocator, SIZE_MAX / 4);
    for (uint32_t i = 0; i < dimensions; i++) {
        uint32_t word;
        memcpy(&word, &vector[i], sizeof word);
        word = htole32(word);
        llmc_buffer_add(&bytes, &word, sizeof word);
    }
    llmc_json_write_base64(json, NULL, bytes.data, bytes.length);
    if (bytes.failure)
        json->out->failure = bytes.failure;
    llmc_buffer_free(&bytes);
}

static void write_vector(llmc_json_writer *json, const float *vector, uint32_t dimensions)
{
    llmc_json_write_begin_array(json);
    for (uint32_t i = 0; i < dimensions; i++)
        llmc_json_write_double(json, (double)vector[i]);
    llmc_json_write_end_array(json);
}

static void write_embeddings(llmc_json_writer *json, const llmcost_response *response)
{
    const llmc_answer *answer = response->answer;
    int64_t tokens = llmc_usage_prompt(&answer->usage);
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "object", "list");
    llmc_json_write_member_array(json, "data");
    for (uint32_t i = 0; i < answer->embedding_count; i++) {
        const float *vector = answer->embeddings + (size_t)i * answer->dimensions;
        llmc_json_write_begin_object(json);
        llmc_json_write_member_text(json, "object", "embedding");
        llmc_json_write_member_integer(json, "index", i);
        llmc_json_write_key(json, "embedding");
        (response->base64 ? write_vector_bytes : write_vector)(json, vector, answer->dimensions);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
    llmc_json_write_member_text(json, "model", answer->model);
    llmc_json_write_member_object(json, "usage");
    llmc_json_write_member_integer(json, "prompt_tokens", tokens);
    llmc_json_write_member_integer(json, "total_tokens", tokens);
    llmc_json_write_end_object(json);
    write_extra(json, answer->extra);
}

/* ---- a failure ---- */

/* OpenAI's word for a kind of failure. */
static const char *error_type(llmcost_status status)
{
    switch (status) {
    case LLMCOST_E_AUTH: return "authentication_error";
    case LLMCOST_E_PERMISSION: return "permission_error";
    case LLMCOST_E_NOT_FOUND: return "not_found_error";
    case LLMCOST_E_QUOTA: return "insufficient_quota";
    case LLMCOST_E_RATE_LIMITED: return "rate_limit_error";
    default: break;
    }
    static const char *const by_category[] = {
        [LLMCOST_CATEGORY_NONE] = "server_error",   [LLMCOST_CATEGORY_HOST] = "server_error",        [LLMCOST_CATEGORY_CONFIG] = "invalid_request_error",
        [LLMCOST_CATEGORY_REQUEST] = "invalid_request_error", [LLMCOST_CATEGORY_BUDGET] = "insufficient_quota", [LLMCOST_CATEGORY_TIME] = "timeout_error",
        [LLMCOST_CATEGORY_NETWORK] = "connection_error", [LLMCOST_CATEGORY_CREDENTIALS] = "authentication_error", [LLMCOST_CATEGORY_CAPACITY] = "overloaded_error",
        [LLMCOST_CATEGORY_SERVER] = "server_error",
    };
    return by_category[llmcost_status_category(status)];
}

static void write_failure(llmc_json_writer *json, const llmcost_response *response)
{
    const llmcost_error *error = &response->error;
    const char *code = llmcost_error_code(error), *message = error->message;
    llmc_json_write_begin_object(json);
    llmc_json_write_member_object(json, "error");
    llmc_json_write_member_text(json, "message", message ? message : llmcost_status_text(response->status));
    llmc_json_write_member_text(json, "type", error_type(response->status));
    llmc_json_write_member_text(json, "code", *code ? code : llmcost_status_name(response->status));
    llmc_json_write_member_text(json, "param", NULL);
    llmc_json_write_end_object(json);
}

void llmc_openai_completion(const llmcost_response *response, llmc_buffer *out)
{
    llmc_json_writer json = { .out = out };
    if (response->status || !response->answer)
        write_failure(&json, response);
    else if (response->answer->embedding_count)
        write_embeddings(&json, response);
    else
        write_answer(&json, response);
    llmc_json_write_key(&json, "llmcost");
    llmc_receipt_write(&response->receipt, response->status, out);
    json.comma = true;
    llmc_json_write_end_object(&json);
}

/* ---- chunks ---- */

void llmc_chunks_init(llmc_chunks *chunks, const llmc_allocator *allocator, const llmcost_response *response, const llmcost_request *request)
{
    memset(chunks, 0, sizeof *chunks);
    chunks->id = llmc_receipt_id(&response->receipt);
    chunks->model = request ? request->model : "";
    chunks->created = response->receipt.started_wall_ms / 1000;
    chunks->wants_logprobs = request && request->logprobs;
    llmc_buffer_init(&chunks->text, allocator, LLMC_CHUNK_MAX_BYTES);
}

void llmc_chunks_free(llmc_chunks *chunks)
{
    llmc_buffer_free(&chunks->text);
    llmc_free(chunks->text.allocator, chunks->names);
}

/* What the provider calls the answer and the model; a name that it leaves out stays what it was. */
static bool take_names(llmc_chunks *chunks, const llmcost_event *meta)
{
    const llmc_allocator *allocator = chunks->text.allocator;
    const char *id = meta->bytes ? meta->text : chunks->id, *model = *meta->tool_name ? meta->tool_name : chunks->model;
    size_t id_bytes = strlen(id), model_bytes = strlen(model);
    char *names = llmc_alloc(allocator, id_bytes + model_bytes + 2);
    if (!names)
        return false;
    char *behind_id = llmc_put_text(names, id, id_bytes);
    llmc_put_text(behind_id, model, model_bytes);
    llmc_free(allocator, chunks->names);
    chunks->id = chunks->names = names;
    chunks->model = behind_id;
    return true;
}

bool llmc_chunks_see(llmc_chunks *chunks, const llmcost_event *event, bool *shown)
{
    *shown = event->kind != LLMC_EVENT_META && (event->kind != LLMCOST_EVENT_LOGPROBS || chunks->wants_logprobs);
    chunks->counts_told |= event->kind == LLMCOST_EVENT_USAGE && has_counts(event->usage);
    return event->kind != LLMC_EVENT_META || take_names(chunks, event);
}

bool llmc_chunks_owed(const llmc_chunks *chunks, const llmcost_response *response, llmcost_event *usage)
{
    if (chunks->usage != LLMC_USAGE_ALWAYS || chunks->counts_told || response->status || !response->answer)
        return false;
    *usage = (llmcost_event){ .kind = LLMCOST_EVENT_USAGE, .text = "", .tool_id = "", .tool_name = "", .usage = delivered_usage(response) };
    return has_counts(usage->usage);
}

/* The first chunk of a choice says who speaks. */
static bool begins(llmc_chunks *chunks, uint32_t choice)
{
    if (choice >= LLMC_CHUNK_MAX_CHOICES)
        return false;
    uint64_t bit = UINT64_C(1) << choice % 64, *word = &chunks->begun[choice / 64];
    bool first = !(*word & bit);
    *word |= bit;
    return first;
}

static void write_delta_text(llmc_json_writer *json, const char *name, const llmcost_event *event)
{
    llmc_json_write_member_string(json, name, event->text, event->bytes);
}

static void write_delta_tool(llmc_json_writer *json, const llmcost_event *event)
{
    bool named = event->kind == LLMCOST_EVENT_TOOL_CALL;
    llmc_json_write_member_array(json, "tool_calls");
    llmc_json_write_begin_object(json);
    llmc_json_write_member_integer(json, "index", event->tool_index);
    if (named) {
        llmc_json_write_member_text(json, "id", event->tool_id);
        llmc_json_write_member_text(json, "type", type_of(event->is_custom));
    }
    llmc_json_write_member_object(json, type_of(event->is_custom));
    if (named)
        llmc_json_write_member_text(json, "name", event->tool_name);
    llmc_json_write_member_string(json, arguments_of(event->is_custom), named ? "" : event->text, named ? 0 : event->bytes);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
    llmc_json_write_end_array(json);
}

static void write_delta(llmc_json_writer *json, const llmcost_event *event, llmc_chunks *chunks)
{
    llmc_json_write_member_object(json, "delta");
    if (begins(chunks, event->choice))
        llmc_json_write_member_text(json, "role", "assistant");
    if (event->kind == LLMCOST_EVENT_TEXT)
        write_delta_text(json, "content", event);
    if (event->kind == LLMCOST_EVENT_REASONING)
        write_delta_text(json, "reasoning_content", event);
    if (event->kind == LLMCOST_EVENT_REFUSAL)
        write_delta_text(json, "refusal", event);
    if (event->kind == LLMCOST_EVENT_TOOL_CALL || event->kind == LLMCOST_EVENT_TOOL_ARGUMENTS)
        write_delta_tool(json, event);
    if (event->kind == LLMCOST_EVENT_FINISH && event->bytes) {
        llmc_json_write_key(json, "thinking_blocks");
        llmc_json_write_raw(json, event->text, event->bytes);
    }
    llmc_json_write_end_object(json);
}

/* What we say beside OpenAI's members: the answer begins again. */
static void write_restart(llmc_json_writer *json, llmc_chunks *chunks)
{
    memset(chunks->begun, 0, sizeof chunks->begun);
    llmc_json_write_member_object(json, "llmcost");
    llmc_json_write_key(json, "restart");
    llmc_json_write_bool(json, true);
    llmc_json_write_end_object(json);
}

static void write_piece(llmc_json_writer *json, const llmcost_event *event, llmc_chunks *chunks)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_integer(json, "index", event->choice);
    write_delta(json, event, chunks);
    if (event->kind == LLMCOST_EVENT_LOGPROBS)
        write_logprobs(json, event->text, event->bytes);
    write_finish(json, event->kind == LLMCOST_EVENT_FINISH ? event->finish : LLMCOST_FINISH_NONE);
    llmc_json_write_end_object(json);
}

static bool has_form(const llmcost_event *event, const llmc_chunks *chunks)
{
    if (event->kind == LLMCOST_EVENT_USAGE)
        return chunks->usage != LLMC_USAGE_NEVER && event->usage && has_counts(event->usage);
    if (event->kind == LLMCOST_EVENT_EXTRA)
        return !is_ours(&(llmc_json_key){ .text = event->tool_name, .bytes = strlen(event->tool_name) });
    return event->kind >= LLMCOST_EVENT_TEXT && event->kind <= LLMCOST_EVENT_LOGPROBS;
}

bool llmc_openai_chunk(const llmcost_event *event, llmc_chunks *chunks, llmc_buffer *out)
{
    bool counts = event->kind == LLMCOST_EVENT_USAGE, restarts = event->kind == LLMCOST_EVENT_RESTART_ANSWER;
    if (!has_form(event, chunks))
        return false;
    llmc_json_writer json = { .out = out };
    write_head(&json, chunks->id, "chat.completion.chunk", chunks->created, chunks->model);
    llmc_json_write_member_array(&json, "choices");
    if (!counts && !restarts)
        write_piece(&json, event, chunks);
    llmc_json_write_end_array(&json);
    if (counts)
        write_usage(&json, event->usage);
    if (restarts)
        write_restart(&json, chunks);
    if (event->kind == LLMCOST_EVENT_EXTRA && !*event->tool_name) {
        write_extra(&json, event->text);
    } else if (event->kind == LLMCOST_EVENT_EXTRA) {
        llmc_json_write_key(&json, event->tool_name);
        llmc_json_write_raw(&json, event->text, event->bytes);
    }
    llmc_json_write_end_object(&json);
    return true;
}
