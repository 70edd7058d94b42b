/* last.c: see last.h. */
#include "cli/last.h"

#include "cli/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const clrnn_layer_desc *layer_of(const workload *load) {
    return &clrnn_net_get_desc(load->net)->layers[load->layers - 1];
}

static float merge(clrnn_merge how, float f, float r) {
    const float both = how == CLRNN_MERGE_MUL   ? f * r
                       : how == CLRNN_MERGE_AVE ? (f + r) * 0.5f
                                                : f + r;
    return isnan(both) ? NAN : both; /* the one pattern */
}

static const float *floats_of(const clrnn_tensor *array) {
    return (const float *)(const void *)((const char *)array->data + array->offset);
}

/* A row of length 0 takes no step: its last output is its h, and its o stays as it was. */
static int is_empty(const workload *load, int64_t n) {
    const clrnn_tensor *lengths = &load->lengths;
    const char *data = (const char *)lengths->data + lengths->offset;
    if (lengths->data == NULL) {
        return 0;
    }
    return lengths->dtype == CLRNN_DTYPE_I64 ? ((const int64_t *)(const void *)data)[n] == 0
                                             : ((const int32_t *)(const void *)data)[n] == 0;
}

int last_merge(clrnn_tensor *out, const workload *load, const compute_result *whole) {
    const clrnn_layer_desc *layer = layer_of(load);
    const clrnn_layer_arrays *arrays = &whole->layers[load->layers - 1];
    const int64_t width = clrnn_layer_width(layer);
    const int64_t shape[2] = {load->batch, load->outputs};
    const int directions = clrnn_layer_directions(layer);
    float *values = calloc((size_t)(load->batch * load->outputs), sizeof *values);
    if (values == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    for (int64_t n = 0; n < load->batch; n++) {
        const int by_mask = load->mask.data != NULL && !is_empty(load, n);
        const float *f = floats_of(by_mask ? &arrays->o_n : &arrays->h_n);
        const float *r = f + load->batch * width; /* with two directions */
        float *row = values + n * load->outputs;
        for (int64_t k = 0; k < width; k++) {
            const int64_t at = n * width + k;
            if (directions == 1) {
                row[k] = f[at];
            } else if (layer->merge == CLRNN_MERGE_CONCAT) {
                row[k] = f[at];
                row[width + k] = r[at];
            } else {
                row[k] = merge(layer->merge, f[at], r[at]);
            }
        }
    }
    *out = workload_view(&(clrnn_tensor){.data = values, .dtype = CLRNN_DTYPE_F32}, 2, shape);
    return REPORT_FINE;
}

int last_split(clrnn_layer_arrays *out, const workload *load, clrnn_arrays *keeper,
               const clrnn_tensor *last) {
    const clrnn_layer_desc *layer = layer_of(load);
    const int64_t width = clrnn_layer_width(layer);
    const int directions = clrnn_layer_directions(layer);
    const int64_t shape[3] = {directions, load->batch, width};
    const int has_mask = load->mask.data != NULL;
    const clrnn_tensor *o_0 = &load->starts[load->layers - 1].o_0;
    clrnn_tensor ends;
    if (directions == 2 && layer->merge != CLRNN_MERGE_CONCAT) {
        (void)report_fail(REPORT_USAGE,
                          "--expect: one last output of two merged directions cannot be judged");
        report_hint("give the outputs of all steps");
        return REPORT_USAGE;
    }
    if (clrnn_arrays_add(&ends, keeper, "last outputs", CLRNN_DTYPE_F32, 3, shape) !=
        CLRNN_STATUS_OK) {
        return report_fail_library(0, "reading --expect");
    }
    const float *from = floats_of(last);
    float *to = ends.data;
    for (int64_t d = 0; d < directions; d++) {
        for (int64_t n = 0; n < load->batch; n++) {
            memcpy(to + (d * load->batch + n) * width, from + n * load->outputs + d * width,
                   (size_t)width * sizeof *to);
        }
    }
    for (int64_t n = 0; n < load->batch && has_mask; n++) {
        for (int64_t d = 0; d < directions && is_empty(load, n); d++) {
            const int64_t at = (d * load->batch + n) * width;
            for (int64_t k = 0; k < width; k++) { /* o_0 stays; what y says of it is h_0 */
                to[at + k] = o_0->data != NULL ? floats_of(o_0)[at + k] : 0.0f;
            }
        }
    }
    *(has_mask ? &out->o_n : &out->h_n) = ends;
    return REPORT_FINE;
}
