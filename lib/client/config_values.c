/* Values with units, and the messages that say what is wrong with one. Integers only: no value passes through a double. */
#include "client/config.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

llmcost_status llmc_config_fail(llmc_config *config, const llmc_config_node *node, const char *format, ...)
{
    char text[900];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    if (!node || !config->tree)
        return llmc_error_set(config->error, LLMCOST_E_CONFIG, "%s", text);
    return llmc_error_set(config->error, LLMCOST_E_CONFIG, "%s:%zu: %s", config->tree->name, llmc_config_tree_line(config->tree, node->at), text);
}

llmcost_status llmc_config_no_memory(llmc_config *config)
{
    return llmc_error_set(config->error, LLMCOST_E_MEMORY, "out of memory while reading the config");
}

void llmc_nearest_offer(llmc_nearest *nearest, const char *candidate)
{
    size_t distance = llmc_text_distance(nearest->word, candidate);
    if (nearest->best && distance >= nearest->distance)
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}

const char *llmc_nearest_hint(const llmc_nearest *nearest, char out[LLMC_HINT_BYTES])
{
    out[0] = '\0';
    if (nearest->best && nearest->distance <= strlen(nearest->word) / 3 + 1 && nearest->distance < strlen(nearest->best))
        snprintf(out, LLMC_HINT_BYTES, ", did you mean \"%s\"?", nearest->best);
    return out;
}

/* ---- units ---- */

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static const unit durations[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };
static const unit sizes[] = { { "", 1 },          { "B", 1 },         { "KB", 1 << 10 }, { "MB", 1 << 20 }, { "GB", 1 << 30 },
                              { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { NULL, 0 } };

/* Cuts "1.5 GB" into its number and what follows it. Returns the number's length, 0 where there is none. */
static size_t cut_number(const char *text, const char **rest)
{
    size_t bytes = strspn(text, "0123456789.");
    *rest = text + bytes + strspn(text + bytes, " ");
    return bytes;
}

static bool read_with_unit(const char *text, const unit *units, int64_t *out)
{
    enum { SCALE = 6, ONE = 1000000 };
    const char *rest;
    int64_t number;
    size_t bytes = cut_number(text, &rest);
    if (!bytes || !llmc_decimal(text, bytes, SCALE, &number))
        return false;
    for (const unit *each = units; each->name; each++) {
        if (!llmc_text_equal_ignoring_case(each->name, rest))
            continue;
        __int128 product = (__int128)number * each->factor;
        if (product % ONE || product / ONE > INT64_MAX)
            return false;
        *out = (int64_t)(product / ONE);
        return true;
    }
    return false;
}

bool llmc_config_duration(const char *text, int64_t *ms)
{
    return read_with_unit(text, durations, ms);
}

bool llmc_config_size(const char *text, int64_t *bytes)
{
    return read_with_unit(text, sizes, bytes);
}

bool llmc_config_currency(const char *text)
{
    return strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

bool llmc_config_date(const char *text)
{
    int part[3] = { 0, 0, 0 };
    static const char shape[] = "0000-11-22";
    if (strlen(text) != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
        if (shape[i] != '-')
            part[shape[i] - '0'] = part[shape[i] - '0'] * 10 + (text[i] - '0');
    }
    int64_t year;
    int month, day;
    if (part[1] < 1 || part[1] > 12)
        return false;
    llmc_civil_from_days(llmc_days_from_civil(part[0], part[1], part[2]), &year, &month, &day);
    return year == part[0] && month == part[1] && day == part[2];
}

bool llmc_config_decimal(const llmc_config_node *node, int scale, int64_t *out)
{
    return (node->type == LLMC_JSON_STRING || node->type == LLMC_JSON_NUMBER) && llmc_decimal(node->text, node->bytes, scale, out);
}

llmcost_status llmc_config_money(llmc_config *config, const llmc_config_node *node, int64_t *nano)
{
    static const char shape[] = "an amount is a number and a currency, such as \"5 USD\"";
    enum { ONE = 1000000000 };
    const char *currency = "";
    int64_t amount, rate;
    size_t bytes = node->type == LLMC_JSON_STRING ? cut_number(node->text, &currency) : 0;
    if (!bytes || !llmc_config_currency(currency))
        return llmc_config_fail(config, node, "%s", shape);
    if (!llmc_decimal(node->text, bytes, 9, &amount))
        return llmc_config_fail(config, node, "\"%s\" is out of range: %s, of at most 9 decimals and 9,223,372,036", node->text, shape);
    if (!llmc_settings_exchange(config->settings, currency, &rate))
        return llmc_config_fail(config, node, "\"%s\": the ledger is in %s; give \"exchange_rates\" a rate for %s, or write the amount in %s", node->text,
                                config->settings->currency, currency, config->settings->currency);
    __int128 product = (__int128)amount * rate;
    if (product % ONE || product / ONE > INT64_MAX)
        return llmc_config_fail(config, node, "\"%s\" cannot be converted to %s exactly; write it in %s", node->text, config->settings->currency,
                                config->settings->currency);
    *nano = (int64_t)(product / ONE);
    return LLMCOST_OK;
}

/* ---- shapes ---- */

llmcost_status llmc_config_expect(llmc_config *config, const llmc_config_node *node, llmc_json_type type, const char *what)
{
    return node->type == type ? LLMCOST_OK : llmc_config_fail(config, node, "\"%s\" must be %s", node->key ? node->key : "item", what);
}

static llmcost_status copy_name(llmc_config *config, const llmc_config_node *node, const char *text, const char **out)
{
    if (!*text || strlen(text) > LLMC_CONFIG_MAX_NAME_BYTES)
        return llmc_config_fail(config, node, "a name has 1 to %d bytes", LLMC_CONFIG_MAX_NAME_BYTES);
    if (!llmc_text_is_header_safe(text))
        return llmc_config_fail(config, node, "a name holds a control character");
    *out = llmc_arena_strdup(&config->settings->arena, text);
    return *out ? LLMCOST_OK : llmc_config_no_memory(config);
}

llmcost_status llmc_config_name(llmc_config *config, const llmc_config_node *node, const char **out)
{
    if (node->type != LLMC_JSON_STRING)
        return llmc_config_fail(config, node, "%s%s%smust be a text", node->key ? "\"" : "", node->key ? node->key : "this ", node->key ? "\" " : "");
    return copy_name(config, node, node->text, out);
}

llmcost_status llmc_config_key_name(llmc_config *config, const llmc_config_node *node, const char **out)
{
    return copy_name(config, node, node->key, out);
}
