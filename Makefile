# seismesh: one readable build. `make help` lists what can be made.
#
#   make VARIANT=debug …   build/debug: -O1, assertions verbose
#   make VARIANT=asan …    build/asan: AddressSanitizer and UndefinedBehaviorSanitizer
#   make VARIANT=tsan …    build/tsan: ThreadSanitizer
#   make VARIANT=fuzz …    build/fuzz: clang, libFuzzer, ASan, UBSan

VERSION := 0.1.0
VARIANT ?= release
BUILD   ?= build/$(VARIANT)
CC      := gcc

PACKAGES := libprotobuf-c libmicrohttpd libnghttp2 sqlite3 zlib libzstd libcurl jansson yaml-0.1 libxxhash
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
HARDENED := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LINKED   := -pie -Wl,-z,relro,-z,now

FLAGS_release := -O3 -g -D_FORTIFY_SOURCE=2
FLAGS_debug   := -O1 -g
# gcc 12 takes UBSan's own null checks for null arguments: hence no format and nonnull warnings there
FLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
                 -Wno-format-truncation -Wno-nonnull -Wno-format-overflow
FLAGS_tsan    := -O1 -g -fsanitize=thread
FLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
ifeq ($(VARIANT),fuzz)
CC := clang
endif

CFLAGS = -std=gnu17 $(WARNINGS) $(HARDENED) $(FLAGS_$(VARIANT)) -I. -I$(BUILD)/generated -DSEISMESH_VERSION='"$(VERSION)"' \
         $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) -pthread
LDLIBS = $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm -pthread

FOLDERS := base collector/receive collector/journal collector/fold collector/dialect collector/rollup collector/store \
           analyzer analyzer/baseline analyzer/detect analyzer/routing exporters web cli
SOURCES := $(filter-out cli/main.c,$(wildcard $(addsuffix /*.c,$(FOLDERS))))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/generated/otlp.pb-c.o
LIBRARY := $(BUILD)/libseismesh.a
UNIT    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter tests/%,$(shell find tests -name 'test_*.c' 2>/dev/null)))
FUZZ    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: help all unit clean
.SECONDARY:

all: $(BUILD)/seismesh ## build the program (build/release/seismesh)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BUILD)/seismesh: $(BUILD)/cli/main.o $(LIBRARY)
	$(CC) $(CFLAGS) $(LINKED) -o $@ $< $(LIBRARY) $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: %.c | $(BUILD)/generated/otlp.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/generated/otlp.pb-c.h: proto/otlp.proto
	@mkdir -p $(@D)
	protoc-c --c_out=$(@D) -I proto $<

$(BUILD)/generated/otlp.pb-c.o: $(BUILD)/generated/otlp.pb-c.h
	$(CC) $(CFLAGS) -Wno-conversion -c -o $@ $(BUILD)/generated/otlp.pb-c.c

$(BUILD)/tests/%: tests/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -o $@ $< $(LIBRARY) $(LDLIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fsanitize=fuzzer -MMD -MP -o $@ $< $(LIBRARY) $(LDLIBS)

unit: $(UNIT) ## build and run the unit tests of this VARIANT

clean: ## remove what was built
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
