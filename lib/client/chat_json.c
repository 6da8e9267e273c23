/* The members of OpenAI's bodies (chat completions, embeddings), one small function each; messages are in body_messages.c. */
#include "client/chat_json.h"

#include "base/text.h"
#include "client/body.h"

typedef struct member {
    const char *name;
    void (*read)(llmc_body *body);
} member;

static const member *find_member(const member *members, size_t count, const llmc_json_key *key)
{
    for (size_t i = 0; i < count; i++) {
        if (llmc_json_key_is(key, members[i].name))
            return &members[i];
    }
    return NULL;
}

/* A word of a list as its place in it, which is its enum value; -1: none of them. */
static int find_word(const char *word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        if (words[i] && strcmp(word, words[i]) == 0)
            return i;
    }
    return -1;
}

/* A member that our request cannot say: the provider gets all of it as it stands. */
static void pass_foreign(llmc_body *body)
{
    body->foreign |= llmc_json_peek(&body->json) != LLMC_JSON_NULL;
    llmc_json_skip(&body->json);
}

/* ---- numbers and plain texts ---- */

static void read_model(llmc_body *body)
{
    llmc_body_string(body, &body->request->model);
}

static void read_max_tokens(llmc_body *body)
{
    int64_t tokens;
    if (!llmc_body_integer(body, 1, INT64_MAX, &tokens))
        return;
    if (body->request->max_tokens && body->request->max_tokens != tokens)
        llmc_body_fail(body, NULL, "contradicts another limit: max_tokens and max_completion_tokens are one thing, leave one out");
    body->request->max_tokens = tokens;
}

static void read_temperature(llmc_body *body)
{
    body->request->has_temperature = llmc_body_double(body, &body->request->temperature);
}

static void read_top_p(llmc_body *body)
{
    body->request->has_top_p = llmc_body_double(body, &body->request->top_p);
}

static void read_seed(llmc_body *body)
{
    body->request->has_seed = llmc_body_integer(body, INT64_MIN, INT64_MAX, &body->request->seed);
}

static void read_n(llmc_body *body)
{
    int64_t n;
    if (llmc_body_integer(body, 1, 128, &n))
        body->request->n = (uint32_t)n;
}

static void read_logprobs(llmc_body *body)
{
    bool on;
    if (llmc_body_bool(body, &on))
        body->request->logprobs = on;
}

static void read_top_logprobs(llmc_body *body)
{
    int64_t count;
    if (llmc_body_integer(body, 0, 20, &count))
        body->request->top_logprobs = (int32_t)count;
}

static void read_end_user(llmc_body *body)
{
    const char *user;
    if (!llmc_body_string(body, &user))
        return;
    if (body->request->end_user && strcmp(body->request->end_user, user) != 0)
        llmc_body_fail(body, NULL, "contradicts another identifier: user and safety_identifier are one thing, leave one out");
    body->request->end_user = user;
}

static void read_stop(llmc_body *body)
{
    llmcost_request *request = body->request;
    uint32_t capacity = 0;
    void *stops = NULL;
    request->stop = NULL;
    request->stop_count = 0;
    if (llmc_json_peek(&body->json) == LLMC_JSON_STRING) {
        const char **one = llmc_body_add(body, &stops, &request->stop_count, &capacity, sizeof *one);
        if (one)
            llmc_body_string(body, one);
        request->stop = stops;
        return;
    }
    if (!llmc_body_array(body))
        return;
    while (llmc_body_next_item(body)) {
        const char **one = llmc_body_add(body, &stops, &request->stop_count, &capacity, sizeof *one);
        if (one && !llmc_body_string(body, one))
            llmc_body_fail(body, NULL, "must be a string");
    }
    request->stop = stops;
}

static void read_effort(llmc_body *body)
{
    static const char *const efforts[] = { NULL, "none", "minimal", "low", "medium", "high", "xhigh", "max" };
    const char *word;
    if (!llmc_body_string(body, &word))
        return;
    int effort = find_word(word, efforts, sizeof efforts / sizeof efforts[0]);
    body->foreign = effort < 0; /* such as Groq's "default" */
    body->request->effort = effort < 0 ? LLMCOST_EFFORT_DEFAULT : effort;
}

static void read_stream(llmc_body *body)
{
    llmc_body_bool(body, &body->wish.stream);
}

/* All of it is about the way from the provider to us, which is ours. */
static void read_stream_options(llmc_body *body)
{
    llmc_json_key key;
    bool ignored;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key))
        llmc_body_bool(body, llmc_json_key_is(&key, "include_usage") ? &body->wish.include_usage : &ignored);
}

/* ---- tools ---- */

static void read_tool_function(llmc_body *body, llmcost_tool *tool)
{
    llmc_json_key key;
    bool strict;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "name"))
            llmc_body_string(body, &tool->name);
        else if (llmc_json_key_is(&key, "description"))
            llmc_body_string(body, &tool->description);
        else if (llmc_json_key_is(&key, "parameters"))
            llmc_body_object_text(body, &tool->parameters);
        else if (!llmc_json_key_is(&key, "strict"))
            pass_foreign(body);
        else if (llmc_body_bool(body, &strict))
            tool->strict = strict;
    }
}

static void read_tool_mark(llmc_body *body, llmcost_tool *tool)
{
    bool marked = false;
    llmc_body_cache_mark(body, &marked);
    tool->cache_mark = marked;
}

static void read_tool(llmc_body *body, llmcost_tool *tool)
{
    llmc_json_key key;
    const char *type = "";
    if (!llmc_body_object(body)) {
        llmc_body_fail(body, NULL, "must be an object");
        return;
    }
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "type"))
            llmc_body_string(body, &type);
        else if (llmc_json_key_is(&key, "function") && llmc_json_peek(&body->json) == LLMC_JSON_OBJECT)
            read_tool_function(body, tool);
        else if (llmc_json_key_is(&key, "cache_control"))
            read_tool_mark(body, tool);
        else
            pass_foreign(body);
    }
    if (strcmp(type, "function") != 0)
        body->foreign = true;
    else if (!tool->name && !body->foreign)
        llmc_body_fail(body, "function.name", "is missing");
}

static void read_tools(llmc_body *body)
{
    uint32_t capacity = 0, count = 0;
    void *tools = NULL;
    if (!llmc_body_array(body))
        return;
    while (llmc_body_next_item(body)) {
        llmcost_tool *tool = llmc_body_add(body, &tools, &count, &capacity, sizeof *tool);
        if (tool)
            read_tool(body, tool);
    }
    body->request->tools = body->foreign ? NULL : tools;
    body->request->tool_count = body->foreign ? 0 : count;
}

static void read_tool_choice_function(llmc_body *body)
{
    llmc_json_key key;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "name"))
            llmc_body_string(body, &body->request->tool_choice_name);
        else
            pass_foreign(body);
    }
}

static void read_tool_choice(llmc_body *body)
{
    static const char *const words[] = { [LLMCOST_TOOLS_AUTO] = "auto", [LLMCOST_TOOLS_NONE] = "none", [LLMCOST_TOOLS_REQUIRED] = "required" };
    llmcost_request *request = body->request;
    llmc_json_key key;
    const char *word = "";
    request->tool_choice = LLMCOST_TOOLS_AUTO;
    request->tool_choice_name = NULL;
    if (llmc_json_peek(&body->json) == LLMC_JSON_STRING) {
        llmc_body_string(body, &word);
        int choice = strcmp(word, "any") == 0 ? LLMCOST_TOOLS_REQUIRED : find_word(word, words, sizeof words / sizeof words[0]);
        body->foreign = choice < 0;
        request->tool_choice = choice < 0 ? LLMCOST_TOOLS_AUTO : choice;
        return;
    }
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "type"))
            llmc_body_string(body, &word);
        else if (llmc_json_key_is(&key, "function"))
            read_tool_choice_function(body);
        else
            pass_foreign(body);
    }
    body->foreign |= strcmp(word, "function") != 0;
    if (body->foreign)
        request->tool_choice_name = NULL;
    else if (!request->tool_choice_name)
        llmc_body_fail(body, "function.name", "is missing");
    else
        request->tool_choice = LLMCOST_TOOLS_ONE;
}

static void read_parallel_tool_calls(llmc_body *body)
{
    bool on;
    if (llmc_body_bool(body, &on))
        body->request->parallel_tool_calls = on ? LLMCOST_ON : LLMCOST_OFF;
}

/* ---- the format of the answer ---- */

/* One of its own, or a reference, beside which OpenAI takes nothing. */
static bool takes_description(const char *schema)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_begin(&json, schema, strlen(schema));
    llmc_json_object(&json);
    while (llmc_json_next_key(&json, &key)) {
        if (llmc_json_key_is(&key, "description") || llmc_json_key_is(&key, "$ref"))
            return false;
        llmc_json_skip(&json);
    }
    return true;
}

/* Only OpenAI's shape has a description beside a schema; inside it every provider takes one. */
static void describe_schema(llmc_body *body, const char *description)
{
    const char **schema = &body->request->format_schema, *rest = strchr(*schema, '{') + 1;
    llmc_buffer out;
    llmc_json_writer json = { .out = &out };
    if (!takes_description(*schema))
        return;
    llmc_buffer_init(&out, body->arena->allocator, SIZE_MAX / 4);
    llmc_json_write_begin_object(&json);
    llmc_json_write_member_text(&json, "description", description);
    if (rest[strspn(rest, " \t\r\n")] != '}')
        llmc_buffer_add_byte(&out, ',');
    llmc_buffer_add_text(&out, rest);
    const char *described = out.failure ? NULL : llmc_arena_strndup(body->arena, out.data, out.length);
    llmc_buffer_free(&out);
    if (described)
        *schema = described;
    else
        llmc_body_no_memory(body);
}

static void read_json_schema(llmc_body *body)
{
    llmc_json_key key;
    bool strict;
    const char *description = NULL;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "name"))
            llmc_body_string(body, &body->request->format_name);
        else if (llmc_json_key_is(&key, "schema"))
            llmc_body_object_text(body, &body->request->format_schema);
        else if (llmc_json_key_is(&key, "description"))
            llmc_body_string(body, &description);
        else if (!llmc_json_key_is(&key, "strict"))
            pass_foreign(body);
        else if (llmc_body_bool(body, &strict))
            body->request->format_strict = strict;
    }
    if (description && *description && body->request->format_schema && !body->status)
        describe_schema(body, description);
}

static void forget_format(llmcost_request *request)
{
    request->format = LLMCOST_FORMAT_TEXT;
    request->format_name = request->format_schema = NULL;
    request->format_strict = 0;
}

static void read_response_format(llmc_body *body)
{
    static const char *const types[] = { [LLMCOST_FORMAT_TEXT] = "text", [LLMCOST_FORMAT_JSON] = "json_object", [LLMCOST_FORMAT_JSON_SCHEMA] = "json_schema" };
    llmcost_request *request = body->request;
    llmc_json_key key;
    const char *type = NULL;
    forget_format(request);
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "type"))
            llmc_body_string(body, &type);
        else if (llmc_json_key_is(&key, "json_schema"))
            read_json_schema(body);
        else
            pass_foreign(body);
    }
    int format = type ? find_word(type, types, sizeof types / sizeof types[0]) : -1;
    if (!type) {
        llmc_body_fail(body, "type", "is missing");
    } else if (format < 0 || body->foreign) {
        body->foreign = true;
        forget_format(request);
    } else if (format == LLMCOST_FORMAT_JSON_SCHEMA && !request->format_schema) {
        llmc_body_fail(body, "json_schema.schema", "is missing");
    } else {
        if (format != LLMCOST_FORMAT_JSON_SCHEMA)
            forget_format(request);
        request->format = format;
    }
}

/* ---- our own member ---- */

static void read_tags(llmc_body *body)
{
    llmcost_request *request = body->request;
    llmc_json_key key;
    uint32_t capacity = 0;
    void *tags = NULL;
    request->tag_count = 0;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        llmcost_tag *tag = llmc_body_add(body, &tags, &request->tag_count, &capacity, sizeof *tag);
        if (!tag)
            continue;
        tag->name = llmc_body_key(body, &key);
        if (!llmc_body_string(body, &tag->value))
            llmc_body_fail(body, NULL, "must be a string");
    }
    request->tags = tags;
}

static void read_cache(llmc_body *body)
{
    static const char *const words[] = { [LLMCOST_CACHE_DEFAULT] = "default", [LLMCOST_CACHE_OFF] = "off", [LLMCOST_CACHE_REFRESH] = "refresh", [LLMCOST_CACHE_ONLY] = "only" };
    const char *word;
    if (!llmc_body_string(body, &word))
        return;
    int use = find_word(word, words, sizeof words / sizeof words[0]);
    if (use < 0)
        llmc_body_fail(body, NULL, "\"%.64s\" is not known: default, off, refresh or only", word);
    else
        body->request->cache = use;
}

static void read_namespace(llmc_body *body)
{
    llmc_body_string(body, &body->request->cache_namespace);
}

static void read_deadline(llmc_body *body)
{
    int64_t ms;
    if (llmc_body_integer(body, INT32_MIN, INT32_MAX, &ms))
        body->request->deadline_ms = (int32_t)ms;
}

static void read_priority(llmc_body *body)
{
    int64_t priority;
    if (llmc_body_integer(body, INT32_MIN, INT32_MAX, &priority))
        body->request->priority = (int32_t)priority;
}

static void read_cache_ttl(llmc_body *body)
{
    llmc_body_integer(body, 0, INT64_MAX, &body->request->cache_ttl_ms);
}

static void read_sampled(llmc_body *body)
{
    bool on;
    if (llmc_body_bool(body, &on))
        body->request->cache_sampled = on ? LLMCOST_ON : LLMCOST_OFF;
}

static void read_input_bound(llmc_body *body)
{
    llmc_body_integer(body, 0, INT64_MAX, &body->request->input_bound_tokens);
}

static void read_purpose(llmc_body *body)
{
    static const char *const words[] = { [LLMCOST_INPUT_ANY] = "any", [LLMCOST_INPUT_DOCUMENT] = "document", [LLMCOST_INPUT_QUERY] = "query",
                                         [LLMCOST_INPUT_CLASSIFICATION] = "classification", [LLMCOST_INPUT_CLUSTERING] = "clustering" };
    const char *word;
    if (!llmc_body_string(body, &word))
        return;
    int purpose = find_word(word, words, sizeof words / sizeof words[0]);
    if (purpose < 0)
        llmc_body_fail(body, NULL, "\"%.64s\" is not known: any, document, query, classification or clustering", word);
    else
        body->request->input_purpose = purpose;
}

static const member own_members[] = {
    { "tags", read_tags }, { "cache", read_cache }, { "namespace", read_namespace }, { "deadline_ms", read_deadline },
    { "cache_ttl_ms", read_cache_ttl }, { "sampled", read_sampled }, { "input_bound_tokens", read_input_bound }, { "purpose", read_purpose }, { "priority", read_priority },
};
enum { OWN_MEMBERS = sizeof own_members / sizeof own_members[0] };

static void refuse_own_member(llmc_body *body, const llmc_json_key *key)
{
    const char *name = llmc_body_key(body, key), *nearest = own_members[0].name;
    if (!name)
        return;
    for (size_t i = 1; i < OWN_MEMBERS; i++) {
        if (llmc_text_distance(name, own_members[i].name) < llmc_text_distance(name, nearest))
            nearest = own_members[i].name;
    }
    llmc_body_fail(body, NULL, "is not known: did you mean \"%s\"?", nearest);
}

static void read_own(llmc_body *body)
{
    llmc_json_key key;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        const member *own = find_member(own_members, OWN_MEMBERS, &key);
        if (own)
            own->read(body);
        else
            refuse_own_member(body, &key);
    }
}

/* ---- embeddings ---- */

static void add_input(llmc_body *body, void **inputs, uint32_t *capacity)
{
    const char **one = llmc_body_add(body, inputs, &body->request->input_count, capacity, sizeof *one);
    if (one && !llmc_body_string(body, one))
        llmc_body_fail(body, NULL, "must be a string: tokens of a vocabulary are not taken");
}

static void read_input(llmc_body *body)
{
    uint32_t capacity = 0;
    void *inputs = NULL;
    body->request->input_count = 0;
    if (llmc_json_peek(&body->json) == LLMC_JSON_STRING)
        add_input(body, &inputs, &capacity);
    else if (llmc_body_array(body))
        while (llmc_body_next_item(body))
            add_input(body, &inputs, &capacity);
    body->request->inputs = inputs;
}

static void read_dimensions(llmc_body *body)
{
    int64_t dimensions;
    if (llmc_body_integer(body, 1, INT32_MAX, &dimensions))
        body->request->dimensions = (int32_t)dimensions;
}

/* How our answer is written; how the provider sends it is between it and its codec. */
static void read_encoding_format(llmc_body *body)
{
    const char *word;
    if (!llmc_body_string(body, &word))
        return;
    body->wish.base64 = strcmp(word, "base64") == 0;
    if (!body->wish.base64 && strcmp(word, "float") != 0)
        llmc_body_fail(body, NULL, "\"%.64s\" is not known: float or base64", word);
}

static const member embedding_members[] = {
    { "model", read_model }, { "input", read_input }, { "dimensions", read_dimensions }, { "encoding_format", read_encoding_format }, { "llmcost", read_own },
};

/* ---- the body ---- */

static const member chat_members[] = {
    { "model", read_model }, { "messages", llmc_body_messages }, { "stream", read_stream }, { "stream_options", read_stream_options },
    { "max_tokens", read_max_tokens }, { "max_completion_tokens", read_max_tokens }, { "temperature", read_temperature }, { "top_p", read_top_p },
    { "stop", read_stop }, { "tools", read_tools }, { "tool_choice", read_tool_choice }, { "parallel_tool_calls", read_parallel_tool_calls },
    { "response_format", read_response_format }, { "seed", read_seed }, { "n", read_n }, { "reasoning_effort", read_effort },
    { "logprobs", read_logprobs }, { "top_logprobs", read_top_logprobs }, { "user", read_end_user }, { "safety_identifier", read_end_user },
    { "llmcost", read_own },
};

/* The member whose value began at `value` and has been read, for the provider. */
static void keep_member(llmc_body *body, const llmc_json_key *key, const char *value)
{
    llmc_buffer *extra = &body->extra;
    llmc_buffer_add(extra, extra->length ? ",\"" : "{\"", 2);
    llmc_buffer_add(extra, key->text, key->bytes);
    llmc_buffer_add(extra, "\":", 2);
    llmc_buffer_add(extra, value, (size_t)(body->json.at - value));
    if (extra->failure)
        llmc_body_no_memory(body);
}

static void read_top_member(llmc_body *body, const llmc_json_key *key, const member *known)
{
    llmc_json_type type = llmc_json_peek(&body->json);
    const char *value = body->json.at;
    body->foreign = !known && type != LLMC_JSON_NULL;
    if (known)
        known->read(body);
    else
        llmc_json_skip(&body->json);
    if (body->foreign && !body->json.failure)
        keep_member(body, key, value);
}

static void read_body(llmc_body *body, const member *members, size_t count)
{
    llmc_json_key key;
    if (llmc_json_peek(&body->json) != LLMC_JSON_OBJECT)
        llmc_body_fail(body, NULL, "the body must be a JSON object");
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key))
        read_top_member(body, &key, find_member(members, count, &key));
}

static void keep_extra(llmc_body *body)
{
    if (body->status || !body->extra.length)
        return;
    llmc_buffer_add_byte(&body->extra, '}');
    if (!body->extra.failure)
        body->request->extra = llmc_arena_strndup(body->arena, body->extra.data, body->extra.length);
    if (!body->request->extra)
        body->status = llmc_error_set(body->error, LLMCOST_E_MEMORY, "out of memory for the request");
}

static llmcost_status read_request(const member *members, size_t count, const char *text, size_t bytes, llmc_arena *arena, llmcost_request **out, llmc_stream_wish *wish,
                                   llmcost_error *error)
{
    *out = NULL;
    *wish = (llmc_stream_wish){ 0 };
    if (!text)
        return llmc_error_set(error, LLMCOST_E_MISUSE, "the body is NULL");
    llmcost_request *request = llmc_arena_alloc(arena, sizeof *request);
    if (!request)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "out of memory for the request");
    llmcost_request_init(request);
    llmc_body body = { .arena = arena, .error = error, .request = request };
    llmc_buffer_init(&body.extra, arena->allocator, SIZE_MAX / 4);
    llmc_json_begin(&body.json, text, bytes ? bytes : strlen(text));
    read_body(&body, members, count);
    if (!llmc_json_end(&body.json) && !body.status)
        body.status = llmc_error_set(error, LLMCOST_E_INVALID, "the body is no JSON: %s, at byte %lld", body.json.failure, (long long)(body.json.failed_at - body.json.begin));
    keep_extra(&body);
    llmc_buffer_free(&body.extra);
    if (body.status)
        return body.status;
    *out = request;
    *wish = body.wish;
    return LLMCOST_OK;
}

llmcost_status llmc_request_from_json(const char *text, size_t bytes, llmc_arena *arena, llmcost_request **out, llmc_stream_wish *wish, llmcost_error *error)
{
    return read_request(chat_members, sizeof chat_members / sizeof chat_members[0], text, bytes, arena, out, wish, error);
}

llmcost_status llmc_inputs_from_json(const char *text, size_t bytes, llmc_arena *arena, llmcost_request **out, llmc_stream_wish *wish, llmcost_error *error)
{
    return read_request(embedding_members, sizeof embedding_members / sizeof embedding_members[0], text, bytes, arena, out, wish, error);
}
