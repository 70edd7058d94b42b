/*
 * selftest_gather.c: what the parent of the selftest makes of its children's lines: one object, what
 * failed, and the verdict.
 */
#include "cli/selftest.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Tests of a group that may hang before it is given up: each costs SELFTEST_SILENCE. */
enum { HUNG_MOST = 2 };

void selftest_gather_init(selftest_gathered *out) {
    memset(out, 0, sizeof *out);
    out->root = json_pack("{s:o,s:[],s:[],s:[],s:[],s:[]}", "device", json_null(), "probes",
                          "answers", "speeds", "times", "failures");
}

void selftest_gather_free(selftest_gathered *all) {
    json_decref(all->lost);
    json_decref(all->root);
    memset(all, 0, sizeof *all);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

void selftest_gather_failure(selftest_gathered *all, const char *test, const char *how,
                             const char *message) {
    (void)json_array_append_new(json_object_get(all->root, "failures"),
                                json_pack("{s:o,s:s,s:o}", "test", report_json_text(test), "how",
                                          how, "message", report_json_text(message)));
}

static void take_row(selftest_gathered *all, const json_t *line) {
    json_t *row = json_object_get(line, "row");
    json_t *rows = json_object_get(all->root, text_of(line, "into"));
    const char *status = text_of(row, "status");
    (void)json_array_append(rows, row);
    all->has_row = 1;
    if (strcmp(status, SELFTEST_WRONG) == 0 || strcmp(status, SELFTEST_ERROR) == 0) {
        selftest_gather_failure(all, all->test, status, text_of(row, "message"));
    }
}

double selftest_gather(void *user, const char *text) {
    selftest_gathered *all = user;
    json_t *line = json_loads(text, 0, NULL);
    const json_t *device = json_object_get(line, "device");
    const double silence = json_number_value(json_object_get(line, "silence"));
    if (json_object_get(line, "test") != NULL) {
        all->last = (int)json_integer_value(json_object_get(line, "test"));
        all->has_row = 0;
        (void)snprintf(all->test, sizeof all->test, "%s", text_of(line, "name"));
        report_progress("%s", all->test);
        json_decref(all->lost);
        all->lost = json_incref(line);
    } else if (json_object_get(line, "row") != NULL) {
        take_row(all, line);
    } else if (device != NULL) {
        (void)json_object_set(all->root, "device", (json_t *)device);
        all->has_row = 1;
    } else if (json_object_get(line, "stop") != NULL) {
        all->stop = (int)json_integer_value(json_object_get(line, "code"));
        (void)snprintf(all->reason, sizeof all->reason, "%s", text_of(line, "stop"));
    }
    json_decref(line);
    return silence;
}

/* ---- a group --------------------------------------------------------------------------------- */

/* What became of the child, in words. */
static const char *describe(char *out, size_t size, const supervise_outcome *from) {
    int used = 0;
    if (from->end == SUPERVISE_SIGNAL) {
        used = snprintf(out, size, "died of signal %d (%s)", from->code, strsignal(from->code));
    } else if (from->end == SUPERVISE_EXIT) {
        used = snprintf(out, size, "ended with exit status %d", from->code);
    } else if (from->end == SUPERVISE_NO_CHILD) {
        used = snprintf(out, size, "no process for it: %s", strerror(from->code));
    } else {
        used = snprintf(out, size, "gave no result within %.0f s%s", from->silence,
                        from->silence > SELFTEST_SILENCE + 1 ? " of building its programs" : "");
    }
    if (from->is_stuck && used >= 0 && (size_t)used < size) {
        used += snprintf(out + used, size - (size_t)used, ", and cannot be killed");
    }
    if (from->said[0] != 0 && used >= 0 && (size_t)used < size) {
        (void)snprintf(out + used, size - (size_t)used, "; it last said: %s",
                       from->said + strspn(from->said, " \t"));
    }
    return out;
}

/* The last test did not come to its end. */
static void lose_test(selftest_gathered *all, const char *how, const char *message) {
    json_t *row = json_object_get(all->lost, "row");
    selftest_gather_failure(all, all->test, how, message);
    if (json_is_object(row)) {
        (void)json_object_set_new(row, "status", json_string(how));
        (void)json_object_set_new(row, "message", report_json_text(message));
        (void)json_array_append(json_object_get(all->root, text_of(all->lost, "into")), row);
    }
}

int selftest_run_group(selftest_gathered *all, const char *name, supervise_work work,
                       selftest_pen pen, const supervise_limits *limits) {
    int hung = 0;
    for (;;) {
        supervise_outcome outcome;
        char message[600];
        const int before = pen.skip;
        (void)snprintf(all->test, sizeof all->test, "%s: opening the device", name);
        all->last = before;
        all->has_row = 0;
        json_decref(all->lost);
        all->lost = NULL;
        report_progress("%s", all->test);
        supervise(&outcome, work, &pen, limits, selftest_gather, all);
        report_progress_end();
        if (all->stop != 0 && json_is_object(json_object_get(all->root, "device"))) {
            all->stop = 0; /* it was there before */
            lose_test(all, "crashed", all->reason);
            return 1;
        }
        if (all->stop != 0) {
            return 0;
        }
        if (outcome.end == SUPERVISE_DONE) {
            return 1;
        }
        describe(message, sizeof message, &outcome);
        if (outcome.end == SUPERVISE_DEADLINE) {
            selftest_gather_failure(
                all, all->test, "not run",
                "the deadline came (--deadline): it and all that follows has no answer");
            return 0;
        }
        if (!all->has_row) {
            lose_test(all, outcome.end == SUPERVISE_LATE ? "hung" : "crashed", message);
        }
        hung += outcome.end == SUPERVISE_LATE;
        if (all->last == before || hung == HUNG_MOST || outcome.end == SUPERVISE_NO_CHILD) {
            selftest_gather_failure(all, name, "not run", "the rest of it was given up");
            return 1;
        }
        pen.skip = all->last;
    }
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static int count_how(const json_t *failures, const char *how) {
    size_t i = 0;
    int count = 0;
    const json_t *one;
    json_array_foreach(failures, i, one) {
        count += strcmp(text_of(one, "how"), how) == 0;
    }
    return count;
}

/* Rows that came to a result. */
static int count_results(const json_t *rows) {
    size_t i = 0;
    int count = 0;
    const json_t *row;
    json_array_foreach(rows, i, row) {
        count += strcmp(text_of(row, "status"), SELFTEST_REFUSED) != 0 &&
                 strcmp(text_of(row, "status"), SELFTEST_ERROR) != 0;
    }
    return count;
}

int selftest_conclude(selftest_gathered *all, double seconds) {
    static const char *const hows[] = {SELFTEST_WRONG, SELFTEST_ERROR, "hung", "crashed",
                                       "not run"};
    const json_t *failures = json_object_get(all->root, "failures");
    const int answers = count_results(json_object_get(all->root, "answers"));
    char text[256] = "";
    int used = 0;
    if (answers == 0 && json_array_size(failures) == 0) {
        selftest_gather_failure(all, "known answers", "not run", "no algorithm runs here");
    }
    for (size_t i = 0; i < sizeof hows / sizeof hows[0]; i++) {
        const int count = count_how(failures, hows[i]);
        if (count > 0) {
            used += snprintf(text + used, sizeof text - (size_t)used, "%s%d %s",
                             used > 0 ? ", " : "", count, hows[i]);
        }
    }
    const char *verdict = json_array_size(failures) == 0 ? "fine" : text;
    (void)json_object_set_new(all->root, "verdict", json_string(verdict));
    (void)json_object_set_new(all->root, "seconds", report_json_number(seconds));
    return count_how(failures, SELFTEST_WRONG) > 0 ? REPORT_MISMATCH
           : json_array_size(failures) > 0         ? REPORT_FAILED
                                                   : REPORT_FINE;
}
