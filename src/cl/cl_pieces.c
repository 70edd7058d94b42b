/*
 * cl_pieces.c: the pieces of a call: for each the projection, then the recurrence.
 *
 * Where x_proj is there twice, projections go to a second queue, each one piece ahead, so that the
 * next piece's runs beside this one's steps:
 *
 *     second queue   project 0 | project 1   | project 2   | ...
 *     first queue              | recur 0     | recur 1     | recur 2 ...
 *
 * A recurrence waits for its projection, and a projection for the recurrence that was enqueued last: that
 * one read the x_proj that is to be overwritten, or stands behind the one that did, and if the
 * projection reads the layer below, it stands behind that too. All of it by events: the host waits for
 * nothing.
 */
#include "cl/cl_plan.h"
#include "core/clock.h"

struct pieces {
    struct cl_plan *plan;
    const struct engine_call *call;
    double *since;
    int beside;                    /* projections go to the second queue */
    cl_event made[ENGINE_X_PROJS]; /* x_proj is there, for the recurrence that is to come */
    cl_event read;                 /* the last recurrence that was enqueued is done */
};

clrnn_status cl_lap(struct cl_plan *plan, double *since, double *out) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (plan->context->profile) {
        TRY(cl_wait(plan->context, "forward"));
        const double now = clock_us();
        *out += now - *since;
        *since = now;
    }
out:
    return status;
}

clrnn_status cl_fetch_layer(struct cl_plan *plan, const struct engine_call *call, int layer,
                            const struct piece *piece, int last) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t first = 1 + 4 * (size_t)layer;
    for (size_t index = first; index < first + 4; index++) {
        if (engine_array_at(call, index)->last == last) {
            TRY(cl_fetch_array(plan, call, index, piece));
        }
    }
out:
    return status;
}

/* ---- two queues ------------------------------------------------------------------------------ */

static void drop(cl_event *event) {
    if (*event != NULL) {
        clReleaseEvent(*event);
        *event = NULL;
    }
}

static clrnn_status mark(cl_command_queue queue, cl_event *event) {
    drop(event);
    return cl_mark(event, queue, "forward");
}

static clrnn_status hold(cl_command_queue queue, const cl_event *event) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY_CL("forward", clEnqueueBarrierWithWaitList(queue, 1, event, NULL));
out:
    return status;
}

/* ---- a piece --------------------------------------------------------------------------------- */

static int layer_of(const struct pieces *p, const struct piece *piece) {
    return p->call->strands[piece->strand].layer;
}

/* x_proj number `place` of a piece, on the current queue; x, if it comes piece by piece, before it. */
static clrnn_status make(struct pieces *p, const struct piece *piece, int place) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_plan *plan = p->plan;
    const struct engine_call *call = p->call;
    const struct params params = engine_piece_params(call, piece);
    if (call->by_piece && layer_of(p, piece) == 0 && call->x_proj == NULL) {
        TRY(cl_send_array(plan, call, 0, piece));
    }
    if (call->x_proj != NULL) {
        TRY(cl_send_projected(plan, call, &params));
    }
    TRY(cl_lap(plan, p->since, &plan->profile.transfer_us));
    if (call->x_proj == NULL) {
        const size_t span = trace_begin(plan->context->trace, "phase", NULL, "projection");
        TRY(cl_strand_project(plan, call, &params, piece->strand, place));
        TRY(cl_lap(plan, p->since, &plan->profile.projection_us));
        trace_end(plan->context->trace, span);
    }
out:
    return status;
}

static clrnn_status project(struct pieces *p, const struct piece *piece, int place) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_engine_context *context = p->plan->context;
    if (p->beside) {
        context->current = context->second;
        context->is_apart = 1;
        TRY(hold(context->second, &p->read));
    }
    TRY(make(p, piece, place));
    if (p->beside) {
        TRY(mark(context->second, &p->made[place]));
    }
out:
    context->current = context->queue;
    return status;
}

/* In a trace it is a piece within the one whose steps it runs beside. */
static clrnn_status project_ahead(struct pieces *p, const struct piece *next, int place) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_trace *trace = p->plan->context->trace;
    struct engine_spans spans = {0};
    engine_spans_begin(&spans, trace, p->call, next);
    TRY(project(p, next, place));
    trace_end(trace, spans.piece);
out:
    return status;
}

static clrnn_status recur(struct pieces *p, const struct piece *piece, int place) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_plan *plan = p->plan;
    struct cl_engine_context *context = plan->context;
    const struct params params = engine_piece_params(p->call, piece);
    if (p->beside) {
        TRY(hold(context->queue, &p->made[place]));
    }
    const size_t span = trace_begin(context->trace, "phase", NULL, "recurrence");
    TRY(cl_strand_recur(plan, p->call, &params, piece->strand, place));
    TRY(cl_lap(plan, p->since, &plan->profile.recurrence_us));
    trace_end(context->trace, span);
    if (p->beside) {
        TRY(mark(context->queue, &p->read));
    }
    if (p->call->by_piece) {
        TRY(cl_fetch_layer(plan, p->call, layer_of(p, piece), piece, 0));
    }
out:
    return status;
}

/* Does the next projection read what the recurrence of this piece is to write? Pieces of one layer do not,
 * nor those of the lowest. */
static int must_wait(const struct pieces *p, const struct piece *next, const struct piece *piece) {
    const int layer = layer_of(p, next);
    return layer > 0 && layer != layer_of(p, piece);
}

static clrnn_status run_all(struct pieces *p) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct piece piece = PIECE_NONE;
    struct engine_spans spans = {0};
    clrnn_trace *trace = p->plan->context->trace;
    int more = engine_next_piece(p->call, &piece), is_made = 0, place = 0;
    while (more) {
        struct piece next = piece;
        more = engine_next_piece(p->call, &next);
        engine_spans_begin(&spans, trace, p->call, &piece);
        if (!is_made) {
            TRY(project(p, &piece, place));
        }
        is_made = p->beside && more && !must_wait(p, &next, &piece);
        if (is_made) {
            TRY(project_ahead(p, &next, 1 - place));
        }
        TRY(recur(p, &piece, place));
        engine_spans_end(&spans, trace, p->call, &piece);
        piece = next;
        place = p->beside ? 1 - place : 0;
    }
out:
    return status;
}

clrnn_status cl_pieces_run(struct cl_plan *plan, const struct engine_call *call, double *since) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_engine_context *context = plan->context;
    const int is_one = call->strand_count == 1 && call->chunk >= call->steps;
    struct pieces pieces = {.plan = plan, .call = call, .since = since};
    pieces.beside = plan->x_proj[1] != NULL && context->second != NULL && !context->profile &&
                    call->x_proj == NULL && !is_one;
    if (pieces.beside) {
        TRY(mark(context->queue, &pieces.read)); /* tables and x are there, the last call is done */
    }
    TRY(run_all(&pieces));
    context->is_apart = 0; /* the last recurrence waits for the last projection */
out:
    drop(&pieces.made[0]);
    drop(&pieces.made[1]);
    drop(&pieces.read);
    return status;
}
