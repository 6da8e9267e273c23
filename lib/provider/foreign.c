/*
 * See foreign.h. Left out: what chat_json reads into fields, which the formats check by themselves, and names that other
 * formats use at the same place for something else.
 */
#include "provider/foreign.h"

/* A value that is the default asks for nothing, like null, false, zero and what is empty. */
static const struct {
    const char *name, *usual;
} members[] = {
    { "presence_penalty", NULL }, { "frequency_penalty", NULL }, { "logit_bias", NULL }, { "store", NULL }, { "metadata", NULL },
    { "service_tier", "\"auto\"" }, { "service_tier", "\"default\"" }, { "modalities", "[\"text\"]" }, { "verbosity", "\"medium\"" },
    { "audio", NULL }, { "prediction", NULL }, { "web_search_options", NULL }, { "prompt_cache_key", NULL }, { "prompt_cache_retention", NULL },
    { "functions", NULL }, { "function_call", "\"none\"" },
};

static bool is_empty(const llmc_json_span *value)
{
    llmc_json json;
    llmc_json_key key;
    double number;
    llmc_json_begin(&json, value->text, value->bytes);
    switch (llmc_json_peek(&json)) {
    case LLMC_JSON_NULL:
    case LLMC_JSON_FALSE: return true;
    case LLMC_JSON_NUMBER: return llmc_json_double(&json, &number) && number == 0;
    case LLMC_JSON_OBJECT: return llmc_json_object(&json) && !llmc_json_next_key(&json, &key);
    case LLMC_JSON_ARRAY: return llmc_json_array(&json) && !llmc_json_next_item(&json);
    default: return false;
    }
}

/* Its name as a text of ours where the member is OpenAI's. */
static const char *name_of(const llmc_json_key *key, const llmc_json_span *value, bool *asks)
{
    const char *name = NULL;
    *asks = !is_empty(value);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!llmc_json_key_is(key, members[i].name))
            continue;
        name = members[i].name;
        if (members[i].usual && llmc_json_key_is(&(llmc_json_key){ .text = value->text, .bytes = value->bytes }, members[i].usual))
            *asks = false;
    }
    return name;
}

static bool is_known(const char *const *known, const char *name)
{
    for (; *known; known++)
        if (!strcmp(*known, name))
            return true;
    return false;
}

llmcost_status llmc_check_foreign(const char *const *known, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span value;
    bool asks;
    if (!request->extra)
        return LLMCOST_OK;
    llmc_json_begin(&json, request->extra, strlen(request->extra));
    if (!llmc_json_object(&json))
        return LLMCOST_OK; /* the encoder refuses it */
    while (llmc_json_next_key(&json, &key)) {
        if (!llmc_json_raw(&json, &value))
            return LLMCOST_OK;
        const char *name = name_of(&key, &value, &asks);
        if (name && asks && !is_known(known, name))
            return llmc_unsupported(error, target, name, "leave it out, or use a provider that speaks OpenAI's format");
    }
    return LLMCOST_OK;
}

bool llmc_foreign_is_left_out(const char *const *known, const llmc_json_key *key, const llmc_json_span *value)
{
    bool asks;
    const char *name = name_of(key, value, &asks);
    return name && (!asks || !is_known(known, name));
}

bool llmc_encoding_take_foreign(llmc_encoding *encoding, const char *name, llmc_json_span *value)
{
    encoding->merged[encoding->merged_count++] = name;
    return llmc_encoding_extra_member(encoding, name, value) && !is_empty(value);
}
