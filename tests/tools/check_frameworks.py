#!/usr/bin/env python3
"""Do Keras and ONNX Runtime read what clRNN writes as clRNN means it?

    build/write_models DIRECTORY && tests/tools/check_frameworks.py DIRECTORY [NAME...]

Every model of models.txt (tests/tools/chain_text.h has the language) is loaded by Keras and by ONNX
Runtime. Their weights must be ours bit for bit, and their outputs, on inputs with masked steps where
the model heeds them, those of the float64 equations below within 1e-5. Needs numpy, onnx, onnxruntime,
keras and tensorflow-cpu (or another backend of Keras that runs on a CPU).
"""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np

N, T = 5, 6
TOLERANCE = 1e-5  # of float32 against float64, on values of magnitude 1
LENGTHS = [6, 3, 1, 0, 5]
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


# ---- the language ------------------------------------------------------------------------------

def parse(text):
    steps = []
    for part in text.split("|"):
        words = part.split()
        steps.append({"op": words[0], "size": words[1] if len(words) > 1 else None,
                      "words": set(words[1:]),
                      "keys": dict(w.split("=") for w in words[1:] if "=" in w)})
    return steps


def parse_act(text):
    name, *parameters = text.split(":")
    return name, [float(np.float32(p)) for p in parameters]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def erf(x):
    from math import erf as one
    return np.vectorize(one)(x)


ACTS = {
    "tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0), "linear": lambda x: x,
    "hard_sigmoid": lambda x, a=0.2, b=0.5: np.clip(a * x + b, 0, 1),
    "elu": lambda x, a=1.0: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.05070102214813232421875
    * np.where(x > 0, x, 1.67326319217681884765625 * np.expm1(np.minimum(x, 0))),
    "softsign": lambda x: x / (1 + np.abs(x)), "softplus": softplus,
    "leaky_relu": lambda x, a=0.01: np.where(x > 0, x, a * x),
    "thresholded_relu": lambda x, a=1.0: np.where(x > a, x, 0),
    "affine": lambda x, a=1.0, b=0.0: a * x + b,
    "scaled_tanh": lambda x, a=1.0, b=1.0: a * np.tanh(b * x),
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))) / 2,
    "swish": lambda x, a=1.0: x * sigmoid(a * x), "silu": lambda x: x * sigmoid(x),
    "exponential": np.exp, "relu6": lambda x: np.clip(x, 0, 6),
    "celu": lambda x, a=1.0: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0) / a)),
    "hard_tanh": lambda x: np.clip(x, -1, 1), "log_sigmoid": lambda x: -softplus(-x),
    "mish": lambda x: x * np.tanh(softplus(x)),
}


def act_of(text):
    name, parameters = parse_act(text)
    return lambda x: ACTS[name](x, *parameters)


# ---- the equations -----------------------------------------------------------------------------

def is_recurrent(step):
    return step["op"] in GATES


def directions(step):
    """Of each net: whether its directions are reverse."""
    if "halves" in step["words"]:
        return [[False], [True]]
    return [[False, True] if "bi" in step["words"] else ["rev" in step["words"]]]


def nets_of(steps):
    """The number of the first net of each step."""
    numbers, count = [], 0
    for step in steps:
        numbers.append(count)
        count += len(directions(step)) if is_recurrent(step) else step["op"] == "dense"
    return numbers


def strand_weights(step, weights, net, layer, suffix):
    def get(name):
        return weights.get(f"n{net}.{name}_l{layer}{suffix}")
    return {role: get(role) for role in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_ci",
                                         "weight_cf", "weight_co")}


def strands_of(step, weights, net):
    """(reverse, weights, activations) of each layer and direction, in the order of files."""
    out = []
    for layer in range(int(step["keys"].get("layers", 1))):
        for k, ways in enumerate(directions(step)):
            for d, reverse in enumerate(ways):
                second = (d == 1 or k == 1) and "back" in step["keys"]
                acts = step["keys"].get("back" if second else "acts")
                own = {"rnn": "tanh", "lstm": "sigmoid,sigmoid,tanh,sigmoid,tanh",
                       "gru": "sigmoid,sigmoid,tanh"}[step["op"]]
                w = strand_weights(step, weights, net + k, layer, "_reverse" if reverse else "")
                out.append((reverse, w, (acts or own).split(",")))
    return out


def run_strand(step, strand, x, mask):
    reverse, w, acts = strand
    f = [act_of(a) for a in acts]
    hidden = w["weight_hh"].shape[1]
    w = {k: None if v is None else v.astype(np.float64) for k, v in w.items()}
    zeros = np.zeros(GATES[step["op"]] * hidden)
    b_ih = zeros if w["bias_ih"] is None else w["bias_ih"]
    b_hh = zeros if w["bias_hh"] is None else w["bias_hh"]
    clip = float(np.float32(step["keys"].get("clip", np.inf)))
    held = lambda v: np.clip(v, -clip, clip)
    h = np.zeros((len(x), hidden))
    c, o = h.copy(), h.copy()
    y = np.zeros(x.shape[:2] + (hidden,))
    peep = [0 if w[r] is None else w[r] for r in ("weight_ci", "weight_cf", "weight_co")]
    for t in range(x.shape[1])[::-1 if reverse else 1]:
        gx, gh = x[:, t] @ w["weight_ih"].T + b_ih, h @ w["weight_hh"].T + b_hh
        new_c = c
        if step["op"] == "rnn":
            new_h = f[0](held(gx + gh))
        elif step["op"] == "lstm":
            i, fg, g, og = np.split(gx + gh, 4, 1)
            i = f[0](held(i + peep[0] * c))
            fg = 1 - i if "couple" in step["words"] else f[1](held(fg + peep[1] * c))
            new_c = fg * c + i * f[2](held(g))
            new_h = f[3](held(og + peep[2] * new_c)) * f[4](new_c)
        else:
            xr, xz, xn = np.split(gx, 3, 1)
            hr, hz, hn = np.split(gh, 3, 1)
            r, z = f[0](held(xr + hr)), f[1](held(xz + hz))
            if "before" in step["words"]:
                rows = w["weight_hh"][2 * hidden:]
                n = f[2](held(xn + (r * h) @ rows.T + b_hh[2 * hidden:]))
            else:
                n = f[2](held(xn + r * hn))
            new_h = (1 - z) * n + z * h
        at = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        o = np.where(at, new_h, np.zeros_like(o) if "zero" in step["words"] else o)
        h, c = np.where(at, new_h, h), np.where(at, new_c, c)
        y[:, t] = o
    return y, o


def run_recurrent(step, weights, net, x, mask):
    words = step["words"]
    strands = strands_of(step, weights, net)
    wide = 2 if "halves" in words or "bi" in words else 1
    last = None
    for first in range(0, len(strands), wide):
        done = [run_strand(step, s, x, mask) for s in strands[first:first + wide]]
        x, last = [join(words, [d[k] for d in done]) for k in (0, 1)]
    return last if "last" in words else x


def join(words, parts):
    if len(parts) == 1:
        return parts[0]
    a, b = parts
    return (a + b if "sum" in words else a * b if "mul" in words else (a + b) / 2 if "ave" in words
            else np.concatenate(parts, -1))


def run(steps, weights, x):
    """x and the result rows first."""
    mask = None
    for step, net in zip(steps, nets_of(steps)):
        op = step["op"]
        if op in ("x", "ids"):
            continue
        if op == "masking":
            mask = (x != np.float32(step["size"])).any(-1)
            x = np.where(mask[..., None], x, 0)
        elif op == "embedding":
            mask = x != 0
            x = weights["table"].astype(np.float64)[x]
        elif op == "dense":
            w = weights[f"n{net}.weight_ih_l0"].astype(np.float64)
            b = weights.get(f"n{net}.bias_ih_l0")
            x = act_of(step["keys"].get("act", "linear"))(x @ w.T + (0 if b is None else b))
            x = softmax(x, -1) if "softmax" in step["words"] else x
        elif op == "act":
            x = act_of(step["size"])(x)
        elif op in ("softmax", "log_softmax"):
            x = softmax(x, int(step["size"] or -1))
            x = np.log(x) if op == "log_softmax" else x
        elif op == "flip":
            x = x[:, ::-1]
        else:
            x = run_recurrent(step, weights, net, x, mask if "masked" in step["words"] else None)
    return x


# ---- inputs ------------------------------------------------------------------------------------

def inputs_of(steps, with_holes):
    rng = np.random.default_rng(7)
    valid = np.arange(T) < np.array(LENGTHS)[:, None]
    if with_holes:
        valid = rng.random((N, T)) < 0.6
    first, second = steps[0], steps[1]
    if first["op"] == "ids":
        masked = any("masked" in s["words"] for s in steps)
        ids = rng.integers(1, int(first["size"]), (N, T))
        ids = np.where(valid, ids, 0) if masked else ids
        return ids.astype(np.int32 if "short" in first["words"] else np.int64)
    x = rng.standard_normal((N, T, int(first["size"]))).astype(np.float32)
    if second["op"] == "masking":
        x[~valid] = np.float32(second["size"])
        x[0, 0, 0] = np.float32(second["size"])  # one feature alone masks nothing
    return x


def say(name, what, got, expected):
    if got.shape != expected.shape:
        return f"{name}: {what}: shape {got.shape}, expected {expected.shape}"
    worst = np.abs(got - expected).max() if got.size else 0
    if not worst <= TOLERANCE:
        return f"{name}: {what}: differs by {worst:.3g}"
    return None


def same(name, what, got, expected):
    if len(got) != len(expected):
        return f"{name}: {what}: {len(got)} arrays, expected {len(expected)}"
    for i, (a, b) in enumerate(zip(got, expected)):
        if a.shape != b.shape or a.dtype != np.float32 or a.tobytes() != b.tobytes():
            return f"{name}: {what}: array {i} {a.shape} is not {b.shape}, or not bit for bit"
    return None


# ---- Keras -------------------------------------------------------------------------------------

def reorder(w, op, order):
    parts = np.split(w, GATES[op], 0)
    return np.concatenate([parts[g] for g in order[op]], 0)


KERAS_ORDER = {"rnn": [0], "lstm": [0, 1, 2, 3], "gru": [1, 0, 2]}
ONNX_ORDER = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}


def keras_weights(steps, weights):
    out = []
    for step, net in zip(steps, nets_of(steps)):
        op = step["op"]
        if op == "embedding":
            out.append(weights["table"])
        if op == "dense":
            out.append(np.ascontiguousarray(weights[f"n{net}.weight_ih_l0"].T))
            if f"n{net}.bias_ih_l0" in weights:
                out.append(weights[f"n{net}.bias_ih_l0"])
        for _, w, _ in strands_of(step, weights, net) if is_recurrent(step) else []:
            turned = {k: reorder(w[k], op, KERAS_ORDER) for k in
                      ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if w[k] is not None}
            out += [np.ascontiguousarray(turned[k].T) for k in ("weight_ih", "weight_hh")]
            if "bias_ih" in turned:
                second = turned.get("bias_hh", np.zeros_like(turned["bias_ih"]))
                two = op == "gru" and "before" not in step["words"]
                out.append(np.stack([turned["bias_ih"], second]) if two
                           else turned["bias_ih"] + second)
    return out


def check_keras(path, name, steps, weights):
    import keras
    model = keras.saving.load_model(path, compile=False)
    yield same(name, "keras weights", model.get_weights(), keras_weights(steps, weights))
    for holes in (False, True):
        x = inputs_of(steps, holes)
        got = np.asarray(model(x))
        yield say(name, "keras with holes" if holes else "keras", got, run(steps, weights, x))
    # and once more as Keras itself would save it: the config must be whole
    again = keras.Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    yield say(name, "keras again", np.asarray(again(x)), got)


# ---- ONNX --------------------------------------------------------------------------------------

def onnx_weights(steps, weights):
    out = []
    for step, net in zip(steps, nets_of(steps)):
        op = step["op"]
        if op == "embedding":
            out.append(weights["table"])
        if op == "dense":
            out.append(weights[f"n{net}.weight_ih_l0"])
            if f"n{net}.bias_ih_l0" in weights:
                out.append(weights[f"n{net}.bias_ih_l0"])
        for _, w, _ in strands_of(step, weights, net) if is_recurrent(step) else []:
            out += [reorder(w[k], op, ONNX_ORDER) for k in ("weight_ih", "weight_hh")]
            if w["bias_ih"] is not None:
                second = w["bias_hh"] if w["bias_hh"] is not None else np.zeros_like(w["bias_ih"])
                out.append(np.concatenate([reorder(b, op, ONNX_ORDER) for b in (w["bias_ih"], second)]))
            if w["weight_ci"] is not None:
                out.append(np.concatenate([w[k] for k in ("weight_ci", "weight_co", "weight_cf")]))
    return out


def found_weights(model):
    from onnx import numpy_helper
    arrays = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    out = []
    for node in model.graph.node:
        names = list(node.input)
        if node.op_type == "Gather":
            out.append(arrays[names[0]])
        elif node.op_type == "MatMul":
            out.append(np.ascontiguousarray(arrays[names[1]].T))
        elif node.op_type == "Gemm":
            out += [arrays[n] for n in names[1:]]
        elif node.op_type == "Add" and names[1].endswith("/bias"):
            out.append(arrays[names[1]])
        elif node.op_type in ("RNN", "LSTM", "GRU"):
            for d in range(arrays[names[1]].shape[0]):
                out += [arrays[names[i]][d] for i in (1, 2, 3, 7) if i < len(names) and names[i]]
    return out


def check_onnx(path, name, steps, weights):
    import onnx
    import onnxruntime
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    yield same(name, "onnx weights", found_weights(model), onnx_weights(steps, weights))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = inputs_of(steps, False)
    expected = run(steps, weights, x)
    time_first = "time" in steps[0]["words"]
    got = session.run(["output"], {"x": np.swapaxes(x, 0, 1) if time_first else x})[0]
    yield say(name, "onnx", got, np.swapaxes(expected, 0, 1) if time_first and expected.ndim == 3
              else expected)
    # one row, one step: nothing but features may be fixed
    part = x[:1, :1]
    got = session.run(None, {"x": np.swapaxes(part, 0, 1) if time_first else part})[0]
    yield say(name, "onnx, 1 x 1", got if not (time_first and got.ndim == 3) else np.swapaxes(got, 0, 1),
              run(steps, weights, part))


def main():
    directory, wanted = sys.argv[1], set(sys.argv[2:])
    bad = checked = 0
    for line in open(os.path.join(directory, "models.txt")):
        name, flags, text = line.rstrip("\n").split("\t")
        if wanted and name not in wanted:
            continue
        steps, weights = parse(text), dict(np.load(os.path.join(directory, name + ".npz")))
        for flag, suffix, check in (("k", "keras", check_keras), ("o", "onnx", check_onnx)):
            if flag not in flags:
                continue
            path = os.path.join(directory, f"{name}.{suffix}")
            checked += 1
            try:
                problems = [p for p in check(path, name, steps, weights) if p]
            except Exception as e:  # whatever a framework raises is the finding
                problems = [f"{name}: {suffix}: {type(e).__name__}: {str(e)[:600]}"]
            bad += bool(problems)
            for problem in problems:
                print(problem)
    print(f"{checked} files, {bad} bad")
    return bad > 0 or checked == 0


if __name__ == "__main__":
    sys.exit(main())
