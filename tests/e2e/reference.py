"""The reference Dev Containers CLI and fairlead on one and the same configuration, compared.

A row of a table describes a workspace. A row that is `live`, or every row with
FAIRLEAD_REFERENCE_LIVE=all (which tests/run.sh --long sets), is run by both programs: one after the
other and in the same folder they create its container, each finds and uses the container of the
other, and the facts of both containers are compared. So are the reference's with its record
(reference_record.py). The other rows are run by fairlead alone and compared with the record: the
reference takes most of such a test's time, and does the same every time.

A fact that is known to differ stands in the row's `differs` with the reason; it fails, too, once it
does not differ any more.

The reference is what tools/install-reference-cli.sh has put into build/reference, or what
FAIRLEAD_REFERENCE names. FAIRLEAD_REQUIRE=reference turns its absence into a failure.
"""

import contextlib
import difflib
import json
import os
import re
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from harness import REQUIRED, Case
from network import free_ports
from processes import docker, program
from reference_record import Record, abstracted, devcontainer_id, filled, live

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = "fairlead-test:shells"
NOBODY = 65534  # an ordinary user that every machine has, and no image here

# What an environment holds that is not the configuration's: no program decides it, or it names the
# container itself.
VOLATILE = {
    "_": "set by each shell",
    "SHLVL": "set by each shell",
    "PWD": "the directory, compared as such",
    "OLDPWD": "the directory",
    "HOSTNAME": "the id of the container, which differs",
    "TERM": "of the terminal; the reference gives its commands one if node-pty is installed",
}


@dataclass
class Row:
    """A workspace, and what to compare. In every text, @NAME@ is replaced: FOLDER, ROOT, MARK,
    IMAGE (made from `base`), PORT1 to PORT3, MAIN (the folder that holds the git repository)."""

    name: str
    config: object = None  # a dict, or the file's text; None: there is no file
    at: str = ".devcontainer/devcontainer.json"
    files: dict = field(default_factory=dict)  # path in the workspace -> text
    base: str = ""  # the Dockerfile of @IMAGE@, which is built before
    flags: tuple = ()  # of both `up`s
    environment: dict = field(default_factory=dict)
    git: str = ""  # "repository": the folder lies in one; "worktree": in a linked work tree
    privileged: bool = False  # skipped where the engine may not make such a container
    ordinary_user: bool = False  # both programs run as NOBODY, with the engine's group
    logs: tuple = ("/tmp/log",)  # files in the container (on the host: with @) that commands write
    environments: tuple = ()  # files in the container that hold the output of `env`
    exec: tuple = ()  # command lines whose output is compared
    fails: bool = False  # `up` is expected to fail
    reuse: bool = True  # whether each is to find the other's container
    live: bool = False  # run by the reference, too, even where its record would do
    differs: dict = field(default_factory=dict)  # fact -> why the two are different on purpose


def environment_of(text):
    """NAME=VALUE lines as a dict; a line without a name belongs to the value before it."""
    found = {}
    name = None
    for line in text.splitlines():
        head, equals, value = line.partition("=")
        if equals and head.replace("_", "a").isalnum():
            name = head
            found[name] = value
        elif name:
            found[name] += "\n" + line
    return {name: value for name, value in found.items() if name not in VOLATILE}


def without_vagaries(answer):
    """A configuration without what the reference alone puts into it."""
    if not isinstance(answer, dict):
        return answer
    answer = dict(answer)
    if "configFilePath" in answer:  # a URI of Visual Studio Code, with a scheme of its own
        answer["configFilePath"] = {**answer["configFilePath"], "scheme": "file"}
    if answer.get("hostRequirements", {}).get("memory") == "-Infinity":  # the maximum of nothing
        del answer["hostRequirements"]
    return answer


def shown(value):
    return json.dumps(value, indent=1, sort_keys=True).splitlines()


def explain(fact, reference, fairlead):
    lines = difflib.unified_diff(
        shown(reference), shown(fairlead), "reference", "fairlead", lineterm="", n=1
    )
    return "\n".join([f"{fact} differs:", *("  " + line for line in lines)])


class Place:
    """The workspace of a row: folder, image, ports; and everything that came of it, removed."""

    def __init__(self, case, row):
        self.case, self.row = case, row
        self.name = "ref" + uuid.uuid4().hex[:10]  # names images and projects, so no capitals
        self.main = case.root / self.name
        self.folder = self.main / "part" if row.git else self.main
        self.folder.mkdir(parents=True)
        ports = free_ports(3)
        self.words = {
            "FOLDER": str(self.folder),
            "ROOT": str(case.root),
            "MAIN": str(self.main),
            "MARK": self.name,
            "IMAGE": f"{self.name}-base",
            **{f"PORT{i}": str(port) for i, port in enumerate(ports, 1)},
        }
        case.addCleanup(self.sweep)
        self._make()

    def filled(self, text):
        return filled(text, self.words)

    def words_of_facts(self):
        """What of the facts belongs to this workspace alone."""
        own = [value for flag, value in zip(self.row.flags, self.row.flags[1:]) if flag == "--id-label"]
        at = self.row.at
        if "--config" in self.row.flags:
            at = self.row.flags[self.row.flags.index("--config") + 1].removeprefix("@FOLDER@/")
        labels = dict(self.filled(label).split("=", 1) for label in own) or {
            "devcontainer.local_folder": str(self.folder),
            "devcontainer.config_file": str(self.folder / at),
        }
        return {**self.words, "ID": devcontainer_id(labels)}

    def _make(self):
        row, run = self.row, self.case.call
        if row.git == "repository":
            run(["git", "init", "-q", self.main])
        elif row.git == "worktree":
            origin = self.case.root / "origin"
            run(["git", "init", "-q", origin])
            who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            run(["git", "-C", origin, *who, "commit", "-q", "--allow-empty", "-m", "first"])
            self.folder.rmdir()
            self.main.rmdir()
            run(["git", "-C", origin, "worktree", "add", "-q", self.main])
            self.folder.mkdir()
        if row.base:
            context = self.case.root / "base"
            context.mkdir()
            (context / "Dockerfile").write_text(self.filled(row.base))
            docker("build", "-q", "-t", self.words["IMAGE"], str(context), timeout=120)
        for path, text in row.files.items():
            self._write(self.folder / path, text)
        if row.config is not None:
            text = row.config if isinstance(row.config, str) else json.dumps(row.config, indent=2)
            self._write(self.folder / row.at, text)
        if row.ordinary_user:
            os.chmod(self.case.root, 0o755)
            for path in [self.case.root, *self.case.root.rglob("*")]:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def _write(self, path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.filled(text))

    def containers(self):
        """The ids of all containers of this workspace, the other services of a project included."""
        found = []
        for label in (
            f"devcontainer.local_folder={self.folder}",
            f"com.docker.compose.project.working_dir={self.folder}",
            f"com.docker.compose.project.working_dir={self.folder}/.devcontainer",
            f"fairlead-reference={self.name}",
        ):
            words = ("ps", "-aq", "--no-trunc", "--filter", f"label={label}")
            found += docker(*words).out.split()
        return sorted(set(found))

    def remove_containers(self):
        found = self.containers()
        if found:
            docker("rm", "-f", "-v", *found, check=False)
        for kind in ("network", "volume"):
            names = docker(kind, "ls", "--format", "{{.Name}}", "--filter", f"name={self.name}").out
            for name in names.split():
                docker(kind, "rm", name, check=False)
        for path in self.row.logs:
            if path.startswith("@"):
                (self.folder / path[1:]).unlink(missing_ok=True)

    def sweep(self):
        self.remove_containers()
        listing = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").out
        mine = [name for name in listing.split() if self.name in name]
        if mine:
            docker("image", "rm", "-f", *mine, check=False)


class Program:
    """What both command lines have in common."""

    def __init__(self, place):
        self.place, self.case, self.row = place, place.case, place.row

    def options(self):
        """How its processes are run."""
        environment = {**self.case.env, "HOME": str(self.case.home)}
        if self.case.reference:  # features are the reference's work for both
            environment["PATH"] = f"{Path(self.case.reference).parent}:{environment['PATH']}"
        for name, value in self.row.environment.items():
            environment[name] = self.place.filled(value)
        options = {"env": environment, "cwd": self.place.folder}
        if self.row.ordinary_user and os.geteuid() == 0:
            socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
            group = os.stat(socket.removeprefix("unix://")).st_gid
            options.update(user=NOBODY, group=NOBODY, extra_groups=[group])
        return options

    def selection(self):
        """The flags by which `exec` finds the container that `up` with the row's flags made."""
        words = [self.place.filled(word) for word in self.row.flags]
        return [
            part
            for flag, value in zip(words, words[1:] + [""])
            if flag in ("--config", "--id-label", "--override-config", "--remote-env",
                        "--mount-workspace-git-root", "--default-user-env-probe")
            for part in (flag, value)
        ]

    def up(self, *flags):
        words = [self.place.filled(word) for word in (*self.row.flags, *flags)]
        argv = [*self.argv("up"), *words]
        result = self.case.call(argv, timeout=120, check=False, **self.options())
        lines = result.out.splitlines()
        try:
            answer = json.loads(lines[-1] if lines else "")
        except ValueError:
            raise AssertionError(f"no JSON as the last line: {result}") from None
        wanted = "error" if self.row.fails else "success"
        if answer.get("outcome") != wanted:
            raise AssertionError(f"outcome is not {wanted}: {result}")
        self.said = result.err
        return answer

    def exec(self, *words):
        argv = [*self.argv("exec"), *self.selection(), *words]
        return self.case.call(argv, timeout=60, check=False, **self.options())


class Reference(Program):
    name = "the reference"

    def argv(self, command):
        words = [self.case.reference, command, "--workspace-folder", self.place.folder,
                 "--user-data-folder", self.case.root / "reference-data",
                 "--docker-compose-path", "docker-compose"]
        return [*words, "--buildkit", "never"] if command == "up" else words


class Fairlead(Program):
    name = "fairlead"

    def argv(self, command):
        return [self.case.binary, command, "--workspace-folder", self.place.folder]


class Comparison(Case):
    limit = 240

    def setUp(self):
        super().setUp()
        self.reference = None  # until need_reference()
        self.binary = program()
        self.home = self.root / "home"
        self.home.mkdir()
        # Neither may be told apart by the caller's own settings.
        for name in ("COMPOSE_PROJECT_NAME", "COMPOSE_FILE", "BROWSER", "DOCKER_BUILDKIT"):
            self.env.pop(name, None)
        self.env["DOCKER_BUILDKIT"] = "0"

    def compare(self, row):
        if row.privileged:
            probe = docker("run", "--rm", "--privileged", TOOLS, "true", check=False)
            if probe.rc != 0:
                self.skipTest(f"no privileged containers here: {probe.err.strip()}")
        how = live()
        record = Record(self)
        if row.live or how:
            self.need_reference()
        place = Place(self, row)
        words = place.words_of_facts()
        if not self.reference:
            known = record.of(row.name)
            if known is None:
                raise AssertionError(f"{record.file.name} does not know the row {row.name!r}")
            fairlead = Fairlead(place)
            self._judge(row, filled(known, words), self._facts(place, fairlead, fairlead))
            return
        order = (Reference(place), Fairlead(place))
        seen = []
        for first, second in (order, order[::-1]):
            facts = self._facts(place, first, second)
            seen.append(facts)
            place.remove_containers()
        self._judge(row, *seen)
        known = abstracted(json.loads(json.dumps(seen[0])), words)
        if how == "record":
            record.keep(row.name, known)
        self._judge_record(record.of(row.name), known)

    def need_reference(self):
        self.reference = reference_cli(self)

    def _judge_record(self, record, seen):
        if record != seen:
            raise AssertionError(
                "the record is not what the reference does; FAIRLEAD_REFERENCE_LIVE=record makes it anew\n"
                + explain("the record", record, seen)
            )

    def _facts(self, place, first, second):
        """What is to be seen after `first` has made the container, and `second` used it."""
        row = place.row
        answer = first.up()
        container = answer.get("containerId") or self._only(place)
        facts = self._of_answer(answer)
        facts.update(self._of_container(container))
        facts.update(self._of_files(place, container, "after up"))
        for words in row.exec:
            done = first.exec(*words)
            name = "exec " + " ".join(words)
            facts[name] = environment_of(done.out) if words == ("env",) else done.out
            facts[name + ": exit status"] = done.rc
        if row.reuse and not row.fails:
            again = second.up()
            if again["containerId"] != container:
                raise AssertionError(
                    f"{second.name} does not find the container of {first.name}: it has "
                    f"{again['containerId'][:12]} instead of {container[:12]}.\n{second.said}"
                )
            for name, value in self._of_answer(again).items():
                facts[f"{name}, when found"] = value
            facts.update(self._of_files(place, container, "after the other's up"))
        return facts

    def _only(self, place):
        found = place.containers()
        if len(found) != 1:
            raise AssertionError(f"{len(found)} containers instead of one")
        return found[0]

    def _of_answer(self, answer):
        names = ("outcome", "remoteUser", "remoteWorkspaceFolder", "composeProjectName",
                 "configuration", "mergedConfiguration")
        return {name: without_vagaries(answer.get(name)) for name in names}

    def _of_container(self, container):
        inspected = json.loads(docker("inspect", container).out)[0]
        config, host = inspected["Config"], inspected["HostConfig"]
        labels = config["Labels"]
        with contextlib.suppress(KeyError, ValueError):
            labels["devcontainer.metadata"] = json.loads(labels["devcontainer.metadata"])
        # Compose's own labels tell of its files, ours in a temporary place among them; those of the
        # test images of the test server that was built into them.
        labels = {n: v for n, v in labels.items()
                  if not n.startswith(("com.docker.compose.", "fairlead-test."))}
        return {
            **{f"label {name}": value for name, value in labels.items()},
            "environment of the container": environment_of("\n".join(sorted(config["Env"]))),
            "user of the container": config["User"] or "root",
            "mounts": sorted(
                [m["Type"], m.get("Name") or m["Source"], m["Destination"], m["RW"]]
                for m in inspected["Mounts"]
            ),
            "published ports": host.get("PortBindings") or {},
            "init": bool(host.get("Init")),
            "privileged": host["Privileged"],
            "capabilities": sorted(host.get("CapAdd") or []),
            "security options": sorted(host.get("SecurityOpt") or []),
        }

    def _of_files(self, place, container, when):
        facts = {}
        for path in place.row.logs:
            facts[f"{path} {when}"] = self._read(place, container, path)
        for path in place.row.environments:
            text = self._read(place, container, path)
            facts[f"{path} {when}"] = None if text is None else environment_of(text)
        return facts

    def _read(self, place, container, path):
        if path.startswith("@"):
            file = place.folder / path[1:]
            return file.read_text() if file.exists() else None
        done = docker("exec", "-u", "root", container, "cat", path, check=False)
        return done.out if done.rc == 0 else None

    def _judge(self, row, reference, fairlead):
        wrong = []
        for fact in sorted({*reference, *fairlead}):
            one, other = reference.get(fact), fairlead.get(fact)
            if fact in row.differs:
                if one == other:
                    wrong.append(f"{fact} does not differ any more: {row.differs[fact]}")
            elif one != other:
                wrong.append(explain(fact, one, other))
        unknown = sorted(set(row.differs) - {*reference, *fairlead})
        wrong += [f"there is no fact {fact!r}" for fact in unknown]
        if wrong:
            raise AssertionError("\n".join(wrong))


def reference_cli(case):
    found = os.environ.get("FAIRLEAD_REFERENCE")
    path = Path(found) if found else ROOT / "build/reference/node_modules/.bin/devcontainer"
    reason = None
    if not path.exists():
        reason = f"no reference CLI at {path}: tools/install-reference-cli.sh installs it"
    elif not shutil.which("node"):
        reason = "node is not installed"
    elif int(case.call(["node", "--version"]).out.lstrip("v").split(".")[0]) < 20:
        reason = "the reference CLI needs node 20"
    if reason and "reference" in REQUIRED:
        case.fail(f"required, but: {reason}")
    if reason:
        case.skipTest(reason)
    return path


def needs(case, tool, package):
    """For what a comparison takes besides both programs."""
    if shutil.which(tool):
        return
    reason = f"{tool} is not installed (Debian: apt-get install {package})"
    if "reference" in REQUIRED:
        case.fail(f"required, but: {reason}")
    case.skipTest(reason)


def compares(*rows):
    """Gives a class one test for each row."""

    def decorate(cls):
        for row in rows:
            def test(self, row=row):
                self.compare(row)

            name = "test_" + re.sub(r"\W+", "_", row.name)
            if hasattr(cls, name):
                raise AssertionError(f"two rows are called {row.name!r}")
            test.__name__ = name
            test.__doc__ = row.name
            setattr(cls, name, test)
        return cls

    return decorate
