/* The trail of a failed call: what was tried, from the receipt's lines, as JSON for llmcost_error_trail(). */
#include "call/call.h"

#include "wire/json.h"

#include <stdio.h>

static void write_step(llmc_json_writer *writer, const llmc_line *line)
{
    char target[600];
    snprintf(target, sizeof target, "%s%s%s", line->provider, *line->model ? "/" : "", line->model); /* an exchange asks no model */
    llmc_json_write_begin_object(writer);
    llmc_json_write_member_text(writer, "target", target);
    llmc_json_write_member_text(writer, "purpose", line->purpose);
    llmc_json_write_member_text(writer, "status", llmcost_status_name(line->status));
    llmc_json_write_member_text(writer, "message", line->message ? line->message : llmcost_status_text(line->status));
    llmc_json_write_member_integer(writer, "http_status", line->http_status);
    llmc_json_write_member_text(writer, "request_id", line->request_id && *line->request_id ? line->request_id : NULL);
    llmc_json_write_end_object(writer);
}

void llmc_response_set_trail(llmcost_response *response)
{
    enum { LARGEST_TRAIL = 1 << 20 };
    llmc_buffer text;
    llmc_buffer_init(&text, &response->allocator, LARGEST_TRAIL);
    llmc_json_writer writer = { &text, false };
    llmc_json_write_begin_array(&writer);
    for (const llmc_line *line = response->receipt.lines; line; line = line->next) {
        if (*line->provider)
            write_step(&writer, line);
    }
    llmc_json_write_end_array(&writer);
    llmc_free(&response->error.allocator, response->error.trail);
    response->error.trail = llmc_buffer_take(&text);
    llmc_buffer_free(&text);
}
