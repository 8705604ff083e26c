"""Commands of a configuration: where, when, how often, and what stops them."""

import json

from harness import PLAIN
from processes import docker, pids, read_proc, wait_for
from workspace_case import WorkspaceCase, note

NAMES = (
    "onCreateCommand updateContentCommand postCreateCommand postStartCommand postAttachCommand"
).split()
# A git that copies a folder, in an image that has none.
FAKE_GIT = """FROM {image}
RUN printf '#!/bin/sh\\nfor last; do from=$to; to=$last; done\\ncp -R "$from" "$to"\\n' >/bin/git \
  && chmod +x /bin/git
"""


class Initialize(WorkspaceCase):
    def log(self, work):
        path = work.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def test_runs_on_the_host_in_the_folder_at_every_up_before_anything_else(self):
        work = self.workspace(
            initializeCommand="echo host >>log; pwd >>log",
            onCreateCommand="echo container >>log",
        )
        up = work.up(auto=False)
        self.assertEqual(self.log(work), ["host", str(work.folder), "container"])
        self.assertEqual(len(up.out.splitlines()), 1)
        work.up(auto=False)
        self.assertEqual(len(self.log(work)), 5)

    def test_as_an_array_meets_no_shell(self):
        work = self.workspace(initializeCommand=["touch", "$(touch wrong); a"])
        work.up(auto=False)
        self.assertTrue((work.folder / "$(touch wrong); a").exists())
        self.assertFalse((work.folder / "wrong").exists())

    def test_as_an_object_runs_side_by_side(self):
        # Each waits for the other.
        work = self.workspace(
            initializeCommand={
                "a": "mkfifo one two; touch ready; echo x >one; read x <two; echo a >>log",
                "b": "until [ -e ready ]; do sleep 0.01; done; read x <one; echo x >two",
            }
        )
        work.up(auto=False)
        self.assertEqual(self.log(work), ["a"])

    def test_that_fails_makes_no_container(self):
        work = self.workspace(initializeCommand={"good": "true", "bad": "exit 9"})
        up = work.up(auto=False, check=False)
        self.assertEqual(up.rc, 1)
        self.assertIn("initializeCommand.bad", up.json["description"])
        self.assertIn("9", up.json["description"])
        self.assertEqual(self.containers(), [])


class Inside(WorkspaceCase):
    def all_commands(self, **config):
        return self.workspace(**{name: note(name) for name in NAMES}, **config)

    def log(self, work):
        return work.exec("sh", "-c", "cat /tmp/log 2>/dev/null || true").out.split()

    def test_run_in_order_and_as_often_as_they_should(self):
        work = self.all_commands()
        work.up(auto=False)
        self.assertEqual(self.log(work), NAMES)
        work.up(auto=False)
        self.assertEqual(self.log(work), [*NAMES, "postAttachCommand"])
        docker("stop", "-t", "1", work.id)
        work.up(auto=False)
        self.assertEqual(self.log(work)[-2:], ["postStartCommand", "postAttachCommand"])

    def test_stop_where_the_flags_say(self):
        cases = [
            (["--skip-post-create"], {}, []),
            (["--skip-non-blocking-commands"], {}, NAMES[:2]),
            (["--skip-non-blocking-commands"], {"waitFor": "onCreateCommand"}, NAMES[:1]),
            (["--skip-non-blocking-commands"], {"waitFor": "postStartCommand"}, NAMES[:4]),
            (["--skip-post-attach"], {}, NAMES[:4]),
        ]
        for number, (flags, config, expected) in enumerate(cases):
            with self.subTest(flags, **config):
                work = self.all_commands(name=f"work{number}", **config)
                work.up(*flags, auto=False)
                self.assertEqual(self.log(work), expected)

    def test_that_were_left_out_run_at_the_next_up(self):
        work = self.all_commands()
        work.up("--skip-non-blocking-commands", auto=False)
        work.up(auto=False)
        self.assertEqual(self.log(work), NAMES)

    def test_in_an_object_run_side_by_side_with_their_names_before_their_output(self):
        work = self.workspace(
            postCreateCommand={
                "one": "until [ -e /tmp/two ]; do sleep 0.01; done; echo said by one",
                "two": ["/bin/sh", "-c", "touch /tmp/two; echo said by two"],
            }
        )
        up = work.up(auto=False)
        self.assertIn("[one] said by one\n", up.err)
        self.assertIn("[two] said by two\n", up.err)

    def test_that_fail_stop_the_later_ones_and_are_named_with_their_status(self):
        for name in NAMES:
            with self.subTest(name):
                work = self.all_commands(name=f"work-{name.lower()}")
                work.write(**{name: {"fine": "true", "wrong": f"{note(name)}; exit 6"}})
                up = work.up(auto=False, check=False)
                self.assertEqual((up.rc, up.json["outcome"]), (1, "error"))
                self.assertIn(f"{name}.wrong", up.json["description"])
                self.assertIn("6", up.json["description"])
                container = self.containers()[0]
                ran = docker("exec", container, "cat", "/tmp/log").out.split()
                self.assertEqual(ran, NAMES[: NAMES.index(name) + 1])

    def test_write_the_markers_of_the_reference(self):
        work = self.all_commands(remoteUser="dev")
        work.up(auto=False)
        created, started = docker(
            "inspect", "--format", "{{.Created}} {{.State.StartedAt}}", work.id
        ).out.split()
        for name in NAMES[:4]:
            marker = self.read(work, f"/home/dev/.devcontainer/.{name}Marker").strip()
            self.assertEqual(marker, started if name == "postStartCommand" else created)


class Secrets(WorkspaceCase):
    def test_reach_the_commands_and_nothing_else(self):
        work = self.workspace(postCreateCommand='printf %s "$TOKEN|$LINES_" >/tmp/token')
        file = self.root / "secrets.json"
        file.write_text(json.dumps({"TOKEN": "a b'c\"$d", "LINES_": "x\ny"}))
        up = work.up("--secrets-file", str(file), auto=False)
        self.assertEqual(self.read(work, "/tmp/token"), "a b'c\"$d|x\ny")
        self.assertNotIn("a b'c", up.out + up.err)
        self.assertNotIn("TOKEN", self.environment(work))
        self.assertNotIn("a b'c", docker("inspect", work.id).out)

    def test_are_not_in_the_hosts_list_of_processes(self):
        work = self.workspace(postCreateCommand="sleep 3; printf %s \"$KEY\" >/tmp/key")
        key = "-----BEGIN\nhush-hush\r\n-----END\n"
        long = "hush-hush" * 5_000
        file = self.root / "secrets.json"
        file.write_text(json.dumps({"TOKEN": "hush-hush", "KEY": key, "LONG": long}))
        process = self.spawn(work.command("up", "--secrets-file", file))
        seen = []

        def looks():
            listing = [read_proc(pid, "cmdline") for pid in pids()]
            seen.extend(words for words in listing if b"hush-hush" in words)
            return any(b"sleep 3" in words for words in listing)

        wait_for(looks, "the command", 30)
        wait_for(lambda: looks() and False or process.poll() is not None, "up's end", 30)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(seen, [])
        work.id = self.containers()[0]
        self.assertEqual(self.read(work, "/tmp/key"), key.replace("\r\n", "\n"))
        self.assertEqual(work.exec("sh", "-c", "wc -c </tmp/key").out.strip(), str(len(key)))

    def test_of_several_lines_do_not_become_the_engines_own_settings(self):
        work = self.workspace(postCreateCommand="true")
        file = self.root / "secrets.json"
        file.write_text(json.dumps({"DOCKER_CONFIG": "hush\nhush"}))
        up = work.up("--secrets-file", str(file), auto=False, check=False)
        self.assertEqual(up.rc, 1)
        self.assertIn("DOCKER_CONFIG", up.json["description"])
        self.assertNotIn("hush", up.out + up.err)

    def test_in_a_bad_file_are_an_error_that_does_not_show_them(self):
        work = self.workspace()
        file = self.root / "secrets.json"
        file.write_text('{"TOKEN": hush}')
        up = work.up("--secrets-file", str(file), auto=False, check=False)
        self.assertIn(str(file), up.json["description"])
        self.assertNotIn("hush", up.out + up.err)
        self.assertEqual(self.containers(), [])


class Dotfiles(WorkspaceCase):
    def work(self, files, **config):
        work = self.built(FAKE_GIT.format(image=PLAIN), remoteUser="dev", **config)
        folder = work.folder / "dots"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        self.repository = "/workspaces/work/dots"
        return work

    def up(self, work, *flags):
        return work.up("--dotfiles-repository", self.repository, *flags, auto=False)

    def test_are_installed_once_after_post_create_and_before_post_start(self):
        work = self.work(
            {"install.sh": f"#!/bin/sh\n{note('dotfiles')}\n"},
            postCreateCommand=note("created"),
            postStartCommand=note("started"),
        )
        self.up(work)
        self.assertEqual(self.read(work, "/tmp/log").split(), ["created", "dotfiles", "started"])
        self.up(work)
        self.assertEqual(len(self.read(work, "/tmp/log").split()), 3)
        self.assertIn("install.sh", work.exec("ls", "/home/dev/dotfiles").out)

    def test_are_installed_as_the_flags_say(self):
        work = self.work({"mine": f"#!/bin/sh\n{note('mine')}\n", "install.sh": "#!/bin/sh\nexit 1\n"})
        flags = ("--dotfiles-install-command", "mine", "--dotfiles-target-path", "~/my dots")
        self.up(work, *flags)
        self.assertEqual(self.read(work, "/tmp/log"), "mine\n")
        self.assertIn("mine", work.exec("ls", "/home/dev/my dots").out)

    def test_without_anything_to_run_are_linked(self):
        work = self.work({".profile_of_mine": "x"})
        self.up(work)
        self.assertEqual(self.read(work, "/home/dev/.profile_of_mine"), "x")

    def test_that_fail_do_not_fail_up(self):
        work = self.work({"install.sh": "#!/bin/sh\nexit 5\n"}, postStartCommand=note("started"))
        up = self.up(work)
        self.assertIn("dotfiles", up.err)
        self.assertEqual(self.read(work, "/tmp/log"), "started\n")
