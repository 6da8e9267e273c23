/*
 * Environment variables, as the config sees them: the process's own, then those of "env_file". The file's lines are the
 * usual ones of such files: NAME=VALUE, blank lines, # comments, "export " in front, values in single quotes (as they
 * are) or double quotes (\n, \r, \t, \", \\, \$). Left out on purpose: references to other variables, values of several lines.
 */
#include "client/config.h"

#include <string.h>

enum { MAX_ENVIRONMENT_BYTES = 64 << 10 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_name_byte(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static char unescaped(char c)
{
    return (char)(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
}

/* The value after NAME=; false: a quote without its end, or something behind it. */
static bool add_value(llmc_buffer *out, const char *at, const char *end)
{
    char quote = at < end && (*at == '"' || *at == '\'') ? *at++ : '\0';
    const char *stop = end;
    if (!quote) {
        for (const char *mark = at; mark < end; mark++)
            if (*mark == '#' && (mark == at || is_blank(mark[-1]))) {
                stop = mark;
                break;
            }
        while (stop > at && is_blank(stop[-1]))
            stop--;
        llmc_buffer_add(out, at, (size_t)(stop - at));
        return true;
    }
    for (; at < end && *at != quote; at++) {
        if (*at == '\\' && quote == '"' && at + 1 < end)
            llmc_buffer_add_byte(out, unescaped(*++at));
        else
            llmc_buffer_add_byte(out, *at);
    }
    if (at == end)
        return false;
    at = skip_blanks(at + 1, end);
    return at == end || *at == '#';
}

static bool add_line(llmc_buffer *out, const char *at, const char *end)
{
    at = skip_blanks(at, end);
    if (end - at > 7 && memcmp(at, "export", 6) == 0 && is_blank(at[6]))
        at = skip_blanks(at + 6, end);
    if (at == end || *at == '#')
        return true;
    const char *name = at;
    while (at < end && is_name_byte(*at))
        at++;
    size_t bytes = (size_t)(at - name);
    at = skip_blanks(at, end);
    if (!bytes || at == end || *at != '=')
        return false;
    llmc_buffer_add(out, name, bytes);
    llmc_buffer_add_byte(out, '=');
    if (!add_value(out, skip_blanks(at + 1, end), end))
        return false;
    llmc_buffer_add_byte(out, '\0');
    return true;
}

/* No message repeats a line: it may hold a key. */
static llmcost_status read_lines(llmc_config *config, const llmc_config_node *node, const char *path, const llmc_buffer *content)
{
    llmc_buffer *out = &config->environment_lines;
    const char *at = content->data, *end = at + content->length;
    if (!llmc_buffer_reserve(out, content->length + 2)) /* no half of a key stays behind in a grown buffer */
        return llmc_config_no_memory(config);
    if (content->length >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    if (content->length && memchr(content->data, '\0', content->length))
        return llmc_config_fail(config, node, "\"%.600s\" holds a zero byte", path);
    for (unsigned line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        if (!add_line(out, at, stop))
            return llmc_config_fail(config, node, "line %u of \"%.600s\" is no NAME=VALUE", line, path);
        at = stop + (stop < end);
    }
    return out->failure ? llmc_config_no_memory(config) : LLMCOST_OK;
}

llmcost_status llmc_config_environment_file(llmc_config *config, const llmc_config_node *node)
{
    if (!node)
        return LLMCOST_OK;
    if (node->type != LLMC_JSON_STRING || !node->bytes)
        return llmc_config_fail(config, node, "\"env_file\" must be the path of a file of NAME=VALUE lines");
    const char *path = llmc_config_path(config, node->text);
    if (!path)
        return llmc_config_no_memory(config);
    llmc_buffer content;
    llmcost_status status = llmc_config_file(config, node, path, MAX_ENVIRONMENT_BYTES, &content);
    if (!status && content.length)
        status = read_lines(config, node, path, &content);
    llmc_wipe(content.data, content.length);
    llmc_buffer_free(&content);
    return status;
}

void llmc_config_environment_forget(llmc_config *config)
{
    llmc_wipe(config->environment_lines.data, config->environment_lines.length);
    llmc_buffer_free(&config->environment_lines);
}

const char *llmc_config_variable(const llmc_config *config, const char *name)
{
    const char *value = config->environment(name, config->environment_user);
    if (value && *value)
        return value;
    size_t bytes = strlen(name);
    const char *at = config->environment_lines.data, *end = at ? at + config->environment_lines.length : at, *found = NULL;
    for (; at < end; at += strlen(at) + 1)
        if (strncmp(at, name, bytes) == 0 && at[bytes] == '=')
            found = at + bytes + 1; /* the last one counts, as in a shell */
    return found && *found ? found : NULL;
}
