/* tuned.c: see tuned.h. */
#include "cli/tuned.h"

#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int name_too_long(const char *path) {
    return report_fail(REPORT_USAGE, "--tuning: a path has at most %zu bytes, got %zu",
                       sizeof((tuned_file *)NULL)->path - 1, strlen(path));
}

int tuned_find(tuned_file *out, const options *opts) {
    const char *named = opts->value[OPTION_TUNING];
    const char *data = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int length = 0;
    memset(out, 0, sizeof *out);
    if (named != NULL && strcmp(named, "none") == 0) {
        return REPORT_FINE;
    }
    if (named != NULL && strcmp(named, "-") == 0) {
        return report_fail(REPORT_USAGE, "--tuning -: must be a file with a name");
    }
    out->is_usual = named == NULL;
    if (named != NULL) {
        length = snprintf(out->path, sizeof out->path, "%s", named);
    } else if (data != NULL && data[0] == '/') { /* the rule: others are to be ignored */
        length = snprintf(out->path, sizeof out->path, "%s/clrnn/tuning.json", data);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(out->path, sizeof out->path, "%s/.local/share/clrnn/tuning.json", home);
    }
    if (length >= (int)sizeof out->path) {
        out->path[0] = 0;
        return named != NULL ? name_too_long(named) : REPORT_FINE;
    }
    return REPORT_FINE;
}

int tuned_is_at_fault(const tuned_file *file) {
    const clrnn_status status = clrnn_last_error()->status;
    return file->path[0] != 0 && (status == CLRNN_STATUS_IO || status == CLRNN_STATUS_FORMAT);
}

clrnn_status tuned_open(clrnn_context **out, const clrnn_context_desc *desc,
                        const tuned_file *file) {
    clrnn_context_desc with_file = *desc;
    const int is_there = file->path[0] != 0 && (!file->is_usual || access(file->path, F_OK) == 0);
    with_file.tuning = is_there ? file->path : NULL;
    clrnn_status status = clrnn_context_create(out, &with_file);
    if (status != CLRNN_STATUS_OK && file->is_usual && tuned_is_at_fault(file)) {
        static int is_said; /* bench opens many contexts */
        if (!is_said++) {
            report_note("the tuning is passed over: %s", clrnn_last_error()->message);
        }
        with_file.tuning = NULL;
        status = clrnn_context_create(out, &with_file);
    }
    return status;
}
