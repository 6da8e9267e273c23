/* The memory that one exchange borrows: pieces of one block, and of the allocator underneath where the block is full. */
#include "base/workspace.h"

#include "../support/counting_memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

typedef struct bench {
    counting_memory memory;
    llmc_workspace workspace;
} bench;

static void open_bench(bench *b)
{
    counting_memory_init(&b->memory);
    llmc_workspace_init(&b->workspace, &b->memory.allocator);
}

static void close_bench(bench *b)
{
    llmc_workspace_free(&b->workspace);
    assert_int_equal(atomic_load(&b->memory.blocks), 0);
}

static void test_one_block_for_all_borrowers(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    assert_int_equal(atomic_load(&b.memory.blocks), 0);
    for (int round = 0; round < 3; round++) {
        const llmc_allocator *pieces = llmc_workspace_borrow(&b.workspace);
        assert_non_null(pieces);
        char *one = llmc_alloc(pieces, 100), *two = llmc_alloc(pieces, 1);
        assert_true((uintptr_t)one % 16 == 0 && (uintptr_t)two % 16 == 0);
        memset(one, 1, 100);
        *two = 2;
        assert_int_equal(one[99], 1);
        assert_int_equal(atomic_load(&b.memory.blocks), 1);
        assert_int_equal(b.workspace.outside, 0);
        llmc_workspace_return(&b.workspace);
    }
    close_bench(&b);
}

static void test_lent_to_one_at_a_time(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    assert_non_null(llmc_workspace_borrow(&b.workspace));
    assert_null(llmc_workspace_borrow(&b.workspace));
    llmc_workspace_return(&b.workspace);
    assert_non_null(llmc_workspace_borrow(&b.workspace));
    llmc_workspace_return(&b.workspace);
    close_bench(&b);
}

static void test_the_last_piece_grows_in_place(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    const llmc_allocator *pieces = llmc_workspace_borrow(&b.workspace);
    char *first = llmc_alloc(pieces, 10);
    memcpy(first, "0123456789", 10);
    assert_ptr_equal(llmc_realloc(pieces, first, 1000), first);
    char *second = llmc_alloc(pieces, 10);
    assert_true(second >= first + 1000);
    char *moved = llmc_realloc(pieces, first, 2000); /* it is not the last any more */
    assert_ptr_not_equal(moved, first);
    assert_memory_equal(moved, "0123456789", 10);
    llmc_free(pieces, moved);
    assert_ptr_equal(llmc_alloc(pieces, 5000), moved); /* what was freed last is used again */
    assert_non_null(llmc_realloc(pieces, second, 4));
    llmc_workspace_return(&b.workspace);
    close_bench(&b);
}

static void test_what_does_not_fit_comes_from_underneath(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    const llmc_allocator *pieces = llmc_workspace_borrow(&b.workspace);
    char *small = llmc_alloc(pieces, 64), *large = llmc_alloc(pieces, LLMC_WORKSPACE_BYTES);
    assert_non_null(large);
    assert_int_equal(b.workspace.outside, 1);
    large[LLMC_WORKSPACE_BYTES - 1] = 'x';
    large = llmc_realloc(pieces, large, 3 * LLMC_WORKSPACE_BYTES);
    assert_int_equal(large[LLMC_WORKSPACE_BYTES - 1], 'x');
    assert_int_equal(b.workspace.outside, 1);
    memset(small, 's', 64);
    small = llmc_realloc(pieces, small, LLMC_WORKSPACE_BYTES); /* outgrows the block */
    assert_int_equal(small[63], 's');
    assert_int_equal(b.workspace.outside, 2);
    llmc_free(pieces, small);
    llmc_free(pieces, large);
    assert_int_equal(b.workspace.outside, 0);
    llmc_workspace_return(&b.workspace);
    close_bench(&b);
}

/* Pieces of every size up to the end of the block: none overlaps another, none leaves it. */
static void test_the_block_is_filled_to_its_end(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 3000; bytes += 37) {
        bench b;
        open_bench(&b);
        const llmc_allocator *pieces = llmc_workspace_borrow(&b.workspace);
        char *before = NULL;
        while (!b.workspace.outside) {
            char *piece = llmc_alloc(pieces, bytes);
            if (b.workspace.outside) {
                llmc_free(pieces, piece);
                break;
            }
            assert_true(piece >= b.workspace.block && piece + bytes <= b.workspace.block + LLMC_WORKSPACE_BYTES);
            assert_true(!before || piece >= before + bytes);
            memset(piece, 7, bytes);
            before = piece;
        }
        assert_true((size_t)(b.workspace.block + LLMC_WORKSPACE_BYTES - before) < 2 * bytes + 64);
        assert_int_equal(b.workspace.outside, 0);
        llmc_workspace_return(&b.workspace);
        close_bench(&b);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    atomic_store(&b.memory.fail_at, 1);
    assert_null(llmc_workspace_borrow(&b.workspace));
    const llmc_allocator *pieces = llmc_workspace_borrow(&b.workspace); /* tried again the next time */
    assert_non_null(pieces);
    char *piece = llmc_alloc(pieces, 10);
    atomic_store(&b.memory.fail_at, atomic_load(&b.memory.calls) + 1);
    assert_null(llmc_alloc(pieces, LLMC_WORKSPACE_BYTES));
    assert_int_equal(b.workspace.outside, 0);
    atomic_store(&b.memory.fail_at, atomic_load(&b.memory.calls) + 1);
    assert_null(llmc_realloc(pieces, piece, SIZE_MAX / 2));
    llmc_workspace_return(&b.workspace);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_block_for_all_borrowers),
        cmocka_unit_test(test_lent_to_one_at_a_time),
        cmocka_unit_test(test_the_last_piece_grows_in_place),
        cmocka_unit_test(test_what_does_not_fit_comes_from_underneath),
        cmocka_unit_test(test_the_block_is_filled_to_its_end),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
