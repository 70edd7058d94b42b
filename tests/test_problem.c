/*
 * test_problem.c: the grammar of the problem string: what is printed is read back, what is wrong is
 * refused with a suggestion. The data of a problem is tested through the program (test_cli.c).
 */
#include "cli/problem.h"
#include "cli/suggest.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Suite *problem_suite(void);

static const struct {
    const char *text;
    const char *canonical;
} canonicals[] = {
    {"cell=lstm", "cell=lstm,T=50,N=1,I=128,H=128"},
    {"H=7", "cell=rnn,T=50,N=1,I=7,H=7"},
    {"I=3", "cell=rnn,T=50,N=1,I=3,H=128"},
    {"seed=7,lengths=ragged,H=128,I=40,N=3,T=50,cell=lstm",
     "cell=lstm,T=50,N=3,I=40,H=128,lengths=ragged,seed=7"},
    {"cell=gru-before,T=1,N=1,I=1,H=1,layers=1,dir=forward,lengths=full,start=zero,batch-first=0,"
     "last=0,gain=1.0,seed=0,engine=auto,algorithm=auto",
     "cell=gru-before,T=1,N=1,I=1,H=1"},
    {"cell=rnn-relu,T=1073741824,N=1073741824,I=1048576,H=1048576,dir=reverse,lengths=random,"
     "start=random,batch-first=1,last=1,gain=1e6,seed=18446744073709551615,engine=opencl,"
     "algorithm=step/stream",
     "cell=rnn-relu,T=1073741824,N=1073741824,I=1048576,H=1048576,dir=reverse,lengths=random,"
     "start=random,batch-first=1,last=1,gain=1e+06,seed=18446744073709551615,engine=opencl,"
     "algorithm=step/stream"},
    {"gain=0.1", "cell=rnn,T=50,N=1,I=128,H=128,gain=0.1"},
    {"gain=0", "cell=rnn,T=50,N=1,I=128,H=128,gain=0"},
    {"gain=-0", "cell=rnn,T=50,N=1,I=128,H=128,gain=0"},
    {"gain=1.25e-300", "cell=rnn,T=50,N=1,I=128,H=128,gain=1.25e-300"},
    {"gain=0.30000000000000004", "cell=rnn,T=50,N=1,I=128,H=128,gain=0.30000000000000004"},
    {"seed=007", "cell=rnn,T=50,N=1,I=128,H=128,seed=7"},
};

START_TEST(prints_canonically) {
    problem first;
    problem again;
    problem_error error;
    char text[PROBLEM_MAX_TEXT];
    ck_assert_msg(problem_parse(&first, canonicals[_i].text, &error), "%s", error.message);
    ck_assert_str_eq(problem_print(&first, text, sizeof text), canonicals[_i].canonical);
    ck_assert_msg(problem_parse(&again, text, &error), "%s", error.message);
    ck_assert(problem_equal(&first, &again));
    ck_assert(first.seed == again.seed && first.gain == again.gain);
}
END_TEST

static const struct {
    const char *text;
    const char *message;
    const char *hint;
} refusals[] = {
    {"", "not key=value", "a problem looks like"},
    {"cell", "'cell' is not key=value", ""},
    {"cell=lstm,", "'' is not key=value", ""},
    {",cell=lstm", "'' is not key=value", ""},
    {"cell=lstm,,T=3", "'' is not key=value", ""},
    {"cell=lstm;T=3", "cell=lstm;T=3: must be one of", ""},
    {"cell=lstm, T=3", " T: there is no such key", ""},
    {"cell=ltsm", "cell=ltsm: must be one of rnn, rnn-relu, lstm, gru, gru-before",
     "did you mean cell=lstm?"},
    {"cell=", "cell=: must be one of", ""},
    {"cell=LSTM", "cell=LSTM: must be one of", "did you mean cell=lstm?"},
    {"cel=lstm", "cel: there is no such key", "did you mean cell?"},
    {"t=3", "t: there is no such key", "did you mean T?"},
    {"steps=3", "steps: there is no such key", "did you mean T?"},
    {"batchfirst=1", "batchfirst: there is no such key", "did you mean batch-first?"},
    {"zebra=1", "zebra: there is no such key", "keys are cell, T, N"},
    {"=1", ": there is no such key", ""},
    {"T=3,T=4", "T is given twice", ""},
    {"T=0", "T=0: needs a whole number from 1 to 1073741824", ""},
    {"T=-1", "T=-1: needs a whole number", ""},
    {"T=+1", "T=+1: needs a whole number", ""},
    {"T= 1", "T= 1: needs a whole number", ""},
    {"T=1.5", "T=1.5: needs a whole number", ""},
    {"T=0x10", "T=0x10: needs a whole number", ""},
    {"T=", "T=: needs a whole number", ""},
    {"T=1073741825", "needs a whole number from 1 to 1073741824", ""},
    {"T=99999999999999999999999", "needs a whole number from 1 to 1073741824", ""},
    {"H=1048577", "needs a whole number from 1 to 1048576", ""},
    {"layers=2", "layers=2: this version runs one layer", ""},
    {"layers=0", "layers=0: needs a whole number from 1 to 1", ""},
    {"dir=bi", "dir=bi: this version runs one direction", ""},
    {"dir=bidirectional", "dir=bidirectional: this version runs one direction", ""},
    {"dir=revers", "dir=revers: must be one of forward, reverse", "did you mean dir=reverse?"},
    {"lengths=raged", "must be one of full, ragged", "did you mean lengths=ragged?"},
    {"batch-first=2", "batch-first=2: needs a whole number from 0 to 1", ""},
    {"gain=nan", "gain=nan: needs a number from 0 to 1e6", ""},
    {"gain=inf", "gain=inf: needs a number", ""},
    {"gain=-1", "gain=-1: needs a number", ""},
    {"gain=0x1p3", "gain=0x1p3: needs a number", ""},
    {"gain=1e7", "gain=1e7: needs a number", ""},
    {"gain=", "gain=: needs a number", ""},
    {"gain=1,5", "'5' is not key=value", ""},
    {"seed=-1", "seed=-1: needs a whole number from 0 to 18446744073709551615", ""},
    {"seed=18446744073709551616", "needs a whole number from 0 to 18446744073709551615", ""},
    {"engine=gpu", "engine=gpu: must be one of auto, opencl, cpu", ""},
    {"algorithm=", "algorithm=: needs a name", ""},
    {"algorithm=a b", "algorithm=a b: needs a name", ""},
};

START_TEST(refuses) {
    problem untouched;
    problem_error error;
    problem_init(&untouched);
    untouched.seed = 5;
    problem copy = untouched;
    ck_assert(!problem_parse(&untouched, refusals[_i].text, &error));
    ck_assert_msg(strstr(error.message, refusals[_i].message) != NULL, "'%s' says '%s'",
                  refusals[_i].text, error.message);
    ck_assert_msg(strstr(error.hint, refusals[_i].hint) != NULL, "'%s' hints '%s'",
                  refusals[_i].text, error.hint);
    ck_assert(problem_equal(&untouched, &copy));
}
END_TEST

START_TEST(refuses_long_texts) {
    char text[PROBLEM_MAX_TEXT + 1];
    problem out;
    problem_error error;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    ck_assert(!problem_parse(&out, text, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "too many"));
}
END_TEST

/* Made-up problems of every key: parse(print(p)) == p. */
START_TEST(round_trips) {
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 2000; i++) {
        problem made;
        problem again;
        problem_error error;
        char text[PROBLEM_MAX_TEXT];
        uint64_t bits[4];
        for (int k = 0; k < 4; k++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bits[k] = random;
        }
        problem_init(&made);
        made.cell = (int64_t)(bits[0] % 5);
        made.steps = 1 + (int64_t)(bits[0] >> 34);
        made.batch = 1 + (int64_t)(bits[1] >> 34);
        made.inputs = 1 + (int64_t)(bits[2] >> 44);
        made.hidden = 1 + (int64_t)(bits[3] >> 44);
        made.lengths = (int64_t)(bits[1] % 5);
        made.reverse = (int64_t)(bits[2] & 1);
        made.start = (int64_t)(bits[2] >> 1 & 1);
        made.batch_first = (int64_t)(bits[2] >> 2 & 1);
        made.last_only = (int64_t)(bits[2] >> 3 & 1);
        made.engine = (int64_t)(bits[3] % 3);
        made.gain = (double)(bits[3] >> 11) * 0x1p-53 * 3;
        made.seed = bits[1];
        (void)snprintf(made.algorithm, sizeof made.algorithm, "%s",
                       (bits[0] & 1) != 0 ? "single/panel" : "");
        problem_print(&made, text, sizeof text);
        ck_assert_msg(problem_parse(&again, text, &error), "%s: %s", text, error.message);
        ck_assert_msg(problem_equal(&made, &again), "%s", text);
        ck_assert(made.gain == again.gain && made.seed == again.seed &&
                  made.inputs == again.inputs);
    }
}
END_TEST

START_TEST(keys_lie_on_top) {
    problem out;
    problem_error error;
    char text[PROBLEM_MAX_TEXT];
    problem_init(&out);
    ck_assert(problem_apply(&out, "cell=gru,H=64", &error));
    ck_assert(problem_set(&out, "H", "32", &error));
    ck_assert(!problem_set(&out, "H", "x", &error));
    problem_finish(&out);
    ck_assert_str_eq(problem_print(&out, text, sizeof text), "cell=gru,T=50,N=1,I=32,H=32");
}
END_TEST

START_TEST(suggests) {
    static const char *const words[] = {"run", "summary", "check", "devices", "version"};
    const size_t count = sizeof words / sizeof words[0];
    ck_assert_str_eq(suggest_nearest("sumamry", words, count), "summary");
    ck_assert_str_eq(suggest_nearest("RUN", words, count), "run");
    ck_assert_str_eq(suggest_nearest("devcies", words, count), "devices");
    ck_assert_str_eq(suggest_nearest("ver", words, count), "version");
    ck_assert_ptr_null(suggest_nearest("elephant", words, count));
    ck_assert_ptr_null(suggest_nearest("", words, count));
    ck_assert_ptr_null(suggest_nearest(
        "a-word-that-is-much-too-long-to-be-any-of-the-words-there-are", words, count));
}
END_TEST

Suite *problem_suite(void) {
    Suite *suite = suite_create("problem");
    TCase *grammar = tcase_create("grammar");
    tcase_add_loop_test(grammar, prints_canonically, 0,
                        (int)(sizeof canonicals / sizeof canonicals[0]));
    tcase_add_loop_test(grammar, refuses, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(grammar, refuses_long_texts);
    tcase_add_test(grammar, round_trips);
    tcase_add_test(grammar, keys_lie_on_top);
    tcase_add_test(grammar, suggests);
    suite_add_tcase(suite, grammar);
    return suite;
}
