"""Logging in through a browser: a server on a random loopback port, asked once, shortly afterwards."""

import random
import time

from harness import QUICK, Case
from network import bindable, fetch, refuses
from processes import wait_for

PAUSE = 0.3  # seconds from listen() to the one and only request
ROUNDS = 10 if QUICK else 50


def random_port():
    """As a program gets it from the kernel: out of the ephemeral range; free on this host, too."""
    while True:
        port = random.randint(32768, 60999)
        if bindable(port) and bindable(port, "::1"):
            return port


class OAuth(Case):
    def test_the_first_request_finds_the_callback_on_the_same_number(self):
        work = self.workspace()
        work.up()
        remote = work.remote()
        failed, last = [], None
        for number in range(ROUNDS):
            port, secret = random_port(), f"code-{number}"
            listening, pid = remote.start("http", "127.0.0.1", port, secret)
            # The pause is what the user's browser takes, and the promise: no condition to wait for.
            time.sleep(max(0.0, listening / 1e9 + PAUSE - time.monotonic()))
            try:
                answer = fetch(port)
            except OSError as error:
                answer = error
            if answer != secret:
                failed.append(f"round {number}, port {port}: {answer!r}")
            remote.stop(pid)
            last = port
        self.assertEqual(failed, [])
        wait_for(lambda: refuses(last), "the last port's withdrawal")

    def test_a_callback_server_that_answers_once_and_ends_is_heard_out(self):
        work = self.workspace()
        work.up()
        for number in range(5):
            port = random_port()
            work.start("http", "127.0.0.1", port, f"last-{number}", "--lifetime", 2000)
            work.answering(port, f"last-{number}")
            wait_for(lambda port=port: refuses(port), "its end", 10)
