/*
 * project.cl: the input projection as a phase of its own, in the place of cell and phase.
 *
 *     x_proj[t][n][gate][unit] = b_ih + sum over k of W_ih[gate][unit][k] x[t][n][k]
 *
 * for all T x N rows in one launch of the `step` schedule: m = t N + n counts the rows, the gates'
 * units are columns of one matrix, the sum is one chain (S = 1), and to finish is to store.
 */
#define PHASE_NAME(stem) CAT(stem, PHASE)
#define PHASE_ROWS 1
#define PHASE_K (p->inputs)
#define PHASE_SLICES 1
#define PHASE_SLICE (p->inputs)
#define PHASE_UNITS (p->columns)
#define PHASE_WEIGHTS (a->w)
#define PHASE_BIASES (a->b)

static inline int phase_live_0(const struct params *p, const pass *a, wide m, int count) {
    for (int i = 0; i < count; i++) {
        if ((m + i) / p->batch < a->rows[(m + i) % p->batch].length) {
            return 1;
        }
    }
    return 0;
}

static inline GLOBAL const float *phase_source_0(const struct params *p, const pass *a, wide m) {
    GLOBAL const struct row *row = a->rows + m % p->batch;
    return a->x + row->x + m / p->batch * row->x_stride;
}

static inline void phase_finish_0(const struct params *p, const pass *a, wide m, int unit,
                                  const real *gh) {
    GLOBAL const struct row *row = a->rows + m % p->batch;
    VSTORE(gh[0], a->work + row->g + m / p->batch * row->g_stride + unit);
}

#ifdef __OPENCL_C_VERSION__
/* Where a library's product adds to what is there: b_ih into every row of x_proj. */
KERNEL GROUP_SHAPE void project_bias(KERNEL_ARRAYS, const int step, const int phase GROUP_PARAMS) {
    for (wide m = GROUP_ID(0); m < STEP_ROWS; m += get_num_groups(0)) {
        GLOBAL const struct row *row = rows + m % p.batch;
        GLOBAL float *to = work + row->g + m / p.batch * row->g_stride;
        for (int column = LOCAL_ID; column < p.columns; column += GROUP_ITEMS) {
            to[column] = b[column];
        }
    }
}
#endif
