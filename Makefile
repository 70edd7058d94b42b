# clRNN: recurrent networks on any OpenCL device.
#
#   make              the program build/clrnn and the libraries
#   make demo         sets up what is missing, builds, runs a trained network on real data
#   make check        sets up what is missing, builds, runs the tests; CK_RUN_SUITE=x: one suite
#   make check-frameworks  Keras, ONNX Runtime and PyTorch read what is written
#   make fuzz         broken files for every parser, under sanitizers: FUZZ_SECONDS each
#   make check-long   the slow tests: Oclgrind over every kernel, other drivers, sanitizers; or PARTS of them
#   make bench        times of whole forward passes, as a table: BENCH, clrnn bench --help
#   make bench-peers  the same beside PyTorch, ONNX Runtime and others: PEERS_FLAGS, bench/peers.py --help
#   make mutants      breaks the code on purpose and sees the tests fail
#   make lint         format, layers, kernels by a second compiler
#   make install      PREFIX, DESTDIR as in every GNU project
#
# V=1 shows commands. CC, CFLAGS and LDFLAGS are added to, never overwritten. WITH_CLBLAST=0 builds
# without CLBlast. New files are found by themselves.

MAKEFLAGS += -rR
ifneq ($(filter default undefined,$(origin CC)),)
CC := cc
endif
ifneq ($(filter default undefined,$(origin AR)),)
AR := ar
endif
ifneq ($(filter default undefined,$(origin CXX)),)
CXX := c++
endif
PREFIX ?= /usr/local
DESTDIR ?=
WITH_CLBLAST ?= 1
BUILD ?= build
VERSION := 0.2.0
SOVERSION := 0
COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

PKG_CONFIG ?= pkg-config
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Werror -Wno-unknown-warning-option -Wno-format-truncation
CLRNN_CFLAGS := -std=c11 -O2 -g -D_XOPEN_SOURCE=700 -ffp-contract=off $(WARNINGS) -Iinclude -Isrc \
	-Ikernels -I$(BUILD)/gen -fPIC -fvisibility=hidden -DCLRNN_BUILD -pthread
CLRNN_LIBS := -lOpenCL -lzip -ljansson -lm -pthread
ifneq ($(WITH_CLBLAST),0)
CLRNN_CFLAGS += -DWITH_CLBLAST
CLRNN_LIBS += -lclblast
endif
# Libraries of single formats: what is not here costs its formats alone. WITH_HDF5=0, WITH_PROTOBUF=0
# build without them.
WITH_HDF5 ?= $(shell $(PKG_CONFIG) --exists hdf5 && echo 1 || echo 0)
WITH_PROTOBUF ?= $(shell $(PKG_CONFIG) --exists libprotobuf-c && command -v protoc-c >/dev/null && echo 1 || echo 0)
ifneq ($(WITH_HDF5),0)
CLRNN_CFLAGS += -DWITH_HDF5 $(shell $(PKG_CONFIG) --cflags hdf5)
CLRNN_LIBS += $(shell $(PKG_CONFIG) --libs hdf5)
endif
ifneq ($(WITH_PROTOBUF),0)
CLRNN_CFLAGS += -DWITH_PROTOBUF $(shell $(PKG_CONFIG) --cflags libprotobuf-c)
CLRNN_LIBS += $(shell $(PKG_CONFIG) --libs libprotobuf-c)
endif

# Debian packages: to build, to test, and a driver to run on.
DEPS_BUILD := gcc make pkg-config ocl-icd-opencl-dev opencl-headers libclblast-dev libzip-dev \
	libjansson-dev libmd-dev libhdf5-dev libprotobuf-c-dev protobuf-c-compiler
DEPS_TEST := check pocl-opencl-icd libonnx-testdata
DEPS_LONG := oclgrind mesa-opencl-icd clang clang-format
DEPS_FUZZ := clang libclang-rt-14-dev
DEPS_GPU := clang-15 libclc-15 libclc-15-dev llvm-spirv-15 spirv-tools rocm-device-libs python3-venv
DEPS_GPU_LATER := clang-19

KERNELS := $(sort $(wildcard kernels/*.cl))
LIB_SOURCES := $(filter-out src/cpu/cpu_kernels.c,$(sort $(wildcard src/*.c src/core/*.c \
	src/algo/*.c src/cl/*.c src/cpu/*.c src/graph/*.c src/io/*.c)))
CLI_SOURCES := $(sort $(wildcard src/cli/*.c))
TEST_SOURCES := $(sort $(wildcard tests/*.c tests/fuzz/fuzz_*.c))
object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# ---- kernels as C: cell x instruction set x panel variant ----
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
ISAS := base v3 v4
else
ISAS := base
endif
ISA_FLAGS_base :=
# A loop that begins within a cache line may take a fifth longer, as whatever stands before it decides.
ISA_FLAGS_v3 := -march=x86-64-v3 -falign-functions=64 -falign-loops=64
ISA_FLAGS_v4 := -march=x86-64-v4 -mprefer-vector-width=512 -falign-functions=64 -falign-loops=64
VARIANTS_base := 0 1 2
VARIANTS_v3 := 0 1 2 4
VARIANTS_v4 := 0 1 2 3
# Not a user's own cells, which are OpenCL C; one file may be two cells.
CELLS := $(filter-out custom custom_end,$(patsubst kernels/cell_%.cl,%,$(wildcard kernels/cell_*.cl))) \
	lstm_projected project
CELL_FILE_lstm_projected := lstm
CELL_FLAGS_lstm_projected := -DLSTM_PROJECTED
CELL_FLAGS_project := -DCELL_IS_PROJECTION
CPU_NAMES := $(foreach c,$(CELLS),$(foreach i,$(ISAS),$(foreach v,$(VARIANTS_$(i)),$(c).$(i).$(v))))
CPU_OBJECTS := $(CPU_NAMES:%=$(BUILD)/obj/kernels/%.o)

LIB_OBJECTS := $(call object,$(LIB_SOURCES)) $(CPU_OBJECTS) $(BUILD)/obj/kernel_text.o
ifneq ($(WITH_PROTOBUF),0)
LIB_OBJECTS += $(BUILD)/obj/onnx.pb-c.o
endif
CLI_OBJECTS := $(call object,$(CLI_SOURCES))
TEST_OBJECTS := $(call object,$(TEST_SOURCES))

.DEFAULT_GOAL := all
.PHONY: all bench bench-peers check check-frameworks check-long fuzz demo deps check-gpu-estimate gpu-report gpu-report-quick lint set-up-gpu set-up-gpu-quick mutants install uninstall clean dist format FORCE
.SECONDARY:

all: $(BUILD)/clrnn $(BUILD)/libclrnn.a $(BUILD)/libclrnn.so.$(SOVERSION) $(BUILD)/clrnn.pc

# ---- generated: the kernels' text, the table of C kernels, the commit ----
$(BUILD)/gen/kernel_text.c: $(KERNELS) Makefile
	$(call say,EMBED,kernels/*.cl)
	$(Q)mkdir -p $(@D)
	$(Q)awk 'BEGIN { print "/* generated from kernels */\n#include <string.h>\n\n#include \"cl/cl_internal.h\"\n\nstatic const struct {\n    const char *file, *text;\n} files[] = {" } \
	FNR == 1 { if (NR > 1) print "    },"; n = split(FILENAME, part, "/"); print "    {\"" part[n] "\"," } \
	{ gsub(/[\\"]/, "\\\\&"); print "     \"" $$0 "\\n\"" } \
	END { print "    },\n};\n\nconst char *kernel_text(const char *file) {\n    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {\n        if (strcmp(files[i].file, file) == 0) {\n            return files[i].text;\n        }\n    }\n    return NULL;\n}" }' \
	$(KERNELS) > $@.tmp && mv $@.tmp $@

$(BUILD)/gen/cpu_kernels_table.h: Makefile $(KERNELS)
	$(Q)mkdir -p $(@D)
	$(Q){ for n in $(subst .,_,$(CPU_NAMES)); do echo "extern const struct cpu_kernels cpu_kernels_$$n;"; done; \
	echo "static const struct cpu_kernels *const table[] = {"; \
	for n in $(subst .,_,$(CPU_NAMES)); do echo "    &cpu_kernels_$$n,"; done; echo "};"; } > $@.tmp && mv $@.tmp $@

$(BUILD)/gen/commit: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' > $@

# The part of ONNX's schema that is read and written, as C.
$(BUILD)/gen/onnx.pb-c.h: src/io/onnx.proto
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --proto_path=src/io --c_out=$(BUILD)/gen onnx.proto
$(BUILD)/gen/onnx.pb-c.c: $(BUILD)/gen/onnx.pb-c.h ;

# ---- compiling ----
$(BUILD)/obj/onnx.pb-c.o: $(BUILD)/gen/onnx.pb-c.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CLRNN_CFLAGS) -Wno-conversion $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@
ifneq ($(WITH_PROTOBUF),0)
$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard src/io/onnx*.c tests/*.c)): | $(BUILD)/gen/onnx.pb-c.h
endif

$(BUILD)/obj/kernel_text.o: $(BUILD)/gen/kernel_text.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CLRNN_CFLAGS) -Wno-overlength-strings $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/obj/src/api.o: EXTRA = -DCLRNN_COMMIT='"$(COMMIT)"'
$(BUILD)/obj/src/api.o: $(BUILD)/gen/commit
$(BUILD)/obj/src/cpu/cpu_isa.o: $(BUILD)/gen/cpu_kernels_table.h

$(BUILD)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CLRNN_CFLAGS) $(EXTRA) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# name: cell.isa.variant. A function of a template need not be used, nor every parameter.
part = $(word $(2),$(subst ., ,$(1)))
$(BUILD)/obj/kernels/%.o: src/cpu/cpu_kernels.c Makefile
	$(call say,KERNEL,$*)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CLRNN_CFLAGS) -Wno-unused-parameter -Wno-unused-function $(CPPFLAGS) $(CFLAGS) \
	$(ISA_FLAGS_$(call part,$*,2)) -DCELL_NAME=$(call part,$*,1) -DISA=$(call part,$*,2) \
	-DPANEL_VARIANT=$(call part,$*,3) $(CELL_FLAGS_$(call part,$*,1)) \
	-DCELL_FILE='"cell_$(or $(CELL_FILE_$(call part,$*,1)),$(call part,$*,1)).cl"' -MMD -MP -c $< -o $@

# ---- linking ----
$(BUILD)/libclrnn.a: $(LIB_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/libclrnn.so.$(SOVERSION): $(LIB_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libclrnn.so.$(SOVERSION) $(CFLAGS) $(LDFLAGS) $^ $(CLRNN_LIBS) -o $@
	$(Q)ln -sf libclrnn.so.$(SOVERSION) $(BUILD)/libclrnn.so

$(BUILD)/clrnn: $(CLI_OBJECTS) $(BUILD)/libclrnn.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(CLRNN_LIBS) -lmd -o $@

# What tests/faults.c can make fail: calls of OpenCL and of the allocator.
FAULTS := malloc calloc realloc aligned_alloc free \
	$(shell grep -ohE '\<cl[A-Z][A-Za-z]+\>' src/cl/*.c tests/faults.c | sort -u)
$(call object,$(TEST_SOURCES)): EXTRA = -Itests
$(BUILD)/check_clrnn: WRAP = $(FAULTS:%=-Wl,--wrap=%)
$(BUILD)/check_clrnn: $(TEST_OBJECTS) $(patsubst %,$(BUILD)/obj/src/cli/%.o,problem problem_acts problem_values generate suggest \
	report selftest_gather selftest_judge selftest_print supervise verdict) $(BUILD)/libclrnn.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) $^ $(CLRNN_LIBS) $$($(PKG_CONFIG) --libs check) -o $@

# Parsers under libFuzzer with sanitizers: FUZZ_SECONDS each. What it finds belongs into tests/data/fuzz.
FUZZ_SECONDS ?= 30
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_CFLAGS = $(filter-out -Werror -Wno-unknown-warning-option -Wno-format-truncation,$(CLRNN_CFLAGS)) -w -Itests -O1 \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_OBJECTS := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(wildcard src/core/*.c src/graph/*.c src/io/*.c src/algo/*.c))
ifneq ($(WITH_PROTOBUF),0)
FUZZ_OBJECTS += $(BUILD)/fuzz/onnx.pb-c.o
$(FUZZ_OBJECTS): | $(BUILD)/gen/onnx.pb-c.h
endif
$(BUILD)/fuzz/onnx.pb-c.o: $(BUILD)/gen/onnx.pb-c.c
	$(Q)mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -c $< -o $@
$(BUILD)/fuzz/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/fuzz/library.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^
$(FUZZERS:%=$(BUILD)/fuzz/fuzz_%): $(BUILD)/fuzz/fuzz_%: tests/fuzz/entry.c $(BUILD)/fuzz/tests/fuzz/fuzz_%.o $(BUILD)/fuzz/library.a
	$(call say,FUZZ,$*)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -DFUZZ=fuzz_$* $^ $(CLRNN_LIBS) -o $@

# Tools of `make lint` and `make check-long`.
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/%,$(sort $(wildcard tests/tools/*.c)))
$(TOOLS): $(BUILD)/%: $(BUILD)/obj/tests/tools/%.o $(BUILD)/libclrnn.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) $^ $(CLRNN_LIBS) -o $@

# A peer that is built where its header is: ONEDNN_FLAGS says where (-I, -L, -Wl,-rpath).
ONEDNN_FLAGS ?=
$(BUILD)/libonednn_peer.so: bench/onednn_peer.cpp
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 -O2 -Wall -Wextra -fPIC -shared $< $(ONEDNN_FLAGS) -ldnnl -o $@

# Samples see what users see: the public header and the library.
$(BUILD)/numpy_lesson $(BUILD)/speaker: $(BUILD)/%: tests/samples/%.c $(BUILD)/libclrnn.a
	$(call say,LD,$@)
	$(Q)$(CC) -std=c11 -O2 $(WARNINGS) -Iinclude $(CFLAGS) $(LDFLAGS) $^ $(CLRNN_LIBS) -o $@

$(BUILD)/clrnn.pc: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)printf 'prefix=%s\nlibdir=$${prefix}/lib\nincludedir=$${prefix}/include\n\nName: clrnn\nDescription: recurrent networks on any OpenCL device\nVersion: %s\nRequires: OpenCL\nRequires.private: libzip, jansson\nLibs: -L$${libdir} -lclrnn\nLibs.private: %s\nCflags: -I$${includedir}\n' \
	'$(PREFIX)' '$(VERSION)' '$(CLRNN_LIBS)' > $@

# ---- setting up ----
deps:
	@echo $(DEPS_BUILD) $(DEPS_TEST)

# Installs what is missing as root or with sudo, or prints the one command.
define set_up
	@missing=; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  if [ -z "$$sudo" ] || sudo -n true 2>/dev/null; then \
	    echo "installing$$missing"; \
	    ($$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing) </dev/null >$(BUILD)-apt.log 2>&1 \
	      || { tail -5 $(BUILD)-apt.log; exit 1; }; rm -f $(BUILD)-apt.log; \
	  else echo "please run: sudo apt-get install$$missing"; exit 1; fi; fi
endef

.PHONY: set-up-demo set-up-check set-up-fuzz set-up-long
set-up-demo:
	$(call set_up,$(DEPS_BUILD) pocl-opencl-icd)
set-up-check:
	$(call set_up,$(DEPS_BUILD) $(DEPS_TEST))
set-up-fuzz:
	$(call set_up,$(DEPS_BUILD) $(DEPS_FUZZ))
set-up-long:
	$(call set_up,$(DEPS_BUILD) $(DEPS_TEST) $(DEPS_LONG))

# ---- running ----
# The second make sees what the first installed.
demo: set-up-demo
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/numpy_lesson $(BUILD)/speaker
	$(Q)tests/demo.sh $(BUILD)/clrnn

check: set-up-check
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/check_clrnn
	$(Q)tests/check.sh $(BUILD)/check_clrnn

PARTS ?=
check-long: set-up-long
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/check_clrnn
	$(Q)tests/check_long.sh $(BUILD) $(PARTS)

# Keras, ONNX Runtime and PyTorch read what is written, in a venv of their own.
FRAMEWORKS ?= numpy onnx onnxruntime keras tensorflow-cpu safetensors torch
check-frameworks: set-up-demo
	$(Q)$(MAKE) --no-print-directory $(BUILD)/clrnn $(BUILD)/write_models
	$(Q)test -x $(BUILD)/frameworks-venv/bin/python || python3 -m venv $(BUILD)/frameworks-venv
	$(Q)$(BUILD)/frameworks-venv/bin/python -m pip install -q $(FRAMEWORKS)
	$(Q)rm -rf $(BUILD)/frameworks && mkdir -p $(BUILD)/frameworks
	$(Q)$(BUILD)/write_models $(BUILD)/frameworks
	$(Q)$(BUILD)/frameworks-venv/bin/python tests/tools/check_frameworks.py $(BUILD)/frameworks
	$(Q)$(BUILD)/frameworks-venv/bin/python tests/tools/check_torch.py $(BUILD)/clrnn $(BUILD)/frameworks

fuzz: set-up-fuzz
	$(Q)$(MAKE) --no-print-directory $(FUZZERS:%=$(BUILD)/fuzz/fuzz_%)
	$(Q)tests/fuzz.sh $(BUILD) $(FUZZ_SECONDS) $(FUZZERS)

BENCH ?= --cell rnn,lstm,gru --steps 50 --batch 1,32 --hidden 64-256*2 --engine opencl,cpu
bench: set-up-demo
	$(Q)$(MAKE) --no-print-directory $(BUILD)/clrnn
	$(Q)$(BUILD)/clrnn bench $(BENCH)

# PEERS: Python packages (add keras tensorflow-cpu for Keras); PEERS_FLAGS: of bench/peers.py.
PEERS ?= numpy onnx onnxruntime torch
PEERS_FLAGS ?=
bench-peers: set-up-demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)test -x $(BUILD)/peers-venv/bin/python || python3 -m venv $(BUILD)/peers-venv
	$(Q)$(BUILD)/peers-venv/bin/python -m pip install -q $(PEERS)
	$(Q)if echo '#include <dnnl.hpp>' | $(CXX) -x c++ -E $(ONEDNN_FLAGS) - >/dev/null 2>&1; then \
	  $(MAKE) --no-print-directory $(BUILD)/libonednn_peer.so; fi
	$(Q)$(BUILD)/peers-venv/bin/python bench/peers.py --library $(BUILD)/libclrnn.so.$(SOVERSION) \
	  --onednn $(BUILD)/libonednn_peer.so $(PEERS_FLAGS)

# What GPU plans take, compiled for GPUs that are not here. NVIDIA's assembler is on PyPI; another version of
# it allocates otherwise. What is not to be had is said, and its targets are left out.
GPU_VENV := $(BUILD)/gpu-venv
GPU_TOOLS := nvidia-cuda-nvcc==13.5.37 nvidia-cuda-nvdisasm==13.5.37
GPU_FLAGS ?= -o bench/results/gpu-report.md
# gpu_python ARGUMENTS: with ptxas and nvdisasm in the path
gpu_python = tools=$$(find $(abspath $(GPU_VENV)) -name ptxas -type f 2>/dev/null | head -1); \
	  PATH="$${tools:+$${tools%/*}:}$$PATH" python3 $(1)
gpu_report = $(call gpu_python,bench/gpu_report.py --tool $(BUILD)/gpu_text --intel $(GPU_INTEL) $(1))
# Intel's compiler, unpacked: installed, it would be a platform without a device.
GPU_INTEL := $(BUILD)/gpu-intel
GPU_INTEL_PACKAGES := intel-opencl-icd libigc1 libigdfcl1 libopencl-clang14 libllvmspirvlib14 libigdgmm12
set-up-gpu-quick:
	$(call set_up,$(DEPS_BUILD) $(DEPS_GPU))
	$(Q)test -e $(GPU_INTEL)/usr || { mkdir -p $(GPU_INTEL) && cd $(GPU_INTEL) && \
	  apt-get download -qq $(GPU_INTEL_PACKAGES) >/dev/null 2>&1 && for p in *.deb; do dpkg -x $$p .; done && rm *.deb && \
	  ln -sf libiga64.so.1 usr/lib/x86_64-linux-gnu/libiga64.so; } || echo 'gpu-report: no Intel targets: their packages are not to be had'
	$(Q){ test -x $(GPU_VENV)/bin/python || python3 -m venv $(GPU_VENV); } && \
	  $(GPU_VENV)/bin/python -m pip install -q --retries 1 --timeout 20 $(GPU_TOOLS) >$(BUILD)/gpu-pip.log 2>&1 && \
	  chmod +x $$(find $(GPU_VENV) -name ptxas -o -name nvdisasm) || echo 'gpu-report: no NVIDIA targets: ptxas is not to be had'
set-up-gpu: set-up-gpu-quick
	$(call set_up,$(DEPS_GPU_LATER))

check-gpu-estimate: set-up-gpu-quick
	$(Q)$(call gpu_python,tests/tools/check_gpu_estimate.py)

gpu-report: set-up-gpu check-gpu-estimate
	$(Q)$(MAKE) --no-print-directory $(BUILD)/gpu_text
	$(Q)$(call gpu_report,--self-check)
	$(Q)$(call gpu_report,$(GPU_FLAGS))

# Two targets of each maker, and the programs that speak for the others.
gpu-report-quick: check-gpu-estimate
	$(Q)$(MAKE) --no-print-directory $(BUILD)/gpu_text
	$(Q)$(call gpu_report,--self-check)
	$(Q)$(call gpu_report,--quick -o $(BUILD)/gpu-report-quick.md)

mutants: set-up-check
	$(Q)tests/mutants.sh

lint: set-up-long
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/check_clrnn
	$(Q)tests/lint.sh $(BUILD)

FORMATTED := $(wildcard include/*.h bench/*.c src/*.c src/*/*.c src/*/*.h kernels/*.cl tests/*.c tests/*.h tests/tools/*.c tests/tools/*.h tests/samples/*.c)
format:
	$(Q)clang-format -i $(FORMATTED)

install: all
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	$(Q)install -m 755 $(BUILD)/clrnn $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 $(BUILD)/libclrnn.a $(DESTDIR)$(PREFIX)/lib
	$(Q)install -m 755 $(BUILD)/libclrnn.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib
	$(Q)ln -sf libclrnn.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libclrnn.so
	$(Q)install -m 644 include/clrnn.h $(DESTDIR)$(PREFIX)/include
	$(Q)install -m 644 $(BUILD)/clrnn.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig
	@echo 'clrnn $(VERSION) is in $(DESTDIR)$(PREFIX): bin/clrnn, include/clrnn.h, lib/libclrnn.a, lib/libclrnn.so, lib/pkgconfig/clrnn.pc'

uninstall:
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/clrnn $(DESTDIR)$(PREFIX)/lib/libclrnn.* \
	$(DESTDIR)$(PREFIX)/include/clrnn.h $(DESTDIR)$(PREFIX)/lib/pkgconfig/clrnn.pc

dist:
	$(Q)git archive --prefix=clrnn-$(VERSION)/ -o clrnn-$(VERSION).tar.gz HEAD

clean:
	$(Q)rm -rf $(BUILD)

%.d: ;
-include $(LIB_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(TEST_OBJECTS:.o=.d) \
	$(patsubst $(BUILD)/%,$(BUILD)/obj/tests/tools/%.d,$(TOOLS))
