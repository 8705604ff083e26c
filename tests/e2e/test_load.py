"""Many connections: afterwards everything is where it was, and too many break nothing."""

import contextlib
import resource
import selectors
import socket
import threading
import time

from harness import Case, QUICK
from network import connect, fetch, free_port, try_fetch
from processes import alive, children, cpu_seconds, descriptors, pss_kib, wait_for

SHORT = 1_000 if QUICK else 10_000
REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


def short_connections(port, count, workers=8):
    """Connects, asks, closes, `count` times; returns the list of errors."""
    errors = []
    left = iter(range(count))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if next(left, None) is None:
                    return
            try:
                body = fetch(port, timeout=30)
                if body != "hello":
                    errors.append(f"wrong answer {body!r}")
            except OSError as error:
                errors.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


class State:
    """What a supervisor holds: descriptors, children, memory."""

    def __init__(self, pid):
        self.descriptors = len(descriptors(pid))
        self.children = len(children(pid))
        self.pss = pss_kib(pid)

    def __str__(self):
        return f"{self.descriptors} descriptors, {self.children} children, PSS {self.pss} KiB"


class ShortConnections(Case):
    limit = 300
    alone = True  # all of this host's ephemeral ports

    def test_ten_thousand_leave_descriptors_children_and_memory_where_they_were(self):
        work, host_port, pid, full = self.at_rest("http", "hello")
        self.assertEqual(short_connections(host_port, 500), [])  # fills buffers
        before = State(pid)
        before.descriptors = full
        began = time.monotonic()
        errors = short_connections(host_port, SHORT)
        took = time.monotonic() - began
        self.assertEqual(errors[:5], [])

        def back():
            now = State(pid)
            return now if (
                now.descriptors <= before.descriptors
                and now.children <= before.children
                and now.pss <= before.pss + 1024
            ) else None  # fmt: skip

        after = wait_for(back, lambda: f"{before} again, but {State(pid)}", 5, 0.1)
        self.report(f"{SHORT / took:.0f} short connections/s by this client")
        self.report(f"before: {before}; after: {after}")
        self.assertEqual(work.supervisor(), pid)
        total = work.forward_of(host_port)["connections"]
        self.assertEqual((total["open"], total["failed"]), (0, 0))

    def at_rest(self, mode, *words):
        """A forwarded server that nobody has connected to: workspace, host port, pid, descriptors.

        The pool of namespace sockets is full then; it holds as many or fewer whenever it rests.
        """
        work = self.workspace()
        work.up()
        port = free_port()
        work.start(mode, "127.0.0.1", port, *words)
        host_port, pid = work.port(port), work.supervisor()
        last = [0]

        def rests():
            last.append(len(descriptors(pid)))
            return last[-1] == last[-2]

        wait_for(rests, "a resting supervisor", 10, 0.5)
        return work, host_port, pid, last[-1]

    def test_aborted_in_the_middle_leave_descriptors_where_they_were(self):
        work, host_port, pid, full = self.at_rest("echo")
        for _ in range(500):
            connection = connect(host_port)
            connection.send(b"x" * 1000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        wait_for(
            lambda: len(descriptors(pid)) <= full,
            lambda: f"{full} descriptors again, but {State(pid)}",
            5,
        )
        wait_for(lambda: work.forward_of(host_port)["connections"]["open"] == 0, "none open", 5)


class ManyClients:
    """Clients on one thread that connect, ask once, read one answer and stay connected."""

    def __init__(self, port, count):
        self.selector = selectors.DefaultSelector()
        self.answered, self.failed = set(), set()
        self.sockets = []
        for _ in range(count):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            self.selector.register(client, selectors.EVENT_WRITE)
            self.sockets.append(client)

    def turn(self, seconds):
        """Moves whatever is ready for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, events in self.selector.select(0.05):
                self.advance(key.fileobj, events)

    def advance(self, client, events):
        try:
            if events & selectors.EVENT_WRITE:
                client.sendall(REQUEST)
                self.selector.modify(client, selectors.EVENT_READ)
            elif client.recv(4096).endswith(b"hello"):
                self.answered.add(client)
            else:
                raise ConnectionResetError
        except OSError:
            self.failed.add(client)
            with contextlib.suppress(KeyError):
                self.selector.unregister(client)

    def close(self):
        for client in self.sockets:
            client.close()
        self.selector.close()


class TooMany(Case):
    limit = 300
    alone = True

    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4096:
            self.unavailable("this test needs 4,096 descriptors itself")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))

    def test_two_thousand_at_once_within_the_limit_are_all_answered(self):
        work = self.workspace()
        work.up(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192)))
        host_port = work.serve(free_port())
        clients = ManyClients(host_port, 2000)
        self.addCleanup(clients.close)
        began = time.monotonic()

        def all_answered():
            clients.turn(0.1)
            return len(clients.answered) == 2000

        wait_for(all_answered, lambda: f"2,000 answers, but {len(clients.answered)}", 30)
        self.report(f"2,000 connections open and answered in {time.monotonic() - began:.2f} s")

    def test_two_thousand_at_once_beyond_the_limit_neither_crash_nor_spin(self):
        work = self.workspace()
        work.up(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))
        host_port = work.serve(free_port())
        supervisor = work.supervisor()
        clients = ManyClients(host_port, 2000)
        self.addCleanup(clients.close)
        clients.turn(3)
        family = [supervisor, *children(supervisor)]
        spent = [sum(map(cpu_seconds, family))]
        clients.turn(3)
        spent.append(sum(map(cpu_seconds, family)))
        share = (spent[1] - spent[0]) / 3
        held = len(descriptors(supervisor))
        self.report(
            f"{len(clients.answered)} answered, {len(clients.failed)} refused, "
            f"{held} descriptors held, {share * 100:.1f} % of a core meanwhile"
        )
        self.assertTrue(alive(supervisor))
        self.assertEqual(work.supervisor(), supervisor)
        self.assertLessEqual(held, 1024)
        self.assertGreater(len(clients.answered), 200)
        self.assertLess(share, 0.3)
        clients.close()
        wait_for(lambda: try_fetch(host_port, timeout=2) == "hello", "an answer afterwards", 10)
        for _ in range(200):
            self.assertEqual(fetch(host_port), "hello")
        later = free_port()
        work.start("http", "127.0.0.1", later, "later")
        wait_for(lambda: try_fetch(later) == "later", "a port that appears afterwards")
        self.assertEqual(work.supervisor(), supervisor)

    def test_beyond_the_limit_leave_detection_and_control_alive(self):
        work = self.workspace()
        work.up(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))
        host_port = work.serve(free_port())
        clients = ManyClients(host_port, 2000)
        self.addCleanup(clients.close)
        clients.turn(2)
        self.assertEqual(work.port(host_port), host_port)  # over the control socket
        later = free_port()
        work.start("http", "127.0.0.1", later, "later")
        self.assertEqual(work.port(later), later)


class Rest(Case):
    def test_an_idle_supervisor_uses_next_to_nothing(self):
        work = self.workspace()
        work.up()
        work.serve(free_port())
        pid = work.supervisor()
        family = [pid, *children(pid)]
        seconds = 2 if QUICK else 10
        before = sum(map(cpu_seconds, family))
        time.sleep(seconds)  # what is measured is the time in which nothing happens
        share = (sum(map(cpu_seconds, family)) - before) / seconds
        memory = [pss_kib(p) for p in family]
        self.report(f"at rest: {share * 100:.2f} % of a core, PSS {memory} KiB")
        self.assertLess(share, 0.1)
        self.assertLess(sum(memory), 64 * 1024)
