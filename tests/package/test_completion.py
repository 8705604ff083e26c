"""Completion, asked through the real shells, and what the program itself answers."""

import os
import shutil
import subprocess

from harness import Case
from network import free_port
from processes import program, wait_for

BASH = r"""
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_fairlead
printf '%s\n' "${COMPREPLY[@]}"
"""


class CompletionCase(Case):
    needs_docker = False

    def setUp(self):
        super().setUp()
        # The scripts ask the program on PATH.
        folder = self.root / "bin"
        folder.mkdir()
        (folder / "fairlead").symlink_to(program())
        self.env["PATH"] = f"{folder}:{os.environ['PATH']}"
        self.env["HOME"] = str(self.root)
        self.env["DOCKER_HOST"] = f"unix://{self.root}/nothing"

    def script(self, shell):
        path = self.root / f"completion.{shell}"
        path.write_text(self.fairlead("completion", shell).out)
        return path

    def shell(self, name):
        path = shutil.which(name)
        if not path:
            self.fail(f"{name} is not installed (tools/install-packages.sh test)")
        return path

    def bash(self, *words):
        argv = [self.shell("bash"), "--norc", "-c", BASH, "bash", self.script("bash"), *words]
        return self.call(argv).out.split()

    def fish(self, line):
        script = self.script("fish")
        code = f"source {script}; complete -C '{line}'"
        out = self.call([self.shell("fish"), "--no-config", "-c", code]).out
        return dict((row.split("\t") + [""])[:2] for row in out.splitlines())

    def ask(self, *words, **options):
        result = self.fairlead("__complete", *words, **options)
        self.assertEqual(result.err, "")
        return result.out.splitlines()

    def commands(self):
        """From the program's own help."""
        listed = self.fairlead("--help").out.split("Subcommands:")[1].splitlines()
        return [row.split()[0] for row in listed if row.startswith("  ") and row[2] != " "]


class Bash(CompletionCase):
    def test_offers_every_command_of_the_help_and_no_hidden_one(self):
        self.assertEqual(sorted(self.bash("fairlead", "")), sorted(self.commands()))
        self.assertEqual(self.bash("fairlead", "dow"), ["down"])
        self.assertEqual(self.bash("fairlead", "__"), [])

    def test_offers_flags_of_the_command_and_their_fixed_values(self):
        self.assertEqual(self.bash("fairlead", "up", "--auto"), ["--auto-forward"])
        self.assertNotIn("--follow", self.bash("fairlead", "up", "--"))
        values = ["auto", "docker", "podman", "incus"]
        self.assertEqual(self.bash("fairlead", "up", "--engine", ""), values)
        self.assertEqual(self.bash("fairlead", "up", "--engine", "=", "po"), ["podman"])
        self.assertEqual(self.bash("fairlead", "up", "--engine", "="), values)
        self.assertEqual(self.bash("fairlead", "ports", "wait", "--tim"), ["--timeout"])
        self.assertEqual(self.bash("fairlead", "ports", "wait", "--container"), ["--container-id"])

    def test_offers_files_and_folders_where_they_belong(self):
        (self.root / "some folder").mkdir()
        (self.root / "some file").write_text("")
        begin = str(self.root / "some")
        config = self.bash("fairlead", "up", "--config", begin)
        self.assertEqual(len(config), 4, config)  # two names of two words
        folders = self.bash("fairlead", "up", "--workspace-folder", begin)
        self.assertEqual(folders, [begin, "folder"])

    def test_leaves_the_words_of_a_run_command_alone(self):
        self.assertEqual(self.bash("fairlead", "run", "--", "x", "--auto"), [])
        self.assertEqual(self.bash("fairlead", "run", "x", "--na"), [])
        self.assertEqual(self.bash("fairlead", "run", "--na"), ["--name"])


class OtherShells(CompletionCase):
    def test_fish_offers_commands_flags_and_values_with_their_help(self):
        found = self.fish("fairlead ")
        self.assertEqual(sorted(found), sorted(self.commands()))
        self.assertIn("container", found["up"])
        self.assertEqual(list(self.fish("fairlead up --auto-f")), ["--auto-forward"])
        self.assertEqual(set(self.fish("fairlead completion ")), {"bash", "zsh", "fish"})
        self.assertEqual(list(self.fish("fairlead up --engine=po")), ["--engine=podman"])

    def test_zsh_takes_the_script_and_registers_it(self):
        script = self.script("zsh")
        zsh = self.shell("zsh")
        self.call([zsh, "-f", "-n", script])
        code = 'autoload -Uz compinit; compinit -D -u; source "$1"; print -r -- $_comps[fairlead]'
        self.assertEqual(self.call([zsh, "-f", "-c", code, "zsh", script]).out, "_fairlead\n")

    def test_zsh_hands_over_what_the_program_answers(self):
        """The function itself, with the two functions of the completion system that it calls."""
        code = (
            'compdef() { :; }; _describe() { print -rl -- "${(@P)4}"; }\n'
            'source "$1"; shift; words=("$@"); CURRENT=$#; _fairlead'
        )
        argv = [self.shell("zsh"), "-f", "-c", code, "zsh", self.script("zsh")]
        rows = self.call([*argv, "fairlead", ""]).out.splitlines()
        self.assertEqual(sorted(r.split(":")[0] for r in rows), sorted(self.commands()))
        self.assertEqual(self.call([*argv, "fairlead", "up", "--engine", "po"]).out, "podman\n")

    def test_an_unknown_shell_is_a_usage_error(self):
        result = self.fairlead("completion", "tcsh", check=False)
        self.assertEqual((result.rc, result.out), (2, ""))


class Live(CompletionCase):
    def run_site(self, name, port):
        argv = [program(), "run", "--quiet", "--name", name, "--", "python3", "-m", "http.server"]
        self.spawn([*argv, "--bind", "127.0.0.1", str(port)], cwd=self.root)
        self.fairlead("ports", "wait", str(port), "--container-id", name)

    def test_names_and_ports_of_what_runs_are_offered(self):
        port = free_port()
        name = f"{self.mark}-site"
        self.run_site(name, port)
        self.assertEqual(self.ask("supervised"), [name])
        self.assertEqual(self.ask("containers"), [name])
        self.assertEqual(self.ask("ports"), [str(port)])
        self.assertEqual(self.bash("fairlead", "forward", self.mark), [name])
        self.assertEqual(self.bash("fairlead", "logs", "--container-id", ""), [name])
        self.assertEqual(self.bash("fairlead", "ports", "wait", str(port)[:2]), [str(port)])
        self.assertEqual(list(self.fish("fairlead ports wait ")), [str(port)])
        self.fairlead("down", "--container-id", name)
        wait_for(lambda: self.ask("supervised") == [], "nothing is offered")

    def test_names_that_a_shell_could_misread_are_never_offered(self):
        name = self.mark
        self.run_site(name, free_port())
        marker = next((self.state / "supervisors").glob("[0-9a-f]*.json"))
        text = marker.read_text()
        for evil in ("$(touch x)", "a b", "`id`", "x;y", "\\u001b[31m", "\\u00e4", "-rf"):
            marker.write_text(text.replace(f'"{name}"', f'"{evil}"'))
            self.assertEqual(self.ask("supervised"), [], evil)
        marker.write_text(text)
        self.fairlead("down", "--container-id", name)

    def test_nothing_is_said_where_nothing_can_be_asked(self):
        for kind in ("containers", "supervised", "ports"):
            self.assertEqual(self.ask(kind), [])
        self.env["FAIRLEAD_STATE_DIR"] = "/proc/nowhere"
        self.assertEqual(self.ask("ports"), [])
        self.assertFalse(self.state.exists())


class LiveContainers(CompletionCase):
    needs_docker = True

    def test_running_containers_of_the_engine_are_offered(self):
        del self.env["DOCKER_HOST"]
        self.env.update({k: v for k, v in os.environ.items() if k == "DOCKER_HOST"})
        name = f"{self.mark}-box"
        stopped = f"{self.mark}-created"
        for words in (["run", "-d", "--name", name], ["create", "--name", stopped]):
            subprocess.run(
                ["docker", *words, "--label", f"fairlead-e2e={self.mark}", "fairlead-test:plain"]
                + ["/bin/portd", "idle"],
                check=True,
                capture_output=True,
                timeout=60,
            )
        self.assertEqual(self.bash("fairlead", "forward", self.mark), [name])
        self.assertIn(name, self.ask("containers"))
        self.assertNotIn(stopped, self.ask("containers"))
