/*
 * The config's JSON as a tree that knows where everything stands, so that a message can name the line. jansson keeps
 * no lines, turns decimals into doubles and drops the first of two equal keys; a config needs all three.
 */
#ifndef LLMC_CONFIG_TREE_H
#define LLMC_CONFIG_TREE_H

#include "base/error.h"
#include "wire/json.h"

enum { LLMC_CONFIG_MAX_DEPTH = 64, LLMC_CONFIG_MAX_MEMBERS = 4096 };

typedef struct llmc_config_node {
    llmc_json_type type;
    size_t count;        /* members or items */
    const char *key;     /* NULL: an item of an array */
    const char *text;    /* a string, decoded; a number, as it stands; else "" */
    size_t bytes;        /* of text: never holds a zero byte */
    const char *at;      /* where the member or item begins in the tree's text */
    llmc_json_span raw;  /* the value as it stands */
    struct llmc_config_node *first, *next;
} llmc_config_node;

typedef struct llmc_config_tree {
    const char *name;    /* for messages: the file's path */
    const char *text;    /* borrowed */
    size_t bytes;
    llmc_arena arena;
    llmc_buffer strings; /* all decoded texts in one block, wiped at the end: keys may be among them */
    llmc_config_node root;
} llmc_config_tree;

/* E_CONFIG with "name:line:column: ...", or E_MEMORY. After a failure too: llmc_config_tree_free(). */
llmcost_status llmc_config_tree_read(llmc_config_tree *tree, const char *name, const char *text, size_t bytes, const llmc_allocator *allocator,
                                     llmcost_error *error);
void llmc_config_tree_free(llmc_config_tree *tree);
size_t llmc_config_tree_line(const llmc_config_tree *tree, const char *at); /* from 1 */
const llmc_config_node *llmc_config_member(const llmc_config_node *object, const char *key); /* NULL: none, or no object */

#endif
