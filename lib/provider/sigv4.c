/*
 * Amazon's Signature Version 4. The canonical request is hashed as it arises: it holds the session token, and what is
 * never stored need not be wiped.
 */
#include "provider/sigv4.h"

#include "base/secret.h"
#include "base/sha256.h"
#include "base/text.h"

#include <stdio.h>

enum { NAME_MAXIMUM = 64, TARGET_MAXIMUM = 1 << 16 };

#define ALGORITHM "AWS4-HMAC-SHA256"

static void hash_text(llmc_sha256 *hash, const char *text)
{
    llmc_sha256_add(hash, text, strlen(text));
}

/* ---- the canonical request ---- */

/* Without empty segments and dots, as the service reads it; what is encoded already is encoded once more. */
static void add_path(llmc_buffer *out, const char *path, size_t bytes)
{
    size_t start = out->length;
    bool folder = true;
    for (size_t at = 0; at < bytes;) {
        size_t length = 0;
        while (at + length < bytes && path[at + length] != '/')
            length++;
        const char *segment = path + at;
        bool up = length == 2 && !memcmp(segment, "..", 2), nothing = length == 0 || (length == 1 && *segment == '.');
        folder = up || nothing || at + length < bytes;
        at += length + 1;
        while (up && out->length > start && out->data[--out->length] != '/')
            ;
        if (up || nothing)
            continue;
        llmc_buffer_add_byte(out, '/');
        llmc_sign_encode(out, segment, length, "");
    }
    if (folder)
        llmc_buffer_add_byte(out, '/');
}

/* Runs of blanks are one. */
static void hash_value(llmc_sha256 *hash, const llmc_signed_header *header)
{
    for (size_t i = 0; i < header->value_bytes; i++)
        if (header->value[i] != ' ' || header->value[i - 1] != ' ')
            llmc_sha256_add(hash, header->value + i, 1);
}

/* Values under one name stand in one line, in the order they came. */
static void hash_headers(llmc_sha256 *hash, const llmc_signed_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        const llmc_signed_header *header = &headers->list[i];
        bool more = i && llmc_sign_same_name(header, header - 1);
        if (i && !more)
            hash_text(hash, "\n");
        for (size_t j = 0; !more && j < header->name_bytes; j++) {
            char c = llmc_sign_lower(header->name[j]);
            llmc_sha256_add(hash, &c, 1);
        }
        hash_text(hash, more ? "," : ":");
        hash_value(hash, header);
    }
}

/* names: of the signed headers. The target is no secret and may be gathered. */
static llmcost_status hash_request(const llmc_signed_request *request, const llmc_signed_headers *headers, llmc_buffer *names, char hex[65])
{
    llmc_sha256 hash;
    llmc_buffer target;
    uint8_t digest[32];
    size_t path = strcspn(request->target, "?");
    llmc_buffer_init(&target, names->allocator, TARGET_MAXIMUM);
    add_path(&target, request->target, path);
    llmc_buffer_add_byte(&target, '\n');
    if (request->target[path])
        llmc_sign_query(&target, request->target + path + 1, false);
    llmc_buffer_failure failure = target.failure ? target.failure : names->failure;
    if (!failure) {
        llmc_sha256_of(request->body, request->body_bytes, digest);
        llmc_hex(digest, sizeof digest, hex);
        llmc_sha256_begin(&hash);
        hash_text(&hash, request->method);
        hash_text(&hash, "\n");
        llmc_sha256_add(&hash, target.data, target.length);
        hash_text(&hash, "\n");
        hash_headers(&hash, headers);
        hash_text(&hash, "\n\n");
        llmc_sha256_add(&hash, names->data, names->length);
        hash_text(&hash, "\n");
        hash_text(&hash, hex);
        llmc_sha256_end(&hash, digest);
        llmc_hex(digest, sizeof digest, hex);
    }
    llmc_buffer_free(&target);
    return llmc_sign_status(failure);
}

/* ---- the signature ---- */

/* HMAC over HMAC, from the secret down to this day, region and service; then over what is signed. */
static void sign(const char *secret, const char *date, const llmc_sigv4_scope *scope, const char *text, char hex[65])
{
    char first[4 + LLMC_SIGNING_KEY_MAXIMUM + 1];
    uint8_t key[32];
    const char *const steps[] = { scope->region, scope->service, "aws4_request", text };
    int bytes = snprintf(first, sizeof first, "AWS4%s", secret);
    llmc_hmac_sha256(first, (size_t)bytes, date, 8, key);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        llmc_hmac_sha256(key, sizeof key, steps[i], strlen(steps[i]), key);
    llmc_hex(key, sizeof key, hex);
    llmc_wipe(first, sizeof first);
    llmc_wipe(key, sizeof key);
}

static bool is_sound(const char *text, size_t most)
{
    return text && *text && strlen(text) <= most && llmc_text_is_header_safe(text);
}

static bool gather_headers(const llmc_signed_request *request, const char *time, const char *token, llmc_signed_headers *headers)
{
    bool fine = llmc_sign_header(headers, "host", request->host) && llmc_sign_header(headers, "x-amz-date", time);
    if (token)
        fine = fine && llmc_text_is_header_safe(token) && llmc_sign_header(headers, "x-amz-security-token", token);
    for (size_t i = 0; fine && i < request->header_count; i++)
        fine = llmc_sign_header_line(headers, request->headers[i]);
    return fine;
}

llmcost_status llmc_sigv4_sign(const llmc_signed_request *request, const llmc_signing_key *key, const llmc_sigv4_scope *scope, int64_t wall_ms, llmc_buffer *lines)
{
    char extended[21], time[17], hex[65], range[180], text[320];
    llmc_signed_headers headers = { .count = 0 };
    llmc_buffer names;
    size_t before = lines->length;
    const char *token = key->session_token && *key->session_token ? key->session_token : NULL;
    llmc_sign_time(wall_ms, extended, time);
    if (!is_sound(key->access_key, LLMC_SIGNING_KEY_MAXIMUM) || !is_sound(key->secret_key, LLMC_SIGNING_KEY_MAXIMUM) || !is_sound(scope->region, NAME_MAXIMUM) ||
        !is_sound(scope->service, NAME_MAXIMUM) || !gather_headers(request, time, token, &headers))
        return LLMCOST_E_INVALID;
    llmc_buffer_init(&names, lines->allocator, TARGET_MAXIMUM);
    llmc_sign_header_names(&headers, &names);
    llmcost_status status = hash_request(request, &headers, &names, hex);
    if (!status) {
        snprintf(range, sizeof range, "%.8s/%s/%s/aws4_request", time, scope->region, scope->service);
        snprintf(text, sizeof text, ALGORITHM "\n%s\n%s\n%s", time, range, hex);
        sign(key->secret_key, time, scope, text, hex);
        llmc_sign_add_line(lines, "x-amz-date: ", time);
        if (token)
            llmc_sign_add_line(lines, "x-amz-security-token: ", token);
        llmc_buffer_add_text(lines, "Authorization: " ALGORITHM " Credential=");
        llmc_buffer_add_text(lines, key->access_key);
        llmc_buffer_add_byte(lines, '/');
        llmc_buffer_add_text(lines, range);
        llmc_buffer_add_text(lines, ", SignedHeaders=");
        llmc_buffer_add(lines, names.data, names.length);
        llmc_sign_add_line(lines, ", Signature=", hex);
        status = llmc_sign_status(lines->failure);
    }
    llmc_buffer_free(&names);
    if (status)
        lines->length = before;
    return status;
}
