/* Answers that are no chat: models, counts of tokens, vectors. Vectors are made of a hash of their text, or are fixed. */
#include "mock/dialect.h"

#include "base/hash.h"
#include "wire/json.h"

#include <string.h>

enum { USUAL_DIMENSIONS = 8 };

void llmc_mock_models_render(llmc_mock_body *body, const llmc_mock_question *question, const json_t *models)
{
    const char *const *forms = question->route->forms;
    size_t index, count = json_array_size(models);
    json_t *name;
    llmc_mock_fill fill;
    llmc_mock_fill_begin(&fill, &body->bytes, question->route->dialect, NULL);
    if (count) {
        const json_t *first = json_array_get(models, 0), *last = json_array_get(models, count - 1);
        fill.first = (llmc_mock_text){ json_string_value(first), json_string_length(first) };
        fill.last = (llmc_mock_text){ json_string_value(last), json_string_length(last) };
    }
    llmc_mock_fill_form(&fill, forms[0]);
    LLMC_MOCK_EACH((json_t *)models, index, name) {
        fill.name = (llmc_mock_text){ json_string_value(name), json_string_length(name) };
        llmc_mock_fill_form(&fill, forms[1]);
    }
    llmc_mock_fill_form(&fill, forms[2]);
}

void llmc_mock_list_render(llmc_mock_body *body, const llmc_mock_answer *answer)
{
    const char *const *forms = answer->question->route->forms;
    llmc_mock_fill fill;
    llmc_mock_fill_begin(&fill, &body->bytes, answer->question->route->dialect, answer);
    llmc_mock_fill_form(&fill, forms[0]);
    if (answer->question->route->operation != LLMC_MOCK_EMBED)
        return;
    for (size_t i = 0; i < json_array_size(answer->question->inputs); i++) {
        fill.index = (int64_t)i;
        llmc_mock_fill_form(&fill, forms[1]);
    }
    llmc_mock_fill_form(&fill, forms[2]);
}

/* ---- vectors */

/* Between -1 and 1 in steps of 1/8192: exact as a float and as a short decimal number. */
static double made_up(uint64_t seed)
{
    seed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ seed >> 27) * UINT64_C(0x94d049bb133111eb);
    return ((double)(seed >> 50) - 8192) / 8192;
}

static void add_float(llmc_buffer *out, double value)
{
    float number = (float)value;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    for (int shift = 0; shift < 32; shift += 8)
        llmc_buffer_add_byte(out, (char)(bits >> shift));
}

static void add_base64(llmc_buffer *out, llmc_buffer *floats)
{
    llmc_json_writer writer = { .out = out };
    llmc_json_write_base64(&writer, "", floats->data, floats->length);
    if (floats->failure)
        out->failure = floats->failure;
}

void llmc_mock_add_vector(llmc_buffer *out, const llmc_mock_answer *answer, size_t input)
{
    const llmc_mock_embedding *wanted = &answer->rule->embedding;
    const llmc_mock_question *question = answer->question;
    const json_t *text = json_array_get(question->inputs, input);
    const json_t *fixed = json_array_size(wanted->vectors) ? json_array_get(wanted->vectors, input % json_array_size(wanted->vectors)) : NULL;
    uint64_t hash = llmc_hash64(json_string_value(text), json_string_length(text), 0);
    int64_t asked = question->dimensions ? question->dimensions : wanted->dimensions ? wanted->dimensions : USUAL_DIMENSIONS;
    size_t count = fixed ? json_array_size(fixed) : (size_t)asked;
    llmc_json_writer writer = { .out = out };
    llmc_buffer floats;
    llmc_buffer_init(&floats, out->allocator, sizeof(float) * LLMC_MOCK_MOST_DIMENSIONS);
    if (!question->base64)
        llmc_json_write_begin_array(&writer);
    for (size_t i = 0; i < count; i++) {
        double value = fixed ? json_number_value(json_array_get(fixed, i)) : made_up(hash + i * UINT64_C(0x9e3779b97f4a7c15));
        if (question->base64)
            add_float(&floats, value);
        else
            llmc_json_write_double(&writer, value);
    }
    if (question->base64)
        add_base64(out, &floats);
    else
        llmc_json_write_end_array(&writer);
    llmc_buffer_free(&floats);
}
