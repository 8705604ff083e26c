"""SIGKILL of supervisor and helper at random points, while streams run and listeners come and go."""

import signal
import socket

from fault_case import Churn, FaultCase, count, helpers
from network import bindable, connect, free_port, refuses
from processes import alive, descriptors, program, wait_for


class Supervisor(FaultCase):
    def again(self, work):
        """The next command, whichever it is, works and finds the same numbers."""
        if self.random.random() < 0.5:
            work.up()
        else:
            self.fairlead("forward", work.id)
        for port in (self.source, self.sink):
            self.assertEqual(work.port(port), port)
        supervisor = self.one_supervisor(work)
        self.leases_are_of(supervisor)
        return supervisor

    def at_work(self, work):
        self.pause(0.3)
        victim = work.supervisor()
        family = helpers(victim)
        self.kill(victim, signal.SIGKILL)
        self.dead(victim, *family)
        if self.random.random() < 0.5:
            for port in (self.source, self.sink):
                wait_for(lambda port=port: bindable(port), f"host port {port} free")

    def ending(self, work):
        victim = work.supervisor()
        family = helpers(victim)
        self.kill(victim, signal.SIGTERM)
        self.pause(0.05)
        self.kill(victim, signal.SIGKILL)
        self.dead(victim, *family)

    def starting(self, work):
        self.at_work(work)
        starter = self.spawn([program(), "forward", work.id])
        self.pause(0.15)
        for victim in self.supervisors():
            self.kill(victim, signal.SIGKILL)
            self.dead(victim)
        # It may have got its supervisor, lost it, or started another one: it ends in any case.
        self.assertIn(starter.wait(30), (0, 1))

    def test_killed_at_random_points_blocks_nothing_and_breaks_visibly(self):
        rounds = count(12, 200)
        work = self.serving()
        points = [self.random.choice("at_work at_work ending starting".split()) for _ in range(rounds)]
        with self.streams() as streams, Churn(work.remote(), self.seed) as churn:
            for point in points:
                getattr(self, point)(work)
                self.again(work)
                if self.random.random() < 0.2:
                    self.progress(streams)
            self.progress(streams)
        self.settled(work, churn)
        self.report(
            f"SIGKILL of the supervisor: {points.count('at_work')} at work, "
            f"{points.count('ending')} while ending, {points.count('starting')} at work and while "
            f"starting; {churn.changes} listeners came or went meanwhile"
        )
        self.sound(streams)
        work.down()
        self.nothing_is_left()
        self.assertEqual(self.registry()["entries"], [])
        self.assertTrue(refuses(self.source))

    def test_killed_resets_both_ends_of_what_was_under_way(self):
        """Neither side may take the part that it has got for the whole."""
        work = self.workspace()
        work.up()
        port = free_port()
        work.start("witness", "127.0.0.1", port)
        work.port(port)
        kinds = []
        for _ in range(count(3, 30)):
            client = connect(port)
            self.assertTrue(client.recv(1000))
            client.sendall(b"a part")
            wait_for(lambda: self.moved(work, port) >= 6, "the part passed on")
            victim = work.supervisor()
            self.kill(victim, signal.SIGKILL)
            self.dead(victim)
            try:
                kinds.append("an orderly end" if client.recv(1) == b"" else "a byte")
            except ConnectionResetError:
                kinds.append("a reset")
            client.close()
            work.up()
            work.port(port)
            with connect(port) as client:
                said = client.makefile("rb").readline().decode().split(" ", 1)[1]
                client.sendall(b"?")  # what the next round is told unless it is counted itself
                client.shutdown(socket.SHUT_WR)
                client.recv(1)
            kinds.append("a reset" if said.startswith("reset") else said.strip())
        self.report(f"what the two ends saw of {len(kinds) // 2} kills: {sorted(set(kinds))}")
        self.assertEqual(set(kinds), {"a reset"})

    def moved(self, work, port):
        forward = work.forward_of(port)
        return forward["bytes"]["toContainer"] if forward else 0


class Helper(FaultCase):
    def test_killed_at_random_points_interrupts_nothing(self):
        rounds = count(20, 200)
        work = self.serving()
        supervisor = work.supervisor()
        at_rest = len(descriptors(supervisor))
        killed = 0
        with self.streams() as streams, Churn(work.remote(), self.seed) as churn:
            for _ in range(rounds):
                self.pause(0.2)
                victims = wait_for(lambda: helpers(supervisor), "a helper", 20)
                for victim in victims:
                    self.kill(victim, signal.SIGKILL)
                self.dead(*victims)
                killed += len(victims)
            self.progress(streams)
        self.settled(work, churn)
        self.report(f"SIGKILL of the helper: {killed}; {churn.changes} listeners came or went")
        self.sound(streams, unbroken=True)
        self.assertEqual(self.one_supervisor(work), supervisor)
        # Pools and one listener more or less; a descriptor lost with each kill would show.
        slack = 2 * len(churn.ports) + 64
        wait_for(
            lambda: len(descriptors(supervisor)) <= at_rest + slack,
            lambda: f"{at_rest} descriptors, but {len(descriptors(supervisor))}",
        )
        wait_for(lambda: len(helpers(supervisor)) == 1, "one helper")
        self.assertTrue(all(alive(pid) for pid in helpers(supervisor)))
        work.down()
        self.nothing_is_left()

    def test_killed_with_its_supervisor_leaves_nothing(self):
        work = self.serving()
        for _ in range(count(3, 50)):
            supervisor = work.supervisor()
            family = [supervisor, *helpers(supervisor)]
            self.random.shuffle(family)
            for victim in family:
                self.kill(victim, signal.SIGKILL)
                self.pause(0.01)
            self.dead(*family)
            self.assertEqual(self.supervisors(), [])
            work.up()
            self.assertEqual(work.port(self.source), self.source)
        self.leases_are_of(self.one_supervisor(work))
        self.report(f"SIGKILL of supervisor and helper together: {count(3, 50)}")
        work.down()
        self.nothing_is_left()
