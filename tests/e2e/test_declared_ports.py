"""Ports that the configuration or the command line declares: held at once, never withdrawn."""

import json
import socket
import time

from harness import Case
from network import connect, fetch, free_port, free_ports, refuses, try_fetch
from processes import holds_for, wait_for

IPV6 = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]


def resets_at_once(port, host="127.0.0.1"):
    """A client is accepted and reset without a byte; returns the seconds that took."""
    began = time.monotonic()
    try:
        with connect(port, host, 5) as connection:
            rest = connection.recv(1)
    except ConnectionResetError:
        return time.monotonic() - began
    raise AssertionError(f"a clean end instead of a reset: {rest!r}")


class Waiting(Case):
    def test_without_a_listener_is_shown_as_waiting(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        up = work.up()
        self.assertEqual(work.port(port, state="waiting"), port)
        self.assertTrue(work.forward_of(port)["declared"])
        self.assertIn(str(port), up.line_for(port))

    def test_without_a_listener_resets_its_clients_at_once(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        took = [resets_at_once(port) for _ in range(20)]
        self.report(f"refused dial to reset: max {max(took) * 1e3:.1f} ms of {len(took)}")
        self.assertLess(max(took), 1)

    def test_a_client_that_talks_first_is_reset_too(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        # The reset may be there before connect() has returned.
        with self.assertRaises((ConnectionResetError, BrokenPipeError)):
            with connect(port) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                connection.recv(1)
                connection.sendall(b"more")
                connection.recv(1)

    def test_works_as_soon_as_somebody_listens(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        work.start("http", "127.0.0.1", port, "here")
        wait_for(lambda: try_fetch(port) == "here", "the server")
        self.assertEqual(work.port(port), port)

    def test_works_at_the_first_connection_after_the_listen(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        remote = work.remote()
        for generation in range(10):
            _, pid = remote.start("http", "127.0.0.1", port, f"g{generation}")
            self.assertEqual(fetch(port), f"g{generation}")
            remote.stop(pid)
            resets_at_once(port)

    def test_works_at_the_first_connection_after_the_listen_on_ipv6_loopback(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port], runArgs=IPV6)
        work.up()
        remote = work.remote()
        for generation in range(10):
            _, pid = remote.start("http", "::1", port, f"g{generation}")
            self.assertEqual(fetch(port), f"g{generation}")
            remote.stop(pid)
            resets_at_once(port)

    def test_is_not_withdrawn_when_its_server_ends(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        remote = work.remote()
        _, pid = remote.start("http", "127.0.0.1", port, "here")
        work.answering(port, "here")
        remote.stop(pid)
        work.port(port, state="waiting")
        resets_at_once(port)

    def test_reaches_a_server_on_another_address_than_loopback(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        work.start("http", "127.0.0.2", port, "elsewhere")
        wait_for(lambda: try_fetch(port) == "elsewhere", "the server on 127.0.0.2")

    def test_reaches_a_server_on_ipv6_loopback(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port], runArgs=IPV6)
        work.up()
        work.start("http", "::1", port, "six")
        wait_for(lambda: try_fetch(port) == "six", "the server on ::1")


class Declaring(Case):
    def test_on_the_command_line(self):
        port = free_port()
        work = self.workspace()
        work.up("--forward-port", str(port))
        self.assertEqual(work.port(port, state="waiting"), port)

    def test_with_a_host_port_of_its_own(self):
        outer, inner = free_ports(2)
        work = self.workspace()
        work.up("--forward-port", f"{outer}:{inner}")
        self.assertEqual(work.port(inner, state="waiting"), outer)
        work.start("http", "127.0.0.1", inner, "inner")
        wait_for(lambda: try_fetch(outer) == "inner", "the server")
        holds_for(lambda: refuses(inner), "one forward only", 0.5)

    def test_a_range(self):
        port = free_port()
        while not all(refuses(port + i) for i in range(4)):
            port = free_port()
        work = self.workspace()
        work.up("--forward-port", f"{port}-{port + 3}")
        for i in range(4):
            work.port(port + i, state="waiting")

    def test_twice_in_different_words_is_one(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port, f"localhost:{port}"])
        work.up("--forward-port", str(port), "--forward-port", f"{port}/tcp")
        work.port(port, state="waiting")
        self.assertEqual(len([f for f in work.forwards() if f["containerPort"] == port]), 1)

    def test_several_are_all_held_before_up_returns(self):
        ports = free_ports(10)
        work = self.workspace(forwardPorts=ports)
        up = work.up()
        for port in ports:
            up.line_for(port)
            resets_at_once(port)

    def test_garbage_on_the_command_line_is_a_usage_error_that_names_it(self):
        work = self.workspace()
        for word in ("0", "http", "1:2:3:4", "70000", "10-5", "3000/udp"):
            with self.subTest(word):
                result = self.call(
                    work.command("up", "--auto-forward", "--forward-port", word), check=False
                )
                self.assertEqual(result.rc, 2, result)
                self.assertIn(word, result.err)
        self.assertEqual(self.containers(), [])

    def test_with_ignore_is_forwarded_all_the_same(self):
        port = free_port()
        attributes = {str(port): {"onAutoForward": "ignore"}}
        work = self.workspace(forwardPorts=[port], portsAttributes=attributes)
        work.up()
        work.serve(port)

    def test_a_numeric_app_port_is_held_by_the_supervisor_instead_of_being_published(self):
        port = free_port()
        work = self.workspace(appPort=port)
        work.up()
        self.assertEqual(work.port(port, state="waiting"), port)
        work.serve(port)

    def test_a_numeric_app_port_is_published_without_auto_forward(self):
        port = free_port()
        work = self.workspace(appPort=[port])
        work.up(auto=False)
        work.start("http", "0.0.0.0", port, "published")
        wait_for(lambda: try_fetch(port) == "published", "the published port")

    def test_that_the_existing_container_publishes_is_left_to_the_engine(self):
        port = free_port()
        work = self.workspace(appPort=[port])
        work.up(auto=False)
        up = work.up()
        self.assertIn("publish", up.line_for(port).lower())
        forward = work.forward_of(port)
        if forward is not None:
            self.assertEqual(forward["state"], "not-forwarding")
        work.start("http", "0.0.0.0", port, "published")
        wait_for(lambda: try_fetch(port) == "published", "the published port")

    def test_without_auto_forward_start_no_supervisor(self):
        work = self.workspace(forwardPorts=[free_port()])
        work.up(auto=False)
        self.assertEqual(self.supervisors(), [])


class Wait(Case):
    def waiting(self, work, port, *words):
        argv = [*work.command("ports"), "wait", str(port), *words]
        return self.spawn(argv)

    def end(self, process):
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def test_returns_when_somebody_listens(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        process = self.waiting(work, port, "--timeout", "20")
        work.start("http", "127.0.0.1", port, "here")
        rc, out, err = self.end(process)
        self.assertEqual(rc, 0, err)
        self.assertEqual(fetch(port), "here")

    def test_returns_for_a_port_that_nobody_declared(self):
        port = free_port()
        work = self.workspace()
        work.up()
        process = self.waiting(work, port, "--timeout", "20")
        work.start("http", "127.0.0.1", port, "here")
        rc, out, err = self.end(process)
        self.assertEqual(rc, 0, err)
        self.assertEqual(fetch(port), "here")

    def test_returns_at_once_for_a_port_that_is_forwarded_already(self):
        port = free_port()
        work = self.workspace()
        work.up()
        work.serve(port)
        rc, _, err = self.end(self.waiting(work, port, "--timeout", "5"))
        self.assertEqual(rc, 0, err)

    def test_fails_and_names_the_port_when_the_time_is_over(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        began = time.monotonic()
        rc, _, err = self.end(self.waiting(work, port, "--timeout", "1"))
        self.assertNotEqual(rc, 0)
        self.assertIn(str(port), err)
        self.assertLess(time.monotonic() - began, 10)

    def test_gives_the_forward_as_json(self):
        port = free_port()
        work = self.workspace()
        work.up()
        work.serve(port)
        argv = [*work.command("ports"), "wait", str(port), "--json", "--timeout", "5"]
        self.assertIn(str(port), json.dumps(json.loads(self.call(argv).out)))


class Listing(Case):
    def test_has_every_field_of_the_contract(self):
        port = free_port()
        work = self.workspace(portsAttributes={str(port): {"label": "web"}})
        work.up()
        work.serve(port)
        wait_for(lambda: work.forward_of(port)["process"], "the listener's command line", 5)
        forward = work.forward_of(port)
        expected = {
            "containerId": work.id,
            "engine": "docker",
            "workspace": str(work.folder),
            "containerPort": port,
            "containerAddress": "127.0.0.1",
            "protocol": "tcp",
            "service": None,
            "hostIp": "127.0.0.1",
            "hostPort": port,
            "url": f"http://localhost:{port}",
            "label": "web",
            "declared": False,
            "state": "forwarding",
            "relay": "namespace",
            "lastError": None,
        }
        self.assertEqual({key: forward[key] for key in expected}, expected)
        for key in ("containerName", "process", "reason", "relayReason", "since"):
            self.assertIsInstance(forward[key], str, key)
        self.assertIn("portd", forward["process"])
        self.assertEqual(set(forward["connections"]), {"open", "total", "failed"})
        self.assertEqual(set(forward["bytes"]), {"toContainer", "fromContainer"})

    def test_counts_connections_and_bytes(self):
        port = free_port()
        work = self.workspace()
        work.up()
        work.start("echo", "127.0.0.1", port)
        host_port = work.port(port)
        with connect(host_port) as connection:
            connection.sendall(b"x" * 1000)
            self.assertEqual(len(connection.recv(1000, socket.MSG_WAITALL)), 1000)
            wait_for(lambda: self.counted(work, port, 1), "one open connection")
        wait_for(lambda: self.counted(work, port, 0), "no open connection")
        forward = work.forward_of(port)
        self.assertGreaterEqual(forward["connections"]["total"], 1)
        self.assertEqual(forward["bytes"], {"toContainer": 1000, "fromContainer": 1000})

    def counted(self, work, port, number):
        return work.forward_of(port)["connections"]["open"] == number
