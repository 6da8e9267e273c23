# The demo and the examples, linked with the static library as a user's program would be.

EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(filter-out examples/demo.c,$(sort $(wildcard examples/*.c))))
EXAMPLES_CPP := $(patsubst examples/%.cpp,$(BUILD)/examples/%-cpp,$(sort $(wildcard examples/*.cpp)))
DEMO_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,examples/demo.c $(sort $(wildcard examples/demo/*.c)))
CXXFLAGS_ALL = -std=c++17 -Wall -Wextra -Werror -Wshadow -Wpedantic -pthread $(CFLAGS) $(SANITIZE)
# Such as make demo MODEL=openai/gpt-4o-mini, or make demo DEMO="--questions 500 --repeat 0.2".
MODEL ?=
DEMO ?=

.PHONY: demo examples

examples: $(EXAMPLES) $(EXAMPLES_CPP) $(BUILD)/llmcost-demo

## demo         a support desk's day with and without the policies; MODEL=openai/gpt-4o-mini asks ten questions for real
demo: $(BUILD)/llmcost-demo
	@$< $(if $(MODEL),--model $(MODEL)) $(DEMO)

$(BUILD)/llmcost-demo: $(DEMO_OBJECTS) $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $(DEMO_OBJECTS) $(STATIC) $(LDFLAGS) $(LIBS) -lm

$(BUILD)/examples/%: $(BUILD)/examples/%.o $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(STATIC) $(LDFLAGS) $(LIBS)

$(BUILD)/examples/%-cpp: examples/%.cpp include/llmcost/llmcost.hpp include/llmcost/llmcost.h $(STATIC)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CXX) -Iinclude $(CXXFLAGS_ALL) -o $@ $< $(STATIC) $(LDFLAGS) $(LIBS)

-include $(DEMO_OBJECTS:.o=.d) $(EXAMPLES:=.d)

# The C++ header, tested with both compilers and under the sanitizers of whoever asks.
$(BUILD)/tests/cpp/test_cpp: tests/cpp/test_cpp.cpp include/llmcost/llmcost.hpp include/llmcost/llmcost.h $(STATIC)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CXX) -Iinclude $(CXXFLAGS_ALL) -o $@ $< $(STATIC) $(LDFLAGS) $(LIBS)

# What is checked here, built; also once more with sanitizers before anything runs.
examples-to-check: examples $(BUILD)/tests/cpp/test_cpp $(BUILD)/llmcost-mock
.PHONY: examples-to-check

check: examples-to-check
SANITIZED_TARGETS += examples-to-check
EXTRA_CHECKS += "sh:" "$(PYTHON) tests/check_examples.py $(BUILD)" $(BUILD)/tests/cpp/test_cpp \
	"sh:" "$(PYTHON) tests/check_examples.py $(BUILD)/asan" $(BUILD)/asan/tests/cpp/test_cpp

# What the README shows: its tables come from the code, its programs and configs are run.
README_TOOLS := $(BUILD)/tests/tools/document $(BUILD)/tests/tools/open_config $(BUILD)/tests/tools/ask_route
$(README_TOOLS): $(BUILD)/tests/tools/%: $(BUILD)/tests/tools/%.o $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $< $(STATIC) $(LDFLAGS) $(LIBS)

check: $(README_TOOLS)
EXTRA_CHECKS += "sh:" "env -u MAKEFLAGS $(PYTHON) tests/check_readme.py $(BUILD)"

## readme       writes the README's tables and outputs anew
readme: all $(README_TOOLS) $(BUILD)/llmcost-mock
	@$(PYTHON) tests/check_readme.py $(BUILD) --write
.PHONY: readme
