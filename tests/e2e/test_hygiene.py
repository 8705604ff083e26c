"""The supervisor as a process: detached, alone, and private in what it writes."""

import json
import os
from pathlib import Path
import stat
import threading
import time

from harness import Case
from network import fetch, free_port
from processes import (
    children,
    command_line,
    descriptors,
    pids,
    stat_fields,
    supervisors_of,
    wait_for,
)


class Detached(Case):
    def started(self, **options):
        work = self.workspace()
        work.up(**options)
        work.serve(free_port())
        return work, work.supervisor()

    def test_it_has_a_session_of_its_own_and_no_controlling_terminal(self):
        _, pid = self.started()
        fields = stat_fields(pid)
        session, terminal = int(fields[3]), int(fields[4])
        self.assertNotEqual(session, os.getsid(0))
        self.assertEqual(terminal, 0)

    def test_it_works_in_the_root_directory(self):
        _, pid = self.started(cwd=self.root)
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")

    def test_it_inherits_no_descriptor(self):
        reader, writer = os.pipe()
        file = open(self.root / "inherited", "w")
        high = os.dup2(writer, 300)
        try:
            work, pid = self.started(pass_fds=(writer, high, file.fileno()))
        finally:
            os.close(writer)
            os.close(high)
            file.close()
        ended = []
        watcher = threading.Thread(target=lambda: ended.append(os.read(reader, 1)))
        watcher.start()
        watcher.join(5)
        links = descriptors(pid)
        if not ended:
            os.kill(pid, 9)
        watcher.join(5)
        os.close(reader)
        self.assertEqual(ended, [b""], f"the pipe is still held by {links}")
        self.assertNotIn(str(self.root / "inherited"), links.values())

    def test_its_standard_streams_lead_nowhere_or_to_its_log(self):
        work, pid = self.started()
        links = descriptors(pid)
        for number in (0, 1, 2):
            link = links.get(number, "/dev/null")
            self.assertTrue(link == "/dev/null" or link.startswith(str(self.state)), link)

    def test_it_survives_the_end_of_the_session_that_started_it(self):
        work = self.workspace()
        work.up(start_new_session=True)
        host_port = work.serve(free_port())
        self.assertEqual(fetch(host_port), "hello")

    def test_it_has_no_child_but_one_helper_and_runs_no_engine_command(self):
        work, pid = self.started()
        session = stat_fields(pid)[3]
        end = time.monotonic() + 3
        while time.monotonic() < end:
            own = children(pid)
            self.assertLessEqual(len(own), 1, [command_line(p) for p in own])
            for other in pids():
                words = command_line(other)
                if stat_fields(other)[3:4] == [session]:
                    self.assertNotIn("docker", os.path.basename(words[0]))
            time.sleep(0.02)

    def test_the_helper_dies_with_it(self):
        _, pid = self.started()
        helpers = children(pid)
        os.kill(pid, 9)
        for helper in helpers:
            wait_for(lambda p=helper: not stat_fields(p), "the helper's end", 5)


class Files(Case):
    def test_are_private_to_the_user_whatever_the_umask(self):
        work = self.workspace()
        work.up(umask=0)
        work.serve(free_port())
        seen = []
        for folder, directories, files in os.walk(self.state):
            if Path(folder).name == "agents":  # closed itself; what is in it is for the container
                directories.clear()
            for name in [".", *directories]:
                mode = os.lstat(os.path.join(folder, name)).st_mode
                self.assertEqual(stat.S_IMODE(mode), 0o700, os.path.join(folder, name))
            for name in files:
                path = os.path.join(folder, name)
                seen.append(os.path.relpath(path, self.state))
                self.assertEqual(stat.S_IMODE(os.lstat(path).st_mode) & 0o177, 0, path)
        short = work.id[:12]
        for name in (
            "forwarded_ports.json",
            "forwarded_ports.lock",
            f"supervisors/{short}.json",
            f"supervisors/{short}.sock",
            f"logs/{short}.log",
        ):
            self.assertIn(name, seen)

    def test_the_marker_identifies_the_process(self):
        work = self.workspace()
        work.up()
        marker = work.marker()
        self.assertEqual(marker["container_id"], work.id)
        self.assertEqual(marker["workspace"], str(work.folder))
        text = json.dumps(marker)
        self.assertIn(open("/proc/sys/kernel/random/boot_id").read().strip(), text)
        self.assertIn(stat_fields(marker["pid"])[19].decode(), text)  # the start time
        self.assertIn(str(self.state / "logs"), text)

    def test_no_draft_is_left_behind(self):
        work = self.workspace()
        work.up()
        for _ in range(5):
            work.serve(free_port())
        work.down()
        left = [str(p.relative_to(self.state)) for p in self.state.rglob("*") if p.is_file()]
        short = work.id[:12]
        expected = {"forwarded_ports.json", "forwarded_ports.lock", f"logs/{short}.log"}
        extra = {name for name in left if not name.endswith(".lock")} - expected
        self.assertEqual(extra, set())


class Instance(Case):
    def test_the_hidden_entry_refuses_to_run_by_hand(self):
        result = self.fairlead("__supervise", check=False, timeout=20)
        self.assertNotEqual(result.rc, 0)
        self.assertEqual(supervisors_of(self.state), [])

    def test_a_second_up_leaves_the_same_supervisor(self):
        work = self.workspace()
        work.up()
        first = work.supervisor()
        for _ in range(3):
            work.up()
        self.assertEqual(self.supervisors(), [first])
