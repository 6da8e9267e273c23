/* A recorded exchange, as a folder holds it: response.meta.json says what response.body is. */
#ifndef REPLAY_EXCHANGE_H
#define REPLAY_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

typedef struct exchange {
    char *provider, *name; /* of the folders */
    json_t *meta;          /* an object, perhaps an empty one */
    char *body;
    size_t bytes;
    char flaw[200];        /* why it cannot be read; "": it can */
} exchange;

/* folder/provider/name; never fails: what is wrong is in flaw. */
void exchange_read(exchange *e, const char *folder, const char *provider, const char *name);
void exchange_free(exchange *e);

/* A member of meta; "" and 0 where it is missing or of another type. */
const char *exchange_text(const exchange *e, const char *member);
long exchange_number(const exchange *e, const char *member);

#endif
