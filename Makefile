# seismesh: one readable build. `make help` lists what can be made.
#
#   make VARIANT=debug …   build/debug: -O1, for a debugger
#   make VARIANT=asan …    build/asan: AddressSanitizer and UndefinedBehaviorSanitizer
#   make VARIANT=tsan …    build/tsan: ThreadSanitizer
#   make VARIANT=fuzz …    build/fuzz: clang, libFuzzer, ASan, UBSan
#   make VARIANT=afl …     build/afl: the fuzz targets for AFL++ (Debian: afl++), UBSan; fast, for many executions
#   make V=1 …             shows the commands

VERSION := 0.1.0
VARIANT ?= release
BUILD   ?= build/$(VARIANT)
PREFIX  ?= /usr/local
CC      := gcc

PACKAGES := libprotobuf-c rdkafka libmicrohttpd libnghttp2 sqlite3 zlib libzstd libcurl jansson yaml-0.1 libxxhash
WARNINGS := -Wall -Wextra -Wformat-security -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
HARDENED := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LINKED   := -pie -Wl,-z,relro,-z,now

FLAGS_release := -O3 -g -D_FORTIFY_SOURCE=2
FLAGS_debug   := -O1 -g
# gcc 12 takes UBSan's own null checks for null arguments: hence no format and nonnull warnings there
FLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
                 -Wno-format-truncation -Wno-nonnull -Wno-format-overflow
FLAGS_tsan    := -O1 -g -fsanitize=thread
FLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FLAGS_afl     := -O2 -g -fsanitize=undefined -fno-sanitize-recover=undefined
FLAGS_cover   := -O1 -g -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping
ifneq ($(filter fuzz cover,$(VARIANT)),)
CC := clang
endif
ifeq ($(VARIANT),afl)
CC := AFL_QUIET=1 afl-clang-fast
endif

CFLAGS := -std=gnu17 $(WARNINGS) $(HARDENED) $(FLAGS_$(VARIANT)) -I. -I$(BUILD)/generated -pthread \
          -DSEISMESH_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LDLIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm -pthread
Q      := $(if $(V),,@)
SAY     = @$(if $(V),:,printf '  %-5s %s\n') # $(SAY) WORD FILE

FOLDERS := base $(addprefix collector/,rollup dialect fold journal cluster receive scrape store) analyzer analyzer/series analyzer/routing \
           analyzer/simulate exporters web cli
SOURCES := $(filter-out cli/main.c,$(wildcard $(addsuffix /*.c,$(FOLDERS))))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/generated/otlp.pb-c.o $(BUILD)/generated/assets.o
LIBRARY := $(BUILD)/libseismesh.a
UNIT    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(shell find tests -name 'test_*.c'))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH   := $(addprefix $(BUILD)/tests/bench/,loadgen sink fold_alone tick kafka_fill scrape_parse scrape_targets)
BENCH_PARTS := $(addprefix tests/bench/,ledger.c mesh20.c mesh20_encode.c sender_http.c sender_grpc.c)
PAGE    := build/ui/dist/index.html.gz
UI      := $(shell find web/ui/src -type f) web/ui/build.mjs web/ui/package-lock.json

.PHONY: all run torture-tools run-cluster test test-interop unit fuzz bench bench-tools scenarios torture install format help clean
.SECONDARY:

all: $(BUILD)/seismesh ## build the program: build/release/seismesh

run: ## install what is missing, build, run with a recorded incident and a living shop (DEMO=0: bare; Ctrl-C stops)
	@./packages.sh run
	@$(MAKE) --no-print-directory -j2 all
	@datasets/demo.sh $(BUILD)/seismesh

run-cluster: ## a Kafka broker, three workers and a view on this machine, with a simulated shop (Ctrl-C stops all)
	@./packages.sh run
	@$(MAKE) --no-print-directory -j2 all
	@datasets/cluster.sh $(BUILD)/seismesh

test: ## install what tests need, build, run everything; ends with "N passed, N failed"
	@./packages.sh test
	@$(MAKE) --no-print-directory -j2 all
	@tests/run.sh

test-interop: all ## real SDKs, proxies, h2spec, Jaeger … at our ports; builds the big ones first (minutes, once)
	@./packages.sh test
	@for peer in jaeger traefik otelcol; do tests/interop/peers/build.sh $$peer || true; done
	@INTEROP_LONG=1 suite_limit_s=1800 tests/run.sh interop peers proxies routing

unit: $(UNIT) ## build the unit tests of this VARIANT
fuzz: $(FUZZ) ## build the fuzz targets (VARIANT=fuzz)
bench-tools: $(BENCH)
torture-tools: $(BENCH) $(BUILD)/tests/torture/faults.so

bench: all bench-tools ## seismesh and its peers on the same bytes; under 8 minutes (tests/bench/suite.py)
	@tests/bench/suite.py --quick

scenarios: all ## simulate every scenario, run the analyzer on it, score it (tests/scenarios/run.py)
	@tests/scenarios/run.py

torture: all bench-tools torture-tools ## kills, failing disks, overload, floods, bombs; an hour (tests/torture/run.py)
	@tests/torture/run.py
	@tests/bench/kill.py --spans 10000000 --kills 10

install: $(BUILD)/seismesh ## install program and manual below PREFIX (/usr/local)
	install -D -m 755 $(BUILD)/seismesh $(DESTDIR)$(PREFIX)/bin/seismesh
	install -D -m 644 docs/seismesh.1 $(DESTDIR)$(PREFIX)/share/man/man1/seismesh.1

format: ## bring all C files into shape
	clang-format -i $$(git ls-files '*.c' '*.h')

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

clean: ## remove what was built
	rm -rf build

$(BUILD)/seismesh: $(BUILD)/cli/main.o $(LIBRARY)
	$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) $(LINKED) -o $@ $< $(LIBRARY) $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c | $(BUILD)/generated/otlp.pb-c.h
	@mkdir -p $(@D)
	$(SAY) cc $<
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/generated/otlp.pb-c.h: proto/otlp.proto
	@mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(@D) -I proto $<

$(BUILD)/generated/otlp.pb-c.o: $(BUILD)/generated/otlp.pb-c.h
	$(SAY) cc $(@:.o=.c)
	$(Q)$(CC) $(CFLAGS) -Wno-conversion -c -o $@ $(BUILD)/generated/otlp.pb-c.c

# The page: bundled once for all variants, compressed, and embedded.
$(PAGE): $(UI)
	$(SAY) page $@
	$(Q)web/ui/install.sh
	$(Q)node web/ui/build.mjs build/ui/dist

$(BUILD)/generated/assets.S: web/embed.sh web/openapi.yaml $(PAGE)
	@mkdir -p $(@D)
	$(Q)sh web/embed.sh $@ web/openapi.yaml build/ui/dist

$(BUILD)/generated/assets.o: $(BUILD)/generated/assets.S
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/torture/faults.so: tests/torture/faults.c
	@mkdir -p $(@D)
	$(SAY) link $@
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -shared -fPIC -o $@ $< -ldl

$(BUILD)/tests/bench/%: tests/bench/%.c $(BENCH_PARTS) $(wildcard tests/bench/*.h) $(LIBRARY)
	@mkdir -p $(@D)
	$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) -o $@ $< $(BENCH_PARTS) $(LIBRARY) $(LDLIBS)

$(BUILD)/tests/%: tests/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) -MMD -MP -o $@ $< $(LIBRARY) $(LDLIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(SAY) link $@
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(LIBRARY) $(LDLIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
