# The long form of the tests: hours, in stages that are kept. See tests/proof.sh.

PROOF_STAGES ?=
PROOF_FUZZ_SECONDS ?= 1800
# The random models repeat themselves this often: each then takes at least a million steps.
PROOF_ROUNDS ?= 200

.PHONY: proof print-unit-tests print-system-tests print-fuzzers

## proof        hours: allocation sweeps, valgrind, long fuzzing, million-run models; resumes where it was stopped.
##              PROOF_STAGES="valgrind fuzz_json" runs some, PROOF_FUZZ_SECONDS=1800 is for each target
proof:
	@MAKE="$(MAKE)" BUILD="$(BUILD)" PYTHON="$(PYTHON)" PROOF_FUZZ_SECONDS="$(PROOF_FUZZ_SECONDS)" PROOF_ROUNDS="$(PROOF_ROUNDS)" \
		sh tests/proof.sh $(PROOF_STAGES)

print-unit-tests:
	@echo $(UNIT_TESTS)
print-system-tests:
	@echo $(SYSTEM_TESTS)
print-fuzzers:
	@echo $(notdir $(FUZZERS))
