/*
 * cli_program.h: runs the built program and says what came of it. CLRNN_PROGRAM names the program
 * (build/clrnn), CLRNN_DATA the folder of the test data (tests/data). In command lines and paths
 * DATA/ and TMP/ stand for that folder and for a fresh one.
 */
#ifndef CLRNN_TESTS_CLI_PROGRAM_H
#define CLRNN_TESTS_CLI_PROGRAM_H

#include <sys/types.h>

#define PROGRAM_MAX_TEXT 65536

typedef struct outcome {
    int code; /* exit code, or 1000 + the signal that ended it */
    char out[PROGRAM_MAX_TEXT];
    char err[PROGRAM_MAX_TEXT];
} outcome;

typedef struct call {
    const char *words;    /* separated by blanks, with DATA/ and TMP/ */
    const char *input;    /* path for standard input; NULL: /dev/null */
    const char *output;   /* path for standard output; NULL: into outcome; "": closed */
    const char *variable; /* NAME=VALUE for its environment; several with blanks, NAME: unset */
} call;

/* Makes and removes the fresh folder. */
void program_open(void);
void program_close(void);

/* `word` with DATA/ and TMP/ replaced wherever they stand; free it. */
char *program_expand(const char *word);
int program_exists(const char *path);
void program_drop(const char *path);

/* The outcome is valid until the next run. */
outcome *program_run(const char *words);
outcome *program_run_call(call from);
pid_t program_start(const call *from);
outcome *program_finish(const call *from, pid_t child);

void program_expect_code(const outcome *got, int code, const char *words);
/* `text` is got->out or got->err. */
void program_expect_contains(const outcome *got, const char *text, const char *part,
                             const char *words);

#endif
