/* From a sheet to an answer: the same walk over choices, texts and calls for every format and for both of its ways. */
#include "mock/dialect.h"

#include <stdio.h>
#include <string.h>

struct walk {
    llmc_mock_fill fill;
    llmc_mock_body *body;
    const llmc_mock_sheet *sheet;
};

static void put(struct walk *walk, const char *form)
{
    size_t from = walk->body->bytes.length;
    if (!form)
        return;
    llmc_mock_fill_form(&walk->fill, form);
    if (!walk->sheet->stream_type)
        return;
    if (walk->fill.dialect->wrap)
        walk->fill.dialect->wrap(walk->body, from);
    llmc_mock_body_cut(walk->body);
}

/* Whether the stream has to fail here. */
static bool broke(struct walk *walk)
{
    return walk->sheet->stream_type && llmc_mock_stream_broke(walk->body, walk->fill.answer);
}

static bool put_pieces(struct walk *walk, llmc_mock_text text, const char *form)
{
    llmc_mock_pieces pieces;
    bool whole = true;
    llmc_mock_pieces_begin(&pieces, walk->body->bytes.allocator, text, walk->fill.answer->rule, 0);
    while (whole && llmc_mock_pieces_next(&pieces, &walk->fill.piece.text, &walk->fill.piece.bytes)) {
        whole = !broke(walk);
        if (whole)
            put(walk, form);
    }
    llmc_mock_pieces_free(&pieces, &walk->body->bytes);
    return whole;
}

/* text: what its pieces are cut from. */
static bool put_part(struct walk *walk, const llmc_mock_part *part, llmc_mock_text text)
{
    if (!text.text)
        return true;
    walk->fill.text = text;
    if (!part->piece && broke(walk))
        return false;
    put(walk, part->begin);
    if (part->piece && !put_pieces(walk, text, part->piece))
        return false;
    put(walk, part->end);
    walk->fill.block++;
    return true;
}

static bool put_calls(struct walk *walk, const json_t *calls)
{
    size_t index;
    json_t *call;
    LLMC_MOCK_EACH((json_t *)calls, index, call) {
        char made_up[40];
        snprintf(made_up, sizeof made_up, "call_mock_%zu", index);
        llmc_mock_fill *fill = &walk->fill;
        fill->call = (int64_t)index;
        fill->id = llmc_mock_member(call, "id");
        if (!fill->id.text)
            fill->id = llmc_mock_word(made_up);
        fill->tool = llmc_mock_member(call, "name");
        fill->arguments = llmc_mock_arguments(call);
        put(walk, index ? NULL : walk->sheet->calls_begin);
        if (!put_part(walk, &walk->sheet->call, fill->arguments))
            return false;
    }
    put(walk, json_array_size(calls) ? walk->sheet->calls_end : NULL);
    return true;
}

static void choose_finish(struct walk *walk, const llmc_mock_choice *choice, bool refused)
{
    static const char *const words[] = { "stop", "length", "tool_calls", "content_filter" };
    const llmc_mock_dialect *dialect = walk->fill.dialect;
    walk->fill.finish = choice->finish;
    walk->fill.details = llmc_mock_word("null");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(choice->finish.text, words[i]) != 0)
            continue;
        size_t word = refused && i == 0 ? 3 : i;
        walk->fill.finish = llmc_mock_word(dialect->finishes[word]);
        if (dialect->details[word])
            walk->fill.details = llmc_mock_word(dialect->details[word]);
    }
}

static bool put_choice(struct walk *walk, const llmc_mock_choice *choice)
{
    const llmc_mock_sheet *sheet = walk->sheet;
    bool has_refusal = sheet->refusal.begin, spoken = choice->text.text || (choice->refusal.text && !has_refusal);
    choose_finish(walk, choice, choice->refusal.text && !choice->text.text && !has_refusal);
    put(walk, sheet->begin);
    put(walk, spoken ? NULL : sheet->no_text);
    if (!put_part(walk, &sheet->reasoning, choice->reasoning))
        return false;
    if (spoken && !put_part(walk, &sheet->text, choice->text.text ? choice->text : choice->refusal))
        return false;
    if (has_refusal && !put_part(walk, &sheet->refusal, choice->refusal))
        return false;
    put(walk, sheet->texts_end);
    if (!put_calls(walk, choice->tool_calls) || broke(walk))
        return false;
    bool endless = !sheet->close && sheet->stream_type && walk->fill.answer->rule->fault.no_terminator;
    put(walk, endless ? NULL : sheet->finish);
    return true;
}

void llmc_mock_sheet_run(llmc_mock_body *body, const llmc_mock_sheet *sheet, const llmc_mock_answer *answer)
{
    struct walk walk = { .body = body, .sheet = sheet };
    const llmc_mock_dialect *dialect = answer->question->route->dialect;
    size_t count = dialect->one_choice ? 1 : answer->count;
    llmc_mock_fill_begin(&walk.fill, &body->bytes, dialect, answer);
    if (sheet->stream_type) {
        body->content_type = sheet->stream_type;
        body->streamed = true;
    }
    put(&walk, sheet->open);
    for (size_t i = 0; i < count; i++) {
        llmc_mock_choice choice = llmc_mock_answer_choice(answer, i);
        walk.fill.index = (int64_t)i;
        walk.fill.block = 0;
        if (!put_choice(&walk, &choice))
            return;
    }
    bool endless = sheet->stream_type && answer->rule->fault.no_terminator;
    put(&walk, endless ? NULL : sheet->close);
}
