#include "decode_check.h"

#include "nth_failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void same(const replay *wanted, replay *got)
{
    assert_int_equal(got->status, wanted->status);
    assert_string_equal(got->log, wanted->log);
    replay_free(got);
}

static void split_everywhere(const replay_how *how, const char *body, size_t bytes, const replay *wanted)
{
    replay got;
    for (size_t i = 1; how->stream && i < bytes; i++) {
        replay_split(&got, how, body, bytes, i);
        same(wanted, &got);
    }
    replay_by(&got, how, body, bytes, 1);
    same(wanted, &got);
}

void expect_events_of_bytes(const replay_how *how, const char *body, size_t bytes, llmcost_status status, const char *log)
{
    replay r;
    replay_whole(&r, how, body, bytes);
    if (r.status != status)
        fail_msg("%s: %s", llmcost_status_name(r.status), llmcost_error_message(&r.error));
    assert_string_equal(r.log, log);
    if (status)
        assert_int_equal(r.error.status, status);
    split_everywhere(how, body, bytes, &r);
    replay_free(&r);
}

void expect_events(const replay_how *how, const char *body, llmcost_status status, const char *log)
{
    expect_events_of_bytes(how, body, strlen(body), status, log);
}

void expect_status_of_bytes(const replay_how *how, const char *body, size_t bytes, llmcost_status status)
{
    replay r;
    replay_whole(&r, how, body, bytes);
    if (r.status != status)
        fail_msg("%.*s\n%s: %s", (int)bytes, body, llmcost_status_name(r.status), llmcost_error_message(&r.error));
    if (status) {
        assert_int_equal(r.error.status, status);
        assert_true(llmcost_error_message(&r.error)[0]);
    }
    split_everywhere(how, body, bytes, &r);
    replay_free(&r);
}

void expect_status(const replay_how *how, const char *body, llmcost_status status)
{
    expect_status_of_bytes(how, body, strlen(body), status);
}

void expect_decoder_of_bytes_clean_without_memory(const replay_how *how, const char *body, size_t bytes)
{
    replay wanted, got;
    replay_whole(&wanted, how, body, bytes);
    for (long n = 1;; n++) {
        nth_failure failure = { .fail_at = n };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        replay_how failing = *how;
        failing.allocator = &allocator;
        replay_by(&got, &failing, body, bytes, 7);
        bool done = failure.allocations < n;
        /* Without memory for an error's text the status is the same, so that a body that fails may go on failing. */
        if (got.status != LLMCOST_E_MEMORY)
            assert_int_equal(got.status, wanted.status);
        if (done)
            assert_string_equal(got.log, wanted.log);
        replay_free(&got);
        assert_int_equal(failure.live, 0);
        if (done)
            break;
    }
    replay_free(&wanted);
}

void expect_decoder_clean_without_memory(const replay_how *how, const char *body)
{
    expect_decoder_of_bytes_clean_without_memory(how, body, strlen(body));
}

void expect_stoppable_bytes(const replay_how *how, const char *body, size_t bytes)
{
    replay r;
    replay_whole(&r, how, body, bytes);
    unsigned events = r.events;
    replay_free(&r);
    assert_true(events > 0);
    for (unsigned i = 1; i <= events; i++) {
        replay_how stopping = *how;
        stopping.stop_after = i;
        replay_whole(&r, &stopping, body, bytes);
        assert_int_equal(r.status, LLMCOST_E_CANCELLED);
        assert_int_equal(r.events, i);
        replay_free(&r);
    }
}

void expect_stoppable(const replay_how *how, const char *body)
{
    expect_stoppable_bytes(how, body, strlen(body));
}
