/* How often a test repeats itself: LLMCOST_TEST_ROUNDS times as often as usual, where it is set. */
#ifndef TESTS_ROUNDS_H
#define TESTS_ROUNDS_H

int test_rounds(int usual);

#endif
