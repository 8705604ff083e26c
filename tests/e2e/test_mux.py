"""Relay mux: every connection over one exec's stdin and stdout."""

import os
import signal
import socket
import zlib

from network import abort, connect, fetch, free_port, read_all, refuses, try_fetch
from processes import children, docker, pids, read_proc, run, wait_for
from relay_case import OrdinaryCase, RelayCase


def mux_agents(container):
    """The pids, on this machine, of the agents that carry streams out of a container."""
    return [
        pid
        for pid in pids()
        if b"--mux-once" in read_proc(pid, "cmdline") and container.encode() in read_proc(pid, "cgroup")
    ]


class MuxCase:
    """What every way of starting it has to do; with `begin` of one of the cases."""

    def forward_of(self, port, **wanted):
        return self.wait(port, 30, state="forwarding", relay="mux", **wanted)

    def execs(self):
        events = docker("events", "--since", "1h", "--until", "0s", "--filter", "event=exec_start")
        return len([line for line in events.out.splitlines() if self.box in line])

    def check_streams(self, ports):
        with connect(ports["source"], timeout=30) as source:
            data = read_all(source)
        want = run([os.environ["FAIRLEAD_PORTD"], "sum", 3_000_000]).out.split()
        self.assertEqual([str(len(data)), f"{zlib.crc32(data):08x}"], want)
        with connect(ports["sink"], timeout=30) as sink:
            sink.sendall(b"x" * 700_000)
            sink.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(sink).split()[0], b"700000")

    def start_servers(self):
        self.start("http", "127.0.0.1", 3000, "found")
        self.start("echo", "127.0.0.1", 3001)
        self.start("source", "127.0.0.1", 3002, 3_000_000)
        self.start("sink", "127.0.0.1", 3003)
        names = {3000: "http", 3001: "echo", 3002: "source", 3003: "sink"}
        return {name: self.forward_of(port)["hostPort"] for port, name in names.items()}


class Mux(MuxCase, RelayCase):
    def test_carries_everything_over_one_exec_in_a_container_with_nothing_in_it(self):
        self.begin("distroless", "--relay", "mux")
        ports = self.start_servers()
        self.assertEqual(fetch(ports["http"]), "found")
        wait_for(lambda: self.execs() == 5, "four servers and the agent")
        self.check_streams(ports)
        for _ in range(50):
            self.assertEqual(fetch(ports["http"]), "found")
        self.start("http", "127.0.0.1", 3004, "the last")  # what comes before it has been told
        wait_for(lambda: self.execs() > 5, "the last one")
        self.assertEqual(self.execs(), 6, "an exec per connection, or per scan")
        self.assertEqual(len(mux_agents(self.box)), 1)
        # Nothing of it stays in the container's files.
        self.assertNotIn("fairlead", docker("diff", self.box).out)

    def test_ipv6_loopback_and_the_process_behind_a_port(self):
        self.begin("plain", "--relay", "mux", options=["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"])
        self.start("http", "::1", 3000, "six")
        self.assertEqual(fetch(self.forward_of(3000)["hostPort"]), "six")

    def test_a_refused_dial_and_a_reset_are_resets(self):
        self.begin("plain", "8080:3000", "--relay", "mux")
        waiting = self.wait(3000, 30, state="waiting", relay="mux")
        self.assert_resets(waiting["hostPort"])
        failed = wait_for(lambda: self.listing()[3000]["connections"]["failed"], "a failure counted")
        self.assertEqual(failed, 1)
        self.start("reset", "127.0.0.1", 3001)
        self.assert_resets(self.forward_of(3001)["hostPort"])

    def test_a_clients_reset_reaches_the_server_as_one(self):
        self.begin("plain", "--relay", "mux")
        self.start("hold", "127.0.0.1", 3000)
        port = self.forward_of(3000)["hostPort"]
        client = connect(port, timeout=20)
        client.sendall(b"x")
        wait_for(lambda: self.listing()[3000]["connections"]["open"] == 1, "the connection is open")
        wait_for(lambda: self.established() == 1, "the server has it")
        abort(client)
        wait_for(lambda: self.established() == 0, "the server's connection is gone", 10)

    def established(self):
        table = docker("exec", self.box, "cat", "/proc/net/tcp").out.splitlines()[1:]
        rows = [line.split() for line in table]
        return len([row for row in rows if row[1].endswith(f"{3000:04X}") and row[3] in ("01", "08")])

    def test_one_that_reads_nothing_holds_up_no_other(self):
        self.begin("plain", "--relay", "mux")
        self.start("source", "127.0.0.1", 3000, 50_000_000)
        self.start("http", "127.0.0.1", 3001, "found")
        source, web = (self.forward_of(port)["hostPort"] for port in (3000, 3001))
        with connect(source, timeout=60) as stuck:
            moved = lambda: self.listing()[3000]["bytes"]["fromContainer"]  # noqa: E731
            wait_for(lambda: moved() > 0, "the stream has begun")
            for _ in range(20):
                self.assertEqual(fetch(web), "found")
            self.assertEqual(len(read_all(stuck)), 50_000_000)

    def test_a_hundred_at_once(self):
        self.begin("plain", "--relay", "mux")
        self.start("echo", "127.0.0.1", 3000)
        self.assert_echoes(self.forward_of(3000)["hostPort"], 100, 200_000)

    def test_the_agent_killed_in_the_middle_resets_and_is_back_on_the_same_port(self):
        self.begin("plain", "--relay", "mux")
        self.start("source", "127.0.0.1", 3000, 200_000_000)
        self.start("http", "127.0.0.1", 3001, "found")
        source, web = (self.forward_of(port)["hostPort"] for port in (3000, 3001))
        for _ in range(3):
            self.assert_cut(source, 200_000_000, self.kill_agents)
            wait_for(lambda: try_fetch(web, timeout=5) == "found", "it answers again", 30)
            self.assertEqual(self.listing()[3001]["hostPort"], web)

    def kill_agents(self):
        for pid in mux_agents(self.box):
            os.kill(pid, signal.SIGKILL)

    def test_goes_with_the_supervisor_and_leaves_nothing(self):
        self.begin("plain", "--relay", "mux")
        inner = free_port()
        self.start("http", "127.0.0.1", inner, "found")
        port = self.forward_of(inner)["hostPort"]
        self.assertEqual(fetch(port), "found")
        os.kill(self.supervisor(), signal.SIGKILL)
        wait_for(lambda: not mux_agents(self.box), "the agent is gone", 20)
        self.assertTrue(refuses(port))
        self.forward("--relay", "mux")
        self.assertEqual(fetch(self.forward_of(inner, hostPort=port)["hostPort"]), "found")

    def test_a_read_only_container_gets_it_where_it_can_be_written(self):
        self.begin("plain", "--relay", "mux", options=["--read-only", "--tmpfs", "/tmp:exec"])
        self.start("http", "127.0.0.1", 3000, "found")
        self.assertEqual(fetch(self.forward_of(3000)["hostPort"]), "found")
        self.assertEqual(docker("exec", self.box, "ls", "-A", "/tmp").out, "")

    def test_where_it_cannot_be_put_the_reason_is_told_and_the_next_relay_taken(self):
        self.begin("socat", "--relay", "mux", options=["--read-only"])
        self.start("http", "127.0.0.1", 3000, "found")
        forward = self.wait(3000, 30, state="forwarding", relay="namespace")
        self.assertIn("not mux: the agent cannot be put there: cp: ", forward["relayReason"])
        self.assertIn("no directory there takes a program and runs it", forward["relayReason"])


class Ordinary(MuxCase, OrdinaryCase):
    """Without a mount of ours and without any right but that to use the engine."""

    def test_is_taken_before_exec_for_what_is_bound_to_loopback(self):
        self.begin("socat")
        ports = self.start_servers()
        self.assertEqual(fetch(ports["http"]), "found")
        reason = self.listing()[3000]["relayReason"]
        for words in ("the agent, over one exec", "not namespace", "not agent", "not direct"):
            self.assertIn(words, reason)
        self.check_streams(ports)
        self.assertEqual([pid for pid in children(self.supervisor())], [])
        self.start("http", "0.0.0.0", 3004, "wild")
        self.assertEqual(fetch(self.wait(3004, state="forwarding", relay="direct")["hostPort"]), "wild")
