/*
 * speaker.c: a classifier that Keras trained names the speakers of 370 utterances, and how many of them
 * rightly.
 *
 *     speaker speaker_rnn.keras x_test.npy labels_test.npy
 */
#include <clrnn.h>

#include <stdio.h>
#include <stdlib.h>

static void must(clrnn_status status) {
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "speaker: %s\n", clrnn_last_error()->message);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: speaker MODEL X.npy LABELS.npy\n");
        return 2;
    }
    clrnn_context *context = NULL;
    clrnn_model *model = NULL;
    clrnn_session *session = NULL;
    clrnn_arrays *x_file = NULL, *labels_file = NULL;
    must(clrnn_context_create(&context, NULL)); /* the best device, or the CPU */
    must(clrnn_model_load(&model, argv[1], NULL));
    must(clrnn_session_create(&session, context, model, NULL));
    must(clrnn_arrays_load(&x_file, argv[2]));
    must(clrnn_arrays_load(&labels_file, argv[3]));
    const clrnn_binding x = {.value = *clrnn_arrays_at(x_file, 0)}; /* [N][T][I]; the one input */
    const int32_t *labels = clrnn_arrays_at(labels_file, 0)->data;  /* [N] */

    must(clrnn_session_run(session, 1, &x)); /* as often as you like */

    const clrnn_tensor *y = clrnn_session_output(session, 0); /* [N][classes]: probabilities */
    const int64_t rows = y->shape[0], classes = y->shape[1];
    int64_t right = 0;
    for (int64_t n = 0; n < rows; n++) {
        const float *row = (const float *)y->data + n * classes;
        int64_t best = 0;
        for (int64_t k = 1; k < classes; k++) {
            best = row[k] > row[best] ? k : best;
        }
        right += best == labels[n];
    }
    printf("%lld of %lld utterances are given to their speaker: accuracy %.4f\n", (long long)right,
           (long long)rows, (double)right / (double)rows);
    clrnn_session_free(session); /* before its context and model */
    clrnn_arrays_free(labels_file);
    clrnn_arrays_free(x_file);
    clrnn_model_free(model);
    clrnn_context_free(context);
    return 0;
}
