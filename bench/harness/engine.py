"""The engine's own processes, through which every byte of an exec goes."""

import os

from harness import procs

SOCKET = os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock"


def daemon():
    return procs.listening_process(SOCKET)


def shim(container):
    """The process between the daemon and what runs in the container; parent of all of that."""
    return procs.parents()[container.pid]
