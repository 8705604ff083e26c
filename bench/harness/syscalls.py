"""System calls per connection and per request, counted by perf in a run that is not scored."""

import json
import shutil
import subprocess

from harness import clients
from harness.world import Unavailable, output_of

CALLS = (
    "accept4 connect socket close shutdown read write readv writev recvfrom recvmsg sendto sendmsg "
    "splice epoll_wait epoll_pwait epoll_ctl getsockopt setsockopt getsockname getpeername fcntl "
    "ioctl futex eventfd2 nanosleep clock_gettime sched_yield poll ppoll select pselect6 clone "
    "clone3 wait4 tgkill rt_sigprocmask"
).split()
TOTAL = "raw_syscalls:sys_enter"
CONNECTIONS = 5000


def known_events():
    if shutil.which("perf") is None:
        raise Unavailable("perf is not installed")
    listed = output_of("perf", "list", "tracepoint").split()
    wanted = [TOTAL, *(f"syscalls:sys_enter_{name}" for name in CALLS)]
    found = [event for event in wanted if event in listed]
    if TOTAL not in found:
        raise Unavailable("the kernel offers no tracepoint raw_syscalls:sys_enter")
    return found


def parse(text):
    """perf stat -x, : name of the call -> how often."""
    counts = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].isdigit():
            counts[fields[2].removeprefix("syscalls:sys_enter_")] = int(fields[0])
    return counts


def count(path, world, client):
    events = known_events()
    report = world.work / "perf.csv"
    argv = ["perf", "stat", "-x", ",", "-o", report, "-p", ",".join(map(str, path.pids()))]
    for event in events:
        argv += ["-e", event]
    done = subprocess.run([str(word) for word in [*argv, "--", *client]], capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unavailable(f"perf stat: {done.stderr.strip()[-200:]}")
    counts = parse(report.read_text())
    total = counts.pop(TOTAL, 0)
    counts = {name: number for name, number in counts.items() if number}
    counts["others"] = total - sum(counts.values())
    counts["all"] = total
    return counts, done.stdout


def measure(path, world, seconds):
    """{"connection": {call: per connection}, "request": {call: per kept-alive request}}"""
    if path.kernel or path.forks or not path.pids():
        raise Unavailable("no process of its own that stays")
    found = {}
    counts, out = count(path, world, clients.flood(path, 30, world, limit=CONNECTIONS))
    done = json.loads(out)["count"]
    found["connection"] = {name: number / done for name, number in counts.items()}
    counts, out = count(path, world, clients.wrk(path, seconds))
    done = clients.parse_wrk(out)["count"]
    found["request"] = {name: number / done for name, number in counts.items()}
    return found
