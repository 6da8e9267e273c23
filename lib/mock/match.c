/* Which rule answers: the first whose match holds and that is neither waiting nor used up; else the default. */
#include "mock/dialect.h"
#include "mock/http_request.h"

#include <string.h>

bool llmc_mock_text_contains(const char *text, size_t bytes, llmc_mock_text needle)
{
    return needle.bytes == 0 || (bytes >= needle.bytes && memmem(text, bytes, needle.text, needle.bytes) != NULL);
}

/* A '*' at the front or at the end of the pattern stands for anything. */
static bool fits(llmc_mock_text pattern, llmc_mock_text text)
{
    if (!pattern.text)
        return true;
    bool open_front = pattern.bytes && pattern.text[0] == '*';
    if (open_front) {
        pattern.text++;
        pattern.bytes--;
    }
    bool open_end = pattern.bytes && pattern.text[pattern.bytes - 1] == '*';
    if (open_end)
        pattern.bytes--;
    if (text.bytes < pattern.bytes)
        return false;
    if (open_front && open_end)
        return llmc_mock_text_contains(text.text, text.bytes, pattern);
    if (!open_front && !open_end && text.bytes != pattern.bytes)
        return false;
    return pattern.bytes == 0 || memcmp(open_front ? text.text + text.bytes - pattern.bytes : text.text, pattern.text, pattern.bytes) == 0;
}

static bool header_fits(const llmc_mock_match *match, const llmc_mock_question *question)
{
    if (!match->header_name.text)
        return true;
    const char *value;
    size_t bytes;
    if (!llmc_http_header(question->head, question->head_bytes, match->header_name.text, &value, &bytes))
        return false;
    return fits(match->header_equals, (llmc_mock_text){ value, bytes });
}

/* Without a path a rule speaks of what is asked only, so that one for everything does not answer GET /v1/models with a chat. */
static bool holds(const llmc_mock_match *match, const llmc_mock_question *question)
{
    uint8_t operation = question->route->operation;
    if (!match->path.text && (operation == LLMC_MOCK_NOTHING || operation == LLMC_MOCK_MODELS))
        return false;
    if (!fits(match->path, question->path) || !header_fits(match, question))
        return false;
    if (match->model.text && (!question->model.text || !fits(match->model, question->model)))
        return false;
    if (match->stream >= 0 && (match->stream != 0) != question->stream)
        return false;
    return llmc_mock_text_contains(question->user.data, question->user.length, match->contains) &&
           llmc_mock_text_contains(question->system.data, question->system.length, match->system_contains);
}

llmc_mock_rule *llmc_mock_script_choose(llmc_mock_script *script, const llmc_mock_question *question)
{
    for (size_t i = 0; i < script->rule_count; i++) {
        llmc_mock_rule *rule = &script->rules[i];
        if (!holds(&rule->match, question))
            continue;
        int64_t before = rule->matched++;
        if (before >= rule->after && (rule->times < 0 || before - rule->after < rule->times))
            return rule;
    }
    return NULL;
}

bool llmc_mock_script_reads_messages(const llmc_mock_script *script)
{
    for (size_t i = 0; i < script->rule_count; i++) {
        if (script->rules[i].match.contains.text || script->rules[i].match.system_contains.text)
            return true;
    }
    return false;
}
