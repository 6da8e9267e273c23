/*
 * Trees by jansson: schemas refer to their own parts, so nothing can be judged in one pass. Depth and work are bounded,
 * since schema and answer both come from outside; a schema that needs more is taken as followed. Left out on purpose:
 * pattern and format, which no structured output of a provider promises, and references to other documents.
 */
#include "wire/json_schema.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 100, MAX_STEPS = 1000000 };

typedef struct judging {
    const json_t *root;
    int steps;
    char *reason; /* of the first breach; NULL: nobody asks */
    char path[120];
    size_t path_bytes;
} judging;

static bool follows(judging *in, const json_t *schema, const json_t *value, int depth);

static bool breach(judging *in, const char *what)
{
    if (in->reason && !in->reason[0])
        snprintf(in->reason, 200, "%s %s", in->path_bytes ? in->path : "the answer", what);
    return false;
}

static size_t enter(judging *in, const char *name, size_t index)
{
    size_t before = in->path_bytes;
    int count = name ? snprintf(in->path + before, sizeof in->path - before, "/%s", name) : snprintf(in->path + before, sizeof in->path - before, "/%zu", index);
    in->path_bytes += count > 0 && (size_t)count < sizeof in->path - before ? (size_t)count : sizeof in->path - 1 - before;
    return before;
}

static void leave(judging *in, size_t before)
{
    in->path_bytes = before;
    in->path[before] = '\0';
}

/* ---- one value ---- */

static bool is_whole(const json_t *value)
{
    double number = json_number_value(value);
    return json_is_integer(value) || (json_is_real(value) && number > -1e15 && number < 1e15 && number == (double)(long long)number);
}

static bool is_of_type(const json_t *value, const char *type)
{
    if (!strcmp(type, "object"))
        return json_is_object(value);
    if (!strcmp(type, "array"))
        return json_is_array(value);
    if (!strcmp(type, "string"))
        return json_is_string(value);
    if (!strcmp(type, "number"))
        return json_is_number(value);
    if (!strcmp(type, "integer"))
        return is_whole(value);
    if (!strcmp(type, "boolean"))
        return json_is_boolean(value);
    return strcmp(type, "null") != 0 || json_is_null(value); /* an unknown type forbids nothing */
}

static bool has_type(judging *in, const json_t *type, const json_t *value)
{
    char what[60];
    if (json_is_string(type) && !is_of_type(value, json_string_value(type))) {
        snprintf(what, sizeof what, "is no %.40s", json_string_value(type));
        return breach(in, what);
    }
    for (size_t i = 0; i < json_array_size(type); i++) {
        const char *one = json_string_value(json_array_get(type, i));
        if (!one || is_of_type(value, one))
            return true;
    }
    return json_array_size(type) == 0 || breach(in, "has none of the types that the schema allows");
}

/* 1 and 1.0 are the same number to a schema. */
static bool is_equal(const json_t *a, const json_t *b)
{
    return json_is_number(a) && json_is_number(b) ? json_number_value(a) == json_number_value(b) : json_equal(a, b);
}

static bool is_one_of(judging *in, const json_t *schema, const json_t *value)
{
    const json_t *constant = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    if (constant && !is_equal(constant, value))
        return breach(in, "is not the constant of the schema");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (is_equal(json_array_get(list, i), value))
            return true;
    return !json_is_array(list) || breach(in, "is none of the values that the schema lists");
}

static bool is_within(judging *in, const json_t *schema, double figure, const char *least, const char *most)
{
    const json_t *minimum = json_object_get(schema, least), *maximum = json_object_get(schema, most);
    if (json_is_number(minimum) && figure < json_number_value(minimum))
        return breach(in, "is below the schema's minimum");
    if (json_is_number(maximum) && figure > json_number_value(maximum))
        return breach(in, "is above the schema's maximum");
    return true;
}

static bool is_number_within(judging *in, const json_t *schema, const json_t *value)
{
    double figure = json_number_value(value);
    const json_t *above = json_object_get(schema, "exclusiveMinimum"), *below = json_object_get(schema, "exclusiveMaximum");
    if ((json_is_number(above) && figure <= json_number_value(above)) || (json_is_number(below) && figure >= json_number_value(below)))
        return breach(in, "is outside the schema's limits");
    return is_within(in, schema, figure, "minimum", "maximum");
}

static size_t characters(const json_t *value)
{
    size_t count = 0;
    const char *text = json_string_value(value);
    for (size_t i = 0; i < json_string_length(value); i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* ---- objects and lists ---- */

static bool has_required(judging *in, const json_t *schema, const json_t *value)
{
    const json_t *required = json_object_get(schema, "required");
    char what[80];
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (!name || json_object_get(value, name))
            continue;
        snprintf(what, sizeof what, "lacks \"%.60s\"", name);
        return breach(in, what);
    }
    return true;
}

static bool members_follow(judging *in, const json_t *schema, const json_t *value, int depth)
{
    const json_t *properties = json_object_get(schema, "properties"), *others = json_object_get(schema, "additionalProperties");
    bool patterns = json_object_get(schema, "patternProperties") != NULL;
    const char *name;
    json_t *member;
    if (!has_required(in, schema, value))
        return false;
    json_object_foreach((json_t *)value, name, member) {
        const json_t *of_member = json_object_get(properties, name);
        size_t before = enter(in, name, 0);
        if (!of_member && !patterns && json_is_false(others))
            return breach(in, "is no member of the schema");
        if (!follows(in, of_member ? of_member : patterns ? NULL : others, member, depth + 1))
            return false;
        leave(in, before);
    }
    return true;
}

static bool items_follow(judging *in, const json_t *schema, const json_t *value, int depth)
{
    const json_t *items = json_object_get(schema, "items"), *first = json_object_get(schema, "prefixItems");
    if (json_is_array(items)) { /* the older spelling of prefixItems */
        first = items;
        items = json_object_get(schema, "additionalItems");
    }
    if (!is_within(in, schema, (double)json_array_size(value), "minItems", "maxItems"))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *of_item = json_array_get(first, i);
        size_t before = enter(in, NULL, i);
        if (!follows(in, of_item ? of_item : items, json_array_get(value, i), depth + 1))
            return false;
        leave(in, before);
    }
    return true;
}

/* ---- schemas of schemas ---- */

/* How many of a list of schemas the value follows, without telling why it does not. */
static size_t followed(judging *in, const json_t *list, const json_t *value, int depth)
{
    size_t count = 0, path_bytes = in->path_bytes;
    char *reason = in->reason;
    in->reason = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        count += follows(in, json_array_get(list, i), value, depth + 1);
        leave(in, path_bytes);
    }
    in->reason = reason;
    return count;
}

static bool combinations_follow(judging *in, const json_t *schema, const json_t *value, int depth)
{
    const json_t *any = json_object_get(schema, "anyOf"), *one = json_object_get(schema, "oneOf"), *all = json_object_get(schema, "allOf");
    const json_t *unwanted = json_object_get(schema, "not");
    for (size_t i = 0; i < json_array_size(all); i++)
        if (!follows(in, json_array_get(all, i), value, depth + 1))
            return false;
    if (json_array_size(any) && !followed(in, any, value, depth))
        return breach(in, "follows none of the schema's alternatives");
    if (json_array_size(one) && followed(in, one, value, depth) != 1)
        return breach(in, "does not follow exactly one of the schema's alternatives");
    if (!unwanted)
        return true;
    char *reason = in->reason;
    size_t path_bytes = in->path_bytes;
    in->reason = NULL;
    bool refused = follows(in, unwanted, value, depth + 1);
    in->reason = reason;
    leave(in, path_bytes);
    return !refused || breach(in, "follows what the schema excludes");
}

/* "#/$defs/item"; NULL: not within this document. */
static const json_t *referred(const judging *in, const char *reference)
{
    const json_t *at = in->root;
    if (*reference++ != '#')
        return NULL;
    while (at && *reference == '/') {
        char name[200];
        size_t length = 0;
        for (reference++; *reference && *reference != '/' && length + 1 < sizeof name; reference++) {
            bool escaped = reference[0] == '~' && (reference[1] == '0' || reference[1] == '1');
            name[length++] = escaped ? "~/"[reference[1] - '0'] : *reference;
            reference += escaped;
        }
        name[length] = '\0';
        at = json_is_array(at) && strspn(name, "0123456789") == length && length && length < 6 ? json_array_get(at, (size_t)strtoul(name, NULL, 10)) : json_object_get(at, name);
    }
    return at;
}

static bool follows(judging *in, const json_t *schema, const json_t *value, int depth)
{
    if (!schema || json_is_true(schema) || depth > MAX_DEPTH || ++in->steps > MAX_STEPS)
        return true;
    if (json_is_false(schema))
        return breach(in, "is not wanted by the schema");
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (reference && !follows(in, referred(in, reference), value, depth + 1))
        return false;
    if (!has_type(in, json_object_get(schema, "type"), value) || !is_one_of(in, schema, value))
        return false;
    if (json_is_object(value) && !members_follow(in, schema, value, depth))
        return false;
    if (json_is_array(value) && !items_follow(in, schema, value, depth))
        return false;
    if (json_is_string(value) && !is_within(in, schema, (double)characters(value), "minLength", "maxLength"))
        return false;
    if (json_is_number(value) && !is_number_within(in, schema, value))
        return false;
    return combinations_follow(in, schema, value, depth);
}

static bool out_of_memory(const json_error_t *error)
{
    return json_error_code(error) == json_error_out_of_memory;
}

llmcost_status llmc_json_schema_check(const char *schema, const char *text, size_t bytes, char reason[200])
{
    json_error_t error;
    judging in = { .reason = reason };
    reason[0] = '\0';
    json_t *value = json_loadb(text, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!value) {
        snprintf(reason, 200, "the answer is no JSON");
        return out_of_memory(&error) ? LLMCOST_E_MEMORY : LLMCOST_E_MALFORMED;
    }
    json_t *root = schema ? json_loads(schema, JSON_DECODE_ANY, &error) : json_pack("{s:s}", "type", "object");
    bool memory = root || !schema || !out_of_memory(&error);
    in.root = root;
    bool good = memory && follows(&in, root, value, 0);
    json_decref(root);
    json_decref(value);
    return !memory ? LLMCOST_E_MEMORY : good ? LLMCOST_OK : LLMCOST_E_MALFORMED;
}
