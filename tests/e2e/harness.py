"""What every end-to-end test stands on: processes, waiting, workspaces, containers, clients.

Each test gets a directory of its own with a state directory inside; everything that a test leaves
behind (supervisors, containers, networks) is found again by that directory's name and removed.
Waiting is always a bounded poll for a condition.

Environment: FAIRLEAD_BIN (the program), FAIRLEAD_BIN_NEXT (the same with a higher version number),
FAIRLEAD_PORTD (the test server), FAIRLEAD_REQUIRE (comma-separated; `docker`: a skip is a failure),
FAIRLEAD_E2E_QUICK (smaller volumes).
"""

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PLAIN = "fairlead-test:plain"
DISTROLESS = "fairlead-test:distroless"
QUICK = bool(os.environ.get("FAIRLEAD_E2E_QUICK"))
REQUIRED = os.environ.get("FAIRLEAD_REQUIRE", "").split(",")
LABEL = "fairlead-e2e"


def program(variable="FAIRLEAD_BIN"):
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        raise AssertionError(f"{variable} must name an executable, not {path!r}")
    return os.path.abspath(path)


def portd():
    return program("FAIRLEAD_PORTD")


# --- processes --------------------------------------------------------------------------------


class Result:
    """How a command ended: `rc`, `out`, `err`."""

    def __init__(self, argv, rc, out, err):
        self.argv, self.rc, self.out, self.err = argv, rc, out, err

    def __str__(self):
        words = " ".join(self.argv)
        return f"{words}\n  exit {self.rc}\n  stdout: {self.out!r}\n  stderr: {self.err!r}"


def finish(process, timeout):
    """Waits for a Popen with pipes; one that does not end, or leaves its pipes open, is an error."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        ended = process.poll() is not None
        process.kill()
        for pipe in (process.stdout, process.stderr):
            pipe.close()
        process.wait(10)
        why = "left its output open in another process" if ended else "did not end"
        raise AssertionError(f"{' '.join(process.args)} {why} within {timeout} s") from None
    return Result(process.args, process.returncode, out, err)


def run(argv, timeout=60, check=True, **options):
    process = subprocess.Popen(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        **options,
    )
    result = finish(process, timeout)
    if check and result.rc != 0:
        raise AssertionError(f"failed: {result}")
    return result


def docker(*words, timeout=60, check=True):
    return run(["docker", *words], timeout=timeout, check=check)


def docker_missing():
    """None if a docker daemon answers, else the reason."""
    if not shutil.which("docker"):
        return "docker is not installed"
    try:
        answer = docker("version", "--format", "{{.Server.Version}}", timeout=20, check=False)
    except AssertionError as error:
        return str(error)
    return None if answer.rc == 0 else f"docker does not answer: {answer.err.strip()}"


def read_proc(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on (field 3 of proc(5) is [0]); [] if gone."""
    return read_proc(pid, "stat").rpartition(b")")[2].split()


def alive(pid):
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in (b"Z", b"X")


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(pid):
    return [p for p in pids() if (stat_fields(p) or [b"", b"-1"])[1] == str(pid).encode()]


def command_line(pid):
    return read_proc(pid, "cmdline").rstrip(b"\0").decode(errors="replace").split("\0")


def cpu_seconds(pid):
    fields = stat_fields(pid)
    if not fields:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    for line in read_proc(pid, "smaps_rollup").decode().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    """Descriptor number -> what it points at."""
    links = {}
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                links[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
    return links


def belongs_to(pid, folder):
    """Whether a process works for the state directory, by its arguments, environment or files."""
    name = os.fsencode(str(folder))
    if name in read_proc(pid, "cmdline") or name in read_proc(pid, "environ"):
        return True
    return any(link.startswith(str(folder)) for link in descriptors(pid).values())


def supervisors_of(folder):
    return sorted(
        pid
        for pid in pids()
        if "__supervise" in command_line(pid) and alive(pid) and belongs_to(pid, folder)
    )


# --- waiting ----------------------------------------------------------------------------------


def wait_for(condition, what, timeout=10.0, interval=0.01):
    """Polls until `condition()` is truthy and returns that; `what` is a text or gives one."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            text = what() if callable(what) else what
            raise AssertionError(f"not seen within {timeout} s: {text}")
        time.sleep(interval)


def holds_for(condition, what, seconds, interval=0.02):
    """Polls and fails as soon as `condition()` is falsy: for what must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"did not stay so for {seconds} s: {what}")
        time.sleep(interval)


# --- network ----------------------------------------------------------------------------------

_given = set()


def bindable(port, host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port():
    """A port free on every address of this host, below the ephemeral range, given out once."""
    while True:
        port = random.randint(10240, 31000)
        if port in _given or not bindable(port, "0.0.0.0"):
            continue
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6") and not bindable(port, "::"):
            continue
        _given.add(port)
        return port


def free_ports(count):
    return [free_port() for _ in range(count)]


def connect(port, host="127.0.0.1", timeout=10):
    return socket.create_connection((host, port), timeout)


def read_all(connection):
    parts = []
    while True:
        part = connection.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def fetch(port, host="127.0.0.1", timeout=10):
    """Body of one HTTP answer over a connection of its own; OSError when there is none."""
    with connect(port, host, timeout) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise OSError(f"no answer from port {port}: {head!r}")
    return body.decode()


def try_fetch(port, host="127.0.0.1", timeout=10):
    """Like fetch, but None when there is no answer."""
    try:
        return fetch(port, host, timeout)
    except OSError:
        return None


def refuses(port, host="127.0.0.1"):
    try:
        connect(port, host, 5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def unreachable(port, host):
    """No connection comes about: refused, or there is no way to the address."""
    try:
        connect(port, host, 2).close()
    except OSError:
        return True
    return False


def abort(connection):
    """Closes with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def host_addresses():
    """The addresses of this host outside 127/8 and ::1, link-local ones left out."""
    found = []
    last = None
    for line in Path("/proc/net/fib_trie").read_text().splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            last = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"] and not last.startswith("127."):
            found.append(last)
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0]))
            if address != "::1" and not address.startswith("fe80:"):
                found.append(address)
    return sorted(set(found))


# --- registry lock ------------------------------------------------------------------------------


@contextlib.contextmanager
def locked(path):
    """Holds the advisory lock on `path` in a process of its own; gives that process' pid."""
    code = (
        "import fcntl, sys\n"
        "f = open(sys.argv[1], 'a')\n"
        "fcntl.flock(f, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        if holder.stdout.readline() != b"locked\n":
            raise AssertionError(f"cannot lock {path}")
        yield holder.pid
    finally:
        holder.kill()
        holder.communicate(timeout=10)


def lock_is_free(path):
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


# --- servers in a container ---------------------------------------------------------------------


class Remote:
    """Starts and stops servers in a container without the cost of an exec each (portd remote)."""

    def __init__(self, container, host_path, container_path):
        docker("exec", "-d", container, "/bin/portd", "remote", container_path)
        wait_for(lambda: self._open(host_path), f"portd remote at {host_path}")
        self._lines = self._socket.makefile("rw")

    def _open(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            return False
        return True

    def _ask(self, line):
        self._lines.write(line + "\n")
        self._lines.flush()
        answer = self._lines.readline().split()
        if not answer or answer[0] == "error":
            raise AssertionError(f"portd remote: {line!r} gave {answer}")
        return [int(word) for word in answer[1:]]

    def start(self, *words):
        """Returns (monotonic ns of listen()'s return, pid)."""
        return tuple(self._ask(" ".join(["start", *map(str, words)])))

    def stop(self, pid):
        """Returns the monotonic ns before the kill and after the server's end."""
        return tuple(self._ask(f"stop {pid}"))

    def close(self):
        self._lines.close()
        self._socket.close()


class HostServer:
    """portd on this host."""

    def __init__(self, *words):
        self._process = subprocess.Popen(
            [portd(), *map(str, words)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        if not self._process.stdout.readline().startswith(b"listening"):
            self.close()
            raise AssertionError(f"portd {words} does not listen")

    def close(self):
        self._process.kill()
        self._process.communicate(timeout=10)


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

    def up(self, *words, auto=True, binary=None, check=True, timeout=60, prefix=(), **options):
        flags = ["--auto-forward"] if auto else []
        argv = [*prefix, *self.command("up", *flags, *words, binary=binary)]
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
        listing = self.case.call(self.command("ports", "--json"), timeout=20)
        return json.loads(listing.out)["forwards"]

    def forward_of(self, port, **wanted):
        for forward in self.forwards():
            if forward["containerPort"] == port and all(
                forward.get(key) == value for key, value in wanted.items()
            ):
                return forward
        return None

    def port(self, port, timeout=10, state="forwarding"):
        """Waits until a container port is in that state and returns its host port."""
        forward = wait_for(
            lambda: self.forward_of(port, state=state),
            lambda: f"container port {port} {state}, but {json.dumps(self.forwards())}",
            timeout,
            0.05,
        )
        return forward["hostPort"]

    def gone(self, port, timeout=10):
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

    def serve(self, port, text="hello", address="127.0.0.1"):
        """Starts an HTTP server in the container and returns its host port, once it answers."""
        self.start("http", address, port, text)
        return self.answering(port, text)

    def answering(self, port, text="hello", timeout=10):
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
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            **options,
        )

    def workspace(self, name="work", **config):
        return Workspace(self, config, name)

    def container(self, *words, image=PLAIN, options=()):
        """Starts a container that is not of our program's making; returns its id."""
        label = f"{LABEL}={self.mark}"
        return docker("run", "-d", "--label", label, *options, image, *words).out.strip()

    def network(self):
        label = f"{LABEL}={self.mark}"
        docker("network", "create", "--label", label, self.mark)
        return self.mark

    def server(self, *words):
        server = HostServer(*words)
        self.addCleanup(server.close)
        return server

    def all_forwards(self):
        return json.loads(self.fairlead("ports", "--json", timeout=20).out)["forwards"]

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
