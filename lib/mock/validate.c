/* Which members an object has and of what type: most of what a strict provider refuses. */
#include "mock/dialect.h"

#include <string.h>

static const char *next_word(const char *word)
{
    word += strcspn(word, " ");
    return word + (*word == ' ');
}

/* "name:T": the letter of its type behind the name; NULL: no such member. */
static const char *type_of(const char *members, const char *name)
{
    size_t bytes = strlen(name);
    for (; *members; members = next_word(members)) {
        if (strcspn(members, ":") == bytes && memcmp(members, name, bytes) == 0)
            return members + bytes + 1;
    }
    return NULL;
}

static bool has_type(const json_t *value, char letter)
{
    switch (letter | 32) {
    case 't': return json_is_string(value);
    case 'n': return json_is_number(value);
    case 'b': return json_is_boolean(value);
    case 'a': return json_array_size(value) > 0;
    case 'o': return json_is_object(value);
    default: return true;
    }
}

bool llmc_mock_check_members(llmc_mock_question *question, const json_t *object, const char *members)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        const char *type = type_of(members, name);
        if (!type)
            return llmc_mock_invalid(question, NULL, "Unknown name \"%.60s\": cannot find field.", name);
        if (!has_type(value, *type))
            return llmc_mock_invalid(question, NULL, "Invalid value at '%.60s'.", name);
    }
    for (; *members; members = next_word(members)) {
        char wanted[64] = "";
        const char *colon = strchr(members, ':');
        strncat(wanted, members, (size_t)(colon - members));
        if (colon[1] >= 'A' && colon[1] <= 'Z' && !json_object_get(object, wanted))
            return llmc_mock_invalid(question, NULL, "'%s' is required.", wanted);
    }
    return true;
}

bool llmc_mock_is_word(const char *word, const char *words)
{
    size_t bytes = word && !strchr(word, ' ') ? strlen(word) : 0;
    for (; bytes && *words; words = next_word(words)) {
        if (strcspn(words, " ") == bytes && memcmp(words, word, bytes) == 0)
            return true;
    }
    return false;
}

bool llmc_mock_check_word(llmc_mock_question *question, const json_t *object, const char *name, const char *words)
{
    return llmc_mock_is_word(llmc_mock_text_at(object, name), words) ||
           llmc_mock_invalid(question, NULL, "Invalid value at '%s': one of%sis expected.", name, words);
}
