"""Creation as the reference does it: image, Dockerfile, the image's metadata, users, options."""

import json

from reference import TOOLS, Comparison, Row, compares

COMMAND = "exec sleep 100000"
NO_ENTRY = {
    "label devcontainer.metadata": "the reference, having built the image, leaves an empty list out"
}
WHOLE = ("--include-configuration", "--include-merged-configuration")

# Two entries as features leave them, and one of an image's own devcontainer.json.
METADATA = (
    '[{\\"id\\":\\"one\\",\\"init\\":true,\\"capAdd\\":[\\"SYS_PTRACE\\"],'
    '\\"postCreateCommand\\":\\"echo created by one >>/tmp/log\\",'
    '\\"mounts\\":[{\\"source\\":\\"@MARK@-one\\",\\"target\\":\\"/one\\",\\"type\\":\\"volume\\"}]},'
    '{\\"id\\":\\"two\\",\\"onCreateCommand\\":{\\"a\\":\\"echo born >>/tmp/log\\"},'
    '\\"securityOpt\\":[\\"seccomp=unconfined\\"],\\"customizations\\":{\\"vscode\\":{\\"a\\":1}}},'
    '{\\"remoteUser\\":\\"dev\\",\\"containerEnv\\":{\\"BOTH\\":\\"image\\",\\"IMAGE\\":\\"1\\"},'
    '\\"remoteEnv\\":{\\"REMOTE_BOTH\\":\\"image\\",\\"REMOTE_IMAGE\\":\\"1\\"},'
    '\\"forwardPorts\\":[3000,\\"db:5432\\"],\\"waitFor\\":\\"postCreateCommand\\",'
    '\\"portsAttributes\\":{\\"3000\\":{\\"label\\":\\"image\\",\\"protocol\\":\\"https\\"},'
    '\\"4000\\":{\\"label\\":\\"kept\\"}},\\"otherPortsAttributes\\":{\\"label\\":\\"other\\"},'
    '\\"userEnvProbe\\":\\"none\\",\\"updateRemoteUserUID\\":false,\\"overrideCommand\\":true,'
    '\\"hostRequirements\\":{\\"cpus\\":1},\\"shutdownAction\\":\\"none\\"}]'
)


@compares(
    Row("an image alone", {"image": TOOLS}, flags=WHOLE, exec=(("env",), ("pwd",)), live=True),
    Row(
        "every property that the label keeps",
        {
            "name": "all of them",
            "image": TOOLS,
            "containerEnv": {"ONE": "1", "QUOTED": "a 'b' \"c\" $d \\e", "EMPTY": ""},
            "remoteEnv": {"REMOTE": "2"},
            "customizations": {"vscode": {"settings": {"a.b": True}, "extensions": ["x.y"]}},
            "forwardPorts": [3000, "localhost:3001", "db:5432"],
            "portsAttributes": {"3000": {"label": "web"}, "4000-4010": {"onAutoForward": "silent"}},
            "otherPortsAttributes": {"onAutoForward": "ignore"},
            "hostRequirements": {"cpus": 1, "memory": "1kb"},
            "shutdownAction": "none",
            "waitFor": "onCreateCommand",
            "userEnvProbe": "none",
            "updateRemoteUserUID": False,
            "overrideCommand": True,
            "onCreateCommand": "true",
            "postStartCommand": ["true"],
        },
        flags=WHOLE,
        exec=(("env",),),
    ),
    Row(
        "options of the engine",
        {
            "image": TOOLS,
            "runArgs": ["--hostname", "chosen", "--label", "by=runArgs", "-e", "BY=runArgs"],
            "init": True,
            "capAdd": ["SYS_PTRACE", "NET_ADMIN"],
            "securityOpt": ["seccomp=unconfined"],
            "mounts": [
                "type=bind,source=@FOLDER@/shared,target=/shared",
                {"type": "volume", "source": "@MARK@-data", "target": "/data"},
                "source=@MARK@-${localWorkspaceFolderBasename},target=/named,type=volume",
                "type=tmpfs,target=/fleeting",
            ],
        },
        files={"shared/file": "seen"},
        exec=(("hostname",), ("cat", "/shared/file")),
    ),
    Row(
        "ports that are published and those that are not",
        {
            "image": TOOLS,
            "appPort": ["@PORT1@:80", "127.0.0.1:@PORT2@:90/udp"],
            "forwardPorts": [3000],
        },
    ),
    Row("a privileged container", {"image": TOOLS, "privileged": True}, privileged=True,
        live=True),
    Row("one published port", {"image": TOOLS, "appPort": "@PORT1@:8080"}),
    Row("a remote user", {"image": TOOLS, "remoteUser": "dev"}, exec=(("id",), ("env",))),
    Row("a container user", {"image": TOOLS, "containerUser": "dev"}, exec=(("id",), ("env",))),
    Row(
        "container user and remote user",
        {"image": TOOLS, "containerUser": "dev", "remoteUser": "root"},
        exec=(("id",), ("env",)),
    ),
    Row(
        "a user by number",
        {"image": TOOLS, "remoteUser": "1000"},
        exec=(("id", "-u"), ("env",)),
    ),
    Row("a user of runArgs", {"image": TOOLS, "runArgs": ["-u", "dev"]}, exec=(("id",),)),
)
class Images(Comparison):
    """`image`, and what the engine is told besides."""


@compares(
    Row(
        "a dockerfile with arguments and a target",
        {
            "build": {
                "dockerfile": "Dockerfile",
                "context": "..",
                "target": "wanted",
                "args": {"GREETING": "hello ${localWorkspaceFolderBasename}", "QUOTED": "a \"b\" $c"},
                "options": ["--label", "by=options"],
                "cacheFrom": TOOLS,
            },
        },
        files={
            ".devcontainer/Dockerfile": f"FROM {TOOLS} AS wanted\n"
            "ARG GREETING=none\nARG QUOTED\n"
            'RUN echo "$GREETING" >/built; echo "$QUOTED" >>/built\n'
            "COPY of-the-context /copied\n"
            f"FROM {TOOLS}\nRUN echo the wrong stage >/built\n",
            "of-the-context": "copied",
        },
        logs=("/built", "/copied"),
        differs=NO_ENTRY,
        live=True,
    ),
    Row(
        "a dockerfile beside its context",
        {"build": {"dockerfile": "sub/Dockerfile"}},
        at=".devcontainer/devcontainer.json",
        files={
            ".devcontainer/sub/Dockerfile": f"FROM {TOOLS}\nCOPY here /copied\n",
            ".devcontainer/sub/here": "below",
            ".devcontainer/here": "of the configuration's folder",
        },
        logs=("/copied",),
        differs=NO_ENTRY,
    ),
    Row(
        "the legacy property dockerFile",
        {"dockerFile": "Dockerfile", "context": ".."},
        files={
            ".devcontainer/Dockerfile": f"FROM {TOOLS}\nCOPY of-the-context /copied\n",
            "of-the-context": "copied",
        },
        flags=WHOLE,
        logs=("/copied",),
        differs=NO_ENTRY,
    ),
    Row(
        "the legacy property with arguments under build",
        {"dockerFile": "Dockerfile", "build": {"args": {"WHAT": "argument"}, "target": "one"}},
        at=".devcontainer.json",
        files={"Dockerfile": f"FROM {TOOLS} AS one\nARG WHAT\nRUN echo $WHAT >/built\nFROM {TOOLS}\n"},
        logs=("/built",),
        differs=NO_ENTRY,
    ),
    Row(
        "a dockerfile with a user, an environment and metadata",
        {"build": {"dockerfile": "Dockerfile"}, "postCreateCommand": "echo configured >>/tmp/log"},
        files={
            ".devcontainer/Dockerfile": f"FROM {TOOLS}\nENV FROM_IMAGE=yes\nUSER dev\n"
            'LABEL devcontainer.metadata="{\\"postCreateCommand\\":\\"echo labelled >>/tmp/log\\"}"\n'
        },
        exec=(("id",), ("env",)),
        differs={
            fact: "the reference merges what the image under the Dockerfile says, and overlooks what"
            " the Dockerfile itself puts into the label; the specification makes no such difference"
            for fact in (
                "label devcontainer.metadata",
                "/tmp/log after up",
                "/tmp/log after the other's up",
            )
        },
    ),
)
class Dockerfiles(Comparison):
    """`build` and `dockerFile`."""


@compares(
    Row(
        "metadata of several origins",
        {
            "image": "@IMAGE@",
            "containerEnv": {"BOTH": "configuration", "CONFIGURATION": "1"},
            "remoteEnv": {"REMOTE_BOTH": "configuration"},
            "forwardPorts": ["localhost:3000", 5000],
            "portsAttributes": {"3000": {"label": "configuration"}},
            "capAdd": ["SYS_PTRACE", "NET_ADMIN"],
            "mounts": ["type=volume,source=@MARK@-mine,target=/one"],
            "postCreateCommand": "echo created by the configuration >>/tmp/log",
            "customizations": {"vscode": {"b": 2}},
        },
        base=f'FROM {TOOLS}\nLABEL devcontainer.metadata="{METADATA}"\n',
        flags=WHOLE,
        exec=(("env",), ("id",)),
        live=True,
    ),
    Row(
        "metadata that is one object",
        {"image": "@IMAGE@"},
        base=f'FROM {TOOLS}\nLABEL devcontainer.metadata="{{\\"remoteUser\\":\\"dev\\"}}"\n',
        exec=(("id",),),
    ),
    Row(
        "metadata that is garbage",
        {"image": "@IMAGE@", "remoteUser": "dev"},
        base=f'FROM {TOOLS}\nLABEL devcontainer.metadata="[oops"\n',
        exec=(("id",),),
    ),
    Row(
        "metadata that decides about the command",
        {"image": "@IMAGE@"},
        base=f"FROM {TOOLS}\n"
        'LABEL devcontainer.metadata="[{\\"overrideCommand\\":false}]"\n'
        f'CMD ["/bin/sh", "-c", "echo own command >>/tmp/log; {COMMAND}"]\n',
        exec=(("sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"),),
    ),
)
class Metadata(Comparison):
    """`devcontainer.metadata` of the image."""


@compares(
    Row(
        "the command of the image kept",
        {"image": "@IMAGE@", "overrideCommand": False},
        base=f'FROM {TOOLS}\nCMD ["/bin/sh", "-c", "echo own command >>/tmp/log; {COMMAND}"]\n',
        exec=(("sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"),),
    ),
    Row(
        "entry point and command of the image kept",
        {"image": "@IMAGE@", "overrideCommand": False},
        base=f"FROM {TOOLS}\n"
        'ENTRYPOINT ["/bin/sh", "-c", "echo \\"$0 $1\\" >>/tmp/log; exec sleep 100000"]\n'
        'CMD ["first word", "$HOME"]\n',
        exec=(("sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"),),
        live=True,
    ),
    Row(
        "the command of the image replaced",
        {"image": "@IMAGE@"},
        base=f"FROM {TOOLS}\n"
        'ENTRYPOINT ["/bin/sh", "-c", "echo must not run >>/tmp/log; exit 3"]\nCMD ["x"]\n',
    ),
)
class Commands(Comparison):
    """`overrideCommand`: whether the image's own command runs, seen by what it does."""


@compares(
    Row(
        "the remote user gets the caller's number",
        {"image": TOOLS, "remoteUser": "dev", "postCreateCommand": "id >/tmp/log; touch made"},
        ordinary_user=True,
        exec=(("id",), ("stat", "-c", "%u:%g", "/home/dev", "made")),
        live=True,
    ),
    Row(
        "the container user gets the caller's number",
        {"image": TOOLS, "containerUser": "dev"},
        ordinary_user=True,
        exec=(("id",),),
    ),
    Row(
        "the user of the image gets the caller's number",
        {"image": "@IMAGE@"},
        base=f"FROM {TOOLS}\nUSER dev\n",
        ordinary_user=True,
        exec=(("id",),),
    ),
    Row(
        "the user keeps its number by configuration",
        {"image": TOOLS, "remoteUser": "dev", "updateRemoteUserUID": False},
        ordinary_user=True,
        exec=(("id",),),
    ),
    Row(
        "the user keeps its number by default off",
        {"image": TOOLS, "remoteUser": "dev"},
        flags=("--update-remote-user-uid-default", "off"),
        ordinary_user=True,
        exec=(("id",),),
    ),
    Row(
        "the user keeps its number by never",
        {"image": TOOLS, "remoteUser": "dev", "updateRemoteUserUID": True},
        flags=("--update-remote-user-uid-default", "never"),
        ordinary_user=True,
        exec=(("id",),),
    ),
    Row(
        "the user of a dockerfile gets the caller's number",
        {"build": {"dockerfile": "Dockerfile"}, "remoteUser": "dev"},
        files={".devcontainer/Dockerfile": f"FROM {TOOLS}\nRUN echo built >/tmp/log\n"},
        ordinary_user=True,
        exec=(("id",),),
    ),
    Row(
        "a number that is taken is left alone",
        {"image": "@IMAGE@", "remoteUser": "dev"},
        base=f"FROM {TOOLS}\nRUN echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd\n",
        ordinary_user=True,
        exec=(("id",),),
    ),
    Row(
        "root keeps its number",
        {"image": TOOLS},
        ordinary_user=True,
        exec=(("id",),),
    ),
)
class Users(Comparison):
    """`updateRemoteUserUID`, by an ordinary user of the host with the engine's group."""


FEATURE = {
    "id": "hello",
    "version": "1.0.0",
    "options": {"greeting": {"type": "string", "default": "nothing"}},
    "containerEnv": {"BY_FEATURE": "1"},
    "postCreateCommand": "echo created by the feature >>/tmp/log",
}


@compares(
    Row(
        "a feature of the workspace",
        {
            "image": TOOLS,
            "features": {"./hello": {"greeting": "a 'b' $c"}},
            "remoteUser": "dev",
            "containerEnv": {"OWN": "2"},
            "postCreateCommand": "echo created >>/tmp/log",
        },
        files={
            ".devcontainer/hello/devcontainer-feature.json": json.dumps(FEATURE),
            ".devcontainer/hello/install.sh": '#!/bin/sh\necho "$GREETING" >/greeting\n',
        },
        exec=(("env",), ("cat", "/greeting")),
        logs=("/tmp/log",),
        live=True,
    ),
)
class Features(Comparison):
    """`features`: fairlead has them installed by the reference, and goes on from there."""
