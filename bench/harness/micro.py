"""Runs the Google Benchmark programs and keeps their medians."""

import json
import subprocess

from harness.world import Unavailable

PROGRAMS = ("parser_benchmark", "scan_benchmark", "registry_benchmark", "pump_benchmark")
MICROSECONDS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}


def parse(text):
    """name -> {real_us, cpu_us, gbit}: the medians of the repetitions."""
    found = {}
    for run in json.loads(text)["benchmarks"]:
        if run.get("error_occurred"):
            raise Unavailable(f"{run['name']}: {run.get('error_message')}")
        if run.get("aggregate_name") != "median":
            continue
        unit = MICROSECONDS[run["time_unit"]]
        name = run["run_name"].removesuffix("/process_time/real_time")
        found[name] = {"real_us": run["real_time"] * unit, "cpu_us": run["cpu_time"] * unit}
        if "bytes_per_second" in run:
            found[name]["gbit"] = run["bytes_per_second"] * 8 / 1e9
    return found


def run(world, quick):
    found = {}
    for name in PROGRAMS:
        argv = [str(world.build / "bench" / name), "--benchmark_format=json",
                f"--benchmark_repetitions={3 if quick else 7}",
                f"--benchmark_min_time={0.05 if quick else 0.2}",
                "--benchmark_enable_random_interleaving=true"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=600,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Unavailable(f"{name}: {done.stderr.strip()[-200:]}")
        found[name] = parse(done.stdout)
    return found
