/*
 * A conversation as Gemini's contents: turns of "user" and "model" that alternate (neighbours of one role are merged),
 * system text apart.
 *
 * Signatures go back on the parts that they came with (gemini_codec.h tells how they travel). Reasoning goes back only
 * where it was signed: unsigned summaries are of no use to the model, and other reasoning is another format's. Models
 * since the 3rd generation refuse an unsigned call, so the first call of a turn that came from elsewhere bears the word
 * that Google documents for that; of parallel calls only the first is signed.
 *
 * Results are objects here: one that is none is wrapped as {"result": ...}, a failure as {"error": ...}. They stand in
 * the order of the calls, since older models match them by name and order; ids go back to models that give them, but
 * not those of our making. Left out: empty texts, file names.
 */
#include "provider/gemini_codec.h"

#include "provider/conversation.h"

#include <stdio.h>

static const char unsigned_call[] = "skip_thought_signature_validator";

/* ---- check ---- */

static bool is_media(const llmcost_part *part)
{
    return part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL || part->type == LLMCOST_PART_AUDIO || part->type == LLMCOST_PART_DOCUMENT;
}

static bool is_known_image(const char *media_type)
{
    static const char *const types[] = { "image/png", "image/jpeg", "image/webp", "image/heic", "image/heif" };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(types[i], media_type))
            return true;
    return false;
}

static llmcost_status check_part(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    bool image = part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL;
    if (!is_media(part))
        return LLMCOST_OK;
    if (message->role != LLMCOST_USER && message->role != LLMCOST_TOOL)
        return llmc_unsupported_in(error, target, index, image ? " image" : " file", "put images, audio and documents into user messages or tool results");
    if (message->role == LLMCOST_TOOL && !llmc_gemini_is_new(target->model))
        return llmc_unsupported_in(error, target, index, image ? " image" : " file", "this model takes text as the result of a tool; send the rest in a user message");
    if (image && part->detail && strcmp(part->detail, "auto") != 0)
        return llmc_unsupported_in(error, target, index, " image detail", "leave detail out; pass mediaResolution under generationConfig in extra");
    if (part->type == LLMCOST_PART_IMAGE && llmc_media_type_is_sane(part->media_type) && !is_known_image(part->media_type))
        return llmc_unsupported_in(error, target, index, " image type", "send png, jpeg, webp, heic or heif");
    return LLMCOST_OK;
}

llmcost_status llmc_gemini_check_messages(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    static const llmc_conversation_rules rules = { .system_first = true, .user_speaks = true, .check_part = check_part };
    return llmc_check_conversation(&rules, request, target, error);
}

/* ---- signatures ---- */

/* The last signature of this place among the message's hidden reasoning; empty: none. */
static llmc_json_span signature_of(const llmcost_message *message, const char *place)
{
    const size_t mark = strlen(LLMC_GEMINI_MARK), place_bytes = strlen(place);
    llmc_json_span found = { 0 };
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type != LLMCOST_PART_REASONING_HIDDEN || !part->text)
            continue;
        const char *at = part->text, *end = at + llmc_text_bytes(part->text, part->text_bytes);
        while (at < end) {
            const char *line_end = memchr(at, '\n', (size_t)(end - at));
            size_t bytes = (size_t)((line_end ? line_end : end) - at), head = mark + place_bytes + 1;
            if (bytes > head && !memcmp(at, LLMC_GEMINI_MARK, mark) && !memcmp(at + mark, place, place_bytes) && at[head - 1] == ':')
                found = (llmc_json_span){ at + head, bytes - head, false };
            at += bytes + 1;
        }
    }
    return found;
}

static void write_signature(llmc_json_writer *json, const llmc_json_span *signature)
{
    if (!signature->bytes)
        return;
    llmc_json_write_member_string(json, "thoughtSignature", signature->text, signature->bytes);
}

/* ---- parts ---- */

/* Where the next part goes. */
typedef struct turns {
    llmc_encoding *encoding;
    const char *role; /* of the turn that is open; NULL: none */
} turns;

static void end_turn(turns *at)
{
    if (!at->role)
        return;
    llmc_json_write_end_array(&at->encoding->json);
    llmc_json_write_end_object(&at->encoding->json);
    at->role = NULL;
}

/* Opens a part, and a turn where another role speaks. */
static void begin_part(turns *at, const char *role)
{
    llmc_json_writer *json = &at->encoding->json;
    if (!at->role || strcmp(at->role, role) != 0) {
        end_turn(at);
        llmc_json_write_begin_object(json);
        llmc_json_write_member_text(json, "role", role);
        llmc_json_write_member_array(json, "parts");
        at->role = role;
    }
    llmc_json_write_begin_object(json);
}

static const char *media_type_by_name(const char *url)
{
    static const struct { const char *extension, *type; } types[] = {
        { ".png", "image/png" }, { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" }, { ".webp", "image/webp" }, { ".heic", "image/heic" },
        { ".heif", "image/heif" }, { ".pdf", "application/pdf" }, { ".txt", "text/plain" }, { ".html", "text/html" }, { ".csv", "text/csv" },
    };
    size_t length = strcspn(url, "?#");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t bytes = strlen(types[i].extension);
        if (length > bytes && !memcmp(url + length - bytes, types[i].extension, bytes))
            return types[i].type;
    }
    return NULL;
}

static void write_url(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    char media_type[64];
    const char *base64;
    bool inlined = llmc_data_url(part->url, media_type, &base64);
    if (!inlined && !strncmp(part->url, "data:", 5))
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is no base64 data URL", message, index);
    const char *type = inlined ? media_type : part->media_type ? part->media_type : media_type_by_name(part->url);
    llmc_json_write_member_object(json, inlined ? "inlineData" : "fileData");
    if (type)
        llmc_json_write_member_text(json, "mimeType", type);
    llmc_json_write_member_text(json, inlined ? "data" : "fileUri", inlined ? base64 : part->url);
    llmc_json_write_end_object(json);
}

/* The one member of a part with an image, audio or a document. */
static void write_media(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    bool by_url = part->type == LLMCOST_PART_IMAGE_URL || (part->type == LLMCOST_PART_DOCUMENT && !part->data);
    if (by_url && part->url && *part->url) {
        write_url(encoding, part, message, index);
    } else if (by_url) {
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is missing", message, index);
    } else if (!llmc_media_type_is_sane(part->media_type) || !part->data) {
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u] needs data and a media_type such as image/png", message, index);
    } else {
        llmc_json_write_member_object(json, "inlineData");
        llmc_json_write_member_text(json, "mimeType", part->media_type);
        llmc_json_write_key(json, "data");
        llmc_json_write_base64(json, "", part->data, part->data_bytes);
        llmc_json_write_end_object(json);
    }
}

static void write_text(turns *at, const char *role, const char *text, size_t bytes, bool thought, const llmc_json_span *signature)
{
    llmc_json_writer *json = &at->encoding->json;
    if (!bytes && !signature->bytes)
        return;
    begin_part(at, role);
    llmc_json_write_member_string(json, "text", text ? text : "", bytes);
    if (thought)
        llmc_json_write_member_bool(json, "thought", true);
    write_signature(json, signature);
    llmc_json_write_end_object(json);
}

static bool is_last_of_type(const llmcost_message *message, uint32_t index)
{
    for (uint32_t i = index + 1; i < message->part_count; i++)
        if (message->parts[i].type == message->parts[index].type)
            return false;
    return true;
}

/* Text and parts of a turn, but for results. */
static void write_parts(turns *at, const char *role, const llmcost_message *message, uint32_t index)
{
    static const llmc_json_span none = { 0 };
    const llmc_json_span thought = signature_of(message, "thought"), said = signature_of(message, "text");
    if (!message->part_count)
        write_text(at, role, message->text, llmc_text_bytes(message->text, message->text_bytes), false, &none);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        size_t bytes = llmc_text_bytes(part->text, part->text_bytes);
        bool last = is_last_of_type(message, i);
        if (part->type == LLMCOST_PART_TEXT) {
            write_text(at, role, part->text, bytes, false, bytes && last ? &said : &none);
        } else if (part->type == LLMCOST_PART_REASONING) {
            if (thought.bytes && last)
                write_text(at, role, part->text, bytes, true, &thought);
        } else if (is_media(part)) {
            begin_part(at, role);
            write_media(at->encoding, part, index, i);
            llmc_json_write_end_object(&at->encoding->json);
        } else if (part->type != LLMCOST_PART_REASONING_HIDDEN) {
            llmc_encoding_invalid(at->encoding, "messages[%u].parts[%u].type %d is unknown", index, i, (int)part->type);
        }
    }
}

/* ---- calls ---- */

static const char *id_of(const char *id)
{
    return id ? id : "";
}

static void write_id(llmc_encoding *encoding, const char *id)
{
    if (!*id || !strncmp(id, LLMC_GEMINI_MADE_UP, strlen(LLMC_GEMINI_MADE_UP)) || !llmc_gemini_is_new(encoding->target->model))
        return;
    llmc_json_write_member_text(&encoding->json, "id", id);
}

static void write_call(turns *at, const llmcost_message *message, uint32_t index, uint32_t ordinal, bool is_signed)
{
    static const llmc_json_span excused = { unsigned_call, sizeof unsigned_call - 1, false };
    llmc_encoding *encoding = at->encoding;
    llmc_json_writer *json = &encoding->json;
    const llmcost_tool_call *call = &message->tool_calls[ordinal];
    const char *arguments = call->arguments && *call->arguments ? call->arguments : "{}";
    char place[16];
    snprintf(place, sizeof place, "%u", ordinal);
    llmc_json_span signature = signature_of(message, place);
    bool new = llmc_gemini_is_new(encoding->target->model) && strstr(encoding->target->model, "gemini");
    if (!call->name || !*call->name)
        llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u].name is missing", index, ordinal);
    if (llmc_json_text_type(arguments) != LLMC_JSON_OBJECT)
        llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u].arguments is no JSON object", index, ordinal);
    begin_part(at, "model");
    llmc_json_write_member_object(json, "functionCall");
    write_id(encoding, id_of(call->id));
    llmc_json_write_member_text(json, "name", call->name);
    llmc_json_write_member_json(json, "args", arguments);
    llmc_json_write_end_object(json);
    write_signature(json, ordinal == 0 && !is_signed && new ? &excused : &signature);
    llmc_json_write_end_object(json);
}

static bool has_signed_call(const llmcost_message *message)
{
    char place[16];
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        snprintf(place, sizeof place, "%u", i);
        if (signature_of(message, place).bytes)
            return true;
    }
    return false;
}

static void write_model_turn(turns *at, const llmcost_message *message, uint32_t index)
{
    const llmc_json_span end = signature_of(message, "end");
    bool is_signed = has_signed_call(message);
    write_parts(at, "model", message, index);
    write_text(at, "model", "", 0, false, &end);
    for (uint32_t i = 0; i < message->tool_call_count; i++)
        write_call(at, message, index, i, is_signed);
}

/* ---- results ---- */

static llmc_json_type type_of(const char *text, size_t bytes)
{
    llmc_json json;
    llmc_json_begin(&json, text, bytes);
    llmc_json_type type = llmc_json_peek(&json);
    if (type != LLMC_JSON_OBJECT && type != LLMC_JSON_ARRAY)
        return LLMC_JSON_STRING;
    llmc_json_skip(&json);
    return llmc_json_end(&json) ? type : LLMC_JSON_STRING;
}

static void write_value(llmc_json_writer *json, const char *text, size_t bytes, llmc_json_type type)
{
    if (type == LLMC_JSON_STRING)
        llmc_json_write_string(json, text, bytes);
    else
        llmc_json_write_raw(json, text, bytes);
}

/* The text of a result: the message's own, or its only text part. false: there are several parts of text. */
static bool only_text(const llmcost_message *message, const char **text, size_t *bytes)
{
    uint32_t count = 0;
    *text = message->text ? message->text : "";
    *bytes = llmc_text_bytes(message->text, message->text_bytes);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type != LLMCOST_PART_TEXT)
            continue;
        *text = part->text ? part->text : "";
        *bytes = llmc_text_bytes(part->text, part->text_bytes);
        count++;
    }
    return count <= 1;
}

static void write_response(llmc_json_writer *json, const llmcost_message *message)
{
    const char *text;
    size_t bytes;
    bool one = only_text(message, &text, &bytes);
    llmc_json_type type = type_of(text, bytes);
    llmc_json_write_key(json, "response");
    if (one && type == LLMC_JSON_OBJECT && !message->is_error) {
        llmc_json_write_raw(json, text, bytes);
        return;
    }
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, message->is_error ? "error" : "result");
    if (one) {
        write_value(json, text, bytes, type);
    } else {
        llmc_json_write_begin_array(json);
        for (uint32_t i = 0; i < message->part_count; i++)
            if (message->parts[i].type == LLMCOST_PART_TEXT)
                llmc_json_write_string(json, message->parts[i].text ? message->parts[i].text : "", llmc_text_bytes(message->parts[i].text, message->parts[i].text_bytes));
        llmc_json_write_end_array(json);
    }
    llmc_json_write_end_object(json);
}

static void write_result(turns *at, uint32_t index, const llmcost_tool_call *call)
{
    const llmcost_message *message = &at->encoding->request->messages[index];
    llmc_json_writer *json = &at->encoding->json;
    bool opened = false;
    begin_part(at, "user");
    llmc_json_write_member_object(json, "functionResponse");
    write_id(at->encoding, id_of(call->id));
    llmc_json_write_member_text(json, "name", call->name);
    write_response(json, message);
    for (uint32_t i = 0; i < message->part_count; i++) {
        if (!is_media(&message->parts[i]))
            continue;
        if (!opened) {
            llmc_json_write_member_array(json, "parts");
            opened = true;
        }
        llmc_json_write_begin_object(json);
        write_media(at->encoding, &message->parts[i], index, i);
        llmc_json_write_end_object(json);
    }
    if (opened)
        llmc_json_write_end_array(json);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* Whether a result, the ordinal-th of its turn, is that of this call: by id, where there is one. */
static bool answers(const llmcost_message *result, uint32_t ordinal, const llmcost_message *asked, uint32_t call)
{
    const char *id = id_of(result->tool_call_id);
    return *id ? !strcmp(id, id_of(asked->tool_calls[call].id)) : ordinal == call;
}

static bool is_repeated(const llmcost_message *asked, uint32_t call)
{
    const char *id = id_of(asked->tool_calls[call].id);
    for (uint32_t i = 0; *id && i < call; i++)
        if (!strcmp(id, id_of(asked->tool_calls[i].id)))
            return true;
    return false;
}

/* The call that a result answers: of the turn before it, else of the latest that has its id. */
static const llmcost_tool_call *call_of(const llmcost_request *request, uint32_t first, uint32_t result)
{
    for (uint32_t i = first; i-- > 0;) {
        const llmcost_message *asked = &request->messages[i];
        bool counts = asked->role == LLMCOST_ASSISTANT && (i + 1 == first || *id_of(request->messages[result].tool_call_id));
        for (uint32_t k = 0; counts && k < asked->tool_call_count; k++)
            if (answers(&request->messages[result], result - first, asked, k))
                return &asked->tool_calls[k];
    }
    return NULL;
}

/* The results from `first` on, in the order of their calls. Returns the message behind them. */
static uint32_t write_results(turns *at, uint32_t first)
{
    static const llmcost_message nothing = { 0 };
    const llmcost_request *request = at->encoding->request;
    const llmcost_message *messages = request->messages;
    const llmcost_message *asked = first && messages[first - 1].role == LLMCOST_ASSISTANT ? &messages[first - 1] : &nothing;
    uint32_t end = first;
    while (end < request->message_count && messages[end].role == LLMCOST_TOOL)
        end++;
    for (uint32_t k = 0; k < asked->tool_call_count; k++)
        for (uint32_t i = first; !is_repeated(asked, k) && i < end; i++)
            if (answers(&messages[i], i - first, asked, k))
                write_result(at, i, &asked->tool_calls[k]);
    for (uint32_t i = first; i < end; i++) {
        const llmcost_tool_call *call = call_of(request, first, i);
        bool written = call && asked->tool_call_count && call >= asked->tool_calls && call < asked->tool_calls + asked->tool_call_count;
        if (!call)
            llmc_encoding_invalid(at->encoding, "messages[%u].tool_call_id is that of no call before it", i);
        else if (!written)
            write_result(at, i, call);
    }
    return end;
}

/* ---- the whole ---- */

static uint32_t write_system(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    turns at = { .encoding = encoding, .role = "system" };
    uint32_t count = 0;
    while (count < request->message_count && request->messages[count].role == LLMCOST_SYSTEM)
        count++;
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        any = any || !llmc_says_nothing(&request->messages[i]);
    if (!any)
        return count;
    llmc_encoding_member_object(encoding, "systemInstruction");
    llmc_json_write_member_array(json, "parts");
    for (uint32_t i = 0; i < count; i++)
        write_parts(&at, at.role, &request->messages[i], i);
    llmc_json_write_end_array(json);
    llmc_json_write_end_object(json);
    return count;
}

void llmc_gemini_write_contents(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    uint32_t i = write_system(encoding);
    turns at = { .encoding = encoding };
    llmc_encoding_member_array(encoding, "contents");
    while (i < request->message_count) {
        const llmcost_message *message = &request->messages[i];
        if (message->role == LLMCOST_TOOL) {
            i = write_results(&at, i);
            continue;
        }
        if (message->role == LLMCOST_USER)
            write_parts(&at, "user", message, i);
        else if (message->role == LLMCOST_ASSISTANT)
            write_model_turn(&at, message, i);
        else
            llmc_encoding_invalid(encoding, "messages[%u].role %d cannot stand here", i, (int)message->role);
        i++;
    }
    end_turn(&at);
    llmc_json_write_end_array(&encoding->json);
}
