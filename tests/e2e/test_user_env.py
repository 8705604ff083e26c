"""The environment that lifecycle commands and `exec` get from the remote user's shell."""

import time

from processes import docker
from workspace_case import WorkspaceCase

BASH = """FROM fairlead-test:bash
ENV FROM_IMAGE=image PATH=/opt/tool/bin:/bin
RUN sed -i 's,^dev:.*,dev:x:1000:1000:dev:/home/dev:/bin/bash,' /etc/passwd \\
  && mkdir -p /etc /home/dev \\
  && echo 'export PATH=/bin' >/etc/profile \\
  && echo 'echo noise; export FROM_PROFILE=login' >/home/dev/.profile \\
  && echo 'export FROM_BASHRC=interactive PATH="$HOME/bin:$PATH"' >/home/dev/.bashrc \\
  && echo '. "$HOME/.bashrc"' >>/home/dev/.profile \\
  && chown -R dev /home/dev
USER dev
"""


class UserEnvProbe(WorkspaceCase):
    def bash(self, **config):
        work = self.built(BASH, **config)
        work.up(auto=False)
        return work

    def test_asks_a_login_and_interactive_shell_unless_told_otherwise(self):
        found = self.environment(self.bash())
        self.assertEqual(found["FROM_PROFILE"], "login")
        self.assertEqual(found["FROM_BASHRC"], "interactive")
        self.assertEqual(found["FROM_IMAGE"], "image")

    def test_asks_as_the_configuration_or_else_the_flag_says(self):
        work = self.bash(userEnvProbe="interactiveShell")
        found = self.environment(work, "--default-user-env-probe", "none")
        self.assertEqual((found.get("FROM_PROFILE"), found.get("FROM_BASHRC")), (None, "interactive"))
        del work.config["userEnvProbe"]
        work.write()
        found = self.environment(work, "--default-user-env-probe", "none")
        self.assertEqual((found.get("FROM_PROFILE"), found.get("FROM_BASHRC")), (None, None))

    def test_keeps_the_containers_directories_in_the_path(self):
        path = self.environment(self.bash())["PATH"]
        self.assertEqual(path, "/opt/tool/bin:/home/dev/bin:/bin")

    def test_serves_lifecycle_commands(self):
        work = self.bash(postCreateCommand="echo $FROM_BASHRC >/tmp/seen")
        self.assertEqual(self.read(work, "/tmp/seen"), "interactive\n")

    def test_of_a_shell_that_waits_for_ever_is_given_up_and_said(self):
        work = self.built(BASH + "RUN echo 'sleep 60' >>/home/dev/.bashrc\n")
        work.write(postCreateCommand="echo $FROM_BASHRC >/tmp/seen")
        began = time.monotonic()
        up = work.up(auto=False)
        self.assertLess(time.monotonic() - began, 30)
        self.assertIn("userEnvProbe", up.err)
        self.assertEqual(self.read(work, "/tmp/seen"), "\n")


class RemoteEnv(WorkspaceCase):
    def test_may_speak_of_the_containers_environment(self):
        work = self.workspace(
            containerEnv={"INSIDE": "in"},
            remoteEnv={
                "A": "${containerEnv:INSIDE}-${containerEnv:MISSING:default}",
                "PATH": "/extra:${containerEnv:PATH}",
            },
            postCreateCommand="echo $A >/tmp/a",
        )
        work.up(auto=False)
        self.assertEqual(self.read(work, "/tmp/a"), "in-default\n")
        found = self.environment(work)
        self.assertEqual((found["A"], found["PATH"]), ("in-default", "/extra:/bin"))

    def test_may_unset_a_variable_of_the_container(self):
        work = self.workspace(
            containerEnv={"GONE": "x", "STAYS": "x"},
            remoteEnv={"GONE": None},
            postCreateCommand="echo ${GONE-unset} $STAYS >/tmp/a",
        )
        work.up(auto=False)
        self.assertEqual(self.read(work, "/tmp/a"), "unset x\n")
        found = self.environment(work)
        self.assertEqual((found.get("GONE"), found["STAYS"]), (None, "x"))

    def test_of_the_command_line_counts_for_lifecycle_commands_and_exec(self):
        work = self.workspace(postCreateCommand='echo "$A|$B" >/tmp/a')
        work.up("--remote-env", "A=1 2", "--remote-env", "B=x=y", auto=False)
        self.assertEqual(self.read(work, "/tmp/a"), "1 2|x=y\n")
        self.assertEqual(self.environment(work, "--remote-env", "A=3")["A"], "3")

    def test_without_a_name_is_a_usage_error(self):
        work = self.workspace()
        for word in ("A", "=b"):
            result = self.call(work.command("up", "--remote-env", word), check=False)
            self.assertEqual((result.rc, result.out), (2, ""))


class Mounts(WorkspaceCase):
    def test_of_the_command_line_come_on_top(self):
        work = self.workspace()
        (self.root / "other").mkdir()
        (self.root / "other" / "file").write_text("there")
        work.up("--mount", f"type=bind,source={self.root}/other,target=/other", auto=False)
        self.assertEqual(self.read(work, "/other/file"), "there")

    def test_of_another_form_are_usage_errors(self):
        work = self.workspace()
        result = self.call(work.command("up", "--mount", "/a:/b"), check=False)
        self.assertEqual((result.rc, result.out), (2, ""))
        self.assertEqual(docker("ps", "-aq", "--filter", f"label=fairlead-e2e={self.mark}").out, "")


class Printed(WorkspaceCase):
    def test_is_the_configuration_only_when_asked_for(self):
        work = self.workspace(
            remoteEnv={"A": "${localWorkspaceFolderBasename}"}, forwardPorts=[3000]
        )
        plain = work.up(auto=False)
        self.assertNotIn("configuration", plain.json)
        both = work.up(
            "--include-configuration", "--include-merged-configuration", auto=False
        ).json
        self.assertEqual(both["configuration"]["remoteEnv"], {"A": "work"})
        self.assertEqual(both["configuration"]["configFilePath"]["path"], str(work.file))
        self.assertEqual(both["mergedConfiguration"]["forwardPorts"], [3000])

    def test_follows_an_override_that_replaces_the_file(self):
        work = self.workspace(remoteUser="root", postCreateCommand="exit 1")
        other = self.root / "other.json"
        other.write_text(work.file.read_text().replace('"exit 1"', '"true"').replace("root", "dev"))
        up = work.up("--override-config", str(other), "--include-configuration", auto=False)
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(up.json["configuration"]["postCreateCommand"], "true")
        label = '{{index .Config.Labels "devcontainer.config_file"}}'
        self.assertEqual(
            docker("inspect", "--format", label, work.id).out.strip(), str(work.file)
        )
