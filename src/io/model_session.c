/* model_session.c: a session of a model, which is one of its graph. */
#include "graph/session.h"
#include "io/model.h"

clrnn_status clrnn_session_create(clrnn_session **out, clrnn_context *context,
                                  const clrnn_model *model, const clrnn_session_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL, ARGUMENT, "session: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(context != NULL && model != NULL, ARGUMENT, "session: needs a context and a model");
    TRY(session_create(out, context, model->graph, desc));
out:
    return status;
}
