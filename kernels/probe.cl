/*
 * probe.cl: known answers that a device must give before `strict` trusts it with equal bits:
 * products and sums below the normal range, and an fma that rounds once. What a driver says of
 * itself is not asked: some flush without saying so, some are exact without claiming it.
 */
#pragma OPENCL FP_CONTRACT OFF

/* in: a, b, c. out: a b, a + c, fma(a, b, c), a b + c, a / b */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
probe_numbers(__global const float *restrict in, __global float *restrict out, const int count) {
    for (int i = 0; i < count; i++) {
        const float a = in[3 * i], b = in[3 * i + 1], c = in[3 * i + 2];
        const float product = a * b;
        out[5 * i] = product;
        out[5 * i + 1] = a + c;
        out[5 * i + 2] = fma(a, b, c);
        out[5 * i + 3] = product + c;
        out[5 * i + 4] = a / b;
    }
}
