/* The presets table: every host we know by name, as data. */
#ifndef LLMC_PRESETS_H
#define LLMC_PRESETS_H

#include "provider/codec.h"
#include "provider/credential.h"

/* A {placeholder} of a base URL: its config key, the environment variables that it is looked for in, and what it else is (NULL: an error). */
typedef struct llmc_preset_setting {
    const char *name, *variables[3], *otherwise;
} llmc_preset_setting;

/* Environment variables of a pair of public and secret halves; session NULL: it has none. */
typedef struct llmc_preset_pair {
    const char *id, *secret, *session;
    llmc_auth auth;
} llmc_preset_pair;

/* A value of a setting with which the base URL is another one. */
typedef struct llmc_preset_place {
    const char *setting, *value, *base_url;
} llmc_preset_place;

/* How a host's dialect differs from OpenAI's. Bits, so that a config can switch them by name. */
#define LLMC_QUIRK_LIST(X)                                                                                            \
    X(MAX_TOKENS, "max_tokens")                  /* knows max_tokens, not max_completion_tokens */                    \
    X(NO_STREAM_OPTIONS, "no_stream_options")    /* refuses stream_options; sends usage by itself */                  \
    X(RANDOM_SEED, "random_seed")                /* seed is called random_seed */                                     \
    X(TOOL_ANY, "tool_any")                      /* tool_choice required is called any */                             \
    X(NO_SEED, "no_seed")                                                                                             \
    X(NO_N, "no_n")                                                                                                   \
    X(NO_LOGPROBS, "no_logprobs")                                                                                     \
    X(NO_STOP, "no_stop")                                                                                             \
    X(NO_IMAGES, "no_images")                                                                                         \
    X(NO_TOOLS, "no_tools")                                                                                           \
    X(NO_JSON_SCHEMA, "no_json_schema")                                                                               \
    X(NO_EFFORT, "no_effort")                                                                                         \
    X(REASONING_BESIDE_COMPLETION, "reasoning_beside_completion") /* xAI: add it */                                   \
    X(DONE_OPTIONAL, "done_optional")            /* a stream may end without [DONE] once a finish_reason came */      \
    X(USER_FIELD, "user_field")                  /* end user goes into user, not safety_identifier */                 \
    X(DEVELOPER_ROLE, "developer_role")          /* system messages of reasoning models go as developer */            \
    X(USER_ID_FIELD, "user_id_field")            /* end user goes into user_id */                                     \
    X(REASONING_CONTENT, "reasoning_content")    /* wants its reasoning back on turns with tool calls */              \
    X(OPEN_UNIT_SAMPLING, "open_unit_sampling")  /* temperature and top_p strictly between 0 and 1: clamped */           \
    X(VERTEX, "vertex")                          /* at Vertex AI: Gemini counts and embeds in another shape, Claude is a raw predict */        \
    X(ZHIPU_CODES, "zhipu_codes")                /* errors bear Zhipu's four-digit codes */                           \
    X(THINKING_TYPE, "thinking_type")            /* effort none is thinking {"type": "disabled"} */                   \
    X(ENABLE_THINKING, "enable_thinking")        /* thinking is switched by enable_thinking, bounded by thinking_budget */ \
    X(REASONING_DETAILS, "reasoning_details")    /* wants its reasoning_details back */                               \
    X(REASONING_SPLIT, "reasoning_split")        /* puts thinking into the text unless asked not to */                \
    X(REASONING_BUDGET, "reasoning_budget")      /* takes reasoning {"max_tokens": N} */                              \
    X(AUDIO_PARTS, "audio_parts")                /* takes input_audio */                                              \
    X(FILE_PARTS, "file_parts")                  /* takes documents as file */                                        \
    X(FILE_URLS, "file_urls")                    /* takes the URL of one in place of its data */                      \
    X(DOCUMENT_URL, "document_url")              /* takes documents as document_url, and audio as bare base64 */      \
    X(SHORT_CALL_IDS, "short_call_ids")          /* ids of tool calls are nine letters and digits */                  \
    X(OUTPUT_DIMENSION, "output_dimension")      /* dimensions of embeddings go by this name */                       \
    X(BASE64_EMBEDDINGS, "base64_embeddings")    /* sends embeddings in base64 when asked to */                       \
    X(NO_EMBED, "no_embed")                      /* has no models that embed */                                       \
    X(CACHE_CONTROL, "cache_control")            /* cache marks go onto parts of messages as cache_control */         \
    X(CACHE_CONTROL_TOOLS, "cache_control_tools") /* and onto tools */                                                \
    X(CACHE_BREAKPOINT, "cache_breakpoint")      /* GPT-5.6 and later take them as prompt_cache_breakpoint */        \
    X(NO_NAMES, "no_names")                      /* takes no end user, and no name of who speaks but a tool's */          \
    X(SPELT_TOOLS, "spelt_tools")                /* wants parameters of every tool, and a text beside calls, "" or not */

enum llmc_quirk_bit {
#define LLMC_QUIRK_BIT(name, text) LLMC_QUIRK_BIT_##name,
    LLMC_QUIRK_LIST(LLMC_QUIRK_BIT)
#undef LLMC_QUIRK_BIT
    LLMC_QUIRK_BIT_COUNT
};
_Static_assert(LLMC_QUIRK_BIT_COUNT <= 64, "quirks are bits of one number");
#define LLMC_QUIRK(name) (UINT64_C(1) << LLMC_QUIRK_BIT_##name)

enum { LLMC_PRESET_KEY_VARIABLES = 2 };

typedef struct llmc_preset {
    const char *name;              /* "moonshot" */
    const char *base_url;          /* NULL: must be configured. "{region}" and the like stand for settings */
    const llmc_codec *codec;
    const char *key_variables[LLMC_PRESET_KEY_VARIABLES]; /* environment variables in order; NULL: no further one */
    const char *base_url_variable; /* or NULL */
    const char *catalog;           /* its name in the price catalog; NULL: its own */
    const llmc_preset_setting *settings; /* of the base URL; ended by one without a name; NULL: none */
    const llmc_preset_place *places;     /* ended by one without a setting; NULL: none */
    const llmc_preset_pair *pairs;       /* looked for after the keys; ended by one without an id; NULL: none */
    uint64_t quirks;
    char currency[4];              /* what the host bills in */
    uint8_t auth;                  /* llmc_auth */
    bool free_of_charge;           /* a local server */
    bool second_door;              /* another way to models that a preset has already: a bare model name means that one */
    bool token_in_query;           /* what a pair was exchanged for goes into the URL */
} llmc_preset;

const llmc_preset *llmc_preset_find(const char *name);
const char *llmc_preset_catalog(const llmc_preset *preset);
const llmc_preset *llmc_preset_of_exchange(llmc_auth auth); /* where such a pair becomes a token: a host that nobody asks a question; NULL: nowhere */
size_t llmc_preset_count(void);
const llmc_preset *llmc_preset_at(size_t index);
/* What one request to embed may hold (embed_limits.c). */
typedef struct llmc_embed_limits {
    uint32_t inputs;
    int64_t tokens; /* of all of them; 0: no limit */
} llmc_embed_limits;
llmc_embed_limits llmc_preset_embed_limits(const llmc_preset *preset);
uint64_t llmc_quirk_find(const char *name); /* the bit; 0: no such quirk */

#endif
