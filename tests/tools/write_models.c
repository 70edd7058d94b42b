/*
 * write_models.c: a set of models as .keras and .onnx files, for tests/tools/check_frameworks.py.
 *
 *     write_models DIRECTORY
 *
 * writes models.txt, a line a model: its name, what is to become of it, and its text (chain_text.h);
 * its weights as NAME.npz, in PyTorch's layout, n0.weight_ih_l0 of the first net; and the files. Exit
 * status 1: a writer refused what it must write, or wrote what it must refuse.
 */
#include "chain_models.h"
#include "chain_text.h"

#include "io/keras.h"
#include "io/onnx.h"

static int save(const char *directory, const char *name, const char *suffix, const void *bytes,
                size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, suffix);
    FILE *file = fopen(path, "wb");
    const int is_done = file != NULL && fwrite(bytes, 1, size, file) == size;
    return file != NULL && fclose(file) == 0 && is_done;
}

static clrnn_status save_weights(const struct graph *graph, const char *directory,
                                 const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_arrays *arrays = NULL;
    clrnn_tensor view;
    char text[512];
    int nets = 0;
    TRY(clrnn_arrays_create(&arrays));
    for (int i = 0; i < graph->node_count; i++) {
        const struct graph_node *node = &graph->nodes[i];
        const char *weight;
        if (node->op == GRAPH_EMBEDDING) {
            TRY(clrnn_arrays_convert(&view, arrays, "table", CLRNN_DTYPE_F32,
                                     graph_constant(graph, node->inputs[1])));
        }
        for (size_t k = 0;
             node->net != NULL && (weight = clrnn_net_weight_name(node->net, k)) != NULL; k++) {
            clrnn_tensor tensor;
            TRY(clrnn_net_get_weight(&tensor, node->net, weight));
            snprintf(text, sizeof text, "n%d.%s", nets, weight);
            TRY(clrnn_arrays_convert(&view, arrays, text, CLRNN_DTYPE_F32, &tensor));
        }
        nets += node->net != NULL;
    }
    snprintf(text, sizeof text, "%s/%s.npz", directory, name);
    TRY(clrnn_arrays_save(arrays, text));
out:
    clrnn_arrays_free(arrays);
    return status;
}

/* 1: the writer did what it must. */
static int write_one(const struct graph *graph, const char *directory, const char *name,
                     const char *suffix, int flags, int wanted) {
    const struct write_options options = {.merge_bias = (flags & CHAIN_MERGE) != 0};
    unsigned char *bytes = NULL;
    size_t size = 0;
    const clrnn_status status = suffix[0] == 'k' ? keras_write(&bytes, &size, graph, &options)
                                                 : onnx_write(&bytes, &size, graph, &options);
    const int is_written = status == CLRNN_STATUS_OK;
    int is_fine = is_written == wanted && (is_written || status == CLRNN_STATUS_FORMAT);
    if (is_written) {
        is_fine = save(directory, name, suffix, bytes, size) && is_fine;
    }
    if (!is_written || !is_fine) {
        printf("%s%s.%s: %s\n", is_fine ? "" : "WRONG: ", name, suffix,
               is_written ? "written" : clrnn_last_error()->message);
    }
    free(bytes);
    return is_fine;
}

int main(int count, char **arguments) {
    int wrong = count != 2;
    char path[512];
    snprintf(path, sizeof path, "%s/models.txt", wrong ? "." : arguments[1]);
    FILE *list = wrong ? NULL : fopen(path, "w");
    for (size_t i = 0; list != NULL && i < CHAIN_MODELS; i++) {
        struct graph *graph = NULL;
        const char *name = chain_models[i].name;
        if (chain_graph(&graph, chain_models[i].text, i + 1) != CLRNN_STATUS_OK ||
            save_weights(graph, arguments[1], name) != CLRNN_STATUS_OK) {
            printf("WRONG: %s: %s\n", name, clrnn_last_error()->message);
            wrong = 1;
        } else {
            const int flags = chain_models[i].flags;
            wrong |=
                !write_one(graph, arguments[1], name, "keras", flags, (flags & CHAIN_KERAS) != 0);
            wrong |=
                !write_one(graph, arguments[1], name, "onnx", flags, (flags & CHAIN_ONNX) != 0);
            fprintf(list, "%s\t%s%s%s\t%s\n", name, flags & CHAIN_KERAS ? "k" : "",
                    flags & CHAIN_ONNX ? "o" : "", flags & CHAIN_MERGE ? "m" : "",
                    chain_models[i].text);
        }
        graph_free(graph);
    }
    return list == NULL || fclose(list) != 0 || wrong;
}
