"""Workspaces whose container is a service of a Compose project. Not a test itself.

The workspace's folder is called after the test's own directory, so that no two tests have a project
in common. Compose files are written as JSON, which is YAML.
"""

import json
import os
import shutil

from harness import LABEL, PLAIN, Case, Workspace
from processes import docker


def idle(**more):
    return {"image": PLAIN, "command": ["/bin/portd", "idle"], **more}


def http(port, text, address="0.0.0.0", **more):
    return {"image": PLAIN, "command": ["/bin/portd", "http", address, str(port), text], **more}


class Project(Workspace):
    """A workspace with a Compose file beside (or above) its devcontainer.json."""

    def __init__(self, case, services, name, compose=".devcontainer/docker-compose.yml", top=None,
                 **config):
        self.case = case
        self.folder = case.root / name
        self.file = self.folder / ".devcontainer/devcontainer.json"
        self.file.parent.mkdir(parents=True)
        self.compose_file = self.folder / compose
        self.compose_file.parent.mkdir(parents=True, exist_ok=True)
        self.top = top or {}
        self.services = services
        relative = os.path.relpath(self.compose_file, self.file.parent)
        self.config = {"dockerComposeFile": relative, "service": "app", **config}
        self.id = None
        self._remote = None
        self.write()
        self.write_services()

    def write_services(self, **changes):
        self.services.update(changes)
        label = {LABEL: self.case.mark}
        services = {
            name: {"stop_grace_period": "1s", **service,
                   "labels": {**label, **service.get("labels", {})}}
            for name, service in self.services.items()
        }
        document = {"version": "3.8", "services": services,
                    "networks": {"default": {"labels": label}}, **self.top}
        self.compose_file.write_text(json.dumps(document, indent=1))

    def up(self, *words, **options):
        done = super().up(*words, **options)
        if done.rc == 0:
            self.project = done.json["composeProjectName"]
        return done

    def containers(self, running=False):
        """Service -> id, of every container of the project."""
        words = ["ps", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}",
                 "--format", '{{.Label "com.docker.compose.service"}} {{.ID}}']
        lines = docker(*words, *([] if running else ["-a"])).out.splitlines()
        return dict(line.split() for line in lines)

    def inspect(self, service="app"):
        return json.loads(docker("inspect", self.containers()[service]).out)[0]

    def start_in(self, service, *words):
        """Starts a portd in a service's container; returns at once."""
        docker("exec", "-d", self.containers()[service], "/bin/portd", *map(str, words))

    def networks(self):
        return self._labelled("network")

    def volumes(self):
        return self._labelled("volume")

    def _labelled(self, kind):
        mine = f"label=com.docker.compose.project={self.project}"
        return docker(kind, "ls", "-q", "--filter", mine).out.split()

    def tree(self):
        """Every file and folder of the workspace, by its path."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


class ComposeCase(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("docker-compose"):
            self.unavailable("docker-compose is not installed")
        for name in [name for name in self.env if name.startswith("COMPOSE_")]:
            del self.env[name]
        self.addCleanup(self._sweep_volumes)

    def _sweep_volumes(self):
        # Containers go after this (cleanups run backwards), so theirs are looked up first.
        found = self.containers()
        if found:
            docker("rm", "-f", "-v", *found, check=False)
        words = ("volume", "ls", "-q", "--filter", f"label={LABEL}={self.mark}")
        for volume in docker(*words).out.split():
            docker("volume", "rm", volume, check=False)

    def project(self, name=None, services=None, **config):
        return Project(self, services or {"app": idle()}, name or self.mark, **config)

    def compose(self, *words, **options):
        """The real docker-compose, in the test's own world."""
        return self.call(["docker-compose", *words], **options)

    def spy(self):
        """A docker-compose that writes down how it is called and what the override file is like."""
        log = self.root / "compose.log"
        path = self.root / "docker-compose-spy"
        path.write_text(
            "#!/bin/sh\n"
            f"log={log}\n"
            'printf "%s\\n" "$*" >>"$log"\n'
            'for word in "$@"; do case $word in\n'
            '  *fairlead*.json) stat -c "mode %a %n" "$word" "${word%/*}" >>"$log"\n'
            '    cat "$word" >>"$log.override" ;;\n'
            "esac; done\n"
            'exec docker-compose "$@"\n'
        )
        path.chmod(0o755)
        return path, log
