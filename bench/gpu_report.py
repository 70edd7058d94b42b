#!/usr/bin/env python3
"""gpu_report.py: kernels of GPU plans, compiled for real GPUs: registers, spills, local memory. A table, and a gate.

For each cell and size what the planner takes is compiled with clang for NVIDIA (PTX, then ptxas) and for AMD. The
gate fails where a register is spilled, memory stands in for registers, or a kernel that holds its weights in
registers reads global memory in its loop over time more often than x_proj, row table and outputs explain. Nothing is
run: there is no time here.

    gpu_report.py [--tool build/gpu_text] [--quick] [-o report.md]

Needs clang-15, libclc-15 and ptxas (CUDA 13, or PyPI nvidia-cuda-nvcc) for NVIDIA, rocm-device-libs for AMD;
nvdisasm (PyPI nvidia-cuda-nvdisasm) sees into the loop. What is missing is said, and its columns are left out.
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

NVIDIA = ("sm_75", "sm_80", "sm_90", "sm_120")
AMD = ("gfx906", "gfx90a", "gfx1030")
QUICK = ("sm_80", "sm_90", "gfx906", "gfx1030")
# of a phase: x_proj of its gates, row table, mask and outputs of all kinds, each where branches lead
LOOP_LOADS = 32
PHASES = {"gru-before": 2}
AMD_LIBRARIES = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode"
NVIDIA_LIBRARY = "/usr/lib/clc/nvptx64--nvidiacl.bc"


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"gpu_report: {' '.join(command[:2])} ...: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout + done.stderr


class Program:
    def __init__(self, directory, line):
        self.name, self.cell, hidden, batch, self.algorithm, items, words = line.split()
        self.hidden, self.batch, self.items, self.words = (int(v) for v in (hidden, batch, items, words))
        self.path = os.path.join(directory, self.name)
        with open(self.path + ".opts", encoding="utf-8") as file:
            self.options = file.read().split()

    def clang(self, *flags):
        run(["clang-15", "-x", "cl", "-cl-std=CL1.2", "-Xclang", "-finclude-default-header", "-O3", *flags,
             *self.options, "-S", self.path + ".cl"])


class Found:
    """What a compiler says of one program: all 0 but registers and local memory is well."""

    def __init__(self, registers, spills, scratch, local, loop_loads):
        self.registers, self.spills, self.scratch, self.local = registers, spills, scratch, local
        self.loop_loads = loop_loads

    def faults(self, program):
        holds = program.algorithm.endswith("/register")
        return [what for what, bad in (
            (f"{self.spills} spilled", self.spills > 0),
            (f"{self.scratch} bytes of scratch", self.scratch > 0),
            (f"{self.loop_loads} loads in the loop", holds and (self.loop_loads or 0) > LOOP_LOADS * PHASES.get(program.cell, 1)),
        ) if bad]

    def __str__(self):
        loads = "" if self.loop_loads is None else f" / {self.loop_loads}"
        return f"{self.registers}{loads}"


def loop_of(lines, label, branch, barrier):
    """The lines of the largest loop with barriers: over time."""
    places = {}
    best = []
    for at, line in enumerate(lines):
        if match := re.match(label, line):
            places[match[1]] = at
        elif (match := re.search(branch, line)) and match[1] in places:
            loop = lines[places[match[1]]:at]
            if sum(barrier in other for other in loop) >= 2 and len(loop) > len(best):
                best = loop
    return best


def nvidia(program, target, nvdisasm):
    ptx = program.path + ".ptx"
    if not os.path.exists(ptx):  # one text for all targets
        program.clang("--target=nvptx64--nvidiacl", "-Xclang", "-target-cpu", "-Xclang", "sm_75", "-Xclang",
                      "-mlink-builtin-bitcode", "-Xclang", NVIDIA_LIBRARY, "-o", ptx)
    cubin = f"{program.path}.{target}.cubin"
    # one group a multiprocessor is enough: else ptxas spills a few words by choice, so that four groups fit
    said = run(["ptxas", "-v", f"-arch={target}", "-maxntid", f"{program.items},1,1", "-minnctapersm", "1",
                ptx, "-o", cubin])
    # a program may hold several kernels: the worst of each counts
    most = lambda pattern: max((int(v) for v in re.findall(pattern, said)), default=0)
    loads = None
    if nvdisasm:
        loop = loop_of(run([nvdisasm, "-c", cubin]).splitlines(), r"(\.L_x_\d+):", r"BRA `\((\.L_x_\d+)\)", "BAR.SYNC")
        loads = sum("LDG" in line for line in loop)
    return Found(most(r"Used (\d+) registers"), most(r"(\d+) bytes spill stores"), most(r"(\d+) bytes stack frame"),
                 most(r"(\d+) bytes smem"), loads)


def amd(program, target):
    assembly = f"{program.path}.{target}.s"
    program.clang("--target=amdgcn-amd-amdhsa", f"-mcpu={target}", f"--rocm-device-lib-path={AMD_LIBRARIES}", "-o", assembly)
    with open(assembly, encoding="utf-8") as file:
        text = file.read()
    most = lambda key: max((int(v) for v in re.findall(rf"\.{key}:\s+(\d+)", text)), default=0)
    loop = loop_of(text.splitlines(), r"(\.LBB\d+_\d+):", r"s_c?branch\w*\s+(\.LBB\d+_\d+)", "s_barrier")
    return Found(most("vgpr_count"), most("vgpr_spill_count"), most("private_segment_fixed_size"),
                 most("group_segment_fixed_size"), sum(bool(re.search(r"\b(global|flat|buffer)_load", line)) for line in loop))


def table(programs, columns, compile_one, faults):
    yield "| cell | H | N | algorithm | items | words | local bytes | " + " | ".join(columns) + " |"
    yield "| --- " * (7 + len(columns)) + "|"
    for program in programs:
        found = []
        for target in columns:
            found.append(compile_one(program, target))
            faults += [f"{program.name} {target}: {fault}" for fault in found[-1].faults(program)]
        cells = [f"**{f}**" if f.faults(program) else str(f) for f in found]
        yield (f"| {program.cell} | {program.hidden} | {program.batch} | {program.algorithm} | {program.items} | "
               f"{program.words or ''} | {found[0].local} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default="build/gpu_text")
    parser.add_argument("--quick", action="store_true", help="fewer targets, and one row a group alone")
    parser.add_argument("-o", "--output")
    args = parser.parse_args()
    nvdisasm = shutil.which("nvdisasm")
    makers = []
    if shutil.which("clang-15") and shutil.which("ptxas") and os.path.exists(NVIDIA_LIBRARY):
        makers.append(("nvidia", "NVIDIA", NVIDIA, lambda program, target: nvidia(program, target, nvdisasm)))
    else:
        print("gpu_report: no NVIDIA targets: clang-15, libclc-15 and ptxas are needed", file=sys.stderr)
    if shutil.which("clang-15") and glob.glob(AMD_LIBRARIES + "/*.bc"):
        makers.append(("amd", "AMD", AMD, amd))
    else:
        print("gpu_report: no AMD targets: clang-15 and rocm-device-libs are needed", file=sys.stderr)
    if not makers:
        sys.exit(1)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    lines = ["# GPU kernels, compiled", "",
             "What plans take on GPUs of 80 compute units, by `bench/gpu_report.py`: registers of an item, then global loads in the",
             "loop over time (x_proj, row table, masks: no weights where an item holds words of them). Nothing was run.", "",
             f"* commit {commit}, {datetime.date.today()}", f"* {run(['clang-15', '--version']).splitlines()[0]}"]
    if makers[0][0] == "nvidia":
        lines.append(f"* {run(['ptxas', '--version']).splitlines()[-2].strip()}")
    faults = []
    for vendor, name, targets, compile_one in makers:
        if args.quick:
            targets = [t for t in targets if t in QUICK]
        with tempfile.TemporaryDirectory() as directory:
            listed = run([args.tool, directory, vendor]).splitlines()
            programs = [Program(directory, line) for line in listed]
            programs = [p for p in programs if not args.quick or p.batch == 1]
            lines += ["", f"## {name}", "", *table(programs, targets, compile_one, faults)]
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
