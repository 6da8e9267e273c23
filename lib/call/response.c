/*
 * The outcome of one call: one allocation that begins with the response and goes on as the first block of the call's
 * arena, so that a call answered by the cache asks the allocator once. Texts that only some hosts want (summary,
 * receipt, JSON) are made when they are first asked for.
 */
#include "call/openai_shape.h"

enum { MAX_SUMMARY_BYTES = 1 << 16 };
static const size_t max_json_bytes = (size_t)1 << 31;

llmcost_response *llmc_response_new(llmc_services *services, uint64_t id, size_t more_bytes)
{
    _Static_assert(sizeof(llmcost_response) < LLMC_RESPONSE_BYTES / 2, "most of the allocation is the arena's");
    const llmc_allocator *allocator = &services->allocator;
    llmcost_response *response = llmc_alloc(allocator, LLMC_RESPONSE_BYTES + more_bytes);
    if (!response)
        return NULL;
    response->allocator = *allocator;
    atomic_init(&response->references, 1);
    llmc_arena_init(&response->arena, &response->allocator, response + 1, LLMC_RESPONSE_BYTES + more_bytes - sizeof *response);
    response->status = LLMCOST_OK;
    llmc_error_init(&response->error, allocator);
    response->answer = NULL;
    response->answered = NULL;
    response->from_cache = response->altered = response->base64 = false;
    response->summary = response->receipt_json = response->json = NULL;
    llmc_receipt_init(&response->receipt, id, services->settings->currency, llmc_clock_wall_ms(&services->clock));
    return response;
}

llmcost_response *llmc_response_ref(llmcost_response *response)
{
    if (response)
        atomic_fetch_add_explicit(&response->references, 1, memory_order_relaxed);
    return response;
}

void llmc_response_unref(llmcost_response *response)
{
    if (!response) /* the only reference nobody else can take: most responses have never had another */
        return;
    if (atomic_load_explicit(&response->references, memory_order_acquire) != 1 && atomic_fetch_sub_explicit(&response->references, 1, memory_order_acq_rel) != 1)
        return;
    llmc_answer_unref(response->answer);
    llmc_error_clear(&response->error);
    llmc_arena_clear(&response->arena);
    llmc_allocator allocator = response->allocator;
    llmc_free(&allocator, response);
}

void llmcost_response_free(llmcost_response *response)
{
    llmc_response_unref(response);
}

llmcost_status llmcost_response_status(const llmcost_response *response)
{
    return response ? response->status : LLMCOST_E_MISUSE;
}

const llmcost_error *llmcost_response_error(const llmcost_response *response)
{
    return response && response->status ? &response->error : NULL;
}

/* ---- choices ---- */

static const llmc_choice *choice_at(const llmcost_response *response, uint32_t choice)
{
    const llmc_answer *answer = response ? response->answer : NULL;
    return answer && choice < answer->choice_count ? &answer->choices[choice] : NULL;
}

static const char *text_of(const llmc_text *text, size_t *bytes)
{
    bool has = text && text->text;
    if (bytes)
        *bytes = has ? text->bytes : 0;
    return has ? text->text : "";
}

const char *llmcost_response_text(const llmcost_response *response)
{
    return llmcost_response_choice_text(response, 0, NULL);
}

size_t llmcost_response_text_bytes(const llmcost_response *response)
{
    size_t bytes;
    llmcost_response_choice_text(response, 0, &bytes);
    return bytes;
}

uint32_t llmcost_response_choice_count(const llmcost_response *response)
{
    return response && response->answer ? response->answer->choice_count : 0;
}

const char *llmcost_response_choice_text(const llmcost_response *response, uint32_t choice, size_t *bytes)
{
    const llmc_choice *at = choice_at(response, choice);
    return text_of(at ? &at->text : NULL, bytes);
}

const char *llmcost_response_reasoning(const llmcost_response *response, uint32_t choice, size_t *bytes)
{
    const llmc_choice *at = choice_at(response, choice);
    return text_of(at ? &at->reasoning : NULL, bytes);
}

const char *llmcost_response_refusal(const llmcost_response *response, uint32_t choice, size_t *bytes)
{
    const llmc_choice *at = choice_at(response, choice);
    return text_of(at ? &at->refusal : NULL, bytes);
}

llmcost_finish llmcost_response_finish(const llmcost_response *response, uint32_t choice)
{
    const llmc_choice *at = choice_at(response, choice);
    return at ? at->finish : LLMCOST_FINISH_NONE;
}

const char *llmcost_response_finish_raw(const llmcost_response *response, uint32_t choice)
{
    const llmc_choice *at = choice_at(response, choice);
    return at && at->finish_raw ? at->finish_raw : "";
}

const char *llmcost_finish_name(llmcost_finish finish)
{
    static const char *const names[] = {
        [LLMCOST_FINISH_NONE] = "none", [LLMCOST_FINISH_STOP] = "stop", [LLMCOST_FINISH_LENGTH] = "length", [LLMCOST_FINISH_TOOL_CALLS] = "tool_calls",
        [LLMCOST_FINISH_CONTENT_FILTER] = "content_filter", [LLMCOST_FINISH_CONTEXT_LENGTH] = "context_length", [LLMCOST_FINISH_PAUSED] = "paused",
        [LLMCOST_FINISH_ERROR] = "error",
    };
    return (unsigned)finish < sizeof names / sizeof names[0] ? names[finish] : "unknown";
}

uint32_t llmcost_response_tool_call_count(const llmcost_response *response, uint32_t choice)
{
    const llmc_choice *at = choice_at(response, choice);
    return at ? at->tool_call_count : 0;
}

const llmcost_tool_call *llmcost_response_tool_call(const llmcost_response *response, uint32_t choice, uint32_t index)
{
    const llmc_choice *at = choice_at(response, choice);
    return at && index < at->tool_call_count ? &at->tool_calls[index] : NULL;
}

const char *llmcost_response_logprobs(const llmcost_response *response, uint32_t choice)
{
    const llmc_choice *at = choice_at(response, choice);
    return at && at->logprobs.bytes ? at->logprobs.text : NULL;
}

const llmcost_message *llmcost_response_message(const llmcost_response *response, uint32_t choice)
{
    const llmc_choice *at = choice_at(response, choice);
    return at ? at->message : NULL;
}

/* ---- who answered ---- */

const char *llmcost_response_model_name(const llmcost_response *response)
{
    return response && response->answer ? response->answer->model : "";
}

const char *llmcost_response_provider(const llmcost_response *response)
{
    return response && response->answer ? response->answer->provider : "";
}

const char *llmcost_response_request_id(const llmcost_response *response)
{
    return response && response->answered && response->answered->request_id ? response->answered->request_id : "";
}

int llmcost_response_from_cache(const llmcost_response *response)
{
    return response && response->from_cache;
}

int llmcost_response_is_altered(const llmcost_response *response)
{
    return response && response->altered;
}

uint32_t llmcost_response_model_count(const llmcost_response *response)
{
    return response && response->answer ? response->answer->model_count : 0;
}

const char *llmcost_response_model(const llmcost_response *response, uint32_t index)
{
    return index < llmcost_response_model_count(response) ? response->answer->models[index] : NULL;
}

uint32_t llmcost_response_embedding_count(const llmcost_response *response)
{
    return response && response->answer && !response->status ? response->answer->embedding_count : 0; /* all or none */
}

const float *llmcost_response_embedding(const llmcost_response *response, uint32_t index, uint32_t *dimensions)
{
    bool has = index < llmcost_response_embedding_count(response);
    if (dimensions)
        *dimensions = has ? response->answer->dimensions : 0;
    return has ? response->answer->embeddings + (size_t)index * response->answer->dimensions : NULL;
}

uint32_t llmcost_response_balance_count(const llmcost_response *response)
{
    return response && response->answer ? response->answer->balance_count : 0;
}

const char *llmcost_response_balance(const llmcost_response *response, uint32_t index, const char **currency)
{
    bool has = index < llmcost_response_balance_count(response);
    if (currency)
        *currency = has ? response->answer->balances[index].currency : "";
    return has ? response->answer->balances[index].amount : NULL;
}

/* Of the leg that answered; else the latest that was told any. */
static const llmc_rate_limits *limits_of(const llmcost_response *response)
{
    const llmc_rate_limits *latest = NULL;
    if (!response)
        return NULL;
    if (response->answered && response->answered->limits)
        return response->answered->limits;
    for (const llmc_line *line = response->receipt.lines; line; line = line->next)
        latest = line->limits ? line->limits : latest;
    return latest;
}

int llmcost_response_rate_limit(const llmcost_response *response, llmcost_limit kind, int64_t *limit, int64_t *remaining, int64_t *reset_ms)
{
    const llmc_rate_limits *limits = limits_of(response);
    llmc_rate_limit told = { -1, -1, -1 };
    if (limits && (unsigned)kind < LLMCOST_LIMIT_COUNT)
        told = limits->of[kind];
    if (limit)
        *limit = told.limit;
    if (remaining)
        *remaining = told.remaining;
    if (reset_ms)
        *reset_ms = told.reset_ms;
    return told.limit >= 0 || told.remaining >= 0 || told.reset_ms >= 0;
}

/* ---- the receipt ---- */

const char *llmcost_response_id(const llmcost_response *response)
{
    return response ? llmc_receipt_id(&response->receipt) : "";
}

int64_t llmcost_response_cost_nano(const llmcost_response *response)
{
    return response ? response->receipt.cost_nano : 0;
}

int64_t llmcost_response_saved_nano(const llmcost_response *response)
{
    int64_t saved = 0;
    for (int i = 0; response && i < LLMC_SAVING_COUNT; i++)
        saved += response->receipt.saved_nano[i];
    return saved;
}

const char *llmcost_response_currency(const llmcost_response *response)
{
    return response ? response->receipt.currency : "";
}

int64_t llmcost_response_tokens(const llmcost_response *response, llmcost_class token_class)
{
    int64_t sum = -1;
    if (!response || (unsigned)token_class >= LLMCOST_CLASS_COUNT)
        return sum;
    for (const llmc_line *line = response->receipt.lines; line; line = line->next) {
        int64_t quantity = line->usage.quantity[token_class];
        if (quantity >= 0)
            sum = (sum < 0 ? 0 : sum) + quantity;
    }
    return sum;
}

uint32_t llmcost_response_line_count(const llmcost_response *response)
{
    return response ? response->receipt.line_count : 0;
}

static const llmc_line *line_at(const llmcost_response *response, uint32_t index)
{
    const llmc_line *line = response ? response->receipt.lines : NULL;
    for (; line && index > 0; index--)
        line = line->next;
    return line;
}

int llmcost_response_line_number(const llmcost_response *response, uint32_t line, const char *key, int64_t *out)
{
    const llmc_line *at = line_at(response, line);
    int64_t value;
    bool has = at && key && llmc_line_number(at, key, &value);
    if (out)
        *out = has ? value : 0;
    return has;
}

const char *llmcost_response_line_text(const llmcost_response *response, uint32_t line, const char *key)
{
    const llmc_line *at = line_at(response, line);
    return at && key ? llmc_line_text(at, key) : NULL;
}

/* ---- texts made when first asked for ---- */

static void write_summary(const llmcost_response *response, llmc_buffer *out)
{
    llmc_receipt_summary(&response->receipt, response->status, out);
}

static void write_receipt(const llmcost_response *response, llmc_buffer *out)
{
    llmc_receipt_write(&response->receipt, response->status, out);
}

/*
 * The text that *made holds, or a new one in the arena. A response belongs to one thread at a time, so filling in what
 * is derived from it is no change that anybody can see.
 */
static const char *made_text(const llmcost_response *response, char *const *made, size_t maximum, void (*write)(const llmcost_response *, llmc_buffer *))
{
    if (*made)
        return *made;
    llmc_buffer text;
    llmc_buffer_init(&text, &response->allocator, maximum);
    write(response, &text);
    if (!text.failure)
        *(char **)made = llmc_arena_strndup((llmc_arena *)&response->arena, text.data, text.length);
    llmc_buffer_free(&text);
    return *made;
}

const char *llmcost_response_summary(const llmcost_response *response)
{
    const char *text = response ? made_text(response, &response->summary, MAX_SUMMARY_BYTES, write_summary) : NULL;
    return text ? text : "";
}

const char *llmcost_response_receipt(const llmcost_response *response)
{
    return response ? made_text(response, &response->receipt_json, max_json_bytes, write_receipt) : NULL;
}

const char *llmcost_response_json(const llmcost_response *response)
{
    return response ? made_text(response, &response->json, max_json_bytes, llmc_openai_completion) : NULL;
}
