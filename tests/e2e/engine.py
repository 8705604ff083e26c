"""The engine's API over its Unix socket, for what the tests ask over and over.

A start of the docker command costs more processor time than the question it carries. docker() in
processes.py comes here first; words that are not known here go to the command itself.
"""

import http.client
import json
import os
import re
import socket
from urllib.parse import quote, urlencode

DEFAULT = "unix:///var/run/docker.sock"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Refused(Exception):
    """The engine's own words."""


def ask(method, path, body=None, timeout=120, query=None):
    """The answer's body; Refused with the engine's message for a status of 400 and more."""
    host = os.environ.get("DOCKER_HOST", DEFAULT)
    connection = _Connection(host.removeprefix("unix://"), timeout)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        where = path + ("?" + urlencode(query) if query else "")
        text = json.dumps(body) if body is not None else None
        connection.request(method, where, text, headers)
        answer = connection.getresponse()
        data = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"the engine broke off: {error}") from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise Refused(json.loads(data or b"{}").get("message", f"status {answer.status}"))
    return data


def _streams(data):
    """What came out of an exec without a terminal: frames of kind, length, bytes."""
    out = {1: [], 2: []}
    while len(data) >= 8:
        length = int.from_bytes(data[4:8], "big")
        out.setdefault(data[0], []).append(data[8 : 8 + length])
        data = data[8 + length :]
    texts = (b"".join(out[kind]).decode(errors="replace") for kind in (1, 2))
    return tuple(text.replace("\r\n", "\n") for text in texts)  # as the command's output is read


def _exec(container, words, detached, timeout):
    body = {"Cmd": list(words), "AttachStdout": not detached, "AttachStderr": not detached}
    made = json.loads(ask("POST", f"/containers/{quote(container)}/exec", body, timeout))["Id"]
    data = ask("POST", f"/exec/{made}/start", {"Detach": detached, "Tty": False}, timeout)
    if detached:
        return 0, "", ""
    return json.loads(ask("GET", f"/exec/{made}/json", None, timeout))["ExitCode"], *_streams(data)


def _each(method, names, action, timeout, **query):
    for name in names:
        ask(method, action.format(quote(name)), None, timeout, query)
    return 0, "".join(f"{name}\n" for name in names), ""


def _labelled(words):
    """The label of `--filter label=X`, None for anything else."""
    matched = re.fullmatch(r"label=(.+)", words[-1])
    return matched and matched[1]


def _rows(path, label, timeout, **query):
    filters = json.dumps({"label": [label]})
    rows = json.loads(ask("GET", path, None, timeout, {"filters": filters, **query}))
    return 0, "".join(row["Id"] + "\n" for row in rows), ""


def _plain(words):
    return words and not any(word.startswith("-") for word in words)


def perform(words, timeout):
    """(status, stdout, stderr) as the docker command would have them; None: not known here."""
    if not os.environ.get("DOCKER_HOST", DEFAULT).startswith("unix://"):
        return None
    verb, *rest = words
    if verb == "exec" and rest[:1] == ["-d"] and _plain(rest[1:2]):
        return _exec(rest[1], rest[2:], True, timeout)
    if verb == "exec" and _plain(rest[:1]):
        return _exec(rest[0], rest[1:], False, timeout)
    if verb == "rm" and rest[:1] == ["-f"]:
        names = [word for word in rest[1:] if word != "-v"]
        if _plain(names):
            volumes = int("-v" in rest)
            return _each("DELETE", names, "/containers/{}", timeout, force=1, v=volumes)
    if verb in ("stop", "restart") and rest[:1] == ["-t"] and _plain(rest[2:]):
        return _each("POST", rest[2:], f"/containers/{{}}/{verb}", timeout, t=rest[1])
    if verb in ("start", "pause", "unpause") and _plain(rest):
        return _each("POST", rest, f"/containers/{{}}/{verb}", timeout)
    if words[:-1] == ("ps", "-aq", "--no-trunc", "--filter") and _labelled(words):
        return _rows("/containers/json", _labelled(words), timeout, all=1)
    if words[:-1] == ("network", "ls", "-q", "--filter") and _labelled(words):
        return _rows("/networks", _labelled(words), timeout)
    return None
