/* The table of paths: which format a path belongs to, what it asks for, and the forms of answers that are no chat. */
#include "mock/dialect.h"

#include "base/text.h"
#include "mock/http_request.h"

#include <string.h>

#define FORMS(...) (const char *const[]){ __VA_ARGS__ }
#define OPENAI_MODELS FORMS("{'object':'list','data':[", "%,{'id':%t,'object':'model','created':1700000000,'owned_by':'mock'}", "]}")
#define OPENAI_VECTORS FORMS("{'object':'list','model':%m,'data':[", "%,{'object':'embedding','index':%i,'embedding':%v}", \
                             "]%<,'usage':{'prompt_tokens':%P,'total_tokens':%P}%>}")
#define GOOGLE_MODELS FORMS("{'models':[", "%,{'name':'models/%e','displayName':%t,'supportedGenerationMethods':['generateContent','countTokens','embedContent']}", "]}")
#define NAMED_MODELS FORMS("{'models':[", "%,{'name':%t}", "]}")

/* The first row that fits counts. */
static const llmc_mock_route routes[] = {
    { "/deployments/*/chat/completions", NULL, &llmc_mock_openai, NULL, LLMC_MOCK_CHAT, false },
    { "/deployments/*/embeddings", NULL, &llmc_mock_openai, OPENAI_VECTORS, LLMC_MOCK_EMBED, false },
    { "/chat/completions", NULL, &llmc_mock_openai, NULL, LLMC_MOCK_CHAT, false },
    { "/embeddings", NULL, &llmc_mock_openai, OPENAI_VECTORS, LLMC_MOCK_EMBED, false },
    { "/responses", NULL, &llmc_mock_responses, NULL, LLMC_MOCK_CHAT, false },
    { "/responses/input_tokens", NULL, &llmc_mock_responses, FORMS("{'object':'response.input_tokens','input_tokens':%P}"), LLMC_MOCK_COUNT, false },
    { "/v1/messages", NULL, &llmc_mock_anthropic, NULL, LLMC_MOCK_CHAT, false },
    { "/v1/messages/count_tokens", NULL, &llmc_mock_anthropic, FORMS("{'input_tokens':%P}"), LLMC_MOCK_COUNT, false },
    { "/models/*:generateContent", NULL, &llmc_mock_gemini, NULL, LLMC_MOCK_CHAT, false },
    { "/models/*:streamGenerateContent", NULL, &llmc_mock_gemini, NULL, LLMC_MOCK_CHAT, true },
    { "/models/*:countTokens", NULL, &llmc_mock_gemini, FORMS("{'totalTokens':%P}"), LLMC_MOCK_COUNT, false },
    { "/models/*:embedContent", NULL, &llmc_mock_gemini, FORMS("{'embedding':{", "'values':%v", "}}"), LLMC_MOCK_EMBED, false },
    { "/models/*:batchEmbedContents", NULL, &llmc_mock_gemini, FORMS("{'embeddings':[", "%,{'values':%v}", "]}"), LLMC_MOCK_EMBED, false },
    { "/models/*:predict", NULL, &llmc_mock_gemini, FORMS("{'predictions':[", "%,{'embeddings':{'values':%v}}", "]}"), LLMC_MOCK_EMBED, false },
    { "/api/chat", NULL, &llmc_mock_ollama, NULL, LLMC_MOCK_CHAT, false },
    { "/api/embed", NULL, &llmc_mock_ollama, FORMS("{'model':%m,'embeddings':[", "%,%v", "],'total_duration':1000%<,'prompt_eval_count':%P%>}"), LLMC_MOCK_EMBED, false },
    { "/v2/chat", NULL, &llmc_mock_cohere, NULL, LLMC_MOCK_CHAT, false },
    { "/v2/embed", NULL, &llmc_mock_cohere,
      FORMS("{'id':'mock-%n','response_type':'embeddings_by_type','embeddings':{'float':[", "%,%v", "]}%<,'meta':{'billed_units':{'input_tokens':%P}}%>}"),
      LLMC_MOCK_EMBED, false },
    { "/model/*/converse", NULL, &llmc_mock_bedrock, NULL, LLMC_MOCK_CHAT, false },
    { "/model/*/converse-stream", NULL, &llmc_mock_bedrock, NULL, LLMC_MOCK_CHAT, true },
    { "/model/*/count-tokens", NULL, &llmc_mock_bedrock, FORMS("{'inputTokens':%P}"), LLMC_MOCK_COUNT, false },
    { "/api/tags", NULL, &llmc_mock_ollama, FORMS("{'models':[", "%,{'name':%t,'model':%t}", "]}"), LLMC_MOCK_MODELS, false },
    { "/v1beta/models", NULL, &llmc_mock_gemini, GOOGLE_MODELS, LLMC_MOCK_MODELS, false },
    { "/models", "x-goog-api-key", &llmc_mock_gemini, GOOGLE_MODELS, LLMC_MOCK_MODELS, false },
    { "/models", "pageSize=", &llmc_mock_gemini, GOOGLE_MODELS, LLMC_MOCK_MODELS, false },
    { "/v1/models", "page_size=", &llmc_mock_cohere, NAMED_MODELS, LLMC_MOCK_MODELS, false },
    { "/models", "anthropic-version", &llmc_mock_anthropic,
      FORMS("{'data':[", "%,{'type':'model','id':%t,'display_name':%t,'created_at':'2023-11-14T00:00:00Z'}", "],'has_more':false,'first_id':%1,'last_id':%2}"),
      LLMC_MOCK_MODELS, false },
    { "/models", NULL, &llmc_mock_openai, OPENAI_MODELS, LLMC_MOCK_MODELS, false },
    { "", NULL, &llmc_mock_openai, NULL, LLMC_MOCK_NOTHING, false }, /* nobody's */
};
enum { ROUTES = sizeof routes / sizeof routes[0] };

const llmc_mock_route *llmc_mock_route_at(size_t index)
{
    return index < ROUTES ? &routes[index] : NULL;
}

const llmc_mock_route *llmc_mock_nobodys_route(void)
{
    return &routes[ROUTES - 1];
}

llmc_mock_text llmc_mock_path_model(const llmc_mock_question *question)
{
    return (llmc_mock_text){ question->path_model.data, strlen(question->path_model.data) };
}

bool llmc_mock_has_header(const llmc_mock_question *question, const char *name)
{
    const char *value;
    size_t bytes;
    return llmc_http_header(question->head, question->head_bytes, name, &value, &bytes);
}

static bool has_mark(const llmc_mock_question *question, const char *mark)
{
    if (!mark)
        return true;
    if (!strchr(mark, '='))
        return llmc_mock_has_header(question, mark);
    const char *from = question->path.text + question->path.bytes, *line_end = memchr(from, '\r', (size_t)(question->head + question->head_bytes - from));
    return line_end && memmem(from, (size_t)(line_end - from), mark, strlen(mark));
}

/* Whether text ends with these bytes; then it ends before them. */
static bool cut_end(llmc_mock_text *text, const char *end, size_t bytes)
{
    if (text->bytes < bytes || memcmp(text->text + text->bytes - bytes, end, bytes) != 0)
        return false;
    text->bytes -= bytes;
    return true;
}

/* The model is what stands behind the last place of what the pattern has before its star. */
static bool fits(const char *pattern, llmc_mock_text path, llmc_mock_text *model)
{
    const char *star = strchr(pattern, '*');
    *model = (llmc_mock_text){ 0 };
    if (!star)
        return cut_end(&path, pattern, strlen(pattern));
    if (!cut_end(&path, star + 1, strlen(star + 1)))
        return false;
    llmc_mock_text before = path;
    while (before.bytes) {
        llmc_mock_text rest = before;
        if (cut_end(&rest, pattern, (size_t)(star - pattern))) {
            *model = (llmc_mock_text){ before.text + before.bytes, path.bytes - before.bytes };
            return model->bytes > 0;
        }
        before.bytes--;
    }
    return false;
}

static int hex_of(char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = byte ? strchr(digits, byte >= 'A' && byte <= 'F' ? byte + 32 : byte) : NULL;
    return at ? (int)(at - digits) : -1;
}

static void decode_model(llmc_mock_question *question, llmc_mock_text model)
{
    llmc_buffer *out = &question->path_model;
    for (size_t i = 0; i < model.bytes; i++) {
        int high = model.text[i] == '%' && i + 2 < model.bytes ? hex_of(model.text[i + 1]) : -1, low = high < 0 ? -1 : hex_of(model.text[i + 2]);
        llmc_buffer_add_byte(out, low < 0 ? model.text[i] : (char)(high << 4 | low));
        i += low < 0 ? 0 : 2;
    }
    if (!model.bytes)
        return;
    if (!llmc_buffer_text(out)) {
        out->length = 0; /* the failure stays */
        return;
    }
    llmc_utf8_sanitize(out->data);
    question->model = llmc_mock_path_model(question);
}

bool llmc_mock_question_route(llmc_mock_question *question)
{
    llmc_mock_text model;
    for (size_t i = 0; i < ROUTES - 1; i++) {
        bool get = routes[i].operation == LLMC_MOCK_MODELS;
        if (question->is_post == get || !fits(routes[i].path, question->path, &model) || !has_mark(question, routes[i].mark))
            continue;
        question->route = &routes[i];
        question->stream = routes[i].streams;
        decode_model(question, model);
        return true;
    }
    return false;
}
