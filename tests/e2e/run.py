#!/usr/bin/env python3
"""Runs the end-to-end tests and prints each with its time; exits 0 when none has failed.

Usage: run.py [--tier e2e|netns|faults|package] [--list] [--quick] [--long] [--seed N] [-k WORD]...
              [NAME...]
The tests of tier netns that are written in Python (tests/netns/test_*.py), the faults
(tests/faults/; --long and --seed are for them) and those of tier package (what is installed:
manual, completions, packages) run here, too.
NAME is a file (test_basics), a class or a test, or a part of one. FAIRLEAD_BIN, FAIRLEAD_BIN_NEXT,
FAIRLEAD_PORTD and FAIRLEAD_REGISTRY_TEST name the programs; what is not set is looked for in the
build directories, and the test server is compiled when it is missing.
"""

import argparse
import os
import shutil
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

    def __init__(self):
        super().__init__()
        self.passed, self.failed = 0, []
        self._broken = False

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        self._broken, self._skipped = False, None

    def _note(self, test, kind, error):
        if not self._broken:
            self._line(test, "FAIL")
            self.failed.append(name_of(test))
        self._broken = True
        say(indented(f"{kind}: {self._exc_info_to_string(error, test)}"))

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
            say(indented(self._skipped))
        elif not self._broken:
            self.passed += 1
            self._line(test, "ok")
        for figure in getattr(test, "figures", []):
            say(indented(f"figure: {figure}"))

    def _line(self, test, word):
        say(f"{word:<5}{time.monotonic() - self._began:7.2f} s  {name_of(test)}")


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


def select(tier, words, patterns):
    sys.path.insert(0, str(HERE))
    folder = str(ROOT / "tests" / tier)
    loader = unittest.TestLoader()
    tests = tests_in(loader.discover(folder, pattern="test_*.py", top_level_dir=folder))
    wanted = [*words, *patterns]
    return [t for t in tests if not wanted or any(word in name_of(t) for word in wanted)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tier", choices=["e2e", "netns", "faults", "package"], default="e2e")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("-k", action="append", default=[], metavar="WORD", dest="patterns")
    parser.add_argument("--list", action="store_true", help="names the tests and does nothing")
    parser.add_argument("--quick", action="store_true", help="smaller volumes")
    parser.add_argument("--long", action="store_true", help="faults: the long counts")
    parser.add_argument("--seed", type=int, help="faults: the random choices of an earlier run")
    options = parser.parse_args()
    if options.quick:
        os.environ["FAIRLEAD_E2E_QUICK"] = "1"
    if options.long:
        os.environ["FAIRLEAD_FAULTS_LONG"] = "1"
    if options.seed is not None:
        os.environ["FAIRLEAD_FAULTS_SEED"] = str(options.seed)
    tests = select(options.tier, options.names, options.patterns)
    if options.list:
        for test in tests:
            say(name_of(test))
        return 0
    if not tests:
        say(f"{options.tier}: no test has such a name")
        return 2

    scratch = tempfile.mkdtemp(prefix="fl-run-")
    try:
        find_program("FAIRLEAD_BIN", "build/dev/fairlead", "build/release/fairlead")
        find_program("FAIRLEAD_BIN_NEXT", "build/dev/fairlead-next", "build/release/fairlead-next")
        find_program("FAIRLEAD_REGISTRY_TEST", "build/dev/tests/integration_registry_file_test")
        if not os.environ.get("FAIRLEAD_PORTD"):
            build_test_server(scratch)
        if options.tier != "netns" and shutil.which("docker"):
            build_images()
        report = Report()
        for test in tests:
            test.run(report)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for name in report.failed:
        say(f"failed: {name}")
    say(f"{options.tier}: {report.passed} passed, {len(report.failed)} failed")
    return 1 if report.failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
