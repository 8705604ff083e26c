"""`onAutoForward: openBrowser` and its kin: which program is started, with what, and when none is."""

import os
import pty
import select
import subprocess
import time

from network import free_port, free_ports
from ports_case import PortsCase
from processes import docker, holds_for, wait_for


class Browser(PortsCase):
    def setUp(self):
        super().setUp()
        self.calls = self.root / "calls"
        self.calls.touch()
        self.script = self.root / "browser"
        self.record()
        self.env["FAIRLEAD_BROWSER"] = str(self.script)
        for name in ("CI", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
            self.env.pop(name, None)

    def record(self, then=""):
        # Whole lines in one write: calls may overlap.
        self.script.write_text(f'#!/bin/sh\necho "$#:$*" >>"{self.calls}"\n{then}\n')
        self.script.chmod(0o755)

    def called(self):
        return [line.rstrip("/") for line in self.calls.read_text().splitlines()]

    def never(self, why, seconds=0.7):
        holds_for(lambda: self.called() == [], why, seconds)

    def attributes(self, port, value, **more):
        return {"portsAttributes": {str(port): {"onAutoForward": value, **more}}}

    def test_is_opened_for_a_port_that_appears_with_one_word(self):
        for value in ("openBrowser", "openBrowserOnce", "openPreview"):
            with self.subTest(value):
                self.calls.write_text("")
                port = free_port()
                work = self.workspace(value, **self.attributes(port, value, protocol="https"))
                work.up()
                work.serve(port)
                expected = [f"1:https://localhost:{port}"]
                wait_for(lambda: self.called() == expected, lambda: f"{expected}: {self.called()}")

    def test_is_opened_for_a_port_that_is_open_already(self):
        port = free_port()
        self.opened(port, **self.attributes(port, "openBrowser"))
        wait_for(lambda: self.called() == [f"1:http://localhost:{port}"], lambda: str(self.called()))

    def test_is_told_the_real_host_port(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "taken")
        work = self.workspace(**self.attributes(port, "openBrowser"))
        work.up()
        host_port = work.serve(port)
        self.assertNotEqual(host_port, port)
        wait_for(lambda: len(self.called()) == 1, "one call")
        self.assertRegex(self.called()[0], rf"^1:http://(localhost|127\.0\.0\.1):{host_port}$")

    def test_is_opened_for_a_declared_port_once_somebody_listens(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port], **self.attributes(port, "openBrowser"))
        work.up()
        self.never("nothing to see yet")
        work.serve(port)
        wait_for(lambda: len(self.called()) == 1, "one call")

    def test_is_left_alone_by_the_other_values(self):
        notify, silent, ignore, nothing = free_ports(4)
        work = self.workspace(
            portsAttributes={
                str(notify): {"onAutoForward": "notify"},
                str(silent): {"onAutoForward": "silent"},
                str(ignore): {"onAutoForward": "ignore"},
            }
        )
        work.up()
        work.start("http", "127.0.0.1", ignore, "x")
        for port in (notify, silent, nothing):
            work.serve(port)
        self.never("nobody asked for it")

    def test_opens_again_with_every_appearance_but_once_only_once(self):
        always, once = free_ports(2)
        work = self.workspace(
            portsAttributes={
                str(always): {"onAutoForward": "openBrowser"},
                str(once): {"onAutoForward": "openBrowserOnce"},
            }
        )
        work.up()
        for _ in range(2):
            servers = [work.remote().start("http", "127.0.0.1", p, "hello") for p in (always, once)]
            for port in (always, once):
                work.answering(port)
            for _, pid in servers:
                work.remote().stop(pid)
            for port in (always, once):
                work.gone(port)
        wanted = {f"1:http://localhost:{always}": 2, f"1:http://localhost:{once}": 1}
        counted = lambda: {call: self.called().count(call) for call in self.called()}
        wait_for(lambda: counted() == wanted, lambda: f"{wanted}, but {counted()}")
        holds_for(lambda: counted() == wanted, lambda: str(counted()), 0.5)

    def test_is_not_opened_again_by_a_second_up(self):
        port = free_port()
        work, _ = self.opened(port, **self.attributes(port, "openBrowser"))
        wait_for(lambda: len(self.called()) == 1, "one call")
        work.up()
        holds_for(lambda: len(self.called()) == 1, "still one call", 0.7)

    def test_that_hangs_or_fails_keeps_nothing_waiting(self):
        first, second = free_ports(2)
        work = self.workspace(
            portsAttributes={"portd": {"onAutoForward": "openBrowser"}, str(second): {}}
        )
        self.record(then="exec sleep 1000")
        work.up()
        work.serve(first)
        wait_for(lambda: len(self.called()) == 1, "one call")
        work.serve(second)
        work.down(timeout=20)
        self.script.unlink()
        work.up()
        work.serve(first)

    def test_is_never_named_by_the_workspace(self):
        del self.env["FAIRLEAD_BROWSER"]
        port = free_port()
        named = {"BROWSER": str(self.script), "FAIRLEAD_BROWSER": str(self.script)}
        work = self.workspace(
            containerEnv=named, remoteEnv=named, **self.attributes(port, "openBrowser")
        )
        self.assertEqual(self.up_in_terminal(work), 0)
        work.id = self.containers()[0]
        work.serve(port)
        self.never("the workspace names it")

    # --- who decides whether there is one ---

    def up_in_terminal(self, work, **environment):
        """`up` with a terminal as its stdin, stdout and stderr."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            work.command("up", "--auto-forward"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**self.env, **environment},
            start_new_session=True,
        )
        self.addCleanup(process.kill)
        os.close(theirs)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    if not os.read(ours, 1 << 16):
                        break
                except OSError:
                    break
        os.close(ours)
        return process.wait(20)

    def test_is_the_environments_in_a_terminal(self):
        del self.env["FAIRLEAD_BROWSER"]
        port = free_port()
        work = self.workspace(**self.attributes(port, "openBrowser"))
        self.assertEqual(self.up_in_terminal(work, BROWSER=str(self.script)), 0)
        work.id = self.containers()[0]
        work.serve(port)
        wait_for(lambda: self.called() == [f"1:http://localhost:{port}"], lambda: str(self.called()))

    def test_is_none_without_a_terminal_and_in_ci_and_when_told_so(self):
        del self.env["FAIRLEAD_BROWSER"]
        browser = {"BROWSER": str(self.script)}
        port = free_port()
        work = self.workspace("plain", **self.attributes(port, "openBrowser"))
        self.env.update(browser)
        work.up()
        work.serve(port)
        self.never("no terminal")
        for number, more in enumerate(({"CI": "true"}, {"FAIRLEAD_BROWSER": "none"})):
            port = free_port()
            work = self.workspace(f"terminal{number}", **self.attributes(port, "openBrowser"))
            self.assertEqual(self.up_in_terminal(work, **browser, **more), 0)
            work.id = self.id_of(work)
            work.serve(port)
            self.never(str(more))

    def id_of(self, work):
        label = f"label=devcontainer.local_folder={work.folder}"
        return docker("ps", "-q", "--no-trunc", "--filter", label).out.strip()

    def test_is_opened_in_ci_when_set_explicitly(self):
        self.env["CI"] = "true"
        port = free_port()
        work = self.workspace(**self.attributes(port, "openBrowser"))
        work.up()
        work.serve(port)
        wait_for(lambda: len(self.called()) == 1, "one call")
