"""The tables of the report, as Markdown."""

# measure: (title, what is done, columns: (figure, heading, form, more is better))
MEASURES = {
    "bulk": (
        "Bulk, one flow",
        "iperf3, client to server; into `docker exec pipe`, which has no port, blocks of 256 KiB for "
        "as long, counted where they arrive.",
        (("gbit", "Gbit/s", "{:.1f}", True), ("cpu_s_gib", "relay CPU s/GiB", "{:.3f}", False)),
    ),
    "new": (
        "New connection, one request, close",
        "bench/drive: 16 in flight (2 where each takes a process in the container), answers of 512 "
        "bytes checked; latency from `connect()` to the end of the stream.",
        (("rate", "connections/s", "{:,.0f}", True), ("p50_us", "p50 µs", "{:,.0f}", False),
         ("p99_us", "p99 µs", "{:,.0f}", False),
         ("cpu_us", "relay CPU µs/connection", "{:,.1f}", False)),
    ),
    "single": (
        "The same, one at a time",
        "bench/drive, one connection in flight.",
        (("p50_us", "p50 µs", "{:,.0f}", False), ("p99_us", "p99 µs", "{:,.0f}", False)),
    ),
    "keep": (
        "Requests on connections that stay",
        "wrk: one thread, 16 connections (2 where each takes a process in the container), answers "
        "of 512 bytes.",
        (("rate", "requests/s", "{:,.0f}", True), ("p50_us", "p50 µs", "{:,.0f}", False),
         ("p99_us", "p99 µs", "{:,.0f}", False),
         ("cpu_us", "relay CPU µs/request", "{:,.2f}", False)),
    ),
    "fair": (
        "64 flows at once",
        "iperf3 -P 64. Jain's index: 1 = each flow got the same. The least: the worst-off flow's "
        "part of an equal share.",
        (("jain", "Jain's index", "{:.3f}", True), ("least_share", "the least", "{:.2f}", True),
         ("gbit", "Gbit/s in all", "{:.1f}", True)),
    ),
    "stalled": (
        "8 flows beside a client that is stuck",
        "iperf3 -P 8, without, twice beside, again without a client of the same way in that sends to "
        "an echo server until nothing more is taken, and reads nothing.",
        (("left", "beside it, by without", "{:.2f}", True),
         ("gbit", "Gbit/s beside it", "{:.1f}", True)),
    ),
}


def table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines)


def measure_table(figures, measure, paths):
    _, _, columns = MEASURES[measure]
    rows = []
    for path in paths:
        medians = [figures.median(measure, path, figure) for figure, *_ in columns]
        if medians[0] is None:
            continue
        rows.append([path] + ["–" if value is None else form.format(value)
                              for value, (_, _, form, _) in zip(medians, columns)])
    return table(["path", *(heading for _, heading, _, _ in columns)], rows)


def _short(ratio):
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def ratio_table(figures, measure, ours, paths):
    """Ours by theirs, each figure: the medians of the ratios round by round."""
    _, _, columns = MEASURES[measure]
    rows = []
    for path in paths:
        ratios = [figures.ratio(measure, ours, path, figure) for figure, *_ in columns]
        if path != ours and any(ratio is not None for ratio in ratios):
            rows.append([path] + ["–" if ratio is None else _short(ratio) for ratio in ratios])
    return table([f"{ours} by …", *(heading for _, heading, _, _ in columns)], rows)


def losses(figures, ours, peers, margin=0.03):
    """Every figure in which a peer is ahead by more than the margin, the worst first."""
    found = []
    for measure, (title, _, columns) in MEASURES.items():
        for figure, heading, form, more_is_better in columns:
            for peer in peers:
                ratio = figures.ratio(measure, ours, peer, figure)
                if ratio is None or ratio == 0:
                    continue
                behind = 1 / ratio if more_is_better else ratio
                if behind > 1 + margin:
                    found.append((behind, title, heading, peer, ratio,
                                  form.format(figures.median(measure, ours, figure)),
                                  form.format(figures.median(measure, peer, figure))))
    rows = [(title, heading, peer, f"{_short(ratio)} ×", mine, theirs)
            for _, title, heading, peer, ratio, mine, theirs in sorted(found, reverse=True)]
    return rows


def syscall_table(counted, unit):
    """Calls per unit of work; those that no path makes three times in ten units are summed up."""
    paths = [path for path in counted if unit in counted[path]]
    names = sorted({name for path in paths for name, number in counted[path][unit].items()
                    if number >= 0.3} - {"all", "others"},
                   key=lambda name: -max(counted[path][unit].get(name, 0) for path in paths))
    rows = []
    for path in paths:
        calls = counted[path][unit]
        shown = [calls.get(name, 0) for name in names]
        rest = max(0.0, calls["all"] - sum(shown))
        rows.append([path, f"**{calls['all']:.2f}**"]
                    + [f"{number:.2f}" if number else "" for number in shown] + [f"{rest:.2f}"])
    return table(["path", "all", *names, "others"], rows)


def _by_argument(item):
    name, _, argument = item[0].partition("/")
    return name, int(argument or 0)


def micro_table(found):
    rows = []
    for program, runs in found.items():
        for name, figures in sorted(runs.items(), key=_by_argument):
            rows.append([program, f"`{name}`", f"{figures['real_us']:,.2f}",
                         f"{figures['cpu_us']:,.2f}",
                         f"{figures['gbit']:.1f}" if "gbit" in figures else ""])
    return table(["program", "case", "real µs", "CPU µs", "Gbit/s"], rows)
