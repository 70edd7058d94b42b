#!/usr/bin/env python3
"""gpu_report.py: kernels of GPU plans, compiled for real GPUs: registers, spills, local memory, time. Tables, and a gate.

For each cell and size what the planner takes is compiled with clang for NVIDIA (PTX, then ptxas) and for AMD, with
Intel's own compiler for Intel, and as SPIR-V. The gate fails where a register is spilled, memory stands in for
registers, or a kernel that holds its weights in registers reads weights in its loop over time. Nothing is run: cycles
are estimated (gpu_estimate.py), and stand beside those of a reference kernel without options (tests/data/gpu).

    gpu_report.py [--tool build/gpu_text] [--intel DIR] [--quick | --self-check] [-o report.md]

Needs clang-15, libclc-15, and ptxas and nvdisasm (PyPI nvidia-cuda-nvcc, nvidia-cuda-nvdisasm) for NVIDIA,
rocm-device-libs for AMD, the packages of GPU_INTEL_PACKAGES (Makefile), unpacked in DIR, llvm-spirv-15 and spirv-tools
for Intel. What is missing is said, and its columns are left out.
"""
import argparse
import datetime
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import gpu_estimate

NVIDIA = ("sm_75", "sm_80", "sm_90", "sm_120")
AMD = ("gfx906", "gfx90a", "gfx1030")
INTEL = ("dg2-g10", "tgllp", "SPIR-V")
QUICK = ("sm_80", "sm_90", "gfx906", "gfx1030")
TIMED = ("sm_80", "sm_90")
# sizes that speak for the others
BOLD = {("rnn", 128), ("rnn", 224), ("lstm", 112), ("gru", 128), ("rnn", 192), ("lstm", 96), ("gru", 112)}
AMD_LIBRARIES = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode"
NVIDIA_LIBRARY = "/usr/lib/clc/nvptx64--nvidiacl.bc"
NVIDIA_FLAGS = ("--target=nvptx64--nvidiacl", "-Xclang", "-target-cpu", "-Xclang", "sm_75", "-Xclang",
                "-mlink-builtin-bitcode", "-Xclang", NVIDIA_LIBRARY)
REFERENCE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "data", "gpu")
CELLS = ("rnn", "lstm", "gru")


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"gpu_report: {' '.join(command[:2])} ...: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout + done.stderr


def clang(source, *flags):
    kind = [] if "-c" in flags else ["-S"]
    run(["clang-15", "-x", "cl", "-cl-std=CL1.2", "-Xclang", "-finclude-default-header", "-O3", *kind, *flags, source])


def most(pattern, text):
    """A program may hold several kernels: the worst of each counts."""
    return max((int(v) for v in re.findall(pattern, text)), default=0)


class Program:
    """One that the tool wrote, and what the planner says of it."""

    def __init__(self, directory, line):
        self.name, self.cell, hidden, batch, self.algorithm, items, words = line.split()
        self.hidden, self.batch, self.items, self.words = (int(v) for v in (hidden, batch, items, words))
        self.path = os.path.join(directory, self.name)
        with open(self.path + ".opts", encoding="utf-8") as file:
            self.options = file.read().split()
        self.holds = self.algorithm.endswith("/register")

    def clang(self, *flags):
        clang(self.path + ".cl", *self.options, *flags)

    def change(self, name, old, new):
        """Another program: with other text or macros."""
        with open(self.path + ".cl", encoding="utf-8") as file:
            text = file.read()
        if old not in text and old not in self.options:
            sys.exit(f"gpu_report: {self.name} has no {old}")
        self.path = os.path.join(os.path.dirname(self.path), name)
        with open(self.path + ".cl", "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        self.options = [new if o == old else o for o in self.options]

    def functions(self):
        """{(file, line): the function that it is in}."""
        where, function, file, number = {}, "", "", 0
        with open(self.path + ".cl", encoding="utf-8") as text:
            for line in text:
                if match := re.match(r'#line (\d+) "([^"]*)"', line):
                    number, file = int(match[1]), match[2]
                    continue
                if match := re.match(r"\w[\w *]*?(?:PHASE_NAME\((\w+?)_?\)|\b(\w+))\((?!\()", line):
                    function = match[1] or match[2]
                where[(file, number)] = function
                number += 1
        return where


class Reference:
    """The reference kernel for one size, and what is known of it: tests/data/gpu."""

    def __init__(self, line):
        self.cell, *numbers = line.split()
        self.hidden, self.rows, self.split, *known = (int(n) for n in numbers)
        self.known = {80: known[:4], 90: known[4:]}
        self.items = (1, 4, 3)[CELLS.index(self.cell)] * self.hidden // self.rows * self.split

    def estimate(self, directory, arch):
        """And its registers."""
        path = os.path.join(directory, f"reference-{self.cell}-{self.hidden}")
        clang(os.path.join(REFERENCE, "reference.cl"), f"-DCELL={CELLS.index(self.cell)}", f"-DHIDDEN={self.hidden}",
              f"-DROWS={self.rows}", f"-DSPLIT={self.split}", *NVIDIA_FLAGS, "-o", path + ".ptx")
        said = run(["ptxas", "-v", f"-arch=sm_{arch}", "-maxntid", f"{self.items},1,1", path + ".ptx", "-o", path + ".cubin"])
        arguments = [("pointer", name, b"") for name in ("x_proj", "w", "b_hn", "h_io", "c_io", "y")]
        arguments += [("int", "", number.to_bytes(4, "little")) for number in (50, 1, 0)]
        return gpu_estimate.estimate(path + ".cubin", arguments, self.items), most(r"Used (\d+) registers", said)


def references():
    with open(os.path.join(REFERENCE, "reference.txt"), encoding="utf-8") as file:
        return [Reference(line) for line in file if line.strip() and not line.startswith("#")]


class Found:
    """What a compiler says of one program: all 0 but registers and local memory is well."""

    def __init__(self, registers, spills=0, scratch=0, local="", loads=None, estimate=None, broken=None):
        self.broken = broken
        self.registers, self.spills, self.scratch, self.local = registers, spills, scratch, local
        self.loads = loads or {}  # of a step in the loop over time, by array; "?": nobody knows
        self.estimate = estimate

    def faults(self, program):
        return [what for what, bad in (
            (self.broken, self.broken),
            (f"{self.spills} spilled", self.spills > 0),
            (f"{self.scratch} bytes of scratch", self.scratch > 0),
            (f"{self.loads.get('w', 0)} loads of weights in the loop", program.holds and self.loads.get("w", 0) > 0),
            (f"{self.loads.get('?', 0)} loads from somewhere in the loop", program.holds and self.loads.get("?", 0) > 0),
        ) if bad]


# ---- NVIDIA ------------------------------------------------------------------------------------


def nvidia(program, target):
    ptx = program.path + ".ptx"
    if not os.path.exists(ptx):  # one text for all targets; lines of the source change no instruction
        program.clang(*NVIDIA_FLAGS, "-gdwarf-2", "-gline-directives-only", "-o", ptx)
    cubin = f"{program.path}.{target}.cubin"
    # one group a multiprocessor is enough: else ptxas spills a few words by choice, so that four groups fit
    said = run(["ptxas", "-v", "-lineinfo", f"-arch={target}", "-maxntid", f"{program.items},1,1", "-minnctapersm", "1",
                ptx, "-o", cubin])
    loads, estimate = {}, None
    if program.holds and shutil.which("nvdisasm"):
        estimate = gpu_estimate.estimate(cubin, gpu_estimate.read_arguments(program.path + ".args"), program.items,
                                         timed=target in TIMED)
        loads = estimate.loads()
    return Found(most(r"Used (\d+) registers", said), most(r"(\d+) bytes spill (?:stores|loads)", said),
                 most(r"(\d+) bytes stack frame", said), most(r"(\d+) bytes smem", said), loads, estimate)


# ---- AMD ---------------------------------------------------------------------------------------


def time_loop(lines):
    """Numbers of the lines of the loop over time: the outermost with most of two or more barriers. The compiler's
    comments say what is in a loop."""
    outer, header, loops = {}, None, {}
    for at, line in enumerate(lines):
        if match := re.match(r"\.LBB(\d+_\d+):|; %bb\.", line):
            header = None
            comments = line + "".join(lines[at + 1:at + 4])
            comments = comments[:comments.find("\t")] if "\t" in comments else comments
            if parent := re.search(r"Parent Loop BB(\d+_\d+) Depth=1", comments):
                header = outer[match[1]] = parent[1]
            elif re.search(r"=>\s*This (?:Inner )?Loop Header: Depth=1", comments):
                header = outer[match[1]] = match[1]
            elif inside := re.search(r"in Loop: Header=BB(\d+_\d+)", line):
                header = inside[1]
        if header:
            loops.setdefault(header, set()).add(at)
    joined = {}
    for inner, numbers in loops.items():
        joined.setdefault(outer.get(inner, inner), set()).update(numbers)
    barriers = lambda numbers: sum("s_barrier" in lines[n] for n in numbers)
    best = max(joined.values(), key=barriers, default=set())
    return best if barriers(best) >= 2 else set()


def registers_of(operand):
    if match := re.match(r"\s*([sva])\[(\d+):(\d+)\]", operand):
        return {f"{match[1]}{n}" for n in range(int(match[2]), int(match[3]) + 1)}
    match = re.match(r"\s*-?\|?([sva]\d+)\b", operand)
    return {match[1]} if match else set()


def amd_step(line, from_weights, offset):
    """Registers that hold addresses of weights after a line; and whether it loads by one."""
    match = re.match(r"\s+([a-z]\w+)\s+(.*?)\s*(?:;.*)?$", line)
    if not match or match[1].startswith(("s_cbranch", "s_branch", "s_waitcnt")):
        return from_weights, False
    op, operands = match[1], match[2].split(",")
    if op.startswith(("v_writelane", "v_readlane")):  # a scalar that waits in a lane of a vector register
        lane = lambda o: f"{o.strip()}:{operands[2].strip()}"
        to, source = (lane(operands[0]), operands[1].strip()) if "write" in op else (operands[0].strip(), lane(operands[1]))
        return (from_weights | {to} if source in from_weights else from_weights - {to}), False
    if "_co_" in op or op.startswith(("v_mad_u64", "v_mad_i64", "v_div_scale")):  # a carry goes out
        from_weights = from_weights - registers_of(operands.pop(1))
    to, sources = registers_of(operands[0]), set().union(*(registers_of(o) for o in operands[1:]))
    if op.startswith("s_load"):  # arguments; of what else it loads nothing lies at such an offset
        at = operands[-1].split()[0]
        first = int(at, 0) if re.fullmatch(r"0x[0-9a-f]+|\d+", at) else -1
        ordered = sorted(to, key=lambda r: int(r[1:]))
        held = {r for n, r in enumerate(ordered) if offset <= first + 4 * n < offset + 8}
        return from_weights - to | held, False
    if re.match(r"(global|flat|buffer|scratch)_(load|store|atomic)|ds_", op):
        is_load = "_load" in op and not op.startswith("scratch")
        return (from_weights - to if is_load or "read" in op else from_weights), is_load and bool(sources & from_weights)
    if "cmp" in op:
        return from_weights, False
    adds = re.match(r"[sv]_(add|sub|mov|cndmask|cselect|cmov|mad_[ui]64|lshl_add|lshl[1-4]_add|pk_mov|readfirstlane|xad)", op)
    return (from_weights | to if adds and sources & from_weights else from_weights - to), False


def amd_weight_loads(lines, offset):
    """Loads in the loop over time whose address is made of the argument that lies at an offset: what each register
    holds is followed along all ways."""
    loop = time_loop(lines)
    if not loop:
        return 0
    starts = sorted({at for at, line in enumerate(lines) if re.match(r"\.LBB|\w+:", line)} |
                    {at + 1 for at, line in enumerate(lines) if "branch" in line} | {0})
    labels = {m[1]: at for at, line in enumerate(lines) if (m := re.match(r"(\.LBB\d+_\d+):", line))}
    block_of = {at: n for n, at in enumerate(starts)}
    before, todo = {0: frozenset()}, [0]
    loads = set()
    while todo:
        n = todo.pop()
        held = set(before[n])
        end = starts[n + 1] if n + 1 < len(starts) else len(lines)
        following = [n + 1] if n + 1 < len(starts) else []
        for at in range(starts[n], end):
            held, is_load = amd_step(lines[at], held, offset)
            if is_load and at in loop:
                loads.add(at)
            if match := re.search(r"s_(c?)branch\w*\s+(\.LBB\d+_\d+)", lines[at]):
                following = ([n + 1] if match[1] else []) + [block_of[labels[match[2]]]]
        for other in following:
            joined = before.get(other, frozenset()) | held
            if other not in before or joined != before[other]:
                before[other] = joined
                todo.append(other)
    return len(loads)


def amd(program, target):
    assembly = f"{program.path}.{target}.s"
    program.clang("--target=amdgcn-amd-amdhsa", f"-mcpu={target}", f"--rocm-device-lib-path={AMD_LIBRARIES}", "-o", assembly)
    with open(assembly, encoding="utf-8") as file:
        text = file.read()
    count = lambda key: most(rf"\.{key}:\s+(\d+)", text)
    loads = {}
    if program.holds:
        arguments = gpu_estimate.read_arguments(program.path + ".args")
        weights = gpu_estimate.offsets_of(arguments)[[name for _, name, _ in arguments].index("w")]
        loads["w"] = amd_weight_loads(text[:text.index(".Lfunc_end0")].splitlines(), weights)
    # registers for matrices are memory by another name: a copy a use. Scalars that are spilled lie in vector registers.
    return Found(count("vgpr_count"), count("vgpr_spill_count") + count("agpr_count"),
                 count("private_segment_fixed_size"), count("group_segment_fixed_size"), loads)


# ---- Intel, and SPIR-V -------------------------------------------------------------------------

# of a cell, and the products that one of them has at least
ACTIVATIONS = {"rnn": 1, "lstm": 5, "gru": 3, "gru-before": 3}
ACTIVATION = 15


def spirv(program):
    """Of the front end's own IR: what is optimised is more than the translator knows."""
    code, module = program.path + ".bc", program.path + ".spv"
    program.clang("--target=spir64-unknown-unknown", "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c", "-o", code)
    for command in (["llvm-spirv-15", "--spirv-max-version=1.0", code, "-o", module],
                    ["spirv-val", "--target-env", "opencl1.2", module]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return Found("", broken=f"{command[0]}: {(done.stderr + done.stdout).strip().splitlines()[-1:]}")
    return Found("valid")


def intel_loop(lines):
    """Instructions of the largest loop with two barriers."""
    places, code, best = {}, [], []
    for line in lines:
        if match := re.match(r"(L\d+):", line):
            places[match[1]] = len(code)
        elif line.strip() and not line.strip().startswith("//"):
            code.append(line.strip())
            match = re.search(r"\b(?:jmpi|while|goto|brd|br)\b.*?\b(L\d+)\b", line)
            loop = code[places[match[1]]:] if match and match[1] in places else []
            if sum("signal barrier" in one for one in loop) >= 2 and len(loop) > len(best):
                best = loop
    return best


def intel(program, target, folder):
    """A private array that does not fit goes to memory as a whole, and nothing is said of it: then the loop over
    time has fewer products than an item has words, or reads memory that is no buffer."""
    if target == "SPIR-V":
        return spirv(program)
    libraries = os.path.join(os.path.abspath(folder), "usr", "lib", "x86_64-linux-gnu")
    out = f"{program.path}.{target}"
    ocloc = [sys.executable, os.path.join(REFERENCE, "..", "..", "tools", "ocloc.py"), libraries + "/libocloc.so"]
    environment = dict(os.environ, LD_LIBRARY_PATH=libraries)
    said = subprocess.run(ocloc + ["compile", "-file", program.path + ".cl", "-device", target, "-options",
                                   " ".join(["-cl-std=CL1.2", *program.options]), "-out_dir", out, "-output", "k",
                                   "-output_no_suffix"], env=environment, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        return Found("", broken=f"ocloc: {(said.stdout + said.stderr).strip().splitlines()[-1:]}")
    subprocess.run(ocloc + ["disasm", "-file", out + "/k", "-dump", out + "/code", "-device", target], env=environment,
                   capture_output=True, check=True)
    assembly = ""
    for path in glob.glob(out + "/code/*.asm"):
        with open(path, encoding="utf-8") as file:
            assembly += file.read()
    loop = intel_loop(assembly.splitlines())
    products = sum(bool(re.match(r"(\(.*?\)\s*)?mad", one)) for one in loop)
    lanes = most(r"\bmad\s*\((\d+)", "\n".join(loop) or assembly)
    least = program.words + ACTIVATION * ACTIVATIONS[program.cell] if program.holds else 0
    missing = max(0, least - products)
    memory = sum(bool(re.search(r"//.*\bload\.ugm\.\w+\.a64", one)) for one in loop)  # buffers have numbers, private memory addresses
    return Found(f"SIMD{lanes}" + (f", {products}" if program.holds else ""), most(r"spilled around (\d+)", said.stdout + said.stderr),
                 broken=f"{missing} of {least} products are not in the loop" if missing else
                 f"{memory} reads of private memory in the loop" if memory and program.holds else None)


# ---- tables ------------------------------------------------------------------------------------


def table(programs, columns, found):
    yield "| cell | H | N | algorithm | items | words | local bytes | " + " | ".join(columns) + " |"
    yield "| --- " * (7 + len(columns)) + "|"
    for program in programs:
        these = [found[program.name, target] for target in columns]
        cells = [f"**{f.registers}: {', '.join(f.faults(program))}**" if f.faults(program) else str(f.registers) for f in these]
        yield (f"| {program.cell} | {program.hidden} | {program.batch} | {program.algorithm} | {program.items} | "
               f"{program.words or ''} | {these[0].local} | " + " | ".join(cells) + " |")


def us(cycles, arch):
    return "..".join(f"{c / gpu_estimate.CLOCKS[arch] / 1000:.2f}" for c in cycles)


def steps(programs, known, found):
    """Cycles of a step, beside the reference's."""
    yield "| cell | H | N | loads | instructions | FMA | sm_80 cycles | us | reference | sm_90 cycles | us | reference |"
    yield "| --- " * 12 + "|"
    for program in programs:
        estimate = found[program.name, "sm_80"].estimate
        counts = estimate.counts()
        loads = ", ".join(f"{n} {array}" for array, n in sorted(estimate.loads().items()))
        cells = []
        for target in TIMED:
            arch = int(target[3:])
            cycles = list(found[program.name, target].estimate.cycles.values())
            reference = known.get((program.cell, program.hidden)) if program.batch == 1 else None
            worse = reference and cycles[0] > reference.known[arch][3]
            bold = "**" if worse else ""
            cells += [f"{cycles[0]:.0f}..{cycles[1]:.0f}", bold + us(cycles, arch) + bold,
                      us(reference.known[arch][2:], arch) + (f", {cycles[0] / reference.known[arch][2]:.2f} x" if worse else "")
                      if reference else ""]
        yield (f"| {program.cell} | {program.hidden} | {program.batch} | {loads} | {sum(counts.values())} | "
               f"{100 * counts['FFMA'] / sum(counts.values()):.0f} % | " + " | ".join(cells) + " |")


def where(programs, known, found, directory):
    """What the cycles of a step are, beside the reference's: by kind of instruction, then by function."""
    kinds = [kind for kind, _ in gpu_estimate.KINDS] + [gpu_estimate.OTHER]
    yield "| cell | H | " + " | ".join(kinds) + " |"
    yield "| --- " * (2 + len(kinds)) + "|"
    lines = []
    for program in programs:
        estimate = found[program.name, "sm_80"].estimate
        reference = known[program.cell, program.hidden].estimate(directory, 80)[0]
        ours, theirs = (e.profile("low", gpu_estimate.kind_of) for e in (estimate, reference))
        yield (f"| {program.cell} | {program.hidden} | " +
               " | ".join(f"{ours[kind]:.0f} ({theirs[kind]:.0f})" for kind in kinds) + " |")
        functions = program.functions()
        place = lambda i: f"`{functions.get(i.line, '?')}` {i.line[0] if i.line else ''}:{i.line[1] if i.line else ''}"
        top = estimate.profile("low", place).most_common(10)
        lines.append(f"* {program.cell} {program.hidden}: " + ", ".join(f"{what} {cycles:.0f}" for what, cycles in top))
        waits = ", ".join(f"{cycles:.0f} for `{text}`" for text, cycles in estimate.waits("low").most_common(4))
        lines.append(f"  waits: {waits}")
    yield ""
    yield from lines


# ---- the whole ---------------------------------------------------------------------------------


def makers_here(folder=""):
    makers = []
    if shutil.which("clang-15") and shutil.which("ptxas") and os.path.exists(NVIDIA_LIBRARY):
        makers.append(("nvidia", "NVIDIA", NVIDIA, nvidia))
    else:
        print("gpu_report: no NVIDIA targets: clang-15, libclc-15 and ptxas are needed", file=sys.stderr)
    if shutil.which("clang-15") and glob.glob(AMD_LIBRARIES + "/*.bc"):
        makers.append(("amd", "AMD", AMD, amd))
    else:
        print("gpu_report: no AMD targets: clang-15 and rocm-device-libs are needed", file=sys.stderr)
    if glob.glob(os.path.join(folder, "usr", "lib", "*", "libocloc.so")) and shutil.which("llvm-spirv-15") and shutil.which("spirv-val"):
        makers.append(("intel", "Intel, and SPIR-V", INTEL, lambda program, target: intel(program, target, folder)))
    else:
        print("gpu_report: no Intel targets: intel-opencl-icd and what it needs, unpacked, llvm-spirv-15, spirv-tools",
              file=sys.stderr)
    if not makers:
        sys.exit(1)
    return makers


HELD = "held->w[j][r][e], chain[i][r]"
CHANGES = (
    # what it does, the program by maker, text or macro, what stands in for it, what the gate says
    ("an index of the weights that is no constant", {"nvidia": "rnn-128-1", "amd": "rnn-128-1", "intel": "rnn-128-1"},
     HELD, HELD.replace("[j]", "[(j + a->step) % (SLICE / VEC)]"), ("scratch", "products", "private memory")),
    ("512 items in a group", {"nvidia": "rnn-224-1", "amd": "rnn-192-1"}, "-DGROUP_ITEMS=256", "-DGROUP_ITEMS=512",
     ("spilled",)),
    ("weights read again in every step", {"nvidia": "rnn-128-1", "amd": "rnn-128-1"}, HELD,
     HELD.replace("held->w[j][r][e]", "((GLOBAL const float *)PHASE_WEIGHTS)[(j * HELD + r) * (GROUP_ITEMS * VEC) + "
                  "LOCAL_ID * VEC + e + (a->step >> 30)]"), ("loads of weights",)),
)


def self_check(tool, folder):
    """The gate fails where it must. Returns whether it did."""
    well = True
    for vendor, _, _, compile_one in makers_here(folder):
        target = {"nvidia": "sm_80", "amd": "gfx906", "intel": "dg2-g10"}[vendor]
        for n, (what, which, old, new, words) in enumerate(CHANGES):
            if vendor not in which:
                continue
            with tempfile.TemporaryDirectory() as directory:
                line = next(l for l in run([tool, directory, vendor]).splitlines() if l.split()[0] == which[vendor])
                program = Program(directory, line)
                arguments = program.path + ".args"
                program.change(f"changed-{n}", old, new)
                shutil.copy(arguments, program.path + ".args")
                if "512" in new:
                    program.items = 512
                faults = compile_one(program, target).faults(program)
            seen = any(word in one for one in faults for word in words)
            well &= seen
            print(f"gpu_report: {target}, {line.split()[0]}, {what}: {'; '.join(faults) or 'nothing'}{'' if seen else ' -- NOT SEEN'}")
    return well


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default="build/gpu_text")
    parser.add_argument("--intel", default="", metavar="DIR", help="where Intel's packages are unpacked")
    parser.add_argument("--quick", action="store_true", help="fewer targets, and the sizes that speak for the others")
    parser.add_argument("--self-check", action="store_true", help="whether the gate fails where it must")
    parser.add_argument("-o", "--output")
    args = parser.parse_args()
    if args.self_check:
        sys.exit(0 if self_check(args.tool, args.intel) else 1)
    makers = makers_here(args.intel)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    lines = ["# GPU kernels, compiled", "",
             "What plans take on GPUs of 80 compute units, by `bench/gpu_report.py`: registers of an item. Nothing was run.", "",
             f"* commit {commit}, {datetime.date.today()}", f"* {run(['clang-15', '--version']).splitlines()[0]}"]
    if makers[0][0] == "nvidia":
        lines.append(f"* {run(['ptxas', '--version']).splitlines()[-2].strip()}")
    faults = []
    for vendor, name, targets, compile_one in makers:
        targets = [t for t in targets if not args.quick or t in QUICK]
        if not targets:
            continue
        with tempfile.TemporaryDirectory() as directory:
            programs = [Program(directory, line) for line in run([args.tool, directory, vendor]).splitlines()]
            programs = [p for p in programs if not args.quick or (p.batch == 1 and (p.cell, p.hidden) in BOLD)]
            programs = [p for p in programs if vendor != "intel" or p.batch == 1]  # its compiler takes its time
            found = {(p.name, t): compile_one(p, t) for p in programs for t in targets}
            faults += [f"{p.name} {t}: {fault}" for p in programs for t in targets for fault in found[p.name, t].faults(p)]
            lines += ["", f"## {name}", "", *table(programs, targets, found)]
            timed = [p for p in programs if found[p.name, targets[-1]].estimate]
            if timed:
                known = {(r.cell, r.hidden): r for r in references()}
                lines += ["", "## Steps, estimated", "",
                          "Cycles and microseconds of a step of one group, low..high, by the model of `bench/gpu_estimate.py`, never",
                          "measured: trust it to 30 %. Loads: of a step, by array (`rows`: the row table). Reference: a kernel without",
                          "options, lengths or masks (`tests/data/gpu`); bold: more than that takes at most.", "",
                          *steps(timed, known, found), "",
                          "## Where the time goes", "",
                          "Of sm_80, low: cycles of the warps that come last to each barrier, by kind of instruction, the reference's in",
                          "brackets; then by function and line of the source, and what they wait for.", "",
                          *where([p for p in timed if p.batch == 1 and (p.cell, p.hidden) in known], known, found, directory)]
    lines += ["", "## Gate", "", *(faults and [f"* {fault}" for fault in faults] or ["Nothing is spilled, and no weight is loaded in a loop that holds them."])]
    text = "\n".join(lines) + "\n"
    if args.output:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")
    for fault in faults:
        print(f"gpu_report: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
