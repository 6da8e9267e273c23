/*
 * libllmcost: every call a program makes to a language model goes through here.
 *
 * One API over all providers, a receipt for every call, hard budgets, caches and cascades that shrink the bill.
 *
 *     llmcost_client *client = NULL;
 *     llmcost_response *answer = NULL;
 *     llmcost_client_open(&client, "llmcost.json", NULL);
 *     llmcost_ask(client, "faq", "What is a TTL cache?", &answer);
 *     puts(llmcost_response_text(answer));
 *     puts(llmcost_response_summary(answer));
 *     llmcost_response_free(answer);
 *     llmcost_client_close(client);
 *
 * Conventions that hold for every declaration below, so they are said once:
 *
 *   ownership   a result that comes through a pointer-to-pointer is yours and has a _free or _close of its own;
 *               a returned pointer is borrowed and lives as long as the object it was read from. NULL is fine to free.
 *   text        UTF-8, ended by a zero byte; a length beside it counts without that zero. In requests a length of 0
 *               beside a text means strlen().
 *   money       int64 in nano-units (1e-9) of the ledger's currency (config "currency", USD by default); rates are
 *               pico-units (1e-12) per token. Integers only.
 *   time        milliseconds where a name ends in _ms. A deadline of 0 is the config's default.
 *   threads     a client: any thread, any number of calls at once. A loop, a stream, a response, an error:
 *               one thread at a time. The functions of a loop that may be called from anywhere say so.
 *   errors      LLMCOST_OK is 0. After a failure every out parameter is NULL or 0, with one exception: a call that
 *               was started yields a response also when it failed, because a failed call has a receipt too.
 *   callbacks   run on the thread that drives the call, never under a lock; their arguments live during the callback.
 *
 * Stable: structs grow at the end only and functions keep their meaning. plugin.h and mock.h promise less.
 */
#ifndef LLMCOST_H
#define LLMCOST_H

#include <stddef.h>
#include <stdint.h>

#include <llmcost/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(LLMCOST_BUILD) && defined(__GNUC__)
#define LLMCOST_API __attribute__((visibility("default")))
#else
#define LLMCOST_API
#endif
#if defined(__GNUC__)
#define LLMCOST_MUST_USE __attribute__((warn_unused_result))
#else
#define LLMCOST_MUST_USE
#endif

/* ------------------------------------------------------------------------------------------------ status */

/*
 * Every status: name, number, category, and what it says. Numbers are pinned: new ones are added, none is reused.
 * The provider statuses are one taxonomy over all providers; the provider's own words are in the llmcost_error.
 */
#define LLMCOST_STATUS_LIST(X)                                                                                        \
    X(OK, 0, NONE, "success")                                                                                         \
    X(E_MEMORY, 1, HOST, "out of memory")                                                                             \
    X(E_MISUSE, 2, HOST, "the function was called in a way that its documentation forbids")                           \
    X(E_REENTRANT, 3, HOST, "called inside a callback of the same loop")                                              \
    X(E_CLOSED, 4, HOST, "the client is being closed")                                                                \
    X(E_CONFIG, 10, CONFIG, "the configuration is wrong")                                                             \
    X(E_FILE, 11, CONFIG, "a file could not be read")                                                                 \
    X(E_UNKNOWN_MODEL, 12, CONFIG, "no route, alias or provider has this name")                                       \
    X(E_AMBIGUOUS_MODEL, 13, CONFIG, "several providers have this model")                                             \
    X(E_INVALID, 20, REQUEST, "the request is malformed; nothing was sent")                                           \
    X(E_UNSUPPORTED, 21, REQUEST, "the provider cannot do what the request asks for; nothing was sent")               \
    X(E_BUDGET, 30, BUDGET, "the budget could not cover the call; nothing was sent")                                  \
    X(E_PRICE_UNKNOWN, 31, BUDGET, "a hard budget matches and the price of the model is unknown; nothing was sent")     \
    X(E_DEADLINE, 40, TIME, "the deadline of the call passed")                                                        \
    X(E_CONNECT_TIMEOUT, 41, TIME, "no connection within connect_ms")                                                 \
    X(E_FIRST_BYTE_TIMEOUT, 42, TIME, "no answer began within first_byte_ms")                                         \
    X(E_IDLE_TIMEOUT, 43, TIME, "the answer stopped for longer than idle_ms")                                         \
    X(E_CANCELLED, 44, TIME, "the call was cancelled")                                                                \
    X(E_NETWORK, 50, NETWORK, "the connection failed")                                                                \
    X(E_TLS, 51, NETWORK, "the server's certificate was not accepted, or TLS failed")                                 \
    X(E_NAME, 52, NETWORK, "the host name could not be resolved")                                                     \
    X(E_INVALID_REQUEST, 60, REQUEST, "the provider refused the request as invalid")                                  \
    X(E_AUTH, 61, CREDENTIALS, "the provider did not accept the key")                                                 \
    X(E_QUOTA, 62, CREDENTIALS, "the provider account is out of money or over its spending limit")                    \
    X(E_PERMISSION, 63, CREDENTIALS, "the key may not use this model or endpoint")                                    \
    X(E_NOT_FOUND, 64, REQUEST, "the provider does not know the model or the endpoint")                               \
    X(E_RATE_LIMITED, 65, CAPACITY, "the provider limits the rate of calls")                                          \
    X(E_OVERLOADED, 66, CAPACITY, "the provider is overloaded")                                                       \
    X(E_SERVER, 67, SERVER, "the provider failed")                                                                    \
    X(E_SERVER_TIMEOUT, 68, SERVER, "the provider gave up waiting for itself")                                        \
    X(E_CONTEXT_LENGTH, 69, REQUEST, "the prompt is longer than the model takes")                                     \
    X(E_CONTENT_FILTER, 70, REQUEST, "the provider's content filter refused the prompt")                              \
    X(E_CONFLICT, 71, SERVER, "the provider asks to try again after a conflict")                                      \
    X(E_MALFORMED, 80, SERVER, "the provider's answer could not be understood")                                       \
    X(E_TRUNCATED, 81, SERVER, "the answer ended before it was complete")                                             \
    X(E_TOO_LARGE, 82, SERVER, "the answer is larger than max_response_bytes")                                        \
    X(E_CACHE_MISS, 90, REQUEST, "the call asked for a cached answer only, and there is none")                        \
    X(E_UNKNOWN_CALL, 91, REQUEST, "no call of this receipt that went through a split is remembered")                 \
    X(E_BREAKER_OPEN, 92, CAPACITY, "the target failed too often lately; nothing was sent")                           \
    X(E_LIMITED, 93, CAPACITY, "no place under the limits towards the provider came free in time; nothing was sent")

typedef enum llmcost_status {
#define LLMCOST_STATUS_ENUM(name, number, category, text) LLMCOST_##name = number,
    LLMCOST_STATUS_LIST(LLMCOST_STATUS_ENUM)
#undef LLMCOST_STATUS_ENUM
    LLMCOST_STATUS_MAX_ = 0x7fffffff
} llmcost_status;

/* Few enough for a switch. */
typedef enum llmcost_category {
    LLMCOST_CATEGORY_NONE = 0,        /* success */
    LLMCOST_CATEGORY_HOST = 1,        /* the program: memory, misuse */
    LLMCOST_CATEGORY_CONFIG = 2,      /* the operator: config file, names */
    LLMCOST_CATEGORY_REQUEST = 3,     /* this request will fail again unless it is changed */
    LLMCOST_CATEGORY_BUDGET = 4,      /* money */
    LLMCOST_CATEGORY_TIME = 5,        /* a deadline, or the caller left */
    LLMCOST_CATEGORY_NETWORK = 6,     /* the way to the provider */
    LLMCOST_CATEGORY_CREDENTIALS = 7, /* keys and provider accounts */
    LLMCOST_CATEGORY_CAPACITY = 8,    /* try later */
    LLMCOST_CATEGORY_SERVER = 9       /* the provider failed */
} llmcost_category;

/** The version of the library that is running, such as "0.1.0". Any thread. */
LLMCOST_API const char *llmcost_version(void);
/** The name of a status without its prefix ("E_BUDGET"), or "E_UNKNOWN". Static text. Any thread. */
LLMCOST_API const char *llmcost_status_name(llmcost_status status);
/** What a status says, as one lower-case line. Static text. Any thread. */
LLMCOST_API const char *llmcost_status_text(llmcost_status status);
/** The category of a status. Any thread. */
LLMCOST_API llmcost_category llmcost_status_category(llmcost_status status);
/**
 * 1 when the same request may well succeed later: capacity, server, network and time-out statuses. Any thread.
 * Retries go by it, but for an HTTP error whose header x-should-retry says otherwise; a key that was refused is not tried again.
 */
LLMCOST_API int llmcost_status_is_retriable(llmcost_status status);
/** 1 for E_BUDGET and E_PRICE_UNKNOWN: nothing was sent for want of money. Any thread. */
LLMCOST_API int llmcost_status_is_budget(llmcost_status status);
/** 1 when no call will succeed before the host or the operator mends something: host, config, credentials. Any thread. */
LLMCOST_API int llmcost_status_is_fatal(llmcost_status status);

/* ------------------------------------------------------------------------------------------------ handles */

typedef struct llmcost_client llmcost_client;     /* shared by all threads */
typedef struct llmcost_response llmcost_response; /* the outcome of one call; outlives its client */
typedef struct llmcost_error llmcost_error;       /* details of a failure; never holds a secret */
typedef struct llmcost_stream llmcost_stream;     /* a call whose answer is pulled piece by piece */
typedef struct llmcost_event llmcost_event;       /* one piece of an answer */
typedef struct llmcost_loop llmcost_loop;         /* many calls in flight on one thread */

/* ------------------------------------------------------------------------------------------------ hooks */

/*
 * Memory. All three functions or none; any thread may call them. `release` takes NULL. Every allocation of the library
 * goes through them; what libcurl and jansson allocate goes through their own process-wide hooks, which are the host's.
 */
typedef struct llmcost_allocator {
    void *(*allocate)(size_t bytes, void *user);
    void *(*reallocate)(void *memory, size_t bytes, void *user);
    void (*release)(void *memory, void *user);
    void *user;
} llmcost_allocator;

/*
 * Time. `monotonic_ns` never goes back; `wall_ms` is UTC since 1970 and decides price periods and budget windows. Both
 * stay below 2^62. `wait` may be NULL; where it is given, the library never sleeps in the kernel while nothing is ready
 * but calls it with the instant of its next timer (INT64_MAX: none), so that a test's clock can jump there.
 */
typedef struct llmcost_clock {
    int64_t (*monotonic_ns)(void *user);
    int64_t (*wall_ms)(void *user);
    void (*wait)(int64_t until_monotonic_ns, void *user);
    void *user;
} llmcost_clock;

typedef enum llmcost_log_level { LLMCOST_LOG_ERROR = 1, LLMCOST_LOG_WARNING = 2, LLMCOST_LOG_INFO = 3, LLMCOST_LOG_TRACE = 4 } llmcost_log_level;
/**
 * Receives log lines: which part speaks ("wire", "retry", "cache", "cascade", "budget", or a policy's name) and one line
 * without a newline. INFO says what a policy decided, TRACE also every exchange and every look into the cache. No line
 * holds a key, a header, a prompt or an answer. Any thread may call it.
 */
typedef void (*llmcost_log_fn)(llmcost_log_level level, const char *part, const char *line, void *user);
/** Looks up an environment variable; returns NULL where there is none. The text is copied before the next call. */
typedef const char *(*llmcost_environment_fn)(const char *name, void *user);

/* ------------------------------------------------------------------------------------------------ client */

struct llmcost_transport; /* plugin.h */

/* How to open a client; LLMCOST_OPTIONS_INIT, then set what differs. */
typedef struct llmcost_options {
    uint32_t struct_size;
    int32_t log_level;                           /* llmcost_log_level; 0: warnings and errors */
    const llmcost_allocator *allocator;          /* copied; NULL: malloc, realloc, free */
    const llmcost_clock *clock;                  /* copied; NULL: the system's, the wall's as of its latest tick (a few ms ago at most) */
    llmcost_log_fn log;                          /* NULL: nothing is logged */
    void *log_user;
    llmcost_environment_fn environment;          /* NULL: getenv() */
    void *environment_user;
    uint64_t random_seed;                        /* 0: from the system */
    const struct llmcost_transport *transport;   /* plugin.h; NULL: libcurl. Copied; its user must outlive the client */
    llmcost_error **error;                       /* set when opening fails: yours, llmcost_error_free() */
} llmcost_options;
#define LLMCOST_OPTIONS_INIT { (uint32_t)sizeof(llmcost_options), 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL }
/** Sets what LLMCOST_OPTIONS_INIT sets, for callers without macros. struct_size: sizeof of the caller's struct. */
LLMCOST_API void llmcost_options_init(llmcost_options *options, uint32_t struct_size);

/**
 * Open a client.
 *
 * config   the path of a JSON file; or JSON text, when its first character that is not white space is '{';
 *          or NULL: every provider whose usual key variable is set in the environment (OPENAI_API_KEY, ...)
 * options  NULL for all defaults; copied
 * out      the client, yours: llmcost_client_close()
 *
 * Opens no connection and starts no thread (unless the config says "background": true). The first client of a
 * process initialises libcurl: open it before other threads use libcurl, or call curl_global_init() yourself.
 * After fork() a client and all that came from it belong to the parent: the child's calls return E_MISUSE.
 *
 * Returns LLMCOST_OK, E_FILE, E_CONFIG (options->error names key and line), E_MEMORY or E_MISUSE. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_client_open(llmcost_client **out, const char *config, const llmcost_options *options);
/** One more reference to a client, to be given back by llmcost_client_close(). Returns its argument. Any thread. */
LLMCOST_API llmcost_client *llmcost_client_ref(llmcost_client *client);
/**
 * Give a reference back. The last one closes: blocking calls in other threads are cancelled and return, detached work
 * is drained for at most the config's close_ms, the rest is counted and dropped. Responses stay valid.
 *
 * Returns LLMCOST_OK (also for NULL); E_MISUSE, and nothing happens, while a loop or a stream of the client is open
 * or inside one of its callbacks. Any thread.
 */
LLMCOST_API llmcost_status llmcost_client_close(llmcost_client *client);
/**
 * Do the client's detached work (draining abandoned streams, late settling) on this thread.
 *
 * max_ms   at most this long; 0: only what is ready. Returns at once when there is none.
 *
 * Returns LLMCOST_OK, or E_MISUSE. Any thread. Needed only in a client that neither runs a background thread nor
 * makes further calls.
 */
LLMCOST_API llmcost_status llmcost_client_run(llmcost_client *client, int32_t max_ms);

/** Receives the response of every finished call, failed ones too; borrowed during the callback. */
typedef void (*llmcost_receipt_fn)(const llmcost_response *response, void *user);
/**
 * Receives alerts as one JSON object, such as {"alert":"budget","budget":"faq","fraction":0.8,...} ("window_from_ms": when
 * the budget's window began, in Unix time; null for a budget without a period), or when a circuit breaker
 * has changed its state {"alert":"breaker","target":"openai/gpt-4o","state":"open","calls":12,"failures":10,"slow":0}, or when
 * a key is not used any more {"alert":"key","provider":"openai","key":"1f3a9c04","state":"rejected"} (or "out_of_money"); a key
 * is named by eight digits of its hash, as on receipts, or by the name of the callback that hands it out.
 */
typedef void (*llmcost_alert_fn)(const char *json, void *user);
struct llmcost_request;
/* What a judge is shown; borrowed during the callback. Read no field beyond struct_size. */
typedef struct llmcost_judgement {
    uint32_t struct_size;
    uint32_t reserved;
    const char *question;                  /* the text of the last user message */
    size_t question_bytes;
    const char *answer;                    /* the text of the first choice */
    size_t answer_bytes;
    const char *model;                     /* who gave it: "openai/gpt-4o-mini" */
    const struct llmcost_request *request; /* the whole request */
} llmcost_judgement;
/**
 * Decides whether an answer of a cascade step is good enough.
 * Returns 1 to accept, 0 to escalate, below 0 when it cannot tell (the answer is accepted; the receipt says so).
 */
typedef int (*llmcost_judge_fn)(const llmcost_judgement *judgement, void *user);

/* What a labeller is shown; borrowed during the callback. Read no field beyond struct_size. */
typedef struct llmcost_labelling {
    uint32_t struct_size;
    uint32_t reserved;
    const char *question;                  /* the text of the last user message */
    size_t question_bytes;
    const struct llmcost_request *request; /* the whole request */
} llmcost_labelling;
/**
 * Says what kind of request it is, for a route that chooses by it.
 *
 * label      where one of the labels goes, ended by a zero byte
 * capacity   257 bytes
 *
 * Returns 0 when it did; anything else when it cannot tell: the middle one of the route's labels then, and the receipt
 * says so. Runs on the thread that drives the call, never under a lock, at most once for each route of a call.
 */
typedef int (*llmcost_labeller_fn)(const llmcost_labelling *shown, char *label, size_t capacity, void *user);

/**
 * Hands out a provider's key: a short-lived token of a cloud, or a secret of a vault.
 *
 * provider   the configured name
 * rejected   1 when the provider has just refused what this function gave before
 * key        where it goes, ended by a zero byte; wiped after use
 * capacity   16 KB and one byte
 * valid_ms   set it to how long the key is good: it is kept that long, less a tenth (a minute at most), and asked for again
 *            then; 0, as it comes: the key is for this call only
 *
 * Returns LLMCOST_OK, anything else when there is no key: the call ends with E_AUTH. Runs on the thread that drives the
 * call, never under a lock; several calls may ask at once.
 */
typedef llmcost_status (*llmcost_key_fn)(const char *provider, int rejected, char *key, size_t capacity, int64_t *valid_ms, void *user);

/** Call fn for every finished call. Before the client's first call, else E_MISUSE. NULL fn: none. */
LLMCOST_API llmcost_status llmcost_client_on_receipt(llmcost_client *client, llmcost_receipt_fn fn, void *user);
/** Call fn for every alert. Before the client's first call, else E_MISUSE. NULL fn: none. */
LLMCOST_API llmcost_status llmcost_client_on_alert(llmcost_client *client, llmcost_alert_fn fn, void *user);
/** The judge that a cascade's {"judge": "host:NAME"} names. Before the client's first call, else E_MISUSE. name is copied. */
LLMCOST_API llmcost_status llmcost_client_add_judge(llmcost_client *client, const char *name, llmcost_judge_fn fn, void *user);
/** The labeller that a choose's "label_with": "host:NAME" names. Before the client's first call, else E_MISUSE. name is copied. */
LLMCOST_API llmcost_status llmcost_client_add_labeller(llmcost_client *client, const char *name, llmcost_labeller_fn fn, void *user);
/** The callback that a provider's "key": "host:NAME" names. Before the client's first call, else E_MISUSE. name is copied. */
LLMCOST_API llmcost_status llmcost_client_add_key_source(llmcost_client *client, const char *name, llmcost_key_fn fn, void *user);

/* ------------------------------------------------------------------------------------------------ request */

typedef enum llmcost_role {
    LLMCOST_USER = 0,
    LLMCOST_SYSTEM = 1,
    LLMCOST_ASSISTANT = 2,
    LLMCOST_TOOL = 3 /* the result of a tool call: set tool_call_id */
} llmcost_role;

typedef enum llmcost_part_type {
    LLMCOST_PART_TEXT = 0,
    LLMCOST_PART_IMAGE_URL = 1,        /* url: https; detail: "auto", "low", "high" or NULL */
    LLMCOST_PART_IMAGE = 2,            /* data, data_bytes, media_type: "image/png" ...; raw bytes, encoded by us */
    LLMCOST_PART_REASONING = 3,        /* text and signature, as a provider returned them */
    LLMCOST_PART_REASONING_HIDDEN = 4, /* text: the opaque data that a provider returned instead of its reasoning */
    LLMCOST_PART_AUDIO = 5,            /* data, data_bytes, media_type: "audio/wav", "audio/mpeg" ... */
    LLMCOST_PART_DOCUMENT = 6,         /* data, data_bytes, media_type: "application/pdf" ..., or url; detail: a file name or NULL */
    LLMCOST_PART_FILE = 7              /* url: the path of a regular file of at most 64 MB, read when the call starts (E_FILE);
                                          media_type, or NULL: by its extension. It becomes an image, audio or document part */
} llmcost_part_type;

/* A piece of a message's content. */
typedef struct llmcost_part {
    int32_t type; /* llmcost_part_type */
    uint32_t reserved; /* 0 */
    const char *text;
    size_t text_bytes;
    const char *url;
    const char *detail;
    const char *media_type;
    const void *data;
    size_t data_bytes;
    const char *signature;
} llmcost_part;

/*
 * A call of a tool that a model asked for. `arguments` is JSON text; of a custom tool (OpenAI's, passed on in `extra`, or
 * in llmcost_chat_json()'s body) any text.
 */
typedef struct llmcost_tool_call {
    const char *id;
    const char *name;
    const char *arguments;
    uint8_t is_custom;
    uint8_t reserved[7]; /* 0 */
} llmcost_tool_call;

/*
 * One turn. Content is `text`, or `parts` where there are any, never both. Formats that refuse a turn without content are
 * not sent one: the assistant's (but for Qianfan's first format, whose turns alternate) and system text are left out, the
 * user's is E_UNSUPPORTED (behind a tool's result: left out).
 */
typedef struct llmcost_message {
    int32_t role;             /* llmcost_role */
    uint8_t is_error;         /* TOOL: the tool failed */
    uint8_t cache_mark;       /* let the provider cache the prompt up to here, where it takes marks */
    uint8_t reserved[2];      /* 0 */
    const char *text;
    size_t text_bytes;
    const llmcost_part *parts;
    const llmcost_tool_call *tool_calls; /* ASSISTANT */
    uint32_t part_count;
    uint32_t tool_call_count;
    const char *tool_call_id; /* TOOL */
    const char *name;         /* who speaks, or NULL */
    uint32_t part_stride;     /* sizes of one part and one tool call of this message, where they are not the request's; */
    uint32_t tool_call_stride; /* 0: the request's. The library sets both in the messages that it hands out */
} llmcost_message;

/* A function that the model may call. `parameters` is a JSON Schema as text; NULL: no parameters. */
typedef struct llmcost_tool {
    const char *name;
    const char *description; /* NULL: none */
    const char *parameters;
    uint8_t strict;          /* arguments must follow the schema, where the provider can promise it */
    uint8_t cache_mark;
    uint8_t reserved[6];     /* 0 */
} llmcost_tool;

/* A label on the call: "feature" = "faq". Budgets match on tags, reports add up by them. */
typedef struct llmcost_tag {
    const char *name;
    const char *value;
} llmcost_tag;

typedef enum llmcost_tool_choice { LLMCOST_TOOLS_AUTO = 0, LLMCOST_TOOLS_NONE = 1, LLMCOST_TOOLS_REQUIRED = 2, LLMCOST_TOOLS_ONE = 3 } llmcost_tool_choice;
typedef enum llmcost_format { LLMCOST_FORMAT_TEXT = 0, LLMCOST_FORMAT_JSON = 1, LLMCOST_FORMAT_JSON_SCHEMA = 2 } llmcost_format;
typedef enum llmcost_effort {
    LLMCOST_EFFORT_DEFAULT = 0, LLMCOST_EFFORT_NONE = 1, LLMCOST_EFFORT_MINIMAL = 2, LLMCOST_EFFORT_LOW = 3,
    LLMCOST_EFFORT_MEDIUM = 4, LLMCOST_EFFORT_HIGH = 5, LLMCOST_EFFORT_XHIGH = 6, LLMCOST_EFFORT_MAX = 7
} llmcost_effort;
typedef enum llmcost_switch { LLMCOST_DEFAULT = 0, LLMCOST_ON = 1, LLMCOST_OFF = 2 } llmcost_switch;
typedef enum llmcost_cache_use {
    LLMCOST_CACHE_DEFAULT = 0, /* look up and store, as the config says */
    LLMCOST_CACHE_OFF = 1,     /* neither */
    LLMCOST_CACHE_REFRESH = 2, /* do not look up, store the new answer */
    LLMCOST_CACHE_ONLY = 3     /* look up; a miss is E_CACHE_MISS and nothing is sent */
} llmcost_cache_use;

/* What vectors are for, where a model makes different ones. */
typedef enum llmcost_input_purpose {
    LLMCOST_INPUT_ANY = 0, LLMCOST_INPUT_DOCUMENT = 1, LLMCOST_INPUT_QUERY = 2, LLMCOST_INPUT_CLASSIFICATION = 3, LLMCOST_INPUT_CLUSTERING = 4
} llmcost_input_purpose;

/*
 * One request. LLMCOST_REQUEST_INIT (or llmcost_request_init), then fill in. All zero bytes after the first six fields
 * are the defaults. The six sizes let all structs grow: they say what the caller was compiled with.
 */
typedef struct llmcost_request {
    uint32_t struct_size, message_stride, part_stride, tool_call_stride, tool_stride, tag_stride;

    const char *model;                 /* a route, an alias, "provider/model", or a bare model name */
    const llmcost_message *messages;
    const llmcost_tool *tools;
    const llmcost_tag *tags;
    const char *const *stop;           /* texts that end the answer */
    uint32_t message_count, tool_count, tag_count, stop_count;

    int64_t max_tokens;                /* of the answer, reasoning included; 0: the config's default_max_tokens */
    int64_t seed;
    double temperature, top_p;
    uint8_t has_temperature, has_top_p, has_seed;
    uint8_t logprobs;                  /* 1: return log-probabilities */
    uint8_t parallel_tool_calls;       /* llmcost_switch */
    uint8_t format_strict;             /* JSON_SCHEMA: strict */
    uint8_t cache_sampled;             /* llmcost_switch: cache this answer although it is sampled */
    uint8_t reserved0;                 /* 0 */
    int32_t top_logprobs;              /* 0 to 20 */
    uint32_t n;                        /* how many choices; 0: one */
    int32_t tool_choice;               /* llmcost_tool_choice */
    int32_t format;                    /* llmcost_format */
    int32_t effort;                    /* llmcost_effort */
    int32_t cache;                     /* llmcost_cache_use */
    int64_t thinking_budget_tokens;    /* 0: none given. For models that take a budget instead of an effort. DashScope and
                                          SiliconFlow think beside max_tokens: a hard budget holds this, or their longest */
    const char *tool_choice_name;      /* TOOLS_ONE */
    const char *format_name;           /* JSON_SCHEMA: its name; NULL: "answer" */
    const char *format_schema;         /* JSON_SCHEMA: JSON text */
    const char *end_user;              /* an identifier of your user for the provider's abuse detection */
    const char *extra;                 /* members for the provider's body as a JSON object, passed through as they are; OpenAI's
                                          own to another format: see llmcost_chat_json() */
    const char *cache_namespace;       /* answers are never shared between namespaces; NULL: the config's */
    int64_t cache_ttl_ms;              /* 0: the config's */
    int64_t input_bound_tokens;        /* your own upper bound of the prompt's tokens, where ours cannot be computed: images of
                                          unknown models, and members of `extra` that may cost (searches, server tools), which a
                                          hard budget else refuses with E_BUDGET; count in input tokens what they may cost */
    int32_t deadline_ms;               /* for everything together; 0: the config's; below 0: none */
    int32_t priority;                  /* -1000 to 1000: who goes first where calls queue under "limits"; nothing is put by for
                                          the lower ones, which get through only if room is left within their time */
    const char *const *inputs;         /* llmcost_embed(): the texts */
    const size_t *input_bytes;         /* their lengths; NULL, or 0 of one: strlen() */
    uint32_t input_count;
    int32_t dimensions;                /* of the vectors; 0: the model's own */
    int32_t input_purpose;             /* llmcost_input_purpose */
    uint32_t reserved2;                /* 0 */
} llmcost_request;

#define LLMCOST_REQUEST_INIT                                                                                          \
    { (uint32_t)sizeof(llmcost_request), (uint32_t)sizeof(llmcost_message), (uint32_t)sizeof(llmcost_part),           \
      (uint32_t)sizeof(llmcost_tool_call), (uint32_t)sizeof(llmcost_tool), (uint32_t)sizeof(llmcost_tag),             \
      NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,          \
      NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL, 0, 0, 0, 0 }
/** Sets what LLMCOST_REQUEST_INIT sets, for callers without macros; the sizes are this library's own. Any thread. */
LLMCOST_API void llmcost_request_init(llmcost_request *request);

/* ------------------------------------------------------------------------------------------------ calls */

/**
 * Send one request and wait for the answer.
 *
 * client   any thread, any number of calls at once
 * request  unchanged until the call returns, then yours again
 * out      the response, yours: llmcost_response_free(). Set on failure as well (receipt, error);
 *          NULL only with E_MEMORY, E_MISUSE and E_CLOSED
 *
 * Returns LLMCOST_OK or the status of the failure, which llmcost_response_error() explains. E_INVALID, E_UNSUPPORTED,
 * E_UNKNOWN_MODEL, E_BUDGET: nothing was sent. Waits the deadline at most. Runs callbacks on this thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_chat(llmcost_client *client, const llmcost_request *request, llmcost_response **out);
/** llmcost_chat() with one user message and all defaults. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_ask(llmcost_client *client, const char *model, const char *question, llmcost_response **out);
/**
 * llmcost_chat() on an OpenAI chat-completions body; llmcost_response_json() is the answer in OpenAI's shape, whichever
 * provider served it.
 *
 * body   JSON text of body_bytes bytes (0: strlen). Beside OpenAI's members one of ours: "llmcost":
 *        {"tags": {...}, "cache": "off", "namespace": "...", "deadline_ms": 8000, "cache_ttl_ms": ..., "sampled": true,
 *        "input_bound_tokens": ...}. Members that OpenAI does not know pass through to the provider.
 *        OpenAI's own that a provider's format lacks (logit_bias, store, metadata, ...) are E_UNSUPPORTED there, unless
 *        they ask for nothing ("store": false); penalties go where the format has them.
 *        "stream": true is E_INVALID here: llmcost_stream_open_json().
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_chat_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_response **out);
/**
 * Vectors for texts: llmcost_response_embedding_count(), _embedding().
 *
 * request  model (a single one: a cascade or a fallback is E_UNSUPPORTED), inputs, input_count, and where wanted input_bytes,
 *          dimensions, input_purpose, extra, tags, deadline and the cache's fields; what else a request has is E_INVALID.
 *          llmcost_chat() refuses inputs likewise
 *
 * More texts than the provider takes at once are sent in several requests, some of them at the same time: the receipt has
 * a line for each. When one fails, the call fails, and what the others cost is on the receipt. The same texts for the
 * same model come from the cache, where there is one, although no temperature was given. A budget holds for the texts
 * only. Otherwise as llmcost_chat().
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_embed(llmcost_client *client, const llmcost_request *request, llmcost_response **out);
/**
 * llmcost_embed() on an OpenAI embeddings body: "model", "input" (a text or a list of texts), "dimensions",
 * "encoding_format" (of llmcost_response_json()); "llmcost" as in llmcost_chat_json(), and in it "purpose": "document",
 * "query", "classification" or "clustering". Other members pass through to the provider.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_embed_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_response **out);
/**
 * What a provider would count as the prompt of a request, by asking it. At no cost, and not cached.
 *
 * request  as for llmcost_chat(); a cascade or a fallback is E_UNSUPPORTED
 * tokens   the count; 0 after a failure
 * out      the response, as from llmcost_chat(), or NULL
 *
 * E_UNSUPPORTED: the provider has no way to count (what budgets use is an upper bound of our own).
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_count_tokens(llmcost_client *client, const llmcost_request *request, int64_t *tokens, llmcost_response **out);
/** llmcost_count_tokens() on an OpenAI chat-completions body, "stream" or not. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_count_tokens_json(llmcost_client *client, const char *body, size_t body_bytes, int64_t *tokens, llmcost_response **out);
/**
 * The money that is left at one configured provider: llmcost_response_balance_count(), _balance(). Otherwise as
 * llmcost_chat(). E_UNSUPPORTED: the provider does not tell, as most.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_balance(llmcost_client *client, const char *provider, llmcost_response **out);
/** The models that one configured provider offers: llmcost_response_model_count(), _model(). Otherwise as llmcost_chat(). */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_list_models(llmcost_client *client, const char *provider, llmcost_response **out);

/* ------------------------------------------------------------------------------------------------ streaming */

typedef enum llmcost_event_kind {
    LLMCOST_EVENT_TEXT = 1,       /* a piece of the answer */
    LLMCOST_EVENT_REASONING = 2,  /* a piece of the reasoning that the provider shows */
    LLMCOST_EVENT_REFUSAL = 3,    /* a piece of a refusal */
    LLMCOST_EVENT_TOOL_CALL = 4,  /* a tool call begins: id and name */
    LLMCOST_EVENT_TOOL_ARGUMENTS = 5, /* a piece of its arguments */
    LLMCOST_EVENT_FINISH = 6,     /* a choice is complete: llmcost_event_finish() */
    LLMCOST_EVENT_USAGE = 7,      /* the provider reported its counts: llmcost_event_tokens() */
    LLMCOST_EVENT_RESTART_ANSWER = 8, /* the pieces so far are void: the target failed, and another one answers from the start.
                                        Only of a route with "after_delta": "continue" */
    LLMCOST_EVENT_LOGPROBS = 9,   /* asked for: log-probabilities of tokens of the text before, OpenAI's items as a JSON array */
    LLMCOST_EVENT_EXTRA = 10      /* what a provider sends beside the text (citations): llmcost_event_json() */
} llmcost_event_kind;

typedef enum llmcost_finish {
    LLMCOST_FINISH_NONE = 0, LLMCOST_FINISH_STOP = 1, LLMCOST_FINISH_LENGTH = 2, LLMCOST_FINISH_TOOL_CALLS = 3,
    LLMCOST_FINISH_CONTENT_FILTER = 4, LLMCOST_FINISH_CONTEXT_LENGTH = 5, LLMCOST_FINISH_PAUSED = 6, LLMCOST_FINISH_ERROR = 7
} llmcost_finish;

/**
 * Send a request and pull its answer piece by piece. Not calling next pauses the transfer.
 *
 * request  copied; yours again on return
 * out      the stream, yours: llmcost_stream_close(). One thread at a time
 *
 * Returns at once: the request is sent while next, poll or finish run. A failure that is known by then (E_INVALID,
 * E_UNKNOWN_MODEL, E_BUDGET, ...) comes from the first llmcost_stream_next(), with its receipt. E_MEMORY, E_MISUSE,
 * E_CLOSED: no stream.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_stream_open(llmcost_client *client, const llmcost_request *request, llmcost_stream **out);
/**
 * llmcost_stream_open() on an OpenAI chat-completions body; llmcost_event_json() has OpenAI's chunks. With "include_usage"
 * one of them has the counts: the provider's, at the end the receipt's estimate where the provider told none.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_stream_open_json(llmcost_client *client, const char *body, size_t body_bytes, llmcost_stream **out);
/**
 * The next piece; waits for it.
 *
 * out   borrowed until the next call on this stream; NULL when the answer is complete or failed
 *
 * Returns LLMCOST_OK (with *out NULL: the answer is complete), or the failure that ended the call.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_stream_next(llmcost_stream *stream, const llmcost_event **out);
/**
 * Wait for at most timeout_ms until llmcost_stream_next() need not wait (0: do what is ready; below 0: until then): for
 * programs that look at something else now and then, such as a signal. What next handed out is not borrowed any longer.
 * Returns 1 when there is a piece, the end or a failure for next to tell, 0 when there is nothing yet.
 */
LLMCOST_API int llmcost_stream_poll(llmcost_stream *stream, int32_t timeout_ms);
/**
 * Wait for the end of the stream and take its response (as from llmcost_chat, also on failure): yours. Pieces not pulled yet are skipped.
 * Returns the status of the call; E_MISUSE when the response was taken before.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_stream_finish(llmcost_stream *stream, llmcost_response **out);
/** Close a stream; NULL is fine. What is still under way is cancelled; the receipt goes to on_receipt and the report. */
LLMCOST_API void llmcost_stream_close(llmcost_stream *stream);

/** Receives the pieces of an answer. Returns 0 to go on, anything else to cancel the call. */
typedef int (*llmcost_event_fn)(const llmcost_event *event, void *user);
/** llmcost_chat() that calls fn for every piece on the way: a loop over the stream functions. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_chat_stream(llmcost_client *client, const llmcost_request *request, llmcost_event_fn fn, void *user, llmcost_response **out);

/** What kind of piece this is. */
LLMCOST_API llmcost_event_kind llmcost_event_get_kind(const llmcost_event *event);
/** The text of a piece (TEXT, REASONING, REFUSAL, TOOL_ARGUMENTS; of LOGPROBS its JSON), "" for the others. bytes may be NULL. */
LLMCOST_API const char *llmcost_event_text(const llmcost_event *event, size_t *bytes);
/** Which choice it belongs to, from 0. */
LLMCOST_API uint32_t llmcost_event_choice(const llmcost_event *event);
/** Which tool call of the choice it belongs to, from 0. */
LLMCOST_API uint32_t llmcost_event_tool_index(const llmcost_event *event);
/** TOOL_CALL: the id of the call, else "". */
LLMCOST_API const char *llmcost_event_tool_id(const llmcost_event *event);
/** TOOL_CALL: the name of the function, else "". */
LLMCOST_API const char *llmcost_event_tool_name(const llmcost_event *event);
/** FINISH: why the choice ended. */
LLMCOST_API llmcost_finish llmcost_event_finish(const llmcost_event *event);
/** FINISH: the provider's own word for it, else "". */
LLMCOST_API const char *llmcost_event_finish_raw(const llmcost_event *event);
/**
 * The piece as an OpenAI chat.completion.chunk; NULL for a piece that has no such form, or without memory.
 * Lives as long as the event.
 */
LLMCOST_API const char *llmcost_event_json(const llmcost_event *event);

/* ------------------------------------------------------------------------------------------------ async */

/** Receives the end of a submitted call: its id and its response, which is yours. Called exactly once per call. */
typedef void (*llmcost_done_fn)(uint64_t call, llmcost_response *response, void *user);

/**
 * A loop: many calls in flight, driven by one thread with llmcost_loop_poll().
 *
 * Returns LLMCOST_OK, E_MEMORY, E_MISUSE, E_CLOSED. The loop belongs to the thread that polls it; submit, cancel and
 * wake may be called from any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_loop_open(llmcost_client *client, llmcost_loop **out);
/**
 * Close a loop. Calls still in flight are cancelled and completed (done is called) before this returns; what is
 * submitted meanwhile, from a callback too, is refused with E_CLOSED.
 * Returns E_REENTRANT, and closes nothing, inside one of its own callbacks; else LLMCOST_OK.
 */
LLMCOST_API llmcost_status llmcost_loop_close(llmcost_loop *loop);
/**
 * Start a call. Any thread.
 *
 * request   copied before this returns
 * on_event  pieces as they come; NULL: the answer is not streamed
 * on_done   the end; called from llmcost_loop_poll(), never from here
 * call      the id of the call for llmcost_loop_cancel(); may be NULL
 *
 * Returns LLMCOST_OK: on_done will be called exactly once. Otherwise it never is: E_MEMORY, E_MISUSE, E_CLOSED.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_loop_submit(llmcost_loop *loop, const llmcost_request *request, llmcost_event_fn on_event,
                                               llmcost_done_fn on_done, void *user, uint64_t *call);
/** llmcost_loop_submit() on an OpenAI chat-completions body; "stream": true needs on_event. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_loop_submit_json(llmcost_loop *loop, const char *body, size_t body_bytes, llmcost_event_fn on_event,
                                                    llmcost_done_fn on_done, void *user, uint64_t *call);
/** llmcost_embed() on a loop: as llmcost_loop_submit(), in one piece. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_loop_submit_embed(llmcost_loop *loop, const llmcost_request *request, llmcost_done_fn on_done, void *user,
                                                     uint64_t *call);
/** llmcost_embed_json() on a loop. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_loop_submit_embed_json(llmcost_loop *loop, const char *body, size_t body_bytes, llmcost_done_fn on_done,
                                                          void *user, uint64_t *call);
/** Cancel a call; it completes with E_CANCELLED unless it had completed. An unknown id is LLMCOST_OK. Any thread. */
LLMCOST_API llmcost_status llmcost_loop_cancel(llmcost_loop *loop, uint64_t call);
/**
 * Do what is ready and call the callbacks; wait for at most timeout_ms for something to be ready (0: do not wait;
 * below 0: until something is). Returns LLMCOST_OK, E_REENTRANT.
 */
LLMCOST_API llmcost_status llmcost_loop_poll(llmcost_loop *loop, int32_t timeout_ms);
/** How many calls are in flight. The polling thread. */
LLMCOST_API uint64_t llmcost_loop_pending(const llmcost_loop *loop);
/** The loop's one descriptor: readable when llmcost_loop_poll() has something to do. Do not close it. */
LLMCOST_API int llmcost_loop_descriptor(const llmcost_loop *loop);
/** Poll again after this many milliseconds even if the descriptor stays silent; -1: no need to. */
LLMCOST_API int32_t llmcost_loop_timeout_ms(const llmcost_loop *loop);
/** Make a waiting llmcost_loop_poll() return. Any thread. */
LLMCOST_API void llmcost_loop_wake(llmcost_loop *loop);

/* ------------------------------------------------------------------------------------------------ response */

/** Free a response; NULL is fine. */
LLMCOST_API void llmcost_response_free(llmcost_response *response);
/** How the call ended. */
LLMCOST_API llmcost_status llmcost_response_status(const llmcost_response *response);
/** What went wrong; NULL after success. Lives as long as the response. */
LLMCOST_API const llmcost_error *llmcost_response_error(const llmcost_response *response);
/** The text of the first choice; "" where there is none. After a failure in mid-stream: what had come. */
LLMCOST_API const char *llmcost_response_text(const llmcost_response *response);
/** The length of llmcost_response_text(), which may contain zero bytes. */
LLMCOST_API size_t llmcost_response_text_bytes(const llmcost_response *response);
/** How many choices there are. */
LLMCOST_API uint32_t llmcost_response_choice_count(const llmcost_response *response);
/** The text of one choice; bytes may be NULL. "" where there is none. */
LLMCOST_API const char *llmcost_response_choice_text(const llmcost_response *response, uint32_t choice, size_t *bytes);
/** The reasoning that the provider showed; "" where there is none. */
LLMCOST_API const char *llmcost_response_reasoning(const llmcost_response *response, uint32_t choice, size_t *bytes);
/** The refusal; "" where there is none. */
LLMCOST_API const char *llmcost_response_refusal(const llmcost_response *response, uint32_t choice, size_t *bytes);
/** Why a choice ended, in one vocabulary over all providers. */
LLMCOST_API llmcost_finish llmcost_response_finish(const llmcost_response *response, uint32_t choice);
/** The provider's own word for it; "" where there is none. */
LLMCOST_API const char *llmcost_response_finish_raw(const llmcost_response *response, uint32_t choice);
/** The name of a finish reason, in OpenAI's words where it has one ("stop", "length", "tool_calls", ...). Static. */
LLMCOST_API const char *llmcost_finish_name(llmcost_finish finish);
/** How many tool calls a choice asks for. */
LLMCOST_API uint32_t llmcost_response_tool_call_count(const llmcost_response *response, uint32_t choice);
/** One tool call; NULL beyond the last. */
LLMCOST_API const llmcost_tool_call *llmcost_response_tool_call(const llmcost_response *response, uint32_t choice, uint32_t index);
/** The log-probabilities of a choice as JSON, in OpenAI's shape; NULL where there are none. */
LLMCOST_API const char *llmcost_response_logprobs(const llmcost_response *response, uint32_t choice);
/** A choice as a message for the next request of the conversation, tool calls and reasoning included. NULL beyond the last. Copy the struct as it is: its strides are the library's. */
LLMCOST_API const llmcost_message *llmcost_response_message(const llmcost_response *response, uint32_t choice);
/** The model that answered, in the provider's words; "" where none did. */
LLMCOST_API const char *llmcost_response_model_name(const llmcost_response *response);
/** The configured provider that answered; "" where none did. */
LLMCOST_API const char *llmcost_response_provider(const llmcost_response *response);
/** The provider's request id of the answering leg; "" where it sent none. */
LLMCOST_API const char *llmcost_response_request_id(const llmcost_response *response);
/* What a provider limits. */
typedef enum llmcost_limit {
    LLMCOST_LIMIT_REQUESTS = 0, LLMCOST_LIMIT_TOKENS = 1, LLMCOST_LIMIT_INPUT_TOKENS = 2, LLMCOST_LIMIT_OUTPUT_TOKENS = 3,
    LLMCOST_LIMIT_COUNT = 4
} llmcost_limit;
/**
 * What the provider's headers told of one of its limits: how much it allows in its window, what is left of that, and in
 * how many milliseconds, from when the answer came, it is whole again. Each may be NULL, and is -1 where it was not told.
 * Of the leg that answered, else of the latest that was told any; a failed call has them too.
 * Returns 1 when anything of this limit was told, else 0.
 */
LLMCOST_API int llmcost_response_rate_limit(const llmcost_response *response, llmcost_limit kind, int64_t *limit, int64_t *remaining, int64_t *reset_ms);
/** 1 when the answer came from the cache. */
LLMCOST_API int llmcost_response_from_cache(const llmcost_response *response);
/** 1 when a policy changed the answer or it is the best there was (a cascade that could not escalate, a clamped length). */
LLMCOST_API int llmcost_response_is_altered(const llmcost_response *response);
/**
 * The answer as an OpenAI chat.completion object with the receipt under "llmcost" (a failure: {"error": ..., "llmcost": ...}); NULL without memory.
 * "usage" is of the leg that answered; of a cached answer what it once took, without what a route had added to the prompt.
 * Vectors are OpenAI's list of embeddings, in numbers, or in base64 where a body asked for that.
 */
LLMCOST_API const char *llmcost_response_json(const llmcost_response *response);
/** list_models: how many. */
LLMCOST_API uint32_t llmcost_response_model_count(const llmcost_response *response);
/** list_models: the name of one, as the provider spells it; NULL beyond the last. */
LLMCOST_API const char *llmcost_response_model(const llmcost_response *response, uint32_t index);
/** llmcost_embed(): how many vectors, one for each text. */
LLMCOST_API uint32_t llmcost_response_embedding_count(const llmcost_response *response);
/** llmcost_embed(): the vector of one text, of *dimensions numbers (NULL is fine); NULL beyond the last. Lives as long as the response. */
LLMCOST_API const float *llmcost_response_embedding(const llmcost_response *response, uint32_t index, uint32_t *dimensions);
/** llmcost_balance(): how many amounts, one for each currency of the account. */
LLMCOST_API uint32_t llmcost_response_balance_count(const llmcost_response *response);
/** llmcost_balance(): one amount as decimal text, such as "12.5" or "-0.03", and its currency (NULL is fine); NULL beyond the last. */
LLMCOST_API const char *llmcost_response_balance(const llmcost_response *response, uint32_t index, const char **currency);

/* ------------------------------------------------------------------------------------------------ receipt */

/*
 * Classes of what is counted. They are disjoint: their sum is the bill. What the provider calls prompt tokens is the
 * sum of the input classes, what it calls completion tokens the sum of OUTPUT and REASONING.
 */
#define LLMCOST_CLASS_LIST(X)                                                                                         \
    X(INPUT, 0, "input")                  /* uncached input */                                                        \
    X(INPUT_CACHED, 1, "input_cached")    /* read from the provider's prompt cache */                                 \
    X(WRITE_5M, 2, "write_5m")            /* written to it, kept 5 minutes */                                         \
    X(WRITE_30M, 3, "write_30m")          /* 30 minutes */                                                            \
    X(WRITE_1H, 4, "write_1h")            /* an hour */                                                               \
    X(OUTPUT, 5, "output")                /* output without reasoning */                                              \
    X(REASONING, 6, "reasoning")          /* reasoning */                                                             \
    X(AUDIO_IN, 7, "audio_in")                                                                                        \
    X(AUDIO_OUT, 8, "audio_out")                                                                                      \
    X(REQUEST, 9, "request")              /* a fee per call */

typedef enum llmcost_class {
#define LLMCOST_CLASS_ENUM(name, number, text) LLMCOST_##name = number,
    LLMCOST_CLASS_LIST(LLMCOST_CLASS_ENUM)
#undef LLMCOST_CLASS_ENUM
    LLMCOST_CLASS_COUNT
} llmcost_class;

/** The name of a class, such as "input_cached"; NULL beyond the last. Static. */
LLMCOST_API const char *llmcost_class_name(uint32_t token_class);
/** USAGE: tokens of one class so far (a later event replaces an earlier one); -1 when the provider gave no figure, and for other events. */
LLMCOST_API int64_t llmcost_event_tokens(const llmcost_event *event, llmcost_class token_class);
/** One line: cost, tokens in and out, what was saved and how. */
LLMCOST_API const char *llmcost_response_summary(const llmcost_response *response);
/**
 * What the call cost, in nano-units of llmcost_response_currency(). Every leg that was sent is in it. A leg that the
 * provider answered with an error (HTTP 4xx, 5xx, or an error document under HTTP 200) costs nothing; one that broke off
 * is estimated, at the service tier that was asked for where the answer had named none; one that was sent and never
 * answered costs all that a budget held for it, else the estimate of its prompt. A side that a provider does not count is
 * estimated; a zero is a count. The line's key "counts" says "reported", "estimated" or "presumed".
 */
LLMCOST_API int64_t llmcost_response_cost_nano(const llmcost_response *response);
/** The receipt's id, such as "r-0123456789abcdef": what llmcost_feedback() asks for. Also of a failed call; "" of NULL. */
LLMCOST_API const char *llmcost_response_id(const llmcost_response *response);
/** What the call saved against the baseline, in nano-units; negative when the policies cost more than they saved. */
LLMCOST_API int64_t llmcost_response_saved_nano(const llmcost_response *response);
/** The ledger's currency, such as "USD". */
LLMCOST_API const char *llmcost_response_currency(const llmcost_response *response);
/** Tokens of one class over all legs; -1 when no leg has a figure of this class. */
LLMCOST_API int64_t llmcost_response_tokens(const llmcost_response *response, llmcost_class token_class);
/** The whole receipt as JSON: lines, items, rates, sources, savings. NULL without memory. */
LLMCOST_API const char *llmcost_response_receipt(const llmcost_response *response);
/** How many lines the receipt has: one per leg, and one per cached answer. */
LLMCOST_API uint32_t llmcost_response_line_count(const llmcost_response *response);
/** The keys that a line has: name and unit ("" for a text; "nano", "ms", "tokens", "count" for a number). Returns 0 beyond the last. Static texts. */
LLMCOST_API int llmcost_line_key(uint32_t index, const char **name, const char **unit);
/** A numeric field of a line by its key. Returns 1 and sets *out, or 0 when the line has no such figure. */
LLMCOST_API int llmcost_response_line_number(const llmcost_response *response, uint32_t line, const char *key, int64_t *out);
/** A text field of a line by its key ("purpose", "provider", "model", "status", "source"); NULL when it has none. */
LLMCOST_API const char *llmcost_response_line_text(const llmcost_response *response, uint32_t line, const char *key);

/* ------------------------------------------------------------------------------------------------ error */

/** Free an error that came through llmcost_options.error; NULL is fine. An error of a response belongs to the response. */
LLMCOST_API void llmcost_error_free(llmcost_error *error);
/** Its status. */
LLMCOST_API llmcost_status llmcost_error_status(const llmcost_error *error);
/** One line: what failed, and what to do next. */
LLMCOST_API const char *llmcost_error_message(const llmcost_error *error);
/** The configured provider it came from; "" where none is involved. */
LLMCOST_API const char *llmcost_error_provider(const llmcost_error *error);
/** The provider's own code, such as "insufficient_quota"; "" where there is none. */
LLMCOST_API const char *llmcost_error_code(const llmcost_error *error);
/** The provider's own words; "" where there are none. */
LLMCOST_API const char *llmcost_error_provider_message(const llmcost_error *error);
/** The provider's request id; "" where it sent none. */
LLMCOST_API const char *llmcost_error_request_id(const llmcost_error *error);
/** The HTTP status; 0 when there was none. */
LLMCOST_API int32_t llmcost_error_http_status(const llmcost_error *error);
/** How long the provider asks to wait, in milliseconds; -1 when it did not say. */
LLMCOST_API int64_t llmcost_error_retry_after_ms(const llmcost_error *error);
/**
 * What was tried, in its order, as JSON: [{"target": "openai/gpt-4o", "status": "E_RATE_LIMITED", "message": ...}, ...].
 * The error of a route of which all targets failed is the most useful of theirs: the first that may pass, with the
 * shortest wait that any of them asked for.
 */
LLMCOST_API const char *llmcost_error_trail(const llmcost_error *error);

/* ------------------------------------------------------------------------------------------------ the bill */

/** A text that a function returned to you; NULL is fine. */
LLMCOST_API void llmcost_string_free(char *text);
/**
 * What was spent, saved and on what: by declared tag, model, provider and day, sorted by cost, with shares; and what came
 * of each side of every split, against its first one, with 95 % confidence intervals.
 * format "text" or "json"; *out is yours: llmcost_string_free(). Returns LLMCOST_OK, E_MISUSE, E_MEMORY. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_report(llmcost_client *client, const char *format, char **out);
/**
 * Say how good an answer was: the score of the sides of all splits that the call went to, for the report.
 *
 * receipt_id   llmcost_response_id() of a finished call of this client, any time later, from anywhere
 * score        any measure of yours, from -1e9 to 1e9, kept to a millionth; another one for the same call replaces it
 *
 * Returns LLMCOST_OK; E_UNKNOWN_CALL when the call went through no split, or is not one of the latest that did (config
 * "report": {"feedback_calls": 10000}); E_MISUSE for what is no receipt's id or no such number. Any thread.
 */
LLMCOST_API llmcost_status llmcost_feedback(llmcost_client *client, const char *receipt_id, double score);
/**
 * Counters of the client as JSON: cache, budgets, connections, dropped work; "keys": of each its provider, fingerprint, state
 * (ok, limited, out_of_money, rejected), when it is used again (back_in_ms; -1: not by itself), calls so far and in_flight.
 * *out as above. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_stats(llmcost_client *client, char **out);
/**
 * The state of every budget as JSON: name, value (of a budget for "each"; else null), soft, limit_nano, spent_nano, held_nano, window;
 * and of the holds so far open, granted, settled, released, short (there was too little room: the call then waited, was made
 * shorter or was refused; llmcost_stats() counts refusals) and bound_exceeded. *out as above. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_budgets(llmcost_client *client, char **out);
/**
 * How every target ("provider/model") that is configured or was named is doing, as JSON, by name: the state of its circuit
 * breaker (closed, open, half_open), whether it is healthy, calls, failures, slow and refused ones, the window that the
 * breaker judges by, the latest error, p50 and p95 of its answers' times. *out as above. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_targets(llmcost_client *client, char **out);
/**
 * Enter a correction into a budget's current window: delta_nano is added to what is spent (negative: given back).
 * budget: its "name" in the config; value: the tag value of a budget with "each", else NULL.
 * Returns LLMCOST_OK, E_MISUSE (no such budget), E_MEMORY. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_budget_correct(llmcost_client *client, const char *budget, const char *value, int64_t delta_nano);
/**
 * Which way a request would go and why, as JSON, without sending anything: nothing is held, counted or drawn from a
 * random sequence, and a later call goes the way that it would have gone.
 *
 *   "model", "route", "kind"  what was asked for, and the route or model that this name is
 *   "decisions"               which way each split and choose went: node, kind, to, why
 *   "cache"                   "eligible"; "outcome": "hit", "miss", "refresh", "unknown" (a host's store is not asked), or
 *                             why it is not for the cache; "address": the beginning of its address in hex
 *   "tree"                    what is left of the route: "name", "kind", and "steps", or of a model: provider, context_window,
 *                             "fits" or "why" not, "tries", upper bounds of its tokens and of the cost of one try, the
 *                             "budgets" it matches as they stand now, and their "admission"
 *   "cost"                    the most that the cheapest and the dearest way through the tree can cost, every try and every
 *                             step of a cascade paid: least_nano, greatest_nano and as texts; null and "unknown" without a price
 *   "status", "message"       "OK", or how the call would end before anything is sent
 *   "not_asked"               the host's own policies, which may change all of it
 *
 * What steps have cost by the time that a later one is asked, and queues under a provider's "limits", are not foreseen.
 * *out is yours: llmcost_string_free(). A request that would fail is explained too: LLMCOST_OK.
 * Returns LLMCOST_OK, E_MISUSE, E_MEMORY, E_CLOSED. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_explain(llmcost_client *client, const llmcost_request *request, char **out);
/** llmcost_explain() for an OpenAI chat-completions body; body_bytes 0: strlen. */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_explain_json(llmcost_client *client, const char *body, size_t body_bytes, char **out);
/**
 * The routes of the config as trees, in plain text: kinds, rules, weights, and for each model its price per million
 * tokens and its context window. name: one route, alias or model (E_UNKNOWN_MODEL, E_AMBIGUOUS_MODEL); NULL: all routes and aliases, by name.
 * *out is yours: llmcost_string_free(). Returns LLMCOST_OK, E_MISUSE, E_MEMORY, E_CLOSED. Any thread.
 */
LLMCOST_API LLMCOST_MUST_USE llmcost_status llmcost_route_describe(llmcost_client *client, const char *name, char **out);
/**
 * Forget every cached answer; what a host's store has kept is not asked for any more by this client, in this process. A call
 * that is under way still keeps its answer. Any thread.
 */
LLMCOST_API llmcost_status llmcost_cache_clear(llmcost_client *client);

#ifdef __cplusplus
}
#endif

#endif
