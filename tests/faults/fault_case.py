"""What the fault tests stand on: a seed, counts in two sizes, traffic of known content, churn.

Everything random is drawn from a seed that is printed and can be given (FAIRLEAD_FAULTS_SEED), so
that the same choices are made again; when the machine carries them out differs each time.
FAIRLEAD_FAULTS_LONG takes the long counts.
"""

import contextlib
import json
import os
import random
import socket
import threading
import time
import zlib
from collections import Counter

from harness import Case
from network import HostServer, connect, free_port, free_ports, read_all
from processes import alive, belongs_to, children, command_line, pids, wait_for

LONG = bool(os.environ.get("FAIRLEAD_FAULTS_LONG"))
SEED = int(os.environ.get("FAIRLEAD_FAULTS_SEED") or random.SystemRandom().randrange(1 << 31))
STREAM = 2_000_000  # bytes of one stream


def count(short, long):
    return long if LONG else short


def helpers(supervisor):
    return [pid for pid in children(supervisor) if "__sockets" in command_line(pid)]


_content = None


def content():
    """The bytes that `portd source` sends."""
    global _content
    if _content is None:
        port = free_port()
        server = HostServer("source", "127.0.0.1", port, STREAM)
        try:
            with connect(port) as connection:
                _content = read_all(connection)
        finally:
            server.close()
        assert len(_content) == STREAM
    return _content


class Background(threading.Thread):
    """Does `turn()` again and again until it is told to stop; what went wrong is raised then."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.trouble = None

    def run(self):
        try:
            while not self.over.is_set():
                self.turn()
        except Exception as error:  # raised again in the test's own thread
            self.trouble = error

    def stop(self):
        self.over.set()
        self.join(150)
        if self.trouble is not None:
            raise self.trouble
        if self.is_alive():
            raise AssertionError(f"{type(self).__name__} does not come to an end")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.over.set()


class Streams:
    """Clients that move known content all the time, and what became of every stream.

    complete  every byte came, in order, and then the end
    broken    an error told the client so; what had come until then was right
    refused   nobody was there
    short     an orderly end too early: the client takes a part for the whole
    wrong     bytes, or an acknowledgement of bytes, that are not the ones sent
    stuck     nothing moved for longer than the patience
    """

    def __init__(self, source, sink, seed, clients=2, patience=30):
        self.results = Counter()
        self.patience = patience
        self.data = content()
        self.sum = f"{len(self.data)} {zlib.crc32(self.data):08x}"
        self._lock = threading.Lock()
        self._threads = [
            StreamClient(self, move, port, random.Random(f"{seed} {move.__name__} {number}"))
            for number in range(clients)
            for move, port in ((self._download, source), (self._upload, sink))
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        for thread in self._threads:
            thread.over.set()
        if kind is None:
            for thread in self._threads:
                thread.stop()

    def one(self, move, port, choice):
        try:
            with connect(port, timeout=self.patience) as connection:
                result = move(connection, choice)
        except ConnectionRefusedError:
            result = "refused"
        except TimeoutError:
            result = "stuck"
        except OSError:
            result = "broken"
        self.note(result)
        return result

    def note(self, result):
        with self._lock:
            self.results[result] += 1

    def complete(self):
        with self._lock:
            return self.results["complete"]

    def _download(self, connection, choice):
        pause = choice.choice((0, 0, 0.002))
        at = 0
        try:
            while part := connection.recv(1 << 16):
                if self.data[at : at + len(part)] != part:
                    return "wrong"
                at += len(part)
                time.sleep(pause)
        except TimeoutError:
            return "stuck"
        except OSError:
            return "broken"
        return "complete" if at == len(self.data) else "short"

    def _upload(self, connection, choice):
        pause = choice.choice((0, 0, 0.002))
        for at in range(0, len(self.data), 1 << 16):
            connection.sendall(self.data[at : at + (1 << 16)])
            time.sleep(pause)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection).decode().strip()
        if answer == self.sum:
            return "complete"
        # Without an answer the client knows that nothing was acknowledged.
        return "wrong" if answer else "broken"

    def __str__(self):
        kinds = ("complete", "broken", "refused", "short", "wrong", "stuck")
        return "streams: " + ", ".join(f"{self.results[kind]} {kind}" for kind in kinds)


class StreamClient(Background):
    def __init__(self, streams, move, port, choice):
        super().__init__()
        self.streams, self.move, self.port, self.choice = streams, move, port, choice

    def turn(self):
        if self.streams.one(self.move, self.port, self.choice) != "complete":
            self.over.wait(0.02)


class Churn(Background):
    """Servers in the container that come and go; `listening` has those that are there."""

    def __init__(self, remote, seed, ports=4):
        super().__init__()
        self.remote, self.choice = remote, random.Random(f"{seed} churn")
        self.ports = free_ports(ports)
        self.listening = {}
        self.changes = 0

    def turn(self):
        port = self.choice.choice(self.ports)
        if port in self.listening:
            self.remote.stop(self.listening.pop(port))
        else:
            _, pid = self.remote.start("http", "127.0.0.1", port, f"churn{port}")
            self.listening[port] = pid
        self.changes += 1
        self.over.wait(self.choice.uniform(0, 0.2))


class FaultCase(Case):
    limit = count(150, 5400)

    def setUp(self):
        super().setUp()
        self.random = random.Random(f"{SEED} {self.id()}")
        self.seed = self.random.random()
        self.report(f"seed {SEED}")

    def serving(self, **config):
        """A workspace with a source and a sink, both forwarded."""
        work = self.workspace(**config)
        work.up()
        self.source, self.sink = free_ports(2)
        work.start("source", "127.0.0.1", self.source, STREAM)
        work.start("sink", "127.0.0.1", self.sink)
        self.assertEqual(work.port(self.source), self.source)
        self.assertEqual(work.port(self.sink), self.sink)
        return work

    def streams(self, **options):
        return Streams(self.source, self.sink, self.seed, **options)

    def pause(self, longest):
        """A random point in time: the one thing that cannot be waited for."""
        time.sleep(self.random.uniform(0, longest))

    def progress(self, streams):
        """Waits until another stream has been completed from its first byte to its last."""
        # As many as there are clients may have begun before.
        wanted = streams.complete() + 5
        wait_for(lambda: streams.complete() >= wanted, lambda: f"more streams: {streams}", 60, 0.05)

    def sound(self, streams, *, unbroken=False):
        self.report(str(streams))
        for kind in ("wrong", "short", "stuck"):
            self.assertEqual(streams.results[kind], 0, f"{kind}: {streams}")
        if unbroken:
            lost = streams.results["broken"] + streams.results["refused"]
            self.assertEqual(lost, 0, f"nothing should have broken: {streams}")
        self.assertGreater(streams.results["complete"], 0)

    def kill(self, pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def dead(self, *victims):
        for pid in victims:
            wait_for(lambda pid=pid: not alive(pid), f"the end of process {pid}")

    def registry(self):
        """The registry file, which is whole at every moment."""
        return json.loads((self.state / "forwarded_ports.json").read_text())

    def leases_are_of(self, *supervisors):
        owners = {entry["pid"] for entry in self.registry()["entries"]}
        self.assertLessEqual(owners, set(supervisors), "leases of the dead")

    def one_supervisor(self, work):
        pid = work.supervisor()
        self.assertEqual(self.supervisors(), [pid])
        return pid

    def settled(self, work, churn):
        """What is listed is what listens, and each of them answers."""
        listening = set(churn.listening)

        def right():
            states = {f["containerPort"]: f["state"] for f in work.forwards()}
            return {p for p in states if p in churn.ports and states[p] == "forwarding"} == listening

        wait_for(right, lambda: f"{listening}, but {work.forwards()}", 20, 0.05)
        for port in listening:
            work.answering(port, f"churn{port}")

    def nothing_is_left(self, timeout=10):
        def left():
            return [pid for pid in pids() if belongs_to(pid, self.state) and alive(pid)]

        wait_for(lambda: not left(), lambda: f"no process: {[command_line(p) for p in left()]}", timeout, 0.1)
