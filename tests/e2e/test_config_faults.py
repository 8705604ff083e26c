"""Unreadable configurations, dead engines, wrong words: errors that say what to do."""

import time

from harness import Case
from network import fetch, free_port


class Configuration(Case):
    def failing(self, work, *words, rc=1):
        up = work.up(*words, check=False)
        self.assertEqual(up.rc, rc, up)
        self.assertEqual(up.json["outcome"], "error")
        self.assertEqual(set(up.json), {"outcome", "message", "description"})
        self.assertEqual(self.containers(), [])
        self.assertEqual(self.supervisors(), [])
        return up.json["message"] + " " + up.json["description"] + " " + up.err

    def broken(self, text):
        work = self.workspace()
        work.file.write_text(text)
        return work

    def test_with_a_syntax_error_is_reported_with_line_and_column(self):
        text = '{\n  "image": "fairlead-test:plain",\n  "forwardPorts": [3000 3001]\n}\n'
        work = self.broken(text)
        self.assertRegex(self.failing(work), r"devcontainer\.json:3:2\d\b")

    def test_that_ends_too_early_is_reported_with_line_and_column(self):
        work = self.broken('{\n  "image": "fairlead-test:plain"')
        self.assertRegex(self.failing(work), r"devcontainer\.json:2:\d+")

    def test_that_is_empty_is_reported_with_its_path(self):
        work = self.broken("")
        self.assertIn(str(work.file), self.failing(work))

    def test_that_is_no_object_is_reported_with_its_path(self):
        work = self.broken("[1, 2]")
        self.assertIn(str(work.file), self.failing(work))

    def test_with_a_value_of_the_wrong_type_names_the_property(self):
        work = self.broken('{"image": "fairlead-test:plain", "forwardPorts": "many"}')
        self.assertIn("forwardPorts", self.failing(work))

    def test_without_image_build_or_compose_says_what_is_missing(self):
        self.assertIn("image", self.failing(self.broken("{}")))

    def test_that_does_not_exist_names_the_places_looked_at(self):
        work = self.workspace()
        work.file.unlink()
        said = self.failing(work)
        self.assertIn(".devcontainer/devcontainer.json", said)
        self.assertIn(str(work.folder), said)

    def test_that_cannot_be_read_is_reported_with_its_path(self):
        work = self.workspace()
        work.file.unlink()
        work.file.mkdir()  # unreadable for root, too
        self.assertIn(str(work.file), self.failing(work, "--config", str(work.file)))

    def test_of_a_folder_that_does_not_exist_is_reported(self):
        work = self.workspace()
        work.folder = self.root / "nowhere"
        self.assertIn(str(work.folder), self.failing(work))

    def test_with_an_unknown_image_says_which(self):
        work = self.workspace(image=f"{self.mark}-no-such-image:none")
        self.assertIn(f"{self.mark}-no-such-image", self.failing(work))

    def test_with_comments_and_trailing_commas_is_accepted(self):
        work = self.workspace()
        text = work.file.read_text().rstrip().rstrip("}").rstrip()
        work.file.write_text(f"// a comment\n{text}, /* another */\n}}\n")
        work.up()

    def test_in_several_places_asks_for_config(self):
        work = self.workspace()
        work.file.unlink()
        for name in ("one", "two"):
            folder = work.folder / ".devcontainer" / name
            folder.mkdir()
            (folder / "devcontainer.json").write_text('{"image": "fairlead-test:plain"}')
        said = self.failing(work)
        self.assertIn("--config", said)
        self.assertIn("one/devcontainer.json", said)
        self.assertIn("two/devcontainer.json", said)

    def test_that_breaks_later_leaves_what_is_running_alone(self):
        work = self.workspace()
        work.up()
        host_port = work.serve(free_port())
        supervisor = work.supervisor()
        good = work.file.read_text()
        work.file.write_text(good[:-5] + "oops")
        self.assertEqual(work.up(check=False).rc, 1)
        self.assertEqual(fetch(host_port), "hello")
        self.assertEqual(work.supervisor(), supervisor)
        work.file.write_text(good)
        work.up()
        self.assertEqual(fetch(host_port), "hello")


class Engine(Case):
    def test_that_is_dead_is_said_with_what_to_do(self):
        self.env["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
        began = time.monotonic()
        up = self.workspace().up(check=False)
        self.assertEqual((up.rc, up.json["outcome"]), (1, "error"))
        said = up.json["message"] + up.json["description"] + up.err
        self.assertIn("/nonexistent/docker.sock", said)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(self.supervisors(), [])

    def test_that_is_dead_for_a_command_leaves_what_is_running_alone(self):
        work = self.workspace()
        work.up()
        host_port = work.serve(free_port())
        dead = {**self.env, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
        for words in (("up", "--auto-forward"), ("down",)):
            result = self.call(work.command(*words), env=dead, check=False)
            if words[0] == "up":
                self.assertEqual(result.rc, 1, result)
                self.assertEqual(fetch(host_port), "hello")
                self.assertEqual(len(self.supervisors()), 1)

    def test_that_is_dead_does_not_hide_the_listing(self):
        work = self.workspace()
        work.up()
        port = free_port()
        work.serve(port)
        dead = {**self.env, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
        self.assertIn(str(port), self.fairlead("ports", "--json", env=dead).out)

    def test_that_is_not_built_yet_is_a_usage_error_that_says_so(self):
        result = self.call(self.workspace().command("up", "--engine", "incus"), check=False)
        self.assertEqual(result.rc, 2)
        self.assertIn("incus", result.err)

    def test_that_is_missing_is_said(self):
        nowhere = {**self.env, "PATH": str(self.root), "DOCKER_HOST": "unix:///nonexistent/s"}
        result = self.call(self.workspace().command("up"), env=nowhere, check=False)
        self.assertEqual(result.rc, 1)
        self.assertIn("docker", (result.out + result.err).lower())


class Lifecycle(Case):
    def test_a_failing_post_create_command_fails_up_and_names_it(self):
        work = self.workspace(postCreateCommand="echo before; exit 7")
        up = work.up(check=False)
        self.assertEqual((up.rc, up.json["outcome"]), (1, "error"))
        self.assertIn("postCreateCommand", up.json["message"] + up.json["description"])

    def test_output_of_lifecycle_commands_never_reaches_stdout(self):
        work = self.workspace(postCreateCommand="echo noise; echo more noise >&2")
        up = work.up(auto=False)
        self.assertNotIn("noise", up.out)
        self.assertIn("noise", up.err)


class Words(Case):
    needs_docker = False

    def test_an_unknown_flag_is_a_usage_error_that_names_it(self):
        for words in (("up", "--auto-forwards"), ("ports", "--jsno"), ("down", "--everything")):
            with self.subTest(words):
                result = self.fairlead(*words, check=False, cwd=self.root)
                self.assertEqual(result.rc, 2, result)
                self.assertIn(words[1], result.err)
                self.assertEqual(result.out, "")

    def test_an_unknown_command_is_a_usage_error(self):
        result = self.fairlead("sail", check=False)
        self.assertEqual(result.rc, 2)
        self.assertIn("sail", result.err)

    def test_version_and_help_go_to_stdout(self):
        self.assertRegex(self.fairlead("--version").out, r"\d+\.\d+\.\d+")
        text = self.fairlead("--help").out
        for command in ("up", "down", "forward", "ports", "logs"):
            self.assertIn(command, text)
        self.assertNotIn("__supervise", text)

    def test_no_command_creates_state_when_it_only_looks(self):
        self.fairlead("ports", "--json")
        self.assertFalse(self.state.exists())
