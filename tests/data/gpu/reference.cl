/*
 * reference.cl: the one-group recurrence that GPU kernels are compared with, for
 * tests/tools/check_gpu_estimate.py: a prototype without options, masks, lengths or backward, whose
 * figures are known. Not part of any program.
 *
 * CELL 0 rnn, 1 lstm (gates i f g o), 2 gru (r z n, reset after the product). Rows of W are numbered
 * unit GATES + gate. An item holds ROWS rows times 1 / SPLIT of the columns, dealt to the slices in
 * fours; the slices' sums meet in local memory and are added as a tree.
 */
#pragma OPENCL FP_CONTRACT OFF
#if CELL == 0
#define GATES 1
#elif CELL == 1
#define GATES 4
#else
#define GATES 3
#endif
#define ITEMS (GATES * HIDDEN / ROWS * SPLIT)
#define CHUNKS (HIDDEN / SPLIT / 4)
#define LOG2_SPLIT (SPLIT == 4 ? 2 : 3)
#define OUT_ROW (lid / HIDDEN)
#define OUT_UNIT (lid % HIDDEN)
#define OUT_MINE (HIDDEN % ITEMS == 0 || lid < HIDDEN)
#define OUT_LIVE (OUT_MINE && first + OUT_ROW < batch)
#define X_PROJ(t, g)                                                                               \
    (OUT_LIVE && (t) < steps                                                                       \
         ? x_proj[(((t)*batch + first + OUT_ROW) * GATES + g) * HIDDEN + OUT_UNIT]                 \
         : 0.0f)

/* e^x for x in [-87, 0]; the result is a normal number, so the exponent may be added as an integer. */
static inline float exp_negative(float x)
{
    float n = rint(x * 1.44269504f);
    float r = fma(n, -0.693145752f, x);
    r = fma(n, -1.42860677e-6f, r);
    float p = 1.38888894e-3f;
    p = fma(p, r, 8.33333377e-3f);
    p = fma(p, r, 4.16666679e-2f);
    p = fma(p, r, 1.66666672e-1f);
    p = fma(p, r, 0.5f);
    p = fma(p, r, 1.0f);
    p = fma(p, r, 1.0f);
    return as_float(as_int(p) + ((int)n << 23));
}

/* 1/d for d in [1, 2]: three Newton steps from a linear start, one correction. */
static inline float reciprocal(float d)
{
    float y = fma(-0.5f, d, 1.45710678f);
    y = y * fma(-d, y, 2.0f);
    y = y * fma(-d, y, 2.0f);
    y = y * fma(-d, y, 2.0f);
    return fma(y, fma(-d, y, 1.0f), y);
}

static inline float act_tanh(float x)
{
    float a = fabs(x), z = x * x;
    float q = -5.70498872e-3f;
    q = fma(q, z, 2.06390888e-2f);
    q = fma(q, z, -5.37397156e-2f);
    q = fma(q, z, 1.33314439e-1f);
    q = fma(q, z, -3.33332820e-1f);
    float small = fma(x * z, q, x);
    float e = exp_negative(-2.0f * (a < 9.1f ? a : 9.1f));
    float large = fma(-2.0f * e, reciprocal(1.0f + e), 1.0f);
    float r = a < 0.625f ? small : copysign(a < 9.1f ? large : 1.0f, x);
    return x != x ? x : r;
}

static inline float act_sigmoid(float x)
{
    float a = fabs(x);
    float e = exp_negative(-(a < 87.0f ? a : 87.0f));
    float r = reciprocal(1.0f + e);
    r = x < 0.0f ? e * r : r;
    return x != x ? x : r;
}

/* g: gate sums of the recurrent product; gx: projected input with the biases; bn: b_hn (gru); h, c: old state. Returns h. */
static inline float cell_forward(const float *gx, const float *g, float bn, float h, float *c)
{
#if CELL == 0
    return act_tanh(gx[0] + g[0]);
#elif CELL == 1
    float i = act_sigmoid(gx[0] + g[0]), f = act_sigmoid(gx[1] + g[1]);
    float n = act_tanh(gx[2] + g[2]), o = act_sigmoid(gx[3] + g[3]);
    *c = fma(f, *c, i * n);
    return o * act_tanh(*c);
#else
    float r = act_sigmoid(gx[0] + g[0]), z = act_sigmoid(gx[1] + g[1]);
    float n = act_tanh(fma(r, g[2] + bn, gx[2]));
    return fma(z, h - n, n);
#endif
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void
single_forward(__global const float *restrict x_proj, __global const float *restrict wp,
               __global const float *restrict b_hn, __global float *restrict h_io,
               __global float *restrict c_io, __global float *restrict y, int steps, int batch,
               int zero) {
    __local float h[1][1][HIDDEN] __attribute__((aligned(16)));
    __local float part[SPLIT][1][HIDDEN * GATES] __attribute__((aligned(16)));
    const int lid = (int)get_local_id(0);
    const int first = (int)get_group_id(0);
    const int slice = lid / (GATES * HIDDEN / ROWS), row0 = lid % (GATES * HIDDEN / ROWS) * ROWS;
    __global const float4 *restrict wpv = (__global const float4 *)wp;
    float w[CHUNKS][ROWS][4] __attribute__((aligned(16)));
#pragma unroll
    for (int k = 0; k < CHUNKS; k++)
#pragma unroll
        for (int r = 0; r < ROWS; r++) *(float4 *)w[k][r] = wpv[(k * ROWS + r) * ITEMS + lid];

    float c = 0.0f, bn = 0.0f, gx[2][GATES];
#if CELL == 1
    if (OUT_LIVE) c = c_io[(first + OUT_ROW) * HIDDEN + OUT_UNIT];
#elif CELL == 2
    bn = b_hn[OUT_UNIT];
#endif
#pragma unroll
    for (int g = 0; g < GATES; g++) gx[0][g] = X_PROJ(0, g);
    for (int i = lid; i < HIDDEN; i += ITEMS)
        h[0][i / HIDDEN][i % HIDDEN] = first + i / HIDDEN < batch ? h_io[first * HIDDEN + i] : 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);

    for (int t = 0; t < steps; t++) {
#pragma unroll
        for (int g = 0; g < GATES; g++) gx[1][g] = X_PROJ(t + 1, g);
        float sum[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) sum[r] = 0.0f;
#pragma unroll
        for (int k = 0; k < CHUNKS; k++) {
            float hv[4] __attribute__((aligned(16)));
            *(float4 *)hv = ((const __local float4 *)h[0][0])[k * SPLIT + slice];
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int v = 0; v < 4; v++) sum[r] = fma(w[k][r][v], hv[v], sum[r]);
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) part[slice][0][row0 + r] = sum[r];
        barrier(CLK_LOCAL_MEM_FENCE);
        if (OUT_MINE) {
            float tree[SPLIT][GATES], gh[GATES];
#pragma unroll
            for (int p = 0; p < SPLIT; p++)
#pragma unroll
                for (int g = 0; g < GATES; g++) tree[p][g] = part[p][OUT_ROW][OUT_UNIT * GATES + g];
#pragma unroll
            for (int st = 1; st <= LOG2_SPLIT; st++)
#pragma unroll
                for (int p = 0; p < SPLIT / 2; p++)
#pragma unroll
                    for (int g = 0; g < GATES; g++)
                        if (p < SPLIT >> st) tree[p][g] += tree[p + (SPLIT >> st)][g];
#pragma unroll
            for (int g = 0; g < GATES; g++) gh[g] = tree[0][g];
            float hn = cell_forward(gx[0], gh, bn, h[0][OUT_ROW][OUT_UNIT], &c);
            h[0][OUT_ROW][OUT_UNIT] = hn;
            if (OUT_LIVE) y[(t * batch + first + OUT_ROW) * HIDDEN + OUT_UNIT] = hn;
        }
#pragma unroll
        for (int g = 0; g < GATES; g++) gx[0][g] = gx[1][g];
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    if (OUT_LIVE) {
        h_io[(first + OUT_ROW) * HIDDEN + OUT_UNIT] = h[0][OUT_ROW][OUT_UNIT];
#if CELL == 1
        c_io[(first + OUT_ROW) * HIDDEN + OUT_UNIT] = c;
#endif
    }
}
