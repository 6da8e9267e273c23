/*
 * The same work by hand: libcurl's easy and multi interface, JSON written into a buffer and read by looking for what is
 * wanted. It escapes with the same sixteen-at-a-time scan as the library: a slower baseline would flatter.
 */
#include "bench.h"

#include "wire/scan.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct raw_call {
    CURL *easy;
    char *body;             /* grows once */
    char *answer;
    size_t answer_bytes, answer_capacity;
    char text[4096];
    size_t text_bytes;
    long prompt_tokens, completion_tokens;
} raw_call;

static raw_call single, flights[BENCH_IN_FLIGHT];
static CURLM *multi;
static struct curl_slist *headers;
static char *prompt, chat_url[256], trusted[600];
static size_t prompt_bytes;
static uint64_t serial;

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    raw_call *call = user;
    size_t length = size * count;
    if (call->answer_bytes + length + 1 > call->answer_capacity) {
        call->answer_capacity = 2 * (call->answer_bytes + length + 1);
        call->answer = realloc(call->answer, call->answer_capacity);
    }
    memcpy(call->answer + call->answer_bytes, bytes, length);
    call->answer_bytes += length;
    return length;
}

static size_t escape(char *out, const char *text, size_t bytes)
{
    static const char hex[] = "0123456789abcdef";
    char *at = out;
    const char *end = text + bytes;
    while (text < end) {
        const char *mark = llmc_scan_escape(text, end);
        memcpy(at, text, (size_t)(mark - text));
        at += mark - text;
        if (mark == end)
            break;
        *at++ = '\\';
        if (*mark == '"' || *mark == '\\') {
            *at++ = *mark;
        } else {
            memcpy(at, "u00", 3);
            at[3] = hex[(unsigned char)*mark >> 4];
            at[4] = hex[*mark & 15];
            at += 5;
        }
        text = mark + 1;
    }
    return (size_t)(at - out);
}

/* The usual escapes; a hand-written loop that expects plain answers stops there. */
static void read_text(raw_call *call, const char *at, const char *end)
{
    char *out = call->text, *room = call->text + sizeof call->text - 1;
    while (at < end && *at != '"' && out < room) {
        const char *mark = llmc_scan_string(at, end);
        size_t run = (size_t)(mark - at) < (size_t)(room - out) ? (size_t)(mark - at) : (size_t)(room - out);
        memcpy(out, at, run);
        out += run;
        at = mark;
        if (at + 1 < end && *at == '\\') {
            *out++ = at[1] == 'n' ? '\n' : at[1] == 't' ? '\t' : at[1];
            at += 2;
        } else if (at < end && *at != '"') {
            *out++ = *at++;
        }
    }
    *out = '\0';
    call->text_bytes = (size_t)(out - call->text);
}

static const char *behind(const raw_call *call, const char *name)
{
    const char *at = memmem(call->answer, call->answer_bytes, name, strlen(name));
    return at ? at + strlen(name) : NULL;
}

static void read_answer(raw_call *call)
{
    if (!call->answer_bytes)
        bench_die("a raw call", "no answer");
    call->answer[call->answer_bytes] = '\0';
    const char *text = behind(call, "\"content\":\"");
    if (!text)
        text = behind(call, "\"content\": \"");
    const char *prompt_at = behind(call, "\"prompt_tokens\":"), *completion_at = behind(call, "\"completion_tokens\":");
    if (!text || !prompt_at || !completion_at)
        bench_die("a raw call", call->answer);
    read_text(call, text, call->answer + call->answer_bytes);
    call->prompt_tokens = strtol(prompt_at, NULL, 10);
    call->completion_tokens = strtol(completion_at, NULL, 10);
    if (call->text_bytes != BENCH_ANSWER_BYTES || call->prompt_tokens <= 0)
        bench_die("a raw call", "another text was expected");
}

static void write_request(raw_call *call)
{
    static const char before[] = "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"";
    static const char after[] = "\"}],\"max_completion_tokens\":512}";
    char number[17];
    snprintf(number, sizeof number, "%016llx", (unsigned long long)++serial);
    memcpy(prompt, number, 16);
    char *at = call->body;
    memcpy(at, before, sizeof before - 1);
    at += sizeof before - 1;
    at += escape(at, prompt, prompt_bytes);
    memcpy(at, after, sizeof after - 1);
    at += sizeof after - 1;
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(at - call->body));
    call->answer_bytes = 0;
}

static void open_call(raw_call *call)
{
    call->easy = curl_easy_init();
    call->body = malloc(6 * prompt_bytes + 256);
    curl_easy_setopt(call->easy, CURLOPT_URL, chat_url);
    curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(call->easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    if (trusted[0]) {
        curl_easy_setopt(call->easy, CURLOPT_CAINFO, trusted);
        curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL); /* else libcurl does not share the parsed store */
    }
}

void bench_raw_open(const char *url, const char *ca_file, size_t bytes)
{
    snprintf(chat_url, sizeof chat_url, "%s/v1/chat/completions", url);
    snprintf(trusted, sizeof trusted, "%s", ca_file ? ca_file : "");
    prompt_bytes = bytes;
    prompt = malloc(bytes + 1);
    bench_text(prompt, bytes, serial);
    static const char *const lines[] = { "Authorization: Bearer sk-bench-0123456789abcdef", "Content-Type: application/json", "Accept: application/json", "Expect:" };
    headers = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        headers = curl_slist_append(headers, lines[i]);
    open_call(&single);
}

void bench_raw_calls(size_t n)
{
    while (n--) {
        write_request(&single);
        CURLcode code = curl_easy_perform(single.easy);
        if (code != CURLE_OK)
            bench_die("a raw call", curl_easy_strerror(code));
        read_answer(&single);
    }
}

static void open_flights(void)
{
    multi = curl_multi_init();
    for (int i = 0; i < BENCH_IN_FLIGHT; i++)
        open_call(&flights[i]);
}

static void take_off(raw_call *call)
{
    write_request(call);
    curl_multi_add_handle(multi, call->easy);
}

static size_t land(size_t *to_start)
{
    size_t landed = 0;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi, &left))) {
        raw_call *call = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        if (message->data.result != CURLE_OK)
            bench_die("a raw call", curl_easy_strerror(message->data.result));
        curl_multi_remove_handle(multi, call->easy);
        read_answer(call);
        landed++;
        if (*to_start) {
            --*to_start;
            take_off(call);
        }
    }
    return landed;
}

void bench_raw_flights(size_t n)
{
    int running;
    if (!multi)
        open_flights();
    size_t to_start = n > BENCH_IN_FLIGHT ? n - BENCH_IN_FLIGHT : 0, landed = 0;
    for (size_t i = 0; i < n && i < BENCH_IN_FLIGHT; i++)
        take_off(&flights[i]);
    while (landed < n) {
        curl_multi_perform(multi, &running);
        size_t now = land(&to_start);
        landed += now;
        if (!now && landed < n)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

static void close_call(raw_call *call)
{
    curl_easy_cleanup(call->easy);
    free(call->body);
    free(call->answer);
    *call = (raw_call){ 0 };
}

void bench_raw_close(void)
{
    close_call(&single);
    for (int i = 0; multi && i < BENCH_IN_FLIGHT; i++)
        close_call(&flights[i]);
    if (multi)
        curl_multi_cleanup(multi);
    multi = NULL;
    curl_slist_free_all(headers);
    free(prompt);
}
