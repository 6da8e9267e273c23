/* Options of another version's size are laid over the defaults, as requests are (call/request.c). */
#include "client/options.h"

#include <llmcost/plugin.h>

#include <stdbool.h>
#include <string.h>

enum { MAX_STRUCT_BYTES = 1 << 14 };

void llmcost_options_init(llmcost_options *options, uint32_t struct_size)
{
    if (!options || struct_size < sizeof options->struct_size || struct_size > MAX_STRUCT_BYTES)
        return;
    memset(options, 0, struct_size);
    options->struct_size = struct_size;
}

static int is_whole_allocator(const llmcost_allocator *allocator)
{
    return allocator->allocate && allocator->reallocate && allocator->release;
}

static int is_empty_allocator(const llmcost_allocator *allocator)
{
    return !allocator->allocate && !allocator->reallocate && !allocator->release;
}

static bool is_zero(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

llmcost_status llmc_transport_import(const llmcost_transport *from, llmcost_transport *to)
{
    enum { LEAST = offsetof(llmcost_transport, open) };
    uint32_t size = from->struct_size, known = size < sizeof *to ? size : (uint32_t)sizeof *to;
    if (size < LEAST || size > MAX_STRUCT_BYTES || !is_zero((const char *)from + known, size - known))
        return LLMCOST_E_MISUSE;
    memset(to, 0, sizeof *to);
    memcpy(to, from, known);
    to->struct_size = sizeof *to;
    return to->start && to->abort && to->step && !to->open == !to->close ? LLMCOST_OK : LLMCOST_E_MISUSE;
}

static llmcost_status check(llmcost_options *options)
{
    if (options->allocator && is_empty_allocator(options->allocator))
        options->allocator = NULL;
    if (options->allocator && !is_whole_allocator(options->allocator))
        return LLMCOST_E_MISUSE;
    if (options->clock && (!options->clock->monotonic_ns || !options->clock->wall_ms))
        return LLMCOST_E_MISUSE;
    return options->log_level < 0 || options->log_level > LLMCOST_LOG_TRACE ? LLMCOST_E_MISUSE : LLMCOST_OK;
}

llmcost_status llmc_options_import(const llmcost_options *from, llmcost_options *to)
{
    *to = (llmcost_options)LLMCOST_OPTIONS_INIT;
    if (!from)
        return LLMCOST_OK;
    uint32_t size = from->struct_size, known = size < sizeof *to ? size : (uint32_t)sizeof *to;
    if (size < offsetof(llmcost_options, allocator) || size > MAX_STRUCT_BYTES || size % _Alignof(llmcost_options) != 0)
        return LLMCOST_E_MISUSE;
    llmcost_options options = *to;
    memcpy(&options, from, known);
    options.struct_size = sizeof options;
    to->error = options.error;
    if (!is_zero((const char *)from + known, size - known))
        return LLMCOST_E_MISUSE;
    llmcost_status status = check(&options);
    if (!status)
        *to = options;
    return status;
}
