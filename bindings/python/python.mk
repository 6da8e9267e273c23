# The Python binding's tests, on the library in $(BUILD).

## check-python the Python binding and its examples
check-python: $(SHARED)
	@echo "  run  bindings/python/tests"
	$(Q)LLMCOST_LIBRARY=$(abspath $(SHARED)) LLMCOST_TEST_FOLDER=$(abspath $(BUILD)) PYTHONPATH=bindings/python PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -X dev bindings/python/tests/run.py
.PHONY: check-python
EXTRA_CHECKS += "sh:" "$(MAKE) --no-print-directory -s check-python"
