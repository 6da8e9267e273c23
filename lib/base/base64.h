/* Reading base64 (RFC 4648, the standard alphabet). Writing it is the JSON writer's, straight into its buffer. */
#ifndef LLMC_BASE64_H
#define LLMC_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* out: room for bytes / 4 * 3 + 3. Padding may be missing, must be right where it is; no white space. false: no base64. */
bool llmc_base64_decode(const char *text, size_t bytes, unsigned char *out, size_t *out_bytes);

#endif
