"""Relay `nat` on a host of its own, with a real engine: what happens to that host under its feet."""

import os

from fault_case import FaultCase, count
from own_engine import HostOfItsOwn
from processes import wait_for
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
        rules = self.host.run("nft", "list", "ruleset").out
        self.assertIn("table ip fairlead-guard {", rules)
        self.assertEqual(rules.count("ip daddr 127.0.0.0/8 drop"), 2)
        self.fairlead("forward", self.box, "--stop")
        self.assertEqual(self.host.run("nft", "list", "ruleset").out, "")
        settings = self.host.run("sh", "-c", "cat /proc/sys/net/ipv4/conf/*/route_localnet").out
        self.assertEqual(set(settings.split()), {"0"})
