/*
 * The head of a request: its URL and header lines. Only what nobody else keeps until the exchange is over is written, into
 * one buffer that holds the key and is wiped; the other lines are pointers to constants, the codec's and the config's.
 */
#include "policy/wire.h"

#include <string.h>

static const char accept[] = "Accept: ";

const llmc_credential *llmc_wire_credential(const llmc_wire *state)
{
    const llmc_provider *provider = state->provider;
    return state->leg->credential ? state->leg->credential : provider->credential_count ? provider->credentials : NULL;
}

/* Room for this much and the line of a stream: what grows later would move, and leave the key behind in memory that nobody wipes. */
static bool reserve_head(llmc_wire *state, size_t bytes)
{
    return llmc_buffer_reserve(&state->head, bytes + sizeof accept + strlen(state->provider->codec->stream_type));
}

static const char *add_head(llmc_wire *state, const char *name, const char *value)
{
    llmc_buffer *head = &state->head;
    char *at = head->data + head->length;
    size_t name_bytes = strlen(name), value_bytes = strlen(value);
    llmc_put_text(llmc_put_text(at, name, name_bytes) - 1, value, value_bytes);
    head->length += name_bytes + value_bytes + 1;
    return at;
}

static void add_line(llmc_wire *state, const char *line)
{
    if (state->header_count < LLMC_WIRE_HEADERS)
        state->headers[state->header_count++] = line;
}

/* The two ways that nearly all hosts have, without a detour. */
static const char *plain_header(const llmc_provider *provider)
{
    if (provider->auth == LLMC_AUTH_X_API_KEY)
        return "x-api-key: ";
    return provider->auth == LLMC_AUTH_BEARER || provider->auth == LLMC_AUTH_NONE_OR_BEARER ? "Authorization: Bearer " : NULL;
}

/* A signature covers the URL and the body; an old exchange wants its pair in the URL. */
static llmcost_status sign_head(llmc_wire *state, const llmc_credential *credential, const char *path)
{
    llmc_buffer signed_lines, query;
    llmc_buffer_init(&signed_lines, &state->wiping.pieces, 1 << 20);
    llmc_buffer_init(&query, &state->wiping.pieces, 1 << 20);
    llmc_unauthorized request = { state->encoded.method, state->head.data, state->encoded.body.data, state->encoded.body.length,
                                  llmc_clock_wall_ms(&state->leg->services->clock) };
    llmcost_status status = llmc_authorize(state->provider, credential, state->leg->token, &request, &signed_lines, &query);
    if (!status && !reserve_head(state, signed_lines.length + query.length))
        status = LLMCOST_E_MEMORY;
    if (!status && query.length) {
        llmc_buffer_clear(&state->head);
        add_head(state, state->provider->base_url, path);
        state->head.length--;
        add_head(state, llmc_buffer_text(&query), "");
    }
    for (size_t at = 0; !status && at < signed_lines.length; at += strlen(signed_lines.data + at) + 1)
        add_line(state, add_head(state, signed_lines.data + at, ""));
    llmc_buffer_free(&query);
    llmc_buffer_free(&signed_lines);
    return status;
}

/* The URL, and the lines that nobody else keeps until the exchange is over. */
llmcost_status llmc_wire_make_head(llmc_wire *state)
{
    const llmc_provider *provider = state->provider;
    const llmc_credential *credential = llmc_wire_credential(state);
    const llmc_secret *shown = state->leg->token ? state->leg->token : credential ? &credential->key : NULL;
    const char *path = llmc_buffer_text(&state->encoded.path), *plain = plain_header(provider);
    bool bare = shown && plain;
    state->headers = llmc_alloc(state->allocator, LLMC_WIRE_HEADERS * sizeof *state->headers);
    if (!path || !state->headers || !reserve_head(state, strlen(provider->base_url) + state->encoded.path.length + 1 + (bare ? strlen(plain) + shown->bytes + 1 : 0)))
        return LLMCOST_E_MEMORY;
    add_head(state, provider->base_url, path);
    if (bare)
        add_line(state, add_head(state, plain, llmc_secret_reveal(shown)));
    llmcost_status status = shown && !plain ? sign_head(state, credential, path) : LLMCOST_OK;
    if (status)
        return status;
    if (state->encoded.body.length)
        add_line(state, "Content-Type: application/json");
    if (state->decoder.stream) /* a whole answer has one form, and any type is what an HTTP client asks for by itself */
        add_line(state, add_head(state, accept, provider->codec->stream_type));
    for (size_t i = 0; i < sizeof state->encoded.headers / sizeof state->encoded.headers[0] && state->encoded.headers[i]; i++)
        add_line(state, state->encoded.headers[i]);
    for (size_t i = 0; i < provider->header_count; i++)
        add_line(state, provider->headers[i]);
    return LLMCOST_OK;
}
