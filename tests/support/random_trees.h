/* Route trees made at random, as a config and as a structure that a model walks. A seed gives the same tree always. */
#ifndef TESTS_RANDOM_TREES_H
#define TESTS_RANDOM_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TREE_TARGETS = 6, TREE_STEPS = 3, TREE_NODES = 64, TREE_NAME_BYTES = 40, TREE_CONFIG_BYTES = 16000 };

typedef enum tree_kind { TREE_LEAF, TREE_CASCADE, TREE_FALLBACK, TREE_SPLIT, TREE_CHOOSE, TREE_KINDS } tree_kind;

typedef struct tree_node {
    tree_kind kind;
    char name[TREE_NAME_BYTES];    /* as the library calls it */
    int target;                    /* leaf: of provider "pN" */
    size_t count;
    struct tree_node *steps[TREE_STEPS];
    uint32_t weights[TREE_STEPS];  /* split */
    int tasks[TREE_STEPS];         /* choose: the value "tN" of the tag "task" that takes a step; -1: any call does */
    const char *sticky;            /* split: a tag, or NULL */
    uint32_t on;                   /* fallback: bits of causes */
    bool best;                     /* cascade: on_failure */
} tree_node;

typedef struct random_tree {
    uint64_t state;                /* of the numbers drawn */
    tree_node nodes[TREE_NODES + 16];
    size_t node_count, choice_count;
    tree_node *root;               /* called "r" */
    char text[TREE_CONFIG_BYTES];  /* its node in a config */
    size_t length;
} random_tree;

uint32_t tree_below(random_tree *tree, uint32_t limit); /* a number drawn */
void tree_make(random_tree *tree, uint64_t seed, int depth);

/* "providers" of all targets, each with `members` (a format with the target's number, or NULL) beside its base_url and key. */
size_t tree_providers(char *out, size_t room, const char *const members[TREE_TARGETS]);

#endif
