# The targets, over CMake and Ninja. Each sees to its Debian packages first (packages.txt).
#
#   make                 this machine's release build; the program is build/selfsup
#   make PORTABLE=1      for any processor of this architecture
#   make CUDA=0          without GPUs; else for them too where CUDA and cuDNN are
#   make SANITIZE=1      with the sanitizers, in build/sanitize
#   make demo            learns on the procedural world and measures: runs/demo/summary.json
#   make test            the tests, under the sanitizers, in the release build, and of the GPU's kernels
#   make test-sanitize   under the sanitizers alone
#   make test-emulated   of the GPU's kernels alone, on the processors
#   make leaks           every command and method, and what goes wrong, under the sanitizers: no memory left behind
#   make python-test     the Python package's tests (skipped without NumPy; PYTHON names the interpreter)
#   make bench           speed, beside the peers where they are installed: SimCLR end to end, the step alone, the loader,
#                        k-means, beside other programs (bench/*.sh)
#   make lint            formatting, clang-tidy, clang's warnings, the house rules; CHANGED=1: changed files only
#   make format          formats the code
#   make fuzz            each fuzzer for FUZZ_SECONDS (60)
#   make install         to PREFIX (/usr/local), DESTDIR honoured
#   make clean

PORTABLE ?= 0
CUDA ?= AUTO
SANITIZE ?= 0
CHANGED ?= 0
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60

on = $(if $(filter-out 0,$(1)),ON,OFF)
BUILD = $(if $(filter-out 0,$(SANITIZE)),build/sanitize,build)
CONFIGURE = cmake -G Ninja -S . --log-level=NOTICE -DSS_PORTABLE=$(call on,$(PORTABLE)) \
	-DCMAKE_INSTALL_PREFIX=$(PREFIX)
WITH_CUDA = -DSS_CUDA=$(if $(filter AUTO,$(CUDA)),AUTO,$(call on,$(CUDA)))
# CUDA's kernels on the processors: how they are tested where there is no GPU.
EMULATED = -DSS_CUDA=EMULATED -DSS_DEFAULT_DEVICE=cuda

.PHONY: all demo test test-sanitize test-emulated leaks python-test bench lint format fuzz install clean

all:
	@scripts/packages.sh build
	@$(CONFIGURE) -B $(BUILD) -DSS_SANITIZE=$(call on,$(SANITIZE)) $(WITH_CUDA) >/dev/null
	@cmake --build $(BUILD)

demo: all
	@scripts/demo.sh $(BUILD)/selfsup

test:
	@scripts/packages.sh build test
	@$(CONFIGURE) -B build/sanitize -DSS_SANITIZE=ON >/dev/null
	@$(CONFIGURE) -B build -DSS_SANITIZE=OFF $(WITH_CUDA) >/dev/null
	@$(CONFIGURE) -B build/emulated $(EMULATED) >/dev/null
	@scripts/test.sh sanitize release emulated

test-emulated:
	@scripts/packages.sh build test
	@$(CONFIGURE) -B build/emulated $(EMULATED) >/dev/null
	@scripts/test.sh emulated

test-sanitize:
	@scripts/packages.sh build test
	@$(CONFIGURE) -B build/sanitize -DSS_SANITIZE=ON >/dev/null
	@scripts/test.sh sanitize

leaks:
	@scripts/packages.sh build
	@$(CONFIGURE) -B build/sanitize -DSS_SANITIZE=ON >/dev/null
	@cmake --build build/sanitize
	@scripts/check-leaks.sh build/sanitize

python-test: all
	@scripts/python-test.sh $(BUILD)

bench: all
	@scripts/packages.sh bench
	@bench/speed.sh
	@bench/step.sh
	@bench/loader.sh
	@bench/kmeans.sh
	@bench/neighbour.sh

lint:
	@scripts/packages.sh build lint
	@CC=clang-14 CXX=clang++-14 $(CONFIGURE) -B build/clang -DCMAKE_BUILD_TYPE=Debug $(EMULATED) >/dev/null
	@CHANGED=$(CHANGED) scripts/lint.sh

format:
	@scripts/packages.sh lint
	@scripts/c-files.sh | xargs -r clang-format-14 -i

fuzz:
	@scripts/packages.sh build fuzz
	@CC=clang-14 $(CONFIGURE) -B build/fuzz -DSS_FUZZ=ON >/dev/null
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

install: all
	@cmake --install $(BUILD)

clean:
	@rm -rf build
