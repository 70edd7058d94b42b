/* onnx_fuse_nets.c: rules for what stands before and behind recurrent layers. */
#include "io/onnx_fuse.h"

#ifdef WITH_PROTOBUF

#include "core/net.h"

#include <string.h>

enum { X, MASK, LENGTHS, H_0, C_0 };
enum { Y, H_N };

static const int64_t turn[] = {1, 0, 2}; /* [T][N][.] <-> [N][T][.] */

static int is_net(const struct graph_node *node) {
    return node != NULL && node->op == GRAPH_NET;
}

static const clrnn_layer_desc *layer_of(const struct graph_node *net) {
    return clrnn_net_get_desc(net->net)->layers;
}

/* ---- start states of zeros ------------------------------------------------------------------- */

/* Exporters make them from the shape of x. */
static void leave_out_zeros(struct fuse *fuse, struct graph_node *net) {
    for (int slot = H_0; slot <= C_0; slot++) {
        if (net->inputs[slot] >= 0 && fuse->values[net->inputs[slot]].is_zero) {
            fuse_rewire(fuse, net, slot, -1);
        }
    }
}

/* ---- batch first ----------------------------------------------------------------------------- */

/* Works on each step by itself, whichever of T and N comes first. */
static int is_by_step(const struct graph_node *node) {
    return node->op == GRAPH_DENSE || node->op == GRAPH_ACTIVATION;
}

/* From `last` back over a stack of layers, each of which takes what the one before gives and nobody
 * else takes, to a Transpose: then the whole stack takes the batch first, and gives it first. */
static int turn_stack(struct fuse *fuse, struct graph_node *last) {
    enum { MOST = 64 };
    struct graph_node *stack[MOST];
    int count = 0, nets = 0;
    for (struct graph_node *node = last;; count++) {
        const int takes_turns =
            is_net(node) && !node->batch_first && (node == last || !node->last_only);
        if (node == NULL || count == MOST || (!takes_turns && !is_by_step(node))) {
            return 0;
        }
        stack[count] = node;
        nets += is_net(node);
        const struct graph_node *before = fuse_producer(fuse, node->inputs[X], 0);
        if (fuse_is_perm(before, turn, 3)) {
            if (nets == 0) {
                return 0;
            }
            fuse_rewire(fuse, node, X, before->inputs[0]);
            count++;
            break;
        }
        node = before != NULL && fuse->values[node->inputs[X]].uses == 1
                   ? fuse_producer(fuse, node->inputs[X], Y)
                   : NULL;
        if (node == NULL) {
            return 0;
        }
    }
    for (int i = count - 1; i >= 0; i--) { /* what is known of shapes, from the first on */
        stack[i]->batch_first = is_net(stack[i]) ? 1 : stack[i]->batch_first;
        fuse_infer(fuse, stack[i]);
    }
    return 1;
}

/* Nobody takes all steps of it: then nothing need be turned back. */
static void turn_end(struct fuse *fuse, struct graph_node *net) {
    if (!net->batch_first && (net->last_only || fuse->values[net->outputs[Y]].uses == 0)) {
        turn_stack(fuse, net);
    }
}

static void turn_back(struct fuse *fuse, int number) {
    const struct graph_node *node = &fuse->graph->nodes[number];
    struct graph_node *last = fuse_producer(fuse, node->inputs[0], 0);
    if (fuse_is_perm(node, turn, 3) && last != NULL && fuse->values[node->inputs[0]].uses == 1 &&
        !last->last_only && turn_stack(fuse, last)) {
        fuse_bypass(fuse, number, node->inputs[0]);
    }
}

/* ---- the last step alone --------------------------------------------------------------------- */

static int is_single(const struct graph_node *net) {
    return layer_of(net)->direction == CLRNN_DIRECTION_FORWARD;
}

/* Nobody takes all its steps, but for `uses` who do in this place. */
static int may_give_last(const struct fuse *fuse, const struct graph_node *net, int uses) {
    return net->last_only ? uses == 0 : fuse->values[net->outputs[Y]].uses == uses;
}

static void give_last(struct fuse *fuse, int number, struct graph_node *net) {
    net->last_only = 1;
    fuse_infer(fuse, net);
    fuse_bypass(fuse, number, net->outputs[Y]);
}

/* h_n [1][N][H] without its first axis. */
static void take_state(struct fuse *fuse, int number) {
    const struct graph_node *node = &fuse->graph->nodes[number];
    struct graph_node *net = fuse_producer(fuse, node->inputs[0], H_N);
    const clrnn_tensor *at =
        node->op == GRAPH_GATHER ? graph_constant(fuse->graph, node->inputs[1]) : NULL;
    const int is_first = (fuse_is_axis(fuse, node, 1, 0) || fuse_is_axis(fuse, node, 1, -1));
    const int fits = node->op == GRAPH_SQUEEZE
                         ? fuse_is_axis(fuse, node, 1, 0)
                         : at != NULL && at->rank == 0 && is_first && node->axis == 0;
    if (fits && is_net(net) && is_single(net) && net->inputs[MASK] < 0 &&
        may_give_last(fuse, net, 0)) {
        give_last(fuse, number, net);
    }
}

/* The node that picks the last step of a net's y for `node`, which takes away the axis of time or is
 * that node itself; gives the net, NULL: it is not so. */
static struct graph_node *find_last(const struct fuse *fuse, const struct graph_node *node) {
    const struct graph_node *pick =
        node->op == GRAPH_SQUEEZE ? fuse_producer(fuse, node->inputs[0], 0) : node;
    if (pick == NULL || (pick != node && fuse->values[node->inputs[0]].uses != 1)) {
        return NULL;
    }
    struct graph_node *net = fuse_producer(fuse, pick->inputs[0], Y);
    if (!is_net(net) || net->last_only || !is_single(net) || net->inputs[LENGTHS] >= 0 ||
        net->inputs[MASK] >= 0) {
        return NULL;
    }
    const int64_t time = net->batch_first ? 1 : 0;
    const int64_t steps = fuse->values[net->outputs[Y]].shape[time];
    const int64_t last = fuse->values[net->outputs[Y]].rank == 3 && steps > 0 ? steps - 1 : -1;
    const int is_last = fuse_is_axis(fuse, pick, 1, -1) || fuse_is_axis(fuse, pick, 1, last);
    if (pick->op == GRAPH_GATHER) {
        const clrnn_tensor *at = graph_constant(fuse->graph, pick->inputs[1]);
        const int takes_away =
            pick == node ? at != NULL && at->rank == 0
                         : at != NULL && at->rank == 1 && fuse_is_axis(fuse, node, 1, time);
        return takes_away && is_last && pick->axis == time ? net : NULL;
    }
    int64_t end[CLRNN_MAX_RANK];
    int count;
    const int is_open = pick->op == GRAPH_SLICE && fuse_list(end, &count, fuse, pick->inputs[2]) &&
                        count == 1 && (end[0] >= INT32_MAX || (last >= 0 && end[0] > last));
    const int is_plain =
        pick->input_count == 4 ||
        (pick->input_count == 5 && (pick->inputs[4] < 0 || fuse_is_axis(fuse, pick, 4, 1)));
    return is_open && is_plain && is_last && fuse_is_axis(fuse, pick, 3, time) && pick != node &&
                   fuse_is_axis(fuse, node, 1, time)
               ? net
               : NULL;
}

static void take_last(struct fuse *fuse, int number) {
    struct graph_node *net = find_last(fuse, &fuse->graph->nodes[number]);
    if (net != NULL && may_give_last(fuse, net, 1)) {
        give_last(fuse, number, net);
    }
}

clrnn_status fuse_nets(struct fuse *fuse, int number) {
    struct graph_node *node = &fuse->graph->nodes[number];
    switch (node->op) {
    case GRAPH_NET:
        leave_out_zeros(fuse, node);
        turn_end(fuse, node);
        break;
    case GRAPH_TRANSPOSE:
        turn_back(fuse, number);
        break;
    case GRAPH_SQUEEZE:
    case GRAPH_GATHER:
        take_state(fuse, number);
        if (!fuse->is_dropped[number]) {
            take_last(fuse, number);
        }
        break;
    default:
        break;
    }
    return CLRNN_STATUS_OK;
}

#endif
