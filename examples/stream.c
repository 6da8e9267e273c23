/* An answer piece by piece. Not calling next pauses the transfer; closing early cancels what is still under way. */
#include "loopback.h"

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments,
        "{\"default\": {\"reply\": {\"text\": \"Parcels are sorted at night and leave in the morning.\"}, \"chunk_bytes\": 8, \"chunk_delay_ms\": 5}}",
        "\"models\": {\"faq\": \"openai/gpt-4o-mini\"}");
    llmcost_message message = { .role = LLMCOST_USER, .text = "When does my parcel leave?" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    llmcost_stream *stream = NULL;
    llmcost_response *response = NULL;
    const llmcost_event *event = NULL;
    request.model = "faq";
    request.messages = &message;
    request.message_count = 1;

    if (llmcost_stream_open(client, &request, &stream) != LLMCOST_OK)
        return 1;
    while (llmcost_stream_next(stream, &event) == LLMCOST_OK && event) {
        if (llmcost_event_get_kind(event) == LLMCOST_EVENT_TEXT)
            printf("[%s]", llmcost_event_text(event, NULL));
    }
    llmcost_status status = llmcost_stream_finish(stream, &response);
    printf("\nended with %s: %s\n", llmcost_finish_name(llmcost_response_finish(response, 0)), llmcost_response_summary(response));
    llmcost_response_free(response);
    llmcost_stream_close(stream);
    close_example(client);
    return status != LLMCOST_OK;
}
