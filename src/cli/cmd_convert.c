/*
 * cmd_convert.c: `clrnn convert`: a model from one format into another. It is written beside the
 * target, read back and compared, and takes the target's name only then.
 */
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/modelfile.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const formats[] = {".npz", ".safetensors", ".keras", ".onnx"};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* Of a path's last part; NULL where it is none that is written. */
static const char *find_format(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && dot > name && i < FORMATS; i++) {
        if (strcmp(dot, formats[i]) == 0) {
            return formats[i];
        }
    }
    return NULL;
}

/* "dir/.model.1234.onnx" for "dir/model.onnx" */
static char *name_beside(const char *path, const char *format) {
    const size_t size = strlen(path) + 40;
    const char *slash = strrchr(path, '/');
    const int folder = slash != NULL ? (int)(slash + 1 - path) : 0;
    const char *name = path + folder;
    char *out = malloc(size);
    if (out != NULL) {
        (void)snprintf(out, size, "%.*s.%.*s.%ld%s", folder, path,
                       (int)(strlen(name) - strlen(format)), name, (long)getpid(), format);
    }
    return out;
}

static int check_paths(const options *opts) {
    const char *to = opts->arguments[1];
    const deliver_file file = {.option = "OUT", .path = to};
    if (find_format(to) == NULL) {
        (void)report_fail(REPORT_USAGE, "%s: the name says no format that is written", to);
        report_hint("one of .npz, .safetensors, .keras and .onnx");
        return REPORT_USAGE;
    }
    return deliver_check_inputs(&file, 1, opts, NULL);
}

/* What has been written, as a reader finds it. */
static int read_back(const clrnn_model *model, const char *written, const options *opts) {
    const int merged = opts->given[OPTION_MERGE_BIAS] != 0;
    clrnn_model *back = NULL;
    options plain = *opts;
    int code = REPORT_FINE;
    plain.value[OPTION_NONLINEARITY] = NULL; /* the file says it by now */
    plain.given[OPTION_BATCH_FIRST] = plain.given[OPTION_TIME_FIRST] = 0;
    TRY(modelfile_open(&back, written, &plain));
    if (clrnn_model_compare(model, back, merged) != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "reading it back");
    }
out:
    clrnn_model_free(back);
    return code;
}

static int64_t count_params(const clrnn_model *model) {
    int64_t params = 0;
    for (size_t i = 0; i < clrnn_model_layer_count(model); i++) {
        clrnn_layer_info layer;
        if (clrnn_model_layer(&layer, model, i) == CLRNN_STATUS_OK) {
            params += layer.params;
        }
    }
    return params;
}

int cmd_convert(const options *opts) {
    const char *from = opts->arguments[0], *to = opts->arguments[1];
    const clrnn_save_options asked = {.merge_bias = opts->given[OPTION_MERGE_BIAS] != 0};
    clrnn_model *model = NULL;
    char *beside = NULL;
    int is_written = 0;
    int code = REPORT_FINE;
    TRY(check_paths(opts));
    TRY(modelfile_open(&model, from, opts));
    beside = name_beside(to, find_format(to));
    if (beside == NULL) {
        code = report_fail(REPORT_FAILED, "out of memory");
        goto out;
    }
    const clrnn_status status = clrnn_model_save(model, beside, &asked);
    if (status != CLRNN_STATUS_OK) {
        /* what the other format cannot say is a matter of the model */
        code = report_fail_library(status == CLRNN_STATUS_FORMAT, "converting %s to %s", from, to);
        goto out;
    }
    is_written = 1;
    TRY(read_back(model, beside, opts));
    if (rename(beside, to) != 0) {
        code = report_fail(REPORT_FAILED, "writing %s: %s", to, strerror(errno));
        goto out;
    }
    is_written = 0;
    report_note("%s: %lld parameters, read back bit for bit", to, (long long)count_params(model));
out:
    if (is_written) {
        (void)remove(beside);
    }
    free(beside);
    clrnn_model_free(model);
    return code;
}
