/* What explain.c and explain_tree.c share. */
#ifndef LLMC_EXPLAIN_H
#define LLMC_EXPLAIN_H

#include "client/client.h"
#include "wire/json.h"

/* What the ways through a tree come to. */
typedef struct llmc_ways {
    int64_t least_nano, greatest_nano; /* what the cheapest and the dearest way can cost at most; -1: unknown */
    llmcost_status refusal;            /* every way ends with this before anything is sent; LLMCOST_OK: one does not */
    const char *message;
} llmc_ways;

typedef struct llmc_explaining {
    llmc_json_writer json;
    const char *currency;
    bool no_memory;
} llmc_explaining;

/* Writes what would become of the leg's route, step by step. */
llmc_ways llmc_explain_tree(llmc_explaining *explaining, llmcost_leg *leg);
void llmc_explain_text(llmc_explaining *explaining, llmcost_leg *leg, const char *key, const char *text); /* NULL: null */
void llmc_explain_cost(llmc_explaining *explaining, const char *key, int64_t least_nano, int64_t greatest_nano);

#endif
