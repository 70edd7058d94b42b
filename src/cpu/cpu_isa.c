/* cpu_isa.c: picks the kernels for the instruction set of this machine. */
#include "cpu/cpu_kernels.h"

#include <stddef.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <string.h>

#include "cpu_kernels_table.h" /* generated: every object of cpu_kernels.c, as table[] */

enum { TABLE_COUNT = sizeof table / sizeof table[0] };

#if defined(__x86_64__)
/* lzcnt, movbe and f16c, which x86-64-v3 uses too and __builtin_cpu_supports cannot name everywhere:
 * cpuid leaf 1 ecx bits 22 (movbe) and 29 (f16c), leaf 0x80000001 ecx bit 5 (lzcnt). */
static int has_move_extensions(void) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 22 & 1) || !(c >> 29 & 1)) {
        return 0;
    }
    return __get_cpuid(0x80000001u, &a, &b, &c, &d) && (c >> 5 & 1);
}
#endif

/* Best first. __builtin_cpu_supports asks the operating system's support too. */
static int is_supported(const char *isa) {
#if defined(__x86_64__)
    if (strcmp(isa, "v4") == 0) {
        return is_supported("v3") && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
    }
    if (strcmp(isa, "v3") == 0) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("bmi") &&
               has_move_extensions();
    }
#endif
    return strcmp(isa, "base") == 0;
}

/* The best of so many lanes; 0: of any. */
static const struct cpu_kernels *find_best(int lanes) {
    static const char *const names[] = {"v4", "v3", "base"};
    for (size_t name = 0; name < sizeof names / sizeof names[0]; name++) {
        for (size_t i = 0; i < TABLE_COUNT; i++) {
            if (strcmp(table[i]->isa, names[name]) == 0 && is_supported(names[name]) &&
                (lanes == 0 || table[i]->vector_width == lanes)) {
                return table[i];
            }
        }
    }
    return NULL;
}

const char *cpu_kernels_isa(int *vector_width) {
    const struct cpu_kernels *found = find_best(0);
    *vector_width = found->vector_width;
    return found->isa;
}

const char *cpu_kernels_isa_of(int lanes) {
    const struct cpu_kernels *found = find_best(lanes);
    return found != NULL ? found->isa : NULL;
}

/* The processor's own name, cpuid leaves 0x80000002 to 4: 48 letters. */
void cpu_brand(char brand[CPU_BRAND]) {
    memset(brand, 0, CPU_BRAND);
#if defined(__x86_64__)
    unsigned parts[12] = {0};
    for (unsigned leaf = 0; leaf < 3; leaf++) {
        unsigned *part = parts + 4 * leaf;
        if (!__get_cpuid(0x80000002u + leaf, &part[0], &part[1], &part[2], &part[3])) {
            return;
        }
    }
    memcpy(brand, parts, sizeof parts);
#endif
}

const struct cpu_kernels *cpu_kernels_find(const char *cell, const char *isa, int variant) {
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (table[i]->variant == variant && strcmp(table[i]->isa, isa) == 0 &&
            strcmp(table[i]->cell, cell) == 0) {
            return table[i];
        }
    }
    return NULL;
}
