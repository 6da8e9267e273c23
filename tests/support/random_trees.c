#include "random_trees.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/fallback_cause.h"
#include "policy/route.h"

uint32_t tree_below(random_tree *tree, uint32_t limit)
{
    uint64_t z = tree->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 33) % limit;
}

__attribute__((format(printf, 2, 3))) static void add(random_tree *tree, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tree->length += (size_t)vsnprintf(tree->text + tree->length, sizeof tree->text - tree->length, format, arguments);
    va_end(arguments);
    if (tree->length >= sizeof tree->text)
        abort();
}

static tree_node *make(random_tree *tree, const char *name, int depth);

static tree_node *make_leaf(random_tree *tree, tree_node *node)
{
    node->target = (int)tree_below(tree, TREE_TARGETS);
    snprintf(node->name, sizeof node->name, "p%d/gpt-4o-mini", node->target);
    add(tree, "\"%s\"", node->name);
    return node;
}

static void make_step(random_tree *tree, tree_node *node, int depth)
{
    char name[2 * TREE_NAME_BYTES];
    snprintf(name, sizeof name, "%s.%zu", node->name, node->count + 1);
    node->steps[node->count] = make(tree, name, depth - 1);
    node->count++;
}

static void make_steps(random_tree *tree, tree_node *node, const char *key, int depth)
{
    size_t count = 1 + tree_below(tree, TREE_STEPS);
    add(tree, "{\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        add(tree, i ? "," : "");
        make_step(tree, node, depth);
    }
    add(tree, "]");
}

static void make_sides(random_tree *tree, tree_node *node, int depth)
{
    tree->choice_count++;
    size_t count = 1 + tree_below(tree, TREE_STEPS), sure = tree_below(tree, (uint32_t)count);
    add(tree, "{\"split\":[");
    for (size_t i = 0; i < count; i++) {
        node->weights[i] = i == sure ? 1 + tree_below(tree, 5) : tree_below(tree, 4);
        add(tree, "%s{\"name\":\"s%zu\",\"weight\":%u,\"use\":", i ? "," : "", i, (unsigned)node->weights[i]);
        make_step(tree, node, depth);
        add(tree, "}");
    }
    add(tree, "]");
    if (tree_below(tree, 2))
        add(tree, ",\"sticky\":\"%s\"", node->sticky = "user");
}

/* By a tag; the last entry takes what is left. */
static void make_entries(random_tree *tree, tree_node *node, int depth)
{
    size_t count = 1 + tree_below(tree, TREE_STEPS);
    tree->choice_count++;
    add(tree, "{\"choose\":[");
    for (size_t i = 0; i < count; i++) {
        node->tasks[i] = i + 1 < count ? (int)tree_below(tree, 3) : -1;
        add(tree, "%s{", i ? "," : "");
        if (i + 1 < count)
            add(tree, "\"when\":{\"tag\":{\"task\":\"t%d\"}},", node->tasks[i]);
        add(tree, "\"use\":");
        make_step(tree, node, depth);
        add(tree, "}");
    }
    add(tree, "]");
}

static void make_causes(random_tree *tree, tree_node *node)
{
    const char *between = "";
    node->on = LLMC_CAUSES_BY_DEFAULT;
    if (tree_below(tree, 3))
        return;
    node->on = 0;
    add(tree, ",\"on\":[");
    for (unsigned i = 0; i < LLMC_CAUSES; i++) {
        if (i != LLMC_CAUSE_RATE_LIMIT && tree_below(tree, 3) == 0)
            continue;
        node->on |= 1u << i;
        add(tree, "%s\"%s\"", between, llmc_fallback_cause_names[i]);
        between = ",";
    }
    add(tree, "]");
}

static tree_node *make(random_tree *tree, const char *name, int depth)
{
    tree_node *node = &tree->nodes[tree->node_count++];
    bool leaf = depth <= 0 || tree->node_count + 3 * TREE_STEPS * (size_t)depth >= TREE_NODES || tree_below(tree, 3) == 0;
    *node = (tree_node){ .kind = leaf ? TREE_LEAF : (tree_kind)(TREE_CASCADE + tree_below(tree, 4)) };
    snprintf(node->name, sizeof node->name, "%s", name);
    switch (node->kind) {
    case TREE_CASCADE:
        make_steps(tree, node, "cascade", depth);
        node->best = tree_below(tree, 2);
        add(tree, node->best ? "" : ",\"on_failure\":\"error\"");
        break;
    case TREE_FALLBACK:
        make_steps(tree, node, "fallback", depth);
        make_causes(tree, node);
        break;
    case TREE_SPLIT:
        make_sides(tree, node, depth);
        break;
    case TREE_CHOOSE:
        make_entries(tree, node, depth);
        break;
    default:
        return make_leaf(tree, node);
    }
    add(tree, "}");
    return node;
}

void tree_make(random_tree *tree, uint64_t seed, int depth)
{
    memset(tree, 0, sizeof *tree);
    tree->state = seed * UINT64_C(0xD1342543DE82EF95) + 1;
    do {
        tree->node_count = tree->choice_count = tree->length = 0;
        tree->root = make(tree, "r", depth);
    } while (tree->root->kind == TREE_LEAF || tree->choice_count > LLMC_ROUTE_MAX_CHOICES);
}

size_t tree_providers(char *out, size_t room, const char *const members[TREE_TARGETS])
{
    size_t at = (size_t)snprintf(out, room, "\"providers\":{");
    for (int i = 0; i < TREE_TARGETS; i++)
        at += (size_t)snprintf(out + at, room - at, "%s\"p%d\":{\"preset\":\"openai\",\"base_url\":\"https://p%d.test/v1\",\"key\":\"k\"%s%s}", i ? "," : "", i, i,
                               members && members[i] ? "," : "", members && members[i] ? members[i] : "");
    at += (size_t)snprintf(out + at, room - at, "}");
    if (at >= room)
        abort();
    return at;
}
