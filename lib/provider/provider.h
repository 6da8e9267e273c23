/* A configured provider: a preset with the config's keys, base URL and limits laid over it. Immutable once the client is open. */
#ifndef LLMC_PROVIDER_H
#define LLMC_PROVIDER_H

#include "provider/presets.h"

#include <stdatomic.h>

/* "my-deployment" is "gpt-4o". */
typedef struct llmc_model_alias {
    const char *name, *model;
} llmc_model_alias;

/* "breaker": when a target counts as failing (policy/target.c). */
typedef struct llmc_breaker_rules {
    bool off;
    bool strict;             /* "alone": a call with no other target is refused as any other */
    bool slow_whole;         /* "slow_until": the whole answer counts; else its first byte */
    bool rate_limits;        /* rate limits count as failures */
    int32_t min_calls, failed_permille, window_ms;
    int32_t slow_ms, slow_permille; /* slow_ms 0: no call is slow */
    int32_t open_ms, max_open_ms, probes;
} llmc_breaker_rules;

enum { LLMC_RETRY_STOCK = 20000 }; /* thousandths of a retry that a provider's stock holds at most, and at the start */

typedef enum llmc_key_order { LLMC_KEYS_ROUND_ROBIN = 0, LLMC_KEYS_LEAST_USED = 1, LLMC_KEYS_REMAINING = 2 } llmc_key_order;

/* "limits": what each key may send to each model. */
typedef struct llmc_limits {
    const char *model;           /* NULL: every model that has none of its own */
    int64_t requests_per_minute, tokens_per_minute, in_flight; /* 0: not limited */
    int32_t wait_ms;             /* how long a call queues */
    bool learn;                  /* by what the provider tells of its limits, too */
} llmc_limits;

enum { LLMC_PROVIDER_HEADERS = 16 };

typedef struct llmc_provider {
    const char *name;            /* "kimi" in "kimi/kimi-k2" */
    const llmc_preset *preset;
    const llmc_codec *codec;
    const char *base_url;        /* without a slash at the end; http(s) only */
    const char *catalog;         /* provider name in the price catalog */
    const char *currency;
    int64_t exchange_nano;       /* of its currency: ledger units per unit times 1e9; 0: the config has no rate for it */
    llmc_auth auth;
    const struct llmc_route *exchange; /* where a pair becomes a token; NULL: nowhere */
    llmc_credential *credentials; /* credential_count of them; may be none for a local server */
    size_t credential_count;
    struct llmc_key_pool *pool;   /* how they fare; NULL: none, or no client is open */
    int32_t key_order;           /* llmc_key_order */
    int32_t quota_retry_ms;      /* when a key without money is tried again; 0: it is never out */
    const llmc_limits *limits;   /* the first for models without any of their own; NULL: none */
    size_t limit_count;
    const char *resource, *region, *project, *location; /* settings that the base URL was made with; NULL: not needed */
    const char *token_url;       /* where a pair is exchanged; NULL: where the provider's is */
    const char *api_version;     /* Azure's classic form; NULL: none */
    const llmc_model_alias *models; /* names of ours (deployments, endpoints) and the models they are; for prices */
    size_t model_count;
    const char *const *headers;  /* extra "Name: value", header_count of them, at most LLMC_PROVIDER_HEADERS */
    size_t header_count;
    uint64_t quirks;
    bool free_of_charge;
    bool allow_plain_http_key;   /* "send_key_over_plain_http": the host says so by name */
    bool loopback;               /* the base URL's host is this machine */
    bool drain_on_abort;         /* "on_abort": "drain" reads on to the usage; else cancel and estimate */
    int32_t drain_ms;            /* how long that may take; 0: no limit but the time-outs */
    int32_t connect_ms, first_byte_ms, idle_ms; /* 0: none */
    int64_t max_response_bytes;
    int32_t max_connections;     /* to this host, per driver */
    const char *proxy;           /* NULL: libcurl's default (environment) ; "" none */
    const char *ca_file;         /* NULL: the system's */
    bool insecure_tls;           /* "accept_any_certificate": true, never by accident */
    int32_t retries;             /* attempts after the first */
    int32_t retry_wait_ms;       /* a provider that asks for a longer wait is not asked again */
    int32_t failover_wait_ms;    /* the same, where a further target can be asked instead */
    int32_t retry_permille;      /* "retry_budget": what a first attempt earns of a retry; 0: retries are not counted */
    atomic_int *retry_stock;     /* what is left, in thousandths of a retry; NULL: not counted */
    llmc_breaker_rules breaker;
    int32_t health_check_ms;     /* how long the result of an active check is good; 0: no such checks */
} llmc_provider;

#endif
