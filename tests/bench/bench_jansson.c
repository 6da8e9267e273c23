/*
 * The same work with a JSON library instead of by hand: libcurl's easy interface, the request built and the answer read with jansson.
 * No policy, no receipt, no check of what is sent.
 */
#include "bench.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CURL *easy;
static struct curl_slist *headers;
static char *prompt, *answer;
static size_t prompt_bytes, answer_bytes;
static uint64_t serial;

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    (void)user;
    answer = realloc(answer, answer_bytes + size * count);
    memcpy(answer + answer_bytes, bytes, size * count);
    answer_bytes += size * count;
    return size * count;
}

void bench_jansson_open(const char *url, size_t bytes)
{
    static const char *const lines[] = { "Authorization: Bearer sk-bench-0123456789abcdef", "Content-Type: application/json", "Accept: application/json", "Expect:" };
    char chat_url[256];
    snprintf(chat_url, sizeof chat_url, "%s/v1/chat/completions", url);
    prompt_bytes = bytes;
    prompt = malloc(bytes + 1);
    bench_text(prompt, bytes, serial);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        headers = curl_slist_append(headers, lines[i]);
    easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, chat_url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
}

static char *request(void)
{
    char number[17];
    snprintf(number, sizeof number, "%016llx", (unsigned long long)++serial);
    memcpy(prompt, number, 16);
    json_t *body = json_pack("{s:s, s:[{s:s, s:s%}], s:i}", "model", "gpt-4o-mini", "messages", "role", "user", "content", prompt, prompt_bytes,
                             "max_completion_tokens", 512);
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

static void read_answer(void)
{
    json_t *body = json_loadb(answer, answer_bytes, 0, NULL);
    const char *text = NULL;
    json_int_t input = 0, output = 0;
    if (!body || json_unpack(body, "{s:[{s:{s:s}}], s:{s:I, s:I}}", "choices", "message", "content", &text, "usage", "prompt_tokens", &input,
                             "completion_tokens", &output))
        bench_die("a call with jansson", "another answer was expected");
    if (strlen(text) != BENCH_ANSWER_BYTES || input <= 0)
        bench_die("a call with jansson", "another text was expected");
    json_decref(body);
}

void bench_jansson_calls(size_t n)
{
    while (n--) {
        char *body = request();
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        answer_bytes = 0;
        CURLcode code = curl_easy_perform(easy);
        if (code != CURLE_OK)
            bench_die("a call with jansson", curl_easy_strerror(code));
        read_answer();
        free(body);
    }
}

void bench_jansson_close(void)
{
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    headers = NULL;
    free(prompt);
    free(answer);
    answer = NULL;
}
