/*
 * A dialect: one descriptor with all that the server must know of a wire format. Most of a format is data: its answers
 * are made of forms, short texts with slots, and a sheet says which form stands where (fill.c, sheet.c). A new format is
 * one file with its descriptor and one or a few rows in the table of paths (dialects.c).
 */
#ifndef LLMC_MOCK_DIALECT_H
#define LLMC_MOCK_DIALECT_H

#include "mock/reply.h"

typedef enum llmc_mock_operation { LLMC_MOCK_NOTHING = 0, LLMC_MOCK_CHAT, LLMC_MOCK_MODELS, LLMC_MOCK_COUNT, LLMC_MOCK_EMBED } llmc_mock_operation;

/* Forms of one part of an answer. piece: once per delta of a stream; NULL: all of the part stands in begin. */
typedef struct llmc_mock_part {
    const char *begin, *piece, *end;
} llmc_mock_part;

/* An answer from its first form to its last one; NULL: nothing stands there. */
typedef struct llmc_mock_sheet {
    const char *stream_type; /* the content type of a stream; NULL: one document */
    const char *open, *begin; /* begin to finish: once per choice */
    llmc_mock_part reasoning, text, refusal, call; /* without forms for a refusal it goes as text, and the finish tells */
    const char *no_text;     /* instead of a text */
    const char *texts_end, *calls_begin, *calls_end;
    const char *finish;
    const char *close;       /* what ends a stream is this, or finish where it is NULL */
} llmc_mock_sheet;

/* Which of the words for an error a dialect uses (faults.c). */
typedef enum llmc_mock_words { LLMC_MOCK_WORDS_OPENAI = 0, LLMC_MOCK_WORDS_ANTHROPIC, LLMC_MOCK_WORDS_GOOGLE, LLMC_MOCK_WORDS_AMAZON, LLMC_MOCK_WORDS_COUNT } llmc_mock_words;

struct llmc_mock_dialect {
    const char *key_header;      /* beside Authorization; NULL: none */
    const char *request_id;      /* the header that names an answer */
    uint8_t words;               /* llmc_mock_words */
    bool skims;                  /* model and stream stand at the top of its bodies */
    bool streams_by_default;
    bool one_choice;
    int32_t stream_failure;      /* the status whose words an error in a stream has by default */
    struct { int32_t status; const char *type, *code, *message; } wrong_key;
    const char *finishes[4];     /* for stop, length, tool_calls, content_filter */
    const char *details[4];      /* what slot d says for them; NULL: nothing */
    const char *shared[5];       /* forms that stand in other ones */
    const char *error, *error_header, *error_in_stream;
    const char *members;         /* of a chat's body, see llmc_mock_check_members(); NULL: any */
    void (*read)(llmc_mock_question *question);
    bool (*validate)(llmc_mock_question *question);
    void (*render)(llmc_mock_body *body, const llmc_mock_answer *answer); /* NULL: by its sheets */
    const llmc_mock_sheet *whole, *stream;
    void (*wrap)(llmc_mock_body *body, size_t from); /* makes frames of a stream's bytes; NULL: they are as they should be */
};

extern const llmc_mock_dialect llmc_mock_openai, llmc_mock_anthropic, llmc_mock_responses, llmc_mock_gemini, llmc_mock_ollama, llmc_mock_cohere, llmc_mock_bedrock;

/* What a path asks for. */
struct llmc_mock_route {
    const char *path;         /* how it ends; '*' stands for the model, percent-encoded */
    const char *mark;         /* what must be there too: a header, or "name=" in the query; NULL: nothing */
    const llmc_mock_dialect *dialect;
    const char *const *forms; /* open, item, close of an answer that is a list; of a count the first alone */
    uint8_t operation;        /* llmc_mock_operation; lists of models are fetched by GET, all others by POST */
    bool streams;             /* the path says that the answer is a stream */
};
const llmc_mock_route *llmc_mock_route_at(size_t index); /* NULL beyond the last */
const llmc_mock_route *llmc_mock_nobodys_route(void);
llmc_mock_text llmc_mock_path_model(const llmc_mock_question *question); /* which it has */
/* Sets question->route and the model that the path names; false: no path of a provider, and the route is nobody's. */
bool llmc_mock_question_route(llmc_mock_question *question);

/*
 * Slots of a form. In a form ' stands for ", and #name for the beginning of an event: "event: name\ndata: {'type':'name'".
 *   %m model  %n number of the request  %i choice or item  %b part  %k tool call  %q next number of a sequence
 *   %X text, quoted  %p piece of it  %c %N %a %A a call's id, name, arguments as JSON and quoted  %F finish  %d details
 *   %P prompt  %C completion  %T total  %H cached  %W %L %S written for 5 minutes, 1 hour, both  %I the prompt without
 *   cached and written  %R reasoning  %V completion without it   %< ... %> only where usage is told
 *   %s %y %z %M %x status, type, code, message, parameter of an error   %t %e name, quoted or not; %1 %2 first, last name
 *   %, a comma unless a list begins here   %v vector of an input   %w the whole answer by its sheet   %3 to %7 the dialect's
 *   shared forms
 * Quoted are m X c N A t M, and z x 1 2, which are null where there is nothing.
 */
typedef struct llmc_mock_fill {
    llmc_buffer *out;
    const llmc_mock_answer *answer; /* NULL: %v, %w and figures stand nowhere */
    const llmc_mock_dialect *dialect;
    llmc_mock_text model, text, piece, id, tool, arguments, finish, details, type, code, message, param, name, first, last;
    int64_t number, index, block, call, sequence, status;
    int64_t prompt, completion, total, cached, write_5m, write_1h, written, input, reasoning, visible;
    bool no_usage;
} llmc_mock_fill;

void llmc_mock_fill_begin(llmc_mock_fill *fill, llmc_buffer *out, const llmc_mock_dialect *dialect, const llmc_mock_answer *answer);
void llmc_mock_fill_form(llmc_mock_fill *fill, const char *form);
void llmc_mock_sheet_run(llmc_mock_body *body, const llmc_mock_sheet *sheet, const llmc_mock_answer *answer);
void llmc_mock_add_vector(llmc_buffer *out, const llmc_mock_answer *answer, size_t input); /* reply_lists.c */

llmc_mock_text llmc_mock_word(const char *text); /* NULL is fine */
llmc_mock_text llmc_mock_member(const json_t *object, const char *name);
llmc_mock_text llmc_mock_arguments(const json_t *call);

/* Readings, shared (question_read.c). They read question->chat, which is the body or what it wraps. */
void llmc_mock_read_chat(llmc_mock_question *question);     /* system, messages with content */
void llmc_mock_read_system(llmc_mock_question *question, const json_t *content);
void llmc_mock_read_turn(llmc_mock_question *question, const json_t *content, bool user); /* the last one of the user stays */
void llmc_mock_read_inputs(llmc_mock_question *question, json_t *inputs); /* a text, a list of them, or what holds them */

/* Validation. Each format checks what its provider refuses; these are what they share (validate.c). */
bool llmc_mock_validate_openai(llmc_mock_question *question);
bool llmc_mock_validate_anthropic(llmc_mock_question *question);
/* Members by a list "name:T other:n" with a letter each: text, number, bool, array, object, * any; a capital: required. Others are refused. */
bool llmc_mock_check_members(llmc_mock_question *question, const json_t *object, const char *members);
bool llmc_mock_check_word(llmc_mock_question *question, const json_t *object, const char *name, const char *words); /* " a b ": one of them */
bool llmc_mock_is_word(const char *word, const char *words); /* NULL is none */

#endif
