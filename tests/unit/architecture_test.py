#!/usr/bin/env python3
"""The directions of dependence between modules, checked over the source text of the tree.

    architecture_test.py [--root DIR]

Checks the tree at DIR, then the checks themselves: each rule is broken once in a small made-up tree
and must be reported. Prints one line per violation ("file:line: what") and exits non-zero if there
is any. Sizes beyond what we aim for are printed as notes and do not fail.
"""

import argparse
import pathlib
import re
import sys
import tempfile
import unittest

# What each module may include, besides itself. A path names a folder or, with its suffix, a file.
ALLOWED = {
    "base": [],
    "target": ["base"],
    "detect": ["base", "target"],
    "relay": ["base", "target"],
    "registry": ["base"],
    "agent": ["base", "target/listener_query.h", "target/mux", "target/socket_kind.h", "target/socket_maker.h",
              "target/socket_protocol.h", "detect/proc_net_tcp.h", "detect/listener.h"],
    "supervisor": ["base", "target", "detect", "relay", "registry", "agent"],
}
MODULES = list(ALLOWED)
TEST_FOLDERS = ["tests", "bench", "examples"]
# Headers that the build makes: they need not exist in the tree.
GENERATED = {"agent/embedded.h", "supervisor/version.h"}

# Pure: no Asio (not even through another header of ours), no clock, no I/O. A name stands for its
# .h and its .cc. A name that no file has is a violation too, so that a renamed file stays checked.
PURE = [
    "base/backoff",
    "base/endpoint",
    "base/result",
    "detect/listener",
    "detect/listener_tracker",
    "detect/proc_net_tcp",
    "detect/scan_schedule",
    "target/target",
]
# Pure as soon as they exist.
PURE_ONCE_WRITTEN = [
    "registry/lease_table",
    "target/mux/frame",
    "target/mux/session",
    "supervisor/daemon/policy",
    "supervisor/daemon/relay_selector",
    "supervisor/daemon/reconciler",
    "supervisor/config/yaml",
    "supervisor/engine/compose_arguments",
    "supervisor/workspace/compose_config",
    "supervisor/workspace/compose_override",
    "supervisor/workspace/compose_project",
    "supervisor/workspace/compose_start",
    "supervisor/workspace/service_supervisors",
    "supervisor/doctor/engines",
    "supervisor/doctor/finding",
    "supervisor/doctor/kernel",
    "supervisor/doctor/permissions",
]
PURE_FORBIDDEN_HEADERS = re.compile(
    r"^(boost/asio.*|unistd\.h|fcntl\.h|poll\.h|sys/socket\.h|sys/stat\.h|fstream|iostream|"
    r"filesystem|thread|mutex)$")
CLOCK_READ = re.compile(r"\b(steady_now|wall_now|clock_gettime)\s*\(|_clock\s*::\s*now\b")
CLOCK_HOME = "base/clock"

# A Dockerfile is a format that every engine reads.
ENGINE_WORD = re.compile(r"docker(?!file)|podman|incus", re.IGNORECASE)
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')

# (aimed for, refused) in lines.
LIMITS = {"header": (120, 500), "source": (400, 500), "test": (600, 700)}


def blank(text):
    """`text` with everything but its line ends turned into spaces."""
    return re.sub(r"[^\n]", " ", text)


TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'                                  # comments
    r'|R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"'       # raw strings
    r'|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])*\'',  # strings and characters
    re.DOTALL)


def without_comments(text, strings_too=False):
    def replace(match):
        token = match.group(0)
        return blank(token) if strings_too or token.startswith(("//", "/*")) else token
    return TOKEN.sub(replace, text)


class Source:
    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.module = self.path.split("/")[0]
        text = path.read_text(encoding="utf-8", errors="replace")
        self.length = text.count("\n") + (0 if text.endswith("\n") or not text else 1)
        self.code_lines = without_comments(text).split("\n")
        self.bare_lines = without_comments(text, strings_too=True).split("\n")
        self.ours, self.foreign = [], []  # (line number, included path)
        for number, line in enumerate(self.code_lines, 1):
            match = INCLUDE.match(line)
            if match and match.group(1) is not None:
                self.ours.append((number, match.group(1)))
            elif match:
                self.foreign.append((number, match.group(2)))

    @property
    def is_module(self):
        return self.module in MODULES


def permitted(including_module, included):
    if included.startswith(including_module + "/"):
        return True
    return any(included == place or included.startswith(place + "/")
               for place in ALLOWED[including_module])


class Tree:
    def __init__(self, root, pure, pure_once_written=()):
        self.root = pathlib.Path(root)
        self.pure = [(name, True) for name in pure] + [(name, False) for name in pure_once_written]
        self.sources = {}
        self.violations = []
        self.notes = []
        for folder in MODULES + TEST_FOLDERS:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in (".h", ".cc") and path.is_file():
                    source = Source(self.root, path)
                    self.sources[source.path] = source

    def violation(self, source, number, what):
        self.violations.append(f"{source.path}:{number}: {what}")

    def check(self):
        for source in self.sources.values():
            self.check_includes(source)
            self.check_libraries(source)
            self.check_engine_names(source)
            self.check_size(source)
        self.check_pure_files()
        return self.violations

    def check_includes(self, source):
        for number, included in source.ours:
            top = included.split("/")[0]
            if "/" not in included or top in (".", "..") or "/../" in included:
                self.violation(source, number, f'"{included}" is not written from the root')
            elif top not in MODULES + TEST_FOLDERS:
                self.violation(source, number, f'"{included}" is not of this tree: use <>')
            elif included not in self.sources and included not in GENERATED:
                self.violation(source, number, f'"{included}" does not exist')
            elif source.is_module and top in TEST_FOLDERS:
                self.violation(source, number, f"{source.module}/ must not include {included}")
            elif source.is_module and not permitted(source.module, included):
                self.violation(source, number, f"{source.module}/ must not include {included}")
        for number, included in source.foreign:
            if included.split("/")[0] in MODULES and included in self.sources:
                self.violation(source, number, f'<{included}> is ours: write "{included}"')

    def check_libraries(self, source):
        if not source.is_module:
            return
        for number, line in enumerate(source.code_lines, 1):
            if source.path != "base/child_process.cc":
                if re.search(r"boost\s*(/|::)\s*process\b", line):
                    self.violation(source, number, "only base/child_process.cc names Boost.Process")
            if source.module != "supervisor" and re.search(r"\bspdlog\b", line):
                self.violation(source, number, "only supervisor/ logs (spdlog)")

    def check_engine_names(self, source):
        if not source.is_module or source.path.startswith("supervisor/engine/"):
            return
        includes = {number: path for number, path in source.ours + source.foreign}
        for number, line in enumerate(source.bare_lines, 1):
            words = IDENTIFIER.findall(line) + re.split(r"\W+", includes.get(number, ""))
            for word in words:
                if ENGINE_WORD.search(word):
                    self.violation(source, number,
                                   f'"{word}": only supervisor/engine/ knows engines by name')

    def check_pure_files(self):
        for name, required in self.pure:
            found = [self.sources[name + suffix] for suffix in (".h", ".cc")
                     if name + suffix in self.sources]
            if required and not found:
                self.violations.append(f"{name}: listed as pure, but there is no such file")
            for source in found:
                self.check_pure(source)

    def check_pure(self, source):
        for number, included in source.foreign:
            if PURE_FORBIDDEN_HEADERS.match(included):
                self.violation(source, number, f"a pure file must not include <{included}>")
        for number, line in enumerate(source.bare_lines, 1):
            if CLOCK_READ.search(line):
                self.violation(source, number, "a pure file must not read a clock")
        for number, included in source.ours:
            chain = self.way_to_asio(included, {source.path})
            if chain:
                self.violation(source, number, "a pure file includes Asio: " + " -> ".join(chain))

    def way_to_asio(self, path, seen):
        """The chain of headers from `path` to an Asio header, or None."""
        source = self.sources.get(path)
        if source is None or path in seen:
            return None
        seen.add(path)
        for _, included in source.foreign:
            if included.startswith("boost/asio"):
                return [path, f"<{included}>"]
        for _, included in source.ours:
            chain = self.way_to_asio(included, seen)
            if chain:
                return [path] + chain
        return None

    def check_size(self, source):
        kind = "header" if source.path.endswith(".h") else "source"
        if source.module in TEST_FOLDERS:
            kind = "test"
        aim, refused = LIMITS[kind]
        if source.length > refused:
            self.violation(source, source.length, f"a {kind} of more than {refused} lines")
        elif source.length > aim:
            self.notes.append(f"{source.path}: {source.length} lines; a {kind} aims at {aim}")


class WholeTree(unittest.TestCase):
    root = pathlib.Path(__file__).resolve().parents[2]

    def test_keeps_the_directions_of_dependence(self):
        tree = Tree(self.root, PURE, PURE_ONCE_WRITTEN)
        self.assertIn("base/result.h", tree.sources, "this is not the tree's root")
        violations = tree.check()
        for note in tree.notes:
            print("note:", note)
        self.assertEqual(violations, [], "\n" + "\n".join(violations))


class TheChecksThemselves(unittest.TestCase):
    """Each rule, broken once."""

    GOOD = {
        "base/a.h": "// spdlog, Docker and boost::process are only talked about\nint a();\n",
        "base/child_process.cc": '#include <boost/process/v2/process.hpp>\n#include "base/a.h"\n',
        "target/t.h": '#include "base/a.h"\n',
        "target/mux/frame.h": '#include "base/a.h"\n',
        "detect/proc_net_tcp.h": '#include "target/t.h"\n',
        "detect/other.h": "",
        "registry/r.h": '#include "base/a.h"\n',
        "relay/y.h": '#include "target/t.h"\n',
        "agent/g.cc": '#include "target/mux/frame.h"\n#include "detect/proc_net_tcp.h"\n',
        "supervisor/engine/docker.cc": '#include <spdlog/spdlog.h>\nstruct DockerEngine {};\n',
        "supervisor/daemon/d.cc": '#include "relay/y.h"\n#include "registry/r.h"\n'
                                  'const char* help = "--engine docker";  // podman too\n',
        "tests/unit/x_test.cc": '#include "detect/other.h"\n#include "registry/r.h"\n',
    }

    def violations(self, changes, pure=()):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**self.GOOD, **changes}.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return Tree(folder, pure).check()

    def assert_broken(self, name, text, words, pure=()):
        found = self.violations({name: text}, pure)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(name), found)
        self.assertIn(words, found[0])

    def test_a_good_tree_passes(self):
        self.assertEqual(self.violations({}, ["base/a", "detect/proc_net_tcp"]), [])

    def test_every_forbidden_arrow_is_found(self):
        header = {"base": "base/a.h", "target": "target/t.h", "detect": "detect/other.h",
                  "relay": "relay/y.h", "registry": "registry/r.h", "agent": "agent/h.h",
                  "supervisor": "supervisor/s.h"}
        new = {"agent/h.h": "", "supervisor/s.h": ""}
        for module in MODULES:
            for other in MODULES:
                text = f'#include "{header[other]}"\n'
                found = self.violations({**new, f"{module}/new.cc": text})
                good = other == module or other in ALLOWED[module]
                self.assertEqual(len(found), 0 if good else 1, f"{module} -> {other}: {found}")

    def test_the_agent_may_not_include_all_of_detect_or_target(self):
        self.assert_broken("agent/new.cc", '#include "detect/other.h"\n', "must not include")
        self.assert_broken("agent/new.cc", '#include "target/t.h"\n', "must not include")

    def test_modules_may_not_include_tests(self):
        found = self.violations({"base/n.cc": '#include "tests/support/s.h"\n',
                                 "tests/support/s.h": ""})
        self.assertEqual(len(found), 1, found)

    def test_includes_are_written_from_the_root(self):
        self.assert_broken("base/n.cc", '#include "a.h"\n', "not written from the root")
        self.assert_broken("target/n.cc", '#include "../base/a.h"\n', "not written from the root")
        self.assert_broken("base/n.cc", '  #  include "base/nowhere.h"\n', "does not exist")
        self.assert_broken("base/n.cc", '#include "gtest/gtest.h"\n', "use <>")
        self.assert_broken("base/n.cc", '#include <base/a.h>\n', "is ours")
        self.assert_broken("tests/unit/n.cc", '#include "../support/s.h"\n', "from the root")

    def test_an_include_in_a_comment_does_not_count(self):
        text = '// #include "relay/y.h"\n/*\n#include "relay/y.h"\n*/\n'
        self.assertEqual(self.violations({"base/n.cc": text}), [])

    def test_boost_process_is_named_in_one_file(self):
        for text in ("#include <boost/process/v2/process.hpp>\n",
                     "namespace bp = boost::process::v2;\n"):
            self.assert_broken("base/n.cc", text, "Boost.Process")
            self.assert_broken("supervisor/daemon/n.cc", text, "Boost.Process")

    def test_only_the_supervisor_logs(self):
        self.assert_broken("relay/n.cc", "#include <spdlog/spdlog.h>\n", "logs")
        self.assert_broken("base/n.cc", 'void f() { spdlog::info("x"); }\n', "logs")
        self.assertEqual(self.violations({"supervisor/n.cc": "#include <spdlog/spdlog.h>\n"}), [])

    def test_only_the_engine_folder_knows_engines_by_name(self):
        self.assert_broken("relay/n.cc", "struct DockerRelay {};\n", "DockerRelay")
        self.assert_broken("supervisor/daemon/n.cc", "bool is_podman = true;\n", "is_podman")
        self.assert_broken("target/n.cc", "enum { kIncus };\n", "kIncus")
        found = self.violations({"supervisor/engine/docker.h": "",
                                 "supervisor/n.cc": '#include "supervisor/engine/docker.h"\n'})
        self.assertEqual(len(found), 1, found)

    def test_pure_files_are_pure(self):
        pure = ["detect/p"]
        self.assert_broken("detect/p.cc", "#include <boost/asio/io_context.hpp>\n", "pure", pure)
        self.assert_broken("detect/p.h", "#include <fstream>\n", "pure", pure)
        self.assert_broken("detect/p.cc", "auto t = base::steady_now();\n", "clock", pure)
        self.assert_broken("detect/p.cc", "auto t = std::chrono::steady_clock::now();\n", "clock",
                           pure)
        found = self.violations({"detect/p.h": '#include "base/b.h"\n',
                                 "base/b.h": '#include "base/c.h"\n',
                                 "base/c.h": "#include <boost/asio/ip/tcp.hpp>\n"}, pure)
        self.assertEqual(len(found), 1, found)
        self.assertIn("base/b.h -> base/c.h -> <boost/asio/ip/tcp.hpp>", found[0])

    def test_a_pure_file_that_is_gone_is_reported(self):
        found = self.violations({}, ["detect/renamed"])
        self.assertEqual(len(found), 1, found)
        self.assertIn("no such file", found[0])

    def test_files_that_grow_too_long_are_refused(self):
        self.assert_broken("base/n.cc", "int a;\n" * 501, "more than 500 lines")
        self.assert_broken("tests/unit/n_test.cc", "int a;\n" * 701, "more than 700 lines")
        self.assertEqual(self.violations({"base/n.cc": "int a;\n" * 450}), [])

    def test_strings_and_comments_are_told_from_code(self):
        text = 'a "// no comment" b // docker\nc /* d\ne */ f \'"\' g R"(h " i)" j 1\'000\n'
        self.assertEqual(without_comments(text).split(),
                         ['a', '"//', 'no', 'comment"', 'b', 'c', 'f', "'\"'", 'g', 'R"(h', '"',
                          'i)"', 'j', "1'000"])
        self.assertEqual(without_comments(text, True).split(),
                         ["a", "b", "c", "f", "g", "j", "1'000"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=WholeTree.root)
    arguments, rest = parser.parse_known_args()
    WholeTree.root = arguments.root.resolve()
    sys.stdout.reconfigure(line_buffering=True)
    unittest.main(argv=[sys.argv[0]] + rest)
