/* cmd_summary.c: `clrnn summary`: the layers of a model file as Keras prints them. */
#include "cli/commands.h"
#include "cli/modelfile.h"
#include "cli/report.h"

#include <stdio.h>
#include <string.h>

#define NAME_WIDTH 32
#define SHAPE_WIDTH 26
#define PARAMS_WIDTH 14

static void print_rule(char mark) {
    for (int i = 0; i < NAME_WIDTH + SHAPE_WIDTH + PARAMS_WIDTH; i++) {
        (void)putchar(mark);
    }
    (void)putchar('\n');
}

/* "104" as "104", "12345" as "12,345" */
static const char *with_commas(char text[32], int64_t number) {
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%lld", (long long)number);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            text[at++] = ',';
        }
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}

static void print_total(const char *what, int64_t params) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    char number[32];
    double bytes = 4.0 * (double)params;
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    (void)printf("%s: %s (%.2f %s)\n", what, with_commas(number, params), bytes, units[unit]);
}

/* "(None, 2, 3)", "?" */
static const char *shape_text(const clrnn_layer_info *layer, char *text, size_t size) {
    size_t at = (size_t)snprintf(text, size, "(");
    for (int axis = 0; axis < layer->rank && at < size; axis++) {
        const char *comma = axis > 0 ? ", " : "";
        at += (size_t)(layer->shape[axis] < 0 ? snprintf(text + at, size - at, "%sNone", comma)
                                              : snprintf(text + at, size - at, "%s%lld", comma,
                                                         (long long)layer->shape[axis]));
    }
    if (at < size) {
        (void)snprintf(text + at, size - at, ")");
    }
    return layer->rank < 0 ? "?" : text;
}

static json_t *shape_json(const clrnn_layer_info *layer) {
    if (layer->rank < 0) {
        return json_null();
    }
    json_t *shape = json_array();
    for (int axis = 0; axis < layer->rank; axis++) {
        (void)json_array_append_new(
            shape, layer->shape[axis] < 0 ? json_null() : json_integer(layer->shape[axis]));
    }
    return shape;
}

static int print_text(const char *path, const clrnn_model *model) {
    char escaped[600];
    int64_t total = 0;
    int64_t trainable = 0;
    (void)printf("%sModel: %s%s\n", report_bold(), report_escape(escaped, sizeof escaped, path),
                 report_plain());
    print_rule('_');
    (void)printf("%-*s%-*s%*s\n", NAME_WIDTH, " Layer (type)", SHAPE_WIDTH, "Output Shape",
                 PARAMS_WIDTH, "Param #");
    print_rule('=');
    for (size_t i = 0; i < clrnn_model_layer_count(model); i++) {
        clrnn_layer_info layer;
        char name[700];
        char shape[96];
        char params[32];
        if (clrnn_model_layer(&layer, model, i) != CLRNN_STATUS_OK) {
            return report_fail_file(1, "reading", path);
        }
        (void)snprintf(name, sizeof name, " %s (%s)",
                       report_escape(escaped, sizeof escaped, layer.name), layer.type);
        (void)printf("%-*s %-*s%*s\n", NAME_WIDTH - 1, name, SHAPE_WIDTH,
                     shape_text(&layer, shape, sizeof shape), PARAMS_WIDTH,
                     with_commas(params, layer.params));
        total += layer.params;
        trainable += layer.trainable;
    }
    print_rule('=');
    print_total("Total params", total);
    print_total("Trainable params", trainable);
    print_total("Non-trainable params", total - trainable);
    return REPORT_FINE;
}

static int print_json(const char *path, const clrnn_model *model) {
    json_t *layers = json_array();
    json_int_t total = 0;
    json_int_t trainable = 0;
    for (size_t i = 0; i < clrnn_model_layer_count(model); i++) {
        clrnn_layer_info layer;
        if (clrnn_model_layer(&layer, model, i) != CLRNN_STATUS_OK) {
            json_decref(layers);
            return report_fail_file(1, "reading", path);
        }
        (void)json_array_append_new(
            layers,
            json_pack("{s:o,s:s,s:o,s:I}", "name", report_json_text(layer.name), "type", layer.type,
                      "output_shape", shape_json(&layer), "params", (json_int_t)layer.params));
        total += layer.params;
        trainable += layer.trainable;
    }
    return report_json(json_pack("{s:o,s:o,s:I,s:I,s:i}", "model", report_json_text(path), "layers",
                                 layers, "total_params", total, "trainable_params", trainable,
                                 "non_trainable_params", total - trainable));
}

int cmd_summary(const options *opts) {
    const char *path = opts->arguments[0];
    clrnn_model *model = NULL;
    int code = modelfile_open(&model, path, opts);
    if (code == REPORT_FINE) {
        code = opts->given[OPTION_JSON] ? print_json(path, model) : print_text(path, model);
    }
    clrnn_model_free(model);
    return code;
}
