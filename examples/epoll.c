/* Many calls in flight on one thread, inside a program's own epoll loop: the library is one descriptor in it. */
#include "loopback.h"

#include <sys/epoll.h>

enum { CALLS = 20 };

static void on_done(uint64_t call, llmcost_response *response, void *user)
{
    int *answered = user;
    (void)call;
    *answered += llmcost_response_status(response) == LLMCOST_OK;
    llmcost_response_free(response);
}

static int submit(llmcost_loop *loop, int *answered)
{
    llmcost_message message = { .role = LLMCOST_USER, .text = "Is parcel 4711 on its way?" };
    llmcost_request request = LLMCOST_REQUEST_INIT;
    request.model = "faq";
    request.messages = &message;
    request.message_count = 1; /* copied: all of it may go out of scope */
    return llmcost_loop_submit(loop, &request, NULL, on_done, answered, NULL) == LLMCOST_OK;
}

int main(int count, char **arguments)
{
    llmcost_client *client = open_example(count, arguments, "{\"default\": {\"reply\": {\"text\": \"Yes.\"}, \"delay_ms\": 100}}",
                                          "\"models\": {\"faq\": \"openai/gpt-4o-mini\"}");
    llmcost_loop *loop = NULL;
    int answered = 0, submitted = 0, waits = 0, epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || llmcost_loop_open(client, &loop) != LLMCOST_OK)
        return 1;
    struct epoll_event event = { .events = EPOLLIN };
    epoll_ctl(epoll, EPOLL_CTL_ADD, llmcost_loop_descriptor(loop), &event);
    while (submitted < CALLS && submit(loop, &answered))
        submitted++;
    while (llmcost_loop_pending(loop) > 0) {
        epoll_wait(epoll, &event, 1, llmcost_loop_timeout_ms(loop)); /* the program's own descriptors would be here too */
        llmcost_loop_poll(loop, 0);
        waits++;
    }
    printf("%d of %d answered, %s\n", answered, CALLS, waits < 500 ? "asleep while waiting" : "busy while waiting");
    llmcost_loop_close(loop);
    close_example(client);
    return answered != CALLS;
}
