/* The status table: names, texts and categories from the one list in the public header. */
#include <llmcost/llmcost.h>

#include <stddef.h>

struct status_row {
    int number;
    llmcost_category category;
    const char *name, *text;
};

#define STATUS_ROW(name, number, category, text) { number, LLMCOST_CATEGORY_##category, #name, text },
static const struct status_row rows[] = { LLMCOST_STATUS_LIST(STATUS_ROW) };

static const struct status_row *find_row(llmcost_status status)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].number == (int)status)
            return &rows[i];
    }
    return NULL;
}

const char *llmcost_version(void)
{
    return LLMCOST_VERSION_TEXT;
}

const char *llmcost_status_name(llmcost_status status)
{
    const struct status_row *row = find_row(status);
    return row ? row->name : "E_UNKNOWN";
}

const char *llmcost_status_text(llmcost_status status)
{
    const struct status_row *row = find_row(status);
    return row ? row->text : "a status that this version does not know";
}

llmcost_category llmcost_status_category(llmcost_status status)
{
    const struct status_row *row = find_row(status);
    return row ? row->category : LLMCOST_CATEGORY_HOST;
}

int llmcost_status_is_retriable(llmcost_status status)
{
    if (status == LLMCOST_E_CONNECT_TIMEOUT || status == LLMCOST_E_FIRST_BYTE_TIMEOUT || status == LLMCOST_E_IDLE_TIMEOUT)
        return 1;
    if (status == LLMCOST_E_TLS || status == LLMCOST_E_TOO_LARGE)
        return 0;
    llmcost_category category = llmcost_status_category(status);
    return category == LLMCOST_CATEGORY_CAPACITY || category == LLMCOST_CATEGORY_SERVER || category == LLMCOST_CATEGORY_NETWORK;
}

int llmcost_status_is_budget(llmcost_status status)
{
    return llmcost_status_category(status) == LLMCOST_CATEGORY_BUDGET;
}

int llmcost_status_is_fatal(llmcost_status status)
{
    llmcost_category category = llmcost_status_category(status);
    return category == LLMCOST_CATEGORY_HOST || category == LLMCOST_CATEGORY_CONFIG || category == LLMCOST_CATEGORY_CREDENTIALS;
}
