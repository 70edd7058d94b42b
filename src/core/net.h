/* net.h: shapes and weights of one recurrent layer, in host memory, in PyTorch's layout. */
#ifndef CLRNN_CORE_NET_H
#define CLRNN_CORE_NET_H

#include "core/status.h"

struct clrnn_net {
    clrnn_net_desc desc;
    int gates;        /* G */
    uint64_t id;      /* unique in the process; with version it names a packed copy */
    uint64_t version; /* grows with every change of a weight */
    float *w_ih;      /* [G H][I] */
    float *w_hh;      /* [G H][H] */
    float *b_ih;      /* [G H] */
    float *b_hh;      /* [G H] */
    int has_w_ih;
    int has_w_hh;
};

/* Fails with the names of the weights that were never set. */
clrnn_status net_require_complete(const struct clrnn_net *net);

/* Checks shape and dtype of h or c of `rows` rows: [rows][H] or [1][rows][H], float32. `name` is
 * for the message. */
clrnn_status net_check_state(const struct clrnn_net *net, const clrnn_tensor *tensor, int64_t rows,
                             const char *name);

#endif
