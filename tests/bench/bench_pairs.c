/* The works that are measured, each with the library's way and the bare way. */
#include "bench.h"

#include "base/memory.h"
#include "money/accounts.h"
#include "provider/answer.h"
#include "provider/codec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { KB = 1024 };

_Noreturn void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why ? why : "?");
    exit(2);
}

void bench_text(char *out, size_t bytes, uint64_t number)
{
    static const char prose[] = "A customer asks how long a parcel takes and whether the invoice can be had as a file. Answer briefly and kindly. ";
    char head[17];
    for (size_t i = 0; i < bytes; i++)
        out[i] = prose[i % (sizeof prose - 1)];
    snprintf(head, sizeof head, "%016llx", (unsigned long long)number);
    memcpy(out, head, bytes < 16 ? bytes : 16);
    out[bytes] = '\0';
}

/* ---- calls ---- */

static void open_1(const char *url)
{
    bench_ours_open(url, KB);
    bench_raw_open(url, NULL, KB);
}

static void open_16(const char *url)
{
    bench_ours_open(url, 16 * KB);
    bench_raw_open(url, NULL, 16 * KB);
}

static void close_both(void)
{
    bench_ours_close();
    bench_raw_close();
}

static void open_jansson_1(const char *url)
{
    bench_ours_open(url, KB);
    bench_jansson_open(url, KB);
}

static void open_jansson_16(const char *url)
{
    bench_ours_open(url, 16 * KB);
    bench_jansson_open(url, 16 * KB);
}

static void close_jansson(void)
{
    bench_ours_close();
    bench_jansson_close();
}

/* ---- an exact hit: a bare table of whole requests ---- */

typedef struct bare_entry {
    XXH128_hash_t hash;
    char *key;
    size_t bytes;
} bare_entry;

enum { BARE_SLOTS = 1024 };
static bare_entry bare[BARE_SLOTS];
static char bare_request[KB], bare_copy[KB];

static const bare_entry *bare_find(const char *key, size_t bytes)
{
    XXH128_hash_t hash = XXH3_128bits(key, bytes);
    for (size_t at = hash.low64 % BARE_SLOTS; bare[at].key; at = (at + 1) % BARE_SLOTS) {
        if (XXH128_isEqual(bare[at].hash, hash) && bare[at].bytes == bytes && memcmp(bare[at].key, key, bytes) == 0)
            return &bare[at];
    }
    return NULL;
}

static void bare_add(uint64_t number)
{
    char key[KB + 1];
    bench_text(key, KB, number);
    XXH128_hash_t hash = XXH3_128bits(key, KB);
    size_t at = hash.low64 % BARE_SLOTS;
    while (bare[at].key)
        at = (at + 1) % BARE_SLOTS;
    bare[at] = (bare_entry){ hash, malloc(KB), KB };
    memcpy(bare[at].key, key, KB);
    memcpy(bare_request, key, KB);
}

static void open_hit(const char *url)
{
    open_1(url);
    bench_ours_calls(1); /* what the hits find */
    for (uint64_t i = 0; i < BARE_SLOTS / 4; i++)
        bare_add(i);
}

static void bare_hits(size_t n)
{
    while (n--) {
        const bare_entry *found = bare_find(bare_request, KB);
        if (!found)
            bench_die("the bare table", "no entry");
        memcpy(bare_copy, found->key, found->bytes);
        __asm__ volatile("" : : "r"(bare_copy) : "memory"); /* the copy is wanted */
    }
}

static void close_hit(void)
{
    close_both();
    for (size_t i = 0; i < BARE_SLOTS; i++)
        free(bare[i].key);
    memset(bare, 0, sizeof bare);
}

/* ---- a streamed chunk ---- */

static char *stream;
static size_t stream_bytes, pieces;
enum { PIECE_BYTES = 1400 }; /* as a network brings it */

static void open_chunks(const char *url)
{
    (void)url;
    static const char chunk[] = "data: {\"id\":\"chatcmpl-bench0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"gpt-4o-mini-2024-07-18\","
                                "\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" parcel\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
    stream = malloc(BENCH_CHUNKS * sizeof chunk);
    stream_bytes = 0;
    for (int i = 0; i < BENCH_CHUNKS; i++, stream_bytes += sizeof chunk - 1)
        memcpy(stream + stream_bytes, chunk, sizeof chunk - 1);
}

static bool take_event(void *user, const llmcost_event *event)
{
    if (event->kind == LLMCOST_EVENT_TEXT)
        pieces++;
    return llmc_answer_builder_add(user, event);
}

static bool take_frame(const llmc_frame *frame, void *user)
{
    llmc_decoder *decoder = user;
    return decoder->codec->decode_frame(decoder, frame) == LLMCOST_OK;
}

/* What wire.c does with a body: framing, codec, and the answer that is kept. */
static void decode_stream(void)
{
    const llmc_codec *codec = &llmc_codec_openai;
    llmc_decoder decoder = { 0 };
    llmc_answer_builder builder;
    llmcost_error error;
    void *framing = calloc(1, codec->stream_framing->state_bytes), *state = calloc(1, codec->decoder_bytes);
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_answer_builder_init(&builder, &llmc_allocator_system, 1 << 20);
    codec->stream_framing->init(framing, &llmc_allocator_system, 1 << 20);
    llmc_decoder_begin(&decoder, codec, LLMC_OP_CHAT, &llmc_allocator_system, 0, true, 200, take_event, &builder, &error, state);
    for (size_t at = 0; at < stream_bytes; at += PIECE_BYTES) {
        size_t length = stream_bytes - at < PIECE_BYTES ? stream_bytes - at : PIECE_BYTES;
        codec->stream_framing->feed(framing, stream + at, length, take_frame, &decoder);
    }
    llmc_decoder_free(&decoder);
    codec->stream_framing->free(framing);
    llmc_answer_builder_free(&builder);
    llmc_error_clear(&error);
    free(framing);
    free(state);
}

static void decode_chunks(size_t n)
{
    pieces = 0;
    size_t wanted = n / BENCH_CHUNKS * BENCH_CHUNKS;
    for (size_t i = 0; i < n / BENCH_CHUNKS; i++)
        decode_stream();
    if (pieces != wanted)
        bench_die("the stream's decoder", "chunks are missing");
}

/* Byte by byte into a line, as a hand-written reader does it that takes pieces of any size; then "data: " and the text. */
static void split_lines(size_t n)
{
    size_t found = 0;
    for (size_t round = 0; round < n / BENCH_CHUNKS; round++) {
        char line[1024];
        size_t length = 0;
        for (size_t i = 0; i < stream_bytes; i++) {
            if (stream[i] != '\n') {
                if (length < sizeof line)
                    line[length++] = stream[i];
                continue;
            }
            found += length > 6 && memcmp(line, "data: ", 6) == 0;
            length = 0;
            __asm__ volatile("" : : "r"(line) : "memory");
        }
    }
    if (found != n / BENCH_CHUNKS * BENCH_CHUNKS)
        bench_die("the raw line split", "lines are missing");
}

static void close_chunks(void)
{
    free(stream);
}

/* ---- hold and settle ---- */

static llmc_account_engine *accounts;
static const llmcost_tag any_feature = { "feature", "*" };
static const llmc_budget budgets[] = {
    { .name = "all", .limit_nano = INT64_MAX / 4, .period = LLMC_PERIOD_DAY },
    { .name = "features", .limit_nano = INT64_MAX / 4, .period = LLMC_PERIOD_MONTH, .where = &any_feature, .where_count = 1, .each = "feature", .max_accounts = 1000 },
};
static const llmc_account_ref refs[] = { { 0, NULL }, { 1, "faq" } };

static void no_alert(const llmc_account_alert *alert, void *user)
{
    (void)alert;
    (void)user;
}

typedef struct plain_account {
    char name[16];
    int64_t held, spent, limit;
} plain_account;
enum { PLAIN_ACCOUNTS = 64 };
static plain_account plain[PLAIN_ACCOUNTS];
static pthread_mutex_t plain_lock = PTHREAD_MUTEX_INITIALIZER;

static plain_account *plain_find(const char *name)
{
    size_t at = XXH3_64bits(name, strlen(name)) % PLAIN_ACCOUNTS;
    while (plain[at].name[0] && strcmp(plain[at].name, name) != 0)
        at = (at + 1) % PLAIN_ACCOUNTS;
    if (!plain[at].name[0])
        snprintf(plain[at].name, sizeof plain[at].name, "%s", name);
    return &plain[at];
}

static void open_accounts(const char *url)
{
    (void)url;
    if (llmc_memory_accounts_new(&accounts, &llmc_allocator_system, budgets, 2, no_alert, NULL) != LLMCOST_OK)
        bench_die("the accounts", "no memory");
}

static void granted(void *user, const llmc_hold_reply *reply)
{
    *(llmc_hold_outcome *)user = reply->outcome;
}

static void hold_and_settle(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        llmc_ticket ticket;
        llmc_hold_outcome outcome = LLMC_HOLD_UNAVAILABLE;
        ticket.id[0] = i;
        ticket.id[1] = 1;
        ticket.bound_nano = 1000;
        ticket.state = 0;
        ticket.account_count = 0;
        ticket.engine_data = NULL;
        accounts->hold(accounts, &ticket, refs, 2, 1000, INT64_C(1760000000000), granted, &outcome);
        if (outcome != LLMC_HOLD_GRANTED)
            bench_die("a hold", "refused");
        accounts->settle(accounts, &ticket, 400, NULL, NULL);
    }
}

static void lock_and_look_up(size_t n)
{
    const char *all = "all", *faq = "faq";
    for (size_t i = 0; i < n; i++) {
        __asm__ volatile("" : "+r"(all), "+r"(faq)); /* the names are not known beforehand */
        pthread_mutex_lock(&plain_lock);
        plain_find(all)->spent += 400;
        plain_find(faq)->spent += 400;
        pthread_mutex_unlock(&plain_lock);
    }
}

static void close_accounts(void)
{
    accounts->free(accounts);
}

const bench_pair bench_pairs[] = {
    { "call1", "uncached call, 1 KB prompt", 1.25, 400, open_1, bench_ours_calls, bench_raw_calls, close_both },
    { "call16", "uncached call, 16 KB prompt", 1.25, 400, open_16, bench_ours_calls, bench_raw_calls, close_both },
    { "jansson1", "the same against libcurl + jansson, 1 KB", 1, 400, open_jansson_1, bench_ours_calls, bench_jansson_calls, close_jansson },
    { "jansson16", "the same against libcurl + jansson, 16 KB", 1, 400, open_jansson_16, bench_ours_calls, bench_jansson_calls, close_jansson },
    { "fallback", "fallback of two models / plain call", 1.25, 4000, bench_fallback_open, bench_route_calls, bench_plain_calls, bench_routes_close },
    { "split", "split of two models / plain call", 1.25, 4000, bench_split_open, bench_route_calls, bench_plain_calls, bench_routes_close },
    { "flight", "64 calls in flight, per call", 1.25, 640, open_1, bench_ours_flights, bench_raw_flights, close_both },
    { "chunk", "streamed chunk / raw line split", 4, 64 * BENCH_CHUNKS, open_chunks, decode_chunks, split_lines, close_chunks },
    { "hit", "exact hit / hash, look-up, compare, copy", 5.5, 50000, open_hit, bench_ours_hits, bare_hits, close_hit },
    { "hold", "hold + settle / lock and two look-ups", 4, 100000, open_accounts, hold_and_settle, lock_and_look_up, close_accounts },
};
const size_t bench_pair_count = sizeof bench_pairs / sizeof bench_pairs[0];
