#!/usr/bin/env python3
"""gpu_report.py: kernels of GPU plans, compiled for real GPUs: registers, spills, local memory, time. Tables, and a gate.

Each program that gpu_text writes for a maker's GPUs is compiled for its targets (gpu_compile.py). The gate fails where
a register is spilled, memory stands in for registers, a kernel takes more registers or local memory than it may, or
one that holds its weights in registers reads anything in its loop over time but its words of x_proj and of other
groups. Nothing is run: cycles are estimated (gpu_estimate.py), and stand beside those of a reference kernel without
options (tests/data/gpu).

    gpu_report.py [--tool build/gpu_text] [--intel DIR] [--quick | --self-check] [-o report.md]

What the compilers need, Makefile installs (set-up-gpu); what is missing is said, and its targets are left out.
"""
import argparse
import concurrent.futures
import datetime
import os
import subprocess
import sys
import tempfile

import gpu_compile
import gpu_estimate
from gpu_compile import TIMED

QUICK_TARGETS = ("sm_80", "sm_90", "gfx906", "gfx1030", "dg2-g10", "SPIR-V")
# Those that take most registers, of every cell, tile and schedule.
QUICK = {("rnn", 128, "single/register"), ("rnn", 192, "single/register"), ("rnn", 224, "single/register"),
         ("lstm", 64, "single/register"), ("lstm", 96, "single/register"), ("lstm", 112, "single/register"),
         ("gru", 128, "single/register"), ("gru-before", 112, "single/register"), ("rnn", 256, "persist/register"),
         ("rnn", 1024, "persist/register"), ("lstm", 512, "persist/register"), ("gru", 640, "persist/register"),
         ("gru-before", 256, "persist/register"), ("rnn", 1024, "step/stream"), ("lstm", 1024, "step/stream"),
         ("gru", 1024, "single/stream"), ("rnn-bf16", 256, "single/register"), ("lstm-fp16", 152, "single/register"),
         ("gru-bf16", 128, "single/register"), ("rnn-fp16", 1792, "persist/register"), ("rnn", 256, "single/register"),
         ("gru-before", 144, "single/register"), ("rnn", 1024, "persist/stream"), ("lstm", 1024, "persist/stream"),
         ("gru", 1024, "persist/stream")}
# What one group must hold on NVIDIA's GPUs.
HELD = {"rnn": (64, 128, 192, 224), "lstm": (64, 96, 112), "gru": (64, 96, 128), "gru-before": (64, 96, 128)}
# Registers that 256 items may have, by maker; bytes of local memory that a group may have everywhere.
REGISTERS = {"nvidia": 255, "amd": 256}
LOCAL_BYTES = 48 << 10
LAUNCH_US = 5  # behind another launch; published are 5 to 10
ROOT = gpu_compile.ROOT


# ---- the reference -----------------------------------------------------------------------------


class Reference:
    """The reference kernel for one size, and what is known of it: tests/data/gpu."""

    CELLS = ("rnn", "lstm", "gru")

    def __init__(self, line):
        self.cell, *numbers = line.split()
        self.hidden, self.rows, self.split, *known = (int(n) for n in numbers)
        self.known = {80: known[:4], 90: known[4:]}
        self.items = (1, 4, 3)[self.CELLS.index(self.cell)] * self.hidden // self.rows * self.split

    def estimate(self, directory, arch):
        """And its registers."""
        path = os.path.join(directory, f"reference-{self.cell}-{self.hidden}")
        gpu_compile.clang(os.path.join(ROOT, "tests", "data", "gpu", "reference.cl"), "-cl-std=CL1.2",
                          f"-DCELL={self.CELLS.index(self.cell)}", f"-DHIDDEN={self.hidden}", f"-DROWS={self.rows}",
                          f"-DSPLIT={self.split}", *gpu_compile.NVIDIA_FLAGS, "-o", path + ".ptx")
        said = gpu_compile.run(["ptxas", "-v", f"-arch=sm_{arch}", "-maxntid", f"{self.items},1,1", path + ".ptx", "-o",
                                path + ".cubin"])
        arguments = [("pointer", name, b"") for name in ("x_proj", "w", "b_hn", "h_io", "c_io", "y")]
        arguments += [("int", "", number.to_bytes(4, "little")) for number in (50, 1, 0)]
        registers = int(said[said.index("Used ") + 5:].split()[0])
        return gpu_estimate.estimate(path + ".cubin", arguments, self.items), registers


def references():
    with open(os.path.join(ROOT, "tests", "data", "gpu", "reference.txt"), encoding="utf-8") as file:
        return [Reference(line) for line in file if line.strip() and not line.startswith("#")]


# ---- the gate ----------------------------------------------------------------------------------


def faults_of(program, maker, found):
    """What is wrong with a program on a target: kernel by kernel, then what its loop over time reads."""
    faults = [found.broken] if found.broken else []
    for name, kernel in found.kernels.items():
        where = "" if name == program.kernel else f"{name}: "
        bad = ((f"{kernel.spills} spilled", kernel.spills > 0), (f"{kernel.scratch} bytes of scratch", kernel.scratch > 0),
               (f"{kernel.registers} registers of {REGISTERS.get(maker)}",
                maker in REGISTERS and kernel.registers != "valid" and kernel.registers > REGISTERS[maker]),
               (f"{kernel.local} bytes of local memory of {LOCAL_BYTES}", kernel.local > LOCAL_BYTES))
        faults += [where + what for what, is_bad in bad if is_bad]
    if program.holds and found.weights is not None and found.weights != program.far:
        faults.append(f"{found.weights} loads of weights in the loop, {program.far} expected")
    if program.holds and found.step:
        others = {array: n for array, n in found.step.loads.items() if array not in ("w", "x")}
        faults += [f"{n} loads of {'an unknown array' if array == '?' else array} in the loop, 0 expected"
                   for array, n in others.items()]
        if found.step.loads["x"] != program.loads:
            faults.append(f"{found.step.loads['x']} loads of x_proj in the loop, {program.loads} expected")
        if found.step.looks > program.looks:
            faults.append(f"{found.step.looks} looks at words in the loop, {program.looks} expected at most")
    return faults


def not_held(plans):
    """Sizes that a plan for NVIDIA's GPUs should take one group for, and does not."""
    takes = {(p.cell, p.hidden): p.algorithm for p in plans if p.batch == 1 and p.algorithm.startswith("single")}
    return [f"{cell} {hidden}: the plan takes {takes.get((cell, hidden), 'another algorithm')}, single/register expected"
            for cell, sizes in HELD.items() for hidden in sizes if takes.get((cell, hidden)) != "single/register"]


# ---- tables ------------------------------------------------------------------------------------


class Row:
    """A program and the plans that take it."""

    def __init__(self, plans):
        self.program, self.plans = plans[0], plans

    def names(self):
        """Cell, H and N for a table."""
        either = lambda numbers: ", ".join(str(n) for n in sorted(set(numbers)))
        return f"{self.program.cell} | {either(p.hidden for p in self.plans)} | {either(p.batch for p in self.plans)}"


def rows_of(plans):
    by_name = {}
    for plan in plans:
        by_name.setdefault(plan.name, []).append(plan)
    return [Row(plans) for plans in by_name.values()]


def table(rows, maker, columns, found):
    """A row a kernel: that of the steps, and what finishes what groups that meet left undone."""
    yield "| cell | H | N | algorithm | rows x parts | items | words | local | " + " | ".join(columns) + " |"
    yield "| --- " * (8 + len(columns)) + "|"
    for row in rows:
        program = row.program
        names = [program.kernel] + ["words_finish"] * (program.kernel == "words_forward" and maker != "intel")
        for name in names:
            cells = []
            for target in columns:
                one = found[program.name, target]
                faults = [f for f in faults_of(program, maker, one) if f.startswith("words_finish") == (name == "words_finish")]
                registers = one.kernels[name].registers if name in one.kernels else "-"
                cells.append(f"**{registers}: {'; '.join(faults)}**" if faults else str(registers))
            local = max((one.kernels[name].local for one in (found[program.name, t] for t in columns) if name in one.kernels), default=0)
            algorithm = program.algorithm if name == program.kernel else f"its {name}"
            yield (f"| {row.names()} | {algorithm} | {program.rows} x {program.parts} | {program.items} | "
                   f"{program.stays or ''}{f' of {program.words}' if program.stays < program.words else ''} | {local or ''} | " +
                   " | ".join(cells) + " |")


def us(cycles, arch, more=0):
    return "..".join(f"{c / gpu_estimate.CLOCKS[arch] / 1000 + more:.2f}" for c in cycles)


def worse_than(program, known, step, arch):
    """How much slower than the reference, low beside low, where it is slower than the reference at most; or 0."""
    reference = known.get((program.cell, program.hidden)) if program.rows * program.parts == 1 else None
    low = step.cycles["low"]
    return low / reference.known[arch][2] if reference and low > reference.known[arch][3] else 0


def steps(rows, known, found):
    """Cycles of a step, beside the reference's."""
    yield "| cell | H | N | algorithm | rows x parts | loads | instructions | FMA | sm_80 cycles | us | reference | sm_90 cycles | us | reference |"
    yield "| --- " * 14 + "|"
    for row in rows:
        program, first = row.program, found[row.program.name, TIMED[0]].step
        loads = ", ".join(f"{n} {array}" for array, n in sorted(first.loads.items())) + f", {first.looks} words" * (first.looks > 0)
        cells = []
        for target in TIMED:
            arch, step = int(target[3:]), found[program.name, target].step
            cycles = list(step.cycles.values())
            reference = known.get((program.cell, program.hidden)) if program.rows * program.parts == 1 and program.holds else None
            worse = reference and worse_than(program, known, step, arch)
            cells += [f"{cycles[0]:.0f}..{cycles[1]:.0f}", us(cycles, arch),
                      us(reference.known[arch][2:], arch) + (f", {worse:.2f} x" if worse else "") if reference else ""]
        total = sum(first.counts.values())
        yield (f"| {row.names()} | {program.algorithm} | {program.rows} x {program.parts} | {loads} | {total} | "
               f"{100 * first.counts['FFMA'] / total:.0f} % | " + " | ".join(cells) + " |")


def where(rows, known, found, directory):
    """What the cycles of a step are where they are more than the reference's: by kind of instruction, then by function."""
    kinds = [kind for kind, _ in gpu_estimate.KINDS] + [gpu_estimate.OTHER]
    lines = []
    yield "| cell | H | " + " | ".join(kinds) + " |"
    yield "| --- " * (2 + len(kinds)) + "|"
    for program in (row.program for row in rows):
        step = found[program.name, "sm_80"].step
        reference = known[program.cell, program.hidden].estimate(directory, 80)[0]
        ours, theirs = step.kinds["low"], reference.profile("low", gpu_estimate.kind_of)
        yield (f"| {program.cell} | {program.hidden} | " +
               " | ".join(f"{ours[kind]:.0f} ({theirs[kind]:.0f})" for kind in kinds) + " |")
        functions = program.functions()
        place = lambda line: f"`{functions.get(line, '?')}` {line[0]}:{line[1]}" if line else "?"
        lines.append(f"* {program.cell} {program.hidden}: " +
                     ", ".join(f"{place(line)} {cycles:.0f}" for line, cycles in step.lines["low"].most_common(6)))
    yield ""
    yield from lines


def large(plans, found):
    """H = 1024, N = 16: what a plan takes, and the terms of its estimate."""
    kinds = ("products, sums", "LDS", "LDG", "words", "BAR", "branches", gpu_estimate.OTHER)
    yield "| cell | algorithm | groups | target | launch us | kernel cycles | us | step us | " + " | ".join(kinds) + " | the planner's own |"
    yield "| --- " * (9 + len(kinds)) + "|"
    seen = set()
    for plan in plans:
        step = found[plan.name, TIMED[0]].step
        if (plan.hidden, plan.batch) != (1024, 16) or plan.algorithm == "single/stream" or (plan.cell, plan.algorithm) in seen or not step:
            continue
        seen.add((plan.cell, plan.algorithm))
        for target in TIMED:
            arch, step = int(target[3:]), found[plan.name, target].step
            launch = LAUNCH_US if plan.is_launch else 0
            cycles = list(step.cycles.values())
            terms = (f"{step.kinds['low'][kind]:.0f}..{step.kinds['high'][kind]:.0f}" for kind in kinds)
            yield (f"| {plan.cell} | {plan.algorithm} | {plan.groups} | {target} | {launch or ''} | {cycles[0]:.0f}..{cycles[1]:.0f} | "
                   f"{us(cycles, arch)} | {us(cycles, arch, launch)} | " + " | ".join(terms) + f" | {plan.us:.1f} us |")


ASSUMPTIONS = """\
Cycles and microseconds of a step of one group, low..high, by the model of `bench/gpu_estimate.py`, never measured: trust
it to 30 %. It takes ptxas's own stalls and scoreboards, and assumes, low..high, in cycles:

* a read of local memory {local}, of which 16 bytes take {wide} slots of its pipe; a barrier {barrier}; a special function {special};
* x_proj, and weights that do not stay, come from far: {far}; what the step before read too: {near};
* another group's word is there {word} after it is asked for: one way to the cache that all share and back, and half of
  another one, as groups are alike, and a word that comes in between is seen at the next look;
* a launch behind another one takes {launch} us, of step/stream alone, which stands beside its cycles and not in them;
* clocks of {clocks}; all groups of a launch run side by side, and none waits for another one's loads.

Loads: of the item that has most, in a step, by array. x: x_proj; words: looks at those of other groups, whose number
the gate holds to what an item takes; w: vectors of packed weights, rows: the row table, b: biases, work: h of the step
before, which only a tile that streams reads there. What `single/register` and `persist/*` read beside x, words and those
weights that are not to stay is a failure. The layouts are arguments, and cost no load; masks, packed rows and merges would add a load each, which a plain call
passes by. Instructions, FMA: that a warp issues, and fused multiply-adds among them. Reference: a kernel without options,
lengths or masks (`tests/data/gpu`); 1.23 x: so much slower, where it is more than the reference takes at most."""


def assumptions():
    low, high = gpu_estimate.ASSUMED.values()
    clocks = ", ".join(f"{ghz} GHz (sm_{arch})" for arch, ghz in gpu_estimate.CLOCKS.items())
    return ASSUMPTIONS.format(launch=LAUNCH_US, clocks=clocks, **{key: f"{low[key]}..{high[key]}" for key in low}).splitlines()


# ---- the whole ---------------------------------------------------------------------------------


def is_wanted(row, maker, quick):
    if maker == "intel" and row.program.rows > 1 and not quick:  # its compiler takes its time
        return row.program.algorithm != "single/stream"
    return not quick or (row.program.cell, row.program.hidden, row.program.algorithm) in QUICK


def compile_all(pool, rows, targets, compile_one):
    """{(program, target): Found}"""
    tasks = {row.program.name: pool.submit(compile_targets, row.program, targets, compile_one) for row in rows}
    return {(name, target): found for name, task in tasks.items() for target, found in task.result().items()}


def compile_targets(program, targets, compile_one):
    return {target: gpu_compile.COMPILE[compile_one](program, target) for target in targets}


def report(tool, quick):
    """The text, and what fails."""
    here, missing = gpu_compile.makers()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    versions = [gpu_compile.run(["clang-15", "--version"]).splitlines()[0]]
    sections, faults, checked = [], [], 0
    known = {(r.cell, r.hidden): r for r in references()}
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for maker, name, targets in here:
            targets = [t for t in targets if not quick or t in QUICK_TARGETS]
            with tempfile.TemporaryDirectory() as directory:
                plans = [gpu_compile.Program(directory, line) for line in gpu_compile.run([tool, directory, maker]).splitlines()]
                rows = [row for row in rows_of(plans) if is_wanted(row, maker, quick)]
                found = compile_all(pool, rows, targets, name)
                faults += [f"{p.name} {t}: {fault}" for p in (row.program for row in rows) for t in targets
                           for fault in faults_of(p, maker, found[p.name, t])]
                checked += sum(len(one.kernels) for one in found.values())
                sections += ["", f"## {name}", "", *table(rows, maker, targets, found)]
                if name == "NVIDIA":
                    faults += not_held(plans)
                    versions.append(gpu_compile.run(["ptxas", "--version"]).splitlines()[-2].strip())
                    timed = [row for row in rows if found[row.program.name, TIMED[0]].step]
                    slow = [row for row in timed if row.program.holds and
                            worse_than(row.program, known, found[row.program.name, "sm_80"].step, 80)]
                    sections += ["", "## Steps, estimated", "", *assumptions(), "", *steps(timed, known, found)]
                    if not quick:
                        sections += ["", "## H = 1024, N = 16", "",
                                     "What a plan takes on a GPU of 132 compute units, where groups were seen to meet and where not, and the terms of its estimate: cycles of the warps",
                                     "that come last to each barrier, by kind of instruction. The planner's own estimate takes usual speeds.", "",
                                     *large([p for p in plans if (p.name, TIMED[0]) in found], found)]
                        if slow:
                            sections += ["", "## Slower than the reference", "",
                                         "Of sm_80, low: the same terms, the reference's in brackets; then the lines of the source that take most.", "",
                                         *where(slow, known, found, directory)]
    head = ["# GPU kernels, compiled", "",
            "What plans take on GPUs, by `bench/gpu_report.py`: registers of an item, a row a kernel. Nothing was run.", "",
            f"* commit {commit}, {datetime.date.today()}", *(f"* {version}" for version in versions),
            *(f"* no {name}: {needs} are not here" for name, needs in missing), "", "## Gate", ""]
    verdict = [f"{checked} kernels: nothing is spilled, no private array is memory, registers and local memory are within what",
               "256 items may have, and a loop that holds its weights reads x_proj and other groups' words, no more."]
    return "\n".join(head + ([f"* {fault}" for fault in faults] or verdict) + sections) + "\n", faults, checked


HELD_PRODUCT = "from, j, held->w[j], zero, chain"
PRODUCT = "fma(v[e], w[r][e], chain[i][r])"
UNROLL = '#define UNROLL _Pragma("unroll")'
VARIABLE = HELD_PRODUCT.replace("[j]", "[(j + a->step) % STAY]")
AGAIN = PRODUCT.replace("w[r][e]", "((GLOBAL const float *)PHASE_WEIGHTS)[(j * HELD + r) * (GROUP_ITEMS * VEC) + "
                        "LOCAL_ID * VEC + e + (a->step >> 30)]")
HOLDS, MEETS = ("rnn", 128, "single/register"), ("rnn", 1024, "persist/register")
CHANGES = (
    # what it does, the program by maker, text or macro, what stands in for it, what the gate says
    ("an index of the weights that is no constant", dict.fromkeys(("nvidia", "amd", "intel"), HOLDS), HELD_PRODUCT, VARIABLE,
     ("scratch", "products", "private memory")),
    ("loops that are not unrolled", dict.fromkeys(("nvidia", "amd"), HOLDS), UNROLL, UNROLL.replace("unroll\"", "nounroll\""),
     ("scratch",)),
    ("512 items in a group", {"nvidia": ("rnn", 224, "single/register"), "amd": ("rnn", 192, "single/register")},
     "-DGROUP_ITEMS=256", "-DGROUP_ITEMS=512", ("spilled",)),
    ("weights read again in every step", dict.fromkeys(("nvidia", "amd"), HOLDS), PRODUCT, AGAIN, ("loads of weights",)),
    ("weights read again where groups meet", dict.fromkeys(("nvidia", "amd"), MEETS), PRODUCT, AGAIN, ("loads of weights",)),
)
CHECKED = {"NVIDIA": "sm_80", "AMD": "gfx906", "Intel": "dg2-g10"}


def changed_faults(tool, maker, name, change):
    """What the gate says of a changed program."""
    what, which, old, new, _ = change
    with tempfile.TemporaryDirectory() as directory:
        lines = gpu_compile.run([tool, directory, maker]).splitlines()
        programs = (gpu_compile.Program(directory, line) for line in lines)
        program = next(p for p in programs if (p.cell, p.hidden, p.algorithm) == which[maker])
        program.change("changed", old, new)
        program.items = 512 if "512" in new else program.items
        return faults_of(program, maker, compile_targets(program, [CHECKED[name]], name)[CHECKED[name]])


def self_check(tool):
    """The gate fails where it must. Returns whether it did."""
    well = True
    with concurrent.futures.ProcessPoolExecutor() as pool:
        tasks = [(name, change, pool.submit(changed_faults, tool, maker, name, change))
                 for maker, name, _ in gpu_compile.makers()[0] for change in CHANGES if name in CHECKED and maker in change[1]]
        for name, change, task in tasks:
            faults = task.result()
            seen = any(word in fault for fault in faults for word in change[4])
            well &= seen
            print(f"gpu_report: {CHECKED[name]}, {change[0]}: {'; '.join(faults) or 'nothing'}{'' if seen else ' -- NOT SEEN'}")
    return well


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default="build/gpu_text")
    parser.add_argument("--intel", default="", metavar="DIR", help="where Intel's packages are unpacked")
    parser.add_argument("--quick", action="store_true", help="fewer targets, and the programs that speak for the others")
    parser.add_argument("--self-check", action="store_true", help="whether the gate fails where it must")
    parser.add_argument("-o", "--output")
    args = parser.parse_args()
    gpu_compile.use_intel(args.intel)
    here, missing = gpu_compile.makers()
    for name, needs in missing:
        print(f"gpu_report: no {name}: {needs} are not here", file=sys.stderr)
    if not here:
        sys.exit(1)
    if args.self_check:
        sys.exit(0 if self_check(args.tool) else 1)
    text, faults, checked = report(args.tool, args.quick)
    if args.output:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")
    for fault in faults:
        print(f"gpu_report: {fault}", file=sys.stderr)
    print(f"gpu_report: {checked} kernels, {len(faults)} faults", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
