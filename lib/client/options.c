/* Options of another version's size are laid over the defaults, as requests are (call/request.c). */
#include "client/options.h"

#include "base/layout.h"

#include <llmcost/plugin.h>

void llmcost_options_init(llmcost_options *options, uint32_t struct_size)
{
    if (!options || !llmc_layout_is_possible(struct_size, sizeof options->struct_size))
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

llmcost_status llmc_transport_import(const llmcost_transport *from, llmcost_transport *to)
{
    memset(to, 0, sizeof *to);
    if (!llmc_layout_is_possible(from->struct_size, offsetof(llmcost_transport, open)) || !llmc_lay_over(to, sizeof *to, from, from->struct_size))
        return LLMCOST_E_MISUSE;
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
    if (!llmc_layout_is_possible(from->struct_size, offsetof(llmcost_options, allocator)) || from->struct_size % _Alignof(llmcost_options) != 0)
        return LLMCOST_E_MISUSE;
    llmcost_options options = *to;
    bool known = llmc_lay_over(&options, sizeof options, from, from->struct_size);
    options.struct_size = sizeof options;
    to->error = options.error;
    if (!known)
        return LLMCOST_E_MISUSE;
    llmcost_status status = check(&options);
    if (!status)
        *to = options;
    return status;
}
