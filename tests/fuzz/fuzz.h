/*
 * fuzz.h: an entry point a parser of files from elsewhere. libFuzzer calls it with bytes of its own
 * (make fuzz), the test program with every file of tests/data/fuzz/NAME and with broken copies of real
 * files. It parses, frees and gives 0; what the bytes are does not matter.
 */
#ifndef CLRNN_TESTS_FUZZ_H
#define CLRNN_TESTS_FUZZ_H

#include <stddef.h>

#define FUZZERS(X) X(npy) X(npz) X(safetensors) X(config) X(keras) X(onnx)

#define FUZZ_DECLARE(name) int fuzz_##name(const unsigned char *data, size_t size);
FUZZERS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

#endif
