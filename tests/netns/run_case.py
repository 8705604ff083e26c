"""What the tests of `fairlead run` stand on: an ordinary user, a program that this user can reach,
commands in namespaces, and a look at what they leave behind."""

import json
import os
import random
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from harness import REQUIRED, Case
from network import refuses, try_fetch
from processes import belongs_to, command_line, pids, portd, program, run, wait_for

NOBODY = 65534
PYTHON = "/usr/bin/python3"  # one that every user can execute
AS_ROOT = os.geteuid() == 0

_programs = None


def programs():
    """Copies of the program and of the test server where every user may execute them."""
    global _programs
    if _programs is None:
        folder = tempfile.TemporaryDirectory(prefix="fl-bin-")
        os.chmod(folder.name, 0o755)
        for source, name in ((program(), "fairlead"), (portd(), "portd")):
            target = Path(folder.name) / name
            shutil.copy(source, target)
            os.chmod(target, 0o755)
        _programs = folder
    return Path(_programs.name)


def ordinary_user():
    """What puts a command into the hands of an ordinary user."""
    if not AS_ROOT:
        return []
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class RunCase(Case):
    """Everything is done as an ordinary user; as_root = True: as whoever runs the tests."""

    needs_docker = False
    as_root = False
    limit = 120

    def setUp(self):
        super().setUp()
        self.prefix = [] if self.as_root else ordinary_user()
        self.binary = programs() / "fairlead"
        self.portd = programs() / "portd"
        self.env.update(HOME=str(self.root), DOCKER_HOST=f"unix://{self.root}/no-engine.sock")
        if self.prefix:
            os.chown(self.root, NOBODY, NOBODY)
        allowed = run([*self.prefix, "unshare", "--user", "--net", "true"], check=False)
        if allowed.rc != 0:
            if "native" in REQUIRED:
                self.fail(f"required, but: {allowed}")
            self.skipTest(f"no namespaces for this user: {allowed.err.strip()}")

    # --- starting ---

    def words(self, *words, flags=()):
        return [*self.prefix, str(self.binary), "run", *map(str, flags), "--", *map(str, words)]

    def fairlead(self, *words, **options):
        return self.call([*self.prefix, self.binary, *words], **options)

    def run_to_end(self, *words, flags=(), **options):
        return self.call(self.words(*words, flags=flags), check=False, **options)

    def start(self, *words, flags=(), **options):
        """`fairlead run` as a Popen, whose pid is the program's own; stdin is a pipe."""
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        process = subprocess.Popen(
            self.words(*words, flags=flags), env=self.env, cwd=self.root, **options
        )
        self.addCleanup(self._end, process)
        return process

    def _end(self, process):
        """Politely first: a killed run leaves the tidying to its supervisor, which goes next."""
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()
        process.wait(10)

    def shell(self, script, flags=(), **options):
        return self.start("sh", "-c", script.replace("PORTD", str(self.portd)), flags=flags, **options)

    def http(self, port, text, address="127.0.0.1", flags=()):
        """A run whose command is a server; gives it once its command has begun."""
        process = self.start(self.portd, "http", address, port, text, flags=flags)
        self.assertTrue(process.stdout.readline().startswith(b"listening"))
        return process

    # --- looking ---

    def forwards(self, name=None):
        found = json.loads(self.fairlead("ports", "--json", timeout=20, check=False).out)["forwards"]
        return [f for f in found if name is None or f["containerName"] == name]

    def host_port(self, port, name=None, state="forwarding"):
        """The host port of a port in there, once it has one."""

        def look():
            found = [f for f in self.forwards(name) if (f["containerPort"], f["state"]) == (port, state)]
            return found[0]["hostPort"] if found else None

        return wait_for(look, lambda: f"port {port} {state}; {self.forwards()}", 15, 0.05)

    def answers(self, host_port, text, host="127.0.0.1"):
        wait_for(lambda: try_fetch(host_port, host) == text, f"{text!r} from {host}:{host_port}")

    def marker(self, name):
        for path in (self.state / "supervisors").glob("*.json"):
            marker = json.loads(path.read_text())
            if marker["container_name"] == name:
                return marker
        return None

    def command_pid(self, name):
        """The pid of a run's command, by its supervisor's marker."""
        marker = wait_for(lambda: self.marker(name), f"the marker of {name}")
        return int(marker["engine_endpoint"].split(":")[1])

    def entries(self):
        path = self.state / "forwarded_ports.json"
        return json.loads(path.read_text())["entries"] if path.exists() else []

    def leftovers(self):
        """What there must not be when nothing runs: empty when all is well."""
        found = [str(p) for f in ("supervisors", "logs") for p in (self.state / f).glob("*")]
        return [*found, *map(str, self.supervisors()), *map(str, self.entries())]

    def nothing_is_left(self, *host_ports):
        self.assertEqual(self.leftovers(), [])
        for port in host_ports:
            self.assertTrue(refuses(port), f"host port {port} still answers")

    def in_state(self, *words):
        """Processes with this command line that were started with our state directory."""
        return [p for p in pids() if command_line(p) == list(words) and belongs_to(p, self.state)]

    def data_file(self, size):
        path = self.root / "data"
        path.write_bytes(random.randbytes(size))
        path.chmod(path.stat().st_mode | stat.S_IROTH)
        return path
