/*
 * Codecs: encode(request) -> bytes, decode(bytes) -> events. Pure: no I/O, no clock, no globals. One file per wire
 * format with one const descriptor. A provider is four table entries that combine freely: codec, framing, auth, quirks
 * (provider/presets.h).
 */
#ifndef LLMC_CODEC_H
#define LLMC_CODEC_H

#include "base/error.h"
#include "money/money.h"
#include "wire/framing.h"
#include "wire/json.h"

typedef enum llmc_operation_id {
    LLMC_OP_CHAT = 0,
    LLMC_OP_LIST_MODELS = 1,
    LLMC_OP_EMBED = 2,        /* request->inputs become vectors */
    LLMC_OP_COUNT_TOKENS = 3, /* what a chat request would count as input; its answer is a usage */
    LLMC_OP_BALANCE = 4,      /* the money that is left at the provider */
    LLMC_OP_TOKEN = 5,        /* a credential becomes a short-lived token */
    LLMC_OP_COUNT
} llmc_operation_id;

/* What a leg does. Policies ask these questions instead of asking for "chat". */
typedef struct llmc_operation {
    llmc_operation_id id;
    const char *name;
    bool streams;   /* its answer can come in pieces */
    bool cacheable;
    bool priced;    /* a provider bills it */
    bool generates; /* a model writes the answer: it is sampled, and what is written is billed */
    bool has_request; /* beside a target */
} llmc_operation;
extern const llmc_operation llmc_operations[LLMC_OP_COUNT];

/* ---- events: what a decoder says, in the order of the wire ---- */

/* Public kinds 1 to 10 (llmcost_event_kind); these are inside only. */
enum {
    LLMC_EVENT_META = 32,          /* text: id; tool_name: model as the provider spells it */
    LLMC_EVENT_SIGNATURE = 34,     /* text: signature of the reasoning so far; ends a reasoning block */
    LLMC_EVENT_REASONING_HIDDEN = 35, /* text: opaque reasoning data */
    LLMC_EVENT_MODEL = 36,         /* list models: text is one model's name */
    LLMC_EVENT_TEXT_JSON = 38,     /* reserved */
    LLMC_EVENT_EMBEDDING = 39,     /* embed: choice is the index of the input; text is its vector as native floats, bytes of them */
    LLMC_EVENT_BALANCE = 40,       /* balance: text is the amount as a decimal number, tool_name its currency ("": the host's) */
    LLMC_EVENT_TOKEN = 41          /* token: text is the token, tool_index the seconds that it is good for; secret, and no part of an answer */
};

struct llmcost_event {
    int32_t kind;
    uint32_t choice, tool_index;
    llmcost_finish finish;
    const char *text;               /* borrowed; ended by a zero byte; well-formed UTF-8. FINISH, to a caller: thinking blocks as JSON.
                                       LOGPROBS: raw JSON array of OpenAI's logprobs.content items, appended. EXTRA: raw JSON */
    size_t bytes;
    const char *tool_id, *tool_name; /* "" where there is none. EXTRA: tool_name is the member's name;
                                        "": text is an object of members */
    bool is_custom;                 /* TOOL_CALL, TOOL_ARGUMENTS: of a custom tool, whose arguments are any text */
    const llmc_usage *usage;        /* USAGE: cumulative, replaces what came before */
    const char *finish_raw;         /* FINISH: the provider's word */
    void *response_for_json;        /* what llmcost_event_json() needs; set by the call */
};

typedef bool (*llmc_emit_fn)(void *user, const llmcost_event *event); /* false: stop (no memory, or the leg was cut) */

/* ---- encoding ---- */

struct llmc_preset;
/* What the leg is aimed at, as far as a codec needs to know. */
typedef struct llmc_codec_target {
    const struct llmc_preset *preset;
    const char *provider;    /* configured name, for messages */
    const char *model;       /* the provider's name of the model */
    uint64_t quirks;         /* the preset's, as changed by the config */
    bool stream;
    const char *api_version; /* Azure's classic form; NULL: none configured */
} llmc_codec_target;

/* A request on the wire, but for base URL and auth, which the caller adds. */
typedef struct llmc_encoded {
    const char *method;       /* static */
    llmc_buffer path;         /* "/chat/completions", as it goes behind the base URL */
    llmc_buffer body;         /* empty for GET */
    const char *headers[4];   /* static "Name: value", NULL-ended */
} llmc_encoded;

/* ---- decoding ---- */

typedef struct llmc_decoder {
    const struct llmc_codec *codec;
    const llmc_allocator *allocator;
    llmc_operation_id operation;
    uint64_t quirks;
    bool stream;
    int32_t http_status;
    llmc_emit_fn emit;
    void *emit_user;
    llmcost_error *error;   /* filled in by a failure: status, provider's code, message, request id, retry-after */
    llmc_usage usage;       /* the latest */
    char tier[sizeof(((llmc_usage *)0)->tier)]; /* the latest that was named, perhaps before any count; "": none */
    llmc_buffer scratch;    /* decoded text of the event at hand */
    bool finished;          /* the format's terminator came */
    bool emit_stopped;
    bool is_custom;         /* what is said now is of a call of a custom tool */
    void *state;            /* codec->decoder_bytes, zeroed */
} llmc_decoder;

typedef struct llmc_codec {
    const char *name; /* "openai", "anthropic" */
    bool (*has_operation)(llmc_operation_id operation);
    /* What this wire format or preset cannot say: E_UNSUPPORTED naming the field and the provider. Nothing is dropped silently. */
    llmcost_status (*check)(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
    /* E_INVALID (e.g. request.extra is no JSON object or repeats a member), E_MEMORY. */
    llmcost_status (*encode)(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);
    const llmc_framing *stream_framing;
    const char *stream_type; /* content type of a stream, without parameters: another answer is read as one document */
    size_t decoder_bytes;
    void (*decode_begin)(llmc_decoder *decoder);
    /*
     * One frame: an event of the stream, or the whole body when the leg does not stream. An error body (any HTTP status,
     * 200 included) ends in the status of the taxonomy, with decoder->error filled in.
     * LLMCOST_OK: go on.
     */
    llmcost_status (*decode_frame)(llmc_decoder *decoder, const llmc_frame *frame);
    /* The body ended. E_TRUNCATED where the format has a terminator and it did not come. */
    llmcost_status (*decode_end)(llmc_decoder *decoder);
    void (*decode_free)(llmc_decoder *decoder);
} llmc_codec;

extern const llmc_codec llmc_codec_openai;
extern const llmc_codec llmc_codec_anthropic;
extern const llmc_codec llmc_codec_gemini;
extern const llmc_codec llmc_codec_ollama;
extern const llmc_codec llmc_codec_responses;
extern const llmc_codec llmc_codec_bedrock;
extern const llmc_codec llmc_codec_cohere;
extern const llmc_codec llmc_codec_qianfan_v1;
extern const llmc_codec llmc_codec_baidu_token;
const llmc_codec *llmc_codec_find(const char *name); /* NULL: none */
const llmc_codec *llmc_codec_at(size_t index);       /* those that a config may name; NULL: no further one */

/* ---- shared by the codecs (decoder.c) ---- */

void llmc_encoded_init(llmc_encoded *encoded, const llmc_allocator *allocator);
void llmc_encoded_free(llmc_encoded *encoded);

/* state: codec->decoder_bytes of memory that the decoder zeroes; error outlives the decoder. */
void llmc_decoder_begin(llmc_decoder *decoder, const llmc_codec *codec, llmc_operation_id operation, const llmc_allocator *allocator,
                        uint64_t quirks, bool stream, int32_t http_status, llmc_emit_fn emit, void *user, llmcost_error *error, void *state);
void llmc_decoder_free(llmc_decoder *decoder);
/* Decodes a span into scratch and emits it as one event of this kind, well-formed (halves joined through joiner). */
llmcost_status llmc_decoder_emit_text(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, const llmc_json_span *span, llmc_utf8_joiner *joiner);
/* E_CANCELLED, with emit_stopped set and no error filled in, when the receiver does not want more. */
llmcost_status llmc_decoder_emit(llmc_decoder *decoder, const llmcost_event *event);

/* An error answer without any body of meaning: by HTTP status alone (providers.md section 1). */
llmcost_status llmc_status_from_http(int32_t http_status);
/*
 * An error body of any shape (JSON of any provider, HTML, nothing): fills in error->status, code, provider_message,
 * by code where one is known, else by HTTP status; llmc_status_from_http() semantics for 2xx: E_SERVER.
 */
llmcost_status llmc_decode_error_body(llmcost_error *error, int32_t http_status, const char *body, size_t bytes) __attribute__((cold));
/* The same at a host of these quirks: numbers that mean something only there are read too. */
llmcost_status llmc_decode_error_of_host(llmcost_error *error, uint64_t quirks, int32_t http_status, const char *body, size_t bytes) __attribute__((cold));
enum { LLMC_WAIT_OF_LIMITS = 1 }; /* the rank of a wait that is only the reset time of a limit */
/*
 * One response header that matters for errors and receipts: retry-after(-ms), x-ratelimit-reset*, request ids. wall_ms: now.
 * rank: 0 before the first header of an answer; it remembers how exact the wait so far is, so that the order of headers
 * does not matter.
 */
void llmc_decode_error_header(llmcost_error *error, uint32_t *rank, const char *name, const char *value, int64_t wall_ms);

/* What a provider tells of its limits in the headers of an answer; -1: not told. reset_ms: from when the answer came. */
typedef struct llmc_rate_limit {
    int64_t limit, remaining, reset_ms;
} llmc_rate_limit;
typedef struct llmc_rate_limits {
    llmc_rate_limit of[LLMCOST_LIMIT_COUNT]; /* by llmcost_limit */
} llmc_rate_limits;
void llmc_rate_limits_init(llmc_rate_limits *limits);
bool llmc_is_limit_header(const char *name); /* by how it begins */
void llmc_decode_limit_header(llmc_rate_limits *limits, const char *name, const char *value, int64_t wall_ms);

/* Token estimate of a text where the provider sent none: never 0 for a text that is not empty. */
int64_t llmc_estimate_tokens(const char *text, size_t bytes);

#endif
