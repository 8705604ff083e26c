"""bench/scale.sh: what many forwards, connections and containers cost (P11, P12)."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from harness import machine, procs, report
from harness.entry import run, say
from harness.world import ROOT, Ports, Unavailable, World, free_port, wait_until

FIRST_PORT = 20000
CONTENDERS = 4
PAUSE_MS = 10  # between the operations of a contender


def listing(world, state):
    environment = {**os.environ, "FAIRLEAD_STATE_DIR": str(state)}
    done = subprocess.run([world.fairlead, "ports", "--json"], env=environment, timeout=120,
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["forwards"]


def forwarding(world, state):
    return [each for each in listing(world, state) if each["state"] == "forwarding"]


def multi(ports):
    """Command of a container that answers on each port with its own address and port."""
    return ["portd", "multi", *(f"127.0.0.1:{port}" for port in ports)]


def pss(pid):
    return sum(procs.pss_kib(each) for each in procs.family(pid)) / 1024


def many_forwards(world, count):
    """One supervisor with `count` forwards, each of which answers."""
    name = world.run_container("many", multi(range(FIRST_PORT, FIRST_PORT + count)))
    state = world.folder("state-many")
    began = time.monotonic()
    pid = world.forward(state, name, "--max-auto-forwards", count + 10)
    wait_until(lambda: len(forwarding(world, state)) == count, f"{count} forwards", 60)
    for forward in forwarding(world, state):
        url = f"http://127.0.0.1:{forward['hostPort']}/"
        answer = urllib.request.urlopen(url, timeout=10).read().decode()
        if answer != f"127.0.0.1:{forward['containerPort']}":
            raise Unavailable(f"{url} answers {answer!r}")
    seconds = time.monotonic() - began
    time.sleep(1)  # what is asked for is the memory at rest
    return {"count": count, "seconds": seconds, "pss_mib": pss(pid)}


def idle_connections(world, ports, count):
    """`count` connections through one forward, none of which says anything."""
    # Each takes two descriptors of the supervisor.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(count, (limit - 600) // 2)
    name = world.run_container("idle", ["serve"])
    state = world.folder("state-idle")
    host = free_port()
    pid = world.forward(state, name, f"{host}:{ports.web}", "--max-auto-forwards", 0)
    wait_until(lambda: forwarding(world, state), "the forward")
    urllib.request.urlopen(f"http://127.0.0.1:{host}/", timeout=10).read()
    before = procs.pss_kib(pid)
    holder = subprocess.Popen([world.drive, "hold", "127.0.0.1", str(host), str(count)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if holder.stdout.readline().split() != ["held", str(count)]:
            raise Unavailable(f"{count} connections could not be made")

        def carried():
            return forwarding(world, state)[0]["connections"]["open"]

        wait_until(lambda: carried() == count, f"{count} connections carried", 30)
        after = procs.pss_kib(pid)
        pipes = procs.pipes_held(pid)
    finally:
        holder.stdin.close()
        holder.wait(30)
    wait_until(lambda: carried() == 0, "the connections gone", 30)
    return {"count": count, "bytes_each": (after - before) * 1024 / count, "pipes": pipes,
            "pss_before_mib": before / 1024, "pss_after_mib": after / 1024}


def leases(state):
    path = Path(state) / "forwarded_ports.json"
    return len(json.loads(path.read_text())["entries"]) if path.exists() else 0


def registry_operations(world, state, times, processes, pause_ms):
    """Percentiles in ms of single operations, by so many processes at once: the worst of them."""
    argv = [world.build / "bench/registry_latency", state, str(times), str(pause_ms)]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for _ in range(processes)]
    answers = []
    for process in running:
        out, err = process.communicate(timeout=900)
        if process.returncode != 0:
            raise Unavailable(f"registry_latency: {err.strip()}")
        answers.append(json.loads(out))
    found = {share: max(max(answer[f"allocate_{share}_us"], answer[f"release_{share}_us"])
                       for answer in answers) / 1000 for share in ("p50", "p99")}
    found["warnings"] = sum(answer["warnings"] for answer in answers)
    return found


def many_containers(world, count, each, starts, times):
    """`count` containers, all with the same `each` ports, one supervisor for each of them."""
    inner = range(3000, 3000 + each)
    names = []
    for number in range(count + starts):
        names.append(world.run_container(f"c{number}", multi(inner), ("--network", "none")))
    state = world.folder("state-crowd")
    took = []
    for name in names[:count]:
        began = time.monotonic()
        forward_in(world, state, name)
        took.append((time.monotonic() - began) * 1000)
    wait_until(lambda: leases(state) == count * each, f"{count * each} leases", 60)
    alone = registry_operations(world, state, times, 1, 0)
    contended = registry_operations(world, state, times, CONTENDERS, PAUSE_MS)
    later = []
    for name in names[count:]:
        began = time.monotonic()
        forward_in(world, state, name)
        later.append((time.monotonic() - began) * 1000)
    wait_until(lambda: leases(state) == len(names) * each, "the leases of the later ones", 60)
    return {
        "containers": count, "forwards_each": each, "leases": count * each, "starts": starts,
        "registry_p50_ms": alone["p50"], "registry_p99_ms": alone["p99"],
        "registry_contended_p99_ms": contended["p99"], "contenders": CONTENDERS,
        "pause_ms": PAUSE_MS, "warnings": alone["warnings"] + contended["warnings"],
        "start_p50_ms": statistics.median(later), "start_all_p50_ms": statistics.median(took),
    }


def forward_in(world, state, name):
    """As World.forward(), for a state directory that many supervisors share."""
    environment = {**os.environ, "FAIRLEAD_STATE_DIR": str(state)}
    argv = [world.fairlead, "forward", name]
    world.stack.callback(subprocess.run, [*argv, "--stop"], env=environment, capture_output=True,
                         timeout=60)
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unavailable(f"forward {name}: {done.stderr.strip()[-200:]}")


def main():
    parser = argparse.ArgumentParser(prog="bench/scale.sh", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--out", type=Path,
                        help="folder of performance.md (default: docs; --quick: build/bench/report)")
    chosen = parser.parse_args()
    out = chosen.out or ROOT / ("build/bench/report" if chosen.quick else "docs")
    size = 10 if chosen.quick else 1
    results = {
        "command": machine.command("bench/scale.sh", sys.argv[1:]), "date": machine.today(),
        "commit": machine.commit(), "machine": machine.describe(), "load_before": machine.load(),
        "failures": [],
    }
    with World(ROOT / "build/bench") as world:
        ports = Ports(8001, 9001, 7001)
        world.make_image([("127.0.0.1", ports)])
        parts = {
            "forwards": lambda: many_forwards(world, 1000 // size),
            "connections": lambda: idle_connections(world, ports, 10000 // size),
            "containers": lambda: many_containers(world, 100 // size, 10, max(3, 9 // size),
                                                  300 // size),
        }
        for name, work in parts.items():
            began = time.monotonic()
            try:
                results[name] = work()
                say(f"{name}: {time.monotonic() - began:.0f} s: {results[name]}")
            except (Unavailable, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                results["failures"].append(f"{name}: {error}")
                say(f"{name}: failed: {error}")
        results["load_after"] = machine.load()
    report.store(out, "scale", results)
    say(f"wrote {report.write(out)}")
    return 0


if __name__ == "__main__":
    run(main)
