"""SIGKILL of the engine: a dockerd of the test's own, killed at random points and started again."""

import os
import signal

from fault_case import Churn, FaultCase, count
from network import Remote, fetch, free_port, free_ports, try_fetch
from own_engine import Engine
from processes import alive, docker, pids, read_proc, wait_for


class Kills(FaultCase):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.unavailable("an engine of our own takes root")
        self.engine = Engine(self.root / "engine")
        self.addCleanup(self.engine.close)
        self.engine.start()
        self.engine.wait()
        self.engine.load("fairlead-test:plain", self.root / "image.tar")
        self.env["DOCKER_HOST"] = self.engine.host

    def begin(self):
        share = self.root / "share"
        share.mkdir()
        words = ["run", "-d", "--network", "none", "-v", f"{share}:/share", "fairlead-test:plain"]
        self.box = self.engine.docker(*words, "/bin/portd", "idle").out.strip()
        self.addCleanup(self.remove_box)
        flags = ("-H", self.engine.host)
        self.remote = Remote(self.box, share / "control", "/share/control", engine=flags)
        self.addCleanup(self.remote.close)
        self.source, self.sink = free_ports(2)
        self.remote.start("source", "127.0.0.1", self.source, 2_000_000)
        self.remote.start("sink", "127.0.0.1", self.sink)
        self.fairlead("forward", self.box)
        for port in (self.source, self.sink):
            self.state_of(port, "forwarding")

    def remove_box(self):
        """Whether or not its engine lives at the moment."""
        for pid in pids():
            if self.box in read_proc(pid, "cgroup").decode():
                self.kill(pid, signal.SIGKILL)
        self.engine.docker("rm", "-f", self.box, check=False)

    # What the helpers of FaultCase ask a workspace for.
    def forwards(self):
        return self.all_forwards()

    def answering(self, port, text):
        wait_for(lambda: try_fetch(port) == text, f"{text!r} from {port}")

    def state_of(self, port, state):
        def found():
            return any(
                f["containerPort"] == port and f["hostPort"] == port and f["state"] == state
                for f in self.all_forwards()
            )

        wait_for(found, lambda: f"{port} {state}: {self.all_forwards()}", 20, 0.05)

    def test_at_random_points_cost_no_byte_and_its_events_are_followed_again(self):
        rounds = count(3, 200)
        self.begin()
        (supervisor,) = self.supervisors()
        during = 0
        with self.streams() as streams, Churn(self.remote, self.seed) as churn:
            for _ in range(rounds):
                # Not "pause": killed in the middle of it, the engine takes the frozen for running.
                busy = self.random.choice(("inspect", "top", "logs", None))
                command = None
                if busy is not None:
                    during += 1
                    command = self.spawn(["docker", "-H", self.engine.host, busy, self.box])
                self.pause(0.2)
                self.engine.kill()
                if command is not None:
                    command.wait(30)
                self.pause(0.5)
                self.engine.start()
                self.engine.wait()
                self.state_of(self.source, "forwarding")
                self.engine.docker("pause", self.box)
                self.state_of(self.source, "paused")
                self.engine.docker("unpause", self.box)
                self.state_of(self.source, "forwarding")
            self.progress(streams)
        self.settled(self, churn)
        self.assertEqual(self.supervisors(), [supervisor])
        self.report(
            f"SIGKILL of the engine: {rounds}, {during} of them while a command was under way; "
            f"{churn.changes} listeners came or went"
        )
        self.sound(streams, unbroken=True)

    def test_leaves_what_runs_and_what_begins_meanwhile_forwarded(self):
        self.begin()
        (supervisor,) = self.supervisors()
        rounds = count(1, 20)
        for _ in range(rounds):
            self.engine.kill()
            later = free_port()
            _, pid = self.remote.start("http", "127.0.0.1", later, "engineless")
            self.answering(later, "engineless")
            for _ in range(50):
                self.assertEqual(fetch(later), "engineless")
            self.remote.stop(pid)
            self.engine.start()
            self.engine.wait()
        # Its end and its next start are heard of, as if nothing had been.
        self.engine.docker("stop", "-t", "0", self.box)
        wait_for(lambda: try_fetch(later) is None, "withdrawn")
        self.engine.docker("start", self.box)
        self.engine.docker("exec", "-d", self.box, "/bin/portd", "http", "127.0.0.1", later, "back")
        self.answering(later, "back")
        self.assertEqual(self.supervisors(), [supervisor])
        self.report(f"listeners that began without an engine: {rounds}, all forwarded")
        self.engine.docker("rm", "-f", self.box)
        wait_for(lambda: not alive(supervisor), "the supervisor's end with its container", 20)
        self.nothing_is_left()
