"""The lifecycle as the reference carries it out: commands, their order, environment and user."""

from reference import TOOLS, Comparison, Fairlead, Place, Reference, Row, compares
from processes import docker, wait_for

NAMES = ("onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand",
         "postAttachCommand")
ALL = {name: f"echo {name} >>/tmp/log" for name in NAMES}
FAILING = "echo failing >>/tmp/log; exit 7"
ENVIRONMENT = {"postCreateCommand": "env >/tmp/env; id -un >>/tmp/log; pwd >>/tmp/log"}


def probe(kind, **more):
    config = {"image": TOOLS, "remoteUser": "dev", **ENVIRONMENT, **more}
    if kind:
        config["userEnvProbe"] = kind
    return Row(
        f"probing by {kind or 'default'}",
        config,
        environments=("/tmp/env",),
        exec=(("env",), ("sh", "-c", "echo $PATH")),
    )


@compares(
    Row("all in their order", {"image": TOOLS, "initializeCommand": "echo here >>host.log", **ALL},
        logs=("/tmp/log", "@host.log"), live=True),
    Row(
        "the three forms",
        {
            "image": TOOLS,
            "initializeCommand": ["sh", "-c", "echo \"$0\" >>host.log", "$HOME is not expanded"],
            "onCreateCommand": "echo 'string' $((1 + 1)) | cat >>/tmp/log",
            "updateContentCommand": ["sh", "-c", "printf '<%s>' \"$@\" >>/tmp/log", "0", "a b", "$c", "'"],
            "postCreateCommand": {
                "one": "echo one >/tmp/one",
                "two": ["sh", "-c", "echo two >/tmp/two"],
            },
        },
        logs=("/tmp/log", "/tmp/one", "/tmp/two", "@host.log"),
    ),
    Row(
        "an object's commands side by side",
        # Each waits for the other: in turn, they would never end.
        {
            "image": TOOLS,
            "initializeCommand": {"one": "echo 1 >>one.log", "two": ["sh", "-c", "echo 2 >>two.log"]},
            "postCreateCommand": {
                "one": "touch /tmp/one; while [ ! -e /tmp/two ]; do sleep 0.1; done; echo 1 >/tmp/a",
                "two": "touch /tmp/two; while [ ! -e /tmp/one ]; do sleep 0.1; done; echo 2 >/tmp/b",
            },
        },
        logs=("/tmp/a", "/tmp/b", "@one.log", "@two.log"),
    ),
    Row(
        "commands of nothing",
        {"image": TOOLS, "onCreateCommand": "", "updateContentCommand": [], "postCreateCommand": {},
         "postStartCommand": "echo started >>/tmp/log"},
    ),
    Row("no command by skip-post-create", {"image": TOOLS, **ALL}, flags=("--skip-post-create",)),
    Row("none at attaching by skip-post-attach", {"image": TOOLS, **ALL},
        flags=("--skip-post-attach",)),
    Row(
        "those that are waited for",
        {"image": TOOLS, **ALL, "waitFor": "postCreateCommand"},
        flags=("--skip-non-blocking-commands",),
    ),
    Row("those that are waited for by default", {"image": TOOLS, **ALL},
        flags=("--skip-non-blocking-commands",)),
    Row(
        "those that are waited for when it is the host's",
        {"image": TOOLS, **ALL, "initializeCommand": "echo here >>host.log",
         "waitFor": "initializeCommand"},
        flags=("--skip-non-blocking-commands",),
        logs=("/tmp/log", "@host.log"),
    ),
)
class Order(Comparison):
    """Which run, when, and what they do."""


@compares(
    Row("a command that fails", {"image": TOOLS, **ALL, "updateContentCommand": FAILING}, fails=True,
        live=True),
    Row("one of an object's that fails",
        {"image": TOOLS, **ALL, "onCreateCommand": {"a": "true", "b": FAILING}}, fails=True),
    Row("a last command that fails", {"image": TOOLS, **ALL, "postAttachCommand": FAILING}, fails=True),
    Row("a program that does not exist", {"image": TOOLS, **ALL, "postCreateCommand": ["/no/such"]},
        fails=True),
)
class Failures(Comparison):
    """A failure stops the later ones and fails `up`."""


@compares(
    probe(None),
    probe("none"),
    probe("loginShell"),
    probe("interactiveShell"),
    probe("loginInteractiveShell"),
    Row(
        "probing by the flag's default",
        {"image": TOOLS, "remoteUser": "dev", **ENVIRONMENT},
        flags=("--default-user-env-probe", "interactiveShell"),
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
    Row(
        "probing as root",
        {"image": TOOLS, **ENVIRONMENT},
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
    Row(
        "a remote environment over the probed one",
        {
            "image": TOOLS,
            "remoteUser": "dev",
            "remoteEnv": {"LOGIN_SHELL": "replaced", "MINE": "a  b 'c' \"d\" $e\\n"},
            **ENVIRONMENT,
        },
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
    Row(
        "a remote environment that unsets",
        {"image": TOOLS, "remoteEnv": {"PROFILE_OF": None}},
        exec=(("sh", "-c", "echo ${PROFILE_OF-unset}"),),
        differs={
            "exec sh -c echo ${PROFILE_OF-unset}": "null unsets, says the specification; the"
            " reference sets the variable to the text null"
        },
    ),
    Row(
        "a profile that sets the path",
        {"image": "@IMAGE@", "remoteUser": "dev"},
        base=f"FROM {TOOLS}\nRUN echo 'export PATH=/profile/bin:/bin' >>/etc/profile\n",
        exec=(("sh", "-c", "echo $PATH"),),
        differs={
            "exec sh -c echo $PATH": "the reference edits /etc/profile in the container, so that it"
            " keeps the image's PATH; fairlead leaves the container's files alone and puts what the"
            " image has and the profile has not in front"
        },
    ),
    Row(
        "a remote environment of the command line",
        {"image": TOOLS, "remoteEnv": {"A": "configuration", "B": "configuration"}, **ENVIRONMENT},
        flags=("--remote-env", "A=flag", "--remote-env", "C=x=y"),
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
    Row(
        "secrets of a file",
        {"image": TOOLS, "secrets": {"TOKEN": {"description": "a token"}}, **ENVIRONMENT},
        files={"secrets.json": '{"TOKEN": "not in the label", "OTHER": "x y"}'},
        flags=("--secrets-file", "@FOLDER@/secrets.json"),
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
    Row(
        "a shell that is not bash",
        {"image": "@IMAGE@", "remoteUser": "dev", **ENVIRONMENT},
        base=f"FROM {TOOLS}\nRUN sed -i 's|/bin/bash|/bin/sh|' /etc/passwd\n",
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
    Row(
        "start-up files that talk",
        {"image": "@IMAGE@", "remoteUser": "dev", **ENVIRONMENT},
        base=f"FROM {TOOLS}\n"
        "RUN echo 'echo noise=1; echo more >&2; export TALKED=\"two\nlines\"' >>/home/dev/.profile\n"
        .replace("two\nlines", "two lines"),
        environments=("/tmp/env",),
        exec=(("env",),),
        live=True,
    ),
    Row(
        "start-up files that fail",
        {"image": "@IMAGE@", "remoteUser": "dev", **ENVIRONMENT},
        base=f"FROM {TOOLS}\nRUN echo 'export BEFORE=1; exit 3' >>/home/dev/.profile\n",
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
)
class Environments(Comparison):
    """What lifecycle commands and `exec` find in their environment (`userEnvProbe`)."""


class Exec(Comparison):
    def setUp(self):
        super().setUp()
        self.need_reference()

    def test_passes_words_and_status_through(self):
        row = Row("exec", {"image": TOOLS, "remoteUser": "dev"})
        place = Place(self, row)
        reference, fairlead = Reference(place), Fairlead(place)
        reference.up()
        for words in (
            ("printf", "<%s>", "a b", "$HOME", "'", '"', "", "*"),
            ("sh", "-c", "exit 42"),
            ("sh", "-c", "kill -9 $$"),
            ("id", "-un"),
            ("pwd",),
            ("/no/such/program",),
        ):
            with self.subTest(words):
                one, other = reference.exec(*words), fairlead.exec(*words)
                self.assertEqual((other.out, other.rc), (one.out, one.rc), f"{one}\n{other}")


class AcrossStarts(Comparison):
    """Which commands run again is kept in the container, where the other program looks, too."""

    CONFIG = {"image": TOOLS, "remoteUser": "dev", **ALL}

    def setUp(self):
        super().setUp()
        self.need_reference()

    def log(self, container):
        return docker("exec", container, "cat", "/tmp/log").out.split()

    def test_markers_of_the_one_hold_for_the_other(self):
        place = Place(self, Row("markers", self.CONFIG))
        programs = (Reference(place), Fairlead(place))
        logs = []
        for first, second in (programs, programs[::-1]):
            container = first.up()["containerId"]
            seen = [self.log(container)]
            for again in (second, first):
                docker("restart", "-t", "1", container)
                self.assertEqual(again.up()["containerId"], container)
                seen.append(self.log(container))
                self.assertEqual(second.up()["containerId"], container)
                seen.append(self.log(container))
            docker("stop", "-t", "1", container)
            self.assertEqual(second.up()["containerId"], container)
            seen.append(self.log(container))
            logs.append(seen)
            place.remove_containers()
        self.assertEqual(logs[0], logs[1])
        once, start, attach = NAMES[:3], NAMES[3], NAMES[4]
        self.assertEqual(logs[0][0], [*once, start, attach])
        self.assertEqual(logs[0][1][5:], [start, attach])
        self.assertEqual(logs[0][2][7:], [attach])

    def test_a_failed_command_is_not_run_again_by_either(self):
        config = {**self.CONFIG, "postCreateCommand": FAILING}
        place = Place(self, Row("failed once", config, fails=True))
        programs = (Reference(place), Fairlead(place))
        logs = []
        for first, second in (programs, programs[::-1]):
            first.up()
            (container,) = place.containers()
            place.row.fails = False
            answer = second.up()
            self.assertEqual(answer["containerId"], container)
            logs.append(self.log(container))
            place.row.fails = True
            place.remove_containers()
        self.assertEqual(logs[0], logs[1])

    def test_a_container_is_replaced_on_demand(self):
        place = Place(self, Row("replaced", self.CONFIG))
        reference, fairlead = Reference(place), Fairlead(place)
        old = reference.up()["containerId"]
        new = fairlead.up("--remove-existing-container")["containerId"]
        self.assertNotEqual(new, old)
        wait_for(lambda: place.containers() == [new], "the old one's removal")
        newest = reference.up("--remove-existing-container")["containerId"]
        self.assertNotEqual(newest, new)
        wait_for(lambda: place.containers() == [newest], "the old one's removal")
        self.assertEqual(fairlead.up("--expect-existing-container")["containerId"], newest)
