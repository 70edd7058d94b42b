"""gpu_compile.py: one program of a plan, compiled for a GPU that is not here, and what compilers say of its kernels.

NVIDIA: clang, then ptxas; AMD: clang; Intel: its own compiler; SPIR-V: clang and the translator. bench/gpu_report.py
makes tables and a gate of it.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import gpu_estimate

NVIDIA = ("sm_75", "sm_80", "sm_90", "sm_120")
AMD = ("gfx906", "gfx90a", "gfx1030", "gfx1100")
INTEL = ("dg2-g10", "tgllp")
TIMED = ("sm_80", "sm_90")
# clang 15 takes but 128 registers of gfx1100: a later one is asked, which reads the same libraries
AMD_CLANG = {"gfx1100": "clang-19"}
AMD_LIBRARIES = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode"
NVIDIA_LIBRARY = "/usr/lib/clc/nvptx64--nvidiacl.bc"
NVIDIA_FLAGS = ("--target=nvptx64--nvidiacl", "-Xclang", "-target-cpu", "-Xclang", "sm_75", "-Xclang",
                "-mlink-builtin-bitcode", "-Xclang", NVIDIA_LIBRARY)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Products of an activation at least, and activations of a cell.
ACTIVATION = 15
ACTIVATIONS = {"rnn": 1, "lstm": 5, "gru": 3, "gru-before": 3}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:2])} ...: {' '.join(done.stderr.strip().splitlines()[-1:])}")
    return done.stdout + done.stderr


def clang(source, *flags, version="clang-15"):
    kind = [] if "-c" in flags else ["-S"]
    run([version, "-x", "cl", "-Xclang", "-finclude-default-header", "-O3", *kind, *flags, source])


class Program:
    """One that gpu_text wrote, and the plan that it is of."""

    def __init__(self, directory, line):
        self.name, self.cell, hidden, batch, self.algorithm, self.kernel, *numbers, us = line.split()
        self.hidden, self.batch, self.us = int(hidden), int(batch), float(us)
        self.items, self.words, self.stays, self.rows, self.parts, self.groups, self.loads, self.looks, self.far = map(int, numbers)
        self.path = os.path.join(directory, self.name)
        self.products = self.stays * (2 if self.cell.endswith("16") else 1)  # weights of 16 bits: two a word
        self.holds = self.algorithm.endswith("/register") or self.algorithm == "persist/stream"  # as many as fit
        self.is_launch = self.algorithm == "step/stream"  # of a step
        with open(self.path + ".opts", encoding="utf-8") as file:
            self.options = file.read().split()

    def clang(self, *flags, version="clang-15"):
        clang(self.path + ".cl", *flags, *self.options, version=version)

    def change(self, name, old, new):
        """Another program: with other text or macros."""
        with open(self.path + ".cl", encoding="utf-8") as file:
            text = file.read()
        if old not in text and old not in self.options:
            raise RuntimeError(f"{self.name} has no {old}")
        arguments, self.path = self.path + ".args", os.path.join(os.path.dirname(self.path), name)
        shutil.copy(arguments, self.path + ".args")
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


class Kernel:
    """What a compiler says of one: all but registers and local memory should be 0."""

    def __init__(self, registers, spills=0, scratch=0, local=0):
        self.registers, self.spills, self.scratch, self.local = registers, spills, scratch, local


class Found:
    """What is known of a program on a target: its kernels by name, and of the steps' kernel what it does in a step."""

    def __init__(self, kernels=None, broken=None, weights=None, step=None):
        self.kernels, self.broken = kernels or {}, broken
        self.weights = weights  # loads of weights in the loop over time; None: nobody counted
        self.step = step  # gpu_estimate.Step


# ---- NVIDIA ------------------------------------------------------------------------------------


def nvidia(program, target):
    ptx = program.path + ".ptx"
    if not os.path.exists(ptx):  # one text for all targets; lines of the source change no instruction
        program.clang(*NVIDIA_FLAGS, "-gdwarf-2", "-gline-directives-only", "-o", ptx)
    cubin = f"{program.path}.{target}.cubin"
    # one group a multiprocessor is enough: else ptxas spills a few words by choice, so that four groups fit
    said = run(["ptxas", "-v", "-lineinfo", f"-arch={target}", "-maxntid", f"{program.items},1,1", "-minnctapersm", "1",
                ptx, "-o", cubin])
    kernels = {}
    for part in re.split(r"Compiling entry function ", said)[1:]:
        number = lambda pattern: max(map(int, re.findall(pattern, part)), default=0)
        kernels[part.split("'")[1]] = Kernel(number(r"Used (\d+) registers"), number(r"(\d+) bytes spill (?:stores|loads)"),
                                             number(r"(\d+) bytes stack frame"), number(r"(\d+) bytes smem"))
    found = Found(kernels)
    if program.holds or (program.is_launch and target in TIMED):
        arguments = gpu_estimate.read_arguments(program.path + ".args")
        try:
            found.step = gpu_estimate.estimate(cubin, arguments, program.items, program.kernel, target in TIMED,
                                               program.is_launch).summary()
            found.weights = found.step.loads["w"]
        except RuntimeError as error:
            found.broken = str(error)
    return found


# ---- AMD ---------------------------------------------------------------------------------------


def time_loops(lines):
    """Numbers of the lines of the loops over time: the outermost ones with two or more barriers. The compiler's
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
    return set().union(*(numbers for numbers in joined.values() if barriers(numbers) >= 2))


def registers_of(operand):
    if match := re.match(r"\s*([sva])\[(\d+):(\d+)\]", operand):
        return {f"{match[1]}{n}" for n in range(int(match[2]), int(match[3]) + 1)}
    match = re.match(r"\s*-?\|?([sva]\d+)\b", operand)
    return {match[1]} if match else set()


def amd_step(line, from_weights, offset):
    """Registers that hold addresses of weights after a line; and whether it loads by one."""
    if "::" in line:  # two at once: what either writes is new
        one, other = (amd_step(half, from_weights, offset)[0] for half in line.replace("::", "::\t").split("::"))
        return one & other | one - from_weights | other - from_weights, False
    match = re.match(r"\s+([a-z]\w+)\s+(.*?)\s*(?:;.*)?$", line)
    if not match or match[1].startswith(("s_cbranch", "s_branch", "s_waitcnt")):
        return from_weights, False
    op, operands = match[1].replace("dual_", ""), match[2].split(",")
    if op.startswith(("v_writelane", "v_readlane")):  # a scalar that waits in a lane of a vector register
        lane = lambda o: f"{o.strip()}:{operands[2].strip()}"
        to, source = (lane(operands[0]), operands[1].strip()) if "write" in op else (operands[0].strip(), lane(operands[1]))
        return (from_weights | {to} if source in from_weights else from_weights - {to}), False
    if "_co_" in op or op.startswith(("v_mad_u64", "v_mad_i64", "v_div_scale")):  # a carry goes out
        from_weights = from_weights - registers_of(operands.pop(1))
    if "cndmask" in op:  # the mask
        operands.pop()
    if re.match(r"[sv]_(mad_[ui]64|lshl_add|lshl[1-4]_add)", op):  # no address is multiplied
        del operands[1:-1]
    to, sources = registers_of(operands[0]), set().union(*(registers_of(o) for o in operands[1:]))
    if op.startswith("s_load"):  # arguments; of what else it loads nothing lies at such an offset
        at = operands[-1].split()[0]
        first = int(at, 0) if re.fullmatch(r"0x[0-9a-f]+|\d+", at) else -1
        ordered = sorted(to, key=lambda r: int(r[1:]))
        held = {r for n, r in enumerate(ordered) if offset <= first + 4 * n < offset + 8}
        return from_weights - to | held, False
    if re.match(r"(global|flat|buffer|scratch)_(load|store|atomic)|ds_", op):
        is_load = "_load" in op and not op.startswith(("scratch", "ds"))
        is_read = is_load or op.startswith(("ds_load", "ds_read"))
        pairs = [registers_of(o) for o in operands[1:]]  # both halves of an address
        by_weights = is_load and any(len(pair) == 2 and pair <= from_weights for pair in pairs)
        return (from_weights - to if is_read else from_weights), by_weights
    if "cmp" in op:
        return from_weights, False
    if re.search(r"_[biu]64(?!\w*_e)|mad_[iu]64", op) and len(sources) == 2 and not sources <= from_weights:  # half of an address
        return from_weights - to, False
    adds = re.match(r"[sv]_(add|sub|mov|cndmask|cselect|cmov|mad_[ui]64|lshl_add|lshl[1-4]_add|pk_mov|readfirstlane|xad)", op)
    return (from_weights | to if adds and sources & from_weights else from_weights - to), False


def amd_weight_loads(lines, offset):
    """Loads in the loops over time whose address is made of the argument that lies at an offset: what each register
    holds is followed along all ways. None: there is no such loop."""
    loop = time_loops(lines)
    if not loop:
        return None
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


def amd_libraries(directory, target):
    """Where the compiler finds them: those of the target's instructions are older than it, and its family's do."""
    if os.path.exists(f"{AMD_LIBRARIES}/oclc_isa_version_{target[3:]}.bc"):
        return AMD_LIBRARIES
    folder = os.path.join(directory, f"libraries-{target}")
    if not os.path.exists(folder):
        made = tempfile.mkdtemp(dir=directory)
        for path in glob.glob(AMD_LIBRARIES + "/*.bc"):
            os.symlink(path, os.path.join(made, os.path.basename(path)))
        os.symlink(f"{AMD_LIBRARIES}/oclc_isa_version_1030.bc", f"{made}/oclc_isa_version_{target[3:]}.bc")
        try:
            os.rename(made, folder)
        except OSError:  # another process made it
            pass
    return folder


def code_of(text, kernel):
    code = text[text.index(f"\n{kernel}:"):]
    return code[:code.index(".Lfunc_end")]


def amd(program, target):
    assembly = f"{program.path}.{target}.s"
    libraries = amd_libraries(os.path.dirname(program.path), target)
    program.clang("--target=amdgcn-amd-amdhsa", f"-mcpu={target}", f"--rocm-device-lib-path={libraries}", "-o", assembly,
                  version=AMD_CLANG.get(target, "clang-15"))
    with open(assembly, encoding="utf-8") as file:
        text = file.read()
    kernels = {}
    for part in re.split(r"\n  - \.", text[text.index("amdhsa.kernels:"):])[1:]:
        count = lambda key: int((re.search(rf"\b\.?{key}:\s+(\d+)", "." + part) or [0, 0])[1])
        # registers for matrices are memory by another name: a copy a use. Scalars that are spilled lie in vector registers.
        name = re.search(r"\n    \.name:\s+(\w+)", part)[1]
        code = code_of(text, name)
        # clang 19 keeps room for scalars that then lie in vector registers, and reads none of it
        scratch = count("private_segment_fixed_size") if re.search(r"\t(scratch|buffer)_(load|store)", code) else 0
        kernels[name] = Kernel(count("vgpr_count"), count("vgpr_spill_count") + count("agpr_count"), scratch,
                               count("group_segment_fixed_size"))
    found = Found(kernels)
    if program.holds:
        arguments = gpu_estimate.read_arguments(program.path + ".args")
        weights = gpu_estimate.offsets_of(arguments)[[name for _, name, _ in arguments].index("w")]
        found.weights = amd_weight_loads(code_of(text, program.kernel).splitlines(), weights)
        found.broken = "no loop over time is found" if found.weights is None else None
        if program.far > 0:  # in a loop of their own, where the text does not say how many a step takes
            found.weights = None
    return found


# ---- SPIR-V, and Intel -------------------------------------------------------------------------


def spirv(program, _):
    """Of the front end's own IR: what is optimised is more than the translator knows."""
    code, module = program.path + ".bc", program.path + ".spv"
    program.clang("--target=spir64-unknown-unknown", "-Xclang", "-disable-llvm-passes", "-emit-llvm", "-c", "-o", code)
    # atomics with an order came with OpenCL 2.0
    spirv_version, opencl = ("1.0", "opencl1.2") if "-cl-std=CL1.2" in program.options else ("1.1", "opencl2.2")
    for command in (["llvm-spirv-15", f"--spirv-max-version={spirv_version}", code, "-o", module],
                    ["spirv-val", "--target-env", opencl, module]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return Found(broken=f"{command[0]}: {' '.join((done.stderr + done.stdout).strip().splitlines()[-1:])}")
    return Found({program.kernel: Kernel("valid")})


def intel_loops(lines):
    """Instructions of each outermost loop with two barriers: over time."""
    places, code, loops = {}, [], []
    for line in lines:
        if match := re.match(r"(L\d+):", line):
            places[match[1]] = len(code)
        elif line.strip() and not line.strip().startswith("//"):
            code.append(line.strip())
            # where lanes go and where the others wait: either may be back
            labels = re.findall(r"\bL\d+\b", line) if re.search(r"\b(?:jmpi|while|goto|brd|br)\b", line) else []
            back = [places[label] for label in labels if label in places]
            if back and sum("signal barrier" in one for one in code[min(back):]) >= 2:
                loops = [start for start in loops if start[0] < min(back)] + [(min(back), len(code))]
    return [code[first:end] for first, end in loops]


def intel(program, target):
    """A private array that does not fit goes to memory as a whole, and nothing is said of it: then the loop over
    time has fewer products than an item has words, or reads memory that is no buffer."""
    libraries = os.path.join(intel_folder, "usr", "lib", "x86_64-linux-gnu")
    out = f"{program.path}.{target}"
    ocloc = [sys.executable, os.path.join(ROOT, "tests", "tools", "ocloc.py"), libraries + "/libocloc.so"]
    environment = dict(os.environ, LD_LIBRARY_PATH=libraries)
    said = subprocess.run(ocloc + ["compile", "-file", program.path + ".cl", "-device", target, "-options",
                                   " ".join(program.options), "-out_dir", out, "-output", "k",
                                   "-output_no_suffix"], env=environment, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        why = " ".join((said.stdout + said.stderr).strip().splitlines()[-1:]) or f"ends with {said.returncode}"
        return Found(broken=f"ocloc: {why}")
    subprocess.run(ocloc + ["disasm", "-file", out + "/k", "-dump", out + "/code", "-device", target], env=environment,
                   capture_output=True, check=True)
    assembly = ""
    for path in glob.glob(f"{out}/code/*{program.kernel}*.asm"):
        with open(path, encoding="utf-8") as file:
            assembly += file.read()
    loops = intel_loops(assembly.splitlines())
    count = lambda pattern, code: sum(bool(re.search(pattern, one)) for one in code)
    lanes = max(map(int, re.findall(r"\bmad\s*\((\d+)", assembly)), default=0)
    spilled = max(map(int, re.findall(r"spilled around (\d+)", said.stdout + said.stderr)), default=0)
    found = Found({program.kernel: Kernel(f"SIMD{lanes}", spilled)})
    if program.holds:
        least = program.products * program.rows + ACTIVATION * ACTIVATIONS[re.sub('-[fb][fp]16$', '', program.cell)]
        products = min((count(r"^(\(.*?\)\s*)?mad", loop) for loop in loops), default=0)
        # buffers have numbers, private memory addresses
        memory = max((count(r"//.*\bload\.ugm\.\w+\.a64", loop) for loop in loops), default=0)
        found.broken = (f"{least - products} of {least} products are not in the loop" if products < least else
                        f"{memory} reads of private memory in the loop" if memory else None)
    return found


# ---- who is here -------------------------------------------------------------------------------

intel_folder = ""
COMPILE = {"NVIDIA": nvidia, "AMD": amd, "Intel": intel, "SPIR-V": spirv}


def use_intel(folder):
    """Where Intel's packages are unpacked."""
    global intel_folder
    intel_folder = os.path.abspath(folder) if folder else ""


def makers():
    """(gpu_text's maker, name in COMPILE, targets) of those that can be compiled for; (name, what it needs) of the
    others."""
    here, missing = [], []
    has_clang = shutil.which("clang-15")

    def add(maker, name, targets, is_here, needs):
        if is_here:
            here.append((maker, name, targets))
        else:
            missing.append((name, needs))

    add("nvidia", "NVIDIA", NVIDIA,
        has_clang and shutil.which("ptxas") and shutil.which("nvdisasm") and os.path.exists(NVIDIA_LIBRARY),
        "clang-15, libclc-15, ptxas and nvdisasm")
    later = {target: version for target, version in AMD_CLANG.items() if not shutil.which(version)}
    add("amd", "AMD", tuple(target for target in AMD if target not in later), has_clang and glob.glob(AMD_LIBRARIES + "/*.bc"),
        "clang-15 and rocm-device-libs")
    missing += later.items()
    add("intel", "Intel", INTEL, intel_folder and glob.glob(intel_folder + "/usr/lib/*/libocloc.so"),
        "intel-opencl-icd and what it needs, unpacked,")
    add("intel", "SPIR-V", ("SPIR-V",), has_clang and shutil.which("llvm-spirv-15") and shutil.which("spirv-val"),
        "clang-15, llvm-spirv-15 and spirv-tools")
    return here, missing
