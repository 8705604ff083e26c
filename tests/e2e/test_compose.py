"""The container as a service of a Compose project: creation, names, reuse, the override file."""

import json
import os
import signal
from pathlib import Path

from compose import ComposeCase, http, idle
from harness import LABEL, PLAIN
from network import free_port
from processes import docker, wait_for


class Creation(ComposeCase):
    def test_makes_the_services_labels_one_and_says_so_in_one_line(self):
        work = self.project(services={"app": idle(), "db": http(5432, "db")}, remoteUser="dev")
        up = work.up(auto=False)
        self.assertEqual(
            list(up.json),
            ["outcome", "containerId", "composeProjectName", "remoteUser", "remoteWorkspaceFolder"],
        )
        self.assertEqual(up.json["composeProjectName"], f"{self.mark}_devcontainer")
        self.assertEqual(up.json["remoteWorkspaceFolder"], "/")
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(work.containers(running=True).keys(), {"app", "db"})
        self.assertEqual(work.containers()["app"], work.id)
        labels = work.inspect()["Config"]["Labels"]
        self.assertEqual(labels["devcontainer.local_folder"], str(work.folder))
        self.assertEqual(labels["devcontainer.config_file"], str(work.file))
        self.assertEqual(json.loads(labels["devcontainer.metadata"])[-1]["remoteUser"], "dev")
        other = work.inspect("db")["Config"]["Labels"]
        self.assertEqual([name for name in other if name.startswith("devcontainer")], [])

    def test_carries_out_what_the_configuration_says_of_the_container(self):
        extra = self.root / "extra $HOME dir"
        extra.mkdir()
        (extra / "file").write_text("here")
        awkward = "a'b\"c $HOME ${x} `id` \\ {{}} \u00e9\U0001f600"
        work = self.project(
            containerEnv={"PLAIN": "1", "AWKWARD": awkward, "FOLDER": "${localWorkspaceFolder}"},
            containerUser="dev",
            mounts=[f"type=bind,source={extra},target=/extra,readonly", "source=cache,target=/cache"],
            capAdd=["SYS_PTRACE"],
            securityOpt=["seccomp=unconfined"],
            init=True,
            workspaceFolder="/tmp",
            postCreateCommand="id -un >/tmp/created",
        )
        up = work.up(auto=False)
        box = work.inspect()
        self.assertEqual(box["Config"]["User"], "dev")
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(up.json["remoteWorkspaceFolder"], "/tmp")
        env = dict(line.split("=", 1) for line in box["Config"]["Env"])
        self.assertEqual(env["PLAIN"], "1")
        self.assertEqual(env["AWKWARD"], awkward)
        self.assertEqual(env["FOLDER"], str(work.folder))
        self.assertEqual(work.exec("cat", "/tmp/created").out, "dev\n")
        self.assertEqual(work.exec("cat", "/extra/file").out, "here")
        self.assertNotEqual(work.exec("touch", "/extra/new", check=False).rc, 0)
        self.assertEqual(box["HostConfig"]["CapAdd"], ["SYS_PTRACE"])
        self.assertEqual(box["HostConfig"]["SecurityOpt"], ["seccomp=unconfined"])
        self.assertTrue(box["HostConfig"]["Init"])
        volumes = {m["Destination"]: m.get("Name") for m in box["Mounts"]}
        self.assertEqual(volumes["/cache"], f"{work.project}_cache")
        docker("rm", "-f", work.id)
        docker("volume", "rm", volumes["/cache"])

    def test_keeps_the_services_own_command_unless_it_is_overridden(self):
        own = self.project(services={"app": http(8000, "own")})
        own.up(auto=False)
        self.assertEqual(own.inspect()["Config"]["Cmd"][:2], ["/bin/portd", "http"])
        self.assertIsNone(own.inspect()["Config"]["Entrypoint"])
        other = self.project(self.mark + "x", services={"app": {"image": PLAIN, "command": "false"}},
                             overrideCommand=True)
        other.up(auto=False)
        self.assertTrue(other.inspect()["State"]["Running"])
        self.assertEqual(other.exec("echo", "alive").out, "alive\n")

    def test_builds_what_is_to_be_built_and_shows_it_on_stderr(self):
        work = self.project(services={"app": idle(build={"context": "box", "args": {"WORD": "hi"}})})
        del work.services["app"]["image"]
        work.write_services()
        box = work.compose_file.parent / "box"
        box.mkdir()
        (box / "Dockerfile").write_text(
            f'FROM {PLAIN}\nARG WORD\nRUN echo "$WORD" >/built\nUSER dev\n'
            """LABEL devcontainer.metadata='[{"remoteEnv":{"FROM_IMAGE":"1"},"init":true}]'\n"""
        )
        up = work.up(auto=False)
        self.addCleanup(docker, "image", "rm", "-f", f"{work.project}_app", check=False)
        self.assertIn("Step 1", up.err)
        self.assertEqual(up.json["remoteUser"], "dev")
        self.assertEqual(work.exec("cat", "/built").out, "hi\n")
        self.assertTrue(work.inspect()["HostConfig"]["Init"], "the image's metadata count")
        labels = work.inspect()["Config"]["Labels"]
        self.assertIn("FROM_IMAGE", labels["devcontainer.metadata"])

    def test_starts_every_service_or_those_of_run_services(self):
        services = {"app": idle(depends_on=["db"]), "db": idle(), "cache": idle(), "web": idle()}
        for wanted, started in (
            ({}, {"app", "db", "cache", "web"}),
            ({"runServices": ["cache"]}, {"app", "db", "cache"}),
            ({"runServices": ["app"]}, {"app", "db"}),
        ):
            with self.subTest(wanted=wanted):
                work = self.project(self.mark + str(len(started)) + str(len(wanted)),
                                    services=dict(services), **wanted)
                work.up(auto=False)
                self.assertEqual(work.containers(running=True).keys(), started)
                work.down("--remove", "--timeout", "1")

    def test_takes_several_files_and_publishes_nothing_that_a_supervisor_forwards(self):
        port = free_port()
        work = self.project(dockerComposeFile=["docker-compose.yml", "../more/extra.yml"],
                            forwardPorts=[port], appPort=[port + 1])
        more = work.folder / "more"
        more.mkdir()
        (more / "extra.yml").write_text(json.dumps({
            "version": "3.8",
            "services": {"app": {"environment": {"EXTRA": "1"}},
                         "db": idle(labels={LABEL: self.mark})},
        }))
        work.up()
        self.assertIn("EXTRA=1", work.inspect()["Config"]["Env"])
        self.assertIn("db", work.containers())
        self.assertFalse(work.inspect()["HostConfig"]["PortBindings"])

    def test_trouble_is_told_in_words(self):
        work = self.project(service="nobody")
        up = work.up(auto=False, check=False)
        self.assertIn('no service "nobody"; it has app', up.json["description"])
        work.write(service="app")
        laughs = ["a0: &a0 [lol, lol]"] + [
            f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 4)
        ]
        for text in ("services: [", "services:\n  app: {image: x, nonsense: 1}\n", "[" * 20000,
                     "\n".join(laughs)):
            work.compose_file.write_text(text)
            up = work.up(auto=False, check=False, timeout=120)
            self.assertEqual(up.rc, 1)
            self.assertEqual(up.json["outcome"], "error")
        self.assertEqual(self.containers(), [])
        up = work.up("--docker-compose-path", "/nowhere/compose", auto=False, check=False)
        self.assertIn("/nowhere/compose", up.json["description"])


class Names(ComposeCase):
    def by_compose_alone(self, work, **options):
        """Whether docker-compose itself, told only the file, takes the project for the same."""
        ids = self.compose("-f", work.compose_file, "ps", "-q", **options).out.split()
        return work.id in ids

    def test_are_those_that_compose_itself_gives_a_folder(self):
        work = self.project("My." + self.mark + "-X", compose="docker-compose.yml")
        work.up(auto=False)
        self.assertEqual(work.project, f"my{self.mark}-x")
        self.assertTrue(self.by_compose_alone(work))

    def test_follow_the_environment_and_the_file_of_variables(self):
        work = self.project(compose="docker-compose.yml")
        (work.folder / ".env").write_text(f"OTHER=1\nCOMPOSE_PROJECT_NAME=env-{self.mark}\n")
        work.up(auto=False)
        self.assertEqual(work.project, f"env-{self.mark}")
        self.assertTrue(self.by_compose_alone(work))
        self.env["COMPOSE_PROJECT_NAME"] = f"Chosen {self.mark}"
        work.up(auto=False)
        self.assertEqual(work.project, f"chosen{self.mark}")
        self.env["COMPOSE_PROJECT_NAME"] = f"chosen{self.mark}"
        self.assertTrue(self.by_compose_alone(work))

    def test_of_files_elsewhere_are_their_folders(self):
        folder = f"deploy{self.mark}"
        work = self.project(compose=f"{folder}/stack.yml")
        work.up(auto=False)
        self.assertEqual(work.project, folder)
        self.assertTrue(self.by_compose_alone(work))

    def test_default_files_are_the_workspaces_own(self):
        work = self.project(compose="docker-compose.yml", dockerComposeFile=[])
        (work.folder / "docker-compose.override.yml").write_text(
            json.dumps({"version": "3.8", "services": {"app": {"environment": ["OVER=1"]}}})
        )
        work.up(auto=False)
        self.assertIn("OVER=1", work.inspect()["Config"]["Env"])


class Reuse(ComposeCase):
    def test_finds_the_running_container_and_leaves_everything_alone(self):
        work = self.project(services={"app": idle(), "db": idle()})
        work.up(auto=False)
        before = work.containers()
        docker("stop", "-t", "1", before["db"])
        work.up(auto=False)
        self.assertEqual(work.id, before["app"])
        self.assertEqual(work.containers(), before)
        work.up("--expect-existing-container", auto=False)
        self.assertEqual(work.id, before["app"])

    def test_starts_the_whole_project_again(self):
        work = self.project(services={"app": idle(), "db": idle()})
        work.up(auto=False)
        before = work.containers()
        work.down("--timeout", "1")
        self.assertEqual(work.containers(running=True), {})
        work.up(auto=False)
        self.assertEqual(work.containers(running=True), before)

    def test_finds_a_container_that_compose_has_made_by_the_same_name(self):
        work = self.project(compose="docker-compose.yml")
        self.compose("-f", work.compose_file, "up", "-d")
        theirs = self.containers()
        work.up()
        self.assertEqual([work.id], theirs)
        work.serve(8000)

    def test_removes_only_the_workspaces_own_container_when_asked(self):
        work = self.project(services={"app": idle(), "db": idle()})
        work.up()
        before = work.containers()
        pid = work.supervisor()
        work.up("--remove-existing-container")
        after = work.containers()
        self.assertNotEqual(after["app"], before["app"])
        self.assertEqual(after["db"], before["db"])
        self.assertNotEqual(work.supervisor(), pid)
        self.assertEqual(len(self.supervisors()), 1)

    def test_does_not_create_what_is_expected_to_exist(self):
        work = self.project()
        up = work.up("--expect-existing-container", auto=False, check=False)
        self.assertEqual(up.rc, 1)
        self.assertEqual(self.containers(), [])

    def test_is_found_by_exec_like_commands_of_its_folder(self):
        work = self.project(services={"app": idle(), "db": idle()})
        work.up()
        self.assertEqual([f["containerId"] for f in work.forwards()], [])
        work.serve(8000)
        self.assertEqual({f["containerId"] for f in work.forwards()}, {work.id})


class OverrideFile(ComposeCase):
    def test_is_private_outside_the_workspace_and_gone_afterwards(self):
        work = self.project(containerEnv={"SECRET": "word"})
        temporary = self.root / "tmp"
        temporary.mkdir()
        self.env["TMPDIR"] = str(temporary)
        spy, log = self.spy()
        before = work.tree()
        work.up("--docker-compose-path", spy, auto=False)
        self.assertEqual(work.tree(), before)
        self.assertEqual(list(temporary.iterdir()), [])
        lines = log.read_text().splitlines()
        modes = [line.split() for line in lines if line.startswith("mode ")]
        self.assertEqual([mode[1] for mode in modes], ["600", "700"])
        self.assertTrue(all(mode[2].startswith(f"{temporary}/fairlead-") for mode in modes))
        override = json.loads(Path(f"{log}.override").read_text())
        self.assertEqual(override["services"]["app"]["environment"], ["SECRET=word"])
        self.assertNotIn("ports", override["services"]["app"])

    def test_is_gone_after_a_failure_too(self):
        work = self.project(mounts=["type=bind,source=/nowhere/at/all,target=not-absolute"])
        temporary = self.root / "tmp"
        temporary.mkdir()
        self.env["TMPDIR"] = str(temporary)
        self.assertEqual(work.up(auto=False, check=False).rc, 1)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_is_gone_after_ctrl_c_too(self):
        work = self.project()
        temporary = self.root / "tmp"
        temporary.mkdir()
        self.env["TMPDIR"] = str(temporary)
        slow = self.root / "docker-compose-slow"
        slow.write_text(
            "#!/bin/sh\n"
            'case " $* " in *" up "*) exec sleep 60 ;; esac\n'
            'exec docker-compose "$@"\n'
        )
        slow.chmod(0o755)
        argv = work.command("up", "--docker-compose-path", slow)
        up = self.spawn(argv, start_new_session=True)
        wait_for(lambda: list(temporary.glob("fairlead-*/*.json")), "the override file", 60)
        os.killpg(up.pid, signal.SIGINT)
        self.assertEqual(up.wait(20), -signal.SIGINT)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_does_not_lie_in_a_workspace_that_holds_the_temporary_directory(self):
        work = self.project()
        inside = work.folder / "tmp"
        inside.mkdir()
        self.env["TMPDIR"] = str(inside)
        spy, log = self.spy()
        work.up("--docker-compose-path", spy, auto=False)
        self.assertIn("mode 600 /tmp/fairlead-", log.read_text())
        self.assertEqual(list(inside.iterdir()), [])

    def test_differs_by_the_agents_mount_alone_with_auto_forward(self):
        texts = []
        for number, auto in enumerate((False, True)):
            folder = f"{self.mark}{number}"
            work = self.project(folder, forwardPorts=[8000], appPort=8001)
            spy, log = self.spy()
            work.up("--docker-compose-path", spy, auto=auto)
            text = Path(f"{log}.override").read_text()
            os.unlink(f"{log}.override")
            lines = text.replace(folder, "FOLDER").splitlines()
            texts.append([line.strip().rstrip(",") for line in lines if "/run/fairlead" not in line])
        plain, auto = (set(lines) - {'"volumes": [', "]"} for lines in texts)
        self.assertEqual(plain, auto)
