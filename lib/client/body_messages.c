/*
 * The messages of a body. Members may stand in any order, so that a message is gathered first and put together at its
 * end: reasoning before what was said, a refusal (the model's words too) behind it.
 */
#include "base/base64.h"
#include "client/body.h"

enum { MAX_MARKS = 8 };

/* An array that grows. */
typedef struct parts_list {
    llmcost_part *items;
    uint32_t count, capacity;
} parts_list;

/* A message while it is read. */
typedef struct draft {
    llmcost_message message;
    const char *role, *refusal, *reasoning;
    size_t refusal_bytes, reasoning_bytes;
    parts_list content, thinking;
    uint32_t marks[MAX_MARKS], mark_count; /* how many parts stand before each cache mark in the middle */
    uint32_t call_capacity;
} draft;

static llmcost_part *add_part(llmc_body *body, parts_list *list)
{
    return llmc_body_add(body, (void **)&list->items, &list->count, &list->capacity, sizeof *list->items);
}

/* ---- content ---- */

/* A part while it is read. */
typedef struct part_draft {
    const char *type, *text, *url, *detail;
    const char *audio, *format;   /* base64; "wav" */
    const char *file, *file_name; /* a data: URL, or one of the web */
    size_t text_bytes;
    bool marked;
} part_draft;

/* {"url": ..., "detail": ...}, or the URL alone. */
static void read_image_url(llmc_body *body, part_draft *part)
{
    llmc_json_key key;
    if (llmc_json_peek(&body->json) == LLMC_JSON_STRING) {
        llmc_body_string(body, &part->url);
        return;
    }
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "url"))
            llmc_body_string(body, &part->url);
        else if (llmc_json_key_is(&key, "detail"))
            llmc_body_string(body, &part->detail);
        else
            llmc_body_unknown(body);
    }
}

static bool take_base64(llmc_body *body, llmcost_part *out, const char *encoded, const char *field)
{
    size_t bytes = strlen(encoded);
    unsigned char *data = llmc_arena_alloc(body->arena, bytes / 4 * 3 + 3);
    if (!data) {
        llmc_body_no_memory(body);
        return false;
    }
    if (!llmc_base64_decode(encoded, bytes, data, &out->data_bytes) || !out->data_bytes) {
        llmc_body_fail(body, field, "%s", bytes ? "is malformed base64" : "is empty base64");
        return false;
    }
    out->data = data;
    return true;
}

/* "data:image/png;base64,...": the thing itself, decoded, and its media type. */
static bool take_data_url(llmc_body *body, llmcost_part *out, const char *url, const char *field, const char *example)
{
    static const char marker[] = ";base64,";
    const char *type = url + strlen("data:"), *found = strstr(type, marker);
    size_t type_bytes = strcspn(type, ";,");
    if (!found || !type_bytes) {
        llmc_body_fail(body, field, "is a data: URL without a media type or without base64: \"data:%s;base64,...\"", example);
        return false;
    }
    out->media_type = llmc_arena_strndup(body->arena, type, type_bytes);
    if (!out->media_type)
        llmc_body_no_memory(body);
    return out->media_type && take_base64(body, out, found + strlen(marker), field);
}

static bool is_data_url(const char *url)
{
    return strncmp(url, "data:", strlen("data:")) == 0;
}

static void finish_image(llmc_body *body, llmcost_part *out, const part_draft *part)
{
    if (!part->url || !*part->url) {
        llmc_body_fail(body, "image_url.url", "is missing");
        return;
    }
    out->detail = part->detail;
    if (is_data_url(part->url)) {
        out->type = LLMCOST_PART_IMAGE;
        take_data_url(body, out, part->url, "image_url.url", "image/png");
        return;
    }
    out->type = LLMCOST_PART_IMAGE_URL;
    out->url = part->url;
}

/* {"data": base64, "format": "wav"} */
static void read_audio(llmc_body *body, part_draft *part)
{
    llmc_json_key key;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "data"))
            llmc_body_string(body, &part->audio);
        else if (llmc_json_key_is(&key, "format"))
            llmc_body_string(body, &part->format);
        else
            llmc_body_unknown(body);
    }
}

static void finish_audio(llmc_body *body, llmcost_part *out, const part_draft *part)
{
    static const struct { const char *format, *media_type; } types[] = {
        { "wav", "audio/wav" }, { "mp3", "audio/mpeg" }, { "flac", "audio/flac" }, { "ogg", "audio/ogg" }, { "opus", "audio/opus" }, { "aac", "audio/aac" },
        { "m4a", "audio/mp4" }, { "aiff", "audio/aiff" }, { "webm", "audio/webm" },
    };
    if (!part->audio || !part->format) {
        llmc_body_fail(body, part->audio ? "input_audio.format" : "input_audio.data", "is missing");
        return;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].format, part->format) == 0)
            out->media_type = types[i].media_type;
    }
    out->type = LLMCOST_PART_AUDIO;
    if (!out->media_type)
        llmc_body_fail(body, "input_audio.format", "\"%.64s\" is not known: wav, mp3, flac, ogg, opus, aac, m4a, aiff or webm", part->format);
    else
        take_base64(body, out, part->audio, "input_audio.data");
}

/* {"file_data": "data:application/pdf;base64,...", "filename": "a.pdf"}; never a path on this machine. */
static void read_file(llmc_body *body, part_draft *part)
{
    llmc_json_key key;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "file_data"))
            llmc_body_string(body, &part->file);
        else if (llmc_json_key_is(&key, "filename"))
            llmc_body_string(body, &part->file_name);
        else if (llmc_json_key_is(&key, "file_id") && llmc_json_peek(&body->json) != LLMC_JSON_NULL)
            llmc_body_fail(body, NULL, "is not taken: a file that was uploaded to one provider is none at another; send file_data");
        else
            llmc_body_unknown(body);
    }
}

static void finish_file(llmc_body *body, llmcost_part *out, const part_draft *part)
{
    bool web = part->file && (strncmp(part->file, "https://", 8) == 0 || strncmp(part->file, "http://", 7) == 0);
    out->type = LLMCOST_PART_DOCUMENT;
    out->detail = part->file_name && *part->file_name ? part->file_name : NULL;
    if (!part->file)
        llmc_body_fail(body, "file.file_data", "is missing");
    else if (web)
        out->url = part->file;
    else if (is_data_url(part->file))
        take_data_url(body, out, part->file, "file.file_data", "application/pdf");
    else
        llmc_body_fail(body, "file.file_data", "must be a data: URL, \"data:application/pdf;base64,...\", or one that begins with https://");
}

static void finish_text(llmc_body *body, llmcost_part *out, const part_draft *part)
{
    if (!part->text)
        llmc_body_fail(body, part->type, "is missing");
    out->text = part->text;
    out->text_bytes = part->text_bytes;
}

typedef struct part_kind {
    const char *type;
    void (*finish)(llmc_body *body, llmcost_part *out, const part_draft *part);
} part_kind;

static const part_kind *kind_of(const char *type)
{
    static const part_kind kinds[] = {
        { "text", finish_text }, { "image_url", finish_image }, { "input_audio", finish_audio }, { "file", finish_file }, { "refusal", finish_text },
    };
    for (size_t i = 0; type && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(type, kinds[i].type) == 0)
            return &kinds[i];
    }
    return NULL;
}

static void finish_part(llmc_body *body, llmcost_part *out, const part_draft *part)
{
    const part_kind *kind = kind_of(part->type);
    if (kind)
        kind->finish(body, out, part);
    else if (part->type)
        llmc_body_fail(body, "type", "\"%.64s\" is not known: text, image_url, input_audio, file or refusal", part->type);
    else
        llmc_body_fail(body, "type", "is missing");
}

static void read_part(llmc_body *body, draft *into)
{
    llmc_json_key key;
    part_draft part = { 0 };
    if (!llmc_body_object(body)) {
        llmc_body_fail(body, NULL, "must be an object");
        return;
    }
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "type"))
            llmc_body_string(body, &part.type);
        else if (llmc_json_key_is(&key, "text") || llmc_json_key_is(&key, "refusal"))
            llmc_body_text(body, &part.text, &part.text_bytes);
        else if (llmc_json_key_is(&key, "image_url"))
            read_image_url(body, &part);
        else if (llmc_json_key_is(&key, "input_audio"))
            read_audio(body, &part);
        else if (llmc_json_key_is(&key, "file"))
            read_file(body, &part);
        else if (llmc_json_key_is(&key, "cache_control") || llmc_json_key_is(&key, "prompt_cache_breakpoint"))
            llmc_body_cache_mark(body, &part.marked);
        else if (part.type && !kind_of(part.type))
            llmc_json_skip(&body->json); /* the type will be refused, which says more */
        else
            llmc_body_unknown(body);
    }
    if (into->message.cache_mark && into->mark_count == MAX_MARKS)
        llmc_body_fail(body, "cache_control", "is one too many");
    else if (into->message.cache_mark) /* of the part before: one in the middle */
        into->marks[into->mark_count++] = into->content.count;
    into->message.cache_mark = part.marked;
    llmcost_part *out = add_part(body, &into->content);
    if (out)
        finish_part(body, out, &part);
}

static void read_content(llmc_body *body, draft *into)
{
    llmc_json_type type = llmc_json_peek(&body->json);
    into->message.text = NULL; /* of several members of one name the last one counts */
    into->message.text_bytes = 0;
    into->content.count = into->mark_count = 0;
    if (type == LLMC_JSON_STRING) {
        llmc_body_text(body, &into->message.text, &into->message.text_bytes);
        return;
    }
    if (type != LLMC_JSON_ARRAY && type != LLMC_JSON_NULL && type != LLMC_JSON_NONE) {
        llmc_body_fail(body, NULL, "must be a string or an array of parts");
        return;
    }
    bool marked = into->message.cache_mark;
    into->message.cache_mark = 0;
    if (!llmc_body_array(body)) {
        into->message.cache_mark = marked;
        return;
    }
    while (llmc_body_next_item(body))
        read_part(body, into);
    into->message.cache_mark |= marked;
}

/* ---- reasoning ---- */

static void read_thinking_block(llmc_body *body, draft *into)
{
    llmc_json_key key;
    llmcost_part block = { 0 };
    const char *type = "", *text = NULL, *data = NULL;
    size_t text_bytes = 0, data_bytes = 0;
    int64_t index;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "type"))
            llmc_body_string(body, &type);
        else if (llmc_json_key_is(&key, "thinking"))
            llmc_body_text(body, &text, &text_bytes);
        else if (llmc_json_key_is(&key, "signature"))
            llmc_body_string(body, &block.signature);
        else if (llmc_json_key_is(&key, "data"))
            llmc_body_text(body, &data, &data_bytes);
        else if (llmc_json_key_is(&key, "index")) /* of a streamed answer; the order says it */
            llmc_body_integer(body, 0, INT64_MAX, &index);
        else
            llmc_body_unknown(body);
    }
    bool hidden = strcmp(type, "redacted_thinking") == 0;
    if (!hidden && strcmp(type, "thinking") != 0)
        llmc_body_fail(body, "type", "\"%.64s\" is not known: thinking or redacted_thinking", type);
    else if (!(hidden ? data : text))
        llmc_body_fail(body, hidden ? "data" : "thinking", "is missing");
    block.type = hidden ? LLMCOST_PART_REASONING_HIDDEN : LLMCOST_PART_REASONING;
    block.text = hidden ? data : text;
    block.text_bytes = hidden ? data_bytes : text_bytes;
    llmcost_part *out = add_part(body, &into->thinking);
    if (out)
        *out = block;
}

static void read_thinking_blocks(llmc_body *body, draft *into)
{
    into->thinking.count = 0;
    if (!llmc_body_array(body))
        return;
    while (llmc_body_next_item(body))
        read_thinking_block(body, into);
}

/* ---- tool calls ---- */

/* {"name", "arguments"}; of a custom tool, which takes any text, {"name", "input"}. */
static void read_callee(llmc_body *body, llmcost_tool_call *call, bool is_custom)
{
    llmc_json_key key;
    if (!llmc_body_object(body))
        return;
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "name"))
            llmc_body_string(body, &call->name);
        else if (!llmc_json_key_is(&key, is_custom ? "input" : "arguments"))
            llmc_body_unknown(body);
        else if (!is_custom && llmc_json_peek(&body->json) == LLMC_JSON_OBJECT) /* as some write them */
            llmc_body_object_text(body, &call->arguments);
        else
            llmc_body_string(body, &call->arguments);
    }
}

static void finish_tool_call(llmc_body *body, const char *type, llmcost_tool_call *call, const llmcost_tool_call *custom)
{
    bool is_custom = strcmp(type, "custom") == 0;
    const llmcost_tool_call *other = is_custom ? call : custom;
    if (!is_custom && strcmp(type, "function") != 0) {
        llmc_body_fail(body, "type", "\"%.64s\" is not known: function or custom", type);
        return;
    }
    if (other->name || other->arguments) {
        llmc_body_fail(body, is_custom ? "function" : "custom", "does not belong to a call of type \"%s\"", type);
        return;
    }
    if (is_custom)
        *call = (llmcost_tool_call){ .id = call->id, .name = custom->name, .arguments = custom->arguments, .is_custom = 1 };
    if (!call->id)
        llmc_body_fail(body, "id", "is missing");
    else if (!call->name || !*call->name)
        llmc_body_fail(body, is_custom ? "custom.name" : "function.name", "is missing");
    else if (!call->arguments || !*call->arguments)
        call->arguments = is_custom ? "" : "{}";
}

static void read_tool_call(llmc_body *body, draft *into)
{
    llmc_json_key key;
    llmcost_tool_call call = { 0 }, custom = { 0 };
    const char *type = "function";
    int64_t index;
    if (!llmc_body_object(body)) {
        llmc_body_fail(body, NULL, "must be an object");
        return;
    }
    while (llmc_body_next_key(body, &key)) {
        if (llmc_json_key_is(&key, "id"))
            llmc_body_string(body, &call.id);
        else if (llmc_json_key_is(&key, "type"))
            llmc_body_string(body, &type);
        else if (llmc_json_key_is(&key, "function"))
            read_callee(body, &call, false);
        else if (llmc_json_key_is(&key, "custom"))
            read_callee(body, &custom, true);
        else if (llmc_json_key_is(&key, "index")) /* of a streamed answer; the order says it */
            llmc_body_integer(body, 0, INT64_MAX, &index);
        else
            llmc_body_unknown(body);
    }
    finish_tool_call(body, type, &call, &custom);
    llmcost_tool_call *out = llmc_body_add(body, (void **)&into->message.tool_calls, &into->message.tool_call_count, &into->call_capacity, sizeof *out);
    if (out)
        *out = call;
}

static void read_tool_calls(llmc_body *body, draft *into)
{
    into->message.tool_call_count = 0;
    if (!llmc_body_array(body))
        return;
    while (llmc_body_next_item(body))
        read_tool_call(body, into);
}

/* ---- a message ---- */

static void read_role(llmc_body *body, draft *into)
{
    llmc_body_string(body, &into->role);
}

static void read_name(llmc_body *body, draft *into)
{
    llmc_body_string(body, &into->message.name);
}

static void read_tool_call_id(llmc_body *body, draft *into)
{
    llmc_body_string(body, &into->message.tool_call_id);
}

static void read_refusal(llmc_body *body, draft *into)
{
    llmc_body_text(body, &into->refusal, &into->refusal_bytes);
}

static void read_reasoning(llmc_body *body, draft *into)
{
    llmc_body_text(body, &into->reasoning, &into->reasoning_bytes);
}

static void read_mark(llmc_body *body, draft *into)
{
    bool marked = false;
    llmc_body_cache_mark(body, &marked);
    into->message.cache_mark |= marked;
}

/* What servers put beside a message and nobody wants back. */
static void pass(llmc_body *body, draft *into)
{
    (void)into;
    llmc_json_skip(&body->json);
}

static void read_member(llmc_body *body, draft *into, const llmc_json_key *key)
{
    static const struct {
        const char *name;
        void (*read)(llmc_body *body, draft *into);
    } members[] = {
        { "role", read_role }, { "content", read_content }, { "name", read_name }, { "tool_calls", read_tool_calls },
        { "tool_call_id", read_tool_call_id }, { "refusal", read_refusal }, { "reasoning_content", read_reasoning },
        { "reasoning", read_reasoning }, { "thinking_blocks", read_thinking_blocks }, { "cache_control", read_mark },
        { "annotations", pass },
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (llmc_json_key_is(key, members[i].name)) {
            members[i].read(body, into);
            return;
        }
    }
    llmc_body_unknown(body);
}

static void finish_role(llmc_body *body, draft *into)
{
    static const struct {
        const char *name;
        llmcost_role role;
    } roles[] = {
        { "user", LLMCOST_USER }, { "system", LLMCOST_SYSTEM }, { "developer", LLMCOST_SYSTEM }, { "assistant", LLMCOST_ASSISTANT }, { "tool", LLMCOST_TOOL },
    };
    if (!into->role) {
        llmc_body_fail(body, "role", "is missing");
        return;
    }
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(into->role, roles[i].name) == 0) {
            into->message.role = roles[i].role;
            return;
        }
    }
    llmc_body_fail(body, "role", "\"%.64s\" is not known: system, developer, user, assistant or tool", into->role);
}

static void finish_parts(llmc_body *body, draft *into)
{
    parts_list all = { 0 };
    llmcost_message *message = &into->message;
    if (into->reasoning && *into->reasoning && !into->thinking.count) {
        llmcost_part *part = add_part(body, &into->thinking);
        if (part)
            *part = (llmcost_part){ .type = LLMCOST_PART_REASONING, .text = into->reasoning, .text_bytes = into->reasoning_bytes };
    }
    bool refused = into->refusal_bytes, plain = message->text && !into->thinking.count && !refused;
    if (plain || body->status)
        return;
    for (uint32_t i = 0; i < into->thinking.count; i++) {
        llmcost_part *part = add_part(body, &all);
        if (part)
            *part = into->thinking.items[i];
    }
    for (uint32_t i = 0; i < into->content.count; i++) {
        llmcost_part *part = add_part(body, &all);
        if (part)
            *part = into->content.items[i];
    }
    if (message->text_bytes) {
        llmcost_part *part = add_part(body, &all);
        if (part)
            *part = (llmcost_part){ .text = message->text, .text_bytes = message->text_bytes };
    }
    if (refused) {
        llmcost_part *part = add_part(body, &all);
        if (part)
            *part = (llmcost_part){ .text = into->refusal, .text_bytes = into->refusal_bytes };
    }
    message->text = NULL;
    message->text_bytes = 0;
    message->parts = all.items;
    message->part_count = all.count;
}

static void finish_message(llmc_body *body, draft *into)
{
    const llmcost_message *message = &into->message;
    finish_role(body, into);
    bool assistant = message->role == LLMCOST_ASSISTANT;
    if ((into->reasoning || into->thinking.count) && !assistant)
        llmc_body_fail(body, into->reasoning ? "reasoning_content" : "thinking_blocks", "belongs to the assistant");
    if (into->refusal && !assistant)
        llmc_body_fail(body, "refusal", "belongs to the assistant");
    if (message->tool_call_count && !assistant)
        llmc_body_fail(body, "tool_calls", "belongs to the assistant");
    if (message->role == LLMCOST_TOOL && !message->tool_call_id)
        llmc_body_fail(body, "tool_call_id", "is missing");
    if (message->role != LLMCOST_TOOL && message->tool_call_id)
        llmc_body_fail(body, "tool_call_id", "belongs to a message of role \"tool\"");
    finish_parts(body, into);
    if (!message->text && !message->part_count && !message->tool_call_count)
        llmc_body_fail(body, "content", "is missing");
}

static void add_message(llmc_body *body, const llmcost_message *message, uint32_t *capacity)
{
    llmcost_message *out = llmc_body_add(body, (void **)&body->request->messages, &body->request->message_count, capacity, sizeof *out);
    if (out)
        *out = *message;
}

/* A mark of ours stands at the end of a message: one in the middle makes two messages of the same speaker out of one. */
static void add_marked(llmc_body *body, const draft *into, uint32_t *capacity)
{
    llmcost_message piece = into->message;
    if (into->mark_count && piece.role != LLMCOST_USER && piece.role != LLMCOST_SYSTEM) {
        llmc_body_fail(body, "content", "has a cache mark on a part before the last, which only a user's or a system message may have");
        return;
    }
    uint32_t from = 0;
    for (uint32_t i = 0; i < into->mark_count; i++) {
        piece.parts = into->message.parts + from;
        piece.part_count = into->marks[i] - from;
        piece.cache_mark = 1;
        add_message(body, &piece, capacity);
        from = into->marks[i];
    }
    piece = into->message;
    if (from) {
        piece.parts += from;
        piece.part_count -= from;
    }
    add_message(body, &piece, capacity);
}

static void read_message(llmc_body *body, uint32_t *capacity)
{
    llmc_json_key key;
    draft into = { .message = { 0 } };
    if (!llmc_body_object(body)) {
        llmc_body_fail(body, NULL, "must be an object");
        return;
    }
    while (llmc_body_next_key(body, &key))
        read_member(body, &into, &key);
    if (body->status || body->json.failure)
        return;
    finish_message(body, &into);
    if (!body->status)
        add_marked(body, &into, capacity);
}

void llmc_body_messages(llmc_body *body)
{
    uint32_t capacity = 0;
    body->request->message_count = 0;
    if (!llmc_body_array(body))
        return;
    while (llmc_body_next_item(body))
        read_message(body, &capacity);
}
