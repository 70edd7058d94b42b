/* bytes.c: byte order. */
#include "io/bytes.h"

int bytes_host_is_big(void) {
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

void bytes_swap(unsigned char *bytes, size_t count, size_t item) {
    for (size_t i = 0; i < count; i++, bytes += item) {
        for (size_t low = 0, high = item - 1; low < high; low++, high--) {
            const unsigned char kept = bytes[low];
            bytes[low] = bytes[high];
            bytes[high] = kept;
        }
    }
}

uint64_t bytes_get(const unsigned char *at, int size) {
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

unsigned char *bytes_put(unsigned char *at, uint64_t value, int size) {
    for (int i = 0; i < size; i++) {
        *at++ = (unsigned char)(value >> (8 * i) & 0xff);
    }
    return at;
}
