#!/usr/bin/env python3
"""gpu_estimate.py: cycles of a step in NVIDIA machine code, where there is no GPU. Nothing here is measured.

Three parts. A lane's integers and branches are computed from the kernel's arguments, those that lie in local memory
among them, so that it is known which instructions a warp goes through and which array each load reads; floats are not.
What all warps of a group issue then is timed: four schedulers, in order, with the stall counts and scoreboards that
ptxas wrote into the code, and the latencies of ASSUMED for all that has no fixed one. The slowest warp of each stretch
between two barriers is asked what it waited for, by kind of instruction and by line of the source. Where groups wait
for each other's words, those have come when they are first looked for, so late as ASSUMED says.

    gpu_estimate.py CUBIN ARGS ITEMS [KERNEL]      ARGS: as tests/tools/gpu_text.c writes them

Needs nvdisasm (PyPI nvidia-cuda-nvdisasm). tests/tools/check_gpu_estimate.py holds it to the known figures of a
reference kernel.
"""
import collections
import re
import struct
import subprocess
import sys

MASK = 0xffffffff
WARP = 32
SCHEDULERS = 4
CLOCKS = {80: 1.41, 90: 1.755}  # GHz: A100, H100
PARAMETERS = {75: 0x160, 80: 0x160, 86: 0x160, 89: 0x160, 90: 0x210, 100: 0x380, 120: 0x380}  # in constant bank 0
STEPS = 8  # that are timed, the first two apart

# Cycles: low and high. `wide`: slots of the local memory's pipe that a 16-byte read takes, `pair` an 8-byte one.
# `far`: a way to the cache that all compute units share, or to memory, and back; `near`: a load of what the step before
# loaded, too. `word`: from when another group's word is asked for until it is there: one such way, since groups are
# alike and store when this one does, and half of another one, as a word that comes in between is seen at the next look;
# those that the warp asks for after it are there.
ASSUMED = {
    "low": {"local": 23, "wide": 1, "pair": 1, "shuffle": 22, "far": 300, "near": 33, "word": 450, "special": 18, "barrier": 16},
    "high": {"local": 33, "wide": 4, "pair": 2, "shuffle": 28, "far": 600, "near": 40, "word": 900, "special": 30, "barrier": 36},
}
OTHER_LATENCY = 20
READ_LATENCY = 8  # until a store has its operands
BRANCH = 10  # until a warp goes on, whether it is taken or not
FMA = {"FFMA", "FMUL", "FADD", "IMAD", "FFMA2"}
ALU = {"IADD3", "LEA", "FSEL", "ISETP", "LOP3", "MOV", "SHF", "FSETP", "SEL", "PRMT", "FMNMX", "IADD", "VIADD", "SHL"}
SPECIAL = {"MUFU", "FRND", "F2I", "I2F", "F2F"}
LOCAL = {"LDS", "STS", "SHFL", "ATOMS"}
FAR = {"LDG", "STG", "ATOMG", "ATOM", "RED"}
ROWS = 4  # of the batch in a group at most: as many lanes bring the row table into local memory


# ---- the code ----------------------------------------------------------------------------------

Operand = collections.namedtuple("Operand", "kind index negate invert absolute offset")


class Instruction:
    __slots__ = ("at", "guard", "op", "name", "flags", "operands", "stall", "wait", "writes", "reads", "line", "target",
                 "outs", "ins", "text")


def operand_of(text):
    """R5.reuse, -UR4, !P0, c[0x0][R2+0x160], [R2.64+UR4+0x10], desc[UR4][R2.64], 0x10, 1.5, SR_TID.X, `(.L_x_1)."""
    text = text.strip()
    absolute = text.lstrip("-~!").startswith("|")
    negate, invert = text.startswith("-"), text[:1] in "~!" and text != ""
    bare = text.lstrip("-~!").strip("|").replace(".reuse", "")
    make = lambda kind, index, offset=None: Operand(kind, index, negate, invert, absolute, offset)
    if match := re.fullmatch(r"(UR|R|UP|P)(\d+|Z|T)(\.\w+)*", bare):
        return make({"R": "R", "UR": "U", "P": "P", "UP": "Q"}[match[1]], None if match[2] in "ZT" else int(match[2]))
    if match := re.fullmatch(r"c\[(0x\w+)\]\[(?:(U?R\w+)\s*)?\+?(-?0x\w+)?\]", bare):
        return make("C", int(match[1], 16), (match[2], int(match[3] or "0", 16)))
    if "[" in bare:
        inside = re.findall(r"\[([^]]*)\]", bare)[-1]
        parts = [re.fullmatch(r"(U?R)(\d+|Z)((?:\.\w+)*)|(-?0x\w+)", part) for part in inside.replace("+-", "+ -").replace(" ", "").split("+")]
        return make("M", [(p[1], None if p[2] == "Z" else int(p[2]), p[3]) if p[1] else ("I", int(p[4], 16), "")
                          for p in parts if p])
    if re.fullmatch(r"0x[0-9a-f]+", bare):
        return make("I", int(bare, 16))
    if "(.L" in text:
        return make("L", re.search(r"\.L_x_\d+", text)[0])
    if re.fullmatch(r"[0-9.]+(e[-+]?\d+)?|\+?(INF|QNAN|NAN)", bare):
        value = float("nan" if "NAN" in bare else bare.replace("+", "").lower())
        return make("F", -value if negate else value)
    return make("S", bare)


def kernels_of(lines):
    """Lines of each kernel's text."""
    name, kernels = None, {}
    for line in lines:
        if match := re.match(r"\.text\.(\w+):", line):
            name = match[1]
            kernels[name] = []
        elif line.startswith("//-----"):
            name = None
        elif name:
            kernels[name].append(line)
    return kernels


def instructions_of(lines):
    """A kernel's instructions, with what the 105th to 125th of an instruction's 128 bits say."""
    code, labels, source = [], {}, None
    for at, line in enumerate(lines):
        if match := re.match(r"(\.L_x_\d+):", line):
            labels[match[1]] = len(code)
        elif match := re.search(r'//## File "([^"]*)", line (\d+)', line):
            if "inlined at" not in line or source is None or "inlined" not in lines[at - 1]:
                source = (match[1].rsplit("/", 1)[-1], int(match[2]))
        elif match := re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@(!?)(U?P\w+)\s+)?([A-Z0-9_.]+)\s*(.*?)\s*(?:\(\*.*?\*\))?;\s*/\*", line):
            one = Instruction()
            control = int(re.search(r"/\*\s*(0x[0-9a-f]+)\s*\*/", lines[at + 1])[1], 16) >> 41
            one.at, one.text = len(code), f"{match[3]} {match[4]}"
            one.guard = operand_of(match[1] + match[2]) if match[2] else None
            one.name, one.op, one.flags = match[3], match[3].split(".")[0], match[3].split(".")[1:]
            one.operands = [operand_of(part) for part in re.split(r",(?![^\[]*\])", match[4]) if part.strip()]
            one.stall, one.writes, one.reads = control & 15, control >> 5 & 7, control >> 8 & 7
            one.wait, one.line = control >> 11 & 63, source
            # predicates that an operation of integers writes stand after its first operand, or, of these, before it; those
            # it reads last
            one.outs = []
            while one.op.removeprefix("U") in ("LOP3", "IMNMX") and one.operands[0].kind in "PQ":
                one.outs.append(one.operands.pop(0))
            rest = one.operands[1:]
            while rest and rest[0].kind in "PQ" and any(o.kind not in "PQ" for o in rest):
                one.outs.append(rest.pop(0))
            one.ins = rest
            one.target = None
            code.append(one)
    for one in code:
        for operand in one.operands:
            if operand.kind == "L":
                one.target = labels.get(operand.index)
    return code


def loops_of(code):
    """First and last of each outermost loop with a barrier: over time, one of them for plain calls."""
    found = [(one.target, one.at) for one in code if one.op == "BRA" and one.target is not None and one.target < one.at
             and any(other.op == "BAR" for other in code[one.target:one.at])]
    return [one for one in found if not any(other != one and other[0] <= one[0] and other[1] >= one[1] for other in found)]


def sections_of(path):
    """{name: bytes} of an ELF file of 64 bits."""
    with open(path, "rb") as file:
        data = file.read()
    start, size, count, names = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HHH", data, 58)
    heads = [struct.unpack_from("<IIQQQQ", data, start + i * size) for i in range(count)]
    text = data[heads[names][4]:]
    return {text[h[0]:text.index(b"\0", h[0])].decode(): b"" if h[1] == 8 else data[h[4]:h[4] + h[5]] for h in heads}


class Kernel:
    """A kernel of a cubin, ready to be gone through."""

    def __init__(self, cubin, name=None):
        said = subprocess.run(["nvdisasm", "-c", "-hex", "-g", cubin], capture_output=True, text=True, check=True).stdout
        self.arch = int(re.search(r"\.target\s+sm_(\d+)|EF_CUDA_SM(\d+)", said)[1] or 0)
        kernels = kernels_of(said.splitlines())
        self.name = name or next(iter(kernels))
        self.code = instructions_of(kernels[self.name])
        self.loops = loops_of(self.code)
        self.loop = None  # the one that a lane comes to
        self.banks = {int(match[1]): data for key, data in sections_of(cubin).items()
                      if (match := re.fullmatch(r"\.nv\.constant(\d+)\." + self.name, key))}

    def set_arguments(self, arguments, items):
        """Parameters into constant bank 0, behind the group's size."""
        base = PARAMETERS[self.arch]
        bank = bytearray(max(len(self.banks.get(0, b"")), base + 4096))
        struct.pack_into("<III", bank, 0, items, 1, 1)
        self.arrays = [name for kind, name, _ in arguments if kind == "pointer"]
        self.contents = {name: data for kind, name, data in arguments if kind == "pointer" and data}
        for (kind, name, data), at in zip(arguments, offsets_of(arguments)):
            if kind == "pointer":
                data = struct.pack("<Q", self.arrays.index(name) + 1 << 36)
            bank[base + at:base + at + len(data)] = data
        self.banks[0] = bytes(bank)

    def array_of(self, address):
        """Name of what an address lies in, and where."""
        if address is None or not 0 < address >> 36 <= len(self.arrays):
            return None, address
        return self.arrays[(address >> 36) - 1], address & ((1 << 36) - 1)


def read_arguments(path):
    arguments = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            kind, *rest = line.split()
            if kind == "pointer":
                arguments.append((kind, rest[0], bytes.fromhex(rest[1]) if len(rest) > 1 else b""))
            elif kind == "int":
                arguments.append((kind, "", struct.pack("<i", int(rest[0]))))
            else:
                arguments.append((kind, "", bytes.fromhex(rest[0])))
    return arguments


def offsets_of(arguments):
    """Where each lies among them."""
    at, offsets = 0, []
    for kind, _, data in arguments:
        align, size = (4, 4) if kind == "int" else (8, 8 if kind == "pointer" else len(data))
        at = (at + align - 1) // align * align
        offsets.append(at)
        at += size
    return offsets


# ---- where a lane goes -------------------------------------------------------------------------


def float_of(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits_of(value, round_up=False):
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return bits + 1 if round_up and float_of(bits) < value else bits


def half_bits(value):
    return struct.unpack("<H", struct.pack("<e", value))[0]


def signed(value, bits=32):
    return value - (1 << bits) if value >> (bits - 1) else value


def table_of(lut, a, b, c):
    """A bit of a LOP3 or PLOP3 table, for each bit of its operands."""
    result = 0
    for index in range(8):
        if lut >> index & 1:
            result |= ((a if index & 4 else ~a) & (b if index & 2 else ~b) & (c if index & 1 else ~c))
    return result & MASK


COMPARE = {"LT": lambda a, b: a < b, "LE": lambda a, b: a <= b, "GT": lambda a, b: a > b, "GE": lambda a, b: a >= b,
           "EQ": lambda a, b: a == b, "NE": lambda a, b: a != b}


class Lane:
    """One lane of a group: registers of 32 bits or None, where a float or the unknown is; one that nothing was written
    to, in which the compiler collects bits, is 0. local: what is known of the group's local memory, {address: 32 bits}."""

    def __init__(self, kernel, lane, local):
        self.kernel, self.lane, self.local = kernel, lane, local
        self.private = {}  # what is spilled
        self.way, self.begins = [], []
        self.registers = {"R": {}, "U": {}}
        self.predicates = {"P": {}, "Q": {}}
        self.guessed = set()  # branches whose condition is unknown
        self.not_known = set()  # operations that are not computed

    # operands
    def get(self, o):
        value = self.get_plain(o)
        if value is None or o.kind == "F":
            return value
        if o.absolute:
            value &= 0x7fffffff
        if o.invert:
            value = ~value & MASK
        return -value & MASK if o.negate else value

    def get_plain(self, o):
        if o.kind in "RU":
            return 0 if o.index is None else self.registers[o.kind].get(o.index, 0)
        if o.kind == "I":
            return o.index & MASK
        if o.kind == "C":
            return self.constant(o, 0)
        if o.kind == "F":
            return bits_of(o.index)
        return 0 if o.kind == "S" and o.index == "SRZ" else None

    def constant(self, o, further):
        register, offset = o.offset
        if register:
            return None
        bank, at = self.kernel.banks.get(o.index, b""), offset + further
        return struct.unpack_from("<I", bank, at)[0] if at + 4 <= len(bank) else 0

    def get_wide(self, o):
        """64 bits: a pair of registers or words."""
        if o.kind in "RU" and o.index is not None:
            words = self.registers[o.kind].get(o.index, 0), self.registers[o.kind].get(o.index + 1, 0)
        elif o.kind == "C":
            words = self.constant(o, 0), self.constant(o, 4)
        else:
            return signed(self.get(o)) & (1 << 64) - 1 if o.kind == "I" else 0
        return None if None in words else words[0] | words[1] << 32

    def set(self, o, value):
        if o.kind in "RU" and o.index is not None:
            self.registers[o.kind][o.index] = value if value is None else value & MASK

    def set_wide(self, o, value, words=2):
        if o.kind in "RU" and o.index is not None:
            for i in range(words):
                self.registers[o.kind][o.index + i] = None if value is None else value >> 32 * i & MASK

    def test(self, o):
        if o.index is None:
            return not o.invert
        value = self.predicates[o.kind].get(o.index)
        return value if value is None else value != o.invert

    def put(self, o, value):
        if o.index is not None:
            self.predicates[o.kind][o.index] = value

    def address(self, o, is_far):
        total = 0
        for kind, index, suffix in o.index:
            if kind == "I":
                total += index
                continue
            if index is None:
                continue
            bank = self.registers["R" if kind == "R" else "U"]
            low, high = bank.get(index, 0), bank.get(index + 1, 0)
            others = "".join(s for _, _, s in o.index)
            wide = ".64" in suffix or (is_far and (kind == "UR" or ".U32" not in suffix and ".64" not in others))
            if low is None or (wide and high is None):
                return None
            total += (low | high << 32) if wide else low * 4 if ".X4" in suffix else low * 16 if ".X16" in suffix else low
        return total

    # what instructions do
    def execute(self, i):
        op = i.op[1:] if i.op.startswith("U") and "do_" + i.op[1:] in METHODS else i.op
        method = METHODS.get("do_" + op)
        if method:
            method(self, i)
            return
        if op not in ("FFMA", "FMUL", "FADD", "FMNMX", "VOTE", "SHFL", "MATCH"):
            self.not_known.add(i.name)
        self.forget(i)

    def forget(self, i):
        """Whatever it writes is unknown."""
        if i.operands:
            if i.operands[0].kind in "RU":
                self.set_wide(i.operands[0], None, 4 if "128" in i.flags else 2 if "64" in i.flags else 1)
            for o in i.operands[:2]:
                if o.kind in "PQ":
                    self.put(o, None)

    def do_MOV(self, i):
        if "64" in i.flags:
            self.set_wide(i.operands[0], self.get_wide(i.operands[1]))
            return
        self.set(i.operands[0], self.get(i.operands[1]))

    do_R2UR = do_MOV

    def add(self, i, terms, carries):
        """A sum of terms, and the carries out of it."""
        values = [self.get_plain(o) for o in terms]
        extra = [self.test(o) for o in carries]
        if None in values or None in extra:
            self.set(i.operands[0], None)
            for out in i.outs:
                self.put(out, None)
            return
        total = sum(map(int, extra))
        for o, value in zip(terms, values):
            total += (~value & MASK) + 1 if o.negate else ~value & MASK if o.invert else value
        self.set(i.operands[0], total)
        for n, out in enumerate(i.outs):
            self.put(out, total >> 32 > n)

    def do_IADD3(self, i):
        if "64" in i.flags:
            self.add_wide(i)
            return
        terms = [o for o in i.ins if o.kind not in "PQ"]
        carries = [o for o in i.ins if o.kind in "PQ"] if "X" in i.flags else []
        self.add(i, terms, carries)

    do_VIADD = do_IADD3

    do_IADD = do_IADD3

    def add_wide(self, i):
        values = [self.get_wide(o) for o in i.ins if o.kind not in "PQ"]
        negative = [o.negate and o.kind != "I" for o in i.ins if o.kind not in "PQ"]
        self.set_wide(i.operands[0], None if None in values else sum(-v if n else v for v, n in zip(values, negative)))

    def do_IMAD(self, i):
        a, b, c = (self.get(o) for o in i.ins[:3])
        if "WIDE" in i.flags:
            c = self.get_wide(i.ins[2])
        elif "HI" in i.flags:
            c = self.get_wide(i.ins[2])
        if None in (a, b, c):
            self.set_wide(i.operands[0], None, 2 if "WIDE" in i.flags else 1)
            return
        product = a * b if "U32" in i.flags else signed(a) * signed(b)
        if "WIDE" in i.flags:
            total = (product & (1 << 64) - 1) + c
            self.set_wide(i.operands[0], total)
            for out in i.outs:
                self.put(out, bool(total >> 64))
        elif "HI" in i.flags:
            self.set(i.operands[0], (product + c) >> 32)
        else:
            carry = self.test(i.ins[3]) if "X" in i.flags and len(i.ins) > 3 else False
            self.set(i.operands[0], None if carry is None else product + c + carry)

    def do_LEA(self, i):
        values = [o for o in i.ins if o.kind not in "PQ"]
        carry = next((self.test(o) for o in i.ins if o.kind in "PQ"), False) if "X" in i.flags else False
        shift = values.pop().index
        a, b = self.get(values[0]), self.get(values[1])
        if "HI" in i.flags:
            high = (MASK if a is not None and a >> 31 else 0) if "SX32" in i.flags else self.get(values[2]) if len(values) > 2 else 0
            a = None if a is None or high is None else (high << 32 | a) << shift >> 32 & MASK
        elif a is not None:
            a = a << shift & MASK
            if values[0].negate and a == 0:  # ~0 + 1, whose carry says that nothing was borrowed
                a = MASK + 1
        if None in (a, b, carry):
            self.set(i.operands[0], None)
            for out in i.outs:
                self.put(out, None)
            return
        self.set(i.operands[0], a + b + carry)
        for out in i.outs:
            self.put(out, a + b + carry > MASK)

    def do_SHF(self, i):
        low, by, high = (self.get(o) for o in i.ins[:3])
        left, takes_high = "L" in i.flags, "HI" in i.flags
        if not left and not takes_high and not any("64" in f for f in i.flags):
            high = high or 0
        if None in (low, by, high):
            self.set(i.operands[0], None)
            return
        both = high << 32 | low
        by &= 63 if any("64" in f for f in i.flags) else 31
        if "S32" in i.flags or "S64" in i.flags:
            both = signed(both, 64)
        both = both << by if left else both >> by
        self.set(i.operands[0], both >> 32 if takes_high else both)

    def do_LOP3(self, i):
        a, b, c = (self.get(o) for o in i.ins[:3])
        lut = i.ins[3].index
        value = None if None in (a, b, c) else table_of(lut, a, b, c)
        self.set(i.operands[0], value)
        for out in i.outs:
            self.put(out, None if value is None else value != 0 or bool(self.test(i.ins[4])))

    def do_PLOP3(self, i):
        inputs = [self.test(o) for o in i.operands[2:5]]
        for out, lut in zip(i.operands[:2], i.operands[5:7]):
            outcomes = {table_of(lut.index, *(MASK * (v if v is not None else guess >> n & 1) for n, v in enumerate(inputs))) != 0
                        for guess in range(8)}
            self.put(out, outcomes.pop() if len(outcomes) == 1 else None)

    def do_ISETP(self, i):
        bits = 64 if "S64" in i.flags or "U64" in i.flags else 32
        a, b = (self.get(o) if bits == 32 else self.get_wide(o) for o in i.operands[2:4])
        also = self.test(i.operands[4])
        holds = None
        if a is not None and b is not None:
            compare = next(f for f in i.flags if f in COMPARE)
            if "U32" not in i.flags and "U64" not in i.flags:
                a, b = signed(a, bits), signed(b, bits)
            holds = COMPARE[compare](a, b)
            if "EX" in i.flags:
                low = self.test(i.operands[5])
                if compare in ("EQ", "NE"):
                    holds = None if low is None else (holds and low) if compare == "EQ" else (holds or low)
                elif a == b:
                    holds = low
        for out, value in zip(i.operands[:2], (holds, None if holds is None else not holds)):
            if "OR" in i.flags:
                self.put(out, True if value or also else None if None in (value, also) else False)
            else:
                self.put(out, False if value is False or also is False else None if None in (value, also) else True)

    def do_FSETP(self, i):
        for out in i.operands[:2]:
            self.put(out, None)

    def do_SEL(self, i):
        which = self.test(i.ins[2])
        self.set(i.operands[0], None if which is None else self.get(i.ins[0] if which else i.ins[1]))

    do_FSEL = do_SEL

    def do_IMNMX(self, i):
        """Least or greatest of two or three."""
        is_wide = any("64" in f for f in i.flags)
        values = [self.get_wide(o) if is_wide else self.get(o) for o in i.ins if o.kind not in "PQ"]
        is_least = self.test(next(o for o in i.ins if o.kind in "PQ"))
        if "ADD" in i.op:  # of the first two the sum
            values[:2] = [None if None in values[:2] else values[0] + values[1] & MASK]
        value = None
        if None not in values and is_least is not None:
            values = values if "U32" in i.flags or "U64" in i.flags else [signed(value, 64 if is_wide else 32) for value in values]
            value = min(values) if is_least else max(values)
        (self.set_wide if is_wide else self.set)(i.operands[0], value)

    do_VIMNMX = do_VIMNMX3 = do_VIADDMNMX = do_IMNMX

    def do_IABS(self, i):
        value = self.get(i.ins[0])
        self.set(i.operands[0], None if value is None else abs(signed(value)))

    def do_HFMA2(self, i):
        last = i.ins[-2:]
        known = all(o.kind == "F" or o.kind == "I" for o in last) and all(o.kind == "R" and o.index is None for o in i.ins[:2])
        number = lambda o: o.index if o.kind == "F" else float(-o.index if o.negate else o.index)
        self.set(i.operands[0], half_bits(number(last[0])) << 16 | half_bits(number(last[1])) if known else None)

    def do_I2F(self, i):
        value = self.get(i.ins[0])
        self.set(i.operands[0], None if value is None else bits_of(float(value if any("U32" in f for f in i.flags) else signed(value)), "RP" in i.flags))

    do_I2FP = do_I2F

    def do_MUFU(self, i):
        value = self.get(i.ins[0])
        known = value is not None and "RCP" in i.flags and 0.0 < float_of(value) < 1e30
        self.set(i.operands[0], bits_of(1.0 / float_of(value)) if known else None)

    def do_F2I(self, i):
        value = self.get(i.ins[0])
        self.set(i.operands[0], None if value is None or not abs(float_of(value)) < 4.3e9 else int(float_of(value)))

    def do_S2R(self, i):
        where = i.operands[1].index
        self.set(i.operands[0], self.lane if where == "SR_TID.X" else self.lane % WARP if where == "SR_LANEID" else 0)

    do_S2UR = do_S2R

    def do_CS2R(self, i):
        self.set_wide(i.operands[0], 0, 1 if "32" in i.flags else 2)

    def do_LDC(self, i):
        words = 4 if "128" in i.flags else 2 if "64" in i.flags else 1
        o = i.operands[1]
        if o.kind != "C" or o.offset[0] not in (None, "RZ", "URZ"):
            self.set_wide(i.operands[0], None, words)
            return
        o = o._replace(offset=(None, o.offset[1]))
        self.set_wide(i.operands[0], sum(self.constant(o, 4 * n) << 32 * n for n in range(words)), words)

    do_LDCU = do_LDC

    def do_P2R(self, i):
        mask = self.get(i.operands[-1]) or 0
        bits = [self.predicates["P"].get(n) for n in range(7) if mask >> n & 1]
        self.set(i.operands[0], None if None in bits else sum(
            int(self.predicates["P"][n]) << n for n in range(7) if mask >> n & 1))

    def do_R2P(self, i):
        value, mask = self.get(i.operands[1]), self.get(i.operands[2]) or 0
        for n in range(7):
            if mask >> n & 1:
                self.put(Operand("P", n, False, False, False, None), None if value is None else bool(value >> n & 1))

    def do_PRMT(self, i):
        """Bytes of two words, each named by four bits, the highest of which asks for its sign instead."""
        a, which, b = (self.get(o) for o in i.ins[:3])
        if None in (a, which, b) or len(i.flags) > 0:
            self.set(i.operands[0], None)
            return
        both, value = b << 32 | a, 0
        for n in range(4):
            byte = both >> 8 * (which >> 4 * n & 7) & 255
            value |= (255 * (byte >> 7) if which >> 4 * n & 8 else byte) << 8 * n
        self.set(i.operands[0], value)

    def do_LDG(self, i):
        words = 4 if "128" in i.flags else 2 if "64" in i.flags else 1
        name, at = self.kernel.array_of(self.address(i.operands[1], True))
        data = self.kernel.contents.get(name, b"")
        known = at is not None and at + 4 * words <= len(data) and not any(f in ("U8", "S8", "U16") for f in i.flags)
        self.set_wide(i.operands[0], int.from_bytes(data[at:at + 4 * words], "little") if known else None, words)

    def do_ATOMG(self, i):
        """A word of the flags: what is there, or, behind that, what another group brought."""
        to = next(o for o in i.operands if o.kind == "R")
        name, at = self.kernel.array_of(self.address(next(o for o in i.operands if o.kind == "M"), True))
        data = self.kernel.contents.get(name)
        self.set(to, None if data is None else int.from_bytes(data[at:at + 4], "little"))

    do_ATOM = do_ATOMG

    def load(self, i, memory):
        at = self.address(i.operands[1], False)
        is_word = at is not None and not any(f in ("U8", "S8", "U16", "S16") for f in i.flags)
        for n in range(width_of(i) if i.operands[0].index is not None else 0):
            self.registers["R"][i.operands[0].index + n] = memory.get(at + 4 * n) if is_word else None

    def store(self, i, memory):
        at, value = self.address(i.operands[0], False), i.operands[1]
        if at is None:
            memory.clear()
            return
        is_word = not any(f in ("U8", "U16") for f in i.flags)
        for n in range(width_of(i)):
            word = 0 if value.index is None else self.registers["R"].get(value.index + n, 0)
            memory[at + 4 * n] = word if is_word else None

    def do_LDS(self, i):
        self.load(i, self.local)

    def do_STS(self, i):
        self.store(i, self.local)

    def do_LDL(self, i):
        self.load(i, self.private)

    def do_STL(self, i):
        self.store(i, self.private)

    def do_ATOMS(self, i):
        self.forget(i)
        self.local.clear()

    def nothing(self, i):
        pass

    do_STG = do_BAR = do_BSSY = do_BSYNC = do_NOP = do_WARPSYNC = do_YIELD = do_BREAK = do_MEMBAR = nothing
    do_DEPBAR = do_BMOV = do_LDGSTS = do_ERRBAR = do_CCTL = do_ACQBULK = do_RED = nothing

    # the way
    def go(self, rounds):
        """Fills `way` with what the lane issues until the loop over time began `rounds` times: [instruction, address
        or None, whether its guard let it do anything], and `begins` with where in that list each round begins. Stops
        at each barrier, for the others."""
        kernel, way, begins, at = self.kernel, self.way, self.begins, 0
        limit = 400000
        while len(way) < limit:
            i = kernel.code[at]
            if kernel.loop is None:
                kernel.loop = next((one for one in kernel.loops if at == one[0]), None)
            if kernel.loop and at == kernel.loop[0]:
                begins.append(len(way))
                if len(begins) > rounds:
                    break
            guard = True if i.guard is None else self.test(i.guard)
            address = None
            if i.op in FAR or i.op in ("LDS", "STS"):
                address = self.address(next(o for o in i.operands if o.kind == "M"), i.op in FAR)
            way.append((i, address, guard is not False))
            if i.op in ("BRA", "CALL", "JMP"):
                more = [self.test(o) for o in i.operands if o.kind in "PQ"]
                taken = False if guard is False or False in more else None if guard is None or None in more else True
                if taken is None:
                    self.guessed.add(i.at)
                if taken is None and i.target is not None and i.target < at:
                    taken = kernel.loop is not None and i.target == kernel.loop[0]
                at = i.target if taken and i.target is not None else at + 1
                continue
            if i.op in ("EXIT", "RET") and guard:
                break
            if guard is None:
                # a comparison of floats, kept as one bit among others: theirs are not lost
                if i.op != "LOP3" or i.operands[0] not in i.ins:
                    self.forget(i)
            elif guard:
                self.execute(i)
                if i.op == "BAR":
                    yield
            at += 1


METHODS = {name: method for name, method in vars(Lane).items() if name.startswith("do_")}


# ---- how long it takes -------------------------------------------------------------------------


class Warp:
    def __init__(self, way, start):
        self.way, self.pc = way, start
        self.ready = 0
        self.boards, self.owners = [0] * 6, [None] * 6
        self.barrier = None  # that it waits at
        self.words_come = False  # since the last one
        self.issued = []  # cycles: when; when what stands before was done; when what it waits for was, and where that is


def width_of(i):
    return 4 if "128" in i.flags else 2 if "64" in i.flags else 1


def is_look(i):
    """At another group's word: an atomic operation whose result is wanted."""
    return i.op in ("ATOMG", "ATOM") and any(o.kind == "R" and o.index is not None for o in i.operands[:2])


def slots_of(i, assumed):
    """Of the local memory's pipe."""
    width = width_of(i)
    if i.op == "LDS":
        return assumed["wide"] if width == 4 else assumed["pair"] if width == 2 else 1
    return width


def simulate(ways, starts, arch, assumed, near):
    """Cycles at which each warp issues what lies on its way from `starts` on. near: loads that find what a step
    before loaded. Returns warps."""
    warps = [Warp(way, start) for way, start in zip(ways, starts)]
    fma_cycles = 2 if arch < 86 else 1
    busy = {"fma": [0] * SCHEDULERS, "alu": [0] * SCHEDULERS, "special": [0] * SCHEDULERS}
    free, last, local_pipe = [0] * SCHEDULERS, [-1] * SCHEDULERS, 0
    waiting = []
    now, left = 0, len(warps)
    while left:
        if now > 2000000:
            raise RuntimeError("the warps wait for each other")
        later = now + 1000000  # nothing happens before
        for s in range(SCHEDULERS):
            if free[s] > now:
                later = min(later, free[s])
                continue
            order = [w for w in range(s, len(warps), SCHEDULERS) if warps[w].barrier is None and warps[w].pc < len(warps[w].way)]
            if last[s] in order:
                order.remove(last[s])
                order.insert(0, last[s])
            for w in order:
                warp = warps[w]
                i, address, acts = warp.way[warp.pc]
                op = i.op
                pipe = "fma" if op in FMA else "alu" if op in ALU else "special" if op in SPECIAL else None
                earliest = max([warp.ready, busy[pipe][s] if pipe else 0] +
                               [warp.boards[k] for k in range(6) if i.wait >> k & 1])
                if earliest > now:
                    later = min(later, earliest)
                    continue
                free[s], last[s] = now + 1, w
                later = min(later, now + 1)
                board = max((k for k in range(6) if i.wait >> k & 1), key=lambda k: warp.boards[k], default=None)
                warp.issued.append((now, warp.ready, 0 if board is None else warp.boards[board],
                                    None if board is None else warp.owners[board]))
                warp.ready = now + max(1, i.stall)
                latency = OTHER_LATENCY
                if pipe == "special":
                    busy[pipe][s] = now + 8
                    latency = assumed["special"]
                elif pipe:
                    busy[pipe][s] = now + (fma_cycles if pipe == "fma" else 2)
                elif op in LOCAL and acts:
                    local_pipe = max(local_pipe, now) + slots_of(i, assumed)
                    latency = local_pipe - now + assumed["shuffle" if op == "SHFL" else "local"]
                elif op == "LDG" and acts:
                    latency = assumed["near" if (w, warp.pc) in near else "far"]
                elif is_look(i) and acts:
                    latency = assumed["far" if warp.words_come else "word"]
                    warp.words_come = True
                if i.writes != 7 and now + latency > warp.boards[i.writes]:
                    warp.boards[i.writes], warp.owners[i.writes] = now + latency, warp.pc
                if i.reads != 7 and now + READ_LATENCY > warp.boards[i.reads]:
                    warp.boards[i.reads], warp.owners[i.reads] = now + READ_LATENCY, warp.pc
                if op == "BRA":
                    warp.ready = now + BRANCH
                warp.pc += 1
                if warp.pc == len(warp.way):
                    left -= 1
                if op == "BAR":
                    warp.barrier, warp.words_come = now, False
                    waiting.append(w)
                    if len(waiting) == len(warps):
                        for other in waiting:
                            warps[other].barrier = None
                            warps[other].ready = max(warps[other].ready, now + assumed["barrier"])
                        waiting = []
                break
        now = max(now + 1, later)
    return warps


KINDS = (("products, sums", {"FFMA", "FMUL", "FADD", "FFMA2"}), ("LDS", {"LDS"}), ("STS", {"STS"}),
         ("LDG", {"LDG"}), ("STG", {"STG"}), ("words", {"ATOMG", "ATOM"}), ("BAR", {"BAR"}),
         ("branches", {"BRA", "BSSY", "BSYNC", "CALL", "WARPSYNC", "BREAK", "EXIT"}),
         ("selects", {"FSEL", "FSETP", "FMNMX", "FCHK"}), ("special", SPECIAL))


OTHER = "addresses"


def kind_of(i):
    return next((kind for kind, ops in KINDS if i.op in ops), OTHER)


Step = collections.namedtuple("Step", "cycles loads looks counts kinds lines waits")


class Estimate:
    """Of one kernel: what a step goes through, its cycles, low and high, and what they are made of. is_whole: the launch
    is the step; else the kernel has a loop over time."""

    def __init__(self, kernel, items, timed=True, is_whole=False):
        self.kernel = kernel
        self.rounds = 1 if is_whole else STEPS if timed else 3
        kernel.loops = [] if is_whole else kernel.loops
        local = {}
        self.lanes = [Lane(kernel, lane, local) for lane in range(0, items, WARP)]
        others = [Lane(kernel, lane, local) for lane in range(1, ROWS)]
        going = [(lane, lane.go(self.rounds)) for lane in self.lanes] + [(lane, lane.go(1)) for lane in others]
        while going:  # together from barrier to barrier
            going = [(lane, way) for lane, way in going if next(way, True) is None]
        self.ways = [lane.way for lane in self.lanes]
        self.begins = [[0, len(lane.way)] if is_whole else lane.begins for lane in self.lanes]
        if any(len(b) <= self.rounds for b in self.begins):
            raise RuntimeError(f"{kernel.name}: the loop over time was left after {min(map(len, self.begins)) - 1} steps")
        self.cycles, self.warps = {}, {}
        for mode, assumed in ASSUMED.items() if timed else ():
            self.warps[mode] = simulate(self.ways, [b[0] for b in self.begins], kernel.arch, assumed, self.near_loads())
            ends = [max(warp.issued[b[n + 1] - b[0] - 1][0] for warp, b in zip(self.warps[mode], self.begins))
                    for n in range(self.rounds)]
            self.cycles[mode] = (ends[-1] - ends[1]) / (self.rounds - 2) if self.rounds > 2 else ends[-1]

    def near_loads(self):
        """(warp, place on its way) of loads of a line that the same warp has read in the loop's step before."""
        near = set()
        for w, (way, begins) in enumerate(zip(self.ways, self.begins)):
            before = set()
            for n in range(self.rounds):
                lines = set()
                for at in range(begins[n], begins[n + 1]):
                    i, address, acts = way[at]
                    if i.op == "LDG" and acts and address is not None:
                        if (i.at, address >> 7) in before:
                            near.add((w, at))
                        lines.add((i.at, address >> 7))
                before = lines
        return near

    def step(self, w):
        """What warp w goes through in one step, when it has begun well."""
        n = max(0, self.rounds - 2)
        return self.ways[w][self.begins[w][n]:self.begins[w][n + 1]]

    def most(self, what):
        """Of the warp that has most, by what(instruction, address): None is not counted."""
        most = collections.Counter()
        for w in range(len(self.ways)):
            mine = collections.Counter(what(i, address) for i, address, acts in self.step(w) if acts)
            most |= mine
        del most[None]
        return most

    def loads(self):
        """{array: loads from it in a step}; "?" where an address is unknown."""
        return self.most(lambda i, address: (self.kernel.array_of(address)[0] or "?") if i.op == "LDG" else None)

    def looks(self):
        """At other groups' words in a step."""
        return self.most(lambda i, address: "looks" if is_look(i) else None)["looks"]

    def counts(self):
        """Instructions that the busiest warp issues in a step, by operation."""
        w = max(range(len(self.ways)), key=lambda w: len(self.step(w)))
        return collections.Counter(i.op + ("." + str(32 * width_of(i)) if i.op in ("LDS", "STS", "LDG") and width_of(i) > 1 else "")
                                   for i, _, _ in self.step(w))

    def barriers(self):
        """Places on the ways between which the last warp is asked, for `rounds` - 2 steps or the whole; -1: the start."""
        if self.rounds == 1:
            return [[-1] + [at for at, one in enumerate(way) if one[0].op == "BAR"] + [len(way) - 1] for way in self.ways]
        bars = [[at for at in range(b[1], b[-1]) if way[at][0].op == "BAR"] for way, b in zip(self.ways, self.begins)]
        per = len(bars[0]) // (self.rounds - 1)
        return [places[per - 1:] for places in bars]

    def profile(self, mode, key, pairs=False):
        """Cycles of a step by key(instruction): of the warp that comes last to each barrier. A warp's time goes to the
        instruction before while that keeps it, then to what it waits for, then, where others are first, to the next."""
        total = collections.Counter()
        warps, bars = self.warps[mode], self.barriers()
        issued = lambda w, at: warps[w].issued[at - self.begins[w][0]]
        for stretch in range(len(bars[0]) - 1):
            w = max(range(len(bars)), key=lambda w: issued(w, bars[w][stretch + 1])[0])
            # the last one came, and all go on
            before = max(issued(v, bars[v][stretch])[0] if bars[v][stretch] >= 0 else 0 for v in range(len(bars)))
            for at in range(bars[w][stretch] + 1, bars[w][stretch + 1] + 1):
                now, ready, board, owner = issued(w, at)
                for until, blamed in ((ready, at - 1), (board, owner), (now, at)):
                    if until > before and blamed is not None:
                        blame = (self.ways[w][at][0], self.ways[w][blamed][0]) if pairs else self.ways[w][blamed][0]
                        if not pairs or until == board != ready:
                            total[key(blame)] += min(until, now) - before
                        before = min(until, now)
        return collections.Counter({k: v / max(1, self.rounds - 2) for k, v in total.items()})

    def waits(self, mode):
        """Cycles of a step that those warps wait for loads and the like: by who waits, and for whom."""
        return self.profile(mode, lambda both: f"{both[1].text}` at `{both[0].text}", pairs=True)

    def summary(self):
        """All of it, and nothing of the code."""
        profile = {mode: (self.profile(mode, kind_of), self.profile(mode, lambda i: i.line), self.waits(mode))
                   for mode in self.cycles}
        kinds, lines, waits = ({mode: three[n] for mode, three in profile.items()} for n in range(3))
        return Step(self.cycles, self.loads(), self.looks(), self.counts(), kinds, lines, waits)


def estimate(cubin, arguments, items, name=None, timed=True, is_whole=False):
    kernel = Kernel(cubin, name)
    kernel.set_arguments(arguments, items)
    return Estimate(kernel, items, timed, is_whole)


def main():
    cubin, arguments, items = sys.argv[1:4]
    found = estimate(cubin, read_arguments(arguments), int(items), *sys.argv[4:])
    low, high = (found.cycles[mode] for mode in ASSUMED)
    clock = CLOCKS.get(found.kernel.arch, 1.5) * 1000
    print(f"sm_{found.kernel.arch}: {low:.0f}..{high:.0f} cycles a step, {low / clock:.2f}..{high / clock:.2f} us")
    print("loads:", dict(found.loads()), "looks:", found.looks(), "guessed:", sorted(set().union(*(lane.guessed for lane in found.lanes))),
          "not known:", sorted(set().union(*(lane.not_known for lane in found.lanes))))
    print("instructions:", sum(found.counts().values()), dict(found.counts().most_common()))
    for mode in ASSUMED:
        print(mode, {k: round(v) for k, v in found.profile(mode, kind_of).most_common()})
    for line, cycles in found.profile("low", lambda i: i.line).most_common(25):
        print(f"{cycles:7.1f}  {line}")


if __name__ == "__main__":
    main()
