"""The clients that every path is driven with. Each returns a dictionary of figures.

Figures that cost CPU are given per unit of work, so that a slower path does not look cheaper.
"""

import hashlib
import json
import os
import re
import socket
import subprocess
import threading
import time

from harness import image
from harness.world import Unavailable

GIB = 1 << 30
CONNECTIONS = 16
FLOWS = 64
BESIDE = 8  # flows beside a client that is stuck
FEW = 2  # connections in flight on a path that starts a process for each


def _run(argv, timeout):
    argv = [str(word) for word in argv]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{os.path.basename(argv[0])} did not end in {timeout:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    if process.returncode != 0 and not out.lstrip().startswith("{"):
        raise Unavailable(f"{os.path.basename(argv[0])}: {err.strip()[-200:] or 'failed'}")
    return out


def verify(path, megabytes=4, timeout=60):
    """Sends random bytes through the path's echo server; both ways must give the same digest."""
    if path.raw:
        path.verify(megabytes)
        return
    data = os.urandom(megabytes << 20)
    got = hashlib.sha256()
    size = 0
    with socket.create_connection((path.host, path.host_ports.echo), timeout) as connection:
        connection.settimeout(timeout)
        trouble = []

        def send():
            try:
                connection.sendall(data)
            except OSError as error:
                trouble.append(error)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        while size < len(data):
            part = connection.recv(1 << 18)
            if not part:
                break
            got.update(part)
            size += len(part)
        sender.join(timeout)
    if trouble:
        raise Unavailable(f"echo: {trouble[0]}")
    if size != len(data) or got.digest() != hashlib.sha256(data).digest():
        raise Unavailable(f"echo: {size} of {len(data)} bytes came back, or others")


def _iperf(path, seconds, flows):
    out = _run(["iperf3", "-c", path.host, "-p", path.host_ports.bulk, "-t", seconds, "-P", flows,
                "-J", "--connect-timeout", "5000"], seconds + 30)
    answer = json.loads(out)
    if "error" in answer:
        raise Unavailable(f"iperf3: {answer['error']}")
    return answer["end"]


def bulk(path, seconds, world):
    """One flow, client to server, by iperf3 where there is a port to connect to."""
    if path.raw:
        return path.bulk(seconds)
    before = path.cpu()
    end = _iperf(path, seconds, 1)
    cpu = path.cpu() - before
    received = end["sum_received"]
    figures = {"gbit": received["bits_per_second"] / 1e9}
    if not path.kernel:
        figures["cpu_s_gib"] = cpu / (received["bytes"] / GIB)
    return figures


def fair(path, seconds, world):
    """64 flows at once: Jain's index of what each got (1 = the same; 1/64 = one got all)."""
    end = _iperf(path, seconds, FLOWS)
    shares = [stream["receiver"]["bytes"] for stream in end["streams"]]
    squares = sum(share * share for share in shares)
    return {
        "jain": sum(shares) ** 2 / (len(shares) * squares) if squares else 0,
        "gbit": end["sum_received"]["bits_per_second"] / 1e9,
        "least_share": min(shares) * len(shares) / max(sum(shares), 1),
    }


def _stuck(path):
    """A client of the echo server that sends for as long as anybody takes it and reads nothing."""
    connection = socket.create_connection((path.host, path.host_ports.echo), 10)
    connection.setblocking(False)
    block = bytes(1 << 18)
    idle_since = time.monotonic()
    while time.monotonic() < idle_since + 0.5:
        try:
            if connection.send(block):
                idle_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    return connection


def stalled(path, seconds, world):
    """8 flows by themselves and beside a stuck client, in turns: what the latter leaves them."""
    def rate():
        return _iperf(path, seconds, BESIDE)["sum_received"]["bits_per_second"] / 1e9

    free = rate()
    with _stuck(path):
        beside = rate() + rate()
    free += rate()
    return {"left": beside / free, "gbit": beside / 2}


def flood(path, seconds, world, limit=0, connections=None):
    """Argument list of the client that connects for each request."""
    connections = connections or (FEW if path.slow else CONNECTIONS)
    return [world.drive, "new", path.host, path.host_ports.web, connections, seconds,
            len(image.PAGE), limit]


def new(path, seconds, world):
    """Connect, one request, its answer checked, closed: by drive."""
    before = path.cpu()
    answer = json.loads(_run(flood(path, seconds, world), seconds + 30))
    cpu = path.cpu() - before
    if answer["count"] == 0 or answer["errors"] > answer["count"] / 1000:
        raise Unavailable(f"drive: {answer['errors']} errors, {answer['count']} good answers")
    figures = {"rate": answer["rate"], "p50_us": answer["p50_us"], "p99_us": answer["p99_us"],
               "errors": answer["errors"]}
    if not path.kernel:
        figures["cpu_us"] = cpu * 1e6 / answer["count"]
    return figures


def wrk(path, seconds):
    connections = FEW if path.slow else CONNECTIONS
    return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s",
            f"http://{path.host}:{path.host_ports.web}/"]


def single(path, seconds, world):
    """The same, one at a time: what a connection takes when nothing else goes on."""
    answer = json.loads(_run(flood(path, 1, world, connections=1), 60))
    if answer["count"] == 0:
        raise Unavailable(f"drive: {answer['errors']} errors, no good answer")
    return {"p50_us": answer["p50_us"], "p99_us": answer["p99_us"]}


UNITS = {"us": 1, "ms": 1e3, "s": 1e6}


def parse_wrk(text):
    """Requests in all, rate, p50 and p99 in µs. Unavailable if any request failed."""
    bad = re.search(r"Non-2xx[^\n]*|Socket errors[^\n]*", text)
    if bad:
        raise Unavailable(f"wrk: {bad.group(0)}")

    def latency(share):
        number, unit = re.search(rf"^\s+{share}%\s+([\d.]+)(us|ms|s)$", text, re.M).groups()
        return float(number) * UNITS[unit]

    count = int(re.search(r"^\s*(\d+) requests in", text, re.M).group(1))
    if count == 0:
        raise Unavailable("wrk: no request came through")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    return {"count": count, "rate": rate, "p50_us": latency(50), "p99_us": latency(99)}


def keep(path, seconds, world):
    """Requests on connections that stay, by wrk."""
    before = path.cpu()
    figures = parse_wrk(_run(wrk(path, seconds), seconds + 30))
    cpu = path.cpu() - before
    count = figures.pop("count")
    if not path.kernel:
        figures["cpu_us"] = cpu * 1e6 / count
    return figures


IN_ROUNDS = {"bulk": bulk, "new": new, "single": single, "keep": keep, "fair": fair,
             "stalled": stalled}
