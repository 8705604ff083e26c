"""The main job: from `up --auto-forward` to a byte that comes back, and everything gone after."""

import json
import shutil
import statistics
import time

from harness import Case, DISTROLESS
from network import fetch, free_port, free_ports, host_addresses, refuses, try_fetch, unreachable
from processes import docker, run, wait_for

MILLISECOND = 1_000_000


def until_answer(port, text, began, seconds=5.0):
    """Asks over and over until `text` comes; returns the monotonic ns of that moment."""
    while time.monotonic_ns() - began < seconds * 1e9:
        if try_fetch(port) == text:
            return time.monotonic_ns()
    raise AssertionError(f"no {text!r} on host port {port} within {seconds} s")


def until_refusal(port, began, seconds=5.0):
    while time.monotonic_ns() - began < seconds * 1e9:
        if refuses(port):
            return time.monotonic_ns()
    raise AssertionError(f"host port {port} is not refused within {seconds} s")


def in_milliseconds(samples):
    ordered = sorted(sample / MILLISECOND for sample in samples)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"p50 {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms, "
        f"max {ordered[-1]:.1f} ms of {len(ordered)}"
    )


class Up(Case):
    def test_prints_one_json_line_that_is_byte_identical_with_and_without_auto_forward(self):
        port = free_port()
        work = self.workspace()
        plain = work.up(auto=False)
        work.start("http", "127.0.0.1", port, "hello")
        forwarding = work.up()
        self.assertEqual(plain.out, forwarding.out)
        self.assertEqual(plain.out.count("\n"), 1)
        self.assertTrue(plain.out.endswith("\n"))
        self.assertEqual(list(plain.json)[0], "outcome")
        self.assertEqual(plain.json["remoteUser"], "root")
        self.assertEqual(plain.json["remoteWorkspaceFolder"], "/workspaces/work")

    def test_prints_the_same_json_for_a_container_that_it_creates_with_auto_forward(self):
        plain = self.workspace("first").up(auto=False)
        forwarding = self.workspace("second").up()
        expected = plain.out.replace(plain.id, forwarding.id).replace("/first", "/second")
        self.assertEqual(forwarding.out, expected)

    def test_leaves_nothing_behind_on_disk_without_auto_forward(self):
        self.workspace().up(auto=False)
        self.assertFalse(self.state.exists())
        self.assertEqual(self.supervisors(), [])

    def test_leaves_a_running_supervisor_alone_without_auto_forward(self):
        work = self.workspace()
        work.up()
        host_port = work.serve(free_port())
        before = work.supervisor()
        work.up(auto=False)
        self.assertEqual(work.supervisor(), before)
        self.assertEqual(fetch(host_port), "hello")

    def test_prints_the_mapping_of_a_port_that_is_already_open_on_stderr(self):
        port = free_port()
        work = self.workspace()
        work.up(auto=False)
        work.start("http", "127.0.0.1", port, "hello")
        wait_for(lambda: work.listening(port), "the listener")
        line = work.up().line_for(port)
        self.assertEqual(line, f"Forwarding container {port} -> http://localhost:{port}")
        self.assertEqual(fetch(port), "hello")

    def test_prints_why_the_host_port_differs(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "somebody else's")
        work = self.workspace()
        work.up(auto=False)
        work.start("http", "127.0.0.1", port, "hello")
        wait_for(lambda: work.listening(port), "the listener")
        line = work.up().line_for(port)
        host_port = work.port(port)
        self.assertNotEqual(host_port, port)
        self.assertRegex(line, rf"^Forwarding container {port} -> http://\S+:{host_port} \(.*\)$")
        self.assertIn(f"remapped: host {port} is in use", line)
        self.assertEqual(fetch(host_port), "hello")
        self.assertEqual(fetch(port), "somebody else's")

    def test_remaps_a_privileged_port_and_says_so(self):
        work = self.workspace(forwardPorts=[80])
        line = work.up().line_for(80)
        host_port = work.port(80, state="waiting")
        self.assertGreaterEqual(host_port, 1024)
        self.assertRegex(line, rf"^Forwarding container 80 -> http://\S+:{host_port} \(.*\)$")
        self.assertIn("remapped: privileged port", line)
        work.serve(80)

    def test_names_a_port_of_another_protocol_without_a_url(self):
        work = self.workspace(forwardPorts=[5432])
        line = work.up().line_for(5432)
        host_port = work.port(5432, state="waiting")
        self.assertRegex(line, rf"^Forwarding container 5432 -> 127\.0\.0\.1:{host_port}\b")

    def test_forwards_a_distroless_container_that_listens_from_its_start(self):
        work = self.workspace(image=DISTROLESS, overrideCommand=False, userEnvProbe="none")
        up = work.up()
        host_port = work.port(3000)
        self.assertIn(f":{host_port}", up.line_for(3000))
        self.assertEqual(fetch(host_port), "hello")


class Reach(Case):
    def test_curl_gets_the_page_of_a_server_on_the_containers_loopback(self):
        work = self.workspace()
        work.up()
        host_port = work.serve(free_port(), "the page")
        curl = shutil.which("curl")
        if curl is None:
            self.unavailable("curl is not installed")
        url = f"http://localhost:{host_port}/"
        self.assertEqual(run([curl, "-sS", "--max-time", 10, url]).out, "the page")

    def test_the_image_has_no_networking_tool(self):
        container = self.container("/bin/portd", "idle")
        tools = "nc ncat netcat socat bash busybox curl wget python3 perl ip ss telnet ssh"
        probe = f"for t in {tools}; do command -v $t; done; true"
        self.assertEqual(docker("exec", container, "sh", "-c", probe).out, "")

    def test_the_containers_own_address_refuses(self):
        work = self.workspace()
        work.up()
        port = free_port()
        work.serve(port)
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        addresses = docker("inspect", "--format", form, work.id).out.split()
        self.assertTrue(addresses)
        for address in addresses:
            self.assertTrue(refuses(port, address), f"{address} port {port}")

    def test_the_hosts_other_addresses_refuse(self):
        work = self.workspace()
        work.up()
        host_port = work.serve(free_port())
        addresses = host_addresses()
        self.assertTrue(addresses)
        for address in [*addresses, "127.0.0.2"]:
            self.assertTrue(unreachable(host_port, address), f"{address} port {host_port}")

    def test_both_loopback_addresses_answer_when_the_url_says_localhost(self):
        work = self.workspace()
        work.up()
        port = free_port()
        host_port = work.serve(port)
        self.assertEqual(work.forward_of(port)["url"], f"http://localhost:{host_port}")
        self.assertEqual(fetch(host_port, "::1"), "hello")

    def test_the_url_says_127_0_0_1_when_the_other_loopback_address_is_somebody_elses(self):
        port = free_port()
        self.server("http", "::1", port, "somebody else's")
        work = self.workspace()
        work.up()
        host_port = work.serve(port)
        url = work.forward_of(port)["url"]
        self.assertIn(url, (f"http://127.0.0.1:{port}", f"http://localhost:{host_port}"))
        self.assertEqual(fetch(port, "::1"), "somebody else's")


class Promptness(Case):
    alone = True  # it measures

    def test_a_server_started_later_is_reachable_soon_after_its_listen(self):
        work = self.workspace()
        work.up()
        remote = work.remote()
        samples = []
        for port in free_ports(25):
            listening, pid = remote.start("http", "127.0.0.1", port, "late")
            samples.append(until_answer(port, "late", listening) - listening)
            remote.stop(pid)
        self.report(f"listen() to first answer: {in_milliseconds(samples)}")
        self.assertLess(max(samples), 1000 * MILLISECOND)

    def test_the_port_is_refused_soon_after_its_servers_end_while_others_live(self):
        work = self.workspace()
        work.up()
        other = work.serve(free_port(), "other")
        remote = work.remote()
        samples = []
        for port in free_ports(15):
            listening, pid = remote.start("http", "127.0.0.1", port, "late")
            until_answer(port, "late", listening)
            ended, _ = remote.stop(pid)
            samples.append(until_refusal(port, ended) - ended)
        self.report(f"end to refusal: {in_milliseconds(samples)}")
        self.assertLess(max(samples), 1000 * MILLISECOND)
        self.assertEqual(fetch(other), "other")

    def test_the_last_port_is_refused_soon_after_its_servers_end_too(self):
        work = self.workspace()
        work.up()
        remote = work.remote()
        samples = []
        for port in free_ports(15):
            listening, pid = remote.start("http", "127.0.0.1", port, "late")
            until_answer(port, "late", listening)
            ended, _ = remote.stop(pid)
            samples.append(until_refusal(port, ended) - ended)
            wait_for(lambda: work.forwards() == [], "an empty listing", 5)
        self.report(f"end of the last to refusal: {in_milliseconds(samples)}")
        self.assertLess(max(samples), 1000 * MILLISECOND)

    def test_fifty_restarts_on_one_port_each_reach_the_new_server(self):
        work = self.workspace()
        work.up()
        remote = work.remote()
        port = free_port()
        pid = None
        samples = []
        for generation in range(50):
            if pid is not None:
                remote.stop(pid)
            listening, pid = remote.start("http", "127.0.0.1", port, f"generation-{generation}")
            samples.append(until_answer(port, f"generation-{generation}", listening) - listening)
            for _ in range(5):
                self.assertEqual(fetch(port), f"generation-{generation}")
        self.report(f"restart to first answer: {in_milliseconds(samples)}")
        self.assertLess(max(samples), 1000 * MILLISECOND)

    def test_up_returns_at_the_first_complete_scan_and_waits_for_no_port(self):
        work = self.workspace()
        work.up(auto=False)
        began = time.monotonic()
        work.up(auto=False)
        alone = time.monotonic() - began
        began = time.monotonic()
        work.up()
        self.report(f"up: {alone * 1e3:.0f} ms, with --auto-forward {work_time(began)}")
        self.assertLess(time.monotonic() - began, alone + 5)


def work_time(began):
    return f"{(time.monotonic() - began) * 1e3:.0f} ms"


class Afterwards(Case):
    def test_after_down_nothing_is_left(self):
        work = self.workspace()
        work.up()
        host_port = work.serve(free_port())
        marker = work.marker_path()
        down = work.down()
        self.assertEqual(len(down.out.splitlines()), 1)
        answer = json.loads(down.out)
        self.assertEqual(answer["outcome"], "success")
        self.assertTrue(any(work.id.startswith(str(name)[:12]) for name in names(answer)), answer)
        self.assertTrue(refuses(host_port))
        self.assertEqual(self.supervisors(), [])
        self.assertFalse(marker.exists())
        self.assertFalse(marker.with_suffix(".sock").exists())
        running = docker("inspect", "--format", "{{.State.Running}}", work.id).out.strip()
        self.assertEqual(running, "false")
        self.assertEqual(self.all_forwards(), [])

    def test_down_with_remove_deletes_the_container(self):
        work = self.workspace()
        work.up()
        work.down("--remove")
        self.assertEqual(self.containers(), [])
        self.assertEqual(self.supervisors(), [])

    def test_a_second_down_has_nothing_to_do_and_succeeds(self):
        work = self.workspace()
        work.up()
        work.down("--remove")
        self.assertEqual(json.loads(work.down().out)["outcome"], "success")

    def test_down_all_takes_every_supervisor_down(self):
        works = [self.workspace(name) for name in ("one", "two")]
        for work in works:
            work.up()
        ports = [work.serve(free_port()) for work in works]
        self.fairlead("down", "--all")
        self.assertEqual(self.supervisors(), [])
        for port in ports:
            self.assertTrue(refuses(port))

    def test_ports_without_any_supervisor_is_an_empty_list_and_success(self):
        listing = self.fairlead("ports", "--json")
        self.assertEqual(json.loads(listing.out), {"forwards": []})

    def test_the_piped_listing_is_tab_separated_and_names_the_ports(self):
        work = self.workspace()
        work.up()
        port = free_port()
        host_port = work.serve(port)
        lines = self.fairlead("ports").out.splitlines()
        row = next(line for line in lines if str(port) in line)
        self.assertIn("\t", row)
        self.assertIn(str(host_port), row)
        self.assertNotIn("\x1b", row)

    def test_logs_shows_what_the_supervisor_said(self):
        work = self.workspace()
        work.up()
        port = free_port()
        work.serve(port)
        self.assertIn(str(port), self.call(work.command("logs")).out)


def names(answer):
    """The containers of down's answer, whatever shape each has."""
    for entry in answer["containers"]:
        if isinstance(entry, dict):
            yield from entry.values()
        else:
            yield entry
