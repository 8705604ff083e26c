"""bench/compare.sh: every path that can be had, in interleaved rounds, and a report."""

import argparse
import json
import random
import subprocess
import sys
import time
import types
from pathlib import Path

from harness import clients, image, machine, micro, nat, profile, prompt, report, syscalls
from harness.entry import run, say
from harness.paths import ALL
from harness.world import ROOT, Ports, Unavailable, World, free_port

ONCE = ("syscalls", "profile", "prompt", "idle", "micro", "nat")
FAILURES = (Unavailable, OSError, ValueError, KeyError, subprocess.SubprocessError, TimeoutError)


def arguments():
    parser = argparse.ArgumentParser(prog="bench/compare.sh", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=2, help="of each client run")
    parser.add_argument("--quick", action="store_true",
                        help="2 rounds of 1 s, short extras; tells whether it works, not how fast")
    parser.add_argument("--only", help="comma-separated beginnings of path names")
    parser.add_argument("--measures", default=",".join([*clients.IN_ROUNDS, *ONCE]),
                        help="comma-separated (default: %(default)s)")
    parser.add_argument("--distroless", action="store_true",
                        help="no shell and no tool is left in the container once its servers run")
    parser.add_argument("--seed", type=int, default=None, help="of the order in the rounds")
    parser.add_argument("--out", type=Path,
                        help="folder for performance.md (default: docs; --quick: build/bench/report)")
    parser.add_argument("--report-only", action="store_true",
                        help="writes the report again from the figures in --out")
    parser.add_argument("--list", action="store_true", help="names the paths")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds = min(chosen.rounds, 2), 1
    if chosen.out is None:
        chosen.out = ROOT / ("build/bench/report" if chosen.quick else "docs")
    chosen.measures = chosen.measures.split(",")
    unknown = set(chosen.measures) - set(clients.IN_ROUNDS) - set(ONCE)
    if unknown:
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    return chosen


def _is_wanted(name, word):
    """A path by the beginning of its name; one "to ::1" only if that is said or everything is."""
    return name.startswith(word) and (not word or "::1" not in name or "::1" in word)


def make_paths(only):
    """Every path with ports of its own, in the container and on the host."""
    wanted = only.lower().split(",") if only else [""]
    paths = []
    for index, kind in enumerate(ALL):
        if any(_is_wanted(kind.name.lower(), word) for word in wanted):
            inner = Ports(8001 + index, 9001 + index, 7001 + index)
            paths.append(kind(inner, Ports(free_port(), free_port(), free_port())))
    return paths


def start_container(world, paths):
    """The one container whose servers all paths lead to."""
    services = [(path.bind, path.ports) for path in paths]
    world.make_image(services)
    options = []
    if any(":" in path.bind for path in paths):  # engines take IPv6 from the loopback, too
        options += ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
    for path in paths:
        if path.publishes:
            for host, inner in path.specs():
                options += ["-p", f"127.0.0.1:{host}:{inner}"]
    name = world.run_container("server", ["serve"], options)
    return types.SimpleNamespace(
        name=name,
        pid=int(world.inspect(name, "{{.State.Pid}}")),
        address=world.inspect(
            name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"),
    )


def start_paths(world, paths, container, missing):
    """Starts and verifies each; those that cannot be had go into `missing` with the reason."""
    ready = []
    for path in paths:
        try:
            path.start(world, container)
            clients.verify(path)
            ready.append(path)
            say(f"{path.name}: works")
        except FAILURES as error:
            missing[path.name] = str(error)
            say(f"{path.name}: left out: {error}")
    return ready


def one_round(world, paths, measures, seconds, order, failures):
    """Each path's bytes verified once; each measure over all paths in an order of its own."""
    found = {}
    sound = []
    for path in paths:
        try:
            clients.verify(path)
            sound.append(path)
        except FAILURES as error:
            failures.append(f"{path.name}, bytes (its round does not count): {error}")
    for measure in measures:
        found[measure] = {}
        for path in order.sample(sound, len(sound)):
            if not path.takes_part(measure):
                continue
            try:
                figures = clients.IN_ROUNDS[measure](path, seconds, world)
                found[measure][path.name] = {k: round(v, 6) for k, v in figures.items()}
            except FAILURES as error:
                failures.append(f"{path.name}, {measure}: {error}")
            time.sleep(0.1)
    return found


def extras(world, chosen, paths, results):
    """What is measured once, outside the rounds."""
    failures = results["failures"]

    def attempt(name, work):
        say(name)
        try:
            return work()
        except (*FAILURES, AssertionError) as error:
            failures.append(f"{name}: {error}")
            say(f"{name}: {error}")
            return None

    for name, what, measure in (("syscalls", "system calls", syscalls.measure),
                                ("profile", "profile", profile.measure)):
        if name not in chosen.measures:
            continue
        results[name] = {}
        for path in paths:
            if path.takes_part(name):
                counted = attempt(f"{what} of {path.name}",
                                  lambda p=path, m=measure: m(p, world, chosen.seconds))
                if counted:
                    results[name][path.name] = counted
    if "prompt" in chosen.measures or "idle" in chosen.measures:
        scene = attempt("container for P7, P8, P10", lambda: prompt.Scene(world, prompt.NAMESPACE))
        if scene and "prompt" in chosen.measures:
            times = 10 if chosen.quick else 100
            results["prompt"] = attempt("P7 and P8", lambda: prompt.promptness(scene, times))
            results["prompt_by"] = {
                way.relay: attempt(f"P7 and P8, {way.relay}",
                                   lambda w=way: prompt.promptness(prompt.Scene(world, w), times))
                for way in prompt.OTHER_WAYS
            }
        if scene and "idle" in chosen.measures:
            results["idle"] = attempt(
                "P10", lambda: prompt.idle(scene, 3 if chosen.quick else 30))
    if "nat" in chosen.measures:
        results["nat"] = attempt("the kernel's table", lambda: nat.measure(world, chosen.quick))
    if "micro" in chosen.measures:
        results["micro"] = attempt("Google Benchmark", lambda: micro.run(world, chosen.quick))


def measure_all(chosen):
    seed = chosen.seed if chosen.seed is not None else random.randrange(1 << 31)
    results = {
        "command": machine.command("bench/compare.sh", sys.argv[1:]),
        "date": machine.today(),
        "commit": machine.commit(),
        "machine": machine.describe(),
        "rounds_asked": chosen.rounds,
        "seconds": chosen.seconds,
        "seed": seed,
        "missing": {},
        "failures": [],
        "rounds": [],
    }
    in_rounds = [name for name in clients.IN_ROUNDS if name in chosen.measures]
    with World(ROOT / "build/bench") as world:
        paths = make_paths(chosen.only)
        container = start_container(world, paths)
        if chosen.distroless:
            image.take_tools_out(container.pid)
        paths = start_paths(world, paths, container, results["missing"])
        results["load_before"] = machine.load()
        results["paths"] = [
            {"name": path.name, "what": path.what, "version": path.version(),
             "threads": path.threads(), "slow": path.slow, "kernel": path.kernel}
            for path in paths
        ]
        order = random.Random(seed)
        for number in range(chosen.rounds if in_rounds else 0):
            began = time.monotonic()
            results["rounds"].append(one_round(world, paths, in_rounds, chosen.seconds, order,
                                               results["failures"]))
            say(f"round {number + 1} of {chosen.rounds}: {time.monotonic() - began:.0f} s")
        extras(world, chosen, paths, results)
        results["load_after"] = machine.load()
    return results


def main():
    chosen = arguments()
    if chosen.list:
        for kind in ALL:
            print(f"{kind.name}: {kind.what}")
        return 0
    if not chosen.report_only:
        results = measure_all(chosen)
        report.store(chosen.out, "compare", results)
        for failure in results["failures"]:
            say(f"failed: {failure}")
    say(f"wrote {report.write(chosen.out)}")
    return 0


if __name__ == "__main__":
    run(main)
