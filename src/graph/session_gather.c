/*
 * session_gather.c: an embedding whose rows stay on the device: the table lies there from the first run
 * on, and of each run only the ids go there.
 */
#include "graph/session.h"

#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

int session_may_gather(const clrnn_session *session, const struct graph_node *node) {
    const struct session_value *rows = session_output(session, node, 0);
    const clrnn_tensor *table = graph_constant(session->graph, node->inputs[1]);
    return node->op == GRAPH_EMBEDDING && session->context->engine->gather != NULL &&
           !session->desc.judge && session->desc.moved == 0 && rows != NULL && rows->may_stay &&
           table != NULL && table->dtype == CLRNN_DTYPE_F32 && table->rank == 2 &&
           clrnn_tensor_count(table) > 0;
}

/* ids as int32: they are whole numbers within the table, or the op has failed. */
static clrnn_status take_ids(const int32_t **out, struct session_gather *gather,
                             const clrnn_tensor *ids) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node cast = {
        .op = GRAPH_CAST, .input_count = 1, .output_count = 1, .to = CLRNN_DTYPE_I32};
    struct graph_array *const target = &gather->whole;
    if (ids->dtype == CLRNN_DTYPE_I32) {
        *out = tensor_host(ids);
    } else {
        TRY(graph_op_run(&cast, &ids, &target));
        *out = gather->whole.tensor.data;
    }
out:
    return status;
}

clrnn_status session_gather(clrnn_session *session, struct session_gather *gather,
                            const struct graph_node *node, const clrnn_tensor *ids) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *engine = session->context->engine;
    const clrnn_tensor *table = graph_constant(session->graph, node->inputs[1]);
    struct session_value *rows = session_output(session, node, 0);
    const int64_t count = clrnn_tensor_count(ids);
    const int32_t *numbers;
    clrnn_tensor y;
    int64_t shape[CLRNN_MAX_RANK + 1];
    TRY(take_ids(&numbers, gather, ids));
    if (gather->table == NULL) {
        const size_t floats = (size_t)clrnn_tensor_count(table);
        TRY(engine->state_open(&gather->table, session->context->device, floats));
        TRY(engine->state_write(gather->table, 0, floats, table->data));
    }
    if (count > gather->room) {
        if (gather->ids != NULL) {
            engine->state_close(gather->ids);
        }
        gather->ids = NULL;
        gather->room = 0;
        TRY(engine->state_open(&gather->ids, session->context->device, (size_t)count));
        gather->room = count;
    }
    memcpy(shape, ids->shape, sizeof ids->shape);
    shape[ids->rank] = table->shape[1];
    TRY(session_make(&y, session, rows, session->context, ids->rank + 1, shape));
    /* a word is a word: the device reads them as int */
    TRY(engine->state_write(gather->ids, 0, (size_t)count, (const float *)(const void *)numbers));
    TRY(engine->gather(rows->memory, gather->table, gather->ids, (int)table->shape[1],
                       (size_t)count));
out:
    return status;
}

void session_gather_free(clrnn_session *session, struct session_gather *gather) {
    if (gather->table != NULL) {
        session->context->engine->state_close(gather->table);
    }
    if (gather->ids != NULL) {
        session->context->engine->state_close(gather->ids);
    }
    graph_array_free(&gather->whole);
}
