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

static int is_forward(const struct graph_node *net) {
    return layer_of(net)->direction == CLRNN_DIRECTION_FORWARD;
}

static int is_single(const struct graph_node *net) {
    return layer_of(net)->direction != CLRNN_DIRECTION_BIDIRECTIONAL;
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

static int directions_of(const struct graph_node *net) {
    return clrnn_layer_directions(layer_of(net));
}

/* The net whose h_n [D][N][H] has direction `at` of a value, which is that h_n or those of several nets
 * one behind the other; at < 0 counts from the end. *at becomes the direction of that net alone. */
static struct graph_node *net_of_state(int64_t *at, const struct fuse *fuse, int value) {
    const struct graph_node *joined = fuse_producer(fuse, value, 0);
    const int is_joined = joined != NULL && joined->op == GRAPH_CONCAT && joined->axis == 0;
    const int *states = is_joined ? joined->inputs : &value;
    const int count = is_joined ? joined->input_count : 1;
    int64_t all = 0;
    for (int i = 0; i < count; i++) {
        const struct graph_node *net = fuse_producer(fuse, states[i], H_N);
        if (!is_net(net)) {
            return NULL;
        }
        all += directions_of(net);
    }
    *at += *at < 0 ? all : 0;
    for (int i = 0; i < count && *at >= 0; i++) {
        struct graph_node *net = fuse_producer(fuse, states[i], H_N);
        if (*at < directions_of(net)) {
            return net->inputs[MASK] < 0 ? net : NULL;
        }
        *at -= directions_of(net);
    }
    return NULL;
}

/* The net of one end state [N][H], taken out of h_n, and which of its directions. */
static struct graph_node *find_state(int64_t *direction, const struct fuse *fuse, int value) {
    const struct graph_node *node = fuse_producer(fuse, value, 0);
    int64_t list[CLRNN_MAX_RANK];
    int count;
    *direction = 0;
    if (node != NULL && node->op == GRAPH_SQUEEZE) {
        struct graph_node *net = fuse_producer(fuse, node->inputs[0], H_N);
        return is_net(net) && is_single(net) && fuse_is_axis(fuse, node, 1, 0) ? net : NULL;
    }
    const clrnn_tensor *at = node != NULL && node->op == GRAPH_GATHER && node->axis == 0
                                 ? graph_constant(fuse->graph, node->inputs[1])
                                 : NULL;
    if (at == NULL || at->rank != 0 || !fuse_list(list, &count, fuse, node->inputs[1])) {
        return NULL;
    }
    *direction = list[0];
    return net_of_state(direction, fuse, node->inputs[0]);
}

/* The end state of a net in one direction. */
static void take_state(struct fuse *fuse, int number) {
    int64_t direction;
    struct graph_node *net = find_state(&direction, fuse, fuse->graph->nodes[number].outputs[0]);
    if (net != NULL && is_single(net) && may_give_last(fuse, net, 0)) {
        give_last(fuse, number, net);
    }
}

/* Those of both directions, one behind the other. */
static void take_states(struct fuse *fuse, int number) {
    const struct graph_node *node = &fuse->graph->nodes[number];
    int64_t first, second;
    if (node->input_count != 2 || (node->axis != 1 && node->axis != -1)) {
        return;
    }
    struct graph_node *net = find_state(&first, fuse, node->inputs[0]);
    if (net != NULL && net == find_state(&second, fuse, node->inputs[1]) && first == 0 &&
        second == 1 && layer_of(net)->merge == CLRNN_MERGE_CONCAT && may_give_last(fuse, net, 0)) {
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
    if (!is_net(net) || net->last_only || !is_forward(net) || net->inputs[LENGTHS] >= 0 ||
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

/* ---- two directions -------------------------------------------------------------------------- */

/* A net of one layer that only `uses` places take y of, and no other output. */
static int gives_only_y(const struct fuse *fuse, const struct graph_node *net, int uses) {
    for (int slot = 1; slot < net->output_count; slot++) {
        if (fuse->values[net->outputs[slot]].uses > 0) {
            return 0;
        }
    }
    return fuse->values[net->outputs[Y]].uses == uses;
}

/* Forward and reverse over the same x, of the same kind. */
static int are_halves(const struct fuse *fuse, const struct graph_node *a,
                      const struct graph_node *b) {
    if (!is_net(a) || !is_net(b) || !gives_only_y(fuse, a, 1) || !gives_only_y(fuse, b, 1) ||
        a->batch_first != b->batch_first || a->last_only != b->last_only) {
        return 0;
    }
    for (int slot = X; slot <= C_0; slot++) {
        if (a->inputs[slot] != b->inputs[slot] || (slot >= H_0 && a->inputs[slot] >= 0)) {
            return 0;
        }
    }
    clrnn_layer_desc x = *layer_of(a), y = *layer_of(b);
    const int is_pair = x.direction == CLRNN_DIRECTION_FORWARD &&
                        y.direction == CLRNN_DIRECTION_REVERSE &&
                        clrnn_net_get_desc(a->net)->inputs == clrnn_net_get_desc(b->net)->inputs;
    return is_pair && x.cell == y.cell && x.reset == y.reset && x.hidden == y.hidden &&
           x.bias == y.bias && x.peepholes == y.peepholes && x.couple == y.couple &&
           memcmp(&x.gate_clip, &y.gate_clip, sizeof x.gate_clip) == 0;
}

/* One net of both directions: `a` and `b` may be one that has both already. */
static clrnn_status make_both(clrnn_net **out, const clrnn_net *a, const clrnn_net *b,
                              clrnn_merge merge) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net_desc desc = {.inputs = a->desc.inputs, .layer = a->desc.layers[0]};
    clrnn_net *net = NULL;
    const struct strand *from[2] = {net_strand(a, 0, 0), net_strand(b, 0, a == b)};
    desc.layer.direction = CLRNN_DIRECTION_BIDIRECTIONAL;
    desc.layer.merge = merge;
    for (int slot = 0; a != b && slot < from[0]->act_count; slot++) {
        const clrnn_activation *x = &from[0]->acts[slot], *y = &from[1]->acts[slot];
        if (x->kind != y->kind || memcmp(&x->alpha, &y->alpha, sizeof x->alpha) != 0 ||
            memcmp(&x->beta, &y->beta, sizeof x->beta) != 0) {
            desc.layer.acts[1][slot] = *y; /* else: as the first direction */
        }
    }
    TRY(clrnn_net_create(&net, &desc));
    for (int d = 0; d < 2; d++) {
        for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
            char name[48];
            clrnn_tensor value = {
                .data = from[d]->weights[role], .dtype = CLRNN_DTYPE_F32, .rank = 2};
            strand_weight_shape(from[d], role, &value.shape[0], &value.shape[1]);
            value.rank = value.shape[1] > 0 ? 2 : 1;
            if (value.data != NULL) {
                TRY(clrnn_net_set_weight(net, strand_weight_name(net_strand(net, 0, d), role, name),
                                         &value));
            }
        }
    }
    *out = net;
    net = NULL;
out:
    clrnn_net_free(net);
    return status;
}

/* `node`, which joins what two nets or both directions of one give, becomes the net that does. */
static clrnn_status become_both(struct fuse *fuse, struct graph_node *node, struct graph_node *a,
                                const struct graph_node *b, clrnn_merge merge) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net *net;
    TRY(make_both(&net, a->net, b->net, merge));
    fuse_bypass(fuse, (int)(node - fuse->graph->nodes), a->outputs[Y]);
    clrnn_net_free(a->net);
    a->net = net;
    fuse_infer(fuse, a);
out:
    return status;
}

/* Concat, Add and Mul of two directions; Mul and Div that halve their sum. */
static clrnn_status join_halves(struct fuse *fuse, struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    float half;
    int sum;
    if (node->input_count != 2) {
        goto out;
    }
    if ((node->op == GRAPH_MUL && fuse_has_scalar(&half, &sum, fuse, node) && half == 0.5f) ||
        (node->op == GRAPH_DIV && fuse_is_scalar(&half, fuse, node->inputs[1]) && half == 2.0f)) {
        sum = node->op == GRAPH_DIV ? node->inputs[0] : sum;
        struct graph_node *both = fuse_producer(fuse, sum, Y);
        if (is_net(both) && !is_single(both) && gives_only_y(fuse, both, 1) &&
            layer_of(both)->merge == CLRNN_MERGE_SUM) {
            TRY(become_both(fuse, node, both, both, CLRNN_MERGE_AVE));
        }
        goto out;
    }
    struct graph_node *a = fuse_producer(fuse, node->inputs[0], Y);
    struct graph_node *b = fuse_producer(fuse, node->inputs[1], Y);
    const int features = is_net(a) && a->last_only ? 1 : 2;
    const clrnn_merge merge = node->op == GRAPH_CONCAT ? CLRNN_MERGE_CONCAT
                              : node->op == GRAPH_ADD  ? CLRNN_MERGE_SUM
                                                       : CLRNN_MERGE_MUL;
    if (merge != CLRNN_MERGE_CONCAT && is_net(a) && !is_forward(a)) {
        struct graph_node *first = a; /* sums have no order */
        a = b;
        b = first;
    }
    if (node->op != GRAPH_DIV && are_halves(fuse, a, b) &&
        (merge != CLRNN_MERGE_CONCAT || node->axis == -1 || node->axis == features)) {
        TRY(become_both(fuse, node, a, b, merge));
    }
out:
    return status;
}

clrnn_status fuse_nets(struct fuse *fuse, int number) {
    struct graph_node *node = &fuse->graph->nodes[number];
    clrnn_status status = CLRNN_STATUS_OK;
    switch (node->op) {
    case GRAPH_CONCAT:
    case GRAPH_ADD:
    case GRAPH_MUL:
    case GRAPH_DIV:
        TRY(join_halves(fuse, node));
        if (node->op == GRAPH_CONCAT && !fuse->is_dropped[number]) {
            take_states(fuse, number);
        }
        break;
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
out:
    return status;
}

#endif
