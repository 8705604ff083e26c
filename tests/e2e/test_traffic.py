"""Bytes: every one, in both directions, in the right order, whatever the two ends do."""

import socket
import threading
import time
import zlib

from harness import Case, QUICK
from network import abort, connect, fetch, free_port, free_ports, read_all, refuses
from processes import portd, pss_kib, run, wait_for

MIB = 1 << 20
BULK = 64 * MIB if QUICK else 1024 * MIB


def receive(connection, stall_after=None, while_stalled=None):
    """Reads to EOF; returns "COUNT CRC32". May stop reading once, for as long as a call takes."""
    buffer = bytearray(4 * MIB)
    view = memoryview(buffer)
    count = crc = 0
    while True:
        size = connection.recv_into(buffer)
        if size == 0:
            return f"{count} {crc:08x}"
        crc = zlib.crc32(view[:size], crc)
        count += size
        if stall_after is not None and count >= stall_after:
            stall_after = None
            while_stalled()


def send(connection, total):
    """Sends bytes of which no two MiB are the same; returns "COUNT CRC32"."""
    block = bytearray(bytes(range(256)) * (MIB // 256))
    crc = 0
    for number in range(total // MIB):
        block[:8] = number.to_bytes(8, "big")
        block[number % MIB] ^= 0xFF
        crc = zlib.crc32(block, crc)
        connection.sendall(block)
    return f"{total} {crc:08x}"


def rate(total, began):
    seconds = time.monotonic() - began
    return f"{total * 8 / seconds / 1e9:.1f} Gbit/s ({total // MIB} MiB in {seconds:.2f} s)"


def first_end(port):
    """How the first connection to a witness ended, as soon as that has been seen.

    Each question is a connection itself, which says nothing and ends in order: the witness does not
    count it.
    """
    ends = []

    def seen():
        with connect(port) as connection:
            ends.append(connection.makefile("rb").readline().decode().split(" ", 1)[1].strip())
            connection.shutdown(socket.SHUT_WR)
            read_all(connection)
        return next((end for end in ends if end != "none"), None)

    return wait_for(seen, lambda: f"the first connection's end, but {ends}", 5)


class TrafficCase(Case):
    limit = 400

    def started(self, *words):
        """A server in the container; returns its host port."""
        self.work = self.workspace()
        self.work.up()
        port = free_port()
        mode, *rest = words
        self.work.start(mode, "127.0.0.1", port, *rest)
        return self.work.port(port)

    def expected(self, total):
        return run([portd(), "sum", total], timeout=120).out.strip()


class Bulk(TrafficCase):
    def test_from_the_container_arrives_byte_by_byte(self):
        host_port = self.started("source", BULK)
        began = time.monotonic()
        with connect(host_port, timeout=60) as connection:
            got = receive(connection)
        self.report(f"from the container: {rate(BULK, began)}")
        self.assertEqual(got, self.expected(BULK))

    def test_to_the_container_arrives_byte_by_byte(self):
        host_port = self.started("sink")
        began = time.monotonic()
        with connect(host_port, timeout=60) as connection:
            sent = send(connection, BULK)
            connection.shutdown(socket.SHUT_WR)
            answer = read_all(connection).decode().strip()
        self.report(f"to the container: {rate(BULK, began)}")
        self.assertEqual(answer, sent)

    def test_from_the_container_with_a_stalling_reader_arrives_byte_by_byte_in_bounded_memory(self):
        host_port = self.started("source", BULK)
        supervisor = self.work.supervisor()
        other = self.work.serve(free_port(), "other")
        before, during = pss_kib(supervisor), []

        def stalled():
            end = time.monotonic() + 2
            while time.monotonic() < end:
                self.assertEqual(fetch(other), "other")
                during.append(pss_kib(supervisor))
                time.sleep(0.05)

        with connect(host_port, timeout=60) as connection:
            got = receive(connection, BULK // 4, stalled)
        self.report(f"supervisor's PSS: {before} KiB, at most {max(during)} KiB while stalled")
        self.assertEqual(got, self.expected(BULK))
        self.assertLess(max(during), before + 16 * 1024)

    def test_to_the_container_with_a_stalling_reader_arrives_byte_by_byte_in_bounded_memory(self):
        host_port = self.started("sink", "--stall", 2000)
        supervisor = self.work.supervisor()
        other = self.work.serve(free_port(), "other")
        before, during, sent = pss_kib(supervisor), [], []
        with connect(host_port, timeout=60) as connection:
            sender = threading.Thread(target=lambda: sent.append(send(connection, BULK)))
            sender.start()
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                self.assertEqual(fetch(other), "other")
                during.append(pss_kib(supervisor))
                time.sleep(0.05)
            sender.join(120)
            connection.shutdown(socket.SHUT_WR)
            answer = read_all(connection).decode().strip()
        self.report(f"supervisor's PSS: {before} KiB, at most {max(during)} KiB while stalled")
        self.assertEqual(sent, [answer])
        self.assertLess(max(during), before + 16 * 1024)

    def test_both_ways_at_once_arrives_byte_by_byte(self):
        host_port = self.started("echo")
        total = BULK // 4
        sent = []
        with connect(host_port, timeout=60) as connection:

            def sending():
                sent.append(send(connection, total))
                connection.shutdown(socket.SHUT_WR)

            sender = threading.Thread(target=sending)
            sender.start()
            got = receive(connection)
            sender.join(60)
        self.assertEqual(sent, [got])

    def test_over_many_connections_at_once_arrives_byte_by_byte(self):
        total = BULK // 32
        host_port = self.started("source", total)
        results = []

        def one():
            with connect(host_port, timeout=60) as connection:
                results.append(receive(connection))

        threads = [threading.Thread(target=one) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(results, [self.expected(total)] * 16)

    def test_in_single_bytes_arrives_in_order(self):
        host_port = self.started("echo")
        with connect(host_port) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(2000):
                byte = bytes([number % 251])
                connection.sendall(byte)
                self.assertEqual(connection.recv(1), byte)


class HalfClose(TrafficCase):
    def test_by_the_client_lets_the_answer_come(self):
        host_port = self.started("sink")
        with connect(host_port) as connection:
            connection.sendall(b"some bytes")
            connection.shutdown(socket.SHUT_WR)
            answer = read_all(connection).decode()
        self.assertEqual(answer, f"10 {zlib.crc32(b'some bytes'):08x}\n")

    def test_by_the_server_lets_the_clients_bytes_through(self):
        host_port = self.started("witness", "--fin")
        data = b"after the server's FIN" * 1000
        with connect(host_port) as connection:
            self.assertEqual(read_all(connection), b"previous: none\n")
            connection.sendall(data)
        self.assertEqual(first_end(host_port), f"eof {len(data)} {zlib.crc32(data):08x}")

    def test_by_nobody_ends_with_the_clients_full_close(self):
        host_port = self.started("witness")
        with connect(host_port) as connection:
            connection.makefile("rb").readline()
            connection.sendall(b"bye")
        self.assertEqual(first_end(host_port), f"eof 3 {zlib.crc32(b'bye'):08x}")


class Reset(TrafficCase):
    def test_by_the_server_upon_accept_reaches_the_client(self):
        host_port = self.started("reset")
        for _ in range(20):
            with self.assertRaises(ConnectionResetError):
                with connect(host_port) as connection:
                    connection.recv(1)
                    self.fail("a clean end")

    def test_by_the_server_after_the_first_byte_reaches_the_client(self):
        host_port = self.started("reset", "--first-byte")
        for _ in range(20):
            with connect(host_port) as connection:
                connection.sendall(b"x")
                with self.assertRaises(ConnectionResetError):
                    connection.recv(1)
                    self.fail("a clean end")

    def test_by_the_client_reaches_the_server(self):
        host_port = self.started("witness")
        connection = connect(host_port)
        connection.recv(1)
        connection.sendall(b"bye")
        abort(connection)
        self.assertRegex(first_end(host_port), "^reset ")

    def test_of_one_connection_leaves_the_others_alone(self):
        host_port = self.started("echo")
        with connect(host_port) as steady:
            for _ in range(50):
                other = connect(host_port)
                other.sendall(b"x")
                abort(other)
            steady.sendall(b"still here")
            self.assertEqual(steady.recv(10, socket.MSG_WAITALL), b"still here")


class Refused(TrafficCase):
    def test_dials_end_in_a_reset_and_are_counted(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        for _ in range(100):
            with self.assertRaises(ConnectionResetError):
                with connect(port) as connection:
                    connection.recv(1)
                    self.fail("a clean end")
        wait_for(lambda: work.forward_of(port)["connections"]["failed"] == 100, "100 failures", 5)
        self.assertEqual(work.forward_of(port)["connections"]["open"], 0)


class SlowReader(TrafficCase):
    def test_stalls_its_own_connection_only(self):
        slow, quick = free_ports(2)
        work = self.workspace()
        work.up()
        work.start("hold", "127.0.0.1", slow)
        work.serve(quick)
        host_port = work.port(slow)
        with connect(host_port) as connection:
            connection.setblocking(False)
            sent = 0
            idle_since = time.monotonic()
            while time.monotonic() - idle_since < 0.5:  # until nothing moves any more
                try:
                    sent += connection.send(b"x" * MIB)
                    idle_since = time.monotonic()
                except BlockingIOError:
                    time.sleep(0.01)
                self.assertLess(sent, 256 * MIB, "buffers without bounds")
            self.report(f"taken from a client whose server never reads: {sent // 1024} KiB")
            for _ in range(100):
                self.assertEqual(fetch(quick), "hello")


class Withdrawn(TrafficCase):
    def test_ports_refuse_and_their_connections_end_with_their_servers(self):
        work = self.workspace()
        work.up()
        port = free_port()
        remote = work.remote()
        _, pid = remote.start("echo", "127.0.0.1", port)
        host_port = work.port(port)
        connection = connect(host_port)
        connection.sendall(b"x")
        self.assertEqual(connection.recv(1), b"x")
        remote.stop(pid)
        wait_for(lambda: refuses(host_port), "a refusal", 5)
        connection.settimeout(5)
        try:
            self.assertEqual(connection.recv(1), b"")
        except ConnectionResetError:
            pass
        connection.close()
        work.gone(port)


class KeepAlive(TrafficCase):
    def test_requests_on_one_connection_are_all_answered(self):
        host_port = self.started("http", "hello")
        request = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
        with connect(host_port) as connection:
            answers = connection.makefile("rb")
            began = time.monotonic()
            for _ in range(2000):
                connection.sendall(request)
                while answers.readline() != b"\r\n":
                    pass
                self.assertEqual(answers.read(5), b"hello")
            self.report(f"{2000 / (time.monotonic() - began):.0f} requests/s on one connection")

    def test_idle_connections_stay_open(self):
        host_port = self.started("echo")
        connections = [connect(host_port) for _ in range(200)]
        for connection in connections:
            connection.sendall(b"a")
            self.assertEqual(connection.recv(1), b"a")
        for _ in range(3):
            for connection in connections:
                connection.sendall(b"b")
                self.assertEqual(connection.recv(1), b"b")
            time.sleep(0.3)
        for connection in connections:
            connection.close()
        wait_for(lambda: nothing_open(self.work), "no open connections", 5)


def nothing_open(work):
    return all(f["connections"]["open"] == 0 for f in work.forwards())
