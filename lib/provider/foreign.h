/*
 * Members of extra that are OpenAI's own and have no field in a request, on their way into other formats: hosts of those
 * refuse the whole request for them, or take no notice. So they are checked like the request's fields.
 */
#ifndef LLMC_FOREIGN_H
#define LLMC_FOREIGN_H

#include "provider/encoding.h"

/* E_UNSUPPORTED for the first that asks for something which the format cannot say. known: those that it can; NULL-ended. */
llmcost_status llmc_check_foreign(const char *const *known, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
/* Whether this member has no place in a format that knows those: it is OpenAI's, and asks for nothing, or is unknown there. */
bool llmc_foreign_is_left_out(const char *const *known, const llmc_json_key *key, const llmc_json_span *value);
/* A member that stands elsewhere in the format, and is taken out of the top level. false: there is none, or it asks for nothing. */
bool llmc_encoding_take_foreign(llmc_encoding *encoding, const char *name, llmc_json_span *value);

#endif
