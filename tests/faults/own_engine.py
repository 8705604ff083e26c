"""An engine of the test's own, to be killed and started again. Not a test itself."""

import contextlib
import ctypes
import os
import signal
import subprocess
from pathlib import Path

from processes import alive, command_line, docker, pids, run, wait_for

CLONE_NEWNET = 0x40000000


class Engine:
    """A dockerd whose containers outlive it (live-restore).

    It has a network namespace of its own: without a bridge of its own it would take away the
    host's. Its containers' processes are visible here like those of any other engine.
    """

    network = ("--bridge=none", "--iptables=false", "--ip6tables=false")

    def __init__(self, place):
        self.place = place
        place.mkdir()
        self.host = f"unix://{place}/sock"
        self.log = open(place / "log", "ab")
        self._process = None

    def enter(self):
        return ("unshare", "--net")

    def start(self):
        for leftover in (self.place / "pid", *self.place.glob("exec/containerd/*.pid")):
            leftover.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [*self.enter(), "dockerd", "--host", self.host, "--data-root", self.place / "data"]
            + ["--exec-root", self.place / "exec", "--pidfile", self.place / "pid"]
            + [*self.network, "--live-restore"]
            + ["--containerd-namespace", "fault", "--containerd-plugins-namespace", "fault-plugins"],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def answers(self):
        return self.docker("info", check=False).rc == 0

    def wait(self):
        """Until it answers; as an init system would, starts it again when it has given up."""

        def there():
            if self._process.poll() is not None:
                self.kill()
                self.start()
            return self.answers()

        wait_for(there, lambda: f"the engine answers: {self.tail()}", 90, 0.1)

    def tail(self):
        return (self.place / "log").read_text(errors="replace")[-2000:]

    def kill(self):
        """Daemon and containerd; the shims and what runs under them live on."""
        self._process.kill()
        self._process.wait(10)
        for pid in self.own():
            if os.path.basename(command_line(pid)[0]) == "containerd":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                wait_for(lambda pid=pid: not alive(pid), "the end of containerd")

    def own(self):
        """What the daemon has started, but for the containers' own processes."""
        place = str(self.place)
        return [pid for pid in pids() if any(place in word for word in command_line(pid)[1:])]

    def docker(self, *words, **options):
        return run(["docker", "-H", self.host, *map(str, words)], **options)

    def load(self, image, file):
        docker("save", "-o", str(file), image)
        self.docker("load", "-i", file, timeout=120)

    def close(self):
        """Ends the engine, what it has started, and its mounts."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            if self._process.poll() is None:
                self.kill()
        for pid in self.own():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.log.close()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            mount = line.split()[1]
            if mount.startswith(str(self.place)):
                run(["umount", "-l", mount], check=False)


class HostOfItsOwn(Engine):
    """With bridge, rules and all that in a network that outlives the daemon: a host of its own, whose
    loopback, sysctls and nftables are nobody else's."""

    network = ()

    def __init__(self, place):
        super().__init__(place)
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL)
        wait_for(lambda: self._namespace() != os.readlink("/proc/self/ns/net"), "a network of its own")
        self.run("ip", "link", "set", "lo", "up")

    def _namespace(self):
        return os.readlink(f"/proc/{self._holder.pid}/ns/net")

    def enter(self):
        return ("nsenter", "--target", str(self._holder.pid), "--net")

    def run(self, *argv, **options):
        return run([*self.enter(), *argv], **options)

    def join(self):
        """Takes the calling thread there: what it opens from now on is on that host."""
        with open(f"/proc/{self._holder.pid}/ns/net") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        super().close()
        self._holder.kill()
        self._holder.wait(10)
