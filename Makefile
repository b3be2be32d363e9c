# Builds the four programs into bin/, and runs everything that checks them. `make help` lists the targets.

PREFIX ?= /usr/local
CC ?= cc
CXX ?= c++
BUILD := build

# Results must not depend on the compiler: no fused multiply-add (clang fuses where the processor can unless told not
# to), no fast-math, and no more optimisation than these straight loops need.
CFLAGS := -std=c11 -O2 -ffp-contract=off -Wall -Wextra -Wpedantic
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
C_SOURCES := $(wildcard reference/*.c)
C_HEADERS := $(wildcard reference/*.h)

SWIFT_PROGRAMS := tracedump tracediff llama2-synthesize
SWIFT_BINARIES := $(addprefix bin/,$(SWIFT_PROGRAMS))
# On Linux the Swift runtime is linked in, so that an installed program runs without the toolchain.
SWIFT_LINK := $(if $(filter Linux,$(shell uname -s)),--static-swift-stdlib)
SWIFT_SOURCES := $(shell find Sources -name '*.swift' -o -name '*.[ch]') Package.swift

.PHONY: all help demo test lint test-debug test-release test-c test-python bench recall honest fuzz install clean \
  swift-toolchain c-compiler missing-program
.DEFAULT_GOAL := all

all: $(SWIFT_BINARIES) bin/llama2-reference

help:
	@echo 'make                  build bin/tracedump, bin/tracediff, bin/llama2-reference, bin/llama2-synthesize'
	@echo 'make demo             make a model, trace it twice, plant a mistake and find it'
	@echo 'make test             format, warnings, debug and release tests, C under sanitizers, Python'
	@echo 'make bench            speed and memory, as ratios measured in one run (a quarter of an hour on an idle machine)'
	@echo 'make recall           plant every known mistake and count what tracediff explain finds and names'
	@echo 'make honest           explain raises no false alarm: traces of every compiler, numpy and JAX (a quarter of an hour)'
	@echo 'make fuzz             a minute of fuzzing for each reader'
	@echo 'make install PREFIX=  install programs and emitters (default /usr/local)'
	@echo 'make clean            remove everything that was built'

# --- what must be there -------------------------------------------------------------------------------------------

swift-toolchain:
	@command -v swift >/dev/null || { echo 'make: the Swift toolchain is missing: install Swift 6.2 or later from' \
	  'https://www.swift.org/install and put it on the PATH' >&2; exit 1; }

c-compiler:
	@command -v $(firstword $(CC)) >/dev/null || { echo 'make: a C compiler is missing: install gcc or clang (Debian:' \
	  'apt install gcc; macOS: xcode-select --install), or name one with CC=' >&2; exit 1; }

# --- programs -----------------------------------------------------------------------------------------------------

# One stamp for three programs. It says nothing about a program that somebody has removed: then it is made again.
$(BUILD)/swift.stamp: $(SWIFT_SOURCES) $(if $(filter-out $(wildcard bin/*),$(SWIFT_BINARIES)),missing-program) | swift-toolchain
	@mkdir -p bin
	for program in $(SWIFT_PROGRAMS); do \
	  swift build -c release $(SWIFT_LINK) --scratch-path $(BUILD)/swift --product $$program && \
	  cp -f $(BUILD)/swift/release/$$program bin/$$program || exit 1; \
	done
	@touch $@

$(SWIFT_BINARIES): $(BUILD)/swift.stamp

bin/llama2-reference: $(C_SOURCES) $(C_HEADERS) | c-compiler
	@mkdir -p bin
	$(CC) $(CFLAGS) -o $@ $(C_SOURCES) -lm

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/reference-parity
	install -m 755 bin/tracedump bin/tracediff bin/llama2-reference bin/llama2-synthesize $(DESTDIR)$(PREFIX)/bin
	install -m 644 reference/tracefile.h $(DESTDIR)$(PREFIX)/include
	install -m 644 reference/tracefile.py docs/trace-format.md docs/tracing-your-port.md docs/mapping.md \
	  $(DESTDIR)$(PREFIX)/share/reference-parity

# --- something to run at once -------------------------------------------------------------------------------------

demo: all
	@sh Tests/demo.sh

# --- tests --------------------------------------------------------------------------------------------------------

test: lint all test-c test-debug test-release test-python
	@echo 'make test: everything passed'

lint: | swift-toolchain
	swift format lint --strict --recursive Sources Tests Package.swift Benchmarks docs/examples

# The tests run the programs in bin/ and the C program's variants in build/.
test-debug: all test-programs
	WERROR=1 LLAMA2_BIN=$(CURDIR)/bin LLAMA2_BUILD=$(CURDIR)/$(BUILD) swift test --scratch-path .build

# Some tests reach internal functions, which release builds hide unless told otherwise.
test-release: all test-programs
	WERROR=1 LLAMA2_BIN=$(CURDIR)/bin LLAMA2_BUILD=$(CURDIR)/$(BUILD) swift test -c release -Xswiftc -enable-testing --scratch-path .build

.PHONY: test-programs
test-programs: $(BUILD)/reference-sanitized $(BUILD)/port-example $(BUILD)/emitter-c99 $(BUILD)/emitter-cxx17

$(BUILD)/reference-sanitized: $(C_SOURCES) $(C_HEADERS) | c-compiler
	@mkdir -p $(BUILD)
	$(CC) $(CFLAGS) -Werror -Wconversion -Wshadow $(SANITIZE) -o $@ $(C_SOURCES) -lm

$(BUILD)/port-example: reference/examples/port.c reference/tracefile.h | c-compiler
	@mkdir -p $(BUILD)
	$(CC) $(CFLAGS) -Werror -Ireference -o $@ $< -lm

# tracefile.h is for C99 and for C++. Without a C++ compiler only the first is tested.
EMITTER_FLAGS := -O1 -Wall -Wextra -Wpedantic -Wcast-qual -Wshadow -Wconversion -Werror -Ireference
$(BUILD)/emitter-c99: Tests/C/emitter.c reference/tracefile.h | c-compiler
	@mkdir -p $(BUILD)
	$(CC) -std=c99 $(EMITTER_FLAGS) -o $@ $<

$(BUILD)/emitter-cxx17: Tests/C/emitter.c reference/tracefile.h
	@mkdir -p $(BUILD)
	@if command -v $(firstword $(CXX)) >/dev/null; then \
	  echo '$(CXX) -x c++ -std=c++17 $(EMITTER_FLAGS) -o $@ $<'; \
	  $(CXX) -x c++ -std=c++17 $(EMITTER_FLAGS) -o $@ $<; \
	else echo 'make test: SKIPPED tracefile.h as C++: there is no $(firstword $(CXX))'; fi

# The C program under AddressSanitizer and UndefinedBehaviorSanitizer: good input, and input cut and flipped at random.
test-c: $(BUILD)/reference-sanitized bin/llama2-reference bin/llama2-synthesize
	sh Tests/sanitize.sh $(BUILD)/reference-sanitized bin/llama2-synthesize
	CC='$(CC)' CFLAGS='$(CFLAGS)' sh Tests/openmp.sh bin/llama2-reference bin/llama2-synthesize

# numpy goes into a virtual environment of its own, or is the system's where that cannot be made. Where it cannot be had
# at all, the Python tests are skipped and say so. The others check arrays of safetensors and what CI systems read:
# tests that lack them are skipped one by one.
PYTHON := $(BUILD)/python/bin/python3
TEST_PACKAGES := numpy safetensors jsonschema check-jsonschema junitparser
test-python: all test-programs
	@if [ ! -x $(PYTHON) ]; then python3 -m venv $(BUILD)/python >/dev/null 2>&1 || true; fi
	@if [ -x $(PYTHON) ] && ! $(PYTHON) -c 'import numpy, safetensors, jsonschema, check_jsonschema, junitparser' 2>/dev/null; then \
	  for package in $(TEST_PACKAGES); do \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check $$package >/dev/null 2>&1 \
	      || echo "make test: $$package cannot be had here; the tests that need it are skipped"; done; fi
	@for python in $(PYTHON) python3; do \
	  $$python -c 'import numpy' 2>/dev/null || continue; \
	  LLAMA2_BIN=$(CURDIR)/bin LLAMA2_BUILD=$(CURDIR)/$(BUILD) CC='$(CC)' exec $$python Tests/Python/run.py; \
	done; \
	echo 'make test: SKIPPED the Python tests: python3 with venv and numpy cannot be had here'

# --- speed and fuzzing --------------------------------------------------------------------------------------------

# numpy and JAX are added where they can be had; the scripts say what they leave out.
.PHONY: python-arrays
python-arrays:
	@if [ ! -x $(PYTHON) ]; then python3 -m venv $(BUILD)/python >/dev/null 2>&1 || true; fi
	@for package in numpy jax; do \
	  if [ -x $(PYTHON) ] && ! $(PYTHON) -c "import $$package" 2>/dev/null; then \
	    $(PYTHON) -m pip install --quiet --disable-pip-version-check $$package >/dev/null 2>&1 || true; fi; done

# BENCH=--quick takes two minutes. The machine must be idle.
bench: all python-arrays
	@if [ -x $(PYTHON) ]; then CC='$(CC)' exec $(PYTHON) Benchmarks/bench.py $(BENCH); \
	  else CC='$(CC)' exec python3 Benchmarks/bench.py $(BENCH); fi

# HONEST=--quick takes a minute.
honest: all python-arrays
	@if [ -x $(PYTHON) ]; then $(PYTHON) Benchmarks/honest.py $(HONEST); else python3 Benchmarks/honest.py $(HONEST); fi

# RECALL=--quick plants one pair per fault instead of three. The exit status is 1 where a fault is missed or misnamed.
recall: | swift-toolchain
	swift build -c release --scratch-path $(BUILD)/swift --product Recall
	$(BUILD)/swift/release/Recall $(RECALL)

fuzz: | swift-toolchain
	sh Tests/Fuzz/fuzz.sh

clean:
	rm -rf bin $(BUILD) .build
