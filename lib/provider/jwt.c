/* JSON Web Tokens with HS256, and the dialect of them that Zhipu wants: times in milliseconds, a type of its own. */
#include "provider/jwt.h"

#include "base/secret.h"
#include "base/sha256.h"
#include "wire/json.h"

enum { VALID_MS = 210000, PAYLOAD_MAXIMUM = 4096 };

/* base64url without padding. */
static void add_base64url(llmc_buffer *out, const void *data, size_t bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const uint8_t *at = data;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        uint32_t three = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
        const char four[4] = { digits[three >> 18], digits[three >> 12 & 63], digits[three >> 6 & 63], digits[three & 63] };
        llmc_buffer_add(out, four, left > 2 ? 4 : left + 1);
    }
}

void llmc_jwt_hs256(const char *header, size_t header_bytes, const char *payload, size_t payload_bytes, const void *key, size_t key_bytes, llmc_buffer *out)
{
    uint8_t signature[32];
    size_t start = out->length;
    add_base64url(out, header, header_bytes);
    llmc_buffer_add_byte(out, '.');
    add_base64url(out, payload, payload_bytes);
    if (out->failure)
        return;
    llmc_hmac_sha256(key, key_bytes, out->data + start, out->length - start, signature);
    llmc_buffer_add_byte(out, '.');
    add_base64url(out, signature, sizeof signature);
    llmc_wipe(signature, sizeof signature);
}

static void write_payload(llmc_buffer *out, const char *id, size_t id_bytes, int64_t wall_ms)
{
    llmc_json_writer json = { .out = out };
    llmc_json_write_begin_object(&json);
    llmc_json_write_member_string(&json, "api_key", id, id_bytes);
    llmc_json_write_member_integer(&json, "exp", wall_ms < INT64_MAX - VALID_MS ? wall_ms + VALID_MS : INT64_MAX); /* the host's clock may say anything */
    llmc_json_write_member_integer(&json, "timestamp", wall_ms);
    llmc_json_write_end_object(&json);
}

llmcost_status llmc_jwt_zhipu(const char *key, int64_t wall_ms, llmc_buffer *out)
{
    static const char header[] = "{\"alg\":\"HS256\",\"sign_type\":\"SIGN\"}";
    const char *dot = strchr(key, '.');
    size_t before = out->length;
    llmc_buffer payload;
    if (!dot || dot == key || !dot[1] || strchr(dot + 1, '.'))
        return LLMCOST_E_INVALID;
    llmc_buffer_init(&payload, out->allocator, PAYLOAD_MAXIMUM);
    write_payload(&payload, key, (size_t)(dot - key), wall_ms);
    llmc_buffer_failure failure = payload.failure;
    if (!failure) {
        llmc_jwt_hs256(header, sizeof header - 1, payload.data, payload.length, dot + 1, strlen(dot + 1), out);
        failure = out->failure;
    }
    llmc_buffer_free(&payload);
    if (failure)
        out->length = before;
    return !failure ? LLMCOST_OK : failure == LLMC_BUFFER_NO_MEMORY ? LLMCOST_E_MEMORY : LLMCOST_E_INVALID;
}
