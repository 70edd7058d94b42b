/*
 * session_value.c: where values lie. Between two layers on an OpenCL device an array stays there; the
 * engine's memory of a state is such an array.
 */
#include "graph/session.h"

#include <string.h>

const clrnn_tensor *session_shape(const struct session_value *value) {
    return value == NULL ? NULL : value->there.buffer != NULL ? &value->there : value->tensor;
}

clrnn_status session_fetch(const clrnn_tensor **out, clrnn_session *session,
                           struct session_value *value) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = NULL;
    if (value == NULL) {
        goto out;
    }
    if (value->tensor == NULL && value->there.buffer != NULL) {
        const clrnn_tensor *there = &value->there;
        TRY(graph_array_make(&value->array, CLRNN_DTYPE_F32, there->rank, there->shape));
        TRY(session->context->engine->state_read(
            value->memory, 0, (size_t)clrnn_tensor_count(there), value->array.tensor.data));
        value->tensor = &value->array.tensor;
    }
    *out = value->tensor;
out:
    return status;
}

/* Memory of the context's device for so many floats. */
static clrnn_status reserve(clrnn_session *session, struct session_value *value, int64_t floats) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *engine = session->context->engine;
    if (floats > value->floats) {
        if (value->memory != NULL) {
            engine->state_close(value->memory);
        }
        value->memory = NULL;
        value->floats = 0;
        TRY(engine->state_open(&value->memory, session->context->device, (size_t)floats));
        value->floats = floats;
    }
out:
    return status;
}

clrnn_status session_make(clrnn_tensor *out, clrnn_session *session, struct session_value *value,
                          const clrnn_context *context, int rank, const int64_t *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_tensor there = {.dtype = CLRNN_DTYPE_F32, .rank = rank};
    memcpy(there.shape, shape, (size_t)rank * sizeof shape[0]);
    const int stays = value->may_stay && context == session->context &&
                      context->engine->state_buffer != NULL && !session->desc.judge &&
                      session->desc.moved == 0;
    if (stays && clrnn_tensor_count(&there) > 0) {
        TRY(reserve(session, value, clrnn_tensor_count(&there)));
        there.buffer = context->engine->state_buffer(value->memory);
        value->there = there;
        *out = there;
    } else {
        TRY(graph_array_make(&value->array, CLRNN_DTYPE_F32, rank, shape));
        value->tensor = &value->array.tensor;
        *out = value->array.tensor;
    }
out:
    return status;
}

void session_value_free(clrnn_session *session, struct session_value *value) {
    graph_array_free(&value->array);
    if (value->memory != NULL) {
        session->context->engine->state_close(value->memory);
    }
}
