"""How soon a port appears and goes (P7, P8), and what a resting supervisor costs (P10)."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from harness import procs
from harness.figures import percentile
from harness.world import ROOT, free_port

sys.path.append(str(ROOT / "tests/e2e"))
from network import Remote, refuses  # noqa: E402  (the tests' way of starting servers in there)

MS = 1e6
PATIENCE = 10.0


@dataclass(frozen=True)
class Way:
    relay: str
    flags: tuple = ()
    ordinary: bool = False  # by a user who may use the engine and nothing more


NAMESPACE = Way("namespace")
OTHER_WAYS = (Way("agent", ("--sidecar",), True), Way("mux", (), True))


class Scene:
    """A container in which servers come and go, and one supervisor that forwards on its own."""

    def __init__(self, world, way):
        shared = world.folder(f"shared-{way.relay}")
        self.name = world.run_container(
            f"prompt-{way.relay}", ["portd", "idle"],
            ("-v", f"{shared}:/shared", "--network", "bridge"))
        self.state = world.folder(f"state-prompt-{way.relay}")
        self.supervisor = world.forward(self.state, self.name, "--relay", way.relay, *way.flags,
                                        ordinary=way.ordinary)
        self.remote = Remote(self.name, shared / "control.sock", "/shared/control.sock")
        world.stack.callback(self.remote.close)
        self.world = world


def _until(condition, began):
    """Asks over and over; the monotonic ns of the first yes."""
    while not condition():
        if time.monotonic_ns() - began > PATIENCE * 1e9:
            raise TimeoutError("not within 10 s")
    return time.monotonic_ns()


def promptness(scene, times):
    """Milliseconds from listen() to the first connect, and from the server's end to refusal."""
    appeared, gone = [], []
    for _ in range(times):
        port = free_port()
        listening, pid = scene.remote.start("http", "127.0.0.1", port, "here")
        appeared.append((_until(lambda: not refuses(port), listening) - listening) / MS)
        _, ended = scene.remote.stop(pid)
        gone.append((_until(lambda: refuses(port), ended) - ended) / MS)
        # An idle container is the case that counts, not a busy one.
        time.sleep(0.3)
    return {
        name: {"n": len(values), "p50_ms": statistics.median(values),
               "p99_ms": percentile(values, 0.99), "max_ms": max(values)}
        for name, values in (("listen_to_reachable", appeared), ("close_to_free", gone))
    }


def idle(scene, seconds):
    """CPU, memory and processes of a supervisor whose container does nothing."""
    pid = scene.supervisor
    before_pids = procs.family(pid)
    before = procs.cpu_fine(before_pids)
    reaped = procs.reaped_children(pid)
    seen = set(before_pids)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.25)
        seen.update(procs.children(before_pids))
    cpu = procs.cpu_fine(before_pids) - before
    listing = []
    environment = {**os.environ, "FAIRLEAD_STATE_DIR": str(scene.state)}
    for _ in range(20):
        began = time.monotonic()
        subprocess.run([scene.world.fairlead, "ports", "--json"], env=environment, check=True,
                       capture_output=True, timeout=20)
        listing.append((time.monotonic() - began) * 1000)
    return {
        "seconds": seconds,
        "core_percent": cpu / seconds * 100,
        "pss_kib": [procs.pss_kib(each) for each in before_pids],
        "processes": len(before_pids),
        "started_meanwhile": len(seen) - len(before_pids),
        "reaped_cpu_s": procs.reaped_children(pid) - reaped,
        "ports_p50_ms": statistics.median(listing),
    }
