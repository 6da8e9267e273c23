/*
 * Baidu's bce-auth-v1. Unlike Amazon's scheme it encodes the path once, header values too, and signs with the hex text of
 * the derived key.
 */
#include "provider/bceauth.h"

#include "base/secret.h"
#include "base/sha256.h"
#include "base/text.h"

enum { CANONICAL_MAXIMUM = 1 << 16 };

static void hmac_hex(const char *key, const char *text, size_t bytes, char hex[65])
{
    uint8_t digest[32];
    llmc_hmac_sha256(key, strlen(key), text, bytes, digest);
    llmc_hex(digest, sizeof digest, hex);
    llmc_wipe(digest, sizeof digest);
}

static void add_canonical(llmc_buffer *out, const llmc_signed_request *request, const llmc_signed_headers *headers)
{
    size_t path = strcspn(request->target, "?");
    llmc_buffer_add_text(out, request->method);
    llmc_buffer_add_byte(out, '\n');
    llmc_sign_encode_again(out, request->target, path, "/");
    llmc_buffer_add_byte(out, '\n');
    if (request->target[path])
        llmc_sign_query(out, request->target + path + 1, true);
    for (size_t i = 0; i < headers->count; i++) {
        const llmc_signed_header *header = &headers->list[i];
        llmc_buffer_add_byte(out, '\n');
        for (size_t j = 0; j < header->name_bytes; j++)
            llmc_buffer_add_byte(out, llmc_sign_lower(header->name[j]));
        llmc_buffer_add_byte(out, ':');
        llmc_sign_encode(out, header->value, header->value_bytes, "");
    }
}

static bool is_sound(const char *text)
{
    return text && *text && strlen(text) <= LLMC_SIGNING_KEY_MAXIMUM && llmc_text_is_header_safe(text);
}

static bool gather_headers(const llmc_signed_request *request, const char *time, const char *token, llmc_signed_headers *headers)
{
    bool fine = llmc_sign_header(headers, "host", request->host) && llmc_sign_header(headers, "x-bce-date", time);
    if (token)
        fine = fine && llmc_text_is_header_safe(token) && llmc_sign_header(headers, "x-bce-security-token", token);
    for (size_t i = 0; fine && i < request->header_count; i++)
        fine = llmc_sign_header_line(headers, request->headers[i]);
    return fine;
}

llmcost_status llmc_bceauth_sign(const llmc_signed_request *request, const llmc_signing_key *key, int64_t wall_ms, uint32_t valid_seconds, llmc_buffer *lines)
{
    char time[21], basic[17], hex[65];
    llmc_signed_headers headers = { .count = 0 };
    llmc_buffer canonical;
    size_t before = lines->length;
    const char *token = key->session_token && *key->session_token ? key->session_token : NULL;
    llmc_sign_time(wall_ms, time, basic);
    if (!is_sound(key->access_key) || !is_sound(key->secret_key) || !gather_headers(request, time, token, &headers))
        return LLMCOST_E_INVALID;
    llmc_sign_add_line(lines, "x-bce-date: ", time);
    if (token)
        llmc_sign_add_line(lines, "x-bce-security-token: ", token);
    llmc_buffer_add_text(lines, "Authorization: ");
    size_t prefix = lines->length;
    llmc_buffer_add_format(lines, "bce-auth-v1/%s/%s/%u", key->access_key, time, valid_seconds);
    llmc_buffer_init(&canonical, lines->allocator, CANONICAL_MAXIMUM);
    add_canonical(&canonical, request, &headers);
    llmc_buffer_failure failure = lines->failure ? lines->failure : canonical.failure;
    if (!failure) {
        hmac_hex(key->secret_key, lines->data + prefix, lines->length - prefix, hex);
        hmac_hex(hex, canonical.data, canonical.length, hex);
        llmc_buffer_add_byte(lines, '/');
        llmc_sign_header_names(&headers, lines);
        llmc_buffer_add_byte(lines, '/');
        llmc_buffer_add(lines, hex, sizeof hex);
        failure = lines->failure;
    }
    if (canonical.data)
        llmc_wipe(canonical.data, canonical.capacity); /* it may hold a token */
    llmc_wipe(hex, sizeof hex);
    llmc_buffer_free(&canonical);
    if (failure)
        lines->length = before;
    return llmc_sign_status(failure);
}
