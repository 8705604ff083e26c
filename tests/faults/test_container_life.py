"""What happens to containers, again and again: restart, pause, networks, addresses that pass on."""

import contextlib
import ipaddress
import subprocess
import sys
from pathlib import Path

from fault_case import Background, FaultCase, count
from harness import LABEL
from network import connect, free_port, try_fetch
from processes import docker, wait_for
from relay_case import RelayCase, WithoutBpf

PID = "{{.State.Pid}}"


class Asking(Background):
    """Clients of one forward; every answer that is none of its container's is kept."""

    def __init__(self, port, own):
        super().__init__()
        self.port, self.own = port, own
        self.right, self.none, self.strange = 0, 0, []

    def turn(self):
        answer = try_fetch(self.port, timeout=10)
        if answer == self.own:
            self.right += 1
        elif answer is None:
            self.none += 1
            self.over.wait(0.005)
        else:
            self.strange.append(answer)


class Recorder:
    """A container whose server notes every byte that reaches it (recorder.py)."""

    def __init__(self, case, port):
        self.id = case.container("/bin/portd", "idle", options=["--network", case.mark])
        case.leave(self.id)
        pid = docker("inspect", "--format", PID, self.id).out.strip()
        self.output = open(case.root / "recorder", "w+")
        self._process = subprocess.Popen(
            ["nsenter", "-t", pid, "-n", sys.executable, Path(__file__).with_name("recorder.py")]
            + [str(port)],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
        )
        case.addCleanup(self.close)
        wait_for(lambda: "listening" in self.lines(), "the recorder listens")

    def lines(self):
        return Path(self.output.name).read_text().split("\n")

    def strange(self):
        return [line for line in self.lines() if line.startswith("bytes") and line != "bytes 0"]

    def touched(self):
        return self.lines().count("bytes 0")

    def close(self):
        self._process.kill()
        self._process.wait(10)
        self.output.close()


def probed(address, port):
    try:
        with connect(port, address, 1) as connection:
            connection.sendall(b"probe")
            return connection.recv(100) == b"probed"
    except OSError:
        return False


class LifeCase(FaultCase, RelayCase):
    def setUp(self):
        super().setUp()
        # While a container is down its host port is free: nobody else asks for this number.
        self.inner = free_port()
        # A network of our own, so that nobody else's container takes an address from it.
        for _ in range(50):
            self.subnet = ipaddress.ip_network(f"10.{self.random.randrange(100, 250)}."
                                               f"{self.random.randrange(250)}.0/24")  # fmt: skip
            words = ("--subnet", str(self.subnet), "--label", f"{LABEL}={self.mark}", self.mark)
            if docker("network", "create", *words, check=False).rc == 0:
                return
        self.fail("no free subnet")

    def join(self, container, address=None):
        words = ["--ip", str(address)] if address else []
        docker("network", "connect", *words, self.mark, container)

    def leave(self, container):
        docker("network", "disconnect", "-f", self.mark, container)

    def at(self, number):
        return str(self.subnet[number])

    def forwarded(self, text, address, relay):
        """A container of that text, and the host port by which it is reached."""
        box = self.container(
            *("/bin/portd", "http", "0.0.0.0", str(self.inner), text),
            options=["--network", self.mark, "--ip", address],
        )
        self.fairlead("forward", box, "--relay", relay)

        def port():
            for forward in self.all_forwards():
                if forward["containerId"] == box and forward["relay"] == relay:
                    return forward["hostPort"]
            return None

        return box, wait_for(port, lambda: f"{text} by {relay}: {self.all_forwards()}", 15, 0.05)


class TakeoverCase(LifeCase):
    """Its address passes to another container while clients keep coming."""

    def wait_for_relay(self, relay):
        wait_for(lambda: any(f["relay"] == relay for f in self.all_forwards()), f"{relay} again", 20)

    def rounds(self, relay, rounds):
        address = self.at(77)
        box, port = self.forwarded("ours", address, relay)
        stranger = Recorder(self, self.inner)
        with contextlib.ExitStack() as clients:
            asking = [clients.enter_context(Asking(port, "ours")) for _ in range(4)]
            for _ in range(rounds):
                self.leave(box)
                self.join(stranger.id, address)
                # Only once it is reached at the address, a byte could have gone there.
                wait_for(lambda: probed(address, self.inner), "the stranger serves at the address")
                self.pause(0.1)
                self.leave(stranger.id)
                self.join(box, address)
                wait_for(lambda: try_fetch(port) == "ours", "ours again", 20)
                if relay == "nat":  # comes back by itself, while others serve
                    self.wait_for_relay(relay)
            self.wait_for_relay(relay)
        right = sum(a.right for a in asking)
        none = sum(a.none for a in asking)
        strange = [answer for a in asking for answer in a.strange]
        self.report(
            f"relay {relay}: {rounds} takeovers, {right} answers of ours, {none} clients without "
            f"one, {len(strange)} of the stranger's; it saw {stranger.touched()} connections "
            f"without a byte and {len(stranger.strange())} with bytes"
        )
        self.assertEqual(strange, [])
        self.assertEqual(stranger.strange(), [])
        self.assertGreater(right, rounds)


class Takeover(TakeoverCase):
    def test_by_another_container_never_sends_it_a_byte_by_direct(self):
        self.rounds("direct", count(6, 200))

    def test_by_another_container_never_sends_it_a_byte_by_namespace(self):
        self.rounds("namespace", count(4, 200))

    def test_by_another_container_never_sends_it_a_byte_by_nat(self):
        self.rounds("nat", count(4, 200))


class TakeoverWithoutBpf(WithoutBpf, TakeoverCase):
    alone = True  # the guard is gone with the last who wants it, which others must not be

    def test_by_another_container_never_sends_it_a_byte_by_nat(self):
        self.rounds("nat", count(4, 200))


class Life(LifeCase):
    """Two containers on one network, whose lives go up and down side by side."""

    def restart(self, box, address):
        docker("restart", "-t", "0", box)

    def pause_and_unpause(self, box, address):
        docker("pause", box)
        self.pause(0.2)
        docker("unpause", box)

    def disconnect_and_connect(self, box, address):
        self.leave(box)
        self.pause(0.2)
        self.join(box, address)

    def stop_and_start(self, box, address):
        docker("stop", "-t", "0", box)
        self.pause(0.2)
        docker("start", box)

    def die_and_start(self, box, address):
        docker("kill", box)
        docker("start", box)

    def swap(self, boxes):
        """Each gets the other's address, at once."""
        for box, _ in boxes:
            self.leave(box)
        (one, its), (other, others) = boxes
        self.join(one, others)
        self.join(other, its)
        return [(one, others), (other, its)]

    def test_of_two_never_mixes_their_bytes(self):
        rounds = count(10, 200)
        fates = [self.restart, self.pause_and_unpause, self.disconnect_and_connect,
                 self.stop_and_start, self.die_and_start]  # fmt: skip
        first, first_port = self.forwarded("first", self.at(11), "direct")
        second, second_port = self.forwarded("second", self.at(12), "namespace")
        ports = {first: (first_port, "first"), second: (second_port, "second")}
        boxes = [(first, self.at(11)), (second, self.at(12))]
        supervisors = self.supervisors()
        done = {}
        with contextlib.ExitStack() as clients:
            asking = [clients.enter_context(Asking(*ports[box])) for box, _ in boxes * 2]
            for number in range(rounds):
                if number % 3 == 2:
                    name, boxes = "swap", self.swap(boxes)
                else:
                    box, address = self.random.choice(boxes)
                    fate = self.random.choice(fates)
                    name = fate.__name__
                    fate(box, address)
                done[name] = done.get(name, 0) + 1
                if self.random.random() < 0.5:
                    self.all_answer(ports)
            self.all_answer(ports)
        strange = [(a.own, answer) for a in asking for answer in a.strange]
        right = sum(a.right for a in asking)
        did = ", ".join(f"{times} {name}" for name, times in sorted(done.items()))
        self.report(f"{did}: {right} right answers, {len(strange)} of the wrong container")
        self.assertEqual(strange, [])
        self.assertEqual(self.supervisors(), supervisors)
        self.fairlead("down", "--all", "--timeout", "0")
        self.nothing_is_left()

    def all_answer(self, ports):
        for port, text in ports.values():
            wait_for(lambda port=port, text=text: try_fetch(port) == text, f"{text} at {port}", 20)
