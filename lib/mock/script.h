/*
 * A script, compiled: which rule answers a question, and with what. The texts point into the JSON tree that the script
 * keeps. A script belongs to the server thread once the server took it; nothing in it is shared.
 */
#ifndef LLMC_MOCK_SCRIPT_H
#define LLMC_MOCK_SCRIPT_H

#include "base/error.h"
#include "base/memory.h"

#include <jansson.h>

/* jansson's own asks for the list twice and for its length each time; of what is no list there is no first item. */
#define LLMC_MOCK_EACH(list, index, item) for ((index) = 0; ((item) = json_array_get((list), (index))) != NULL; (index)++)

typedef struct llmc_mock_text {
    const char *text; /* NULL: not given; else ended by a zero byte beyond its bytes */
    size_t bytes;
} llmc_mock_text;

typedef struct llmc_mock_match {
    llmc_mock_text path, model, contains, system_contains, header_name, header_equals;
    int32_t stream; /* -1: either */
} llmc_mock_match;

typedef struct llmc_mock_choice {
    llmc_mock_text text, reasoning, refusal, finish;
    json_t *tool_calls; /* arguments are text */
    json_t *logprobs;
} llmc_mock_choice;

/* -1: not given. prompt holds cached, cache_write and write_1h; completion holds reasoning. */
typedef struct llmc_mock_usage {
    int64_t prompt, completion, cached, cache_write, write_1h, reasoning;
    bool none;
} llmc_mock_usage;

/* What embeddings are answered with: so many dimensions (0: the usual), or these, in turn. */
enum { LLMC_MOCK_MOST_DIMENSIONS = 65536 };
typedef struct llmc_mock_embedding {
    int64_t dimensions;
    json_t *vectors;
} llmc_mock_embedding;

typedef struct llmc_mock_raw {
    int64_t status;
    llmc_mock_text content_type, body;
} llmc_mock_raw;

typedef struct llmc_mock_failure {
    int64_t after;
    llmc_mock_text type, code, message;
} llmc_mock_failure;

typedef struct llmc_mock_fault {
    int64_t status, cut_at, drip_bytes, drip_ms, huge_bytes, wrong_length, long_header; /* 0, cut_at -1: none */
    llmc_mock_text retry_after, retry_after_ms, body, redirect;
    llmc_mock_failure failure;
    json_t *error_in_stream_json, *error_with_200_json;
    llmc_mock_failure error_in_stream, error_with_200;
    bool reset, silent, close_before_reply, garbage, garbage_body, html, no_terminator, no_end, no_usage;
} llmc_mock_fault;

struct llmc_mock_wire;

/* Wires of fixed replies, so that a benchmark's server renders once. A few per rule: the models it serves, both forms. */
enum { LLMC_MOCK_KEPT_WIRES = 8 };
typedef struct llmc_mock_kept {
    struct llmc_mock_wire *wire;
    char *model;
    size_t model_bytes;
    uint32_t form;
} llmc_mock_kept;

typedef struct llmc_mock_rule {
    llmc_mock_match match;
    int64_t times, after;       /* times -1: for ever */
    int64_t delay_ms, chunk_delay_ms, chunk_bytes, chunks;
    bool split_utf8;
    bool has_choices;           /* "choices" were listed: exactly these, whatever n says */
    bool is_fixed;              /* the reply needs nothing of the request but its path, model and form */
    llmc_mock_choice *choices;  /* one at least */
    size_t choice_count;
    llmc_mock_usage usage;
    llmc_mock_text model;
    llmc_mock_embedding embedding;
    json_t *headers;
    json_t *raw_json;
    llmc_mock_raw raw;
    llmc_mock_fault fault;
    int64_t matched;            /* how often `match` held */
    llmc_mock_kept kept[LLMC_MOCK_KEPT_WIRES];
} llmc_mock_rule;

typedef struct llmc_mock_script {
    llmc_allocator allocator;
    json_t *root;
    llmc_mock_rule *rules; /* the last one is the default */
    size_t rule_count;
    llmc_mock_text require_key;
    json_t *models;
    bool validate;
} llmc_mock_script;

struct llmc_mock_question;

/* json NULL: echoes. E_CONFIG with a message, or E_MEMORY. */
llmcost_status llmc_mock_script_compile(llmc_mock_script **out, const char *json, size_t bytes, const llmc_allocator *allocator, llmcost_error *error);
void llmc_mock_script_free(llmc_mock_script *script);
/* A single rule outside any script, from a host's callback: {"reply": ..., "fault": ...}. Freed by script_free of its script. */
llmcost_status llmc_mock_script_single(llmc_mock_script **out, const char *rule_json, const llmc_allocator *allocator, llmcost_error *error);
/* The rule that answers, its counters moved on; NULL for a path that no rule names. */
llmc_mock_rule *llmc_mock_script_choose(llmc_mock_script *script, const struct llmc_mock_question *question);
/* Whether choosing among the rules may need the request's messages. */
bool llmc_mock_script_reads_messages(const llmc_mock_script *script);
/* Finds text in text; an empty needle is found. */
bool llmc_mock_text_contains(const char *text, size_t bytes, llmc_mock_text needle);

#endif
