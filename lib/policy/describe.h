/* A route as a tree in plain text, for people. */
#ifndef LLMC_DESCRIBE_H
#define LLMC_DESCRIBE_H

#include "base/buffer.h"
#include "policy/route.h"

/* "faq: cascade, ...", and a line for each step under it, numbered and indented. */
void llmc_route_describe(const char *name, const llmc_route *route, llmc_buffer *out);

/* Of a choose, and of each of its steps before the step's own name (describe_choose.c). */
void llmc_describe_choose(const llmc_route *route, llmc_buffer *out);
void llmc_describe_rule(const llmc_route *route, size_t step, llmc_buffer *out);

#endif
