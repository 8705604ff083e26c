"""No space left, no descriptors left: at random moments, while ports are at work."""

import contextlib
import os
import resource
import signal

from fault_case import Churn, FaultCase, count, helpers
from network import connect, free_port, try_fetch
from processes import descriptors, run, wait_for


class Space(FaultCase):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.unavailable("mounting a file system needs root")
        self.state.mkdir(mode=0o700)
        run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=256k", "fairlead-faults", self.state])
        self.addCleanup(run, ["umount", "-l", self.state], check=False)

    def fill(self, spare):
        """Leaves so many bytes of the file system free."""
        ballast = self.state / "ballast"
        with open(ballast, "ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
            file.truncate(max(0, file.tell() - spare))

    def test_used_up_at_random_moments_costs_records_and_never_forwards(self):
        rounds = count(6, 100)
        work = self.serving()
        killed = 0
        with Churn(work.remote(), self.seed) as churn:
            for _ in range(rounds):
                killed += self.round(work)
        with self.streams() as streams:
            self.progress(streams)
        self.settled(work, churn)
        # With room again everything that is forwarded is on record again.
        held = {self.source, self.sink, *churn.listening}
        wait_for(
            lambda: held <= {entry["host_port"] for entry in self.registry()["entries"]},
            lambda: f"leases of {held}, but {self.registry()['entries']}",
            20,
            0.05,
        )
        self.leases_are_of(self.one_supervisor(work))
        self.report(
            f"ENOSPC: {rounds} times, the supervisor killed in {killed} of them; "
            f"{churn.changes} listeners came or went"
        )
        self.sound(streams, unbroken=True)
        work.down()
        self.nothing_is_left()
        self.assertEqual(self.registry()["entries"], [])

    def round(self, work):
        """Returns whether the supervisor was killed in it."""
        self.pause(0.2)
        self.fill(self.random.choice((0, 0, 4096, 8192)))
        self.pause(0.3)
        self.registry()  # whole, whatever could be written
        killed = self.random.random() < 0.5
        if killed:
            victim = work.supervisor()
            self.kill(victim, signal.SIGKILL)
            self.dead(victim)
            work.up()  # says what it could not record, and forwards all the same
            later = try_fetch_port(self, work)
            self.assertEqual(later, "found without room")
        (self.state / "ballast").unlink()
        work.up()
        for port in (self.source, self.sink):
            self.assertEqual(work.port(port), port)
        return killed


def try_fetch_port(case, work):
    """The answer of a server that begins now, by its own number: no record is needed for that."""
    port = free_port()
    work.start("http", "127.0.0.1", port, "found without room", "--lifetime", "20000")
    return wait_for(lambda: try_fetch(port), f"container port {port}, forwarded without room", 15)


class Descriptors(FaultCase):
    def limited(self, pid, soft):
        """Not an error for a helper that has just been replaced by another one."""
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))

    def whole(self, supervisor):
        """A helper that was started meanwhile has the limit of that moment: it gets all, too."""
        for pid in (supervisor, *helpers(supervisor)):
            self.limited(pid, resource.prlimit(supervisor, resource.RLIMIT_NOFILE)[1])

    def test_used_up_at_random_moments_harm_nothing_that_is_open(self):
        rounds = count(4, 60)
        work = self.serving()
        supervisor = work.supervisor()
        echo = free_port()
        work.start("echo", "127.0.0.1", echo)
        work.port(echo)
        at_rest = len(descriptors(supervisor))
        spared = 0
        with connect(echo) as old, Churn(work.remote(), self.seed) as churn:
            for _ in range(rounds):
                family = [supervisor, *wait_for(lambda: helpers(supervisor), "a helper")]
                victims = self.random.choice((family[:1], family[1:], family))
                for pid in victims:
                    room = self.random.randrange(12)
                    self.limited(pid, len(descriptors(pid)) + room)
                crowd = [self.client(echo) for _ in range(60)]
                word = os.urandom(100)
                old.sendall(word)
                got = b""
                while len(got) < len(word):
                    part = old.recv(1000)
                    self.assertTrue(part, "an open connection was ended")
                    got += part
                self.assertEqual(got, word)
                spared += 1
                self.pause(0.5)
                for client in crowd:
                    client.close()
                wait_for(
                    lambda: self.whole(supervisor) or self.echoes(echo), "an answer afterwards", 15
                )
        with self.streams() as streams:
            self.progress(streams)
        self.settled(work, churn)
        self.assertEqual(self.one_supervisor(work), supervisor)
        self.report(
            f"EMFILE: {rounds} times with 60 clients each; {spared} of {rounds} times the open "
            f"connection went on; {churn.changes} listeners came or went"
        )
        self.sound(streams, unbroken=True)
        slack = 2 * len(churn.ports) + 64
        wait_for(
            lambda: len(descriptors(supervisor)) <= at_rest + slack,
            lambda: f"{at_rest} descriptors, but {len(descriptors(supervisor))}",
        )
        work.down()
        self.nothing_is_left()

    def client(self, port):
        client = connect(port)  # the backlog takes it, whatever the supervisor can
        self.addCleanup(client.close)
        return client

    def echoes(self, port):
        try:
            with connect(port, timeout=2) as client:
                client.sendall(b"there?")
                return client.recv(6) == b"there?"
        except OSError:
            return False
