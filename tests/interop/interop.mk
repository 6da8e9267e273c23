# Against programs of others: a small real model behind llama.cpp's server, a chaos mock of ten providers, and the official
# openai, anthropic and google-genai clients against our loopback provider. Everything is installed into build/interop; what cannot be had is skipped by name.

.PHONY: interop
INTEROP = $(BUILD)/interop
## interop      against a small real model (llama.cpp's server), a chaos mock and the official clients, in build/interop
interop: all $(BUILD)/llmcost-mock $(INTEROP)/live
	@sh tests/interop/run.sh $(INTEROP) $(BUILD)/llmcost-mock $(PYTHON)

$(INTEROP)/live: $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/interop/*.c))) $(STATIC)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(LDFLAGS) $(LIBS)
