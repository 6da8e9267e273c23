/* What the encoders share: a body under construction, its capabilities table, JSON that passes through. */
#ifndef LLMC_ENCODING_H
#define LLMC_ENCODING_H

#include "provider/presets.h"

enum { LLMC_MEMBERS_MAXIMUM = 40, LLMC_MERGED_MAXIMUM = 6 };

/* A member that marks how far a prompt is cached: raw JSON. */
typedef struct llmc_cache_mark {
    const char *member, *value;
} llmc_cache_mark;
extern const llmc_cache_mark llmc_cache_control; /* Anthropic's, and of hosts that pass it on */

typedef struct llmc_encoding {
    llmc_json_writer json;
    const llmcost_request *request;
    const llmc_codec_target *target;
    llmcost_error *error;
    llmcost_status status;                      /* the first failure sticks */
    const char *written[LLMC_MEMBERS_MAXIMUM];  /* top-level members so far */
    size_t written_count;
    const char *merged[LLMC_MERGED_MAXIMUM];    /* members of extra that went into ours of the same name */
    size_t merged_count;
    const char *const *known;                   /* OpenAI's own members that may pass from extra (foreign.h); NULL: all */
    const llmc_cache_mark *mark;                /* what the part at hand bears besides; NULL: nothing */
} llmc_encoding;

/* One thing that a format or a host cannot do. */
typedef struct llmc_incapability {
    uint64_t quirk; /* only for targets with it; 0: for all */
    bool (*asked)(const llmcost_request *request, const llmc_codec_target *target);
    const char *field, *advice;
} llmc_incapability;

/* E_UNSUPPORTED for the first that is asked for. */
llmcost_status llmc_check_capabilities(const llmc_incapability *list, size_t count, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_unsupported(llmcost_error *error, const llmc_codec_target *target, const char *field, const char *advice) __attribute__((cold));
llmcost_status llmc_unsupported_in(llmcost_error *error, const llmc_codec_target *target, uint32_t message, const char *what, const char *advice) __attribute__((cold));

void llmc_encoding_begin(llmc_encoding *encoding, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);
void llmc_encoding_member(llmc_encoding *encoding, const char *name); /* a top-level key; remembered */
/* The same with its value; of an object or an array its beginning. */
void llmc_encoding_member_text(llmc_encoding *encoding, const char *name, const char *text);
void llmc_encoding_member_integer(llmc_encoding *encoding, const char *name, int64_t value);
void llmc_encoding_member_double(llmc_encoding *encoding, const char *name, double value);
void llmc_encoding_member_bool(llmc_encoding *encoding, const char *name, bool value);
void llmc_encoding_member_object(llmc_encoding *encoding, const char *name);
void llmc_encoding_member_array(llmc_encoding *encoding, const char *name);
void llmc_encoding_invalid(llmc_encoding *encoding, const char *format, ...) __attribute__((format(printf, 2, 3), cold));
/* request.extra, member by member. reserved: members that have a field of their own and count money or shape the answer; NULL-ended. */
void llmc_encoding_extra(llmc_encoding *encoding, const char *const *reserved);
/* A member as it stood in other JSON. */
void llmc_encoding_copy_member(llmc_json_writer *json, const llmc_json_key *key, const llmc_json_span *value);
/* The request's own, or others that extra passes on. */
bool llmc_encoding_has_tools(const llmc_encoding *encoding, bool with_extra);
/* A member of extra. false: it has none of this name. */
bool llmc_encoding_extra_member(const llmc_encoding *encoding, const char *name, llmc_json_span *value);
/* The members of extra's member of this name, into our object of this name, which is at hand. taken: what may not come again; NULL-ended. */
void llmc_encoding_merge_extra(llmc_encoding *encoding, const char *name, const char *const *taken);
/* The same for a list of texts; what was written already (NULL-ended) is not written twice. */
void llmc_encoding_merge_list(llmc_encoding *encoding, const char *name, const char *const *written);
llmcost_status llmc_encoding_end(llmc_encoding *encoding);

/* A list of strings as the value of the member at hand; bytes: their lengths, NULL: ended by zero. */
void llmc_encoding_texts(llmc_encoding *encoding, const char *const *texts, const size_t *bytes, uint32_t count);
/*
 * A member of one string: the message's text, or its parts of this type (text, or reasoning without a signature, which
 * is another format's) joined by line ends. A failed tool's text begins with "Error:". always: also when it is empty.
 */
bool llmc_encoding_joined(llmc_encoding *encoding, const char *key, const llmcost_message *message, int32_t type, bool always);
/* {type: text, text} and {type: image_url, image_url: {url, detail}}; a data URL where there is data. */
void llmc_encoding_end_part(llmc_encoding *encoding); /* the mark, and the end of the object */
void llmc_encoding_text_part(llmc_encoding *encoding, const char *text, size_t bytes);
void llmc_encoding_image_part(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index);
/* Percent-encoded, but for letters, digits, "-._~" and these others. */
void llmc_add_escaped(llmc_buffer *out, const char *text, const char *others);
/* What an id of a tool call may be: ids made by another provider are replaced by one that depends on them alone. */
typedef struct llmc_call_ids {
    size_t minimum, maximum;
    enum { LLMC_ID_WORD = 0, LLMC_ID_ALPHANUMERIC, LLMC_ID_ANY } letters; /* a word: letters, digits, '_' and '-' */
} llmc_call_ids;
void llmc_json_write_call_id(llmc_json_writer *json, const char *id, const llmc_call_ids *rule);
/* As the value that is next; no rule: it goes as it came. */
void llmc_encoding_call_id(llmc_encoding *encoding, const char *id, const llmc_call_ids *rule);
/* "tool_calls" of an assistant's turn, arguments as text. */
void llmc_encoding_tool_calls(llmc_encoding *encoding, const llmcost_message *message, uint32_t index, const llmc_call_ids *ids);
/* "tools" as functions. no_parameters: the schema of a tool that has none; NULL: it is left out. strict: the host knows the word. */
void llmc_encoding_functions(llmc_encoding *encoding, const char *no_parameters, bool strict);

/* The type of a JSON text, LLMC_JSON_NONE when it is none. */
llmc_json_type llmc_json_text_type(const char *text);
bool llmc_media_type_is_sane(const char *media_type);
/* "data:image/png;base64,AAAA": false when it is none. The type is copied, the data borrowed. */
bool llmc_data_url(const char *url, char media_type[64], const char **base64);

static inline size_t llmc_text_bytes(const char *text, size_t bytes)
{
    return bytes || !text ? bytes : strlen(text);
}

/* The texts of a message's parts of this type, one behind the other; of a message without parts, its text. */
void llmc_join_texts(const llmcost_message *message, int32_t type, llmc_buffer *out);
/* That, as the value that is next. before: text that goes in front. */
void llmc_encoding_write_joined(llmc_encoding *encoding, const llmcost_message *message, int32_t type, const char *before);
/* "data:image/png;base64,...", as the value that is next. */
void llmc_encoding_write_data_url(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index);
/* {"data": ..., "format": "wav"}, as the value that is next. */
void llmc_encoding_write_audio(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index);
/* "wav", "mp3", or else what stands behind the slash. */
const char *llmc_audio_format(const char *media_type);
/* A document's file name: its own, or one that fits its type. */
const char *llmc_document_name(const llmcost_part *part);
/* Hidden reasoning: JSON in OpenAI's formats, lines behind this mark in Gemini's (gemini_codec.h), one opaque word in Claude's. */
#define LLMC_GEMINI_MARK "gemini:"
bool llmc_reasoning_is_json(const llmcost_part *part);
bool llmc_reasoning_is_word(const llmcost_part *part);

/* "low" ...; NULL for the default. */
const char *llmc_effort_name(int32_t effort);
uint32_t llmc_request_marks(const llmcost_request *request, bool with_tools); /* how many cache marks it sets */
bool llmc_request_has_part(const llmcost_request *request, int32_t type);

#endif
