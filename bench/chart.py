#!/usr/bin/env python3
"""chart.py STORE.json CHART.svg: what peers.py stored, as a picture.

One line for each row of the table, time in microseconds to the right on a logarithmic axis: a filled
dot for clRNN auto, a small mark for each peer. The farther left, the faster; a line between clRNN and
the best peer is green where clRNN is ahead and red where it is behind, with the ratio beside it.
"""
import html
import json
import math
import sys

WIDTH, LEFT, RIGHT, LINE, TOP = 860, 150, 66, 17, 86
OURS = "clRNN auto"
COLORS = ["#4c78a8", "#f58518", "#72b7b2", "#b279a2", "#9d755d", "#bab0ac"]
AHEAD, BEHIND, INK, GRID = "#2a8f3c", "#c8322b", "#333333", "#e4e4e4"


def text(x, y, what, anchor="start", size=11, color=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{html.escape(what)}</text>')


def place(us, low, high):
    """From microseconds to the right: low and high are the ends of the axis."""
    part = (math.log10(us) - math.log10(low)) / (math.log10(high) - math.log10(low))
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def axis(low, high, bottom):
    parts = []
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        x = place(10.0 ** power, low, high)
        name = f"{10 ** power} us" if power < 3 else f"{10 ** (power - 3)} ms" if power < 6 else "1 s"
        parts += [f'<line x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>',
                  text(x, TOP - 16, name, "middle", 10)]
    return parts


def row_of(row, y, low, high, colors):
    times = {name: us["median"] for name, us in row["us"].items() if us}
    peers = {name: us for name, us in times.items() if not name.startswith("clRNN")}
    ours, best = times[OURS], min(peers.values())
    color = AHEAD if ours <= best else BEHIND
    at = place(ours, low, high)
    parts = [text(LEFT - 8, y + 4, ",".join(map(str, row["shape"])), "end"),
             f'<line x1="{at:.1f}" y1="{y}" x2="{place(best, low, high):.1f}" y2="{y}" '
             f'stroke="{color}" stroke-width="3"/>']
    for name, us in peers.items():
        x = place(us, low, high)
        parts.append(f'<line x1="{x:.1f}" y1="{y - 5}" x2="{x:.1f}" y2="{y + 5}" '
                     f'stroke="{colors[name]}" stroke-width="2"><title>{html.escape(name)}: '
                     f'{us:.4g} us</title></line>')
    parts += [f'<circle cx="{at:.1f}" cy="{y}" r="4.5" fill="{color}"><title>{OURS}: {ours:.4g} us'
              f'</title></circle>',
              text(WIDTH - 8, y + 4, f"{best / ours:.2f}", "end", 11, color, "bold")]
    return parts


def legend(colors):
    parts, x = [], LEFT
    parts += [f'<circle cx="{x + 4}" cy="42" r="4.5" fill="{AHEAD}"/>', text(x + 13, 46, OURS)]
    x += 88
    for name, color in colors.items():
        parts += [f'<line x1="{x}" y1="37" x2="{x}" y2="47" stroke="{color}" stroke-width="2"/>',
                  text(x + 7, 46, name)]
        x += 22 + 6.3 * len(name)
    return parts


def chart(stored):
    rows = stored["rows"]
    names = [name for name in rows[0]["us"] if not name.startswith("clRNN")]
    colors = dict(zip(names, COLORS))
    every = [us["median"] for row in rows for us in row["us"].values() if us]
    low, high = 10.0 ** math.floor(math.log10(min(every))), 10.0 ** math.ceil(math.log10(max(every)))
    cells = list(dict.fromkeys(row["cell"] for row in rows))
    bottom = TOP + LINE * (len(rows) + len(cells))
    parts = axis(low, high, bottom) + legend(colors)
    y = TOP
    for cell in cells:
        parts.append(text(LEFT - 8, y + 8, f"{cell}   T,N,I,H", "end", 11, INK, "bold"))
        y += LINE
        for row in (row for row in rows if row["cell"] == cell):
            parts += row_of(row, y + 4, low, high, colors)
            y += LINE
    head = stored["head"]
    title = "A forward pass of one layer: clRNN auto and its peers, median"
    note = f"{head['cpu']}; clRNN {head['clRNN']}; {head['date']}"
    parts += [text(LEFT, 18, title, size=13, weight="bold"),
              text(WIDTH - 8, 46, "best peer / clRNN", "end", 10),
              text(LEFT, bottom + 20, note, size=10, color="#777777")]
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom + 32}" '
            f'viewBox="0 0 {WIDTH} {bottom + 32}" font-family="sans-serif">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: chart.py STORE.json CHART.svg")
    with open(sys.argv[1], encoding="utf-8") as file:
        stored = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(chart(stored))


if __name__ == "__main__":
    main()
