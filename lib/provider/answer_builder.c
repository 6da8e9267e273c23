/*
 * Gathering an answer from a decoder's events.
 *
 * What comes here was sent by a server: texts are bounded together, indices one by one, and a builder that has failed
 * stays so. Usage is not kept here; the leg has it.
 */
#include "provider/answer.h"

#include <string.h>

/* The builder counts for all its texts together; a single buffer has no limit of its own. */
static const size_t no_limit = SIZE_MAX / 4;

static void init_buffers(llmc_buffer *const *buffers, size_t count, const llmc_allocator *allocator)
{
    for (size_t i = 0; i < count; i++)
        llmc_buffer_init(buffers[i], allocator, no_limit);
}

static void free_buffers(llmc_buffer *const *buffers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (buffers[i]->data)
            llmc_buffer_free(buffers[i]);
}

#define BUFFERS_OF_CHOICE(c) { &(c)->text, &(c)->reasoning, &(c)->refusal, &(c)->signature, &(c)->hidden_reasoning, &(c)->logprobs, &(c)->finish_raw }
#define BUFFERS_OF_TOOL(t) { &(t)->id, &(t)->name, &(t)->arguments }
#define BUFFERS_OF_EXTRA(e) { &(e)->name, &(e)->value }
#define BUFFERS_OF_BUILDER(b) { &(b)->id, &(b)->model, &(b)->models }
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

void llmc_answer_builder_init(llmc_answer_builder *builder, const llmc_allocator *allocator, size_t maximum)
{
    *builder = (llmc_answer_builder){ .allocator = allocator, .answers = allocator, .maximum = maximum };
    llmc_buffer *buffers[] = BUFFERS_OF_BUILDER(builder);
    init_buffers(buffers, COUNT(buffers), allocator);
}

static void free_choice(llmc_choice_builder *choice, const llmc_allocator *allocator)
{
    llmc_buffer *buffers[] = BUFFERS_OF_CHOICE(choice);
    free_buffers(buffers, COUNT(buffers));
    for (size_t i = 0; i < choice->tool_count; i++) {
        llmc_buffer *of_tool[] = BUFFERS_OF_TOOL(&choice->tools[i]);
        free_buffers(of_tool, COUNT(of_tool));
    }
    llmc_free(allocator, choice->tools);
}

void llmc_answer_builder_free(llmc_answer_builder *builder)
{
    for (size_t i = 0; i < builder->choice_count; i++)
        free_choice(&builder->choices[i], builder->allocator);
    for (size_t i = 0; i < builder->extra_count; i++) {
        llmc_buffer *of_extra[] = BUFFERS_OF_EXTRA(&builder->extras[i]);
        free_buffers(of_extra, COUNT(of_extra));
    }
    llmc_free(builder->allocator, builder->choices);
    llmc_free(builder->allocator, builder->extras);
    llmc_free(builder->allocator, builder->vectors);
    llmc_buffer *buffers[] = BUFFERS_OF_BUILDER(builder);
    free_buffers(buffers, COUNT(buffers));
    llmc_answer_builder_init(builder, builder->allocator, builder->maximum);
}

static bool fail(llmc_answer_builder *builder, bool too_large)
{
    builder->failed = true;
    builder->too_large |= too_large;
    return false;
}

/* Room for the item at `index` of an array; NULL: the builder has failed. */
static void *room_at(llmc_answer_builder *builder, void **items, size_t *capacity, uint32_t index, uint32_t maximum, size_t item_bytes)
{
    bool allowed = index < maximum;
    if (allowed && llmc_grow(builder->allocator, items, capacity, (size_t)index + 1, item_bytes))
        return *items;
    fail(builder, !allowed);
    return NULL;
}

static llmc_choice_builder *choice_at(llmc_answer_builder *builder, uint32_t index)
{
    if (!room_at(builder, (void **)&builder->choices, &builder->choice_capacity, index, LLMC_ANSWER_MAX_CHOICES, sizeof *builder->choices))
        return NULL;
    while (builder->choice_count <= index) {
        llmc_choice_builder *choice = &builder->choices[builder->choice_count++];
        *choice = (llmc_choice_builder){ 0 };
        llmc_buffer *buffers[] = BUFFERS_OF_CHOICE(choice);
        init_buffers(buffers, COUNT(buffers), builder->allocator);
    }
    return &builder->choices[index];
}

static llmc_tool_builder *tool_at(llmc_answer_builder *builder, llmc_choice_builder *choice, uint32_t index)
{
    if (!room_at(builder, (void **)&choice->tools, &choice->tool_capacity, index, LLMC_ANSWER_MAX_TOOL_CALLS, sizeof *choice->tools))
        return NULL;
    while (choice->tool_count <= index) {
        llmc_tool_builder *tool = &choice->tools[choice->tool_count++];
        tool->is_custom = false;
        llmc_buffer *buffers[] = BUFFERS_OF_TOOL(tool);
        init_buffers(buffers, COUNT(buffers), builder->allocator);
    }
    return &choice->tools[index];
}

static bool append(llmc_answer_builder *builder, llmc_buffer *buffer, const char *text, size_t bytes)
{
    if (builder->failed)
        return false;
    if (bytes > builder->maximum - builder->used)
        return fail(builder, true);
    llmc_buffer_add(buffer, text, bytes);
    if (buffer->failure)
        return fail(builder, false);
    builder->used += bytes;
    return true;
}

static bool replace(llmc_answer_builder *builder, llmc_buffer *buffer, const char *text, size_t bytes)
{
    builder->used -= buffer->length;
    llmc_buffer_clear(buffer);
    return append(builder, buffer, text, bytes);
}

/* An id or a name that is repeated as an empty text does not take back what was said. */
static bool replace_if_any(llmc_answer_builder *builder, llmc_buffer *buffer, const char *text)
{
    return !*text || replace(builder, buffer, text, strlen(text));
}

/* ---- lists that come in pieces ---- */

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* What stands between the brackets of a JSON array. text NULL: it is no array. */
static llmc_text items_of(const char *text, size_t bytes)
{
    if (bytes < 2 || text[0] != '[' || text[bytes - 1] != ']')
        return (llmc_text){ NULL, 0 };
    const char *from = text + 1, *end = text + bytes - 1;
    while (from < end && is_space(*from))
        from++;
    while (from < end && is_space(end[-1]))
        end--;
    return (llmc_text){ from, (size_t)(end - from) };
}

/* Joins the arrays of several events: "[a" + ",b"; the end is put on when the answer is built. */
static bool add_logprobs(llmc_answer_builder *builder, llmc_choice_builder *choice, const llmcost_event *event)
{
    llmc_text items = items_of(event->text, event->bytes);
    if (!items.bytes)
        return true;
    return append(builder, &choice->logprobs, choice->logprobs.length ? "," : "[", 1) && append(builder, &choice->logprobs, items.text, items.bytes);
}

static llmc_extra_builder *extra_named(llmc_answer_builder *builder, const char *name)
{
    size_t bytes = strlen(name);
    for (size_t i = 0; i < builder->extra_count; i++) {
        llmc_extra_builder *extra = &builder->extras[i];
        if (extra->name.length == bytes && (!bytes || memcmp(extra->name.data, name, bytes) == 0))
            return extra;
    }
    uint32_t index = (uint32_t)builder->extra_count;
    if (!room_at(builder, (void **)&builder->extras, &builder->extra_capacity, index, LLMC_ANSWER_MAX_EXTRAS, sizeof *builder->extras))
        return NULL;
    llmc_extra_builder *extra = &builder->extras[builder->extra_count++];
    llmc_buffer *buffers[] = BUFFERS_OF_EXTRA(extra);
    init_buffers(buffers, COUNT(buffers), builder->allocator);
    return append(builder, &extra->name, name, bytes) ? extra : NULL;
}

static bool begins_with(llmc_text list, llmc_text first)
{
    if (list.bytes < first.bytes || memcmp(list.text, first.text, first.bytes) != 0)
        return false;
    return list.bytes == first.bytes || list.text[first.bytes] == ',' || is_space(list.text[first.bytes]);
}

/*
 * A member that comes again replaces what it was. Lists are told in two ways: whole each time, longer and longer
 * (sources), or in pieces (annotations), which are joined.
 */
static bool add_extra(llmc_answer_builder *builder, const llmcost_event *event)
{
    if (!event->bytes)
        return true;
    llmc_extra_builder *extra = extra_named(builder, event->tool_name);
    if (!extra)
        return false;
    llmc_text items = items_of(event->text, event->bytes);
    llmc_text before = extra->value.length ? items_of(extra->value.data, extra->value.length) : (llmc_text){ NULL, 0 };
    if (!items.text || !before.bytes || begins_with(items, before))
        return replace(builder, &extra->value, event->text, event->bytes);
    if (!items.bytes)
        return true;
    extra->value.length--;
    builder->used--;
    return append(builder, &extra->value, ",", 1) && append(builder, &extra->value, items.text, items.bytes) && append(builder, &extra->value, "]", 1);
}

/* ---- events ---- */

static bool add_tool(llmc_answer_builder *builder, llmc_choice_builder *choice, const llmcost_event *event)
{
    llmc_tool_builder *tool = tool_at(builder, choice, event->tool_index);
    if (!tool)
        return false;
    if (event->kind == LLMCOST_EVENT_TOOL_ARGUMENTS)
        return append(builder, &tool->arguments, event->text, event->bytes);
    tool->is_custom = tool->is_custom || event->is_custom;
    return replace_if_any(builder, &tool->id, event->tool_id) && replace_if_any(builder, &tool->name, event->tool_name);
}

/* Models are kept one behind the other, each ended by a zero byte: a zero byte inside a name ends it. */
static bool add_model(llmc_answer_builder *builder, const llmcost_event *event)
{
    if (!append(builder, &builder->models, event->text, strnlen(event->text, event->bytes)) || !append(builder, &builder->models, "", 1))
        return false;
    builder->model_count++;
    return true;
}

static bool refuse(llmc_answer_builder *builder, const char *why)
{
    builder->malformed = why;
    return fail(builder, false);
}

/* Room for all vectors at once: the first one tells how large they are. */
static bool make_room(llmc_answer_builder *builder, size_t each)
{
    if (each > (builder->maximum - builder->used) / builder->inputs)
        return fail(builder, true);
    size_t all = each * builder->inputs;
    llmc_vectors_builder *vectors = llmc_alloc(builder->allocator, sizeof *vectors + all + builder->inputs);
    if (!vectors)
        return fail(builder, false);
    *vectors = (llmc_vectors_builder){ .each = each, .known = vectors->floats + all };
    memset(vectors->known, 0, builder->inputs);
    builder->vectors = vectors;
    builder->used += all;
    return true;
}

/* They may come in any order, each exactly once. */
static bool add_embedding(llmc_answer_builder *builder, const llmcost_event *event)
{
    if (event->choice >= builder->inputs)
        return refuse(builder, "a vector of an input that was not sent");
    if (!event->bytes || event->bytes % sizeof(float))
        return refuse(builder, "an empty vector");
    if (!builder->vectors && !make_room(builder, event->bytes))
        return false;
    llmc_vectors_builder *vectors = builder->vectors;
    if (vectors->each != event->bytes)
        return refuse(builder, "vectors of different lengths");
    if (vectors->known[event->choice])
        return refuse(builder, "two vectors of one input");
    vectors->known[event->choice] = 1;
    memcpy(vectors->floats + event->choice * vectors->each, event->text, event->bytes);
    vectors->count++;
    return true;
}

bool llmc_answer_builder_has_vectors(const llmc_answer_builder *builder)
{
    return builder->vectors && builder->vectors->count == builder->inputs;
}

static bool add_balance(llmc_answer_builder *builder, const llmcost_event *event)
{
    const char *const texts[] = { event->text, event->tool_name };
    if (builder->balance_count == LLMC_ANSWER_MAX_BALANCES)
        return fail(builder, true);
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (!append(builder, &builder->models, texts[i], strlen(texts[i])) || !append(builder, &builder->models, "", 1))
            return false;
    }
    builder->balance_count++;
    return true;
}

static bool add_meta(llmc_answer_builder *builder, const llmcost_event *event)
{
    return (!event->bytes || replace(builder, &builder->id, event->text, event->bytes)) && replace_if_any(builder, &builder->model, event->tool_name);
}

static bool add_finish(llmc_answer_builder *builder, llmc_choice_builder *choice, const llmcost_event *event)
{
    const char *raw = event->finish_raw ? event->finish_raw : "";
    choice->finish = event->finish;
    return replace(builder, &choice->finish_raw, raw, strlen(raw));
}

static bool add_to_choice(llmc_answer_builder *builder, llmc_choice_builder *choice, const llmcost_event *event)
{
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
    case LLMCOST_EVENT_LOGPROBS:
        return add_logprobs(builder, choice, event);
    case LLMCOST_EVENT_FINISH:
        return add_finish(builder, choice, event);
    default: /* TOOL_CALL, TOOL_ARGUMENTS */
        return add_tool(builder, choice, event);
    }
}

bool llmc_answer_builder_add(llmc_answer_builder *builder, const llmcost_event *event)
{
    llmc_choice_builder *choice;
    if (builder->failed)
        return false;
    switch (event->kind) {
    case LLMC_EVENT_META:
        return add_meta(builder, event);
    case LLMC_EVENT_MODEL:
        return add_model(builder, event);
    case LLMCOST_EVENT_EXTRA:
        return add_extra(builder, event);
    case LLMC_EVENT_EMBEDDING:
        return add_embedding(builder, event);
    case LLMC_EVENT_BALANCE:
        return add_balance(builder, event);
    case LLMCOST_EVENT_TEXT:
    case LLMCOST_EVENT_REASONING:
    case LLMCOST_EVENT_REFUSAL:
    case LLMC_EVENT_SIGNATURE:
    case LLMC_EVENT_REASONING_HIDDEN:
    case LLMCOST_EVENT_LOGPROBS:
    case LLMCOST_EVENT_FINISH:
    case LLMCOST_EVENT_TOOL_CALL:
    case LLMCOST_EVENT_TOOL_ARGUMENTS:
        choice = choice_at(builder, event->choice);
        return choice && add_to_choice(builder, choice, event);
    default: /* USAGE, and what an answer does not keep */
        return true;
    }
}

bool llmc_answer_builder_is_empty(const llmc_answer_builder *builder)
{
    return builder->choice_count == 0 && builder->model_count == 0 && builder->balance_count == 0 && !llmc_answer_builder_has_vectors(builder);
}

bool llmc_answer_builder_is_finished(const llmc_answer_builder *builder)
{
    size_t i = 0;
    while (i < builder->choice_count && builder->choices[i].finish)
        i++;
    return i > 0 && i == builder->choice_count;
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

size_t llmc_answer_builder_reasoning_bytes(const llmc_answer_builder *builder)
{
    size_t bytes = 0;
    for (size_t i = 0; i < builder->choice_count; i++)
        bytes += builder->choices[i].reasoning.length;
    return bytes;
}
