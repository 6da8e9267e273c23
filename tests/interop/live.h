/* What the parts of the live run share. */
#ifndef INTEROP_LIVE_H
#define INTEROP_LIVE_H

#include <llmcost/llmcost.h>

/* Earlier turns of a talk: the model is no chat model and often ends at once, these give it something to say. */
typedef struct talk {
    llmcost_message messages[7];
    llmcost_tag tag;
} talk;

void expect(int good, const char *what);
llmcost_request question(talk *turns, const char *text, int64_t max_tokens);

void tools(llmcost_client *client);    /* live_tools.c */
void cascades(llmcost_client *client); /* live_cascade.c */

#endif
