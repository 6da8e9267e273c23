/*
 * What the hosts of the OpenAI dialect answer beside chat: embeddings, a count of tokens, the balance of an account.
 *
 * A balance is looked for under every name that some host has for it, so that one reader serves them all; which host has
 * which address is the table below. Vectors come as numbers or in base64: single precision, but for servers that send
 * double; these are known by it that every other word is all but empty.
 */
#include "provider/openai_codec.h"

#include "base/base64.h"
#include "base/text.h"
#include "provider/decoding.h"

enum { INPUTS_MAXIMUM = 1 << 20 };

/* ---- balance ---- */

const char *llmc_openai_balance_path(const llmc_codec_target *target)
{
    static const struct { const char *preset, *path; } paths[] = {
        { "deepseek", "/user/balance" },   /* balance_infos[]: currency, total_balance */
        { "moonshot", "/users/me/balance" }, { "moonshot-cn", "/users/me/balance" }, /* data.available_balance */
        { "openrouter", "/credits" },      /* data: total_credits, total_usage */
        { "siliconflow", "/user/info" },   /* data.totalBalance */
        { "holysheep", "/user/balance" },  /* balance */
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (!strcmp(paths[i].preset, target->preset->name))
            return paths[i].path;
    return NULL;
}

/* Amounts in millionths, as numbers or as texts. */
enum { SCALE = 6 };

typedef struct balance_members {
    llmc_json_span data, infos, currency, total, available, credits, usage, whole, plain;
} balance_members;

static void read_balance(llmc_json *json, balance_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(balance_members, "data", data), LLMC_WANTED(balance_members, "balance_infos", infos), LLMC_WANTED(balance_members, "currency", currency),
        LLMC_WANTED(balance_members, "total_balance", total), LLMC_WANTED(balance_members, "available_balance", available),
        LLMC_WANTED(balance_members, "total_credits", credits), LLMC_WANTED(balance_members, "total_usage", usage),
        LLMC_WANTED(balance_members, "totalBalance", whole), LLMC_WANTED(balance_members, "balance", plain),
    };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], members);
}

/* Digits beyond a millionth of a unit are left out. */
static bool read_amount(const llmc_json_span *span, int64_t *out)
{
    size_t bytes = span->bytes;
    const char *point = bytes ? memchr(span->text, '.', bytes) : NULL;
    size_t exact = point ? (size_t)(point - span->text) + 1 + SCALE : bytes;
    if (bytes && exact < bytes && !memchr(span->text, 'e', bytes) && !memchr(span->text, 'E', bytes))
        bytes = exact;
    return bytes && llmc_decimal(span->text, bytes, SCALE, out);
}

static llmcost_status tell_balance(llmc_decoder *decoder, int64_t amount, const llmc_json_span *currency)
{
    char text[32], name[8] = "";
    llmc_buffer digits;
    uint64_t size = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount;
    llmc_buffer_init(&digits, decoder->allocator, sizeof text);
    llmc_buffer_add_format(&digits, "%s%llu.%06llu", amount < 0 ? "-" : "", (unsigned long long)(size / 1000000), (unsigned long long)(size % 1000000));
    size_t bytes = digits.length;
    bool failed = digits.failure != LLMC_BUFFER_FINE;
    if (!failed)
        memcpy(text, digits.data, bytes);
    llmc_buffer_free(&digits);
    if (failed)
        return llmc_decoder_no_memory(decoder);
    while (text[bytes - 1] == '0')
        bytes--;
    bytes -= text[bytes - 1] == '.';
    text[bytes] = '\0';
    if (currency->bytes == 3 && !currency->escaped)
        memcpy(name, currency->text, 3);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_BALANCE, .text = text, .bytes = bytes, .tool_name = name });
}

/* One account. *told: it holds an amount under some name. */
static llmcost_status tell_account(llmc_decoder *decoder, const balance_members *members, bool *told)
{
    const llmc_json_span *const names[] = { &members->total, &members->available, &members->whole, &members->plain };
    int64_t amount = 0, used = 0;
    bool found = read_amount(&members->credits, &amount);
    if (found && read_amount(&members->usage, &used))
        amount -= used;
    for (size_t i = 0; !found && i < sizeof names / sizeof names[0]; i++)
        found = read_amount(names[i], &amount);
    *told = *told || found;
    return found ? tell_balance(decoder, amount, &members->currency) : LLMCOST_OK;
}

static llmcost_status tell_accounts(llmc_decoder *decoder, const llmc_json_span *infos, bool *told)
{
    llmc_json json;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, infos->text, infos->bytes);
    if (!infos->bytes || !llmc_json_array(&json))
        return LLMCOST_OK;
    while (!status && llmc_json_next_item(&json)) {
        balance_members members = { 0 };
        read_balance(&json, &members);
        status = tell_account(decoder, &members, told);
    }
    return status;
}

llmcost_status llmc_openai_decode_balance(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json, inner;
    balance_members members = { 0 };
    bool told = false;
    llmc_json_begin(&json, frame->data, frame->bytes);
    read_balance(&json, &members);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, "no JSON");
    llmcost_status status = tell_accounts(decoder, &members.infos, &told);
    if (!status && !told)
        status = tell_account(decoder, &members, &told);
    if (!status && !told && members.data.bytes) {
        llmc_json_begin(&inner, members.data.text, members.data.bytes);
        members = (balance_members){ 0 };
        read_balance(&inner, &members);
        status = tell_account(decoder, &members, &told);
    }
    if (!status && !told)
        return llmc_decode_error_in_success(decoder, frame, "no balance");
    decoder->finished = !status;
    return status;
}

/* ---- count of tokens: {"data": {"total_tokens": 80}} ---- */

llmcost_status llmc_openai_decode_count(llmc_decoder *decoder, const llmc_frame *frame)
{
    static const llmc_wanted_member outer[] = { { "data", sizeof "data" - 1, 0 } }, inner[] = { { "total_tokens", sizeof "total_tokens" - 1, 0 } };
    llmc_json json;
    llmc_json_span data = { 0 }, tokens = { 0 };
    llmc_usage_counts counts;
    llmc_usage_counts_init(&counts);
    llmc_json_begin(&json, frame->data, frame->bytes);
    llmc_read_wanted(&json, outer, 1, &data);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, "no JSON");
    llmc_json_begin(&json, data.text, data.bytes);
    if (data.bytes)
        llmc_read_wanted(&json, inner, 1, &tokens);
    llmc_json_begin(&json, tokens.text, tokens.bytes);
    if (tokens.bytes)
        llmc_usage_read_count(&json, &counts.prompt);
    if (counts.prompt < 0)
        return llmc_decode_error_in_success(decoder, frame, "no count of tokens");
    llmcost_status status = llmc_decoder_emit_usage(decoder, &counts);
    decoder->finished = !status;
    return status;
}

/* ---- embeddings ---- */

typedef struct embedding_members {
    llmc_json_span data, usage, id, model;
} embedding_members;

static uint32_t word_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Single-precision values stored as doubles leave the low 29 bits of each empty; the exponents of singles do not. */
static bool are_doubles(const unsigned char *bytes, size_t length)
{
    if (length == 0 || length % 8)
        return false;
    for (size_t i = 0; i < length; i += 8)
        if (word_at(bytes + i) & 0x1fffffff)
            return false;
    return true;
}

static void add_singles(llmc_buffer *out, const unsigned char *bytes, size_t length)
{
    bool doubles = are_doubles(bytes, length);
    for (size_t i = 0; i < length; i += doubles ? 8 : 4) {
        float single;
        uint32_t word = word_at(bytes + i);
        memcpy(&single, &word, sizeof single);
        if (doubles) {
            double number;
            uint64_t both = word | (uint64_t)word_at(bytes + i + 4) << 32;
            memcpy(&number, &both, sizeof number);
            single = (float)number;
        }
        llmc_buffer_add(out, &single, sizeof single);
    }
}

static llmcost_status read_base64(llmc_decoder *decoder, const llmc_json_span *span)
{
    size_t length = 0;
    unsigned char *bytes = llmc_alloc(decoder->allocator, span->bytes / 4 * 3 + 3);
    if (!bytes)
        return llmc_decoder_no_memory(decoder);
    bool fine = !span->escaped && llmc_base64_decode(span->text, span->bytes, bytes, &length) && length % 4 == 0;
    if (fine)
        add_singles(&decoder->scratch, bytes, length);
    llmc_free(decoder->allocator, bytes);
    return fine ? LLMCOST_OK : llmc_decoder_malformed(decoder, NULL, "a vector that is no base64");
}

/* {"index": 0, "embedding": [...] or "base64"} */
static llmcost_status decode_embedding(llmc_decoder *decoder, llmc_json *json, int64_t index)
{
    llmc_json_key key;
    llmc_json_span text = { 0 };
    llmcost_status status = LLMCOST_OK;
    bool found = false;
    llmc_buffer_clear(&decoder->scratch);
    if (!llmc_json_object(json))
        return llmc_decoder_malformed(decoder, NULL, "a vector that is no object");
    while (!status && llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "index")) {
            llmc_json_integer(json, &index);
        } else if (!llmc_json_key_is(&key, "embedding") || found) {
            llmc_json_skip(json);
        } else if (llmc_json_peek(json) == LLMC_JSON_ARRAY) {
            found = true;
            status = llmc_decoder_read_vector(decoder, json);
        } else {
            found = llmc_json_span_string(json, &text);
            status = found ? read_base64(decoder, &text) : LLMCOST_OK;
        }
    }
    if (status)
        return status;
    if (!found || index < 0 || index >= INPUTS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, found ? "a vector with an impossible index" : "an item without a vector");
    return llmc_decoder_tell_vector(decoder, (uint32_t)index);
}

static llmcost_status introduce(llmc_decoder *decoder, const embedding_members *members)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_decode_member(&members->id, scratch);
    llmc_buffer_add_byte(scratch, '\0');
    size_t model = scratch->length;
    llmc_decode_member(&members->model, scratch);
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + model);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = text, .bytes = strlen(text), .tool_name = text + model });
}

llmcost_status llmc_openai_decode_embeddings(llmc_decoder *decoder, const llmc_frame *frame)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(embedding_members, "data", data), LLMC_WANTED(embedding_members, "usage", usage), LLMC_WANTED(embedding_members, "id", id),
        LLMC_WANTED(embedding_members, "model", model),
    };
    llmc_json json;
    embedding_members members = { 0 };
    llmc_usage_counts counts;
    bool byok = false;
    llmc_json_begin(&json, frame->data, frame->bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], &members);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, "no JSON");
    if (!members.data.bytes || members.data.text[0] != '[')
        return llmc_decode_error_in_success(decoder, frame, "no vectors");
    llmcost_status status = introduce(decoder, &members);
    llmc_json_begin(&json, members.data.text, members.data.bytes);
    llmc_json_array(&json);
    for (int64_t i = 0; !status && llmc_json_next_item(&json); i++)
        status = decode_embedding(decoder, &json, i);
    llmc_usage_counts_init(&counts);
    llmc_json_begin(&json, members.usage.text, members.usage.bytes);
    if (!status && members.usage.bytes && llmc_openai_read_usage(&json, &counts, &byok)) {
        counts.completion = counts.completion > 0 ? counts.completion : -1; /* some say 0 of what there cannot be */
        status = llmc_decoder_emit_usage(decoder, &counts);
    }
    decoder->finished = !status;
    return status;
}
