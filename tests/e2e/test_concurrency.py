"""Many at once: one container, one supervisor, no port twice."""

import json
import os
import signal
import subprocess
import time

from harness import Case, Up
from network import fetch, free_port, free_ports, try_fetch
from processes import finish, wait_for


class ConcurrentUps(Case):
    limit = 300

    def twenty(self, work):
        argv = work.command("up", "--auto-forward")
        began = time.monotonic()
        processes = [self.spawn(argv) for _ in range(20)]
        ups = [Up(finish(process, 180)) for process in processes]
        self.report(f"20 ups at once: {time.monotonic() - began:.1f} s")
        failed = [str(up) for up in ups if up.rc != 0]
        self.assertEqual(failed, [])
        self.assertEqual(len({up.id for up in ups}), 1)
        work.id = ups[0].id
        self.assertEqual(self.containers(), [work.id])
        self.assertEqual(self.supervisors(), [work.supervisor()])

    def test_twenty_with_the_container_running_make_one_supervisor(self):
        work = self.workspace()
        work.up(auto=False)
        self.twenty(work)
        work.serve(free_port())

    def test_twenty_without_a_container_make_one_container_and_one_supervisor(self):
        work = self.workspace()
        self.twenty(work)
        work.serve(free_port())

    def test_twenty_with_the_container_stopped_make_one_supervisor(self):
        work = self.workspace()
        work.up()
        work.down()
        self.twenty(work)
        work.serve(free_port())

    def test_twenty_after_a_sigkill_make_one_supervisor_on_the_same_port(self):
        work = self.workspace()
        work.up()
        port = free_port()
        work.serve(port)
        os.kill(work.supervisor(), signal.SIGKILL)
        self.twenty(work)
        self.assertEqual(work.answering(port), port)

    def test_twenty_with_a_declared_port_hold_it_once(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        self.twenty(work)
        self.assertEqual(work.port(port, state="waiting"), port)
        self.assertEqual(len([f for f in work.forwards() if f["containerPort"] == port]), 1)


class ManySupervisors(Case):
    limit = 300

    def test_with_the_same_port_never_get_one_host_port_twice(self):
        port = free_port()
        works = [self.workspace(f"w{i}", forwardPorts=[port]) for i in range(8)]
        processes = [self.spawn(work.command("up", "--auto-forward")) for work in works]
        for work, process in zip(works, processes):
            up = Up(finish(process, 180))
            self.assertEqual(up.rc, 0, up)
            work.id = up.id
        host_ports = [work.port(port, state="waiting") for work in works]
        self.assertEqual(len(set(host_ports)), len(works), host_ports)
        self.assertEqual(len(self.supervisors()), len(works))
        for i, (work, host_port) in enumerate(zip(works, host_ports)):
            work.start("http", "127.0.0.1", port, f"w{i}")
            wait_for(lambda h=host_port, t=f"w{i}": try_fetch(h) == t, "its own server")
        registry = json.loads((self.state / "forwarded_ports.json").read_text())
        self.assertEqual(sorted(e["host_port"] for e in registry["entries"]), sorted(host_ports))

    def test_opening_many_ports_at_once_get_distinct_ones_that_all_work(self):
        ports = free_ports(12)
        works = [self.workspace(f"w{i}") for i in range(4)]
        for work in works:
            work.up()
        for i, work in enumerate(works):
            work.start("multi", *(f"127.0.0.{i + 1}:{port}" for port in ports))
        taken = [(work.port(port), i, port) for i, work in enumerate(works) for port in ports]
        self.assertEqual(len({host_port for host_port, _, _ in taken}), len(taken))
        for host_port, i, port in taken:
            self.assertEqual(fetch(host_port), f"127.0.0.{i + 1}:{port}")

    def test_of_which_some_are_killed_never_share_a_port_afterwards(self):
        port = free_port()
        works = [self.workspace(f"w{i}", forwardPorts=[port]) for i in range(4)]
        for work in works:
            work.up()
        before = {work.id: work.port(port, state="waiting") for work in works}
        for work in works[:2]:
            os.kill(work.supervisor(), signal.SIGKILL)
        processes = [self.spawn(work.command("up", "--auto-forward")) for work in works]
        for process in processes:
            self.assertEqual(finish(process, 120).rc, 0)
        after = {work.id: work.port(port, state="waiting") for work in works}
        self.assertEqual(after, before)

    def test_listing_covers_all_and_is_quick(self):
        works = [self.workspace(f"w{i}", forwardPorts=[free_port()]) for i in range(4)]
        for work in works:
            work.up()
        began = time.monotonic()
        forwards = self.all_forwards()
        self.report(f"ports --json over 4 supervisors: {(time.monotonic() - began) * 1e3:.0f} ms")
        self.assertEqual({f["containerId"] for f in forwards}, {work.id for work in works})

    def test_a_supervisor_that_hangs_does_not_hang_the_listing(self):
        works = [self.workspace(f"w{i}", forwardPorts=[free_port()]) for i in range(2)]
        for work in works:
            work.up()
        hung = works[0].supervisor()
        os.kill(hung, signal.SIGSTOP)
        try:
            result = self.fairlead("ports", "--json", timeout=30, check=False)
        finally:
            os.kill(hung, signal.SIGCONT)
        self.assertIn(works[1].id, result.out)


class KilledUp(Case):
    def test_in_the_middle_never_blocks_the_next(self):
        work = self.workspace()
        for delay in (0.02, 0.05, 0.1, 0.2, 0.4):
            process = self.spawn(work.command("up", "--auto-forward"))
            try:
                process.communicate(timeout=delay)
            except subprocess.TimeoutExpired:
                process.kill()
                process.stdout.close()
                process.stderr.close()
                process.wait(10)
        # The engine may finish what a killed `up` has asked of it, so a second container may come;
        # which one is the workspace's must not waver.
        work.up()
        first = work.id
        work.serve(free_port())
        work.up()
        self.assertEqual(work.id, first)
        self.assertEqual(self.supervisors(), [work.supervisor()])
