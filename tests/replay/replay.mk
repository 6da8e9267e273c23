# Recorded exchanges through the codecs: make replay FIXTURES=DIR.

REPLAY_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/replay/*.c)))
$(REPLAY_OBJECTS): CPPFLAGS += -Itests

$(BUILD)/tests/replay/replay: $(REPLAY_OBJECTS) $(STATIC)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(LDFLAGS) $(LIBS)

FIXTURES ?= ../shared/fixtures
## replay       every recorded exchange of FIXTURES=DIR (DIR/provider/case) through the codecs, as a table
replay: $(BUILD)/tests/replay/replay
	@$< $(FIXTURES)
.PHONY: replay

-include $(REPLAY_OBJECTS:.o=.d)
EXTRA_CHECKS += "sh:" "$(MAKE) --no-print-directory -s check-replay"

check-replay: $(BUILD)/tests/replay/replay
	@$(PYTHON) tests/check_replay.py $<
.PHONY: check-replay
