/* Forms: texts with slots. All that a slot can say stands in a struct, so that a slot is a row of a table. */
#include "mock/dialect.h"

#include <string.h>

typedef enum slot_kind { QUOTED, QUOTED_OR_NULL, ESCAPED, RAW, NUMBER } slot_kind;

struct slot {
    char letter;
    uint8_t kind; /* slot_kind */
    uint16_t at;
};

#define SLOT(letter, kind, field) { letter, kind, offsetof(llmc_mock_fill, field) }

static const struct slot slots[] = {
    SLOT('m', QUOTED, model), SLOT('X', QUOTED, text), SLOT('p', RAW, piece), SLOT('c', QUOTED, id), SLOT('N', QUOTED, tool),
    SLOT('a', RAW, arguments), SLOT('A', QUOTED, arguments), SLOT('F', ESCAPED, finish), SLOT('d', RAW, details),
    SLOT('y', ESCAPED, type), SLOT('z', QUOTED_OR_NULL, code), SLOT('M', QUOTED, message), SLOT('x', QUOTED_OR_NULL, param),
    SLOT('t', QUOTED, name), SLOT('e', ESCAPED, name), SLOT('1', QUOTED_OR_NULL, first), SLOT('2', QUOTED_OR_NULL, last),
    SLOT('n', NUMBER, number), SLOT('i', NUMBER, index), SLOT('b', NUMBER, block), SLOT('k', NUMBER, call), SLOT('q', NUMBER, sequence),
    SLOT('s', NUMBER, status), SLOT('P', NUMBER, prompt), SLOT('C', NUMBER, completion), SLOT('T', NUMBER, total), SLOT('H', NUMBER, cached),
    SLOT('W', NUMBER, write_5m), SLOT('L', NUMBER, write_1h), SLOT('S', NUMBER, written), SLOT('I', NUMBER, input), SLOT('R', NUMBER, reasoning),
    SLOT('V', NUMBER, visible),
};

llmc_mock_text llmc_mock_word(const char *text)
{
    return (llmc_mock_text){ text, text ? strlen(text) : 0 };
}

llmc_mock_text llmc_mock_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (llmc_mock_text){ json_string_value(value), json_string_length(value) };
}

llmc_mock_text llmc_mock_arguments(const json_t *call)
{
    llmc_mock_text arguments = llmc_mock_member(call, "arguments");
    return arguments.text ? arguments : (llmc_mock_text){ "{}", 2 };
}

void llmc_mock_fill_begin(llmc_mock_fill *fill, llmc_buffer *out, const llmc_mock_dialect *dialect, const llmc_mock_answer *answer)
{
    *fill = (llmc_mock_fill){ .out = out, .dialect = dialect, .answer = answer, .no_usage = true };
    if (!answer)
        return;
    const llmc_mock_usage *usage = &answer->usage;
    fill->model = answer->model;
    fill->number = (int64_t)answer->question->number;
    fill->prompt = usage->prompt;
    fill->completion = usage->completion;
    fill->total = usage->prompt + usage->completion;
    fill->cached = usage->cached;
    fill->write_5m = usage->cache_write;
    fill->write_1h = usage->write_1h;
    fill->written = usage->cache_write + usage->write_1h;
    fill->input = usage->prompt - usage->cached - fill->written;
    fill->input = fill->input < 0 ? 0 : fill->input;
    fill->reasoning = usage->reasoning;
    fill->visible = usage->completion - usage->reasoning;
    fill->visible = fill->visible < 0 ? 0 : fill->visible;
    fill->no_usage = usage->none;
}

static void put_text(llmc_mock_fill *fill, const struct slot *slot, llmc_mock_text text)
{
    llmc_buffer *out = fill->out;
    if (slot->kind == QUOTED_OR_NULL && !text.text)
        llmc_buffer_add_text(out, "null");
    else if (slot->kind == RAW)
        llmc_buffer_add(out, text.text, text.bytes);
    else if (slot->kind == ESCAPED)
        llmc_mock_add_escaped(out, text.text ? text.text : "", text.bytes, false);
    else
        llmc_mock_add_string(out, text.text ? text.text : "", text.bytes);
}

static void put_slot(llmc_mock_fill *fill, char letter)
{
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        const char *at = (const char *)fill + slots[i].at;
        if (slots[i].letter != letter)
            continue;
        if (slots[i].kind == NUMBER)
            llmc_buffer_add_integer(fill->out, *(const int64_t *)(const void *)at);
        else
            put_text(fill, &slots[i], *(const llmc_mock_text *)(const void *)at);
    }
    fill->sequence += letter == 'q';
}

static void put_whole(const llmc_mock_fill *fill)
{
    llmc_mock_body body;
    llmc_mock_body_init(&body, fill->out->allocator);
    llmc_mock_sheet_run(&body, fill->dialect->whole, fill->answer);
    llmc_buffer_add(fill->out, body.bytes.data, body.bytes.length);
    if (body.bytes.failure)
        fill->out->failure = body.bytes.failure;
    llmc_mock_body_free(&body);
}

/* "#name": form stands behind the '#'. Returns where it goes on. */
static const char *put_event(llmc_buffer *out, const char *form)
{
    size_t bytes = strcspn(form, ",}%");
    for (int line = 0; line < 2; line++) {
        llmc_buffer_add_text(out, line ? "\ndata: {\"type\":\"" : "event: ");
        llmc_buffer_add(out, form, bytes);
    }
    llmc_buffer_add_byte(out, '"');
    return form + bytes;
}

/* What follows a '%'. Returns where the form goes on. */
static const char *put_special(llmc_mock_fill *fill, const char *form)
{
    llmc_buffer *out = fill->out;
    switch (*form) {
    case '<': return fill->no_usage ? strstr(form, "%>") + 2 : form + 1;
    case '>': break;
    case 'v': llmc_mock_add_vector(out, fill->answer, (size_t)fill->index); break;
    case 'w': put_whole(fill); break;
    case ',':
        if (out->length && out->data[out->length - 1] != '[')
            llmc_buffer_add_byte(out, ',');
        break;
    case '3': case '4': case '5': case '6': case '7': llmc_mock_fill_form(fill, fill->dialect->shared[*form - '3']); break;
    default: put_slot(fill, *form);
    }
    return form + 1;
}

void llmc_mock_fill_form(llmc_mock_fill *fill, const char *form)
{
    while (*form) {
        size_t plain = strcspn(form, "%'#");
        llmc_buffer_add(fill->out, form, plain);
        form += plain;
        if (*form == '%') {
            form = put_special(fill, form + 1);
        } else if (*form == '#') {
            form = put_event(fill->out, form + 1);
        } else if (*form) {
            llmc_buffer_add_byte(fill->out, '"');
            form++;
        }
    }
}
