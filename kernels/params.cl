/*
 * params.cl: the two structs that host and kernels share. The host includes this very file.
 *
 * `params` says the sizes of a call and where things lie; `row` says it for one row of the batch,
 * and is all that knows of lengths, layouts and directions. 64-bit members stand first, so that
 * every compiler lays the structs out alike.
 */
#ifdef __OPENCL_C_VERSION__
typedef long wide;
typedef int narrow;
#endif

/* The recurrence of one call; for the projection `batch` counts the rows of x of all steps. */
struct params {
    wide w_phase[2];   /* where a phase's packed weights start in w, floats */
    wide work_vector;  /* floats from one vector of the work space to the next: batch x stride */
    wide state_words;  /* floats from h to c in a state: slots x hidden */
    narrow batch;      /* N */
    narrow steps;      /* T */
    narrow inputs;     /* I */
    narrow hidden;     /* H, as the user's arrays have it */
    narrow stride;     /* H padded to whole vectors: floats of a row in work space and of a gate */
    narrow columns;    /* gates x stride: floats of a row of x_proj */
    narrow slices;     /* S: the sum over k is made of S contiguous slices */
    narrow slice;      /* k of a slice; the last may be shorter or empty */
    narrow rows_group; /* rows that one group of a `single` launch takes */
    narrow last_only;  /* y is the final state alone */
    narrow cells;      /* every c_t is stored too */
    narrow has_y;      /* y is wanted */
    narrow from_zero;  /* every row starts from a state of 0, whatever the state holds */
    narrow reserved;
    narrow act[4]; /* the C build's activations, by slot: ACT_ID_... */
};

/* One row of the batch. Offsets and strides count floats. */
struct row {
    wide x, x_stride; /* its first step in x; from one step of time to the next */
    wide g, g_stride; /* the same in x_proj */
    wide y, y_stride; /* the same in y; the stride is 0 where only the last output is wanted */
    wide c, c_stride; /* the same in cells */
    narrow slot;      /* its state */
    narrow length;    /* valid steps, 0 .. T */
    narrow reverse;   /* 1: from step length - 1 down to 0 */
    narrow reserved;
};

/* The activations: a C build picks by number at run time, an OpenCL build by name in its text. */
#define ACT_ID_TANH 0
#define ACT_ID_SIGMOID 1
#define ACT_ID_RELU 2
