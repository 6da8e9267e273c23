// llmcost.hpp against the loopback provider: what it adds to llmcost.h is lifetimes, exceptions and iteration.
#include <llmcost/llmcost.hpp>
#include <llmcost/mock.h>
#include <llmcost/plugin.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <type_traits>

static int passed, failed;
static const char *current = "";

static void expect(bool holds, const char *what, int line)
{
    if (holds)
        return;
    std::printf("# %s, line %d: %s\n", current, line, what);
    throw std::logic_error("expectation");
}
#define EXPECT(condition) expect(static_cast<bool>(condition), #condition, __LINE__)
#define EXPECT_THROWS(statement, condition)                                                                            \
    do {                                                                                                               \
        bool caught = false;                                                                                           \
        try {                                                                                                          \
            statement;                                                                                                 \
        } catch (const llmcost::error &e) {                                                                            \
            caught = true;                                                                                             \
            EXPECT(condition);                                                                                         \
        }                                                                                                              \
        EXPECT(caught);                                                                                                \
    } while (0)

struct server {
    llmcost_mock *mock = nullptr;
    explicit server(const char *script) { EXPECT(llmcost_mock_start(&mock, script, nullptr) == LLMCOST_OK); }
    server(const server &) = delete;
    ~server() { llmcost_mock_stop(mock); }
    std::string config(const std::string &more = "") const
    {
        return R"({"providers": {"openai": {"key": "none", "retries": 0, "base_url": ")" + std::string(llmcost_mock_url(mock)) + R"(/v1"}})" + (more.empty() ? "" : ", " + more) + "}";
    }
    std::string body(std::uint64_t index) const
    {
        std::size_t bytes = 0;
        const char *text = llmcost_mock_request_body(mock, index, &bytes);
        return text ? std::string(text, bytes) : std::string();
    }
    bool sent(const char *what, std::uint64_t index = 0) const { return body(index).find(what) != std::string::npos; }
};

static const char *const mini = "openai/gpt-4o-mini";

static void asks_and_reads_the_receipt()
{
    server with(R"({"default": {"reply": {"text": "Hello!", "usage": {"prompt": 100, "completion": 20, "cached": 40}}}})");
    llmcost::client client(with.config());
    llmcost::response answer = client.ask(mini, "Hi");
    EXPECT(answer.ok() && answer.text() == "Hello!" && answer.text_view() == "Hello!");
    EXPECT(answer.cost_nano() == 60 * 150 + 40 * 75 + 20 * 600);
    EXPECT(answer.tokens(LLMCOST_INPUT_CACHED) == 40 && answer.tokens(LLMCOST_OUTPUT) == 20);
    EXPECT(answer.currency() == "USD" && answer.line_count() == 1 && answer.finish() == LLMCOST_FINISH_STOP);
    EXPECT(answer.line_number(0, "cost_nano") == answer.cost_nano() && answer.line_text(0, "model") == std::string("gpt-4o-mini"));
    EXPECT(!answer.line_number(0, "no such key") && !answer.line_text(7, "model"));
    EXPECT(answer.receipt().front() == '{' && answer.json().find("chat.completion") != std::string::npos);
    EXPECT(answer.provider() == "openai" && !answer.from_cache() && !answer.is_altered());
    EXPECT(answer.summary().find("gpt-4o-mini") != std::string::npos);
}

static void a_response_outlives_its_client_and_moves()
{
    server with(R"({"default": {"reply": {"text": "Still here."}}})");
    std::optional<llmcost::response> kept;
    {
        llmcost::client client(with.config());
        llmcost::response answer = client.ask(mini, "Hi");
        kept = std::move(answer);
    }
    EXPECT(kept->text() == "Still here.");
    llmcost_response *raw = kept->release();
    EXPECT(std::strcmp(llmcost_response_text(raw), "Still here.") == 0);
    llmcost_response_free(raw);
    static_assert(!std::is_copy_constructible_v<llmcost::response> && std::is_copy_constructible_v<llmcost::request>);
    static_assert(!std::is_copy_constructible_v<llmcost::stream> && std::is_move_constructible_v<llmcost::stream>);
}

static void what_was_moved_from_is_empty()
{
    server with(R"({"default": {"reply": {"text": "Still here."}}})");
    llmcost::client client(with.config());
    {
        llmcost::response first = client.ask(mini, "Hi");
        { llmcost::response second = std::move(first); }
        EXPECT(!first.ok() && first.text().empty() && first.line_count() == 0 && first.tool_calls().empty());
        first = client.ask(mini, "Hi");
        llmcost::response &same = first;
        first = std::move(same);
        EXPECT(first.text() == "Still here.");
    }
    llmcost::stream pulled = client.stream(llmcost::request(mini).user("Hi")), taken = std::move(pulled);
    EXPECT_THROWS((void)pulled.next(), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS((void)pulled.finish(), e.status() == LLMCOST_E_MISUSE);
    llmcost::stream &same = taken;
    taken = std::move(same);
    EXPECT(taken.finish().text() == "Still here.");
    llmcost::loop one(client), two = std::move(one);
    EXPECT(one.pending() == 0 && one.descriptor() == -1);
    one.wake();
    EXPECT_THROWS(one.poll(0), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS(one.submit(llmcost::request(mini).user("Hi"), [](llmcost::response) {}), e.status() == LLMCOST_E_MISUSE);
    llmcost::client kept = std::move(client);
    EXPECT_THROWS((void)client.ask(mini, "Hi"), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS((void)client.stats(), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS((void)client.callback_failures(), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS(client.add_judge("j", [](std::string_view, std::string_view) { return 1; }), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS(client.on_receipt([](const llmcost::response_view &) {}), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS(llmcost::loop of(client), e.status() == LLMCOST_E_MISUSE);
    EXPECT(kept.ask(mini, "Hi").text() == "Still here.");
}

/* The last that keeps a client open is replaced: its stream ends before its client does. */
static void a_stream_is_replaced_by_another_clients()
{
    server with(R"({"default": {"reply": {"text": "one two three four"}, "chunks": 4}})");
    auto open = [&] { return llmcost::client(with.config()).stream(llmcost::request(mini).user("Hi")); };
    llmcost::stream stream = open();
    EXPECT(stream.next());
    stream = open();
    EXPECT(stream.finish().text() == "one two three four");
}

static void hooks_that_come_too_late_change_nothing()
{
    server with(R"({"default": {"reply": {"text": "x"}}})");
    llmcost::client client(with.config());
    int told = 0;
    client.on_receipt([&](const llmcost::response_view &) { told++; });
    (void)client.ask(mini, "Hi");
    EXPECT_THROWS(client.on_receipt(nullptr), e.status() == LLMCOST_E_MISUSE);
    EXPECT_THROWS(client.on_alert(nullptr), e.status() == LLMCOST_E_MISUSE);
    (void)client.ask(mini, "Hi");
    EXPECT(told == 2 && client.callback_failures() == 0);
}

/* What C would read up to its first zero byte. */
static void nothing_is_cut_at_a_zero_byte()
{
    using namespace std::string_literals;
    server with(R"({"default": {"reply": {"text": "x"}}})");
    EXPECT_THROWS(llmcost::client(with.config() + "\0"s), e.status() == LLMCOST_E_INVALID);
    llmcost::client client(with.config(R"("budgets": [{"name": "b", "limit": "1 USD", "each": "user"}])"));
    EXPECT_THROWS((void)client.describe_routes("a\0b"s), e.status() == LLMCOST_E_INVALID);
    EXPECT_THROWS(client.correct_budget("b", 1, "u\0v"s), e.status() == LLMCOST_E_INVALID);
    client.correct_budget("b", 1, "u");
    (void)client.chat(llmcost::request(mini).user(std::string_view("a\0b", 3)));
    EXPECT(with.sent("a\\u0000b"));
    std::string config = with.config();
    config.replace(config.find("\"none\""), 6, "\"host:vault\"");
    llmcost::client vault(config);
    vault.add_key_source("vault", [](std::string_view, bool) -> llmcost::handed_key { return { "sk-one\0two"s }; });
    EXPECT_THROWS((void)vault.ask(mini, "Hi"), e.status() == LLMCOST_E_AUTH);
    EXPECT(with.body(1).empty());
}

static void a_request_owns_its_texts()
{
    server with(R"({"default": {"reply": {"text": "ok"}}})");
    llmcost::client client(with.config());
    llmcost::request request = [] {
        std::string model = mini, words = "a question that is long enough to live on the heap, surely", feature = "feature";
        llmcost::request made(model);
        made.system(words + " (system)").user(words).assistant("an earlier answer").user(std::string_view("with a \0 zero", 13));
        made.tag(feature, words).stop("END OF IT").max_tokens(123).temperature(0).top_p(0.5).seed(7).end_user("user-17").extra(R"({"store": false})");
        words.assign(words.size(), '!');
        return made;
    }();
    llmcost::request copy = request;
    request = llmcost::request(mini);
    EXPECT(client.chat(copy).text() == "ok");
    for (const char *expected : { "surely (system)", "live on the heap, surely\"", "an earlier answer", "with a \\u0000 zero", "END OF IT", "123", "\"temperature\":0", "0.5",
                                  "\"seed\":7", "user-17", "\"store\":false" })
        EXPECT(with.sent(expected));
}

static void images_and_formats_are_sent()
{
    server with(R"({"default": {"reply": {"text": "{}"}}})");
    llmcost::client client(with.config());
    llmcost::request request("openai/gpt-4o");
    request.user("What is this?").image_url("https://example.com/cat.png", "low").image(std::string_view("\x89PNG", 4), "image/png");
    request.json_schema(R"({"type": "object", "properties": {}, "additionalProperties": false})", "thing");
    EXPECT(client.chat(request).text() == "{}");
    EXPECT(with.sent("What is this?") && with.sent("https://example.com/cat.png") && with.sent("data:image/png;base64,iVBORw==") && with.sent("json_schema") && with.sent("\"thing\""));
    EXPECT_THROWS(llmcost::request("m").image_url("https://example.com"), e.status() == LLMCOST_E_MISUSE);
}

static void a_tool_turn_goes_round()
{
    server with(R"({"rules": [{"times": 1, "reply": {"tool_calls": [{"id": "call_1", "name": "add", "arguments": {"a": 1}}]}}], "default": {"reply": {"text": "2"}}})");
    llmcost::client client(with.config());
    llmcost::request request(mini);
    request.user("1+1?").tool("add", "adds", R"({"type": "object"})").tool_choice(LLMCOST_TOOLS_AUTO).parallel_tool_calls(false);
    llmcost::response asked = client.chat(request);
    EXPECT(asked.tool_calls().size() == 1 && asked.tool_calls()[0].id == "call_1" && asked.tool_calls()[0].name == "add");
    EXPECT(asked.tool_calls()[0].arguments.find("\"a\"") != std::string::npos && asked.finish() == LLMCOST_FINISH_TOOL_CALLS);
    request.answer(asked).tool_result("call_1", "2");
    asked = client.ask(mini, "meanwhile"); /* what the request took from it was copied */
    EXPECT(client.chat(request).text() == "2");
    EXPECT(with.sent("\"tool_call_id\":\"call_1\"", 2) && with.sent("\"name\":\"add\"", 2));
    EXPECT_THROWS(request.answer(asked, 5), e.status() == LLMCOST_E_MISUSE);
}

/* Of a tool that extra passes on, whose arguments are any text. */
static void a_custom_tool_turn_goes_round()
{
    server with(R"({"rules": [{"times": 1, "reply": {"raw": {"status": 200, "content_type": "application/json", "body": "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"custom\",\"custom\":{\"name\":\"shell\",\"input\":\"ls\"}}]},\"finish_reason\":\"tool_calls\"}]}"}}}],)"
                R"("default": {"reply": {"text": "2"}}})");
    llmcost::client client(with.config());
    llmcost::request request(mini);
    request.user("List.").extra(R"({"tools": [{"type": "custom", "custom": {"name": "shell"}}]})");
    const llmcost::response asked = client.chat(request);
    const auto calls = asked.tool_calls();
    EXPECT(calls.size() == 1 && calls[0].is_custom && calls[0].name == "shell" && calls[0].arguments == "ls");
    request.answer(asked).tool_result("call_1", "a.txt");
    EXPECT(client.chat(request).text() == "2");
    EXPECT(with.sent(R"("type":"custom","custom":{"name":"shell","input":"ls"})", 1));
}

static void a_failure_is_an_exception_with_fields()
{
    server with(R"({"default": {"fault": {"status": 429, "code": "rate_limit_exceeded", "message": "Slow down.", "retry_after": 7}}})");
    llmcost::client client(with.config());
    std::optional<llmcost::error> kept;
    try {
        (void)client.ask(mini, "Hi");
    } catch (const llmcost::error &e) {
        kept = e; /* errors are values */
    }
    EXPECT(kept && kept->status() == LLMCOST_E_RATE_LIMITED && kept->category() == LLMCOST_CATEGORY_CAPACITY);
    EXPECT(kept->is_retriable() && !kept->is_budget() && !kept->is_fatal() && std::string(kept->status_name()) == "E_RATE_LIMITED");
    EXPECT(kept->http_status() == 429 && kept->retry_after_ms() == 7000 && kept->provider() == "openai");
    EXPECT(!kept->code().empty() && kept->provider_message() == "Slow down." && std::strlen(kept->what()) > 10);
    EXPECT(!kept->request_id().empty());
    EXPECT(kept->failed_response() && kept->failed_response()->line_count() == 1);
    EXPECT(kept->trail().find("E_RATE_LIMITED") != std::string::npos);
    kept.reset();
    try {
        (void)client.ask("no such model", "Hi");
    } catch (const llmcost::error &e) {
        kept = e;
    }
    EXPECT(kept && kept->status() == LLMCOST_E_UNKNOWN_MODEL && kept->failed_response()->cost_nano() == 0);
    EXPECT_THROWS(llmcost::client(R"({"provders": {}})"), e.status() == LLMCOST_E_CONFIG && std::strstr(e.what(), "providers") && !e.failed_response());
    EXPECT_THROWS(llmcost::client("/no/such/file.json"), e.status() == LLMCOST_E_FILE);
    EXPECT_THROWS(llmcost::request(std::string_view("a\0b", 3)), e.status() == LLMCOST_E_INVALID);
    EXPECT_THROWS((void)client.chat_json(""), e.status() == LLMCOST_E_INVALID);
}

static void a_budget_refuses()
{
    server with(R"({"default": {"reply": {"text": "ok"}}})");
    llmcost::client client(with.config(R"("budgets": [{"name": "tiny", "limit": "0.000001 USD"}])"));
    EXPECT_THROWS((void)client.ask("openai/gpt-4o", "Hi"), e.is_budget() && e.status() == LLMCOST_E_BUDGET && std::strstr(e.what(), "tiny"));
    EXPECT(client.budgets().find("\"tiny\"") != std::string::npos && llmcost_mock_request_count(with.mock) == 0);
    client.correct_budget("tiny", 5);
    EXPECT_THROWS(client.correct_budget("none", 5), e.status() == LLMCOST_E_MISUSE);
}

static void a_stream_is_a_range()
{
    server with(R"({"default": {"reply": {"text": "one two three four"}, "chunk_bytes": 4}})");
    llmcost::client client(with.config());
    llmcost::stream stream = client.stream(llmcost::request(mini).user("Hi"));
    std::string text;
    int pieces = 0;
    for (const llmcost::event &event : stream) {
        text += event.kind() == LLMCOST_EVENT_TEXT ? std::string(event.text()) : "";
        pieces += event.kind() == LLMCOST_EVENT_TEXT;
        EXPECT(event.finish_raw().empty() == (event.kind() != LLMCOST_EVENT_FINISH));
        EXPECT((event.tokens(LLMCOST_INPUT) < 0) == (event.kind() != LLMCOST_EVENT_USAGE));
    }
    EXPECT(text == "one two three four" && pieces > 3);
    EXPECT(stream.finish().text() == text);
    EXPECT_THROWS((void)stream.finish(), e.status() == LLMCOST_E_MISUSE);
    EXPECT(client.report().find("calls     1 ") != std::string::npos);
}

static void an_answer_may_begin_again()
{
    server with(R"({"rules": [{"match": {"model": "gpt-4o"}, "reply": {"text": "Once upon a time"}, "chunk_bytes": 4, "fault": {"error_in_stream": {"after": 2}}}],
                    "default": {"reply": {"text": "An answer."}}})");
    llmcost::client client(with.config(R"("routes": {"r": {"fallback": ["openai/gpt-4o", "openai/gpt-4o-mini"], "after_delta": "continue"}})"));
    std::string screen;
    int restarts = 0;
    for (const llmcost::event &event : client.stream(llmcost::request("r").user("Hi"))) {
        restarts += event.is_restart();
        screen = event.is_restart() ? std::string() : screen + std::string(event.kind() == LLMCOST_EVENT_TEXT ? event.text() : std::string_view());
    }
    EXPECT(screen == "An answer." && restarts == 1);
}

static void a_stream_may_be_left_and_outlives_the_client()
{
    server with(R"({"default": {"reply": {"text": "one two three four five six"}, "chunk_bytes": 2, "chunk_delay_ms": 20}})");
    std::optional<llmcost::stream> stream;
    {
        llmcost::client client(with.config());
        stream.emplace(client.stream(llmcost::request(mini).user("Hi")));
    }
    EXPECT(stream->poll(-1));
    for (const llmcost::event &event : *stream) {
        EXPECT(event.text() == "on");
        break;
    }
    stream.reset();
}

static void a_stream_that_fails_throws()
{
    server with(R"({"default": {"reply": {"text": "one two three"}, "chunk_bytes": 4, "fault": {"error_in_stream": {"after": 1, "type": "server_error", "message": "broke"}}}})");
    llmcost::client client(with.config());
    llmcost::stream stream = client.stream(llmcost::request(mini).user("Hi"));
    std::string text;
    EXPECT_THROWS(for (const llmcost::event &event : stream) text += event.text(),
                  e.status() == LLMCOST_E_SERVER && e.provider_message() == "broke" && e.failed_response()->text() == "one ");
    EXPECT(text == "one ");
    EXPECT_THROWS((void)client.stream(llmcost::request("no such")).next(), e.status() == LLMCOST_E_UNKNOWN_MODEL || e.status() == LLMCOST_E_INVALID);
}

static void json_in_json_out()
{
    server with(R"({"default": {"reply": {"text": "four"}}, "models": ["b", "a"]})");
    llmcost::client client(with.config());
    std::string body = R"({"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "2+2?"}]})";
    EXPECT(client.chat_json(body).json().find("\"four\"") != std::string::npos);
    llmcost::stream stream = client.stream_json(R"({"stream": true, "model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "2+2?"}]})");
    std::optional<llmcost::event> first = stream.next();
    EXPECT(first && first->json().find("chat.completion.chunk") != std::string_view::npos);
    EXPECT(client.models("openai") == (std::vector<std::string>{ "b", "a" }));
    EXPECT(client.describe_routes().find("openai/gpt-4o") != std::string::npos || client.describe_routes().empty());
    EXPECT_THROWS((void)client.describe_routes("none such"), e.status() == LLMCOST_E_UNKNOWN_MODEL);
    EXPECT(client.explain_json(R"({"model":"openai/gpt-4o","messages":[{"role":"user","content":"a"}]})").find("\"status\":\"OK\"") != std::string::npos);
    EXPECT(client.stats().front() == '{' && client.report("json").front() == '{');
    EXPECT_THROWS((void)client.report("yaml"), e.status() == LLMCOST_E_MISUSE);
}

static void labellers()
{
    server with(R"({"rules": [{"match": {"model": "gpt-4o-mini"}, "reply": {"text": "small"}}], "default": {"reply": {"text": "large"}}})");
    llmcost::client client(with.config(R"("routes": {"r": {"choose": [{"when": {"label": "big"}, "use": "openai/gpt-4o"}, {"use": "openai/gpt-4o-mini"}], "label_with": "host:topic", "labels": ["little", "big"]}})"));
    client.add_labeller("topic", [](std::string_view question) -> std::optional<std::string> {
        if (question == "throw")
            throw std::runtime_error("labeller");
        if (question == "none")
            return std::nullopt;
        return question == "long" ? std::string(300, 'x') : std::string(question);
    });
    EXPECT(client.ask("r", "big").text() == "large");
    EXPECT(client.ask("r", "little").text() == "small");
    EXPECT(client.ask("r", "none").text() == "large" && client.callback_failures() == 0); /* the middle one of two */
    EXPECT(client.ask("r", "long").text() == "large");
    EXPECT(client.ask("r", "throw").text() == "large" && client.callback_failures() == 1);
    EXPECT_THROWS(client.add_labeller("late", nullptr), e.status() == LLMCOST_E_MISUSE);
}

static void callbacks_may_throw()
{
    server with(R"({"default": {"reply": {"text": "fine", "usage": {"prompt": 1000, "completion": 1000}}}})");
    llmcost::client client(with.config(R"("routes": {"r": {"cascade": ["openai/gpt-4o-mini", "openai/gpt-4o"], "escalate_on": {"judge": "host:strict"}}},)"
                                       R"("budgets": [{"name": "b", "limit": "0.02 USD", "alert_at": [0.01]}])"));
    int receipts = 0, judged = 0;
    std::string alert;
    client.on_receipt([&](const llmcost::response_view &view) {
        receipts += view.cost_nano() > 0;
        throw std::runtime_error("receipt");
    });
    client.on_alert([&](std::string_view json) {
        alert = json;
        throw 17;
    });
    client.add_judge("strict", [&](std::string_view, std::string_view answer) -> int {
        judged += answer == "fine";
        throw std::runtime_error("judge");
    });
    EXPECT(client.ask("r", "Hi").text() == "fine");
    EXPECT(receipts == 1 && judged == 1 && client.callback_failures() == 3 && !alert.empty());
    EXPECT_THROWS(client.on_receipt(nullptr), e.status() == LLMCOST_E_MISUSE);
}

static void keys_are_handed_out()
{
    server with(R"({"default": {"reply": {"text": "fine"}}, "require_key": "sk-second"})");
    std::string config = with.config("");
    const std::string plain = R"("key":)";
    std::size_t at = config.find(plain), end = config.find('"', config.find('"', at + plain.size()) + 1);
    EXPECT(at != std::string::npos);
    llmcost::client client(config.replace(at, end + 1 - at, R"("key": "host:vault")"));
    int asked = 0, rejections = 0;
    client.add_key_source("vault", [&](std::string_view provider, bool rejected) -> llmcost::handed_key {
        EXPECT(provider == "openai");
        asked++;
        rejections += rejected;
        return { rejected ? "sk-second" : "sk-first", 60000 };
    });
    EXPECT(client.ask(mini, "Hi").text() == "fine" && client.ask(mini, "Hi").text() == "fine");
    EXPECT(asked == 2 && rejections == 1);
    llmcost::client other(config);
    other.add_key_source("vault", [](std::string_view, bool) -> llmcost::handed_key { throw 17; });
    EXPECT_THROWS((void)other.ask(mini, "Hi"), e.status() == LLMCOST_E_AUTH);
    EXPECT(other.callback_failures() == 1);
    llmcost::client third(config);
    third.add_key_source("vault", [](std::string_view, bool) -> llmcost::handed_key { return { std::string(20000, 'x') }; });
    EXPECT_THROWS((void)third.ask(mini, "Hi"), e.status() == LLMCOST_E_AUTH);
    EXPECT_THROWS(third.add_key_source("late", [](std::string_view, bool) -> llmcost::handed_key { return {}; }), e.status() == LLMCOST_E_MISUSE);
}

static void a_breaker_opens_and_tells()
{
    server with(R"({"default": {"fault": {"status": 503}}})");
    std::vector<std::string> alerts;
    llmcost::client client(with.config(R"("breaker": {"min_calls": 2, "open_ms": "1h"})"));
    client.on_alert([&](std::string_view json) { alerts.emplace_back(json); });
    EXPECT_THROWS((void)client.ask(mini, "Hi"), e.status() == LLMCOST_E_OVERLOADED);
    EXPECT_THROWS((void)client.ask(mini, "Hi"), e.status() == LLMCOST_E_OVERLOADED || e.status() == LLMCOST_E_BREAKER_OPEN);
    EXPECT_THROWS((void)client.ask(mini, "Hi"), e.status() == LLMCOST_E_BREAKER_OPEN && e.category() == LLMCOST_CATEGORY_CAPACITY);
    EXPECT(client.targets().find(R"("state":"open")") != std::string::npos);
    EXPECT(alerts.size() == 1 && alerts[0].find(R"("alert":"breaker")") != std::string::npos);
}

static void a_key_that_is_rejected_is_out()
{
    server with(R"({"default": {"fault": {"status": 401}}})");
    std::vector<std::string> alerts;
    llmcost::client client(with.config(""));
    client.on_alert([&](std::string_view json) { alerts.emplace_back(json); });
    EXPECT_THROWS((void)client.ask(mini, "Hi"), e.status() == LLMCOST_E_AUTH);
    EXPECT_THROWS((void)client.ask(mini, "Hi"), e.status() == LLMCOST_E_AUTH && e.category() == LLMCOST_CATEGORY_CREDENTIALS);
    EXPECT(client.stats().find(R"("state":"rejected")") != std::string::npos);
    EXPECT(alerts.size() == 1 && alerts[0].find(R"("alert":"key")") != std::string::npos);
    EXPECT_THROWS((void)client.chat(llmcost::request(mini).user("Hi").priority(1001)), e.status() == LLMCOST_E_INVALID);
}

static void a_cache_answers_again()
{
    server with(R"({"default": {"reply": {"text": "fine"}}})");
    llmcost::client client(with.config(R"("cache": {"memory": {}})"));
    llmcost::request request(mini);
    request.user("Hi").cache_sampled(true).cache_namespace("a").cache_ttl_ms(60000);
    EXPECT(!client.chat(request).from_cache() && client.chat(request).from_cache());
    EXPECT(!client.chat(llmcost::request(request).cache_namespace("b")).from_cache());
    llmcost::client same = client;
    same.clear_cache();
    EXPECT_THROWS((void)client.chat(llmcost::request(request).cache(LLMCOST_CACHE_ONLY)), e.status() == LLMCOST_E_CACHE_MISS);
}

static void a_score_finds_its_side()
{
    server with(R"({"default": {"reply": {"text": "ok"}}})");
    llmcost::client client(with.config(R"("routes": {"test": {"split": {"openai/gpt-4o": 1, "openai/gpt-4o-mini": 0}}})"));
    llmcost::response answer = client.ask("test", "Hi");
    EXPECT(answer.id().size() == 18 && client.feedback(answer.id(), 0.5));
    EXPECT(client.report("json").find("\"mean_score\":0.5") != std::string::npos);
    EXPECT(!client.feedback(client.ask(mini, "Hi").id(), 1) && !client.feedback("r-0123456789abcdef", 1));
    EXPECT_THROWS((void)client.feedback("what", 1), e.status() == LLMCOST_E_MISUSE);
}

/* Fresh or cached, a cascade's answer is compared with the same baseline: what the marker's instruction added is in neither. */
static void a_cached_answer_saves_what_it_would_have_cost()
{
    server with(R"({"default": {"reply": {"text": "fine"}}})");
    llmcost::client client(with.config(R"("cache": {"sampled": true, "memory": {}}, "routes": {"r": {"cascade": ["openai/gpt-4o-mini", "openai/gpt-4o"]}})"));
    llmcost::response fresh = client.ask("r", "Hi"), cached = client.ask("r", "Hi");
    EXPECT(cached.from_cache() && cached.cost_nano() == 0 && fresh.cost_nano() > 0);
    EXPECT(cached.saved_nano() == fresh.cost_nano() + fresh.saved_nano());
}

struct seen {
    std::string operation, target, text;
    llmcost_finish finish;
};

/* plugin.h from C++: its functions are plain C, so they must not throw. */
static void a_policy_looks_at_a_leg()
{
    server with(R"({"default": {"reply": {"text": "fine", "finish": "length"}}})");
    llmcost::client client(with.config(R"("cache": {"sampled": true, "memory": {}})"));
    seen saw{};
    llmcost_policy policy{};
    policy.struct_size = sizeof policy;
    policy.phase = LLMCOST_PHASE_SHAPE;
    policy.name = "look";
    policy.user = &saw;
    policy.leave = [](llmcost_leg *leg, void *, void *user) {
        *static_cast<seen *>(user) = { llmcost_leg_operation(leg), llmcost_leg_target(leg), llmcost_leg_text(leg, nullptr), llmcost_leg_finish_reason(leg) };
        llmcost_leg_mark_altered(leg);
        llmcost_leg_note(leg, "looked at");
        return LLMCOST_CONTINUE;
    };
    EXPECT(llmcost_client_add_policy(client.get(), &policy) == LLMCOST_OK);
    llmcost::response answer = client.ask(mini, "Hi");
    EXPECT(saw.operation == "chat" && saw.target == mini && saw.text == "fine" && saw.finish == LLMCOST_FINISH_LENGTH);
    EXPECT(answer.is_altered() && answer.receipt().find("looked at") != std::string::npos);
    EXPECT(!client.ask(mini, "Hi").from_cache()); /* what was altered is not kept */
}

static void statuses_answer_questions()
{
    EXPECT(std::string(llmcost_version()) == LLMCOST_VERSION_TEXT);
    EXPECT(llmcost_status_is_retriable(LLMCOST_E_OVERLOADED) && !llmcost_status_is_retriable(LLMCOST_E_BUDGET) && !llmcost_status_is_retriable(LLMCOST_OK));
    EXPECT(llmcost_status_is_fatal(LLMCOST_E_AUTH) && !llmcost_status_is_fatal(LLMCOST_E_RATE_LIMITED));
    EXPECT(llmcost::error(LLMCOST_E_AUTH).is_fatal() && std::string(llmcost::error(LLMCOST_E_AUTH).what()) == llmcost_status_text(LLMCOST_E_AUTH));
}

static void a_loop_carries_many()
{
    server with(R"({"default": {"reply": {"text": "pong"}, "delay_ms": 20, "chunk_bytes": 2}})");
    std::optional<llmcost::loop> loop;
    {
        llmcost::client client(with.config());
        loop.emplace(client);
    }
    int done = 0, pieces = 0, cancelled = 0;
    for (int i = 0; i < 8; i++)
        loop->submit(llmcost::request(mini).user("ping"), [&](llmcost::response response) { done += response.text() == "pong"; });
    loop->submit(llmcost::request(mini).user("ping"), [&](llmcost::response response) { done += response.ok(); }, [&](const llmcost::event &event) { pieces += event.kind() == LLMCOST_EVENT_TEXT; });
    std::uint64_t unwanted = loop->submit(llmcost::request(mini).user("ping"), [&](llmcost::response response) { cancelled += response.status() == LLMCOST_E_CANCELLED; });
    loop->cancel(unwanted);
    EXPECT(loop->descriptor() >= 0);
    while (loop->pending())
        loop->poll(loop->timeout_ms() < 0 ? 1000 : loop->timeout_ms());
    EXPECT(done == 9 && pieces == 2 && cancelled == 1);
}

static void what_a_loop_callback_throws_comes_out_of_poll()
{
    server with(R"({"default": {"reply": {"text": "pong pong"}, "chunk_bytes": 2}})");
    llmcost::client client(with.config());
    llmcost::loop loop(client);
    llmcost_status ended = LLMCOST_OK;
    loop.submit(llmcost::request(mini).user("ping"), [&](llmcost::response response) { ended = response.status(); }, [](const llmcost::event &) { throw std::runtime_error("enough"); });
    std::string caught;
    while (loop.pending()) {
        try {
            loop.poll(1000);
        } catch (const std::runtime_error &e) {
            caught += e.what();
        }
    }
    EXPECT(caught == "enough" && ended == LLMCOST_E_CANCELLED);
    loop.submit(llmcost::request(mini).user("ping"), [](llmcost::response) { throw 1; }); /* completed, cancelled, when the loop closes */
}

/* One path of the provider, whatever it is. */
static std::string path_that_says(const char *path, const char *body, const char *headers = "{}")
{
    std::string escaped;
    for (const char *at = body; *at; at++)
        escaped += *at == '"' ? "\\\"" : std::string(1, *at);
    return std::string(R"({"rules": [{"match": {"path": ")") + path + R"("}, "reply": {"headers": )" + headers + R"(, "raw": {"status": 200, "content_type": "application/json", "body": ")" + escaped + R"("}}}]})";
}

static void texts_become_vectors()
{
    server with(path_that_says("/v1/embeddings", R"({"data": [{"index": 1, "embedding": [3, 4.5]}, {"index": 0, "embedding": [1, -2]}], "model": "e", "usage": {"prompt_tokens": 6, "total_tokens": 6}})").c_str());
    llmcost::client client(with.config());
    llmcost::request texts("openai/text-embedding-3-small");
    texts.input("one").input(std::string_view("two and more", 3)).dimensions(2).purpose(LLMCOST_INPUT_QUERY).tag("feature", "search");
    llmcost::response answer = client.embed(texts);
    EXPECT(answer.embedding_count() == 2 && answer.embedding(0) == (std::vector<float>{ 1, -2 }) && answer.embedding(1) == (std::vector<float>{ 3, 4.5 }));
    EXPECT(answer.embedding(2).empty());
    EXPECT(answer.cost_nano() == 6 * 20);
    EXPECT(with.sent(R"("two")") && with.sent(R"("dimensions":2)"));
    EXPECT(client.embed_json(R"({"model": "openai/text-embedding-3-small", "input": ["a", "b"]})").json().find(R"("embedding":[1.0,-2.0])") != std::string::npos);
    llmcost::loop loop(client);
    int vectors = 0;
    EXPECT(loop.submit_embed(texts, [&](llmcost::response ended) { vectors += static_cast<int>(ended.embedding_count()); }) > 0);
    while (loop.pending())
        loop.poll(1000);
    EXPECT(vectors == 2);
    EXPECT_THROWS(client.embed(llmcost::request(mini).user("hi")), e.status() == LLMCOST_E_INVALID);
    EXPECT_THROWS(client.embed_json(""), e.status() == LLMCOST_E_INVALID);
    EXPECT_THROWS(client.chat(texts), e.status() == LLMCOST_E_INVALID);
}

static void counts_and_balances_are_asked_for()
{
    server counts(path_that_says("/v1/tokenizers/estimate-token-count", R"({"data": {"total_tokens": 80}})").c_str());
    server money(path_that_says("/v1/users/me/balance", R"({"data": {"available_balance": 49.5}})").c_str());
    auto config = [](const server &of) { return R"({"providers": {"kimi": {"preset": "moonshot", "key": "none", "base_url": ")" + std::string(llmcost_mock_url(of.mock)) + R"(/v1"}}})"; };
    llmcost::client counter(config(counts)), bank(config(money));
    EXPECT(counter.count_tokens(llmcost::request("kimi/kimi-k2").user("hi")) == 80);
    EXPECT(counter.count_tokens_json(R"({"model": "kimi/kimi-k2", "messages": [{"role": "user", "content": "hi"}]})") == 80);
    EXPECT_THROWS(counter.count_tokens_json(""), e.status() == LLMCOST_E_INVALID);
    std::vector<llmcost::response::amount> left = bank.balance("kimi");
    EXPECT(left.size() == 1 && left[0].decimal == "49.5" && left[0].currency == "USD");
    EXPECT_THROWS(bank.balance("nobody"), e.status() == LLMCOST_E_UNKNOWN_MODEL);
}

static void limits_are_told()
{
    server with(R"({"default": {"reply": {"text": "x", "headers": {"x-ratelimit-remaining-requests": "41", "x-ratelimit-reset-requests": "2s"}}}})");
    llmcost::client client(with.config());
    llmcost::response answer = client.ask(mini, "Hi");
    EXPECT(answer.rate_limit(LLMCOST_LIMIT_REQUESTS).remaining == 41 && answer.rate_limit(LLMCOST_LIMIT_REQUESTS).reset_ms == 2000);
    EXPECT(!answer.rate_limit(LLMCOST_LIMIT_REQUESTS).limit && !answer.rate_limit(LLMCOST_LIMIT_TOKENS).remaining);
}

static void other_content_is_sent()
{
    server with(R"({"default": {"reply": {"text": "x"}}})");
    llmcost::client client(with.config());
    client.chat(llmcost::request(mini).user("hear, read").audio("RIFF", "audio/wav").document("%PDF", "application/pdf", "a.pdf"));
    EXPECT(with.sent(R"("input_audio")") && with.sent("UklGRg==") && with.sent("JVBERg==") && with.sent("a.pdf"));
    std::FILE *file = std::fopen("build/test_cpp_file.png", "wb");
    EXPECT(file && std::fwrite("png", 1, 3, file) == 3 && std::fclose(file) == 0);
    client.chat(llmcost::request(mini).user("see").file("build/test_cpp_file.png"));
    EXPECT(with.sent("data:image/png;base64,cG5n", 1));
    EXPECT_THROWS(client.chat(llmcost::request(mini).user("see").file("build/none.png")), e.status() == LLMCOST_E_FILE);
    EXPECT_THROWS(client.chat(llmcost::request(mini).user("see").document_url("https://example.com/a.pdf")), e.status() == LLMCOST_E_UNSUPPORTED);
}

int main()
{
    static const struct {
        const char *name;
        void (*run)();
    } tests[] = {
#define TEST(name) { #name, name }
        TEST(asks_and_reads_the_receipt), TEST(a_response_outlives_its_client_and_moves), TEST(what_was_moved_from_is_empty),
        TEST(a_stream_is_replaced_by_another_clients), TEST(hooks_that_come_too_late_change_nothing), TEST(nothing_is_cut_at_a_zero_byte), TEST(a_request_owns_its_texts), TEST(images_and_formats_are_sent),
        TEST(a_tool_turn_goes_round), TEST(a_custom_tool_turn_goes_round), TEST(a_failure_is_an_exception_with_fields), TEST(a_budget_refuses), TEST(a_stream_is_a_range), TEST(an_answer_may_begin_again),
        TEST(a_stream_may_be_left_and_outlives_the_client), TEST(a_stream_that_fails_throws), TEST(json_in_json_out), TEST(labellers), TEST(callbacks_may_throw), TEST(keys_are_handed_out), TEST(a_breaker_opens_and_tells), TEST(a_key_that_is_rejected_is_out), TEST(a_cache_answers_again), TEST(a_cached_answer_saves_what_it_would_have_cost),
        TEST(texts_become_vectors), TEST(counts_and_balances_are_asked_for), TEST(limits_are_told), TEST(other_content_is_sent), TEST(a_policy_looks_at_a_leg), TEST(a_score_finds_its_side), TEST(statuses_answer_questions), TEST(a_loop_carries_many), TEST(what_a_loop_callback_throws_comes_out_of_poll),
    };
    std::printf("1..%zu\n", sizeof tests / sizeof tests[0]);
    for (const auto &test : tests) {
        current = test.name;
        bool holds = true;
        try {
            test.run();
        } catch (const std::exception &e) {
            std::printf("# %s\n", e.what());
            holds = false;
        }
        std::printf("%sok %d - %s\n", holds ? "" : "not ", passed + failed + 1, test.name);
        (holds ? passed : failed)++;
    }
    return failed != 0;
}
