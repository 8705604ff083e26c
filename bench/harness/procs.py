"""What processes use: CPU time, memory, descendants."""

import ctypes
import os
import resource
import signal
import socket
import struct
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Fields of /proc/PID/stat from the state on (field 3 of proc(5) is [0]); [] if gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


def parents():
    """pid -> its parent, of every process there is."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(name)
            if fields:
                found[int(name)] = int(fields[1])
    return found


def family(*roots):
    """The processes and all their descendants."""
    parent_of = parents()
    found = {pid for pid in roots if pid in parent_of}
    while True:
        more = {pid for pid, parent in parent_of.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def cpu_fine(pids):
    """CPU seconds by the scheduler's nanoseconds; threads that have ended are not in it."""
    total = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


def cpu_coarse(pids):
    """CPU seconds in ticks of 10 ms, children that were waited for included."""
    total = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            total += sum(map(int, fields[11:15]))
    return total * TICK


def reaped_children(pid):
    """CPU seconds of children that the process has waited for."""
    fields = _stat(pid)
    return sum(map(int, fields[13:15])) * TICK if fields else 0.0


def cpu_ended():
    """CPU seconds of our own children that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def children(pids):
    """Children of these processes, at this moment."""
    found = set()
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text()
                found.update(map(int, text.split()))
        except OSError:
            continue
    return found


def pss_kib(pid):
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def threads(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def pipes_held(pid):
    """How many ends of pipes the process has open."""
    count = 0
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{number}").startswith("pipe:")
        except OSError:
            continue
    return count


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def program_of(pid):
    """The path of its executable; empty if that cannot be seen."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def listening_process(unix_socket):
    """The pid of whoever listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(unix_socket)
        answer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return struct.unpack("iII", answer)[0]


def die_with_parent():
    """In a child before exec: is killed when the bench dies, so that nothing outlives it."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
