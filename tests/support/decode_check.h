/* Decoders in tests: bodies through the codec in every way, against the list of events that they must become. */
#ifndef TESTS_DECODE_CHECK_H
#define TESTS_DECODE_CHECK_H

#include "codec_replay.h"

/* The body becomes exactly this log (codec_replay's), whole, at every split point and byte by byte. */
void expect_events(const replay_how *how, const char *body, llmcost_status status, const char *log);
/* Only the status; the same at every split point. */
void expect_status(const replay_how *how, const char *body, llmcost_status status);
/* Fails each allocation of a decoder in turn: E_MEMORY or the right answer, nothing leaks. */
void expect_decoder_clean_without_memory(const replay_how *how, const char *body);
/* The receiver stops at each event in turn: E_CANCELLED, nothing leaks. */
void expect_stoppable(const replay_how *how, const char *body);

/* The same for bodies that are no text. */
void expect_events_of_bytes(const replay_how *how, const char *body, size_t bytes, llmcost_status status, const char *log);
void expect_status_of_bytes(const replay_how *how, const char *body, size_t bytes, llmcost_status status);
void expect_decoder_of_bytes_clean_without_memory(const replay_how *how, const char *body, size_t bytes);
void expect_stoppable_bytes(const replay_how *how, const char *body, size_t bytes);

#endif
