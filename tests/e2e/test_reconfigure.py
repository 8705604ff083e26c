"""A second `up`: new declared ports, new attributes, a newer program."""

import os
import socket

from harness import Case
from network import connect, fetch, free_port, free_ports, refuses, try_fetch
from processes import alive, program, run, wait_for


class Declared(Case):
    def test_ports_are_added_by_a_second_up(self):
        first, second = free_ports(2)
        work = self.workspace(forwardPorts=[first])
        work.up()
        supervisor = work.supervisor()
        work.write(forwardPorts=[first, second])
        up = work.up()
        self.assertIn(str(second), up.line_for(second))
        self.assertEqual(work.port(second, state="waiting"), second)
        self.assertEqual(work.port(first, state="waiting"), first)
        self.assertEqual(work.supervisor(), supervisor)
        work.serve(second)

    def test_ports_are_dropped_by_a_second_up(self):
        first, second = free_ports(2)
        work = self.workspace(forwardPorts=[first, second])
        work.up()
        work.write(forwardPorts=[second])
        work.up()
        work.gone(first)
        self.assertTrue(refuses(first))
        self.assertEqual(work.port(second, state="waiting"), second)

    def test_ports_of_the_command_line_are_dropped_when_not_named_again(self):
        port = free_port()
        work = self.workspace()
        work.up("--forward-port", str(port))
        work.port(port, state="waiting")
        work.up()
        work.gone(port)
        self.assertTrue(refuses(port))

    def test_open_connections_live_through_adding_and_dropping(self):
        kept, dropped, added = free_ports(3)
        work = self.workspace(forwardPorts=[kept, dropped])
        work.up()
        for port in (kept, dropped):
            work.start("echo", "127.0.0.1", port)
        with connect(work.port(kept)) as one, connect(work.port(dropped)) as two:
            self.both_echo(one, two)
            work.write(forwardPorts=[kept, added])
            work.up()
            work.port(added, state="waiting")
            self.both_echo(one, two)
            work.write(forwardPorts=[added])
            work.up()
            self.both_echo(one, two)
        for port in (kept, dropped):  # somebody still listens: forwarded, but not as declared
            self.assertFalse(work.forward_of(port)["declared"])

    def both_echo(self, *connections):
        for connection in connections:
            connection.sendall(b"alive?")
            self.assertEqual(connection.recv(6, socket.MSG_WAITALL), b"alive?")

    def test_a_port_with_a_listener_can_become_declared(self):
        port = free_port()
        work = self.workspace()
        work.up()
        host_port = work.serve(port)
        work.write(forwardPorts=[port])
        work.up()
        wait_for(lambda: work.forward_of(port)["declared"], "declared", 5)
        self.assertEqual(work.port(port), host_port)
        self.assertEqual(fetch(host_port), "hello")

    def test_up_without_auto_forward_changes_nothing_of_it(self):
        port, other = free_ports(2)
        work = self.workspace(forwardPorts=[port])
        work.up()
        work.write(forwardPorts=[other])
        work.up(auto=False)
        self.assertEqual(work.port(port, state="waiting"), port)
        self.assertIsNone(work.forward_of(other))


class Attributes(Case):
    def test_are_changed_by_a_second_up(self):
        port = free_port()
        work = self.workspace(portsAttributes={str(port): {"label": "before"}})
        work.up()
        work.serve(port)
        self.assertEqual(work.forward_of(port)["label"], "before")
        work.write(portsAttributes={str(port): {"label": "after", "protocol": "https"}})
        self.assertIn("after", work.up().line_for(port))
        forward = work.forward_of(port)
        self.assertEqual((forward["label"], forward["url"]), ("after", f"https://localhost:{port}"))

    def test_ignore_added_by_a_second_up_withdraws_the_port(self):
        port = free_port()
        work = self.workspace()
        work.up()
        host_port = work.serve(port)
        work.write(portsAttributes={str(port): {"onAutoForward": "ignore"}})
        work.up()
        wait_for(lambda: refuses(host_port), "a refusal", 5)

    def test_ignore_removed_by_a_second_up_forwards_the_port(self):
        port = free_port()
        work = self.workspace(portsAttributes={str(port): {"onAutoForward": "ignore"}})
        work.up()
        work.start("http", "127.0.0.1", port, "hello")
        work.write(portsAttributes={})
        work.up()
        work.answering(port)


class NewerProgram(Case):
    def setUp(self):
        super().setUp()
        if not os.environ.get("FAIRLEAD_BIN_NEXT"):
            self.unavailable("FAIRLEAD_BIN_NEXT names no program of a higher version")
        self.next = program("FAIRLEAD_BIN_NEXT")

    def test_has_a_higher_version(self):
        old, new = (run([p, "--version"]).out for p in (program(), self.next))
        self.assertNotEqual(old, new)

    def test_replaces_an_older_supervisor_on_the_same_host_ports(self):
        inner, declared = free_ports(2)
        blocker = self.server("http", "127.0.0.1", inner, "blocker")
        work = self.workspace(forwardPorts=[declared])
        work.up()
        outer = work.serve(inner)
        self.assertNotEqual(outer, inner)
        blocker.close()
        old = work.supervisor()
        work.up(binary=self.next)
        new = work.supervisor()
        self.assertNotEqual(new, old)
        self.assertTrue(os.path.samefile(f"/proc/{new}/exe", self.next))
        wait_for(lambda: not alive(old), "the old supervisor's end")
        self.assertEqual(work.answering(inner), outer)
        self.assertEqual(work.port(declared, state="waiting"), declared)
        self.assertEqual(self.supervisors(), [new])

    def test_is_not_replaced_by_an_older_one(self):
        work = self.workspace()
        work.up(binary=self.next)
        port = free_port()
        work.serve(port)
        supervisor = work.supervisor()
        work.up()
        self.assertEqual(self.supervisors(), [supervisor])
        self.assertEqual(fetch(port), "hello")

    def test_reads_and_takes_down_what_the_older_one_runs(self):
        work = self.workspace()
        work.up()
        port = free_port()
        work.serve(port)
        listing = self.call([self.next, "ports", "--json"]).out
        self.assertIn(str(port), listing)
        self.call(work.command("down", binary=self.next))
        self.assertEqual(self.supervisors(), [])
        self.assertTrue(refuses(port))

    def test_a_program_file_replaced_while_running_changes_nothing(self):
        copy = self.root / "fairlead"
        copy.write_bytes(open(program(), "rb").read())
        copy.chmod(0o755)
        work = self.workspace()
        work.up(binary=str(copy))
        port = free_port()
        host_port = work.serve(port)
        copy.unlink()
        self.assertEqual(fetch(host_port), "hello")
        for _ in range(300):
            self.assertEqual(fetch(host_port), "hello")
        later = free_port()
        work.start("http", "127.0.0.1", later, "later")
        wait_for(lambda: try_fetch(later) == "later", "a port that appears afterwards")
