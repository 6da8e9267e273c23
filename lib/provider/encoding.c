/* What the encoders share. JSON of the caller (schemas, arguments, extra) is checked by skipping over it and copied as it stands. */
#include "provider/encoding.h"

#include "base/sha256.h"
#include "provider/foreign.h"

#include <stdarg.h>
#include <stdio.h>

llmcost_status llmc_unsupported(llmcost_error *error, const llmc_codec_target *target, const char *field, const char *advice)
{
    llmc_error_set_text(error, &error->provider, target->provider, strlen(target->provider));
    return llmc_error_set(error, LLMCOST_E_UNSUPPORTED, "%s (model %s) cannot do \"%s\": %s", target->provider, target->model, field, advice);
}

llmcost_status llmc_unsupported_in(llmcost_error *error, const llmc_codec_target *target, uint32_t message, const char *what, const char *advice)
{
    char field[80];
    snprintf(field, sizeof field, "messages[%u]%s", message, what);
    return llmc_unsupported(error, target, field, advice);
}

llmcost_status llmc_check_capabilities(const llmc_incapability *list, size_t count, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    for (size_t i = 0; i < count; i++) {
        bool concerned = list[i].quirk == 0 || (target->quirks & list[i].quirk);
        if (concerned && list[i].asked(request, target))
            return llmc_unsupported(error, target, list[i].field, list[i].advice);
    }
    return LLMCOST_OK;
}

void llmc_encoding_begin(llmc_encoding *encoding, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    *encoding = (llmc_encoding){ .json = { .out = &out->body }, .request = request, .target = target, .error = error };
    /* Room for the texts at once: growing by doubling would copy a long prompt several times. */
    size_t bytes = 512;
    for (uint32_t i = 0; i < request->message_count; i++)
        bytes += 64 + request->messages[i].text_bytes;
    llmc_buffer_reserve(&out->body, bytes);
    llmc_json_write_begin_object(&encoding->json);
}

void llmc_encoding_member(llmc_encoding *encoding, const char *name)
{
    if (encoding->written_count < LLMC_MEMBERS_MAXIMUM)
        encoding->written[encoding->written_count++] = name;
    llmc_json_write_key(&encoding->json, name);
}

void llmc_encoding_member_text(llmc_encoding *encoding, const char *name, const char *text)
{
    llmc_encoding_member(encoding, name);
    llmc_json_write_text(&encoding->json, text);
}

void llmc_encoding_member_integer(llmc_encoding *encoding, const char *name, int64_t value)
{
    llmc_encoding_member(encoding, name);
    llmc_json_write_integer(&encoding->json, value);
}

void llmc_encoding_member_double(llmc_encoding *encoding, const char *name, double value)
{
    llmc_encoding_member(encoding, name);
    llmc_json_write_double(&encoding->json, value);
}

void llmc_encoding_member_bool(llmc_encoding *encoding, const char *name, bool value)
{
    llmc_encoding_member(encoding, name);
    llmc_json_write_bool(&encoding->json, value);
}

void llmc_encoding_member_object(llmc_encoding *encoding, const char *name)
{
    llmc_encoding_member(encoding, name);
    llmc_json_write_begin_object(&encoding->json);
}

void llmc_encoding_member_array(llmc_encoding *encoding, const char *name)
{
    llmc_encoding_member(encoding, name);
    llmc_json_write_begin_array(&encoding->json);
}

void llmc_encoding_invalid(llmc_encoding *encoding, const char *format, ...)
{
    if (encoding->status)
        return;
    char line[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    encoding->status = llmc_error_set(encoding->error, LLMCOST_E_INVALID, "%s", line);
}

static bool is_written(const llmc_encoding *encoding, const char *const *reserved, const llmc_json_key *key)
{
    for (size_t i = 0; i < encoding->written_count; i++)
        if (llmc_json_key_is(key, encoding->written[i]))
            return true;
    for (; *reserved; reserved++)
        if (llmc_json_key_is(key, *reserved))
            return true;
    return false;
}

static bool is_merged(const llmc_encoding *encoding, const llmc_json_key *key)
{
    for (size_t i = 0; i < encoding->merged_count; i++)
        if (llmc_json_key_is(key, encoding->merged[i]))
            return true;
    return false;
}

void llmc_encoding_copy_member(llmc_json_writer *json, const llmc_json_key *key, const llmc_json_span *value)
{
    if (json->comma)
        llmc_buffer_add_byte(json->out, ',');
    llmc_buffer_add_byte(json->out, '"');
    llmc_buffer_add(json->out, key->text, key->bytes); /* still escaped as it came */
    llmc_buffer_add(json->out, "\":", 2);
    llmc_buffer_add(json->out, value->text, value->bytes);
    json->comma = true;
}

void llmc_encoding_extra(llmc_encoding *encoding, const char *const *reserved)
{
    const char *extra = encoding->request->extra;
    if (!extra || !*extra || encoding->status)
        return;
    if (llmc_json_text_type(extra) != LLMC_JSON_OBJECT) {
        llmc_encoding_invalid(encoding, "extra is no JSON object, or nested too deep");
        return;
    }
    llmc_json json;
    llmc_json_key key;
    llmc_json_span value;
    llmc_json_begin(&json, extra, strlen(extra));
    llmc_json_object(&json);
    while (llmc_json_next_key(&json, &key)) {
        llmc_json_raw(&json, &value);
        if (is_merged(encoding, &key) || (encoding->known && llmc_foreign_is_left_out(encoding->known, &key, &value)))
            continue;
        if (is_written(encoding, reserved, &key))
            llmc_encoding_invalid(encoding, "extra repeats the member \"%.*s\": set the request's own field instead", (int)(key.bytes < 60 ? key.bytes : 60), key.text);
        llmc_encoding_copy_member(&encoding->json, &key, &value);
    }
}

bool llmc_encoding_extra_member(const llmc_encoding *encoding, const char *name, llmc_json_span *value)
{
    const char *extra = encoding->request->extra;
    llmc_json json;
    llmc_json_key key;
    bool found = false;
    if (!extra)
        return false;
    llmc_json_begin(&json, extra, strlen(extra));
    if (!llmc_json_object(&json))
        return false;
    while (!found && llmc_json_next_key(&json, &key)) {
        found = llmc_json_key_is(&key, name);
        llmc_json_raw(&json, value);
    }
    return found && !json.failure;
}

bool llmc_encoding_has_tools(const llmc_encoding *encoding, bool with_extra)
{
    llmc_json_span value;
    return encoding->request->tool_count || (with_extra && llmc_encoding_extra_member(encoding, "tools", &value) && *value.text == '[');
}

static bool is_repeated(const char *const *taken, const llmc_json_span *object, const llmc_json_key *key)
{
    llmc_json json;
    llmc_json_key earlier;
    for (; *taken; taken++)
        if (llmc_json_key_is(key, *taken))
            return true;
    llmc_json_begin(&json, object->text, object->bytes);
    llmc_json_object(&json);
    while (llmc_json_next_key(&json, &earlier) && earlier.text != key->text) {
        if (earlier.bytes == key->bytes && !memcmp(earlier.text, key->text, key->bytes))
            return true;
        llmc_json_skip(&json);
    }
    return false;
}

void llmc_encoding_merge_extra(llmc_encoding *encoding, const char *name, const char *const *taken)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span object, value;
    encoding->merged[encoding->merged_count++] = name;
    if (!llmc_encoding_extra_member(encoding, name, &object))
        return;
    llmc_json_begin(&json, object.text, object.bytes);
    if (!llmc_json_object(&json)) {
        llmc_encoding_invalid(encoding, "extra's member \"%s\" is no JSON object", name);
        return;
    }
    while (llmc_json_next_key(&json, &key)) {
        llmc_json_raw(&json, &value);
        if (is_repeated(taken, &object, &key))
            llmc_encoding_invalid(encoding, "extra repeats the member \"%s.%.*s\": set the request's own field, or name it once", name, (int)(key.bytes < 60 ? key.bytes : 60), key.text);
        llmc_encoding_copy_member(&encoding->json, &key, &value);
    }
}

static bool is_listed(const llmc_json_span *text, const char *const *list)
{
    for (; *list; list++)
        if (llmc_json_key_is(text, *list))
            return true;
    return false;
}

void llmc_encoding_merge_list(llmc_encoding *encoding, const char *name, const char *const *written)
{
    llmc_json json;
    llmc_json_span value;
    if (!llmc_encoding_extra_member(encoding, name, &value) || *value.text != '[')
        return;
    encoding->merged[encoding->merged_count++] = name;
    llmc_json_begin(&json, value.text, value.bytes);
    llmc_json_array(&json);
    while (llmc_json_next_item(&json)) {
        llmc_json item = json;
        llmc_json_span text = { 0 };
        llmc_json_span_string(&item, &text);
        llmc_json_raw(&json, &value);
        if (!is_listed(&text, written))
            llmc_json_write_raw(&encoding->json, value.text, value.bytes);
    }
}

llmcost_status llmc_encoding_end(llmc_encoding *encoding)
{
    llmc_json_write_end_object(&encoding->json);
    if (encoding->status)
        return encoding->status;
    switch (encoding->json.out->failure) {
    case LLMC_BUFFER_NO_MEMORY: return llmc_error_set(encoding->error, LLMCOST_E_MEMORY, "no memory for the request");
    case LLMC_BUFFER_TOO_LARGE: return llmc_error_set(encoding->error, LLMCOST_E_INVALID, "the request is larger than %zu bytes", encoding->json.out->maximum);
    default: return LLMCOST_OK;
    }
}

/* ---- pieces that several formats spell as OpenAI does ---- */

void llmc_encoding_texts(llmc_encoding *encoding, const char *const *texts, const size_t *bytes, uint32_t count)
{
    llmc_json_write_begin_array(&encoding->json);
    for (uint32_t i = 0; i < count; i++)
        if (bytes && texts[i] && bytes[i])
            llmc_json_write_string(&encoding->json, texts[i], bytes[i]);
        else
            llmc_json_write_text(&encoding->json, texts[i]);
    llmc_json_write_end_array(&encoding->json);
}

static bool add_joined(llmc_buffer *out, const char *text, size_t bytes)
{
    if (!bytes)
        return false;
    if (out->length)
        llmc_buffer_add_byte(out, '\n');
    llmc_buffer_add(out, text, bytes);
    return true;
}

bool llmc_encoding_joined(llmc_encoding *encoding, const char *key, const llmcost_message *message, int32_t type, bool always)
{
    llmc_buffer joined;
    bool any = false;
    llmc_buffer_init(&joined, encoding->json.out->allocator, encoding->json.out->maximum);
    if (type == LLMCOST_PART_TEXT && message->role == LLMCOST_TOOL && message->is_error)
        llmc_buffer_add_text(&joined, "Error:");
    if (type == LLMCOST_PART_TEXT && !message->part_count)
        any = add_joined(&joined, message->text, llmc_text_bytes(message->text, message->text_bytes));
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        bool foreign = type == LLMCOST_PART_REASONING && part->signature && *part->signature;
        if (part->type == type && !foreign)
            any = add_joined(&joined, part->text, llmc_text_bytes(part->text, part->text_bytes)) || any;
    }
    if (joined.failure) {
        encoding->json.out->failure = joined.failure;
    } else if (any || always) {
        llmc_json_write_member_string(&encoding->json, key, joined.length ? joined.data : "", joined.length);
    }
    llmc_buffer_free(&joined);
    return any;
}

const llmc_cache_mark llmc_cache_control = { "cache_control", "{\"type\":\"ephemeral\"}" };

void llmc_encoding_end_part(llmc_encoding *encoding)
{
    const llmc_cache_mark *mark = encoding->mark;
    if (mark)
        llmc_json_write_member_json(&encoding->json, mark->member, mark->value);
    llmc_json_write_end_object(&encoding->json);
}

void llmc_encoding_text_part(llmc_encoding *encoding, const char *text, size_t bytes)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_begin_object(json);
    llmc_json_write_member_string(json, "type", "text", 4);
    llmc_json_write_member_string(json, "text", text ? text : "", bytes);
    llmc_encoding_end_part(encoding);
}

void llmc_encoding_image_part(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "type", "image_url");
    llmc_json_write_member_object(json, "image_url");
    llmc_json_write_key(json, "url");
    if (part->type == LLMCOST_PART_IMAGE_URL) {
        if (!part->url || !*part->url)
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is missing", message, index);
        llmc_json_write_text(json, part->url);
    } else {
        llmc_encoding_write_data_url(encoding, part, message, index);
    }
    if (part->detail)
        llmc_json_write_member_text(json, "detail", part->detail);
    llmc_json_write_end_object(json);
    llmc_encoding_end_part(encoding);
}

void llmc_encoding_call_id(llmc_encoding *encoding, const char *id, const llmc_call_ids *rule)
{
    if (id && rule)
        llmc_json_write_call_id(&encoding->json, id, rule);
    else
        llmc_json_write_text(&encoding->json, id);
}

void llmc_encoding_tool_calls(llmc_encoding *encoding, const llmcost_message *message, uint32_t index, const llmc_call_ids *ids)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_member_array(json, "tool_calls");
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        const llmcost_tool_call *call = &message->tool_calls[i];
        const char *type = call->is_custom ? "custom" : "function";
        const char *arguments = call->arguments && *call->arguments ? call->arguments : call->is_custom ? "" : "{}";
        if (!call->id || !call->name || !*call->name)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u] needs an id and a name", index, i);
        if (!call->is_custom && llmc_json_text_type(arguments) == LLMC_JSON_NONE)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u].arguments is no JSON", index, i);
        llmc_json_write_begin_object(json);
        llmc_json_write_key(json, "id");
        llmc_encoding_call_id(encoding, call->id, ids);
        llmc_json_write_member_text(json, "type", type);
        llmc_json_write_member_object(json, type);
        llmc_json_write_member_text(json, "name", call->name);
        llmc_json_write_member_text(json, call->is_custom ? "input" : "arguments", arguments);
        llmc_json_write_end_object(json);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

static void write_function(llmc_encoding *encoding, const llmcost_tool *tool, uint32_t index, const char *no_parameters, bool strict)
{
    llmc_json_writer *json = &encoding->json;
    const char *parameters = tool->parameters ? tool->parameters : no_parameters;
    if (!tool->name || !*tool->name)
        llmc_encoding_invalid(encoding, "tools[%u].name is missing", index);
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "type", "function");
    llmc_json_write_member_object(json, "function");
    llmc_json_write_member_text(json, "name", tool->name);
    if (tool->description)
        llmc_json_write_member_text(json, "description", tool->description);
    if (parameters) {
        if (llmc_json_text_type(parameters) != LLMC_JSON_OBJECT)
            llmc_encoding_invalid(encoding, "tools[%u].parameters is no JSON object", index);
        llmc_json_write_member_json(json, "parameters", parameters);
    }
    if (strict && tool->strict)
        llmc_json_write_member_bool(json, "strict", true);
    llmc_json_write_end_object(json);
    if (tool->cache_mark && (encoding->target->quirks & LLMC_QUIRK(CACHE_CONTROL_TOOLS)))
        encoding->mark = &llmc_cache_control;
    llmc_encoding_end_part(encoding);
    encoding->mark = NULL;
}

void llmc_encoding_functions(llmc_encoding *encoding, const char *no_parameters, bool strict)
{
    llmc_encoding_member_array(encoding, "tools");
    for (uint32_t i = 0; i < encoding->request->tool_count; i++)
        write_function(encoding, &encoding->request->tools[i], i, no_parameters, strict);
    llmc_json_write_end_array(&encoding->json);
}

/* ---- JSON and texts of the caller ---- */

llmc_json_type llmc_json_text_type(const char *text)
{
    llmc_json json;
    llmc_json_begin(&json, text, strlen(text));
    llmc_json_type type = llmc_json_peek(&json);
    llmc_json_skip(&json);
    return llmc_json_end(&json) ? type : LLMC_JSON_NONE;
}

static bool all_of(const char *text, size_t bytes, const char *others)
{
    for (size_t i = 0; i < bytes; i++) {
        char c = text[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && !(c && strchr(others, c)))
            return false;
    }
    return bytes > 0;
}

void llmc_add_escaped(llmc_buffer *out, const char *text, const char *others)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        const char escape[] = { '%', digits[*at >> 4], digits[*at & 15] };
        if (all_of((const char *)at, 1, "-._~") || strchr(others, *at))
            llmc_buffer_add_byte(out, (char)*at);
        else
            llmc_buffer_add(out, escape, sizeof escape);
    }
}

bool llmc_media_type_is_sane(const char *media_type)
{
    return media_type && strlen(media_type) < 64 && strchr(media_type, '/') && all_of(media_type, strlen(media_type), "/+-.");
}

bool llmc_data_url(const char *url, char media_type[64], const char **base64)
{
    if (strncmp(url, "data:", 5) != 0)
        return false;
    const char *type = url + 5, *mark = strstr(type, ";base64,");
    if (!mark || mark - type >= 64 || mark == type)
        return false;
    memcpy(media_type, type, (size_t)(mark - type));
    media_type[mark - type] = '\0';
    *base64 = mark + strlen(";base64,");
    return llmc_media_type_is_sane(media_type) && all_of(*base64, strlen(*base64), "+/=");
}

void llmc_json_write_call_id(llmc_json_writer *json, const char *id, const llmc_call_ids *rule)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { MADE_UP = 20 };
    char made_up[MADE_UP + 1];
    size_t bytes = strlen(id);
    bool letters = rule->letters == LLMC_ID_ANY || all_of(id, bytes, rule->letters == LLMC_ID_ALPHANUMERIC ? "" : "_-");
    if (letters && bytes >= rule->minimum && bytes <= rule->maximum) {
        llmc_json_write_string(json, id, bytes);
        return;
    }
    uint8_t hash[32];
    llmc_sha256_of(id, bytes, hash);
    bytes = rule->maximum < MADE_UP ? rule->maximum : MADE_UP;
    for (size_t i = 0; i < bytes; i++)
        made_up[i] = digits[hash[i] % (sizeof digits - 1)];
    llmc_json_write_string(json, made_up, bytes);
}

void llmc_join_texts(const llmcost_message *message, int32_t type, llmc_buffer *out)
{
    if (!message->part_count && type == LLMCOST_PART_TEXT)
        llmc_buffer_add(out, message->text, llmc_text_bytes(message->text, message->text_bytes));
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type == type)
            llmc_buffer_add(out, part->text, llmc_text_bytes(part->text, part->text_bytes));
    }
}

void llmc_encoding_write_joined(llmc_encoding *encoding, const llmcost_message *message, int32_t type, const char *before)
{
    llmc_buffer joined;
    llmc_buffer_init(&joined, encoding->json.out->allocator, encoding->json.out->maximum);
    llmc_buffer_add_text(&joined, before);
    llmc_join_texts(message, type, &joined);
    if (joined.failure)
        encoding->json.out->failure = joined.failure;
    else
        llmc_json_write_string(&encoding->json, joined.length ? joined.data : "", joined.length);
    llmc_buffer_free(&joined);
}

void llmc_encoding_write_data_url(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    char prefix[96];
    if (!llmc_media_type_is_sane(part->media_type) || !part->data) {
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u] needs data and a media_type such as image/png", message, index);
        llmc_json_write_null(&encoding->json);
        return;
    }
    snprintf(prefix, sizeof prefix, "data:%s;base64,", part->media_type);
    llmc_json_write_base64(&encoding->json, prefix, part->data, part->data_bytes);
}

void llmc_encoding_write_audio(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!llmc_media_type_is_sane(part->media_type) || !part->data) {
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u] needs data and a media_type such as audio/wav", message, index);
        llmc_json_write_null(json);
        return;
    }
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "data");
    llmc_json_write_base64(json, "", part->data, part->data_bytes);
    llmc_json_write_member_text(json, "format", llmc_audio_format(part->media_type));
    llmc_json_write_end_object(json);
}

const char *llmc_audio_format(const char *media_type)
{
    static const char *const formats[][2] = { { "audio/wave", "wav" }, { "audio/x-wav", "wav" }, { "audio/vnd.wave", "wav" }, { "audio/mpeg", "mp3" } };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (!strcmp(media_type, formats[i][0]))
            return formats[i][1];
    const char *slash = strchr(media_type, '/');
    return slash ? slash + 1 : media_type;
}

const char *llmc_document_name(const llmcost_part *part)
{
    if (part->detail && *part->detail)
        return part->detail;
    if (part->media_type && !strcmp(part->media_type, "application/pdf"))
        return "document.pdf";
    return part->media_type && !strncmp(part->media_type, "text/", 5) ? "document.txt" : "document";
}

bool llmc_reasoning_is_json(const llmcost_part *part)
{
    return part->text && (*part->text == '{' || *part->text == '[');
}

bool llmc_reasoning_is_word(const llmcost_part *part)
{
    const size_t mark = sizeof LLMC_GEMINI_MARK - 1;
    size_t bytes = llmc_text_bytes(part->text, part->text_bytes);
    return bytes && !llmc_reasoning_is_json(part) && (bytes < mark || memcmp(part->text, LLMC_GEMINI_MARK, mark) != 0);
}

const char *llmc_effort_name(int32_t effort)
{
    static const char *const names[] = { NULL, "none", "minimal", "low", "medium", "high", "xhigh", "max" };
    return effort > 0 && effort < (int32_t)(sizeof names / sizeof names[0]) ? names[effort] : NULL;
}

uint32_t llmc_request_marks(const llmcost_request *request, bool with_tools)
{
    uint32_t marks = 0;
    for (uint32_t i = 0; i < request->message_count; i++)
        marks += request->messages[i].cache_mark != 0;
    for (uint32_t i = 0; with_tools && i < request->tool_count; i++)
        marks += request->tools[i].cache_mark != 0;
    return marks;
}

bool llmc_request_has_part(const llmcost_request *request, int32_t type)
{
    for (uint32_t i = 0; i < request->message_count; i++)
        for (uint32_t j = 0; j < request->messages[i].part_count; j++)
            if (request->messages[i].parts[j].type == type)
                return true;
    return false;
}
