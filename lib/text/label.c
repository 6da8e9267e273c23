/* Linear in the text for the few labels that there are; reads no byte beyond it, allocates nothing. */
#include "text/label.h"

#include <stdbool.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* A character that a word of Latin letters does not end before. Other scripts write without spaces. */
static bool is_of_word(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool equal(const char *text, const char *label, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (lower(text[i]) != lower(label[i]))
            return false;
    }
    return true;
}

/* The longest label that stands here as a word of its own. */
static int label_at(const char *text, size_t bytes, size_t at, const char *const *labels, size_t count, size_t *length)
{
    int found = LLMC_LABEL_NONE;
    *length = 0;
    for (size_t i = 0; i < count; i++) {
        size_t label = strlen(labels[i]);
        if (label <= *length || label > bytes - at || !equal(text + at, labels[i], label))
            continue;
        if (at && is_of_word(text[at - 1]) && is_of_word(text[at]))
            continue;
        if (at + label < bytes && is_of_word(text[at + label - 1]) && is_of_word(text[at + label]))
            continue;
        found = (int)i;
        *length = label;
    }
    return found;
}

static bool ends_with_word(const char *text, size_t bytes, const char *word)
{
    size_t length = strlen(word);
    while (bytes && (text[bytes - 1] == ' ' || text[bytes - 1] == '"' || text[bytes - 1] == '*'))
        bytes--;
    return bytes >= length && equal(text + bytes - length, word, length) && (bytes == length || !is_of_word(text[bytes - length - 1]));
}

static bool is_denied(const char *text, size_t at)
{
    static const char no[] = "\xE4\xB8\x8D", is_not[] = "\xE4\xB8\x8D\xE6\x98\xAF"; /* Chinese */
    return ends_with_word(text, at, "not") || ends_with_word(text, at, "not a") || (at >= 6 && memcmp(text + at - 6, is_not, 6) == 0) ||
           (at >= 3 && memcmp(text + at - 3, no, 3) == 0);
}

/* What a model thought before it answered is no answer. */
static void skip_thoughts(const char **text, size_t *bytes)
{
    static const char end[] = "</think>";
    const char *found = memmem(*text, *bytes, end, sizeof end - 1);
    if (!found)
        return;
    *bytes -= (size_t)(found + sizeof end - 1 - *text);
    *text = found + sizeof end - 1;
}

/* Only marks and spaces stand before it. */
static bool is_begin(const char *text, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (is_of_word(text[i]) || text[i] & 0x80)
            return false;
    }
    return true;
}

int llmc_label_in(const char *text, size_t bytes, const char *const *labels, size_t count)
{
    int first = LLMC_LABEL_NONE, behind_colon = LLMC_LABEL_NONE;
    bool several = false, begins = false, colon = false;
    skip_thoughts(&text, &bytes);
    for (size_t at = 0, length; at < bytes; at += length ? length : 1) {
        int here = label_at(text, bytes, at, labels, count, &length);
        if (text[at] == ':' && !length) {
            colon = true;
            behind_colon = LLMC_LABEL_NONE;
        }
        if (here == LLMC_LABEL_NONE || is_denied(text, at))
            continue;
        if (first == LLMC_LABEL_NONE)
            begins = is_begin(text, at);
        several |= first != LLMC_LABEL_NONE && here != first;
        if (first == LLMC_LABEL_NONE)
            first = here;
        if (colon && behind_colon == LLMC_LABEL_NONE)
            behind_colon = here;
    }
    if (!several || begins)
        return first;
    return colon ? behind_colon : LLMC_LABEL_NONE;
}
