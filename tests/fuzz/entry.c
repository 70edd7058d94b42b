/* entry.c: what libFuzzer calls; FUZZ is the parser's entry point, fuzz_onnx for example. */
#include <stddef.h>
#include <stdint.h>

int FUZZ(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return FUZZ(data, size);
}
