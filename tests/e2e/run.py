#!/usr/bin/env python3
"""Runs the end-to-end tests and prints each with its time; exits 0 when none has failed.

Usage: run.py [--tier TIER[,TIER]] [--list] [--quick] [--long] [--seed N] [--jobs N] [-k WORD]...
              [NAME...]
TIER: e2e, netns, faults or package.
The tests of tier netns that are written in Python (tests/netns/test_*.py), the faults
(tests/faults/; --long and --seed are for them) and those of tier package (what is installed:
manual, completions, packages) run here, too.
With --jobs N classes of tests run side by side, N at a time; those that say "alone" run after them,
one by one.
NAME is a file (test_basics), a class or a test, or a part of one. FAIRLEAD_BIN, FAIRLEAD_BIN_NEXT,
FAIRLEAD_PORTD and FAIRLEAD_REGISTRY_TEST name the programs; what is not set is looked for in the
build directories, and the test server is compiled when it is missing.
"""

import argparse
import ctypes
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def tests_in(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_in(item)
        else:
            yield item


def name_of(test):
    return ".".join(test.id().split(".")[-3:])


def say(text):
    print(text, flush=True)


def indented(text):
    return "\n".join("    " + line for line in text.rstrip().splitlines())


class Report(unittest.TestResult):
    """One line per test as it ends, details of failures right below it."""

    def __init__(self, say=say):
        super().__init__()
        self.passed, self.failed = 0, []
        self._say, self._broken = say, False

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        self._broken, self._skipped = False, None

    def _note(self, test, kind, error):
        if not self._broken:
            self._line(test, "FAIL")
            self.failed.append(name_of(test))
        self._broken = True
        self._say(indented(f"{kind}: {self._exc_info_to_string(error, test)}"))

    def addError(self, test, error):
        self._began = getattr(self, "_began", time.monotonic())
        self._note(test, "error", error)

    def addFailure(self, test, error):
        self._note(test, "failure", error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self._note(test, f"failure in {subtest._subDescription()}", error)

    def addSkip(self, test, reason):
        self._skipped = reason

    def stopTest(self, test):
        super().stopTest(test)
        if self._skipped is not None:
            self._line(test, "skip")
            self._say(indented(self._skipped))
        elif not self._broken:
            self.passed += 1
            self._line(test, "ok")
        for figure in getattr(test, "figures", []):
            self._say(indented(f"figure: {figure}"))

    def _line(self, test, word):
        self._say(f"{word:<5}{time.monotonic() - self._began:7.2f} s  {name_of(test)}")


def find_program(variable, *places):
    if os.environ.get(variable):
        return
    for place in places:
        if os.access(ROOT / place, os.X_OK):
            os.environ[variable] = str(ROOT / place)
            return


def build_test_server(folder):
    target = Path(folder) / "portd"
    source = ROOT / "tests" / "tools" / "portd.cc"
    compiler = os.environ.get("CXX", "g++")
    say("e2e: compiling the test server")
    subprocess.run(
        [compiler, "-std=c++20", "-O2", "-static", "-o", target, source], check=True, timeout=300
    )
    os.environ["FAIRLEAD_PORTD"] = str(target)


def build_images():
    """Makes the images; what keeps them from being made is for the tests to report."""
    script = ROOT / "tests" / "images" / "build.sh"
    done = subprocess.run(["sh", script, os.environ["FAIRLEAD_PORTD"]], timeout=300, check=False)
    if done.returncode != 0:
        say("e2e: the test images could not be made")


def select(tiers, words, patterns):
    sys.path.insert(0, str(HERE))
    tests = []
    for tier in tiers:
        folder = str(ROOT / "tests" / tier)
        loader = unittest.TestLoader()
        tests += tests_in(loader.discover(folder, pattern="test_*.py", top_level_dir=folder))
    wanted = [*words, *patterns]
    return [t for t in tests if not wanted or any(word in name_of(t) for word in wanted)]


def tiers_of(text):
    tiers = text.split(",")
    if not set(tiers) <= {"e2e", "netns", "faults", "package"}:
        raise argparse.ArgumentTypeError(f"no tier {text!r}")
    return tiers


def in_groups(tests):
    """The tests that share a class, in one group, the largest first: those that may run beside others,
    and the rest."""
    groups = {}
    for test in tests:
        groups.setdefault(type(test), []).append(test)
    alone = [group for kind, group in groups.items() if getattr(kind, "alone", False)]
    beside = [group for group in groups.values() if group not in alone]
    return sorted(beside, key=len, reverse=True), alone


def begin_lane(lanes, count):
    """In a process of its own: its end comes with its parent's, its ports are nobody else's."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    import network

    network.take_lane(lanes.get(), count)


_groups = []  # what run_group() takes its own from: the lanes are forked with it


def run_group(number):
    lines = []
    report = Report(lines.append)
    for test in _groups[number]:
        test.run(report)
    return lines, report.passed, report.failed


def run_side_by_side(groups, jobs, report):
    _groups[:] = groups
    context = multiprocessing.get_context("fork")
    lanes = context.SimpleQueue()
    for lane in range(jobs):
        lanes.put(lane)
    with context.Pool(jobs, begin_lane, (lanes, jobs)) as pool:
        for lines, passed, failed in pool.imap_unordered(run_group, range(len(groups))):
            say("\n".join(lines))
            report.passed += passed
            report.failed += failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tier", type=tiers_of, default=["e2e"], dest="tiers")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("-k", action="append", default=[], metavar="WORD", dest="patterns")
    parser.add_argument("--list", action="store_true", help="names the tests and does nothing")
    parser.add_argument("--quick", action="store_true", help="smaller volumes")
    parser.add_argument("--long", action="store_true", help="faults: the long counts")
    parser.add_argument("--seed", type=int, help="faults: the random choices of an earlier run")
    parser.add_argument("--jobs", type=int, default=1, help="so many classes at a time")
    options = parser.parse_args()
    # Started in the background of a script it would ignore Ctrl-C, and so would what it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if options.quick:
        os.environ["FAIRLEAD_E2E_QUICK"] = "1"
    if options.long:
        os.environ["FAIRLEAD_FAULTS_LONG"] = "1"
    if options.seed is not None:
        os.environ["FAIRLEAD_FAULTS_SEED"] = str(options.seed)
    named = ",".join(options.tiers)
    tests = select(options.tiers, options.names, options.patterns)
    if options.list:
        for test in tests:
            say(name_of(test))
        return 0
    if not tests:
        say(f"{named}: no test has such a name")
        return 2

    scratch = tempfile.mkdtemp(prefix="fl-run-")
    try:
        find_program("FAIRLEAD_BIN", "build/dev/fairlead", "build/release/fairlead")
        find_program("FAIRLEAD_BIN_NEXT", "build/dev/fairlead-next", "build/release/fairlead-next")
        find_program("FAIRLEAD_REGISTRY_TEST", "build/dev/tests/integration_registry_file_test")
        if not os.environ.get("FAIRLEAD_PORTD"):
            build_test_server(scratch)
        if options.tiers != ["netns"] and shutil.which("docker"):
            build_images()
        report = Report()
        if options.jobs > 1:
            groups, alone = in_groups(tests)
            run_side_by_side(groups, options.jobs, report)
            tests = [test for group in alone for test in group]
        for test in tests:
            test.run(report)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for name in report.failed:
        say(f"failed: {name}")
    say(f"{named}: {report.passed} passed, {len(report.failed)} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
