"""The container that `up` makes or finds: labels, mount, user, environment, lifecycle."""

import json
import os

from harness import Case, PLAIN
from network import fetch, free_port
from processes import docker, wait_for


class Labels(Case):
    def labels(self, container):
        return json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", container).out)

    def test_name_folder_and_configuration_as_the_reference_does(self):
        work = self.workspace()
        work.up(auto=False)
        labels = self.labels(work.id)
        self.assertEqual(labels["devcontainer.local_folder"], str(work.folder))
        self.assertEqual(labels["devcontainer.config_file"], str(work.file))

    def test_carry_the_metadata_as_an_array(self):
        work = self.workspace(remoteUser="dev", postStartCommand="true")
        work.up(auto=False)
        metadata = json.loads(self.labels(work.id)["devcontainer.metadata"])
        self.assertIsInstance(metadata, list)
        self.assertEqual(metadata[-1]["remoteUser"], "dev")
        self.assertEqual(metadata[-1]["postStartCommand"], "true")

    def test_are_the_same_with_and_without_auto_forward(self):
        first = self.workspace("first")
        first.up(auto=False)
        second = self.workspace("second")
        second.up()
        one, two = (
            json.dumps(self.labels(work.id), sort_keys=True).replace(str(work.folder), "FOLDER")
            for work in (first, second)
        )
        self.assertEqual(one, two)

    def test_by_id_label_replace_the_own_ones_and_find_the_container_again(self):
        work = self.workspace()
        label = f"fairlead-e2e-id={self.mark}"
        work.up("--id-label", label, auto=False)
        found = work.id
        labels = self.labels(found)
        self.assertEqual(labels["fairlead-e2e-id"], self.mark)
        self.assertNotIn("devcontainer.local_folder", labels)
        work.up("--id-label", label, auto=False)
        self.assertEqual(work.id, found)


class Existing(Case):
    def made_by_another(self, work, **labels):
        words = [f"devcontainer.local_folder={work.folder}"]
        words += [f"devcontainer.{name}={value}" for name, value in labels.items()]
        options = [word for label in words for word in ("--label", label)]
        return self.container("/bin/portd", "idle", options=options)

    def test_container_of_the_reference_is_found_and_forwarded(self):
        work = self.workspace()
        other = self.made_by_another(work, config_file=work.file, metadata="[]")
        work.up()
        self.assertEqual(work.id, other)
        work.serve(free_port())
        self.assertEqual(self.containers(), [other])

    def test_container_without_a_configuration_label_is_found_by_its_folder(self):
        work = self.workspace()
        other = self.made_by_another(work)
        work.up(auto=False)
        self.assertEqual(work.id, other)

    def test_container_of_another_configuration_is_left_alone(self):
        work = self.workspace()
        other = self.made_by_another(work, config_file="/another/devcontainer.json")
        work.up(auto=False)
        self.assertNotEqual(work.id, other)

    def test_container_that_is_stopped_is_started(self):
        work = self.workspace()
        other = self.made_by_another(work, config_file=work.file)
        docker("stop", "-t", "1", other)
        work.up()
        self.assertEqual(work.id, other)
        work.serve(free_port())

    def test_container_is_used_again_by_a_second_up(self):
        work = self.workspace()
        work.up()
        first = work.id
        work.up()
        self.assertEqual(work.id, first)

    def test_container_is_replaced_on_demand_and_its_port_stays(self):
        work = self.workspace()
        work.up()
        port, first = free_port(), work.id
        self.assertEqual(work.serve(port, "first"), port)
        work.up("--remove-existing-container")
        self.assertNotEqual(work.id, first)
        self.assertEqual(self.containers(), [work.id])
        wait_for(lambda: self.supervisors() == [work.supervisor()], "one supervisor")
        self.assertEqual(work.serve(port, "second"), port)

    def test_container_that_is_expected_and_missing_is_an_error(self):
        up = self.workspace().up("--expect-existing-container", check=False)
        self.assertEqual((up.rc, up.json["outcome"]), (1, "error"))
        self.assertEqual(self.containers(), [])


class Requirements(Case):
    """hostRequirements: warnings, never failures."""

    def warnings(self, **wanted):
        up = self.workspace(hostRequirements=wanted).up(auto=False)
        return [line for line in up.err.splitlines() if "hostRequirements" in line]

    def needs_engine_without_gpu(self):
        info = json.loads(docker("info", "--format", "{{json .}}").out)
        folders = info.get("CDISpecDirs") or []
        if "nvidia" in info["Runtimes"] or any(os.path.isdir(folder) for folder in folders):
            self.skipTest("this engine may have a GPU")

    def test_of_a_gpu_are_told_where_the_engine_has_none(self):
        self.needs_engine_without_gpu()
        for number, gpu in enumerate((True, {"cores": 1})):
            with self.subTest(gpu):
                up = self.workspace(f"work{number}", hostRequirements={"gpu": gpu}).up(auto=False)
                told = [line for line in up.err.splitlines() if "GPU" in line]
                self.assertEqual(len(told), 1, up)
                self.assertTrue(told[0].startswith("fairlead: hostRequirements"), up)

    def test_of_a_gpu_that_is_optional_are_not_told(self):
        self.assertEqual(self.warnings(gpu="optional", cpus=1), [])

    def test_that_no_machine_meets_are_told_each(self):
        told = self.warnings(cpus=100_000, memory="900tb")
        self.assertEqual(len(told), 2, told)


class Inside(Case):
    def test_the_workspace_is_mounted_where_up_says(self):
        work = self.workspace()
        (work.folder / "file").write_text("from the host")
        up = work.up(auto=False)
        path = f"{up.json['remoteWorkspaceFolder']}/file"
        self.assertEqual(work.exec("cat", path).out, "from the host")

    def test_the_workspace_folder_and_mount_can_be_chosen(self):
        mount = "source=${localWorkspaceFolder},target=/elsewhere,type=bind"
        work = self.workspace(workspaceMount=mount, workspaceFolder="/elsewhere/sub")
        (work.folder / "sub").mkdir()
        (work.folder / "sub" / "file").write_text("x")
        up = work.up(auto=False)
        self.assertEqual(up.json["remoteWorkspaceFolder"], "/elsewhere/sub")
        self.assertEqual(work.exec("cat", "/elsewhere/sub/file").out, "x")

    def test_lifecycle_commands_run_as_the_remote_user_in_the_workspace(self):
        note = 'echo "$(id -un) $(pwd)" >/tmp/$0'
        work = self.workspace(
            remoteUser="dev",
            postCreateCommand=["/bin/sh", "-c", note, "created"],
            postStartCommand=f"set -- && {note.replace('$0', 'started')}",
        )
        up = work.up(auto=False)
        self.assertEqual(up.json["remoteUser"], "dev")
        for name in ("created", "started"):
            self.assertEqual(work.exec("cat", f"/tmp/{name}").out, "dev /workspaces/work\n")

    def test_post_create_runs_once_and_post_start_at_each_start(self):
        work = self.workspace(
            postCreateCommand="echo c >>/tmp/log", postStartCommand="echo s >>/tmp/log"
        )
        work.up(auto=False)
        work.up(auto=False)
        self.assertEqual(work.exec("cat", "/tmp/log").out.split(), ["c", "s"])
        docker("restart", "-t", "1", work.id)
        work.up(auto=False)
        self.assertEqual(work.exec("cat", "/tmp/log").out.split(), ["c", "s", "s"])

    def test_the_environment_of_the_configuration_is_there(self):
        work = self.workspace(containerEnv={"FROM_CONFIG": "a b\"c'$d"})
        work.up(auto=False)
        environment = work.exec("env").out.splitlines()
        self.assertIn("FROM_CONFIG=a b\"c'$d", environment)

    def test_run_arguments_reach_the_engine(self):
        work = self.workspace(runArgs=["--hostname", "chosen-name"])
        work.up(auto=False)
        self.assertEqual(work.exec("cat", "/etc/hostname").out, "chosen-name\n")

    def test_a_server_started_by_post_start_is_forwarded_when_up_returns_or_soon_after(self):
        port = free_port()
        command = f"/bin/portd http 127.0.0.1 {port} started >/dev/null 2>&1 &"
        work = self.workspace(postStartCommand=command)
        work.up()
        work.answering(port, "started")

    def test_local_variables_are_filled_in(self):
        self.env["E2E_IMAGE"] = PLAIN
        work = self.workspace(
            image="${localEnv:E2E_IMAGE}",
            containerEnv={"NAME": "${localWorkspaceFolderBasename}"},
        )
        work.up(auto=False)
        self.assertIn("NAME=work", work.exec("env").out.splitlines())

    def test_a_folder_with_a_space_and_a_quote_works(self):
        work = self.workspace("it's a folder")
        up = work.up()
        self.assertEqual(up.json["remoteWorkspaceFolder"], "/workspaces/it's a folder")
        host_port = work.serve(free_port())
        self.assertEqual(fetch(host_port), "hello")
