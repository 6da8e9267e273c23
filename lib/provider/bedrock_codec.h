/* What the parts of the Bedrock codec share: its descriptor (bedrock.c), what it refuses (bedrock_check.c), what it sends (bedrock_encode.c). */
#ifndef LLMC_BEDROCK_CODEC_H
#define LLMC_BEDROCK_CODEC_H

#include "provider/codec.h"

llmcost_status llmc_bedrock_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_bedrock_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

/* Whose model it is; HIDDEN: an account's own profile, which does not tell ("arn:...:application-inference-profile/x1y2"). */
typedef enum llmc_bedrock_family { LLMC_BEDROCK_OTHER = 0, LLMC_BEDROCK_CLAUDE, LLMC_BEDROCK_NOVA, LLMC_BEDROCK_OPENAI, LLMC_BEDROCK_HIDDEN } llmc_bedrock_family;

llmc_bedrock_family llmc_bedrock_family_of(const char *model);
bool llmc_bedrock_takes_marks(llmc_bedrock_family family);
bool llmc_bedrock_may_be_claude(llmc_bedrock_family family);
bool llmc_bedrock_is_document(const llmcost_part *part);
/* The format's name of a media type of such a part; NULL: it has none. */
const char *llmc_bedrock_format_of(const llmcost_part *part, const char *media_type);

#endif
