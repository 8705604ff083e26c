"""Containers with a supervisor of ours, and users who may do no more than use their engine."""

import json
import os
import shutil
import socket
import threading
from pathlib import Path

from harness import Case
from network import connect, read_all
from processes import docker, program, run, wait_for

ORDINARY = 54321


class RelayCase(Case):
    """A container of nobody's making, with a supervisor of ours."""

    def begin(self, image, *words, options=()):
        self.box = self.container("/bin/portd", "idle", image=f"fairlead-test:{image}", options=options)
        self.forward(*words)

    def forward(self, *words, **options):
        return self.fairlead("forward", self.box, *words, **options)

    def start(self, *words):
        docker("exec", "-d", self.box, "/bin/portd", *map(str, words))

    def listing(self):
        return {f["containerPort"]: f for f in self.all_forwards()}

    def wait(self, port, timeout=15, **wanted):
        def found():
            forward = self.listing().get(port)
            if forward and all(forward[key] == value for key, value in wanted.items()):
                return forward
            return None

        return wait_for(found, lambda: f"{port} {wanted}: {json.dumps(self.listing().get(port))}", timeout)

    def assert_resets(self, port):
        """A client of this host port that has sent something gets a reset."""
        with connect(port, timeout=20) as client:
            with self.assertRaises(ConnectionResetError):
                client.sendall(b"hello")
                while client.recv(100):
                    pass

    def assert_cut(self, port, size, cut):
        """A stream of so many bytes that is cut off in the middle never ends in an orderly way."""
        with connect(port, timeout=60) as client:
            got = len(client.recv(1 << 16))
            cut()
            with self.assertRaises(ConnectionResetError, msg="a short stream passed for a whole one"):
                while part := client.recv(1 << 20):
                    got += len(part)
        self.assertLess(got, size)

    def assert_echoes(self, port, count, size):
        """So many clients at once, each with bytes of its own."""
        wrong = []

        def one(number):
            data = bytes([number]) * size
            try:
                with connect(port, timeout=120) as client:
                    client.sendall(data)
                    client.shutdown(socket.SHUT_WR)
                    if read_all(client) != data:
                        wrong.append(number)
            except OSError as trouble:
                wrong.append((number, trouble))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    @staticmethod
    def address_of(container):
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", "--format", form, container).out.strip()

    def supervisor(self):
        return json.loads((self.state / "supervisors" / f"{self.box[:12]}.json").read_text())["pid"]


class WithoutBpf:
    """Programs of ours see no control groups: the kernel is told by nftables. Supervisors that are
    still there at a test's end are killed, which leaves the guard."""

    def setUp(self):
        # The last of all.
        self.addCleanup(run, [program(), "doctor", "--repair"], check=False)
        super().setUp()

    def fairlead(self, *words, **options):
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2"]
        script = "".join(f"umount -l {path}; " for path in mounts) + 'exec "$@"'
        return self.call(["unshare", "-m", "sh", "-c", script, "sh", program(), *words], **options)


class OrdinaryCase(RelayCase):
    """A member of the docker group and nothing more."""

    def setUp(self):
        super().setUp()
        path = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").out.strip()
        path = os.environ.get("DOCKER_HOST", path).removeprefix("unix://")
        self.binary = self.root / "fairlead"
        shutil.copy(program(), self.binary)
        group = os.stat(path).st_gid
        os.chmod(self.root, 0o755)
        self.state.mkdir()
        os.chown(self.state, ORDINARY, group)
        os.chmod(self.state, 0o700)
        home = self.root / "home"
        home.mkdir()
        os.chown(home, ORDINARY, group)
        self.env["HOME"] = str(home)
        self.user = ["setpriv", f"--reuid={ORDINARY}", f"--regid={group}", "--clear-groups"]

    def fairlead(self, *words, **options):
        return self.call([*self.user, str(self.binary), *words], **options)
