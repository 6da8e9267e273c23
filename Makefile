# libllmcost. `make help` lists the targets.

VERSION_OF = $(shell sed -n 's/^\#define LLMCOST_VERSION_$(1) *"\{0,1\}\([0-9.]*\)"\{0,1\}$$/\1/p' include/llmcost/version.h)
comma := ,
VERSION := $(call VERSION_OF,TEXT)
SOVERSION := $(call VERSION_OF,MAJOR)

prefix ?= /usr/local
exec_prefix ?= $(prefix)
libdir ?= $(exec_prefix)/lib
includedir ?= $(prefix)/include
DESTDIR ?=
INSTALL ?= install
CC ?= cc
CXX ?= c++
AR ?= ar
PKG_CONFIG ?= pkg-config
PYTHON ?= python3
BUILD ?= build
# make V=1 shows the commands.
Q = $(if $(V),,@)

# SQLite and hiredis are for stores to come; today both switches change nothing but are accepted.
WITH_SQLITE ?= 0
WITH_HIREDIS ?= 0

PACKAGES := libcurl jansson libxxhash
PACKAGE_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
CPPFLAGS_ALL = -Iinclude -Ilib -D_GNU_SOURCE -DLLMCOST_BUILD $(PACKAGE_CFLAGS) $(CPPFLAGS)
WARNINGS = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CFLAGS ?= -O2 -g
# No exception passes through C code and debuggers read .debug_frame: unwind tables would be a tenth of the library.
UNWIND := $(if $(SANITIZE),,-fno-asynchronous-unwind-tables -fno-unwind-tables)
CFLAGS_ALL = -std=c11 $(WARNINGS) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -pthread $(UNWIND) $(CFLAGS) $(SANITIZE)
# Only what runs for every byte or every cache hit is compiled for speed, the rest for size, where CFLAGS asks for the
# usual -O2: a call waits for code to come from memory more than for the code itself.
HOT := lib/base/error.c lib/base/hash.c lib/base/memory.c lib/base/text.c lib/call/leg.c lib/call/request_check.c \
       lib/client/config_leaves.c lib/money/amount.c lib/money/receipt.c lib/money/savings.c lib/money/tags.c \
       lib/policy/cache.c lib/policy/canonical.c lib/policy/meter.c lib/provider/openai.c lib/store/memory_accounts.c \
       lib/store/memory_cache.c lib/wire/json_reader.c lib/wire/sse.c
compiler_takes = $(shell echo 'int x;' | $(CC) -Werror $(1) -c -x c - -o /dev/null 2>/dev/null && echo $(1))
# Relative relocations packed, where the linker can (binutils 2.38, glibc 2.36): a tenth of their size.
linker_takes = $(shell echo 'int x;' | $(CC) -shared -fPIC -Wl,$(1) -x c - -o /dev/null 2>/dev/null && echo -Wl,$(1))
SHARED_LDFLAGS := -Wl,--gc-sections -Wl,-Bsymbolic-functions -Wl,-z,defs -Wl,-O1 -Wl,--hash-style=gnu -Wl,-z,noseparate-code $(call linker_takes,-z$(comma)pack-relative-relocs)
LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -pthread
TEST_LIBS = $(shell $(PKG_CONFIG) --libs cmocka)

SOURCES := $(sort $(wildcard lib/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
STATIC := $(BUILD)/libllmcost.a
SHARED := $(BUILD)/libllmcost.so.$(VERSION)

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
SYSTEM_TESTS := $(patsubst tests/system/%.c,$(BUILD)/tests/system/%,$(sort $(wildcard tests/system/test_*.c)))
TEST_SUPPORT := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/support/*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

.PHONY: all deps clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(STATIC) $(SHARED)

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## all          the static and the shared library, in build/
## deps         install by package name what build and tests need (Debian); nothing where it is all there
deps:
	@sh tests/tools/deps.sh

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc   $<")
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# Half of what is compiled for the tests are the tests: that they run fast is not what they are for.
$(BUILD)/tests/unit/%.o $(BUILD)/tests/system/%.o: override CFLAGS += -O0

ifneq ($(filter -O2,$(CFLAGS)),)
# Else gcc clears and copies by instructions that repeat: "rep stos" takes four times as long as memset() for a struct of
# a hundred bytes, and byte by byte, as it does where it saves size, a prompt is long.
STRINGS := $(call compiler_takes,-mstringop-strategy=libcall)
FOR_SIZE := $(or $(call compiler_takes,-Oz),-Os) $(STRINGS) \
            $(call compiler_takes,-fno-caller-saves -fira-region=all -fno-tree-tail-merge) \
            $(call compiler_takes,-malign-data=abi)
UNALIGNED := $(STRINGS) $(call compiler_takes,-fno-align-functions -fno-align-loops -fno-align-jumps -fno-align-labels) \
             $(call compiler_takes,-fno-reorder-blocks-and-partition -freorder-blocks-algorithm=simple) \
             $(call compiler_takes,-malign-data=abi)
$(patsubst %.c,$(BUILD)/%.o,$(filter-out $(HOT),$(SOURCES))): CFLAGS += $(FOR_SIZE)
$(HOT:%.c=$(BUILD)/%.o): CFLAGS += $(UNALIGNED)
endif

$(STATIC): $(OBJECTS)
	@rm -f $@
	@$(if $(V),,echo "  ar   $@")
	$(Q)$(AR) rcs $@ $(OBJECTS)

$(SHARED): $(OBJECTS) lib/llmcost.map
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -shared -Wl,-soname,libllmcost.so.$(SOVERSION) -Wl,--version-script=lib/llmcost.map $(SHARED_LDFLAGS) -o $@ $(OBJECTS) $(LDFLAGS) $(LIBS)
	$(Q)ln -sf $(@F) $(BUILD)/libllmcost.so.$(SOVERSION)
	$(Q)ln -sf libllmcost.so.$(SOVERSION) $(BUILD)/libllmcost.so

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TEST_SUPPORT) $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(TEST_SUPPORT) $(STATIC) $(LDFLAGS) $(TEST_LIBS) $(LIBS)

$(BUILD)/tests/system/%: $(BUILD)/tests/system/%.o $(TEST_SUPPORT) $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(TEST_SUPPORT) $(STATIC) $(LDFLAGS) $(TEST_LIBS) $(LIBS)

# Fuzzers compile the library's own sources with clang's coverage: make BUILD=build/fuzz CC=clang SANITIZE=... (see fuzz).
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer -o $@ $< $(STATIC) $(LDFLAGS) $(LIBS)

tests: $(UNIT_TESTS) $(SYSTEM_TESTS)
.PHONY: tests

# The loopback provider as a program, for tests in other languages.
$(BUILD)/llmcost-mock: $(BUILD)/tests/tools/mock_main.o $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(LDFLAGS) $(LIBS)

FUZZ_SECONDS ?= 20
## fuzz         every fuzz target for FUZZ_SECONDS (20) each, from the seeds in tests/fuzz/seeds
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" fuzz-targets
	@FUZZ_SECONDS=$(FUZZ_SECONDS) sh tests/fuzz/run.sh $(BUILD)/fuzz/tests/fuzz
fuzz-targets: $(FUZZERS)
.PHONY: fuzz fuzz-targets

SIZE_LIMIT ?= 614400
## size         the stripped shared library's bytes against SIZE_LIMIT (614400)
size: $(SHARED)
	@strip -o $(BUILD)/stripped.so $(SHARED)
	@bytes=$$(wc -c <$(BUILD)/stripped.so); echo "stripped $(notdir $(SHARED)): $$bytes bytes, limit $(SIZE_LIMIT)"; [ $$bytes -le $(SIZE_LIMIT) ]
.PHONY: size
EXTRA_CHECKS += "sh:" "$(MAKE) --no-print-directory -s size"

-include tests/tests.mk tests/proof.mk tests/replay/replay.mk tests/interop/interop.mk tests/bench/bench.mk examples/examples.mk bindings/python/python.mk pkgconfig/install.mk

## clean        remove build/
clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(TEST_SUPPORT:.o=.d) $(UNIT_TESTS:=.d) $(SYSTEM_TESTS:=.d) $(FUZZERS:=.d)
