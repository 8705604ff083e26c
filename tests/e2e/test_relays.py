"""Relays other than `namespace`: direct and exec, forced and chosen, and what is said about them."""

import json
import os
import shutil
import socket
import subprocess
import threading
import zlib
from pathlib import Path

from network import abort, connect, fetch, free_port, read_all, try_fetch
from processes import children, command_line, docker, run, wait_for
from relay_case import OrdinaryCase, RelayCase


class Exec(RelayCase):
    """What every tool has to do; `half_close`: whether the client may end its direction first."""

    def check(self, image, half_close=True):
        self.begin(image, "--relay", "exec")
        self.start("http", "127.0.0.1", 3000, "found")
        self.start("echo", "127.0.0.1", 3001)
        self.start("source", "127.0.0.1", 3002, 3_000_000)
        self.start("sink", "127.0.0.1", 3003)
        ports = {p: self.wait(p, state="forwarding")["hostPort"] for p in range(3000, 3004)}
        forward = self.listing()[3000]
        self.assertEqual(forward["relay"], "exec")
        self.assertIn(f"{image} in the container", forward["relayReason"])

        self.assertEqual(fetch(ports[3000], timeout=20), "found")
        with connect(ports[3001], timeout=20) as echo:
            for size in (1, 1000, 50_000):
                data = os.urandom(size)
                echo.sendall(data)
                got = b""
                while len(got) < size:
                    part = echo.recv(1 << 16)
                    self.assertTrue(part, "the stream ended early")
                    got += part
                self.assertEqual(got, data)
            if not half_close:
                abort(echo)  # an orderly end would reach the server a minute late
        # The server ends first: everything comes, and then the end.
        with connect(ports[3002], timeout=20) as source:
            data = read_all(source)
        want = run([os.environ["FAIRLEAD_PORTD"], "sum", 3_000_000]).out.split()
        self.assertEqual([str(len(data)), f"{zlib.crc32(data):08x}"], want)
        if half_close:
            with connect(ports[3003], timeout=20) as sink:
                sink.sendall(b"x" * 700_000)
                sink.shutdown(socket.SHUT_WR)
                self.assertEqual(read_all(sink).split()[0], b"700000")
        # Many at once, and everything is gone afterwards.
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(try_fetch(ports[3000], timeout=60)))
            for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, ["found"] * 12)
        supervisor = self.supervisor()
        wait_for(lambda: not children_but_helper(supervisor), "no program left running", 30)
        connections = self.listing()[3000]["connections"]
        self.assertEqual((connections["open"], connections["total"]), (0, 13))

    def test_by_socat(self):
        self.check("socat")

    def test_by_nc(self):
        self.check("nc")

    def test_by_bash(self):
        self.check("bash", half_close=False)

    def test_a_refused_dial_is_a_reset(self):
        self.begin("socat", "8080:3000", "--relay", "exec")
        waiting = self.wait(3000, state="waiting")
        self.assertEqual(waiting["relay"], "exec")
        self.assert_resets(waiting["hostPort"])
        failed = wait_for(lambda: self.listing()[3000]["connections"]["failed"], "a failure counted")
        self.assertEqual(failed, 1)
        self.assertIn("127.0.0.1:3000", self.listing()[3000]["lastError"])

    def test_a_client_that_resets_leaves_no_program_behind(self):
        self.begin("socat", "--relay", "exec")
        self.start("hold", "127.0.0.1", 3000)
        port = self.wait(3000, state="forwarding")["hostPort"]
        supervisor = self.supervisor()
        client = connect(port, timeout=20)
        wait_for(lambda: children_but_helper(supervisor), "the program runs", 20)
        abort(client)
        wait_for(lambda: not children_but_helper(supervisor), "the program is gone", 20)


def children_but_helper(supervisor):
    return [pid for pid in children(supervisor) if "__sockets" not in command_line(pid)]


class Running(RelayCase):
    """A supervisor that runs already is asked for another relay, or finds that there is one now."""

    def test_goes_over_to_the_relay_that_is_asked_for(self):
        self.begin("socat")
        self.start("http", "127.0.0.1", 3000, "found")
        first = self.wait(3000, state="forwarding", relay="namespace")
        self.forward("--relay", "exec")
        self.wait(3000, state="forwarding", relay="exec", hostPort=first["hostPort"])
        self.assertEqual(fetch(first["hostPort"], timeout=20), "found")


class Direct(RelayCase):
    def test_reaches_what_is_bound_to_any_address_and_leaves_loopback_to_the_namespace(self):
        self.begin("plain", "--relay", "direct")
        self.start("http", "0.0.0.0", 3000, "any")
        self.start("http", "127.0.0.1", 3001, "loopback")
        any_ = self.wait(3000, state="forwarding", relay="direct")
        loopback = self.wait(3001, state="forwarding", relay="namespace")
        self.assertEqual(fetch(any_["hostPort"]), "any")
        self.assertEqual(fetch(loopback["hostPort"]), "loopback")
        self.assertIn("answers at", any_["relayReason"])
        self.assertIn("not direct", loopback["relayReason"])

    def test_that_is_impossible_is_said_and_is_an_error_when_strict(self):
        work = self.workspace(postStartCommand="portd http 127.0.0.1 3000 found >/dev/null 2>&1 &")
        result = work.up("--relay", "direct")
        wait_for(lambda: work.forward_of(3000, state="forwarding"), "forwarded")
        self.assertEqual(work.forward_of(3000)["relay"], "namespace")
        again = work.up("--relay", "direct", "--strict-forwarding", check=False)
        self.assertEqual(again.rc, 1)
        self.assertIn("relay asked for", again.json["description"])
        self.assertIn("3000", again.json["description"])
        self.assertEqual(result.rc, 0)

    def test_follows_the_container_to_another_address(self):
        network = self.network()
        self.begin("plain", "--relay", "direct")
        self.start("http", "0.0.0.0", 3000, "found")
        first = self.wait(3000, state="forwarding", relay="direct")
        self.assertEqual(fetch(first["hostPort"]), "found")
        docker("network", "disconnect", "bridge", self.box)
        # Without an address there is still the namespace.
        self.wait(3000, state="forwarding", relay="namespace", hostPort=first["hostPort"])
        self.assertEqual(fetch(first["hostPort"]), "found")
        docker("network", "connect", network, self.box)
        self.wait(3000, state="forwarding", relay="direct", hostPort=first["hostPort"])
        self.assertEqual(fetch(first["hostPort"]), "found")


class Takeover(RelayCase):
    alone = True  # who gets the address is decided by the engine: nobody else may ask

    def test_direct_never_talks_to_the_next_owner_of_an_address(self):
        """The address passes to another container while clients keep coming."""
        self.begin("plain", "--relay", "direct")
        self.start("http", "0.0.0.0", 3000, "ours")
        port = self.wait(3000, state="forwarding", relay="direct")["hostPort"]
        address = self.address_of(self.box)
        strangers, stop = [], threading.Event()
        answered = []

        def ask():
            while not stop.is_set():
                answer = try_fetch(port, timeout=5)
                if answer is not None:
                    answered.append(answer)
                if answer == "stranger":
                    strangers.append(answer)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(8):
                docker("network", "disconnect", "bridge", self.box)
                # The lowest free address is given out: it is the one that was just returned.
                other = self.container(
                    "/bin/portd", "http", "0.0.0.0", "3000", "stranger", image="fairlead-test:plain"
                )
                taken = self.address_of(other)
                self.assertEqual(taken, address, "the address was not taken over: no test")
                wait_for(lambda: try_fetch(3000, host=address) == "stranger", "the stranger serves")
                docker("rm", "-f", other)
                docker("network", "connect", "bridge", self.box)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertFalse(strangers)
        self.assertIn("ours", answered)


class OrdinaryUser(OrdinaryCase):
    """In a container into which no agent can be put: what is left is exec."""

    def begin(self, image, *words):
        there = ["--read-only", "--tmpfs", "/more:exec", "--env", "PATH=/bin:/more"]
        super().begin(image, *words, options=there)

    def test_gets_direct_for_any_address_and_exec_for_loopback_and_is_told_why(self):
        self.begin("socat")
        self.start("http", "0.0.0.0", 3000, "any")
        self.start("http", "127.0.0.1", 3001, "loopback")
        any_ = self.wait(3000, state="forwarding", relay="direct")
        loopback = self.wait(3001, state="forwarding", relay="exec")
        self.assertEqual(fetch(any_["hostPort"]), "any")
        self.assertEqual(fetch(loopback["hostPort"], timeout=20), "loopback")
        for forward in (any_, loopback):
            self.assertIn("not namespace", forward["relayReason"])
            self.assertIn("not permitted", forward["relayReason"])
        self.assertIn("socat in the container", loopback["relayReason"])
        self.assertIn("not mux: the agent cannot be put there", loopback["relayReason"])
        self.assertIn("bound to loopback", loopback["relayReason"])

    def test_is_told_what_is_missing_where_nothing_reaches_loopback(self):
        self.begin("plain")
        self.start("http", "127.0.0.1", 3000, "loopback")
        forward = self.wait(3000, state="not-forwarding")
        self.assertIn("need socat, nc or bash in the container", forward["reason"])
        self.assertIsNone(forward["hostPort"])
        self.assertEqual(forward["refusal"], "no-relay")
        # Do as you are told: it is noticed.
        with open(shutil.which("busybox"), "rb") as program:
            put = ["docker", "exec", "-i", self.box, "sh", "-c", "cat >/more/nc; chmod 755 /more/nc"]
            subprocess.run(put, stdin=program, check=True, timeout=60)
        forward = self.wait(3000, timeout=60, state="forwarding", relay="exec")
        self.assertEqual(fetch(forward["hostPort"], timeout=20), "loopback")


class Invisible(RelayCase):
    """An engine whose processes this machine does not show: a dockerd in a pid namespace.

    (And in a network namespace: without a bridge of its own it would take away the host's.)
    """

    limit = 300

    def setUp(self):
        super().setUp()
        place = self.root / "engine"
        place.mkdir()
        self.host = f"unix://{place}/sock"
        daemon = self.spawn(
            ["unshare", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "dockerd"]
            + ["--host", self.host, "--data-root", place / "data", "--exec-root", place / "exec"]
            + ["--pidfile", place / "pid", "--bridge=none", "--iptables=false", "--ip6tables=false"]
            + ["--containerd-namespace", "inner", "--containerd-plugins-namespace", "inner-plugins"]
        )
        self.addCleanup(self.unmount, place)
        self.addCleanup(self._reap, daemon)
        wait_for(
            lambda: run(["docker", "-H", self.host, "info"], check=False).rc == 0,
            "the engine answers",
            60,
            0.3,
        )
        image = self.root / "image.tar"
        docker("save", "-o", str(image), "fairlead-test:socat")
        run(["docker", "-H", self.host, "load", "-i", image], timeout=120)
        self.env["DOCKER_HOST"] = self.host

    @staticmethod
    def unmount(place):
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            mount = line.split()[1]
            if mount.startswith(str(place)):
                run(["umount", "-l", mount], check=False)

    def inner(self, *words):
        return run(["docker", "-H", self.host, *map(str, words)], timeout=60)

    def check(self, relay, *options):
        words = ["run", "-d", "--network", "none", *options, "fairlead-test:socat", "/bin/portd", "idle"]
        self.box = self.inner(*words).out.strip()
        self.addCleanup(self.inner, "rm", "-f", self.box)
        # A pid that is somebody's here, or nobody's: never the container's.
        pid = int(self.inner("inspect", "-f", "{{.State.Pid}}", self.box).out)
        self.assertNotIn(self.box, cgroups(pid))
        port = free_port()
        self.forward()
        self.inner("exec", "-d", self.box, "/bin/portd", "http", "127.0.0.1", port, "found")
        forward = self.wait(port, 30, state="forwarding", relay=relay)
        self.assertIn("cannot be seen on this machine", forward["relayReason"])
        self.assertEqual(fetch(forward["hostPort"], timeout=20), "found")
        self.inner("restart", "-t", "0", self.box)
        wait_for(lambda: port not in self.listing(), "withdrawn", 20)
        self.inner("exec", "-d", self.box, "/bin/portd", "http", "127.0.0.1", port, "again")
        forward = self.wait(port, 30, state="forwarding", relay=relay, hostPort=forward["hostPort"])
        self.assertEqual(fetch(forward["hostPort"], timeout=20), "again")
        self.forward("--stop")

    def test_is_watched_and_reached_by_mux_or_else_by_exec(self):
        self.check("mux")
        self.check("exec", "--read-only")


def cgroups(pid):
    try:
        return Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return ""
