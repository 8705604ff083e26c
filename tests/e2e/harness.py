"""What every end-to-end test stands on: processes, waiting, workspaces, containers, clients.

Each test gets a directory of its own with a state directory inside; everything that a test leaves
behind (supervisors, containers, networks) is found again by that directory's name and removed.
Waiting is always a bounded poll for a condition.

Environment: FAIRLEAD_BIN (the program), FAIRLEAD_BIN_NEXT (the same with a higher version number),
FAIRLEAD_PORTD (the test server), FAIRLEAD_REQUIRE (comma-separated; `docker`: a skip is a failure),
FAIRLEAD_E2E_QUICK (smaller volumes).
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from network import HostServer, Remote, try_fetch
from processes import (
    Result,
    alive,
    command_line,
    docker,
    docker_missing,
    program,
    run,
    supervisors_of,
    wait_for,
)

PLAIN = "fairlead-test:plain"
DISTROLESS = "fairlead-test:distroless"
QUICK = bool(os.environ.get("FAIRLEAD_E2E_QUICK"))
REQUIRED = os.environ.get("FAIRLEAD_REQUIRE", "").split(",")
LABEL = "fairlead-e2e"


# --- workspaces ---------------------------------------------------------------------------------


class Up(Result):
    """The end of `up`, with its JSON line taken apart."""

    def __init__(self, result):
        super().__init__(result.argv, result.rc, result.out, result.err)
        lines = result.out.splitlines()
        if len(lines) != 1:
            raise AssertionError(f"not one line on stdout: {result}")
        try:
            self.json = json.loads(lines[0])
        except ValueError:
            raise AssertionError(f"no JSON on stdout: {result}") from None
        self.id = self.json.get("containerId")

    def line_for(self, port):
        """The line on stderr that speaks of this container port."""
        for line in self.err.splitlines():
            if f"container {port} " in line or f"container {port}:" in line:
                return line
        raise AssertionError(f"nothing about container port {port} in {self}")


class Workspace:
    """A folder with a devcontainer.json, and the container made from it."""

    def __init__(self, case, config, name, plain_file=".devcontainer/devcontainer.json"):
        self.case = case
        self.folder = case.root / name
        self.file = self.folder / plain_file
        self.file.parent.mkdir(parents=True)
        self.config = {"image": PLAIN, **config}
        self.config["runArgs"] = [
            *self.config.get("runArgs", []),
            "--label",
            f"{LABEL}={case.mark}",
        ]
        self.id = None
        self._remote = None
        self.write()

    def write(self, **changes):
        self.config.update(changes)
        self.file.write_text(json.dumps(self.config, indent=2))

    def command(self, *words, binary=None):
        return [binary or program(), words[0], "--workspace-folder", str(self.folder), *words[1:]]

    def up(self, *words, auto=True, binary=None, check=True, timeout=180, **options):
        flags = ["--auto-forward"] if auto else []
        argv = self.command("up", *flags, *words, binary=binary)
        result = Up(self.case.call(argv, timeout=timeout, check=check, **options))
        if result.rc == 0:
            if result.json.get("outcome") != "success" or not result.id:
                raise AssertionError(f"exit 0 without success: {result}")
            self.id = result.id
            self.inner_folder = result.json.get("remoteWorkspaceFolder")
        return result

    def down(self, *words, **options):
        return self.case.call(self.command("down", *words), **options)

    def forwards(self):
        listing = self.case.call(self.command("ports", "--json"), timeout=40)
        return json.loads(listing.out)["forwards"]

    def forward_of(self, port, **wanted):
        for forward in self.forwards():
            if forward["containerPort"] == port and all(
                forward.get(key) == value for key, value in wanted.items()
            ):
                return forward
        return None

    def port(self, port, timeout=30, state="forwarding"):
        """Waits until a container port is in that state and returns its host port."""
        forward = wait_for(
            lambda: self.forward_of(port, state=state),
            lambda: f"container port {port} {state}, but {json.dumps(self.forwards())}",
            timeout,
            0.05,
        )
        return forward["hostPort"]

    def gone(self, port, timeout=30):
        wait_for(
            lambda: self.forward_of(port) is None,
            lambda: f"no forward of container port {port}: {self.forward_of(port)}",
            timeout,
            0.05,
        )

    def exec(self, *words, **options):
        return docker("exec", self.id, *words, **options)

    def start(self, *words):
        """Starts a portd in the container; returns at once."""
        docker("exec", "-d", self.id, "/bin/portd", *map(str, words))

    def listening(self, port, table="tcp"):
        """Whether anything listens on the port in the container, by its own procfs."""
        rows = (line.split() for line in self.exec("cat", f"/proc/net/{table}").out.splitlines())
        return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)

    def serve(self, port, text="hello", address="127.0.0.1"):
        """Starts an HTTP server in the container and returns its host port, once it answers."""
        self.start("http", address, port, text)
        return self.answering(port, text)

    def answering(self, port, text="hello", timeout=30):
        host_port = self.port(port, timeout)
        wait_for(lambda: try_fetch(host_port) == text, f"{text!r} from host port {host_port}")
        return host_port

    def remote(self):
        if self._remote is None:
            name = "control.sock"
            self._remote = Remote(self.id, self.folder / name, f"{self.inner_folder}/{name}")
            self.case.addCleanup(self._remote.close)
        return self._remote

    def marker_path(self):
        return self.case.state / "supervisors" / f"{self.id[:12]}.json"

    def marker(self):
        return json.loads(self.marker_path().read_text())

    def supervisor(self):
        """The pid of the one living supervisor of this workspace's container."""
        pid = self.marker()["pid"]
        if not alive(pid) or "__supervise" not in command_line(pid):
            raise AssertionError(f"the marker names pid {pid}, which is no supervisor")
        return pid

    def log(self):
        path = self.case.state / "logs" / f"{self.id[:12]}.log"
        return path.read_text(errors="replace") if path.exists() else ""


class OverTime(Exception):
    """The test ran longer than its limit; not an AssertionError, so no helper swallows it."""


class Case(unittest.TestCase):
    """A test with a root directory, a state directory and everything swept afterwards."""

    limit = 180  # seconds for one test
    alone = False  # whether other tests would disturb it, or be disturbed
    needs_docker = True

    def setUp(self):
        if self.needs_docker:
            reason = docker_missing()
            if reason:
                self.unavailable(reason)
        self.figures = []
        self.root = Path(tempfile.mkdtemp(prefix="fl-"))
        self.mark = self.root.name
        self.state = self.root / "state"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "FAIRLEAD_"))}
        self.env.update(FAIRLEAD_STATE_DIR=str(self.state), FAIRLEAD_BROWSER="none")
        self.addCleanup(self._sweep)
        signal.signal(signal.SIGALRM, self._over_time)
        signal.alarm(self.limit)
        self.addCleanup(signal.alarm, 0)

    def _over_time(self, *_):
        raise OverTime(f"the test took more than {self.limit} s")

    def unavailable(self, reason):
        if "docker" in REQUIRED:
            self.fail(f"required, but: {reason}")
        self.skipTest(reason)

    def report(self, text):
        """Notes a measured figure, which the runner prints; it never decides anything."""
        self.figures.append(text)

    def call(self, argv, **options):
        """Runs a command in the test's own world and waits for its end."""
        options.setdefault("env", self.env)
        return run(argv, **options)

    def fairlead(self, *words, **options):
        return self.call([program(), *words], **options)

    def spawn(self, argv, **options):
        options.setdefault("env", self.env)
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            **options,
        )
        self.addCleanup(self._reap, process)
        return process

    def _reap(self, process):
        process.kill()
        for pipe in (process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()
        process.wait(10)

    def workspace(self, name="work", **config):
        return Workspace(self, config, name)

    def container(self, *words, image=PLAIN, options=()):
        """Starts a container that is not of our program's making; returns its id."""
        label = f"{LABEL}={self.mark}"
        return docker("run", "-d", "--label", label, *options, image, *words).out.strip()

    def network(self, more=""):
        label = f"{LABEL}={self.mark}"
        docker("network", "create", "--label", label, self.mark + more)
        return self.mark + more

    def server(self, *words):
        server = HostServer(*words)
        self.addCleanup(server.close)
        return server

    def all_forwards(self):
        return json.loads(self.fairlead("ports", "--json", timeout=40).out)["forwards"]

    def supervisors(self):
        return supervisors_of(self.state)

    def containers(self):
        words = ("ps", "-aq", "--no-trunc", "--filter", f"label={LABEL}={self.mark}")
        return docker(*words).out.split()

    def _sweep(self):
        for folder in {self.root, self.state}:
            for pid in supervisors_of(folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.needs_docker:
            found = self.containers()
            if found:
                docker("rm", "-f", "-v", *found, check=False)
            mine = f"label={LABEL}={self.mark}"
            for network in docker("network", "ls", "-q", "--filter", mine).out.split():
                docker("network", "rm", network, check=False)
        shutil.rmtree(self.root, ignore_errors=True)
