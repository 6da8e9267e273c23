/* The presets table: hosts as data. A new OpenAI-dialect host is one line here. */
#include "provider/presets.h"

#define Q(name) LLMC_QUIRK(name)
/* What most imitators of OpenAI have in common: the older names of two members. */
#define IMITATOR (Q(MAX_TOKENS) | Q(USER_FIELD))

#define ZHIPU                                                                                                              \
    (Q(MAX_TOKENS) | Q(USER_ID_FIELD) | Q(NO_SEED) | Q(NO_N) | Q(NO_LOGPROBS) | Q(NO_JSON_SCHEMA) | Q(NO_STREAM_OPTIONS) |   \
     Q(OPEN_UNIT_SAMPLING) | Q(ZHIPU_CODES) | Q(THINKING_TYPE))

#define DASHSCOPE (IMITATOR | Q(ENABLE_THINKING) | Q(AUDIO_PARTS) | Q(CACHE_CONTROL))
#define MOONSHOT (Q(MAX_TOKENS) | Q(REASONING_CONTENT) | Q(THINKING_TYPE) | Q(NO_EMBED))

#define OPENAI(name_, url, variable, quirks_, currency_)                                                                  \
    { .name = name_, .base_url = url, .codec = &llmc_codec_openai, .key_variables = { variable }, .auth = LLMC_AUTH_BEARER, \
      .quirks = quirks_, .currency = currency_ }
#define LOCAL_QUIRKS (IMITATOR | Q(AUDIO_PARTS))
#define LOCAL(name_, url)                                                                                                  \
    { .name = name_, .base_url = url, .codec = &llmc_codec_openai, .auth = LLMC_AUTH_NONE_OR_BEARER, \
      .quirks = LOCAL_QUIRKS | Q(SPELT_TOOLS), .currency = "USD", .free_of_charge = true }

/* Official names first, then those of older kits. */
static const llmc_preset_pair qianfan_pairs[] = {
    { "QIANFAN_ACCESS_KEY", "QIANFAN_SECRET_KEY", NULL, LLMC_AUTH_BCE },
    { "BAIDU_QIANFAN_AK", "BAIDU_QIANFAN_SK", NULL, LLMC_AUTH_BCE },
    { "QIANFAN_AK", "QIANFAN_SK", NULL, LLMC_AUTH_OAUTH },
    { NULL, NULL, NULL, LLMC_AUTH_BEARER },
};
static const llmc_preset_pair qianfan_v1_pairs[] = {
    { "QIANFAN_AK", "QIANFAN_SK", NULL, LLMC_AUTH_OAUTH },
    { "BAIDU_QIANFAN_AK", "BAIDU_QIANFAN_SK", NULL, LLMC_AUTH_OAUTH },
    { NULL, NULL, NULL, LLMC_AUTH_BEARER },
};
static const llmc_preset_pair aws_pairs[] = {
    { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", LLMC_AUTH_AWS },
    { NULL, NULL, NULL, LLMC_AUTH_BEARER },
};
static const llmc_preset_setting bedrock_settings[] = { { "region", { "AWS_REGION", "AWS_DEFAULT_REGION" }, NULL }, { 0 } };
static const llmc_preset_setting vertex_settings[] = {
    { "project", { "GOOGLE_CLOUD_PROJECT" }, NULL }, { "location", { "GOOGLE_CLOUD_LOCATION" }, "us-central1" }, { NULL, { NULL }, NULL },
};
#define VERTEX_URL(host, publisher) "https://" host "/v1/projects/{project}/locations/{location}/publishers/" publisher
#define VERTEX_PLACES(publisher)                                                                                           \
    {                                                                                                                      \
        { "location", "global", VERTEX_URL("aiplatform.googleapis.com", publisher) },                                       \
        { "location", "us", VERTEX_URL("aiplatform.us.rep.googleapis.com", publisher) },                                    \
        { "location", "eu", VERTEX_URL("aiplatform.eu.rep.googleapis.com", publisher) }, { NULL, NULL, NULL },              \
    }
#define VERTEX(publisher, places_)                                                                                         \
    .base_url = VERTEX_URL("{location}-aiplatform.googleapis.com", publisher), .places = places_, .settings = vertex_settings, \
    .key_variables = { "GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN" }, .auth = LLMC_AUTH_BEARER,                 \
    .quirks = Q(VERTEX), .currency = "USD", .catalog = publisher
static const llmc_preset_place vertex_places[] = VERTEX_PLACES("google"), vertex_anthropic_places[] = VERTEX_PLACES("anthropic");
#define AZURE_URL "https://{resource}.openai.azure.com/openai/v1"
#define AZURE                                                                                                              \
    .key_variables = { "AZURE_OPENAI_API_KEY" }, .base_url_variable = "AZURE_OPENAI_ENDPOINT", .auth = LLMC_AUTH_API_KEY,    \
    .quirks = Q(DEVELOPER_ROLE) | Q(AUDIO_PARTS) | Q(BASE64_EMBEDDINGS), .currency = "USD", .catalog = "azure", .settings = azure_settings

static const llmc_preset_setting azure_settings[] = { { "resource", { "AZURE_OPENAI_RESOURCE" }, NULL }, { 0 } };

static const llmc_preset presets[] = {
    { .name = "openai", .base_url = "https://api.openai.com/v1", .codec = &llmc_codec_openai, .key_variables = { "OPENAI_API_KEY" },
      .base_url_variable = "OPENAI_BASE_URL", .auth = LLMC_AUTH_BEARER,
      .quirks = Q(DEVELOPER_ROLE) | Q(AUDIO_PARTS) | Q(FILE_PARTS) | Q(BASE64_EMBEDDINGS) | Q(CACHE_BREAKPOINT), .currency = "USD" },
    { .name = "openai-responses", .base_url = "https://api.openai.com/v1", .codec = &llmc_codec_responses, .key_variables = { "OPENAI_API_KEY" },
      .base_url_variable = "OPENAI_BASE_URL", .auth = LLMC_AUTH_BEARER, .quirks = Q(DEVELOPER_ROLE), .currency = "USD", .catalog = "openai",
      .second_door = true },
    { .name = "azure", .base_url = AZURE_URL, .codec = &llmc_codec_openai, AZURE },
    { .name = "azure-responses", .base_url = AZURE_URL, .codec = &llmc_codec_responses, AZURE, .second_door = true },
    { .name = "anthropic", .base_url = "https://api.anthropic.com", .codec = &llmc_codec_anthropic, .key_variables = { "ANTHROPIC_API_KEY" },
      .base_url_variable = "ANTHROPIC_BASE_URL", .auth = LLMC_AUTH_X_API_KEY, .currency = "USD" },
    /* The variable holds a bearer token; pairs of access keys are read elsewhere. */
    { .name = "bedrock", .base_url = "https://bedrock-runtime.{region}.amazonaws.com", .codec = &llmc_codec_bedrock,
      .key_variables = { "AWS_BEARER_TOKEN_BEDROCK" }, .auth = LLMC_AUTH_AWS, .currency = "USD", .settings = bedrock_settings,
      .pairs = aws_pairs },
    { .name = "google", .base_url = "https://generativelanguage.googleapis.com/v1beta", .codec = &llmc_codec_gemini,
      .key_variables = { "GOOGLE_API_KEY", "GEMINI_API_KEY" }, .auth = LLMC_AUTH_X_GOOG_API_KEY, .currency = "USD" },
    /* The variables hold an access token: one of a service account lives for an hour, so a host that stays gives a callback. */
    { .name = "vertex", .codec = &llmc_codec_gemini, VERTEX("google", vertex_places) },
    { .name = "vertex-anthropic", .codec = &llmc_codec_anthropic, VERTEX("anthropic", vertex_anthropic_places), .second_door = true },
    OPENAI("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY",
           IMITATOR | Q(NO_SEED) | Q(NO_N) | Q(NO_JSON_SCHEMA) | Q(REASONING_CONTENT) | Q(THINKING_TYPE) | Q(NO_EMBED), "USD"),
    OPENAI("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", MOONSHOT, "USD"),
    OPENAI("moonshot-cn", "https://api.moonshot.cn/v1", "MOONSHOT_API_KEY", MOONSHOT, "CNY"),
    { .name = "zhipu", .base_url = "https://open.bigmodel.cn/api/paas/v4", .codec = &llmc_codec_openai,
      .key_variables = { "ZHIPUAI_API_KEY", "ZHIPU_API_KEY" }, .auth = LLMC_AUTH_BEARER,
      .quirks = ZHIPU, .currency = "CNY" },
    OPENAI("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", ZHIPU, "USD"),
    OPENAI("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", DASHSCOPE, "CNY"),
    OPENAI("dashscope-intl", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", DASHSCOPE, "USD"),
    /* Its max_tokens does not bound thinking: the newer name does. */
    OPENAI("doubao", "https://ark.cn-beijing.volces.com/api/v3", "ARK_API_KEY", Q(USER_FIELD) | Q(THINKING_TYPE), "CNY"),
    { .name = "qianfan", .base_url = "https://qianfan.baidubce.com/v2", .codec = &llmc_codec_openai,
      .key_variables = { "QIANFAN_API_KEY", "QIANFAN_BEARER_TOKEN" }, .auth = LLMC_AUTH_BEARER, .quirks = Q(USER_FIELD), .currency = "CNY",
      .pairs = qianfan_pairs },
    /* Prices must be configured: its models are named after endpoints. */
    { .name = "qianfan-v1", .base_url = "https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop", .codec = &llmc_codec_qianfan_v1, .auth = LLMC_AUTH_OAUTH,
      .currency = "CNY", .catalog = "qianfan-v1", .pairs = qianfan_v1_pairs, .token_in_query = true },
    { .name = "hunyuan", .base_url = "https://tokenhub.tencentmaas.com/v1", .codec = &llmc_codec_openai,
      .key_variables = { "TENCENT_TOKENHUB_API_KEY", "HUNYUAN_API_KEY" }, .auth = LLMC_AUTH_BEARER, .quirks = IMITATOR, .currency = "CNY" },
    OPENAI("minimax", "https://api.minimax.io/v1", "MINIMAX_API_KEY", IMITATOR | Q(REASONING_SPLIT) | Q(REASONING_DETAILS), "USD"),
    OPENAI("stepfun", "https://api.stepfun.com/v1", "STEPFUN_API_KEY", IMITATOR, "CNY"),
    /* Refuses members that it does not know (422): its own client's types (November 2026) have no user, stream_options or logprobs. */
    OPENAI("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY",
           Q(MAX_TOKENS) | Q(NO_NAMES) | Q(RANDOM_SEED) | Q(TOOL_ANY) | Q(NO_STREAM_OPTIONS) | Q(NO_LOGPROBS) | Q(AUDIO_PARTS) | Q(DOCUMENT_URL) | Q(SHORT_CALL_IDS) |
           Q(OUTPUT_DIMENSION), "USD"),
    OPENAI("xai", "https://api.x.ai/v1", "XAI_API_KEY", Q(USER_FIELD) | Q(REASONING_BESIDE_COMPLETION) | Q(NO_EMBED), "USD"),
    { .name = "xai-responses", .base_url = "https://api.x.ai/v1", .codec = &llmc_codec_responses, .key_variables = { "XAI_API_KEY" },
      .auth = LLMC_AUTH_BEARER, .quirks = Q(USER_FIELD), .currency = "USD", .catalog = "xai", .second_door = true },
    OPENAI("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", Q(USER_FIELD) | Q(NO_N) | Q(NO_LOGPROBS) | Q(NO_EMBED), "USD"),
    OPENAI("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY",
           IMITATOR | Q(REASONING_DETAILS) | Q(REASONING_BUDGET) | Q(AUDIO_PARTS) | Q(FILE_PARTS) | Q(FILE_URLS) |
           Q(CACHE_CONTROL) | Q(CACHE_CONTROL_TOOLS), "USD"),
    OPENAI("siliconflow", "https://api.siliconflow.cn/v1", "SILICONFLOW_API_KEY", IMITATOR | Q(ENABLE_THINKING), "CNY"),
    OPENAI("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", IMITATOR | Q(NO_TOOLS) | Q(NO_STREAM_OPTIONS) | Q(DONE_OPTIONAL) | Q(NO_EMBED), "USD"),
    OPENAI("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", IMITATOR, "USD"),
    OPENAI("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", IMITATOR, "USD"),
    OPENAI("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", Q(USER_FIELD) | Q(DONE_OPTIONAL) | Q(NO_EMBED), "USD"),
    OPENAI("deepinfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY", IMITATOR, "USD"),
    OPENAI("baichuan", "https://api.baichuan-ai.com/v1", "BAICHUAN_API_KEY", IMITATOR, "CNY"),
    OPENAI("01ai", "https://api.lingyiwanwu.com/v1", "YI_API_KEY", IMITATOR, "CNY"),
    OPENAI("spark", "https://spark-api-open.xf-yun.com/v1", "SPARK_API_KEY", IMITATOR, "CNY"),
    OPENAI("mimo", "https://api.xiaomimimo.com/v1", "XIAOMI_API_KEY", IMITATOR, "CNY"),
    OPENAI("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN", IMITATOR, "USD"),
    OPENAI("qiniu", "https://api.qnaigc.com/v1", "QINIU_API_KEY", IMITATOR, "CNY"),
    OPENAI("holysheep", "https://api.holysheep.ai/v1", "HOLYSHEEP_API_KEY", IMITATOR, "USD"),
    LOCAL("vllm", "http://localhost:8000/v1"),
    LOCAL("llamacpp", "http://localhost:8080/v1"),
    LOCAL("lmstudio", "http://localhost:1234/v1"),
    { .name = "ollama-openai", .base_url = "http://localhost:11434/v1", .codec = &llmc_codec_openai, .auth = LLMC_AUTH_NONE_OR_BEARER, .quirks = LOCAL_QUIRKS,
      .currency = "USD", .catalog = "ollama", .free_of_charge = true },
    { .name = "ollama", .base_url = "http://localhost:11434", .codec = &llmc_codec_ollama, .key_variables = { "OLLAMA_API_KEY" },
      .base_url_variable = "OLLAMA_HOST", .auth = LLMC_AUTH_NONE_OR_BEARER, .currency = "USD", .free_of_charge = true },
    /* Its plans are not billed by the token: prices must be configured. */
    { .name = "ollama-cloud", .base_url = "https://ollama.com", .codec = &llmc_codec_ollama, .key_variables = { "OLLAMA_API_KEY" },
      .auth = LLMC_AUTH_BEARER, .currency = "USD" },
    { .name = "cohere", .base_url = "https://api.cohere.com", .codec = &llmc_codec_cohere, .key_variables = { "CO_API_KEY", "COHERE_API_KEY" },
      .auth = LLMC_AUTH_BEARER, .currency = "USD" },
    { .name = "openai-compatible", .codec = &llmc_codec_openai, .auth = LLMC_AUTH_NONE_OR_BEARER, .quirks = LOCAL_QUIRKS | Q(FILE_PARTS) | Q(DONE_OPTIONAL), .currency = "USD" },
};

/* Where credentials are exchanged: hosts that nobody asks a question. */
static const llmc_preset exchanges[] = {
    { .name = "baidu-iam", .base_url = "https://iam.bj.baidubce.com", .codec = &llmc_codec_baidu_token, .auth = LLMC_AUTH_BCE, .currency = "CNY" },
    { .name = "baidu-oauth", .base_url = "https://aip.baidubce.com", .codec = &llmc_codec_baidu_token, .auth = LLMC_AUTH_OAUTH, .currency = "CNY" },
};

/* Second names. They are no entries of their own, which would make every model of a host ambiguous. */
static const char *entry_of(const char *name)
{
    return !strcmp(name, "gemini") ? "google" : name;
}

const llmc_preset *llmc_preset_find(const char *name)
{
    name = entry_of(name);
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        if (!strcmp(presets[i].name, name))
            return &presets[i];
    return NULL;
}

const char *llmc_preset_catalog(const llmc_preset *preset)
{
    return preset->catalog ? preset->catalog : preset->name;
}

const llmc_preset *llmc_preset_of_exchange(llmc_auth auth)
{
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++)
        if (exchanges[i].auth == auth)
            return &exchanges[i];
    return NULL;
}

size_t llmc_preset_count(void)
{
    return sizeof presets / sizeof presets[0];
}

const llmc_preset *llmc_preset_at(size_t index)
{
    return index < sizeof presets / sizeof presets[0] ? &presets[index] : NULL;
}

uint64_t llmc_quirk_find(const char *name)
{
#define LLMC_QUIRK_NAME(id, text) text,
    static const char *const names[] = { LLMC_QUIRK_LIST(LLMC_QUIRK_NAME) };
#undef LLMC_QUIRK_NAME
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(names[i], name))
            return UINT64_C(1) << i;
    return 0;
}
