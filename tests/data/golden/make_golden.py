#!/usr/bin/env python3
"""Makes the golden results in this folder: what Keras, PyTorch and ONNX Runtime give for small nets.

    python make_golden.py FIXTURES           make all files; FIXTURES is a folder that holds
                                             torch_bilstm.safetensors, japanese_vowels/x_test.npy and
                                             japanese_vowels/lengths_test.npy
    python make_golden.py --out DIR ...      into DIR (also with --check)
    python make_golden.py --check [FIXTURES] make nothing: hold the files against the equations

Needs numpy; to make files also keras with tensorflow-cpu, torch, onnx, onnxruntime, safetensors.
The files were made with Python 3.11.7, numpy 2.4.6, keras 3.15.1, tensorflow-cpu 2.21.0, torch 2.15.0
(CPU), onnx 1.23.2, onnxruntime 1.32.0. A second run on one machine gives the same bytes.

Weights are drawn in PyTorch's layout and put into the framework's own; the framework's results are
stored. Each file is then read back and computed again by plain equations in float64, which know
no framework and take nothing but the arrays and the `note` of the file. README.md has the formats,
and what was found about the frameworks' semantics.
"""

import argparse
import json
import logging
import math
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
logging.getLogger("absl").setLevel(logging.ERROR)

import numpy as np

LIMIT = 1e-5     # largest |framework - float64| that is accepted
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
SLOTS = {"rnn": 1, "lstm": 3, "gru": 2}    # activations in a key: h; i f o, g, h; r z, n
DEFAULTS = {"rnn": ("tanh",), "lstm": ("sigmoid", "tanh", "tanh"), "gru": ("sigmoid", "tanh")}


# ---------------------------------------------------------------- the equations, in float64

def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
ACTIVATIONS = {     # of x, alpha, beta
    "linear": lambda x, a, b: x,
    "tanh": lambda x, a, b: np.tanh(x),
    "sigmoid": lambda x, a, b: sigmoid(x),
    "relu": lambda x, a, b: np.maximum(x, 0),
    "relu6": lambda x, a, b: np.clip(x, 0, 6),
    "leaky_relu": lambda x, a, b: np.where(x < 0, a * x, x),
    "thresholded_relu": lambda x, a, b: np.where(x > a, x, 0),
    "elu": lambda x, a, b: np.where(x < 0, a * (np.exp(x) - 1), x),
    "selu": lambda x, a, b: SELU_SCALE * np.where(x < 0, SELU_ALPHA * (np.exp(x) - 1), x),
    "celu": lambda x, a, b: np.where(x < 0, a * (np.exp(x / a) - 1), x),
    "gelu": lambda x, a, b: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "silu": lambda x, a, b: x * sigmoid(x),
    "mish": lambda x, a, b: x * np.tanh(softplus(x)),
    "hard_sigmoid": lambda x, a, b: np.clip(a * x + b, 0, 1),
    "hard_tanh": lambda x, a, b: np.clip(x, -1, 1),
    "log_sigmoid": lambda x, a, b: -softplus(-x),
    "softplus": lambda x, a, b: softplus(x),
    "softsign": lambda x, a, b: x / (1 + np.abs(x)),
    "exponential": lambda x, a, b: np.exp(x),
    "affine": lambda x, a, b: a * x + b,
    "scaled_tanh": lambda x, a, b: a * np.tanh(b * x),
}


def walk(layer, weights, acts, x, valid, reverse, h, c):
    """One direction of one layer over x [N][T][I]: a step that is not valid keeps h and c.

    layer: of the note. weights: name without _lK and _reverse -> array. acts: a function a slot.
    Returns the output [N][T] of each step, where one that is not valid repeats the output before
    ("repeat", at first 0) or gives 0 ("zero"), and the last h and c.
    """
    w = {k: np.asarray(a, np.float64) for k, a in weights.items()}
    clip, before = layer.get("gate_clip", np.inf), layer.get("reset") == "before"
    bound = lambda a: np.clip(a, -clip, clip)
    repeat, zero = (np.zeros((*x.shape[:2], h.shape[-1])) for _ in range(2))
    output = np.zeros_like(h)
    gates = GATES[layer["cell"]]
    none = np.zeros(len(w["weight_ih"]))
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        gx = np.split(x[:, t] @ w["weight_ih"].T + w.get("bias_ih", none), gates, axis=-1)
        gh = np.split(h @ w["weight_hh"].T + w.get("bias_hh", none), gates, axis=-1)
        new_c = c
        if layer["cell"] == "rnn":
            new_h = acts[0](bound(gx[0] + gh[0]))
        elif layer["cell"] == "gru":
            r, z = (acts[0](bound(gx[k] + gh[k])) for k in (0, 1))
            if before:
                hidden = h.shape[-1]
                gh_n = (r * h) @ w["weight_hh"][2 * hidden:].T + w.get("bias_hh", none)[2 * hidden:]
            else:
                gh_n = r * gh[2]
            new_h = (1 - z) * acts[1](bound(gx[2] + gh_n)) + z * h
        else:
            i, f, g, o = (a + b for a, b in zip(gx, gh))
            i = acts[0](bound(i + w.get("weight_ci", 0) * c))
            f = acts[0](bound(f + w.get("weight_cf", 0) * c))
            if layer.get("couple") == "forget":
                f = 1 - i
            new_c = f * c + i * acts[1](bound(g))
            new_h = acts[0](bound(o + w.get("weight_co", 0) * new_c)) * acts[2](new_c)
            if "weight_hr" in w:
                new_h = new_h @ w["weight_hr"].T
        on = valid[:, t, None]
        h, c = np.where(on, new_h, h), np.where(on, new_c, c)
        output = np.where(on, new_h, output)
        repeat[:, t], zero[:, t] = output, np.where(on, new_h, 0)
    return {"repeat": repeat, "zero": zero, "h_n": h, "c_n": c}


MERGES = {"concat": lambda f, r: np.concatenate([f, r], -1), "sum": lambda f, r: f + r,
          "mul": lambda f, r: f * r, "ave": lambda f, r: (f + r) / 2}


def directions_of(layer):
    return {"forward": ("",), "reverse": ("_reverse",), "bidirectional": ("", "_reverse")}[layer["direction"]]


def run_layer(layer, k, a, x, valid, h_0, c_0, key=None, parameters=None):
    """Every direction of layer k with the weights in a. key: its activations, "sigmoid.tanh.tanh"."""
    suffixes = directions_of(layer)
    names = (key or layer.get("activations") or ".".join(DEFAULTS[layer["cell"]] * len(suffixes))).split(".")
    if parameters is None:
        parameters = np.zeros((len(names), 2))
    slots, results = SLOTS[layer["cell"]], []
    assert len(names) == slots * len(suffixes) == len(parameters)
    for d, suffix in enumerate(suffixes):
        weights = {name.split("_l")[0]: value for name, value in a.items()
                   if name.startswith(("weight", "bias")) and name.endswith(f"_l{k}{suffix}")}
        acts = [lambda v, f=ACTIVATIONS[names[j]], p=np.float64(parameters[j]): f(v, *p)
                for j in range(d * slots, (d + 1) * slots)]
        hidden = weights["weight_hh"].shape[0] // GATES[layer["cell"]]
        h = np.zeros((len(x), weights["weight_hh"].shape[1])) if h_0 is None else np.float64(h_0[d])
        c = np.zeros((len(x), hidden)) if c_0 is None else np.float64(c_0[d])
        results.append(walk(layer, weights, acts, x, valid, suffix != "", h, c))
    return results


def last(layer, results, which, merge):
    """The output at the last step that each direction takes."""
    parts = [r[which][:, 0 if suffix else -1] for r, suffix in zip(results, directions_of(layer))]
    return parts[0] if len(parts) == 1 else MERGES[merge](*parts)


def steps(layer, results, which, merge):
    return results[0][which] if len(results) == 1 else MERGES[merge](results[0][which], results[1][which])


def unpack(data, sizes):
    """[sum][I] of rows that grow shorter, as [N][T][I] and valid [N][T]."""
    x, valid = np.zeros((sizes[0], len(sizes), data.shape[1])), np.zeros((sizes[0], len(sizes)), bool)
    at = 0
    for t, n in enumerate(sizes):
        x[:n, t], valid[:n, t] = data[at:at + n], True
        at += n
    return x, valid


def pack(y, sizes):
    return np.concatenate([y[:n, t] for t, n in enumerate(sizes)])


def inputs_of(a, time_first):
    """x as [N][T][I] in float64, and which steps are valid, [N][T]."""
    if "batch_sizes" in a:
        return unpack(np.float64(a["data"]), a["batch_sizes"])
    x = np.float64(a["x"])
    x = x.swapaxes(0, 1) if time_first else x
    if "mask" in a:
        return x, a["mask"]
    lengths = a.get("lengths", np.full(len(x), x.shape[1]))
    return x, np.arange(x.shape[1]) < lengths[:, None]


def expected(a):
    """Every result that file a holds, computed from its inputs."""
    note = json.loads(str(a["note"]))
    time_first = not note.get("batch_first", 1)
    x, valid = inputs_of(a, time_first)
    start = {s: a[s].reshape(-1, *a[s].shape[-2:]) for s in ("h_0", "c_0") if s in a}
    out, ends, at = {}, {}, 0
    for k, layer in enumerate(note["layers"]):
        count = len(directions_of(layer))
        h_0, c_0 = (start[s][at:at + count] if s in start else None for s in ("h_0", "c_0"))
        at += count
        for key in [n[len("output."):] for n in a if n.startswith("output.")] or [None]:
            results = run_layer(layer, k, a, x, valid, h_0, c_0, key, a.get(f"parameters.{key}"))
            dot = "" if key is None else "." + key
            which = "zero" if "mask" not in a or layer.get("zero_masked") else "repeat"
            y = steps(layer, results, which, "concat")
            out[f"output_l{k}"] = out["output" + dot] = y.swapaxes(0, 1) if time_first else y
            out["last"] = last(layer, results, which, "concat")
            if "batch_sizes" in a:
                out["output_data"] = pack(y, a["batch_sizes"])
            for w in ("repeat", "zero"):
                out["output_" + w] = steps(layer, results, w, "concat")
                out["last_" + w] = last(layer, results, w, "concat")
            if count == 2:      # Keras' Bidirectional: sequences have 0 at masked steps, last outputs repeat
                for m in MERGES:
                    out["output_" + m] = steps(layer, results, "zero", m)
                    out["last_" + m] = last(layer, results, "repeat", m)
            for s in ("h_n", "c_n"):
                own = [r[s] for r in results]
                out[f"{s}_l{k}"] = np.stack(own) if count == 2 else own[0]
                ends.setdefault(s + dot, []).extend(own)
        x = y
    for name in ends.keys() & a.keys():
        out[name] = np.stack(ends[name]) if a[name].ndim == 3 else ends[name][0]
    return {name: out[name] for name in a if is_result(name)}


def is_result(name):
    return name.startswith(("output", "last", "h_n", "c_n"))


# ---------------------------------------------------------------- files
#
# Axes are of different lengths wherever that is possible, so that none can stand for another.

def save(out, name, note, arrays, extra=None):
    """Writes the file, and holds it against the equations. extra: weights that do not go into it."""
    arrays = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    for key, value in arrays.items():
        assert value.dtype in (np.float32, np.bool_, np.int64, np.int32), (name, key, value.dtype)
        assert value.dtype != np.float32 or np.isfinite(value).all(), (name, key)
    path = Path(out) / name
    np.savez(path, note=np.array(json.dumps(note)), **arrays)
    check_file(path, extra)


def load(path):
    with np.load(path) as z:
        return {k: z[k] for k in z.files}


def check_file(path, extra=None):
    a = load(path)
    worst = (0.0, "")
    results = expected({**(extra or {}), **a})
    assert results, path
    for name, exact in results.items():
        assert a[name].shape == exact.shape, (path.name, name, a[name].shape, exact.shape)
        worst = max(worst, (float(np.abs(a[name] - exact).max()), name))
    print(f"{path.name:36} {path.stat().st_size:7} bytes, {len(results):3} results, "
          f"max |framework - float64| {worst[0]:.1e} {worst[1]}", flush=True)
    assert worst[0] < LIMIT, (path.name, worst)


def draw_layer(rng, cell, inputs, hidden, k=0, direction="forward", biases=2, projection=0, peepholes=False,
               gain=1.0):
    """Weights by PyTorch's names, of Glorot's spread, with biases in +-0.5."""
    uniform = lambda bound, *shape: rng.uniform(-bound, bound, shape).astype(np.float32)
    rows, below = GATES[cell] * hidden, projection or hidden
    w = {}
    for suffix in directions_of({"direction": direction}):
        end = f"_l{k}{suffix}"
        w["weight_ih" + end] = uniform(gain * math.sqrt(6 / (inputs + hidden)), rows, inputs)
        w["weight_hh" + end] = uniform(gain * math.sqrt(6 / (2 * hidden)), rows, below)
        if biases > 0:
            w["bias_ih" + end] = uniform(0.5, rows)
        if biases > 1:
            w["bias_hh" + end] = uniform(0.5, rows)
        if projection:
            w["weight_hr" + end] = uniform(math.sqrt(6 / (projection + hidden)), projection, hidden)
        if peepholes:
            for gate in "ifo":
                w[f"weight_c{gate}{end}"] = uniform(0.75, hidden)
    return w


def draw_x(rng, *shape, scale=1.0):
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def draw_states(rng, cell, *shape):
    names = ("h_0", "c_0") if cell == "lstm" else ("h_0",)
    return {name: rng.uniform(-0.9, 0.9, shape).astype(np.float32) for name in names}


def gates_in_order(a, order):
    """The row blocks (of H) of a in another order."""
    blocks = np.split(a, len(order), axis=0)
    return np.concatenate([blocks[k] for k in order], axis=0)


# ---------------------------------------------------------------- Keras
#
# Keras' gates: LSTM i, f, c, o, which is PyTorch's i, f, g, o; GRU z, r, h against PyTorch's r, z, n.

MASK = np.array([[0, 1, 0, 1, 1, 0, 1],      # begins masked, with a state to keep
                 [0, 0, 0, 0, 0, 0, 0],      # nothing valid
                 [1, 1, 1, 0, 0, 0, 0],      # padded on the right
                 [1, 1, 1, 1, 1, 1, 1],
                 [1, 1, 0, 0, 1, 1, 0]], bool)    # a hole, and masked at the end


def to_keras(weights, cell, k=0, suffix=""):
    order = (1, 0, 2) if cell == "gru" else range(GATES[cell])
    part = lambda name: gates_in_order(weights[f"{name}_l{k}{suffix}"], order)
    bias = part("bias_ih")
    if f"bias_hh_l{k}{suffix}" in weights:
        bias = np.stack([bias, part("bias_hh")])
    return [part("weight_ih").T, part("weight_hh").T, bias]


def keras_layer(keras, cell, hidden, **options):
    kinds = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    return kinds[cell](hidden, **options)


def keras_run(layer, weights, x, mask=None, states=None):
    """Results as a list of numpy arrays: output, then the final states if the layer returns them."""
    import keras
    keras.utils.set_random_seed(1)
    layer.build(x.shape)
    layer.set_weights(weights)
    options = {} if states is None else {"initial_state": states}
    if mask is not None:
        options["mask"] = keras.ops.convert_to_tensor(mask)
    y = layer(keras.ops.convert_to_tensor(x), **options)
    return [keras.ops.convert_to_numpy(v) for v in (y if isinstance(y, (tuple, list)) else [y])]


def require_same(a, b, what):
    difference = float(np.abs(a - b).max())
    assert difference < 1e-6, (what, difference)


def keras_masks(keras, out, seed, cell, reset=None, backwards=False):
    rng = np.random.default_rng(seed)
    n, t = MASK.shape
    inputs, hidden = 3, 4
    direction = "reverse" if backwards else "forward"
    biases = 2 if reset == "after" else 1
    weights = draw_layer(rng, cell, inputs, hidden, direction=direction, biases=biases)
    x, states = draw_x(rng, n, t, inputs), draw_states(rng, cell, n, hidden)
    options = {"go_backwards": backwards}
    if reset:
        options["reset_after"] = reset == "after"
    own = to_keras(weights, cell, suffix="_reverse" if backwards else "")
    arrays = {"x": x, "mask": MASK, **states, **weights}
    for zero in (False, True):
        name = "zero" if zero else "repeat"
        results = {}
        for sequences in (True, False):
            for unroll in (False, True):
                layer = keras_layer(keras, cell, hidden, zero_output_for_mask=zero, return_sequences=sequences,
                                    return_state=True, unroll=unroll, **options)
                y, *end = keras_run(layer, own, x, MASK, list(states.values()))
                if backwards and zero and sequences and unroll:
                    continue    # Keras 3.15 puts the zeros where the mask is not turned round: a bug
                for got, stored in zip((y, *end), results.setdefault(sequences, [y, *end])):
                    require_same(got, stored, "unroll")     # does not change a result
        y, *end = results[True]
        arrays[f"output_{name}"] = y[:, ::-1] if backwards else y     # Keras gives the order of processing
        arrays[f"last_{name}"] = results[False][0]
        # the last output is that of the last step processed, 0 if that one is masked and zero is set
        require_same(results[False][0], y[:, -1], "last output")
        for state, value, again in zip(("h_n", "c_n"), end, results[False][1:]):
            require_same(value, again, "final state of last output")
            require_same(value, arrays.setdefault(state, value), "final state of zero_output_for_mask")
    # a row masked throughout ends in its initial state, though its output is 0
    require_same(arrays["h_n"][1], states["h_0"][1], "state of a masked row")
    assert not arrays["last_repeat"][1].any()
    layer = {"cell": cell, "direction": direction, **({"reset": reset} if reset else {})}
    save(out, f"keras_masks_{cell}{'_' + reset if reset else ''}{'_backwards' if backwards else ''}.npz",
         {"made_by": "keras", "layers": [layer]}, arrays)


def keras_masks_bilstm(keras, out, seed):
    rng = np.random.default_rng(seed)
    n, t = MASK.shape
    inputs, hidden = 3, 4
    weights = draw_layer(rng, "lstm", inputs, hidden, direction="bidirectional", biases=1)
    x, states = draw_x(rng, n, t, inputs), draw_states(rng, "lstm", 2, n, hidden)
    own = to_keras(weights, "lstm") + to_keras(weights, "lstm", suffix="_reverse")
    start = [states[s][d] for d in (0, 1) for s in ("h_0", "c_0")]
    arrays = {"x": x, "mask": MASK, **states, **weights}
    for merge in MERGES:
        for sequences, name in ((True, "output"), (False, "last")):
            for zero in (False, True):      # makes no difference: Bidirectional sets it to return_sequences
                layer = keras.layers.Bidirectional(
                    keras.layers.LSTM(hidden, return_sequences=sequences, return_state=True,
                                      zero_output_for_mask=zero), merge_mode=merge)
                assert layer.forward_layer.zero_output_for_mask is sequences
                assert layer.backward_layer.zero_output_for_mask is sequences
                y, hf, cf, hr, cr = keras_run(layer, own, x, MASK, start)
                require_same(y, arrays.setdefault(f"{name}_{merge}", y), "zero_output_for_mask of Bidirectional")
            h_n, c_n = np.stack([hf, hr]), np.stack([cf, cr])
            require_same(h_n, arrays.setdefault("h_n", h_n), "final h")
            require_same(c_n, arrays.setdefault("c_n", c_n), "final c")
    save(out, "keras_masks_bilstm.npz",
         {"made_by": "keras", "layers": [{"cell": "lstm", "direction": "bidirectional", "zero_masked": 1}]}, arrays)


def keras_masks_stack(keras, out, seed):
    """The mask goes through Bidirectional(LSTM) and GRU to the SimpleRNN, which gives its last output."""
    rng = np.random.default_rng(seed)
    n, t = MASK.shape
    inputs, h0, h1, h2 = 3, 4, 6, 5
    weights = {**draw_layer(rng, "lstm", inputs, h0, 0, "bidirectional", biases=1),
               **draw_layer(rng, "gru", 2 * h0, h1, 1), **draw_layer(rng, "rnn", h1, h2, 2, biases=1)}
    x = draw_x(rng, n, t, inputs)
    own = [to_keras(weights, "lstm") + to_keras(weights, "lstm", suffix="_reverse"),
           to_keras(weights, "gru", 1), to_keras(weights, "rnn", 2)]

    def layers(sequences, state=False):
        return [keras.layers.Bidirectional(keras.layers.LSTM(h0, return_sequences=True, return_state=state)),
                keras.layers.GRU(h1, return_sequences=True, return_state=state),
                keras.layers.SimpleRNN(h2, return_sequences=sequences, return_state=state)]

    arrays = {"x": x, "mask": MASK, **weights}
    y = x
    for k, layer in enumerate(layers(True, True)):
        y, *end = keras_run(layer, own[k], y, MASK)
        arrays[f"output_l{k}"] = y
        if k == 0:
            arrays["h_n_l0"], arrays["c_n_l0"] = np.stack(end[0::2]), np.stack(end[1::2])
        else:
            arrays[f"h_n_l{k}"], = end
    # the mask goes by itself: a Masking layer in front, and its value where the mask is
    model = keras.Sequential([keras.layers.Masking(7.0), *layers(False)])
    model.build((n, t, inputs))
    model.set_weights([w for group in own for w in group])
    masked = np.where(MASK[..., None], x, np.float32(7.0))
    arrays["last"] = keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(masked)))
    require_same(arrays["last"], arrays["output_l2"][:, -1], "masks by hand and by Masking")
    save(out, "keras_masks_stack.npz", {"made_by": "keras", "layers": [
        {"cell": "lstm", "direction": "bidirectional", "zero_masked": 1},
        {"cell": "gru", "direction": "forward", "reset": "after"},
        {"cell": "rnn", "direction": "forward"}]}, arrays)


KERAS_PARAMETERS = {"hard_sigmoid": (1 / 6, 0.5), "leaky_relu": (0.2, 0), "elu": (1, 0), "celu": (1, 0),
                    "selu": (SELU_ALPHA, SELU_SCALE), "silu": (1, 0)}


def keras_activations(keras, out, seed, name, cell, keys, scale, gain, reset=None):
    """keys: (activation,) or (recurrent_activation, activation)"""
    rng = np.random.default_rng(seed)
    n, t, inputs, hidden = 3, 4, 2, 5
    weights = draw_layer(rng, cell, inputs, hidden, biases=2 if reset else 1, gain=gain)
    arrays = {"x": draw_x(rng, n, t, inputs, scale=scale), **draw_states(rng, cell, n, hidden), **weights}
    states = [arrays[s] for s in ("h_0", "c_0") if s in arrays]
    for key in keys:
        options = {"activation": key[-1]}
        if len(key) > 1:
            options["recurrent_activation"] = key[0]
        layer = keras_layer(keras, cell, hidden, return_sequences=True, **options)
        y, = keras_run(layer, to_keras(weights, cell), arrays["x"], states=states)
        slots = key + key[-1:] if cell == "lstm" else key
        text = ".".join(slots)
        arrays["output." + text] = y
        arrays["parameters." + text] = np.array([KERAS_PARAMETERS.get(s, (0, 0)) for s in slots], np.float32)
    layer = {"cell": cell, "direction": "forward", **({"reset": reset} if reset else {})}
    save(out, name, {"made_by": "keras", "layers": [layer]}, arrays)


def make_keras(out, _):
    import keras
    for seed, (cell, reset) in enumerate((("rnn", None), ("lstm", None), ("gru", "after"), ("gru", "before"))):
        for backwards in (False, True):
            keras_masks(keras, out, 100 + 10 * backwards + seed, cell, reset, backwards)
    keras_masks_bilstm(keras, out, 120)
    keras_masks_stack(keras, out, 121)
    # what bends at 3, 6 and -1 meets large x; what grows by itself meets small weights
    keras_activations(keras, out, 130, "keras_activations_rnn.npz", "rnn", [
        ("hard_sigmoid",), ("hard_tanh",), ("relu6",), ("softsign",), ("sigmoid",), ("log_sigmoid",),
        ("leaky_relu",), ("celu",)], scale=6.0, gain=0.75)
    keras_activations(keras, out, 131, "keras_activations_rnn_small.npz", "rnn", [
        ("exponential",), ("softplus",), ("selu",), ("elu",), ("gelu",), ("silu",), ("mish",), ("linear",),
        ("relu",)], scale=1.0, gain=0.5)
    keras_activations(keras, out, 132, "keras_activations_lstm.npz", "lstm", [
        ("hard_sigmoid", "softsign"), ("softsign", "gelu"), ("sigmoid", "silu"), ("relu6", "leaky_relu"),
        ("hard_sigmoid", "selu"), ("sigmoid", "softplus")], scale=1.0, gain=0.5)
    keras_activations(keras, out, 133, "keras_activations_gru.npz", "gru", [
        ("hard_sigmoid", "softsign"), ("softsign", "hard_tanh"), ("sigmoid", "gelu"), ("hard_sigmoid", "elu")],
        scale=1.0, gain=1.0, reset="after")


# ---------------------------------------------------------------- PyTorch

def import_torch():
    import torch
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    return torch


TORCH_NAMES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}


def torch_run(torch, cell, weights, x, lengths, states, layers, hidden, bidirectional, **options):
    """output (0 past the lengths), h_n, c_n of one packed batch. x is [N][T][I]."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
    net = getattr(torch.nn, TORCH_NAMES[cell])(x.shape[2], hidden, num_layers=layers, batch_first=True,
                                               bidirectional=bidirectional, **options)
    net.load_state_dict({k: torch.as_tensor(v) for k, v in weights.items()})
    packed = pack_padded_sequence(torch.as_tensor(x), torch.as_tensor(lengths), batch_first=True,
                                  enforce_sorted=False)
    start = None if states is None else tuple(torch.as_tensor(s) for s in states)
    with torch.no_grad():
        y, end = net(packed, start if start is None or cell == "lstm" else start[0])
    y, _ = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    return [v.numpy() for v in (y, *(end if isinstance(end, tuple) else (end,)))]


def torch_layers(torch, cell, weights, x, lengths, states, layers, hidden, bidirectional, **options):
    """The same, and each layer alone: output_l0, output_l1, ... of the stack."""
    whole = torch_run(torch, cell, weights, x, lengths, states, layers, hidden, bidirectional, **options)
    directions, below, outputs, ends = 2 if bidirectional else 1, x, {}, []
    for k in range(layers):
        own = {n.replace(f"_l{k}", "_l0"): v for n, v in weights.items() if f"_l{k}" in n}
        rows = slice(k * directions, (k + 1) * directions)
        below, *end = torch_run(torch, cell, own, below, lengths,
                                None if states is None else [s[rows] for s in states], 1, hidden, bidirectional,
                                **options)
        outputs[f"output_l{k}"] = below
        ends.append(end)
    for got, one in zip(whole, [below, *(np.concatenate(e) for e in zip(*ends))]):
        require_same(got, one, "layers one by one")
    return outputs, whole


def torch_stack(torch, out, seed, name, cell, layers, hidden, bidirectional, lengths, steps, projection=0,
                nonlinearity=None):
    rng = np.random.default_rng(seed)
    inputs, n = 2, len(lengths)
    direction = "bidirectional" if bidirectional else "forward"
    directions, width = 2 if bidirectional else 1, projection or hidden
    weights = {}
    for k in range(layers):
        weights |= draw_layer(rng, cell, inputs if k == 0 else directions * width, hidden, k, direction,
                              projection=projection)
    x = draw_x(rng, n, steps, inputs)
    h_0 = rng.uniform(-0.9, 0.9, (layers * directions, n, width)).astype(np.float32)
    c_0 = rng.uniform(-0.9, 0.9, (layers * directions, n, hidden)).astype(np.float32)
    states = [h_0, c_0] if cell == "lstm" else [h_0]
    options = {"proj_size": projection} if projection else {"nonlinearity": nonlinearity} if nonlinearity else {}
    lengths = np.array(lengths, np.int64)
    outputs, (_, *end) = torch_layers(torch, cell, weights, x, lengths, states, layers, hidden, bidirectional,
                                      **options)
    arrays = {"x": x, "lengths": lengths, **dict(zip(("h_0", "c_0"), states)), **weights, **outputs,
              **dict(zip(("h_n", "c_n"), end))}
    note = {"cell": cell, "direction": direction}
    if nonlinearity:
        note["activations"] = nonlinearity
    save(out, name, {"made_by": "torch", "batch_first": 1, "layers": [note] * layers}, arrays)


def torch_packed(torch, out, seed):
    from torch.nn.utils.rnn import PackedSequence
    rng = np.random.default_rng(seed)
    sizes = np.array([5, 5, 4, 2, 2, 1], np.int64)      # lengths 6 5 3 3 2
    inputs, hidden = 3, 4
    weights = draw_layer(rng, "lstm", inputs, hidden, direction="bidirectional")
    data, states = draw_x(rng, int(sizes.sum()), inputs), draw_states(rng, "lstm", 2, int(sizes[0]), hidden)
    net = torch.nn.LSTM(inputs, hidden, bidirectional=True)
    net.load_state_dict({k: torch.as_tensor(v) for k, v in weights.items()})
    with torch.no_grad():
        y, end = net(PackedSequence(torch.as_tensor(data), torch.as_tensor(sizes)),
                     tuple(torch.as_tensor(s) for s in states.values()))
    assert np.array_equal(y.batch_sizes.numpy(), sizes)
    save(out, "torch_packed.npz", {"made_by": "torch", "layers": [{"cell": "lstm", "direction": "bidirectional"}]},
         {"data": data, "batch_sizes": sizes, **states, **weights, "output_data": y.data.numpy(),
          "h_n": end[0].numpy(), "c_n": end[1].numpy()})


BILSTM = "expected_torch_bilstm_layers.npz"


def bilstm_weights(fixtures):
    from safetensors.numpy import load_file
    return {k.removeprefix("rnn."): v for k, v in load_file(Path(fixtures) / "torch_bilstm.safetensors").items()}


def torch_bilstm(torch, out, fixtures):
    """Of the trained net; its weights stay in torch_bilstm.safetensors."""
    data = Path(fixtures) / "japanese_vowels"
    x = np.load(data / "x_test.npy")[0::40]
    lengths = np.load(data / "lengths_test.npy")[0::40]
    x = np.ascontiguousarray(x[:, :lengths.max()])
    weights = bilstm_weights(fixtures)
    outputs, (y, h_n, c_n) = torch_layers(torch, "lstm", weights, x, lengths.astype(np.int64), None, 2,
                                          weights["weight_hh_l0"].shape[1], True)
    stored = Path(fixtures) / "expected_torch_bilstm.npz"
    if stored.exists():
        before = load(stored)
        require_same(before["output"][0::40, :x.shape[1]], y, "output of before")
    note = {"made_by": "torch", "batch_first": 1, "layers": [{"cell": "lstm", "direction": "bidirectional"}] * 2}
    save(out, BILSTM, note, {"x": x, "lengths": lengths, **outputs, "h_n": h_n, "c_n": c_n}, weights)


def make_torch(out, fixtures):
    torch = import_torch()
    torch_stack(torch, out, 200, "torch_lstm_projection.npz", "lstm", 2, 6, True, [3, 7, 5, 5, 1], 7, projection=3)
    torch_stack(torch, out, 201, "torch_gru.npz", "gru", 3, 4, True, [5, 2, 5], 5)
    torch_stack(torch, out, 202, "torch_rnn_relu.npz", "rnn", 2, 4, False, [4, 6, 6, 1, 3], 6, nonlinearity="relu")
    torch_packed(torch, out, 203)
    torch_bilstm(torch, out, fixtures)


# ---------------------------------------------------------------- ONNX Runtime
#
# ONNX' gates: LSTM i, o, f, c against PyTorch's i, f, g, o; GRU z, r, h against r, z, n; peepholes i, o, f.

TO_ONNX = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
ONNX_NAMES = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
ONNX_ACTIVATIONS = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "affine": "Affine",
                    "leaky_relu": "LeakyRelu", "thresholded_relu": "ThresholdedRelu", "scaled_tanh": "ScaledTanh",
                    "hard_sigmoid": "HardSigmoid", "elu": "Elu", "softsign": "Softsign", "softplus": "Softplus"}
ONNX_ALPHA = ("affine", "leaky_relu", "thresholded_relu", "scaled_tanh", "hard_sigmoid", "elu")
ONNX_BETA = ("affine", "scaled_tanh", "hard_sigmoid")


def onnx_run(cell, attributes, inputs):
    """inputs: X, W, R, B, sequence_lens, initial_h, initial_c, P, or None for one that is not given."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper
    given = {k: v for k, v in inputs.items() if v is not None}
    outputs = ["Y", "Y_h", "Y_c"][:3 if cell == "lstm" else 2]
    node = helper.make_node(ONNX_NAMES[cell], [k if v is not None else "" for k, v in inputs.items()], outputs,
                            **attributes)
    kind = lambda v: TensorProto.INT32 if v.dtype == np.int32 else TensorProto.FLOAT
    graph = helper.make_graph([node], "golden", [helper.make_tensor_value_info(k, kind(v), v.shape)
                                                 for k, v in given.items()],
                              [helper.make_tensor_value_info(k, TensorProto.FLOAT, [None] * (4 if k == "Y" else 3))
                               for k in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(outputs, given)


def onnx_attributes(layer, hidden, names, parameters):
    attributes = {"hidden_size": hidden, "direction": layer["direction"]}
    if layer.get("reset") == "after":
        attributes["linear_before_reset"] = 1
    if layer.get("couple") == "forget":
        attributes["input_forget"] = 1
    if "gate_clip" in layer:
        attributes["clip"] = layer["gate_clip"]
    if names:       # alpha and beta stand in order of those activations alone that take one
        attributes["activations"] = [ONNX_ACTIVATIONS[n] for n in names]
        attributes["activation_alpha"] = [float(p[0]) for n, p in zip(names, parameters) if n in ONNX_ALPHA]
        attributes["activation_beta"] = [float(p[1]) for n, p in zip(names, parameters) if n in ONNX_BETA]
        attributes = {k: v for k, v in attributes.items() if v != []}
    return attributes


def onnx_file(out, seed, name, cell, lengths=(5, 2, 4), peepholes=False, keys=(None,), scale=1.0, **layer):
    """keys: activations with their parameters, ((name, alpha, beta), ...), for each direction's slots."""
    rng = np.random.default_rng(seed)
    steps, inputs, hidden = 5, 2, 4
    layer = {"cell": cell, "direction": "forward", **layer}
    suffixes = directions_of(layer)
    weights = draw_layer(rng, cell, inputs, hidden, direction=layer["direction"], peepholes=peepholes)
    n = len(lengths)
    arrays = {"x": draw_x(rng, steps, n, inputs, scale=scale), "lengths": np.array(lengths, np.int32),
              **draw_states(rng, cell, len(suffixes), n, hidden), **weights}
    part = lambda role: [gates_in_order(weights[f"{role}_l0{s}"], TO_ONNX[cell]) for s in suffixes]
    given = {"X": arrays["x"], "W": np.stack(part("weight_ih")), "R": np.stack(part("weight_hh")),
             "B": np.stack([np.concatenate(b) for b in zip(part("bias_ih"), part("bias_hh"))]),
             "sequence_lens": arrays["lengths"], "initial_h": arrays["h_0"]}
    if cell == "lstm":
        given["initial_c"] = arrays["c_0"]
        given["P"] = np.stack([np.concatenate([weights[f"weight_c{g}_l0{s}"] for g in "iof"])
                               for s in suffixes]) if peepholes else None
    for key in keys:
        names = [k[0] for k in key] if key else []
        parameters = np.array([(*k[1:], 0, 0)[:2] for k in key] if key else np.zeros((0, 2)), np.float32)
        text = ".".join(names)
        attributes = onnx_attributes(layer, hidden, names, parameters)
        y, h_n, *c_n = onnx_run(cell, attributes, given)
        dot = "." + text if key else ""
        arrays["output" + dot] = y.transpose(0, 2, 1, 3).reshape(steps, n, -1)      # Y is [T][D][N][H]
        arrays["h_n" + dot] = h_n
        if c_n:
            arrays["c_n" + dot] = c_n[0]
        if key:
            arrays["parameters" + dot] = parameters
    note = {"made_by": "onnxruntime", "batch_first": 0, "layers": [layer],
            "onnx": onnx_attributes(layer, hidden, [], [])}     # activations: in the keys and parameters
    save(out, name, note, arrays)


def make_onnx(out, _):
    both = {"direction": "bidirectional"}
    # i and f see the c before, o the c after; P is i, o, f
    onnx_file(out, 301, "onnx_lstm_peepholes.npz", "lstm", peepholes=True, **both)
    # input_forget: f = 1 - i, and the weights of f are not used, its peephole neither
    onnx_file(out, 302, "onnx_lstm_input_forget.npz", "lstm", couple="forget", **both)
    onnx_file(out, 303, "onnx_lstm_input_forget_peepholes.npz", "lstm", peepholes=True, couple="forget",
              direction="reverse")
    # clip: on what the activation of each gate takes, the candidate's too, after bias and peephole; neither
    # c before its activation nor the c that is kept
    onnx_file(out, 305, "onnx_lstm_clip.npz", "lstm", peepholes=True, gate_clip=0.5, scale=2.0)
    # gru: on r, z and on what the candidate's activation takes as a whole, not on its part from h
    onnx_file(out, 307, "onnx_gru_before.npz", "gru", reset="before", **both)
    onnx_file(out, 308, "onnx_gru_after.npz", "gru", reset="after", **both)
    onnx_file(out, 309, "onnx_gru_before_clip.npz", "gru", reset="before", gate_clip=0.5, scale=2.0, **both)
    onnx_file(out, 330, "onnx_gru_after_clip.npz", "gru", reset="after", gate_clip=0.5, scale=2.0, **both)
    onnx_file(out, 311, "onnx_rnn_clip.npz", "rnn", gate_clip=0.5, scale=2.0, **both)

    hard_sigmoid, scaled_tanh = ("hard_sigmoid", 0.25, 0.375), ("scaled_tanh", 1.25, 0.75)
    affine = ("affine", 0.25, 0.5)
    leaky_relu, elu, thresholded = ("leaky_relu", 0.125), ("elu", 0.5), ("thresholded_relu", 0.375)
    sigmoid_, tanh, softsign, soft, relu = ("sigmoid",), ("tanh",), ("softsign",), ("softplus",), ("relu",)
    rnn_keys = [(affine, leaky_relu), (thresholded, scaled_tanh), (hard_sigmoid, elu), (softsign, soft),
                (relu, ("affine", 0.5, -0.25))]
    gru_keys = [(hard_sigmoid, scaled_tanh, softsign, elu), (sigmoid_, thresholded, affine, leaky_relu),
                (("hard_sigmoid", 0.125, 0.625), soft, sigmoid_, ("affine", 0.5, -0.25))]
    lstm_keys = [(hard_sigmoid, scaled_tanh, softsign, sigmoid_, leaky_relu, elu),
                 (affine, thresholded, tanh, ("hard_sigmoid", 0.125, 0.625), soft, ("affine", 0.5, 0.125)),
                 (sigmoid_, ("elu", 0.75), ("thresholded_relu", 0.25), softsign, relu, ("scaled_tanh", 0.75, 1.5))]
    onnx_file(out, 320, "onnx_rnn_activations.npz", "rnn", keys=rnn_keys, scale=3.0, **both)
    onnx_file(out, 321, "onnx_gru_before_activations.npz", "gru", keys=gru_keys, reset="before", **both)
    onnx_file(out, 322, "onnx_gru_after_activations.npz", "gru", keys=gru_keys, reset="after", **both)
    onnx_file(out, 323, "onnx_lstm_activations.npz", "lstm", keys=lstm_keys, scale=2.0, **both)
    onnx_file(out, 324, "onnx_lstm_everything.npz", "lstm", keys=lstm_keys[:2], peepholes=True, couple="forget",
              gate_clip=0.75, scale=2.0, **both)


# ---------------------------------------------------------------- all

def check(out, fixtures):
    for path in sorted(Path(out).glob("*.npz")):
        if path.name != BILSTM:
            check_file(path)
        elif fixtures:
            check_file(path, bilstm_weights(fixtures))
        else:
            print(f"{path.name}: not checked, it needs the weights in FIXTURES")


def in_new_process(function, *args):
    """PyTorch and TensorFlow can crash in one process; and what is made alone is made alike every time."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def main():
    parser = argparse.ArgumentParser(description="Makes the golden results in this folder.")
    parser.add_argument("fixtures", nargs="?", help="folder with torch_bilstm.safetensors and japanese_vowels/")
    parser.add_argument("--out", default=Path(__file__).resolve().parent, help="where the files lie")
    parser.add_argument("--check", action="store_true", help="hold the files that are there against the equations")
    args = parser.parse_args()
    if args.check:
        check(args.out, args.fixtures)
        return 0
    if not args.fixtures:
        parser.error("FIXTURES is needed to make the files")
    for make in (make_keras, make_torch, make_onnx):
        in_new_process(make, args.out, args.fixtures)
    total = sum(p.stat().st_size for p in Path(args.out).glob("*.npz"))
    print(f"{total} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
