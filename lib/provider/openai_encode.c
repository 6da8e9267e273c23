/*
 * A request as an OpenAI chat-completions body, in the dialect of the host at hand (quirks).
 *
 * What the dialect has no member for is said the nearest way there is: a failed tool's result begins with "Error: ".
 * Reasoning of an earlier answer goes back on turns with tool calls, to hosts that read reasoning_content, and as
 * reasoning_details (openai_reasoning.c) to those that sent such; elsewhere it is left out, since no host of this dialect
 * takes it, and so are signatures and hidden reasoning of other formats. Cache marks go to the hosts that know them, onto
 * the last part of the message; the others cache by themselves. Who the end user is is told where a host has a member for it. What inputs of embeddings are for has no member either; the models of these hosts make one kind.
 */
#include "provider/openai_codec.h"

#include "provider/encoding.h"

#include <stdio.h>

/* ---- messages ---- */

static bool is_visible(const llmcost_part *part)
{
    return part->type != LLMCOST_PART_REASONING && part->type != LLMCOST_PART_REASONING_HIDDEN;
}

static void write_audio(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    llmc_json_write_text(json, "input_audio");
    llmc_json_write_key(json, "input_audio");
    if (encoding->target->quirks & LLMC_QUIRK(DOCUMENT_URL))
        llmc_json_write_base64(json, "", part->data, part->data_bytes);
    else
        llmc_encoding_write_audio(encoding, part, message, index);
    llmc_encoding_end_part(encoding);
}

static void write_document_place(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    if (part->url)
        llmc_json_write_text(&encoding->json, part->url);
    else
        llmc_encoding_write_data_url(encoding, part, message, index);
}

static void write_document(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    bool by_url = encoding->target->quirks & LLMC_QUIRK(DOCUMENT_URL);
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    llmc_json_write_text(json, by_url ? "document_url" : "file");
    llmc_json_write_key(json, by_url ? "document_url" : "file");
    if (by_url) {
        write_document_place(encoding, part, message, index);
    } else {
        llmc_json_write_begin_object(json);
        llmc_json_write_key(json, "filename");
        llmc_json_write_text(json, llmc_document_name(part));
        llmc_json_write_key(json, "file_data");
        write_document_place(encoding, part, message, index);
        llmc_json_write_end_object(json);
    }
    llmc_encoding_end_part(encoding);
}

/* NULL: the message has none, or the host or the model takes none. OpenAI's take none on what they said themselves. */
static const llmc_cache_mark *mark_of(const llmc_encoding *encoding, const llmcost_message *message)
{
    static const llmc_cache_mark breakpoint = { "prompt_cache_breakpoint", "{\"mode\":\"explicit\"}" };
    const llmc_codec_target *target = encoding->target;
    if (!message->cache_mark)
        return NULL;
    if (target->quirks & LLMC_QUIRK(CACHE_CONTROL))
        return &llmc_cache_control;
    bool taken = (target->quirks & LLMC_QUIRK(CACHE_BREAKPOINT)) && llmc_openai_model_takes_marks(target->model) && message->role != LLMCOST_ASSISTANT;
    return taken ? &breakpoint : NULL;
}

static uint32_t last_visible(const llmcost_message *message)
{
    uint32_t last = message->part_count;
    while (last > 0 && !is_visible(&message->parts[last - 1]))
        last--;
    return last - 1; /* none: no part's index */
}

static void write_parts(llmc_encoding *encoding, const llmcost_message *message, uint32_t index, bool failed)
{
    const llmc_cache_mark *mark = mark_of(encoding, message);
    uint32_t last = last_visible(message);
    llmc_json_write_begin_array(&encoding->json);
    if (failed)
        llmc_encoding_text_part(encoding, "Error:", 6);
    if (message->part_count == 0) {
        encoding->mark = mark;
        llmc_encoding_text_part(encoding, message->text, llmc_text_bytes(message->text, message->text_bytes));
    }
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        encoding->mark = i == last ? mark : NULL;
        if (part->type == LLMCOST_PART_TEXT)
            llmc_encoding_text_part(encoding, part->text, llmc_text_bytes(part->text, part->text_bytes));
        else if (part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL)
            llmc_encoding_image_part(encoding, part, index, i);
        else if (part->type == LLMCOST_PART_AUDIO)
            write_audio(encoding, part, index, i);
        else if (part->type == LLMCOST_PART_DOCUMENT)
            write_document(encoding, part, index, i);
        else if (is_visible(part))
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].type %d is unknown", index, i, (int)part->type);
    }
    encoding->mark = NULL;
    llmc_json_write_end_array(&encoding->json);
}

/* A string where there is one text, which every imitator reads; an array where there is more, or a mark to bear. */
static void write_content(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    const char *text = message->text;
    size_t bytes = llmc_text_bytes(text, message->text_bytes);
    uint32_t visible = 0;
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (!is_visible(part))
            continue;
        visible++;
        text = part->type == LLMCOST_PART_TEXT ? part->text : NULL;
        bytes = llmc_text_bytes(text, part->text_bytes);
    }
    bool failed = message->role == LLMCOST_TOOL && message->is_error;
    llmc_json_write_key(&encoding->json, "content");
    if (visible > 1 || (visible == 1 && !text) || (bytes && mark_of(encoding, message))) {
        write_parts(encoding, message, index, failed);
    } else if (failed) {
        llmc_buffer marked;
        llmc_buffer_init(&marked, encoding->json.out->allocator, encoding->json.out->maximum);
        llmc_buffer_add_text(&marked, "Error: ");
        llmc_buffer_add(&marked, text, bytes);
        if (marked.failure)
            encoding->json.out->failure = marked.failure;
        else
            llmc_json_write_string(&encoding->json, marked.data, marked.length);
        llmc_buffer_free(&marked);
    } else if (!bytes && message->tool_call_count && !(encoding->target->quirks & LLMC_QUIRK(SPELT_TOOLS))) {
        llmc_json_write_null(&encoding->json);
    } else {
        llmc_json_write_string(&encoding->json, text ? text : "", bytes);
    }
}

static bool has_reasoning(const llmcost_message *message)
{
    for (uint32_t i = 0; i < message->part_count; i++)
        if (message->parts[i].type == LLMCOST_PART_REASONING && llmc_text_bytes(message->parts[i].text, message->parts[i].text_bytes))
            return true;
    return false;
}

static void write_reasoning(llmc_encoding *encoding, const llmcost_message *message)
{
    if (!has_reasoning(message))
        return;
    llmc_json_write_key(&encoding->json, "reasoning_content");
    llmc_encoding_write_joined(encoding, message, LLMCOST_PART_REASONING, "");
}

/* Ids that another provider made may be too long here, or of the wrong letters. NULL: they go as they came. */
static const llmc_call_ids *call_ids_of(const llmc_codec_target *target)
{
    static const llmc_call_ids shortest = { .minimum = 9, .maximum = 9, .letters = LLMC_ID_ALPHANUMERIC }, longest = { .maximum = 40, .letters = LLMC_ID_ANY };
    if (target->quirks & LLMC_QUIRK(SHORT_CALL_IDS))
        return &shortest;
    return target->quirks & LLMC_QUIRK(DEVELOPER_ROLE) ? &longest : NULL;
}

static void write_message(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    static const char *const openings[] = { "{\"role\":\"user\"", "{\"role\":\"system\"", "{\"role\":\"assistant\"", "{\"role\":\"tool\"", "{\"role\":\"developer\"" };
    enum { DEVELOPER = LLMCOST_TOOL + 1 };
    llmc_json_writer *json = &encoding->json;
    if (message->role < 0 || message->role > LLMCOST_TOOL) {
        llmc_encoding_invalid(encoding, "messages[%u].role %d is unknown", index, (int)message->role);
        return;
    }
    bool developer = message->role == LLMCOST_SYSTEM && (encoding->target->quirks & LLMC_QUIRK(DEVELOPER_ROLE)) && llmc_openai_model_reasons(encoding->target->model);
    const char *opening = openings[developer ? DEVELOPER : message->role];
    llmc_json_write_raw(json, opening, strlen(opening));
    if (message->role == LLMCOST_TOOL) {
        if (!message->tool_call_id || !*message->tool_call_id)
            llmc_encoding_invalid(encoding, "messages[%u].tool_call_id is missing", index);
        llmc_json_write_key(json, "tool_call_id");
        llmc_encoding_call_id(encoding, message->tool_call_id, call_ids_of(encoding->target));
    }
    if (message->name) {
        llmc_json_write_key(json, "name");
        llmc_json_write_text(json, message->name);
    }
    write_content(encoding, message, index);
    if (message->role == LLMCOST_ASSISTANT && (encoding->target->quirks & LLMC_QUIRK(REASONING_DETAILS)))
        llmc_openai_write_reasoning_details(encoding, message);
    if (message->role == LLMCOST_ASSISTANT && message->tool_call_count) {
        if (encoding->target->quirks & LLMC_QUIRK(REASONING_CONTENT))
            write_reasoning(encoding, message);
        llmc_encoding_tool_calls(encoding, message, index, call_ids_of(encoding->target));
    }
    llmc_json_write_end_object(json);
}

static void write_messages(llmc_encoding *encoding)
{
    llmc_encoding_member(encoding, "messages");
    llmc_json_write_begin_array(&encoding->json);
    for (uint32_t i = 0; i < encoding->request->message_count; i++)
        write_message(encoding, &encoding->request->messages[i], i);
    llmc_json_write_end_array(&encoding->json);
}

/* ---- tools and format ---- */

static void write_tool_choice(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->tool_choice == LLMCOST_TOOLS_AUTO)
        return;
    llmc_encoding_member(encoding, "tool_choice");
    if (request->tool_choice == LLMCOST_TOOLS_NONE) {
        llmc_json_write_text(json, "none");
        return;
    }
    if (request->tool_choice == LLMCOST_TOOLS_REQUIRED) {
        llmc_json_write_text(json, encoding->target->quirks & LLMC_QUIRK(TOOL_ANY) ? "any" : "required");
        return;
    }
    if (!request->tool_choice_name || !*request->tool_choice_name)
        llmc_encoding_invalid(encoding, "tool_choice_name is missing");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    llmc_json_write_text(json, "function");
    llmc_json_write_key(json, "function");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "name");
    llmc_json_write_text(json, request->tool_choice_name);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* A choice among tools that only extra names is a choice, too. with_extra: extra goes along. */
static void write_tools(llmc_encoding *encoding, bool with_extra)
{
    const llmcost_request *request = encoding->request;
    if (!llmc_encoding_has_tools(encoding, with_extra)) {
        if (request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE)
            llmc_encoding_invalid(encoding, "tool_choice asks for a tool, but there are none");
        return;
    }
    bool spelt = encoding->target->quirks & LLMC_QUIRK(SPELT_TOOLS);
    if (request->tool_count)
        llmc_encoding_functions(encoding, spelt ? "{\"type\":\"object\",\"properties\":{}}" : NULL, true);
    write_tool_choice(encoding);
    if (request->parallel_tool_calls != LLMCOST_DEFAULT) {
        llmc_encoding_member(encoding, "parallel_tool_calls");
        llmc_json_write_bool(&encoding->json, request->parallel_tool_calls == LLMCOST_ON);
    }
}

static void write_format(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->format == LLMCOST_FORMAT_TEXT)
        return;
    llmc_encoding_member(encoding, "response_format");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    if (request->format == LLMCOST_FORMAT_JSON) {
        llmc_json_write_text(json, "json_object");
        llmc_json_write_end_object(json);
        return;
    }
    if (!request->format_schema || llmc_json_text_type(request->format_schema) != LLMC_JSON_OBJECT) {
        llmc_encoding_invalid(encoding, "format_schema is no JSON object");
        return;
    }
    llmc_json_write_text(json, "json_schema");
    llmc_json_write_key(json, "json_schema");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "name");
    llmc_json_write_text(json, request->format_name ? request->format_name : "answer");
    if (request->format_strict) {
        llmc_json_write_key(json, "strict");
        llmc_json_write_bool(json, true);
    }
    llmc_json_write_key(json, "schema");
    llmc_json_write_raw(json, request->format_schema, strlen(request->format_schema));
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* ---- the rest ---- */

static double within_open_unit(double value)
{
    return value < 0.01 ? 0.01 : value > 0.99 ? 0.99 : value;
}

static void write_sampling(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    uint64_t quirks = encoding->target->quirks;
    bool open_unit = quirks & LLMC_QUIRK(OPEN_UNIT_SAMPLING);
    llmc_json_writer *json = &encoding->json;
    if (request->has_temperature) {
        llmc_encoding_member(encoding, "temperature");
        llmc_json_write_double(json, open_unit ? within_open_unit(request->temperature) : request->temperature);
    }
    if (request->has_top_p) {
        llmc_encoding_member(encoding, "top_p");
        llmc_json_write_double(json, open_unit ? within_open_unit(request->top_p) : request->top_p);
    }
    if (request->has_seed) {
        llmc_encoding_member(encoding, quirks & LLMC_QUIRK(RANDOM_SEED) ? "random_seed" : "seed");
        llmc_json_write_integer(json, request->seed);
    }
    if (request->n > 1) {
        llmc_encoding_member(encoding, "n");
        llmc_json_write_integer(json, request->n);
    }
    if (request->top_logprobs && !request->logprobs)
        llmc_encoding_invalid(encoding, "top_logprobs needs logprobs");
    if (request->logprobs) {
        llmc_encoding_member(encoding, "logprobs");
        llmc_json_write_bool(json, true);
    }
    if (request->top_logprobs) {
        llmc_encoding_member(encoding, "top_logprobs");
        llmc_json_write_integer(json, request->top_logprobs);
    }
}

static void write_limits(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->max_tokens > 0) {
        llmc_encoding_member(encoding, encoding->target->quirks & LLMC_QUIRK(MAX_TOKENS) ? "max_tokens" : "max_completion_tokens");
        llmc_json_write_integer(json, request->max_tokens);
    }
    if (request->stop_count) {
        llmc_encoding_member(encoding, "stop");
        llmc_encoding_texts(encoding, request->stop, NULL, request->stop_count);
    }
}

static void write_thinking_type(llmc_encoding *encoding)
{
    llmc_encoding_member(encoding, "thinking");
    llmc_json_write_begin_object(&encoding->json);
    llmc_json_write_key(&encoding->json, "type");
    llmc_json_write_text(&encoding->json, "disabled");
    llmc_json_write_end_object(&encoding->json);
}

static void write_budget(llmc_encoding *encoding)
{
    llmc_json_writer *json = &encoding->json;
    if (encoding->target->quirks & LLMC_QUIRK(ENABLE_THINKING)) {
        llmc_encoding_member(encoding, "thinking_budget");
        llmc_json_write_integer(json, encoding->request->thinking_budget_tokens);
    } else if (encoding->request->effort == LLMCOST_EFFORT_DEFAULT) {
        llmc_encoding_member(encoding, "reasoning");
        llmc_json_write_begin_object(json);
        llmc_json_write_key(json, "max_tokens");
        llmc_json_write_integer(json, encoding->request->thinking_budget_tokens);
        llmc_encoding_merge_extra(encoding, "reasoning", (const char *const[]){ "max_tokens", NULL });
        llmc_json_write_end_object(json);
    }
}

/* Whether and how much to think: a grade, a switch, or both. */
static void write_effort(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    uint64_t quirks = encoding->target->quirks;
    llmc_json_writer *json = &encoding->json;
    llmc_json_span value;
    const char *effort = llmc_effort_name(request->effort);
    bool off = request->effort == LLMCOST_EFFORT_NONE, budget = request->thinking_budget_tokens > 0 && !off;
    if ((quirks & LLMC_QUIRK(ENABLE_THINKING)) && (effort || budget)) {
        llmc_encoding_member(encoding, "enable_thinking");
        llmc_json_write_bool(json, !off);
    }
    if (budget && (quirks & (LLMC_QUIRK(ENABLE_THINKING) | LLMC_QUIRK(REASONING_BUDGET))))
        write_budget(encoding);
    if (off && (quirks & LLMC_QUIRK(THINKING_TYPE)))
        write_thinking_type(encoding);
    if (effort && !(off && (quirks & (LLMC_QUIRK(THINKING_TYPE) | LLMC_QUIRK(ENABLE_THINKING))))) {
        llmc_encoding_member(encoding, "reasoning_effort");
        llmc_json_write_text(json, effort);
    }
    if ((quirks & LLMC_QUIRK(REASONING_SPLIT)) && !llmc_encoding_extra_member(encoding, "reasoning_split", &value)) {
        llmc_encoding_member(encoding, "reasoning_split");
        llmc_json_write_bool(json, true);
    }
}

static const char *end_user_member(uint64_t quirks)
{
    if (quirks & LLMC_QUIRK(USER_ID_FIELD))
        return "user_id";
    return quirks & LLMC_QUIRK(USER_FIELD) ? "user" : "safety_identifier";
}

static void write_stream(llmc_encoding *encoding)
{
    llmc_json_writer *json = &encoding->json;
    llmc_encoding_member(encoding, "stream");
    llmc_json_write_bool(json, true);
    if (encoding->target->quirks & LLMC_QUIRK(NO_STREAM_OPTIONS))
        return;
    llmc_encoding_member(encoding, "stream_options");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "include_usage");
    llmc_json_write_bool(json, true);
    llmc_json_write_end_object(json);
}

/* ---- the envelope ---- */

/* "preview" and the like belong to the newer form, which has no deployment in its path. */
static bool is_classic(const llmc_codec_target *target)
{
    return target->api_version && target->api_version[0] >= '0' && target->api_version[0] <= '9';
}

/* Azure's classic form names the deployment in the path; "model" stays in the body, where it is not read. */
static void write_path(llmc_encoded *out, const llmc_codec_target *target, const char *path, bool of_model)
{
    if (of_model && is_classic(target)) {
        llmc_buffer_add_text(&out->path, "/deployments/");
        llmc_add_escaped(&out->path, target->model, "");
    }
    llmc_buffer_add_text(&out->path, path);
    if (target->api_version) {
        llmc_buffer_add_text(&out->path, "?api-version=");
        llmc_add_escaped(&out->path, target->api_version, "");
    }
}

static llmcost_status end_encoding(llmc_encoding *encoding, llmc_encoded *out, llmcost_error *error)
{
    llmcost_status status = llmc_encoding_end(encoding);
    return status || !out->path.failure ? status : llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request");
}

static llmcost_status encode_question(llmc_encoded *out, const llmc_codec_target *target, const char *path, llmcost_error *error)
{
    out->method = "GET";
    write_path(out, target, path, false);
    return out->path.failure ? llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request") : LLMCOST_OK;
}

static llmcost_status encode_count(const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    llmc_encoding encoding;
    write_path(out, target, "/tokenizers/estimate-token-count", false);
    llmc_encoding_begin(&encoding, request, target, out, error);
    llmc_encoding_member(&encoding, "model");
    llmc_json_write_text(&encoding.json, target->model);
    write_messages(&encoding);
    write_tools(&encoding, false);
    return end_encoding(&encoding, out, error);
}

static llmcost_status encode_inputs(const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    static const char *const reserved[] = { "model", "input", "dimensions", "output_dimension", NULL };
    llmc_encoding encoding;
    llmc_json_span value;
    write_path(out, target, "/embeddings", true);
    llmc_encoding_begin(&encoding, request, target, out, error);
    llmc_encoding_member(&encoding, "model");
    llmc_json_write_text(&encoding.json, target->model);
    llmc_encoding_member(&encoding, "input");
    llmc_encoding_texts(&encoding, request->inputs, request->input_bytes, request->input_count);
    if (request->dimensions > 0) {
        llmc_encoding_member(&encoding, target->quirks & LLMC_QUIRK(OUTPUT_DIMENSION) ? "output_dimension" : "dimensions");
        llmc_json_write_integer(&encoding.json, request->dimensions);
    }
    if ((target->quirks & LLMC_QUIRK(BASE64_EMBEDDINGS)) && !llmc_encoding_extra_member(&encoding, "encoding_format", &value)) {
        llmc_encoding_member(&encoding, "encoding_format");
        llmc_json_write_text(&encoding.json, "base64");
    }
    if (request->end_user && (target->quirks & (LLMC_QUIRK(USER_FIELD) | LLMC_QUIRK(DEVELOPER_ROLE)))) {
        llmc_encoding_member(&encoding, "user");
        llmc_json_write_text(&encoding.json, request->end_user);
    }
    llmc_encoding_extra(&encoding, reserved);
    return end_encoding(&encoding, out, error);
}

static llmcost_status encode_chat(const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    static const char *const reserved[] = { "model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", NULL };
    llmc_encoding encoding;
    write_path(out, target, "/chat/completions", true);
    llmc_encoding_begin(&encoding, request, target, out, error);
    llmc_encoding_member(&encoding, "model");
    llmc_json_write_text(&encoding.json, target->model);
    write_messages(&encoding);
    write_tools(&encoding, true);
    write_format(&encoding);
    write_limits(&encoding);
    write_effort(&encoding);
    write_sampling(&encoding);
    if (request->end_user && !(target->quirks & LLMC_QUIRK(NO_NAMES))) {
        llmc_encoding_member(&encoding, end_user_member(target->quirks));
        llmc_json_write_text(&encoding.json, request->end_user);
    }
    if (target->stream)
        write_stream(&encoding);
    llmc_encoding_extra(&encoding, reserved);
    return end_encoding(&encoding, out, error);
}

llmcost_status llmc_openai_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    switch (operation) {
    case LLMC_OP_LIST_MODELS:
        return encode_question(out, target, "/models", error);
    case LLMC_OP_BALANCE:
        return encode_question(out, target, llmc_openai_balance_path(target), error);
    case LLMC_OP_COUNT_TOKENS:
        return encode_count(request, target, out, error);
    case LLMC_OP_EMBED:
        return encode_inputs(request, target, out, error);
    default:
        return encode_chat(request, target, out, error);
    }
}
