/* Whether a JSON text follows a JSON Schema: the keywords that structured output is made of. */
#ifndef LLMC_JSON_SCHEMA_H
#define LLMC_JSON_SCHEMA_H

#include "base/error.h"

/*
 * Judged: type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems, maxItems,
 * minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf, allOf, not, and $ref within
 * the document. Others (pattern, format, ...) are taken as followed. schema NULL: any JSON object.
 *
 * LLMCOST_OK; E_MALFORMED with a reason such as "/items/0/price is no number", of at most 199 bytes; E_MEMORY.
 */
llmcost_status llmc_json_schema_check(const char *schema, const char *text, size_t bytes, char reason[200]);

#endif
