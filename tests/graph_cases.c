/* graph_cases.c: nodes as lines of text, run and compared; see graph_cases.h. */
#include "graph_cases.h"

#include "files.h"
#include "core/tensor.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading --------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    clrnn_dtype dtype;
} dtypes[] = {{"f32", CLRNN_DTYPE_F32},  {"f64", CLRNN_DTYPE_F64}, {"f16", CLRNN_DTYPE_F16},
              {"i32", CLRNN_DTYPE_I32},  {"i64", CLRNN_DTYPE_I64}, {"bool", CLRNN_DTYPE_BOOL},
              {"text", CLRNN_DTYPE_TEXT}};

static clrnn_dtype read_dtype(const char **at) {
    for (int i = 0; i < COUNT(dtypes); i++) {
        const size_t length = strlen(dtypes[i].text);
        if (strncmp(*at, dtypes[i].text, length) == 0) {
            *at += length;
            return dtypes[i].dtype;
        }
    }
    ck_abort_msg("no dtype: %s", *at);
    return CLRNN_DTYPE_F32;
}

static void put_number(const clrnn_tensor *tensor, int64_t i, const char **at) {
    char *end;
    switch (tensor->dtype) {
    case CLRNN_DTYPE_F32:
        ((float *)tensor->data)[i] = strtof(*at, &end);
        break;
    case CLRNN_DTYPE_F64:
        ((double *)tensor->data)[i] = strtod(*at, &end);
        break;
    case CLRNN_DTYPE_F16: /* its bits */
        ((uint16_t *)tensor->data)[i] = (uint16_t)strtoul(*at, &end, 0);
        break;
    case CLRNN_DTYPE_I32:
        ((int32_t *)tensor->data)[i] = (int32_t)strtol(*at, &end, 0);
        break;
    case CLRNN_DTYPE_I64:
        ((int64_t *)tensor->data)[i] = strtoll(*at, &end, 0);
        break;
    default:
        ((unsigned char *)tensor->data)[i] = (unsigned char)strtoul(*at, &end, 0);
        break;
    }
    ck_assert_msg(end != *at, "no number: %s", *at);
    *at = end;
}

/* [2,3]; then {1,2}, @7 or nothing */
static void read_array(clrnn_tensor *out, clrnn_dtype dtype, const char **at,
                       const clrnn_arrays *pools) {
    memset(out, 0, sizeof *out);
    out->dtype = dtype;
    ck_assert_int_eq(**at, '[');
    for (++*at; **at != ']'; *at += **at == ',') {
        char *end;
        out->shape[out->rank++] = strtoll(*at, &end, 10);
        ck_assert(end != *at && out->rank <= CLRNN_MAX_RANK);
        *at = end;
    }
    ++*at;
    const size_t item = clrnn_dtype_size(dtype);
    int64_t count = 1;
    for (int axis = 0; axis < out->rank; axis++) { /* zero where it would be too much */
        const int64_t extent = out->shape[axis];
        count = extent > 0 && extent < 1 << 20 ? count * extent : 0;
    }
    out->data = calloc((size_t)count + (count == 0), item);
    ck_assert_ptr_nonnull(out->data);
    if (**at == '{') {
        ++*at;
        for (int64_t i = 0; i < count; i++) {
            const char *here = *at;
            put_number(out, i, &here);
            *at = *here == ',' || i == count - 1 ? here + (*here == ',') : *at;
        }
        *at = strchr(*at, '}') + 1;
    } else if (**at == '@') {
        char *end;
        const size_t first = (size_t)strtoull(*at + 1, &end, 10);
        *at = end;
        for (int i = 0; i < COUNT(dtypes); i++) {
            if (dtypes[i].dtype == dtype) {
                const clrnn_tensor *pool = clrnn_arrays_find(pools, dtypes[i].text);
                ck_assert((int64_t)first + count <= clrnn_tensor_count(pool));
                memcpy(out->data, (char *)pool->data + first * item, (size_t)count * item);
            }
        }
    }
}

static void skip_spaces(const char **at) {
    while (**at == ' ') {
        ++*at;
    }
}

static int is_end(const char *at) {
    return *at == '\0' || *at == '\n' || *at == ':';
}

static void read_told(struct graph_case *test, const char *key, const char *value) {
    struct graph_node *node = &test->node;
    char *end;
    if (strcmp(key, "axis") == 0) {
        node->axis = strtoll(value, NULL, 10);
    } else if (strcmp(key, "flag") == 0) {
        node->flag = atoi(value);
    } else if (strcmp(key, "value") == 0) {
        node->value = strtof(value, NULL);
    } else if (strcmp(key, "to") == 0) {
        node->to = read_dtype(&value);
    } else if (strcmp(key, "act") == 0) {
        node->act.kind = clrnn_act_find(value);
        ck_assert_msg(node->act.kind != CLRNN_ACT_DEFAULT, "no activation: %s", value);
    } else if (strcmp(key, "parameters") == 0) {
        node->act.parameters = atoi(value);
    } else if (strcmp(key, "alpha") == 0) {
        node->act.alpha = strtof(value, NULL);
    } else if (strcmp(key, "beta") == 0) {
        node->act.beta = strtof(value, NULL);
    } else if (strcmp(key, "list") == 0) {
        for (const char *at = value; *at != '\0'; at = end + (*end == ',')) {
            node->list[node->list_count++] = strtoll(at, &end, 10);
        }
    } else {
        ck_assert_msg(strcmp(key, "name") == 0, "no such word: %s", key);
        strcpy(test->name, value);
        node->name = test->name;
    }
}

static void read_node(struct graph_case *test, const char **at) {
    static const char *const names[] = {
#define GRAPH_OP_NAME(name, text) #name,
        GRAPH_OP_LIST(GRAPH_OP_NAME)
#undef GRAPH_OP_NAME
    };
    for (int word = 0; !is_end(*at); word++) {
        char text[256] = "";
        const size_t length = strcspn(*at, " \n");
        ck_assert(length < sizeof text);
        memcpy(text, *at, length);
        *at += length;
        skip_spaces(at);
        char *value = strchr(text, '=');
        if (word > 0) {
            ck_assert_ptr_nonnull(value);
            *value = '\0';
            read_told(test, text, value + 1);
            continue;
        }
        int op = 0;
        while (op < GRAPH_OP_COUNT && strcmp(names[op], text) != 0) {
            op++;
        }
        ck_assert_msg(op < GRAPH_OP_COUNT, "no op: %s", text);
        test->node.op = (enum graph_op)op;
    }
}

void graph_case_read(struct graph_case *test, const char *line, const clrnn_arrays *pools) {
    memset(test, 0, sizeof *test);
    test->line = line;
    test->node.layer = -1;
    const char *at = line;
    read_node(test, &at);
    for (int side = 0; side < 2 && *at == ':'; side++) {
        int count = 0;
        at++;
        for (skip_spaces(&at); !is_end(at); skip_spaces(&at)) {
            ck_assert_int_lt(count, GRAPH_CASE_ARRAYS);
            test->places[count] = count;
            clrnn_tensor *tensor = side == 0 ? &test->inputs[count] : &test->outputs[count];
            if (*at == '-') {
                at++;
                ck_assert_int_eq(side, 0);
            } else {
                const int rounded = *at == '~';
                at += rounded;
                const clrnn_dtype dtype = read_dtype(&at);
                read_array(tensor, rounded ? CLRNN_DTYPE_F64 : dtype, &at, pools);
                if (side == 0) {
                    test->given[count] = tensor;
                } else {
                    test->dtypes[count] = dtype;
                    test->rounded[count] = rounded;
                }
            }
            count++;
        }
        *(side == 0 ? &test->node.input_count : &test->node.output_count) = count;
    }
    test->node.inputs = test->node.outputs = test->places;
    if (test->node.output_count == 0) {
        test->node.output_count = 1; /* one that must fail */
    }
}

void graph_case_free(struct graph_case *test) {
    for (int i = 0; i < GRAPH_CASE_ARRAYS; i++) {
        free(test->inputs[i].data);
        free(test->outputs[i].data);
    }
}

/* ---- comparing ------------------------------------------------------------------------------- */

static int same_float(float expected, float got) {
    static const uint32_t nan_bits = 0x7fc00000;
    return memcmp(&got, expected != expected ? (const void *)&nan_bits : &expected, sizeof got) ==
           0;
}

static int same_double(double expected, double got) {
    static const uint64_t nan_bits = 0x7ff8000000000000;
    return memcmp(&got, expected != expected ? (const void *)&nan_bits : &expected, sizeof got) ==
           0;
}

/* A function in double precision is some ulp of a double off, and the argument of one of its parts
 * too: where a tail multiplies that by |x|^2, for |x| up to 30, no more than 2^-43 is lost. */
#define LOST 0x1p-43

static int rounds_to_float(double expected, float got) {
    const double size = fabs(expected);
    if (expected != expected || isinf(expected) || size == 0) {
        return same_float((float)expected, got) || (size == 0 && got == 0);
    }
    if (size > (double)FLT_MAX * (1 + 0x1p-25)) {
        return same_float(copysignf(INFINITY, (float)(expected > 0 ? 1 : -1)), got);
    }
    const double ulp = size < 0x1p-126 ? 0x1p-149 : ldexp(1, ilogb(size) - 23);
    return fabs((double)got - expected) <= ulp / 2 + LOST * size;
}

static int rounds_to_double(double expected, double got) {
    if (expected != expected || isinf(expected)) {
        return same_double(expected, got);
    }
    return fabs(got - expected) <= LOST * fabs(expected);
}

static int same_element(const struct graph_case *test, int output, const clrnn_tensor *got,
                        int64_t i) {
    const clrnn_tensor *expected = &test->outputs[output];
    const size_t item = clrnn_dtype_size(got->dtype);
    const char *place = (const char *)tensor_host(got) + (size_t)i * item;
    const double wide = expected->dtype == CLRNN_DTYPE_F64 ? ((double *)expected->data)[i] : 0;
    if (test->rounded[output]) {
        return got->dtype == CLRNN_DTYPE_F32 ? rounds_to_float(wide, *(const float *)place)
                                             : rounds_to_double(wide, *(const double *)place);
    }
    switch (got->dtype) {
    case CLRNN_DTYPE_F32:
        return same_float(((float *)expected->data)[i], *(const float *)place);
    case CLRNN_DTYPE_F64:
        return same_double(wide, *(const double *)place);
    default:
        return memcmp(place, (char *)expected->data + (size_t)i * item, item) == 0;
    }
}

static void check_output(const struct graph_case *test, int output, const clrnn_tensor *got) {
    const clrnn_tensor *expected = &test->outputs[output];
    char text[2][200];
    clrnn_tensor wanted = *expected;
    wanted.dtype = test->dtypes[output];
    tensor_text(&wanted, text[0], sizeof text[0]);
    ck_assert_str_eq(tensor_text(got, text[1], sizeof text[1]), text[0]);
    ck_assert(got->data != NULL && tensor_is_dense(got));
    for (int64_t i = 0; i < clrnn_tensor_count(got); i++) {
        ck_assert_msg(same_element(test, output, got, i),
                      "%.200s\noutput %d, element %lld is wrong", test->line, output, (long long)i);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

static size_t output_bytes(const struct graph_case *test, int i) {
    return (size_t)clrnn_tensor_count(&test->outputs[i]) * clrnn_dtype_size(test->dtypes[i]);
}

void graph_case_hold(const struct graph_case *test) {
    struct graph_array arrays[GRAPH_CASE_ARRAYS] = {{.memory = NULL}};
    struct graph_array *outputs[GRAPH_CASE_ARRAYS];
    struct graph_array *const nobody[GRAPH_CASE_ARRAYS] = {NULL};
    for (int i = 0; i < test->node.output_count; i++) {
        const size_t bytes = output_bytes(test, i);
        outputs[i] = &arrays[i];
        arrays[i].capacity = bytes;
        arrays[i].memory = malloc(bytes + (bytes == 0));
        ck_assert_ptr_nonnull(arrays[i].memory);
        memset(arrays[i].memory, 0xa5, bytes);
    }
    void *const first = arrays[0].memory;
    ck_assert_msg(graph_op_run(&test->node, test->given, outputs) == CLRNN_STATUS_OK, "%.200s\n%s",
                  test->line, clrnn_last_error()->message);
    ck_assert_ptr_eq(arrays[0].memory, first); /* it was enough */
    for (int i = 0; i < test->node.output_count; i++) {
        check_output(test, i, &arrays[i].tensor);
        graph_array_free(&arrays[i]);
    }
    EXPECT_OK(graph_op_run(&test->node, test->given, nobody));
}

void graph_case_fold(const struct graph_case *test) {
    struct graph *graph = NULL;
    struct graph_node *node = NULL;
    int inputs[GRAPH_CASE_ARRAYS];
    size_t bytes = 0;
    int folded = -1;
    EXPECT_OK(graph_create(&graph));
    for (int i = 0; i < test->node.input_count; i++) {
        inputs[i] = -1;
        if (test->given[i] != NULL) {
            EXPECT_OK(graph_add_constant(&inputs[i], graph, NULL, test->given[i]));
        }
    }
    for (int i = 0; i < test->node.output_count; i++) {
        bytes += output_bytes(test, i);
    }
    EXPECT_OK(graph_add_node(&node, graph, test->node.op, "it", inputs, test->node.input_count,
                             test->node.output_count));
    struct graph_node told = test->node;
    told.name = node->name;
    told.inputs = node->inputs;
    told.outputs = node->outputs;
    *node = told;
    int outputs[GRAPH_CASE_ARRAYS];
    memcpy(outputs, node->outputs, (size_t)node->output_count * sizeof *outputs);
    if (bytes > 0) {
        expect_failure(graph_fold_last(&folded, graph, bytes - 1), CLRNN_STATUS_FORMAT, "'it'");
        ck_assert(folded == 0 && graph->node_count == 1);
        ck_assert_ptr_null(graph_constant(graph, outputs[0]));
    }
    EXPECT_OK(graph_fold_last(&folded, graph, bytes));
    ck_assert(folded == 1 && graph->node_count == 0);
    for (int i = 0; i < test->node.output_count; i++) {
        ck_assert_ptr_nonnull(graph_constant(graph, outputs[i]));
        check_output(test, i, graph_constant(graph, outputs[i]));
    }
    graph_free(graph);
}
