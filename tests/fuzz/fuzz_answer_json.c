/* Reads bytes as a shared cache may return them; what is taken for an answer must be written and read again alike. */
#include "provider/answer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static llmc_buffer write_whole(const llmc_answer *answer)
{
    llmc_buffer out;
    llmc_buffer_init(&out, &llmc_allocator_system, SIZE_MAX / 4);
    require(llmc_answer_write(answer, &out));
    return out;
}

/* Every text is there, ended by a zero byte: the sanitizer watches. */
static size_t walk(const llmc_answer *answer)
{
    size_t sum = strlen(answer->id) + strlen(answer->model) + strlen(answer->provider) + strlen(answer->receipt_id) + strlen(answer->extra);
    for (uint32_t i = 0; i < answer->model_count; i++)
        sum += strlen(answer->models[i]);
    const unsigned char *floats = (const unsigned char *)answer->embeddings;
    for (size_t i = 0; i < (size_t)answer->embedding_count * answer->dimensions * sizeof(float); i++)
        sum += floats[i] > 255; /* read each */
    for (uint32_t i = 0; i < answer->choice_count; i++) {
        const llmc_choice *choice = &answer->choices[i];
        require(choice->text.text[choice->text.bytes] == '\0' && choice->logprobs.text[choice->logprobs.bytes] == '\0');
        for (uint32_t k = 0; k < choice->tool_call_count; k++)
            sum += strlen(choice->tool_calls[k].id) + strlen(choice->tool_calls[k].name) + strlen(choice->tool_calls[k].arguments);
        for (uint32_t k = 0; k < choice->message->part_count; k++)
            sum += strlen(choice->message->parts[k].text);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    llmc_answer *answer = llmc_answer_read(&llmc_allocator_system, (const char *)data, size);
    if (!answer)
        return 0;
    require(walk(answer) <= answer->bytes + 2);
    llmc_buffer first = write_whole(answer);
    llmc_answer *back = llmc_answer_read(&llmc_allocator_system, first.data, first.length);
    require(back && back->bytes == answer->bytes);
    llmc_buffer second = write_whole(back);
    require(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    llmc_buffer_free(&first);
    llmc_buffer_free(&second);
    llmc_answer_unref(back);
    llmc_answer_unref(answer);
    return 0;
}
