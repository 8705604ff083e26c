"""The agent: sockets of the container's for a user who may do no more than use the engine."""

import json
import os
import signal
import subprocess
import threading
import zlib
from pathlib import Path

from harness import DISTROLESS
from network import connect, fetch, free_port, read_all, refuses, try_fetch
from processes import alive, children, command_line, docker, pids, read_proc, run, wait_for
from relay_case import OrdinaryCase

PLACE = "/run/fairlead"


def agents(container):
    """The pids, on this machine, of the agents that run in a container."""
    return [
        pid
        for pid in pids()
        if command_line(pid)[0].startswith(f"{PLACE}/agent-")
        and container.encode() in read_proc(pid, "cgroup")
    ]


class AgentCase(OrdinaryCase):
    """A workspace of an ordinary user's, with its container made by `up --auto-forward`."""

    def begin(self, *words, run_args=(), **config):
        os.chmod(self.root, 0o755)
        self.work = self.workspace(runArgs=list(run_args), **config)
        self.up(*words)
        return self.work

    def up(self, *words, **options):
        argv = [*self.user, *self.work.command("up", "--auto-forward", *words, binary=self.binary)]
        result = self.call(argv, **options)
        if result.rc == 0:
            self.work.id = self.box = json.loads(result.out)["containerId"]
        return result

    def forward_of(self, port, **wanted):
        return self.wait(port, state="forwarding", **wanted)

    def mounts(self):
        found = json.loads(docker("inspect", self.box).out)[0]["Mounts"]
        return [mount for mount in found if mount["Destination"] == PLACE]

    def directory(self):
        return Path(self.mounts()[0]["Source"])


class Agent(AgentCase):
    def test_carries_every_kind_of_address_and_spawns_nothing_per_connection(self):
        self.begin(run_args=["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"])
        servers = {3000: "127.0.0.1", 3001: "::1", 3002: "0.0.0.0", 3003: "::", 3004: "127.0.0.9"}
        for port, address in servers.items():
            self.start("http", address, port, f"at {address}")
        ports = {port: self.forward_of(port, relay="agent")["hostPort"] for port in servers}
        self.assertIn("by the agent", self.listing()[3000]["relayReason"])
        self.assertIn("not namespace", self.listing()[3000]["relayReason"])
        supervisor = self.supervisor()
        begun = docker("events", "--since", "1h", "--until", "0s", "--filter", "event=exec_start")
        for _ in range(100):
            for port, address in servers.items():
                self.assertEqual(fetch(ports[port]), f"at {address}")
                self.assertEqual(children(supervisor), [])
        ended = docker("events", "--since", "1h", "--until", "0s", "--filter", "event=exec_start")
        mine = [line for line in ended.out.splitlines() if self.box in line]
        before = [line for line in begun.out.splitlines() if self.box in line]
        self.assertEqual(len(mine), len(before), "an exec per connection, or per scan")
        self.assertEqual(len(agents(self.box)), 1)

    def test_carries_streams_whole_both_ways(self):
        self.begin()
        self.start("source", "127.0.0.1", 3002, 30_000_000)
        self.start("sink", "127.0.0.1", 3003)
        source = self.forward_of(3002, relay="agent")["hostPort"]
        sink = self.forward_of(3003, relay="agent")["hostPort"]
        with connect(source, timeout=30) as client:
            data = read_all(client)
        want = run([os.environ["FAIRLEAD_PORTD"], "sum", 30_000_000]).out.split()
        self.assertEqual([str(len(data)), f"{zlib.crc32(data):08x}"], want)
        with connect(sink, timeout=30) as client:
            client.sendall(b"x" * 20_000_000)
            client.shutdown(1)
            self.assertEqual(read_all(client).split()[0], b"20000000")

    def test_tells_which_process_listens_so_that_expressions_work(self):
        attributes = {"portd http .* mark-of-the-web$": {"label": "by its command line"}}
        self.begin(portsAttributes=attributes)
        for user in ("0", "1000"):
            port = 3000 + int(user)
            words = ["http", "127.0.0.1", str(port), "mark-of-the-web"]
            docker("exec", "-d", "-u", user, self.box, "/bin/portd", *words)
            forward = self.forward_of(port, label="by its command line")
            self.assertIn("mark-of-the-web", forward["process"])

    def test_works_in_a_container_with_a_read_only_root_nothing_in_it_and_no_rights(self):
        self.begin(
            run_args=["--read-only", "--cap-drop=ALL", "--user=4321", "--security-opt=no-new-privileges"],
            image=DISTROLESS,
            overrideCommand=False,
            userEnvProbe="none",
        )
        port = self.forward_of(3000, relay="agent")["hostPort"]
        self.assertEqual(fetch(port), "hello")

    def test_that_is_killed_is_replaced_and_nothing_is_lost(self):
        self.begin()
        self.start("http", "127.0.0.1", 3000, "found")
        self.start("echo", "127.0.0.1", 3001)
        port = self.forward_of(3000, relay="agent")["hostPort"]
        with connect(self.forward_of(3001)["hostPort"], timeout=20) as open_one:
            for _ in range(3):
                for pid in agents(self.box):
                    os.kill(pid, signal.SIGKILL)
                for _ in range(40):  # more than were kept ahead
                    self.assertEqual(fetch(port, timeout=20), "found")
                open_one.sendall(b"still here")
                self.assertEqual(open_one.recv(100), b"still here")
            wait_for(lambda: len(agents(self.box)) == 1, "one agent again", 20)

    def test_goes_with_its_supervisor_however_that_ends(self):
        inner = free_port()
        self.begin()
        self.start("http", "127.0.0.1", inner, "found")
        port = self.forward_of(inner, relay="agent")["hostPort"]
        self.assertEqual(len(agents(self.box)), 1)
        os.kill(self.supervisor(), signal.SIGKILL)
        wait_for(lambda: not agents(self.box), "no agent", 5)
        self.assertTrue(refuses(port))
        self.up()
        self.assertEqual(self.forward_of(inner, relay="agent")["hostPort"], port)
        self.assertEqual(fetch(port), "found")

    def test_follows_a_restart_of_the_container(self):
        inner = free_port()
        self.begin(postStartCommand=f"portd http 127.0.0.1 {inner} found >/dev/null 2>&1 &")
        port = self.forward_of(inner, relay="agent")["hostPort"]
        docker("restart", "-t", "0", self.box)
        wait_for(lambda: inner not in self.listing(), "withdrawn", 20)
        self.assertTrue(refuses(port))
        self.start("http", "127.0.0.1", inner, "again")
        self.assertEqual(self.forward_of(inner, relay="agent")["hostPort"], port)
        self.assertEqual(fetch(port), "again")

    def test_sees_a_listener_within_the_time_of_a_tick_and_its_end(self):
        self.begin()
        for _ in range(5):
            self.start("http", "127.0.0.1", 3000, "found")
            port = self.forward_of(3000, relay="agent")["hostPort"]
            self.assertEqual(fetch(port), "found")
            for pid in pids():
                words = command_line(pid)
                if words[:2] == ["/bin/portd", "http"] and self.box.encode() in read_proc(pid, "cgroup"):
                    os.kill(pid, signal.SIGKILL)
            wait_for(lambda: refuses(port), "refused", 10)
            wait_for(lambda: 3000 not in self.listing(), "withdrawn", 10)

    def test_under_two_hundred_clients_at_once(self):
        self.begin()
        self.start("http", "127.0.0.1", 3000, "found")
        port = self.forward_of(3000, relay="agent")["hostPort"]
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(try_fetch(port, timeout=60)))
            for _ in range(200)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, ["found"] * 200)


class Directory(AgentCase):
    def test_is_mounted_read_only_by_auto_forward_and_by_nothing_else(self):
        self.begin()
        self.assertEqual([mount["RW"] for mount in self.mounts()], [False])
        self.assertTrue(str(self.directory()).startswith(str(self.state) + "/agents/"))
        plain = self.workspace("plain")
        plain.up(auto=False)
        self.box = plain.id
        self.assertEqual(self.mounts(), [])

    def test_cannot_be_changed_from_within(self):
        self.begin()
        touched = docker("exec", self.box, "touch", f"{PLACE}/mine", check=False)
        self.assertNotEqual(touched.rc, 0)

    def test_goes_with_the_container(self):
        self.begin()
        place = self.directory()
        self.assertTrue(place.exists())
        command = self.work.command("down", "--remove", "--timeout", "0", binary=self.binary)
        self.call([*self.user, *command])
        self.assertFalse(place.exists())
        self.up()
        docker("rm", "-f", self.box)
        wait_for(lambda: not place.exists(), "the directory is gone", 20)

    def test_of_a_container_that_could_not_be_made_is_not_left(self):
        self.work = self.workspace(runArgs=["--no-such-flag"])
        self.assertEqual(self.up(check=False).rc, 1)
        self.assertEqual(list((self.state / "agents").glob("*")), [])

    def test_that_is_missing_leaves_the_other_ways_and_says_so(self):
        self.box = self.container("/bin/portd", "idle", image="fairlead-test:socat")
        self.forward()
        self.start("http", "127.0.0.1", 3000, "found")
        forward = self.wait(3000, state="forwarding", relay="mux")
        self.assertIn("not agent: the container was made without", forward["relayReason"])
        self.assertIn("up --auto-forward", forward["relayReason"])


class Sidecar(OrdinaryCase):
    """For a container that was made without the agent's directory."""

    def beside(self):
        return docker("ps", "-q", "--filter", f"label=fairlead.side-of={self.box}").out.split()

    def begin(self, *words, image="plain", port=3000):
        super().begin(image, *words)
        self.start("http", "127.0.0.1", port, "found")

    def test_runs_the_agent_beside_it_without_rights_and_goes_with_the_supervisor(self):
        self.begin("--sidecar")
        forward = self.wait(3000, state="forwarding", relay="agent")
        self.assertIn("beside it", forward["relayReason"])
        for _ in range(50):
            self.assertEqual(fetch(forward["hostPort"]), "found")
        (side,) = self.beside()
        described = json.loads(docker("inspect", side).out)[0]
        how = described["HostConfig"]
        self.assertTrue(how["ReadonlyRootfs"])
        self.assertEqual(how["CapDrop"], ["ALL"])
        self.assertEqual(how["NetworkMode"], f"container:{self.box}")
        self.assertEqual([mount["RW"] for mount in described["Mounts"]], [False])
        self.fairlead("forward", "--stop", self.box)
        wait_for(lambda: not self.beside(), "the side container is gone", 10)
        self.assertEqual(list((self.state / "agents").glob("*")), [])

    def test_goes_when_the_supervisor_is_killed_and_comes_back(self):
        inner = free_port()
        self.begin("--sidecar", port=inner)
        port = self.wait(inner, state="forwarding", relay="agent")["hostPort"]
        os.kill(self.supervisor(), signal.SIGKILL)
        wait_for(lambda: not self.beside(), "the side container is gone", 10)
        self.assertTrue(refuses(port))
        self.forward("--sidecar")
        self.wait(inner, state="forwarding", relay="agent", hostPort=port)
        self.assertEqual(fetch(port), "found")

    def test_may_be_asked_for_while_the_supervisor_runs(self):
        inner = free_port()
        self.begin(image="socat", port=inner)
        port = self.wait(inner, state="forwarding", relay="mux")["hostPort"]
        self.forward("--sidecar")
        self.wait(inner, state="forwarding", relay="agent", hostPort=port)
        self.assertEqual(fetch(port), "found")

    def test_by_up_serves_a_container_that_was_made_without_auto_forward(self):
        os.chmod(self.root, 0o755)
        work = self.workspace(postStartCommand="portd http 127.0.0.1 3000 found >/dev/null 2>&1 &")
        for words in (["up"], ["up", "--auto-forward", "--sidecar"]):
            result = self.call([*self.user, *work.command(*words, binary=self.binary)])
        self.box = json.loads(result.out)["containerId"]
        forward = self.wait(3000, state="forwarding", relay="agent")
        self.assertEqual(fetch(forward["hostPort"]), "found")
        command = work.command("down", "--timeout", "0", binary=self.binary)
        self.call([*self.user, *command])
        wait_for(lambda: not self.beside(), "the side container is gone", 10)


class Impostor(AgentCase):
    """Somebody in the container takes the agent's place."""

    def test_that_never_answers_costs_the_way_and_nothing_else(self):
        self.begin(image="fairlead-test:socat")
        self.start("http", "0.0.0.0", 3000, "found")
        self.forward_of(3000, relay="agent")
        supervisor = self.supervisor()
        os.kill(supervisor, signal.SIGKILL)
        # Whoever connects first is taken for the agent.
        greedy = (
            f"while :; do socat -u UNIX-CONNECT:{PLACE}/socket,type=5 EXEC:'sleep 60' 2>/dev/null; "
            "sleep 0.01; done"
        )
        sitter = subprocess.Popen(
            ["docker", "exec", self.box, "/bin/sh", "-c", greedy], stderr=subprocess.DEVNULL
        )
        self.addCleanup(sitter.wait)
        self.addCleanup(sitter.kill)
        wait_for(lambda: not agents(self.box), "no agent", 10)
        self.up(timeout=60)
        forward = self.wait(3000, timeout=40, state="forwarding")
        self.assertEqual(fetch(forward["hostPort"], timeout=20), "found")
        self.assertTrue(alive(self.supervisor()))
        if forward["relay"] != "agent":
            self.assertIn("not agent", forward["relayReason"])


class Forced(AgentCase):
    def test_by_root_it_is_taken_instead_of_the_namespace(self):
        self.user = []
        os.chown(self.state, 0, 0)
        self.begin("--relay", "agent")
        self.start("http", "127.0.0.1", 3000, "found")
        forward = self.forward_of(3000, relay="agent")
        self.assertIn("as asked for", forward["relayReason"])
        self.assertEqual(fetch(forward["hostPort"]), "found")
