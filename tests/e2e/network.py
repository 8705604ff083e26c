"""Clients and servers: free ports, connections, HTTP, portd on the host and in containers."""

import contextlib
import os
import random
import socket
import struct
import subprocess
from pathlib import Path

from processes import docker, portd, wait_for

_given = set()
_lane, _lanes = 0, 1


def take_lane(number, count):
    """Tests run in so many processes at once: ports are this one's by their remainder."""
    global _lane, _lanes
    _lane, _lanes = number, count


def bindable(port, host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port():
    """A port free on every address of this host, below the ephemeral range, given out once."""
    while True:
        port = random.randrange(10240, 31000) // _lanes * _lanes + _lane
        if port in _given or not bindable(port, "0.0.0.0"):
            continue
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6") and not bindable(port, "::"):
            continue
        _given.add(port)
        return port


def free_ports(count):
    return [free_port() for _ in range(count)]


def connect(port, host="127.0.0.1", timeout=10):
    return socket.create_connection((host, port), timeout)


def read_all(connection):
    parts = []
    while True:
        part = connection.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def fetch(port, host="127.0.0.1", timeout=10):
    """Body of one HTTP answer over a connection of its own; OSError when there is none."""
    with connect(port, host, timeout) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise OSError(f"no answer from port {port}: {head!r}")
    return body.decode()


def try_fetch(port, host="127.0.0.1", timeout=10):
    """Like fetch, but None when there is no answer."""
    try:
        return fetch(port, host, timeout)
    except OSError:
        return None


def refuses(port, host="127.0.0.1"):
    try:
        connect(port, host, 5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def unreachable(port, host):
    """No connection comes about: refused, or there is no way to the address."""
    try:
        connect(port, host, 2).close()
    except OSError:
        return True
    return False


def abort(connection):
    """Closes with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def host_addresses():
    """The addresses of this host outside 127/8 and ::1, link-local ones left out."""
    found = []
    last = None
    for line in Path("/proc/net/fib_trie").read_text().splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            last = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"] and not last.startswith("127."):
            found.append(last)
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0]))
            if address != "::1" and not address.startswith("fe80:"):
                found.append(address)
    return sorted(set(found))


class Remote:
    """Starts and stops servers in a container without the cost of an exec each (portd remote)."""

    def __init__(self, container, host_path, container_path, engine=()):
        docker(*engine, "exec", "-d", container, "/bin/portd", "remote", container_path)
        wait_for(lambda: self._open(host_path), f"portd remote at {host_path}")
        self._lines = self._socket.makefile("rw")

    def _open(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            return False
        return True

    def _ask(self, line):
        self._lines.write(line + "\n")
        self._lines.flush()
        answer = self._lines.readline().split()
        if not answer or answer[0] == "error":
            raise AssertionError(f"portd remote: {line!r} gave {answer}")
        return [int(word) for word in answer[1:]]

    def start(self, *words):
        """Returns (monotonic ns of listen()'s return, pid)."""
        return tuple(self._ask(" ".join(["start", *map(str, words)])))

    def stop(self, pid):
        """Returns the monotonic ns before the kill and after the server's end."""
        return tuple(self._ask(f"stop {pid}"))

    def close(self):
        self._lines.close()
        self._socket.close()


class HostServer:
    """portd on this host."""

    def __init__(self, *words):
        self._process = subprocess.Popen(
            [portd(), *map(str, words)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        if not self._process.stdout.readline().startswith(b"listening"):
            self.close()
            raise AssertionError(f"portd {words} does not listen")

    def close(self):
        self._process.kill()
        self._process.communicate(timeout=10)
