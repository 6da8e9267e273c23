/* The options that a client is opened with, in this library's own layout. */
#ifndef LLMC_OPTIONS_H
#define LLMC_OPTIONS_H

#include <llmcost/llmcost.h>

/*
 * from over the defaults; NULL: the defaults. *to is complete in our layout, its allocator NULL or whole, its clock NULL
 * or whole. E_MISUSE: a size that no version has, a field that we do not know, half an allocator, half a clock, a log
 * level that does not exist; *to is the defaults then, with from's error pointer where it can be told.
 */
llmcost_status llmc_options_import(const llmcost_options *from, llmcost_options *to);
/* A transport of another version's size over zero. E_MISUSE: a function is missing, or it holds what we do not know. */
llmcost_status llmc_transport_import(const struct llmcost_transport *from, struct llmcost_transport *to);

#endif
