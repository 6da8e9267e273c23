/*
 * The parts of the Gemini codec, and what its halves agree on: how signatures travel through a conversation.
 *
 * Gemini signs parts (thoughtSignature) and wants each signature back on the part that it came with. Our message has no
 * place for the signature of a tool call, so all of them go as one text of hidden reasoning, a line for each:
 *
 *     gemini:PLACE:SIGNATURE\n
 *
 * PLACE is the number of a tool call, "thought" (the reasoning), "text" (the text), or "end" (an empty text part that
 * closes the turn, as streams have it). Hidden reasoning that does not begin so belongs to another format.
 */
#ifndef LLMC_GEMINI_CODEC_H
#define LLMC_GEMINI_CODEC_H

#include "provider/encoding.h"
#include "provider/usage.h"

/* Begins the ids that we make up for calls that came without one: they are not sent back. */
#define LLMC_GEMINI_MADE_UP "llmc_"

/* What came so far. */
typedef struct llmc_gemini_figures {
    llmc_usage_counts counts; /* prompt: without what tools added; no audio_in */
    int64_t tool_prompt, prompt_audio, cached_audio;
} llmc_gemini_figures;
void llmc_gemini_figures_init(llmc_gemini_figures *figures);
/* A usageMetadata, raw; none is fine. */
llmcost_status llmc_gemini_decode_usage(llmc_decoder *decoder, llmc_gemini_figures *figures, const llmc_json_span *usage);

/* The whole answer to any operation but a chat (gemini_lists.c). */
llmcost_status llmc_gemini_decode_list(llmc_decoder *decoder, const llmc_frame *frame);

/* "gemini-2.5-pro", "models/gemini-3-flash-preview": 25, 30; 0: not told, which is taken for the newest. */
int llmc_gemini_generation(const char *model);
/* Whether it takes levels of thinking, signs its calls and gives them ids: the 3rd generation and what we cannot place. */
bool llmc_gemini_is_new(const char *model);

/* systemInstruction and contents (gemini_contents.c). */
llmcost_status llmc_gemini_check_messages(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
void llmc_gemini_write_contents(llmc_encoding *encoding);

llmcost_status llmc_gemini_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_gemini_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

#endif
