/* What the bench's files share: pairs of the same work, done by the library and by hand. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llmcost/llmcost.h>

/* One work twice. `open` makes both sides ready; `ours` and `raw` do it n times. url: of the loopback provider. */
typedef struct bench_pair {
    const char *name;      /* for `bench count` */
    const char *what;      /* for the table */
    double gate;           /* ours / raw, at most */
    size_t per_round;
    void (*open)(const char *url);
    void (*ours)(size_t n);
    void (*raw)(size_t n);
    void (*close)(void);
} bench_pair;

extern const bench_pair bench_pairs[];
extern const size_t bench_pair_count;

enum { BENCH_IN_FLIGHT = 64, BENCH_ANSWER_BYTES = 600, BENCH_CHUNKS = 256 };

_Noreturn void bench_die(const char *what, const char *why);
void bench_text(char *out, size_t bytes, uint64_t number); /* plain prose of so many bytes that begins with the number, ended by a zero byte */

/* ---- bench_ours.c ---- */
extern const char *bench_cache; /* its max_bytes: small, so that it is full soon and calls cost what they cost later */
llmcost_client *bench_client(const char *url, const char *ca_file, const llmcost_allocator *allocator); /* every policy on */
void bench_ours_open(const char *url, size_t prompt_bytes);
void bench_ours_calls(size_t n);   /* each with a prompt never seen before */
void bench_ours_hits(size_t n);    /* the same prompt */
void bench_ours_flights(size_t n); /* BENCH_IN_FLIGHT at once on a loop */
void bench_ours_close(void);
llmcost_client *bench_ours_client(void);

/* ---- bench_routes.c: a route and a plain call on a network that answers at once ---- */
void bench_fallback_open(const char *url);
void bench_split_open(const char *url);
void bench_route_calls(size_t n);
void bench_plain_calls(size_t n);
void bench_routes_close(void);

/* ---- bench_raw.c ---- */
void bench_raw_open(const char *url, const char *ca_file, size_t prompt_bytes);
void bench_raw_calls(size_t n);
void bench_raw_flights(size_t n);
void bench_raw_close(void);

/* ---- bench_jansson.c: with a JSON library instead of by hand ---- */
void bench_jansson_open(const char *url, size_t prompt_bytes);
void bench_jansson_calls(size_t n);
void bench_jansson_close(void);

#endif
