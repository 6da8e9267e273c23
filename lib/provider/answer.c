/*
 * Gathering an answer and packing it.
 *
 * Packing runs twice over the same code: once to measure, once to copy. That keeps an answer one allocation without a
 * second description of its layout.
 */
#include "provider/answer.h"

#include <string.h>

/* ---- packing ---- */

typedef struct packer {
    char *at;     /* NULL while measuring */
    size_t bytes;
} packer;

static void *pack_room(packer *p, size_t bytes)
{
    size_t aligned = (bytes + 15) & ~(size_t)15;
    void *place = p->at ? p->at + p->bytes : NULL;
    p->bytes += aligned;
    return place;
}

static llmc_text pack_text(packer *p, const char *text, size_t bytes)
{
    if (!bytes)
        return (llmc_text){ "", 0 };
    char *place = p->at ? p->at + p->bytes : NULL;
    p->bytes += bytes + 1;
    if (!place)
        return (llmc_text){ "", 0 };
    memcpy(place, text, bytes);
    place[bytes] = '\0';
    return (llmc_text){ place, bytes };
}

static const char *pack_string(packer *p, const char *text)
{
    return pack_text(p, text, text ? strlen(text) : 0).text;
}

static void align(packer *p)
{
    p->bytes = (p->bytes + 15) & ~(size_t)15;
}

/* What an answer is packed from: a builder's buffers, or another answer. */
typedef struct choice_source {
    llmc_text text, reasoning, refusal, signature, hidden_reasoning, logprobs, finish_raw;
    llmcost_finish finish;
    uint32_t tool_call_count;
} choice_source;

typedef struct answer_source {
    const void *from;
    uint32_t choice_count, model_count;
    choice_source (*choice)(const void *from, uint32_t index);
    void (*tool)(const void *from, uint32_t choice, uint32_t index, llmc_text *id, llmc_text *name, llmc_text *arguments);
    llmc_text id, model, extra, models;
    const char *provider, *receipt_id;
    llmc_usage usage;
    int64_t duration_ns;
} answer_source;

static void pack_message(packer *p, llmc_choice *choice)
{
    bool reasoned = choice->signature.bytes || choice->hidden_reasoning.bytes;
    uint32_t count = (choice->signature.bytes ? 1 : 0) + (choice->hidden_reasoning.bytes ? 1 : 0) + (choice->text.bytes ? 1 : 0);
    llmcost_message *message = pack_room(p, sizeof *message);
    llmcost_part *parts = reasoned ? pack_room(p, 3 * sizeof *parts) : NULL;
    if (!message)
        return;
    *message = (llmcost_message){ .role = LLMCOST_ASSISTANT, .tool_calls = choice->tool_calls, .tool_call_count = choice->tool_call_count };
    choice->message = message;
    if (!reasoned) {
        message->text = choice->text.text;
        message->text_bytes = choice->text.bytes;
        return;
    }
    message->parts = parts;
    message->part_count = count;
    if (choice->signature.bytes)
        *parts++ = (llmcost_part){ .type = LLMCOST_PART_REASONING, .text = choice->reasoning.text, .text_bytes = choice->reasoning.bytes, .signature = choice->signature.text };
    if (choice->hidden_reasoning.bytes)
        *parts++ = (llmcost_part){ .type = LLMCOST_PART_REASONING_HIDDEN, .text = choice->hidden_reasoning.text, .text_bytes = choice->hidden_reasoning.bytes };
    if (choice->text.bytes)
        *parts = (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = choice->text.text, .text_bytes = choice->text.bytes };
}

static void pack_choice(packer *p, const answer_source *source, uint32_t index, llmc_choice *out)
{
    choice_source from = source->choice(source->from, index);
    llmc_choice choice = {
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
    align(p);
    llmcost_tool_call *calls = pack_room(p, from.tool_call_count * sizeof *calls);
    for (uint32_t i = 0; i < from.tool_call_count; i++) {
        llmc_text id, name, arguments;
        source->tool(source->from, index, i, &id, &name, &arguments);
        llmcost_tool_call call = { pack_text(p, id.text, id.bytes).text, pack_text(p, name.text, name.bytes).text,
                                   pack_text(p, arguments.bytes ? arguments.text : "{}", arguments.bytes ? arguments.bytes : 2).text };
        if (calls)
            calls[i] = call;
    }
    choice.tool_calls = calls;
    align(p);
    /* The sizes decide the layout of the message, so they must be the true ones while measuring too. */
    choice.text.bytes = from.text.bytes;
    choice.signature.bytes = from.signature.bytes;
    choice.hidden_reasoning.bytes = from.hidden_reasoning.bytes;
    pack_message(p, &choice);
    if (out)
        *out = choice;
}

static void pack_models(packer *p, const answer_source *source, llmc_answer *answer)
{
    const char **models = pack_room(p, source->model_count * sizeof *models);
    llmc_text all = pack_text(p, source->models.text, source->models.bytes);
    if (!models)
        return;
    const char *at = all.text;
    for (uint32_t i = 0; i < source->model_count; i++, at += strlen(at) + 1)
        models[i] = at;
    answer->model_count = source->model_count;
    answer->models = models;
}

static void pack_answer(packer *p, const answer_source *source)
{
    llmc_answer scratch, *answer = pack_room(p, sizeof *answer);
    llmc_choice *choices = pack_room(p, source->choice_count * sizeof *choices);
    if (!answer)
        answer = &scratch;
    answer->usage = source->usage;
    answer->duration_ns = source->duration_ns;
    answer->choice_count = source->choice_count;
    answer->choices = choices;
    answer->id = pack_text(p, source->id.text, source->id.bytes).text;
    answer->model = pack_text(p, source->model.text, source->model.bytes).text;
    answer->provider = pack_string(p, source->provider);
    answer->receipt_id = pack_string(p, source->receipt_id);
    llmc_text extra = pack_text(p, source->extra.text, source->extra.bytes);
    answer->extra = extra.bytes ? extra.text : "{}";
    align(p);
    for (uint32_t i = 0; i < source->choice_count; i++)
        pack_choice(p, source, i, choices ? &choices[i] : NULL);
    align(p);
    pack_models(p, source, answer);
}

static llmc_answer *make_answer(const llmc_allocator *allocator, const answer_source *source)
{
    packer p = { 0 };
    pack_answer(&p, source);
    char *memory = llmc_calloc(allocator, 1, p.bytes);
    if (!memory)
        return NULL;
    packer copying = { .at = memory };
    pack_answer(&copying, source);
    llmc_answer *answer = (llmc_answer *)memory;
    answer->allocator = *allocator;
    answer->bytes = p.bytes;
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

/* ---- the builder ---- */

void llmc_answer_builder_init(llmc_answer_builder *builder, const llmc_allocator *allocator, size_t maximum)
{
    *builder = (llmc_answer_builder){ .allocator = allocator, .maximum = maximum };
    llmc_buffer *buffers[] = { &builder->id, &builder->model, &builder->models, &builder->extra };
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        llmc_buffer_init(buffers[i], allocator, maximum);
}

static void free_choice(llmc_choice_builder *choice, const llmc_allocator *allocator)
{
    llmc_buffer *buffers[] = { &choice->text, &choice->reasoning, &choice->refusal, &choice->signature, &choice->hidden_reasoning, &choice->logprobs, &choice->finish_raw };
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        llmc_buffer_free(buffers[i]);
    for (size_t i = 0; i < choice->tool_count; i++) {
        llmc_buffer_free(&choice->tools[i].id);
        llmc_buffer_free(&choice->tools[i].name);
        llmc_buffer_free(&choice->tools[i].arguments);
    }
    llmc_free(allocator, choice->tools);
}

void llmc_answer_builder_free(llmc_answer_builder *builder)
{
    for (size_t i = 0; i < builder->choice_count; i++)
        free_choice(&builder->choices[i], builder->allocator);
    llmc_free(builder->allocator, builder->choices);
    llmc_buffer_free(&builder->id);
    llmc_buffer_free(&builder->model);
    llmc_buffer_free(&builder->models);
    llmc_buffer_free(&builder->extra);
    builder->choices = NULL;
    builder->choice_count = builder->choice_capacity = 0;
}

static llmc_choice_builder *choice_at(llmc_answer_builder *builder, uint32_t index)
{
    if (!llmc_grow(builder->allocator, (void **)&builder->choices, &builder->choice_capacity, (size_t)index + 1, sizeof *builder->choices))
        return NULL;
    while (builder->choice_count <= index) {
        llmc_choice_builder *choice = &builder->choices[builder->choice_count++];
        *choice = (llmc_choice_builder){ 0 };
        llmc_buffer *buffers[] = { &choice->text, &choice->reasoning, &choice->refusal, &choice->signature, &choice->hidden_reasoning, &choice->logprobs, &choice->finish_raw };
        for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
            llmc_buffer_init(buffers[i], builder->allocator, builder->maximum);
    }
    return &builder->choices[index];
}

static llmc_tool_builder *tool_at(llmc_answer_builder *builder, llmc_choice_builder *choice, uint32_t index)
{
    if (!llmc_grow(builder->allocator, (void **)&choice->tools, &choice->tool_capacity, (size_t)index + 1, sizeof *choice->tools))
        return NULL;
    while (choice->tool_count <= index) {
        llmc_tool_builder *tool = &choice->tools[choice->tool_count++];
        llmc_buffer_init(&tool->id, builder->allocator, builder->maximum);
        llmc_buffer_init(&tool->name, builder->allocator, builder->maximum);
        llmc_buffer_init(&tool->arguments, builder->allocator, builder->maximum);
    }
    return &choice->tools[index];
}

static bool append(llmc_answer_builder *builder, llmc_buffer *buffer, const char *text, size_t bytes)
{
    llmc_buffer_add(buffer, text, bytes);
    if (buffer->failure)
        builder->failed = true;
    return !builder->failed;
}

static bool replace(llmc_answer_builder *builder, llmc_buffer *buffer, const char *text)
{
    llmc_buffer_clear(buffer);
    return append(builder, buffer, text, strlen(text));
}

static bool add_extra(llmc_answer_builder *builder, const llmcost_event *event)
{
    llmc_json_writer writer = { &builder->extra, builder->extra.length > 0 };
    if (!writer.comma)
        llmc_buffer_add_byte(&builder->extra, '{');
    llmc_json_write_key(&writer, event->tool_name);
    llmc_json_write_raw(&writer, event->text, event->bytes);
    return append(builder, &builder->extra, "", 0);
}

static bool add_logprobs(llmc_answer_builder *builder, llmc_choice_builder *choice, const llmcost_event *event)
{
    /* Each event is an array; the arrays are joined into one: "[a" + ",b" ... the end is put on when the answer is built. */
    if (event->bytes < 2 || event->text[0] != '[')
        return true;
    size_t inner = event->bytes - 2;
    if (inner == 0)
        return true;
    return append(builder, &choice->logprobs, choice->logprobs.length ? "," : "[", 1) && append(builder, &choice->logprobs, event->text + 1, inner);
}

static bool add_tool(llmc_answer_builder *builder, llmc_choice_builder *choice, const llmcost_event *event)
{
    llmc_tool_builder *tool = tool_at(builder, choice, event->tool_index);
    if (!tool) {
        builder->failed = true;
        return false;
    }
    if (event->kind == LLMCOST_EVENT_TOOL_ARGUMENTS)
        return append(builder, &tool->arguments, event->text, event->bytes);
    return replace(builder, &tool->id, event->tool_id) && replace(builder, &tool->name, event->tool_name);
}

bool llmc_answer_builder_add(llmc_answer_builder *builder, const llmcost_event *event)
{
    switch (event->kind) {
    case LLMCOST_EVENT_USAGE:
        return true;
    case LLMC_EVENT_META:
        return (!event->bytes || replace(builder, &builder->id, event->text)) && (!*event->tool_name || replace(builder, &builder->model, event->tool_name));
    case LLMC_EVENT_MODEL:
        builder->model_count++;
        return append(builder, &builder->models, event->text, event->bytes) && append(builder, &builder->models, "", 1);
    case LLMC_EVENT_EXTRA:
        return add_extra(builder, event);
    default:
        break;
    }
    llmc_choice_builder *choice = choice_at(builder, event->choice);
    if (!choice) {
        builder->failed = true;
        return false;
    }
    switch (event->kind) {
    case LLMCOST_EVENT_TEXT:
        return append(builder, &choice->text, event->text, event->bytes);
    case LLMCOST_EVENT_REASONING:
        return append(builder, &choice->reasoning, event->text, event->bytes);
    case LLMCOST_EVENT_REFUSAL:
        return append(builder, &choice->refusal, event->text, event->bytes);
    case LLMC_EVENT_SIGNATURE:
        return append(builder, &choice->signature, event->text, event->bytes);
    case LLMC_EVENT_REASONING_HIDDEN:
        return append(builder, &choice->hidden_reasoning, event->text, event->bytes);
    case LLMC_EVENT_LOGPROBS:
        return add_logprobs(builder, choice, event);
    case LLMCOST_EVENT_FINISH:
        choice->finish = event->finish;
        return replace(builder, &choice->finish_raw, event->finish_raw ? event->finish_raw : "");
    case LLMCOST_EVENT_TOOL_CALL:
    case LLMCOST_EVENT_TOOL_ARGUMENTS:
        return add_tool(builder, choice, event);
    default:
        return true;
    }
}

bool llmc_answer_builder_is_empty(const llmc_answer_builder *builder)
{
    return builder->choice_count == 0 && builder->model_count == 0;
}

size_t llmc_answer_builder_output_bytes(const llmc_answer_builder *builder)
{
    size_t bytes = 0;
    for (size_t i = 0; i < builder->choice_count; i++) {
        const llmc_choice_builder *choice = &builder->choices[i];
        bytes += choice->text.length + choice->reasoning.length + choice->refusal.length;
        for (size_t t = 0; t < choice->tool_count; t++)
            bytes += choice->tools[t].name.length + choice->tools[t].arguments.length;
    }
    return bytes;
}

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

static void builder_tool(const void *from, uint32_t choice, uint32_t index, llmc_text *id, llmc_text *name, llmc_text *arguments)
{
    const llmc_tool_builder *tool = &((const llmc_answer_builder *)from)->choices[choice].tools[index];
    *id = buffer_text(&tool->id);
    *name = buffer_text(&tool->name);
    *arguments = buffer_text(&tool->arguments);
}

/* Puts the closing bracket on arrays and objects that were gathered piece by piece. */
static bool close_gathered(llmc_answer_builder *builder)
{
    if (builder->extra.length)
        llmc_buffer_add_byte(&builder->extra, '}');
    for (size_t i = 0; i < builder->choice_count; i++) {
        llmc_buffer *logprobs = &builder->choices[i].logprobs;
        if (logprobs->length)
            append(builder, logprobs, "]", 1);
    }
    return !builder->failed && !builder->extra.failure;
}

llmc_answer *llmc_answer_build(llmc_answer_builder *builder, const char *provider, const char *receipt_id, const llmc_usage *usage, int64_t duration_ns)
{
    if (builder->failed || !close_gathered(builder))
        return NULL;
    answer_source source = {
        .from = builder, .choice_count = (uint32_t)builder->choice_count, .model_count = builder->model_count,
        .choice = builder_choice, .tool = builder_tool,
        .id = buffer_text(&builder->id), .model = buffer_text(&builder->model), .extra = buffer_text(&builder->extra), .models = buffer_text(&builder->models),
        .provider = provider, .receipt_id = receipt_id, .usage = *usage, .duration_ns = duration_ns,
    };
    return make_answer(builder->allocator, &source);
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

static void changed_tool(const void *from, uint32_t choice, uint32_t index, llmc_text *id, llmc_text *name, llmc_text *arguments)
{
    const llmcost_tool_call *call = &((const changed_answer *)from)->answer->choices[choice].tool_calls[index];
    *id = string_text(call->id);
    *name = string_text(call->name);
    *arguments = string_text(call->arguments);
}

llmc_answer *llmc_answer_with_text(const llmc_answer *answer, const char *text, size_t bytes)
{
    changed_answer changed = { answer, { text, bytes } };
    answer_source source = {
        .from = &changed, .choice_count = answer->choice_count, .choice = changed_choice, .tool = changed_tool,
        .id = string_text(answer->id), .model = string_text(answer->model), .extra = string_text(answer->extra), .models = { "", 0 },
        .provider = answer->provider, .receipt_id = answer->receipt_id, .usage = answer->usage, .duration_ns = answer->duration_ns,
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
