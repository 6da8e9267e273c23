// One question, its answer, what it cost; then a streamed one.
#include <llmcost/llmcost.hpp>
#include <llmcost/mock.h>

#include <iostream>

static int run(const std::string &config)
{
    llmcost::client client(config);
    llmcost::response answer = client.ask("faq", "What is a TTL cache?");
    std::cout << answer.text() << "\n" << answer.summary() << "\n";

    llmcost::request request("faq");
    request.system("Answer in one sentence.").user("And what is a tag?").tag("feature", "faq").max_tokens(200);
    llmcost::stream stream = client.stream(request);
    for (const llmcost::event &event : stream)
        std::cout << event.text() << std::flush;
    std::cout << "\n" << stream.finish().summary() << "\n";
    return 0;
}

int main(int count, char **arguments)
{
    llmcost_mock *mock = nullptr;
    if (count < 2 && llmcost_mock_start(&mock, R"({"default": {"reply": {"text": "A cache whose entries expire after a fixed time."}}})", nullptr) != LLMCOST_OK)
        return 2;
    int code = 1;
    try {
        code = run(count > 1 ? arguments[1] : R"({"models": {"faq": "openai/gpt-4o-mini"}, "providers": {"openai": {"key": "none", "base_url": ")" +
                                                  std::string(llmcost_mock_url(mock)) + R"(/v1"}}})");
    } catch (const llmcost::error &failure) {
        std::cerr << failure.what() << "\n";
    }
    llmcost_mock_stop(mock);
    return code;
}
