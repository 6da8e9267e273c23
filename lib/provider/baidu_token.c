/*
 * Baidu's two exchanges of a pair for a token, as a codec of one operation. Which one is the host's: the signed request
 * of iam.bj.baidubce.com (bce-auth-v1; token, createTime, expireTime), or the older one of aip.baidubce.com (the pair in
 * the query, which authorize.c adds; access_token, expires_in). The signature, too, is authorize.c's.
 */
#include "provider/decoding.h"
#include "provider/presets.h"

#include <stdio.h>
#include <string.h>

enum { WANTED_SECONDS = 86400, LONGEST_SECONDS = 40 * 86400, LONGEST_TOKEN = 16 << 10 };

typedef struct token_members {
    llmc_json_span token, created, expires, expires_in;
} token_members;

static bool has_operation(llmc_operation_id operation)
{
    return operation == LLMC_OP_TOKEN;
}

static llmcost_status check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    (void)operation, (void)request, (void)target, (void)error;
    return LLMCOST_OK;
}

static llmcost_status encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    (void)operation;
    (void)request;
    bool older = target->preset->auth == LLMC_AUTH_OAUTH;
    char path[80];
    snprintf(path, sizeof path, "/v1/BCE-BEARER/token?expireInSeconds=%d", WANTED_SECONDS);
    out->method = older ? "POST" : "GET";
    llmc_buffer_add_text(&out->path, older ? "/oauth/2.0/token?grant_type=client_credentials" : path);
    return out->path.failure ? llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request") : LLMCOST_OK;
}

static void decode_begin(llmc_decoder *decoder)
{
    (void)decoder;
}

/* "2026-11-22T08:00:00Z"; -1: not of this form. The difference of two is all that is wanted. */
static int64_t seconds_of(const llmc_json_span *time)
{
    static const int days_before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    int year, month, day, hour, minute, second;
    char text[20] = "";
    if (time->bytes < sizeof text - 1)
        return -1;
    memcpy(text, time->text, sizeof text - 1); /* fractions and the zone are the same in both */
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6 || year < 1970 || month < 1 || month > 12)
        return -1;
    int leaps = (year - 1968 - (month < 3)) / 4;
    return ((((int64_t)(year - 1970) * 365 + days_before[month - 1] + day + leaps) * 24 + hour) * 60 + minute) * 60 + second;
}

/* What it is good for, in seconds; 0: nobody says so, or it is over. */
static int64_t seconds_good(const token_members *members)
{
    int64_t from = seconds_of(&members->created), to = seconds_of(&members->expires), seconds = 0;
    if (members->expires_in.bytes)
        llmc_decimal(members->expires_in.text, members->expires_in.bytes, 0, &seconds);
    else if (from >= 0 && to > from)
        seconds = to - from;
    return seconds < 0 ? 0 : seconds > LONGEST_SECONDS ? LONGEST_SECONDS : seconds;
}

/* It will stand in a header. */
static bool is_usable(const llmc_buffer *token)
{
    for (size_t i = 0; i < token->length; i++)
        if (token->data[i] <= ' ' || token->data[i] > '~')
            return false;
    return token->length > 0 && token->length <= LONGEST_TOKEN;
}

static llmcost_status emit_token(llmc_decoder *decoder, const token_members *members)
{
    llmc_buffer *token = &decoder->scratch;
    llmc_buffer_clear(token);
    if (!llmc_json_decode(&members->token, token) || !llmc_buffer_text(token))
        return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for the token");
    if (!is_usable(token))
        return llmc_decoder_malformed(decoder, NULL, "a token that no header can hold");
    decoder->finished = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_TOKEN, .text = token->data, .bytes = token->length, .tool_index = (uint32_t)seconds_good(members),
                                                        .tool_id = "", .tool_name = "" });
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    llmc_json_key key;
    token_members members = { 0 };
    llmc_json_begin(&json, frame->data, frame->bytes);
    bool object = llmc_json_object(&json);
    while (object && llmc_json_next_key(&json, &key)) {
        bool text = llmc_json_peek(&json) == LLMC_JSON_STRING;
        if (text && (llmc_json_key_is(&key, "token") || llmc_json_key_is(&key, "access_token")))
            llmc_json_span_string(&json, &members.token);
        else if (llmc_json_key_is(&key, "createTime"))
            llmc_json_note(&json, &members.created);
        else if (llmc_json_key_is(&key, "expireTime"))
            llmc_json_note(&json, &members.expires);
        else if (llmc_json_key_is(&key, "expires_in"))
            llmc_json_note(&json, &members.expires_in);
        else
            llmc_json_skip(&json);
    }
    if (json.failure)
        return llmc_decoder_malformed(decoder, &json, "an answer without a token");
    if (!members.token.bytes)
        return llmc_decode_error_in_success(decoder, frame, "an answer without a token");
    return emit_token(decoder, &members);
}

static llmcost_status decode_end(llmc_decoder *decoder)
{
    return decoder->finished ? LLMCOST_OK : llmc_decoder_malformed(decoder, NULL, "an answer without a token");
}

static void decode_free(llmc_decoder *decoder)
{
    (void)decoder;
}

const llmc_codec llmc_codec_baidu_token = {
    .name = "baidu_token", .has_operation = has_operation, .check = check, .encode = encode, .stream_framing = &llmc_framing_whole, .stream_type = "application/json",
    .decode_begin = decode_begin, .decode_frame = decode_frame, .decode_end = decode_end, .decode_free = decode_free,
};
