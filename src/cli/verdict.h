/* verdict.h: how results stand against the equations and each other, and how check prints it. */
#ifndef CLRNN_CLI_VERDICT_H
#define CLRNN_CLI_VERDICT_H

#include "clrnn.h"
#include <jansson.h>

typedef struct verdict {
    const char *name;      /* "opencl", "cpu", "expected" */
    const char *algorithm; /* of its engine, or "" */
    const char *device;
    int64_t first_row; /* of --rows: what the judgement's rows count from */
    int names_layer;   /* the net has several layers, or two directions in one */
    char place[160];   /* of an output of a whole model, "output[3][7]", where no step is judged */
    const char *layer; /* of a whole model: the name of the worst one; else NULL */
    clrnn_judgement judgement;
    int last_differs; /* y of last_only is not h_n */
} verdict;

/* Two results value by value, over all their arrays. */
typedef struct verdict_difference {
    int64_t values; /* compared */
    int64_t differ; /* in at least one bit */
    double max_abs; /* infinite where one is NaN and the other is not */
} verdict_difference;

void verdict_compare(verdict_difference *sum, const clrnn_tensor *a, const clrnn_tensor *b);
/* "A and B agree bit for bit: 40 values" */
void verdict_print_difference(const char *a, const char *b, const verdict_difference *difference);
json_t *verdict_difference_json(const verdict_difference *difference);
/* opencl and cpu had to agree; gives REPORT_MISMATCH. */
int verdict_report_bits(const verdict_difference *between);
int verdict_is_fine(const verdict *one);
void verdict_print_header(void);
void verdict_print(const verdict *one);
json_t *verdict_json(const verdict *one);
/* One line on standard error for what is wrong; gives REPORT_MISMATCH, or REPORT_FINE. */
int verdict_report(const verdict *one);

#endif
