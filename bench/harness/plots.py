"""Strip plots as plain SVG: every round a dot, the median a bar, one row for each path."""

import statistics
from html import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 760, 170, 70, 44, 22
OURS, THEIRS, REFERENCE = "#b3261e", "#31598f", "#777777"


def _nice_step(largest):
    """A step of 1, 2 or 5 times a power of ten that gives 4 to 10 ticks."""
    step = 1.0
    while largest / step > 10:
        step *= 10
    while largest / step < 1:
        step /= 10
    for factor in (0.1, 0.2, 0.5, 1):
        if largest / (step * factor) <= 8:
            return step * factor
    return step


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _colour(path):
    if path.startswith("fairlead"):
        return OURS
    return REFERENCE if path == "address" else THEIRS


def strip_plot(title, rows):
    """`rows`: (path, its values), in order from the top. Returns the text of an SVG."""
    rows = [(path, values) for path, values in rows if values]
    if not rows:
        return None
    height = TOP + ROW * len(rows) + 28
    largest = max(max(values) for _, values in rows) or 1.0
    step = _nice_step(largest)
    end = step * (int(largest / step) + 1)
    scale = (WIDTH - LEFT - RIGHT) / end
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
    ]
    bottom = TOP + ROW * len(rows)
    for number in range(int(end / step + 0.5) + 1):
        x = LEFT + number * step * scale
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}" '
                     'stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#555555">'
                     f"{_number(number * step)}</text>")
    for index, (path, values) in enumerate(rows):
        y = TOP + ROW * index + ROW / 2
        colour = _colour(path)
        median = statistics.median(values)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(path)}</text>')
        for value in values:
            parts.append(f'<circle cx="{LEFT + value * scale:.1f}" cy="{y}" r="3.5" '
                         f'fill="{colour}" fill-opacity="0.35"/>')
        x = LEFT + median * scale
        parts.append(f'<line x1="{x:.1f}" y1="{y - 8}" x2="{x:.1f}" y2="{y + 8}" '
                     f'stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{y + 4}" fill="{colour}">'
                     f"{_number(median)}</text>")
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
