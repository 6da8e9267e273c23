/*
 * The rows of the catalog, their index, and how figures of a file are laid over them.
 *
 * One hash table finds rows by provider and name; an alias is an entry that points to another row. Rows and texts live
 * in one arena: what a later file replaces stays there until the catalog is freed, which is once per client.
 */
#include "money/catalog_rows.h"

#include "base/text.h"

#include <jansson.h>
#include <string.h>

typedef struct slot {
    const char *name; /* NULL: empty */
    llmc_model *model;
    bool is_alias;
} slot;

struct llmc_catalog {
    llmc_allocator allocator;
    llmc_arena arena;
    slot *slots;
    size_t used, capacity; /* a power of two, at most three quarters full */
};

void llmc_price_init(llmc_price *price)
{
    *price = (llmc_price){ .above_prompt = -1, .from_day = LLMC_FIRST_DAY, .until_day = LLMC_LAST_DAY };
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        price->pico[i] = LLMC_NO_RATE;
}

bool llmc_price_is_tier(const llmc_price *price)
{
    return price->above_prompt >= 0 || price->least_output > 0;
}

/* ---------------------------------------------------------------- index */

static uint64_t hash_of(const char *provider, const char *name, size_t name_bytes)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *provider; provider++)
        hash = (hash ^ (unsigned char)*provider) * UINT64_C(1099511628211);
    hash = (hash ^ '/') * UINT64_C(1099511628211);
    for (size_t i = 0; i < name_bytes; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

/* The slot of a name, or the empty one where it belongs. */
static slot *slot_of(const llmc_catalog *catalog, const char *provider, const char *name, size_t name_bytes)
{
    size_t mask = catalog->capacity - 1;
    for (size_t at = hash_of(provider, name, name_bytes) & mask;; at = (at + 1) & mask) {
        slot *candidate = &catalog->slots[at];
        if (!candidate->name)
            return candidate;
        if (strlen(candidate->name) == name_bytes && memcmp(candidate->name, name, name_bytes) == 0 &&
            strcmp(candidate->model->provider, provider) == 0)
            return candidate;
    }
}

static bool make_room(llmc_catalog *catalog)
{
    if ((catalog->used + 1) * 4 <= catalog->capacity * 3)
        return true;
    size_t old_capacity = catalog->capacity, capacity = old_capacity ? old_capacity * 2 : 64;
    slot *old = catalog->slots, *grown = llmc_calloc(&catalog->allocator, capacity, sizeof *grown);
    if (!grown)
        return false;
    catalog->slots = grown;
    catalog->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].name)
            *slot_of(catalog, old[i].model->provider, old[i].name, strlen(old[i].name)) = old[i];
    }
    llmc_free(&catalog->allocator, old);
    return true;
}

/* Enter a name; the text stays the caller's, or the arena's. */
static bool enter(llmc_catalog *catalog, const char *name, llmc_model *model, bool is_alias)
{
    if (!make_room(catalog))
        return false;
    slot *place = slot_of(catalog, model->provider, name, strlen(name));
    if (is_alias && place->name && !place->is_alias)
        return true;
    catalog->used += place->name == NULL;
    *place = (slot){ name, model, is_alias };
    return true;
}

static const slot *look_up(const llmc_catalog *catalog, const char *provider, const char *name, size_t name_bytes)
{
    const slot *found = catalog->capacity ? slot_of(catalog, provider, name, name_bytes) : NULL;
    return found && found->name ? found : NULL;
}

/* ---------------------------------------------------------------- finding */

/* Length of the name without "-latest", "-YYYY-MM-DD" or "-YYYYMMDD"; the whole length where there is none. */
static size_t undated_bytes(const char *name)
{
    static const char *const endings[] = { "-latest", "-dddd-dd-dd", "-dddddddd" };
    size_t bytes = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t length = strlen(endings[i]), at = 0;
        if (bytes <= length)
            continue;
        const char *tail = name + bytes - length;
        bool digits = i > 0;
        while (at < length && (digits && endings[i][at] == 'd' ? tail[at] >= '0' && tail[at] <= '9' : tail[at] == endings[i][at]))
            at++;
        if (at == length)
            return bytes - length;
    }
    return bytes;
}

/* Amazon's "arn:.../" of a resource goes. */
static const char *without_resource(const char *model)
{
    const char *slash = strncmp(model, "arn:", 4) == 0 ? strrchr(model, '/') : NULL;
    return slash ? slash + 1 : model;
}

/* And where a profile may run ("us.", "global."). */
static const char *without_place(const char *name)
{
    static const char *const places[] = { "us.", "eu.", "apac.", "global.", "us-gov.", "jp.", "au.", "ca." };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strncmp(name, places[i], strlen(places[i])) == 0)
            return name + strlen(places[i]);
    return name;
}

static const slot *look_up_dated(const llmc_catalog *catalog, const char *provider, const char *model)
{
    size_t bytes = strlen(model), undated = undated_bytes(model);
    const slot *found = look_up(catalog, provider, model, bytes);
    return found || undated == bytes ? found : look_up(catalog, provider, model, undated);
}

/* Some profiles have prices of their own. */
static const slot *look_up_profile(const llmc_catalog *catalog, const char *provider, const char *model)
{
    const char *name = without_resource(model), *plain = without_place(name);
    const slot *found = look_up_dated(catalog, provider, name);
    bool has_two_places = without_place(plain) != plain;
    return found || has_two_places ? found : look_up_dated(catalog, provider, plain);
}

const llmc_model *llmc_catalog_find(const llmc_catalog *catalog, const char *provider, const char *model)
{
    const slot *found = look_up_dated(catalog, provider, model);
    if (!found && strcmp(provider, "bedrock") == 0)
        found = look_up_profile(catalog, provider, model);
    if (!found)
        found = look_up(catalog, provider, "*", 1);
    return found ? found->model : NULL;
}

bool llmc_catalog_has(const llmc_catalog *catalog, const char *provider, const char *model)
{
    return strcmp(model, "*") != 0 && look_up(catalog, provider, model, strlen(model));
}

const char *llmc_model_name(const llmc_model *model)
{
    return model->name;
}

int64_t llmc_model_max_output(const llmc_model *model)
{
    return model->max_output;
}

int64_t llmc_model_context(const llmc_model *model)
{
    return model->context;
}

const char *llmc_model_currency(const llmc_model *model)
{
    return model->price_count ? model->currency : NULL;
}

const char *llmc_model_status(const llmc_model *model)
{
    static const char *const names[] = { "current", "legacy", "historical" };
    return names[model->status];
}

/* ---------------------------------------------------------------- rows */

char *llmc_catalog_keep(llmc_catalog *catalog, const char *text)
{
    return llmc_arena_strdup(&catalog->arena, text);
}

llmc_model *llmc_catalog_add(llmc_catalog *catalog, const char *provider, const char *name, size_t price_capacity)
{
    llmc_model *model = llmc_arena_calloc(&catalog->arena, 1, sizeof *model);
    if (!model)
        return NULL;
    model->provider = provider;
    model->name = name;
    model->source = "";
    model->prices = price_capacity ? llmc_arena_calloc(&catalog->arena, price_capacity, sizeof *model->prices) : NULL;
    if ((price_capacity && !model->prices) || !enter(catalog, name, model, false))
        return NULL;
    return model;
}

bool llmc_catalog_alias(llmc_catalog *catalog, llmc_model *model, const char *alias)
{
    return enter(catalog, alias, model, true);
}

/* ---------------------------------------------------------------- laying a file's figures over a row */

llmc_price *llmc_patch_price(llmc_row_patch *patch, llmc_level level, int64_t above_prompt, int64_t least_output)
{
    for (size_t i = 0; i < patch->price_count; i++) {
        llmc_price *price = &patch->prices[i];
        if (price->level == level && price->above_prompt == above_prompt && price->least_output == least_output)
            return price;
    }
    if (patch->price_count == LLMC_PATCH_PRICES_MOST)
        return NULL;
    llmc_price *price = &patch->prices[patch->price_count++];
    llmc_price_init(price);
    price->level = (uint8_t)level;
    price->above_prompt = above_prompt;
    price->least_output = least_output;
    return price;
}

static void overlay(llmc_price *price, const llmc_price *figures)
{
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (figures->pico[i] != LLMC_NO_RATE)
            price->pico[i] = figures->pico[i];
    }
}

/* Who states a new price and not its tiers must not find long or urgent requests cheaper than the price stated. */
static void raise_to(llmc_price *price, const llmc_price *base)
{
    for (int i = 0; base && i < LLMCOST_CLASS_COUNT; i++) {
        if (price->pico[i] != LLMC_NO_RATE && price->pico[i] < base->pico[i])
            price->pico[i] = base->pico[i];
    }
}

static bool same_conditions(const llmc_price *a, const llmc_price *b)
{
    return a->level == b->level && a->above_prompt == b->above_prompt && a->least_output == b->least_output && a->from_day == b->from_day &&
           a->until_day == b->until_day && a->peak_days == b->peak_days && a->peak_hours == b->peak_hours;
}

static const llmc_price *with_conditions(const llmc_price *prices, size_t count, const llmc_price *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (same_conditions(&prices[i], wanted))
            return &prices[i];
    }
    return NULL;
}

static bool is_plain(const llmc_price *price)
{
    return price->level == LLMC_STANDARD && !llmc_price_is_tier(price);
}

static bool goes_before(const llmc_price *a, const llmc_price *b)
{
    if (a->level != b->level)
        return a->level < b->level;
    return a->above_prompt != b->above_prompt ? a->above_prompt < b->above_prompt : a->least_output < b->least_output;
}

/* Longer lengths last, because the last price that holds wins; what is equal keeps its order. */
static void sort_prices(llmc_price *prices, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        llmc_price moving = prices[i];
        size_t at = i;
        for (; at > 0 && goes_before(&moving, &prices[at - 1]); at--)
            prices[at] = prices[at - 1];
        prices[at] = moving;
    }
}

static const llmc_price *base_of(const llmc_row_patch *patch)
{
    for (size_t i = 0; i < patch->price_count; i++) {
        if (is_plain(&patch->prices[i]))
            return &patch->prices[i];
    }
    return NULL;
}

/* The row's prices without what the patch replaces as a whole; figures of the patch's base hold on every day and hour. */
static size_t keep_prices(const llmc_model *model, const llmc_row_patch *patch, const llmc_price *base, llmc_price *out)
{
    size_t count = 0;
    for (size_t i = 0; i < model->price_count; i++) {
        const llmc_price *old = &model->prices[i];
        bool tier_goes = old->level == LLMC_STANDARD && llmc_price_is_tier(old) && patch->replaces_tiers;
        if (tier_goes || patch->multiplier[old->level])
            continue;
        out[count] = *old;
        if (base && is_plain(old))
            overlay(&out[count], base);
        if (old->level != LLMC_BATCH && old->level != LLMC_FLEX)
            raise_to(&out[count], base);
        count++;
    }
    if (base && !model->price_count)
        out[count++] = *base;
    return count;
}

/* The patch's tiers in every price list: over the old tier of the same length, else over the list's base. */
static size_t add_tiers(const llmc_model *model, const llmc_row_patch *patch, const llmc_price *base, llmc_price *out, size_t count)
{
    size_t lists = count;
    for (size_t i = 0; i < lists; i++) {
        if (!is_plain(&out[i]) || out[i].peak_days)
            continue;
        for (size_t j = 0; j < patch->price_count; j++) {
            llmc_price tier = patch->prices[j];
            if (tier.level != LLMC_STANDARD || !llmc_price_is_tier(&tier))
                continue;
            tier.from_day = out[i].from_day;
            tier.until_day = out[i].until_day;
            const llmc_price *old = with_conditions(model->prices, model->price_count, &tier), *below = old ? old : &out[i];
            memcpy(tier.pico, below->pico, sizeof tier.pico);
            raise_to(&tier, base);
            overlay(&tier, &patch->prices[j]);
            out[count++] = tier;
        }
    }
    return count;
}

static size_t add_levels(const llmc_row_patch *patch, llmc_price *out, size_t count)
{
    for (size_t j = 0; j < patch->price_count; j++) {
        const llmc_price *level = &patch->prices[j];
        if (level->level == LLMC_STANDARD)
            continue;
        llmc_price *old = (llmc_price *)with_conditions(out, count, level);
        if (old)
            overlay(old, level);
        if (!old)
            out[count++] = *level;
    }
    return count;
}

static size_t count_lists(const llmc_model *model)
{
    size_t lists = 1;
    for (size_t i = 0; i < model->price_count; i++)
        lists += is_plain(&model->prices[i]);
    return lists;
}

static bool merge_prices(llmc_catalog *catalog, llmc_model *model, const llmc_row_patch *patch)
{
    bool another_currency = strcmp(model->currency, patch->currency) != 0; /* its figures cannot be inherited */
    if (patch->price_count && (patch->free_of_charge || another_currency)) {
        model->price_count = 0;
        memset(model->multiplier, 0, sizeof model->multiplier);
        model->request_most = 0;
        model->thinking_reprices = false;
        memcpy(model->currency, patch->currency, sizeof model->currency);
    }
    const llmc_price *base = base_of(patch);
    size_t most = model->price_count + patch->price_count * count_lists(model) + 1;
    llmc_price *merged = llmc_arena_calloc(&catalog->arena, most, sizeof *merged);
    if (!merged)
        return false;
    size_t count = keep_prices(model, patch, base, merged);
    bool priced = count > 0 && merged[0].pico[LLMCOST_INPUT] != LLMC_NO_RATE;
    if (priced)
        count = add_levels(patch, merged, add_tiers(model, patch, base, merged, count));
    sort_prices(merged, count);
    model->prices = merged;
    model->price_count = priced ? count : 0;
    if (base && base->pico[LLMCOST_REQUEST] != LLMC_NO_RATE)
        model->request_most = 0;
    if (patch->price_count) {
        model->uncertain = patch->uncertain;
        model->source = patch->source;
    }
    return true;
}

/* A row of exactly this name: a copy of the one that the name is an alias of, or a new one. NULL: no memory. */
static llmc_model *own_row(llmc_catalog *catalog, const char *provider, const char *name)
{
    const slot *known = look_up(catalog, provider, name, strlen(name));
    if (known && !known->is_alias)
        return known->model;
    const llmc_model *original = known ? known->model : NULL;
    char *kept_provider = llmc_catalog_keep(catalog, provider), *kept_name = llmc_catalog_keep(catalog, name);
    llmc_model *model = kept_provider && kept_name ? llmc_catalog_add(catalog, kept_provider, kept_name, 0) : NULL;
    if (model && original) { /* prices are replaced as a whole, never changed in place: the copy may share them */
        *model = *original;
        model->provider = kept_provider;
        model->name = kept_name;
    }
    return model;
}

llmc_model *llmc_catalog_apply(llmc_catalog *catalog, const llmc_row_patch *given)
{
    llmc_row_patch patch = *given;
    llmc_model *model = own_row(catalog, patch.provider, patch.model);
    if (!model)
        return NULL;
    if (patch.free_of_charge) {
        patch.price_count = 0;
        llmc_price *nothing = llmc_patch_price(&patch, LLMC_STANDARD, -1, 0);
        memset(nothing->pico, 0, sizeof nothing->pico);
    }
    bool has_prices = patch.price_count > 0 || patch.replaces_tiers;
    for (int i = 0; i < LLMC_LEVEL_COUNT; i++)
        has_prices = has_prices || patch.multiplier[i];
    if (!model->currency[0])
        memcpy(model->currency, patch.currency, sizeof model->currency);
    if (has_prices && !merge_prices(catalog, model, &patch))
        return NULL;
    for (int i = 0; i < LLMC_LEVEL_COUNT; i++)
        model->multiplier[i] = patch.multiplier[i] ? patch.multiplier[i] : model->multiplier[i];
    model->max_output = patch.max_output ? patch.max_output : model->max_output;
    model->context = patch.context ? patch.context : model->context;
    return model;
}

/* ---------------------------------------------------------------- the catalog */

llmcost_status llmc_catalog_new(llmc_catalog **out, const llmc_allocator *allocator, llmcost_error *error)
{
    return llmc_catalog_new_for(out, allocator, NULL, 0, error);
}

llmcost_status llmc_catalog_new_for(llmc_catalog **out, const llmc_allocator *allocator, const char *const *providers, size_t provider_count, llmcost_error *error)
{
    *out = NULL;
    llmc_catalog *catalog = llmc_calloc(allocator, 1, sizeof *catalog);
    if (!catalog)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the price catalog");
    catalog->allocator = *allocator;
    llmc_arena_init(&catalog->arena, &catalog->allocator, NULL, 0);
    if (!llmc_catalog_load_builtin(catalog, providers, provider_count)) {
        llmc_catalog_free(catalog);
        return llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the price catalog");
    }
    *out = catalog;
    return LLMCOST_OK;
}

void llmc_catalog_free(llmc_catalog *catalog)
{
    if (!catalog)
        return;
    llmc_allocator allocator = catalog->allocator;
    llmc_arena_clear(&catalog->arena);
    llmc_free(&allocator, catalog->slots);
    llmc_free(&allocator, catalog);
}

llmcost_status llmc_catalog_load(llmc_catalog *catalog, const char *name, const char *json, size_t bytes, llmcost_error *error)
{
    json_error_t problem;
    json_t *root = json_loadb(json, bytes, 0, &problem);
    if (!root && json_error_code(&problem) == json_error_out_of_memory)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "no memory to read %s", name);
    if (!root)
        return llmc_error_set(error, LLMCOST_E_CONFIG, "%s, line %d: %s", name, problem.line, problem.text);
    bool own = json_object_get(root, "llmcost_prices") != NULL;
    llmcost_status status = LLMCOST_OK;
    if (!json_is_object(root))
        status = llmc_error_set(error, LLMCOST_E_CONFIG, "%s is no price file: it must be a JSON object", name);
    if (!status && own) { /* once more, so that a figure given twice is an error and not a surprise; LiteLLM's map is taken as it is */
        json_decref(root);
        root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &problem);
        if (!root)
            status = llmc_error_set(error, LLMCOST_E_CONFIG, "%s, line %d: %s", name, problem.line, problem.text);
    }
    if (!status)
        status = own ? llmc_catalog_load_own(catalog, name, root, error) : llmc_catalog_load_litellm(catalog, name, root, error);
    json_decref(root);
    return status;
}
