/*
 * A request as a body of the Gemini API or of Vertex AI, which differ in how they count and embed.
 *
 * Thinking: models since the 3rd generation take a level (minimal, low, medium, high; xhigh and max are high, and on pro
 * models, which have no minimal, minimal is low); 2.5 models take a budget, which effort becomes where the request
 * names none (minimal 512 tokens, low 1,024, medium 8,192, high 24,576; xhigh and max 24,576, on pro models 32,768; none
 * turns thinking off where the model allows that). Older models do not think. Where a request holds both, each model
 * gets the one that it takes. Thoughts are asked for whenever a model is told to think.
 *
 * Schemas go as JSON Schema (parametersJsonSchema, responseJsonSchema), not as the older subset of OpenAPI. The name of
 * a schema is left out, and so are cache marks: these hosts cache by themselves. request.extra may bring further
 * members of generationConfig and further tools (googleSearch): both are merged with ours.
 */
#include "provider/gemini_codec.h"

#include "provider/asks.h"
#include "provider/foreign.h"

#include <stdio.h>

/* ---- models ---- */

int llmc_gemini_generation(const char *model)
{
    static const char family[] = "gemini-";
    const char *at = strstr(model, family);
    at = at ? at + strlen(family) : "";
    if (*at < '1' || *at > '9' || (at[1] != '.' && at[1] != '-' && at[1]))
        return 0;
    bool minor = at[1] == '.' && at[2] >= '0' && at[2] <= '9';
    return (*at - '0') * 10 + (minor ? at[2] - '0' : 0);
}

bool llmc_gemini_is_new(const char *model)
{
    int generation = llmc_gemini_generation(model);
    return generation == 0 || generation >= 30;
}

static bool takes_budget(const char *model)
{
    int generation = llmc_gemini_generation(model);
    return generation >= 25 && generation < 30;
}

static bool is_pro(const char *model)
{
    return strstr(model, "-pro") != NULL;
}

/* ---- check ---- */

static bool asks_too_many(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->n > 8;
}

static bool asks_large_seed(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_seed && (request->seed > INT32_MAX || request->seed < INT32_MIN);
}

static bool asks_one_by_one(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_count > 0 && request->parallel_tool_calls == LLMCOST_OFF && request->tool_choice != LLMCOST_TOOLS_NONE;
}

static bool asks_no_thinking(const llmcost_request *request, const llmc_codec_target *target)
{
    bool always = llmc_gemini_is_new(target->model) || (takes_budget(target->model) && is_pro(target->model) && !request->thinking_budget_tokens);
    return request->effort == LLMCOST_EFFORT_NONE && always;
}

static bool asks_thinking_of_old(const llmcost_request *request, const llmc_codec_target *target)
{
    bool thinks = llmc_gemini_is_new(target->model) || takes_budget(target->model);
    return !thinks && (request->effort > LLMCOST_EFFORT_NONE || request->thinking_budget_tokens > 0);
}

static bool asks_budget_only(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_gemini_is_new(target->model) && request->thinking_budget_tokens > 0 && request->effort == LLMCOST_EFFORT_DEFAULT;
}

static bool asks_json_with_tools(const llmcost_request *request, const llmc_codec_target *target)
{
    return !llmc_gemini_is_new(target->model) && request->format != LLMCOST_FORMAT_TEXT && request->tool_count > 0 && request->tool_choice != LLMCOST_TOOLS_NONE;
}

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_custom_tools, "custom tools", "use functions, or a provider that has them" },
    { 0, asks_too_many, "n", "ask for at most 8 choices" },
    { 0, llmc_asks_above_5_stops, "stop", "give at most 5 stop texts" },
    { 0, llmc_asks_temperature_above_2, "temperature", "use at most 2" },
    { 0, asks_large_seed, "seed", "use a number of 32 bits" },
    { 0, llmc_asks_above_20_logprobs, "top_logprobs", "ask for at most 20" },
    { 0, llmc_asks_end_user, "end_user", "leave it out" },
    { 0, asks_one_by_one, "parallel_tool_calls", "leave it at the default; take the first call only" },
    { 0, asks_no_thinking, "effort", "this model always thinks; the lowest is minimal" },
    { 0, asks_thinking_of_old, "effort", "this model does not think; leave effort and thinking_budget_tokens out" },
    { 0, asks_budget_only, "thinking_budget_tokens", "this model takes an effort; set effort instead" },
    { 0, asks_json_with_tools, "format", "this model cannot answer in JSON while it has tools; ask for JSON in the prompt" },
};

/* OpenAI's own members that this format has, too, though elsewhere. */
static const char *const penalties[] = { "presence_penalty", "frequency_penalty", NULL };

llmcost_status llmc_gemini_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation != LLMC_OP_CHAT && operation != LLMC_OP_COUNT_TOKENS)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    if (!status)
        status = llmc_check_foreign(penalties, request, target, error);
    return status ? status : llmc_gemini_check_messages(request, target, error);
}

/* ---- tools ---- */

static void write_tool(llmc_encoding *encoding, const llmcost_tool *tool, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!tool->name || !*tool->name)
        llmc_encoding_invalid(encoding, "tools[%u].name is missing", index);
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "name", tool->name);
    if (tool->description)
        llmc_json_write_member_text(json, "description", tool->description);
    if (tool->parameters) {
        if (llmc_json_text_type(tool->parameters) != LLMC_JSON_OBJECT)
            llmc_encoding_invalid(encoding, "tools[%u].parameters is no JSON object", index);
        llmc_json_write_member_json(json, "parametersJsonSchema", tool->parameters);
    }
    llmc_json_write_end_object(json);
}

/* The host's own tools, behind ours. */
static void write_extra_tools(llmc_encoding *encoding)
{
    llmc_json_span tools, tool;
    llmc_json json;
    if (!llmc_encoding_extra_member(encoding, "tools", &tools))
        return;
    llmc_json_begin(&json, tools.text, tools.bytes);
    if (!llmc_json_array(&json))
        llmc_encoding_invalid(encoding, "tools in extra is no JSON array");
    else
        while (llmc_json_next_item(&json))
            if (llmc_json_raw(&json, &tool))
                llmc_json_write_raw(&encoding->json, tool.text, tool.bytes);
}

static bool has_strict_tool(const llmcost_request *request)
{
    for (uint32_t i = 0; i < request->tool_count; i++)
        if (request->tools[i].strict)
            return true;
    return false;
}

static void write_tool_choice(llmc_encoding *encoding)
{
    static const char *const modes[] = { "AUTO", "NONE", "ANY", "ANY" };
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    bool strict = has_strict_tool(request) && (llmc_gemini_is_new(encoding->target->model) || takes_budget(encoding->target->model));
    if (request->tool_choice < 0 || request->tool_choice > LLMCOST_TOOLS_ONE || (request->tool_choice == LLMCOST_TOOLS_AUTO && !strict))
        return;
    llmc_encoding_member_object(encoding, "toolConfig");
    llmc_json_write_member_object(json, "functionCallingConfig");
    llmc_json_write_member_text(json, "mode", request->tool_choice == LLMCOST_TOOLS_AUTO ? "VALIDATED" : modes[request->tool_choice]);
    if (request->tool_choice == LLMCOST_TOOLS_ONE) {
        if (!request->tool_choice_name || !*request->tool_choice_name)
            llmc_encoding_invalid(encoding, "tool_choice_name is missing");
        llmc_json_write_member_array(json, "allowedFunctionNames");
        llmc_json_write_text(json, request->tool_choice_name);
        llmc_json_write_end_array(json);
    }
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

static void write_tools(llmc_encoding *encoding, bool choice)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    llmc_json_span more;
    if (request->tool_count == 0 && (request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE))
        llmc_encoding_invalid(encoding, "tool_choice asks for a tool, but there are none");
    if (request->tool_count == 0 && !llmc_encoding_extra_member(encoding, "tools", &more))
        return;
    llmc_encoding_member_array(encoding, "tools");
    if (request->tool_count) {
        llmc_json_write_begin_object(json);
        llmc_json_write_member_array(json, "functionDeclarations");
        for (uint32_t i = 0; i < request->tool_count; i++)
            write_tool(encoding, &request->tools[i], i);
        llmc_json_write_end_array(json);
        llmc_json_write_end_object(json);
    }
    write_extra_tools(encoding);
    llmc_json_write_end_array(json);
    if (request->tool_count && choice)
        write_tool_choice(encoding);
}

/* ---- generationConfig ---- */

enum { CONFIG_MAXIMUM = 16 };

/* Opened by its first member. */
typedef struct gemini_config {
    llmc_encoding *encoding;
    const char *written[CONFIG_MAXIMUM];
    size_t count;
    bool open;
} gemini_config;

static void open_config(gemini_config *config)
{
    if (config->open)
        return;
    llmc_encoding_member_object(config->encoding, "generationConfig");
    config->open = true;
}

static llmc_json_writer *config_member(gemini_config *config, const char *name)
{
    open_config(config);
    if (config->count < CONFIG_MAXIMUM)
        config->written[config->count++] = name;
    llmc_json_write_key(&config->encoding->json, name);
    return &config->encoding->json;
}

static void write_sampling(gemini_config *config)
{
    const llmcost_request *request = config->encoding->request;
    if (request->max_tokens > 0)
        llmc_json_write_integer(config_member(config, "maxOutputTokens"), request->max_tokens);
    if (request->has_temperature)
        llmc_json_write_double(config_member(config, "temperature"), request->temperature);
    if (request->has_top_p)
        llmc_json_write_double(config_member(config, "topP"), request->top_p);
    if (request->has_seed)
        llmc_json_write_integer(config_member(config, "seed"), request->seed);
    if (request->n > 1)
        llmc_json_write_integer(config_member(config, "candidateCount"), request->n);
    if (request->stop_count) {
        llmc_json_writer *json = config_member(config, "stopSequences");
        llmc_json_write_begin_array(json);
        for (uint32_t i = 0; i < request->stop_count; i++)
            llmc_json_write_text(json, request->stop[i]);
        llmc_json_write_end_array(json);
    }
    if (request->top_logprobs && !request->logprobs)
        llmc_encoding_invalid(config->encoding, "top_logprobs needs logprobs");
    if (request->logprobs)
        llmc_json_write_bool(config_member(config, "responseLogprobs"), true);
    if (request->top_logprobs)
        llmc_json_write_integer(config_member(config, "logprobs"), request->top_logprobs);
}

static void write_penalties(gemini_config *config)
{
    static const char *const names[] = { "presencePenalty", "frequencyPenalty" };
    llmc_json_span value;
    for (size_t i = 0; penalties[i]; i++)
        if (llmc_encoding_take_foreign(config->encoding, penalties[i], &value))
            llmc_json_write_raw(config_member(config, names[i]), value.text, value.bytes);
}

static void write_format(gemini_config *config)
{
    const llmcost_request *request = config->encoding->request;
    if (request->format == LLMCOST_FORMAT_TEXT)
        return;
    llmc_json_write_text(config_member(config, "responseMimeType"), "application/json");
    if (request->format != LLMCOST_FORMAT_JSON_SCHEMA)
        return;
    if (!request->format_schema || llmc_json_text_type(request->format_schema) != LLMC_JSON_OBJECT) {
        llmc_encoding_invalid(config->encoding, "format_schema is no JSON object");
        return;
    }
    llmc_json_write_raw(config_member(config, "responseJsonSchema"), request->format_schema, strlen(request->format_schema));
}

static int64_t budget_of(const llmcost_request *request, const char *model)
{
    static const int64_t budgets[] = { [LLMCOST_EFFORT_MINIMAL] = 512, [LLMCOST_EFFORT_LOW] = 1024, [LLMCOST_EFFORT_MEDIUM] = 8192,
                                       [LLMCOST_EFFORT_HIGH] = 24576, [LLMCOST_EFFORT_XHIGH] = 24576, [LLMCOST_EFFORT_MAX] = 24576 };
    if (request->thinking_budget_tokens > 0)
        return request->thinking_budget_tokens;
    if (request->effort < 0 || request->effort > LLMCOST_EFFORT_MAX)
        return 0;
    return request->effort >= LLMCOST_EFFORT_XHIGH && is_pro(model) ? 32768 : budgets[request->effort];
}

static const char *level_of(const llmcost_request *request, const char *model)
{
    static const char *const levels[] = { [LLMCOST_EFFORT_MINIMAL] = "MINIMAL", [LLMCOST_EFFORT_LOW] = "LOW", [LLMCOST_EFFORT_MEDIUM] = "MEDIUM",
                                          [LLMCOST_EFFORT_HIGH] = "HIGH", [LLMCOST_EFFORT_XHIGH] = "HIGH", [LLMCOST_EFFORT_MAX] = "HIGH" };
    if (request->effort < 0 || request->effort > LLMCOST_EFFORT_MAX)
        return NULL;
    return request->effort == LLMCOST_EFFORT_MINIMAL && is_pro(model) ? "LOW" : levels[request->effort];
}

static void write_thinking(gemini_config *config)
{
    const llmcost_request *request = config->encoding->request;
    const char *model = config->encoding->target->model;
    const char *level = llmc_gemini_is_new(model) ? level_of(request, model) : NULL;
    bool by_budget = takes_budget(model) && (request->thinking_budget_tokens > 0 || request->effort != LLMCOST_EFFORT_DEFAULT);
    if (!level && !by_budget)
        return;
    llmc_json_writer *json = config_member(config, "thinkingConfig");
    int64_t budget = budget_of(request, model);
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, level ? "thinkingLevel" : "thinkingBudget");
    if (level)
        llmc_json_write_text(json, level);
    else
        llmc_json_write_integer(json, budget);
    if (level || budget)
        llmc_json_write_member_bool(json, "includeThoughts", true);
    llmc_json_write_end_object(json);
}

/* Members that have a field of their own and count money, in both spellings that the host takes. */
static bool is_reserved(const gemini_config *config, const llmc_json_key *key)
{
    static const char *const reserved[] = { "maxOutputTokens", "max_output_tokens", "candidateCount", "candidate_count" };
    for (size_t i = 0; i < config->count; i++)
        if (llmc_json_key_is(key, config->written[i]))
            return true;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (llmc_json_key_is(key, reserved[i]))
            return true;
    return false;
}

static void write_extra_config(gemini_config *config)
{
    llmc_json_span members, value;
    llmc_json_key key;
    llmc_json json;
    if (!llmc_encoding_extra_member(config->encoding, "generationConfig", &members))
        return;
    llmc_json_begin(&json, members.text, members.bytes);
    if (!llmc_json_object(&json)) {
        llmc_encoding_invalid(config->encoding, "generationConfig in extra is no JSON object");
        return;
    }
    open_config(config);
    while (llmc_json_next_key(&json, &key)) {
        if (is_reserved(config, &key))
            llmc_encoding_invalid(config->encoding, "extra repeats the member \"generationConfig.%.*s\": set the request's own field instead",
                                  (int)(key.bytes < 60 ? key.bytes : 60), key.text);
        if (llmc_json_raw(&json, &value))
            llmc_encoding_copy_member(&config->encoding->json, &key, &value);
    }
}

static void write_config(llmc_encoding *encoding)
{
    gemini_config config = { .encoding = encoding };
    write_sampling(&config);
    write_penalties(&config);
    write_format(&config);
    write_thinking(&config);
    write_extra_config(&config);
    if (config.open)
        llmc_json_write_end_object(&encoding->json);
}

/* ---- bodies ---- */

static void write_extra(llmc_encoding *encoding)
{
    static const char *const reserved[] = { "model", "contents", "systemInstruction", "system_instruction", "generation_config", NULL };
    encoding->merged[encoding->merged_count++] = "generationConfig";
    encoding->merged[encoding->merged_count++] = "tools";
    llmc_encoding_extra(encoding, reserved);
}

static bool at_vertex(const llmc_codec_target *target)
{
    return target->quirks & LLMC_QUIRK(VERTEX);
}

/* "models/x", as a body names it. */
static void write_model(llmc_encoding *encoding)
{
    const char *model = encoding->target->model;
    bool named = !strncmp(model, "models/", 7) || !strncmp(model, "tunedModels/", 12);
    llmc_json_writer *json = &encoding->json;
    llmc_buffer text;
    llmc_buffer_init(&text, json->out->allocator, 4096);
    llmc_buffer_add_text(&text, named ? "" : "models/");
    llmc_buffer_add_text(&text, model);
    llmc_json_write_key(json, "model");
    if (text.failure && !json->out->failure)
        json->out->failure = text.failure;
    llmc_json_write_string(json, text.data ? text.data : "", text.failure ? 0 : text.length);
    llmc_buffer_free(&text);
}

static void write_chat(llmc_encoding *encoding)
{
    encoding->known = penalties;
    llmc_gemini_write_contents(encoding);
    write_tools(encoding, true);
    write_config(encoding);
    write_extra(encoding);
}

/* Vertex counts what stands in the body itself, and knows neither toolConfig nor the rest of extra there. */
static void write_count(llmc_encoding *encoding)
{
    if (at_vertex(encoding->target)) {
        llmc_gemini_write_contents(encoding);
        write_tools(encoding, false);
        write_config(encoding);
        return;
    }
    llmc_json_write_member_object(&encoding->json, "generateContentRequest");
    write_model(encoding);
    write_chat(encoding);
    llmc_json_write_end_object(&encoding->json);
}

static const char *task_of(const llmcost_request *request)
{
    static const char *const tasks[] = { NULL, "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY", "CLASSIFICATION", "CLUSTERING" };
    return request->input_purpose > 0 && request->input_purpose <= LLMCOST_INPUT_CLUSTERING ? tasks[request->input_purpose] : NULL;
}

static void write_input(llmc_encoding *encoding, uint32_t index)
{
    const llmcost_request *request = encoding->request;
    llmc_json_write_string(&encoding->json, request->inputs[index], llmc_text_bytes(request->inputs[index], request->input_bytes ? request->input_bytes[index] : 0));
}

/* The members of one text to embed. */
static void write_embedding(llmc_encoding *encoding, uint32_t index)
{
    static const char *const reserved[] = { "model", "content", "taskType", "outputDimensionality", "requests", NULL };
    llmc_json_writer *json = &encoding->json;
    write_model(encoding);
    llmc_json_write_member_object(json, "content");
    llmc_json_write_member_array(json, "parts");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "text");
    write_input(encoding, index);
    llmc_json_write_end_object(json);
    llmc_json_write_end_array(json);
    llmc_json_write_end_object(json);
    if (task_of(encoding->request))
        llmc_json_write_member_text(json, "taskType", task_of(encoding->request));
    if (encoding->request->dimensions > 0)
        llmc_json_write_member_integer(json, "outputDimensionality", encoding->request->dimensions);
    llmc_encoding_extra(encoding, reserved);
}

static void write_embeddings(llmc_encoding *encoding)
{
    llmc_json_writer *json = &encoding->json;
    if (encoding->request->input_count == 1) {
        write_embedding(encoding, 0);
        return;
    }
    llmc_json_write_member_array(json, "requests");
    for (uint32_t i = 0; i < encoding->request->input_count; i++) {
        llmc_json_write_begin_object(json);
        write_embedding(encoding, i);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

/* Vertex embeds by its general way of asking a model. */
static void write_prediction(llmc_encoding *encoding)
{
    static const char *const reserved[] = { "instances", "parameters", NULL };
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    llmc_encoding_member_array(encoding, "instances");
    for (uint32_t i = 0; i < request->input_count; i++) {
        llmc_json_write_begin_object(json);
        llmc_json_write_key(json, "content");
        write_input(encoding, i);
        if (task_of(request))
            llmc_json_write_member_text(json, "task_type", task_of(request));
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
    if (request->dimensions > 0) {
        llmc_encoding_member_object(encoding, "parameters");
        llmc_json_write_member_integer(json, "outputDimensionality", request->dimensions);
        llmc_json_write_end_object(json);
    }
    llmc_encoding_extra(encoding, reserved);
}

/* ---- the envelope ---- */

static void write_path(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_buffer *path)
{
    const char *model = target->model, *method = ":generateContent";
    bool named = !strncmp(model, "models/", 7) || !strncmp(model, "tunedModels/", 12);
    if (operation == LLMC_OP_COUNT_TOKENS)
        method = ":countTokens";
    else if (operation == LLMC_OP_EMBED)
        method = at_vertex(target) ? ":predict" : request->input_count == 1 ? ":embedContent" : ":batchEmbedContents";
    else if (target->stream)
        method = ":streamGenerateContent?alt=sse";
    llmc_buffer_add_text(path, named ? "/" : "/models/");
    llmc_add_escaped(path, model, named ? "/" : "");
    llmc_buffer_add_text(path, method);
}

llmcost_status llmc_gemini_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    llmcost_status status = LLMCOST_OK;
    if (operation == LLMC_OP_LIST_MODELS) {
        out->method = "GET";
        llmc_buffer_add_text(&out->path, "/models?pageSize=1000"); /* the default is a page of 50 */
    } else {
        llmc_encoding encoding;
        write_path(operation, request, target, &out->path);
        llmc_encoding_begin(&encoding, request, target, out, error);
        if (operation == LLMC_OP_COUNT_TOKENS)
            write_count(&encoding);
        else if (operation == LLMC_OP_CHAT)
            write_chat(&encoding);
        else if (at_vertex(target))
            write_prediction(&encoding);
        else
            write_embeddings(&encoding);
        status = llmc_encoding_end(&encoding);
    }
    if (status || !out->path.failure)
        return status;
    if (out->path.failure == LLMC_BUFFER_TOO_LARGE)
        return llmc_error_set(error, LLMCOST_E_INVALID, "the model's name is too long");
    return llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request");
}
