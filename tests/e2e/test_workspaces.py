"""Several workspaces at once: one registry, no port twice, and everybody keeps his own."""

import json

from harness import Case
from network import fetch, free_port, refuses, try_fetch
from processes import docker, wait_for


class TwoWorkspaces(Case):
    def both(self, port):
        first, second = self.workspace("first"), self.workspace("second")
        first.up()
        self.assertEqual(first.serve(port, "from-first"), port)
        second.up()
        other = second.serve(port, "from-second")
        return first, second, other

    def test_with_the_same_port_get_two_host_ports_and_both_work(self):
        port = free_port()
        _, _, other = self.both(port)
        self.assertNotEqual(other, port)
        self.assertEqual(fetch(port), "from-first")
        self.assertEqual(fetch(other), "from-second")

    def test_with_the_same_port_are_both_named(self):
        port = free_port()
        first, second, other = self.both(port)
        by_workspace = {f["workspace"]: f for f in self.all_forwards()}
        self.assertEqual(by_workspace[str(first.folder)]["hostPort"], port)
        self.assertEqual(by_workspace[str(second.folder)]["hostPort"], other)
        line = second.up().line_for(port)
        self.assertIn(f":{other}", line)
        self.assertIn(f"host {port} is in use", line)

    def test_are_told_apart_by_the_workspace_folder(self):
        port = free_port()
        first, second, _ = self.both(port)
        self.assertEqual({f["containerId"] for f in first.forwards()}, {first.id})
        self.assertEqual({f["containerId"] for f in second.forwards()}, {second.id})

    def test_each_has_a_supervisor_and_down_takes_only_its_own(self):
        port = free_port()
        first, second, other = self.both(port)
        self.assertEqual(len(self.supervisors()), 2)
        first.down()
        self.assertEqual(self.supervisors(), [second.supervisor()])
        self.assertTrue(refuses(port))
        self.assertEqual(fetch(other), "from-second")

    def test_one_that_got_another_number_keeps_it_after_restart(self):
        port = free_port()
        _, second, other = self.both(port)
        docker("restart", "-t", "1", second.id)
        self.assertEqual(second.serve(port, "again"), other)

    def test_one_that_got_another_number_keeps_it_after_up_again(self):
        port = free_port()
        first, second, other = self.both(port)
        first.down()
        second.down()
        second.up()
        self.assertEqual(second.serve(port, "again"), other)

    def test_one_that_got_another_number_keeps_it_when_the_first_has_gone(self):
        port = free_port()
        first, second, other = self.both(port)
        first.down("--remove")
        self.assertEqual(second.port(port), other)
        self.assertEqual(fetch(other), "from-second")

    def test_a_new_container_of_the_same_workspace_gets_the_same_number(self):
        port = free_port()
        _, second, other = self.both(port)
        before = second.id
        second.up("--remove-existing-container")
        self.assertNotEqual(second.id, before)
        self.assertEqual(second.serve(port, "new"), other)

    def test_a_released_number_is_not_taken_by_another_workspace_at_once(self):
        port = free_port()
        first, second, other = self.both(port)
        first.down()
        third = self.workspace("third")
        third.up()
        self.assertNotIn(third.serve(port, "from-third"), (port, other))
        first.up()
        self.assertEqual(first.serve(port, "back"), port)


class Registry(Case):
    def entries(self):
        return json.loads((self.state / "forwarded_ports.json").read_text())

    def test_names_every_forward_and_its_owner(self):
        port = free_port()
        work = self.workspace()
        work.up()
        work.serve(port)
        registry = self.entries()
        self.assertEqual(registry["version"], 1)
        entry = next(e for e in registry["entries"] if e["container_port"] == port)
        self.assertEqual(entry["host_port"], port)
        self.assertEqual(entry["container_id"], work.id)
        self.assertEqual(entry["workspace"], str(work.folder))
        self.assertEqual(entry["pid"], work.supervisor())

    def test_a_released_port_moves_to_the_reserved_ones(self):
        port = free_port()
        work = self.workspace()
        work.up()
        work.serve(port)
        work.down()
        registry = self.entries()
        self.assertEqual(registry["entries"], [])
        self.assertIn(str(port), json.dumps(registry["reserved"]))

    def test_unknown_fields_survive_a_rewrite(self):
        self.state.mkdir(mode=0o700)
        file = self.state / "forwarded_ports.json"
        file.write_text('{"version":1,"entries":[],"reserved":[],"of_the_future":{"a":[1]}}')
        file.chmod(0o600)
        work = self.workspace()
        work.up()
        work.serve(free_port())
        self.assertEqual(self.entries()["of_the_future"], {"a": [1]})

    def test_a_number_that_a_stranger_holds_on_the_host_is_not_taken(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "stranger")
        work = self.workspace()
        work.up()
        self.assertNotEqual(work.serve(port), port)
        self.assertEqual(fetch(port), "stranger")

    def test_a_number_that_a_stranger_holds_on_the_wildcard_is_not_taken(self):
        port = free_port()
        self.server("http", "0.0.0.0", port, "stranger")
        work = self.workspace()
        work.up()
        self.assertNotEqual(work.serve(port), port)
        self.assertEqual(fetch(port), "stranger")

    def test_two_users_state_directories_never_share_a_port(self):
        port = free_port()
        first = self.workspace("first")
        first.up()
        first.serve(port, "from-first")
        second = self.workspace("second")
        elsewhere = self.root / "elsewhere"
        env = {**self.env, "FAIRLEAD_STATE_DIR": str(elsewhere)}
        second.up(env=env)
        second.start("http", "127.0.0.1", port, "from-second")
        found = wait_for(lambda: self.forward_in(env, port), "the second user's forward")
        self.assertNotEqual(found["hostPort"], port)
        wait_for(lambda: try_fetch(found["hostPort"]) == "from-second", "the second server")
        self.assertEqual(fetch(port), "from-first")

    def forward_in(self, env, port):
        listing = json.loads(self.fairlead("ports", "--json", env=env).out)
        return next((f for f in listing["forwards"] if f["containerPort"] == port), None)
