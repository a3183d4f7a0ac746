# SPDX-License-Identifier: MIT
"""endure_report - whether what was sampled grows, as a table and as a drawing.

A straight line is laid through the second half. Neighbouring samples are much alike, so it goes
through one value for each round of the load, which all begin and end alike: the most of what
retention bounds, of everything else the least, which is what remains in the quiet moment. The slope
comes with its 99 % confidence interval, by Student's t for as many rounds.
"""

import math

from endure_samples import COLUMNS

MIB = 1 << 20
# What may be gained in an hour, and how a round is summed up. Each is a small part of what one
# forgotten thing for each thousandth action would come to: 10,000 jobs an hour that lose 100 bytes
# each are a mebibyte, one descriptor lost in a thousand actions is more than twenty. None: told, not
# judged. Resident memory is memory of its own, which is judged, and those pages of mapped files that
# were used so far: no more than is mapped, which is judged. Its share depends on who else has a page.
# What is counted in ones goes up by steps, which a line takes for a slope, the steeper the shorter the
# run: STEP more of it at the end, by the least that the line may mean, are none yet.
STEP = 2
ALLOWED = {
    "rss": (None, min), "pss": (None, min), "anon": (2 * MIB, min), "mapped": (MIB, min),
    "heap": (MIB, min),
    "stacks": (MIB, min), "fds": (6, min), "threads": (3, min), "goroutines": (6, min),
    "connections": (3, min), "files": (60, max), "disk": (4 * MIB, max), "store": (MIB, max),
    "jobs": (60, max), "live": (6, min),
}
# Under a sanitizer this is its own: what was freed waits in quarantine, accesses are noted down.
MEMORY = ("rss", "pss", "anon", "mapped", "heap", "stacks")
LEAST_ROUNDS = 8  # in the second half: with fewer a line says nothing
# Two-sided 99 % quantiles of Student's t; between two the former is taken, which is the wider.
STUDENT = {1: 63.66, 2: 9.925, 3: 5.841, 4: 4.604, 5: 4.032, 6: 3.707, 8: 3.355, 10: 3.169,
           15: 2.947, 20: 2.845, 30: 2.750, 60: 2.660, 120: 2.617}


def rounds_of(rows, column, round_s, sum_up):
    """[(hours, value)] of the whole rounds in the second half."""
    last = round(rows[-1]["t"] / round_s)
    points = []
    for turn in range((last + 1) // 2, last):
        values = [r[column] for r in rows if turn * round_s <= r["t"] < (turn + 1) * round_s]
        if values:
            points.append(((turn + 0.5) * round_s / 3600, sum_up(values)))
    return points


def fit(points):
    """Slope, and what it may be wrong by."""
    n = len(points)
    mean_x = sum(x for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    quantile = STUDENT[max(freedom for freedom in STUDENT if freedom <= n - 2)]
    return slope, quantile * math.sqrt(rest / (n - 2) / spread)


def told(value, unit, signed=False):
    sign = "+" if signed else ""
    if unit == "bytes":
        return f"{value / MIB:{sign},.2f} MiB"
    return f"{value:{sign},.1f}"


class Row:
    """One quantity's verdict: it grows, it is steady, or the run was too short to tell."""

    def __init__(self, rows, column, round_s):
        self.column = column
        self.name, self.unit = COLUMNS[column]
        self.allowed, sum_up = ALLOWED[column]
        points = rounds_of(rows, column, round_s, sum_up)
        self.kind = {min: "least", max: "most"}[sum_up]
        self.verdict, self.slope, self.error, self.mean = "too short to tell", None, None, None
        if len(points) < LEAST_ROUNDS:
            return
        self.slope, self.error = fit(points)
        self.mean = sum(y for _, y in points) / len(points)
        gained = (self.slope - self.error) * (points[-1][0] - points[0][0])
        is_step = self.unit != "bytes" and gained <= STEP
        if self.allowed is None:
            self.verdict = ""
        elif self.slope - self.error > self.allowed and not is_step:
            self.verdict = "GROWS"
        elif self.slope + self.error <= self.allowed:
            self.verdict = "steady"

    def cells(self):
        allowed = "" if self.allowed is None else told(self.allowed, self.unit)
        if self.slope is None:
            return self.name, self.kind, "", "", allowed, self.verdict
        return (self.name, self.kind, told(self.mean, self.unit),
                f"{told(self.slope, self.unit, True)} ± {told(self.error, self.unit)}",
                allowed, self.verdict)


def judge(rows, round_s, without=()):
    return [Row(rows, column, round_s) for column in ALLOWED if column not in without]


def table(verdicts):
    """As Markdown."""
    lines = ["| | of a round | mean | in an hour (99 %) | allowed | |", "|---|---|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(v.cells()) + " |" for v in verdicts]) + "\n"


# ------------------------------------------------------------ the drawing

WIDE, HIGH, LEFT, GAP = 720, 64, 190, 14
DRAWN = ("rss", "heap", "stacks", "fds", "threads", "goroutines", "files", "disk", "jobs", "ended")


def thin(rows, column, most=180):
    """(t, least, most) of at most so many stretches, so that a drawing stays small."""
    size = max(1, math.ceil(len(rows) / most))
    for at in range(0, len(rows), size):
        part = rows[at:at + size]
        values = [row[column] for row in part]
        yield part[0]["t"], min(values), max(values)


def strip(rows, column, top):
    """One quantity over time: a band from the least to the most of each moment."""
    name, unit = COLUMNS[column]
    parts = list(thin(rows, column))
    end, ceiling = max(rows[-1]["t"], 1), max(high for _, _, high in parts) or 1

    def point(t, value):
        return f"{LEFT + t / end * WIDE:.0f},{top + HIGH - value / ceiling * HIGH:.1f}"
    upper = [point(t, high) for t, _, high in parts]
    lower = [point(t, low) for t, low, _ in reversed(parts)]
    return (f'<rect x="{LEFT}" y="{top}" width="{WIDE}" height="{HIGH}" class="frame"/>\n'
            f'<polygon points="{" ".join(upper + lower)}"/>\n'
            f'<text x="{LEFT - 8}" y="{top + 14}">{name}</text>\n'
            f'<text x="{LEFT - 8}" y="{top + 32}" class="value">'
            f'0 to {told(ceiling, unit)}</text>\n')


def draw(rows, title):
    """The run as SVG."""
    height = 60 + len(DRAWN) * (HIGH + GAP)
    strips = "".join(strip(rows, column, 36 + at * (HIGH + GAP)) for at, column in enumerate(DRAWN))
    minutes = rows[-1]["t"] / 60
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 10} {height}" '
            'font-family="sans-serif" font-size="12" text-anchor="end">\n'
            "<style>.frame{fill:#f7f7f7;stroke:#ccc}polygon{fill:#3572b0;stroke:#3572b0}"
            ".value{fill:#666;font-size:11px}</style>\n"
            f'<rect width="100%" height="100%" fill="#fff"/>\n'
            f'<text x="{LEFT}" y="22" text-anchor="start" font-size="14">{title}</text>\n{strips}'
            f'<text x="{LEFT}" y="{height - 8}" text-anchor="start">0</text>\n'
            f'<text x="{LEFT + WIDE}" y="{height - 8}">{minutes:.0f} minutes</text>\n</svg>\n')
