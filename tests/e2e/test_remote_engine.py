"""Engines that are not here: over ssh, tcp, a context. The container's pid and address mean nothing."""

import json
import os
import socket
import subprocess
import zlib

from harness import QUICK
from network import bindable, connect, fetch, free_port, read_all, refuses, try_fetch
from processes import children, docker, program, run, wait_for
from relay_case import RelayCase
from ssh_engine import SshEngine


class RemoteCase(RelayCase):
    """Our program on a machine that shows none of the engine's processes: a namespace of its own."""

    def setUp(self):
        super().setUp()
        self.machine = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sleep", "3600"],
            stdin=subprocess.DEVNULL,
        )
        self.addCleanup(self.turn_off)
        self.first = wait_for(lambda: children(self.machine.pid), "the machine's first process")[0]

    def turn_off(self):
        self.machine.kill()
        self.machine.wait()

    def fairlead(self, *words, **options):
        there = ["nsenter", "--target", str(self.first), "--pid", "--mount", "--"]
        return self.call([*there, program(), *words], **options)

    def forward_of(self, port, **wanted):
        return self.wait(port, 40, state="forwarding", relay="mux", **wanted)


class Ssh(RemoteCase):
    def setUp(self):
        super().setUp()
        self.ssh = SshEngine(self.root / "ssh")
        self.addCleanup(self.ssh.stop)
        self.env["DOCKER_HOST"] = self.ssh.url
        self.env["PATH"] = f"{self.ssh.path}:{os.environ['PATH']}"

    def test_reaches_loopback_in_a_container_with_nothing_in_it(self):
        self.begin("distroless")
        self.start("http", "127.0.0.1", 3000, "far away")
        forward = self.forward_of(3000)
        self.assertEqual(fetch(forward["hostPort"]), "far away")
        self.assertIn("cannot be seen on this machine", forward["relayReason"])
        self.start("http", "0.0.0.0", 3001, "wild")
        self.assertEqual(fetch(self.forward_of(3001)["hostPort"]), "wild")
        self.assertIn("portd http 127.0.0.1 3000", self.listing()[3000]["process"])

    def test_large_streams_whole_both_ways(self):
        size = 10_000_000 if QUICK else 100_000_000
        self.begin("plain")
        self.start("source", "127.0.0.1", 3000, size)
        self.start("sink", "127.0.0.1", 3001)
        source, sink = (self.forward_of(port)["hostPort"] for port in (3000, 3001))
        crc = got = 0
        with connect(source, timeout=120) as client:
            while part := client.recv(1 << 20):
                got += len(part)
                crc = zlib.crc32(part, crc)
        want = run([os.environ["FAIRLEAD_PORTD"], "sum", size]).out.split()
        self.assertEqual([str(got), f"{crc:08x}"], want)
        block = os.urandom(1 << 20)
        crc = 0
        with connect(sink, timeout=120) as client:
            for _ in range(size >> 20):
                client.sendall(block)
                crc = zlib.crc32(block, crc)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(client).split()[:2], [b"%d" % (size >> 20 << 20), b"%08x" % crc])

    def test_a_hundred_streams_at_once(self):
        self.begin("plain")
        self.start("echo", "127.0.0.1", 3000)
        self.assert_echoes(self.forward_of(3000)["hostPort"], 100, 100_000)

    def test_the_connection_cut_in_the_middle_resets_and_is_back_on_the_same_ports(self):
        self.begin("plain")
        self.start("source", "127.0.0.1", 3000, 500_000_000)
        self.start("http", "127.0.0.1", 3001, "found")
        source, web = (self.forward_of(port)["hostPort"] for port in (3000, 3001))
        for _ in range(3):
            self.assert_cut(source, 500_000_000, self.ssh.cut)
            wait_for(lambda: try_fetch(web, timeout=5) == "found", "it answers again", 40)
        self.assertEqual(self.forward_of(3001)["hostPort"], web)
        # Away for good: what opens then is found when it is back.
        self.ssh.stop()
        self.start("http", "127.0.0.1", 3002, "meanwhile")
        self.ssh.start()
        self.assertEqual(fetch(self.forward_of(3002)["hostPort"], timeout=30), "meanwhile")
        self.assertEqual(self.forward_of(3001)["hostPort"], web)

    def test_an_ssh_that_is_refused_says_so(self):
        self.begin("plain")
        (self.root / "ssh" / "authorized_keys").write_text("")
        result = self.forward(check=False)
        self.assertNotEqual(result.rc, 0)
        self.assertIn(self.ssh.url, result.err)
        self.assertIn("Permission denied", result.err)

    def test_up_and_down_by_way_of_ssh(self):
        work = self.workspace()
        there = ["nsenter", "--target", str(self.first), "--pid", "--mount", "--"]
        result = self.call([*there, *work.command("up", "--auto-forward")], timeout=180)
        work.id = self.box = json.loads(result.out)["containerId"]
        self.start("http", "127.0.0.1", 3000, "mine")
        port = self.forward_of(3000)["hostPort"]
        self.assertEqual(fetch(port), "mine")
        self.call([*there, *work.command("down", "--remove")])
        self.assertTrue(refuses(port))
        self.assertNotIn(self.box, docker("ps", "-a", "--no-trunc", "--format", "{{.ID}}").out)


class Elsewhere(RemoteCase):
    """Other ways to an engine."""

    def serve(self):
        """The engine's API on a TCP port of 127.0.0.1."""
        path = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        port = free_port()
        listen = f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr"
        proxy = subprocess.Popen(["socat", listen, f"UNIX-CONNECT:{path}"], stdin=subprocess.DEVNULL)
        self.addCleanup(proxy.wait)
        self.addCleanup(proxy.kill)
        wait_for(lambda: not bindable(port), "the proxy listens")
        return f"tcp://127.0.0.1:{port}"

    def check(self):
        self.begin("plain")
        self.start("http", "127.0.0.1", 3000, "found")
        self.assertEqual(fetch(self.forward_of(3000)["hostPort"]), "found")

    def test_by_tcp(self):
        self.env["DOCKER_HOST"] = self.serve()
        self.check()

    def test_by_a_context(self):
        self.env["DOCKER_CONFIG"] = str(self.root / "config")
        words = ["docker", "context", "create", "far", "--docker", f"host={self.serve()}"]
        self.call(words)
        self.call(["docker", "context", "use", "far"])
        self.env["DOCKER_HOST"] = ""
        self.check()

    def test_behind_a_local_socket_in_another_machine(self):
        # As an engine in a virtual machine: the socket is here, the processes are not.
        self.check()
        self.assertIn("cannot be seen on this machine", self.listing()[3000]["relayReason"])
