"""The manual page: well-formed, and speaking of every command and flag that the help lists."""

import os
import re
import shutil
from pathlib import Path

from harness import Case

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fairlead.1"
SECTIONS = (
    "NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS ENVIRONMENT FILES EXAMPLES SECURITY".split()
    + ["EXIT STATUS", "SEE ALSO"]
)
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z](?=,))")


class Manual(Case):
    needs_docker = False

    def rendered(self):
        if not shutil.which("mandoc"):
            self.fail("mandoc is not installed (tools/install-packages.sh test)")
        text = self.call(["mandoc", "-T", "utf8", "-O", "width=200", PAGE]).out
        return re.sub(".\b", "", text)

    def help_of(self, *command):
        return self.fairlead(*command, "--help").out

    def commands(self, *path):
        """Every command, in depth, as the help names them."""
        parts = self.help_of(*path).split("Subcommands:")
        found = []
        for row in parts[1].splitlines() if len(parts) > 1 else []:
            if row.startswith("  ") and row[2] != " ":
                command = (*path, row.split()[0])
                found += [command, *self.commands(*command)]
        return found

    def test_is_well_formed(self):
        lint = self.call(["mandoc", "-T", "lint", "-W", "warning", PAGE], check=False)
        self.assertEqual((lint.rc, lint.out), (0, ""), lint)

    def test_renders_without_a_warning(self):
        if not shutil.which("man"):
            self.fail("man is not installed (tools/install-packages.sh test)")
        env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
        result = self.call(["man", "--warnings", "-l", "-Tutf8", PAGE], env=env)
        self.assertEqual(result.err, "")
        self.assertIn("fairlead", result.out)

    def test_has_every_section(self):
        lines = self.rendered().splitlines()
        self.assertEqual([s for s in SECTIONS if s not in lines], [])

    def test_speaks_of_every_command_and_flag_of_the_help(self):
        text = self.rendered()
        flags = set(FLAG.findall(text))
        commands = self.commands()
        self.assertGreater(len(commands), 8)
        section = text.split("\nCOMMANDS\n")[1].split("\nOPTIONS\n")[0]
        missing = []
        for command in [(), *commands]:
            words = " ".join(command)
            if command and not re.search(rf"^\s+{words.replace(' ', '.*')}\b", section, re.M):
                missing.append(words)
            options = self.help_of(*command).split("Options:")[-1].split("Subcommands:")[0]
            for row in options.splitlines():
                if row.startswith("  -"):
                    used = set(FLAG.findall(row.split("  ")[1] + " "))
                    missing += [f"{words} {flag}" for flag in sorted(used - flags)]
        self.assertEqual(missing, [])

    def test_speaks_of_no_flag_that_does_not_exist(self):
        known = set()
        for command in [(), *self.commands()]:
            known |= set(FLAG.findall(self.help_of(*command)))
        # Of another program, in an example.
        self.assertEqual(set(FLAG.findall(self.rendered())) - known, set())
