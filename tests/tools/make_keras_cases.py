#!/usr/bin/env python3
"""Makes tests/data/keras_cases: small Keras models, one a feature, with what Keras makes of random data.

    python make_keras_cases.py [-o tests/data/keras_cases] [NAME...]

Needs keras 3, tensorflow-cpu, tf_keras (Keras 2), h5py. Weights are random, of both signs and without
symmetry; archives are deflated again to stay small (Keras reads them all the same).

    index.txt   one line a model: file, parameters, trainable ones, and a layer a word,
                NAME:CLASS:SHAPE:PARAMS with SHAPE as in -1x7x4
    values.npz  NAME.x and NAME.output (NAME.output_1); NAME.mask where a mask is given by the caller
"""
import argparse
import io
import os
import sys
import zipfile
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import h5py  # noqa: E402
import numpy as np  # noqa: E402
import keras as k3  # noqa: E402
import tf_keras as k2  # noqa: E402

MODELS = []  # (name, suffix, keras, how)


def model(name, suffix=".keras", keras=k3, **options):
    """Registers a function of (layers) that gives a list of layers, or a model."""

    def take(make):
        MODELS.append((name, suffix, keras, make, options))
        return make

    return take


def rng_of(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def build(name, keras, make, options):
    layers = keras.layers
    inputs = options.get("inputs", (7, 4))
    made = make(layers)
    if not isinstance(made, list):
        return made
    first = {"batch_shape": options["batch"] + inputs} if "batch" in options else {"shape": inputs}
    if keras is k2 and "batch_shape" in first:
        first = {"batch_input_shape": first["batch_shape"]}
    if options.get("dtype"):
        first["dtype"] = options["dtype"]
    if options.get("functional"):
        x = keras.Input(**first, name="given")
        y = x
        for layer in made:
            y = layer(y)
        return keras.Model(x, y, name="chain")
    if keras is k2:
        start = layers.InputLayer(input_shape=inputs, batch_size=options.get("batch", (None,))[0],
                                  dtype=options.get("dtype"), name="given")
    else:
        start = layers.InputLayer(**first, name="given")
    return keras.Sequential([start] + made, name="line")


def randomize(name, made, scale):
    rng = rng_of(name)
    made.set_weights([(scale * rng.standard_normal(w.shape)).astype(w.dtype)
                      if "float" in str(w.dtype) else w for w in made.get_weights()])


def data_of(name, options):
    rng = rng_of(name + ".x")
    batch = options.get("batch", (4,))[0]
    inputs = tuple(7 if n is None else n for n in options.get("inputs", (7, 4)))
    shape = (batch,) + inputs
    if options.get("dtype"):
        x = rng.integers(0, options["words"], shape).astype("int32")
    else:
        x = rng.standard_normal(shape).astype("float32")
    gaps = options.get("gaps")  # masked steps: the value that stands there
    if gaps is not None:
        for row, steps in enumerate(([], [2, 5], [0, 1, 6], range(inputs[0]))):
            for step in steps:
                x[row, step] = gaps
    return x


def mask_of(options, x):
    mask = np.ones(x.shape[:2], bool)
    for row, steps in enumerate(([], [1, 4], [0, 5, 6], range(x.shape[1]))):
        mask[row, list(steps)] = False
    return mask


def shape_text(shape):
    return "x".join("-1" if n is None else str(n) for n in shape)


def output_shape(layer):
    first = layer.output if hasattr(layer.output, "shape") else layer.output[0]
    shape = list(first.shape)
    if type(layer).__name__ == "Bidirectional" and layer.merge_mode == "concat":
        # Keras doubles the first layer's units, whatever the second one has
        parts = (layer.forward_layer, layer.backward_layer)
        shape[-1] = sum(part.compute_output_shape((1, 7, 4))[-1] for part in parts)
    return shape_text(shape)


def rows_of(made, keras):
    """As summary() lists them: Functional models with their InputLayer."""
    layers = made.layers
    return [f"{one.name}:{type(one).__name__}:{output_shape(one)}:{one.count_params()}"
            for one in layers]


def trainable_of(made):
    return sum(int(np.prod(w.shape)) for w in made.trainable_weights)


def save(path, made, keras):
    if path.endswith(".h5"):
        made.save(path, **({"save_format": "h5"} if keras is k2 else {}))
        return
    made.save(path)
    with zipfile.ZipFile(path) as old:
        parts = [(entry, old.read(entry)) for entry in old.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for entry, data in parts:
            new.writestr(zipfile.ZipInfo(entry), data, zipfile.ZIP_DEFLATED)


# ---- the models --------------------------------------------------------------------------------

CELLS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
for _short, _class in CELLS.items():
    model(_short)(lambda L, c=_class: [getattr(L, c)(5)])
    model(_short + "_no_bias")(lambda L, c=_class: [getattr(L, c)(3, use_bias=False)])
    model(_short + "_mask_gaps", gaps=0.0)(lambda L, c=_class: [
        L.Masking(), getattr(L, c)(3, return_sequences=True)])
    model(_short + "_mask_last", gaps=-1.5)(lambda L, c=_class: [
        L.Masking(-1.5), getattr(L, c)(3)])
    model(_short + "_backwards")(lambda L, c=_class: [
        getattr(L, c)(3, return_sequences=True, go_backwards=True)])
    model(_short + "_both", gaps=0.0)(lambda L, c=_class: [
        L.Masking(), L.Bidirectional(getattr(L, c)(3, return_sequences=True))])
    model(_short + "_cell")(lambda L, c=_class: [L.RNN(getattr(L, c + "Cell")(4))])

model("gru_before")(lambda L: [L.GRU(4, reset_after=False)])
model("gru_before_no_bias")(lambda L: [L.GRU(3, reset_after=False, use_bias=False)])
model("lstm_acts")(lambda L: [
    L.LSTM(3, activation="softsign", recurrent_activation="hard_sigmoid")])
model("gru_acts")(lambda L: [
    L.GRU(3, activation="elu", recurrent_activation="hard_sigmoid", return_sequences=True)])
model("rnn_leaky")(lambda L: [L.SimpleRNN(3, activation="leaky_relu"), L.LeakyReLU(0.25)])
model("backwards_last")(lambda L: [L.LSTM(3, go_backwards=True)])
model("backwards_mask", gaps=0.0)(lambda L: [
    L.Masking(), L.GRU(3, go_backwards=True, return_sequences=True), L.SimpleRNN(2)])
model("backwards_mask_last", gaps=0.0)(lambda L: [L.Masking(), L.LSTM(3, go_backwards=True)])
model("zero_output", gaps=0.0)(lambda L: [
    L.Masking(), L.LSTM(3, return_sequences=True, zero_output_for_mask=True)])
model("zero_output_last", gaps=0.0)(lambda L: [L.Masking(), L.GRU(3, zero_output_for_mask=True)])
model("stateful", batch=(4,))(lambda L: [L.LSTM(3, stateful=True, return_sequences=True)])
model("unrolled")(lambda L: [L.GRU(3, unroll=True, dropout=0.2, recurrent_dropout=0.3)])
model("any_length", inputs=(None, 4))(lambda L: [L.LSTM(3, return_sequences=True), L.Dense(2)])
model("masked_by_caller", mask=True)(lambda L: [L.LSTM(3, return_sequences=True), L.SimpleRNN(2)])

model("dense")(lambda L: [
    L.Dense(6, activation="hard_sigmoid"), L.SimpleRNN(3, return_sequences=True),
    L.TimeDistributed(L.Dense(4, activation="tanh")), L.Activation("sigmoid"), L.Softmax()])
model("zero_output_rnn", gaps=0.0)(lambda L: [
    L.Masking(), L.SimpleRNN(4, return_sequences=True, zero_output_for_mask=True)])

for _merge in ("sum", "mul", "ave", None):
    model(f"merge_{str(_merge).lower()}", gaps=0.0)(lambda L, m=_merge: [
        L.Masking(), L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode=m)])
    model(f"merge_{str(_merge).lower()}_last", gaps=0.0)(lambda L, m=_merge: [
        L.Masking(), L.Bidirectional(L.GRU(3), merge_mode=m)])
model("both_sum")(lambda L: [
    L.Bidirectional(L.SimpleRNN(3, return_sequences=True), merge_mode="sum")])
model("both_mul")(lambda L: [
    L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="mul")])
model("both_dense")(lambda L: [L.Bidirectional(L.GRU(3)), L.Dense(2, activation="softmax")])
model("both_mask_last", gaps=0.0)(lambda L: [L.Masking(), L.Bidirectional(L.GRU(3))])
model("both_last")(lambda L: [L.Bidirectional(L.LSTM(3))])
model("both_then", gaps=0.0)(lambda L: [
    L.Masking(), L.Bidirectional(L.GRU(2, return_sequences=True)), L.LSTM(3)])
model("both_unlike", gaps=0.0)(lambda L: [L.Masking(), L.Bidirectional(
    L.LSTM(3, return_sequences=True),
    backward_layer=L.GRU(2, return_sequences=True, go_backwards=True))])
model("both_unlike_last")(lambda L: [L.Bidirectional(
    L.SimpleRNN(3), backward_layer=L.SimpleRNN(3, activation="relu", go_backwards=True),
    merge_mode="ave")])
model("both_turned", gaps=0.0)(lambda L: [L.Masking(), L.Bidirectional(
    L.LSTM(3, return_sequences=True, go_backwards=True),
    backward_layer=L.LSTM(3, return_sequences=True))])
model("both_cell")(lambda L: [L.Bidirectional(L.RNN(L.GRUCell(3), return_sequences=True))])
model("stacked", gaps=0.0)(lambda L: [L.Masking(), L.RNN(L.StackedRNNCells(
    [L.LSTMCell(3), L.GRUCell(2), L.SimpleRNNCell(4), L.LSTMCell(2)]), return_sequences=True)])
model("stacked_last")(lambda L: [L.RNN([L.GRUCell(3), L.GRUCell(5)])])
model("both_stacked")(lambda L: [L.Bidirectional(L.RNN(
    L.StackedRNNCells([L.GRUCell(2), L.SimpleRNNCell(3)]), return_sequences=True))])

model("embedding", inputs=(7,), dtype="int32", words=9)(lambda L: [L.Embedding(9, 4), L.GRU(3)])
model("embedding_mask", inputs=(7,), dtype="int32", words=4)(lambda L: [
    L.Embedding(4, 5, mask_zero=True), L.LSTM(3, return_sequences=True), L.Dropout(0.3),
    L.SimpleRNN(2)])
model("tagger", inputs=(None,), dtype="int32", words=5)(lambda L: [
    L.Embedding(5, 4, mask_zero=True), L.Bidirectional(L.LSTM(2, return_sequences=True)),
    L.TimeDistributed(L.Dense(3, activation="softmax"))])
model("dense_softmax", gaps=0.0)(lambda L: [
    L.Masking(), L.Dense(5, activation="relu"), L.Dropout(0.1), L.GRU(3),
    L.Dense(4, activation="tanh", use_bias=False), L.Dense(3, activation="softmax")])
model("noise")(lambda L: [
    L.SpatialDropout1D(0.1), L.GaussianNoise(0.1), L.GaussianDropout(0.1), L.AlphaDropout(0.1),
    L.ActivityRegularization(l1=0.1), L.SimpleRNN(3), L.Activation("gelu"), L.ReLU(), L.ELU(0.5),
    L.Softmax()])
model("softmax_axis")(lambda L: [L.GRU(3, return_sequences=True), L.Softmax(axis=1)])
model("mask_passes", gaps=0.0)(lambda L: [
    L.Masking(), L.GRU(3, return_sequences=True), L.Activation("softsign"),
    L.TimeDistributed(L.Dense(4)), L.LSTM(2, return_sequences=True), L.Dense(2), L.SimpleRNN(2)])
model("masking_later")(lambda L: [L.Dense(3, activation="relu"), L.Masking(), L.SimpleRNN(2)])
model("frozen")(lambda L: [L.LSTM(3, trainable=False, return_sequences=True), L.GRU(2)])
# HDF5 keeps what is not trained behind the rest of its layer; equal shapes, so that no check sees it.
for _keras, _n in ((k2, "keras2"), (k3, "keras3")):
    model(_n + "_frozen_cell", ".h5", _keras)(lambda L: [
        L.RNN(L.StackedRNNCells([L.GRUCell(4, trainable=False), L.GRUCell(4)]))])
    model(_n + "_frozen_forward", ".h5", _keras)(lambda L: [
        L.Bidirectional(L.LSTM(2, trainable=False), backward_layer=L.LSTM(2, go_backwards=True))])
    model(_n + "_frozen_wrapper", ".h5", _keras)(lambda L: [
        L.Bidirectional(L.GRU(2, return_sequences=True), trainable=False),
        L.TimeDistributed(L.Dense(3, trainable=False))])
model("keras3_split_names", ".h5", split_names=True)(lambda L: [L.LSTM(2)])
model("twice")(lambda L: [L.LSTM(2, return_sequences=True, name="zeta"), L.Dense(3, name="omega"),
                          L.LSTM(2, return_sequences=True, name="alpha"), L.Dense(2, name="beta"),
                          L.LSTM(3, name="eta")])
ACTS = ("linear relu relu6 elu selu celu gelu silu sigmoid hard_sigmoid hard_tanh softplus "
        "softsign exponential log_sigmoid mish leaky_relu tanh").split()
# Recurrent layers, each with a function of its own; small weights, since some have no bound.
for _name, _acts in (("rnn_acts", "gelu silu selu mish"),
                     ("rnn_acts_next", "softplus hard_tanh log_sigmoid celu"),
                     ("rnn_acts_last", "relu6 leaky_relu linear exponential")):
    model(_name, scale=0.3)(lambda L, acts=_acts: [
        L.SimpleRNN(3, activation=act, return_sequences=True) for act in acts.split()])
model("activations")(lambda L: [L.Dense(4, activation=act) for act in ACTS[:9]] +
                     [L.Activation(act) for act in ACTS[9:]] + [L.SimpleRNN(2)])

model("functional", functional=True, gaps=0.5)(lambda L: [
    L.Masking(0.5), L.Dropout(0.1), L.GRU(3, return_sequences=True),
    L.Bidirectional(L.LSTM(2, return_sequences=True)), L.TimeDistributed(L.Dense(3)),
    L.SimpleRNN(2), L.Activation("relu")])
model("functional_plain", functional=True)(lambda L: [L.LSTM(3), L.Dense(2, activation="softmax")])
model("functional_embedding", functional=True, inputs=(7,), dtype="int32", words=4)(lambda L: [
    L.Embedding(4, 3, mask_zero=True), L.GRU(3)])
model("functional_none", functional=True)(lambda L: [
    L.Bidirectional(L.GRU(2, return_sequences=True), merge_mode=None)])

model("functional_any_length", functional=True, inputs=(None, 4))(lambda L: [
    L.Dropout(0.1), L.GRU(3), L.Dense(2)])

model("keras2", ".h5", k2, gaps=0.0)(lambda L: [
    L.Masking(), L.Bidirectional(L.LSTM(2, return_sequences=True, name="inner"), name="b"),
    L.GRU(3, reset_after=False, name="a"), L.Dense(2, activation="softmax", name="c")])
for _keras, _n in ((k2, "keras2"), (k3, "keras3")):
    model(_n + "_functional", ".h5", _keras, functional=True, gaps=0.0)(lambda L: [
        L.Masking(), L.SimpleRNN(3, return_sequences=True), L.Dropout(0.2),
        L.LSTM(2, dropout=0.1)])
model("keras2_hard", ".h5", k2)(lambda L: [
    L.LSTM(3, recurrent_activation="hard_sigmoid", go_backwards=True, return_sequences=True)])
model("keras2_before", ".h5", k2)(lambda L: [
    L.GRU(4, reset_after=False, recurrent_activation="hard_sigmoid", return_sequences=True),
    L.SimpleRNN(3)])
model("keras2_functional_cells", ".h5", k2, functional=True)(lambda L: [
    L.RNN([L.LSTMCell(3), L.GRUCell(2)]), L.Dense(2)])
model("keras3_both", ".h5", gaps=0.0)(lambda L: [
    L.Masking(), L.Bidirectional(L.LSTM(3)), L.Dense(2)])
model("keras2_cells", ".h5", k2, inputs=(7,), dtype="int32", words=4)(lambda L: [
    L.Embedding(4, 3, mask_zero=True), L.RNN(L.StackedRNNCells([L.GRUCell(2), L.LSTMCell(3)]))])
model("keras2_turned", ".h5", k2)(lambda L: [
    L.Bidirectional(L.GRU(2, return_sequences=True, go_backwards=True))])
model("keras2_archive", ".keras", k2, gaps=0.0)(lambda L: [
    L.Masking(), L.LSTM(3, recurrent_activation="hard_sigmoid"), L.Dense(2)])


def split_names(path):
    """As h5py's 64 KiB an attribute make Keras write the names of a layer with very many weights."""
    with h5py.File(path, "r+") as file:
        for group in file["model_weights"].values():
            names = list(group.attrs["weight_names"])
            if names:
                del group.attrs["weight_names"]
                group.attrs["weight_names0"] = names[:2]
                group.attrs["weight_names1"] = names[2:]


# ---- making them -------------------------------------------------------------------------------

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="tests/data/keras_cases")
    parser.add_argument("names", nargs="*", help="only these; of others all stays as it is")
    args = parser.parse_args()
    os.makedirs(args.output, exist_ok=True)
    lines, values = {}, {}
    index = os.path.join(args.output, "index.txt")
    if args.names:
        with open(index) as file:
            lines = {line.split(".")[0]: line for line in file}
        with np.load(os.path.join(args.output, "values.npz")) as file:
            values = dict(file)
    for name, suffix, keras, make, options in MODELS:
        if args.names and name not in args.names:
            continue
        keras.backend.clear_session()
        made = build(name, keras, make, options)
        randomize(name, made, options.get("scale", 0.9))
        x = data_of(name, options)
        path = os.path.join(args.output, name + suffix)
        save(path, made, keras)
        if options.get("split_names"):
            split_names(path)
        rows, total, trainable = rows_of(made, keras), made.count_params(), trainable_of(made)
        if options.get("mask"):
            values[name + ".mask"] = mask_of(options, x)
            y = made(x, mask=values[name + ".mask"], training=False)
        else:
            y = made(x, training=False)
        for i, one in enumerate(y if isinstance(y, (list, tuple)) else [y]):
            values[f"{name}.output" + (f"_{i}" if i else "")] = np.asarray(one)
        values[name + ".x"] = x
        lines[name] = " ".join([name + suffix, str(total), str(trainable)] + rows) + "\n"
        print(lines[name], end="", flush=True)
    order = [name for name, *_ in MODELS]
    with open(index, "w") as file:
        file.writelines(lines[name] for name in order if name in lines)
    with zipfile.ZipFile(os.path.join(args.output, "values.npz"), "w") as file:
        for name in sorted(values, key=lambda name: order.index(name.split(".")[0])):
            data = io.BytesIO()
            np.lib.format.write_array(data, values[name])
            file.writestr(zipfile.ZipInfo(name + ".npy"), data.getvalue(),
                          zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    sys.exit(main())
