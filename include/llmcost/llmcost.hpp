/*
 * llmcost.h for C++17: handles that free themselves, failures as exceptions, requests that own their texts.
 *
 *     llmcost::client client("llmcost.json");
 *     llmcost::response answer = client.ask("faq", "What is a TTL cache?");
 *     std::cout << answer.text() << "\n" << answer.summary() << "\n";
 *
 * Header only. Everything of llmcost.h holds; on top of it:
 *
 *   failures    llmcost::error with the fields of llmcost_error; a failed call's receipt is in it too
 *   lifetimes   a request copies every text that it is given. Streams and loops keep their client open. What was moved
 *               from is empty: it fails with E_MISUSE, and a response has no text
 *   callbacks   may throw: nothing passes through the C library. A loop's callbacks rethrow from loop::poll(); a
 *               receipt, alert or judge callback that throws is counted (client::callback_failures()) and the call goes on
 *
 * Left out on purpose: plugin.h and mock.h, which are C.
 */
#ifndef LLMCOST_HPP
#define LLMCOST_HPP

#include <llmcost/llmcost.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llmcost {

/* ---- responses ---- */

/* A look at a response that somebody else owns. Texts are copied, but for text_view(). */
class response_view {
public:
    explicit response_view(const llmcost_response *raw) : raw_(raw) {}
    const llmcost_response *get() const { return raw_; }

    llmcost_status status() const { return raw_ ? llmcost_response_status(raw_) : LLMCOST_E_MISUSE; }
    bool ok() const { return status() == LLMCOST_OK; }
    std::string text() const { return std::string(llmcost_response_text(raw_), llmcost_response_text_bytes(raw_)); }
    /* Lives as long as the response. */
    std::string_view text_view() const & { return std::string_view(llmcost_response_text(raw_), llmcost_response_text_bytes(raw_)); }
    std::string_view text_view() const && = delete;
    std::uint32_t choice_count() const { return llmcost_response_choice_count(raw_); }
    std::string choice_text(std::uint32_t choice) const { return sized(llmcost_response_choice_text, choice); }
    std::string reasoning(std::uint32_t choice = 0) const { return sized(llmcost_response_reasoning, choice); }
    std::string refusal(std::uint32_t choice = 0) const { return sized(llmcost_response_refusal, choice); }
    llmcost_finish finish(std::uint32_t choice = 0) const { return llmcost_response_finish(raw_, choice); }
    std::string logprobs(std::uint32_t choice = 0) const { return text_of(llmcost_response_logprobs(raw_, choice)); }
    std::string model() const { return text_of(llmcost_response_model_name(raw_)); }
    std::string provider() const { return text_of(llmcost_response_provider(raw_)); }
    std::string request_id() const { return text_of(llmcost_response_request_id(raw_)); }
    bool from_cache() const { return llmcost_response_from_cache(raw_) != 0; }
    bool is_altered() const { return llmcost_response_is_altered(raw_) != 0; }
    /* The answer as an OpenAI chat.completion. */
    std::string json() const { return owned(llmcost_response_json(raw_)); }

    struct tool_call {
        std::string id, name, arguments;
        bool is_custom = false; /* arguments are any text */
    };
    std::vector<tool_call> tool_calls(std::uint32_t choice = 0) const
    {
        std::vector<tool_call> calls;
        for (std::uint32_t i = 0; i < llmcost_response_tool_call_count(raw_, choice); i++) {
            const llmcost_tool_call *call = llmcost_response_tool_call(raw_, choice, i);
            calls.push_back({ text_of(call->id), text_of(call->name), text_of(call->arguments), call->is_custom != 0 });
        }
        return calls;
    }

    /* The vector of one text; empty beyond the last. */
    std::uint32_t embedding_count() const { return llmcost_response_embedding_count(raw_); }
    std::vector<float> embedding(std::uint32_t index) const
    {
        std::uint32_t dimensions = 0;
        const float *numbers = llmcost_response_embedding(raw_, index, &dimensions);
        return numbers ? std::vector<float>(numbers, numbers + dimensions) : std::vector<float>();
    }

    struct amount {
        std::string decimal, currency;
    };
    std::vector<amount> balances() const
    {
        std::vector<amount> amounts;
        for (std::uint32_t i = 0; i < llmcost_response_balance_count(raw_); i++) {
            const char *currency = nullptr, *decimal = llmcost_response_balance(raw_, i, &currency);
            amounts.push_back({ text_of(decimal), text_of(currency) });
        }
        return amounts;
    }

    /* What the provider told of a limit; none of the three where it did not. */
    struct limit {
        std::optional<std::int64_t> limit, remaining, reset_ms;
    };
    limit rate_limit(llmcost_limit kind) const
    {
        std::int64_t all = -1, left = -1, reset = -1;
        llmcost_response_rate_limit(raw_, kind, &all, &left, &reset);
        return { known(all), known(left), known(reset) };
    }

    /* The receipt: one line, the whole as JSON, or by key. */
    std::string summary() const { return text_of(llmcost_response_summary(raw_)); }
    std::string receipt() const { return owned(llmcost_response_receipt(raw_)); }
    std::string id() const { return text_of(llmcost_response_id(raw_)); } /* for client::feedback() */
    std::int64_t cost_nano() const { return llmcost_response_cost_nano(raw_); }
    std::int64_t saved_nano() const { return llmcost_response_saved_nano(raw_); }
    std::string currency() const { return text_of(llmcost_response_currency(raw_)); }
    std::optional<std::int64_t> tokens(llmcost_class token_class) const
    {
        std::int64_t count = llmcost_response_tokens(raw_, token_class);
        return count < 0 ? std::nullopt : std::optional<std::int64_t>(count);
    }
    std::uint32_t line_count() const { return llmcost_response_line_count(raw_); }
    std::optional<std::int64_t> line_number(std::uint32_t line, const std::string &key) const
    {
        std::int64_t value = 0;
        return llmcost_response_line_number(raw_, line, key.c_str(), &value) ? std::optional<std::int64_t>(value) : std::nullopt;
    }
    std::optional<std::string> line_text(std::uint32_t line, const std::string &key) const
    {
        const char *value = llmcost_response_line_text(raw_, line, key.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    }

protected:
    static std::optional<std::int64_t> known(std::int64_t figure) { return figure < 0 ? std::nullopt : std::optional<std::int64_t>(figure); }
    static std::string text_of(const char *text) { return text ? text : ""; }
    static std::string owned(const char *text)
    {
        if (!text)
            throw std::bad_alloc();
        return text;
    }
    std::string sized(const char *(*read)(const llmcost_response *, std::uint32_t, std::size_t *), std::uint32_t choice) const
    {
        std::size_t bytes = 0;
        const char *text = read(raw_, choice, &bytes);
        return std::string(text, bytes);
    }
    const llmcost_response *raw_;
};

/* The outcome of one call; outlives its client. */
class response : public response_view {
public:
    explicit response(llmcost_response *raw) : response_view(raw), own_(raw) {}
    response(response &&other) noexcept : response_view(other.raw_), own_(std::move(other.own_)) { other.raw_ = nullptr; }
    response &operator=(response &&other) noexcept
    {
        own_ = std::move(other.own_);
        other.raw_ = nullptr; /* first: it may be this one */
        raw_ = own_.get();
        return *this;
    }
    llmcost_response *release()
    {
        raw_ = nullptr;
        return own_.release();
    }

private:
    struct free_it {
        void operator()(llmcost_response *raw) const { llmcost_response_free(raw); }
    };
    std::unique_ptr<llmcost_response, free_it> own_;
};

/* ---- failures ---- */

/* What went wrong, with the words of library and provider, and the failed call's receipt where a call was started. */
class error : public std::runtime_error {
public:
    explicit error(llmcost_status status, const std::string &message = std::string())
        : std::runtime_error(message.empty() ? llmcost_status_text(status) : message), status_(status)
    {
    }
    error(llmcost_status status, const llmcost_error *details)
        : error(status, std::string(details ? llmcost_error_message(details) : ""))
    {
        if (!details)
            return;
        provider_ = llmcost_error_provider(details);
        code_ = llmcost_error_code(details);
        provider_message_ = llmcost_error_provider_message(details);
        request_id_ = llmcost_error_request_id(details);
        trail_ = llmcost_error_trail(details) ? llmcost_error_trail(details) : "";
        http_status_ = llmcost_error_http_status(details);
        retry_after_ms_ = llmcost_error_retry_after_ms(details);
    }
    /* Takes a failed call's response; NULL is fine. */
    error(llmcost_status status, llmcost_response *failed) : error(status, std::shared_ptr<llmcost_response>(failed, llmcost_response_free)) {}

    llmcost_status status() const noexcept { return status_; }
    const char *status_name() const noexcept { return llmcost_status_name(status_); }
    llmcost_category category() const noexcept { return llmcost_status_category(status_); }
    bool is_retriable() const noexcept { return llmcost_status_is_retriable(status_) != 0; }
    bool is_budget() const noexcept { return llmcost_status_is_budget(status_) != 0; }
    bool is_fatal() const noexcept { return llmcost_status_is_fatal(status_) != 0; }
    const std::string &provider() const noexcept { return provider_; }
    const std::string &code() const noexcept { return code_; }
    const std::string &provider_message() const noexcept { return provider_message_; }
    const std::string &request_id() const noexcept { return request_id_; }
    const std::string &trail() const noexcept { return trail_; }
    std::int32_t http_status() const noexcept { return http_status_; }
    std::int64_t retry_after_ms() const noexcept { return retry_after_ms_; }
    /* The failed call with its receipt; empty where no call was started. */
    std::optional<response_view> failed_response() const
    {
        return response_ ? std::optional<response_view>(response_view(response_.get())) : std::nullopt;
    }

private:
    error(llmcost_status status, std::shared_ptr<llmcost_response> failed)
        : error(status, failed ? llmcost_response_error(failed.get()) : static_cast<const llmcost_error *>(nullptr))
    {
        response_ = std::move(failed);
    }

    llmcost_status status_;
    std::string provider_, code_, provider_message_, request_id_, trail_;
    std::int32_t http_status_ = 0;
    std::int64_t retry_after_ms_ = -1;
    std::shared_ptr<llmcost_response> response_;
};

namespace detail {

inline void check(llmcost_status status)
{
    if (status == LLMCOST_E_MEMORY)
        throw std::bad_alloc();
    if (status != LLMCOST_OK)
        throw error(status);
}

/* The response of a call that went well, else the exception. */
inline response checked(llmcost_status status, llmcost_response *raw)
{
    if (status == LLMCOST_OK)
        return response(raw);
    if (!raw)
        check(status);
    throw error(status, raw);
}

/* Texts that the C side takes without a length must not be cut short silently. */
inline std::string plain(std::string_view text)
{
    if (text.find('\0') != std::string_view::npos)
        throw error(LLMCOST_E_INVALID, "a name or a JSON text contains a zero byte");
    return std::string(text);
}

inline const char *or_null(const std::optional<std::string> &text) { return text ? text->c_str() : nullptr; }
inline std::optional<std::string> plain_or_none(const std::optional<std::string> &text) { return text ? std::optional<std::string>(plain(std::string_view(*text))) : std::nullopt; }

} // namespace detail

/* ---- requests ---- */

/* A request that owns its texts: copy it, move it, send it as often as you like. */
class request {
public:
    explicit request(std::string_view model) : model_(detail::plain(model)) { llmcost_request_init(&plain_); }

    request &system(std::string_view text) { return add(LLMCOST_SYSTEM, text); }
    request &user(std::string_view text) { return add(LLMCOST_USER, text); }
    request &assistant(std::string_view text) { return add(LLMCOST_ASSISTANT, text); }
    request &tool_result(std::string_view call_id, std::string_view text, bool is_error = false)
    {
        add(LLMCOST_TOOL, text);
        messages_.back().tool_call_id = detail::plain(call_id);
        messages_.back().is_error = is_error;
        return *this;
    }
    /* What the model said, tool calls and reasoning included, as the next turn of the conversation. */
    request &answer(const response_view &said, std::uint32_t choice = 0)
    {
        const llmcost_message *from = llmcost_response_message(said.get(), choice);
        if (!from)
            throw error(LLMCOST_E_MISUSE, "the response has no such choice");
        message_data turn;
        turn.role = from->role;
        turn.text = text_of(from->text, from->text_bytes);
        for (std::uint32_t i = 0; i < from->part_count; i++)
            turn.parts.push_back(copy_part(item(from->parts, i, from->part_stride)));
        for (std::uint32_t i = 0; i < from->tool_call_count; i++) {
            const llmcost_tool_call &call = item(from->tool_calls, i, from->tool_call_stride);
            turn.calls.push_back({ text_of(call.id), text_of(call.name), text_of(call.arguments), call.is_custom });
        }
        messages_.push_back(std::move(turn));
        return *this;
    }
    /* For client::embed(), in the place of messages. */
    request &input(std::string_view text)
    {
        inputs_.emplace_back(text);
        return *this;
    }
    request &dimensions(std::int32_t count) { return set(plain_.dimensions, count); }
    request &purpose(llmcost_input_purpose value) { return set(plain_.input_purpose, static_cast<std::int32_t>(value)); }
    /* Images, audio, documents and files follow the text of the last message. */
    request &image_url(std::string_view url, std::string_view detail_level = {})
    {
        part_data part;
        part.type = LLMCOST_PART_IMAGE_URL;
        part.url = detail::plain(url);
        if (!detail_level.empty())
            part.detail = detail::plain(detail_level);
        return add_part(std::move(part));
    }
    request &image(std::string_view bytes, std::string_view media_type)
    {
        part_data part;
        part.type = LLMCOST_PART_IMAGE;
        part.data = std::string(bytes);
        part.media_type = detail::plain(media_type);
        return add_part(std::move(part));
    }
    request &audio(std::string_view bytes, std::string_view media_type)
    {
        part_data part;
        part.type = LLMCOST_PART_AUDIO;
        part.data = std::string(bytes);
        part.media_type = detail::plain(media_type);
        return add_part(std::move(part));
    }
    request &document(std::string_view bytes, std::string_view media_type, std::string_view file_name = {})
    {
        part_data part;
        part.type = LLMCOST_PART_DOCUMENT;
        part.data = std::string(bytes);
        part.media_type = detail::plain(media_type);
        part.detail = filled(file_name);
        return add_part(std::move(part));
    }
    request &document_url(std::string_view url)
    {
        part_data part;
        part.type = LLMCOST_PART_DOCUMENT;
        part.url = detail::plain(url);
        return add_part(std::move(part));
    }
    /* Read when the call starts; its type by its extension where none is given. */
    request &file(std::string_view path, std::string_view media_type = {})
    {
        part_data part;
        part.type = LLMCOST_PART_FILE;
        part.url = detail::plain(path);
        part.media_type = filled(media_type);
        return add_part(std::move(part));
    }
    /* Let the provider cache the prompt up to the last message, where it takes marks. */
    request &cache_mark()
    {
        last().cache_mark = true;
        return *this;
    }
    request &tool(std::string_view name, std::string_view description = {}, std::string_view parameters = {}, bool strict = false)
    {
        tools_.push_back({ detail::plain(name), filled(description), filled(parameters), strict });
        return *this;
    }
    request &tag(std::string_view name, std::string_view value)
    {
        tags_.emplace_back(detail::plain(name), detail::plain(value));
        return *this;
    }
    request &stop(std::string_view text)
    {
        stop_.push_back(detail::plain(text));
        return *this;
    }
    request &max_tokens(std::int64_t count) { return set(plain_.max_tokens, count); }
    request &temperature(double value) { return set(plain_.temperature, value, plain_.has_temperature); }
    request &top_p(double value) { return set(plain_.top_p, value, plain_.has_top_p); }
    request &seed(std::int64_t value) { return set(plain_.seed, value, plain_.has_seed); }
    request &n(std::uint32_t choices) { return set(plain_.n, choices); }
    request &logprobs(std::int32_t top = 0)
    {
        plain_.logprobs = 1;
        return set(plain_.top_logprobs, top);
    }
    request &effort(llmcost_effort value) { return set(plain_.effort, static_cast<std::int32_t>(value)); }
    request &thinking_budget_tokens(std::int64_t count) { return set(plain_.thinking_budget_tokens, count); }
    request &parallel_tool_calls(bool allowed) { return set(plain_.parallel_tool_calls, toggle(allowed)); }
    request &tool_choice(llmcost_tool_choice choice) { return set(plain_.tool_choice, static_cast<std::int32_t>(choice)); }
    request &tool_choice(std::string_view name)
    {
        tool_choice_name_ = detail::plain(name);
        return tool_choice(LLMCOST_TOOLS_ONE);
    }
    request &json() { return set(plain_.format, static_cast<std::int32_t>(LLMCOST_FORMAT_JSON)); }
    request &json_schema(std::string_view schema, std::string_view name = {}, bool strict = true)
    {
        format_schema_ = detail::plain(schema);
        format_name_ = filled(name);
        plain_.format_strict = strict ? 1 : 0;
        return set(plain_.format, static_cast<std::int32_t>(LLMCOST_FORMAT_JSON_SCHEMA));
    }
    request &cache(llmcost_cache_use use) { return set(plain_.cache, static_cast<std::int32_t>(use)); }
    request &cache_sampled(bool on) { return set(plain_.cache_sampled, toggle(on)); }
    request &cache_ttl_ms(std::int64_t value) { return set(plain_.cache_ttl_ms, value); }
    request &cache_namespace(std::string_view name)
    {
        cache_namespace_ = detail::plain(name);
        return *this;
    }
    request &end_user(std::string_view name)
    {
        end_user_ = detail::plain(name);
        return *this;
    }
    /* Members for the provider's body as a JSON object. */
    request &extra(std::string_view members)
    {
        extra_ = detail::plain(members);
        return *this;
    }
    request &input_bound_tokens(std::int64_t count) { return set(plain_.input_bound_tokens, count); }
    request &deadline_ms(std::int32_t value) { return set(plain_.deadline_ms, value); }
    request &priority(std::int32_t value) { return set(plain_.priority, value); }

    /* Calls use(const llmcost_request *) with the C view, which lives during the call only. */
    template <typename Use>
    auto with_c_request(Use &&use) const
    {
        std::vector<llmcost_message> messages;
        std::vector<std::vector<llmcost_part>> parts(messages_.size());
        std::vector<std::vector<llmcost_tool_call>> calls(messages_.size());
        for (std::size_t i = 0; i < messages_.size(); i++)
            messages.push_back(c_message(messages_[i], parts[i], calls[i]));
        std::vector<llmcost_tool> tools;
        for (const tool_data &from : tools_) {
            llmcost_tool tool{};
            tool.name = from.name.c_str();
            tool.description = detail::or_null(from.description);
            tool.parameters = detail::or_null(from.parameters);
            tool.strict = from.strict;
            tools.push_back(tool);
        }
        std::vector<llmcost_tag> tags;
        for (const auto &from : tags_)
            tags.push_back({ from.first.c_str(), from.second.c_str() });
        std::vector<const char *> stop;
        for (const std::string &text : stop_)
            stop.push_back(text.c_str());

        std::vector<const char *> inputs;
        std::vector<std::size_t> input_bytes;
        for (const std::string &text : inputs_) {
            inputs.push_back(text.c_str());
            input_bytes.push_back(text.size());
        }

        llmcost_request view = plain_;
        view.inputs = inputs.empty() ? nullptr : inputs.data();
        view.input_bytes = inputs.empty() ? nullptr : input_bytes.data();
        view.input_count = count_of(inputs);
        view.model = model_.c_str();
        view.messages = messages.empty() ? nullptr : messages.data();
        view.message_count = count_of(messages);
        view.tools = tools.empty() ? nullptr : tools.data();
        view.tool_count = count_of(tools);
        view.tags = tags.data();
        view.tag_count = count_of(tags);
        view.stop = stop.empty() ? nullptr : stop.data();
        view.stop_count = count_of(stop);
        view.tool_choice_name = detail::or_null(tool_choice_name_);
        view.format_name = detail::or_null(format_name_);
        view.format_schema = detail::or_null(format_schema_);
        view.end_user = detail::or_null(end_user_);
        view.extra = detail::or_null(extra_);
        view.cache_namespace = detail::or_null(cache_namespace_);
        return use(static_cast<const llmcost_request *>(&view));
    }

private:
    using maybe = std::optional<std::string>;
    struct part_data {
        std::int32_t type = LLMCOST_PART_TEXT;
        maybe words, url, detail, media_type, signature, data;
    };
    struct call_data {
        std::string id, name, arguments;
        std::uint8_t is_custom;
    };
    struct message_data {
        std::int32_t role = LLMCOST_USER;
        bool is_error = false, cache_mark = false;
        std::string text;
        std::vector<part_data> parts;
        std::vector<call_data> calls;
        maybe tool_call_id;
    };
    struct tool_data {
        std::string name;
        maybe description, parameters;
        bool strict;
    };

    static std::string text_of(const char *from, std::size_t bytes = 0) { return !from ? std::string() : bytes ? std::string(from, bytes) : std::string(from); }
    static maybe filled(std::string_view from) { return from.empty() ? maybe() : maybe(detail::plain(from)); }
    static std::uint8_t toggle(bool on) { return static_cast<std::uint8_t>(on ? LLMCOST_ON : LLMCOST_OFF); }
    template <typename List>
    static std::uint32_t count_of(const List &list) { return static_cast<std::uint32_t>(list.size()); }
    template <typename Value>
    request &set(Value &field, Value value)
    {
        field = value;
        return *this;
    }
    template <typename Value>
    request &set(Value &field, Value value, std::uint8_t &has)
    {
        has = 1;
        return set(field, value);
    }
    request &add(llmcost_role role, std::string_view words)
    {
        message_data turn;
        turn.role = role;
        turn.text = std::string(words);
        messages_.push_back(std::move(turn));
        return *this;
    }
    message_data &last()
    {
        if (messages_.empty())
            throw error(LLMCOST_E_MISUSE, "there is no message yet that this could belong to");
        return messages_.back();
    }
    /* A message is text or parts: its text becomes its first part. */
    request &add_part(part_data part)
    {
        message_data &turn = last();
        if (turn.parts.empty() && !turn.text.empty()) {
            part_data words;
            words.words = std::move(turn.text);
            turn.parts.push_back(std::move(words));
        }
        turn.text.clear();
        turn.parts.push_back(std::move(part));
        return *this;
    }
    /* The library's structs may be larger than those that this was compiled with. */
    template <typename Item>
    static const Item &item(const Item *items, std::size_t index, std::uint32_t stride)
    {
        return *reinterpret_cast<const Item *>(reinterpret_cast<const char *>(items) + index * stride);
    }
    static part_data copy_part(const llmcost_part &from)
    {
        part_data part;
        part.type = from.type;
        part.words = from.text ? maybe(text_of(from.text, from.text_bytes)) : maybe();
        part.url = from.url ? maybe(from.url) : maybe();
        part.detail = from.detail ? maybe(from.detail) : maybe();
        part.media_type = from.media_type ? maybe(from.media_type) : maybe();
        part.signature = from.signature ? maybe(from.signature) : maybe();
        part.data = from.data ? maybe(std::string(static_cast<const char *>(from.data), from.data_bytes)) : maybe();
        return part;
    }
    static llmcost_message c_message(const message_data &from, std::vector<llmcost_part> &parts, std::vector<llmcost_tool_call> &calls)
    {
        for (const part_data &piece : from.parts) {
            llmcost_part part{};
            part.type = piece.type;
            part.text = detail::or_null(piece.words);
            part.text_bytes = piece.words ? piece.words->size() : 0;
            part.url = detail::or_null(piece.url);
            part.detail = detail::or_null(piece.detail);
            part.media_type = detail::or_null(piece.media_type);
            part.signature = detail::or_null(piece.signature);
            part.data = piece.data ? piece.data->data() : nullptr;
            part.data_bytes = piece.data ? piece.data->size() : 0;
            parts.push_back(part);
        }
        for (const call_data &call : from.calls)
            calls.push_back({ call.id.c_str(), call.name.c_str(), call.arguments.c_str(), call.is_custom, {} });
        llmcost_message message{};
        message.role = from.role;
        message.is_error = from.is_error;
        message.cache_mark = from.cache_mark;
        bool wordless = from.text.empty() && (!parts.empty() || !calls.empty());
        message.text = wordless ? nullptr : from.text.c_str();
        message.text_bytes = from.text.size();
        message.parts = parts.empty() ? nullptr : parts.data();
        message.part_count = count_of(parts);
        message.tool_calls = calls.empty() ? nullptr : calls.data();
        message.tool_call_count = count_of(calls);
        message.tool_call_id = detail::or_null(from.tool_call_id);
        return message;
    }

    llmcost_request plain_; /* the fields that are no pointers */
    std::string model_;
    std::vector<message_data> messages_;
    std::vector<tool_data> tools_;
    std::vector<std::pair<std::string, std::string>> tags_;
    std::vector<std::string> stop_, inputs_;
    maybe tool_choice_name_, format_name_, format_schema_, end_user_, extra_, cache_namespace_;
};

/* ---- events and streams ---- */

/* One piece of an answer; its texts live until the next piece is pulled, or during the callback. */
class event {
public:
    explicit event(const llmcost_event *raw) : raw_(raw) {}
    const llmcost_event *get() const { return raw_; }
    llmcost_event_kind kind() const { return llmcost_event_get_kind(raw_); }
    /* All pieces so far are void: another target answers from the start (a route with "after_delta": "continue"). */
    bool is_restart() const { return kind() == LLMCOST_EVENT_RESTART_ANSWER; }
    std::string_view text() const
    {
        std::size_t bytes = 0;
        const char *words = llmcost_event_text(raw_, &bytes);
        return std::string_view(words, bytes);
    }
    std::uint32_t choice() const { return llmcost_event_choice(raw_); }
    std::uint32_t tool_index() const { return llmcost_event_tool_index(raw_); }
    std::string_view tool_id() const { return llmcost_event_tool_id(raw_); }
    std::string_view tool_name() const { return llmcost_event_tool_name(raw_); }
    llmcost_finish finish() const { return llmcost_event_finish(raw_); }
    std::string_view finish_raw() const { return llmcost_event_finish_raw(raw_); }
    /* USAGE: so far; -1 where the provider gave no figure. */
    std::int64_t tokens(llmcost_class token_class) const { return llmcost_event_tokens(raw_, token_class); }
    /* An OpenAI chat.completion.chunk; empty for a piece that has no such form. */
    std::string_view json() const
    {
        const char *chunk = llmcost_event_json(raw_);
        return chunk ? std::string_view(chunk) : std::string_view();
    }

private:
    const llmcost_event *raw_;
};

/* What a key source hands out. valid_ms: how long it is good; 0: for this call only. */
struct handed_key {
    std::string key;
    std::int64_t valid_ms = 0;
};

namespace detail {

/* A client and the callbacks that it may call; shared by all that need it open. */
struct client_state {
    client_state() = default;
    client_state(const client_state &) = delete;
    client_state &operator=(const client_state &) = delete;
    llmcost_client *raw = nullptr;
    std::function<void(const response_view &)> on_receipt;
    std::function<void(std::string_view)> on_alert;
    std::vector<std::unique_ptr<std::pair<client_state *, std::function<int(std::string_view, std::string_view)>>>> judges;
    std::vector<std::unique_ptr<std::pair<client_state *, std::function<std::optional<std::string>(std::string_view)>>>> labellers;
    std::vector<std::unique_ptr<std::pair<client_state *, std::function<handed_key(std::string_view, bool)>>>> key_sources;
    std::atomic<std::uint64_t> callback_failures{ 0 };
    ~client_state() { llmcost_client_close(raw); }
};

} // namespace detail

/* A call whose answer is pulled piece by piece. Destroying it early cancels what is still under way. */
class stream {
public:
    stream(std::shared_ptr<detail::client_state> client, llmcost_stream *raw) : client_(std::move(client)), own_(raw) {}
    stream(stream &&) = default;
    /* The stream that was here is closed before its client may be. */
    stream &operator=(stream &&other) noexcept
    {
        own_ = std::move(other.own_);
        client_ = std::move(other.client_);
        return *this;
    }

    /* The next piece; nothing when the answer is complete. Throws the failure that ended the call. */
    std::optional<event> next()
    {
        const llmcost_event *piece = nullptr;
        llmcost_status status = llmcost_stream_next(own_.get(), &piece);
        if (status != LLMCOST_OK) {
            llmcost_response *failed = nullptr;
            llmcost_status ended = llmcost_stream_finish(own_.get(), &failed);
            (void)detail::checked(ended == LLMCOST_OK ? status : ended, failed);
        }
        return piece ? std::optional<event>(event(piece)) : std::nullopt;
    }
    /* Waits for at most timeout_ms, for ever below 0; whether next() now need not wait. */
    bool poll(std::int32_t timeout_ms) { return llmcost_stream_poll(own_.get(), timeout_ms) != 0; }
    /* The response, once; pieces not pulled yet are skipped. */
    response finish()
    {
        llmcost_response *raw = nullptr;
        llmcost_status status = llmcost_stream_finish(own_.get(), &raw);
        return detail::checked(status, raw);
    }

    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = event;
        using difference_type = std::ptrdiff_t;
        using pointer = const event *;
        using reference = const event &;
        iterator() = default;
        explicit iterator(stream *from) : from_(from) { ++*this; }
        const event &operator*() const { return *piece_; }
        const event *operator->() const { return &*piece_; }
        iterator &operator++()
        {
            piece_.reset();
            std::optional<event> piece = from_->next();
            if (piece)
                piece_.emplace(*piece);
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(const iterator &other) const { return piece_.has_value() == other.piece_.has_value(); }
        bool operator!=(const iterator &other) const { return !(*this == other); }

    private:
        stream *from_ = nullptr;
        std::optional<event> piece_;
    };
    iterator begin() { return iterator(this); }
    iterator end() { return iterator(); }

private:
    struct close_it {
        void operator()(llmcost_stream *raw) const { llmcost_stream_close(raw); }
    };
    std::shared_ptr<detail::client_state> client_; /* outlives own_: members are destroyed last to first */
    std::unique_ptr<llmcost_stream, close_it> own_;
};

/* ---- the client ---- */

/* A client; copies are the same client. It closes when the last copy, stream and loop of it is gone. */
class client {
public:
    /* A config file's path, or JSON text. */
    explicit client(const std::string &config, const llmcost_options *options = nullptr) : client(detail::plain(config).c_str(), options) {}
    /* Providers and keys from the environment. */
    client() : client(static_cast<const char *>(nullptr), nullptr) {}

    llmcost_client *get() const { return state_ ? state_->raw : nullptr; }

    /* Callbacks: before the first call. */
    void on_receipt(std::function<void(const response_view &)> fn)
    {
        detail::check(llmcost_client_on_receipt(get(), fn ? call_receipt : nullptr, state_.get())); /* else the old one stays */
        state_->on_receipt = std::move(fn);
    }
    void on_alert(std::function<void(std::string_view)> fn)
    {
        detail::check(llmcost_client_on_alert(get(), fn ? call_alert : nullptr, state_.get()));
        state_->on_alert = std::move(fn);
    }
    /* fn(question, answer) returns 1 to accept, 0 to escalate, below 0 when it cannot tell. */
    void add_judge(std::string_view name, std::function<int(std::string_view, std::string_view)> fn)
    {
        using judge = std::pair<detail::client_state *, std::function<int(std::string_view, std::string_view)>>;
        own().judges.push_back(std::make_unique<judge>(state_.get(), std::move(fn)));
        detail::check(llmcost_client_add_judge(get(), detail::plain(name).c_str(), call_judge, state_->judges.back().get()));
    }
    /* fn(question) says which label the request has; std::nullopt, or a throw: the middle one of the route's labels. */
    void add_labeller(std::string_view name, std::function<std::optional<std::string>(std::string_view)> fn)
    {
        using labeller = std::pair<detail::client_state *, std::function<std::optional<std::string>(std::string_view)>>;
        own().labellers.push_back(std::make_unique<labeller>(state_.get(), std::move(fn)));
        detail::check(llmcost_client_add_labeller(get(), detail::plain(name).c_str(), call_labeller, state_->labellers.back().get()));
    }
    /* fn(provider, rejected) hands out the key of a provider whose config says "key": "host:NAME". When it throws, the call ends with E_AUTH. */
    void add_key_source(std::string_view name, std::function<handed_key(std::string_view, bool)> fn)
    {
        using source = std::pair<detail::client_state *, std::function<handed_key(std::string_view, bool)>>;
        own().key_sources.push_back(std::make_unique<source>(state_.get(), std::move(fn)));
        detail::check(llmcost_client_add_key_source(get(), detail::plain(name).c_str(), call_key_source, state_->key_sources.back().get()));
    }
    std::uint64_t callback_failures() const { return own().callback_failures; }

    response ask(std::string_view model, std::string_view question) { return chat(request(model).user(question)); }
    response chat(const request &what)
    {
        llmcost_response *raw = nullptr;
        llmcost_status status = what.with_c_request([&](const llmcost_request *view) { return llmcost_chat(get(), view, &raw); });
        return detail::checked(status, raw);
    }
    response chat_json(std::string_view body)
    {
        llmcost_response *raw = nullptr;
        llmcost_status status = body.empty() ? LLMCOST_E_INVALID : llmcost_chat_json(get(), body.data(), body.size(), &raw);
        return detail::checked(status, raw);
    }
    llmcost::stream stream(const request &what)
    {
        llmcost_stream *raw = nullptr;
        detail::check(what.with_c_request([&](const llmcost_request *view) { return llmcost_stream_open(get(), view, &raw); }));
        return llmcost::stream(state_, raw);
    }
    llmcost::stream stream_json(std::string_view body)
    {
        llmcost_stream *raw = nullptr;
        detail::check(body.empty() ? LLMCOST_E_INVALID : llmcost_stream_open_json(get(), body.data(), body.size(), &raw));
        return llmcost::stream(state_, raw);
    }
    std::vector<std::string> models(std::string_view provider)
    {
        llmcost_response *raw = nullptr;
        llmcost_status status = llmcost_list_models(get(), detail::plain(provider).c_str(), &raw);
        response list = detail::checked(status, raw);
        std::vector<std::string> names;
        for (std::uint32_t i = 0; i < llmcost_response_model_count(list.get()); i++)
            names.emplace_back(llmcost_response_model(list.get(), i));
        return names;
    }

    /* What was given to request::input() as vectors: response::embedding(). */
    response embed(const request &what)
    {
        llmcost_response *raw = nullptr;
        llmcost_status status = what.with_c_request([&](const llmcost_request *view) { return llmcost_embed(get(), view, &raw); });
        return detail::checked(status, raw);
    }
    response embed_json(std::string_view body)
    {
        llmcost_response *raw = nullptr;
        llmcost_status status = body.empty() ? LLMCOST_E_INVALID : llmcost_embed_json(get(), body.data(), body.size(), &raw);
        return detail::checked(status, raw);
    }
    /* What the provider would count as the prompt. */
    std::int64_t count_tokens(const request &what)
    {
        llmcost_response *raw = nullptr;
        std::int64_t tokens = 0;
        llmcost_status status = what.with_c_request([&](const llmcost_request *view) { return llmcost_count_tokens(get(), view, &tokens, &raw); });
        detail::checked(status, raw);
        return tokens;
    }
    std::int64_t count_tokens_json(std::string_view body)
    {
        llmcost_response *raw = nullptr;
        std::int64_t tokens = 0;
        llmcost_status status = body.empty() ? LLMCOST_E_INVALID : llmcost_count_tokens_json(get(), body.data(), body.size(), &tokens, &raw);
        detail::checked(status, raw);
        return tokens;
    }
    std::vector<response::amount> balance(std::string_view provider)
    {
        llmcost_response *raw = nullptr;
        llmcost_status status = llmcost_balance(get(), detail::plain(provider).c_str(), &raw);
        return detail::checked(status, raw).balances();
    }

    std::string report(const char *format = "text") const { return take([&](char **out) { return llmcost_report(get(), format, out); }); }
    std::string stats() const { return take([&](char **out) { return llmcost_stats(get(), out); }); }
    std::string targets() const { return take([&](char **out) { return llmcost_targets(get(), out); }); }
    std::string budgets() const { return take([&](char **out) { return llmcost_budgets(get(), out); }); }
    /* Which way a request would go, why and at what cost, as JSON; nothing is sent. */
    std::string explain(const request &what) const
    {
        return what.with_c_request([&](const llmcost_request *view) { return take([&](char **out) { return llmcost_explain(get(), view, out); }); });
    }
    std::string explain_json(std::string_view body) const
    {
        return take([&](char **out) { return body.empty() ? LLMCOST_E_INVALID : llmcost_explain_json(get(), body.data(), body.size(), out); });
    }
    std::string describe_routes(std::optional<std::string> name = std::nullopt) const
    {
        const std::optional<std::string> wanted = detail::plain_or_none(name);
        return take([&](char **out) { return llmcost_route_describe(get(), detail::or_null(wanted), out); });
    }
    void correct_budget(std::string_view budget, std::int64_t delta_nano, std::optional<std::string> value = std::nullopt)
    {
        detail::check(llmcost_budget_correct(get(), detail::plain(budget).c_str(), detail::or_null(detail::plain_or_none(value)), delta_nano));
    }
    /* false: the call went through no split, or is not one of the latest that did */
    bool feedback(std::string_view receipt_id, double score)
    {
        llmcost_status status = llmcost_feedback(get(), detail::plain(receipt_id).c_str(), score);
        if (status != LLMCOST_E_UNKNOWN_CALL)
            detail::check(status);
        return status == LLMCOST_OK;
    }
    void clear_cache() { detail::check(llmcost_cache_clear(get())); }
    void run(std::int32_t max_ms) { detail::check(llmcost_client_run(get(), max_ms)); }

private:
    friend class loop;
    client(const char *config, const llmcost_options *options) : state_(std::make_shared<detail::client_state>())
    {
        llmcost_options taken;
        llmcost_error *details = nullptr;
        llmcost_options_init(&taken, sizeof taken);
        if (options)
            taken = *options;
        taken.error = &details;
        llmcost_status status = llmcost_client_open(&state_->raw, config, &taken);
        if (status == LLMCOST_OK)
            return;
        std::unique_ptr<llmcost_error, void (*)(llmcost_error *)> owner(details, llmcost_error_free);
        if (status == LLMCOST_E_MEMORY)
            throw std::bad_alloc();
        throw error(status, details);
    }
    detail::client_state &own() const
    {
        if (!state_)
            throw error(LLMCOST_E_MISUSE);
        return *state_;
    }
    template <typename Write>
    static std::string take(Write &&write)
    {
        char *text = nullptr;
        detail::check(write(&text));
        std::unique_ptr<char, void (*)(char *)> owner(text, llmcost_string_free);
        return text;
    }

    static void call_receipt(const llmcost_response *raw, void *user) noexcept
    {
        auto *state = static_cast<detail::client_state *>(user);
        try {
            state->on_receipt(response_view(raw));
        } catch (...) {
            state->callback_failures++;
        }
    }
    static void call_alert(const char *json, void *user) noexcept
    {
        auto *state = static_cast<detail::client_state *>(user);
        try {
            state->on_alert(json);
        } catch (...) {
            state->callback_failures++;
        }
    }
    static int call_judge(const llmcost_judgement *judgement, void *user) noexcept
    {
        auto *judge = static_cast<std::pair<detail::client_state *, std::function<int(std::string_view, std::string_view)>> *>(user);
        try {
            return judge->second(std::string_view(judgement->question, judgement->question_bytes), std::string_view(judgement->answer, judgement->answer_bytes));
        } catch (...) {
            judge->first->callback_failures++;
            return -1;
        }
    }
    static int call_labeller(const llmcost_labelling *shown, char *label, std::size_t capacity, void *user) noexcept
    {
        auto *labeller = static_cast<std::pair<detail::client_state *, std::function<std::optional<std::string>(std::string_view)>> *>(user);
        try {
            const std::optional<std::string> given = labeller->second(std::string_view(shown->question, shown->question_bytes));
            if (!given || given->size() >= capacity || given->find('\0') != std::string::npos)
                return -1;
            label[given->copy(label, given->size())] = '\0';
            return 0;
        } catch (...) {
            labeller->first->callback_failures++;
            return -1;
        }
    }
    static llmcost_status call_key_source(const char *provider, int rejected, char *key, std::size_t capacity, std::int64_t *valid_ms, void *user) noexcept
    {
        auto *source = static_cast<std::pair<detail::client_state *, std::function<handed_key(std::string_view, bool)>> *>(user);
        try {
            const handed_key handed = source->second(provider, rejected != 0);
            if (handed.key.size() >= capacity)
                return LLMCOST_E_TOO_LARGE;
            if (handed.key.find('\0') != std::string::npos)
                return LLMCOST_E_INVALID; /* never cut short */
            handed.key.copy(key, handed.key.size());
            *valid_ms = handed.valid_ms;
            return LLMCOST_OK;
        } catch (...) {
            source->first->callback_failures++;
            return LLMCOST_E_AUTH;
        }
    }

    std::shared_ptr<detail::client_state> state_;
};

/* ---- many calls on one thread ---- */

class loop {
public:
    using done_fn = std::function<void(response)>;
    using event_fn = std::function<void(const event &)>;

    explicit loop(const client &of) : state_(std::make_unique<state>())
    {
        state_->client = of.state_;
        detail::check(llmcost_loop_open(of.get(), &state_->raw));
    }

    /*
     * Starts a call; any thread. done gets its response, failed or not, from poll(). With on_event the answer is
     * streamed. Returns the id for cancel().
     */
    std::uint64_t submit(const request &what, done_fn done, event_fn on_event = nullptr)
    {
        auto job = std::make_unique<call>(call{ state_.get(), std::move(done), std::move(on_event) });
        std::uint64_t id = 0;
        detail::check(what.with_c_request([&](const llmcost_request *view) {
            return llmcost_loop_submit(handle(), view, job->on_event ? call_event : nullptr, call_done, job.get(), &id);
        }));
        (void)job.release(); /* call_done deletes it */
        return id;
    }
    /* The same for vectors: client::embed(). */
    std::uint64_t submit_embed(const request &what, done_fn done)
    {
        auto job = std::make_unique<call>(call{ state_.get(), std::move(done), nullptr });
        std::uint64_t id = 0;
        detail::check(what.with_c_request([&](const llmcost_request *view) { return llmcost_loop_submit_embed(handle(), view, call_done, job.get(), &id); }));
        (void)job.release();
        return id;
    }
    void cancel(std::uint64_t id) { detail::check(llmcost_loop_cancel(handle(), id)); }
    /* Throws what a callback threw, once the library is left. */
    void poll(std::int32_t timeout_ms)
    {
        llmcost_status status = llmcost_loop_poll(handle(), timeout_ms);
        if (state_ && state_->thrown)
            std::rethrow_exception(std::exchange(state_->thrown, nullptr));
        detail::check(status);
    }
    std::uint64_t pending() const { return llmcost_loop_pending(handle()); }
    int descriptor() const { return llmcost_loop_descriptor(handle()); }
    std::int32_t timeout_ms() const { return llmcost_loop_timeout_ms(handle()); }
    void wake() { llmcost_loop_wake(handle()); }

private:
    struct state {
        std::shared_ptr<detail::client_state> client;
        llmcost_loop *raw = nullptr;
        std::exception_ptr thrown; /* the first; later ones of the same poll are dropped */
        ~state() { llmcost_loop_close(raw); }
    };
    struct call {
        state *of;
        done_fn done;
        event_fn on_event;
    };
    llmcost_loop *handle() const { return state_ ? state_->raw : nullptr; }
    static void keep(state *of) noexcept
    {
        if (!of->thrown)
            of->thrown = std::current_exception();
    }
    static int call_event(const llmcost_event *raw, void *user) noexcept
    {
        auto *job = static_cast<call *>(user);
        try {
            job->on_event(event(raw));
            return 0;
        } catch (...) {
            keep(job->of);
            return 1;
        }
    }
    static void call_done(std::uint64_t, llmcost_response *raw, void *user) noexcept
    {
        std::unique_ptr<call> job(static_cast<call *>(user));
        response ended(raw);
        try {
            if (job->done)
                job->done(std::move(ended));
        } catch (...) {
            keep(job->of);
        }
    }

    std::unique_ptr<state> state_;
};

} // namespace llmcost

#endif
