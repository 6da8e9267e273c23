/*
 * The reading of the config's plain keys, by the one table in config_key_table.h, of which the texts stay out here: only
 * the documentation needs them.
 */
#include "client/config.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* A row of the table; a SECTION stands among the keys that follow it. */
typedef struct key_row {
    int64_t maximum;
    int32_t minimum;
    uint16_t offset; /* where the value goes in the section's target; of a section: its id */
    uint8_t width, kind;
} key_row;

#define SECTION(id, name, text) { .offset = LLMC_SECTION_##id, .kind = LLMC_KEY_SECTION },
#define KEY(name, kind, type, field, least, most, fallback, text) \
    { most, least, offsetof(type, field), sizeof(((type *)0)->field), LLMC_KEY_##kind },
#define CHOICE(name, type, field, words, text) KEY(name, CHOICE, type, field, 0, 0, words, text)
#define STRUCTURE(name, shape, text) { .kind = LLMC_KEY_STRUCTURE },
static const key_row table[] = {
#include "client/config_key_table.h"
    SECTION(COUNT, "", "")
};

/* The rows' texts, two for each in their order: pointers to them would be longer than the rest of a row. */
#undef SECTION
#undef KEY
#undef STRUCTURE
#define UNSET "\1"
#define SECTION(id, name, text) "\0" UNSET "\0"
#define KEY(name, kind, type, field, least, most, fallback, text) name "\0" fallback "\0"
#define STRUCTURE(name, shape, text) name "\0" UNSET "\0"
static const char texts[] =
#include "client/config_key_table.h"
    SECTION(COUNT, "", "");

/* A row with its texts. */
typedef struct config_key {
    const key_row *row;
    const char *name;
    const char *value; /* the default, or the choices; UNSET: none */
} config_key;

static void go_on(config_key *key)
{
    key->row++;
    key->name = key->value + strlen(key->value) + 1;
    key->value = key->name + strlen(key->name) + 1;
}

/* The first key of a section. The last one is followed by a section. */
static config_key keys_of(llmc_config_section_id id)
{
    config_key key = { table, texts, texts + 1 };
    while (key.row->kind != LLMC_KEY_SECTION || key.row->offset != id)
        go_on(&key);
    go_on(&key);
    return key;
}

static bool is_key(const config_key *key)
{
    return key->row->kind != LLMC_KEY_SECTION;
}

/* ---- reading ---- */

static llmcost_status store_integer(llmc_config *config, const llmc_config_node *node, const config_key *key, int64_t value, const char *unit, char *at)
{
    if (value < key->row->minimum || value > key->row->maximum)
        return llmc_config_fail(config, node, "\"%s\" is out of range: from %lld to %lld%s", key->name, (long long)key->row->minimum, (long long)key->row->maximum, unit);
    int32_t narrow = (int32_t)value;
    memcpy(at, key->row->width == sizeof narrow ? (void *)&narrow : (void *)&value, key->row->width);
    return LLMCOST_OK;
}

static llmcost_status read_integer(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int64_t value;
    if (node->type != LLMC_JSON_NUMBER || !llmc_decimal(node->text, node->bytes, 0, &value))
        return llmc_config_fail(config, node, "\"%s\" must be a whole number from %lld to %lld", key->name, (long long)key->row->minimum, (long long)key->row->maximum);
    return store_integer(config, node, key, value, "", at);
}

static llmcost_status read_time(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int64_t value;
    bool bare = key->row->kind == LLMC_KEY_MILLISECONDS && node->type == LLMC_JSON_NUMBER;
    bool valid = bare ? llmc_decimal(node->text, node->bytes, 0, &value) : node->type == LLMC_JSON_STRING && llmc_config_duration(node->text, &value);
    if (!valid)
        return llmc_config_fail(config, node, "\"%s\" must be %sa duration with its unit, such as \"10m\", \"1h\" or \"250ms\"", key->name,
                                key->row->kind == LLMC_KEY_MILLISECONDS ? "a whole number of milliseconds or " : "");
    return store_integer(config, node, key, value, " milliseconds", at);
}

static llmcost_status read_size(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int64_t value;
    bool valid = node->type == LLMC_JSON_NUMBER ? llmc_decimal(node->text, node->bytes, 0, &value)
                                                : node->type == LLMC_JSON_STRING && llmc_config_size(node->text, &value);
    if (!valid)
        return llmc_config_fail(config, node, "\"%s\" must be a number of bytes or a size, such as \"64MB\" or \"512KB\"", key->name);
    return store_integer(config, node, key, value, " bytes", at);
}

/* In thousandths, exactly. */
static llmcost_status read_fraction(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int64_t value;
    int32_t permille;
    if (node->type != LLMC_JSON_NUMBER || !llmc_decimal(node->text, node->bytes, 3, &value) || value < key->row->minimum || value > key->row->maximum)
        return llmc_config_fail(config, node, "\"%s\" must be a number from %s to 1 of at most three decimals", key->name, key->row->minimum ? "0.001" : "0");
    permille = (int32_t)value;
    memcpy(at, &permille, sizeof permille);
    return LLMCOST_OK;
}

static llmcost_status read_bool(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    if (node->type != LLMC_JSON_TRUE && node->type != LLMC_JSON_FALSE)
        return llmc_config_fail(config, node, "\"%s\" must be true or false", key->name);
    *(bool *)at = node->type == LLMC_JSON_TRUE;
    return LLMCOST_OK;
}

static llmcost_status read_text(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    if (node->type != LLMC_JSON_STRING)
        return llmc_config_fail(config, node, "\"%s\" must be a text", key->name);
    if ((int64_t)node->bytes < key->row->minimum || (int64_t)node->bytes > key->row->maximum)
        return llmc_config_fail(config, node, "\"%s\" has %lld to %lld bytes", key->name, (long long)key->row->minimum, (long long)key->row->maximum);
    if (key->row->kind != LLMC_KEY_LONG_TEXT && !llmc_text_is_header_safe(node->text))
        return llmc_config_fail(config, node, "\"%s\" holds a control character", key->name);
    const char *copy = key->row->kind == LLMC_KEY_PATH ? llmc_config_path(config, node->text) : llmc_arena_strdup(&config->settings->arena, node->text);
    memcpy(at, &copy, sizeof copy);
    return copy ? LLMCOST_OK : llmc_config_no_memory(config);
}

/* The ledger's currency stands in the settings itself, a provider's is a text. */
static llmcost_status read_currency(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    if (node->type != LLMC_JSON_STRING || !llmc_config_currency(node->text))
        return llmc_config_fail(config, node, "\"%s\" must be a currency of three capital letters, such as \"USD\"", key->name);
    if (key->row->width == sizeof(llmc_currency)) {
        memcpy(at, node->text, sizeof(llmc_currency));
        return LLMCOST_OK;
    }
    const char *copy = llmc_arena_strdup(&config->settings->arena, node->text);
    memcpy(at, &copy, sizeof copy);
    return copy ? LLMCOST_OK : llmc_config_no_memory(config);
}

static llmcost_status read_choice(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    int32_t index = 0;
    llmc_nearest nearest = { .word = node->text };
    char words[64], *rest = words, hint[LLMC_HINT_BYTES];
    snprintf(words, sizeof words, "%s", key->value);
    for (char *word; node->type == LLMC_JSON_STRING && (word = strsep(&rest, "|")) != NULL; index++) {
        llmc_nearest_offer(&nearest, word);
        if (strcmp(word, node->text) != 0)
            continue;
        if (key->row->width == sizeof(bool))
            *(bool *)at = index != 0;
        else
            memcpy(at, &index, sizeof index);
        return LLMCOST_OK;
    }
    return llmc_config_fail(config, node, "\"%s\" must be one of %s%s", key->name, key->value, llmc_nearest_hint(&nearest, hint));
}

static llmcost_status read_structure(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at)
{
    (void)config, (void)node, (void)key, (void)at;
    return LLMCOST_OK;
}

static llmcost_status (*const readers[])(llmc_config *config, const llmc_config_node *node, const config_key *key, char *at) = {
    [LLMC_KEY_BOOL] = read_bool,
    [LLMC_KEY_INTEGER] = read_integer,
    [LLMC_KEY_FRACTION] = read_fraction,
    [LLMC_KEY_MILLISECONDS] = read_time,
    [LLMC_KEY_DURATION] = read_time,
    [LLMC_KEY_SIZE] = read_size,
    [LLMC_KEY_TEXT] = read_text,
    [LLMC_KEY_LONG_TEXT] = read_text,
    [LLMC_KEY_PATH] = read_text,
    [LLMC_KEY_CURRENCY] = read_currency,
    [LLMC_KEY_CHOICE] = read_choice,
    [LLMC_KEY_STRUCTURE] = read_structure,
};

/* *key: a section's first; false: none of its keys has this name. */
static bool find_key(config_key *key, const char *name)
{
    while (is_key(key) && strcmp(key->name, name) != 0)
        go_on(key);
    return is_key(key);
}

static llmcost_status unknown_key(llmc_config *config, config_key key, const llmc_config_node *node)
{
    llmc_nearest nearest = { .word = node->key };
    char hint[LLMC_HINT_BYTES], known[600];
    size_t length = 0;
    for (; is_key(&key); go_on(&key)) {
        llmc_nearest_offer(&nearest, key.name);
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", length ? ", " : "", key.name);
    }
    if (*llmc_nearest_hint(&nearest, hint))
        return llmc_config_fail(config, node, "unknown key \"%s\"%s", node->key, hint);
    return llmc_config_fail(config, node, "unknown key \"%.200s\"; the nearest is \"%s\" of: %s", node->key, nearest.best, known);
}

static llmcost_status read_default(llmc_config *config, const config_key *key, char *at)
{
    bool number = key->row->kind == LLMC_KEY_INTEGER || key->row->kind == LLMC_KEY_MILLISECONDS || key->row->kind == LLMC_KEY_FRACTION;
    llmc_config_node node = { .type = number ? LLMC_JSON_NUMBER : LLMC_JSON_STRING, .key = key->name, .text = key->value, .bytes = strlen(key->value) };
    if (key->row->kind == LLMC_KEY_CHOICE) { /* the first word is number 0 */
        memset(at, 0, key->row->width);
        return LLMCOST_OK;
    }
    if (key->row->kind == LLMC_KEY_BOOL)
        node.type = strcmp(key->value, "true") == 0 ? LLMC_JSON_TRUE : LLMC_JSON_FALSE;
    return readers[key->row->kind](config, &node, key, at);
}

llmcost_status llmc_config_keys(llmc_config *config, llmc_config_section_id id, const llmc_config_node *object, void *target)
{
    llmcost_status status = LLMCOST_OK;
    for (config_key key = keys_of(id); is_key(&key) && !status; go_on(&key)) {
        if (strcmp(key.value, UNSET) != 0 && !(object && llmc_config_member(object, key.name)))
            status = read_default(config, &key, (char *)target + key.row->offset);
    }
    return status ? status : llmc_config_keys_over(config, id, object, target);
}

llmcost_status llmc_config_keys_over(llmc_config *config, llmc_config_section_id id, const llmc_config_node *object, void *target)
{
    llmcost_status status = object ? llmc_config_expect(config, object, LLMC_JSON_OBJECT, "an object") : LLMCOST_OK;
    for (const llmc_config_node *node = object ? object->first : NULL; node && !status; node = node->next) {
        config_key key = keys_of(id);
        if (!find_key(&key, node->key))
            return unknown_key(config, keys_of(id), node);
        status = readers[key.row->kind](config, node, &key, (char *)target + key.row->offset);
    }
    return status;
}
