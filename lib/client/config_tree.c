/* Reads the tree of config_tree.h in one pass over the JSON reader. */
#include "client/config_tree.h"

#include "base/secret.h"
#include "base/text.h"

typedef struct tree_builder {
    llmc_config_tree *tree;
    llmc_json json;
    llmcost_error *error;
    llmcost_status status; /* of a failure that is not the reader's */
} tree_builder;

static bool read_value(tree_builder *builder, llmc_config_node *node, int depth);

size_t llmc_config_tree_line(const llmc_config_tree *tree, const char *at)
{
    size_t line = 1;
    for (const char *byte = tree->text; byte < at; byte++)
        line += *byte == '\n';
    return line;
}

static bool fail_at(tree_builder *builder, const char *at, const char *what)
{
    const llmc_config_tree *tree = builder->tree;
    const char *line = at;
    while (line > tree->text && line[-1] != '\n')
        line--;
    builder->status =
        llmc_error_set(builder->error, LLMCOST_E_CONFIG, "%s:%zu:%zu: %s", tree->name, llmc_config_tree_line(tree, at), (size_t)(at - line) + 1, what);
    return false;
}

static bool fail_memory(tree_builder *builder)
{
    builder->status = llmc_error_set(builder->error, LLMCOST_E_MEMORY, "out of memory while reading the config");
    return false;
}

/* Decodes into the block of all texts, which was made large enough for them. */
static bool decode(tree_builder *builder, const llmc_json_span *span, const char **text, size_t *bytes)
{
    llmc_buffer *strings = &builder->tree->strings;
    size_t start = strings->length;
    llmc_json_decode(span, strings);
    *bytes = strings->length - start;
    llmc_buffer_add_byte(strings, '\0');
    if (strings->failure)
        return fail_memory(builder);
    *text = strings->data + start;
    if (strlen(*text) != *bytes)
        return fail_at(builder, span->text, "a text holds a zero character");
    if (!llmc_utf8_valid(*text, *bytes))
        return fail_at(builder, span->text, "a text is not valid UTF-8");
    return true;
}

static llmc_config_node *add_child(tree_builder *builder, llmc_config_node *parent, llmc_config_node **last)
{
    if (parent->count == LLMC_CONFIG_MAX_MEMBERS) {
        fail_at(builder, builder->json.at, "more than 4,096 members");
        return NULL;
    }
    llmc_config_node *child = llmc_arena_calloc(&builder->tree->arena, 1, sizeof *child);
    if (!child) {
        fail_memory(builder);
        return NULL;
    }
    *(*last ? &(*last)->next : &parent->first) = child;
    *last = child;
    parent->count++;
    return child;
}

static bool read_object(tree_builder *builder, llmc_config_node *node, int depth)
{
    llmc_config_node *last = NULL;
    llmc_json_key key;
    llmc_json_object(&builder->json);
    while (llmc_json_next_key(&builder->json, &key)) {
        const char *name;
        size_t bytes;
        if (!decode(builder, &key, &name, &bytes))
            return false;
        if (llmc_config_member(node, name))
            return fail_at(builder, key.text - 1, "this key stands twice in the same object");
        llmc_config_node *child = add_child(builder, node, &last);
        if (!child)
            return false;
        child->key = name;
        child->at = key.text - 1;
        if (!read_value(builder, child, depth + 1))
            return false;
    }
    return !builder->json.failure;
}

static bool read_array(tree_builder *builder, llmc_config_node *node, int depth)
{
    llmc_config_node *last = NULL;
    llmc_json_array(&builder->json);
    while (llmc_json_next_item(&builder->json)) {
        llmc_config_node *child = add_child(builder, node, &last);
        if (!child || !read_value(builder, child, depth + 1))
            return false;
    }
    return !builder->json.failure;
}

static bool read_scalar(tree_builder *builder, llmc_config_node *node)
{
    llmc_json_span span = { "", 0, false };
    bool string = node->type == LLMC_JSON_STRING;
    if (!(string ? llmc_json_span_string(&builder->json, &span) : llmc_json_raw(&builder->json, &span)))
        return false;
    return (!string && node->type != LLMC_JSON_NUMBER) || decode(builder, &span, &node->text, &node->bytes);
}

static bool read_value(tree_builder *builder, llmc_config_node *node, int depth)
{
    llmc_json *json = &builder->json;
    node->type = llmc_json_peek(json);
    node->text = "";
    node->raw.text = json->at;
    if (!node->at)
        node->at = json->at;
    if (depth > LLMC_CONFIG_MAX_DEPTH)
        return fail_at(builder, json->at, "nested too deeply");
    bool read = node->type == LLMC_JSON_OBJECT  ? read_object(builder, node, depth)
                : node->type == LLMC_JSON_ARRAY ? read_array(builder, node, depth)
                                                : read_scalar(builder, node);
    node->raw.bytes = (size_t)(json->at - node->raw.text);
    return read;
}

static bool is_blank(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    return at == bytes;
}

llmcost_status llmc_config_tree_read(llmc_config_tree *tree, const char *name, const char *text, size_t bytes, const llmc_allocator *allocator,
                                     llmcost_error *error)
{
    enum { SLACK = 64 };
    *tree = (llmc_config_tree){ .name = name, .text = text, .bytes = bytes };
    llmc_arena_init(&tree->arena, allocator, NULL, 0);
    llmc_buffer_init(&tree->strings, allocator, bytes + SLACK);
    tree_builder builder = { .tree = tree, .error = error };
    if (is_blank(text, bytes)) {
        fail_at(&builder, text, "the config is empty; the least is {}");
        return builder.status;
    }
    size_t mark = bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; /* some editors put a byte order mark in front */
    if (!llmc_buffer_reserve(&tree->strings, bytes + SLACK)) {
        fail_memory(&builder);
        return builder.status;
    }
    llmc_json_begin(&builder.json, text + mark, bytes - mark);
    bool read = read_value(&builder, &tree->root, 0);
    if (!builder.status && (!llmc_json_end(&builder.json) || !read))
        fail_at(&builder, builder.json.failed_at ? builder.json.failed_at : builder.json.at, builder.json.failure ? builder.json.failure : "this is no JSON");
    else if (!builder.status && tree->root.type != LLMC_JSON_OBJECT)
        fail_at(&builder, tree->root.at, "a config is an object: { ... }");
    return builder.status;
}

void llmc_config_tree_free(llmc_config_tree *tree)
{
    llmc_wipe(tree->strings.data, tree->strings.length);
    llmc_buffer_free(&tree->strings);
    llmc_arena_clear(&tree->arena);
}

const llmc_config_node *llmc_config_member(const llmc_config_node *object, const char *key)
{
    for (const llmc_config_node *child = object->type == LLMC_JSON_OBJECT ? object->first : NULL; child; child = child->next) {
        if (strcmp(child->key, key) == 0)
            return child;
    }
    return NULL;
}
