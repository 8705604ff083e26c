"""Ports of `fairlead run`: found at every address, reached with the right bytes, gone with their
listeners; and the network inside, which is nobody else's."""

import os
import random
import subprocess
import zlib
from pathlib import Path

from network import connect, fetch, free_port, free_ports, host_addresses, read_all
from network import refuses, try_fetch, unreachable
from processes import wait_for
from run_case import AS_ROOT, PYTHON, RunCase


class Reached(RunCase):
    def test_loopback_and_any_address_of_both_families(self):
        one, two, three, four = free_ports(4)
        places = {one: "127.0.0.1", two: "::1", three: "0.0.0.0", four: "::"}
        script = "".join(f"PORTD http {a} {p} at-{a} & " for p, a in places.items()) + "wait"
        self.shell(script)
        for port, address in places.items():
            host = self.host_port(port)
            self.answers(host, f"at-{address}")
            self.answers(host, f"at-{address}", "::1")
            for other in host_addresses():
                self.assertTrue(unreachable(host, other), f"[{other}]:{host} answers")

    def test_a_low_port_may_be_listened_on_and_is_remapped(self):
        self.http(80, "low")
        host = self.host_port(80)
        self.assertGreaterEqual(host, 1024)
        self.answers(host, "low")

    def test_a_million_bytes_arrive_as_they_were_sent(self):
        port = free_port()
        process = self.start(self.portd, "echo", "127.0.0.1", port)
        process.stdout.readline()
        data = random.randbytes(1_000_000)
        with connect(self.host_port(port)) as connection:
            connection.settimeout(20)
            writer = subprocess.Popen(  # both directions at once
                ["cat"], stdin=subprocess.PIPE, stdout=connection.fileno()
            )
            self.addCleanup(self._end, writer)
            got = bytearray()
            sent = 0
            while sent < len(data):
                writer.stdin.write(data[sent : sent + 8192])
                writer.stdin.flush()
                sent += 8192
                got += connection.recv(1 << 16)
            writer.stdin.close()
            writer.wait(20)
            connection.shutdown(1)
            got += read_all(connection)
        self.assertEqual((len(got), zlib.crc32(got)), (len(data), zlib.crc32(data)))

    def test_a_declared_port_waits_for_its_listener(self):
        port, wished = free_ports(2)
        process = self.shell(
            f"read _; exec PORTD http 127.0.0.1 {port} late",
            flags=["--forward-port", f"{wished}:{port}"],
        )
        self.assertEqual(self.host_port(port, state="waiting"), wished)
        process.stdin.write(b"\n")
        process.stdin.flush()
        self.assertEqual(self.host_port(port), wished)
        self.answers(wished, "late")

    def test_a_cap_holds(self):
        ports = free_ports(3)
        script = "".join(f"PORTD http 127.0.0.1 {p} x & " for p in ports) + "wait"
        said = self.root / "stderr"
        with open(said, "w") as stderr:
            self.shell(script, flags=["--max-auto-forwards", "2"], stderr=stderr)

        def states():
            return sorted(f["state"] for f in self.forwards())

        wait_for(lambda: states() == ["forwarding", "forwarding", "not-forwarding"], states, 15)
        # It turned out long after the start: the terminal hears of it all the same.
        wait_for(lambda: "more than 2 ports are open" in said.read_text(), said.read_text)

    def test_the_port_goes_with_its_listener_and_comes_back(self):
        port = free_port()
        process = self.shell(
            f"for n in 1 2; do PORTD http 127.0.0.1 {port} turn-$n & read _; kill $!; wait $!; "
            "echo closed; read _; done"
        )

        def step():
            process.stdin.write(b"\n")
            process.stdin.flush()

        for turn in ("turn-1", "turn-2"):
            host = self.host_port(port)
            self.answers(host, turn)
            step()
            while process.stdout.readline() != b"closed\n":
                pass
            wait_for(lambda: refuses(host), f"host port {host} refusing")
            step()
        self.assertEqual(process.wait(20), 0)
        self.nothing_is_left(host)


class Inside(RunCase):
    def inside(self, script, **options):
        return self.run_to_end(PYTHON, "-c", script, **options)

    def test_the_hosts_own_servers_are_out_of_reach(self):
        server = self.server("http", "127.0.0.1", port := free_port(), "host")
        self.assertTrue(server.pid)
        self.assertEqual(fetch(port), "host")
        script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        self.assertIn("ConnectionRefusedError", self.inside(script).err)

    def test_there_is_no_way_out(self):
        script = "import socket; socket.create_connection(('192.0.2.1', 9), 5)"
        self.assertIn("Network is unreachable", self.inside(script).err)

    def test_only_loopback_is_there(self):
        self.assertEqual(self.inside("import socket; print(socket.if_nameindex())").out, "[(1, 'lo')]\n")

    def test_a_port_of_the_host_is_free_inside(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "host")
        self.http(port, "inside")
        host = self.host_port(port)
        self.assertNotEqual(host, port)
        self.answers(host, "inside")
        self.assertEqual(try_fetch(port), "host")


class AsRoot(RunCase):
    """Whoever runs the tests: root, usually."""

    as_root = True

    def test_the_main_job_is_done(self):
        port = free_port()
        process = self.http(port, "here")
        host = self.host_port(port)
        self.answers(host, "here")
        process.terminate()
        self.assertEqual(process.wait(20), 0)
        self.nothing_is_left(host)

    def test_every_user_exists_inside(self):
        if not AS_ROOT:
            self.skipTest("this takes root")
        script = "import os; os.setgroups([]); os.setgid(7); os.setuid(6); print(os.getresuid())"
        result = self.run_to_end(PYTHON, "-c", script)
        self.assertEqual(result.out, "(6, 6, 6)\n", result)

    def test_the_hosts_network_is_not_roots_to_change(self):
        mine = os.stat("/proc/self/ns/net").st_ino
        result = self.run_to_end(PYTHON, "-c", "import os; print(os.stat('/proc/self/ns/net').st_ino)")
        self.assertNotEqual(int(result.out), mine)
        left = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
        inside = self.run_to_end("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start").out
        self.assertEqual(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(), left)
        self.assertEqual(inside, "0\n")
