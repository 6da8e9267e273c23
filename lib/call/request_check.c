/*
 * What a request must be like before anything looks at it: no NULL where something belongs, UTF-8, enums and numbers in
 * range, nothing set that would be dropped silently.
 *
 * It runs before every call, so it walks the request once and formats nothing but a failure. Zero is the default of
 * every field: where all that is rarely set is zero, one look says so, and only otherwise is each looked at. Left to
 * the codecs: what only some providers cannot do, and whether JSON texts are JSON.
 */
#include "call/request.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME_BYTES = 1024, MAX_CHOICES = 128, MAX_TOP_LOGPROBS = 20, MOST_PRIORITY = 1000 };
static const size_t max_message_bytes = (size_t)256 << 20;

/* Where the check is, for messages: "messages[3].parts[0]." */
typedef struct checker {
    llmcost_error *error;
    const char *array, *inner; /* NULL: not inside one */
    uint32_t index, inner_index;
    size_t room;               /* of bytes, in the message at hand */
    bool *names_files;         /* set where a part is a file */
} checker;

__attribute__((format(printf, 3, 4), cold)) static void explain(const checker *check, const char *field, const char *format, ...)
{
    char outer[48] = "", inner[48] = "", why[400];
    if (check->array)
        snprintf(outer, sizeof outer, "%s[%u]%s", check->array, check->index, *field || check->inner ? "." : "");
    if (check->inner)
        snprintf(inner, sizeof inner, "%s[%u]%s", check->inner, check->inner_index, *field ? "." : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    llmc_error_set(check->error, LLMCOST_E_INVALID, "%s%s%s %s", outer, inner, field, why);
}

/* A status that the compiler knows: nothing behind a failure is compiled as if the check could go on. */
#define fail(...) (explain(__VA_ARGS__), LLMCOST_E_INVALID)

#define CHECK(call)                 \
    do {                            \
        llmcost_status got = (call); \
        if (got)                    \
            return got;             \
    } while (0)

/* ---- single fields ---- */

/* Whether a field is set, from `first` on to the end of the struct: one that is added there is among them. */
#define ANY_SET_FROM(type, first, of) any_set(of, offsetof(type, first), sizeof(type))

static inline bool any_set(const void *of, size_t from, size_t end)
{
    uintptr_t all = 0, word;
#pragma GCC unroll 16
    for (size_t at = from; at < end; at += sizeof word) {
        memcpy(&word, (const char *)of + at, sizeof word);
        all |= word;
    }
    return all;
}

static llmcost_status take_room(checker *check, const char *field, size_t bytes)
{
    if (bytes > check->room)
        return fail(check, field, "makes this part of the request larger than 256 MB");
    check->room -= bytes;
    return LLMCOST_OK;
}

/* A text of any content; bytes 0: up to its zero byte. NULL is fine. */
static inline llmcost_status check_text(checker *check, const char *field, const char *text, size_t bytes)
{
    if (!text)
        return bytes ? fail(check, field, "is missing, but its length is given") : LLMCOST_OK;
    if (!bytes)
        bytes = strlen(text);
    llmcost_status status = take_room(check, field, bytes);
    if (status)
        return status;
    return llmc_utf8_valid(text, bytes) ? LLMCOST_OK : fail(check, field, "is not valid UTF-8");
}

/* The high bit of a byte is set where one of eight is not printing ASCII. What a byte borrows or carries reaches only those above one that is marked itself. */
static uint64_t marked(uint64_t eight)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    return eight | (eight + each) | (eight - 0x20 * each); /* above 0x7E, 0x7F, below 0x20 */
}

/* All bytes of a text of one to seven, some of them twice. */
static uint64_t short_text(const char *text, size_t bytes)
{
    uint32_t first, last;
    if (bytes < sizeof first)
        return UINT64_C(0x2020202020000000) | (uint64_t)(unsigned char)text[0] << 16 | (uint64_t)(unsigned char)text[bytes / 2] << 8 | (unsigned char)text[bytes - 1];
    memcpy(&first, text, sizeof first);
    memcpy(&last, text + bytes - sizeof last, sizeof last);
    return first | (uint64_t)last << 32;
}

/* Such texts are many: eight bytes at a time, the last ones once more with what stands before them. */
__attribute__((noinline)) static bool is_printing_ascii(const char *text, size_t bytes)
{
    uint64_t eight, marks = 0;
    for (size_t at = 0; at + sizeof eight < bytes; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        marks |= marked(eight);
    }
    if (bytes < sizeof eight)
        eight = short_text(text, bytes);
    else
        memcpy(&eight, text + bytes - sizeof eight, sizeof eight);
    return !((marks | marked(eight)) & UINT64_C(0x8080808080808080));
}

/* What stands out: either it is in order, or what is wrong with it. */
__attribute__((cold, noinline)) static llmcost_status check_odd_line(checker *check, const char *field, const char *text, size_t bytes, size_t most)
{
    if (!llmc_text_is_header_safe(text))
        return fail(check, field, "holds a control character");
    if (!llmc_utf8_valid(text, bytes))
        return fail(check, field, "is not valid UTF-8");
    CHECK(take_room(check, field, bytes));
    return bytes <= most ? LLMCOST_OK : fail(check, field, "is longer than %zu bytes", most);
}

/* A text of one line, not empty. */
static inline llmcost_status check_line(checker *check, const char *field, const char *text, size_t most)
{
    size_t bytes = strlen(text);
    if (!is_printing_ascii(text, bytes) || bytes > check->room || bytes > most)
        return check_odd_line(check, field, text, bytes, most);
    check->room -= bytes;
    return LLMCOST_OK;
}

/* A short line that must be there. */
static inline llmcost_status check_name(checker *check, const char *field, const char *text)
{
    if (!text || !*text)
        return fail(check, field, text ? "is empty" : "is missing");
    return check_line(check, field, text, MAX_NAME_BYTES);
}

static llmcost_status check_optional_name(checker *check, const char *field, const char *text)
{
    return text ? check_name(check, field, text) : LLMCOST_OK;
}

__attribute__((cold, noinline)) static void explain_range(const checker *check, const char *field, int64_t value, int64_t least, int64_t most)
{
    if (most == INT64_MAX)
        explain(check, field, "is %lld: it must be %lld or more", (long long)value, (long long)least);
    else
        explain(check, field, "is %lld: it must be %lld to %lld", (long long)value, (long long)least, (long long)most);
}

__attribute__((always_inline)) static inline llmcost_status check_range(const checker *check, const char *field, int64_t value, int64_t least, int64_t most)
{
    return value >= least && value <= most ? LLMCOST_OK : (explain_range(check, field, value, least, most), LLMCOST_E_INVALID);
}

static llmcost_status check_array(const checker *check, const char *field, const void *items, uint32_t count)
{
    if (count > LLMC_REQUEST_MAX_ITEMS)
        return fail(check, field, "has %u items: more than %d make no sense", count, LLMC_REQUEST_MAX_ITEMS);
    return count && !items ? fail(check, field, "is NULL, but its count is %u", count) : LLMCOST_OK;
}

/* One of the request's own arrays: what is checked next are its items. */
static inline llmcost_status enter(checker *items, const char *array, const void *at, uint32_t count)
{
    items->array = NULL;
    items->room = max_message_bytes;
    CHECK(check_array(items, array, at, count));
    items->array = array;
    return LLMCOST_OK;
}

static llmcost_status check_zero(const checker *check, const void *reserved, size_t bytes)
{
    const unsigned char *at = reserved;
    unsigned char any = 0;
    for (size_t i = 0; i < bytes; i++)
        any |= at[i];
    return any ? fail(check, "reserved", "is not 0: begin with zeroed memory") : LLMCOST_OK;
}

/* ---- messages ---- */

static llmcost_status check_detail(const checker *check, const char *detail)
{
    if (!detail || strcmp(detail, "auto") == 0 || strcmp(detail, "low") == 0 || strcmp(detail, "high") == 0)
        return LLMCOST_OK;
    return fail(check, "detail", "is not known: auto, low, high or NULL");
}

static llmcost_status check_image_url(checker *check, const llmcost_part *part)
{
    if (!part->url || !*part->url)
        return fail(check, "url", "is missing: set it, or use LLMCOST_PART_IMAGE");
    CHECK(check_line(check, "url", part->url, SIZE_MAX));
    return check_detail(check, part->detail);
}

static llmcost_status check_data(checker *check, const llmcost_part *part, const char *advice, const char *example)
{
    if (!part->data || !part->data_bytes)
        return fail(check, "data", "is missing: set data and data_bytes%s", advice);
    if (!part->media_type || !*part->media_type)
        return fail(check, "media_type", "is missing: set it, such as \"%s\"", example);
    CHECK(check_name(check, "media_type", part->media_type));
    return take_room(check, "data", part->data_bytes);
}

static llmcost_status check_document(checker *check, const llmcost_part *part)
{
    CHECK(check_optional_name(check, "detail", part->detail));
    if (!part->url)
        return check_data(check, part, ", or url", "application/pdf");
    if (part->data_bytes)
        return fail(check, "url", "and data are both set: a document is one or the other");
    CHECK(check_optional_name(check, "media_type", part->media_type));
    if (!*part->url)
        return fail(check, "url", "is empty");
    return check_line(check, "url", part->url, SIZE_MAX);
}

static llmcost_status check_file(checker *check, const llmcost_part *part)
{
    if (!part->url || !*part->url)
        return fail(check, "url", "is missing: set it to the path of a file");
    if (part->data_bytes)
        return fail(check, "data", "is set: a file's content is read from its path");
    CHECK(check_optional_name(check, "media_type", part->media_type));
    CHECK(check_optional_name(check, "detail", part->detail));
    *check->names_files = true;
    return LLMCOST_OK;
}

/* Parts that hold no text. */
__attribute__((cold, noinline)) static llmcost_status check_content(checker *check, const llmcost_part *part)
{
    switch (part->type) {
    case LLMCOST_PART_IMAGE_URL:
        return check_image_url(check, part);
    case LLMCOST_PART_IMAGE:
        CHECK(check_data(check, part, ", or use LLMCOST_PART_IMAGE_URL", "image/png"));
        return check_detail(check, part->detail);
    case LLMCOST_PART_AUDIO:
        if (part->detail)
            return fail(check, "detail", "is set: audio has none");
        return check_data(check, part, "", "audio/wav");
    case LLMCOST_PART_DOCUMENT:
        return check_document(check, part);
    default:
        return check_file(check, part);
    }
}

static llmcost_status check_part(checker *check, const llmcost_part *part, int32_t role)
{
    CHECK(check_range(check, "type", part->type, LLMCOST_PART_TEXT, LLMCOST_PART_FILE));
    CHECK(check_zero(check, &part->reserved, sizeof part->reserved));
    if (part->type != LLMCOST_PART_TEXT && part->type != LLMCOST_PART_REASONING && part->type != LLMCOST_PART_REASONING_HIDDEN)
        return check_content(check, part);
    if (!part->text)
        return fail(check, "text", "is missing");
    CHECK(check_text(check, "text", part->text, part->text_bytes));
    if (part->type == LLMCOST_PART_TEXT)
        return LLMCOST_OK;
    if (role != LLMCOST_ASSISTANT)
        return fail(check, "type", "is reasoning: only a message of the assistant may have it");
    return check_text(check, "signature", part->signature, 0);
}

static llmcost_status check_parts(checker *check, const llmcost_message *message)
{
    CHECK(check_array(check, "parts", message->parts, message->part_count));
    if (message->text && message->part_count)
        return fail(check, "text", "and parts are both set: content is one or the other");
    check->inner = "parts";
    for (uint32_t i = 0; i < message->part_count; i++) {
        check->inner_index = i;
        CHECK(check_part(check, &message->parts[i], message->role));
    }
    check->inner = NULL;
    return LLMCOST_OK;
}

__attribute__((cold, noinline)) static llmcost_status check_tool_calls(checker *check, const llmcost_message *message)
{
    CHECK(check_array(check, "tool_calls", message->tool_calls, message->tool_call_count));
    if (message->tool_call_count && message->role != LLMCOST_ASSISTANT)
        return fail(check, "tool_calls", "is set: only a message of the assistant may have it");
    check->inner = "tool_calls";
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        const llmcost_tool_call *call = &message->tool_calls[i];
        check->inner_index = i;
        if (!call->id)
            return fail(check, "id", "is missing: set it to the id that the model gave, \"\" where it gave none");
        if (*call->id)
            CHECK(check_line(check, "id", call->id, SIZE_MAX));
        CHECK(check_name(check, "name", call->name));
        if (!call->arguments)
            return fail(check, "arguments", "is missing: set it to \"{}\" for none");
        CHECK(check_text(check, "arguments", call->arguments, 0));
        CHECK(check_range(check, "is_custom", call->is_custom, 0, 1));
        CHECK(check_zero(check, call->reserved, sizeof call->reserved));
    }
    check->inner = NULL;
    return LLMCOST_OK;
}

static llmcost_status check_tool_result(checker *check, const llmcost_message *message)
{
    if (message->role == LLMCOST_TOOL && !message->tool_call_id)
        return fail(check, "tool_call_id", "is missing: set it to the id of the tool call that this is the result of");
    if (message->role != LLMCOST_TOOL && message->tool_call_id)
        return fail(check, "tool_call_id", "is set: only a message of role LLMCOST_TOOL may have it");
    if (message->role != LLMCOST_TOOL && message->is_error)
        return fail(check, "is_error", "is set: only a message of role LLMCOST_TOOL may have it");
    return message->tool_call_id && *message->tool_call_id ? check_line(check, "tool_call_id", message->tool_call_id, SIZE_MAX) : LLMCOST_OK;
}

__attribute__((cold, noinline)) static llmcost_status check_rich_message(checker *check, const llmcost_message *message)
{
    CHECK(check_range(check, "role", message->role, LLMCOST_USER, LLMCOST_TOOL));
    CHECK(check_range(check, "is_error", message->is_error, 0, 1));
    CHECK(check_range(check, "cache_mark", message->cache_mark, 0, 1));
    CHECK(check_zero(check, message->reserved, sizeof message->reserved));
    CHECK(check_text(check, "text", message->text, message->text_bytes));
    if (message->parts || message->part_count)
        CHECK(check_parts(check, message));
    if (message->tool_calls || message->tool_call_count)
        CHECK(check_tool_calls(check, message));
    if (!message->text && !message->part_count && !message->tool_call_count)
        return fail(check, "text", "is missing: set text or parts");
    CHECK(check_tool_result(check, message));
    return check_optional_name(check, "name", message->name);
}

/* As most are. */
static bool is_only_text(const llmcost_message *message)
{
    _Static_assert(offsetof(llmcost_message, parts) % sizeof(uintptr_t) == 0, "what any_set() looks at is whole words");
    bool has_role = message->role == LLMCOST_USER || message->role == LLMCOST_SYSTEM || message->role == LLMCOST_ASSISTANT;
    int flags = message->is_error | message->cache_mark | message->reserved[0] | message->reserved[1];
    return has_role && !flags && message->text && !ANY_SET_FROM(llmcost_message, parts, message);
}

static llmcost_status check_message(checker *check, const llmcost_message *message)
{
    check->room = max_message_bytes;
    return is_only_text(message) ? check_text(check, "text", message->text, message->text_bytes) : check_rich_message(check, message);
}

static llmcost_status check_messages(checker *items, const llmcost_request *request)
{
    if (!request->message_count)
        return fail(items, "messages", "is empty: a request needs at least one message");
    CHECK(enter(items, "messages", request->messages, request->message_count));
    for (uint32_t i = 0; i < request->message_count; i++) {
        items->index = i;
        CHECK(check_message(items, &request->messages[i]));
    }
    return LLMCOST_OK;
}

/* ---- tools, tags, stop texts ---- */

__attribute__((cold, noinline)) static llmcost_status check_tools(checker *items, const llmcost_request *request)
{
    CHECK(enter(items, "tools", request->tools, request->tool_count));
    for (uint32_t i = 0; i < request->tool_count; i++) {
        const llmcost_tool *tool = &request->tools[i];
        items->index = i;
        items->room = max_message_bytes;
        CHECK(check_name(items, "name", tool->name));
        CHECK(check_text(items, "description", tool->description, 0));
        CHECK(check_text(items, "parameters", tool->parameters, 0));
        CHECK(check_range(items, "strict", tool->strict, 0, 1));
        CHECK(check_range(items, "cache_mark", tool->cache_mark, 0, 1));
        CHECK(check_zero(items, tool->reserved, sizeof tool->reserved));
    }
    return LLMCOST_OK;
}

static llmcost_status check_tags(checker *items, const llmcost_request *request)
{
    CHECK(enter(items, "tags", request->tags, request->tag_count));
    for (uint32_t i = 0; i < request->tag_count; i++) {
        items->index = i;
        items->room = max_message_bytes;
        CHECK(check_name(items, "name", request->tags[i].name));
        CHECK(check_name(items, "value", request->tags[i].value));
    }
    return LLMCOST_OK;
}

__attribute__((cold, noinline)) static llmcost_status check_stops(checker *items, const llmcost_request *request)
{
    CHECK(enter(items, "stop", request->stop, request->stop_count));
    for (uint32_t i = 0; i < request->stop_count; i++) {
        items->index = i;
        if (!request->stop[i] || !*request->stop[i])
            return fail(items, "", "is %s", request->stop[i] ? "empty" : "NULL");
        CHECK(check_text(items, "", request->stop[i], 0));
    }
    return LLMCOST_OK;
}

/* ---- the request's own fields ---- */

static llmcost_status check_fraction(const checker *check, const char *field, uint8_t has, double value, int most)
{
    if (has > 1)
        return fail(check, field, "is announced by a has_%s of %u: it must be 0 or 1", field, has);
    if (!has)
        return value != 0 ? fail(check, field, "is set, but has_%s is 0: set has_%s to 1", field, field) : LLMCOST_OK;
    return isfinite(value) && value >= 0 && value <= most ? LLMCOST_OK : fail(check, field, "must be 0 to %d", most);
}

__attribute__((noinline)) static llmcost_status check_sampling(const checker *check, const llmcost_request *request)
{
    CHECK(check_fraction(check, "temperature", request->has_temperature, request->temperature, 2));
    CHECK(check_fraction(check, "top_p", request->has_top_p, request->top_p, 1));
    CHECK(check_range(check, "has_seed", request->has_seed, 0, 1));
    if (!request->has_seed && request->seed)
        return fail(check, "seed", "is set, but has_seed is 0: set has_seed to 1");
    CHECK(check_range(check, "logprobs", request->logprobs, 0, 1));
    CHECK(check_range(check, "top_logprobs", request->top_logprobs, 0, MAX_TOP_LOGPROBS));
    if (request->top_logprobs && !request->logprobs)
        return fail(check, "top_logprobs", "needs logprobs");
    return check_range(check, "n", request->n, 0, MAX_CHOICES);
}

__attribute__((cold, noinline)) static llmcost_status check_limits(checker *check, const llmcost_request *request)
{
    CHECK(check_range(check, "thinking_budget_tokens", request->thinking_budget_tokens, 0, INT64_MAX));
    CHECK(check_range(check, "cache_ttl_ms", request->cache_ttl_ms, 0, INT64_MAX));
    CHECK(check_range(check, "input_bound_tokens", request->input_bound_tokens, 0, INT64_MAX));
    CHECK(check_range(check, "priority", request->priority, -MOST_PRIORITY, MOST_PRIORITY));
    const uint32_t reserved = request->reserved0 | request->reserved2;
    CHECK(check_zero(check, &reserved, sizeof reserved));
    CHECK(check_range(check, "cache", request->cache, LLMCOST_CACHE_DEFAULT, LLMCOST_CACHE_ONLY));
    CHECK(check_optional_name(check, "cache_namespace", request->cache_namespace));
    return check_text(check, "extra", request->extra, 0);
}

static llmcost_status check_choices(checker *check, const llmcost_request *request)
{
    CHECK(check_range(check, "parallel_tool_calls", request->parallel_tool_calls, LLMCOST_DEFAULT, LLMCOST_OFF));
    CHECK(check_range(check, "cache_sampled", request->cache_sampled, LLMCOST_DEFAULT, LLMCOST_OFF));
    CHECK(check_range(check, "effort", request->effort, LLMCOST_EFFORT_DEFAULT, LLMCOST_EFFORT_MAX));
    CHECK(check_range(check, "tool_choice", request->tool_choice, LLMCOST_TOOLS_AUTO, LLMCOST_TOOLS_ONE));
    if (request->tool_choice == LLMCOST_TOOLS_ONE)
        return check_name(check, "tool_choice_name", request->tool_choice_name);
    if (request->tool_choice_name)
        return fail(check, "tool_choice_name", "is set, but tool_choice is not LLMCOST_TOOLS_ONE");
    return LLMCOST_OK;
}

static llmcost_status check_format(checker *check, const llmcost_request *request)
{
    CHECK(check_range(check, "format", request->format, LLMCOST_FORMAT_TEXT, LLMCOST_FORMAT_JSON_SCHEMA));
    CHECK(check_range(check, "format_strict", request->format_strict, 0, 1));
    if (request->format == LLMCOST_FORMAT_JSON_SCHEMA && !request->format_schema)
        return fail(check, "format_schema", "is missing: set it to a JSON Schema, or use LLMCOST_FORMAT_JSON");
    if (request->format != LLMCOST_FORMAT_JSON_SCHEMA && request->format_schema)
        return fail(check, "format_schema", "is set, but format is not LLMCOST_FORMAT_JSON_SCHEMA");
    CHECK(check_text(check, "format_schema", request->format_schema, 0));
    return check_optional_name(check, "format_name", request->format_name);
}

/* What the answer is to be like. */
__attribute__((cold, noinline)) static llmcost_status check_answer(checker *check, const llmcost_request *request)
{
    CHECK(check_choices(check, request));
    CHECK(check_format(check, request));
    return check_optional_name(check, "end_user", request->end_user);
}

/* ---- what belongs to one operation only ---- */

typedef struct field {
    const char *name;
    size_t offset, bytes;
} field;

#define FIELD(name) { #name, offsetof(llmcost_request, name), sizeof(((llmcost_request *)0)->name) }

/* What questions have. */
static const field of_chat[] = {
    FIELD(messages), FIELD(message_count), FIELD(tools), FIELD(tool_count), FIELD(stop), FIELD(stop_count), FIELD(max_tokens), FIELD(seed), FIELD(has_seed),
    FIELD(temperature), FIELD(has_temperature), FIELD(top_p), FIELD(has_top_p), FIELD(logprobs), FIELD(top_logprobs), FIELD(n), FIELD(parallel_tool_calls),
    FIELD(tool_choice), FIELD(tool_choice_name), FIELD(format), FIELD(format_strict), FIELD(format_name), FIELD(format_schema), FIELD(effort),
    FIELD(thinking_budget_tokens), FIELD(cache_sampled), FIELD(end_user),
};
static const field of_embedding[] = { FIELD(inputs), FIELD(input_bytes), FIELD(input_count), FIELD(dimensions), FIELD(input_purpose) };

/* Whatever would be dropped silently is refused. */
__attribute__((cold, noinline)) static llmcost_status refuse_fields(const checker *check, const llmcost_request *request, const field *fields, size_t count, const char *why)
{
    static const char nothing[sizeof(double)];
    for (size_t i = 0; i < count; i++) {
        if (memcmp((const char *)request + fields[i].offset, nothing, fields[i].bytes) != 0)
            return fail(check, fields[i].name, "%s", why);
    }
    return LLMCOST_OK;
}

static bool has_inputs(const llmcost_request *request)
{
    uint32_t numbers = request->input_count | (uint32_t)request->dimensions | (uint32_t)request->input_purpose;
    return numbers || (uintptr_t)request->inputs | (uintptr_t)request->input_bytes;
}

__attribute__((cold, noinline)) static llmcost_status check_inputs(const checker *check, checker *items, const llmcost_request *request)
{
    CHECK(refuse_fields(check, request, of_chat, sizeof of_chat / sizeof of_chat[0], "is set: an embedding takes none"));
    if (!request->input_count)
        return fail(check, "inputs", "is empty: an embedding needs at least one text");
    CHECK(enter(items, "inputs", request->inputs, request->input_count));
    CHECK(check_range(check, "dimensions", request->dimensions, 0, INT32_MAX));
    CHECK(check_range(check, "input_purpose", request->input_purpose, LLMCOST_INPUT_ANY, LLMCOST_INPUT_CLUSTERING));
    for (uint32_t i = 0; i < request->input_count; i++) {
        items->index = i;
        items->room = max_message_bytes;
        if (!request->inputs[i])
            return fail(items, "", "is NULL");
        if (!*request->inputs[i] && !(request->input_bytes && request->input_bytes[i]))
            return fail(items, "", "is empty: there is nothing to embed");
        CHECK(check_text(items, "", request->inputs[i], request->input_bytes ? request->input_bytes[i] : 0));
    }
    return LLMCOST_OK;
}

/* Whether anything is set of what most requests leave at zero: all but texts, sampling, and how long the answer may be. */
static bool has_rare_fields(const llmcost_request *request)
{
    _Static_assert(offsetof(llmcost_request, tool_choice) % sizeof(uintptr_t) == 0, "what any_set() looks at is whole words");
    int flags = request->parallel_tool_calls | request->format_strict | request->cache_sampled | request->reserved0;
    return flags || ANY_SET_FROM(llmcost_request, tool_choice, request);
}

static llmcost_status check_chat(checker *check, checker *items, const llmcost_request *request, bool rare)
{
    if (rare && has_inputs(request))
        return refuse_fields(check, request, of_embedding, sizeof of_embedding / sizeof of_embedding[0], "is set: it belongs to llmcost_embed()");
    CHECK(check_messages(items, request));
    if (request->tool_count)
        CHECK(check_tools(items, request));
    if (request->stop_count)
        CHECK(check_stops(items, request));
    if (any_set(request, offsetof(llmcost_request, seed), offsetof(llmcost_request, tool_choice)))
        CHECK(check_sampling(check, request));
    return rare ? check_answer(check, request) : LLMCOST_OK;
}

llmcost_status llmc_request_check(const llmcost_request *request, llmc_operation_id operation, bool *names_files, llmcost_error *error)
{
    checker check = { .error = error, .room = max_message_bytes, .names_files = names_files };
    checker items = { .error = error, .names_files = names_files };
    if (!request->model || !*request->model)
        return fail(&check, "model", "is %s: name a route, an alias or a \"provider/model\"", request->model ? "empty" : "missing");
    CHECK(check_line(&check, "model", request->model, MAX_NAME_BYTES));
    bool rare = has_rare_fields(request);
    if (operation == LLMC_OP_EMBED)
        CHECK(check_inputs(&check, &items, request));
    else
        CHECK(check_chat(&check, &items, request, rare));
    if (request->tag_count)
        CHECK(check_tags(&items, request));
    CHECK(check_range(&check, "max_tokens", request->max_tokens, 0, INT64_MAX));
    return rare ? check_limits(&check, request) : LLMCOST_OK;
}
