# The tests: what `make check` runs in minutes and `make proof` in hours.

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ASAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
TSAN_FLAGS = -fsanitize=thread
SANITIZED_CFLAGS = -O1 -g
# Tests in which threads meet: named *_threads or listed here.
THREADED = test_store_threads test_limits_live test_experiment_threads test_target test_breaker test_threads test_loop test_client test_mock_server test_credentials
# Several run at once: what takes longest begins first, so that nothing long is left for the end.
LONGEST = $(BUILD)/asan/tests/unit/test_fixtures_openai_anthropic
THREADED_TESTS = $(foreach name,$(THREADED),$(wildcard tests/unit/$(name).c tests/system/$(name).c))
export ASAN_OPTIONS ?= detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1

.PHONY: check check-quick check-asan check-tsan check-headers check-symbols check-layers asan ubsan tsan valgrind proof print-tests

EXTRA_CHECKS += "sh:" "sh tests/check_headers.sh" "sh:" "python3 tests/check_layers.py" "sh:" "python3 tests/check_symbols.py $(BUILD)/libllmcost.so"

## check        all tests, in minutes: units, fixtures, dialogues, headers, exports, examples; again under sanitizers
check: check-build all tests $(BUILD)/llmcost-mock
	@$(MAKE) --no-print-directory -s -j$(JOBS) BUILD=$(BUILD)/asan CC=clang CXX=clang++ CFLAGS="$(SANITIZED_CFLAGS)" SANITIZE="$(ASAN_FLAGS)" tests $(SANITIZED_TARGETS)
	@$(MAKE) --no-print-directory -s -j$(JOBS) BUILD=$(BUILD)/tsan CC=clang CXX=clang++ CFLAGS="$(SANITIZED_CFLAGS)" SANITIZE="$(TSAN_FLAGS)" tests-threaded
	@$(PYTHON) tests/run.py $(LONGEST) $(EXTRA_CHECKS) $(filter-out $(LONGEST),$(SYSTEM_TESTS:$(BUILD)/%=$(BUILD)/asan/%) $(SYSTEM_TESTS) \
		$(THREADED_TESTS:%.c=$(BUILD)/tsan/%) $(UNIT_TESTS:$(BUILD)/%=$(BUILD)/asan/%) $(UNIT_TESTS))

# First, with as many jobs as there are processors: what check needs is then there.
check-build:
	@$(MAKE) --no-print-directory -s -j$(JOBS) all tests $(BUILD)/llmcost-mock
.PHONY: check-build

tests-threaded: $(THREADED_TESTS:%.c=$(BUILD)/%)
.PHONY: tests-threaded

## check-quick  the unit tests only, without sanitizers
check-quick: $(UNIT_TESTS)
	@$(PYTHON) tests/run.py $(UNIT_TESTS)

## asan         all tests under AddressSanitizer and UBSan
asan ubsan:
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/asan CC=clang CXX=clang++ CFLAGS="$(SANITIZED_CFLAGS)" SANITIZE="$(ASAN_FLAGS)" tests
	@$(PYTHON) tests/run.py $(UNIT_TESTS:$(BUILD)/%=$(BUILD)/asan/%) $(SYSTEM_TESTS:$(BUILD)/%=$(BUILD)/asan/%)

## tsan         the tests in which threads meet under ThreadSanitizer
tsan:
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/tsan CC=clang CXX=clang++ CFLAGS="$(SANITIZED_CFLAGS)" SANITIZE="$(TSAN_FLAGS)" tests-threaded
	@$(PYTHON) tests/run.py $(THREADED_TESTS:%.c=$(BUILD)/tsan/%)

## valgrind     the unit tests under valgrind's memcheck
valgrind: $(UNIT_TESTS)
	@TEST_TIMEOUT=3600 $(PYTHON) tests/run.py $(foreach test,$(UNIT_TESTS),"sh:" "valgrind -q --error-exitcode=9 --leak-check=full $(test)")
