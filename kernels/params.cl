/*
 * params.cl: the structs that host and kernels share. The host includes this very file.
 *
 * `params` says the sizes of a launch and where things lie; `row` is one row of the batch. 64-bit
 * members stand first, so that every compiler lays the structs out alike.
 */
#ifdef __OPENCL_C_VERSION__
typedef long wide;
typedef int narrow;
#endif

/* Where an array has row `at` of step `time`, in floats: at + time step + at row. */
struct layout {
    wide at, step, row;
};

/* One strand (a direction of a layer) for the steps first .. first + count - 1 of its way: a piece.
 * A piece begins with the state in the state's memory and ends there, so that pieces one after the
 * other are the whole. */
struct params {
    struct layout x; /* what W_ih multiplies: the caller's x, or the output of the layer below */
    struct layout y; /* the layer's output; `at` is where this direction's part begins */
    struct layout hiddens, cells, gates; /* every h, c, gate, where they are wanted */
    struct layout g;                     /* x_proj, by steps of the way or by time */
    wide w_phase[2];                     /* where a phase's packed weights start in w */
    wide work_vector; /* floats from one vector of the work space to the next: batch x stride */
    wide state_h, state_c, state_o; /* where slot 0 has h, c and the last output o in a state */
    wide mask_row;                  /* bytes of a row of the mask */
    wide x_rows;                    /* rows of x, all steps together */
    wide x_way;                     /* floats from a step's x_proj to that of the next on the way */
    wide y_way;                     /* and from its y */
    wide group_first[2]; /* the launch's first group: one too large for a driver is made of parts */
    narrow batch;        /* N */
    narrow first, count; /* the piece */
    narrow inputs;       /* I */
    narrow hidden;       /* H */
    narrow width;        /* W: of h */
    narrow stride;     /* H padded to whole vectors: floats of a row in work space and of a gate */
    narrow columns;    /* words x stride: floats of a row of x_proj */
    narrow constants;  /* where the unit's constants begin in b */
    narrow k[2];       /* k of a phase's product */
    narrow units[2];   /* its units, padded to whole vectors */
    narrow slices[2];  /* S: the sum over k is made of S contiguous slices */
    narrow slice[2];   /* k of a slice; the last may be shorter or empty */
    narrow rows_group; /* rows that one group of a `single` or `persist` launch takes */
    narrow parts;      /* of the units, in a `persist` launch */
    narrow patience;   /* rounds of waiting of a part, in 1024 */
    narrow turns;      /* tiles of rows that take turns with a slice of the weights, 1 .. TURNS */
    narrow ahead;      /* and ask for the slice that is next: weights come from memory */
    narrow blocks;     /* of columns that a group of the projection takes */
    narrow reverse;    /* 1: from step length - 1 down to 0 */
    narrow by_time;    /* x_proj lies as x does; 0: in the order of the way */
    narrow x_packed, y_packed; /* a step's rows begin at starts[time] */
    narrow y_mode;             /* Y_... */
    narrow merge;              /* MERGE_...: how y joins what is there */
    narrow has_hiddens, has_cells, has_gates;
    narrow masked, zero_masked;
    narrow plain;     /* y of every step, no more: no mask, h, c, gates, merge, packed rows */
    narrow from_zero; /* every row starts from a state of 0, whatever the state holds */
    narrow options;   /* OPTION_..., as the text's OPTIONS */
    narrow reserved;  /* so that the struct ends where its last member does */
    narrow act[5];    /* the C build's activations, by slot: ACT_ID_... */
    float alpha[5], beta[5];
    float gate_clip, cell_clip, forget_bias;
};

#define TURNS 6 /* 24 rows in tiles of 4 */

/* One row of the batch. */
struct row {
    narrow slot;   /* its state */
    narrow length; /* valid steps, 0 .. T */
    narrow at;     /* its place in the caller's arrays */
    narrow reserved;
};

/* y is not wanted, wanted at all steps, or at the last step of each row. */
#define Y_NONE 0
#define Y_ALL 1
#define Y_LAST 2

/* 0: y is stored. Else it is joined with what the first direction stored there. */
#define MERGE_STORE 0
#define MERGE_SUM 1
#define MERGE_MUL 2
#define MERGE_AVE 3

/* What a cell may do more: constants of an OpenCL program, looked up by the C build. */
#define OPTION_PEEPHOLES 1
#define OPTION_COUPLE_FORGET 2
#define OPTION_COUPLE_INPUT 4
#define OPTION_FORGET_BIAS 8
#define OPTION_GATE_CLIP 16
#define OPTION_CELL_CLIP 32

/* The activations: a C build picks by number at run time, an OpenCL build by name in its text. The
 * numbers are those of clrnn_act. */
#define ACT_ID_TANH 1
#define ACT_ID_SIGMOID 2
#define ACT_ID_RELU 3
#define ACT_ID_LINEAR 4
#define ACT_ID_HARD_SIGMOID 5
#define ACT_ID_ELU 6
#define ACT_ID_SELU 7
#define ACT_ID_SOFTSIGN 8
#define ACT_ID_SOFTPLUS 9
#define ACT_ID_LEAKY_RELU 10
#define ACT_ID_THRESHOLDED_RELU 11
#define ACT_ID_AFFINE 12
#define ACT_ID_SCALED_TANH 13
#define ACT_ID_GELU 14
#define ACT_ID_GELU_TANH 15
#define ACT_ID_SWISH 16
#define ACT_ID_EXPONENTIAL 17
#define ACT_ID_RELU6 18
#define ACT_ID_CELU 19
#define ACT_ID_HARD_TANH 20
#define ACT_ID_LOG_SIGMOID 21
#define ACT_ID_MISH 22
