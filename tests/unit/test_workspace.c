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
    llmc_workspaces all;
    llmc_workspace *workspace; /* the one that was borrowed last */
} bench;

static void open_bench(bench *b)
{
    counting_memory_init(&b->memory);
    llmc_workspaces_init(&b->all, &b->memory.allocator);
}

static void close_bench(bench *b)
{
    llmc_workspaces_free(&b->all);
    assert_int_equal(atomic_load(&b->memory.blocks), 0);
}

static const llmc_allocator *borrow(bench *b)
{
    b->workspace = llmc_workspace_borrow(&b->all);
    return b->workspace ? &b->workspace->pieces : NULL;
}

static void give_back(bench *b)
{
    llmc_workspace_return(&b->all, b->workspace);
}

static void test_one_block_for_all_borrowers(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    assert_int_equal(atomic_load(&b.memory.blocks), 0);
    for (int round = 0; round < 3; round++) {
        const llmc_allocator *pieces = borrow(&b);
        assert_non_null(pieces);
        char *one = llmc_alloc(pieces, 100), *two = llmc_alloc(pieces, 1);
        assert_true((uintptr_t)one % 16 == 0 && (uintptr_t)two % 16 == 0);
        memset(one, 1, 100);
        *two = 2;
        assert_int_equal(one[99], 1);
        assert_int_equal(atomic_load(&b.memory.blocks), 1);
        assert_int_equal(b.workspace->outside, 0);
        give_back(&b);
    }
    close_bench(&b);
}

/* As many blocks as there are borrowers at once, up to the bound; the same ones for those who come later. */
static void test_a_block_for_each_borrower(void **state)
{
    (void)state;
    bench b;
    llmc_workspace *lent[LLMC_WORKSPACES];
    open_bench(&b);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < LLMC_WORKSPACES; i++) {
            lent[i] = llmc_workspace_borrow(&b.all);
            assert_non_null(lent[i]);
            for (int other = 0; other < i; other++)
                assert_ptr_not_equal(lent[other], lent[i]);
            char *piece = llmc_alloc(&lent[i]->pieces, 100);
            memset(piece, i, 100);
        }
        assert_null(llmc_workspace_borrow(&b.all));
        for (int i = 0; i < LLMC_WORKSPACES; i++) {
            assert_int_equal(lent[i]->block[16], i); /* behind the piece's size */
            llmc_workspace_return(&b.all, lent[i]);
        }
        assert_int_equal(atomic_load(&b.memory.blocks), LLMC_WORKSPACES); /* the next burst may be like this one */
    }
    for (int round = 0; round < 2; round++) {
        b.workspace = llmc_workspace_borrow(&b.all);
        give_back(&b);
        assert_int_equal(atomic_load(&b.memory.blocks), LLMC_WORKSPACES_IDLE); /* it was not */
    }
    close_bench(&b);
}

/* While somebody has a block, what the others gave back waits for the next. */
static void test_blocks_wait_while_there_is_work(void **state)
{
    (void)state;
    bench b;
    llmc_workspace *lent[2 * LLMC_WORKSPACES_IDLE];
    const int count = 2 * LLMC_WORKSPACES_IDLE;
    open_bench(&b);
    for (int i = 0; i < count; i++)
        lent[i] = llmc_workspace_borrow(&b.all);
    for (int i = 1; i < count; i++)
        llmc_workspace_return(&b.all, lent[i]);
    assert_int_equal(atomic_load(&b.memory.blocks), count);
    for (int i = 1; i < count; i++)
        lent[i] = llmc_workspace_borrow(&b.all);
    assert_int_equal(atomic_load(&b.memory.blocks), count);
    for (int i = 0; i < count; i++)
        llmc_workspace_return(&b.all, lent[i]);
    assert_int_equal(atomic_load(&b.memory.blocks), count);
    for (int i = 0; i < count - 1; i++)
        lent[i] = llmc_workspace_borrow(&b.all);
    for (int i = 0; i < count - 1; i++)
        llmc_workspace_return(&b.all, lent[i]);
    assert_int_equal(atomic_load(&b.memory.blocks), count - 1);
    close_bench(&b);
}

static void test_the_last_piece_grows_in_place(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    const llmc_allocator *pieces = borrow(&b);
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
    give_back(&b);
    close_bench(&b);
}

static void test_what_does_not_fit_comes_from_underneath(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    const llmc_allocator *pieces = borrow(&b);
    char *small = llmc_alloc(pieces, 64), *large = llmc_alloc(pieces, LLMC_WORKSPACE_BYTES);
    assert_non_null(large);
    assert_int_equal(b.workspace->outside, 1);
    large[LLMC_WORKSPACE_BYTES - 1] = 'x';
    large = llmc_realloc(pieces, large, 3 * LLMC_WORKSPACE_BYTES);
    assert_int_equal(large[LLMC_WORKSPACE_BYTES - 1], 'x');
    assert_int_equal(b.workspace->outside, 1);
    memset(small, 's', 64);
    small = llmc_realloc(pieces, small, LLMC_WORKSPACE_BYTES); /* outgrows the block */
    assert_int_equal(small[63], 's');
    assert_int_equal(b.workspace->outside, 2);
    llmc_free(pieces, small);
    llmc_free(pieces, large);
    assert_int_equal(b.workspace->outside, 0);
    give_back(&b);
    close_bench(&b);
}

/* Pieces of every size up to the end of the block: none overlaps another, none leaves it. */
static void test_the_block_is_filled_to_its_end(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes < 3000; bytes += 37) {
        bench b;
        open_bench(&b);
        const llmc_allocator *pieces = borrow(&b);
        char *before = NULL;
        while (!b.workspace->outside) {
            char *piece = llmc_alloc(pieces, bytes);
            if (b.workspace->outside) {
                llmc_free(pieces, piece);
                break;
            }
            assert_true(piece >= b.workspace->block && piece + bytes <= b.workspace->block + LLMC_WORKSPACE_BYTES);
            assert_true(!before || piece >= before + bytes);
            memset(piece, 7, bytes);
            before = piece;
        }
        assert_true((size_t)(b.workspace->block + LLMC_WORKSPACE_BYTES - before) < 2 * bytes + 64);
        assert_int_equal(b.workspace->outside, 0);
        give_back(&b);
        close_bench(&b);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    atomic_store(&b.memory.fail_at, 1);
    assert_null(borrow(&b));
    atomic_store(&b.memory.fail_at, 0);
    const llmc_allocator *pieces = borrow(&b); /* tried again the next time */
    assert_non_null(pieces);
    char *piece = llmc_alloc(pieces, 10);
    atomic_store(&b.memory.fail_at, atomic_load(&b.memory.calls) + 1);
    assert_null(llmc_alloc(pieces, LLMC_WORKSPACE_BYTES));
    assert_int_equal(b.workspace->outside, 0);
    atomic_store(&b.memory.fail_at, atomic_load(&b.memory.calls) + 1);
    assert_null(llmc_realloc(pieces, piece, SIZE_MAX / 2));
    give_back(&b);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_block_for_all_borrowers),
        cmocka_unit_test(test_a_block_for_each_borrower),
        cmocka_unit_test(test_blocks_wait_while_there_is_work),
        cmocka_unit_test(test_the_last_piece_grows_in_place),
        cmocka_unit_test(test_what_does_not_fit_comes_from_underneath),
        cmocka_unit_test(test_the_block_is_filled_to_its_end),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
