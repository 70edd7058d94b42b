/* judge.h: the arguments of clrnn_judge, checked (judge_args.c) for those who judge (judge.c). */
#ifndef CLRNN_CPU_JUDGE_H
#define CLRNN_CPU_JUDGE_H

#include "core/net.h"

/* Floats in host memory. Of step t and row n they begin at data + t at_step + n at_row, of states
 * for t read the direction; packed, at data + (starts[t] + n) at_row. */
struct judge_view {
    const float *data; /* NULL: not given */
    int64_t at_step;
    int64_t at_row;
    const int64_t *starts; /* NULL: not packed */
};

struct judge_layer {
    struct judge_view y;                  /* [T][N][F] */
    struct judge_view hiddens, cells;     /* [T][N][D W], [T][N][D H] */
    struct judge_view gates;              /* [T][N][D G H] */
    struct judge_view h_0, h_n, o_0, o_n; /* [D][N][W] */
    struct judge_view c_0, c_n;           /* [D][N][H] */
};

struct judge_args {
    const clrnn_net *net;
    int batch_first;
    int64_t steps; /* T */
    int64_t batch; /* N */
    struct judge_view x;
    int64_t *lengths;           /* [N] */
    int64_t *starts;            /* [T + 1] rows before each step; NULL: nothing is packed */
    const uint8_t *mask;        /* [N][T] or NULL */
    struct judge_layer *layers; /* [L] */
};

/* Errors: those of clrnn_judge. Close it whatever came of it; the views last as long as args. */
clrnn_status judge_args_open(struct judge_args *out, const clrnn_net *net, int batch_first,
                             const clrnn_forward_args *args);
void judge_args_close(struct judge_args *args);

/* The floats of step (or direction) t and row n, or NULL where the array was not given. */
const float *judge_view_at(const struct judge_view *view, int64_t t, int64_t row);

#endif
