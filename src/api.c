/*
 * api.c: the public functions that create things: they check their arguments and call down. Forward
 * and states are in core/, arrays and models in io/.
 */
#include "core/plan.h"
#include "core/tensor.h"
#include "io/tuning_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

#ifndef CLRNN_COMMIT
#define CLRNN_COMMIT "unknown"
#endif

const char *clrnn_version(void) {
    return TEXT(CLRNN_VERSION_MAJOR) "." TEXT(CLRNN_VERSION_MINOR) "." TEXT(CLRNN_VERSION_PATCH);
}

const char *clrnn_build_info(void) {
    return "commit: " CLRNN_COMMIT "\n"
           "opencl: C API 1.2, loaded by the ICD loader\n"
#ifdef WITH_CLBLAST
           "clblast: yes\n"
#else
           "clblast: no (WITH_CLBLAST=0)\n"
#endif
           "formats: npy npz safetensors"
#ifdef WITH_HDF5
           " keras h5"
#endif
#ifdef WITH_PROTOBUF
           " onnx"
#endif
           "\n"
#ifndef WITH_HDF5
           "hdf5: no, so that Keras's files are not read or written (WITH_HDF5=0)\n"
#endif
#ifndef WITH_PROTOBUF
           "protobuf-c: no, so that ONNX files are not read or written (WITH_PROTOBUF=0)\n"
#endif
        ;
}

clrnn_status context_check_process(const clrnn_context *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(context->process == (long)getpid(), LOST,
            "context: made by process %ld, used by its child %ld after fork", context->process,
            (long)getpid());
out:
    return status;
}

/* What the file knows of the context's device. */
static clrnn_status take_tuning(clrnn_context *context, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct tuning_device device;
    struct tuning tuning;
    int found = 0;
    char why[100];
    tuning_device_of(&device, context);
    TRY(tuning_file_find(&tuning, &found, why, sizeof why, path, &device));
    if (found) {
        tuning_apply(context, &tuning);
    } else {
        snprintf(context->tuned, sizeof context->tuned, "usual speeds, the tuning is of %s",
                 why[0] != 0 ? why : "other devices");
    }
out:
    return status;
}

static clrnn_status open_engine(clrnn_context *context, clrnn_engine id,
                                const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *engine = engine_find(id);
    TRY(engine->context_open(&context->device, desc));
    context->engine = engine;
    context->id = id;
    engine->describe(context->device, &context->desc, &context->info);
    context->desc.strict = desc->strict;
    tuning_reset(context);
    if (desc->tuning != NULL && id != CLRNN_ENGINE_REFERENCE) {
        TRY(take_tuning(context, desc->tuning));
    }
out:
    return status;
}

static clrnn_status make_context(clrnn_context **out, clrnn_engine id,
                                 const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_context *context = calloc(1, sizeof *context);
    REQUIRE(context != NULL, MEMORY, "context: out of memory");
    context->process = (long)getpid();
    context->trace = desc->trace;
    TRY(open_engine(context, id, desc));
    *out = context;
    context = NULL;
out:
    clrnn_context_free(context);
    return status;
}

/* OpenCL with the cpu engine beside it, from which plans choose; one alone where the caller named a
 * device, or there is none. */
static clrnn_status make_auto(clrnn_context **out, const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_free = desc->device == NULL && desc->queue == NULL;
    clrnn_context *context = NULL;
    status = make_context(&context, CLRNN_ENGINE_OPENCL, desc);
    if (status == CLRNN_STATUS_NO_DEVICE && is_free) {
        TRY(make_context(&context, CLRNN_ENGINE_CPU, desc));
    } else if (status == CLRNN_STATUS_OK && is_free) {
        TRY(make_context(&context->sibling, CLRNN_ENGINE_CPU, desc));
    }
    TRY(status);
    *out = context;
    context = NULL;
out:
    clrnn_context_free(context);
    return status;
}

clrnn_status clrnn_context_create(clrnn_context **out, const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_context_desc defaults = {0};
    REQUIRE(out != NULL, ARGUMENT, "context: needs a place for the result, got NULL");
    *out = NULL;
    desc = desc != NULL ? desc : &defaults;
    REQUIRE(desc->engine >= CLRNN_ENGINE_AUTO && desc->engine <= CLRNN_ENGINE_REFERENCE, ARGUMENT,
            "context: unknown engine %d", (int)desc->engine);
    TRY(desc->engine == CLRNN_ENGINE_AUTO ? make_auto(out, desc)
                                          : make_context(out, desc->engine, desc));
out:
    return status;
}

void clrnn_context_free(clrnn_context *context) {
    if (context == NULL) {
        return;
    }
    clrnn_context_free(context->sibling);
    if (context->engine != NULL) {
        context->engine->context_close(context->device);
    }
    free(context);
}

clrnn_engine clrnn_context_engine(const clrnn_context *context) {
    return context != NULL ? context->id : CLRNN_ENGINE_AUTO;
}

const clrnn_device_info *clrnn_context_device(const clrnn_context *context) {
    return context != NULL ? &context->info : NULL;
}

clrnn_status clrnn_tune(clrnn_context *context, const clrnn_tune_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct tune_result results[2] = {0};
    struct tune_choice choices[TUNE_SHAPES];
    int count = 0;
    REQUIRE(context != NULL && desc != NULL && desc->path != NULL, ARGUMENT,
            "tune: needs a context and a desc with a path");
    REQUIRE(context->id != CLRNN_ENGINE_REFERENCE, UNSUPPORTED,
            "tune: the reference engine chooses nothing");
    TRY(context_check_process(context));
    TRY(tuning_file_check(desc->path));
    TRY(tune_measure(&results[count++], context, desc));
    if (context->sibling != NULL) {
        TRY(tune_measure(&results[count++], context->sibling, desc));
    }
    TRY(tune_choices(choices, context, results, count));
    TRY(tuning_file_update(desc->path, results, count, choices));
    tuning_apply(context, &results[0].tuning); /* what the file has now */
    if (context->sibling != NULL) {
        tuning_apply(context->sibling, &results[1].tuning);
    }
out:
    tune_result_free(&results[0]);
    tune_result_free(&results[1]);
    return status;
}

clrnn_status clrnn_plan_create(clrnn_plan **out, clrnn_context *context, const clrnn_net *net,
                               const clrnn_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL, ARGUMENT, "plan: needs a place for the result, got NULL");
    *out = NULL;
    TRY(plan_check_desc(context, net, desc));
    TRY(context_check_process(context));
    TRY(plan_create(out, context, net, desc, NULL));
out:
    return status;
}

clrnn_status clrnn_plan_workspace_size(size_t *out, const clrnn_context *context,
                                       const clrnn_net *net, const clrnn_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct plan_choice choice;
    struct plan_memory memory;
    struct algo_config *configs = NULL;
    REQUIRE(out != NULL, ARGUMENT, "plan: needs a place for the size, got NULL");
    *out = 0;
    TRY(plan_check_desc(context, net, desc));
    TRY(plan_choose(&choice, context, net, desc));
    context = choice.is_sibling ? context->sibling : context;
    configs = calloc((size_t)net->strand_count, sizeof *configs);
    REQUIRE(configs != NULL, MEMORY, "plan: out of memory");
    TRY(plan_configure(configs, &memory, context, net, desc, NULL));
    *out = context->id == CLRNN_ENGINE_REFERENCE ? 0 : memory.space.bytes;
out:
    free(configs);
    return status;
}

const char *clrnn_plan_describe(const clrnn_plan *plan) {
    return plan != NULL ? plan->text : "";
}

clrnn_status clrnn_plan_algorithms(size_t *count, clrnn_algorithm_info *infos, size_t capacity,
                                   const clrnn_context *context, const clrnn_net *net,
                                   const clrnn_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(count != NULL, ARGUMENT, "plan: needs a place for the count, got NULL");
    *count = 0;
    REQUIRE(infos != NULL || capacity == 0, ARGUMENT, "plan: needs a place for %zu infos, got NULL",
            capacity);
    TRY(plan_check_desc(context, net, desc));
    *count = algo_count();
    for (size_t i = 0; i < *count && i < capacity; i++) {
        struct plan_choice choice;
        clrnn_plan_desc named = *desc;
        named.algorithm = algo_name(i);
        TRY(plan_choose(&choice, context, net, &named));
        TRY(plan_explain(&infos[i], i, choice.is_sibling ? context->sibling : context, net, desc));
    }
out:
    return status;
}

clrnn_status clrnn_plan_profile(clrnn_profile *out, const clrnn_plan *plan) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL && plan != NULL, ARGUMENT, "plan: profile needs a place and a plan");
    memset(out, 0, sizeof *out);
    plan->context->engine->plan_profile(plan->engine_plan, out);
out:
    return status;
}
