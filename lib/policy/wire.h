/* What the files of one exchange share: wire.c runs it, wire_head.c writes its request's head, wire_usage.c
 * estimates what was not counted, wire_outcome.c says how it ended. */
#ifndef LLMC_WIRE_H
#define LLMC_WIRE_H

#include "policy/policy.h"
#include "provider/authorize.h"
#include "provider/token.h"

enum { LLMC_WIRE_HEADERS = LLMC_PROVIDER_HEADERS + 16 }; /* and those of the codec and of the signature */

typedef enum llmc_wire_stage { LLMC_WIRE_QUEUED, LLMC_WIRE_CONNECTING, LLMC_WIRE_SENT, LLMC_WIRE_RECEIVING } llmc_wire_stage;

typedef struct llmc_wire {
    llmcost_leg *leg;
    const llmc_provider *provider;
    const llmcost_transport *transport;
    void *transfer;              /* NULL: none under way */
    llmc_driver *driver;
    llmc_workspace *workspace;   /* NULL: none was to be had, or it would keep a secret */
    const llmc_allocator *allocator; /* of the buffers */
    llmc_wiping_memory wiping;   /* for what signs or is a secret as a whole */
    llmc_encoded encoded;
    llmc_buffer head;            /* the URL and the lines made here, each ended by a zero byte; holds the key: wiped */
    const char **headers;        /* room for LLMC_WIRE_HEADERS */
    uint32_t header_count;
    llmc_decoder decoder;
    void *decoder_state;
    const llmc_framing *framing;
    void *framing_state;
    llmc_answer_builder builder;
    llmcost_error answer_error;  /* from headers and bodies */
    llmc_timer timer;
    llmc_rate_limits *limits;    /* NULL: none told */
    llmc_wire_stage stage;
    int32_t http_status;
    uint32_t wait_rank;          /* how exact the wait is that the headers ask for */
    int64_t received, began_ns, stage_ns, answered_wall_ms;
    int64_t prompt_estimate, most_output; /* these and the tier are read when the caller leaves: his request is gone afterwards */
    char tier_asked[sizeof(((llmc_usage *)0)->tier)];
    llmcost_status failure;      /* why we ended the exchange ourselves */
    bool opened, decoding, event_stream, timer_reserved, stopped, concluded, counted;
    bool left;                   /* the caller, with a drain to come: he is shown nothing more */
} llmc_wire;

/* ---- wire_head.c ---- */

/* What the leg shows; NULL: nothing. A leg that no policy gave a credential shows the first. */
const llmc_credential *llmc_wire_credential(const llmc_wire *state);
/* The URL and the header lines, signed where the provider wants that. E_MEMORY, or what signing failed with. */
llmcost_status llmc_wire_make_head(llmc_wire *state);

/* ---- wire_usage.c ---- */

/* An error under HTTP 200 that is as definite as one under 4xx: nothing is billed. */
bool llmc_wire_refused_in_success(const llmc_wire *state);
/* Fills in what the leg's usage lacks, and says so in its flags. */
void llmc_wire_estimate_usage(llmc_wire *state);
/* What estimates need of a request that will be gone. */
void llmc_wire_keep_for_estimates(llmc_wire *state);

/* ---- wire_outcome.c ---- */

/* Usage (estimated where the provider did not tell), cost, answer and receipt line by what is known now; returns the time. */
int64_t llmc_wire_settle(llmc_wire *state);
/* The exchange is over: the leg has its outcome and its bill. */
void llmc_wire_conclude(llmc_wire *state, llmcost_status status, const char *detail);

#endif
