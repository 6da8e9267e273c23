/*
 * Lines of a receipt: made in the call's arena, annotated, and read by key.
 *
 * A receipt is made for every call, a cache hit too, so nothing here formats text and a line costs one piece of the
 * arena. The keys are one table: a figure that is added there is at once in llmcost_line_key() and in every binding.
 * Totals and savings are savings.c, the written forms receipt_text.c.
 */
#include "money/receipt_lines.h"

#include <endian.h>
#include <stddef.h>

enum { ONE_TO_ONE = 1000000000 };

/* Eight hex digits at once: each half byte to a byte of its own, then 'a' - 10 instead of '0' for those above nine. */
static void write_hex(char *out, uint32_t number)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t digits = number;
    digits = (digits | digits << 16) & UINT64_C(0x0000FFFF0000FFFF);
    digits = (digits | digits << 8) & UINT64_C(0x00FF00FF00FF00FF);
    digits = (digits | digits << 4) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    digits += '0' * each + ((digits + 6 * each) >> 4 & each) * ('a' - '9' - 1);
    digits = htobe64(digits);
    memcpy(out, &digits, sizeof digits);
}

void llmc_receipt_init(llmc_receipt *receipt, uint64_t number, const llmc_currency currency, int64_t wall_ms)
{
    *receipt = (llmc_receipt){
        .number = number, .last = &receipt->lines, .last_decision = &receipt->decisions, .started_wall_ms = wall_ms, .cache_state = "off",
        .delivered_in = -1, .delivered_out = -1,
    };
    memcpy(receipt->currency, currency, sizeof receipt->currency - 1);
}

/* A receipt belongs to one thread at a time, and what is filled in is no change that anybody can see. */
const char *llmc_receipt_id(const llmc_receipt *receipt)
{
    char *id = (char *)receipt->id;
    if (!*id) {
        memcpy(id, "r-", 2);
        write_hex(id + 2, (uint32_t)(receipt->number >> 32));
        write_hex(id + 10, (uint32_t)receipt->number);
    }
    return id;
}

bool llmc_receipt_number(const char *id, uint64_t *number)
{
    *number = 0;
    if (strlen(id) != 18 || id[0] != 'r' || id[1] != '-')
        return false;
    for (const char *at = id + 2; *at; at++) {
        int digit = *at >= '0' && *at <= '9' ? *at - '0' : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *number = *number << 4 | (unsigned)digit;
    }
    return true;
}

llmc_line *llmc_receipt_add(llmc_receipt *receipt, llmc_arena *arena, const char *purpose, int32_t parent)
{
    llmc_line *line = llmc_arena_alloc(arena, sizeof *line);
    if (!line)
        return NULL;
    *line = (llmc_line){
        .index = receipt->line_count++, .parent = parent, .purpose = purpose,
        .provider = "", .model = "", .served_model = "", .request_id = "", .key = "", .original = "",
        .usage = LLMC_USAGE_NONE, .exchange_nano = ONE_TO_ONE, .stated_nano = -1, .bound_nano = -1, .age_ms = -1,
        .started_ms = -1, .first_byte_ms = -1, .duration_ms = -1,
    };
    *receipt->last = line;
    receipt->last = &line->next;
    return line;
}

const char *llmc_receipt_join(llmc_arena *arena, const char *before, const char *name, const char *text)
{
    size_t before_bytes = before ? strlen(before) + 2 : 0, name_bytes = strlen(name), bytes = strlen(text);
    char *joined = llmc_arena_alloc(arena, before_bytes + name_bytes + 2 + bytes + 1), *at = joined;
    if (!joined)
        return before;
    if (before) {
        memcpy(at, before, before_bytes - 2);
        memcpy(at + before_bytes - 2, "; ", 2);
        at += before_bytes;
    }
    memcpy(at, name, name_bytes);
    memcpy(at + name_bytes, ": ", 2);
    memcpy(at + name_bytes + 2, text, bytes + 1);
    return joined;
}

void llmc_line_add_note(llmc_line *line, llmc_arena *arena, const char *note)
{
    static const char between[] = "; ";
    size_t old = line->note ? strlen(line->note) : 0, gap = old ? sizeof between - 1 : 0, more = strlen(note);
    if (!more)
        return;
    char *both = llmc_arena_alloc(arena, old + gap + more + 1);
    if (!both)
        return;
    if (old)
        memcpy(both, line->note, old);
    memcpy(both + old, between, gap);
    memcpy(both + old + gap, note, more + 1);
    line->note = both;
}

/* ---- what a line says of itself ---- */

const char *llmc_line_source(const llmc_line *line)
{
    if (line->flags & LLMC_LINE_STATED)
        return "stated by the provider";
    return line->rates ? line->rates->source : NULL;
}

const char *llmc_line_counts(const llmc_line *line)
{
    if (line->usage.flags & LLMC_USAGE_PRESUMED)
        return "presumed";
    if (line->usage.flags & (LLMC_USAGE_INPUT_ESTIMATED | LLMC_USAGE_OUTPUT_ESTIMATED))
        return "estimated";
    return line->usage.flags & LLMC_USAGE_REPORTED ? "reported" : NULL;
}

static const char *line_status(const llmc_line *line)
{
    return llmcost_status_name(line->status);
}

const llmc_line_flag_name llmc_line_flag_names[LLMC_LINE_FLAG_COUNT] = {
    { LLMC_LINE_SENT, "is_sent" },
    { LLMC_LINE_CACHED, "is_cached" },
    { LLMC_LINE_PRICED, "is_priced" },
    { LLMC_LINE_PRICE_UNKNOWN, "is_price_unknown" },
    { LLMC_LINE_WORST_CASE, "is_worst_case" },
    { LLMC_LINE_PRICE_UNCERTAIN, "is_price_uncertain" },
    { LLMC_LINE_STATED, "is_stated" },
    { LLMC_LINE_STATED_DIFFERS, "is_stated_differs" },
    { LLMC_LINE_DRAINING, "is_draining" },
    { LLMC_LINE_ANSWERED, "is_answered" },
    { LLMC_LINE_FREE, "is_free" },
    { LLMC_LINE_BOUND_EXCEEDED, "is_bound_exceeded" },
    { LLMC_LINE_POLICY_FAILED, "is_policy_failed" },
    { LLMC_LINE_FORMAT_INSTRUCTED, "is_format_instructed" },
    { LLMC_LINE_PART, "is_part" },
    { LLMC_LINE_CUT, "is_cut" },
};

static const char *const class_names[LLMCOST_CLASS_COUNT] = {
#define CLASS_NAME(name, number, text) [number] = text,
    LLMCOST_CLASS_LIST(CLASS_NAME)
#undef CLASS_NAME
};

const char *llmcost_class_name(uint32_t token_class)
{
    return token_class < LLMCOST_CLASS_COUNT ? class_names[token_class] : NULL;
}

/* ---- the keys ---- */

/*
 * How a key finds its figure. A number below `least` is no figure: -1 where nothing was reported, 0 where there is no
 * HTTP status.
 */
typedef struct line_key {
    const char *name, *unit;
    enum { KEY_INT64, KEY_INT32, KEY_TEXT, KEY_FUNCTION } kind;
    int64_t least;
    size_t offset;
    const char *(*text)(const llmc_line *line);
} line_key;

#define INT64(name, unit, least, member) { name, unit, KEY_INT64, least, offsetof(llmc_line, member), NULL }
#define INT32(name, unit, least, member) { name, unit, KEY_INT32, least, offsetof(llmc_line, member), NULL }
#define TEXT(name, member) { name, "", KEY_TEXT, 0, offsetof(llmc_line, member), NULL }
#define FUNCTION(name, function) { name, "", KEY_FUNCTION, 0, 0, function }
#define TOKENS(name, number, text) INT64("tokens_" text, number == LLMCOST_REQUEST ? "count" : "tokens", 0, usage.quantity[number]),

static const line_key keys[] = {
    TEXT("purpose", purpose),
    TEXT("provider", provider),
    TEXT("model", model),
    TEXT("served_model", served_model),
    FUNCTION("status", line_status),
    FUNCTION("source", llmc_line_source),
    TEXT("request_id", request_id),
    TEXT("key", key),
    FUNCTION("counts", llmc_line_counts),
    TEXT("note", note),
    TEXT("original", original),
    INT32("index", "count", 0, index),
    INT32("parent", "count", 0, parent),
    INT32("http_status", "count", 1, http_status),
    INT64("cost_nano", "nano", INT64_MIN, cost_nano),
    INT64("stated_nano", "nano", 0, stated_nano),
    INT64("bound_nano", "nano", 0, bound_nano),
    LLMCOST_CLASS_LIST(TOKENS)
    INT64("started_ms", "ms", 0, started_ms),
    INT64("first_byte_ms", "ms", 0, first_byte_ms),
    INT64("duration_ms", "ms", 0, duration_ms),
    INT64("age_ms", "ms", 0, age_ms),
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

int llmcost_line_key(uint32_t index, const char **name, const char **unit)
{
    if (index >= KEY_COUNT + LLMC_LINE_FLAG_COUNT)
        return 0;
    if (name)
        *name = index < KEY_COUNT ? keys[index].name : llmc_line_flag_names[index - KEY_COUNT].name;
    if (unit)
        *unit = index < KEY_COUNT ? keys[index].unit : "count";
    return 1;
}

static const line_key *find_key(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

static bool flag_number(const llmc_line *line, const char *name, int64_t *out)
{
    for (size_t i = 0; i < LLMC_LINE_FLAG_COUNT; i++) {
        if (strcmp(llmc_line_flag_names[i].name, name) == 0) {
            *out = (line->flags & llmc_line_flag_names[i].flag) != 0;
            return true;
        }
    }
    return false;
}

static int64_t number_at(const char *place, const line_key *key)
{
    int32_t narrow;
    int64_t wide;
    if (key->kind == KEY_INT64) {
        memcpy(&wide, place, sizeof wide);
        return wide;
    }
    memcpy(&narrow, place, sizeof narrow);
    return narrow;
}

bool llmc_line_number(const llmc_line *line, const char *name, int64_t *out)
{
    const line_key *key = find_key(name);
    if (!key)
        return flag_number(line, name, out);
    if (key->kind != KEY_INT64 && key->kind != KEY_INT32)
        return false;
    int64_t value = number_at((const char *)line + key->offset, key);
    bool unpriced = key->offset == offsetof(llmc_line, cost_nano) && llmc_line_is_unpriced(line);
    if (unpriced || value < key->least)
        return false;
    *out = value;
    return true;
}

const char *llmc_line_text(const llmc_line *line, const char *name)
{
    const line_key *key = find_key(name);
    const char *text = NULL;
    if (key && key->kind == KEY_FUNCTION)
        text = key->text(line);
    if (key && key->kind == KEY_TEXT)
        memcpy(&text, (const char *)line + key->offset, sizeof text);
    return text && *text ? text : NULL;
}
