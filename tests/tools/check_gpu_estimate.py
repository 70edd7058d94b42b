#!/usr/bin/env python3
"""check_gpu_estimate.py: bench/gpu_estimate.py gives the known figures of a known kernel: registers, instructions of
the loop, cycles of a step, with the compilers that the figures are from. Needs clang-15, libclc-15, ptxas, nvdisasm."""
import os
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
import gpu_compile  # noqa: E402
import gpu_report  # noqa: E402

TOLERANCE = 0.015  # of cycles: loads that a warp's guard leaves out are counted otherwise


def main():
    if not all(map(shutil.which, ("clang-15", "ptxas", "nvdisasm"))):
        print("check_gpu_estimate: not checked: clang-15, ptxas and nvdisasm are needed")
        return
    wrong, worst, count = [], 0.0, 0
    with tempfile.TemporaryDirectory() as directory:
        for reference in gpu_report.references():
            for arch, known in reference.known.items():
                found, registers = reference.estimate(directory, arch)
                first, last = found.kernel.loop
                exact = [registers, last - first + 1]
                cycles = [found.cycles["low"], found.cycles["high"]]
                off = max(abs(c / k - 1) for c, k in zip(cycles, known[2:]))
                worst, count = max(worst, off), count + 1
                loads = found.loads()
                if exact != known[:2] or off > TOLERANCE or set(loads) != {"x_proj"}:
                    wrong.append(f"{reference.cell} {reference.hidden} sm_{arch}: {exact}, {cycles[0]:.0f}..{cycles[1]:.0f}, "
                                 f"loads of {dict(loads)}; {known} and x_proj alone are known")
    for one in wrong:
        print(f"check_gpu_estimate: {one}")
    said = gpu_compile.run(["ptxas", "--version"]).splitlines()[-2].split()[-1]
    print(f"check_gpu_estimate: {count} kernels, {len(wrong)} differ; ptxas {said}; cycles within {100 * worst:.1f} % of "
          f"what is known")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
