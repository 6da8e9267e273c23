/*
 * Files that the config names. Regular files only: opening a pipe could wait for ever, and opening a client may not.
 * The whole size is reserved before the first byte is read, so that a key leaves no copies behind in grown buffers.
 */
#include "client/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *llmc_config_path(llmc_config *config, const char *path)
{
    const char *slash = config->path && *path != '/' ? strrchr(config->path, '/') : NULL;
    size_t folder = slash ? (size_t)(slash - config->path) + 1 : 0, bytes = strlen(path);
    char *joined = llmc_arena_alloc(&config->settings->arena, folder + bytes + 1);
    if (!joined)
        return NULL;
    if (folder)
        memcpy(joined, config->path, folder);
    memcpy(joined + folder, path, bytes + 1);
    return joined;
}

static llmcost_status fail(llmc_config *config, const llmc_config_node *node, const char *path, const char *why)
{
    llmc_config_fail(config, node, "cannot read \"%.600s\": %s", path, why);
    config->error->status = LLMCOST_E_FILE;
    return LLMCOST_E_FILE;
}

/* strerror() is not safe with threads and speaks the locale's language. */
static const char *reason(int code)
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

static llmcost_status read_open(llmc_config *config, const llmc_config_node *node, const char *path, int file, size_t maximum, llmc_buffer *out)
{
    struct stat facts;
    if (fstat(file, &facts) != 0)
        return fail(config, node, path, reason(errno));
    if (!S_ISREG(facts.st_mode))
        return fail(config, node, path, S_ISDIR(facts.st_mode) ? "it is a directory" : "it is not a regular file");
    if (facts.st_size < 0 || (uint64_t)facts.st_size > maximum)
        return fail(config, node, path, maximum >= LLMC_CONFIG_MAX_FILE_BYTES ? "it is larger than 16 MB" : "it is larger than 64 KB");
    if (!llmc_buffer_reserve(out, (size_t)facts.st_size + 1))
        return llmc_config_no_memory(config);
    for (;;) {
        ssize_t got = read(file, out->data + out->length, out->capacity - out->length - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(config, node, path, reason(errno));
        out->length += (size_t)got;
        if (got == 0)
            return LLMCOST_OK;
        if (out->length > (size_t)facts.st_size)
            return fail(config, node, path, "it grew while it was read");
    }
}

llmcost_status llmc_config_file(llmc_config *config, const llmc_config_node *node, const char *path, size_t maximum, llmc_buffer *out)
{
    llmc_buffer_init(out, config->allocator, maximum + 1);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return fail(config, node, path, reason(errno));
    llmcost_status status = read_open(config, node, path, file, maximum, out);
    close(file);
    return status;
}
