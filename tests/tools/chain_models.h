/* chain_models.h: models of every cell and option, for writers: chain_text.h has the language. */
#ifndef CLRNN_TESTS_CHAIN_MODELS_H
#define CLRNN_TESTS_CHAIN_MODELS_H

enum { CHAIN_KERAS = 1, CHAIN_ONNX = 2, CHAIN_BOTH = 3, CHAIN_MERGE = 4 };

static const struct {
    const char *name;
    int flags; /* which writers take it */
    const char *text;
} chain_models[] = {
    {"rnn", CHAIN_BOTH, "x 5 | rnn 4 hh0"},
    {"rnn_last", CHAIN_BOTH, "x 5 | rnn 4 hh0 last"},
    {"rnn_relu", CHAIN_BOTH, "x 5 | rnn 4 single acts=relu"},
    {"rnn_nobias", CHAIN_BOTH, "x 5 | rnn 4 nobias"},
    {"rnn_merge", CHAIN_BOTH | CHAIN_MERGE, "x 5 | rnn 4"},
    {"rnn_rev_last", CHAIN_BOTH, "x 5 | rnn 4 hh0 rev last"},
    {"rnn_rev_flip", CHAIN_BOTH, "x 5 | rnn 4 hh0 rev | flip | lstm 3 hh0"},
    {"rnn_rev", CHAIN_ONNX, "x 5 | rnn 4 rev"},
    {"rnn_time", CHAIN_BOTH, "x 5 time | rnn 4 hh0 | dense 3"},
    {"lstm", CHAIN_BOTH, "x 5 | lstm 4 hh0"},
    {"lstm_double", CHAIN_ONNX, "x 5 | lstm 4"},
    {"lstm_merge", CHAIN_BOTH | CHAIN_MERGE, "x 5 | lstm 4 last"},
    {"lstm_acts", CHAIN_BOTH,
     "x 3 | lstm 4 hh0 acts=hard_sigmoid:0.16666667:0.5,hard_sigmoid:0.16666667:0.5,"
     "softsign,hard_sigmoid:0.16666667:0.5,softsign"},
    {"lstm_onnx_acts", CHAIN_ONNX,
     "x 3 | lstm 4 acts=hard_sigmoid:0.3:0.4,hard_sigmoid:0.3:0.4,"
     "affine:0.5:0.1,hard_sigmoid:0.3:0.4,scaled_tanh:0.9:0.7"},
    {"lstm_peep", CHAIN_ONNX, "x 3 | lstm 4 peep"},
    {"lstm_peep_bi", CHAIN_ONNX, "x 3 | lstm 4 bi peep last"},
    {"lstm_couple", CHAIN_ONNX, "x 3 | lstm 4 couple"},
    {"lstm_clip", CHAIN_ONNX, "x 3 | lstm 4 clip=0.25"},
    {"lstm_bi", CHAIN_BOTH, "x 5 | lstm 4 bi hh0"},
    {"lstm_bi_last", CHAIN_BOTH, "x 5 | lstm 4 bi hh0 last"},
    {"lstm_bi_sum", CHAIN_BOTH, "x 5 | lstm 4 bi hh0 sum"},
    {"lstm_bi_mul", CHAIN_BOTH, "x 5 | lstm 4 bi hh0 mul last"},
    {"lstm_bi_ave", CHAIN_BOTH, "x 5 | lstm 4 bi hh0 ave"},
    {"lstm_halves", CHAIN_BOTH, "x 5 | lstm 4 hh0 halves back=sigmoid,sigmoid,relu,sigmoid,relu"},
    {"lstm_halves_ave", CHAIN_BOTH, "x 5 | lstm 4 hh0 halves ave"},
    {"lstm_halves_sum", CHAIN_BOTH, "x 5 | lstm 4 hh0 halves sum last"},
    {"lstm_halves_mul", CHAIN_BOTH, "x 5 | lstm 4 hh0 halves mul"},
    {"lstm_bi_acts", CHAIN_BOTH,
     "x 5 | lstm 4 bi hh0 acts=sigmoid,sigmoid,tanh,sigmoid,tanh "
     "back=sigmoid,sigmoid,relu,sigmoid,relu"},
    {"lstm_stack", CHAIN_BOTH, "x 5 | lstm 4 layers=3 hh0"},
    {"lstm_bi_stack", CHAIN_BOTH, "x 5 | lstm 4 layers=2 bi hh0 last | dense 3 softmax"},
    {"lstm_rev_stack", CHAIN_ONNX, "x 5 | lstm 4 layers=2 rev"},
    {"gru", CHAIN_BOTH, "x 5 | gru 4"},
    {"gru_last", CHAIN_BOTH, "x 5 | gru 4 last"},
    {"gru_single", CHAIN_BOTH, "x 5 | gru 4 single"},
    {"gru_nobias", CHAIN_BOTH, "x 5 | gru 4 nobias bi"},
    {"gru_before", CHAIN_BOTH, "x 5 | gru 4 before single"},
    {"gru_before_double", CHAIN_ONNX, "x 5 | gru 4 before"},
    {"gru_before_merge", CHAIN_BOTH | CHAIN_MERGE, "x 5 | gru 4 before"},
    {"gru_bi_time", CHAIN_BOTH, "x 5 time | gru 4 bi layers=2"},
    {"gru_clip", CHAIN_ONNX, "x 5 | gru 4 bi clip=0.3"},
    {"gru_relu", CHAIN_BOTH, "x 5 | gru 4 acts=sigmoid,sigmoid,leaky_relu:0.2"},
    {"gru_acts", CHAIN_ONNX,
     "x 5 | gru 4 before bi acts=hard_sigmoid:0.3:0.4,hard_sigmoid:0.3:0.4,elu:0.7"},
    {"mask", CHAIN_BOTH, "x 5 | masking -1 | lstm 4 masked hh0"},
    {"mask_last", CHAIN_BOTH, "x 5 | masking -1 | gru 4 masked last"},
    {"mask_zero", CHAIN_BOTH, "x 5 | masking -1 | rnn 4 masked zero hh0 | dense 3"},
    {"mask_zero_last", CHAIN_KERAS, "x 5 | masking -1 | rnn 4 masked zero hh0 last"},
    {"mask_stack", CHAIN_BOTH,
     "x 5 | masking 0 | gru 4 masked layers=2 | gru 3 masked | dense 2 act=tanh"},
    {"mask_between", CHAIN_BOTH,
     "x 5 | masking 0 | gru 4 masked | dense 3 act=relu | lstm 3 masked hh0 last"},
    {"mask_bi", CHAIN_BOTH, "x 5 | masking -1 | lstm 4 bi masked zero hh0 | dense 3"},
    {"mask_bi_mul", CHAIN_BOTH,
     "x 5 | masking -1 | lstm 4 bi masked zero hh0 mul | lstm 3 masked hh0 last"},
    {"mask_bi_last", CHAIN_BOTH, "x 5 | masking -1 | gru 4 bi masked last"},
    {"mask_halves", CHAIN_BOTH, "x 5 | masking -1 | gru 4 halves masked zero sum | dense 2"},
    {"mask_rev", CHAIN_BOTH, "x 5 | masking -1 | gru 4 rev masked | flip | gru 4 masked"},
    {"mask_rev_last", CHAIN_BOTH, "x 5 | masking -1 | gru 4 rev masked last"},
    {"mask_softmax", CHAIN_BOTH, "x 5 | masking -1 | gru 4 masked | softmax"},
    {"mask_dense", CHAIN_BOTH, "x 5 | masking 0.5 | dense 3"},
    {"mask_unheeded", CHAIN_ONNX, "x 5 | masking 0 | gru 4"},
    {"mask_then_not", CHAIN_ONNX, "x 5 | masking 0 | gru 4 masked | gru 4"},
    {"mask_bi_repeats", 0, "x 5 | masking -1 | gru 4 bi masked"},
    {"embedding", CHAIN_BOTH, "ids 11 | embedding 5 | gru 4 last | dense 1 act=sigmoid"},
    {"embedding_mask", CHAIN_BOTH,
     "ids 7 | embedding 5 | lstm 4 masked hh0 | lstm 4 masked hh0 last"},
    {"embedding_mask_seq", CHAIN_BOTH, "ids 7 | embedding 5 | lstm 4 masked hh0"},
    {"embedding_short", CHAIN_BOTH, "ids 7 short | embedding 5 | lstm 4 masked hh0"},
    {"embedding_time", CHAIN_ONNX | CHAIN_KERAS, "ids 7 time | embedding 5 | gru 4"},
    {"embedding_alone", CHAIN_BOTH, "ids 7 | embedding 5"},
    {"dense", CHAIN_BOTH, "x 5 | dense 4 act=elu | dense 3 nobias"},
    {"softmax_time", CHAIN_BOTH, "x 5 | gru 4 | softmax 1"},
    {"softmax_batch", CHAIN_BOTH, "x 5 | gru 4 last | softmax 0"},
    {"log_softmax", CHAIN_BOTH, "x 5 | gru 4 | log_softmax"},
    {"dense_softmax", CHAIN_BOTH, "x 5 | gru 4 last | dense 3 softmax"},
    {"acts", CHAIN_BOTH,
     "x 5 | act tanh | act selu | act gelu | act mish | act softplus | act log_sigmoid"},
    {"acts_more", CHAIN_BOTH,
     "x 5 | act softsign | act silu | act hard_tanh | act celu | act exponential | "
     "act relu6 | act linear | act sigmoid | act leaky_relu:0.2"},
    {"acts_onnx", CHAIN_ONNX,
     "x 5 | act gelu_tanh | act swish:0.7 | act affine:1.5:-0.25 | "
     "act scaled_tanh:1.5:0.5 | act thresholded_relu:0.125 | act celu:0.7 | act elu:0.7 | "
     "act hard_sigmoid:0.3:0.4 | act leaky_relu:0.3"},
    {"act_linear", CHAIN_BOTH, "x 5 | act linear"},
    {"proj", 0, "x 5 | lstm 4 proj=2"},
    {"couple_input", 0, "x 5 | lstm 4 couple_input"},
    {"forget_bias", 0, "x 5 | lstm 4 forget_bias=1"},
    {"cell_clip", 0, "x 5 | lstm 4 cell_clip=1"},
};

enum { CHAIN_MODELS = sizeof chain_models / sizeof chain_models[0] };

#endif
