/*
 * cli_selftest.c: `clrnn selftest`: that it is fine on a device that is, and that it sees what is not:
 * a wrong number, a child that hangs, crashes or is killed. The latter are made here, of the parts that
 * the program is made of: its own tests never fail on purpose.
 */
#include "cli_selftest.h"

#include "cli/selftest.h"
#include "cli_program.h"
#include "clrnn.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NO_DEVICE = 3 };

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    ck_assert_msg(value != NULL, "%s is no text", key);
    return value;
}

static void pause_ms(long ms) {
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* ---- the supervisor -------------------------------------------------------------------------- */

typedef struct heard {
    int count;
    char lines[8][64];
    double silence; /* what each line gives */
} heard;

static double hear(void *user, const char *line) {
    heard *all = user;
    ck_assert_int_lt(all->count, 8);
    (void)snprintf(all->lines[all->count++], sizeof all->lines[0], "%s", line);
    return all->silence;
}

static void say_two(FILE *out, void *context) {
    (void)context;
    (void)fprintf(out, "one\ntwo\nno end");
    (void)printf("to nobody\n");
}

static void die(FILE *out, void *context) {
    (void)fprintf(out, "one\n");
    (void)fflush(out);
    (void)fprintf(stderr, "an assertion failed\nin some driver");
    (void)raise(*(const int *)context);
}

static void leave(FILE *out, void *context) {
    (void)fprintf(out, "one\n");
    (void)fflush(out);
    _exit(*(const int *)context);
}

static void sleep_long(FILE *out, void *context) {
    (void)context;
    (void)signal(SIGTERM, SIG_IGN);
    (void)fprintf(out, "one\n");
    (void)fflush(out);
    pause_ms(60000);
}

static void speak_slowly(FILE *out, void *context) {
    for (int i = 0; i < *(const int *)context; i++) {
        (void)fprintf(out, "%d\n", i);
        (void)fflush(out);
        pause_ms(200);
    }
}

static supervise_outcome watch(heard *all, supervise_work work, int number, double silence,
                               double seconds) {
    supervise_outcome end;
    const supervise_limits limits = {.silence = silence, .end = supervise_now() + seconds};
    const double start = supervise_now();
    supervise(&end, work, &number, &limits, hear, all);
    ck_assert(supervise_now() - start < 20);
    ck_assert_int_eq(end.is_stuck, 0);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
    return end;
}

START_TEST(lines_come_back) {
    heard all = {0};
    supervise_outcome end = watch(&all, say_two, 0, 10, 20);
    ck_assert_int_eq(end.end, SUPERVISE_DONE);
    ck_assert_str_eq(end.said, "to nobody");
    ck_assert_int_eq(all.count, 2);
    ck_assert_str_eq(all.lines[0], "one");
    ck_assert_str_eq(all.lines[1], "two");
}
END_TEST

START_TEST(crashes_are_survived) {
    static const int signals[] = {SIGABRT, SIGSEGV, SIGKILL, SIGFPE};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        heard all = {0};
        const supervise_outcome end = watch(&all, die, signals[i], 10, 20);
        ck_assert_int_eq(end.end, SUPERVISE_SIGNAL);
        ck_assert_int_eq(end.code, signals[i]);
        ck_assert_str_eq(end.said, "in some driver");
        ck_assert_int_eq(all.count, 1);
    }
    heard all = {0};
    const supervise_outcome end = watch(&all, leave, 7, 10, 20);
    ck_assert_int_eq(end.end, SUPERVISE_EXIT);
    ck_assert_int_eq(end.code, 7);
    ck_assert_int_eq(all.count, 1);
}
END_TEST

START_TEST(hangs_are_ended) {
    heard all = {0};
    supervise_outcome end = watch(&all, sleep_long, 0, 0.3, 20);
    ck_assert_int_eq(end.end, SUPERVISE_LATE);
    ck_assert(end.silence >= 0.3);
    ck_assert_int_eq(all.count, 1);
    end = watch(&all, sleep_long, 0, 10, 0.3);
    ck_assert_int_eq(end.end, SUPERVISE_DEADLINE);
    ck_assert_int_eq(all.count, 2);
}
END_TEST

/* Every line begins a silence anew, and may ask for a longer one. */
START_TEST(speech_is_no_hang) {
    heard all = {0};
    ck_assert_int_eq(watch(&all, speak_slowly, 6, 1, 20).end, SUPERVISE_DONE);
    ck_assert_int_eq(all.count, 6);
    all = (heard){.silence = 10};
    ck_assert_int_eq(watch(&all, speak_slowly, 3, 0.1, 20).end, SUPERVISE_DONE);
    ck_assert_int_eq(all.count, 3);
    all = (heard){0};
    ck_assert_int_eq(watch(&all, speak_slowly, 3, 0.1, 20).end, SUPERVISE_LATE);
}
END_TEST

/* ---- groups ---------------------------------------------------------------------------------- */

/* Five tests; the second one crashes, the fourth hangs. */
static void limp(FILE *out, void *context) {
    const selftest_pen *pen = context;
    for (int i = pen->skip + 1; i <= 5; i++) {
        (void)fprintf(out,
                      "{\"test\": %d, \"name\": \"test %d\", \"into\": \"answers\", \"row\": "
                      "{\"problem\": \"cell=rnn,T=%d\", \"algorithm\": \"a/b\"}}\n",
                      i, i, i);
        (void)fflush(out);
        if (i == 2) {
            abort();
        }
        if (i == 4) {
            pause_ms(60000);
        }
        (void)fprintf(out,
                      "{\"into\": \"answers\", \"row\": {\"name\": \"row %d\", \"status\": "
                      "\"fine\"}}\n",
                      i);
        (void)fflush(out);
    }
}

/* No test of it begins. */
static void fall(FILE *out, void *context) {
    (void)out;
    (void)context;
    abort();
}

static void stop(FILE *out, void *context) {
    (void)context;
    (void)fprintf(out, "{\"stop\": \"nothing there\", \"code\": 3}\n");
}

static const json_t *failure(const selftest_gathered *all, size_t i) {
    return json_array_get(json_object_get(all->root, "failures"), i);
}

START_TEST(groups_go_on) {
    selftest_gathered all;
    const supervise_limits limits = {.silence = 0.5, .end = supervise_now() + 30};
    selftest_gather_init(&all);
    ck_assert_int_eq(selftest_run_group(&all, "limping", limp, (selftest_pen){0}, &limits), 1);
    const json_t *rows = json_object_get(all.root, "answers");
    ck_assert_uint_eq(json_array_size(rows), 5);
    ck_assert_str_eq(text(json_array_get(rows, 1), "status"), "crashed");
    ck_assert_str_eq(text(json_array_get(rows, 1), "problem"), "cell=rnn,T=2");
    ck_assert_str_eq(text(json_array_get(rows, 3), "status"), "hung");
    ck_assert_uint_eq(json_array_size(json_object_get(all.root, "failures")), 2);
    ck_assert_str_eq(text(failure(&all, 0), "test"), "test 2");
    ck_assert_str_eq(text(failure(&all, 0), "how"), "crashed");
    ck_assert_ptr_nonnull(strstr(text(failure(&all, 0), "message"), "died of signal 6"));
    ck_assert_str_eq(text(failure(&all, 1), "test"), "test 4");
    ck_assert_str_eq(text(failure(&all, 1), "how"), "hung");
    ck_assert_int_eq(selftest_run_group(&all, "falling", fall, (selftest_pen){0}, &limits), 1);
    ck_assert_str_eq(text(failure(&all, 2), "test"), "falling: opening the device");
    ck_assert_str_eq(text(failure(&all, 3), "how"), "not run");
    ck_assert_int_eq(selftest_conclude(&all, 1), 1);
    ck_assert_str_eq(text(all.root, "verdict"), "1 hung, 2 crashed, 1 not run");
    ck_assert_int_eq(selftest_run_group(&all, "nothing", stop, (selftest_pen){0}, &limits), 0);
    ck_assert_int_eq(all.stop, 3);
    ck_assert_str_eq(all.reason, "nothing there");
    /* a device that was there, and is lost */
    all.stop = 0;
    (void)selftest_gather(&all, "{\"device\": {}}");
    ck_assert_int_eq(selftest_run_group(&all, "nothing", stop, (selftest_pen){0}, &limits), 1);
    ck_assert_int_eq(all.stop, 0);
    ck_assert_str_eq(text(failure(&all, 4), "message"), "nothing there");
    selftest_gather_free(&all);
}
END_TEST

START_TEST(deadlines_end_groups) {
    selftest_gathered all;
    const supervise_limits limits = {.silence = 20, .end = supervise_now() + 0.5};
    selftest_gather_init(&all);
    ck_assert_int_eq(selftest_run_group(&all, "limping", limp, (selftest_pen){.skip = 3}, &limits),
                     0);
    ck_assert_str_eq(text(failure(&all, 0), "test"), "test 4");
    ck_assert_str_eq(text(failure(&all, 0), "how"), "not run");
    ck_assert_int_eq(selftest_conclude(&all, 1), 1);
    selftest_gather_free(&all);
}
END_TEST

/* A line that is none, or half of one, changes nothing. */
START_TEST(broken_lines_are_passed_over) {
    static const char *const lines[] = {"",
                                        "{",
                                        "null",
                                        "[]",
                                        "{\"into\": \"nowhere\", \"row\": {}}",
                                        "{\"row\": 1}",
                                        "{\"into\": 3}",
                                        "\xff"};
    selftest_gathered all;
    selftest_gather_init(&all);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ck_assert(selftest_gather(&all, lines[i]) == 0);
    }
    ck_assert_uint_eq(json_array_size(json_object_get(all.root, "failures")), 0);
    selftest_gather_free(&all);
}
END_TEST

/* ---- wrong numbers --------------------------------------------------------------------------- */

typedef struct answer {
    generated made;
    workload load;
    clrnn_tensor y;
    compute_result result;
} answer;

static void compute(answer *out, const char *words) {
    problem task;
    problem_error error;
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    memset(out, 0, sizeof *out);
    ck_assert_msg(problem_parse(&task, words, &error), "%s", error.message);
    ck_assert_int_eq(generate(&out->made, &task), CLRNN_STATUS_OK);
    const int64_t shape[3] = {task.steps, task.batch, task.hidden.values[0]};
    ck_assert_int_eq(clrnn_arrays_create(&out->result.outputs), CLRNN_STATUS_OK);
    ck_assert_int_eq(clrnn_arrays_create(&out->result.carried), CLRNN_STATUS_OK);
    ck_assert_int_eq(clrnn_arrays_create(&out->result.judged), CLRNN_STATUS_OK);
    ck_assert_int_eq(
        clrnn_arrays_add(&out->y, out->result.outputs, "output", CLRNN_DTYPE_F32, 3, shape),
        CLRNN_STATUS_OK);
    out->load.net = out->made.net;
    out->result.args = (clrnn_forward_args){
        .x = out->made.x, .y = out->y, .lengths = out->made.lengths, .layers = out->made.layers};
    const clrnn_context_desc desc = {.engine = CLRNN_ENGINE_CPU};
    const clrnn_plan_desc plan_desc = {.steps = (int)task.steps, .batch = (int)task.batch};
    ck_assert_int_eq(clrnn_context_create(&context, &desc), CLRNN_STATUS_OK);
    ck_assert_int_eq(clrnn_plan_create(&plan, context, out->made.net, &plan_desc), CLRNN_STATUS_OK);
    ck_assert_int_eq(clrnn_forward(plan, &out->result.args, 0, NULL, NULL), CLRNN_STATUS_OK);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
}

static void forget(answer *one) {
    clrnn_arrays_free(one->result.outputs);
    clrnn_arrays_free(one->result.carried);
    clrnn_arrays_free(one->result.judged);
    generate_free(&one->made);
}

/* As a child would report it. */
static int conclude(const json_t *row) {
    selftest_gathered all;
    json_t *line = json_pack("{s:s,s:O}", "into", "answers", "row", row);
    char *words = json_dumps(line, JSON_COMPACT);
    selftest_gather_init(&all);
    (void)selftest_gather(&all, "{\"test\": 1, \"name\": \"the one\"}");
    (void)selftest_gather(&all, words);
    const int code = selftest_conclude(&all, 1);
    if (code != 0) {
        ck_assert_str_eq(text(failure(&all, 0), "test"), "the one");
        ck_assert_str_eq(text(failure(&all, 0), "how"), "wrong");
        ck_assert_str_eq(text(all.root, "verdict"), "1 wrong");
    } else {
        ck_assert_str_eq(text(all.root, "verdict"), "fine");
    }
    selftest_gather_free(&all);
    free(words);
    json_decref(line);
    return code;
}

/* Sets one value, and gives what the judge and the comparison make of it together. */
static int code_with(const answer *right, answer *one, int at, float value, const char *bits) {
    json_t *row = json_object();
    float *y = one->y.data;
    const float before = y[at];
    y[at] = value;
    selftest_judge(row, &one->load, &one->result);
    selftest_compare(row, &one->result, &right->result);
    ck_assert_str_eq(text(row, "bits"), bits);
    y[at] = before;
    const int code = conclude(row);
    json_decref(row);
    return code;
}

START_TEST(wrong_numbers_are_seen) {
    answer right, one;
    compute(&right, "cell=gru,T=7,N=3,I=5,H=9,lengths=ragged,start=random");
    compute(&one, "cell=gru,T=7,N=3,I=5,H=9,lengths=ragged,start=random");
    const float *y = one.y.data;
    ck_assert_int_eq(code_with(&right, &one, 17, y[17], "same"), 0);
    ck_assert_int_eq(code_with(&right, &one, 17, y[17] + 1e-4f, "differ"), 5);
    ck_assert_int_eq(code_with(&right, &one, 3, NAN, "differ"), 5);
    /* within the bound, and yet another number: only --strict promises its bits */
    ck_assert_int_eq(code_with(&right, &one, 17, nextafterf(y[17], 2), "differ"), 5);
    json_t *row = json_object();
    ((float *)one.y.data)[17] = nextafterf(y[17], 2);
    selftest_judge(row, &one.load, &one.result);
    ck_assert_str_eq(text(row, "status"), "fine");
    json_decref(row);
    forget(&right);
    forget(&one);
}
END_TEST

/* ---- the program ----------------------------------------------------------------------------- */

static void expect_rows(const json_t *all) {
    size_t i = 0;
    const json_t *row;
    int fine = 0;
    json_array_foreach(json_object_get(all, "answers"), i, row) {
        const int is_refused = strcmp(text(row, "status"), "refused") == 0;
        ck_assert_msg(is_refused || strcmp(text(row, "status"), "fine") == 0, "%s by %s: %s",
                      text(row, "problem"), text(row, "algorithm"), text(row, "message"));
        fine += !is_refused;
        ck_assert(is_refused || json_number_value(json_object_get(row, "ratio")) <= 1);
    }
    ck_assert_int_gt(fine, 20);
    json_array_foreach(json_object_get(all, "times"), i, row) {
        ck_assert(json_number_value(json_object_get(row, "step_us")) > 0);
    }
    ck_assert_int_ge((int)i, 12);
    ck_assert_uint_ge(json_array_size(json_object_get(all, "probes")), 10);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "speeds")), 2);
}

/* What the parts of the table print of the object, which takes the place of stdout for that. */
static void print_all(char *out, size_t size, const json_t *all) {
    FILE *file = tmpfile();
    const int before = dup(STDOUT_FILENO);
    ck_assert(file != NULL && before >= 0 && fflush(stdout) == 0);
    ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
    selftest_print_device(all);
    selftest_print_probes(all);
    selftest_print_answers(all);
    selftest_print_times(all);
    selftest_print_verdict(all);
    (void)fflush(stdout);
    ck_assert_int_ge(dup2(before, STDOUT_FILENO), 0);
    (void)close(before);
    rewind(file);
    out[fread(out, 1, size - 1, file)] = 0;
    (void)fclose(file);
}

static void expect_narrow(const char *table) {
    for (const char *line = table; line[0] != 0;) {
        const size_t length = strcspn(line, "\n");
        ck_assert_msg(length <= 100, "%.*s", (int)length, line);
        line += length;
        line += line[0] == '\n';
    }
}

static void expect_table(const json_t *all) {
    static const char *const parts[] = {"\nOpenCL ", "\ndenormals ", "\ngru-before  cpu engine ",
                                        "\nlstm   step/stream ", "\nfine in "};
    char table[PROGRAM_MAX_TEXT];
    print_all(table, sizeof table, all);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ck_assert_msg(strstr(table, parts[i]) != NULL, "no '%s' in\n%s", parts[i], table);
    }
    expect_narrow(table);
}

/* Whatever texts drivers and compilers give, and however much went wrong. */
START_TEST(long_texts_are_broken) {
    char words[400];
    char table[PROGRAM_MAX_TEXT];
    selftest_gathered all;
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = 0;
    words[77] = ' ';
    words[20] = '\033';
    selftest_gather_init(&all);
    for (int i = 0; i < 40; i++) {
        words[30] = (char)('a' + i % 20);
        selftest_gather_failure(&all, i % 2 == 0 ? words : "short", "crashed", words);
        (void)json_array_append_new(
            json_object_get(all.root, "answers"),
            json_pack("{s:s,s:s,s:s,s:s}", "problem", i % 2 == 0 ? words : "cell=rnn,T=1",
                      "algorithm", i % 3 == 0 ? words : "a/b", "status",
                      i % 4 == 0 ? "refused" : "crashed", "message", words));
        (void)json_array_append_new(
            json_object_get(all.root, "probes"),
            json_pack("{s:s,s:s,s:s}", "name", "probe", "status", "error", "message", words));
    }
    ck_assert_int_eq(selftest_conclude(&all, 1), 1);
    print_all(table, sizeof table, all.root);
    ck_assert_ptr_null(strchr(table, '\033'));
    ck_assert_ptr_nonnull(strstr(table, "40 crashed"));
    ck_assert_ptr_nonnull(strstr(table, "more alike)"));
    expect_narrow(table);
    selftest_gather_free(&all);
}
END_TEST

START_TEST(device_is_fine) {
    static const char words[] = "selftest --json --deadline 400";
    const outcome *got = program_run(words);
    if (got->code == NO_DEVICE) {
        return;
    }
    program_expect_code(got, 0, words);
    ck_assert_str_eq(got->err, "");
    json_t *all = json_loads(got->out, 0, NULL);
    ck_assert_ptr_nonnull(all);
    ck_assert_str_eq(text(all, "version"), clrnn_version());
    ck_assert_str_eq(text(all, "verdict"), "fine");
    ck_assert_int_gt((int)strlen(text(json_object_get(all, "device"), "driver")), 0);
    (void)text(json_object_get(all, "build"), "commit");
    ck_assert_uint_eq(json_array_size(json_object_get(all, "failures")), 0);
    expect_rows(all);
    expect_table(all);
    json_decref(all);
}
END_TEST

/* A second is enough for the device alone: what was not run is said, in lines that fit a report. */
START_TEST(table_fits) {
    static const char words[] = "selftest --deadline 1 --progress always";
    const outcome *got = program_run(words);
    if (got->code == NO_DEVICE) {
        return;
    }
    program_expect_code(got, 1, words);
    program_expect_contains(got, got->out, "clrnn 0.", words);
    program_expect_contains(got, got->out, "\nnot run ", words);
    program_expect_contains(got, got->err, "device: opening the device", words);
    expect_narrow(got->out);
}
END_TEST

START_TEST(no_device_is_said) {
    call from = {.words = "selftest", .variable = "OCL_ICD_VENDORS=TMP/"};
    const outcome *got = program_run_call(from);
    program_expect_code(got, NO_DEVICE, from.words);
    program_expect_contains(got, got->err, "clrnn: selftest: opening the device: ", from.words);
    ck_assert_str_eq(got->out, "");
    got = program_run("selftest -d no-device-is-called-so --json");
    program_expect_code(got, NO_DEVICE, "selftest -d");
    ck_assert_str_eq(got->out, "");
}
END_TEST

/* A child of the program, or 0; -1: this system does not say. */
static pid_t find_child(pid_t of) {
    char path[64];
    int child = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)of, (int)of);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    if (fscanf(file, "%d", &child) != 1) {
        child = 0;
    }
    (void)fclose(file);
    return (pid_t)child;
}

/* Whatever its children do, it comes to its end. */
START_TEST(killed_children_are_named) {
    const call from = {.words = "selftest --json --deadline 20"};
    const pid_t program = program_start(&from);
    int killed = 0;
    for (int i = 0; i < 30000; i++) {
        siginfo_t ended = {0};
        (void)waitid(P_PID, (id_t)program, &ended, WEXITED | WNOHANG | WNOWAIT);
        const pid_t child = ended.si_pid == program ? -1 : find_child(program);
        if (child < 0) {
            break;
        }
        if (child > 0) {
            killed += kill(child, SIGSEGV) == 0;
        }
        pause_ms(1);
    }
    const outcome *got = program_finish(&from, program);
    if (got->code == NO_DEVICE || killed == 0) {
        return;
    }
    program_expect_code(got, 1, from.words);
    program_expect_contains(got, got->out, "\"how\": \"crashed\"", from.words);
    program_expect_contains(got, got->out, "died of signal 11", from.words);
}
END_TEST

TCase *cli_selftest(void) {
    TCase *selftest = tcase_create("selftest");
    tcase_set_timeout(selftest, 420);
    tcase_add_unchecked_fixture(selftest, program_open, program_close);
    tcase_add_test(selftest, lines_come_back);
    tcase_add_test(selftest, crashes_are_survived);
    tcase_add_test(selftest, hangs_are_ended);
    tcase_add_test(selftest, speech_is_no_hang);
    tcase_add_test(selftest, groups_go_on);
    tcase_add_test(selftest, deadlines_end_groups);
    tcase_add_test(selftest, broken_lines_are_passed_over);
    tcase_add_test(selftest, wrong_numbers_are_seen);
    tcase_add_test(selftest, long_texts_are_broken);
    tcase_add_test(selftest, device_is_fine);
    tcase_add_test(selftest, table_fits);
    tcase_add_test(selftest, no_device_is_said);
    tcase_add_test(selftest, killed_children_are_named);
    return selftest;
}
