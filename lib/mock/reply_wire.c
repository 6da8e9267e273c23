/* Assembling: a body becomes what is sent, with its head, its framing, its delays and the faults of transport. */
#include "mock/dialect.h"

#include "base/text.h"
#include "mock/http_request.h"

#include <string.h>

static const char *reason_of(int32_t status)
{
    static const struct { int32_t status; const char *reason; } table[] = {
        { 200, "OK" }, { 302, "Found" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
        { 405, "Method Not Allowed" }, { 413, "Content Too Large" }, { 429, "Too Many Requests" }, { 500, "Internal Server Error" },
        { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].status == status)
            return table[i].reason;
    }
    return "Mock";
}

struct assembly {
    llmc_buffer out;
    llmc_mock_body *body;
    const llmc_mock_question *question;
    const llmc_mock_rule *rule;
    llmc_mock_wire *wire;
    bool chunked, until_close;
    size_t cut; /* the wire ends here; SIZE_MAX: nowhere */
    bool no_memory;
};

static void add_header(llmc_buffer *out, const char *name, const char *value, size_t bytes)
{
    llmc_buffer_add_text(out, name);
    llmc_buffer_add_text(out, ": ");
    llmc_buffer_add(out, value, bytes);
    llmc_buffer_add_text(out, "\r\n");
}

static void add_rule_headers(struct assembly *assembly)
{
    const llmc_mock_rule *rule = assembly->rule;
    const char *name;
    json_t *value;
    json_object_foreach(rule->headers, name, value)
        add_header(&assembly->out, name, json_string_value(value), json_string_length(value));
    if (rule->fault.retry_after.text)
        add_header(&assembly->out, "Retry-After", rule->fault.retry_after.text, rule->fault.retry_after.bytes);
    if (rule->fault.retry_after_ms.text)
        add_header(&assembly->out, "Retry-After-Ms", rule->fault.retry_after_ms.text, rule->fault.retry_after_ms.bytes);
    if (!rule->fault.long_header)
        return;
    llmc_buffer_add_text(&assembly->out, "X-Long: ");
    for (int64_t i = 0; i < rule->fault.long_header; i++)
        llmc_buffer_add_byte(&assembly->out, 'x');
    llmc_buffer_add_text(&assembly->out, "\r\n");
}

/* One of our own, filled in when it is sent; a rule that brings its own keeps it. */
static void add_request_id(struct assembly *assembly)
{
    const char *name;
    json_t *value;
    json_object_foreach(assembly->rule ? assembly->rule->headers : NULL, name, value) {
        if (llmc_text_equal_ignoring_case(name, "x-request-id") || llmc_text_equal_ignoring_case(name, "request-id") ||
            llmc_text_equal_ignoring_case(name, assembly->question->route->dialect->request_id))
            return;
    }
    llmc_buffer_add_format(&assembly->out, "%s: req_mock_", assembly->question->route->dialect->request_id);
    assembly->wire->request_id = assembly->out.length;
    llmc_buffer_add_text(&assembly->out, "0000000000000000\r\n");
}

static void add_head(struct assembly *assembly)
{
    llmc_buffer *out = &assembly->out;
    const llmc_mock_body *body = assembly->body;
    llmc_buffer_add_format(out, "HTTP/1.1 %d %s\r\nServer: llmcost-mock\r\n", (int)body->status, reason_of(body->status));
    add_request_id(assembly);
    add_header(out, "Content-Type", body->content_type, strlen(body->content_type));
    llmc_buffer_add(out, body->headers.data, body->headers.length);
    if (assembly->rule)
        add_rule_headers(assembly);
    if (assembly->chunked)
        llmc_buffer_add_text(out, "Transfer-Encoding: chunked\r\n");
    if (!assembly->chunked && !assembly->until_close) {
        const llmc_mock_fault *fault = assembly->rule ? &assembly->rule->fault : NULL;
        int64_t length = (int64_t)body->bytes.length + (fault ? fault->wrong_length + fault->no_end : 0);
        llmc_buffer_add_text(out, "Content-Length: ");
        llmc_buffer_add_integer(out, length < 0 ? 0 : length);
        llmc_buffer_add_text(out, "\r\n");
    }
    if (assembly->until_close || assembly->wire->end != LLMC_MOCK_KEEP)
        llmc_buffer_add_text(out, "Connection: close\r\n");
    llmc_buffer_add_text(out, "\r\n");
}

static void add_step(struct assembly *assembly, size_t end, int64_t delay_ms)
{
    llmc_mock_wire *wire = assembly->wire;
    void *steps = wire->steps;
    if (!llmc_grow(&wire->allocator, &steps, &wire->step_capacity, wire->step_count + 1, sizeof *wire->steps)) {
        assembly->no_memory = true;
        return;
    }
    wire->steps = steps;
    wire->steps[wire->step_count++] = (llmc_mock_step){ end, delay_ms };
}

/* The bytes from `from` to `to` of the body, as a chunk of their own; notes where byte cut_at of the body falls. */
static void add_piece(struct assembly *assembly, size_t from, size_t to)
{
    llmc_buffer *out = &assembly->out;
    int64_t cut_at = assembly->rule ? assembly->rule->fault.cut_at : -1;
    if (assembly->chunked)
        llmc_buffer_add_format(out, "%zx\r\n", to - from);
    if (cut_at >= 0 && assembly->cut == SIZE_MAX && (size_t)cut_at <= to)
        assembly->cut = out->length + ((size_t)cut_at - from);
    if (to > from)
        llmc_buffer_add(out, assembly->body->bytes.data + from, to - from);
    if (assembly->chunked)
        llmc_buffer_add_text(out, "\r\n");
}

static void add_pieces(struct assembly *assembly)
{
    const llmc_mock_body *body = assembly->body;
    const llmc_mock_rule *rule = assembly->rule;
    int64_t delay = rule ? rule->chunk_delay_ms : 0;
    size_t from = 0;
    for (size_t i = 0; i < body->cut_count; i++) {
        if (body->cuts[i] == from)
            continue;
        add_piece(assembly, from, body->cuts[i]);
        from = body->cuts[i];
        if (delay)
            add_step(assembly, assembly->out.length, i ? delay : 0);
    }
    if (from < body->bytes.length || !body->cut_count)
        add_piece(assembly, from, body->bytes.length);
    if (assembly->chunked && !(rule && rule->fault.no_end))
        llmc_buffer_add_text(&assembly->out, "0\r\n\r\n");
}

/* Which end and which framing the faults ask for. */
static void decide(struct assembly *assembly)
{
    const llmc_mock_fault *fault = assembly->rule ? &assembly->rule->fault : NULL;
    assembly->chunked = assembly->body->streamed && !assembly->question->http_1_0;
    assembly->until_close = assembly->body->streamed && assembly->question->http_1_0;
    assembly->wire->end = assembly->until_close ? LLMC_MOCK_CLOSE : LLMC_MOCK_KEEP;
    if (!fault)
        return;
    if (fault->huge_bytes) {
        assembly->chunked = false;
        assembly->until_close = true;
        assembly->wire->end = LLMC_MOCK_CLOSE;
    }
    if (fault->wrong_length) {
        assembly->chunked = assembly->until_close = false;
        assembly->wire->end = LLMC_MOCK_CLOSE;
    }
    if (fault->no_end)
        assembly->wire->end = LLMC_MOCK_SILENT;
    assembly->wire->drip_bytes = fault->drip_ms || fault->drip_bytes ? (size_t)(fault->drip_bytes ? fault->drip_bytes : 1) : 0;
    assembly->wire->drip_ms = fault->drip_ms;
}

/* The start of the answer stands, what follows is the endless middle of its text. */
static void make_huge(struct assembly *assembly)
{
    static const char *const marks[] = { "\"content\":\"", "\"text\":\"" };
    llmc_buffer *bytes = &assembly->body->bytes;
    int64_t huge = assembly->rule->fault.huge_bytes;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *found = bytes->length ? memmem(bytes->data, bytes->length, marks[i], strlen(marks[i])) : NULL;
        if (found) {
            bytes->length = (size_t)(found - bytes->data) + strlen(marks[i]);
            break;
        }
    }
    assembly->body->cut_count = 0;
    if ((uint64_t)huge > bytes->length)
        assembly->wire->filler = (uint64_t)huge - bytes->length;
}

static void finish_wire(struct assembly *assembly)
{
    llmc_mock_wire *wire = assembly->wire;
    wire->length = assembly->out.length;
    wire->bytes = llmc_buffer_take(&assembly->out);
    if (!wire->bytes)
        assembly->no_memory = true;
    if (assembly->cut < wire->length) {
        wire->length = assembly->cut;
        wire->filler = 0;
    }
    if (assembly->cut != SIZE_MAX)
        wire->end = assembly->rule->fault.reset ? LLMC_MOCK_RESET : LLMC_MOCK_CLOSE;
    for (size_t i = 0; i < wire->step_count; i++) {
        if (wire->steps[i].end > wire->length)
            wire->steps[i].end = wire->length;
    }
}

static llmc_mock_wire *new_wire(const llmc_allocator *allocator)
{
    llmc_mock_wire *wire = llmc_calloc(allocator, 1, sizeof *wire);
    if (wire) {
        wire->allocator = *allocator;
        wire->refs = 1;
    }
    return wire;
}

void llmc_mock_wire_release(llmc_mock_wire *wire)
{
    if (!wire || --wire->refs)
        return;
    llmc_allocator allocator = wire->allocator;
    llmc_free(&allocator, wire->bytes);
    llmc_free(&allocator, wire->steps);
    llmc_free(&allocator, wire);
}

llmc_mock_wire *llmc_mock_wire_assemble(const llmc_allocator *allocator, llmc_mock_body *body, const llmc_mock_question *question, const llmc_mock_rule *rule)
{
    llmc_mock_wire *wire = new_wire(allocator);
    if (!wire)
        return NULL;
    struct assembly assembly = { .body = body, .question = question, .rule = rule, .wire = wire, .cut = SIZE_MAX };
    llmc_buffer_init(&assembly.out, allocator, SIZE_MAX / 4);
    decide(&assembly);
    if (rule && rule->fault.huge_bytes)
        make_huge(&assembly);
    if (rule && rule->delay_ms)
        add_step(&assembly, 0, rule->delay_ms);
    add_head(&assembly);
    add_pieces(&assembly);
    assembly.no_memory = assembly.no_memory || assembly.out.failure || body->no_memory || body->bytes.failure || body->headers.failure;
    finish_wire(&assembly);
    llmc_buffer_free(&assembly.out);
    if (!assembly.no_memory)
        return wire;
    llmc_mock_wire_release(wire);
    return NULL;
}

/* ---- answers */

/* A raw body is cut by bytes, if at all: its pieces may end anywhere. */
static void render_raw(llmc_mock_body *body, const llmc_mock_rule *rule)
{
    body->status = rule->fault.status ? (int32_t)rule->fault.status : (int32_t)rule->raw.status;
    if (rule->raw.content_type.text)
        body->content_type = rule->raw.content_type.text;
    size_t length = rule->raw.body.bytes, step = (size_t)rule->chunk_bytes;
    if (rule->chunks && length)
        step = (length + (size_t)rule->chunks - 1) / (size_t)rule->chunks;
    for (size_t at = 0; step && at < length; at += step) {
        llmc_buffer_add(&body->bytes, rule->raw.body.text + at, length - at < step ? length - at : step);
        llmc_mock_body_cut(body);
    }
    if (!step)
        llmc_buffer_add(&body->bytes, rule->raw.body.text, length);
    body->streamed = step != 0 || strncmp(body->content_type, "text/event-stream", 17) == 0;
}

static void render(llmc_mock_body *body, const llmc_mock_question *question, const llmc_mock_rule *rule)
{
    if (llmc_mock_fault_body(body, question, rule))
        return;
    if (rule->raw_json) {
        render_raw(body, rule);
        return;
    }
    llmc_mock_answer answer;
    llmc_mock_answer_begin(&answer, question, rule);
    const llmc_mock_dialect *dialect = question->route->dialect;
    if (question->route->forms)
        llmc_mock_list_render(body, &answer);
    else if (dialect->render)
        dialect->render(body, &answer);
    else
        llmc_mock_sheet_run(body, question->stream ? dialect->stream : dialect->whole, &answer);
}

/* A wire without an answer: it closes, resets, stays silent, or says what is no HTTP. */
static llmc_mock_wire *speechless(const llmc_allocator *allocator, const llmc_mock_rule *rule)
{
    static const char garbage[] = "\x16\x03\x01 this is no HTTP at all\n\n\x7f\xff\xfe";
    llmc_mock_wire *wire = new_wire(allocator);
    if (!wire)
        return NULL;
    struct assembly assembly = { .wire = wire };
    wire->end = rule->fault.silent ? LLMC_MOCK_SILENT : rule->fault.reset ? LLMC_MOCK_RESET : LLMC_MOCK_CLOSE;
    if (rule->delay_ms)
        add_step(&assembly, 0, rule->delay_ms);
    if (rule->fault.garbage && !rule->fault.silent && !rule->fault.close_before_reply) {
        wire->bytes = llmc_strndup(allocator, garbage, sizeof garbage - 1);
        wire->length = sizeof garbage - 1;
        assembly.no_memory = assembly.no_memory || !wire->bytes;
    }
    if (!assembly.no_memory)
        return wire;
    llmc_mock_wire_release(wire);
    return NULL;
}

static uint32_t form_of(const llmc_mock_question *question)
{
    return (uint32_t)(question->route - llmc_mock_route_at(0)) << 2 | (uint32_t)question->stream << 1 | (uint32_t)question->include_usage;
}

static llmc_mock_kept *find_kept(llmc_mock_rule *rule, const llmc_mock_question *question)
{
    for (size_t i = 0; i < LLMC_MOCK_KEPT_WIRES; i++) {
        llmc_mock_kept *kept = &rule->kept[i];
        if (!kept->wire)
            return kept;
        if (kept->form == form_of(question) && kept->model_bytes == question->model.bytes && (!kept->model_bytes || memcmp(kept->model, question->model.text, kept->model_bytes) == 0))
            return kept;
    }
    return NULL;
}

static void keep(llmc_mock_kept *kept, const llmc_allocator *allocator, const llmc_mock_question *question, llmc_mock_wire *wire)
{
    kept->model = llmc_strndup(allocator, question->model.text ? question->model.text : "", question->model.bytes);
    if (!kept->model)
        return;
    kept->model_bytes = question->model.bytes;
    kept->form = form_of(question);
    kept->wire = wire;
    wire->refs++;
}

llmc_mock_wire *llmc_mock_wire_of_rule(const llmc_allocator *allocator, const llmc_mock_question *question, llmc_mock_rule *rule)
{
    const llmc_mock_fault *fault = &rule->fault;
    if (fault->silent || fault->close_before_reply || fault->garbage || (fault->reset && fault->cut_at < 0))
        return speechless(allocator, rule);
    bool keepable = rule->is_fixed && llmc_mock_question_is_chat(question) && question->n == 1 && !question->logprobs && !question->http_1_0;
    llmc_mock_kept *kept = keepable ? find_kept(rule, question) : NULL;
    if (kept && kept->wire) {
        kept->wire->refs++;
        return kept->wire;
    }
    llmc_mock_body body;
    llmc_mock_body_init(&body, allocator);
    render(&body, question, rule);
    llmc_mock_wire *wire = llmc_mock_wire_assemble(allocator, &body, question, rule);
    llmc_mock_body_free(&body);
    if (wire && kept)
        keep(kept, allocator, question, wire);
    return wire;
}

llmc_mock_wire *llmc_mock_wire_of_refusal(const llmc_allocator *allocator, const llmc_mock_question *question)
{
    llmc_mock_body body;
    llmc_mock_body_init(&body, allocator);
    const char *const texts[] = { question->refusal_type, question->refusal_code, question->refusal_message };
    llmc_mock_text words[3];
    for (size_t i = 0; i < 3; i++)
        words[i] = (llmc_mock_text){ texts[i], texts[i] ? strlen(texts[i]) : 0 };
    llmc_mock_failure failure = { .type = words[0], .code = words[1], .message = words[2] };
    llmc_mock_error_body(&body, question, question->refusal, &failure, question->refusal_param);
    llmc_mock_wire *wire = llmc_mock_wire_assemble(allocator, &body, question, NULL);
    llmc_mock_body_free(&body);
    return wire;
}

llmc_mock_wire *llmc_mock_wire_of_models(const llmc_allocator *allocator, const llmc_mock_question *question, const json_t *models)
{
    llmc_mock_body body;
    llmc_mock_body_init(&body, allocator);
    llmc_mock_models_render(&body, question, models);
    llmc_mock_wire *wire = llmc_mock_wire_assemble(allocator, &body, question, NULL);
    llmc_mock_body_free(&body);
    return wire;
}

llmc_mock_wire *llmc_mock_wire_of_json(const llmc_allocator *allocator, const llmc_mock_question *question, int32_t status, const char *json)
{
    llmc_mock_body body;
    llmc_mock_body_init(&body, allocator);
    body.status = status;
    llmc_buffer_add_text(&body.bytes, json);
    llmc_mock_wire *wire = llmc_mock_wire_assemble(allocator, &body, question, NULL);
    llmc_mock_body_free(&body);
    return wire;
}
