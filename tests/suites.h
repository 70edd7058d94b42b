/* suites.h: every suite of the test program. */
#ifndef CLRNN_TESTS_SUITES_H
#define CLRNN_TESTS_SUITES_H

#include <check.h>

/* clang-format off */
#define SUITES(X) \
    X(arrays) \
    X(output) \
    X(model) \
    X(reference) \
    X(judge) \
    X(engines) \
    X(problem) \
    X(algo) \
    X(personalities) \
    X(drivers) \
    X(activation) \
    X(division) \
    X(safetensors) \
    X(native) \
    X(config) \
    X(writers) \
    X(onnx) \
    X(onnx_refusals) \
    X(onnx_hostile) \
    X(fuzz) \
    X(keras_cases) \
    X(keras_refusals) \
    X(hdf5) \
    X(graph) \
    X(backward) \
    X(projection) \
    X(api) \
    X(states) \
    X(numbers) \
    X(special) \
    X(promises) \
    X(invariance) \
    X(chunks) \
    X(overlap) \
    X(persist) \
    X(lending) \
    X(weights) \
    X(golden) \
    X(dense) \
    X(session) \
    X(custom) \
    X(pool) \
    X(sizes) \
    X(table) \
    X(samples) \
    X(stacks) \
    X(symmetry) \
    X(guards) \
    X(faults) \
    X(calls) \
    X(forward) \
    X(strict) \
    X(auto) \
    X(trace) \
    X(tune) \
    X(threads) \
    X(cli) \
    X(whole) \
    X(expect)
/* clang-format on */

#define SUITE_DECLARE(name) Suite *name##_suite(void);
SUITES(SUITE_DECLARE)
#undef SUITE_DECLARE

#endif
