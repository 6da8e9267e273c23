/*
 * Packing an answer into one allocation, from a builder or from another answer.
 *
 * The room is reckoned beforehand, with what alignment may cost at most: measuring it exactly takes as long as packing.
 */
#include "provider/answer.h"

#include <string.h>

/* ---- packing ---- */

enum { ALIGNMENT = 16, TEXTS_OF_ANSWER = 7, TEXTS_OF_CHOICE = 7, TEXTS_OF_TOOL = 3, ARRAYS_OF_ANSWER = 3, ARRAYS_OF_CHOICE = 3, PARTS_OF_CHOICE = 3 };

/* Where the next piece goes. */
typedef struct packer {
    char *at;
} packer;

static void align(packer *p)
{
    p->at += (0 - (uintptr_t)p->at) & (ALIGNMENT - 1);
}

static void *pack_room(packer *p, size_t bytes)
{
    align(p);
    void *place = p->at;
    p->at += bytes;
    return place;
}

static llmc_text pack_text(packer *p, const char *text, size_t bytes)
{
    if (!bytes)
        return (llmc_text){ "", 0 };
    char *place = p->at;
    p->at = llmc_put_text(place, text, bytes);
    return (llmc_text){ place, bytes };
}

static const char *pack_string(packer *p, const char *text)
{
    return pack_text(p, text, strlen(text)).text;
}

/* What an answer is packed from: a builder's buffers, or another answer. */
typedef struct choice_source {
    llmc_text text, reasoning, refusal, signature, hidden_reasoning, logprobs, finish_raw;
    llmcost_finish finish;
    uint32_t tool_call_count;
} choice_source;

typedef struct tool_source {
    llmc_text id, name, arguments;
    bool is_custom;
} tool_source;

typedef struct answer_source {
    const void *from;
    uint32_t choice_count, model_count;
    choice_source (*choice)(const void *from, uint32_t index);
    tool_source (*tool)(const void *from, uint32_t choice, uint32_t index);
    llmc_text id, model, extra, models; /* models: or balances */
    const llmc_text *vectors; /* pieces of them */
    size_t vector_pieces;
    uint32_t embedding_count, dimensions, balance_count;
    size_t bytes; /* room for it all */
    const char *provider, *target, *receipt_id;
    const llmc_usage *usage;
    int64_t duration_ns;
} answer_source;

static void pack_message(packer *p, llmc_choice *choice)
{
    bool shown = choice->reasoning.bytes || choice->signature.bytes, reasoned = shown || choice->hidden_reasoning.bytes;
    uint32_t count = (shown ? 1 : 0) + (choice->hidden_reasoning.bytes ? 1 : 0) + (choice->text.bytes ? 1 : 0);
    llmcost_message *message = pack_room(p, sizeof *message);
    llmcost_part *parts = reasoned ? pack_room(p, PARTS_OF_CHOICE * sizeof *parts) : NULL;
    *message = (llmcost_message){ .role = LLMCOST_ASSISTANT, .tool_calls = choice->tool_calls, .tool_call_count = choice->tool_call_count,
                                  .part_stride = sizeof(llmcost_part), .tool_call_stride = sizeof(llmcost_tool_call) };
    choice->message = message;
    if (!reasoned) {
        message->text = choice->text.text;
        message->text_bytes = choice->text.bytes;
        return;
    }
    message->parts = parts;
    message->part_count = count;
    if (shown)
        *parts++ = (llmcost_part){ .type = LLMCOST_PART_REASONING, .text = choice->reasoning.text, .text_bytes = choice->reasoning.bytes,
                                   .signature = choice->signature.bytes ? choice->signature.text : NULL };
    if (choice->hidden_reasoning.bytes)
        *parts++ = (llmcost_part){ .type = LLMCOST_PART_REASONING_HIDDEN, .text = choice->hidden_reasoning.text, .text_bytes = choice->hidden_reasoning.bytes };
    if (choice->text.bytes)
        *parts = (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = choice->text.text, .text_bytes = choice->text.bytes };
}

static void pack_choice(packer *p, const answer_source *source, uint32_t index, llmc_choice *choice)
{
    choice_source from = source->choice(source->from, index);
    *choice = (llmc_choice){
        .text = pack_text(p, from.text.text, from.text.bytes),
        .reasoning = pack_text(p, from.reasoning.text, from.reasoning.bytes),
        .refusal = pack_text(p, from.refusal.text, from.refusal.bytes),
        .signature = pack_text(p, from.signature.text, from.signature.bytes),
        .hidden_reasoning = pack_text(p, from.hidden_reasoning.text, from.hidden_reasoning.bytes),
        .logprobs = pack_text(p, from.logprobs.text, from.logprobs.bytes),
        .finish_raw = pack_text(p, from.finish_raw.text, from.finish_raw.bytes).text,
        .finish = from.finish,
        .tool_call_count = from.tool_call_count,
    };
    llmcost_tool_call *calls = pack_room(p, from.tool_call_count * sizeof *calls);
    for (uint32_t i = 0; i < from.tool_call_count; i++) {
        tool_source tool = source->tool(source->from, index, i);
        if (!tool.arguments.bytes && !tool.is_custom)
            tool.arguments = (llmc_text){ "{}", 2 };
        calls[i] = (llmcost_tool_call){ .id = pack_text(p, tool.id.text, tool.id.bytes).text, .name = pack_text(p, tool.name.text, tool.name.bytes).text,
                                        .arguments = pack_text(p, tool.arguments.text, tool.arguments.bytes).text, .is_custom = tool.is_custom };
    }
    choice->tool_calls = calls;
    pack_message(p, choice);
}

static void pack_models(packer *p, const answer_source *source, llmc_answer *answer)
{
    const char **models = pack_room(p, source->model_count * sizeof *models);
    llmc_text all = pack_text(p, source->models.text, source->models.bytes);
    const char *at = all.text;
    for (uint32_t i = 0; i < source->model_count; i++, at += strlen(at) + 1)
        models[i] = at;
    answer->model_count = source->model_count;
    answer->models = models;
}

static void pack_embeddings(packer *p, const answer_source *source, llmc_answer *answer)
{
    size_t bytes = (size_t)source->embedding_count * source->dimensions * sizeof(float), at = 0;
    char *place = pack_room(p, bytes);
    for (size_t i = 0; i < source->vector_pieces && at < bytes; i++) {
        memcpy(place + at, source->vectors[i].text, source->vectors[i].bytes);
        at += source->vectors[i].bytes;
    }
    answer->embedding_count = source->embedding_count;
    answer->dimensions = source->dimensions;
    answer->embeddings = (const float *)(void *)place;
}

static void pack_balances(packer *p, const answer_source *source, llmc_answer *answer)
{
    llmc_balance *balances = pack_room(p, source->balance_count * sizeof *balances);
    const char *at = pack_text(p, source->models.text, source->models.bytes).text;
    for (uint32_t i = 0; i < source->balance_count; i++) {
        balances[i].amount = at;
        balances[i].currency = at += strlen(at) + 1;
        at += strlen(at) + 1;
    }
    answer->balance_count = source->balance_count;
    answer->balances = balances;
}

static void pack_answer(packer *p, const answer_source *source, llmc_answer *answer)
{
    llmc_choice *choices = pack_room(p, source->choice_count * sizeof *choices);
    answer->usage = *source->usage;
    answer->duration_ns = source->duration_ns;
    answer->choice_count = source->choice_count;
    answer->choices = choices;
    answer->id = pack_text(p, source->id.text, source->id.bytes).text;
    answer->model = pack_text(p, source->model.text, source->model.bytes).text;
    answer->provider = pack_string(p, source->provider);
    answer->target = pack_string(p, source->target);
    answer->receipt_id = pack_string(p, source->receipt_id);
    llmc_text extra = pack_text(p, source->extra.text, source->extra.bytes);
    answer->extra = extra.bytes ? extra.text : "{}";
    for (uint32_t i = 0; i < source->choice_count; i++)
        pack_choice(p, source, i, &choices[i]);
    answer->models = NULL;
    answer->model_count = 0;
    if (source->model_count)
        pack_models(p, source, answer);
    if (source->embedding_count)
        pack_embeddings(p, source, answer);
    if (source->balance_count)
        pack_balances(p, source, answer);
}

static llmc_answer *make_answer(const llmc_allocator *allocator, const answer_source *source)
{
    llmc_answer *answer = llmc_alloc(allocator, source->bytes);
    if (!answer)
        return NULL;
    answer->embedding_count = answer->dimensions = answer->balance_count = 0;
    answer->embeddings = NULL;
    answer->balances = NULL;
    packer packing = { (char *)(answer + 1) };
    pack_answer(&packing, source, answer);
    answer->allocator = *allocator;
    answer->bytes = source->bytes;
    atomic_init(&answer->references, 1);
    return answer;
}

llmc_answer *llmc_answer_ref(llmc_answer *answer)
{
    if (answer)
        atomic_fetch_add_explicit(&answer->references, 1, memory_order_relaxed);
    return answer;
}

void llmc_answer_unref(llmc_answer *answer)
{
    if (!answer || atomic_fetch_sub_explicit(&answer->references, 1, memory_order_acq_rel) != 1)
        return;
    llmc_allocator allocator = answer->allocator;
    llmc_free(&allocator, answer);
}

/* ---- from a builder ---- */

static llmc_text buffer_text(const llmc_buffer *buffer)
{
    return (llmc_text){ buffer->data ? buffer->data : "", buffer->length };
}

static choice_source builder_choice(const void *from, uint32_t index)
{
    const llmc_choice_builder *choice = &((const llmc_answer_builder *)from)->choices[index];
    return (choice_source){
        .text = buffer_text(&choice->text), .reasoning = buffer_text(&choice->reasoning), .refusal = buffer_text(&choice->refusal),
        .signature = buffer_text(&choice->signature), .hidden_reasoning = buffer_text(&choice->hidden_reasoning),
        .logprobs = buffer_text(&choice->logprobs), .finish_raw = buffer_text(&choice->finish_raw),
        .finish = choice->finish, .tool_call_count = (uint32_t)choice->tool_count,
    };
}

static tool_source builder_tool(const void *from, uint32_t choice, uint32_t index)
{
    const llmc_tool_builder *tool = &((const llmc_answer_builder *)from)->choices[choice].tools[index];
    return (tool_source){ buffer_text(&tool->id), buffer_text(&tool->name), buffer_text(&tool->arguments), tool->is_custom };
}

static const char *target_of(const llmc_answer_builder *builder)
{
    return builder->target ? builder->target : "";
}

/* All but the extras. A zero byte behind every text, a bracket behind log-probabilities, "{}" for arguments that never came. */
static size_t room_for(const llmc_answer_builder *builder, const char *provider, const char *receipt_id)
{
    size_t bytes = sizeof(llmc_answer) + TEXTS_OF_ANSWER + ARRAYS_OF_ANSWER * ALIGNMENT + builder->model_count * sizeof(char *);
    bytes += builder->used + strlen(provider) + strlen(target_of(builder)) + strlen(receipt_id);
    for (size_t i = 0; i < builder->choice_count; i++) {
        const llmc_choice_builder *choice = &builder->choices[i];
        bool reasoned = choice->reasoning.length || choice->signature.length || choice->hidden_reasoning.length;
        bytes += sizeof(llmc_choice) + sizeof(llmcost_message) + TEXTS_OF_CHOICE + 1 + ARRAYS_OF_CHOICE * ALIGNMENT;
        bytes += reasoned ? PARTS_OF_CHOICE * sizeof(llmcost_part) : 0;
        for (size_t t = 0; t < choice->tool_count; t++)
            bytes += sizeof(llmcost_tool_call) + TEXTS_OF_TOOL + (choice->tools[t].arguments.length ? 0 : 2);
    }
    if (builder->inputs || builder->balance_count)
        bytes += 2 * ALIGNMENT + builder->balance_count * sizeof(llmc_balance);
    for (size_t i = 0; i < builder->extra_count; i++)
        bytes -= builder->extras[i].name.length + builder->extras[i].value.length;
    return bytes;
}

/* Puts the closing bracket on the arrays that were gathered piece by piece. */
static bool close_logprobs(llmc_answer_builder *builder)
{
    bool closed = true;
    for (size_t i = 0; i < builder->choice_count; i++) {
        llmc_buffer *logprobs = &builder->choices[i].logprobs;
        if (logprobs->length)
            llmc_buffer_add_byte(logprobs, ']');
        closed = closed && !logprobs->failure;
    }
    return closed;
}

/* Takes it off again: an answer may be built from what has come so far, and more come later. */
static void reopen_logprobs(llmc_answer_builder *builder)
{
    for (size_t i = 0; i < builder->choice_count; i++) {
        if (builder->choices[i].logprobs.length)
            builder->choices[i].logprobs.length--;
    }
}

static bool write_extras(const llmc_answer_builder *builder, llmc_buffer *out)
{
    llmc_json_writer writer = { out, false };
    if (!builder->extra_count)
        return true;
    llmc_json_write_begin_object(&writer);
    for (size_t i = 0; i < builder->extra_count; i++) {
        const char *name = llmc_buffer_text(&builder->extras[i].name);
        if (!name)
            return false;
        llmc_json_write_key(&writer, name);
        llmc_json_write_raw(&writer, builder->extras[i].value.data, builder->extras[i].value.length);
    }
    llmc_json_write_end_object(&writer);
    return !out->failure;
}

static llmc_answer *pack_builder(const llmc_answer_builder *builder, answer_source *source)
{
    llmc_answer *answer = NULL;
    llmc_buffer extra;
    llmc_buffer_init(&extra, builder->allocator, SIZE_MAX / 4);
    if (write_extras(builder, &extra)) {
        source->extra = buffer_text(&extra);
        source->bytes += extra.length;
        answer = make_answer(builder->answers, source);
    }
    llmc_buffer_free(&extra);
    return answer;
}

llmc_answer *llmc_answer_build(llmc_answer_builder *builder, const char *provider, const char *receipt_id, const llmc_usage *usage, int64_t duration_ns)
{
    if (builder->failed)
        return NULL;
    if (!close_logprobs(builder)) {
        builder->failed = true;
        return NULL;
    }
    bool complete = llmc_answer_builder_has_vectors(builder);
    const llmc_text vectors = { complete ? builder->vectors->floats : "", complete ? builder->vectors->each * builder->inputs : 0 };
    answer_source source = {
        .from = builder, .choice_count = (uint32_t)builder->choice_count, .model_count = builder->model_count,
        .choice = builder_choice, .tool = builder_tool, .bytes = room_for(builder, provider, receipt_id),
        .id = buffer_text(&builder->id), .model = buffer_text(&builder->model), .models = buffer_text(&builder->models),
        .vectors = &vectors, .vector_pieces = 1, .embedding_count = complete ? builder->inputs : 0, .dimensions = complete ? (uint32_t)(builder->vectors->each / sizeof(float)) : 0,
        .balance_count = builder->balance_count,
        .provider = provider, .target = target_of(builder), .receipt_id = receipt_id, .usage = usage, .duration_ns = duration_ns,
    };
    llmc_answer *answer = pack_builder(builder, &source);
    reopen_logprobs(builder);
    return answer;
}

/* ---- from another answer ---- */

typedef struct changed_answer {
    const llmc_answer *answer;
    llmc_text text; /* of the first choice */
} changed_answer;

static llmc_text string_text(const char *text)
{
    return (llmc_text){ text, strlen(text) };
}

static choice_source changed_choice(const void *from, uint32_t index)
{
    const changed_answer *changed = from;
    const llmc_choice *choice = &changed->answer->choices[index];
    return (choice_source){
        .text = index == 0 ? changed->text : choice->text, .reasoning = choice->reasoning, .refusal = choice->refusal,
        .signature = choice->signature, .hidden_reasoning = choice->hidden_reasoning, .logprobs = choice->logprobs,
        .finish_raw = string_text(choice->finish_raw), .finish = choice->finish, .tool_call_count = choice->tool_call_count,
    };
}

static tool_source changed_tool(const void *from, uint32_t choice, uint32_t index)
{
    const llmcost_tool_call *call = &((const changed_answer *)from)->answer->choices[choice].tool_calls[index];
    return (tool_source){ string_text(call->id), string_text(call->name), string_text(call->arguments), call->is_custom };
}

/* The names as they are packed, one behind the other. */
static llmc_text models_text(const llmc_answer *answer)
{
    if (!answer->model_count)
        return (llmc_text){ "", 0 };
    const char *last = answer->models[answer->model_count - 1];
    return (llmc_text){ answer->models[0], (size_t)(last - answer->models[0]) + strlen(last) + 1 };
}

static llmc_text vectors_text(const llmc_answer *answer)
{
    return (llmc_text){ (const char *)answer->embeddings, (size_t)answer->embedding_count * answer->dimensions * sizeof(float) };
}

llmc_answer *llmc_answer_with_text(const llmc_answer *answer, const char *text, size_t bytes)
{
    changed_answer changed = { answer, { text, bytes } };
    const llmc_text vectors = vectors_text(answer);
    size_t replaced = answer->choice_count ? answer->choices[0].text.bytes : bytes;
    answer_source source = {
        .from = &changed, .choice_count = answer->choice_count, .model_count = answer->model_count,
        .choice = changed_choice, .tool = changed_tool, .bytes = answer->bytes - replaced + bytes,
        .id = string_text(answer->id), .model = string_text(answer->model), .extra = string_text(answer->extra), .models = models_text(answer),
        .vectors = &vectors, .vector_pieces = 1, .embedding_count = answer->embedding_count, .dimensions = answer->dimensions,
        .provider = answer->provider, .target = answer->target, .receipt_id = answer->receipt_id, .usage = &answer->usage, .duration_ns = answer->duration_ns,
    };
    return make_answer(&answer->allocator, &source);
}

llmc_answer *llmc_answer_of_text(const llmc_allocator *allocator, const char *text, size_t bytes)
{
    llmc_answer_builder builder;
    llmc_usage usage;
    llmc_usage_init(&usage);
    llmc_answer_builder_init(&builder, allocator, SIZE_MAX / 4);
    llmcost_event said = { .kind = LLMCOST_EVENT_TEXT, .text = text, .bytes = bytes };
    llmcost_event finish = { .kind = LLMCOST_EVENT_FINISH, .finish = LLMCOST_FINISH_STOP, .finish_raw = "stop" };
    llmc_answer *answer = NULL;
    if (llmc_answer_builder_add(&builder, &said) && llmc_answer_builder_add(&builder, &finish))
        answer = llmc_answer_build(&builder, "", "", &usage, 0);
    llmc_answer_builder_free(&builder);
    return answer;
}

/* ---- from several ---- */

static llmc_answer *join(const llmc_allocator *allocator, const llmc_answer *const *parts, size_t count, const llmc_usage *usage, int64_t duration_ns, llmc_text *vectors)
{
    const llmc_answer *first = parts[0];
    answer_source source = {
        .vectors = vectors, .vector_pieces = count, .dimensions = first->dimensions, .models = { "", 0 },
        .id = string_text(first->id), .model = string_text(first->model), .extra = string_text(first->extra),
        .provider = first->provider, .target = first->target, .receipt_id = first->receipt_id, .usage = usage, .duration_ns = duration_ns,
        .bytes = first->bytes - vectors_text(first).bytes,
    };
    for (size_t i = 0; i < count; i++) {
        vectors[i] = vectors_text(parts[i]);
        source.embedding_count += parts[i]->embedding_count;
        source.bytes += vectors[i].bytes;
    }
    return make_answer(allocator, &source);
}

llmc_answer *llmc_answer_join(const llmc_allocator *allocator, const llmc_answer *const *parts, size_t count, const llmc_usage *usage, int64_t duration_ns)
{
    llmc_text *vectors = llmc_calloc(allocator, count, sizeof *vectors);
    llmc_answer *answer = vectors ? join(allocator, parts, count, usage, duration_ns, vectors) : NULL;
    llmc_free(allocator, vectors);
    return answer;
}
