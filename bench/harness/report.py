"""Writes performance.md and its plots from the stored figures; it measures nothing."""

import json

from harness import goals, nat, plots, profile, tables
from harness.figures import Figures
from harness.tables import MEASURES, table

OURS = goals.OURS
PLOTS = (
    ("bulk", "gbit", "Bulk, one flow: Gbit/s"),
    ("bulk", "cpu_s_gib", "Bulk, one flow: relay CPU seconds per GiB (less is better)"),
    ("new", "rate", "New connection, request, close: per second"),
    ("new", "cpu_us", "New connection, request, close: relay CPU µs (less is better)"),
    ("keep", "rate", "Kept-alive requests per second"),
    ("keep", "p99_us", "Kept-alive requests: p99 µs (less is better)"),
    ("keep", "cpu_us", "Kept-alive requests: relay CPU µs (less is better)"),
    ("fair", "jain", "64 flows at once: Jain's index of fairness"),
)
OFF_SCALE = ("docker exec", "fairlead exec", "ssh -L", "socat", goals.MUX, goals.PIPE)


def store(out, name, results):
    folder = out / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def load(out, name):
    path = out / "performance" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _drawn(out, figures, paths):
    """Draws the plots; {measure: [Markdown of an image, …]}."""
    found = {}
    for measure, figure, title in PLOTS:
        rows = [(path, figures.values(measure, path, figure)) for path in paths]
        if "less is better" in title:  # what is many times dearer would hide the rest
            rows = [row for row in rows if row[0] not in OFF_SCALE]
        drawing = plots.strip_plot(title, rows)
        if drawing:
            name = f"{measure}-{figure}.svg"
            (out / "performance" / name).write_text(drawing)
            found.setdefault(measure, []).append(f"![{title}](performance/{name})")
    return found


def _head(results, scale):
    lines = ["# Performance", ""]
    for part in (results, scale):
        if part:
            machine = part["machine"]
            versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
            lines.append(
                f"- `{part['command']}`, {part['date']}, commit {part['commit']}: "
                f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, "
                f"kernel {machine['kernel']}; {versions}; load average before "
                f"{part['load_before']:.2f}, after {part['load_after']:.2f}.")
    if results:
        lines += ["", f"Rounds: {len(results['rounds'])}, clients run {results['seconds']} s each, the paths in a "
                  f"new order for each measure of each round (seed {results['seed']}). Each path "
                  "leads to container ports of its own, and sends 4 MiB of random bytes there and "
                  "back in every round. Medians; ratios are medians of the ratios round by round. "
                  "Relay CPU is that of all the relay's processes (fairlead's socket helper too), "
                  "without the clients and the server. This page and its plots are made by the "
                  "command; the figures of every round are in [performance/](performance/).", ""]
        if results["load_before"] > results["machine"]["cores"]:
            lines += ["**The machine was busy with other work when this began (see the load "
                      "averages): rates are low and scatter; ratios tell more, and not much.**", ""]
        if len(results["rounds"]) < 10 or results["seconds"] < 2:
            lines += ["**Too few or too short rounds to say how fast anything is: the goals ask for "
                      "10 rounds of 2 s.**", ""]
    return lines


def _paths(results):
    rows = [(path["name"], path["what"], path["version"], path["threads"] or "")
            for path in results["paths"]]
    lines = ["## Paths", "", table(["path", "what it is", "version", "threads"], rows), ""]
    if results["missing"]:
        lines += ["Left out:", ""]
        lines += [f"- {name}: {why}" for name, why in results["missing"].items()] + [""]
    if results["failures"]:
        lines += ["Failed on the way (the other rounds count):", ""]
        lines += [f"- {failure}" for failure in results["failures"]] + [""]
    return lines


def _goals(figures, results, scale):
    rows = goals.rows(figures, results, scale)
    verdicts = {}
    for row in rows:
        verdicts.setdefault(row[-1].strip("*"), []).append(row[0])
    summary = "; ".join(f"{verdict}: {', '.join(numbers)}" for verdict, numbers in verdicts.items())
    return ["## Goals", "", f"In short: {summary}.", "",
            f"Ratios are those of `{OURS}`, except for P5, P6 and agent. P6 is of `{goals.MUX}`: its "
            f"bulk by that of `{goals.PIPE}`; set-up is the p50 of connections made one at a time, "
            "from `connect()` to the end of the answer; faster is its rate of new connections, 16 in "
            "flight, by that of a path with an exec for each, 2 in flight.", "",
            table(["", "what", "goal", "figure", ""], rows), ""]


def _losses(figures, paths):
    peers = [path for path in paths if not path.startswith("fairlead") and path != "address"]
    rows = tables.losses(figures, OURS, peers)
    lines = ["## Where we lose", ""]
    if not rows:
        return lines + [f"In no figure of this run is a peer ahead of `{OURS}` by more than 3 %.",
                        ""]
    return lines + [
        f"Every figure in which a peer is ahead of `{OURS}` by more than 3 %, the worst first. What "
        "stands in the way: see the system calls and where the time goes, below.", "",
        table(["measure", "figure", "peer", "ours by theirs", "ours", "theirs"], rows), ""]


def _measures(figures, paths, drawn):
    lines = []
    for measure, (title, how, _) in MEASURES.items():
        if not any(figures.values(measure, path, MEASURES[measure][2][0][0]) for path in paths):
            continue
        lines += [f"## {title}", "", how, "", tables.measure_table(figures, measure, paths), "",
                  tables.ratio_table(figures, measure, OURS, paths), ""]
        lines += [line for image in drawn.get(measure, []) for line in (image, "")]
    return lines


def _profile(profiles):
    if not profiles:
        return []
    lines = ["## Where the time goes", "",
             "CPU time of the relay, by samples of `perf record -e cpu-clock -g` in runs of their "
             "own: its own code (libraries included), and the kernel's part under each system call.",
             ""]
    for load, (title, *_) in MEASURES.items():
        if load not in profile.LOADS:
            continue
        lines += [f"{title}:", "", table(*profile.table_of(profiles, load)), ""]
        floors = [(peer, profile.floor(profiles, load, OURS, peer)) for peer in ("HAProxy", "pasta")]
        told = [f"{ratio:.2f} × {peer}'s whole" for peer, ratio in floors if ratio]
        if told:
            lines += [f"Had `{OURS}` no code of its own at all, what the kernel does for it would "
                      f"still take {' and '.join(told)}.", ""]
    return lines


def _once(results):
    lines = []
    counted = results.get("syscalls")
    if counted:
        lines += ["## System calls", "", "Counted by `perf stat` in runs of their own (threads of the "
                  "relay alone), for a connection with its request, with 16 in flight:", "",
                  tables.syscall_table(counted, "connection"), "",
                  "For a kept-alive request, 16 connections:", "",
                  tables.syscall_table(counted, "request"), ""]
    lines += _profile(results.get("profile"))
    prompts = {"namespace": results.get("prompt"), **(results.get("prompt_by") or {})}
    if results.get("prompt"):
        names = {"listen_to_reachable": "`listen()` in the container to the first connect on the "
                                        "host, which tries without pause",
                 "close_to_free": "end of the listener's process to refusal on the host"}
        rows = [(names[key], way, part["n"], *(f"{part[figure]:.1f} ms" for figure in
                                               ("p50_ms", "p99_ms", "max_ms")))
                for way, prompt in prompts.items() for key, part in (prompt or {}).items()]
        lines += ["## Ports that come and go", "",
                  table(["what", "relay", "times", "p50", "p99", "the longest"], rows), ""]
    idle = results.get("idle")
    if idle:
        memory = " + ".join(f"{kib / 1024:.1f}" for kib in idle["pss_kib"])
        lines += ["## At rest", "", f"Supervisor and helper of an idle container over "
                  f"{idle['seconds']} s: {idle['core_percent']:.3f} % of a core, PSS {memory} MiB, "
                  f"{idle['processes']} processes, {idle['started_meanwhile']} seen to start "
                  f"meanwhile. `fairlead ports --json`: {idle['ports_p50_ms']:.1f} ms (median of "
                  "20).", ""]
    if results.get("micro"):
        lines += ["## Parts by themselves", "", "Google Benchmark, medians of the repetitions. "
                  "`pump_benchmark`: CPU of client, relay and server together.", "",
                  tables.micro_table(results["micro"]), ""]
    return lines


def _scale(scale):
    lines = ["## Scale", ""]
    many, idle, crowd = (scale.get(key) for key in ("forwards", "connections", "containers"))
    if many:
        lines += [f"- {many['count']:,} forwards in one supervisor: PSS {many['pss_mib']:.1f} MiB "
                  f"(supervisor and helper); all of them answering after {many['seconds']:.2f} s."]
    if idle:
        lines += [f"- {idle['count']:,} idle connections through one forward: "
                  f"{idle['bytes_each']:.0f} bytes of user memory each (PSS), {idle['pipes']} pipe "
                  "ends held. (Two descriptors each; 10,000 if the limit allows it.)"]
    if crowd:
        lines += [f"- {crowd['containers']} containers with {crowd['forwards_each']} forwards each, "
                  f"registry of {crowd['leases']:,} leases: one operation on the registry takes "
                  f"{crowd['registry_p50_ms']:.2f} ms (p50), {crowd['registry_p99_ms']:.2f} ms (p99), "
                  f"{crowd['registry_contended_p99_ms']:.2f} ms (p99) with "
                  f"{crowd['contenders']} processes at it that pause {crowd['pause_ms']} ms between "
                  f"operations ({crowd['warnings']} gave up on the lock); `fairlead forward` for one "
                  f"more container takes {crowd['start_p50_ms']:.0f} ms (median of "
                  f"{crowd['starts']}, engine's answer included)."]
    lines += [f"- failed: {failure}" for failure in scale.get("failures", [])]
    return lines + [""]


def write(out):
    """Returns the path of the page."""
    results, scale = load(out, "compare"), load(out, "scale")
    figures = Figures(results.get("rounds", []))
    paths = [path["name"] for path in results.get("paths", [])]
    lines = _head(results, scale)
    if results:
        lines += _goals(figures, results, scale)
        lines += _losses(figures, paths)
        lines += _paths(results)
        lines += _measures(figures, paths, _drawn(out, figures, paths))
        lines += _once(results)
        if results.get("nat"):
            lines += nat.lines(results["nat"])
    if scale:
        lines += _scale(scale)
    page = out / "performance.md"
    page.write_text("\n".join(lines).rstrip() + "\n")
    return page
