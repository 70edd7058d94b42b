/* cmd_devices.c: `clrnn devices`: one line a device, best first. */
#include "cli/commands.h"
#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *describe(const clrnn_device_info *info) {
    json_t *object = report_json_device(info);
    json_t *choice = json_pack("{s:i,s:b,s:o}", "score", info->score, "usable", info->usable,
                               "reason", report_json_text(info->reason));
    (void)json_object_update(object, choice);
    json_decref(choice);
    return object;
}

static void print_device(const clrnn_device_info *info) {
    char name[256];
    char driver[256];
    char reason[512];
    report_escape(name, sizeof name, info->name[0] != 0 ? info->name : info->platform_name);
    report_escape(driver, sizeof driver, info->driver);
    report_escape(reason, sizeof reason, info->reason);
    if (info->index < 0) {
        (void)printf("-  %d:-  %s  %sno device%s%s%s\n", info->platform, name, report_red(),
                     report_plain(), reason[0] != 0 ? ": " : "", reason);
        return;
    }
    (void)printf("%d  %d:%d  %s%s%s  %s  driver %s  %d compute units  %.1f GiB  fp16 %s  fp64 %s  ",
                 info->index, info->platform, info->device, report_bold(), name, report_plain(),
                 info->type, driver, info->compute_units,
                 (double)info->global_memory / (1024.0 * 1024 * 1024),
                 info->has_fp16 ? "yes" : "no", info->has_fp64 ? "yes" : "no");
    (void)printf("%s%s%s%s%s\n", info->usable ? report_green() : report_red(),
                 info->usable ? "usable" : "not usable", report_plain(), reason[0] != 0 ? ": " : "",
                 reason);
}

int cmd_devices(const options *opts) {
    clrnn_device_info *infos = NULL;
    size_t count = 0;
    size_t usable = 0;
    int code = REPORT_FINE;
    clrnn_status status = clrnn_devices(&count, NULL, 0);
    size_t capacity = count;
    if (status == CLRNN_STATUS_OK) {
        infos = calloc(capacity + 1, sizeof *infos);
        if (infos == NULL) {
            code = report_fail(REPORT_FAILED, "out of memory");
            goto out;
        }
        status = clrnn_devices(&count, infos, capacity);
        count = count < capacity ? count : capacity;
    }
    if (status != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "listing the devices");
        goto out;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        usable += infos[i].usable != 0;
        if (opts->given[OPTION_JSON]) {
            (void)json_array_append_new(list, describe(&infos[i]));
        } else {
            print_device(&infos[i]);
        }
    }
    if (opts->given[OPTION_JSON]) {
        TRY(report_json(list));
    } else {
        json_decref(list);
    }
    if (count == 0) {
        code = report_fail(REPORT_NO_DEVICE, "there is no OpenCL driver");
        report_hint(REPORT_NO_DRIVER_HINT);
    } else if (usable == 0) {
        code = report_fail(REPORT_NO_DEVICE, "none of %zu listed is a usable device", count);
    }
out:
    free(infos);
    return code;
}
