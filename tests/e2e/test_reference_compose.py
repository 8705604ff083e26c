"""Compose projects as the reference makes them: project, services, override, user, environment."""

import json
import os

from processes import docker
from reference import TOOLS, Comparison, Row, compares, needs

APP = f"""version: "3.8"
services:
  app:
    image: {TOOLS}
    command: sleep 100000
    environment:
      FROM_COMPOSE: "yes"
    labels:
      fairlead-reference: @MARK@
    volumes:
      - ..:/workspace
"""
DB = f"""  db:
    image: {TOOLS}
    command: sh -c "echo up >/tmp/log; exec sleep 100000"
    labels:
      fairlead-reference: @MARK@
"""
IDLE = DB.replace("  db:", "  idle:")
FILE = ".devcontainer/docker-compose.yml"
BASIC = {"dockerComposeFile": "docker-compose.yml", "service": "app", "workspaceFolder": "/workspace"}
WHOLE = ("--include-configuration", "--include-merged-configuration")


class Projects(Comparison):
    def setUp(self):
        super().setUp()
        needs(self, "docker-compose", "docker-compose")

    def _of_container(self, container):
        facts = super()._of_container(container)
        inspected = json.loads(docker("inspect", container).out)[0]
        labels = inspected["Config"]["Labels"]
        project = labels["com.docker.compose.project"]
        facts["service"] = labels["com.docker.compose.service"]
        facts["project"] = project
        facts["networks"] = sorted(inspected["NetworkSettings"]["Networks"])
        facts["services of the project"] = self.services(project)
        return facts

    def services(self, project):
        label = "com.docker.compose.service"
        form = f'{{{{.Label "{label}"}}}} {{{{.State}}}}'
        words = ("--filter", f"label=com.docker.compose.project={project}", "--format", form)
        return sorted(docker("ps", "-a", *words).out.splitlines())


@compares(
    Row(
        "two services",
        {**BASIC, "forwardPorts": [3000, "db:5432"], "postCreateCommand": "pwd >>/tmp/log"},
        files={FILE: APP + DB},
        flags=WHOLE,
        exec=(("env",), ("pwd",), ("id",)),
        live=True,
    ),
    Row(
        "all properties that a service takes",
        {
            **BASIC,
            "containerEnv": {"ONE": "a 'b' \"c\" $d", "TWO": "${localWorkspaceFolderBasename}"},
            "remoteEnv": {"REMOTE": "${containerEnv:FROM_COMPOSE}"},
            "remoteUser": "dev",
            "containerUser": "dev",
            "init": True,
            "capAdd": ["SYS_PTRACE"],
            "securityOpt": ["seccomp=unconfined"],
            "mounts": ["source=@MARK@-data,target=/data,type=volume",
                       {"type": "bind", "source": "@FOLDER@/shared", "target": "/shared"}],
            "postCreateCommand": "id -un >>/tmp/log",
        },
        files={FILE: APP + DB, "shared/file": "x"},
        exec=(("env",), ("id",)),
    ),
    Row(
        "chosen services",
        {**BASIC, "runServices": ["db"]},
        files={FILE: APP + DB + IDLE},
    ),
    Row(
        "the service alone",
        {**BASIC, "runServices": []},
        files={FILE: APP + DB},
        # An empty list names no service, so that Compose starts them all.
    ),
    Row(
        "several files",
        {**BASIC, "dockerComposeFile": ["docker-compose.yml", "../more.yml"]},
        files={
            FILE: APP,
            "more.yml": 'version: "3.8"\nservices:\n  app:\n    environment:\n      MORE: "1"\n' + DB,
        },
        exec=(("env",),),
    ),
    Row(
        "a command that is replaced",
        {**BASIC, "overrideCommand": True},
        files={FILE: APP.replace("sleep 100000", 'sh -c "exit 3"')},
    ),
    Row(
        "an entry point and a command that are kept",
        BASIC,
        files={
            FILE: APP.replace(
                "command: sleep 100000",
                "entrypoint: [sh, -c, 'echo \"$$0 $$1\" >>/tmp/log; exec sleep 100000']\n"
                "    command: [first word, second]",
            )
        },
        exec=(("sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"),),
    ),
    Row(
        "a service that is built",
        {**BASIC, "postCreateCommand": "cat /built >>/tmp/log"},
        files={
            FILE: APP.replace(
                f"image: {TOOLS}",
                "build:\n      context: .\n      args:\n        WHAT: argument\n      target: wanted",
            ),
            ".devcontainer/Dockerfile": f"FROM {TOOLS} AS wanted\nARG WHAT\nUSER dev\nUSER root\n"
            'LABEL devcontainer.metadata="{\\"remoteEnv\\":{\\"FROM_LABEL\\":\\"1\\"}}"\n'
            f"RUN echo $WHAT >/built\nFROM {TOOLS}\n",
        },
        exec=(("env",), ("id",)),
        differs={
            fact: "the reference overlooks what a Dockerfile itself puts into the label"
            for fact in ("label devcontainer.metadata", "exec env")
        },
    ),
    Row(
        "metadata of the service's image",
        BASIC,
        base=f'FROM {TOOLS}\nLABEL devcontainer.metadata="[{{\\"remoteUser\\":\\"dev\\",'
        '\\"postStartCommand\\":\\"echo labelled >>/tmp/log\\",\\"overrideCommand\\":true}]"\n',
        files={FILE: APP.replace(f"image: {TOOLS}", "image: @IMAGE@")},
        exec=(("id",),),
    ),
    Row(
        "a user of the service",
        BASIC,
        files={FILE: APP.replace("command:", "user: dev\n    command:")},
        exec=(("id",), ("env",)),
    ),
    Row(
        "the user gets the caller's number",
        {**BASIC, "remoteUser": "dev", "postCreateCommand": "id >>/tmp/log"},
        files={FILE: APP},
        ordinary_user=True,
        exec=(("id",), ("stat", "-c", "%u:%g", "/home/dev")),
    ),
    Row(
        "the network of another service",
        {**BASIC, "postCreateCommand": "cat /etc/hostname >/dev/null; echo fine >>/tmp/log"},
        files={FILE: APP.replace("command:", "network_mode: service:db\n    command:") + DB},
    ),
    Row(
        "the file in the folder itself",
        {**BASIC, "dockerComposeFile": "docker-compose.yml"},
        at=".devcontainer.json",
        files={"docker-compose.yml": APP.replace("..:/workspace", ".:/workspace") + DB},
    ),
    Row(
        "the file beside the configuration's folder",
        {**BASIC, "dockerComposeFile": "../docker-compose.yml"},
        files={"docker-compose.yml": APP.replace("..:/workspace", ".:/workspace")},
    ),
    Row(
        "a project named by the environment",
        BASIC,
        files={FILE: APP},
        environment={"COMPOSE_PROJECT_NAME": "@MARK@Named_by-env"},
    ),
    Row(
        "a project named by a file",
        BASIC,
        files={FILE: APP, ".env": "OTHER=1\nCOMPOSE_PROJECT_NAME=@MARK@-by-file\n"},
    ),
    Row(
        "variables of the environment in the file",
        BASIC,
        files={FILE: APP.replace('"yes"', '"${ROW_SET} ${ROW_MISSING:-missing}"')},
        environment={"ROW_SET": "set"},
        exec=(("env",),),
    ),
    Row("a workspace folder by default", {"dockerComposeFile": "docker-compose.yml", "service": "app"},
        files={FILE: APP}, exec=(("pwd",),)),
)
class Compose(Projects):
    """`dockerComposeFile`: the same project, the same services, the same container of the service."""


class Workspace(Projects):
    def test_nothing_is_written_into_it(self):
        from reference import Fairlead, Place

        place = Place(self, Row("untouched", BASIC, files={FILE: APP + DB}))
        before = sorted(str(p) for p in place.folder.rglob("*"))
        Fairlead(place).up()
        self.assertEqual(sorted(str(p) for p in place.folder.rglob("*")), before)
        self.assertTrue(os.path.isdir(place.folder))
