"""The bench's own world: temporary directory, container, started processes; all of it goes again."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness import image, procs

ROOT = Path(__file__).resolve().parents[2]


class Unavailable(Exception):
    """A path or a measure cannot be had here; the text says why."""


@dataclass(frozen=True)
class Ports:
    web: int
    bulk: int
    echo: int

    def __iter__(self):
        return iter((self.web, self.bulk, self.echo))


_given = set()


def free_port():
    """A port free on every IPv4 address, below the ephemeral range, given out once."""
    while True:
        port = random.randint(10240, 31000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        _given.add(port)
        return port


def wait_until(condition, what, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Unavailable(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def answers(host, port):
    """Whether a connection comes about."""
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        return False
    return True


def output_of(*words, timeout=60):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        told = next((line for line in said if "rror" in line), said[-1])
        raise Unavailable(f"{words[0]} {words[1]}: {told}")
    return done.stdout.strip()


def program(name):
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{name} is not installed")
    return found


def package_version(package):
    try:
        return output_of("dpkg-query", "-W", "-f", "${Version}", package)
    except (OSError, Unavailable):
        return "?"


ORDINARY = 54321  # a user id that nobody has


class World:
    """Enter it, start things, leave it: what was started ends, newest first."""

    def __init__(self, build):
        self.build = Path(build)
        self.fairlead = os.environ.get("FAIRLEAD_BIN") or str(self.build / "fairlead")
        self.portd = self.build / "tests/portd"
        self.drive = self.build / "bench/drive"
        self.stack = contextlib.ExitStack()
        self.containers = []
        self.image = None

    def __enter__(self):
        for path in (self.fairlead, self.portd, self.drive):
            if not os.access(path, os.X_OK):
                raise SystemExit(f"{path} is missing: build the preset `bench` first")
        for signal_number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_number, self._interrupt)
        self.work = Path(tempfile.mkdtemp(prefix="fairlead-bench-"))
        self.stack.callback(shutil.rmtree, self.work, ignore_errors=True)
        self.stack.callback(self._remove_containers)
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not cut the cleaning short.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.stack.close()
        finally:
            signal.signal(signal.SIGINT, before)

    @staticmethod
    def _interrupt(*_):
        raise KeyboardInterrupt

    def folder(self, name):
        path = self.work / name
        path.mkdir(parents=True, mode=0o700)
        return path

    def spawn(self, name, argv, **options):
        """Starts a process in a group of its own that ends with the world; output goes to a log."""
        log = self.work / f"{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                start_new_session=True, preexec_fn=procs.die_with_parent, **options,
            )
        self.stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process):
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            # The group is ours as long as its leader has not been waited for.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal_number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)

    def log(self, name):
        path = self.work / f"{name}.log"
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        return lines[-1] if lines else "no output"

    def wait_listening(self, name, process, port, seconds=10.0):
        """Until the host port answers; Unavailable with the log's last line otherwise."""
        def ready():
            if process.poll() is not None:
                raise Unavailable(f"{name} ended: {self.log(name)}")
            return answers("127.0.0.1", port)
        wait_until(ready, f"{name} on port {port} ({self.log(name)})", seconds)

    def make_image(self, services):
        self.image = f"fairlead-bench:{self.work.name}"
        image.make(self.folder("tree"), self.portd, services, self.image)

    def run_container(self, suffix, command, options=()):
        """Starts a container that goes with the world. Returns its name."""
        name = f"{self.work.name}-{suffix}"
        self.containers.append(name)
        output_of("docker", "run", "-d", "--name", name, *options, self.image, *command)
        return name

    def _remove_containers(self):
        if self.containers:
            subprocess.run(["docker", "rm", "-f", "-v", *self.containers], capture_output=True,
                           timeout=600)
        if self.image:
            subprocess.run(["docker", "image", "rm", self.image], capture_output=True, timeout=60)

    def name_namespace(self, pid):
        """A name under /run/netns for the process' network namespace, as long as the world lasts."""
        named = Path("/run/netns") / f"{self.work.name}-{pid}"
        if not named.exists():
            named.parent.mkdir(exist_ok=True)
            named.touch()
            self.stack.callback(named.unlink)
            output_of("mount", "--bind", f"/proc/{pid}/ns/net", named)
            self.stack.callback(output_of, "umount", named)
        return named

    @staticmethod
    def inspect(name, form):
        return output_of("docker", "inspect", "-f", form, name)

    def _ordinary(self, state):
        """The words by which a user of the engine's group, who may nothing else, runs a program."""
        path = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        group = os.stat(path).st_gid
        self.work.chmod(0o711)
        os.chown(state, ORDINARY, group)
        return ["setpriv", f"--reuid={ORDINARY}", f"--regid={group}", "--clear-groups"]

    def forward(self, state, container, *words, ordinary=False, within=()):
        """Starts a fairlead supervisor with a state directory of its own, by the command `within` if
        there is one. Returns its pid."""
        environment = {**os.environ, "FAIRLEAD_STATE_DIR": str(state)}
        argv = [*within, self.fairlead, "forward", container]
        if ordinary:
            argv = [*self._ordinary(state), *argv]
            environment["HOME"] = str(state)
        self.stack.callback(subprocess.run, [*argv, "--stop"], env=environment,
                            capture_output=True, timeout=60)
        done = subprocess.run([*argv, *map(str, words)], env=environment, capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Unavailable(done.stderr.strip().splitlines()[0] if done.stderr else "failed")
        return supervisor_pid(state)


def supervisor_pid(state):
    markers = list(Path(state).glob("supervisors/*.json"))
    if len(markers) != 1:
        raise Unavailable(f"{len(markers)} supervisors in {state}")
    return json.loads(markers[0].read_text())["pid"]
