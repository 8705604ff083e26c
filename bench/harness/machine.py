"""What the figures were measured on."""

import datetime
import os
import platform
import re
import shlex
import subprocess
from pathlib import Path

from harness.world import ROOT, package_version

CLIENTS = ("wrk", "iperf3", "nginx", "docker.io")


def describe():
    processor = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return {
        "cores": os.cpu_count(),
        "processor": processor.group(1) if processor else "unknown",
        "memory_gib": round(int(memory.group(1)) / 2**20, 1),
        "kernel": platform.release().split("-")[0],
        "versions": {name: package_version(name) for name in CLIENTS},
    }


def today():
    return datetime.date.today().isoformat()


def command(script, words):
    """The command that reproduces a run; where its report went does not matter."""
    kept = []
    skip = False
    for word in words:
        if not skip and word != "--out" and not word.startswith("--out="):
            kept.append(word)
        skip = word == "--out"
    return shlex.join([script, *kept])


def load():
    return os.getloadavg()[0]


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=10"],
                          capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
