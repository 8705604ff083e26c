"""Containers from Dockerfiles, and what images say of the containers made of them."""

import json
import os
import shutil
import stat

from harness import PLAIN
from processes import docker
from workspace_case import WorkspaceCase, note

STAGES = f"""ARG WHO=nobody
FROM {PLAIN} AS base
ARG WHO
RUN echo "base $WHO" >/stage
FROM base AS chosen
COPY given /given
RUN echo chosen >>/stage
FROM base
RUN echo last >>/stage
"""


class Dockerfile(WorkspaceCase):
    def test_is_built_with_its_arguments_target_and_context(self):
        build = {
            "dockerfile": "Dockerfile",
            "context": "..",
            "target": "chosen",
            "args": {"WHO": "a $(reboot) 'b'"},
        }
        work = self.built(STAGES, build=build)
        (work.folder / "given").write_text("from the context")
        up = work.up(auto=False)
        self.assertEqual(self.read(work, "/stage"), "base a $(reboot) 'b'\nchosen\n")
        self.assertEqual(self.read(work, "/given"), "from the context")
        self.assertEqual(self.image(work), self.image_of(work))
        self.assertIn("Step", up.err)

    def image(self, work):
        return docker("inspect", "--format", "{{.Config.Image}}", work.id).out.strip()

    def test_may_be_named_in_the_old_way(self):
        work = self.workspace(dockerFile="../Containerfile", context="../sub")
        del work.config["image"]
        work.write()
        (work.folder / "sub").mkdir()
        (work.folder / "sub" / "given").write_text("old")
        (work.folder / "Containerfile").write_text(f"FROM {PLAIN}\nCOPY given /given\n")
        work.up(auto=False)
        self.assertEqual(self.read(work, "/given"), "old")

    def test_options_reach_the_engine(self):
        build = {"dockerfile": "Dockerfile", "options": ["--label", "fairlead-e2e-built=yes"]}
        work = self.built(f"FROM {PLAIN}\n", build=build)
        work.up(auto=False)
        labels = docker("inspect", "--format", "{{json .Config.Labels}}", work.id).out
        self.assertEqual(json.loads(labels)["fairlead-e2e-built"], "yes")

    def test_is_built_again_only_for_a_new_container(self):
        work = self.built(f"FROM {PLAIN}\nRUN echo one >/version\n")
        work.up(auto=False)
        first = work.id
        (work.file.parent / "Dockerfile").write_text(f"FROM {PLAIN}\nRUN echo two >/version\n")
        self.assertNotIn("Step", work.up(auto=False).err)
        self.assertEqual((work.id, self.read(work, "/version")), (first, "one\n"))
        work.up("--remove-existing-container", auto=False)
        self.assertNotEqual(work.id, first)
        self.assertEqual(self.read(work, "/version"), "two\n")

    def test_that_fails_to_build_makes_no_container(self):
        work = self.built(f"FROM {PLAIN}\nRUN echo the reason; false\n")
        up = work.up(auto=False, check=False)
        self.assertEqual((up.rc, up.json["outcome"]), (1, "error"))
        self.assertIn("build", up.json["description"])
        self.assertIn("the reason", up.err)
        self.assertEqual(self.containers(), [])

    def test_that_is_missing_is_named(self):
        work = self.built("")
        (work.file.parent / "Dockerfile").unlink()
        up = work.up(auto=False, check=False)
        self.assertIn(str(work.file.parent / "Dockerfile"), up.json["description"])

    def test_with_its_own_command_keeps_it_if_asked_to(self):
        text = f'FROM {PLAIN}\nENTRYPOINT ["/bin/portd"]\nCMD ["idle"]\n'
        work = self.built(text, overrideCommand=False)
        work.up(auto=False)
        self.assertEqual(self.read(work, "/proc/1/cmdline"), "/bin/portd\0idle\0")


class Metadata(WorkspaceCase):
    def test_of_the_image_come_under_the_configuration(self):
        metadata = [
            {"remoteUser": "root", "containerEnv": {"A": "image", "B": "image"}, "init": True},
            {"remoteUser": "dev", "postCreateCommand": note("image"), "forwardPorts": [4567]},
        ]
        work = self.labelled(
            metadata, containerEnv={"B": "file"}, postCreateCommand=note("file")
        )
        up = work.up("--include-merged-configuration", auto=False)
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(self.read(work, "/tmp/log"), "image\nfile\n")
        words = docker("inspect", "--format", "{{json .}}", work.id).out
        inspected = json.loads(words)
        self.assertTrue(inspected["HostConfig"]["Init"])
        self.assertIn("A=image", inspected["Config"]["Env"])
        self.assertIn("B=file", inspected["Config"]["Env"])
        kept = json.loads(inspected["Config"]["Labels"]["devcontainer.metadata"])
        self.assertEqual(kept[:2], metadata)
        self.assertEqual(kept[2]["containerEnv"], {"B": "file"})
        merged = up.json["mergedConfiguration"]
        self.assertEqual(merged["remoteUser"], "dev")
        self.assertEqual(merged["postCreateCommands"], [note("image"), note("file")])
        self.assertEqual(merged["forwardPorts"], [4567])

    def test_of_a_container_are_the_same_at_the_next_up_but_for_what_the_file_says_now(self):
        work = self.labelled(
            [{"remoteUser": "dev", "postStartCommand": note("image start")}],
            postStartCommand=note("old start"),
        )
        work.up(auto=False)
        work.write(postStartCommand=note("new start"))
        docker("restart", "-t", "1", work.id)
        self.assertEqual(work.up(auto=False).json["remoteUser"], "dev")
        lines = self.read(work, "/tmp/log").splitlines()
        self.assertEqual(lines, ["image start", "old start", "image start", "new start"])

    def test_of_an_image_count_for_a_configuration_that_says_nothing_itself(self):
        work = self.labelled([{"remoteUser": "dev", "postAttachCommand": note("attached")}])
        for _ in range(2):
            self.assertEqual(work.up(auto=False).json["remoteUser"], "dev")
        self.assertEqual(self.read(work, "/tmp/log"), "attached\n" * 2)

    def test_that_are_garbage_count_for_nothing(self):
        text = f"FROM {PLAIN}\nLABEL devcontainer.metadata='[[[{{ nonsense'\n"
        work = self.built(text)
        self.assertEqual(work.up(auto=False).json["remoteUser"], "root")


class UserIds(WorkspaceCase):
    uid, gid = 23456, 23457

    def as_user(self, work, *flags):
        """`up` by an ordinary user who may use the engine."""
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        self.root.chmod(0o755)
        for path in (work.folder, *work.folder.rglob("*")):
            os.chown(path, self.uid, self.gid)
        engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        socket = os.stat(engine.removeprefix("unix://"))
        if not socket.st_mode & stat.S_IWGRP:
            self.skipTest("no group may use the engine")
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        os.chown(home, self.uid, self.gid)
        self.env["HOME"] = str(home)
        return work.up(
            *flags,
            auto=False,
            user=self.uid,
            group=self.gid,
            extra_groups=[socket.st_gid],
        )

    def ids(self, work, user="dev"):
        row = next(
            row for row in self.read(work, "/etc/passwd").splitlines() if row.startswith(user + ":")
        )
        return row.split(":")[2:4]

    def test_of_the_host_become_the_remote_users(self):
        work = self.workspace(remoteUser="dev", postCreateCommand="touch made ~/made")
        up = self.as_user(work)
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(self.ids(work), [str(self.uid), str(self.gid)])
        made = (work.folder / "made").stat()
        self.assertEqual((made.st_uid, made.st_gid), (self.uid, self.gid))
        owner = work.exec("stat", "-c", "%u:%g", "/home/dev/made").out.strip()
        self.assertEqual(owner, f"{self.uid}:{self.gid}")
        self.assertIn(f"dev:x:{self.gid}:", self.read(work, "/etc/group"))

    def test_stay_as_they_are_if_the_configuration_or_the_flag_says_so(self):
        first = self.workspace("first", remoteUser="dev", updateRemoteUserUID=False)
        self.as_user(first)
        self.assertEqual(self.ids(first), ["1000", "1000"])
        second = self.workspace("second", remoteUser="dev", updateRemoteUserUID=True)
        self.as_user(second, "--update-remote-user-uid-default", "never")
        self.assertEqual(self.ids(second), ["1000", "1000"])

    def test_that_another_user_of_the_image_has_are_not_taken_away(self):
        text = f"FROM {PLAIN}\nRUN echo taken:x:{self.uid}:5::/:/bin/sh >>/etc/passwd\nUSER dev\n"
        work = self.built(text)
        up = self.as_user(work)
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(self.ids(work), ["1000", "1000"])
        self.assertIn("taken", up.err)

    def test_are_given_without_the_group_if_that_exists(self):
        work = self.built(f"FROM {PLAIN}\nRUN echo taken:x:{self.gid}: >>/etc/group\nUSER dev\n")
        self.as_user(work)
        self.assertEqual(self.ids(work), [str(self.uid), "1000"])

    def test_in_an_image_without_a_shell_are_a_warning(self):
        build = ["FROM fairlead-test:distroless", "USER 7:7", 'CMD ["/bin/portd", "idle"]']
        work = self.built("\n".join(build) + "\n", overrideCommand=False, remoteUser="dev")
        work.config["userEnvProbe"] = "none"
        work.write()
        up = self.as_user(work)
        self.assertIn("updateRemoteUserUID", up.err)


FAKE_TOOL = """#!/bin/sh
printf '%s\\n' "$@" >{root}/tool-words
echo noise
id=$(docker run -d --label {label} --label devcontainer.local_folder={folder} \\
  --label devcontainer.config_file={file} -v {folder}:/workspaces/work \\
  --label 'devcontainer.metadata=[{{"id":"f","postCreateCommand":"echo feature >>/tmp/log"}}]' \\
  {image} /bin/portd idle) || exit
printf '{{"outcome":"success","containerId":"%s","remoteUser":"root"}}\\n' "$id"
"""


class Features(WorkspaceCase):
    def with_path(self, work, script=None):
        """Only what is needed on PATH, and perhaps a `devcontainer`."""
        folder = self.root / "bin"
        folder.mkdir()
        for tool in ("docker", "sh", "id"):
            (folder / tool).symlink_to(shutil.which(tool))
        if script:
            (folder / "devcontainer").write_text(script)
            (folder / "devcontainer").chmod(0o755)
        self.env["PATH"] = str(folder)

    def test_without_the_reference_tool_are_an_error_that_says_so(self):
        work = self.workspace(features={"ghcr.io/x/y": {}})
        self.with_path(work)
        up = work.up(auto=False, check=False)
        self.assertEqual(up.rc, 1)
        self.assertIn("devcontainer", up.json["description"])
        self.assertEqual(self.containers(), [])

    def test_are_the_reference_tools_work_and_the_rest_is_ours(self):
        work = self.workspace(
            features={"x": {}}, remoteUser="dev", postCreateCommand=note("own")
        )
        script = FAKE_TOOL.format(
            root=self.root,
            label=f"fairlead-e2e={self.mark}",
            folder=work.folder,
            file=work.file,
            image=PLAIN,
        )
        self.with_path(work, script)
        up = work.up(auto=False)
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(self.containers(), [work.id])
        self.assertEqual(self.read(work, "/tmp/log"), "feature\nown\n")
        words = (self.root / "tool-words").read_text().splitlines()
        self.assertEqual(words[:3], ["up", "--workspace-folder", str(work.folder)])
        self.assertIn("--skip-post-create", words)
        (self.root / "tool-words").unlink()
        work.up(auto=False)  # exists: nobody is asked
        self.assertFalse((self.root / "tool-words").exists())
