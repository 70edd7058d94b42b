#!/usr/bin/env python3
"""Makes tests/data/onnx: small models of exporters and by hand, inputs, and what they give.

    make_onnx_models.py DIRECTORY [fixtures=SOURCE] [part ...]     parts: nodes glue spelled guards axes torch keras

All parts without any; with SOURCE some rows of the trained models there, too.

Expected outputs are ONNX Runtime's; of layout 1, which it does not have, those of the same node with
layout 0, turned round. index.txt lists `model inputs.npz outputs.npz`, refused.txt `model message`.
Needs numpy, onnx,
onnxruntime, torch, tensorflow-cpu, tf_keras, tf2onnx.
"""
import itertools
import os
import sys
import warnings

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

warnings.filterwarnings("ignore")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_USE_LEGACY_KERAS"] = "1"
T, N, I, H = 5, 3, 3, 4
FLOAT, INT32, INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64


class Writer:
    def __init__(self, directory):
        self.directory = directory
        self.lines, self.refused = [], []

    def run(self, model, feeds):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        session = ort.InferenceSession(model.SerializeToString(), options)
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, feeds)))

    def strip(self, model):
        """Without the stack traces that exporters leave."""
        for message in [model, model.graph, *model.graph.node, *model.graph.input,
                        *model.graph.output, *model.graph.initializer]:
            message.doc_string = ""
            if hasattr(message, "metadata_props"):
                del message.metadata_props[:]
        del model.graph.value_info[:]

    def add(self, name, model, feeds, expected=None, arrays=None):
        self.strip(model)
        expected = expected if expected is not None else self.run(model, feeds)
        for value in expected.values():
            assert np.all(np.isfinite(value)), name
        path = os.path.join(self.directory, name)
        with open(path + ".onnx", "wb") as file:
            file.write(model.SerializeToString())
        path = os.path.join(self.directory, arrays or name)
        np.savez_compressed(path + "_in.npz", **feeds)
        np.savez_compressed(path + "_out.npz", **expected)
        self.lines.append(f"{name}.onnx {arrays or name}_in.npz {arrays or name}_out.npz")

    def refuse(self, name, model, message):
        """A model of an exporter that is refused, with a part of the message."""
        with open(os.path.join(self.directory, name + ".onnx"), "wb") as file:
            file.write(model.SerializeToString())
        self.refused.append(f"{name}.onnx {message}")

    def finish(self):
        with open(os.path.join(self.directory, "index.txt"), "w") as file:
            file.write("\n".join(self.lines) + "\n")
        with open(os.path.join(self.directory, "refused.txt"), "w") as file:
            file.write("\n".join(self.refused) + "\n")


def value_info(name, array, symbolic=True):
    kinds = {"float32": FLOAT, "int32": INT32, "int64": INT64, "bool": TensorProto.BOOL}
    shape = [f"{name}_{i}" for i in range(array.ndim)] if symbolic else array.shape
    return helper.make_tensor_value_info(name, kinds[str(array.dtype)], shape)


def make(nodes, feeds, outputs, initializers, opset, symbolic=True):
    graph = helper.make_graph(
        nodes, "g", [value_info(name, array, symbolic) for name, array in feeds.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        [numpy_helper.from_array(array, name) if isinstance(array, np.ndarray) else array
         for name, array in initializers.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return model


# ---- one recurrent node with every attribute --------------------------------------------------

def recurrent(rng, cell, direction, opset=14, bias=True, lengths=False, state=False, peepholes=False,
              outputs=("Y", "Y_h", "Y_c"), **attributes):
    """A model with layout 0, its inputs and the node."""
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[cell]
    d = 2 if direction == "bidirectional" else 1
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
    initializers = {"W": normal(d, gates * H, I), "R": normal(d, gates * H, H) * np.float32(0.7)}
    feeds = {"X": normal(T, N, I)}
    inputs = ["X", "W", "R", "", "", "", "", ""]
    if bias:
        initializers["B"], inputs[3] = normal(d, 2 * gates * H), "B"
    if lengths:
        feeds["lens"], inputs[4] = np.array([2, T, 1], np.int32), "lens"
    if state:
        feeds["initial_h"], inputs[5] = normal(d, N, H), "initial_h"
        if cell == "LSTM":
            feeds["initial_c"], inputs[6] = normal(d, N, H), "initial_c"
    if peepholes:
        initializers["P"], inputs[7] = normal(d, 3 * H), "P"
    while not inputs[-1]:
        inputs.pop()
    given = ["Y", "Y_h", "Y_c"][: 3 if cell == "LSTM" else 2]
    names = [name if name in outputs else "" for name in given]
    while not names[-1]:
        names.pop()
    node = helper.make_node(cell, inputs, names, name="node", hidden_size=H, direction=direction,
                            **attributes)
    model = make([node], feeds, [(name, FLOAT) for name in names if name], initializers, opset)
    return model, feeds


def turn(array, name):
    """layout 0 -> layout 1"""
    return {"X": lambda a: a.transpose(1, 0, 2), "Y": lambda a: a.transpose(2, 0, 1, 3),
            "lens": lambda a: a}.get(name, lambda a: a.transpose(1, 0, 2))(array)


ACTIVATIONS = {
    "RNN": (["LeakyRelu"], [0.2], []),
    "LSTM": (["HardSigmoid", "ScaledTanh", "Softsign"], [0.3, 1.2], [0.4, 0.8]),
    "GRU": (["Affine", "ThresholdedRelu"], [0.4, 0.3], [0.2]),
}
OTHERS = {
    "RNN": (["Elu"], [0.5], []),
    "LSTM": (["Sigmoid", "Elu", "LeakyRelu"], [0.7, 0.1], []),
    "GRU": (["HardSigmoid", "Softsign"], [0.25], [0.45]),
}


def chosen(cell, direction):
    names, alphas, betas = (list(part) for part in ACTIVATIONS[cell])
    if direction == "bidirectional":
        more = OTHERS[cell]
        names, alphas, betas = names + more[0], alphas + more[1], betas + more[2]
    result = {"activations": names}
    if alphas:
        result["activation_alpha"] = alphas
    if betas:
        result["activation_beta"] = betas
    return result


def nodes(writer):
    for cell, direction in itertools.product(["RNN", "LSTM", "GRU"],
                                             ["forward", "reverse", "bidirectional"]):
        stem = f"{cell.lower()}_{direction[:3]}"
        rng = np.random.default_rng(sum(map(ord, stem)))
        full = dict(lengths=True, state=True)
        cases = {
            "ends": dict(bias=False, outputs=("Y_h", "Y_c"), opset=7),
            "full": full,
            "acts": dict(lengths=True, clip=1.5, outputs=("Y", "Y_c"), opset=22,
                         **chosen(cell, direction)),
            "layout": full,
        }
        if cell == "LSTM":
            cases["peep"] = dict(peepholes=True, state=True, outputs=("Y", "Y_c"))
            cases["couple"] = dict(peepholes=True, input_forget=1)
        if cell == "GRU":
            cases["after"] = dict(linear_before_reset=1, opset=11, **full)
            cases["after_acts"] = dict(linear_before_reset=1, clip=0.8, **chosen(cell, direction))
        for case, options in cases.items():
            model, feeds = recurrent(rng, cell, direction, **options)
            expected = writer.run(model, feeds)
            if case == "layout":
                feeds = {name: turn(array, name) for name, array in feeds.items()}
                expected = {name: turn(array, name) for name, array in expected.items()}
                model.graph.node[0].attribute.append(helper.make_attribute("layout", 1))
            writer.add(f"{stem}_{case}", model, feeds, expected)
    folded(writer)


def folded(writer):
    """Weights of other types, in typed fields, and behind nodes that fold."""
    rng = np.random.default_rng(5)
    model, feeds = recurrent(rng, "GRU", "bidirectional", state=True)
    arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    del model.graph.initializer[:]
    half = arrays["W"].astype(np.float16)
    model.graph.initializer.extend([
        helper.make_tensor("W16", TensorProto.FLOAT16, half.shape, half.view(np.uint16).ravel()
                           .tobytes(), raw=True),
        helper.make_tensor("Rt", TensorProto.DOUBLE, arrays["R"].transpose(0, 2, 1).shape,
                           arrays["R"].transpose(0, 2, 1).astype(np.float64).ravel()),
        helper.make_tensor("B0", FLOAT, [1, 24], arrays["B"][0])])
    second = helper.make_tensor("B1", FLOAT, [24], arrays["B"][1])
    before = [
        helper.make_node("Cast", ["W16"], ["W"], to=FLOAT),
        helper.make_node("Transpose", ["Rt"], ["R64"], perm=[0, 2, 1]),
        helper.make_node("Cast", ["R64"], ["R"], to=FLOAT),
        helper.make_node("Constant", [], ["B1"], value=second),
        helper.make_node("Constant", [], ["axes"], value_ints=[0]),
        helper.make_node("Unsqueeze", ["B1", "axes"], ["B1u"]),
        helper.make_node("Concat", ["B0", "B1u"], ["B"], axis=0)]
    old = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(before + old)
    writer.add("gru_folded", model, feeds)

    model, feeds = recurrent(rng, "RNN", "forward", lengths=True)
    w = next(i for i in model.graph.initializer if i.name == "W")
    brain = (numpy_helper.to_array(w).view(np.uint32) >> 16).astype(np.uint16)
    plain = numpy_helper.from_array((brain.astype(np.uint32) << 16).view(np.float32), "W")
    w.CopyFrom(plain)
    expected = writer.run(model, feeds)
    w.CopyFrom(helper.make_tensor("W", TensorProto.BFLOAT16, brain.shape, brain.tobytes(), raw=True))
    lens = numpy_helper.from_array(feeds.pop("lens"), "lens")  # an initializer listed as an input, too
    model.graph.initializer.append(lens)
    writer.add("rnn_brain", model, feeds, expected)


# ---- what stands round them ---------------------------------------------------------------------

def glue(writer):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(2, 3, 4)).astype(np.float32)
    ids = np.array([[0, 2, 1], [3, 1, 0]], np.int64)
    node = helper.make_node
    constant = lambda name, values, **how: node("Constant", [], [name], **({"value_ints": values} if not how else how))
    f32 = lambda *shape: rng.normal(size=shape).astype(np.float32)
    i64 = lambda *values: np.array(values, np.int64)

    def add(name, opset, nodes, outputs, initializers=None, feeds=None):
        feeds = feeds if feeds is not None else {"x": x}
        outputs = [o if isinstance(o, tuple) else (o, FLOAT) for o in outputs]
        writer.add(f"glue_{name}", make(nodes, feeds, outputs, initializers or {}, opset), feeds)

    # opset 7 to 12: lists as attributes, softmax over all axes from one on
    old = [
        node("Unsqueeze", ["x"], ["u"], axes=[0, 4]),
        node("Squeeze", ["u"], ["s"], axes=[0, 4]),
        node("Slice", ["s"], ["sliced"], axes=[1, 2], starts=[1, -3], ends=[9, -1]),
        node("Split", ["s"], ["a", "b"], axis=2, split=[1, 3]),
        node("Concat", ["b", "a"], ["joined"], axis=-1),
        node("ReduceSum", ["s"], ["sum"], axes=[1], keepdims=0),
        node("ReduceMean", ["s"], ["mean"], axes=[2]),
        node("ReduceMax", ["s"], ["max"]),
        node("Softmax", ["s"], ["soft"]),
        node("LogSoftmax", ["s"], ["logsoft"], axis=2),
        node("Softmax", ["s"], ["last"], axis=-1),
        node("Dropout", ["s"], ["dropped", "mask"], ratio=0.3),
        node("Flatten", ["dropped"], ["flat"], axis=2),
        node("Gemm", ["flat", "w", "c"], ["gemm"], alpha=0.5, beta=2.0, transB=1),
        node("Gemm", ["flat", "flat", "c0"], ["square"], transA=1),
        node("Softmax", ["gemm"], ["rows"], axis=1),
    ]
    given = ["sliced", "joined", "sum", "mean", "max", "soft", "logsoft", "last", "gemm", "square",
             "rows"]
    weights = {"w": f32(5, 4), "c": f32(5), "c0": f32(1, 1)}
    add("old7", 7, old, given, weights)
    add("old9", 9, old, given, weights)
    tensor = helper.make_tensor
    new = [
        node("Unsqueeze", ["x", "axes"], ["u"]), node("Squeeze", ["u", "axes"], ["s"]),
        node("Slice", ["s", "starts", "ends", "", "steps"], ["sliced"]),
        node("Slice", ["s", "from", "to", "at", "back"], ["turned"]),
        node("Split", ["s", "sizes"], ["a", "b"], axis=-1),
        node("Split", ["s"], ["p", "middle", "q"], axis=1),
        node("Concat", ["b", "a", "b"], ["joined"], axis=2),
        node("ReduceSum", ["s", "at"], ["sum"], keepdims=0),
        node("ReduceSum", ["s", "none"], ["same"], noop_with_empty_axes=1),
        node("Softmax", ["s"], ["soft"], axis=1), node("LogSoftmax", ["s"], ["logsoft"]),
        node("Dropout", ["s", "ratio", "no"], ["dropped"]),
        node("MatMul", ["dropped", "w"], ["product"]), node("Add", ["c", "product"], ["dense"]),
        node("Relu", ["dense"], ["relu"]), node("Mul", ["relu", "p"], ["scaled"]),
        node("Gemm", ["q2", "w"], ["gemm"]),
        node("Squeeze", ["q", "axis1"], ["q2"]),
    ]
    new[-1], new[-2] = new[-2], new[-1]
    add("new13", 13, new, ["sliced", "turned", "joined", "sum", "same", "soft", "logsoft", "scaled",
                           "gemm"],
        {"axes": i64(-1, 0), "starts": i64(0, 1, 1), "ends": i64(9, 3, 2**62), "steps": i64(1, 1, 2),
         "from": i64(-1), "to": i64(-99), "at": i64(2), "back": i64(-1), "sizes": i64(3, 1),
         "none": i64(), "ratio": np.array(0.5, np.float32), "no": np.array(False), "w": f32(4, 4),
         "c": f32(4), "axis1": i64(1)})
    latest = [
        node("Split", ["x"], ["a", "b"], axis=2, num_outputs=2),
        node("Shape", ["x"], ["tail"], start=-2), node("Shape", ["x"], ["whole"]),
        node("Gather", ["whole", "zero"], ["n"]), node("Unsqueeze", ["n", "zeros"], ["n1"]),
        node("Concat", ["n1", "minus"], ["wanted"], axis=0), node("Reshape", ["x", "wanted"], ["wide"]),
        node("ConstantOfShape", ["n1"], ["sevens"], value=tensor("v", INT64, [1], [7])),
        node("Range", ["zero", "n", "one"], ["range"]), node("Cast", ["range"], ["floats"], to=FLOAT),
        node("Cast", ["floats"], ["back"], to=INT32),
        node("Expand", ["floats", "tail3"], ["spread"]),
        node("ReduceMin", ["x", "minus"], ["min"]), node("ReduceMax", ["x", "minus"], ["max"], keepdims=0),
        node("ReduceMean", ["x"], ["mean"]),
        node("Less", ["x", "half"], ["less"]), node("GreaterOrEqual", ["x", "half"], ["more"]),
        node("Or", ["less", "more"], ["all"]), node("Not", ["less"], ["not"]),
        node("And", ["all", "not"], ["and"]), node("Equal", ["whole", "whole"], ["equal"]),
        node("Where", ["and", "x", "negative"], ["where"]), node("Neg", ["x"], ["negative"]),
        node("Min", ["x", "half"], ["least"]), node("Max", ["x", "half", "negative"], ["most"]),
        node("Abs", ["x"], ["abs"]), node("Exp", ["x"], ["exp"]), node("Div", ["abs", "exp"], ["ratio"]),
        node("Sub", ["ratio", "x"], ["difference"]), node("Identity", ["difference"], ["same"]),
        node("Transpose", ["x"], ["turned"]), node("Greater", ["x", "half"], ["greater"]),
        node("LessOrEqual", ["x", "half"], ["atmost"]),
    ]
    latest[21], latest[22] = latest[22], latest[21]
    boolean = TensorProto.BOOL
    add("latest18", 18, latest,
        ["a", "b", ("tail", INT64), "wide", ("sevens", INT64), ("back", INT32), "spread", "min", "max",
         "mean", "where", ("equal", boolean), "least", "most", "same", "turned", ("greater", boolean),
         ("atmost", boolean)],
        {"zero": np.array(0, np.int64), "one": np.array(1, np.int64), "zeros": i64(0), "minus": i64(-1),
         "tail3": i64(3, 2), "half": np.array(0.5, np.float32)})
    kinds = [("LeakyRelu", {}), ("LeakyRelu", {"alpha": 0.3}), ("Elu", {"alpha": 0.7}), ("Selu", {}),
             ("Selu", {"gamma": 1.5}), ("HardSigmoid", {"beta": 0.4}), ("Softplus", {}),
             ("Softsign", {}), ("Gelu", {}), ("Gelu", {"approximate": "tanh"}), ("Tanh", {}),
             ("Sigmoid", {}), ("Relu", {})]
    add("acts20", 20, [node(kind, ["x"], [f"y{i}"], **how) for i, (kind, how) in enumerate(kinds)],
        [f"y{i}" for i in range(len(kinds))])
    add("lookup", 11, [node("Gather", ["table", "x"], ["rows"], axis=0),
                       node("MatMul", ["rows", "w"], ["y"])], ["rows", "y"],
        {"table": f32(4, 3), "w": f32(3, 2)}, {"x": ids})


def spelled(writer):
    """Activations of several nodes, and some that are nearly so; directions that are joined, and some that
    only look so."""
    rng = np.random.default_rng(41)
    node = helper.make_node
    x = (4 * rng.normal(size=(2, 3, 4))).astype(np.float32)
    numbers = {"half": 0.5, "one": 1, "two": 2, "six": 6, "minus": -1, "root": 0.70710678118654752,
               "sqrt2": 1.4142135623730951, "cubic": 0.044715, "pi": 0.79788456080286536, "three": 3,
               "alpha": 0.7, "zero": 0, "high": 5}
    numbers = {key: np.array(value, np.float32) for key, value in numbers.items()}
    nodes = [
        node("Mul", ["x", "root"], ["a1"]), node("Erf", ["a1"], ["a2"]), node("Add", ["a2", "one"], ["a3"]),
        node("Mul", ["x", "a3"], ["a4"]), node("Mul", ["a4", "half"], ["gelu"]),
        node("Div", ["x", "sqrt2"], ["b1"]), node("Erf", ["b1"], ["b2"]), node("Add", ["one", "b2"], ["b3"]),
        node("Mul", ["x", "half"], ["b4"]), node("Mul", ["b4", "b3"], ["gelu_torch"]),
        node("Add", ["b2", "half"], ["b5"]), node("Mul", ["b4", "b5"], ["not_gelu"]),
        node("Mul", ["x", "x"], ["c1"]), node("Mul", ["c1", "x"], ["c2"]), node("Mul", ["c2", "cubic"], ["c3"]),
        node("Add", ["x", "c3"], ["c4"]), node("Mul", ["c4", "pi"], ["c5"]), node("Tanh", ["c5"], ["c6"]),
        node("Add", ["c6", "one"], ["c7"]), node("Mul", ["x", "c7"], ["c8"]),
        node("Mul", ["half", "c8"], ["gelu_tanh"]),
        node("Pow", ["x", "three"], ["d1"]), node("Mul", ["cubic", "d1"], ["d2"]),
        node("Add", ["d2", "x"], ["d3"]), node("Mul", ["pi", "d3"], ["d4"]), node("Tanh", ["d4"], ["d5"]),
        node("Add", ["one", "d5"], ["d6"]), node("Mul", ["d6", "b4"], ["gelu_power"]),
        node("Add", ["c3", "c3"], ["e1"]), node("Mul", ["e1", "pi"], ["e2"]), node("Tanh", ["e2"], ["e3"]),
        node("Add", ["e3", "one"], ["e4"]), node("Mul", ["b4", "e4"], ["not_gelu_tanh"]),
        node("Sigmoid", ["x"], ["f1"]), node("Mul", ["x", "f1"], ["silu"]),
        node("Mul", ["b4", "f1"], ["not_silu"]), node("Mul", ["f1", "c1"], ["not_silu_of_square"]),
        node("Mul", ["x", "alpha"], ["g1"]), node("Sigmoid", ["g1"], ["g2"]), node("Mul", ["g2", "x"], ["swish"]),
        node("Softplus", ["x"], ["h1"]), node("Tanh", ["h1"], ["h2"]), node("Mul", ["x", "h2"], ["mish"]),
        node("Softplus", ["b4"], ["h3"]), node("Tanh", ["h3"], ["h4"]), node("Mul", ["x", "h4"], ["not_mish"]),
        node("Neg", ["x"], ["i1"]), node("Softplus", ["i1"], ["i2"]), node("Neg", ["i2"], ["log_sigmoid"]),
        node("Neg", ["h1"], ["not_log_sigmoid"]),
        node("Clip", ["x", "zero", "six"], ["relu6"]), node("Clip", ["x", "minus", "one"], ["hard_tanh"]),
        node("Clip", ["x", "zero", "high"], ["clip"]), node("Clip", ["x", "", "one"], ["below"]),
        node("Clip", ["x", "one"], ["above"]), node("Clip", ["x"], ["unbounded"]),
        node("Exp", ["x"], ["exp"]), node("Erf", ["x"], ["erf"]),
        node("Abs", ["x"], ["j1"]), node("Sqrt", ["j1"], ["sqrt"]), node("Log", ["j1"], ["log"]),
        node("Pow", ["j1", "x"], ["power"]), node("Pow", ["x", "two"], ["square"]),
        node("Celu", ["x"], ["celu"], alpha=0.7), node("Celu", ["x"], ["celu1"]),
        node("ThresholdedRelu", ["x"], ["threshold"]), node("ThresholdedRelu", ["x"], ["threshold2"], alpha=0.25),
        node("Mish", ["x"], ["mish18"]),
    ]
    inner = {i for n in nodes for i in n.input}
    outputs = [(n.output[0], FLOAT) for n in nodes if n.output[0] not in inner or n.output[0] in ("c1", "h1")]
    writer.add("spelled_acts18", make(nodes, {"x": x}, outputs, numbers, 18), {"x": x})
    writer.add("spelled_clip7", make(
        [node("Clip", ["x"], ["both"], min=-0.5, max=0.5), node("Clip", ["x"], ["above"], min=0.25),
         node("Clip", ["x"], ["none"])], {"x": x}, [("both", FLOAT), ("above", FLOAT), ("none", FLOAT)], {}, 7),
        {"x": x})

    def halves(name, cell, merge, more=(), second="X", last=False, swap=False, lengths=True, twice=False, acts=None):
        model, feeds = recurrent(rng, cell, "bidirectional", lengths=lengths)
        arrays = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        initializers = [numpy_helper.from_array(np.array([1 if not last else 0], np.int64), "axes"),
                        numpy_helper.from_array(np.array(0.5, np.float32), "half"),
                        numpy_helper.from_array(np.array(2, np.float32), "two")]
        nodes = [node("Neg", ["X"], ["negative"])] if second != "X" else []
        for d, (direction, tag) in enumerate((("forward", "f"), ("forward" if twice else "reverse", "r"))):
            for key in "WRB":
                initializers.append(numpy_helper.from_array(arrays[key][d:d + 1], key + tag))
            more_attributes = {"activations": acts} if acts and tag == "r" else {}
            nodes.append(node(cell, [second if tag == "r" else "X", "W" + tag, "R" + tag, "B" + tag] +
                              (["lens"] if lengths else []), ["", "h" + tag] if last else ["y" + tag],
                              hidden_size=H, direction=direction, **more_attributes))
            nodes.append(node("Squeeze", [("h" if last else "y") + tag, "axes"], ["s" + tag]))
        pair = ["sr", "sf"] if swap else ["sf", "sr"]
        nodes.append(node(merge, pair, ["joined"], **({"axis": -1} if merge == "Concat" else {})))
        names = ["joined"] + [n.output[0] for n in more]
        del model.graph.node[:], model.graph.initializer[:], model.graph.output[:]
        model.graph.node.extend([*nodes, *more])
        used = {i for n in model.graph.node for i in n.input}
        model.graph.initializer.extend(i for i in initializers if i.name in used)
        model.graph.output.extend(helper.make_tensor_value_info(o, FLOAT, None) for o in names[-1:])
        writer.add(f"halves_{name}", model, feeds)

    halves("concat", "LSTM", "Concat")
    halves("concat_last", "GRU", "Concat", last=True)
    halves("concat_swapped", "GRU", "Concat", swap=True)
    halves("sum", "GRU", "Add", swap=True)
    halves("mul_last", "LSTM", "Mul", last=True, lengths=False)
    halves("ave", "RNN", "Add", [node("Mul", ["joined", "half"], ["ave"])])
    halves("ave_div", "LSTM", "Add", [node("Div", ["joined", "two"], ["ave"])], last=True)
    halves("doubled", "LSTM", "Add", [node("Mul", ["joined", "two"], ["sum2"])])
    halves("other_acts", "RNN", "Add", acts=["Relu"])
    halves("other_x", "GRU", "Add", second="negative")
    halves("same_way", "GRU", "Add", twice=True)


def guards(writer):
    """Graphs that look like those that become plain chains, but are others."""
    rng = np.random.default_rng(21)
    node = helper.make_node
    i64 = lambda *values: np.array(values, np.int64)
    f32 = lambda *shape: rng.normal(size=shape).astype(np.float32)
    shared = {"one": i64(1), "zero": i64(0), "last": np.array(-1, np.int64), "lastlist": i64(-1),
              "end": i64(2**62), "first": np.array(0, np.int64)}

    def add(name, direction, more, outputs, initializers=None, before=(), x="X", state=None, lengths=False):
        model, feeds = recurrent(rng, "GRU", direction, lengths=lengths)
        gru = model.graph.node[0]
        gru.input[0] = x
        if state:
            gru.input.extend([""] * (5 - len(gru.input)) + [state])
        del model.graph.node[:]
        model.graph.node.extend([*before, gru, *more])
        del model.graph.output[:]
        model.graph.output.extend(helper.make_tensor_value_info(o, FLOAT, None) for o in outputs)
        for key, array in {**shared, **(initializers or {})}.items():
            if any(key in n.input for n in model.graph.node):
                model.graph.initializer.append(numpy_helper.from_array(array, key))
        if x == "F":  # batch first
            feeds = {**feeds, "X": np.ascontiguousarray(feeds["X"].transpose(1, 0, 2))}
        writer.add(f"guard_{name}", model, feeds)

    squeeze = node("Squeeze", ["Y", "one"], ["y"])
    pick = node("Gather", ["y", "last"], ["picked"], axis=0)
    state = node("Squeeze", ["Y_h", "zero"], ["h"])
    turn = node("Transpose", ["X"], ["F"], perm=[1, 0, 2])
    back = node("Transpose", ["y"], ["back"], perm=[1, 0, 2])
    # the last step is not the last output
    add("lengths", "forward", [squeeze, pick, state], ["picked"], lengths=True)
    add("reverse", "reverse", [squeeze, pick, state], ["picked", "h"])
    add("both", "bidirectional", [node("Gather", ["Y", "last"], ["picked"], axis=0)], ["picked"])
    add("state_of_lengths", "forward", [state], ["h"], lengths=True)
    add("first_step", "forward", [squeeze, node("Gather", ["y", "first"], ["picked"], axis=0)], ["picked"])
    add("last_row", "forward", [squeeze, node("Gather", ["y", "last"], ["picked"], axis=1)], ["picked"])
    add("slice_kept", "forward", [squeeze, node("Slice", ["y", "lastlist", "end", "zero"], ["picked"])],
        ["picked"])
    add("state_and_steps", "forward", [squeeze, state, pick], ["h", "y", "picked"])
    # batches that come first only on one side, or are taken twice
    add("turned_before", "forward", [squeeze], ["y"], before=[turn], x="F")
    add("turned_behind", "forward", [squeeze, back], ["back"])
    add("turned_twice", "forward", [squeeze, back, node("Tanh", ["y"], ["t"])], ["back", "t"],
        before=[turn], x="F")
    add("other_turn", "forward", [squeeze, node("Transpose", ["y"], ["back"], perm=[2, 0, 1])], ["back"],
        before=[turn], x="F")
    add("turned_state", "forward", [squeeze, back, state], ["back", "h"], before=[turn], x="F")
    # states that are not zero, layers that are not dense
    add("ones", "forward", [state], ["h"], {"value": np.array(0.5, np.float32), "shape": i64(1, N, H)},
        before=[node("Expand", ["value", "shape"], ["start"])], state="start")
    add("halves", "forward", [state], ["h"], {"shape": i64(1, N, H)},
        before=[node("ConstantOfShape", ["shape"], ["start"],
                     value=helper.make_tensor("v", FLOAT, [1], [-0.25]))], state="start")
    dense = [state, node("MatMul", ["h", "w"], ["m"]), node("Add", ["m", "b"], ["a"]),
             node("Relu", ["a"], ["r"]), node("Sigmoid", ["a"], ["s"])]
    add("dense_twice", "forward", dense, ["r", "s", "m"], {"w": f32(H, 2), "b": f32(2)})
    add("bias_of_rows", "forward", dense[:3], ["a"], {"w": f32(H, 3), "b": f32(N, 1)})
    add("bias_of_more", "forward", dense[:3], ["a"], {"w": f32(H, 2), "b": f32(1, 1, 2)})
    add("bias_of_one", "forward", dense[:3], ["a"], {"w": f32(H, 2), "b": f32(1)})
    add("activated_twice", "forward", [*dense[:4], node("Tanh", ["r"], ["t"]), node("Add", ["t", "b"], ["z"])],
        ["z"], {"w": f32(H, 2), "b": f32(2)})
    x = rng.integers(0, 3, size=(2, 3)).astype(np.int64)
    table = {"table": f32(4, 3), "three": np.array(3, np.int64)}
    writer.add("guard_lookup", make(
        [node("Sub", ["x", "three"], ["below"]), node("Gather", ["table", "below"], ["rows"], axis=0),
         node("Gather", ["table", "x"], ["columns"], axis=1)],
        {"x": x}, [("rows", FLOAT), ("columns", FLOAT)], table, 14), {"x": x})
    # reshapes that are not what they were
    y = rng.normal(size=(4, 2, 3)).astype(np.float32)
    writer.add("guard_reshape", make(
        [node("Unsqueeze", ["x", "one"], ["u"]), node("Reshape", ["x", "swapped"], ["r"]),
         node("Reshape", ["r", "flat"], ["f"]), node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
         node("Shape", ["x"], ["shape"]), node("Reshape", ["t", "shape"], ["same"]),
         node("Transpose", ["x"], ["t1"], perm=[1, 2, 0]),
         node("Transpose", ["t1"], ["t2"], perm=[0, 2, 1]),
         node("Transpose", ["u"], ["t3"], perm=[2, 1, 0, 3])],
        {"x": y}, [("u", FLOAT), ("r", FLOAT), ("f", FLOAT), ("same", FLOAT),
                   ("t2", FLOAT), ("t3", FLOAT)],
        {"one": i64(1), "swapped": i64(0, 3, 2), "flat": i64(-1, 3)}, 14), {"x": y})


def axes(writer):
    """The axis of directions taken away by a Transpose and a Reshape; numbers of elements."""
    rng = np.random.default_rng(31)
    i64 = lambda *values: np.array(values, np.int64)
    for direction, count in (("forward", 1), ("bidirectional", 2)):
        model, feeds = recurrent(rng, "RNN", direction)
        model.graph.node.extend([
            helper.make_node("Transpose", ["Y"], ["turned"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", ["turned", "shape"], ["y"]),
            helper.make_node("Size", ["y"], ["size"])])
        model.graph.initializer.append(numpy_helper.from_array(i64(0, 0, count * H), "shape"))
        del model.graph.output[:]
        model.graph.output.extend([helper.make_tensor_value_info("y", FLOAT, None),
                                   helper.make_tensor_value_info("turned", FLOAT, None),
                                   helper.make_tensor_value_info("size", TensorProto.INT64, None)])
        writer.add(f"guard_axes_{count}", model, feeds)


# ---- exporters ----------------------------------------------------------------------------------

def torch_models(writer):
    import io
    import logging
    import torch
    logging.disable(logging.WARNING)

    class Net(torch.nn.Module):
        def __init__(self, kind, layers, both, batch_first, head, embed):
            super().__init__()
            self.embed = torch.nn.Embedding(7, I) if embed else None
            self.rnn = getattr(torch.nn, kind)(I, H, num_layers=layers, bidirectional=both,
                                               batch_first=batch_first)
            self.fc = torch.nn.Linear(H * (2 if both else 1), 2)
            self.head, self.batch_first = head, batch_first

        def forward(self, x):
            if self.embed is not None:
                x = self.embed(x)
            y, states = self.rnn(x)
            h = states[0] if isinstance(states, tuple) else states
            if self.head == "none":
                return (y, *(states if isinstance(states, tuple) else (states,)))
            if self.head == "all":
                return torch.softmax(self.fc(y), dim=-1)
            if self.head == "last":
                return self.fc(y[:, -1] if self.batch_first else y[-1])
            if self.head == "state":
                return torch.relu(self.fc(h[-1]))
            return self.fc(torch.cat([h[-2], h[-1]], dim=1))  # both

    def export(name, opset, dynamo, kind, layers, both, batch_first, head, embed=False, dynamic=True):
        torch.manual_seed(len(name) + opset)
        net = Net(kind, layers, both, batch_first, head, embed).eval()
        lead = (N, T) if batch_first else (T, N)
        x = torch.randint(0, 7, lead) if embed else torch.randn(*lead, I)
        axes = {0: "batch", 1: "time"} if batch_first else {0: "time", 1: "batch"}
        file = io.BytesIO()
        if dynamo:
            shapes = {"x": {axis: torch.export.Dim.AUTO for axis in axes}} if dynamic else None
            program = torch.onnx.export(net, (x,), dynamo=True, opset_version=opset, verbose=False,
                                        dynamic_shapes=shapes, input_names=["x"])
            program.save(file)
        else:
            torch.onnx.export(net, (x,), file, dynamo=False, opset_version=opset, input_names=["x"],
                              dynamic_axes={"x": axes} if dynamic else None)
        model = onnx.load_from_string(file.getvalue())
        # another size than that of the export, where the graph takes any
        dims = model.graph.input[0].type.tensor_type.shape.dim
        new = (2, T + 2) if batch_first else (T + 2, 2)
        new = tuple(size if dim.dim_param else dim.dim_value for size, dim in zip(new, dims))
        if new != lead:
            lead = new
            x = torch.randint(0, 7, lead) if embed else torch.randn(*lead, I)
        name = f"torch_{'dynamo' if dynamo else 'script'}_{name}"
        writer.strip(model)
        if any(node.op_type == "SplitToSequence" for node in model.graph.node):
            writer.refuse(name, model, "the op SplitToSequence is not supported")
        else:
            writer.add(name, model, {"x": x.numpy()})

    for dynamo in [False, True]:
        opsets = itertools.cycle([18, 20] if dynamo else [11, 13, 15, 17, 20, 9, 12])
        for kind, layers, both, batch_first, head in [
                ("GRU", 1, False, True, "last"), ("GRU", 2, True, True, "all"),
                ("LSTM", 1, False, False, "none"), ("LSTM", 2, True, False, "none"),
                ("LSTM", 1, True, True, "both"), ("RNN", 1, False, True, "state"), ("GRU", 1, False, True, "state"),
                ("RNN", 2, False, False, "last"), ("LSTM", 2, False, True, "last"),
                ("GRU", 1, True, False, "none")]:
            if dynamo and (kind, layers) == ("RNN", 2):
                continue  # the exporter unrolls it, as it does with one layer
            name = f"{kind.lower()}{layers}{'b' if both else ''}{'n' if batch_first else 't'}_{head}"
            export(name, next(opsets), dynamo, kind, layers, both, batch_first, head)
        export("embed", 18 if dynamo else 14, dynamo, "GRU", 1, False, True, "last", embed=True)
        export("fixed", 18 if dynamo else 16, dynamo, "LSTM", 1, True, True, "none", dynamic=False)
        export("gru2bn_both", 18 if dynamo else 17, dynamo, "GRU", 2, True, True, "both")
        export("lstm2n_state", 20 if dynamo else 14, dynamo, "LSTM", 2, False, True, "state")


def keras_models(writer):
    import tensorflow as tf
    import tf2onnx
    from tf_keras import layers, Sequential

    def convert(name, opset, *parts, ids=False, refused=None):
        tf.random.set_seed(3)
        model = Sequential([layers.InputLayer((T,) if ids else (T, I)), *parts])
        for weight in model.weights:
            weight.assign(tf.random.normal(weight.shape, stddev=0.6))
        spec = [tf.TensorSpec((None, T) if ids else (None, T, I), tf.int32 if ids else tf.float32, name="x")]
        proto, _ = tf2onnx.convert.from_keras(model, input_signature=spec, opset=opset)
        rng = np.random.default_rng(2)
        x = rng.integers(0, 6, size=(N, T)).astype(np.int32) if ids else \
            rng.normal(size=(N, T, I)).astype(np.float32)
        if refused:
            writer.strip(proto)
            writer.refuse(f"keras_{name}", proto, refused)
        else:
            writer.add(f"keras_{name}", proto, {"x": x})

    convert("lstm", 15, layers.LSTM(H), layers.Dense(2))
    convert("gru", 13, layers.GRU(H, return_sequences=True), layers.Dense(2, activation="softmax"))
    convert("gru_before", 17, layers.GRU(H, reset_after=False, go_backwards=True), layers.Dense(2),
            refused="the op ReverseSequence is not supported")
    convert("both", 15, layers.Bidirectional(layers.LSTM(H, return_sequences=True)), layers.LSTM(H),
            layers.Dense(2, activation="tanh"))
    convert("rnn", 11, layers.SimpleRNN(H), layers.Dense(2),
            refused="has graphs within, which is not supported")
    convert("embed", 15, layers.Embedding(6, I), layers.GRU(H), layers.Dense(2), ids=True)


def fixtures(writer, source):
    """A few rows of larger models; `source` has them whole, and what they give."""
    load = lambda name: dict(np.load(os.path.join(source, name)))
    x = np.load(os.path.join(source, "torch_gru_x.npy"))[:4]
    full = load("expected_torch_gru.npz")
    expected = {name: full[name][:, :4] if name == "h_n" else full[name][:4] for name in full}
    for name in ["torch_gru", "torch_gru_legacy"]:
        writer.add(name, onnx.load(os.path.join(source, name + ".onnx")), {"x": x}, expected,
                   "torch_gru")
    feeds, full = load("gru_onnx_lengths_inputs.npz"), load("expected_gru_onnx_lengths.npz")
    rows = [0, 3, 8, 20]
    feeds = {"X": feeds["X"][:, rows], "sequence_lens": feeds["sequence_lens"][rows],
             "initial_h": feeds["initial_h"][:, rows]}
    expected = {"Y": full["Y"][:, :, rows], "Y_h": full["Y_h"][:, rows]}
    writer.add("gru_onnx_lengths", onnx.load(os.path.join(source, "gru_onnx_lengths.onnx")), feeds,
               expected)


def main():
    directory, parts = sys.argv[1], sys.argv[2:]
    source = parts.pop(0)[len("fixtures="):] if parts and parts[0].startswith("fixtures=") else None
    os.makedirs(directory, exist_ok=True)
    writer = Writer(directory)
    all_parts = {"nodes": nodes, "glue": glue, "spelled": spelled, "guards": guards, "axes": axes, "torch": torch_models, "keras": keras_models}
    for name, part in all_parts.items():
        if not parts or name in parts:
            part(writer)
    if source:
        fixtures(writer, source)
    writer.finish()


if __name__ == "__main__":
    main()
