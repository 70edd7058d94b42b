/*
 * session_move.c: a session whose numbers are moved by roundings, so that what they do to the outputs can
 * be seen.
 *
 * A float32 sum of products rounds each product and each partial sum. The first is as if a weight or its
 * factor were another by one rounding; the second is, at the end of the sum, as if the whole row of weights
 * were. So a weight moves by a step of its own and by one that it shares with its row: of weight_ih,
 * weight_hh and both biases, which one sum adds up. Values between nodes move where arithmetic takes them,
 * which stands for the rounding of what made them. Comparisons, masks and indices take them as they are.
 */
#include "graph/session.h"

#include "core/net.h"
#include "core/tensor.h"

#include <math.h>
#include <string.h>

/* splitmix64: a step of the state, and a number of 64 good bits from it. */
static uint64_t mix(uint64_t state) {
    state += UINT64_C(0x9e3779b97f4a7c15);
    state = (state ^ (state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    state = (state ^ (state >> 27)) * UINT64_C(0x94d049bb133111eb);
    return state ^ (state >> 31);
}

/* -1 or 1: the sign of element i. */
static int sign_of(uint64_t seed, int64_t i) {
    return (mix(seed ^ mix((uint64_t)i)) >> 63) != 0 ? 1 : -1;
}

/* So many floats up or down; 0 and what is not finite stay, and nothing finite ceases to be. */
static float moved(float value, int steps) {
    float to = value;
    for (int i = 0; i < (steps < 0 ? -steps : steps); i++) {
        to = nextafterf(to, steps < 0 ? -INFINITY : INFINITY);
    }
    return value != 0 && isfinite(value) && isfinite(to) ? to : value;
}

/* Ops that compute with floats, and round. */
static int is_arithmetic(enum graph_op op) {
    switch (op) {
    case GRAPH_NET:
    case GRAPH_DENSE:
    case GRAPH_ACTIVATION:
    case GRAPH_SOFTMAX:
    case GRAPH_LOG_SOFTMAX:
    case GRAPH_MATMUL:
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_POW:
    case GRAPH_EXP:
    case GRAPH_LOG:
    case GRAPH_SQRT:
    case GRAPH_ERF:
    case GRAPH_REDUCE_SUM:
    case GRAPH_REDUCE_MEAN:
        return 1;
    default:
        return 0;
    }
}

/* ---- weights --------------------------------------------------------------------------------- */

static void move_strand(struct strand *to, const struct strand *from, uint64_t seed) {
    for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
        int64_t rows = 0, columns = 0;
        if (from->weights[role] == NULL) {
            continue;
        }
        strand_weight_shape(from, role, &rows, &columns);
        const int is_of_gates = role <= BIAS_HH; /* all four end in one sum */
        const uint64_t of_rows = mix(seed + (is_of_gates ? 0 : (uint64_t)role));
        const uint64_t of_own = mix(seed ^ (UINT64_C(1) << (32 + role)));
        const int64_t width = columns > 0 ? columns : 1;
        for (int64_t i = 0; i < rows * width; i++) {
            to->weights[role][i] =
                moved(from->weights[role][i], sign_of(of_rows, i / width) + sign_of(of_own, i));
        }
        to->given[role] = 1;
    }
}

clrnn_status session_move_net(clrnn_net **out, const clrnn_net *net, uint64_t seed) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net *copy = NULL;
    TRY(net_require_complete(net));
    TRY(clrnn_net_create(&copy, clrnn_net_get_desc(net)));
    for (int i = 0; i < net->strand_count; i++) {
        move_strand(&copy->strands[i], &net->strands[i], mix(seed) + (uint64_t)i);
    }
    copy->version++;
    *out = copy;
out:
    return status;
}

/* ---- how many roundings ---------------------------------------------------------------------- */

/* They are independent: k of them do to a value what one of sqrt(k) times the size does. A function that
 * is two units in the last place off, four roundings' worth, so counts as 16 of them. */
enum { FUNCTION = 16, OF_A_STEP = 3 /* f c, i g and their sum */ };

/* A sum of I + W products, an activation and that of c, and what steps put on top of each other. */
static double of_net(const clrnn_net *net, int steps) {
    double sum = 0;
    for (int i = 0; i < net->desc.num_layers; i++) {
        const struct strand *strand = net_strand(net, i, 0);
        const int is_dense = strand->desc->cell == CLRNN_CELL_DENSE;
        sum += strand->inputs +
               (is_dense ? FUNCTION : strand->width + 2 * FUNCTION + OF_A_STEP * steps);
    }
    return sum;
}

static double of_op(const clrnn_session *session, const struct graph_node *node) {
    const clrnn_tensor *x = session_shape(session_input(session, node, 0));
    const clrnn_tensor *y = session_shape(session_output(session, node, 0));
    if (x == NULL || y == NULL || x->dtype != CLRNN_DTYPE_F32 || clrnn_tensor_count(y) == 0) {
        return 0;
    }
    switch (node->op) {
    case GRAPH_MATMUL:
        return x->rank > 0 ? (double)x->shape[x->rank - 1] : 1;
    case GRAPH_REDUCE_SUM:
    case GRAPH_REDUCE_MEAN:
        return (double)clrnn_tensor_count(x) / (double)clrnn_tensor_count(y);
    case GRAPH_SOFTMAX:
    case GRAPH_LOG_SOFTMAX:
        return FUNCTION + (double)x->shape[node->axis < 0 ? node->axis + x->rank : node->axis];
    case GRAPH_ACTIVATION:
    case GRAPH_POW:
    case GRAPH_EXP:
    case GRAPH_LOG:
    case GRAPH_SQRT:
    case GRAPH_ERF:
        return FUNCTION;
    default:
        return 1;
    }
}

void session_count_roundings(clrnn_session *session, const struct graph_node *node, int steps) {
    if (is_arithmetic(node->op)) {
        session->roundings += node->net != NULL ? of_net(node->net, steps) : of_op(session, node);
    }
}

double clrnn_session_roundings(const clrnn_session *session) {
    return session != NULL ? session->roundings : 0;
}

/* ---- values ---------------------------------------------------------------------------------- */

clrnn_status session_move(const clrnn_tensor **value, clrnn_session *session,
                          const struct graph_node *node, int slot) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *from = *value;
    if (session->desc.moved == 0 || from == NULL || from->dtype != CLRNN_DTYPE_F32 ||
        !is_arithmetic(node->op)) {
        goto out;
    }
    struct graph_array *array = &session->moves[slot];
    const uint64_t place = (uint64_t)(node - session->graph->nodes) * CLRNN_MAX_RANK;
    const uint64_t seed = mix(session->desc.moved ^ mix(place + (uint64_t)slot));
    const float *numbers = tensor_host(from);
    TRY(graph_array_make(array, CLRNN_DTYPE_F32, from->rank, from->shape));
    float *to = array->tensor.data;
    for (int64_t i = 0; i < clrnn_tensor_count(from); i++) {
        to[i] = moved(numbers[i], sign_of(seed, i));
    }
    *value = &array->tensor;
out:
    return status;
}
