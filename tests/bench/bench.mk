# The bench and its programs.

BENCH_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/bench/*.c)))

$(BUILD)/tests/bench/bench: $(BENCH_OBJECTS) $(BUILD)/tests/support/counting_memory.o $(BUILD)/tests/support/fail_for_good.o $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(LDFLAGS) $(LIBS)

## bench        speed against the same work by hand, as ratios, and the machine they were measured on
bench: $(BUILD)/tests/bench/bench $(BUILD)/llmcost-mock
	@CC="$(CC)" sh tests/bench/bench.sh $(BUILD)

## check-ceilings  instruction counts against the ceilings in tests/bench/ceilings.txt
check-ceilings: $(BUILD)/tests/bench/bench $(BUILD)/llmcost-mock
	@CC="$(CC)" FLAGS="$(CFLAGS) $(SANITIZE)" sh tests/bench/check_ceilings.sh $(BUILD)
.PHONY: bench check-ceilings
check: $(BUILD)/tests/bench/bench
EXTRA_CHECKS += "sh:" "$(MAKE) --no-print-directory -s check-ceilings"

-include $(BENCH_OBJECTS:.o=.d)
