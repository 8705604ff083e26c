"""Running commands, looking at processes, waiting for conditions."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import engine


def program(variable="FAIRLEAD_BIN"):
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        raise AssertionError(f"{variable} must name an executable, not {path!r}")
    return os.path.abspath(path)


def portd():
    return program("FAIRLEAD_PORTD")


class Result:
    """How a command ended: `rc`, `out`, `err`."""

    def __init__(self, argv, rc, out, err):
        self.argv, self.rc, self.out, self.err = argv, rc, out, err

    def __str__(self):
        words = " ".join(self.argv)
        return f"{words}\n  exit {self.rc}\n  stdout: {self.out!r}\n  stderr: {self.err!r}"


def finish(process, timeout):
    """Waits for a Popen with pipes; not ending, or leaving the pipes open, is an error."""
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
    except BaseException:
        process.kill()
        raise
    return Result(process.args, process.returncode, out, err)


def run(argv, timeout=120, check=True, **options):
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


def docker(*words, timeout=120, check=True):
    """The docker command, or the engine's API where that does the same (engine.py)."""
    words = tuple(map(str, words))
    try:
        done = engine.perform(words, timeout)
    except engine.Refused as refused:
        done = (1, "", f"Error response from daemon: {refused}\n")
    except OSError:
        done = None  # no engine, or one that hangs: for the command to say
    if done is None:
        return run(["docker", *words], timeout=timeout, check=check)
    result = Result(["docker", *words], *done)
    if check and result.rc != 0:
        raise AssertionError(f"failed: {result}")
    return result


_docker_missing = None


def docker_missing():
    """None if a docker daemon answers, else the reason; once missing, it stays missing."""
    global _docker_missing
    if _docker_missing:
        return _docker_missing
    if not shutil.which("docker"):
        _docker_missing = "docker is not installed"
        return _docker_missing
    try:
        answer = docker("version", "--format", "{{.Server.Version}}", timeout=20, check=False)
    except AssertionError as error:
        _docker_missing = str(error)
        return _docker_missing
    if answer.rc != 0:
        _docker_missing = f"docker does not answer: {answer.err.strip()}"
    return _docker_missing


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


def wait_for(condition, what, timeout=30.0, interval=0.01):
    """Polls until `condition()` is truthy and returns that; `what` is a text or gives one.

    What takes long to come about is asked for less often.
    """
    end = time.monotonic() + timeout
    longest = max(interval, 0.2)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            text = what() if callable(what) else what
            raise AssertionError(f"not seen within {timeout} s: {text}")
        time.sleep(interval)
        interval = min(interval * 1.2, longest)


def holds_for(condition, what, seconds, interval=0.02):
    """Polls and fails as soon as `condition()` is falsy: for what must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            raise AssertionError(f"did not stay so for {seconds} s: {what}")
        time.sleep(interval)


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
