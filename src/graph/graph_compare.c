/* graph_compare.c: the strands of two graphs side by side. */
#include "graph/graph_compare.h"

#include "core/net.h"
#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

/* Walks through the strands of all nodes with a net, and through tables. */
struct walk {
    const struct graph *graph;
    int node, strand;
};

/* What a walk finds: a strand, or the table of an embedding. */
struct found {
    const struct strand *strand;
    const clrnn_tensor *table;
    const char *name;
};

/* 0 at the end. */
static int next(struct walk *walk, struct found *out) {
    for (; walk->node < walk->graph->node_count; walk->node++, walk->strand = 0) {
        const struct graph_node *node = &walk->graph->nodes[walk->node];
        *out = (struct found){.name = node->name != NULL ? node->name : graph_op_name(node->op)};
        if (node->op == GRAPH_EMBEDDING && walk->strand == 0) {
            out->table = graph_constant(walk->graph, node->inputs[1]);
            walk->strand++;
            return 1;
        }
        if (node->net != NULL && walk->strand < node->net->strand_count) {
            out->strand = &node->net->strands[walk->strand++];
            return 1;
        }
    }
    return 0;
}

static int same_floats(const float *a, const float *b, int64_t count) {
    return memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

/* Element i of a bias: 0 where there is none; with merged, the sum of both. */
static float bias_at(const struct strand *strand, enum weight_role role, int merged, int64_t i) {
    const float *ih = strand->weights[BIAS_IH], *hh = strand->weights[BIAS_HH];
    const float of_ih = ih != NULL ? ih[i] : 0, of_hh = hh != NULL ? hh[i] : 0;
    return merged ? (role == BIAS_IH ? of_ih + of_hh : 0) : role == BIAS_IH ? of_ih : of_hh;
}

static int same_bias(const struct strand *a, const struct strand *b, enum weight_role role,
                     int merged, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const float x = bias_at(a, role, merged, i), y = bias_at(b, role, merged, i);
        if (memcmp(&x, &y, sizeof x) != 0 && !(x == 0 && y == 0)) {
            return 0;
        }
    }
    return 1;
}

/* n = act(gx + r (W h + b_hh)): that bias cannot move to the other side. */
static int may_merge(const struct strand *strand) {
    return strand->desc->cell != CLRNN_CELL_GRU || strand->desc->reset == CLRNN_RESET_BEFORE;
}

static clrnn_status compare_strands(const struct found *a, const struct found *b, int merged) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct strand *x = a->strand, *y = b->strand;
    const clrnn_layer_desc *dx = x->desc, *dy = y->desc;
    const int merge = merged && may_merge(x);
    REQUIRE(dx->cell == dy->cell && dx->reset == dy->reset && x->reverse == y->reverse &&
                x->inputs == y->inputs && x->hidden == y->hidden && x->width == y->width,
            FORMAT, "layer %.60s: was %s with I=%d, H=%d, came back as %s with I=%d, H=%d", a->name,
            clrnn_cell_name(dx->cell), x->inputs, x->hidden, clrnn_cell_name(dy->cell), y->inputs,
            y->hidden);
    REQUIRE(dx->couple == dy->couple && dx->forget_bias == dy->forget_bias &&
                dx->gate_clip == dy->gate_clip && dx->cell_clip == dy->cell_clip,
            FORMAT, "layer %.60s: couple, forget_bias or a clip did not come back", a->name);
    /* of a dense layer it may be a node of its own */
    const int slots = dx->cell == CLRNN_CELL_DENSE ? 0 : x->act_count;
    for (int slot = 0; slot < slots; slot++) {
        REQUIRE(x->acts[slot].kind == y->acts[slot].kind &&
                    x->acts[slot].alpha == y->acts[slot].alpha &&
                    x->acts[slot].beta == y->acts[slot].beta,
                FORMAT, "layer %.60s: activation %d was %s, came back as %s", a->name, slot,
                clrnn_act_name(x->acts[slot].kind), clrnn_act_name(y->acts[slot].kind));
    }
    for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
        int64_t rows, columns;
        char name[48];
        strand_weight_shape(x, role, &rows, &columns);
        const int is_bias = role == BIAS_IH || role == BIAS_HH;
        const int both = x->weights[role] != NULL && y->weights[role] != NULL;
        const int same = is_bias ? same_bias(x, y, role, merge, rows)
                         : both  ? same_floats(x->weights[role], y->weights[role],
                                               rows * (columns > 0 ? columns : 1))
                                 : x->weights[role] == NULL && y->weights[role] == NULL;
        REQUIRE(same, FORMAT, "layer %.60s: %s did not come back bit for bit", a->name,
                strand_weight_name(x, role, name));
    }
out:
    return status;
}

static clrnn_status compare_tables(const struct found *a, const struct found *b) {
    clrnn_status status = CLRNN_STATUS_OK;
    char was[96], is[96];
    const clrnn_tensor *x = a->table, *y = b->table;
    REQUIRE(x->rank == 2 && y->rank == 2 && x->dtype == y->dtype && x->shape[0] == y->shape[0] &&
                x->shape[1] == y->shape[1],
            FORMAT, "layer %.60s: its table was %s, came back as %s", a->name,
            tensor_text(x, was, sizeof was), tensor_text(y, is, sizeof is));
    REQUIRE(memcmp(x->data, y->data, (size_t)clrnn_tensor_count(x) * clrnn_dtype_size(x->dtype)) ==
                0,
            FORMAT, "layer %.60s: its table did not come back bit for bit", a->name);
out:
    return status;
}

clrnn_status graph_compare(const struct graph *a, const struct graph *b, int merged) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct walk of_a = {.graph = a}, of_b = {.graph = b};
    struct found x, y;
    for (;;) {
        const int has_x = next(&of_a, &x), has_y = next(&of_b, &y);
        REQUIRE(has_x == has_y, FORMAT, "layer %.60s: %s", has_x ? x.name : y.name,
                has_x ? "did not come back" : "came back and was not there");
        if (!has_x) {
            break;
        }
        REQUIRE((x.table != NULL) == (y.table != NULL), FORMAT,
                "layer %.60s: came back as layer %.60s", x.name, y.name);
        TRY(x.table != NULL ? compare_tables(&x, &y) : compare_strands(&x, &y, merged));
    }
out:
    return status;
}
