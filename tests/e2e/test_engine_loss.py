"""An engine that goes away, hangs or comes back while containers are forwarded."""

import contextlib
import os
import socket
import threading
import time

from harness import Case
from network import bindable, fetch, free_port, refuses, try_fetch
from processes import alive, children, cpu_seconds, docker, wait_for


class EngineProxy:
    """A Unix socket that passes everything on to the real engine until it is told otherwise."""

    def __init__(self, path):
        self.path = str(path)
        self._open = set()
        self._lock = threading.Lock()
        self._listener = None
        self.accepted = 0

    def start(self):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self):
        """As if the engine had died: no socket, every connection ended."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(engine_socket())
            with self._lock:
                self._open |= {client, engine}
            for pair in ((client, engine), (engine, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def engine_socket():
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")


class EngineCase(Case):
    def setUp(self):
        super().setUp()
        if not engine_socket().startswith("/"):
            self.unavailable("the engine has no Unix socket")
        self.proxy = EngineProxy(self.root / "engine.sock")
        self.proxy.start()
        self.addCleanup(self.proxy.stop)
        self.env["DOCKER_HOST"] = f"unix://{self.proxy.path}"

    def lost(self):
        """A forwarded container whose engine has just gone."""
        work = self.workspace()
        work.up()
        self.port = work.serve(free_port())
        self.proxy.stop()
        return work


class Lost(EngineCase):
    def test_engine_leaves_what_is_forwarded_working(self):
        work = self.lost()
        for _ in range(100):
            self.assertEqual(fetch(self.port), "hello")
        self.assertTrue(alive(work.supervisor()))

    def test_engine_does_not_keep_new_ports_from_being_found(self):
        work = self.lost()
        later = free_port()
        work.start("http", "127.0.0.1", later, "later")
        wait_for(lambda: try_fetch(later) == "later", "a port that appears without the engine")

    def test_engine_does_not_make_the_supervisor_spin(self):
        work = self.lost()
        family = [work.supervisor(), *children(work.supervisor())]
        before = sum(map(cpu_seconds, family))
        time.sleep(3)  # what is measured is the time in which nothing happens
        share = (sum(map(cpu_seconds, family)) - before) / 3
        self.report(f"without its engine: {share * 100:.1f} % of a core")
        self.assertLess(share, 0.1)

    def test_engine_does_not_keep_a_stopped_containers_port_from_being_freed(self):
        work = self.lost()
        docker("stop", "-t", "1", work.id)
        wait_for(lambda: bindable(self.port), "a free host port", 5)

    def test_engine_that_comes_back_wakes_a_container_that_was_restarted_meanwhile(self):
        work = self.lost()
        docker("stop", "-t", "1", work.id)
        wait_for(lambda: refuses(self.port), "a refusal", 5)
        docker("start", work.id)
        work.start("http", "127.0.0.1", self.port, "back")
        self.proxy.start()
        wait_for(lambda: try_fetch(self.port) == "back", "the server on its old number", 30)

    def test_engine_that_comes_back_ends_the_supervisor_of_a_container_removed_meanwhile(self):
        work = self.lost()
        supervisor = work.supervisor()
        docker("rm", "-f", work.id)
        wait_for(lambda: refuses(self.port), "a refusal", 5)
        self.proxy.start()
        wait_for(lambda: not alive(supervisor), "the supervisor's end", 30)
        self.assertFalse(work.marker_path().exists())

    def test_engine_that_comes_back_is_watched_again(self):
        work = self.lost()
        seen = self.proxy.accepted
        self.proxy.start()
        wait_for(lambda: self.proxy.accepted > seen, "a new connection to the engine", 30)
        docker("stop", "-t", "1", work.id)
        wait_for(lambda: bindable(self.port), "a free host port", 5)
        docker("start", work.id)
        work.start("http", "127.0.0.1", self.port, "again")
        wait_for(lambda: try_fetch(self.port) == "again", "the server again")


class Hanging(EngineCase):
    def test_engine_is_an_error_in_bounded_time(self):
        self.proxy.stop()
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(self.proxy.path)
            silent.listen(64)
            began = time.monotonic()
            up = self.workspace().up(check=False, timeout=120)
            self.report(f"up with an engine that never answers: {time.monotonic() - began:.1f} s")
        self.assertEqual((up.rc, up.json["outcome"]), (1, "error"))
        self.assertIn(self.proxy.path, up.json["message"] + up.json["description"] + up.err)
