/*
 * The loopback provider: a real HTTP server on 127.0.0.1 that speaks the formats of the providers, answers from a script
 * and misbehaves on demand. Tests, demos and benchmarks run on it, without a key and without a bill.
 *
 *     llmcost_mock *mock = NULL;
 *     llmcost_mock_start(&mock, "{\"default\": {\"reply\": {\"text\": \"Hello!\"}}}", NULL);
 *     ... base URL: llmcost_mock_url(mock) + "/v1" for OpenAI, as it is for Anthropic ...
 *     llmcost_mock_stop(mock);
 *
 * Nothing runs unless it is started. The conventions on top of llmcost.h hold here too; the promise is weaker: this
 * header is experimental and may change in any version.
 *
 * THE SERVER knows a format by the end of the path, whatever stands before it; {m} is the model, percent-encoded:
 *   OpenAI      POST /chat/completions, /embeddings, and both behind Azure's /deployments/{m}; GET /models
 *   Responses   POST /responses, /responses/input_tokens
 *   Anthropic   POST /v1/messages, /v1/messages/count_tokens; GET /models with the header anthropic-version
 *   Gemini      POST /models/{m}:generateContent, :streamGenerateContent (as SSE), :countTokens, :embedContent,
 *               :batchEmbedContents, :predict (Vertex' way to embed); GET /v1beta/models, or /models with the header
 *               x-goog-api-key or pageSize= in the query
 *   Ollama      POST /api/chat (a stream unless "stream" is false), /api/embed; GET /api/tags
 *   Cohere      POST /v2/chat, /v2/embed; GET /v1/models with page_size= in the query
 *   Bedrock     POST /model/{m}/converse, /converse-stream, /count-tokens
 * Requests are validated as a strict provider does and refused in its words (400, 401, 404). Members that OpenAI's chats
 * do not know are let pass, since others speak the same dialect. GET /mock/stats gives {"requests", "connections", "open",
 * "abandoned", "dropped"}: abandoned are calls whose client left before the end of the answer, dropped were lost for want
 * of memory. POST /mock/script replaces the script. Both count as connections, not as requests.
 *
 * THE SCRIPT is a JSON object; an unknown key is an error:
 *   "rules"        the first one that matches answers; see below
 *   "default"      a rule without "match": answers what no rule answered. Without one: an echo of the last user message
 *   "models"       names for lists of models
 *   "require_key"  refuse requests without this key: as a bearer, or in the header of their format (api-key, x-api-key,
 *                  x-goog-api-key); of AWS's signatures the access key id is looked at and nothing else
 *   "validate"     false: requests are only skimmed where no rule needs more. For benchmarks
 *
 * A RULE:
 *   "match"        all that is given must hold: "path", "model" (a '*' at the front or at the end stands for anything),
 *                  "contains" (in the last user message, or the last text to embed), "system_contains",
 *                  "header": {"name", "equals"}, "stream". A rule without "path" does not match lists of models
 *   "after", "times"   let the first so many matches pass; then answer only so many times
 *   "reply"        "text", "reasoning", "refusal", "tool_calls": [{"id", "name", "arguments": object or text}],
 *                  "finish" ("stop", "length", "tool_calls", "content_filter", turned into the dialect's words; others go
 *                  as they are), "logprobs": [-0.1, ...] one per token, sent where OpenAI's chats ask for them;
 *                  "choices": [{...}, ...] each with the members so far (OpenAI's chats and Gemini; others take the first);
 *                  "usage": {"prompt", "completion", "cached", "cache_write", "write_1h", "reasoning"} or "none"; "model";
 *                  "embedding": {"dimensions": N} or {"vectors": [[0.5, ...], ...]}, one after the other; "headers": {...};
 *                  "raw": {"status", "content_type", "body"}.
 *                  Without text, refusal and tool calls: the echo; a format without a word for a refusal sends it as text.
 *                  "prompt" counts cached and written tokens too, and "completion" the reasoning; shapes with disjoint
 *                  figures get them from these. What usage does not say is estimated: a quarter of the bytes of all texts,
 *                  rounded up. A count of tokens is "prompt". Vectors that are not given are made of a hash of their text,
 *                  the same in every format: of the dimensions that were asked for, else of N, else of 8
 *   "delay_ms"     before the first byte; "chunk_delay_ms" between the events of a stream
 *   "chunk_bytes" or "chunks"  how a text is cut into deltas: of so many bytes (16), or into so many. Cuts fall between
 *                  characters; "split_utf8": true writes escapes and cuts surrogate pairs in the middle
 *   "fault"        below
 *
 * A FAULT, one or several of:
 *   "status" with "type", "code", "message" (rendered in the dialect; each has a default) or "body"; "retry_after",
 *   "retry_after_ms" (headers)                     "html": true           an HTML page, by itself with 502
 *   "garbage": true      bytes that are no HTTP    "garbage_body": true   200 and a body that is no JSON
 *   "error_with_200": {"type", "code", "message"}  "error_in_stream": {"after": deltas, "type", "code", "message"}
 *   "no_terminator": true  no [DONE], no message_stop; of formats without such, the event that ends an answer is missing
 *   "no_usage": true     "no_end": true  the whole body, but HTTP's end of it never comes: the connection stays open
 *   "cut_at": N          the connection ends after N bytes of the body    "reset": true   it ends by RST
 *   "silent": true       no answer, ever           "close_before_reply": true
 *   "drip_bytes", "drip_ms"  the whole reply, head included, that slowly
 *   "huge_bytes": N      a valid start, then an endless text, N bytes in all
 *   "wrong_length": N    Content-Length is off by N   "long_header": N   a header of N bytes
 *   "redirect": "url"    302, or "status"
 *
 * Left out on purpose: TLS and HTTP/2 (a proxy in front does that), max_tokens (a script says how long an answer is).
 */
#ifndef LLMCOST_MOCK_H
#define LLMCOST_MOCK_H

#include <llmcost/llmcost.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct llmcost_mock llmcost_mock;                   /* a running server */
typedef struct llmcost_mock_exchange llmcost_mock_exchange; /* one request that a host answers, during its callback */

/**
 * Answers a chat, of any format, instead of the script. Runs on the server's thread, or in the child process.
 * Returns 1 when it answered through the exchange, 0 to let the script answer.
 */
typedef int (*llmcost_mock_fn)(llmcost_mock_exchange *exchange, void *user);

/* How to start a server; LLMCOST_MOCK_OPTIONS_INIT, then set what differs. */
typedef struct llmcost_mock_options {
    uint32_t struct_size;
    uint16_t port;                      /* 0: a free one */
    uint8_t in_child_process;           /* 1: fork; the child inherits the callback, closes all other descriptors, and ends with its parent */
    uint8_t reserved;                   /* 0 */
    int32_t record_requests;            /* how many of the last requests stay readable; 0: 64, below 0: none. None in a child */
    int32_t reserved2;                  /* 0 */
    uint64_t max_body_bytes;            /* larger requests get 413; 0: 64 MiB */
    const llmcost_allocator *allocator; /* copied; NULL: malloc, realloc, free */
    llmcost_mock_fn on_request;         /* NULL: the script answers everything */
    void *on_request_user;
    llmcost_error **error;              /* set when starting fails: yours, llmcost_error_free() */
} llmcost_mock_options;
#define LLMCOST_MOCK_OPTIONS_INIT { (uint32_t)sizeof(llmcost_mock_options), 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL }
/** Sets what LLMCOST_MOCK_OPTIONS_INIT sets, for callers without macros. struct_size: sizeof of the caller's struct. */
LLMCOST_API void llmcost_mock_options_init(llmcost_mock_options *options, uint32_t struct_size);

/**
 * Start a server. It accepts connections when this returns.
 *
 * out      the server, yours: llmcost_mock_stop()
 * script   JSON text; NULL: echoes
 * options  NULL for all defaults; copied
 *
 * Returns LLMCOST_OK, E_CONFIG (the script; options->error says what), E_NETWORK (the port), E_MEMORY or E_MISUSE. Any
 * thread; a child process is best forked before there are many threads.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_mock_start(llmcost_mock **out, const char *script, const llmcost_mock_options *options);
/**
 * Stop a server: connections are closed, the thread is joined or the child ended. NULL is fine.
 * Returns LLMCOST_OK; E_MISUSE, and nothing happens, inside its own callback. One thread, once.
 */
LLMCOST_API llmcost_status llmcost_mock_stop(llmcost_mock *mock);
/** "http://127.0.0.1:PORT", without a path; NULL of NULL, as what follows has nothing and 0 of it. Any thread. */
LLMCOST_API const char *llmcost_mock_url(const llmcost_mock *mock);
/** The port. Any thread. */
LLMCOST_API uint16_t llmcost_mock_port(const llmcost_mock *mock);
/**
 * Replace the script: requests that begin after this returned are answered by the new one, whose counts begin at 0.
 *
 * error  NULL, or where to put what is wrong: yours, llmcost_error_free()
 *
 * Returns LLMCOST_OK, E_CONFIG (the old script stays), E_MEMORY; E_MISUSE for a server in a child process: POST
 * /mock/script there. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_mock_script(llmcost_mock *mock, const char *script, llmcost_error **error);

/** Requests so far, the refused ones too. 0 for a child process: GET /mock/stats. Any thread. */
LLMCOST_API uint64_t llmcost_mock_request_count(const llmcost_mock *mock);
/** Connections accepted so far. 0 for a child process. Any thread. */
LLMCOST_API uint64_t llmcost_mock_connection_count(const llmcost_mock *mock);
/** Connections open now. 0 for a child process. Any thread. */
LLMCOST_API uint64_t llmcost_mock_open_count(const llmcost_mock *mock);
/** Calls whose client left before the end of the answer. 0 for a child process. Any thread. */
LLMCOST_API uint64_t llmcost_mock_abandoned_count(const llmcost_mock *mock);
/**
 * The body of a request, at most its first MiB; index counts from 0. NULL when it is not recorded (any more) or without
 * memory. bytes may be NULL. Any thread.
 */
LLMCOST_API const char *llmcost_mock_request_body(llmcost_mock *mock, uint64_t index, size_t *bytes);
/** A header of a request, name in any case; ":method" and ":path" too. NULL when there is none. Any thread. */
LLMCOST_API const char *llmcost_mock_request_header(llmcost_mock *mock, uint64_t index, const char *name);

/* NULL for the exchange is fine below: "" and 0, E_MISUSE, or nothing happens. */
/** The model that was asked for. */
LLMCOST_API const char *llmcost_mock_exchange_model(const llmcost_mock_exchange *exchange);
/** The text of the last user message; "" where there is none. bytes may be NULL. */
LLMCOST_API const char *llmcost_mock_exchange_user(const llmcost_mock_exchange *exchange, size_t *bytes);
/** All system texts, one after the other; "" where there is none. bytes may be NULL. */
LLMCOST_API const char *llmcost_mock_exchange_system(const llmcost_mock_exchange *exchange, size_t *bytes);
/** The request's body as it came, not ended by a zero byte. */
LLMCOST_API const char *llmcost_mock_exchange_body(const llmcost_mock_exchange *exchange, size_t *bytes);
/** Answer with this text (UTF-8; bytes 0: strlen). Copied. Returns LLMCOST_OK, E_MEMORY, E_MISUSE (no UTF-8). */
LLMCOST_API llmcost_status llmcost_mock_exchange_text(llmcost_mock_exchange *exchange, const char *text, size_t bytes);
/** Report this usage; below 0: estimated. prompt counts the cached tokens too. */
LLMCOST_API void llmcost_mock_exchange_usage(llmcost_mock_exchange *exchange, int64_t prompt, int64_t completion, int64_t cached);
/** Wait so long before the first byte, and so long between the events of a stream. */
LLMCOST_API void llmcost_mock_exchange_delay(llmcost_mock_exchange *exchange, int64_t delay_ms, int64_t chunk_delay_ms);
/** Answer by a rule of the script's format instead: {"reply": ..., "fault": ...}. Returns LLMCOST_OK, E_CONFIG or E_MEMORY. */
LLMCOST_API llmcost_status llmcost_mock_exchange_rule(llmcost_mock_exchange *exchange, const char *rule_json);

#ifdef __cplusplus
}
#endif

#endif
