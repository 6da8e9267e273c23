#include "http_call.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct sink {
    char *text;
    size_t bytes;
};

static size_t take(char *data, size_t size, size_t count, void *user)
{
    struct sink *sink = user;
    char *grown = realloc(sink->text, sink->bytes + size * count + 1);
    if (!grown)
        return 0;
    sink->text = grown;
    memcpy(sink->text + sink->bytes, data, size * count);
    sink->bytes += size * count;
    sink->text[sink->bytes] = '\0';
    return size * count;
}

static char *or_empty(char *text)
{
    return text ? text : calloc(1, 1);
}

http_reply http_call(CURL *handle, const char *base, const char *path, const char *body, const char *const *headers)
{
    static const char *const json_only[] = { "Content-Type: application/json", NULL };
    CURL *curl = handle ? handle : curl_easy_init();
    struct sink head_sink = { 0 }, body_sink = { 0 };
    struct curl_slist *list = NULL;
    char url[300];
    size_t base_bytes = strlen(base);
    memcpy(url, base, base_bytes);
    memcpy(url + base_bytes, path, strlen(path) + 1);
    for (const char *const *line = headers ? headers : json_only; *line; line++)
        list = curl_slist_append(list, *line);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 120000L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head_sink);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body_sink);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
    http_reply reply = { .result = curl_easy_perform(curl) };
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &reply.seconds);
    curl_easy_getinfo(curl, CURLINFO_STARTTRANSFER_TIME, &reply.first_byte_seconds);
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &reply.connects);
    reply.head_bytes = head_sink.bytes;
    reply.body_bytes = body_sink.bytes;
    reply.head = or_empty(head_sink.text);
    reply.body = or_empty(body_sink.text);
    curl_slist_free_all(list);
    if (!handle)
        curl_easy_cleanup(curl);
    return reply;
}

void http_reply_free(http_reply *reply)
{
    free(reply->head);
    free(reply->body);
    *reply = (http_reply){ 0 };
}

int raw_connect(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval limit = { .tv_sec = 60 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

int raw_send(int fd, const char *text, size_t bytes)
{
    while (bytes) {
        ssize_t count = send(fd, text, bytes, MSG_NOSIGNAL);
        if (count <= 0)
            return 0;
        text += count;
        bytes -= (size_t)count;
    }
    return 1;
}

char *raw_read(int fd, const char *until, size_t *bytes)
{
    struct sink sink = { 0 };
    char part[4096];
    ssize_t count;
    while ((count = recv(fd, part, sizeof part, 0)) > 0) {
        if (!take(part, 1, (size_t)count, &sink))
            break;
        if (until && memmem(sink.text, sink.bytes, until, strlen(until)))
            break;
    }
    if (bytes)
        *bytes = sink.bytes;
    return or_empty(sink.text);
}
