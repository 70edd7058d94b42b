#!/usr/bin/env python3
"""linear.py: is the cost of a forward linear in T and N, and its memory what the plan says? A table.

Times are those of `clrnn bench`, engines in turns. Processor time, of all threads, is what runs of more
calls take beyond runs of one: other processes on the machine change it little. Ratios are of a row's step to that
of the first case of its cell and engine. Memory is what `clrnn run --profile` says of a net of the same sizes,
and the most that its process had resident, the files' arrays and the driver among it.

    linear.py [--program build/clrnn] [-a single/panel] [--seconds 1] [-o table.md]

Python's standard library is all it needs.
"""
import argparse
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
ENGINES = ("cpu", "opencl")
# T, N, H, of each cell; I = H
SERIES = {
    "T": [(steps, 1, 64) for steps in (1000, 10000, 100000)],
    "N": [(10, batch, 128) for batch in (16, 64, 256, 1024, 4096)],
}
MIB = 1 << 20
UNSTEADY = 1.5


def problem(cell, sizes):
    steps, batch, hidden = sizes
    return f"cell={cell},T={steps},N={batch},I={hidden},H={hidden}"


def bench(args, cell, sizes):
    """The head of the run, and a row for each engine."""
    out = subprocess.run([args.program, "bench", problem(cell, sizes), "-e", ",".join(ENGINES),
                          "-a", args.algorithm, "-q", "--format", "jsonl", "--duration",
                          f"{args.seconds}s"],
                         check=True, capture_output=True, text=True).stdout
    head, *rows = map(json.loads, out.splitlines())
    return head, {row["engine"]: row for row in rows}


def finish(child):
    """What a process used, once it is done."""
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"linear.py: {' '.join(child.args)} fails")
    return usage


def processor_us(args, row):
    """Of a call, by all threads."""
    calls = max(2, int(1e6 * args.seconds / row["median_us"]))

    def used(runs):
        usage = finish(subprocess.Popen(
            [args.program, "bench", row["problem"], "-e", row["engine"], "-a", row["algorithm"], "-q",
             "--format", "csv", "--runs", str(runs)], stdout=subprocess.DEVNULL))
        return usage.ru_utime + usage.ru_stime
    return 1e6 * (used(1 + calls) - used(1)) / calls


def npy(shape):
    """The head of an .npy file, and the bytes behind it, which are zeros: nothing looks at them."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text, 4 * math.prod(shape)


def memory(args, cell, sizes, engine, folder):
    """What the plan says of its memory, and the most bytes that the process had resident."""
    steps, batch, hidden = sizes
    rows = GATES[cell] * hidden
    model, x, result = (os.path.join(folder, name) for name in ("net.npz", "x.npy", "result"))
    with zipfile.ZipFile(model, "w") as file:
        for name, shape in (("weight_ih_l0", (rows, hidden)), ("weight_hh_l0", (rows, hidden)),
                            ("bias_ih_l0", (rows,)), ("bias_hh_l0", (rows,))):
            start, size = npy(shape)
            file.writestr(f"{name}.npy", start + bytes(size))
    with open(x, "wb") as file:  # not by way of memory: a process begins with what its parent had
        start, size = npy((steps, batch, hidden))
        file.write(start)
        file.truncate(len(start) + size)
    with open(result, "wb") as file:
        usage = finish(subprocess.Popen([args.program, "run", model, "-i", x, "-e", engine, "-a",
                                         args.algorithm, "-q", "--profile", "--json"], stdout=file))
    with open(result, encoding="utf-8") as file:
        return json.load(file)["profile"], usage.ru_maxrss * 1024


def measure(args, folder):
    """Heads and table rows of all cases."""
    heads, rows = [], []
    for name, series in SERIES.items():
        for cell in GATES:
            first = {}
            for sizes in series:
                head, times = bench(args, cell, sizes)
                heads.append(head)
                for engine in ENGINES:
                    time = times[engine]
                    profile, resident = memory(args, cell, sizes, engine, folder)
                    count = sizes[0] * sizes[1]
                    us = (time["median_us"] / count, processor_us(args, time) / count)
                    start = first.setdefault(engine, us)
                    mark = "~" * (time["p90_us"] > UNSTEADY * time["min_us"])
                    arrays = 2 * 4 * count * sizes[2]
                    rows.append((name, cell, ",".join(map(str, sizes)), f"{engine} {time['algorithm']}",
                                 f"{time['median_us']:.0f}{mark}", f"{us[0]:.3f}",
                                 f"{us[0] / start[0]:.2f}", f"{us[1]:.3f}", f"{us[1] / start[1]:.2f}",
                                 f"{profile['workspace_bytes'] / count:.0f}",
                                 f"{profile['workspace_bytes'] / MIB:.2f}",
                                 f"{profile['memory_bytes'] / MIB:.2f}", f"{arrays / MIB:.2f}",
                                 f"{resident / MIB:.1f}", time["device"]))
                    print(*rows[-1][1:10], file=sys.stderr, flush=True)
    return heads, rows


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        fields = dict(map(str.strip, line.split(":", 1)) for line in file if ":" in line)
    return (f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']}), "
            f"{os.cpu_count()} cores")


def line(cells):
    return "| " + " | ".join(cells) + " |"


def table(heads, rows, load):
    head = heads[0]
    out = ["# Cost over T and N", "",
           "Whole forward passes of one layer, I = H, by `clrnn bench`: x and y in host memory, weights "
           "resident, float32 (bench/linear.py).",
           "us a step: the median / (T N); processor us: of all threads, alike, which others on the machine "
           "change little.",
           "Ratios: to the first case of the cell and engine: 1 is linear, below 1 better.",
           "Work space, and all that the plan held on the device, as `clrnn run --profile` says; "
           "resident: the most that this process had, with x and y and a driver.",
           f"~: unsteady, the 90th percentile is over {UNSTEADY} times the quickest call.", "",
           f"* cpu: {cpu_model()}",
           f"* OpenCL device: {head['device']}, {head['platform']}, {head['driver']}",
           f"* cpu engine: {next(row[-1] for row in rows if row[3].startswith('cpu'))}",
           f"* clRNN: {head['version']}, commit {head['commit']}",
           f"* load of the machine before: {load[0]:.1f}, {load[1]:.1f}, {load[2]:.1f} (1, 5, 15 minutes)",
           f"* date: {head['date'][:10]}"]
    for name in SERIES:
        out += ["", f"Over {name}:", "",
                line(["cell", "T,N,H", "engine", "us", "us a step", "ratio", "processor us", "ratio",
                      "work space: bytes a step", "MiB", "held MiB", "x and y MiB", "resident MiB"]),
                line(["---"] * 13)]
        out += [line(row[1:-1]) for row in rows if row[0] == name]
    return "\n".join(out) + "\n"


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Times and memory over T and N, as a table.")
    parser.add_argument("--program", default=os.path.join(root, "build", "clrnn"))
    parser.add_argument("-a", "--algorithm", default="single/panel",
                        help="one for all, so that ratios are of the same (default single/panel)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of calls a case (default 1)")
    parser.add_argument("-o", "--output", help="file for the table (default: standard output)")
    args = parser.parse_args()
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        heads, rows = measure(args, folder)
    text = table(heads, rows, load)
    if args.output:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
