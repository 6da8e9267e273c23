/*
 * Reading a request's body member by member: values of the wanted type into an arena, failures with their path.
 *
 * A failure sticks: it is told once, with the path it was met at, and every later read says that there is nothing. So
 * the functions that read a body run straight down and nobody has to hand statuses back. null reads as absent
 * everywhere, a value of another type is a failure.
 */
#ifndef LLMC_BODY_H
#define LLMC_BODY_H

#include "base/error.h"
#include "client/chat_json.h"
#include "wire/json.h"

enum { LLMC_BODY_DEPTH = 12 };

typedef struct llmc_body_step {
    llmc_json_key key; /* text NULL: an item of an array */
    int64_t index;
} llmc_body_step;

typedef struct llmc_body {
    llmc_json json;
    llmc_arena *arena;
    llmcost_error *error;
    llmcost_status status;
    llmcost_request *request;
    llmc_stream_wish wish;
    llmc_buffer extra;   /* members for the provider, without the braces */
    bool foreign;        /* the member at hand says something that our request cannot */
    uint32_t depth;
    llmc_body_step path[LLMC_BODY_DEPTH];
} llmc_body;

/* E_INVALID with the path of the value at hand, or of its member `field`; field NULL: the value itself. */
void llmc_body_fail(llmc_body *body, const char *field, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
void llmc_body_no_memory(llmc_body *body);

/* false: absent, or a failure. Enter a container, then ask for its members until there are none. */
bool llmc_body_object(llmc_body *body);
bool llmc_body_array(llmc_body *body);
bool llmc_body_next_key(llmc_body *body, llmc_json_key *key);
bool llmc_body_next_item(llmc_body *body);

/* false: absent, or a failure; *out stays. */
bool llmc_body_text(llmc_body *body, const char **out, size_t *bytes);
bool llmc_body_string(llmc_body *body, const char **out); /* a text without zero bytes */
bool llmc_body_object_text(llmc_body *body, const char **out); /* an object as JSON text */
bool llmc_body_integer(llmc_body *body, int64_t least, int64_t most, int64_t *out);
bool llmc_body_double(llmc_body *body, double *out);
bool llmc_body_bool(llmc_body *body, bool *out);

/* A member of a message that nobody knows: a failure unless it says nothing. */
void llmc_body_unknown(llmc_body *body);
/* {"type": "ephemeral"} or {"mode": "explicit"}: the provider may cache the prompt up to here. */
void llmc_body_cache_mark(llmc_body *body, bool *marked);
/* A key as text in the arena; NULL after a failure. */
const char *llmc_body_key(llmc_body *body, const llmc_json_key *key);
/* Room for one more zeroed item behind count items. NULL after a failure. */
void *llmc_body_add(llmc_body *body, void **items, uint32_t *count, uint32_t *capacity, size_t item_bytes);

void llmc_body_messages(llmc_body *body); /* body_messages.c */

#endif
