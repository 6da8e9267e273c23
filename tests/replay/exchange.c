/*
 * Reading one recorded exchange. The folder may hold anything: what is no regular file of a sensible size is not
 * opened, so that neither a pipe nor a disk image holds the run up.
 */
#include "replay/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE_BYTES = 64 << 20 };

static char *read_descriptor(int fd, size_t size, size_t *bytes)
{
    char *text = malloc(size + 1);
    *bytes = 0;
    while (text && *bytes < size) {
        ssize_t count = read(fd, text + *bytes, size - *bytes);
        if (count <= 0)
            break;
        *bytes += (size_t)count;
    }
    if (text)
        text[*bytes] = '\0';
    return text;
}

/* NULL with flaw set. */
static char *read_file(exchange *e, const char *folder, const char *file, size_t *bytes)
{
    char path[4096];
    struct stat status;
    int length = snprintf(path, sizeof path, "%s/%s/%s/%s", folder, e->provider, e->name, file);
    if (length < 0 || (size_t)length >= sizeof path) {
        snprintf(e->flaw, sizeof e->flaw, "%s: the path is too long", file);
        return NULL;
    }
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        snprintf(e->flaw, sizeof e->flaw, "%s: %s", file, strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size > MAX_FILE_BYTES) {
        snprintf(e->flaw, sizeof e->flaw, "%s is no file of at most %d bytes", file, MAX_FILE_BYTES);
    } else {
        char *text = read_descriptor(fd, (size_t)status.st_size, bytes);
        close(fd);
        if (!text)
            snprintf(e->flaw, sizeof e->flaw, "%s: no memory", file);
        return text;
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

void exchange_read(exchange *e, const char *folder, const char *provider, const char *name)
{
    size_t bytes = 0;
    *e = (exchange){ .provider = strdup(provider), .name = strdup(name) };
    char *text = read_file(e, folder, "response.meta.json", &bytes);
    json_error_t error;
    e->meta = text ? json_loadb(text, bytes, 0, &error) : NULL;
    if (text && !json_is_object(e->meta))
        snprintf(e->flaw, sizeof e->flaw, "response.meta.json is no JSON object");
    free(text);
    if (!e->flaw[0])
        e->body = read_file(e, folder, "response.body", &e->bytes);
    if (!json_is_object(e->meta)) {
        json_decref(e->meta);
        e->meta = json_object();
    }
}

void exchange_free(exchange *e)
{
    free(e->provider);
    free(e->name);
    free(e->body);
    json_decref(e->meta);
}

const char *exchange_text(const exchange *e, const char *member)
{
    const char *text = json_string_value(json_object_get(e->meta, member));
    return text ? text : "";
}

long exchange_number(const exchange *e, const char *member)
{
    json_int_t number = json_integer_value(json_object_get(e->meta, member));
    return number < -1000000000 || number > 1000000000 ? 0 : (long)number;
}
