/* Audio, documents and files in a request: what is read from where, what it becomes, and what becomes of it under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../support/engine_rig.h"
#include "../support/nth_failure.h"
#include "call/call.h"

static char folder[64], path[200];

static const char *path_of(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *make_file(const char *name, const char *content, size_t bytes)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, bytes, file), bytes);
    fclose(file);
    return path;
}

static int make_folder(void **unused)
{
    (void)unused;
    strcpy(folder, "/tmp/llmcost-files-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **unused)
{
    (void)unused;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

typedef struct fixture {
    llmc_arena arena;
    llmcost_error error;
    const llmcost_request *out;
    rig_request space;
    llmcost_part parts[2];
} fixture;

static llmcost_status import(fixture *f, llmcost_part part, bool copy)
{
    llmc_arena_init(&f->arena, &llmc_allocator_system, NULL, 0);
    llmc_error_init(&f->error, &llmc_allocator_system);
    rig_ask(&f->space, "m", NULL);
    f->parts[0] = (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = "look" };
    f->parts[1] = part;
    f->space.messages[0].parts = f->parts;
    f->space.messages[0].part_count = 2;
    return llmc_request_import(&f->space.request, LLMC_OP_CHAT, copy, &f->arena, &f->out, &f->error);
}

static void end(fixture *f)
{
    llmc_arena_clear(&f->arena);
    llmc_error_clear(&f->error);
}

static void test_what_a_file_becomes(void **unused)
{
    (void)unused;
    static const struct {
        const char *name, *media_type, *detail;
        int32_t type;
        const char *becomes, *named;
    } rows[] = {
        { "cat.PNG", NULL, "low", LLMCOST_PART_IMAGE, "image/png", "low" }, { "cat.jpeg", NULL, NULL, LLMCOST_PART_IMAGE, "image/jpeg", NULL },
        { "a.wav", NULL, NULL, LLMCOST_PART_AUDIO, "audio/wav", NULL }, { "a.mp3", NULL, NULL, LLMCOST_PART_AUDIO, "audio/mpeg", NULL },
        { "a.b.pdf", NULL, NULL, LLMCOST_PART_DOCUMENT, "application/pdf", "a.b.pdf" }, { "a.txt", NULL, "other.txt", LLMCOST_PART_DOCUMENT, "text/plain", "other.txt" },
        { "noext", "image/webp", NULL, LLMCOST_PART_IMAGE, "image/webp", NULL }, { "x.png", "application/x-odd", NULL, LLMCOST_PART_DOCUMENT, "application/x-odd", "x.png" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int copy = 0; copy < 2; copy++) {
            fixture f;
            make_file(rows[i].name, "\0one", 4);
            llmcost_status status = import(&f, (llmcost_part){ .type = LLMCOST_PART_FILE, .url = path, .media_type = rows[i].media_type, .detail = rows[i].detail }, copy);
            if (status)
                fail_msg("%s: %s", rows[i].name, f.error.message);
            const llmcost_part *part = &f.out->messages[0].parts[1];
            assert_int_equal(part->type, rows[i].type);
            assert_string_equal(part->media_type, rows[i].becomes);
            assert_int_equal(part->data_bytes, 4);
            assert_memory_equal(part->data, "\0one", 4);
            assert_null(part->url);
            if (rows[i].named)
                assert_string_equal(part->detail, rows[i].named);
            else
                assert_null(part->detail);
            assert_string_equal(f.out->messages[0].parts[0].text, "look");
            assert_int_equal(f.parts[1].type, LLMCOST_PART_FILE); /* the caller's own is left alone */
            end(&f);
        }
    }
}

static void check_refused(const char *name, const char *media_type, const char *detail, llmcost_status status, const char *says)
{
    fixture f;
    llmcost_status got = import(&f, (llmcost_part){ .type = LLMCOST_PART_FILE, .url = *name == '/' ? name : path_of(name), .media_type = media_type, .detail = detail }, false);
    if (got != status || !f.error.message || !strstr(f.error.message, says))
        fail_msg("%s: %s: %s, and not: %s", name, llmcost_status_name(got), f.error.message ? f.error.message : "", says);
    assert_null(f.out);
    end(&f);
}

static void test_files_that_cannot_be(void **unused)
{
    (void)unused;
    check_refused("none.png", NULL, NULL, LLMCOST_E_FILE, "there is no such file");
    mkdir(path_of("folder.png"), 0700);
    check_refused("folder.png", NULL, NULL, LLMCOST_E_FILE, "it is a directory");
    mkfifo(path_of("pipe.png"), 0600);
    check_refused("pipe.png", NULL, NULL, LLMCOST_E_FILE, "it is not a regular file");
    check_refused("/dev/zero", "image/png", NULL, LLMCOST_E_FILE, "it is not a regular file");
    make_file("empty.png", "", 0);
    check_refused("empty.png", NULL, NULL, LLMCOST_E_FILE, "it is empty");
    make_file("large.png", "x", 1);
    assert_int_equal(truncate(path, ((off_t)64 << 20) + 1), 0);
    check_refused("large.png", NULL, NULL, LLMCOST_E_FILE, "it is larger than 64 MB");
    if (geteuid() != 0) {
        make_file("secret.png", "x", 1);
        assert_int_equal(chmod(path, 0), 0);
        check_refused("secret.png", NULL, NULL, LLMCOST_E_FILE, "permission denied");
    }
    make_file("thing.xyz", "x", 1);
    check_refused("thing.xyz", NULL, NULL, LLMCOST_E_INVALID, "media_type is missing");
    make_file("thing", "x", 1);
    check_refused("thing", NULL, NULL, LLMCOST_E_INVALID, "media_type is missing");
    make_file("a.png", "x", 1);
    check_refused("a.png", NULL, "a name", LLMCOST_E_INVALID, "messages[0].parts[1].detail is not known"); /* an image's detail is another thing */
    make_file("a.wav", "x", 1);
    check_refused("a.wav", NULL, "low", LLMCOST_E_INVALID, "messages[0].parts[1].detail is set");
}

static void test_no_memory(void **unused)
{
    (void)unused;
    make_file("a.png", "x", 1);
    for (long nth = 1;; nth++) {
        nth_failure failure = { .fail_at = nth };
        llmc_allocator allocator = nth_failure_allocator(&failure);
        rig_request space;
        llmcost_error error;
        llmc_arena arena;
        const llmcost_request *out;
        llmcost_part part = { .type = LLMCOST_PART_FILE, .url = path };
        llmc_arena_init(&arena, &allocator, NULL, 0);
        llmc_error_init(&error, &allocator);
        rig_ask(&space, "m", NULL);
        space.messages[0].parts = &part;
        space.messages[0].part_count = 1;
        llmcost_status status = llmc_request_import(&space.request, LLMC_OP_CHAT, true, &arena, &out, &error);
        llmc_arena_clear(&arena);
        llmc_error_clear(&error);
        assert_int_equal(failure.live, 0);
        if (!status)
            break;
        assert_int_equal(status, LLMCOST_E_MEMORY);
        assert_true(nth < 100);
    }
}

/* ---- in a call ---- */

#define CONFIG "{\"providers\":{\"google\":{\"key\":\"k\"},\"openai\":{\"key\":\"k\"},\"anthropic\":{\"key\":\"k\"}},\"cache\":{\"memory\":{},\"sampled\":true}%s}"
#define GEMINI "google/gemini-2.5-flash"

static void open_rig(engine_rig *rig, const char *more)
{
    char config[500];
    snprintf(config, sizeof config, CONFIG, more);
    rig_open(rig, config);
}

static llmcost_status chat(engine_rig *rig, const char *model, llmcost_part part, int64_t bound, llmcost_response **out)
{
    rig_request space;
    llmcost_request *request = rig_ask(&space, model, NULL);
    space.messages[0].parts = &part;
    space.messages[0].part_count = 1;
    request->input_bound_tokens = bound;
    request->max_tokens = 10;
    return llmcost_chat(rig->client, request, out);
}

static void answers(engine_rig *rig)
{
    static const char body[] = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}],"
                               "\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":2,\"totalTokenCount\":10}}";
    fake_exchange_piece(fake_network_add(&rig->network, NULL), 0, body, sizeof body - 1);
}

static void test_a_file_is_sent_and_cached_by_its_content(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    open_rig(&rig, "");
    answers(&rig);
    static const char *const contents[] = { "%PDF-1", "%PDF-1", "%PDF-2" };
    for (size_t i = 0; i < 3; i++) {
        make_file("doc.pdf", contents[i], 6);
        assert_int_equal(chat(&rig, GEMINI, (llmcost_part){ .type = LLMCOST_PART_FILE, .url = path }, 0, &response), LLMCOST_OK);
        assert_int_equal(llmcost_response_from_cache(response), i == 1);
        llmcost_response_free(response);
    }
    assert_non_null(strstr(rig.network.requests[0].body, "JVBERi0x")); /* %PDF-1 */
    assert_non_null(strstr(rig.network.requests[0].body, "application/pdf"));
    assert_null(strstr(rig.network.requests[0].body, folder));
    assert_non_null(strstr(rig.network.requests[1].body, "JVBERi0y"));
    rig_close(&rig);
}

static void test_a_file_that_is_not_there_fails_the_call(void **unused)
{
    (void)unused;
    engine_rig rig;
    llmcost_response *response;
    open_rig(&rig, "");
    assert_int_equal(chat(&rig, GEMINI, (llmcost_part){ .type = LLMCOST_PART_FILE, .url = path_of("none.pdf") }, 0, &response), LLMCOST_E_FILE);
    assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "there is no such file"));
    assert_int_equal(rig.network.request_count, 0);
    llmcost_response_free(response);
    rig_close(&rig);
}

/* Nobody but the provider knows what they cost: a hard budget wants a figure. */
static void test_budgets(void **unused)
{
    (void)unused;
    const llmcost_part parts[] = {
        { .type = LLMCOST_PART_AUDIO, .data = "RIFF", .data_bytes = 4, .media_type = "audio/wav" },
        { .type = LLMCOST_PART_DOCUMENT, .data = "%PDF", .data_bytes = 4, .media_type = "application/pdf" },
    };
    for (size_t i = 0; i < 2; i++) {
        engine_rig rig;
        llmcost_response *response;
        open_rig(&rig, ",\"budgets\":[{\"limit\":\"1 USD\"}]");
        answers(&rig);
        assert_int_equal(chat(&rig, GEMINI, parts[i], 0, &response), LLMCOST_E_BUDGET);
        assert_non_null(strstr(llmcost_error_message(llmcost_response_error(response)), "input_bound_tokens"));
        llmcost_response_free(response);
        assert_int_equal(chat(&rig, GEMINI, parts[i], 5000, &response), LLMCOST_OK);
        assert_true(rig_line(response, 0, "bound_nano") > 0);
        llmcost_response_free(response);
        rig_close(&rig);
    }
}

/* No codec lets a part fall silently. */
static void test_targets_that_cannot(void **unused)
{
    (void)unused;
    static const char *const models[] = { "openai/gpt-4o", "anthropic/claude-sonnet-4-5" };
    engine_rig rig;
    open_rig(&rig, "");
    for (size_t i = 0; i < 2; i++) {
        llmcost_response *response;
        llmcost_part audio = { .type = LLMCOST_PART_AUDIO, .data = "fLaC", .data_bytes = 4, .media_type = "audio/flac" };
        llmcost_status status = chat(&rig, models[i], audio, 0, &response);
        assert_int_equal(status, LLMCOST_E_UNSUPPORTED);
        llmcost_response_free(response);
    }
    assert_int_equal(rig.network.request_count, 0);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_file_becomes),
        cmocka_unit_test(test_files_that_cannot_be),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_a_file_is_sent_and_cached_by_its_content),
        cmocka_unit_test(test_a_file_that_is_not_there_fails_the_call),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_targets_that_cannot),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
