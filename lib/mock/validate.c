/* Which members an object has and of what type: most of what a strict provider refuses. */
#include "mock/dialect.h"

#include <string.h>

/* "name:T": the letter of its type behind the name. */
static const char *type_of(const char *member, const char *name, size_t bytes)
{
    return strncmp(member, name, bytes) == 0 && member[bytes] == ':' ? member + bytes + 1 : NULL;
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

bool llmc_mock_check_members(llmc_mock_question *question, const json_t *object, const char *const *members)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        const char *type = NULL;
        for (size_t i = 0; members[i] && !type; i++)
            type = type_of(members[i], name, strlen(name));
        if (!type)
            return llmc_mock_invalid(question, NULL, "Unknown name \"%.60s\": cannot find field.", name);
        if (!has_type(value, *type))
            return llmc_mock_invalid(question, NULL, "Invalid value at '%.60s'.", name);
    }
    for (size_t i = 0; members[i]; i++) {
        char wanted[64] = "";
        const char *colon = strchr(members[i], ':');
        strncat(wanted, members[i], (size_t)(colon - members[i]));
        if (colon[1] >= 'A' && colon[1] <= 'Z' && !json_object_get(object, wanted))
            return llmc_mock_invalid(question, NULL, "'%s' is required.", wanted);
    }
    return true;
}

bool llmc_mock_check_word(llmc_mock_question *question, const json_t *object, const char *name, const char *words)
{
    char spaced[40] = " ";
    const char *word = llmc_mock_text_at(object, name);
    if (word && strlen(word) < sizeof spaced - 3 && !strchr(word, ' ')) {
        strcat(strcat(spaced, word), " ");
        if (strstr(words, spaced))
            return true;
    }
    return llmc_mock_invalid(question, NULL, "Invalid value at '%s': one of%sis expected.", name, words);
}
