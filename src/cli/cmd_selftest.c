/*
 * cmd_selftest.c: `clrnn selftest`: one device seen from all sides, as a table for a bug report.
 *
 * This process calls no OpenCL at all: a driver that hangs or crashes takes a child along, and the
 * table says which test it was.
 */
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/report.h"
#include "cli/selftest.h"

#include <stdio.h>
#include <string.h>

enum { DEADLINE = 120, DEADLINE_MOST = 86400 }; /* seconds */

static const struct {
    const char *name;
    supervise_work work;
    void (*print)(const json_t *root);
} groups[] = {
    {"device", selftest_device, selftest_print_device},
    {"probes", selftest_probes, selftest_print_probes},
    {"known answers", selftest_answers, selftest_print_answers},
    {"times", selftest_times, selftest_print_times},
};

/* "key: value" lines of the build. */
static void add_build(json_t *root) {
    json_t *lines = json_object();
    for (const char *text = clrnn_build_info(); text[0] != 0;) {
        char key[64];
        char value[512];
        const size_t length = strcspn(text, "\n");
        const size_t colon = strcspn(text, ":");
        if (colon < length && colon < sizeof key) {
            const size_t start = colon + 1 + strspn(text + colon + 1, " ");
            (void)snprintf(key, sizeof key, "%.*s", (int)colon, text);
            (void)snprintf(value, sizeof value, "%.*s", (int)(length - start), text + start);
            (void)json_object_set_new(lines, key, report_json_text(value));
        }
        text += length;
        text += text[0] == '\n';
    }
    (void)json_object_set_new(root, "version", json_string(clrnn_version()));
    (void)json_object_set_new(root, "build", lines);
}

static int fail_open(const selftest_gathered *all, const compute_setup *setup) {
    const char *said = setup->from_environment ? " that CLRNN_DEVICE names" : "";
    (void)report_fail(all->stop, "opening the device%s: %s", said, all->reason);
    if (all->stop == REPORT_NO_DEVICE) {
        report_hint("clrnn devices lists what is there and why it cannot be used");
    }
    return all->stop;
}

int cmd_selftest(const options *opts) {
    const int as_json = opts->given[OPTION_JSON] != 0;
    selftest_gathered all;
    compute_setup setup;
    int64_t deadline = 0;
    int code = REPORT_FINE;
    int is_over = 0;
    selftest_gather_init(&all);
    TRY(compute_configure(&setup, opts));
    TRY(options_integer(&deadline, opts, OPTION_DEADLINE, 1, DEADLINE_MOST, DEADLINE));
    add_build(all.root);
    const double start = supervise_now();
    const supervise_limits limits = {.silence = SELFTEST_SILENCE, .end = start + (double)deadline};
    const selftest_pen pen = {.device = setup.device};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (is_over) {
            selftest_gather_failure(&all, groups[i].name, "not run",
                                    "the deadline came before it (--deadline)");
            continue;
        }
        is_over = !selftest_run_group(&all, groups[i].name, groups[i].work, pen, &limits);
        if (all.stop != 0) {
            code = fail_open(&all, &setup);
            goto out;
        }
        if (!as_json) {
            groups[i].print(all.root);
            TRY(report_finish_output());
        }
    }
    code = selftest_conclude(&all, supervise_now() - start);
    if (!as_json) {
        selftest_print_verdict(all.root);
    } else if (report_json(json_incref(all.root)) != REPORT_FINE) {
        code = REPORT_FAILED;
    }
out:
    selftest_gather_free(&all);
    return code;
}
