/*
 * The answers of Gemini and Vertex that are no chat: lists of models, vectors, counts of tokens. Mostly without usage.
 */
#include "provider/gemini_codec.h"

#include "provider/decoding.h"

enum { DEPTH_MAXIMUM = 8 };

/* "models/gemini-x", "publishers/google/models/gemini-x"; "tunedModels/x" keeps its prefix, for it is asked for by it. */
static llmc_json_span bare_name(llmc_json_span name)
{
    static const char prefix[] = "models/";
    const size_t bytes = sizeof prefix - 1;
    for (size_t i = 0; i + bytes < name.bytes; i++)
        if (!memcmp(name.text + i, prefix, bytes) && (i == 0 || name.text[i - 1] == '/'))
            return (llmc_json_span){ name.text + i + bytes, name.bytes - i - bytes, name.escaped };
    return name;
}

typedef struct gemini_lists {
    llmc_json_span models, publisher_models, embedding, embeddings, predictions, usage, total;
} gemini_lists;

static llmcost_status decode_models(llmc_decoder *decoder, const llmc_frame *frame, const gemini_lists *lists)
{
    const llmc_json_span *list = lists->models.bytes ? &lists->models : &lists->publisher_models;
    llmc_json json;
    llmc_json_key key;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, list->text ? list->text : "", list->bytes);
    if (!list->bytes || !llmc_json_array(&json))
        return llmc_decode_error_in_success(decoder, frame, "no list of models");
    while (!status && llmc_json_next_item(&json)) {
        llmc_json_span name = { 0 };
        if (!llmc_json_object(&json))
            continue;
        while (llmc_json_next_key(&json, &key)) {
            if (llmc_json_key_is(&key, "name"))
                llmc_json_span_string(&json, &name);
            else
                llmc_json_skip(&json);
        }
        name = name.bytes ? bare_name(name) : name;
        status = name.bytes ? llmc_decoder_emit_text(decoder, LLMC_EVENT_MODEL, 0, 0, &name, NULL) : LLMCOST_OK;
    }
    return status;
}

/* The vector in {"values": [...]}, or one object deeper (Vertex). tokens: added to where it says how many it took. */
static llmcost_status decode_vector(llmc_decoder *decoder, llmc_json *json, uint32_t index, int64_t *tokens)
{
    llmc_json_key key;
    llmcost_status status = LLMCOST_OK;
    if (!llmc_json_object(json))
        return LLMCOST_OK;
    while (!status && llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "values")) {
            status = llmc_decoder_emit_vector(decoder, index, json);
        } else if (json->depth < DEPTH_MAXIMUM && (llmc_json_key_is(&key, "embeddings") || llmc_json_key_is(&key, "statistics"))) {
            status = decode_vector(decoder, json, index, tokens);
        } else if (llmc_json_key_is(&key, "token_count")) {
            int64_t count = 0;
            llmc_usage_read_count(json, &count);
            *tokens = (*tokens < 0 ? 0 : *tokens) + count;
        } else {
            llmc_json_skip(json);
        }
    }
    return status;
}

static llmcost_status decode_vectors(llmc_decoder *decoder, const llmc_frame *frame, const gemini_lists *lists)
{
    const llmc_json_span *list = lists->embeddings.bytes ? &lists->embeddings : &lists->predictions;
    llmc_json json;
    llmcost_status status = LLMCOST_OK;
    int64_t tokens = -1;
    if (lists->embedding.bytes) {
        llmc_json_begin(&json, lists->embedding.text, lists->embedding.bytes);
        status = decode_vector(decoder, &json, 0, &tokens);
    } else {
        llmc_json_begin(&json, list->text ? list->text : "", list->bytes);
        if (!list->bytes || !llmc_json_array(&json))
            return llmc_decode_error_in_success(decoder, frame, "no embeddings");
        for (uint32_t i = 0; !status && llmc_json_next_item(&json); i++)
            status = decode_vector(decoder, &json, i, &tokens);
    }
    if (status)
        return status;
    llmc_gemini_figures figures;
    llmc_gemini_figures_init(&figures);
    figures.counts.prompt = tokens;
    return tokens < 0 ? llmc_gemini_decode_usage(decoder, &figures, &lists->usage) : llmc_decoder_emit_usage(decoder, &figures.counts);
}

static llmcost_status decode_count(llmc_decoder *decoder, const llmc_frame *frame, const gemini_lists *lists)
{
    llmc_usage_counts counts;
    llmc_json json;
    llmc_usage_counts_init(&counts);
    llmc_json_begin(&json, lists->total.text ? lists->total.text : "", lists->total.bytes);
    if (lists->total.bytes)
        llmc_usage_read_count(&json, &counts.prompt);
    return counts.prompt >= 0 ? llmc_decoder_emit_usage(decoder, &counts) : llmc_decode_error_in_success(decoder, frame, "no count of tokens");
}

llmcost_status llmc_gemini_decode_list(llmc_decoder *decoder, const llmc_frame *frame)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_lists, "models", models), LLMC_WANTED(gemini_lists, "publisherModels", publisher_models),
        LLMC_WANTED(gemini_lists, "embedding", embedding), LLMC_WANTED(gemini_lists, "embeddings", embeddings),
        LLMC_WANTED(gemini_lists, "predictions", predictions), LLMC_WANTED(gemini_lists, "usageMetadata", usage),
        LLMC_WANTED(gemini_lists, "totalTokens", total),
    };
    gemini_lists lists = { 0 };
    llmc_json json;
    llmc_json_begin(&json, frame->data, frame->bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], &lists);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    llmcost_status status = decoder->operation == LLMC_OP_LIST_MODELS ? decode_models(decoder, frame, &lists)
                          : decoder->operation == LLMC_OP_EMBED       ? decode_vectors(decoder, frame, &lists)
                                                                      : decode_count(decoder, frame, &lists);
    decoder->finished = !status;
    return status;
}
