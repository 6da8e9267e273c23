/* Secrets: copied, named by a fingerprint, wiped before their memory goes back. */
#include "base/secret.h"

#include "../support/failing_allocator.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

/* Looks into every block at the moment it is given back. */
struct watcher {
    char seen[64];
    int released;
};

static void *watch_allocate(size_t bytes, void *user)
{
    (void)user;
    return calloc(1, bytes < 64 ? 64 : bytes);
}

static void watch_release(void *memory, void *user)
{
    struct watcher *watcher = user;
    if (!memory)
        return;
    memcpy(watcher->seen, memory, sizeof watcher->seen);
    watcher->released++;
    free(memory);
}

static void test_set_and_reveal(void **state)
{
    (void)state;
    llmc_secret secret = { 0 };
    assert_string_equal(llmc_secret_reveal(&secret), "");
    char text[] = "abc and more";
    assert_true(llmc_secret_set(&secret, &llmc_allocator_system, text, 3));
    memset(text, 'x', sizeof text);
    assert_string_equal(llmc_secret_reveal(&secret), "abc");
    assert_int_equal(secret.bytes, 3);
    assert_string_equal(secret.fingerprint, "ba7816bf");
    llmc_secret_free(&secret, &llmc_allocator_system);
    assert_null(secret.hidden);
    assert_string_equal(secret.fingerprint, "");
    llmc_secret_free(&secret, &llmc_allocator_system);
}

static void test_wiped_before_release(void **state)
{
    (void)state;
    struct watcher watcher = { .seen = "not yet" };
    llmc_allocator allocator = { watch_allocate, NULL, watch_release, &watcher };
    llmc_secret secret = { 0 };
    static const char zeros[64];

    assert_true(llmc_secret_set(&secret, &allocator, "sk-the-first-key", 16));
    assert_true(llmc_secret_set(&secret, &allocator, "sk-the-second-key", 17)); /* replaces: the first is wiped too */
    assert_int_equal(watcher.released, 1);
    assert_memory_equal(watcher.seen, zeros, sizeof zeros);
    assert_string_equal(llmc_secret_reveal(&secret), "sk-the-second-key");

    watcher.seen[0] = 'x';
    llmc_secret_free(&secret, &allocator);
    assert_int_equal(watcher.released, 2);
    assert_memory_equal(watcher.seen, zeros, sizeof zeros);
}

static void test_set_from_itself(void **state)
{
    (void)state;
    llmc_secret secret = { 0 };
    assert_true(llmc_secret_set(&secret, &llmc_allocator_system, "abcdef", 6));
    assert_true(llmc_secret_set(&secret, &llmc_allocator_system, llmc_secret_reveal(&secret), 3));
    assert_string_equal(llmc_secret_reveal(&secret), "abc");
    llmc_secret_free(&secret, &llmc_allocator_system);
}

static void test_without_memory(void **state)
{
    (void)state;
    failing_allocator failing;
    failing_allocator_init(&failing, 2);
    llmc_secret secret = { 0 };
    assert_true(llmc_secret_set(&secret, &failing.allocator, "old", 3));
    assert_false(llmc_secret_set(&secret, &failing.allocator, "new", 3));
    assert_string_equal(llmc_secret_reveal(&secret), "old");
    llmc_secret_free(&secret, &failing.allocator);
    assert_int_equal(failing.live, 0);
}

static char *masked(const char *key, const char *text)
{
    static char copy[200];
    llmc_secret secret = { 0 };
    strcpy(copy, text);
    assert_true(llmc_secret_set(&secret, &llmc_allocator_system, key, strlen(key)));
    llmc_secret_mask(&secret, copy);
    llmc_secret_free(&secret, &llmc_allocator_system);
    return copy;
}

static void test_mask(void **state)
{
    (void)state;
    assert_string_equal(masked("sk-abcdef", "a sk-abcdef b"), "a *** b");
    assert_string_equal(masked("sk-abcdef", "sk-abcdefsk-abcdef"), "******");
    assert_string_equal(masked("sk-abcdef", "sk-sk-abcdef"), "sk-***");
    assert_string_equal(masked("sk-abcdef", "cut: sk-abcde"), "cut: ***");
    assert_string_equal(masked("sk-abcdef", "cut: sk-ab"), "cut: sk-ab");
    assert_string_equal(masked("sk-abcdef", "sk-abcde and on"), "sk-abcde and on");
    assert_string_equal(masked("sk-abcdef", ""), "");
    assert_string_equal(masked("k", "kkk"), "kkk");
    llmc_secret none = { 0 };
    char text[] = "text";
    llmc_secret_mask(&none, text);
    llmc_secret_mask(&none, NULL);
    assert_string_equal(text, "text");
}

static void test_wipe(void **state)
{
    (void)state;
    char text[] = "secret";
    llmc_wipe(text, 3);
    assert_memory_equal(text, "\0\0\0ret", 7);
    llmc_wipe(NULL, 0);
}

/* However a buffer grows and ends. */
static void test_wiping_memory(void **state)
{
    (void)state;
    struct watcher watcher = { .seen = "not yet" };
    llmc_allocator under = { watch_allocate, NULL, watch_release, &watcher };
    llmc_wiping_memory memory;
    static const char zeros[64];
    llmc_wiping_memory_init(&memory, &under);
    char *piece = llmc_alloc(&memory.pieces, 20);
    assert_int_equal((uintptr_t)piece % 16, 0);
    memcpy(piece, "sk-the-first-key-it ", 20);
    piece = llmc_realloc(&memory.pieces, piece, 40);
    assert_int_equal(watcher.released, 1);
    assert_memory_equal(watcher.seen + 16, zeros, 20);
    assert_memory_equal(piece, "sk-the-first-key-it ", 20);
    piece = llmc_realloc(&memory.pieces, piece, 6); /* shorter: what is cut off goes too */
    assert_int_equal(watcher.released, 2);
    assert_memory_equal(watcher.seen + 16, zeros, 40);
    assert_memory_equal(piece, "sk-the", 6);
    llmc_free(&memory.pieces, piece);
    assert_int_equal(watcher.released, 3);
    assert_memory_equal(watcher.seen + 16, zeros, 6);
    llmc_free(&memory.pieces, NULL);
    assert_null(memory.pieces.allocate(SIZE_MAX - 3, &memory));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wiping_memory), cmocka_unit_test(test_set_and_reveal), cmocka_unit_test(test_wiped_before_release), cmocka_unit_test(test_set_from_itself),
        cmocka_unit_test(test_without_memory), cmocka_unit_test(test_mask), cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
