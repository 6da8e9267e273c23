/*
 * Failures of any provider into one taxonomy. A body is searched for what it says about itself (code, message), whatever
 * its shape; then, in this order: a code that overrides the HTTP status, words of the message that do, the HTTP status,
 * and for failures that hide behind a 2xx what the body's own code or type says.
 *
 * Codes are compared whole or by a prefix or a part, as data. A code that the error has already (a header of Amazon's, the
 * name of an exception in a stream) comes before those of the body.
 */
#include "provider/decoding.h"

#include "base/text.h"
#include "provider/presets.h"

enum { DEPTH_MAXIMUM = 6 };

/* What a body says. Spans are of the body. */
typedef struct error_facts {
    llmc_json_span message, request_id, retry_delay;
    llmc_json_span codes[8]; /* textual ones, in the order they came */
    size_t code_count;
    uint32_t kinds;          /* a bit for each that names a kind of errors ("type") rather than this one */
    int64_t number;          /* a numeric code; 0: none */
    int64_t own_number;      /* base_resp.status_code, error_code */
    bool has_reasons;        /* OpenRouter: metadata.reasons of a moderation */
    enum { SPACE_NONE = 0, SPACE_MINIMAX, SPACE_QIANFAN } space;
    uint64_t quirks;         /* whose numbers these may be */
} error_facts;

/* ---- tables ---- */

/* Codes with a blank between them: "Abc" is the whole code, "Abc*" its beginning, "*Abc*" (with both stars) a part of it. */
typedef struct code_rule {
    llmcost_status status;
    const char *codes;
} code_rule;

/* Codes that say more than the HTTP status. */
static const code_rule strong_codes[] = {
    { LLMCOST_E_AUTH, "invalid_api_key API_KEY_INVALID InvalidApiKey UnrecognizedClientException InvalidSignatureException "
                      "ExpiredTokenException MissingAuthenticationTokenException IncompleteSignatureException AuthFailure* "
                      "invalid_iam_token invalid_appid invalid_authentication_error" },
    { LLMCOST_E_PERMISSION, "UnauthorizedOperation* Model.AccessDenied" },
    { LLMCOST_E_QUOTA, "insufficient_quota credit_balance_exhausted *spend_limit_exceeded* organization_usage_limit_exceeded "
                       "billing_error exceeded_current_quota_error AccountOverdueError QuotaExceeded *Arrear* "
                       "AllocationQuota.FreeTierOnly *LowBalance* *ChargeResourceExhaust* *PackExhausted* *insufficient_balance*" },
    { LLMCOST_E_CONTEXT_LENGTH, "context_length_exceeded tokens_too_long characters_too_long string_above_max_length" },
    { LLMCOST_E_CONTENT_FILTER, "content_filter ResponsibleAIPolicyViolation content_policy_violation DataInspectionFailed "
                                "data_inspection_failed Sensitive* *SensitiveContentDetected* *RiskDetection* unsafe_request "
                                "*TextIllegalDetected*" },
    { LLMCOST_E_OVERLOADED, "overloaded_error slow_down engine_overloaded_error ServerOverloaded ModelNotReadyException ModelUnavailable "
                            "ServiceUnavailable" },
    { LLMCOST_E_RATE_LIMITED, "ServiceQuotaExceededException LimitExceeded *EngineServerLimitExceeded* Throttling* rpm_rate_limit_exceeded "
                              "tpm_rate_limit_exceeded" },
    { LLMCOST_E_PERMISSION, "FAILED_PRECONDITION" }, /* Google: the region */
    { LLMCOST_E_QUOTA, "BILLING_DISABLED" }, /* Google: no account that pays */
    { LLMCOST_E_NOT_FOUND, "model_not_found InvalidEndpointOrModel.NotFound ModelNotFound invalid_model" },
    { LLMCOST_E_SERVER_TIMEOUT, "*EngineRequestTimeout*" },
};

/* Kinds that are told apart by the HTTP status where there is one, and speak for themselves behind a 2xx. */
static const code_rule weak_codes[] = {
    { LLMCOST_E_INVALID_REQUEST, "invalid_request* invalid_prompt invalid_image* invalid_base64_image" },
    { LLMCOST_E_CONTENT_FILTER, "image_content_policy_violation" },
    { LLMCOST_E_INVALID_REQUEST, "image_* InvalidParameter* BadRequest* tool_use_failed INVALID_ARGUMENT request_too_large ValidationException" },
    { LLMCOST_E_AUTH, "authentication_error UNAUTHENTICATED" },
    { LLMCOST_E_PERMISSION, "AccessDeniedException permission_error PERMISSION_DENIED access_denied" },
    { LLMCOST_E_NOT_FOUND, "ResourceNotFoundException not_found* resource_not_found*" },
    { LLMCOST_E_SERVER_TIMEOUT, "ModelTimeoutException timeout* DEADLINE_EXCEEDED" },
    { LLMCOST_E_OVERLOADED, "ServiceUnavailableException overloaded* UNAVAILABLE service_unavailable*" },
    { LLMCOST_E_RATE_LIMITED, "rate_limit* RateLimit* RESOURCE_EXHAUSTED" },
};

/* Words of the message; only where the HTTP status is one of `among`, for a throttled call may also speak of tokens. */
enum { BAD = 1, REFUSED = 2, LIMITED = 4, HIDDEN = 8 }; /* 400 413 422; 401 402 403; 429; 2xx */

static const struct text_rule {
    const char *text;
    llmcost_status status;
    int among;
} text_rules[] = {
    { "credit balance is too low", LLMCOST_E_QUOTA, BAD | REFUSED | LIMITED | HIDDEN },
    { "insufficient balance", LLMCOST_E_QUOTA, BAD | REFUSED | LIMITED | HIDDEN },
    { "used all available credits", LLMCOST_E_QUOTA, BAD | REFUSED | LIMITED | HIDDEN },
    { "prompt is too long", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "all messages is too long", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "input is too long", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "exceeds the maximum number of tokens", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "range of input length should be", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "maximum context length", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "maximum prompt length", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "context window", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "context length", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "context size", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "too many tokens", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "too many input tokens", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "input tokens exceed", LLMCOST_E_CONTEXT_LENGTH, BAD | HIDDEN },
    { "model identifier is invalid", LLMCOST_E_NOT_FOUND, BAD },
    { "incorrect api key", LLMCOST_E_AUTH, BAD | REFUSED },
    { "invalid api key", LLMCOST_E_AUTH, BAD | REFUSED },
};

typedef struct number_rule {
    int32_t number;
    llmcost_status status;
} number_rule;

/* Zhipu sends them as text, {"error":{"code":"1113"}}. */
static const number_rule zhipu_numbers[] = {
    { 1000, LLMCOST_E_AUTH }, { 1001, LLMCOST_E_AUTH }, { 1002, LLMCOST_E_AUTH }, { 1003, LLMCOST_E_AUTH }, { 1004, LLMCOST_E_AUTH }, { 1005, LLMCOST_E_AUTH },
    { 1110, LLMCOST_E_PERMISSION }, { 1111, LLMCOST_E_PERMISSION }, { 1112, LLMCOST_E_PERMISSION }, { 1113, LLMCOST_E_QUOTA },
    { 1120, LLMCOST_E_PERMISSION }, { 1121, LLMCOST_E_PERMISSION }, { 1210, LLMCOST_E_INVALID_REQUEST }, { 1211, LLMCOST_E_NOT_FOUND },
    { 1213, LLMCOST_E_INVALID_REQUEST }, { 1214, LLMCOST_E_INVALID_REQUEST }, { 1215, LLMCOST_E_INVALID_REQUEST }, { 1220, LLMCOST_E_PERMISSION },
    { 1234, LLMCOST_E_SERVER }, { 1261, LLMCOST_E_CONTEXT_LENGTH }, { 1301, LLMCOST_E_CONTENT_FILTER }, { 1302, LLMCOST_E_RATE_LIMITED },
    { 1303, LLMCOST_E_RATE_LIMITED }, { 1304, LLMCOST_E_QUOTA }, { 1305, LLMCOST_E_RATE_LIMITED }, { 1308, LLMCOST_E_QUOTA },
    { 1310, LLMCOST_E_QUOTA }, { 1312, LLMCOST_E_OVERLOADED },
};

static const number_rule minimax_numbers[] = {
    { 1000, LLMCOST_E_SERVER }, { 1001, LLMCOST_E_SERVER_TIMEOUT }, { 1002, LLMCOST_E_RATE_LIMITED }, { 1004, LLMCOST_E_AUTH },
    { 1008, LLMCOST_E_QUOTA }, { 1013, LLMCOST_E_SERVER }, { 1026, LLMCOST_E_CONTENT_FILTER }, { 1027, LLMCOST_E_CONTENT_FILTER },
    { 1039, LLMCOST_E_RATE_LIMITED }, { 2013, LLMCOST_E_INVALID_REQUEST }, { 2049, LLMCOST_E_AUTH },
};

static const number_rule qianfan_numbers[] = {
    { 4, LLMCOST_E_RATE_LIMITED }, { 6, LLMCOST_E_PERMISSION }, { 13, LLMCOST_E_AUTH }, { 14, LLMCOST_E_AUTH }, { 17, LLMCOST_E_QUOTA },
    { 18, LLMCOST_E_RATE_LIMITED }, { 19, LLMCOST_E_QUOTA }, { 100, LLMCOST_E_AUTH }, { 110, LLMCOST_E_AUTH }, { 111, LLMCOST_E_AUTH },
    { 336000, LLMCOST_E_SERVER }, { 336001, LLMCOST_E_INVALID_REQUEST }, { 336002, LLMCOST_E_INVALID_REQUEST }, { 336003, LLMCOST_E_INVALID_REQUEST },
    { 336004, LLMCOST_E_INVALID_REQUEST }, { 336005, LLMCOST_E_INVALID_REQUEST }, { 336006, LLMCOST_E_INVALID_REQUEST },
    { 336007, LLMCOST_E_CONTEXT_LENGTH }, { 336100, LLMCOST_E_OVERLOADED }, { 336103, LLMCOST_E_CONTEXT_LENGTH },
    { 336501, LLMCOST_E_RATE_LIMITED }, { 336502, LLMCOST_E_RATE_LIMITED },
};

static const number_rule siliconflow_numbers[] = {
    { 20012, LLMCOST_E_NOT_FOUND }, { 30001, LLMCOST_E_QUOTA }, { 50505, LLMCOST_E_OVERLOADED },
};

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* ---- by HTTP status ---- */

llmcost_status llmc_status_from_http(int32_t http_status)
{
    static const number_rule statuses[] = {
        { 401, LLMCOST_E_AUTH }, { 402, LLMCOST_E_QUOTA }, { 403, LLMCOST_E_PERMISSION }, { 404, LLMCOST_E_NOT_FOUND },
        { 408, LLMCOST_E_SERVER_TIMEOUT }, { 409, LLMCOST_E_CONFLICT }, { 424, LLMCOST_E_SERVER }, { 429, LLMCOST_E_RATE_LIMITED },
        { 498, LLMCOST_E_OVERLOADED }, { 499, LLMCOST_E_CANCELLED }, { 503, LLMCOST_E_OVERLOADED }, { 504, LLMCOST_E_SERVER_TIMEOUT },
        { 524, LLMCOST_E_SERVER_TIMEOUT }, { 529, LLMCOST_E_OVERLOADED },
    };
    for (size_t i = 0; i < ELEMENTS(statuses); i++)
        if (statuses[i].number == http_status)
            return statuses[i].status;
    if (http_status >= 400 && http_status < 500)
        return LLMCOST_E_INVALID_REQUEST;
    return http_status >= 300 && http_status < 400 ? LLMCOST_E_NOT_FOUND : LLMCOST_E_SERVER; /* a redirect is not followed: the address is wrong */
}

static int status_group(int32_t http_status)
{
    if (http_status == 400 || http_status == 413 || http_status == 422)
        return BAD;
    if (http_status >= 401 && http_status <= 403)
        return REFUSED;
    if (http_status == 429)
        return LIMITED;
    return http_status >= 200 && http_status < 300 ? HIDDEN : 0;
}

/* ---- reading a body ---- */

static void add_code(llmc_json *json, error_facts *facts, bool is_kind)
{
    llmc_json_span span;
    int64_t number;
    if (llmc_json_peek(json) == LLMC_JSON_STRING) {
        if (llmc_json_span_string(json, &span) && span.bytes && facts->code_count < ELEMENTS(facts->codes)) {
            facts->kinds |= (uint32_t)is_kind << facts->code_count;
            facts->codes[facts->code_count++] = span;
        }
    } else if (llmc_json_integer(json, &number) && !facts->number) {
        facts->number = number;
    }
}

static void read_object(llmc_json *json, error_facts *facts, int depth);

static void read_first(llmc_json *json, error_facts *facts, int depth)
{
    if (!llmc_json_array(json))
        return;
    while (llmc_json_next_item(json)) {
        if (llmc_json_peek(json) == LLMC_JSON_OBJECT)
            read_object(json, facts, depth);
        else
            llmc_json_skip(json);
    }
}

/* Text, or something that holds it. The first message found stays: it is the outermost of its branch. */
static void read_message(llmc_json *json, error_facts *facts, int depth)
{
    llmc_json_span span = { 0 };
    llmc_json_type type = llmc_json_peek(json);
    if (type == LLMC_JSON_STRING) {
        llmc_json_span_string(json, &span);
        if (!facts->message.bytes)
            facts->message = span;
    } else if (depth < DEPTH_MAXIMUM && type == LLMC_JSON_OBJECT) {
        read_object(json, facts, depth + 1);
    } else if (depth < DEPTH_MAXIMUM && type == LLMC_JSON_ARRAY) {
        read_first(json, facts, depth + 1);
    } else {
        llmc_json_skip(json);
    }
}

static void read_own_number(llmc_json *json, error_facts *facts, int space)
{
    int64_t number;
    if (llmc_json_integer(json, &number) && number) {
        facts->own_number = number;
        facts->space = space;
    }
}

static void read_text(llmc_json *json, llmc_json_span *out)
{
    llmc_json_span span;
    if (llmc_json_span_string(json, &span) && !out->bytes)
        *out = span;
}

static bool key_is_one_of(const llmc_json_key *key, const char *const *names)
{
    for (; *names; names++)
        if (llmc_json_key_is(key, *names))
            return true;
    return false;
}

static void read_object(llmc_json *json, error_facts *facts, int depth)
{
    static const char *const messages[] = { "message", "msg", "error", "detail", "error_msg", "status_msg", "Message", "base_resp", "Response", "Error", "errors", "innererror", NULL };
    static const char *const inner[] = { "metadata", "details", NULL };
    static const char *const codes[] = { "code", "type", "__type", "status", "Code", "error_type", "reason", NULL };
    static const char *const requests[] = { "request_id", "requestId", "RequestId", NULL };
    llmc_json_key key;
    if (!llmc_json_object(json))
        return;
    while (llmc_json_next_key(json, &key)) {
        if (key_is_one_of(&key, messages))
            read_message(json, facts, depth);
        else if (key_is_one_of(&key, codes))
            add_code(json, facts, llmc_json_key_is(&key, "type"));
        else if (key_is_one_of(&key, requests))
            read_text(json, &facts->request_id);
        else if (llmc_json_key_is(&key, "retryDelay"))
            read_text(json, &facts->retry_delay);
        else if (llmc_json_key_is(&key, "status_code"))
            read_own_number(json, facts, SPACE_MINIMAX);
        else if (llmc_json_key_is(&key, "error_code"))
            read_own_number(json, facts, SPACE_QIANFAN);
        else if (llmc_json_key_is(&key, "reasons")) {
            facts->has_reasons = true;
            llmc_json_skip(json);
        } else if (key_is_one_of(&key, inner) && llmc_json_peek(json) != LLMC_JSON_STRING)
            read_message(json, facts, depth);
        else
            llmc_json_skip(json);
    }
}

/* ---- judging ---- */

static bool equals(const char *a, const char *b, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char x = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] | 0x20) : a[i], y = b[i] >= 'A' && b[i] <= 'Z' ? (char)(b[i] | 0x20) : b[i];
        if (x != y)
            return false;
    }
    return true;
}

static bool contains(const llmc_json_span *text, const char *part, size_t bytes)
{
    for (size_t i = 0; i + bytes <= text->bytes; i++)
        if (equals(text->text + i, part, bytes))
            return true;
    return false;
}

static bool matches(const llmc_json_span *code, const char *pattern, size_t bytes)
{
    if (*pattern == '*')
        return contains(code, pattern + 1, bytes - 2);
    bool whole = pattern[bytes - 1] != '*';
    bytes -= !whole;
    return (whole ? code->bytes == bytes : code->bytes >= bytes) && equals(code->text, pattern, bytes);
}

static bool matches_any(const llmc_json_span *code, const char *patterns)
{
    for (size_t bytes; *patterns; patterns += bytes + (patterns[bytes] == ' ')) {
        bytes = strcspn(patterns, " ");
        if (matches(code, patterns, bytes))
            return true;
    }
    return false;
}

static llmcost_status by_code(const llmc_json_span *code, const code_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (matches_any(code, rules[i].codes))
            return rules[i].status;
    return LLMCOST_OK;
}

static llmcost_status by_codes(const error_facts *facts, const code_rule *rules, size_t count)
{
    llmcost_status status = LLMCOST_OK;
    for (size_t i = 0; i < facts->code_count && !status; i++)
        status = by_code(&facts->codes[i], rules, count);
    return status;
}

static llmcost_status by_number(int64_t number, const number_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rules[i].number == number)
            return rules[i].status;
    return LLMCOST_OK;
}

/* A code that is a number in quotes. */
static int64_t number_of(const error_facts *facts)
{
    for (size_t i = 0; i < facts->code_count; i++) {
        int64_t number = 0;
        size_t digits = 0;
        while (digits < facts->codes[i].bytes && digits < 9 && facts->codes[i].text[digits] >= '0' && facts->codes[i].text[digits] <= '9')
            number = number * 10 + (facts->codes[i].text[digits++] - '0');
        if (digits && digits == facts->codes[i].bytes)
            return number;
    }
    return facts->number;
}

static llmcost_status by_numbers(const error_facts *facts)
{
    int64_t number = number_of(facts);
    llmcost_status status = LLMCOST_OK;
    if (facts->space == SPACE_MINIMAX)
        return by_number(facts->own_number, minimax_numbers, ELEMENTS(minimax_numbers));
    if (facts->space == SPACE_QIANFAN)
        status = by_number(facts->own_number, qianfan_numbers, ELEMENTS(qianfan_numbers));
    if (!status && (facts->quirks & LLMC_QUIRK(ZHIPU_CODES)))
        status = by_number(number, zhipu_numbers, ELEMENTS(zhipu_numbers));
    return status ? status : by_number(number, siliconflow_numbers, ELEMENTS(siliconflow_numbers));
}

static llmcost_status by_text(const error_facts *facts, int group)
{
    for (size_t i = 0; i < ELEMENTS(text_rules); i++)
        if ((text_rules[i].among & group) && contains(&facts->message, text_rules[i].text, strlen(text_rules[i].text)))
            return text_rules[i].status;
    return LLMCOST_OK;
}

static llmcost_status judge(const error_facts *facts, int32_t http_status)
{
    int32_t effective = http_status;
    int64_t number = number_of(facts);
    bool hidden = status_group(http_status) == HIDDEN;
    if (hidden && number >= 400 && number <= 599)
        effective = (int32_t)number; /* OpenRouter: the upstream's status */
    llmcost_status status = by_codes(facts, strong_codes, ELEMENTS(strong_codes));
    if (!status)
        status = by_numbers(facts);
    if (!status && effective == 403 && facts->has_reasons)
        status = LLMCOST_E_CONTENT_FILTER;
    if (!status)
        status = by_text(facts, status_group(effective));
    if (!status && status_group(effective) == HIDDEN)
        status = by_codes(facts, weak_codes, ELEMENTS(weak_codes));
    return status ? status : llmc_status_from_http(effective);
}

/* ---- telling ---- */

/* OpenAI's refusal of what only /responses takes, such as tools of some models. */
static const char other_door[] = "use this model through a provider of the preset openai-responses";

static const char *advice_for(llmcost_status status)
{
    static const struct { llmcost_status status; const char *advice; } advices[] = {
        { LLMCOST_E_AUTH, "check the key of this provider" }, { LLMCOST_E_QUOTA, "add credit or raise the spending limit at the provider" },
        { LLMCOST_E_PERMISSION, "check what the key may use" }, { LLMCOST_E_NOT_FOUND, "check the model's name and the base URL" },
        { LLMCOST_E_RATE_LIMITED, "wait, or spread the calls" }, { LLMCOST_E_OVERLOADED, "try again later, or use a fallback" },
        { LLMCOST_E_CONTEXT_LENGTH, "shorten the prompt, or use a model with a longer context" },
        { LLMCOST_E_CONTENT_FILTER, "change the prompt" }, { LLMCOST_E_INVALID_REQUEST, "change the request" },
    };
    for (size_t i = 0; i < ELEMENTS(advices); i++)
        if (advices[i].status == status)
            return advices[i].advice;
    return "try again later";
}

/* Decoded and bounded; what decodes to more than the room is cut. */
static void set_decoded(llmcost_error *error, char **field, const llmc_json_span *span)
{
    enum { ROOM = 4000 };
    llmc_buffer decoded;
    llmc_json_span bounded = *span;
    if (!span->bytes)
        return;
    if (bounded.bytes > ROOM) {
        bounded.bytes = ROOM; /* a cut escape decodes to nothing */
        bounded.bytes = llmc_utf8_cut(bounded.text, span->bytes, ROOM);
    }
    llmc_buffer_init(&decoded, &error->allocator, 2 * ROOM);
    if (!bounded.escaped)
        llmc_error_set_text(error, field, bounded.text, bounded.bytes);
    else if (llmc_json_decode(&bounded, &decoded))
        llmc_error_set_text(error, field, decoded.data, decoded.length);
    llmc_buffer_free(&decoded);
}

/* Not {"type": "error"}; OpenAI's {"type": "tokens"}, what was too many, and other kinds only where there is nothing else. */
static int vagueness(const error_facts *facts, size_t i)
{
    if (matches_any(&facts->codes[i], "error"))
        return 3;
    return matches_any(&facts->codes[i], "tokens requests") ? 2 : facts->kinds >> i & 1;
}

/* The most telling code: the first that overrides the HTTP status, else a number, else the first of the least vague. */
static void set_code(llmcost_error *error, const error_facts *facts)
{
    int64_t number = facts->own_number ? facts->own_number : facts->number;
    for (size_t i = 0; i < facts->code_count; i++) {
        if (by_code(&facts->codes[i], strong_codes, ELEMENTS(strong_codes))) {
            set_decoded(error, &error->code, &facts->codes[i]);
            return;
        }
    }
    if (number) {
        llmc_buffer text;
        llmc_buffer_init(&text, &error->allocator, 64);
        llmc_buffer_add_integer(&text, number);
        if (llmc_buffer_text(&text))
            llmc_error_set_text(error, &error->code, text.data, text.length);
        llmc_buffer_free(&text);
        return;
    }
    const llmc_json_span *told = NULL;
    int least = 3;
    for (size_t i = 0; i < facts->code_count; i++) {
        if (vagueness(facts, i) < least) {
            least = vagueness(facts, i);
            told = &facts->codes[i];
        }
    }
    if (told)
        set_decoded(error, &error->code, told);
}

/* What a page says about itself: its title; of plain text: the beginning. */
static llmc_json_span words_of_page(const char *body, size_t bytes)
{
    llmc_json_span page = { body, bytes, false };
    size_t start = 0, end;
    while (start < bytes && strchr(" \t\r\n", body[start]) && body[start])
        start++;
    bool html = start < bytes && body[start] == '<';
    for (size_t i = start; html && i + 7 <= bytes; i++) {
        if (!equals(body + i, "<title>", 7))
            continue;
        for (end = i + 7; end < bytes && body[end] != '<';)
            end++;
        return (llmc_json_span){ body + i + 7, end - i - 7, false };
    }
    if (html)
        return (llmc_json_span){ "an HTML page", strlen("an HTML page"), false };
    page.text += start;
    page.bytes -= start;
    while (page.bytes && strchr(" \t\r\n", page.text[page.bytes - 1]) && page.text[page.bytes - 1])
        page.bytes--;
    return page;
}

static bool holds_words(llmc_json *json)
{
    llmc_json_type type = llmc_json_peek(json);
    return type == LLMC_JSON_OBJECT || type == LLMC_JSON_ARRAY || type == LLMC_JSON_STRING;
}

/* Some hosts refuse a stream with an event, whatever the HTTP status: its first line of data. false: there is none. */
static bool begin_event(llmc_json *json, const char *body, size_t bytes)
{
    static const char name[] = "data:";
    const size_t length = sizeof name - 1;
    for (size_t at = 0; at + length <= bytes; at++) {
        if ((at && body[at - 1] != '\n') || memcmp(body + at, name, length) != 0)
            continue;
        llmc_json_begin(json, body + at + length, bytes - at - length);
        return holds_words(json);
    }
    return false;
}

/* kind: what names the failure apart from the body; NULL or "": nothing does. */
static llmcost_status decode_error(llmcost_error *error, uint64_t quirks, int32_t http_status, const char *kind, const char *body, size_t bytes)
{
    error_facts facts = { .quirks = quirks };
    llmc_json json;
    char code[128]; /* a copy: the error's own code is set anew below */
    if (kind && *kind) {
        size_t length = strlen(kind) < sizeof code ? strlen(kind) : sizeof code;
        memcpy(code, kind, length);
        facts.codes[facts.code_count++] = (llmc_json_span){ code, length, false };
    }
    llmc_json_begin(&json, body, bytes);
    bool is_json = holds_words(&json) || begin_event(&json, body, bytes);
    if (is_json)
        read_message(&json, &facts, 0);
    if (!is_json && bytes)
        facts.message = words_of_page(body, bytes);
    llmcost_status status = judge(&facts, http_status);
    set_code(error, &facts);
    set_decoded(error, &error->provider_message, &facts.message);
    if (!error->request_id)
        set_decoded(error, &error->request_id, &facts.request_id);
    if (error->retry_after_ms < 0)
        llmc_duration_ms(facts.retry_delay.text, facts.retry_delay.bytes, &error->retry_after_ms);
    if (!llmcost_status_is_retriable(status) && error->should_retry <= 0)
        error->retry_after_ms = -1; /* the reset times of limits come with every answer */
    error->http_status = http_status;
    const char *words = error->provider_message ? error->provider_message : "it gave no reason";
    return llmc_error_set(error, status, "%s (HTTP %d%s%s): \"%.400s\"; %s", llmcost_status_text(status), (int)http_status,
                          error->code ? ", " : "", error->code ? error->code : "", words,
                          status == LLMCOST_E_INVALID_REQUEST && contains(&facts.message, "/v1/responses", strlen("/v1/responses")) ? other_door : advice_for(status));
}

llmcost_status llmc_decode_error_body(llmcost_error *error, int32_t http_status, const char *body, size_t bytes)
{
    return decode_error(error, 0, http_status, error->code, body, bytes);
}

llmcost_status llmc_decode_error_of_kind(llmcost_error *error, int32_t http_status, const char *kind, const char *body, size_t bytes)
{
    return decode_error(error, 0, http_status, kind, body, bytes);
}

llmcost_status llmc_decode_error_of_host(llmcost_error *error, uint64_t quirks, int32_t http_status, const char *body, size_t bytes)
{
    return decode_error(error, quirks, http_status, error->code, body, bytes);
}
