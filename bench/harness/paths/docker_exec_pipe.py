"""A raw pipe into `docker exec -i`: what the stdio of one exec can carry, without any relay.

It has no port, so it takes part in bulk alone, and with a client of its own.
"""

import contextlib
import os
import re
import subprocess
import threading
import time

from harness import engine, procs
from harness.paths.base import Path, Unavailable
from harness.world import package_version, program

GIB = 1 << 30
BLOCK = bytes(1 << 18)
PATIENCE = 30
# A `cat` that tells how much has come. What starting it takes is over when it has spoken.
COUNTING_CAT = "echo ready; exec dd of=/dev/null bs=128K 2>&1"


def count_of(line):
    """Bytes, if this is the line in which dd tells of them."""
    told = re.match(rb"(\d+) bytes .*copied", line)
    return int(told.group(1)) if told else None


class DockerExecPipe(Path):
    name = "docker exec pipe"
    what = ("a pipe into one `docker exec -i`, no relay and no port: bulk alone, counted by a `dd` "
            "in the container; CPU of docker, the engine's daemon and the container's shim counted")
    measures = ("bulk",)
    raw = True

    def start(self, world, container):
        self.words = [program("docker"), "exec", "-i", container.name]
        self.engine = [engine.daemon(), engine.shim(container)]

    def version(self):
        return package_version("docker.io")

    def threads(self):
        return 0  # it runs during its measure only

    def verify(self, megabytes):
        """Random bytes there and back through `cat`."""
        data = os.urandom(megabytes << 20)
        done = subprocess.run([*self.words, "cat"], input=data, capture_output=True,
                              timeout=PATIENCE, start_new_session=True)
        if done.returncode != 0 or done.stdout != data:
            raise Unavailable(f"pipe: {len(done.stdout)} of {len(data)} bytes came back, or others")

    @contextlib.contextmanager
    def _receiver(self, patience):
        process = subprocess.Popen([*self.words, "sh", "-c", COUNTING_CAT], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, start_new_session=True,
                                   preexec_fn=procs.die_with_parent)
        watchdog = threading.Timer(patience, process.kill)
        watchdog.start()
        try:
            yield process
            if process.wait() != 0:
                raise Unavailable(f"pipe: docker exec ended with {process.returncode}")
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()

    def bulk(self, seconds):
        """Blocks into the pipe for so long; the clock stops when the far end has told its count."""
        ended_before = procs.cpu_ended()
        with self._receiver(seconds + PATIENCE) as process:
            if process.stdout.readline() != b"ready\n":
                raise Unavailable("pipe: the exec did not start")
            # That of docker is known when it has ended; what its start took does not count.
            cpu = -procs.cpu_fine([process.pid, *self.engine])
            began = time.monotonic()
            sent = _send(process.stdin, began + seconds)
            arrived = next(filter(None, map(count_of, process.stdout)), None)
            took = time.monotonic() - began
            cpu += procs.cpu_fine(self.engine)
        if arrived != sent:
            raise Unavailable(f"pipe: {arrived} of {sent} bytes arrived")
        cpu += procs.cpu_ended() - ended_before
        return {"gbit": arrived * 8 / took / 1e9, "cpu_s_gib": cpu / (arrived / GIB)}


def _send(pipe, end):
    """How many bytes went in until then."""
    sent = 0
    while time.monotonic() < end:
        sent += pipe.write(BLOCK)
    pipe.close()
    return sent
