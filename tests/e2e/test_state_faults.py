"""Faults of the state directory: each works or says clearly what to do; what runs goes on."""

import json
import os
import time

from harness import Case
from network import fetch, free_port, refuses, try_fetch
from processes import lock_is_free, locked, run, supervisors_of, wait_for


class FaultCase(Case):
    """One workspace is running already when the fault comes; a second one comes up after it."""

    def setUp(self):
        super().setUp()
        self.registry = self.state / "forwarded_ports.json"
        self.lock = self.state / "forwarded_ports.lock"

    def running(self):
        self.old = self.workspace("old")
        self.old.up()
        self.old_port = self.old.serve(free_port(), "old")

    def assert_running_goes_on(self):
        self.assertEqual(fetch(self.old_port), "old")
        self.assertEqual(self.old.supervisor(), self.old.marker()["pid"])
        later = free_port()
        self.old.start("http", "127.0.0.1", later, "later")
        wait_for(lambda: try_fetch(later) == "later", "a port that the old supervisor finds now")

    def up_after_fault(self):
        """A second workspace; returns the result of its `up`."""
        self.new = self.workspace("new")
        return self.new.up()

    def said(self, up, *words):
        """Whether stderr of `up` or the supervisor's log has all the words."""
        text = up.err + self.new.log()
        return all(word in text for word in words)


class Registry(FaultCase):
    def set_aside(self):
        known = {"forwarded_ports.json", "forwarded_ports.lock"}
        return [p for p in self.state.iterdir() if p.is_file() and p.name not in known]

    def check_broken(self, content):
        self.running()
        self.registry.write_bytes(content)
        up = self.up_after_fault()
        port = free_port()
        self.assertEqual(self.new.serve(port, "new"), port)
        aside = [p for p in self.set_aside() if p.read_bytes() == content]
        self.assertEqual(len(aside), 1, self.set_aside())
        self.assertTrue(self.said(up, aside[0].name), up)
        self.assertEqual(json.loads(self.registry.read_text())["version"], 1)
        self.assert_running_goes_on()

    def test_corrupt_is_set_aside_under_a_reported_name_and_forwarding_goes_on(self):
        self.check_broken(b"\x00\xff not json at all {{{")

    def test_truncated_is_set_aside_under_a_reported_name_and_forwarding_goes_on(self):
        self.check_broken(b'{"version":1,"entries":[{"host_port":30')

    def test_of_another_shape_is_set_aside_under_a_reported_name_and_forwarding_goes_on(self):
        self.check_broken(b'[{"version":1}]')

    def test_empty_does_not_block_forwarding(self):
        self.running()
        self.registry.write_bytes(b"")
        self.up_after_fault()
        self.new.serve(free_port(), "new")
        self.assert_running_goes_on()

    def test_removed_does_not_block_forwarding(self):
        self.running()
        self.registry.unlink()
        self.up_after_fault()
        self.new.serve(free_port(), "new")
        self.assert_running_goes_on()

    def test_of_a_newer_version_stays_untouched_and_binds_decide(self):
        content = b'{"version":99,"entries":{"of":"another shape"},"more":[1,2,3]}\n'
        self.running()
        self.registry.write_bytes(content)
        up = self.up_after_fault()
        port = self.old_port
        other = self.new.serve(port, "new")
        self.assertNotEqual(other, port)
        self.assertTrue(self.said(up, str(self.registry), "newer"), up)
        self.assert_running_goes_on()
        self.new.down()
        self.assertEqual(self.registry.read_bytes(), content)
        self.assertTrue(refuses(other))

    def test_that_is_a_directory_is_said_and_does_not_fail_up(self):
        self.running()
        self.registry.unlink()
        (self.registry / "in the way").mkdir(parents=True)
        up = self.up_after_fault()
        self.new.serve(free_port(), "new")
        self.assertTrue(self.said(up, str(self.registry)), up)
        self.assert_running_goes_on()

    def test_with_entries_of_dead_owners_frees_their_ports(self):
        port = free_port()
        self.state.mkdir(mode=0o700)
        entry = {
            "host_port": port,
            "container_id": "f" * 64,
            "container_port": port,
            "workspace": "/nowhere",
            "pid": 2**22 - 1,
            "start_time": 1,
            "boot_id": "00000000-0000-0000-0000-000000000000",
            "label": None,
        }
        self.registry.write_text(json.dumps({"version": 1, "entries": [entry], "reserved": []}))
        self.registry.chmod(0o600)
        work = self.workspace()
        work.up()
        self.assertEqual(work.serve(port), port)


class Unwritable(FaultCase):
    def mounted(self, *options):
        """A tmpfs of its own as the state directory."""
        if os.geteuid() != 0:
            self.unavailable("mounting a file system needs root")
        self.state.mkdir(mode=0o700)
        words = ",".join(["mode=0700", *options])
        run(["mount", "-t", "tmpfs", "-o", words, "fairlead-e2e", self.state])
        self.addCleanup(run, ["umount", "-l", self.state], check=False)

    def fill(self):
        """Leaves not one byte of the file system free."""
        with open(self.state / "ballast", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def test_directory_is_said_and_does_not_fail_up(self):
        if os.geteuid() != 0:
            self.unavailable("mounting a file system needs root")
        self.running()
        run(["mount", "--bind", self.state, self.state])
        self.addCleanup(run, ["umount", "-l", self.state], check=False)
        run(["mount", "-o", "remount,bind,ro", self.state])
        up = self.up_after_fault()
        self.assertIn(str(self.state), up.err)
        self.assertRegex(up.err.lower(), "read-only|permission|writ")
        self.assertEqual(fetch(self.old_port), "old")

    def test_directory_fails_up_with_strict_forwarding(self):
        self.mounted("ro")
        work = self.workspace()
        up = work.up("--strict-forwarding", check=False)
        self.assertEqual(up.rc, 1)
        self.assertEqual(up.json["outcome"], "error")
        self.assertIn(str(self.state), up.json["message"] + up.json["description"])

    def test_full_disk_is_said_and_what_runs_goes_on(self):
        self.mounted("size=256k")
        self.running()
        self.fill()
        up = self.up_after_fault()
        self.assertRegex((up.err + self.new.log()).lower(), "no space|full|space left")
        self.assertEqual(fetch(self.old_port), "old")
        self.assertEqual(self.old.supervisor(), self.old.marker()["pid"])

    def test_full_disk_never_truncates_the_registry(self):
        self.mounted("size=256k")
        self.running()
        before = json.loads(self.state.joinpath("forwarded_ports.json").read_text())
        self.fill()
        self.old.start("http", "127.0.0.1", free_port(), "more")
        self.up_after_fault()
        after = json.loads(self.state.joinpath("forwarded_ports.json").read_text())
        held = {e["host_port"] for e in before["entries"]}
        self.assertLessEqual(held, {e["host_port"] for e in after["entries"]})

    def test_full_disk_does_not_keep_down_from_reaping_the_supervisor(self):
        self.mounted("size=256k")
        self.running()
        self.fill()
        self.up_after_fault()
        self.new.down()
        wait_for(lambda: self.supervisors() == [self.old.supervisor()], "the old one alone", 5)
        self.assertEqual(fetch(self.old_port), "old")

    def test_full_disk_heals_when_there_is_room_again(self):
        self.mounted("size=256k")
        self.running()
        self.fill()
        self.up_after_fault()
        (self.state / "ballast").unlink()
        self.new.up()
        self.new.serve(free_port(), "new")
        self.assert_running_goes_on()


class Lock(FaultCase):
    def test_missing_is_made_again(self):
        self.running()
        self.lock.unlink()
        self.up_after_fault()
        self.new.serve(free_port(), "new")
        self.assert_running_goes_on()

    def test_stuck_is_a_clear_error_that_names_the_holder_and_up_still_succeeds(self):
        self.running()
        with locked(self.lock) as holder:
            began = time.monotonic()
            self.new = self.workspace("new", forwardPorts=[free_port()])
            up = self.new.up()
            self.report(f"up with a stuck lock: {time.monotonic() - began:.1f} s")
            self.assertLess(time.monotonic() - began, 40)
            self.assertRegex(up.err, rf"\b{holder}\b")
            self.assertEqual(fetch(self.old_port), "old")

    def test_stuck_and_then_freed_heals_by_itself(self):
        self.running()
        port, later = free_port(), free_port()
        with locked(self.lock):
            self.new = self.workspace("new", forwardPorts=[port])
            self.new.up()
        if self.supervisors() == [self.old.supervisor()]:
            self.new.up()  # it did not start for the lock; now it does
        self.new.serve(port, "new")
        self.assert_running_goes_on()
        self.new.serve(later, "later")

    def test_is_not_held_while_nothing_happens(self):
        self.running()
        wait_for(lambda: lock_is_free(self.lock), "a free lock", 2)

    def test_held_by_another_program_delays_no_byte_of_what_runs(self):
        self.running()
        with locked(self.lock):
            for _ in range(20):
                self.assertEqual(fetch(self.old_port, timeout=5), "old")


class StateDirectory(FaultCase):
    def with_state(self, path):
        self.state = path
        self.env["FAIRLEAD_STATE_DIR"] = str(path)

    def test_of_150_characters_works(self):
        room = 150 - len(str(self.root)) - 1
        self.with_state(self.root / ("d" * room))
        self.assertEqual(len(str(self.state)), 150)
        work = self.workspace()
        work.up()
        host_port = work.serve(free_port())
        work.up()  # over the control socket
        self.assertEqual(fetch(host_port), "hello")
        self.assertEqual(len(self.supervisors()), 1)
        work.down()
        self.assertEqual(self.supervisors(), [])
        self.assertTrue(refuses(host_port))

    def test_with_a_space_and_a_quote_works(self):
        self.with_state(self.root / "it's a state")
        work = self.workspace()
        work.up()
        work.serve(free_port())
        work.down()

    def test_that_is_a_symlink_is_refused(self):
        real = self.root / "real"
        real.mkdir(mode=0o700)
        self.state.symlink_to(real)
        work = self.workspace()
        up = work.up()
        self.assertIn(str(self.state), up.err)
        self.assertRegex(up.err.lower(), "symlink|symbolic link")
        self.assertEqual(list(real.iterdir()), [])
        self.assertEqual(supervisors_of(real), [])

    def test_that_is_a_symlink_fails_up_with_strict_forwarding(self):
        real = self.root / "real"
        real.mkdir(mode=0o700)
        self.state.symlink_to(real)
        up = self.workspace().up("--strict-forwarding", check=False)
        self.assertEqual((up.rc, up.json["outcome"]), (1, "error"))

    def test_that_belongs_to_somebody_else_is_refused(self):
        if os.geteuid() != 0:
            self.unavailable("giving a directory away needs root")
        self.state.mkdir(mode=0o700)
        os.chown(self.state, 65534, 65534)
        up = self.workspace().up()
        self.assertIn(str(self.state), up.err)
        self.assertEqual(list(self.state.iterdir()), [])

    def test_that_is_a_file_is_said_and_does_not_fail_up(self):
        self.state.write_text("a file")
        up = self.workspace().up()
        self.assertIn(str(self.state), up.err)
        self.assertEqual(self.state.read_text(), "a file")

    def test_whose_registry_is_a_symlink_leaves_the_links_target_alone(self):
        victim = self.root / "victim"
        victim.write_text("precious")
        self.state.mkdir(mode=0o700)
        self.registry.symlink_to(victim)
        work = self.workspace()
        work.up()
        work.start("http", "127.0.0.1", free_port(), "any")
        work.down()
        self.assertEqual(victim.read_text(), "precious")

    def test_by_user_data_folder_beats_the_environment(self):
        chosen = self.root / "chosen"
        work = self.workspace()
        work.up("--user-data-folder", str(chosen))
        self.addCleanup(self.fairlead, "down", "--all", "--user-data-folder", chosen, check=False)
        self.assertFalse(self.state.exists())
        self.assertEqual(len(supervisors_of(chosen)), 1)

    def test_by_xdg_state_home_when_nothing_else_is_set(self):
        home = self.root / "xdg"
        del self.env["FAIRLEAD_STATE_DIR"]
        self.env["XDG_STATE_HOME"] = str(home)
        self.state = home / "fairlead"
        self.workspace().up()
        self.assertEqual(len(supervisors_of(home)), 1)
        self.assertTrue((home / "fairlead" / "supervisors").is_dir())


class Damage(FaultCase):
    def test_a_corrupt_marker_does_not_block_up(self):
        self.running()
        self.old.marker_path().write_bytes(b"{ this is no marker")
        self.old.up()
        self.assertEqual(self.old.port(self.old_port), self.old_port)
        self.assertEqual(fetch(self.old_port), "old")
        self.assertEqual(len(self.supervisors()), 1)

    def test_a_removed_control_socket_does_not_block_up(self):
        self.running()
        self.old.marker_path().with_suffix(".sock").unlink()
        began = time.monotonic()
        up = self.old.up()
        self.assertLess(time.monotonic() - began, 25)
        if self.old.forwards() == []:
            self.assertRegex(up.err, "supervisor")
        wait_for(lambda: try_fetch(self.old_port) == "old", "the server")
        self.assertEqual(len(self.supervisors()), 1)

    def test_a_removed_control_socket_does_not_keep_down_from_reaping(self):
        self.running()
        self.old.marker_path().with_suffix(".sock").unlink()
        self.old.down()
        wait_for(lambda: self.supervisors() == [], "no supervisor", 5)
        self.assertTrue(refuses(self.old_port))
