# Installing: GNU variable names, staged by DESTDIR. The .pc file is relocatable where libdir lies two levels below prefix.

PUBLIC_HEADERS := $(wildcard include/llmcost/*.h include/llmcost/*.hpp)
INSTALL_DATA ?= $(INSTALL) -m 644
INSTALL_PROGRAM ?= $(INSTALL) -m 755
pkgconfigdir ?= $(libdir)/pkgconfig
# libdir and includedir below prefix are written relative to it, others as they are.
below_prefix = $(patsubst $(prefix)/%,$${prefix}/%,$(1))
pc_prefix = $(if $(filter $(prefix)/%/pkgconfig,$(pkgconfigdir)),$${pcfiledir}/$(shell realpath -sm --relative-to='$(pkgconfigdir)' '$(prefix)'),$(prefix))

.PHONY: install uninstall installcheck static-demo

## install      headers, libraries and llmcost.pc below prefix (/usr/local); DESTDIR stages
install: all
	$(INSTALL) -d $(DESTDIR)$(includedir)/llmcost $(DESTDIR)$(libdir) $(DESTDIR)$(pkgconfigdir)
	$(INSTALL_DATA) $(PUBLIC_HEADERS) $(DESTDIR)$(includedir)/llmcost
	$(INSTALL_DATA) $(STATIC) $(DESTDIR)$(libdir)
	$(INSTALL_PROGRAM) $(SHARED) $(DESTDIR)$(libdir)
	ln -sf libllmcost.so.$(VERSION) $(DESTDIR)$(libdir)/libllmcost.so.$(SOVERSION)
	ln -sf libllmcost.so.$(SOVERSION) $(DESTDIR)$(libdir)/libllmcost.so
	sed -e 's|@PREFIX@|$(pc_prefix)|' -e 's|@EXEC_PREFIX@|$${prefix}|' -e 's|@LIBDIR@|$(call below_prefix,$(libdir))|' \
		-e 's|@INCLUDEDIR@|$(call below_prefix,$(includedir))|' -e 's|@VERSION@|$(VERSION)|' -e '/^#/d' pkgconfig/llmcost.pc.in >$(BUILD)/llmcost.pc.$$$$ && \
		$(INSTALL_DATA) $(BUILD)/llmcost.pc.$$$$ $(DESTDIR)$(pkgconfigdir)/llmcost.pc && rm $(BUILD)/llmcost.pc.$$$$ # several may install at once

## uninstall    what install put there
uninstall:
	rm -f $(addprefix $(DESTDIR)$(includedir)/llmcost/,$(notdir $(PUBLIC_HEADERS)))
	-rmdir $(DESTDIR)$(includedir)/llmcost
	rm -f $(addprefix $(DESTDIR)$(libdir)/,libllmcost.a libllmcost.so libllmcost.so.$(SOVERSION) libllmcost.so.$(VERSION)) $(DESTDIR)$(pkgconfigdir)/llmcost.pc

## installcheck installs into a folder of its own and builds a program through pkg-config, shared and static
installcheck: all
	@CC="$(CC)" CXX="$(CXX)" PKG_CONFIG="$(PKG_CONFIG)" sh tests/check_install.sh $(BUILD)

EXTRA_CHECKS += "sh:" "env -u MAKEFLAGS sh tests/check_install.sh $(BUILD)"

## static-demo  hello, fully static; CURL_STATIC=dir names a minimal static libcurl (dir/include, dir/lib)
static-demo: $(STATIC)
	@test -n "$(CURL_STATIC)" || { echo "static-demo needs CURL_STATIC=dir, where a libcurl for static linking was installed, such as one made by"; \
		echo "  ./configure --disable-shared --disable-ldap --without-libpsl --without-zlib --without-brotli --without-zstd --without-libidn2 --without-nghttp2 --without-librtmp --with-openssl --prefix=dir"; \
		echo "Debian's libcurl.a wants libraries that Debian does not package static."; exit 1; }
	@mkdir -p $(BUILD)/static
	$(Q)$(CC) -static -Iinclude -I$(CURL_STATIC)/include $(CFLAGS) -pthread -o $(BUILD)/static/hello examples/hello.c $(STATIC) \
		$$(PKG_CONFIG_PATH=$(CURL_STATIC)/lib/pkgconfig $(PKG_CONFIG) --static --libs libcurl jansson libxxhash)
	$(BUILD)/static/hello
