#!/usr/bin/env python3
"""peers.py: clRNN and its peers on the same shapes, interleaved in one process, as a table.

What is timed: a whole forward pass of one layer, in float32, for a caller with x and y in host
memory and the weights resident, from a Python caller's view: each library is called in its cheapest
way, with everything that can be done before the call done before it.

How it is measured:
  - Repeat after repeat, every contestant of a row gets a block of calls: of 5 ms, or one call where
    that takes longer. A block starts with a call that is not timed, which brings weights back into
    the caches and wakes threads, unless the call is a long one (over 20 ms), where that is lost in
    the noise. The times of all calls go into one median a contestant.
  - Between blocks the process sleeps for at least 12 ms or a tenth of the block before, and until its
    threads use the CPU no more: the thread pools of most libraries spin for a while after a call,
    which would slow down the next. (12 ms, since Linux may count what a thread uses in ticks of 4 ms:
    in 2 ms nobody spins. The tenth is for a busy machine, where this may run as
    `chrt -f 10 peers.py`: Linux gives other processes a twentieth of each second, and takes it in the
    midst of a call where they did not have it before.)
  - Contestants take turns in another order each repeat, so that none always follows the same one.
  - The first result of every contestant, and its last, is held against PyTorch's: a difference over
    1e-4 ends the run with an error.

Peers that are not installed are left out, with a note. PyTorch is always needed: it is the judge.

    peers.py [--clrnn auto,cpu,opencl:persist/panel] [--cells rnn,lstm,gru] [--rows small]
             [--seconds 5] [-o table.md]
"""
import argparse
import ctypes
import datetime
import gc
import importlib.util
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

GRID = [  # T, N, I, H
    (10, 1, 4, 8), (100, 1, 64, 64), (50, 1, 128, 128), (50, 1, 256, 256), (50, 32, 256, 256),
    (50, 1, 512, 512), (50, 64, 512, 512), (50, 1, 1024, 1024), (50, 1, 1760, 1760),
    (50, 16, 1760, 1760), (25, 128, 1760, 1760),
]
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
TOLERANCE = 1e-4
UNSTEADY = 1.5
BLOCK_US = 5000.0      # of calls of one contestant in one go
LONG_CALL_US = 20000.0  # no call to warm up before one that takes so long
REST_S, REST_SHARE = 0.012, 0.1
MIN_REPEATS = 5


def die(message):
    sys.exit(f"peers.py: {message}")


class Skip(Exception):
    """A contestant that cannot take part, with the reason."""


# ---- problems ------------------------------------------------------------------------------------

class Problem:
    """A cell, its sizes, and random x and weights in PyTorch's layout: [G H][I], gates i,f,g,o and
    r,z,n."""

    def __init__(self, cell, steps, batch, inputs, hidden):
        self.cell, self.shape = cell, (steps, batch, inputs, hidden)
        random = np.random.default_rng(hidden + batch)
        limit = 1.0 / math.sqrt(hidden)
        rows = GATES[cell] * hidden
        self.x = aligned((steps, batch, inputs))
        self.x[...] = random.standard_normal(self.x.shape)
        self.w_ih, self.w_hh, self.b_ih, self.b_hh = (
            random.uniform(-limit, limit, shape).astype(np.float32)
            for shape in ((rows, inputs), (rows, hidden), (rows,), (rows,)))

    def gates(self, array, order):
        """An array of [G H] rows with its gates in another order."""
        parts = array.reshape(GATES[self.cell], self.shape[3], -1)
        return np.ascontiguousarray(parts[list(order)]).reshape(array.shape)


def aligned(shape, alignment=64):
    """An array of zeros whose data starts at a multiple of the alignment, as aligned_alloc gives."""
    size = 4 * math.prod(shape)
    memory = np.zeros(size + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start:start + size].view(np.float32).reshape(shape)


# ---- clRNN through its public header -------------------------------------------------------------

class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("buffer", ctypes.c_void_p), ("offset", ctypes.c_size_t),
                ("dtype", ctypes.c_int), ("rank", ctypes.c_int), ("shape", ctypes.c_int64 * 8),
                ("strides", ctypes.c_int64 * 8)]

    @classmethod
    def of(cls, array):
        assert array.dtype == np.float32 and array.flags.c_contiguous
        return cls(data=array.ctypes.data, rank=array.ndim,
                   shape=(ctypes.c_int64 * 8)(*array.shape))


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("cl_code", ctypes.c_int), ("message", ctypes.c_char * 512)]


class DeviceInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in (
        "index", "platform", "device", "score", "usable", "compute_units", "has_fp16", "has_fp64",
        "unified_memory")] + [(name, ctypes.c_uint64) for name in (
            "global_memory", "local_memory", "max_alloc", "max_group_size")] + [
        ("type", ctypes.c_char * 16), ("name", ctypes.c_char * 128),
        ("vendor", ctypes.c_char * 128), ("platform_name", ctypes.c_char * 128),
        ("driver", ctypes.c_char * 128), ("version", ctypes.c_char * 128),
        ("reason", ctypes.c_char * 192)]


class ContextDesc(ctypes.Structure):
    _fields_ = [("device", ctypes.c_char_p), ("queue", ctypes.c_void_p), ("engine", ctypes.c_int),
                ("profile", ctypes.c_int), ("strict", ctypes.c_int), ("timeout_ms", ctypes.c_uint64),
                ("threads", ctypes.c_int), ("tuning", ctypes.c_char_p),
                ("trace", ctypes.c_void_p)]


class Activation(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("parameters", ctypes.c_int), ("alpha", ctypes.c_float),
                ("beta", ctypes.c_float), ("source", ctypes.c_char_p)]


class LayerDesc(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in (
        "cell", "reset", "direction", "merge", "bias", "hidden", "projection", "peepholes",
        "couple")] + [(name, ctypes.c_float) for name in (
            "forget_bias", "gate_clip", "cell_clip")] + [
        ("zero_masked", ctypes.c_int), ("acts", Activation * 5 * 2), ("gates", ctypes.c_int),
        ("states", ctypes.c_int), ("source", ctypes.c_char_p)]


class NetDesc(ctypes.Structure):
    _fields_ = [("inputs", ctypes.c_int), ("num_layers", ctypes.c_int), ("layer", LayerDesc),
                ("layers", ctypes.c_void_p)]


class PlanDesc(ctypes.Structure):
    _fields_ = [("algorithm", ctypes.c_char_p), ("steps", ctypes.c_int), ("batch", ctypes.c_int),
                ("batch_first", ctypes.c_int), ("projection", ctypes.c_int), ("chunk", ctypes.c_int),
                ("memory_limit", ctypes.c_uint64), ("workspace", ctypes.c_void_p),
                ("weights", ctypes.c_int)]


class ForwardArgs(ctypes.Structure):
    _fields_ = [("state", ctypes.c_void_p), ("slots", ctypes.c_void_p)] + [
        (name, Tensor) for name in (
            "x", "y", "lengths", "mask", "batch_sizes", "h_0", "c_0", "h_n", "c_n", "hiddens",
            "cells", "gates")] + [("layers", ctypes.c_void_p)]


STRUCTS = {"tensor": Tensor, "error": Error, "device_info": DeviceInfo, "context_desc": ContextDesc,
           "activation": Activation, "layer_desc": LayerDesc, "net_desc": NetDesc,
           "plan_desc": PlanDesc, "forward_args": ForwardArgs}


def check_structs(include):
    """Ends the run if a struct here is not the header's: sizes and offsets as a C compiler sees them."""
    expected, values = [], []
    for name, struct in STRUCTS.items():
        expected.append((f"sizeof {name}", ctypes.sizeof(struct)))
        values.append(f"sizeof(clrnn_{name})")
        for field, _ in struct._fields_:
            expected.append((f"{name}.{field}", getattr(struct, field).offset))
            values.append(f"offsetof(clrnn_{name}, {field})")
    program = ("#include <clrnn.h>\n#include <stdio.h>\nint main(void) { const size_t v[] = {"
               + ", ".join(values) + "};\nfor (size_t i = 0; i < sizeof v / sizeof *v; i++) "
               'printf("%zu\\n", v[i]); }\n')
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run([os.environ.get("CC", "cc"), "-x", "c", "-", f"-I{include}",
                            "-o", f"{folder}/sizes"], input=program, text=True, check=True)
            output = subprocess.run([f"{folder}/sizes"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            die(f"structs cannot be held against {include}/clrnn.h: {error}")
    for (name, ours), theirs in zip(expected, map(int, output.stdout.split())):
        if ours != theirs:
            die(f"clrnn.h has changed: {name} is {theirs}, not {ours}: bring peers.py up to date")


class Clrnn:
    """The library, and its contexts: one an engine, made when first asked for."""
    ENGINES = {"auto": 0, "opencl": 1, "cpu": 2}
    CELLS = {"rnn": 0, "lstm": 1, "gru": 2}
    UNSUPPORTED, NO_DEVICE = 3, 5

    def __init__(self, path, device, tuning=None):
        pointer, status = ctypes.c_void_p, ctypes.c_int
        self.lib = lib = ctypes.CDLL(path)
        for name, result, *arguments in (
                ("last_error", ctypes.POINTER(Error)),
                ("version", ctypes.c_char_p),
                ("build_info", ctypes.c_char_p),
                ("context_create", status, pointer, ctypes.POINTER(ContextDesc)),
                ("context_device", ctypes.POINTER(DeviceInfo), pointer),
                ("net_create", status, pointer, ctypes.POINTER(NetDesc)),
                ("net_free", None, pointer),
                ("net_set_weight", status, pointer, ctypes.c_char_p, ctypes.POINTER(Tensor)),
                ("plan_create", status, pointer, pointer, pointer, ctypes.POINTER(PlanDesc)),
                ("plan_free", None, pointer),
                ("plan_describe", ctypes.c_char_p, pointer),
                ("forward", status, pointer, pointer, ctypes.c_uint, pointer, pointer)):
            function = getattr(lib, f"clrnn_{name}")
            function.restype, function.argtypes = result, arguments
        self.device, self.tuning, self.contexts = device, tuning, {}
        self.build = dict(line.split(": ", 1)
                          for line in lib.clrnn_build_info().decode().splitlines())

    def must(self, status):
        if status != 0:
            message = self.lib.clrnn_last_error().contents.message.decode()
            if status in (self.UNSUPPORTED, self.NO_DEVICE):
                raise Skip(message)
            die(f"clRNN failed: {message}")

    def context(self, engine):
        if engine not in self.contexts:
            context = ctypes.c_void_p()
            desc = ContextDesc(engine=self.ENGINES[engine],
                               tuning=self.tuning.encode() if self.tuning else None)
            if engine != "cpu" and self.device:
                desc.device = self.device.encode()
            self.must(self.lib.clrnn_context_create(ctypes.byref(context), ctypes.byref(desc)))
            self.contexts[engine] = context
        return self.contexts[engine]

    def device_info(self, engine):
        return self.lib.clrnn_context_device(self.context(engine)).contents


class ClrnnContestant:
    """One engine, with the algorithm that is chosen or with a named one: "opencl:persist/panel"."""

    def __init__(self, problem, clrnn, spec):
        engine, _, algorithm = spec.partition(":")
        steps, batch, inputs, hidden = problem.shape
        self.clrnn, lib = clrnn, clrnn.lib
        self.net, self.plan = ctypes.c_void_p(), ctypes.c_void_p()
        context = clrnn.context(engine)
        net_desc = NetDesc(inputs=inputs)
        net_desc.layer.cell, net_desc.layer.hidden = Clrnn.CELLS[problem.cell], hidden
        plan_desc = PlanDesc(steps=steps, batch=batch)
        if algorithm:
            plan_desc.algorithm = algorithm.encode()
        clrnn.must(lib.clrnn_net_create(ctypes.byref(self.net), ctypes.byref(net_desc)))
        for name in ("w_ih", "w_hh", "b_ih", "b_hh"):
            weight = Tensor.of(getattr(problem, name))
            full = name.replace("w_", "weight_").replace("b_", "bias_") + "_l0"
            clrnn.must(lib.clrnn_net_set_weight(self.net, full.encode(), ctypes.byref(weight)))
        try:
            clrnn.must(lib.clrnn_plan_create(ctypes.byref(self.plan), context, self.net,
                                             ctypes.byref(plan_desc)))
        except Skip:
            self.close()
            raise
        self.y = aligned((steps, batch, hidden))
        self.args = ForwardArgs(x=Tensor.of(problem.x), y=Tensor.of(self.y))
        self.describe = lib.clrnn_plan_describe(self.plan).decode()
        forward, must, plan, args = lib.clrnn_forward, clrnn.must, self.plan, ctypes.byref(self.args)

        def call():
            status = forward(plan, args, 0, None, None)
            if status:
                must(status)
        self.call = call

    def result(self):
        return self.y

    def close(self):
        self.clrnn.lib.clrnn_plan_free(self.plan)
        self.clrnn.lib.clrnn_net_free(self.net)


# ---- peers ---------------------------------------------------------------------------------------

class Peer:
    """What a peer must have: call(), which runs one forward pass, and result(), its y as an array of
    [T][N][H]."""

    def close(self):
        pass


class PyTorch(Peer):
    name, modules = "PyTorch", ("torch",)

    def __init__(self, problem, threads):
        import torch
        torch.set_num_threads(threads)
        kind = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[problem.cell]
        layer = kind(problem.shape[2], problem.shape[3]).eval()
        weights = {"weight_ih_l0": problem.w_ih, "weight_hh_l0": problem.w_hh,
                   "bias_ih_l0": problem.b_ih, "bias_hh_l0": problem.b_hh}
        layer.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        x = torch.from_numpy(problem.x)
        self.mode = torch.inference_mode()
        self.mode.__enter__()

        def call():
            self.y = layer(x)[0]
        self.call = call

    def result(self):
        return self.y.numpy()

    def close(self):
        self.mode.__exit__(None, None, None)

    @staticmethod
    def version():
        import torch
        return torch.__version__


class OnnxRuntime(Peer):
    name, modules = "ONNX Runtime", ("onnx", "onnxruntime")
    OPS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
    ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}  # i,o,f,c and z,r,h

    def __init__(self, problem, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(self.model(problem), options,
                                               providers=["CPUExecutionProvider"])
        # Bound once: nothing is allocated or looked up in a call.
        steps, batch, _, hidden = problem.shape
        self.y = aligned((steps, 1, batch, hidden))
        self.values = [onnxruntime.OrtValue.ortvalue_from_numpy(a) for a in (problem.x, self.y)]
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", self.values[0])
        binding.bind_ortvalue_output("y", self.values[1])
        inner = getattr(session, "_sess", None)
        if hasattr(inner, "run_with_iobinding"):
            run, bound = inner.run_with_iobinding, binding._iobinding
            self.call = lambda: run(bound, None)
        else:
            self.call = lambda: session.run_with_iobinding(binding)

    def model(self, problem):
        from onnx import TensorProto, helper, numpy_helper
        steps, batch, inputs, hidden = problem.shape
        order = self.ORDER[problem.cell]
        weights = {
            "w": problem.gates(problem.w_ih, order)[None],
            "r": problem.gates(problem.w_hh, order)[None],
            "b": np.concatenate([problem.gates(b, order) for b in (problem.b_ih, problem.b_hh)])[None],
        }
        options = {"linear_before_reset": 1} if problem.cell == "gru" else {}
        node = helper.make_node(self.OPS[problem.cell], ["x", "w", "r", "b"], ["y"],
                                hidden_size=hidden, **options)
        graph = helper.make_graph(
            [node], "layer",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [steps, batch, inputs])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [steps, 1, batch, hidden])],
            [numpy_helper.from_array(value, name) for name, value in weights.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)])
        model.ir_version = 8
        return model.SerializeToString()

    def result(self):
        return self.values[1].numpy().reshape(self.y.shape[0], *self.y.shape[2:])

    @staticmethod
    def version():
        import onnxruntime
        return onnxruntime.__version__


class NumPy(Peer):
    """The equations by hand: one product for all of x, then a product and the cell each step, all
    into arrays that are there already."""
    name, modules = "NumPy", ("numpy",)

    def __init__(self, problem, threads):
        del threads  # set in the environment before NumPy was loaded
        steps, batch, inputs, hidden = problem.shape
        rows = GATES[problem.cell] * hidden
        self.y = aligned((steps, batch, hidden))
        self.x = problem.x.reshape(steps * batch, inputs)
        self.w_ih, self.w_hh = (np.ascontiguousarray(w.T) for w in (problem.w_ih, problem.w_hh))
        self.b_hh = problem.b_hh
        self.bias = problem.b_ih if problem.cell == "gru" else problem.b_ih + problem.b_hh
        self.gx = np.empty((steps, batch, rows), np.float32)
        self.gh = np.empty((batch, rows), np.float32)
        self.zero = np.zeros((batch, hidden), np.float32)
        self.c, self.t = (np.empty((batch, hidden), np.float32) for _ in range(2))
        self.hidden = hidden
        self.cell = getattr(self, problem.cell)

    def call(self):
        gx, gh, h = self.gx, self.gh, self.zero
        np.dot(self.x, self.w_ih, out=gx.reshape(self.x.shape[0], -1))
        gx += self.bias
        self.c[...] = 0
        for now, y in zip(gx, self.y):
            np.dot(h, self.w_hh, out=gh)
            self.cell(now, gh, h, y)
            h = y

    @staticmethod
    def sigmoid(a):
        a *= 0.5
        np.tanh(a, out=a)
        a *= 0.5
        a += 0.5

    def rnn(self, gx, gh, _, y):
        gh += gx
        np.tanh(gh, out=y)

    def lstm(self, gx, gh, _, y):
        size, c = self.hidden, self.c
        gh += gx
        i, f, g, o = (gh[:, k * size:(k + 1) * size] for k in range(4))
        self.sigmoid(gh[:, :2 * size])
        self.sigmoid(o)
        np.tanh(g, out=g)
        c *= f
        i *= g
        c += i
        np.tanh(c, out=y)
        y *= o

    def gru(self, gx, gh, h, y):
        size, n = self.hidden, self.t
        gh += self.b_hh
        both = gh[:, :2 * size]
        both += gx[:, :2 * size]
        self.sigmoid(both)
        r, z = both[:, :size], both[:, size:]
        np.multiply(r, gh[:, 2 * size:], out=n)
        n += gx[:, 2 * size:]
        np.tanh(n, out=n)
        np.subtract(h, n, out=y)
        y *= z
        y += n

    def result(self):
        return self.y

    @staticmethod
    def version():
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{np.__version__} ({blas['name']} {blas['version']})"


class Keras(Peer):
    """On TensorFlow, as a graph."""
    name, modules, jit = "Keras", ("keras", "tensorflow"), False
    ORDER = {"rnn": (0,), "lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}
    ready = False

    def __init__(self, problem, threads):
        import tensorflow
        if not Keras.ready:
            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(1)
            Keras.ready = True
        import keras
        kinds = {"rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
        layer = kinds[problem.cell](problem.shape[3], return_sequences=True)
        order = self.ORDER[problem.cell]
        w_ih, w_hh, b_ih, b_hh = (problem.gates(a, order) for a in (
            problem.w_ih, problem.w_hh, problem.b_ih, problem.b_hh))
        # Keras takes [N][T][I]: given so, the transposition is not timed.
        x = tensorflow.constant(np.ascontiguousarray(problem.x.swapaxes(0, 1)))
        layer.build(x.shape)
        layer.set_weights([w_ih.T, w_hh.T,
                           np.stack([b_ih, b_hh]) if problem.cell == "gru" else b_ih + b_hh])
        run = tensorflow.function(lambda x: layer(x), jit_compile=self.jit)
        run = run.get_concrete_function(tensorflow.TensorSpec(x.shape, x.dtype))

        def call():
            self.y = run(x)
        self.call = call

    def result(self):
        return self.y.numpy().swapaxes(0, 1)

    @staticmethod
    def version():
        import keras
        import tensorflow
        return f"{keras.__version__} on TensorFlow {tensorflow.__version__}"


class KerasXla(Keras):
    """The same, compiled by XLA."""
    name, jit = "Keras (XLA)", True


class OneDnn(Peer):
    """bench/onednn_peer.cpp, where it was built."""
    name, modules, library = "oneDNN", (), None
    CELLS = {"rnn": 0, "lstm": 1, "gru": 2}

    @classmethod
    def load(cls, path):
        if not os.path.exists(path):
            raise Skip(f"{os.path.basename(path)} is not built")
        os.environ["OMP_NUM_THREADS"] = str(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))
        try:
            cls.library = lib = ctypes.CDLL(path)
        except OSError as error:
            raise Skip(str(error)) from error
        lib.onednn_version.restype = ctypes.c_char_p
        lib.onednn_create.restype = ctypes.c_void_p
        lib.onednn_create.argtypes = [ctypes.c_int] * 5 + [ctypes.c_void_p] * 5
        lib.onednn_forward.argtypes = lib.onednn_free.argtypes = [ctypes.c_void_p]

    def __init__(self, problem, threads):
        del threads  # OpenMP's, set in the environment
        steps, batch, inputs, hidden = problem.shape
        self.x = problem.x
        self.y = aligned((steps, batch, hidden))
        order = (1, 0, 2) if problem.cell == "gru" else range(GATES[problem.cell])
        w_ih, w_hh, b_ih, b_hh = (problem.gates(a, order) for a in (
            problem.w_ih, problem.w_hh, problem.b_ih, problem.b_hh))
        if problem.cell == "gru":  # u, r, o, and the bias within the reset
            bias = np.concatenate([b_ih, b_hh[2 * hidden:]])
            bias[:2 * hidden] += b_hh[:2 * hidden]
        else:
            bias = b_ih + b_hh
        w_ih, w_hh = (np.ascontiguousarray(w.T) for w in (w_ih, w_hh))  # [I][G][H]; copied
        self.bias = bias  # kept, as x and y
        self.handle = self.library.onednn_create(
            self.CELLS[problem.cell], *problem.shape,
            *(a.ctypes.data for a in (w_ih, w_hh, bias, self.x, self.y)))
        if not self.handle:
            raise Skip("oneDNN refused this shape")
        forward, handle = self.library.onednn_forward, ctypes.c_void_p(self.handle)
        self.call = lambda: forward(handle)

    def result(self):
        return self.y

    def close(self):
        self.library.onednn_free(self.handle)

    @classmethod
    def version(cls):
        return cls.library.onednn_version().decode()


PEERS = {"torch": PyTorch, "onnxruntime": OnnxRuntime, "numpy": NumPy, "keras": Keras,
         "keras-xla": KerasXla, "onednn": OneDnn}


# ---- measuring -----------------------------------------------------------------------------------

def rest(block_s):
    """Sleeps for at least REST_S and a share of what the last block took, and until the threads of
    the process use next to no CPU."""
    time.sleep(REST_SHARE * block_s)
    for _ in range(50):
        before = time.process_time()
        time.sleep(REST_S)
        if time.process_time() - before < 0.1 * REST_S:
            break


def block(call, times):
    """A block of calls, whose times in microseconds are added to `times`. Returns its seconds."""
    clock = time.perf_counter_ns
    begin = clock()
    if not times or statistics.median(times[:9]) < LONG_CALL_US:
        call()
    start = clock()
    while True:
        before = clock()
        call()
        after = clock()
        times.append((after - before) * 1e-3)
        if (after - start) * 1e-3 >= BLOCK_US:
            return (after - begin) * 1e-9


def check(name, contestant, problem, expected):
    """Ends the run if a result is not PyTorch's."""
    result = contestant.result()
    if result.shape != expected.shape:
        die(f"{name}, {problem.cell} {problem.shape}: y is {result.shape}, not {expected.shape}")
    difference = np.abs(result - expected).max()
    if not difference <= TOLERANCE:
        die(f"{name}, {problem.cell} {problem.shape}: WRONG RESULT, differs from PyTorch's by "
            f"{difference:g}, more than {TOLERANCE:g}")


def measure(problem, makers, seconds):
    """The row of a problem: median times by contestant, notes of those that cannot take part."""
    contestants, row = {}, {"cell": problem.cell, "shape": problem.shape, "us": {}, "notes": {}}
    for name, make in makers.items():
        try:
            contestants[name] = make(problem)
        except Skip as reason:
            row["notes"][name] = str(reason)
    judge = contestants[PyTorch.name]
    judge.call()
    expected = np.array(judge.result())
    for name, contestant in contestants.items():
        contestant.call()
        check(name, contestant, problem, expected)
    row["auto"] = next((algorithm_of(c.describe) for n, c in contestants.items()
                        if n == "clRNN auto"), "")
    times = {name: [] for name in contestants}
    order = list(contestants)
    shuffle = np.random.default_rng(1).shuffle
    gc.collect()
    gc.disable()
    start, repeats, block_s = time.monotonic(), 0, 0.0
    while repeats < MIN_REPEATS or time.monotonic() - start < seconds:
        for name in order:
            rest(block_s)
            block_s = block(contestants[name].call, times[name])
        shuffle(order)
        repeats += 1
    gc.enable()
    for name, contestant in contestants.items():
        check(name, contestant, problem, expected)
        contestant.close()
        spread = statistics.quantiles(times[name], n=10, method="inclusive")
        row["us"][name] = {"median": statistics.median(times[name]), "p10": spread[0],
                           "p90": spread[-1], "calls": len(times[name])}
    row["repeats"] = repeats
    return row


def algorithm_of(describe):
    """ "opencl persist/panel" of a plan's description."""
    lines = dict(line.split(": ", 1) for line in describe.splitlines() if ": " in line)
    return " ".join(lines.get(key, "").split(",")[0] for key in ("engine", "algorithm")).strip()


# ---- the table -----------------------------------------------------------------------------------

def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="ascii") as lines:
            info = dict(reversed([[part.strip() for part in line.split(":", 1)]
                                  for line in lines if ":" in line]))
        return "{model name} (family {cpu family}, model {model})".format(**info)
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def header(clrnn, peers, threads):
    try:
        opencl = clrnn.device_info("opencl")
        device = ", ".join(text.decode() for text in (
            opencl.name, opencl.platform_name, opencl.driver, opencl.version))
    except Skip as reason:
        device = f"none ({reason})"
    return {
        "cpu": f"{cpu_model()}, {os.cpu_count()} cores; {threads} threads each",
        "OpenCL device": device,
        "cpu engine": clrnn.device_info("cpu").name.decode(),
        "clRNN": f"{clrnn.lib.clrnn_version().decode()}, commit {clrnn.build['commit']}",
        "peers": "; ".join(f"{name} {peer.version()}" for name, peer in peers.items()),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    }


def number(us):
    return f"{us:.0f}" if us >= 1000 else f"{us:.1f}"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def line(cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def table(head, rows, peers, specs, skipped):
    """The whole file: header, rows, geometric means, notes."""
    ours = [f"clRNN {spec}" for spec in specs]
    out = ["# clRNN and its peers", "",
           "Microseconds of a whole forward pass of one layer, median; x and y in host memory, weights "
           "resident, float32.",
           "All contestants interleaved in one process (bench/peers.py says how). "
           f"Ratio: the best peer / {ours[0]}; over 1, clRNN is faster.",
           f"~: unsteady, the 90th percentile is over {UNSTEADY} times the 10th.", ""]
    out += [f"* {key}: {value}" for key, value in head.items()]
    out += [f"* not here: {name}: {reason}" for name, reason in skipped.items()]
    columns = ["cell", "T,N,I,H", *peers, *ours, "ratio"]
    if any(row["auto"] for row in rows):
        columns.append("auto took")
    out += ["", line(columns), line(["---"] * len(columns))]
    ratios = {}  # (cell, one of ours): ratios to the best peer; (cell, peer): of ours[0] to it
    notes = {}
    for row in rows:
        us = {name: times["median"] for name, times in row["us"].items()}
        text = {name: number(times["median"]) +
                "~" * (times["p90"] > UNSTEADY * times["p10"]) for name, times in row["us"].items()}
        best = min(us[name] for name in peers if name in us)
        cells = [row["cell"], ",".join(map(str, row["shape"]))]
        for name in peers:
            cells.append("-" if name not in us else
                         f"**{text[name]}**" if us[name] == best else text[name])
            if name in us and ours[0] in us:
                ratios.setdefault((row["cell"], name), []).append(us[name] / us[ours[0]])
        for name in ours:
            cells.append(text.get(name, "-"))
            if name in us:
                ratios.setdefault((row["cell"], name), []).append(best / us[name])
        mine = [us[name] for name in ours if name in us]
        if mine:
            ratios.setdefault((row["cell"], "best"), []).append(best / min(mine))
        cells.append(f"{best / us[ours[0]]:.2f}" if ours[0] in us else "-")
        out.append(line(cells + [row["auto"]] * (len(columns) > len(cells))))
        for name, reason in row["notes"].items():
            notes.setdefault((name, reason), []).append(
                f"{row['cell']} {','.join(map(str, row['shape']))}")

    def means(title, names):
        out.extend(["", title, "", line(["cell", *names]), line(["---"] * (1 + len(names)))])
        for cell in dict.fromkeys(row["cell"] for row in rows):
            out.append(line([cell] + [summary(ratios.get((cell, key), [])) for key in names.values()]))
        every = [[r for (_, k), rs in ratios.items() if k == key for r in rs]
                 for key in names.values()]
        out.append(line(["all", *map(summary, every)]))

    def summary(values):
        wins = sum(value > 1 for value in values)
        return f"{geometric_mean(values):.2f} ({wins} of {len(values)})" if values else "-"

    means("Geometric means of best peer / clRNN over the rows that a column has, and rows won:",
          {**{name: name for name in ours}, "the best of these": "best"})
    means(f"Geometric means of peer / {ours[0]}, and rows won:", {name: name for name in peers})
    if notes:
        out += ["", "Not run:", ""]
        out += [f"* {name}: {reason} ({'; '.join(where)})" for (name, reason), where in notes.items()]
    return "\n".join(out) + "\n"


def write(path, text):
    """Whole or not at all."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.tmp", path)


# ---- the program ---------------------------------------------------------------------------------

def rows_of(text):
    """ "small" (H up to 256), "all", or "T,N,I,H;T,N,I,H". """
    if text == "all":
        return GRID
    if text == "small":
        return [shape for shape in GRID if shape[3] <= 256]
    try:
        rows = [tuple(map(int, row.split(","))) for row in text.split(";") if row]
    except ValueError:
        rows = []
    if not rows or any(len(row) != 4 for row in rows):
        raise argparse.ArgumentTypeError(f"{text}: expected small, all or T,N,I,H;T,N,I,H")
    return rows


def names_of(kind, known):
    def parse(text):
        names = [name for name in text.split(",") if name]
        for name in names:
            if name.split(":")[0] not in known:
                raise argparse.ArgumentTypeError(f"{name}: no such {kind}: {', '.join(known)}")
        return names
    return parse


def arguments():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(
        description="Times of clRNN and its peers on the same shapes, interleaved, as a table.")
    add = parser.add_argument
    add("--cells", type=names_of("cell", GATES), default=list(GATES), help="rnn,lstm,gru")
    add("--rows", type=rows_of, default=GRID, help="small, all (default) or T,N,I,H;T,N,I,H")
    add("--clrnn", type=names_of("engine", Clrnn.ENGINES), metavar="ENGINE[:ALGORITHM],...",
        default=["auto", "cpu", "opencl:single/panel", "opencl:persist/panel"],
        help="default: auto,cpu,opencl:single/panel,opencl:persist/panel")
    add("--peers", type=names_of("peer", PEERS), default=list(PEERS),
        help=f"{','.join(PEERS)} (all by default; torch always runs: it judges)")
    add("--seconds", type=float, default=5.0, help="of each row, at least (default 5)")
    add("--threads", type=int, default=os.cpu_count(), help="of each contestant (default: all cores)")
    add("--device", help="OpenCL device, as clrnn_context_desc's")
    add("--tuning", help="file of `clrnn tune`, for clRNN (default: none)")
    add("--library", default=os.path.join(root, "build", "libclrnn.so.0"), help="libclrnn.so.0")
    add("--include", default=os.path.join(root, "include"), help="folder of its clrnn.h")
    add("--onednn", default=os.path.join(root, "build", "libonednn_peer.so"),
        help="bench/onednn_peer.cpp, built")
    add("--store", help="JSON file of measured rows: those that are in it are not measured again, "
                        "so that a long run can be stopped and go on")
    add("-o", "--output", help="file for the table (default: standard output)")
    args = parser.parse_args()
    if "torch" not in args.peers:
        args.peers.insert(0, "torch")
    if not args.clrnn:
        parser.error("--clrnn: name at least one engine")
    return args


def find_peers(args):
    """Peers that are installed, by name; reasons for the others."""
    peers, skipped = {}, {}
    for key in args.peers:
        peer = PEERS[key]
        missing = [name for name in peer.modules if importlib.util.find_spec(name) is None]
        try:
            if missing:
                raise Skip(f"{' and '.join(missing)} not installed")
            if peer is OneDnn:
                peer.load(args.onednn)
            peers[peer.name] = peer
        except Skip as reason:
            skipped[peer.name] = str(reason)
    if PyTorch.name not in peers:
        die("PyTorch is not installed: it is what results are held against")
    return peers, skipped


def main():
    args = arguments()
    if "LD_BIND_NOW" not in os.environ:
        # Drivers, PyTorch and TensorFlow each bring an LLVM, and a function that is bound when it is
        # first called may be found in another one's: bind each when it is loaded.
        os.environ["LD_BIND_NOW"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    # Before anything is loaded that reads them.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                 "POCL_MAX_PTHREAD_COUNT"):
        os.environ.setdefault(name, str(args.threads))
    os.environ.setdefault("POCL_AFFINITY", "1")  # as the program clrnn has it
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    try:
        global np
        import numpy as np
    except ImportError:
        die("needs NumPy")
    if not os.path.exists(args.library):
        die(f"{args.library} is not there: run make first")

    check_structs(args.include)
    clrnn = Clrnn(args.library, args.device, args.tuning)
    peers, skipped = find_peers(args)
    makers = {name: lambda p, peer=peer: peer(p, args.threads) for name, peer in peers.items()}
    makers.update({f"clRNN {spec}": lambda p, spec=spec: ClrnnContestant(p, clrnn, spec)
                   for spec in args.clrnn})

    head, rows = header(clrnn, peers, args.threads), []
    if args.store and os.path.exists(args.store):
        with open(args.store, encoding="utf-8") as file:
            stored = json.load(file)
        if {**stored["head"], "date": ""} != {**head, "date": ""}:
            die(f"{args.store} is of another machine, build or set of peers")
        rows = stored["rows"]
    have = {(row["cell"], *row["shape"]) for row in rows}
    wanted = [(cell, *shape) for shape in args.rows for cell in args.cells]
    for sizes in wanted:
        if sizes in have:
            continue
        problem = Problem(*sizes)
        rows.append(measure(problem, makers, args.seconds))
        best = {name: number(times["median"]) for name, times in rows[-1]["us"].items()}
        print(*sizes, best, f"{rows[-1]['repeats']} repeats", file=sys.stderr, flush=True)
        if args.store:
            write(args.store, json.dumps({"head": head, "rows": rows}, indent=1) + "\n")

    place = {sizes: (args.cells.index(sizes[0]), i) for i, sizes in enumerate(wanted)}
    rows = sorted((row for row in rows if (row["cell"], *row["shape"]) in place),
                  key=lambda row: place[(row["cell"], *row["shape"])])
    text = table(head, rows, list(peers), args.clrnn, skipped)
    if args.output:
        write(args.output, text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
