/*
 * Files that a request names become images, audio or documents when its call starts. The host names them in its own
 * code: a request that comes as JSON has no such part, so that no body from elsewhere can read what is on this machine.
 * Regular files only, for opening a pipe could wait for ever.
 */
#include "call/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_FILE = 64 << 20 };

/* Where a file is named, for messages. */
typedef struct place {
    llmcost_error *error;
    uint32_t message, part;
    const char *path;
} place;

__attribute__((cold)) static llmcost_status refuse(const place *at, const char *why)
{
    return llmc_error_set(at->error, LLMCOST_E_FILE, "messages[%u].parts[%u]: cannot read \"%.600s\": %s", at->message, at->part, at->path, why);
}

/* strerror() is not safe with threads and speaks the locale's language. */
__attribute__((cold)) static const char *reason(int code)
{
    switch (code) {
    case ENOENT: case ENOTDIR: return "there is no such file";
    case EACCES: case EPERM: return "permission denied";
    case ELOOP: return "too many symbolic links";
    case ENAMETOOLONG: return "the path is too long";
    case EMFILE: case ENFILE: return "too many open files";
    default: return "input/output error";
    }
}

static const char *media_type_of(const char *path)
{
    static const struct { const char *extension, *type; } types[] = {
        { "png", "image/png" }, { "jpg", "image/jpeg" }, { "jpeg", "image/jpeg" }, { "gif", "image/gif" }, { "webp", "image/webp" }, { "bmp", "image/bmp" },
        { "heic", "image/heic" }, { "heif", "image/heif" }, { "tif", "image/tiff" }, { "tiff", "image/tiff" },
        { "wav", "audio/wav" }, { "mp3", "audio/mpeg" }, { "flac", "audio/flac" }, { "ogg", "audio/ogg" }, { "opus", "audio/opus" }, { "aac", "audio/aac" },
        { "m4a", "audio/mp4" }, { "aiff", "audio/aiff" }, { "pdf", "application/pdf" }, { "txt", "text/plain" }, { "md", "text/markdown" },
        { "csv", "text/csv" }, { "html", "text/html" }, { "htm", "text/html" }, { "xml", "text/xml" }, { "json", "application/json" }, { "rtf", "application/rtf" },
        { "doc", "application/msword" }, { "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
        { "xls", "application/vnd.ms-excel" }, { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
        { "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
    };
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(types[i].extension, dot + 1) == 0)
            return types[i].type;
    }
    return NULL;
}

static llmcost_status read_open(const place *at, int file, llmc_arena *arena, llmcost_part *part)
{
    struct stat facts;
    if (fstat(file, &facts) != 0)
        return refuse(at, reason(errno));
    if (!S_ISREG(facts.st_mode))
        return refuse(at, S_ISDIR(facts.st_mode) ? "it is a directory" : "it is not a regular file");
    if (facts.st_size <= 0 || facts.st_size > LARGEST_FILE)
        return refuse(at, facts.st_size > 0 ? "it is larger than 64 MB" : "it is empty");
    size_t size = (size_t)facts.st_size, length = 0;
    char *data = llmc_arena_alloc(arena, size);
    if (!data)
        return llmc_error_set(at->error, LLMCOST_E_MEMORY, "out of memory for a file");
    while (length < size) {
        ssize_t got = read(file, data + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return refuse(at, got ? reason(errno) : "it shrank while it was read");
        length += (size_t)got;
    }
    part->data = data;
    part->data_bytes = size;
    return LLMCOST_OK;
}

static llmcost_status read_file(const place *at, llmc_arena *arena, llmcost_part *part)
{
    const char *type = part->media_type ? part->media_type : media_type_of(at->path), *slash = strrchr(at->path, '/');
    if (!type)
        return llmc_error_set(at->error, LLMCOST_E_INVALID, "messages[%u].parts[%u].media_type is missing, and \"%.600s\" has no extension that tells it", at->message,
                              at->part, at->path);
    int file = open(at->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return refuse(at, reason(errno));
    llmcost_status status = read_open(at, file, arena, part);
    close(file);
    bool image = strncmp(type, "image/", 6) == 0, audio = strncmp(type, "audio/", 6) == 0;
    part->type = image ? LLMCOST_PART_IMAGE : audio ? LLMCOST_PART_AUDIO : LLMCOST_PART_DOCUMENT;
    part->media_type = type;
    part->url = NULL;
    if (!image && !audio && !part->detail)
        part->detail = slash ? slash + 1 : at->path;
    return status;
}

static llmcost_status read_parts(llmcost_message *message, uint32_t index, llmc_arena *arena, llmcost_error *error)
{
    llmcost_status status = LLMCOST_OK;
    llmcost_part *parts = llmc_arena_calloc(arena, message->part_count, sizeof *parts);
    if (!parts)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "out of memory for a copy of the request");
    for (uint32_t i = 0; !status && i < message->part_count; i++) {
        parts[i] = message->parts[i];
        const place at = { error, index, i, parts[i].url };
        if (parts[i].type == LLMCOST_PART_FILE)
            status = read_file(&at, arena, &parts[i]);
    }
    message->parts = parts;
    return status;
}

llmcost_status llmc_request_read_files(const llmcost_request *request, llmc_arena *arena, const llmcost_request **out, llmcost_error *error)
{
    llmcost_status status = LLMCOST_OK;
    llmcost_request *copy = llmc_arena_alloc(arena, sizeof *copy);
    llmcost_message *messages = llmc_arena_calloc(arena, request->message_count, sizeof *messages);
    if (!copy || !messages)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "out of memory for a copy of the request");
    memcpy(messages, request->messages, request->message_count * sizeof *messages);
    for (uint32_t i = 0; !status && i < request->message_count; i++) {
        if (messages[i].part_count)
            status = read_parts(&messages[i], i, arena, error);
    }
    *copy = *request;
    copy->messages = messages;
    *out = copy;
    return status;
}
