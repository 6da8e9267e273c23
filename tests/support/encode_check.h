/* Encoders in tests: a request through check and encode, the body compared as a tree. */
#ifndef TESTS_ENCODE_CHECK_H
#define TESTS_ENCODE_CHECK_H

#include "provider/presets.h"

/* A target of a preset by name; quirks as the preset's. */
llmc_codec_target target_of(const char *preset, const char *model, bool stream);
/* All defaults but these messages. */
llmcost_request request_of(const llmcost_message *messages, uint32_t count);
/* check and encode succeed, and the body equals this JSON. */
void expect_body(const llmc_codec_target *target, const llmcost_request *request, const char *json);
/* The same for any operation, with method and path, and no header but Anthropic's version; json NULL: no body. */
void expect_encoded(const llmc_codec_target *target, llmc_operation_id operation, const llmcost_request *request, const char *method, const char *path, const char *json);
/* check refuses, and the message names the field and the provider. */
void expect_unsupported(const llmc_codec_target *target, const llmcost_request *request, const char *field);
/* encode refuses with E_INVALID, and the message holds these words. */
void expect_invalid(const llmc_codec_target *target, const llmcost_request *request, const char *words);
/* Fails each allocation of check and encode in turn; nothing may leak. */
void expect_clean_without_memory(const llmc_codec_target *target, const llmcost_request *request);

#endif
