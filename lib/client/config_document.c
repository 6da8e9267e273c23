/*
 * The config's table of keys as Markdown. In a file of its own so that the texts are linked into the README's maker only.
 */
#include "client/config.h"

#include <string.h>

typedef struct documented {
    const char *name, *value, *text; /* value: as in config_key_table.h; of a structure: its shape */
    int64_t minimum, maximum;
    llmc_config_key_kind kind;
} documented;

#define UNSET NULL
#define SECTION(id, name, text) { name, NULL, text, 0, 0, LLMC_KEY_SECTION },
#define KEY(name, kind, type, field, minimum, maximum, fallback, text) { name, fallback, text, minimum, maximum, LLMC_KEY_##kind },
#define CHOICE(name, type, field, words, text) { name, words, text, 0, 0, LLMC_KEY_CHOICE },
#define STRUCTURE(name, shape, text) { name, shape, text, 0, 0, LLMC_KEY_STRUCTURE },
static const documented table[] = {
#include "client/config_key_table.h"
};

static const char *const kind_names[] = {
    [LLMC_KEY_BOOL] = "true or false",
    [LLMC_KEY_INTEGER] = "number",
    [LLMC_KEY_FRACTION] = "number",
    [LLMC_KEY_MILLISECONDS] = "milliseconds, or a duration",
    [LLMC_KEY_DURATION] = "duration",
    [LLMC_KEY_SIZE] = "size",
    [LLMC_KEY_TEXT] = "text",
    [LLMC_KEY_LONG_TEXT] = "text",
    [LLMC_KEY_PATH] = "path",
    [LLMC_KEY_CURRENCY] = "currency",
};

static bool has_shape(const documented *key)
{
    return key->kind == LLMC_KEY_CHOICE || key->kind == LLMC_KEY_STRUCTURE;
}

static void document_value(llmc_buffer *out, const documented *key)
{
    const char *text = has_shape(key) ? key->value : kind_names[key->kind];
    for (; *text; text++) /* a bar would end the cell */
        llmc_buffer_add_text(out, *text == '|' ? ", " : (char[]){ *text, '\0' });
    if (key->maximum && (key->kind == LLMC_KEY_INTEGER || key->kind == LLMC_KEY_MILLISECONDS))
        llmc_buffer_add_format(out, ", %lld to %lld", (long long)key->minimum, (long long)key->maximum);
    if (key->kind == LLMC_KEY_FRACTION)
        llmc_buffer_add_format(out, ", %s to 1", key->minimum ? "0.001" : "0");
}

static void document_default(llmc_buffer *out, const documented *key)
{
    if (!key->value || key->kind == LLMC_KEY_STRUCTURE)
        return;
    if (*key->value)
        llmc_buffer_add_format(out, "`%.*s`", (int)strcspn(key->value, "|"), key->value);
    else
        llmc_buffer_add_text(out, "empty");
}

static void document_key(llmc_buffer *out, const documented *key)
{
    llmc_buffer_add_format(out, "| `%s` | ", key->name);
    document_value(out, key);
    llmc_buffer_add_text(out, " | ");
    document_default(out, key);
    llmc_buffer_add_format(out, " | %s |\n", key->text);
}

static void document_section(llmc_buffer *out, const documented *section)
{
    if (*section->name)
        llmc_buffer_add_format(out, "\n### `%s`\n\n", section->name);
    llmc_buffer_add_format(out, "%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", section->text);
}

llmcost_status llmc_config_document(llmc_buffer *out)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kind == LLMC_KEY_SECTION)
            document_section(out, &table[i]);
        else
            document_key(out, &table[i]);
    }
    static const llmcost_status statuses[] = { LLMCOST_OK, LLMCOST_E_MEMORY, LLMCOST_E_TOO_LARGE };
    return statuses[out->failure];
}
