"""Where a relay's CPU time goes, by perf's samples in runs that are not scored: its own code, and the
kernel under each of its system calls."""

import json
import shutil
import subprocess

from harness import clients
from harness.world import Unavailable

FREQUENCY = 3989  # samples a second of CPU time; a prime, so that no timer keeps in step
KERNEL = 1 << 63
OWN = "own code"
ELSEWHERE = "interrupts, scheduler"
LOADS = {
    "bulk": ("ms/GiB", 1e3),
    "new": ("µs/connection", 1e6),
    "keep": ("µs/request", 1e6),
}


def where(stack):
    """What a sample belongs to. `stack`: lines "ADDRESS SYMBOL", the innermost first."""
    frames = [line.split() for line in stack]
    frames = [(int(frame[0], 16), frame[1] if len(frame) > 1 else "") for frame in frames if frame]
    if not frames or frames[0][0] < KERNEL:
        return OWN
    for address, symbol in reversed(frames):
        if address >= KERNEL and symbol.startswith("__x64_sys_"):
            return symbol.removeprefix("__x64_sys_")
    return ELSEWHERE


def parse(text):
    """perf script's stacks, with an empty line between: what -> samples."""
    counts = {}
    for block in text.split("\n\n"):
        stack = [line for line in block.splitlines() if line.strip()]
        if stack:
            name = where(stack)
            counts[name] = counts.get(name, 0) + 1
    return counts


def record(path, world, client):
    """Samples of the path's processes while the client runs, and what the client says."""
    data = world.work / "perf.data"
    argv = ["perf", "record", "-q", "-e", "cpu-clock", "-F", FREQUENCY, "-g", "-o", data,
            "-p", ",".join(map(str, path.pids())), "--", *client]
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=90,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unavailable(f"perf record: {done.stderr.strip()[-200:]}")
    told = subprocess.run(["perf", "script", "-i", str(data), "-F", "ip,sym"], capture_output=True,
                          text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    data.unlink()
    counts = parse(told.stdout)
    if not counts:
        raise Unavailable(f"perf script: no sample: {told.stderr.strip()[-200:]}")
    return counts, done.stdout


def units(load, path, world, seconds):
    """The client of a load, and how to read from its output how much it has done."""
    if load == "bulk":
        client = ["iperf3", "-c", path.host, "-p", path.host_ports.bulk, "-t", seconds, "-J"]
        return client, lambda out: json.loads(out)["end"]["sum_received"]["bytes"] / clients.GIB
    if load == "new":
        return clients.flood(path, seconds, world), lambda out: json.loads(out)["count"]
    return clients.wrk(path, seconds), lambda out: clients.parse_wrk(out)["count"]


def measure(path, world, seconds):
    """{load: {what: seconds of CPU per unit of the load}}"""
    if shutil.which("perf") is None:
        raise Unavailable("perf is not installed")
    if path.kernel or path.forks or not path.pids():
        raise Unavailable("no process of its own that stays")
    found = {}
    for load in LOADS:
        client, done = units(load, path, world, seconds)
        counts, out = record(path, world, client)
        amount = done(out)
        found[load] = {name: number / FREQUENCY / amount for name, number in counts.items()}
    return found


def table_of(profiles, load):
    """(headings, rows): for each path its own code, the kernel's part, and the system calls that
    take most; a figure that rounds to nothing is left out."""
    unit, scale = LOADS[load]
    parts = {name: profile[load] for name, profile in profiles.items() if load in profile}
    weight = {}
    for part in parts.values():
        for name, value in part.items():
            if name != OWN:
                weight[name] = max(weight.get(name, 0), value / sum(part.values()))
    calls = [name for name in sorted(weight, key=weight.get, reverse=True) if weight[name] >= 0.02]
    rows = []
    for path, part in parts.items():
        whole = sum(part.values())
        kernel = whole - part.get(OWN, 0)
        others = kernel - sum(part.get(name, 0) for name in calls)
        rows.append([path, f"{whole * scale:.1f}", f"{100 * part.get(OWN, 0) / whole:.0f} %",
                     f"{100 * kernel / whole:.0f} %",
                     *(f"{part[name] * scale:.2f}" if part.get(name) else "" for name in calls),
                     f"{others * scale:.2f}"])
    return [f"path, {unit}", "all", OWN, "kernel", *calls, "other calls"], rows


def floor(profiles, load, ours, peer):
    """Ours by theirs, had our own code cost nothing: what the kernel's part alone leaves."""
    if load not in profiles.get(ours, {}) or load not in profiles.get(peer, {}):
        return None
    mine = profiles[ours][load]
    return (sum(mine.values()) - mine.get(OWN, 0)) / sum(profiles[peer][load].values())
