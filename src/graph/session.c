/* session.c: binding inputs, running nodes in their order, giving outputs. */
#include "graph/session.h"

#include "core/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---------------------------------------------------------------------------------- */

int session_has_net(const struct graph_node *node) {
    return node->op == GRAPH_NET || node->op == GRAPH_DENSE;
}

static clrnn_status make_layers(clrnn_session *session) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph *graph = session->graph;
    int most_inputs = 1, most_outputs = 1, count = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct graph_node *node = &graph->nodes[i];
        most_inputs = node->input_count > most_inputs ? node->input_count : most_inputs;
        most_outputs = node->output_count > most_outputs ? node->output_count : most_outputs;
        count += session_has_net(node);
    }
    session->layers = calloc((size_t)count + 1, sizeof *session->layers);
    session->layer_of = calloc((size_t)graph->node_count + 1, sizeof *session->layer_of);
    session->inputs = calloc((size_t)most_inputs, sizeof(clrnn_tensor *));
    session->targets = calloc((size_t)most_outputs, sizeof(struct graph_array *));
    session->gathers = calloc((size_t)graph->node_count + 1, sizeof *session->gathers);
    session->moves = calloc((size_t)most_inputs, sizeof *session->moves);
    session->move_count = session->moves != NULL ? most_inputs : 0;
    REQUIRE(session->moves != NULL && session->gathers != NULL && session->layers != NULL &&
                session->layer_of != NULL && session->inputs != NULL && session->targets != NULL,
            MEMORY, "session: out of memory");
    for (int i = 0; i < graph->node_count; i++) {
        session->layer_of[i] = session_has_net(&graph->nodes[i]) ? session->layer_count : -1;
        if (session_has_net(&graph->nodes[i])) {
            session->layers[session->layer_count++].node = &graph->nodes[i];
        }
    }
out:
    return status;
}

/* What nobody takes need not be computed; what layers alone take as their x need not leave a device. */
static void mark_uses(clrnn_session *session) {
    const struct graph *graph = session->graph;
    for (int i = 0; i < graph->value_count; i++) {
        session->values[i].may_stay = 1;
    }
    for (int i = 0; i < graph->node_count; i++) {
        const struct graph_node *node = &graph->nodes[i];
        for (int slot = 0; slot < node->input_count; slot++) {
            struct session_value *value = session_input(session, node, slot);
            if (value != NULL) {
                value->is_wanted = 1;
                value->may_stay &= session_has_net(node) && slot == 0;
            }
        }
    }
    for (int i = 0; i < graph->output_count; i++) {
        if (!graph->outputs[i].is_state || session->desc.states) {
            session->values[graph->outputs[i].value].is_wanted = 1;
            session->values[graph->outputs[i].value].may_stay = 0;
        }
    }
}

clrnn_status session_create(clrnn_session **out, clrnn_context *context, const struct graph *graph,
                            const clrnn_session_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_session *session = calloc(1, sizeof *session);
    REQUIRE(session != NULL, MEMORY, "session: out of memory");
    session->context = context;
    session->graph = graph;
    session->desc = desc != NULL ? *desc : (clrnn_session_desc){0};
    REQUIRE(!session->desc.judge || session->desc.moved == 0, ARGUMENT,
            "session: the equations judge weights as they are, not moved ones");
    if (session->desc.algorithm != NULL) {
        snprintf(session->algorithm, sizeof session->algorithm, "%s", session->desc.algorithm);
        session->desc.algorithm = session->algorithm;
    }
    session->values = calloc((size_t)graph->value_count + 1, sizeof *session->values);
    session->outputs = calloc((size_t)graph->output_count + 1, sizeof *session->outputs);
    REQUIRE(session->values != NULL && session->outputs != NULL, MEMORY, "session: out of memory");
    TRY(make_layers(session));
    mark_uses(session);
    *out = session;
    session = NULL;
out:
    clrnn_session_free(session);
    return status;
}

void clrnn_session_free(clrnn_session *session) {
    if (session == NULL) {
        return;
    }
    for (int i = 0; session->values != NULL && i < session->graph->value_count; i++) {
        session_value_free(session, &session->values[i]);
    }
    for (int i = 0; i < session->layer_count; i++) {
        session_layer_free(&session->layers[i]);
    }
    for (int i = 0; session->gathers != NULL && i < session->graph->node_count; i++) {
        session_gather_free(session, &session->gathers[i]);
    }
    for (int i = 0; i < session->move_count; i++) {
        graph_array_free(&session->moves[i]);
    }
    free(session->moves);
    free(session->gathers);
    free(session->values);
    free(session->layers);
    free(session->layer_of);
    free(session->outputs);
    free((void *)session->inputs);
    free((void *)session->targets);
    free(session);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* "x [-1][10]" of a port into text; returns text. */
static const char *port_text(const struct graph_port *port, char *text, size_t size) {
    size_t at = (size_t)snprintf(text, size, "%s ", clrnn_dtype_name(port->dtype));
    for (int axis = 0; axis < port->rank && at < size; axis++) {
        if (port->shape[axis] < 0) {
            at += (size_t)snprintf(text + at, size - at, "[any]");
        } else {
            at += (size_t)snprintf(text + at, size - at, "[%lld]", (long long)port->shape[axis]);
        }
    }
    return text;
}

static clrnn_status find_port(int *out, const struct graph *graph, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    int found = -1, needed = 0;
    for (int i = 0; i < graph->input_count; i++) {
        const struct graph_port *port = &graph->inputs[i];
        const int fits =
            name != NULL ? port->name != NULL && strcmp(port->name, name) == 0 : !port->optional;
        needed += !port->optional;
        found = fits && found < 0 ? i : found;
    }
    REQUIRE(name != NULL || needed == 1, ARGUMENT,
            "session: an input without a name is for models with one, this one needs %d", needed);
    REQUIRE(found >= 0, ARGUMENT, "session: the model has no input %.100s",
            name != NULL ? name : "at all");
    *out = found;
out:
    return status;
}

/* Where the batch's axis stands in what belongs to one sequence. */
static int batch_axis_of(const struct graph *graph, const struct graph_port *port, int rank) {
    return port == &graph->inputs[0] ? graph->batch_axis
           : port->is_state          ? 1
           : rank >= 3               ? graph->batch_axis
                                     : 0;
}

static void insert_axis(clrnn_tensor *tensor, int axis) {
    for (int i = tensor->rank; i > axis; i--) {
        tensor->shape[i] = tensor->shape[i - 1];
    }
    tensor->shape[axis] = 1;
    tensor->rank++;
}

static void remove_axis(clrnn_tensor *tensor, int axis) {
    for (int i = axis; i + 1 < tensor->rank; i++) {
        tensor->shape[i] = tensor->shape[i + 1];
    }
    tensor->rank--;
}

static clrnn_status bind(clrnn_session *session, const clrnn_binding *binding, int *is_flat) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph *graph = session->graph;
    char wanted[160], got[160];
    int index = 0;
    TRY(find_port(&index, graph, binding->name));
    const struct graph_port *port = &graph->inputs[index];
    struct session_value *value = &session->values[port->value];
    REQUIRE(value->tensor == NULL, ARGUMENT, "session: input %s is given twice", port->name);
    TRY(tensor_check(&binding->value, port->name));
    REQUIRE(binding->value.data != NULL && tensor_is_dense(&binding->value), ARGUMENT,
            "session: input %s must be dense and in host memory", port->name);
    clrnn_tensor *view = &value->array.tensor;
    *view = binding->value;
    memset(view->strides, 0, sizeof view->strides);
    view->data = tensor_host(&binding->value);
    view->offset = 0;
    port_text(port, wanted, sizeof wanted);
    tensor_text(&binding->value, got, sizeof got);
    REQUIRE(view->dtype == port->dtype, SHAPE, "session: input %s needs %s, got %s", port->name,
            wanted, got);
    if (port->rank >= 0) {
        if (graph->batch_axis >= 0 && view->rank + 1 == port->rank) {
            insert_axis(view, batch_axis_of(graph, port, port->rank));
            *is_flat |= index == 0;
        }
        int fits = view->rank == port->rank;
        for (int axis = 0; fits && axis < port->rank; axis++) {
            fits = port->shape[axis] < 0 || port->shape[axis] == view->shape[axis];
        }
        REQUIRE(fits, SHAPE, "session: input %s needs %s, got %s", port->name, wanted, got);
    }
    value->tensor = view;
out:
    return status;
}

static clrnn_status bind_all(clrnn_session *session, size_t count, const clrnn_binding *inputs,
                             int *is_flat) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph *graph = session->graph;
    *is_flat = 0;
    for (int i = 0; i < graph->value_count; i++) {
        session->values[i].tensor = graph_constant(graph, i);
        session->values[i].there.buffer = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(bind(session, &inputs[i], is_flat));
    }
    for (int i = 0; i < graph->input_count; i++) {
        const struct graph_port *port = &graph->inputs[i];
        REQUIRE(port->optional || session->values[port->value].tensor != NULL, ARGUMENT,
                "session: the model needs input %s, which was not given", port->name);
    }
out:
    return status;
}

/* ---- running --------------------------------------------------------------------------------- */

struct session_value *session_input(const clrnn_session *session, const struct graph_node *node,
                                    int slot) {
    return slot < node->input_count && node->inputs[slot] >= 0
               ? &session->values[node->inputs[slot]]
               : NULL;
}

struct session_value *session_output(const clrnn_session *session, const struct graph_node *node,
                                     int slot) {
    struct session_value *value = slot < node->output_count && node->outputs[slot] >= 0
                                      ? &session->values[node->outputs[slot]]
                                      : NULL;
    return value != NULL && value->is_wanted ? value : NULL;
}

/* Layers do without most of their inputs; an op does not, and then neither has those behind it. */
static int can_run(const clrnn_session *session, const struct graph_node *node) {
    const int needs_one = session_has_net(node) || node->op == GRAPH_MASKING;
    int wanted = 0;
    for (int slot = 0; slot < node->output_count; slot++) {
        wanted |= session_output(session, node, slot) != NULL;
    }
    for (int slot = 0; slot < node->input_count; slot++) {
        const struct session_value *value = session_input(session, node, slot);
        const int needed = slot == 0 || (!needs_one && value != NULL);
        if (needed && session_shape(value) == NULL) {
            return 0;
        }
    }
    return wanted;
}

static clrnn_status run_op(clrnn_session *session, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node *node = &session->graph->nodes[index];
    const int gathers = session_may_gather(session, node);
    for (int slot = 0; slot < node->input_count; slot++) {
        TRY(session_fetch(&session->inputs[slot], session, session_input(session, node, slot)));
        TRY(session_move(&session->inputs[slot], session, node, slot));
    }
    for (int slot = 0; slot < node->output_count; slot++) {
        struct session_value *value = session_output(session, node, slot);
        session->targets[slot] = value != NULL && !(gathers && slot == 0) ? &value->array : NULL;
    }
    TRY(graph_op_run(node, session->inputs, session->targets));
    if (gathers) {
        TRY(session_gather(session, &session->gathers[index], node, session->inputs[0]));
    }
    for (int slot = 0; slot < node->output_count; slot++) {
        struct session_value *value = session_output(session, node, slot);
        if (value != NULL && !(gathers && slot == 0)) {
            value->tensor = &value->array.tensor;
        }
    }
    session_count_roundings(session, node, 1);
out:
    return status;
}

static clrnn_status give_outputs(clrnn_session *session, int is_flat) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph *graph = session->graph;
    for (int i = 0; i < graph->output_count; i++) {
        const struct graph_port *port = &graph->outputs[i];
        const clrnn_tensor *tensor = session->values[port->value].tensor;
        if (tensor == NULL) {
            REQUIRE(port->is_state, ARGUMENT,
                    "session: output %s needs an input that was not given", port->name);
            continue;
        }
        session->outputs[i] = *tensor;
        const int axis = batch_axis_of(graph, port, tensor->rank);
        if (is_flat && axis < tensor->rank && tensor->shape[axis] == 1) {
            remove_axis(&session->outputs[i], axis);
        }
    }
out:
    return status;
}

clrnn_status clrnn_session_run(clrnn_session *session, size_t num_inputs,
                               const clrnn_binding *inputs) {
    clrnn_status status = CLRNN_STATUS_OK;
    int is_flat;
    REQUIRE(session != NULL && (inputs != NULL || num_inputs == 0), ARGUMENT,
            "session: run needs a session and a list of %zu inputs", num_inputs);
    session->roundings = 0;
    memset(session->outputs, 0, (size_t)session->graph->output_count * sizeof *session->outputs);
    for (int i = 0; i < session->layer_count; i++) {
        session->layers[i].has_run = 0;
    }
    TRY(bind_all(session, num_inputs, inputs, &is_flat));
    for (int i = 0; i < session->graph->node_count; i++) {
        const struct graph_node *node = &session->graph->nodes[i];
        const int layer = session->layer_of[i];
        if (can_run(session, node)) {
            TRY(layer >= 0 ? session_run_layer(session, &session->layers[layer])
                           : run_op(session, i));
        }
    }
    TRY(give_outputs(session, is_flat));
out:
    return status;
}

const clrnn_tensor *clrnn_session_output(const clrnn_session *session, size_t i) {
    return session != NULL && i < (size_t)session->graph->output_count &&
                   session->outputs[i].data != NULL
               ? &session->outputs[i]
               : NULL;
}
