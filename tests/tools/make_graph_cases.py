#!/usr/bin/env python3
"""make_graph_cases.py: writes tests/data/graph/ops.npz, cases for tests/test_graph.c.

What must come out is ONNX Runtime's answer (for dtypes that it leaves out, that of ONNX's reference
evaluator), but for what is summed or a function of floats: sums are made here in double precision in
the order that graph_op.h gives, functions by mpmath in 60 digits. Both are held against ONNX Runtime
loosely, so that a wrong formula is seen.

The file holds one pool of numbers a dtype and a text `cases`, a line a case:

    SLICE axis=0 list=1,2 : f32[2,3]@0 i64[1]@4 - : f32[1,3]@9

with the inputs and the outputs as shapes in a pool from an element on. ~f32[2]@0: in the pool of
float64 is what float32 must be the rounding of.

    python tests/tools/make_graph_cases.py      (numpy, onnx, onnxruntime, mpmath)
"""
import os
import random

import mpmath as mp
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "graph", "ops.npz")
SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "int32": "i32", "int64": "i64", "bool": "bool"}
FLOATS, WHOLES = ["float32", "float64"], ["int32", "int64"]
rng = np.random.default_rng(20)
pick = random.Random(20)
pools = {short: [] for short in SHORT.values()}
lengths = dict.fromkeys(pools, 0)
lines, judges = [], {}
mp.mp.dps = 60
onnxruntime.set_default_logger_severity(4)


def stored(array, short):
    at = lengths[short]
    pools[short].append(np.ascontiguousarray(array).reshape(-1))
    lengths[short] += array.size
    return at


def text_of(array):
    if array is None:
        return "-"
    if isinstance(array, tuple):  # (values in float64, dtype that they are rounded to)
        values, dtype = array
        return "~%s[%s]@%d" % (SHORT[dtype], ",".join(map(str, values.shape)), stored(values, "f64"))
    short = SHORT[array.dtype.name]
    return "%s[%s]@%d" % (short, ",".join(map(str, array.shape)), stored(array, short))


def case(op, inputs, outputs, **told):
    told = " ".join("%s=%s" % (k, ",".join(map(str, v)) if isinstance(v, (list, tuple)) else v) for k, v in told.items())
    lines.append(" : ".join([(op + " " + told).strip(), " ".join(map(text_of, inputs)), " ".join(map(text_of, outputs))]))


def onnx_run(op, inputs, outputs=1, **attributes):
    """What ONNX says."""
    names = ["x%d" % i if x is not None else "" for i, x in enumerate(inputs)]
    while names and names[-1] == "":
        names.pop()
    y = ["y%d" % i for i in range(outputs)]
    given = {n: x for n, x in zip(names, inputs) if n}
    graph = helper.make_graph(
        [helper.make_node(op, names, y, **attributes)], "g",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in given.items()],
        [helper.make_empty_tensor_value_info(n) for n in y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    try:
        result = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, given)
        judge = "onnxruntime"
    except Exception as error:
        if "NOT_IMPLEMENTED" not in repr(error) and "NotImplemented" not in repr(error) and "type inference" not in str(error).lower() and "Type Error" not in str(error):
            raise
        result = ReferenceEvaluator(model).run(None, given)
        judge = "reference"
    judges.setdefault(op, set()).add(judge)
    return [np.asarray(r) for r in result]


def values(shape, dtype):
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in WHOLES:
        return rng.integers(-9, 10, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def extents(rank, least=0, most=4):
    return [pick.choice([1, 2, 3, most, most]) if pick.random() > 0.06 or least else 0 for _ in range(rank)]


def integers(*numbers, dtype="int64"):
    return np.array(numbers, dtype=dtype).reshape(len(numbers))


def plain(op, onnx_op, inputs, outputs=1, told=None, **attributes):
    case(op, inputs, onnx_run(onnx_op, inputs, outputs, **attributes), **(told or {}))


# ---- moves ----------------------------------------------------------------------------------------

EVERY = list(SHORT)
for rank in [0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 6]:
    x = values(extents(rank), pick.choice(EVERY))
    perm = pick.sample(range(rank), rank)
    plain("TRANSPOSE", "Transpose", [x], **(dict(told={"list": perm}, perm=perm) if rank else {}))
plain("TRANSPOSE", "Transpose", [values([2, 3, 4], "float32")])
plain("TRANSPOSE", "Transpose", [values([3, 2, 5], "int64")], told={"list": [1, 0, 2]}, perm=[1, 0, 2])

for _ in range(45):
    rank = pick.randint(1, 4)
    x = values(extents(rank, most=5), pick.choice(EVERY))
    axes = pick.sample(range(rank), pick.randint(1, rank))
    where = [pick.choice([a, a - rank]) for a in axes]
    index = [pick.choice([0, 1, 2, 3, 7, -1, -2, -4, -9, 2**63 - 1, -2**63]) for _ in range(2 * len(axes))]
    steps = [pick.choice([1, 1, 2, 3, -1, -1, -2, -3, 2**63 - 1, -2**63 + 1]) for _ in axes]
    inputs = [x, integers(*index[:len(axes)]), integers(*index[len(axes):]), integers(*where), integers(*steps)]
    if pick.random() < 0.2:
        steps = [1] * len(axes)
        inputs.pop()
    if pick.random() < 0.2 and all(-2**31 <= v < 2**31 for v in index + steps):
        inputs[1:] = [i.astype("int32") for i in inputs[1:]]
    plain("SLICE", "Slice", inputs)
plain("SLICE", "Slice", [values([4, 3], "float32"), integers(1, 0), integers(3, 2)])
plain("SLICE", "Slice", [values([4, 3], "float32"), integers(0, 0), integers(9, 9), None, integers(2, 2)])

for _ in range(12):
    rank = pick.randint(1, 4)
    axis = pick.randrange(-rank, rank)
    shape, dtype = extents(rank), pick.choice(EVERY)
    parts = []
    for _ in range(pick.randint(1, 4)):
        shape[axis] = pick.choice([0, 1, 2, 3])
        parts.append(values(shape, dtype))
    plain("CONCAT", "Concat", parts, told={"axis": axis}, axis=axis)

for _ in range(12):
    rank = pick.randint(1, 4)
    axis = pick.randrange(-rank, rank)
    shape = extents(rank)
    parts = pick.randint(1, 4)
    x = lambda: values(shape, pick.choice(["float32", "int32", "int64", "float64"]))
    if pick.random() < 0.5:
        sizes = [pick.choice([0, 1, 2]) for _ in range(parts)]
        shape[axis] = sum(sizes)
        plain("SPLIT", "Split", [x(), integers(*sizes)], parts, told={"axis": axis}, axis=axis)
    else:
        shape[axis] = parts * pick.choice([1, 2]) - (parts == 3)
        if shape[axis] >= parts:
            plain("SPLIT", "Split", [x()], parts, told={"axis": axis}, axis=axis, num_outputs=parts)

for _ in range(14):
    rank = pick.randint(1, 4)
    axis = pick.randrange(-rank, rank)
    shape = extents(rank)
    shape[axis] = pick.randint(1, 5)
    indices = rng.integers(-shape[axis], shape[axis], extents(pick.randint(0, 3))).astype(pick.choice(WHOLES))
    plain("GATHER", "Gather", [values(shape, pick.choice(EVERY)), indices], told={"axis": axis}, axis=axis)

for _ in range(12):
    to = extents(pick.randint(0, 5), least=1)
    shape = [pick.choice([1, e]) for e in to][pick.randint(0, len(to)):]
    asked = [pick.choice([1, e]) if len(to) - i <= len(shape) and shape[i - len(to)] == e else e for i, e in enumerate(to)]
    plain("EXPAND", "Expand", [values(shape, pick.choice(["float32", "int64", "bool", "float16"])), integers(*asked)])
plain("EXPAND", "Expand", [values([3, 1], "float32"), integers(0)])

for dtype in EVERY:
    x = values([2, 3, 4], dtype)
    for axis in [0, 1, -1]:
        case("FLIP", [x], [np.flip(x, axis)], axis=axis)
case("FLIP", [values([0, 3], "float32")], [np.zeros([0, 3], "float32")], axis=0)

for shapes in [([2, 3], [2, 3], [2, 3]), ([2, 1], [3], [2, 3]), ([], [4], [2, 1]), ([2, 1, 3], [1], [5, 1]), ([1], [0], [1]), ([3], [], []), ([2, 2], [2, 1], [1, 2])]:
    dtype = pick.choice(["float32", "int64", "int32", "float64"])
    plain("WHERE", "Where", [values(shapes[0], "bool"), values(shapes[1], dtype), values(shapes[2], dtype)])

# ---- shapes ---------------------------------------------------------------------------------------

for shape, axes in [([1, 3, 1], None), ([1, 3, 1], [0]), ([1, 3, 1], [-1, 0]), ([2, 3], None), ([1, 1], [1]), ([1, 0], [0]), ([], None)]:
    plain("SQUEEZE", "Squeeze", [values(shape, pick.choice(EVERY))] + ([integers(*axes)] if axes else []))
for shape, axes in [([3], [0]), ([3], [-1]), ([2, 3], [0, 2, -1]), ([], [0, 1]), ([0, 2], [1]), ([2, 3], [3, 0])]:
    plain("UNSQUEEZE", "Unsqueeze", [values(shape, pick.choice(EVERY)), integers(*axes)])
for shape, to, allowzero in [([2, 3, 4], [6, 4], 0), ([2, 3, 4], [0, -1], 0), ([2, 3, 4], [-1], 0), ([2, 3, 4], [4, 0, 2], 0),
                             ([2, 3, 4], [0, 0, 0, 1], 0), ([0, 3], [3, 0], 1), ([0, 3], [0, 0], 0), ([1], [], 0), ([], [1, 1], 0),
                             ([], [-1], 0), ([2, 0], [0, 5, 7], 1), ([4, 3], [-1, 0], 0)]:
    if shape == [2, 3, 4] and len(to) == 4:
        to = [0, 0, 4, 1]
    plain("RESHAPE", "Reshape", [values(shape, pick.choice(EVERY)), integers(*to)], told={"flag": allowzero}, allowzero=allowzero)
for shape, axis in [([2, 3, 4], 0), ([2, 3, 4], 1), ([2, 3, 4], 3), ([2, 3, 4], -1), ([2, 3, 4], -3), ([], 0), ([5], 1), ([3, 0, 2], 1)]:
    plain("FLATTEN", "Flatten", [values(shape, pick.choice(FLOATS))], told={"axis": axis}, axis=axis)
for shape, part in [([2, 3, 4], []), ([2, 3, 4], [1]), ([2, 3, 4], [0, -1]), ([2, 3, 4], [-2, 9]), ([2, 3, 4], [2, 1]), ([], []), ([0, 5], [-9, 2])]:
    plain("SHAPE", "Shape", [values(shape, "float32")], told={"list": part} if part else {}, **dict(zip(["start", "end"], part)))
for shape, value in [([2, 3], None), ([], None), ([0, 4], None), ([3], np.array([7], "int64")), ([2], np.array([True])), ([2, 2], np.array([1.5], "float64")),
                     ([5], np.array([-3], "int32")), ([3], np.array([0.5], "float16"))]:
    result = onnx_run("ConstantOfShape", [integers(*shape)], **({} if value is None else {"value": onnx.numpy_helper.from_array(value)}))
    case("CONSTANT_OF_SHAPE", [integers(*shape), value], result)
for dtype, (start, limit, delta) in [("int64", (0, 5, 1)), ("int64", (3, -4, -2)), ("int32", (10, 4, -3)), ("int32", (1, 10, 3)), ("int64", (2, 2, 1)),
                                     ("int64", (5, 1, 1)), ("float32", (0, 1, 0.25)), ("float32", (1, -1.1, -0.5)), ("float64", (1.5, 9, 2.5))]:
    plain("RANGE", "Range", [np.array(v, dtype) for v in (start, limit, delta)])

# ---- arithmetic -----------------------------------------------------------------------------------

PAIRS = [([2, 3, 4], [2, 3, 4]), ([2, 3, 4], [4]), ([2, 3, 4], []), ([], [3]), ([2, 1, 4], [3, 1]), ([5, 1], [1, 6]), ([3, 1, 2, 1], [4, 1, 5]), ([0, 3], [1, 3]), ([2, 3], [2, 1]), ([], [])]
NAMES = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div", "MIN": "Min", "MAX": "Max", "LESS": "Less", "LESS_OR_EQUAL": "LessOrEqual",
         "GREATER": "Greater", "GREATER_OR_EQUAL": "GreaterOrEqual", "EQUAL": "Equal"}
for number, (op, name) in enumerate(NAMES.items()):
    for k, dtype in enumerate(FLOATS + WHOLES):
        for pair in (PAIRS[(number + k) % len(PAIRS)], PAIRS[(3 * number + 2 * k + 5) % len(PAIRS)]):
            a, b = values(pair[0], dtype), values(pair[1], dtype)
            if op == "DIV" and dtype in WHOLES:
                b = np.where(b == 0, b.dtype.type(4), b)
            plain(op, name, [a, b])
for dtype in ["float32", "int64"]:
    three = [values(s, dtype) for s in ([2, 1], [3], [4, 1, 1])]
    plain("MIN", "Min", three)
    plain("MAX", "Max", three)
    plain("MAX", "Max", three[:1])
edge = np.array([np.inf, -np.inf, 1.5, 3e38, -0.0, 1e-45], "float32")
for op in ["ADD", "SUB", "MUL", "DIV", "MIN", "MAX", "LESS", "EQUAL"]:
    if op not in ("MIN", "MAX"):
        plain(op, NAMES[op], [edge[:, None], np.append(edge, np.float32(np.nan))])
    else:
        keep = edge[edge != 0]
        plain(op, NAMES[op], [keep[:, None], np.append(keep, np.float32(np.nan))])
for op, name in [("AND", "And"), ("OR", "Or"), ("EQUAL", "Equal")]:
    plain(op, name, [np.array([True, True, False, False]), np.array([True, False, True, False])])
    plain(op, name, [values([3, 1], "bool"), values([2, 1, 4], "bool")])
plain("NOT", "Not", [values([2, 3], "bool")])
for dtype in FLOATS + WHOLES:
    plain("ABS", "Abs", [values([3, 2], dtype)])
    plain("NEG", "Neg", [values([3, 2], dtype)])

for a in EVERY:
    for b in EVERY:
        x = values([4], a) if a == "bool" or a in WHOLES else np.array([1.75, -2.5, 0, 100.3], a)
        plain("CAST", "Cast", [x], told={"to": SHORT[b]}, to=helper.np_dtype_to_tensor_dtype(np.dtype(b)))
fine = np.array([0.1, 1 / 3, 65519.9, 65520, 1e-8, 6.1e-5, 1 + 2**-11, 1 + 3 * 2**-11, -70000, np.inf], "float64")
case("CAST", [fine], [fine.astype("float16")], to="f16")
case("CAST", [fine], [fine.astype("float32")], to="f32")
case("CAST", [fine.astype("float16")], [fine.astype("float16").astype("float32")], to="f32")
big = integers(2**24 + 1, 2**53 + 1, 2**62 + 2**38 + 1, -2**63, 2**63 - 1)
case("CAST", [big], [big.astype("float32")], to="f32")
case("CAST", [big], [big.astype("float64")], to="f64")

# ---- sums: in double precision, in order ----------------------------------------------------------


def product(a, b):
    """One row by one column."""
    total = 0.0
    for x, y in zip(a.tolist(), b.tolist()):
        total += x * y
    return total


for sa, sb in [([3, 4], [4, 5]), ([4], [4]), ([4], [4, 3]), ([2, 4], [4]), ([2, 3, 4], [4, 2]), ([3, 4], [2, 4, 2]), ([2, 1, 2, 3], [3, 3, 2]), ([2, 0], [0, 3]),
               ([1, 70], [70, 67]), ([0, 2], [2, 3])]:
    for dtype in FLOATS + (WHOLES if len(sa) + len(sb) < 6 and 70 not in sa else []):
        a, b = values(sa, dtype), values(sb, dtype)
        shape = np.matmul(a, b)
        if dtype in WHOLES:
            case("MATMUL", [a, b], [np.asarray(shape)])
            continue
        left = a[None] if a.ndim == 1 else a
        right = b[:, None] if b.ndim == 1 else b
        batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        left = np.broadcast_to(left, batch + left.shape[-2:]).astype("float64")
        right = np.broadcast_to(right, batch + right.shape[-2:]).astype("float64")
        out = np.zeros(batch + (left.shape[-2], right.shape[-1]))
        for at in np.ndindex(out.shape):
            out[at] = product(left[at[:-2] + (at[-2],)], right[at[:-2] + (slice(None), at[-1])])
        out = out.reshape(shape.shape).astype(dtype)
        assert np.allclose(out, shape, rtol=1e-4, atol=1e-5)
        case("MATMUL", [a, b], [out])

for k in range(36):
    op = ["SUM", "MEAN", "MAX", "MIN"][k % 4]
    dtype = (FLOATS + FLOATS + WHOLES)[k // 4 % 6]
    rank = pick.randint(0, 4)
    x = values(extents(rank, least=1), dtype)
    axes = [pick.choice([a, a - rank]) for a in pick.sample(range(rank), pick.randint(0, rank))]
    keep = pick.randint(0, 1)
    gone = tuple(sorted(a % rank for a in axes)) or tuple(range(rank))
    shape = [e for i, e in enumerate(x.shape) if i not in gone]
    out = np.zeros(shape, dtype)
    rows = np.moveaxis(x, gone, range(rank - len(gone), rank)).reshape(shape + [-1])
    for at in np.ndindex(*shape):
        row = rows[at].tolist()
        total = {"MAX": max, "MIN": min}.get(op, lambda r: sum(r, 0.0) if dtype in FLOATS else sum(r))(row)
        if dtype in FLOATS and op in ("SUM", "MEAN"):
            total = 0.0
            for v in row:
                total += v
        if op == "MEAN":
            total = total / len(row) if dtype in FLOATS else int(total / len(row))
        out[at] = total
    out = out.reshape([1 if i in gone else e for i, e in enumerate(x.shape)] if keep else shape)
    inputs = [x] + ([integers(*axes)] if axes or pick.random() < 0.3 else [])
    check = onnx_run("Reduce" + op.capitalize(), inputs, keepdims=keep)[0]
    assert check.shape == out.shape and np.allclose(check, out, rtol=1e-4, atol=1e-5), (op, dtype, check, out)
    case("REDUCE_" + op, inputs, [out], flag=keep)
for op, value in [("SUM", 0), ("MAX", -np.inf), ("MIN", np.inf), ("MEAN", np.nan)]:
    case("REDUCE_" + op, [np.zeros([2, 0], "float32"), integers(1)], [np.full([2], value, "float32")], flag=0)
for op, value in [("MAX", True), ("MIN", False)]:
    case("REDUCE_" + op, [np.array([[True, False], [True, True]]), integers(1)], [np.array([True, value or True] if op == "MAX" else [False, True])], flag=0)

# ---- functions of floats --------------------------------------------------------------------------


def mp_sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def mp_softplus(x):
    return mp.log1p(mp.exp(x)) if x < 100 else x + mp.log1p(mp.exp(-x))


SELU = (1.67326319217681884765625, 1.05070102214813232421875)
F = lambda v: float(np.float32(v))  # parameters are float32
ACTS = {
    "tanh": ((), lambda x: mp.tanh(x)),
    "sigmoid": ((), mp_sigmoid),
    "relu": ((), lambda x: max(x, mp.mpf(0))),
    "linear": ((), lambda x: x),
    "hard_sigmoid": ((0.2, 0.5), lambda x, a, b: max(mp.mpf(0), min(mp.mpf(1), a * x + b))),
    "elu": ((1.0,), lambda x, a: x if x > 0 else a * mp.expm1(x)),
    "selu": (SELU, lambda x, a, b: b * (x if x > 0 else a * mp.expm1(x))),
    "softsign": ((), lambda x: x / (1 + abs(x))),
    "softplus": ((), mp_softplus),
    "leaky_relu": ((0.01,), lambda x, a: x if x > 0 else a * x),
    "thresholded_relu": ((1.0,), lambda x, a: x if x > a else mp.mpf(0)),
    "affine": ((1.0, 0.0), lambda x, a, b: a * x + b),
    "scaled_tanh": ((1.0, 1.0), lambda x, a, b: a * mp.tanh(b * x)),
    "gelu": ((), lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2 if abs(x) < 1e6 else max(x, mp.mpf(0))),
    "gelu_tanh": ((), lambda x: x * mp_sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3)) if abs(x) < 1e6 else max(x, mp.mpf(0))),
    "swish": ((1.0,), lambda x, a: x * mp_sigmoid(a * x) if abs(a * x) < 1e6 else (x if a * x > 0 else mp.mpf(0))),
    "exponential": ((), lambda x: mp.exp(x) if x < 1e6 else mp.mpf("1e300")),
    "relu6": ((), lambda x: max(mp.mpf(0), min(mp.mpf(6), x))),
    "celu": ((1.0,), lambda x, a: x if x > 0 else a * mp.expm1(x / a)),
    "hard_tanh": ((), lambda x: max(mp.mpf(-1), min(mp.mpf(1), x))),
    "log_sigmoid": ((), lambda x: -mp_softplus(-x)),
    "mish": ((), lambda x: x * mp.tanh(mp_softplus(x)) if x > -1e6 else mp.mpf(0)),
}
OTHER = {"hard_sigmoid": (0.3, -0.25), "elu": (0.7,), "leaky_relu": (-0.2,), "thresholded_relu": (-0.5,), "affine": (1.7, -0.3), "scaled_tanh": (1.7, 0.6),
         "swish": (1.702,), "celu": (2.5,), "selu": (1.5, 0.5)}


def exact(f, x, parameters):
    if np.isnan(x):
        return np.nan
    far = np.isinf(x)
    y = float(f(mp.mpf(float(np.sign(x)) * 1e300 if far else float(x)), *(mp.mpf(F(p)) for p in parameters)))
    return float(np.sign(y) * np.inf) if far and abs(y) > 1e200 else y


POINTS = np.concatenate([rng.standard_normal(6) * 3, [0.5, -0.5, 1, -1, 3, -3, 9.5, -9.5, 17, -17, 40, -40, 88.5, -88.5, 104, -104, 150, -150, 1e-6, -1e-6, 1e-40, -1e-40, 0.0, np.inf, -np.inf, np.nan]])
for name, (defaults, f) in ACTS.items():
    for dtype in FLOATS:
        x = POINTS.astype(dtype) if dtype == "float32" else POINTS[:14].astype(dtype)
        case("ACTIVATION", [x], [(np.array([exact(f, v, defaults) for v in x]), dtype)], act=name)
    if name in OTHER:
        x = POINTS.astype("float32")
        told = dict(act=name, parameters=len(OTHER[name]), alpha=F(OTHER[name][0]))
        if len(OTHER[name]) > 1:
            told["beta"] = F(OTHER[name][1])
        case("ACTIVATION", [x], [(np.array([exact(f, v, OTHER[name]) for v in x]), "float32")], **told)
for dtype in FLOATS:
    x = POINTS.astype(dtype)
    case("EXP", [x], [(np.array([exact(ACTS["exponential"][1], v, ()) for v in x]), dtype)])

for k in range(18):
    op = ["SOFTMAX", "LOG_SOFTMAX"][k % 2]
    dtype = FLOATS[k // 2 % 2]
    shape = extents(pick.randint(1, 4), least=1)
    axis = pick.randrange(-len(shape), len(shape))
    x = (values(shape, dtype) * 3 + (300 if k > 9 else 0)).astype(dtype)
    if k > 13:  # one that is far above the others: its logarithm is nearly 0
        x, axis = np.array([[-9, 1, -20], [-30, 3, 2.5]], dtype), 1
    wide = np.moveaxis(x, axis, -1)
    out = np.zeros(wide.shape)
    for at in np.ndindex(wide.shape[:-1]):
        row = [mp.mpf(float(v)) for v in wide[at]]
        largest = max(row)  # v - log(total) would leave 1e-60 of what is 0
        total = mp.fsum(mp.exp(v - largest) for v in row)
        out[at] = [float(mp.exp(v - largest) / total if k % 2 == 0 else v - largest - mp.log(total)) for v in row]
    out = np.moveaxis(out, -1, axis)
    check = onnx_run("LogSoftmax" if k % 2 else "Softmax", [x], axis=axis)[0]
    assert np.allclose(check, out, rtol=1e-4, atol=1e-4)
    case(op, [x], [(out, dtype)], axis=axis)

# ---- the file -------------------------------------------------------------------------------------

arrays = {}
for name, short in SHORT.items():
    arrays[short] = np.concatenate(pools[short]).astype(name) if pools[short] else np.zeros(0, name)
os.makedirs(os.path.dirname(OUT), exist_ok=True)
np.savez_compressed(OUT, cases=np.array("\n".join(lines) + "\n"), **arrays)
print("%d cases, %d bytes" % (len(lines), os.path.getsize(OUT)))
for op, by in sorted(judges.items()):
    if by != {"onnxruntime"}:
        print(op, by)
