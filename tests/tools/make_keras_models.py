"""make_keras_models.py FOLDER: small Keras models, each option of each layer, with an input and what
Keras makes of it. Python packages: keras tensorflow-cpu tf_keras h5py. Writes NAME.keras or NAME.h5 and
values.npz with NAME/x, NAME/y, and index.txt: file, name, parameters.

Weights are normal, of both signs, so that a swapped gate or a matrix turned round shows."""
import os
import sys
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np

folder = sys.argv[1]
values, index = {}, []
N, T, I = 3, 6, 4


def fill(model, seed, scale=0.6):
    rng = np.random.default_rng(seed)
    model.set_weights([(scale * rng.standard_normal(w.shape)).astype(w.dtype) for w in model.get_weights()])


def masked(x):
    """Steps of mask value 0: at the end, in between, at the front, all of them."""
    x = x.copy()
    x[0, 4:] = 0
    x[1, [0, 3]] = 0
    x[2, :] = 0
    return x


def keep(name, model, x, suffix, seed, save=None):
    fill(model, seed, 0.3 if name.startswith("acts") else 0.6)
    y = model.predict(x, verbose=0)
    path = f"{folder}/{name}.{suffix}"
    (save or model.save)(path)
    values[f"{name}/x"] = x
    for i, one in enumerate(y if isinstance(y, list) else [y]):
        values[f"{name}/y{i or ''}"] = np.asarray(one, dtype=np.float32)
    index.append(f"{name}.{suffix} {name} {model.count_params()}")


def keras3(keras):
    L = keras.layers
    x = np.random.default_rng(1).standard_normal((N, T, I)).astype(np.float32)
    ids = np.random.default_rng(2).integers(0, 7, (N, T)).astype(np.int32)
    ids[0, 4:] = 0
    ids[1, 2] = 0
    inp = lambda: keras.Input((T, I))
    cases = {
        "rnn": [L.SimpleRNN(5, return_sequences=True, activation="relu")],
        "lstm": [L.LSTM(5, activation="softsign", recurrent_activation="hard_sigmoid", return_sequences=True),
                 L.Dropout(0.5), L.LSTM(3, use_bias=False)],
        "gru": [L.GRU(5, return_sequences=True, activation="elu"), L.GRU(4, reset_after=False)],
        "dense": [L.Dense(6, activation="hard_sigmoid"), L.SimpleRNN(3, return_sequences=True),
                  L.TimeDistributed(L.Dense(4, activation="tanh")), L.Activation("sigmoid"), L.Softmax()],
        "backwards": [L.LSTM(4, go_backwards=True, return_sequences=True), L.GRU(3, go_backwards=True)],
        "cells": [L.RNN([L.LSTMCell(4), L.GRUCell(3), L.LSTMCell(2)], return_sequences=True),
                  L.RNN(L.SimpleRNNCell(3))],
        "concat": [L.Bidirectional(L.GRU(3)), L.Dense(2, activation="softmax")],
        "sum": [L.Bidirectional(L.SimpleRNN(3, return_sequences=True), merge_mode="sum")],
        "mul": [L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="mul")],
        "ave": [L.Bidirectional(L.LSTM(3), merge_mode="ave")],
        "frozen": [L.SimpleRNN(3, trainable=False, stateful=False), L.Dense(2)],
    }
    acts = ("gelu", "silu", "selu", "mish", "softplus", "hard_tanh", "log_sigmoid", "celu", "relu6", "leaky_relu",
            "exponential", "linear")
    for k in range(0, len(acts), 4):
        cases[f"acts{k}"] = [L.SimpleRNN(3, activation=a, return_sequences=True) for a in acts[k:k + 4]]
    with_mask = {
        "mask": [L.Masking(0.0), L.LSTM(4, return_sequences=True)],
        "mask_deep": [L.Masking(0.0), L.GRU(4, return_sequences=True), L.Dense(3), L.SimpleRNN(3)],
        "mask_zero_output": [L.Masking(0.0), L.SimpleRNN(4, return_sequences=True, zero_output_for_mask=True)],
        "mask_both": [L.Masking(0.0), L.Bidirectional(L.LSTM(3, return_sequences=True)), L.GRU(3)],
        "mask_both_last": [L.Masking(0.0), L.Bidirectional(L.GRU(3))],
        "mask_back": [L.Masking(0.0), L.GRU(3, go_backwards=True)],
    }
    for i, (name, layers) in enumerate(cases.items()):
        keep(name, keras.Sequential([inp()] + layers), x, "keras", 100 + i)
    for i, (name, layers) in enumerate(with_mask.items()):
        keep(name, keras.Sequential([inp()] + layers), masked(x), "keras", 200 + i)
    keep("embedding", keras.Sequential([keras.Input((T,), dtype="int32"), L.Embedding(7, 3, mask_zero=True),
                                        L.LSTM(4), L.Dense(2)]), ids, "keras", 300)
    a = keras.Input((None, I))
    keep("functional", keras.Model(a, L.Dense(2)(L.GRU(3)(L.Dropout(0.1)(a)))), x, "keras", 301)
    keep("three", keras.Sequential([inp(), L.Masking(0.0), L.Bidirectional(L.LSTM(3)), L.Dense(2)]),
         masked(x), "h5", 302)


def keras2(tf_keras):
    L = tf_keras.layers
    x = np.random.default_rng(3).standard_normal((N, T, I)).astype(np.float32)
    inp = lambda: tf_keras.Input((T, I))
    keep("two", tf_keras.Sequential([inp(), L.Masking(0.0), L.Bidirectional(
        L.LSTM(3, return_sequences=True, recurrent_activation="hard_sigmoid")), L.GRU(3, reset_after=True),
        L.Dense(2, activation="softmax")]), masked(x), "h5", 400)
    keep("two_before", tf_keras.Sequential([inp(), L.GRU(4, reset_after=False, recurrent_activation="hard_sigmoid",
                                                         return_sequences=True), L.SimpleRNN(3)]), x, "h5", 401)
    a = tf_keras.Input((T, I))
    keep("two_functional", tf_keras.Model(a, L.Dense(2)(L.RNN([L.LSTMCell(3), L.GRUCell(2)])(a))), x, "h5", 402)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        import tf_keras
        keras2(tf_keras)
    else:
        import keras
        keras3(keras)
    part = "2" if len(sys.argv) > 2 else "3"
    np.savez_compressed(f"{folder}/values{part}.npz", **values)
    with open(f"{folder}/index{part}.txt", "w") as out:
        out.write("\n".join(index) + "\n")
