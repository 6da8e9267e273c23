/*
 * Price files in our own format:
 *
 *   { "llmcost_prices": 1,
 *     "unit": "per_million_tokens",            required; or "per_thousand_tokens", "per_token"
 *     "currency": "USD",                       the default; a model may name another
 *     "as_of": "2026-11-21",                   goes into the receipts' source
 *     "models": { "openai/gpt-4o": {           provider as in the config's presets, then the model's own name
 *       "input": "2.5", "output": 10,          decimal text or number
 *       "cache_read", "cache_write_5m", "cache_write_30m", "cache_write_1h", "reasoning", "audio_in", "audio_out",
 *       "per_request": "0.005",                a fee in currency units, whatever the unit
 *       "tiers": [{ "above_prompt_tokens": 200000, "min_output_tokens": 0, "input": ... }],   whole request
 *       "batch_multiplier": "0.5",             also flex_, priority_, fast_: of every rate
 *       "priority": { "input": ... },          or its own figures: also batch, flex, fast
 *       "max_output": 16384, "context": 128000, "aliases": ["gpt-4o-mine"], "source": "contract 7",
 *       "currency": "USD", "uncertain": true, "free": true, "confirmed": true } } }
 *
 * What a model leaves out is inherited from the row that it overrides; without one, as price.c says. A figure beside
 * "tiers" holds on every day and hour; tiers and priority figures that are inherited cost at least as much. "tiers"
 * replaces the list of tiers ([]: none); what a tier leaves out comes from the old tier of the same length, else from
 * the model. "free": all zero. Figures in another currency than the row's inherit none. A token rate above 10,000 or,
 * but for 0, below 0.001 per million tokens, or a fee above 100, is taken for a mixed-up unit, unless the model says
 * "confirmed": true.
 *
 * Left out on purpose: dated prices and hours. A file is today's price and can be replaced.
 */
#include "money/catalog_rows.h"

#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum place { AT_TOP = 1, AT_MODEL = 2, AT_TIER = 4, AT_LEVEL = 8, AT_PRICES = AT_MODEL | AT_TIER | AT_LEVEL };

typedef struct file_reader {
    llmc_catalog *catalog;
    const char *file;
    llmcost_error *error;
    const char *entry, *within; /* where we are, for messages: "openai/gpt-4o", "tiers[1]." */
    const char *source;         /* of models that name none */
    llmc_currency currency;
    int scale; /* from the file's unit to pico-units per token */
    bool confirmed;
    llmc_row_patch patch;
} file_reader;

typedef struct price_member price_member;
typedef llmcost_status (*read_member_fn)(file_reader *reader, const price_member *member, json_t *value, llmc_price *price);
struct price_member {
    const char *name;
    int places;
    int detail; /* a class or a level */
    read_member_fn read;
};

static const price_member *find_member(int place, const char *name);
static llmcost_status read_object(file_reader *reader, int place, json_t *object, llmc_price *price);

/* ---------------------------------------------------------------- messages */

static llmcost_status complain(file_reader *reader, const char *member, const char *problem)
{
    if (!*reader->within && !*member)
        return llmc_error_set(reader->error, LLMCOST_E_CONFIG, "%s: \"%s\" %s", reader->file, reader->entry, problem);
    return llmc_error_set(reader->error, LLMCOST_E_CONFIG, "%s: %s: \"%s%s\" %s", reader->file, reader->entry, reader->within, member, problem);
}

static llmcost_status complain_memory(file_reader *reader)
{
    return llmc_error_set(reader->error, LLMCOST_E_MEMORY, "no memory to read %s", reader->file);
}

/* ---------------------------------------------------------------- values */

static bool exact(const json_t *value, int scale, int64_t *out)
{
    if (json_is_string(value))
        return llmc_decimal(json_string_value(value), json_string_length(value), scale, out);
    if (json_is_real(value))
        return llmc_decimal_from_double(json_real_value(value), scale, out);
    __int128 scaled = json_integer_value(value);
    for (int i = 0; i < scale; i++)
        scaled *= 10;
    if (scaled > INT64_MAX || scaled < INT64_MIN)
        return false;
    *out = (int64_t)scaled;
    return true;
}

static llmcost_status read_figure(file_reader *reader, const char *name, const json_t *value, int scale, int64_t *out)
{
    if (!json_is_string(value) && !json_is_number(value))
        return complain(reader, name, "must be a number or a decimal text");
    if (!exact(value, scale, out))
        return complain(reader, name, "is no number that can be kept exactly: at most 15 digits, and 12 decimals per token (6 per million)");
    return LLMCOST_OK;
}

static llmcost_status read_rate(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    const int64_t most = INT64_C(10000000000), least = 1000, most_fee = INT64_C(100000000000000), most_confirmed = INT64_C(1000000000000000);
    bool is_fee = member->detail == LLMCOST_REQUEST;
    int64_t pico;
    llmcost_status status = read_figure(reader, member->name, value, is_fee ? 12 : reader->scale, &pico);
    if (status)
        return status;
    if (pico < 0)
        return complain(reader, member->name, "is below zero");
    if (pico > most_confirmed)
        return complain(reader, member->name, "is beyond all reason");
    if (!reader->confirmed && pico > (is_fee ? most_fee : most))
        return complain(reader, member->name,
                        is_fee ? "is more than 100 per request: it is not per million tokens; if it is right, add \"confirmed\": true"
                               : "is more than 10,000 per million tokens: check \"unit\"; if it is right, add \"confirmed\": true");
    if (!reader->confirmed && !is_fee && pico && pico < least)
        return complain(reader, member->name, "is less than 0.001 per million tokens: check \"unit\"; if it is right, add \"confirmed\": true");
    price->pico[member->detail] = pico;
    return LLMCOST_OK;
}

static llmcost_status read_multiplier(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    (void)price;
    int64_t millionths;
    llmcost_status status = read_figure(reader, member->name, value, 6, &millionths);
    if (status)
        return status;
    if (millionths <= 0 || millionths > 100 * LLMC_MULTIPLIER_ONE)
        return complain(reader, member->name, "must be above 0 and at most 100");
    reader->patch.multiplier[member->detail] = millionths;
    return LLMCOST_OK;
}

static llmcost_status read_tokens(file_reader *reader, const char *name, const json_t *value, int64_t least, int64_t *out)
{
    const int64_t most = INT64_C(1000000000000);
    if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
        return complain(reader, name, "must be a whole number of tokens");
    *out = json_integer_value(value);
    return LLMCOST_OK;
}

static llmcost_status read_limit(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    (void)price;
    return read_tokens(reader, member->name, value, 1, member->detail ? &reader->patch.context : &reader->patch.max_output);
}

static llmcost_status read_currency_into(file_reader *reader, const json_t *value, llmc_currency currency)
{
    const char *text = json_string_value(value);
    if (!text || strlen(text) != 3 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return complain(reader, "currency", "must be three capital letters, such as \"USD\"");
    memcpy(currency, text, 4);
    return LLMCOST_OK;
}

static llmcost_status read_currency(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    (void)member, (void)price;
    return read_currency_into(reader, value, reader->patch.currency);
}

static llmcost_status read_source(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    (void)price;
    if (!json_is_string(value))
        return complain(reader, member->name, "must be a text");
    reader->patch.source = llmc_catalog_keep(reader->catalog, json_string_value(value));
    return reader->patch.source ? LLMCOST_OK : complain_memory(reader);
}

static llmcost_status read_flag(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    (void)price;
    if (!json_is_boolean(value))
        return complain(reader, member->name, "must be true or false");
    if (member->detail == 'f')
        reader->patch.free_of_charge = json_is_true(value);
    if (member->detail == 'u')
        reader->patch.uncertain = json_is_true(value);
    return LLMCOST_OK; /* "confirmed" was looked up before any figure */
}

static llmcost_status check_aliases(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    (void)price;
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (json_string_length(json_array_get(value, i)) == 0)
            return complain(reader, member->name, "must be a list of names");
    }
    return json_is_array(value) ? LLMCOST_OK : complain(reader, member->name, "must be a list of names");
}

static llmcost_status read_level(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    char within[24];
    (void)price;
    if (!json_is_object(value))
        return complain(reader, member->name, "must be an object of rates");
    llmc_price *level = llmc_patch_price(&reader->patch, (llmc_level)member->detail, -1, 0);
    if (!level)
        return complain(reader, member->name, "is one price too many");
    snprintf(within, sizeof within, "%s.", member->name);
    reader->within = within;
    llmcost_status status = read_object(reader, AT_LEVEL, value, level);
    reader->within = "";
    return status;
}

static llmcost_status read_tier(file_reader *reader, json_t *tier)
{
    json_t *above = json_object_get(tier, "above_prompt_tokens"), *least = json_object_get(tier, "min_output_tokens");
    int64_t above_prompt = -1, least_output = 0;
    llmcost_status status = LLMCOST_OK;
    if (!above && !least)
        return complain(reader, "above_prompt_tokens", "is missing: from which length does the tier hold?");
    if (above)
        status = read_tokens(reader, "above_prompt_tokens", above, 0, &above_prompt);
    if (!status && least)
        status = read_tokens(reader, "min_output_tokens", least, above ? 0 : 1, &least_output);
    if (status)
        return status;
    size_t before = reader->patch.price_count;
    llmc_price *price = llmc_patch_price(&reader->patch, LLMC_STANDARD, above_prompt, least_output);
    if (!price || reader->patch.price_count == before)
        return complain(reader, "above_prompt_tokens", price ? "has the same length as another tier" : "is one tier too many");
    return read_object(reader, AT_TIER, tier, price);
}

static llmcost_status read_tiers(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    llmcost_status status = LLMCOST_OK;
    (void)price;
    if (!json_is_array(value))
        return complain(reader, member->name, "must be a list of tiers");
    reader->patch.replaces_tiers = true;
    for (size_t i = 0; !status && i < json_array_size(value); i++) {
        char within[40];
        snprintf(within, sizeof within, "tiers[%zu].", i);
        reader->within = within;
        json_t *tier = json_array_get(value, i);
        status = json_is_object(tier) ? read_tier(reader, tier) : complain(reader, "", "must be an object");
    }
    reader->within = "";
    return status;
}

static llmcost_status read_elsewhere(file_reader *reader, const price_member *member, json_t *value, llmc_price *price)
{
    (void)reader, (void)member, (void)value, (void)price;
    return LLMCOST_OK;
}

/* ---------------------------------------------------------------- members */

static const price_member members[] = {
    { "input", AT_PRICES, LLMCOST_INPUT, read_rate },
    { "output", AT_PRICES, LLMCOST_OUTPUT, read_rate },
    { "cache_read", AT_PRICES, LLMCOST_INPUT_CACHED, read_rate },
    { "cache_write_5m", AT_PRICES, LLMCOST_WRITE_5M, read_rate },
    { "cache_write_30m", AT_PRICES, LLMCOST_WRITE_30M, read_rate },
    { "cache_write_1h", AT_PRICES, LLMCOST_WRITE_1H, read_rate },
    { "reasoning", AT_PRICES, LLMCOST_REASONING, read_rate },
    { "audio_in", AT_PRICES, LLMCOST_AUDIO_IN, read_rate },
    { "audio_out", AT_PRICES, LLMCOST_AUDIO_OUT, read_rate },
    { "per_request", AT_PRICES, LLMCOST_REQUEST, read_rate },
    { "batch_multiplier", AT_MODEL, LLMC_BATCH, read_multiplier },
    { "flex_multiplier", AT_MODEL, LLMC_FLEX, read_multiplier },
    { "priority_multiplier", AT_MODEL, LLMC_PRIORITY, read_multiplier },
    { "fast_multiplier", AT_MODEL, LLMC_FAST, read_multiplier },
    { "batch", AT_MODEL, LLMC_BATCH, read_level },
    { "flex", AT_MODEL, LLMC_FLEX, read_level },
    { "priority", AT_MODEL, LLMC_PRIORITY, read_level },
    { "fast", AT_MODEL, LLMC_FAST, read_level },
    { "tiers", AT_MODEL, 0, read_tiers },
    { "above_prompt_tokens", AT_TIER, 0, read_elsewhere },
    { "min_output_tokens", AT_TIER, 0, read_elsewhere },
    { "max_output", AT_MODEL, 0, read_limit },
    { "context", AT_MODEL, 1, read_limit },
    { "aliases", AT_MODEL, 0, check_aliases },
    { "source", AT_MODEL, 0, read_source },
    { "currency", AT_MODEL, 0, read_currency },
    { "confirmed", AT_MODEL, 'c', read_flag },
    { "free", AT_MODEL, 'f', read_flag },
    { "uncertain", AT_MODEL, 'u', read_flag },
    { "llmcost_prices", AT_TOP, 0, read_elsewhere },
    { "unit", AT_TOP, 0, read_elsewhere },
    { "currency", AT_TOP, 0, read_elsewhere },
    { "as_of", AT_TOP, 0, read_elsewhere },
    { "models", AT_TOP, 0, read_elsewhere },
};

static const price_member *find_member(int place, const char *name)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (members[i].places & place && strcmp(members[i].name, name) == 0)
            return &members[i];
    }
    return NULL;
}

static llmcost_status complain_unknown(file_reader *reader, int place, const char *name)
{
    char problem[96];
    const char *nearest = "";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        size_t distance = members[i].places & place ? llmc_text_distance(members[i].name, name) : SIZE_MAX;
        if (distance < least) {
            least = distance;
            nearest = members[i].name;
        }
    }
    snprintf(problem, sizeof problem, "is not known here; the nearest member is \"%s\"", nearest);
    return complain(reader, name, problem);
}

static llmcost_status read_object(file_reader *reader, int place, json_t *object, llmc_price *price)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const price_member *member = find_member(place, name);
        llmcost_status status = member ? member->read(reader, member, value, price) : complain_unknown(reader, place, name);
        if (status)
            return status;
    }
    return LLMCOST_OK;
}

/* ---------------------------------------------------------------- models */

static bool has_figures(const llmc_price *price)
{
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (price->pico[i] != LLMC_NO_RATE)
            return true;
    }
    return false;
}

/* A patch without a base figure has no base price; what else it holds stays. */
static void drop_empty_base(llmc_row_patch *patch)
{
    if (has_figures(&patch->prices[0]))
        return;
    patch->price_count--;
    memmove(&patch->prices[0], &patch->prices[1], patch->price_count * sizeof patch->prices[0]);
}

static llmcost_status add_aliases(file_reader *reader, llmc_model *model, json_t *aliases)
{
    for (size_t i = 0; i < json_array_size(aliases); i++) {
        const char *alias = json_string_value(json_array_get(aliases, i));
        const llmc_model *other = llmc_catalog_find(reader->catalog, model->provider, alias);
        if (other && strcmp(other->name, alias) == 0)
            return complain(reader, "aliases", "has a name that is a model of its own");
        char *kept = llmc_catalog_keep(reader->catalog, alias);
        if (!kept || !llmc_catalog_alias(reader->catalog, model, kept))
            return complain_memory(reader);
    }
    return LLMCOST_OK;
}

static llmcost_status read_model(file_reader *reader, char *provider, json_t *entry)
{
    char *slash = strchr(provider, '/');
    if (!slash || slash == provider || !slash[1])
        return complain(reader, "", "must be named \"provider/model\"");
    if (!json_is_object(entry))
        return complain(reader, "", "must be an object of prices");
    *slash = '\0';
    llmc_row_patch *patch = &reader->patch;
    memset(patch, 0, sizeof *patch);
    patch->provider = provider;
    patch->model = slash + 1;
    patch->source = reader->source;
    memcpy(patch->currency, reader->currency, sizeof patch->currency);
    reader->confirmed = json_is_true(json_object_get(entry, "confirmed"));
    llmcost_status status = read_object(reader, AT_MODEL, entry, llmc_patch_price(patch, LLMC_STANDARD, -1, 0));
    if (status)
        return status;
    drop_empty_base(patch);
    if (patch->free_of_charge && patch->price_count)
        return complain(reader, "free", "and prices exclude each other");
    bool priced = patch->price_count > 0;
    llmc_model *model = llmc_catalog_apply(reader->catalog, patch);
    if (!model)
        return complain_memory(reader);
    if (priced && !model->price_count)
        return complain(reader, "input", "is missing, and there is no row in this currency to inherit it from");
    return add_aliases(reader, model, json_object_get(entry, "aliases"));
}

static llmcost_status read_models(file_reader *reader, json_t *models)
{
    const char *key;
    json_t *entry;
    json_object_foreach(models, key, entry)
    {
        char *name = llmc_catalog_keep(reader->catalog, key); /* to be cut in two */
        if (!name)
            return complain_memory(reader);
        reader->entry = key;
        llmcost_status status = read_model(reader, name, entry);
        if (status)
            return status;
    }
    return LLMCOST_OK;
}

/* ---------------------------------------------------------------- the file */

static llmcost_status read_unit(file_reader *reader, const json_t *value)
{
    static const struct {
        const char *name;
        int scale;
    } units[] = { { "per_million_tokens", 6 }, { "per_thousand_tokens", 9 }, { "per_token", 12 } };
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, text) == 0) {
            reader->scale = units[i].scale;
            return LLMCOST_OK;
        }
    }
    return complain(reader, "unit", "must say \"per_million_tokens\", \"per_thousand_tokens\" or \"per_token\"");
}

static bool is_date(const char *text)
{
    static const char pattern[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof pattern; i++) {
        if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != pattern[i])
            return false;
    }
    return true;
}

static llmcost_status read_as_of(file_reader *reader, const json_t *value)
{
    char source[160];
    const char *day = json_string_value(value);
    if (value && (!day || !is_date(day)))
        return complain(reader, "as_of", "must be a day such as \"2026-11-21\"");
    snprintf(source, sizeof source, "%.128s%s%s", reader->file, day ? ", " : "", day ? day : "");
    reader->source = llmc_catalog_keep(reader->catalog, source);
    return reader->source ? LLMCOST_OK : complain_memory(reader);
}

llmcost_status llmc_catalog_load_own(llmc_catalog *catalog, const char *file, json_t *root, llmcost_error *error)
{
    file_reader reader = { .catalog = catalog, .file = file, .error = error, .entry = "file", .within = "", .currency = "USD" };
    const json_t *version = json_object_get(root, "llmcost_prices"), *currency = json_object_get(root, "currency");
    json_t *models = json_object_get(root, "models");
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return complain(&reader, "llmcost_prices", "must be 1, the version of the format");
    llmcost_status status = read_object(&reader, AT_TOP, root, NULL);
    if (!status)
        status = read_unit(&reader, json_object_get(root, "unit"));
    if (!status && currency)
        status = read_currency_into(&reader, currency, reader.currency);
    if (!status)
        status = read_as_of(&reader, json_object_get(root, "as_of"));
    if (!status && !json_is_object(models))
        status = complain(&reader, "models", "must be an object of models");
    return status ? status : read_models(&reader, models);
}
