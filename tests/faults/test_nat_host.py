"""Relay `nat` on a host of its own, with a real engine: what happens to that host under its feet."""

import os

from fault_case import FaultCase, count
from own_engine import HostOfItsOwn
from processes import run, wait_for
from relay_case import RelayCase, WithoutBpf
from test_container_life import Asking


class AskingThere(Asking):
    def __init__(self, host, port, own):
        super().__init__(port, own)
        self.host, self.joined = host, False

    def turn(self):
        if not self.joined:
            self.host.join()
            self.joined = True
        super().turn()


class BothBackends:
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.unavailable("an engine of our own takes root")
        self.host = HostOfItsOwn(self.root / "engine")
        self.addCleanup(self.host.close)
        self.host.start()
        self.host.wait()
        self.host.load("fairlead-test:plain", self.root / "image.tar")
        self.env["DOCKER_HOST"] = self.host.host
        words = ("run", "-d", "fairlead-test:plain", "/bin/portd", "http", "0.0.0.0", "3000", "ours")
        self.box = self.host.docker(*words).out.strip()
        self.addCleanup(self.host.docker, "rm", "-f", self.box, check=False)

    def call(self, argv, **options):
        return super().call([*self.host.enter(), *argv], **options)

    def begin(self):
        self.forward()
        return self.wait(3000, state="forwarding", relay="nat")["hostPort"]

    def still_by_nat(self):
        wait_for(lambda: self.listing()[3000]["relay"] == "nat", lambda: str(self.listing()), 20)

    def reached_by(self, neighbour, patience=1):
        """Whether a neighbour container, root in its network, gets at this host's loopback."""
        inside = ("nsenter", "-t", self.host.docker("inspect", "-f", "{{.State.Pid}}", neighbour).out.strip(), "-n")
        script = (
            "ip address del 127.0.0.1/8 dev lo; cd /proc/sys/net/ipv4/conf; "
            "for i in all eth0; do echo 1 >$i/route_localnet; echo 0 >$i/rp_filter; done; "
            "ip route replace 127.0.0.1/32 via $(ip route show default | cut -d' ' -f3) "
            "src $(ip -4 -o address show dev eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'); "
            f"timeout {patience} bash -c 'exec 3<>/dev/tcp/127.0.0.1/4000; read line <&3; echo $line'"
        )
        return "private" in run([*inside, "sh", "-c", script], check=False).out

    def test_a_neighbour_container_never_gets_at_the_hosts_loopback(self):
        server = self.spawn([*self.host.enter(), "socat", "TCP-LISTEN:4000,bind=127.0.0.1,fork,reuseaddr",
                             "SYSTEM:echo private"])
        neighbour = self.host.docker("run", "-d", "fairlead-test:plain", "/bin/portd", "idle").out.strip()
        self.addCleanup(self.host.docker, "rm", "-f", neighbour, check=False)
        wait_for(lambda: self.host.run("bash", "-c", ": </dev/tcp/127.0.0.1/4000", check=False).rc == 0, "it listens")
        self.assertFalse(self.reached_by(neighbour), "before")
        self.begin()
        self.assertFalse(self.reached_by(neighbour), "while it runs")
        # Another supervisor, with another state directory, on the same bridge.
        words = ("run", "-d", "fairlead-test:plain", "/bin/portd", "http", "0.0.0.0", "3000", "theirs")
        other = self.host.docker(*words).out.strip()
        self.addCleanup(self.host.docker, "rm", "-f", other, check=False)
        elsewhere = {**self.env, "FAIRLEAD_STATE_DIR": str(self.root / "other-state")}
        self.fairlead("forward", other, env=elsewhere)
        why = ("why", "3000", "--container-id", other)
        wait_for(lambda: "by the kernel" in self.fairlead(*why, env=elsewhere, check=False).out, "the other's way")
        self.fairlead("forward", self.box, "--stop")
        self.assertFalse(self.reached_by(neighbour), "one has gone")
        self.host.run("nft", "flush", "ruleset")
        self.assertFalse(self.reached_by(neighbour), "the ruleset was emptied")
        self.fairlead("forward", other, "--stop", env=elsewhere)
        self.assertFalse(self.reached_by(neighbour), "both have gone")
        settings = self.host.run("sh", "-c", "cat /proc/sys/net/ipv4/conf/*/route_localnet").out
        self.assertEqual(set(settings.split()), {"0"})
        self.host.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/docker0/route_localnet")
        self.assertTrue(self.reached_by(neighbour, 60), "no test")
        server.kill()

    def told(self, what, rounds, asking):
        self.report(f"{what}: {rounds}, {asking.right} answers, {asking.none} clients without one")
        self.assertEqual((asking.none, asking.strange), (0, []))
        self.assertGreater(asking.right, rounds)

    def test_the_engine_is_killed_and_restarted_while_containers_live(self):
        rounds = count(2, 30)
        with AskingThere(self.host, self.begin(), "ours") as asking:
            for _ in range(rounds):
                self.host.kill()
                self.pause(0.5)
                self.host.start()
                self.host.wait()
                self.still_by_nat()
        self.told("SIGKILL of the engine beside relay nat", rounds, asking)

    def test_somebody_empties_the_ruleset(self):
        rounds = count(10, 200)
        with AskingThere(self.host, self.begin(), "ours") as asking:
            for _ in range(rounds):
                self.host.run("nft", "flush", "ruleset")
                self.pause(0.2)
                self.still_by_nat()
        self.told("nft flush ruleset", rounds, asking)
        self.guarded()


class Connect(BothBackends, FaultCase, RelayCase):
    def guarded(self):
        self.assertEqual(self.host.run("nft", "list", "ruleset").out, "", "connect adds no rule")


class Nft(BothBackends, WithoutBpf, FaultCase, RelayCase):
    def guarded(self):
        def twice():
            rules = self.host.run("nft", "list", "ruleset").out
            return "table ip fairlead-guard {" in rules and rules.count("ip daddr 127.0.0.0/8 drop") == 2

        wait_for(twice, "the guard stands in both tables")
        self.fairlead("forward", self.box, "--stop")
        self.assertEqual(self.host.run("nft", "list", "ruleset").out, "")
        settings = self.host.run("sh", "-c", "cat /proc/sys/net/ipv4/conf/*/route_localnet").out
        self.assertEqual(set(settings.split()), {"0"})
