/*
 * stacks.h: what the suites of properties share: nets of several layers with inputs, from problem
 * strings; every way to run them; and a comparison of two runs of which one's rows and steps are taken
 * from the other's.
 */
#ifndef CLRNN_TESTS_STACKS_H
#define CLRNN_TESTS_STACKS_H

#include "clrnn.h"
#include "nets.h"

/* A place and an algorithm. */
struct stack_way {
    clrnn_context *context;
    const char *algorithm;
    int is_reference; /* what is between its layers is not rounded to float32 */
    const char *text; /* the problem string */
    char name[160];
};

/* Net and inputs of a problem string that `clrnn check` takes; lengths are always there. */
struct sample stack_of(const char *text);
/* Its net on other data: row n and step t are those that `from` says. */
struct stack_place {
    int t, n;
};
typedef struct stack_place stack_map(const struct sample *from, int t, int n);
struct stack_place stack_as_is(const struct sample *from, int t, int n);
struct sample stack_mapped(const struct sample *from, int steps, int batch, int batch_first,
                           stack_map *map);

/* A problem on one way to run it; `whole` is what it gave there. */
typedef void stack_property(const struct sample *whole, const struct stack_way *way);
/* Holds the properties on cpu, reference and every OpenCL device, by every algorithm that takes it. */
void stack_hold(const char *text, stack_property *const *properties, int count);

/* A plan for more steps and rows than the sample has. */
clrnn_plan *stack_plan(const struct sample *s, const struct stack_way *way, int more);
/* Fails unless every output was written, and nothing behind it. */
void stack_run_plan(struct sample *s, clrnn_plan *plan, const struct stack_way *way);
void stack_run(struct sample *s, const struct stack_way *way);

/* An output of a layer. */
struct stack_output {
    const char *name;
    float *values;
    int width;  /* of a step of a row, both directions; 0: there is none */
    int halves; /* directions side by side in it, 1 or 2 */
    int is_end; /* [D][N][width / D], else by step */
};
enum { STACK_OUTPUTS = 7 };
void stack_outputs(struct stack_output out[STACK_OUTPUTS], const struct sample *s, int layer);
float *stack_value(const struct stack_output *output, const struct sample *s, int t, int n,
                   int unit);

/* What is compared of two runs. */
struct stack_scope {
    stack_map *map;
    int layers; /* the first so many; 0: all */
    int steps_only;
    int turned;  /* directions have changed places */
    int but_row; /* 1 + a row that is not compared; 0: all are */
    const char *what;
};
/* Fails unless `other` has the bits that `whole` has at the places that the map says. */
void stack_same(const struct sample *whole, const struct sample *other,
                const struct stack_scope *scope, const struct stack_way *way);

/* The net's own copy of a weight: role 0 weight_ih, 1 weight_hh, 2 bias_ih, 3 bias_hh. data NULL: the
 * layer has none. To be changed before a plan is made. */
clrnn_tensor stack_weight(const struct sample *s, int layer, int direction, int role);

#endif
