/*
 * project.cl: the input projection as a phase of its own, in the place of cell and phase.
 *
 *     x_proj[step][n][gate][unit] = b_ih + sum over k of W_ih[gate][unit][k] x[time][n][k]
 *
 * for all steps x N rows of a piece in one launch of the `step` schedule: m = step N + n counts the
 * rows, the gates' units are columns of one matrix, the sum is one chain (S = 1), and to finish is
 * to store. Rows lie in the order of the way, so that a reverse strand's pieces are pieces too.
 */
#define PHASE_NAME(stem) CAT(stem, PHASE)
#define PHASE_ROWS 1
#define PHASE_WORDS 0
#define PHASE_BLOCK_END(block)                                                                     \
    ((block) + p->blocks < tile_blocks_0(p) ? (block) + p->blocks : tile_blocks_0(p))
#define PHASE_CALLED INLINED static inline
#define PHASE_UNROLL UNROLL
#define PHASE_TURNS 0
#define PHASE_K (p->inputs)
#define PHASE_SLICES 1
#define PHASE_SLICE (p->inputs)
#define PHASE_UNITS (p->columns)
#define PHASE_WEIGHTS (a->w)
#define PHASE_BIASES (a->b)
#define PHASE_BIAS_STRIDE (p->columns)

/* m / N. 32 bits divide several times quicker, and are nearly always enough. */
static inline wide step_of(const struct params *p, wide m) {
    return m >> 31 == 0 ? (wide)((narrow)m / p->batch) : m / p->batch;
}

static inline struct place phase_place_0(const struct params *p, const pass *a, wide m) {
    const wide step = step_of(p, m);
    WORK const struct row *row = row_of(a, m - step * p->batch);
    const int of_way = p->first + (int)step;
    const struct place at = {
        row, m, time_of(p, row, of_way), place_of(&p->g, step, row), 0, of_way, row->length};
    return at;
}

/* A row that is over reads what stands past its length, for a sum that nobody takes; a packed array
 * has nothing there, so that it reads the step's first row. */
static inline GLOBAL const float *phase_source_0(const struct params *p, const pass *a,
                                                 const struct place *at) {
    if (is_over(at)) {
        return a->x + (p->x_packed ? p->x.at + a->starts[at->step] * p->x.row
                                   : place_of(&p->x, at->step, at->row));
    }
    return a->x + place_packed(&p->x, a, p->x_packed, at->time, at->row);
}

/* Nothing is added to the sums. */
static inline void phase_fetch_0(const struct params *p, const pass *a, const struct place *at,
                                 int unit) {
    (void)p;
    (void)a;
    (void)at;
    (void)unit;
}

static inline void phase_load_0(const struct params *p, const pass *a, const struct place *at,
                                int unit, real *gx) {
    (void)p;
    (void)a;
    (void)at;
    (void)unit;
    (void)gx;
}

static inline void phase_finish_0(const struct params *p, const pass *a, const struct place *at,
                                  int unit, const real *gx, const real *gh, const int plain) {
    (void)p;
    (void)gx;
    (void)plain;
    VSTORE(gh[0], a->work + at->x + unit);
}

#ifdef __OPENCL_C_VERSION__
/* Where a library's product adds to what is there: b_ih into every row of x_proj, which lies as x. */
KERNEL GROUP_SHAPE void project_bias(KERNEL_ARRAYS, const int step, const int phase GROUP_PARAMS) {
    const struct params *p = PARAMS;
    for (wide m = GROUP_ID(0); m < p->x_rows; m += get_num_groups(0)) {
        for (int column = LOCAL_ID; column < p->columns; column += GROUP_ITEMS) {
            work[m * p->columns + column] = b[column];
        }
    }
}
#endif
