#  zloom: one Makefile for everything.
#
#  Build
#    make                 the command and the libraries, linked from build/
#    make deps            install what is missing (Debian), or say what to type
#    make install         into PREFIX (/usr/local), below DESTDIR; and uninstall
#    make clean           remove build/
#
#  See and measure
#    make demo            a one-minute tour of what exists
#    make bench           compare with raw libzmq; results go to build/bench/
#    make bench T=window BENCH_ARGS=--quick   only some of it, with options
#    make bench-peers     and with gRPC and HTTP, whose packages it installs
#
#  Test
#    make test            everything, with address and undefined sanitizers
#    make test T=buffer   only the tests with "buffer" in their path
#    make test SAN=       everything, without sanitizers
#    make test-repeat     the same tests N=50 times, until one fails
#    make test-full       test, and: all simulation seeds, TSan, valgrind
#    make fault           tests that hurt: full tables, killed peers
#    make fuzz            RUNS=10000000 hostile inputs for each target
#    make coverage        which lines and branches the tests reach
#
#  Check
#    make check           layers headers modules symbols format lint shell docs
#    make check-install   build the examples against an installed zloom
#    make check-readme    run the console blocks of README.md
#    make format          let clang-format rewrite the sources
#
#  Knobs: CC CXX CFLAGS CXXFLAGS LDFLAGS PREFIX DESTDIR BUILD PKG_CONFIG PYTHON
#    SAN=address,undefined|thread   sanitizers        COV=1      coverage
#    WERROR=1   warnings are errors                   V=1        show commands

comma := ,
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# ---- Knobs ------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
CFLAGS ?=
CXXFLAGS ?=
LDFLAGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
PKG_CONFIG ?= pkg-config
PYTHON ?= /usr/bin/python3
COV ?=
WERROR ?=
V ?=
T ?=
N ?= 50
RUNS ?= 10000000
SIM_SEEDS ?= 20000

#  make test means address,undefined unless SAN was given, even as nothing.
ifeq ($(origin SAN),undefined)
TEST_SAN := address,undefined
else
TEST_SAN := $(SAN)
endif
SAN ?=

# ---- Flags ------------------------------------------------------------------

pkg = $(shell $(PKG_CONFIG) $(1) 2>/dev/null)

#  Debian 12 calls its MessagePack msgpack, later ones msgpack-c.
MSGPACK := $(if $(call pkg,--modversion msgpack-c),msgpack-c,msgpack)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
    -Wformat=2 -Wformat-nonliteral -Wwrite-strings -Wvla -Wundef -Wswitch-enum \
    $(if $(WERROR),-Werror)

#  Sanitizers see more without _FORTIFY_SOURCE, which also needs an optimiser.
FORTIFY := $(if $(SAN)$(COV)$(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
INSTRUMENT := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
    $(if $(COV),--coverage -O0) $(if $(FUZZ),-fsanitize=fuzzer-no-link)

PKG_CFLAGS := $(call pkg,--cflags libzmq libczmq $(MSGPACK) jansson)
ZL_CFLAGS := -std=c11 -D_GNU_SOURCE -Ilib -Ipatterns -Itests $(WARNINGS) \
    -O2 -g -fPIC -fvisibility=hidden -fno-semantic-interposition -fstack-protector-strong \
    $(FORTIFY) $(PKG_CFLAGS) $(INSTRUMENT) $(CFLAGS)
ZL_LDFLAGS := -Wl,-z,relro,-z,now -Wl,--as-needed $(INSTRUMENT) $(LDFLAGS)

ZMQ_LIBS := $(call pkg,--libs libzmq $(MSGPACK)) -pthread -lm
JSON_LIBS := $(call pkg,--libs jansson)
CZMQ_LIBS := $(call pkg,--libs libczmq)
TEST_LIBS := $(call pkg,--libs cmocka)

#  Each compiler and set of flags has a folder of its own, so that none ever
#  links with what another one made.
HASH := $(shell printf '%s' "$$($(CC) --version 2>/dev/null | head -n 1)" \
    '$(CC) $(ZL_CFLAGS) $(ZL_LDFLAGS)' | sha1sum | cut -c 1-10)
OBJ := $(BUILD)/$(HASH)

#  A variant is built by make itself, once more and on all cores.
again = +@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

SILENT := $(findstring s,$(filter-out --%,$(firstword $(MAKEFLAGS))))
Q := $(if $(V),,@)
say = @$(if $(V)$(SILENT),:,printf '  %-5s %s\n' $(1) $(2))

# ---- Sources ----------------------------------------------------------------

JSON_SOURCES := $(wildcard lib/data/json*.c)
LIB_SOURCES := $(filter-out $(JSON_SOURCES),$(wildcard lib/*/*.c patterns/*.c patterns/*/*.c))
TOOL_SOURCES := $(wildcard tools/*.c)
HEADERS := $(wildcard lib/*/*.h patterns/*.h patterns/*/*.h)
PUBLIC_HEADERS := $(filter-out %_internal.h,$(HEADERS))
MAN_PAGES := $(wildcard docs/man/*.[17])

UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
SIM_SOURCES := $(wildcard tests/sim/test_*.c)
FAULT_SOURCES := $(wildcard tests/fault/test_*.c)
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SOURCES := $(wildcard bench/bench_*.c)
TEST_SCRIPTS := $(wildcard $(addprefix tests/,cli/test_* interop/test_*)) install readme

#  What several tests, or several benches, share: all that is no program.
TEST_HELPERS := $(filter-out $(UNIT_SOURCES) $(SIM_SOURCES),\
    $(wildcard tests/support/*.c tests/unit/*.c tests/sim/*.c))
BENCH_HELPERS := $(filter-out $(BENCH_SOURCES),$(wildcard bench/*.c))

objects = $(patsubst %.c,$(OBJ)/%.o,$(1))
programs = $(patsubst %.c,$(OBJ)/%,$(1))
#  Those of a list of paths that T= asks for.
matching = $(if $(T),$(strip $(foreach path,$(1),$(if $(findstring $(T),$(path)),$(path)))),$(1))

VERSION := $(shell awk '/define ZLOOM_VERSION_(MAJOR|MINOR|PATCH)/ \
    { printf "%s%s", dot, $$3; dot = "." }' patterns/zloom.h 2>/dev/null)
SONAME := 0

# ---- Build ------------------------------------------------------------------

STATIC := $(OBJ)/libzloom-json.a $(OBJ)/libzloom.a
SHARED := $(OBJ)/libzloom.so.$(VERSION) $(OBJ)/libzloom-json.so.$(VERSION)
COMMAND := $(if $(TOOL_SOURCES),$(OBJ)/zloom)

.PHONY: all links
all: $(STATIC) $(SHARED) $(COMMAND) $(if $(SAN)$(COV)$(FUZZ),,links)

#  build/zloom, build/libzloom.a … are links to the release that was built last.
links: $(STATIC) $(SHARED) $(COMMAND)
	$(Q)for file in $(OBJ)/libzloom* $(COMMAND); do \
	    case $$file in *.list) ;; *) ln -sfn $(HASH)/$${file##*/} $(BUILD)/$${file##*/};; esac; \
	done; ln -sfn $(HASH) $(BUILD)/current

$(OBJ)/%.o: %.c | $(OBJ)/found
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ZL_CFLAGS) $(OWN_CFLAGS) -MMD -MP -c $< -o $@

#  A list of objects, touched only when it changes: a source that goes away
#  leaves its archive too.
$(OBJ)/libzloom.list: OBJECTS = $(call objects,$(LIB_SOURCES))
$(OBJ)/libzloom-json.list: OBJECTS = $(call objects,$(JSON_SOURCES))
$(OBJ)/tests/helpers.list: OBJECTS = $(call objects,$(TEST_HELPERS))
$(OBJ)/bench/helpers.list: OBJECTS = $(call objects,$(BENCH_HELPERS))
$(OBJ)/%.list: FORCE
	$(Q)mkdir -p $(@D); printf '%s\n' $(OBJECTS) > $@.new
	$(Q)if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

$(OBJ)/libzloom.a: $(call objects,$(LIB_SOURCES))
$(OBJ)/libzloom-json.a: $(call objects,$(JSON_SOURCES))
$(OBJ)/tests/helpers.a: $(call objects,$(TEST_HELPERS))
$(OBJ)/bench/helpers.a: $(call objects,$(BENCH_HELPERS))
$(OBJ)/%.a: $(OBJ)/%.list
	$(call say,AR,$@)
	$(Q)rm -f $@; ar rcs $@ $(filter %.o,$^)

$(OBJ)/libzloom.so.$(VERSION): $(call objects,$(LIB_SOURCES)) $(OBJ)/libzloom.list
	$(call say,LD,$@)
	$(Q)$(call link-shared,zloom) $(ZMQ_LIBS)
	$(Q)$(call link-names,zloom)

$(OBJ)/libzloom-json.so.$(VERSION): $(call objects,$(JSON_SOURCES)) $(OBJ)/libzloom-json.list \
    $(OBJ)/libzloom.so.$(VERSION)
	$(call say,LD,$@)
	$(Q)$(call link-shared,zloom-json) -L$(OBJ) -lzloom $(ZMQ_LIBS) $(JSON_LIBS)
	$(Q)$(call link-names,zloom-json)

#  Every symbol must be found, except with sanitizers, whose own come later.
link-shared = $(CC) -shared -Wl,-soname,lib$(1).so.$(SONAME) -Wl,-Bsymbolic-functions \
    $(if $(SAN),,-Wl,-z,defs) $(filter %.o,$^) -o $@ $(ZL_LDFLAGS)
link-names = ln -sf $(@F) $(OBJ)/lib$(1).so.$(SONAME); ln -sf $(@F) $(OBJ)/lib$(1).so

link-program = $(CC) -pie $(filter %.o %.a,$^) -o $@ $(ZL_LDFLAGS) \
    $(ZMQ_LIBS) $(JSON_LIBS) $(CZMQ_LIBS)

$(OBJ)/zloom: $(call objects,$(TOOL_SOURCES)) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(link-program)

$(call programs,$(BENCH_SOURCES)): $(OBJ)/%: $(OBJ)/%.o $(OBJ)/bench/helpers.a $(STATIC)
	$(call say,LD,$@)
	$(Q)$(link-program)

$(call programs,$(UNIT_SOURCES) $(SIM_SOURCES) $(FAULT_SOURCES)): \
    $(OBJ)/%: $(OBJ)/%.o $(OBJ)/tests/helpers.a $(STATIC) | $(OBJ)/found-tests
	$(call say,LD,$@)
	$(Q)$(link-program) $(TEST_LIBS)

#  A fuzz target is a test that replays its corpus, or, with FUZZ, a fuzzer.
$(call programs,$(FUZZ_SOURCES)): $(OBJ)/%: $(OBJ)/%.o \
    $(if $(FUZZ),,$(OBJ)/tests/fuzz/replay_main.o) $(OBJ)/tests/helpers.a $(STATIC)
	$(call say,LD,$@)
	$(Q)$(link-program) $(if $(FUZZ),-fsanitize=fuzzer)

-include $(patsubst %.o,%.d,$(call objects,$(LIB_SOURCES) $(JSON_SOURCES) $(TOOL_SOURCES) \
    $(UNIT_SOURCES) $(SIM_SOURCES) $(FAULT_SOURCES) $(FUZZ_SOURCES) $(TEST_HELPERS) \
    $(BENCH_SOURCES) $(BENCH_HELPERS) tests/fuzz/replay_main.c))

# ---- What must be there -----------------------------------------------------

#  pkg-config's name, and the package that has it.
NEEDED := libzmq:libzmq3-dev libczmq:libczmq-dev $(MSGPACK):libmsgpack-dev jansson:libjansson-dev
$(OBJ)/found: NEEDED := $(NEEDED)
$(OBJ)/found-tests: NEEDED := cmocka:libcmocka-dev
$(OBJ)/found-peers: NEEDED := grpc++:libgrpc++-dev protobuf:libprotobuf-dev \
    libmicrohttpd:libmicrohttpd-dev libcurl:libcurl4-openssl-dev
$(OBJ)/found $(OBJ)/found-tests $(OBJ)/found-peers:
	@mkdir -p $(@D)
	@command -v $(PKG_CONFIG) >/dev/null || \
	    { echo "zloom needs pkg-config; type: make deps" >&2; exit 1; }
	@for need in $(NEEDED); do $(PKG_CONFIG) --exists $${need%:*} || \
	    { echo "zloom needs $${need%:*} (Debian: $${need#*:}); type: make deps" >&2; exit 1; }; \
	done; touch $@

.PHONY: deps deps-build deps-test deps-peers
deps:
	@tests/support/deps.sh all
deps-build deps-test deps-peers: deps-%:
	@tests/support/deps.sh $*

# ---- Test -------------------------------------------------------------------

TEST_PROGRAMS = $(call programs,\
    $(call matching,$(UNIT_SOURCES) $(SIM_SOURCES) $(FUZZ_SOURCES) $(FAULT_SOURCES)))
RUNNER = ZLOOM='$(abspath $(OBJ)/zloom)' BUILD='$(abspath $(OBJ))' T='$(T)' \
    $(PYTHON) tests/support/run_tests.py

.PHONY: test test-repeat run-tests run-repeat
test: deps-test
	$(again) run-tests SAN='$(TEST_SAN)'
test-repeat:
	$(again) run-repeat SAN='$(TEST_SAN)'

run-tests: $(TEST_PROGRAMS) $(if $(call matching,$(TEST_SCRIPTS)),all)
	+@$(RUNNER)
run-repeat: $(TEST_PROGRAMS) $(if $(call matching,$(TEST_SCRIPTS)),all)
	+@$(RUNNER) --repeat $(N)

#  What takes longer: every seed, the threads' sanitizer, valgrind.
.PHONY: test-full run-threads run-valgrind
test-full: deps
	$(again) run-tests SAN=address,undefined SIM_SEEDS=$(SIM_SEEDS)
	$(again) run-threads SAN=thread SIM_SECONDS=20
	$(again) run-valgrind SAN=
	$(again) run-fault SAN=address,undefined

run-threads: $(call programs,$(call matching,$(UNIT_SOURCES) $(SIM_SOURCES)))
	+@$(RUNNER) --phases unit,pairs,sim
run-valgrind: $(call programs,$(call matching,$(UNIT_SOURCES)))
	+@$(RUNNER) --phases unit,pairs --valgrind

.PHONY: fault run-fault
fault:
	$(again) run-fault SAN='$(TEST_SAN)'
run-fault: $(call programs,$(call matching,$(FAULT_SOURCES))) all
	+@$(RUNNER) --phases fault

.PHONY: fuzz run-fuzz
fuzz:
	$(again) run-fuzz CC=clang SAN=address,undefined FUZZ=1
run-fuzz: $(call programs,$(call matching,$(FUZZ_SOURCES)))
	@tests/support/fuzz.sh $(RUNS) $^

.PHONY: coverage run-coverage
coverage:
	$(again) run-coverage SAN= COV=1
run-coverage: $(call programs,$(call matching,$(UNIT_SOURCES) $(SIM_SOURCES) $(FUZZ_SOURCES))) all
	@find $(OBJ) -name '*.gcda' -delete
	+@$(RUNNER) --phases unit,pairs,sim,fuzz,interop,cli
	@$(PYTHON) tests/support/coverage.py $(OBJ)

# ---- See and measure --------------------------------------------------------

.PHONY: demo run-demo
demo: deps-build
	$(again) run-demo
run-demo: all $(call programs,$(BENCH_SOURCES))
	@BUILD='$(abspath $(OBJ))' PATH='$(abspath $(OBJ))':"$$PATH" tests/support/demo.sh

.PHONY: bench
bench: $(if $(SAN)$(COV),refuse-bench,$(call programs,$(call matching,$(BENCH_SOURCES))))
	@mkdir -p $(BUILD)/bench; for program in $(filter $(OBJ)/%,$^); do \
	    results=$(BUILD)/bench/$${program##*/}; \
	    $$program --json $$results.json $(BENCH_ARGS) | tee $$results.txt; done
#  Results name the flags that what was measured was compiled with.
BENCH_FLAGS := $(strip $(filter-out -W% -I% -isystem /%,$(ZL_CFLAGS)))
$(OBJ)/bench/environment.o: private ZL_CFLAGS += -DZLOOM_BENCH_FLAGS='"$(BENCH_FLAGS)"'
.PHONY: refuse-bench
refuse-bench:
	@echo "bench measures the release build; leave SAN and COV away" >&2; exit 1

#  The same calls by other toolkits, in the same run. The bench starts and stops
#  these programs; nothing else needs their packages.
PEERS := $(OBJ)/bench/peers
PEER_OPTIONS := --transport tcp --transport ipc --peer 'http=$(PEERS)/http=tcp://127.0.0.1:{port}' \
    --peer 'grpc=$(PEERS)/grpc=tcp://127.0.0.1:{port}' --peer 'grpc=$(PEERS)/grpc=ipc://{folder}/grpc'

.PHONY: bench-peers run-bench-peers
bench-peers: $(if $(SAN)$(COV),refuse-bench,deps-peers)
	$(again) run-bench-peers
run-bench-peers: $(OBJ)/bench/bench_reqrep $(PEERS)/http $(PEERS)/grpc
	@mkdir -p $(BUILD)/bench; results=$(BUILD)/bench/peers; \
	    $< $(PEER_OPTIONS) --json $$results.json $(BENCH_ARGS) | tee $$results.txt

$(PEERS)/http.o: private OWN_CFLAGS = $(call pkg,--cflags libmicrohttpd libcurl)
$(PEERS)/http.o: | $(OBJ)/found-peers
$(PEERS)/http: $(PEERS)/http.o $(PEERS)/program.o
	$(call say,LD,$@)
	$(Q)$(CC) -pie $^ -o $@ $(ZL_LDFLAGS) $(call pkg,--libs libmicrohttpd libcurl)

#  A call through Debian's libgrpc.so takes half as long again as through
#  libgrpc.a, so its own libraries are linked as archives, where there are any.
GRPC_OWN := -lgrpc++ -lgrpc -lgpr -lupb -laddress_sorting
archive = $(filter /%,$(shell $(CXX) -print-file-name=$(1:-l%=lib%.a)))
GRPC_LIBS = $(foreach lib,$(call pkg,--static --libs grpc++ protobuf),\
    $(or $(if $(filter $(GRPC_OWN),$(lib)),$(call archive,$(lib))),$(lib)))
GRPC_OBJECTS := $(addprefix $(PEERS)/,grpc.o echo.pb.o echo.grpc.pb.o)
GRPC_CXXFLAGS = -std=c++17 -D_GNU_SOURCE -Ilib -Ibench/peers -isystem $(PEERS) -Wall -Wextra \
    -Wconversion $(if $(WERROR),-Werror) -O2 -g -fPIC $(FORTIFY) $(call pkg,--cflags grpc++ protobuf)

$(PEERS)/grpc: $(GRPC_OBJECTS) $(PEERS)/program.o
	$(call say,LD,$@)
	$(Q)$(CXX) -pie $^ -o $@ $(ZL_LDFLAGS) $(GRPC_LIBS)
$(PEERS)/grpc.o: bench/peers/grpc.cc
$(GRPC_OBJECTS): CXX_SOURCE = $(filter %/$(@F:.o=.cc),$^)
$(GRPC_OBJECTS): $(PEERS)/echo.pb.cc $(PEERS)/echo.grpc.pb.cc
	$(call say,CXX,$(CXX_SOURCE))
	$(Q)$(CXX) $(GRPC_CXXFLAGS) $(CXXFLAGS) -MMD -MP -c $(CXX_SOURCE) -o $@
$(PEERS)/echo.pb.cc: private PROTOC_OPTIONS = --cpp_out=$(@D)
$(PEERS)/echo.grpc.pb.cc: private PROTOC_OPTIONS = --grpc_out=$(@D) \
    --plugin=protoc-gen-grpc="$$(command -v grpc_cpp_plugin)"
$(PEERS)/echo.pb.cc $(PEERS)/echo.grpc.pb.cc: bench/peers/echo.proto | $(OBJ)/found-peers
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D); protoc -Ibench/peers $(PROTOC_OPTIONS) $<

-include $(addprefix $(PEERS)/,$(addsuffix .d,program http grpc))

# ---- Check ------------------------------------------------------------------

C_FILES := $(wildcard $(addsuffix /*.[ch],\
    lib/* patterns patterns/* tools bench bench/peers tests/* docs/examples))
FORMATTED := $(C_FILES) $(wildcard bench/peers/*.cc bench/peers/*.proto)
SCRIPTS = .ci/run $(wildcard tests/*/*.sh docs/*.sh)
CHECKS := layers headers modules symbols format lint shell docs
ok = @printf 'ok    %-9s %s\n' $(1) "$(2)"

.PHONY: check run-check $(addprefix check-,$(CHECKS))
check: deps
	$(again) --output-sync=target run-check SAN= COV=
run-check: $(addprefix check-,$(CHECKS))

check-layers:
	@$(PYTHON) tests/support/check_layers.py
	$(call ok,layers,$(words $(C_FILES)) files include what their floor may)

check-headers:
	@CC='$(CC)' CXX='$(CXX)' PKG_CFLAGS='$(PKG_CFLAGS)' tests/support/check_headers.sh $(HEADERS)
	$(call ok,headers,$(words $(HEADERS)) headers compile alone$(comma) as C11 and (public ones) as C++17)

#  One folder of patterns and lib are enough for a program.
check-modules: $(call objects,$(LIB_SOURCES))
	@for pattern in $(notdir $(wildcard patterns/*/)); do \
	    $(CC) -shared -Wl,-z,defs $(filter-out $(OBJ)/patterns/%,$^) $(OBJ)/patterns/$$pattern/*.o \
	        -o $(OBJ)/module-$$pattern.so $(ZL_LDFLAGS) $(ZMQ_LIBS); done
	$(call ok,modules,each of patterns/*/ links with lib alone)

check-symbols: $(SHARED)
	@tests/support/check_symbols.sh $(OBJ)
	$(call ok,symbols,only zloom_ is exported$(comma) and the lower floors know no ZeroMQ)

check-format:
	@other=$$(for file in $(FORMATTED); do \
	        clang-format $$file | cmp -s - $$file || echo $$file; done); \
	    [ -z "$$other" ] || { printf '%s: make format would change it\n' $$other; exit 1; }
	$(call ok,format,$(words $(FORMATTED)) files)

#  clang-tidy is slow, so it looks again only at what has changed. What needs the
#  packages of bench-peers is left out.
LINT_FLAGS := -std=c11 -D_GNU_SOURCE -Ilib -Ipatterns -Itests
LINTED := $(filter-out bench/peers/http.c,$(filter %.c,$(C_FILES)))
TIDIED := $(patsubst %.c,$(OBJ)/%.tidy,$(LINTED))
-include $(wildcard $(addsuffix .d,$(TIDIED)))
$(OBJ)/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D); $(CC) $(LINT_FLAGS) -MM -MP -MT $@ -MF $@.d $<
	@clang-tidy --quiet --warnings-as-errors='*' $< -- $(LINT_FLAGS) > $@.said 2>/dev/null || \
	    { grep -E $(if $(V),'','^[^ ]+ (error|warning): ') $@.said; exit 1; }
	@touch $@

#  What cppcheck 2.10 takes for mistakes: a pointer to what the callee fills in,
#  a NULL that is a pointer, a header that it need not read.
CPPCHECK_MISTAKES := uninitvar ctuuninitvar varFuncNullUB missingIncludeSystem
check-lint: $(TIDIED)
	@cppcheck --quiet --language=c --platform=unix64 --inline-suppr --error-exitcode=1 \
	    --enable=warning,performance,portability $(addprefix --suppress=,$(CPPCHECK_MISTAKES)) \
	    $(patsubst -std=%,--std=%,$(LINT_FLAGS)) $(LINTED)
	$(call ok,lint,cppcheck and clang-tidy have nothing to say)

check-shell:
	@shellcheck -x $(SCRIPTS)
	$(call ok,shell,$(words $(SCRIPTS)) scripts)

check-docs:
	@$(if $(MAN_PAGES),mandoc -T lint -W warning $(MAN_PAGES))
	$(call ok,docs,$(words $(MAN_PAGES)) man pages)

.PHONY: check-install check-readme format
check-install: all
	+@CC='$(CC)' MAKE='$(MAKE)' tests/support/check_install.sh
check-readme: all
	@PATH='$(abspath $(OBJ))':"$$PATH" $(PYTHON) tests/support/check_readme.py README.md
format:
	clang-format -i $(FORMATTED)

# ---- Install ----------------------------------------------------------------

INCLUDES := $(DESTDIR)$(PREFIX)/include/zloom
LIBRARIES := $(DESTDIR)$(PREFIX)/lib
MANUALS := $(DESTDIR)$(PREFIX)/share/man
PC_FILES := zloom.pc zloom-json.pc

#  Where each file goes below its folder: lib/base/error.h is base/error.h.
header-name = $(patsubst patterns/%,%,$(patsubst lib/%,%,$(1)))
man-name = man$(patsubst .%,%,$(suffix $(1)))/$(notdir $(1))
INSTALLED = $(addprefix $(INCLUDES)/,$(call header-name,$(PUBLIC_HEADERS))) \
    $(foreach page,$(MAN_PAGES),$(MANUALS)/$(call man-name,$(page))) \
    $(addprefix $(LIBRARIES)/pkgconfig/,$(PC_FILES)) $(DESTDIR)$(PREFIX)/bin/zloom \
    $(foreach name,libzloom libzloom-json,$(addprefix $(LIBRARIES)/$(name),\
        .a .so .so.$(SONAME) .so.$(VERSION)))

.PHONY: install uninstall
install: all
	@$(foreach header,$(PUBLIC_HEADERS),\
	    install -D -m 644 $(header) $(INCLUDES)/$(call header-name,$(header));)
	@$(foreach page,$(MAN_PAGES),\
	    install -D -m 644 $(page) $(MANUALS)/$(call man-name,$(page));)
	@install -d $(LIBRARIES)/pkgconfig $(DESTDIR)$(PREFIX)/bin
	@$(if $(COMMAND),install -m 755 $(COMMAND) $(DESTDIR)$(PREFIX)/bin/zloom)
	@install -m 644 $(STATIC) $(SHARED) $(LIBRARIES)
	@for name in libzloom libzloom-json; do \
	    ln -sfn $$name.so.$(VERSION) $(LIBRARIES)/$$name.so.$(SONAME); \
	    ln -sfn $$name.so.$(SONAME) $(LIBRARIES)/$$name.so; done
	@for file in $(PC_FILES); do \
	    sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@MSGPACK@|$(MSGPACK)|' \
	        lib/$$file.in > $(LIBRARIES)/pkgconfig/$$file; done
	@echo "zloom $(VERSION) is in $(DESTDIR)$(PREFIX)"

#  Folders that are left empty go too, up to the prefix.
uninstall:
	@rm -f $(INSTALLED)
	@for folder in $(sort $(dir $(INSTALLED))); do \
	    until [ $$folder -ef $(DESTDIR)$(PREFIX)/ ] || ! rmdir $$folder 2>/dev/null; do \
	        folder=$$(dirname $$folder); done; done

# ---- House ------------------------------------------------------------------

.PHONY: help clean
help:
	@awk '!/^#/ { exit } { print substr($$0, 4) }' Makefile
clean:
	rm -rf $(BUILD)
