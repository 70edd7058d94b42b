#!/usr/bin/env python3
"""check_gpu_estimate.py: bench/gpu_estimate.py gives the known figures of a known kernel: registers, instructions of
the loop, cycles of a step, with the compilers that the figures are from. Needs clang-15, libclc-15, ptxas, nvdisasm."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import gpu_estimate  # noqa: E402

CELLS = ("rnn", "lstm", "gru")
TOLERANCE = 0.015  # of cycles: loads that a warp's guard leaves out are counted otherwise
# cell H ROWS SPLIT, then for sm_80 and sm_90: registers, instructions of the loop, cycles low and high
GOLDEN = """
rnn 64 2 8    39 104 445 670      38 105 432 670
rnn 128 4 8   95 154 619 682      95 155 535 664
rnn 192 6 8   182 238 976 1038    174 239 889 1188
rnn 224 7 8   234 296 1195 1270   235 296 854 929
lstm 64 4 4   114 301 927 1063    118 301 845 982
lstm 96 6 4   197 391 1257 1396   195 390 977 1126
lstm 112 7 4  247 447 1490 1645   247 447 1105 1266
gru 64 3 4    80 218 831 963      80 219 715 844
gru 96 9 8    156 307 995 1086    157 307 783 874
gru 128 6 4   241 366 1277 1366   243 366 907 1004
"""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"check_gpu_estimate: {' '.join(command[:2])} ...: {done.stderr.strip()[-300:]}")
    return done.stdout + done.stderr


def main():
    arguments = [("pointer", name, b"") for name in ("x_proj", "w", "b_hn", "h_io", "c_io", "y")]
    arguments += [("int", "", number.to_bytes(4, "little")) for number in (50, 1, 0)]
    wrong, worst, count = [], 0.0, 0
    with tempfile.TemporaryDirectory() as directory:
        for line in GOLDEN.split("\n")[1:-1]:
            cell, hidden, rows, split, *figures = line.split()
            items = (1, 4, 3)[CELLS.index(cell)] * int(hidden) // int(rows) * int(split)
            ptx = os.path.join(directory, "k.ptx")
            run(["clang-15", "-x", "cl", "-cl-std=CL1.2", "--target=nvptx64--nvidiacl", "-Xclang", "-target-cpu", "-Xclang",
                 "sm_75", "-Xclang", "-finclude-default-header", "-Xclang", "-mlink-builtin-bitcode", "-Xclang",
                 "/usr/lib/clc/nvptx64--nvidiacl.bc", "-O3", f"-DCELL={CELLS.index(cell)}", f"-DHIDDEN={hidden}",
                 f"-DROWS={rows}", f"-DSPLIT={split}", "-S", os.path.join(ROOT, "tests/data/gpu/reference.cl"), "-o", ptx])
            for arch, known in ((80, figures[:4]), (90, figures[4:])):
                cubin = os.path.join(directory, f"k.{arch}.cubin")
                said = run(["ptxas", "-v", f"-arch=sm_{arch}", "-maxntid", f"{items},1,1", ptx, "-o", cubin])
                found = gpu_estimate.estimate(cubin, arguments, items)
                first, last = found.kernel.loop
                exact = [int(re.search(r"Used (\d+) registers", said)[1]), last - first + 1]
                cycles = [found.cycles["low"], found.cycles["high"]]
                off = max(abs(c / int(k) - 1) for c, k in zip(cycles, known[2:]))
                worst, count = max(worst, off), count + 1
                loads = found.loads()
                if exact != [int(k) for k in known[:2]] or off > TOLERANCE or set(loads) != {"x_proj"}:
                    wrong.append(f"{cell} {hidden} sm_{arch}: {exact}, {cycles[0]:.0f}..{cycles[1]:.0f}, loads of "
                                 f"{dict(loads)}; {' '.join(known)} and x_proj alone are known")
    for one in wrong:
        print(f"check_gpu_estimate: {one}")
    said = run(["ptxas", "--version"]).splitlines()[-2].split()[-1]
    print(f"check_gpu_estimate: {count} kernels, {len(wrong)} differ; ptxas {said}; cycles within {100 * worst:.1f} % of "
          f"what is known")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
