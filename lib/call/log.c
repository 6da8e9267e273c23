/* Log lines for the host: bounded, without control characters, and never with a body or a header in them. */
#include "call/call.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void llmc_services_log(llmc_services *services, int level, const char *part, const char *format, ...)
{
    char line[512];
    if (!llmc_services_logs(services, level))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    llmc_utf8_sanitize(line);
    services->log((llmcost_log_level)level, part, line, services->log_user);
}

void llmc_leg_policy_failed(llmcost_leg *leg, const char *policy, const char *why)
{
    llmc_receipt *receipt = llmc_leg_receipt(leg);
    atomic_fetch_add(&leg->services->policy_failures, 1);
    receipt->degraded = llmc_receipt_join(llmc_leg_arena(leg), receipt->degraded, policy, why);
    llmc_services_log(leg->services, LLMCOST_LOG_WARNING, policy, "%s", why);
}
