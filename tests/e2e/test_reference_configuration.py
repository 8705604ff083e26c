"""Configuration as the reference reads it: places, JSONC, overrides, variables, folders, identity."""

from reference import TOOLS, Comparison, Row, compares

WHOLE = ("--include-configuration", "--include-merged-configuration")

ODD = """\ufeff// A byte order mark, comments of both kinds, trailing commas.
{
  /* not "a string" // nor this */
  "image": "%s", // "remoteUser": "nobody"
  "containerEnv": {
    "SLASHES": "http://not-a-comment/*nor this*/",
    "ESCAPES": "tab\\t quote\\" slash\\/ uml\\u00e4ut backslash\\\\",
    "TWICE": "first",
    "TWICE": "second", /**/
  },
  "forwardPorts": [ 3000, /* one */ 3001, ],
  "postCreateCommand": [ "/bin/sh", "-c", "echo done >>/tmp/log", ],
}
// the end, without a line's end""" % TOOLS

VARIABLES = {
    "SET": "${localEnv:ROW_SET}",
    "SET_BY_ENV": "${env:ROW_SET}",
    "MISSING": "${localEnv:ROW_MISSING}",
    "DEFAULTED": "${localEnv:ROW_MISSING:a default}",
    "SET_WITH_DEFAULT": "${localEnv:ROW_SET:unused}",
    "EMPTY_WITH_DEFAULT": "${localEnv:ROW_EMPTY:used?}",
    "FOLDER": "${localWorkspaceFolder}",
    "FOLDER_NAME": "${localWorkspaceFolderBasename}",
    "INNER_FOLDER": "${containerWorkspaceFolder}",
    "INNER_FOLDER_NAME": "${containerWorkspaceFolderBasename}",
    "UNKNOWN": "${nothing:of:the:kind} ${} ${workspaceFolder}",
    "TWO": "<${localEnv:ROW_SET}|${localWorkspaceFolderBasename}>",
    "NESTED": "${localEnv:ROW_${localEnv:ROW_SET}}",
    "NOT_CLOSED": "${localEnv:ROW_SET",
    "DOLLAR": "$ROW_SET $$ {x}",
}


@compares(
    Row(
        "jsonc oddities",
        ODD,
        flags=WHOLE,
        differs={},
        live=True,
    ),
    Row("the file in the folder itself", {"image": TOOLS}, at=".devcontainer.json"),
    Row(
        "a folder's configuration",
        {"image": TOOLS, "containerEnv": {"FROM": "x"}, "postCreateCommand": "pwd >>/tmp/log"},
        at=".devcontainer/x/devcontainer.json",
        files={".devcontainer/y/devcontainer.json": '{"image": "no such image"}'},
        flags=("--config", "@FOLDER@/.devcontainer/x/devcontainer.json"),
        exec=(("pwd",),),
    ),
    Row(
        "a configuration of another place",
        {"image": "no such image"},
        files={"elsewhere/devcontainer.json": f'{{"image": "{TOOLS}", "remoteEnv": {{"A": "b"}}}}'},
        flags=("--config", "@FOLDER@/elsewhere/devcontainer.json"),
        exec=(("env",),),
    ),
    Row(
        "a file of another name",
        None,
        files={".devcontainer/mine/.devcontainer.json": f'{{"image": "{TOOLS}"}}'},
        flags=("--config", "@FOLDER@/.devcontainer/mine/.devcontainer.json"),
    ),
    Row(
        "an override of the configuration",
        {"image": "no such image", "remoteUser": "dev", "containerEnv": {"FROM": "file"}},
        files={"over.json": f'{{"image": "{TOOLS}", "containerEnv": {{"FROM": "override"}}}}'},
        flags=("--override-config", "@FOLDER@/over.json", *WHOLE),
        exec=(("env",),),
    ),
    Row(
        "an override without a configuration",
        None,
        files={"over.json": f'{{"image": "{TOOLS}", "containerEnv": {{"FROM": "override"}}}}'},
        flags=("--override-config", "@FOLDER@/over.json"),
        exec=(("env",),),
    ),
    Row(
        "an override of a dockerfile's configuration",
        {"build": {"dockerfile": "Dockerfile"}},
        files={
            ".devcontainer/Dockerfile": f"FROM {TOOLS}\nRUN echo beside the configuration >/built\n",
            "over/Dockerfile": f"FROM {TOOLS}\nRUN echo beside the override >/built\n",
            "over/over.json": '{"build": {"dockerfile": "Dockerfile"}}',
        },
        flags=("--override-config", "@FOLDER@/over/over.json"),
        logs=("/built",),
        differs={
            "label devcontainer.metadata": "the reference, having built the image, leaves an empty"
            " list out"
        },
    ),
)
class Files(Comparison):
    """Where it stands and how it is written."""


@compares(
    Row(
        "every variable in the container's environment",
        {"image": TOOLS, "containerEnv": {**VARIABLES, "ID": "${devcontainerId}"}},
        environment={"ROW_SET": "set", "ROW_EMPTY": "", "ROW_set": "nested"},
        flags=WHOLE,
        exec=(("env",),),
    ),
    Row(
        "every variable in the remote environment",
        {
            "image": TOOLS,
            "containerEnv": {"INSIDE": "from the container"},
            "remoteEnv": {
                **VARIABLES,
                "CONTAINER": "${containerEnv:INSIDE}",
                "CONTAINER_MISSING": "${containerEnv:NOWHERE}",
                "CONTAINER_DEFAULT": "${containerEnv:NOWHERE:a default}",
                "PATH": "${containerEnv:PATH}:/added",
            },
            "postCreateCommand": "env >/tmp/env",
        },
        environment={"ROW_SET": "set", "ROW_EMPTY": "", "ROW_set": "nested"},
        environments=("/tmp/env",),
        exec=(("env",),),
    ),
    Row(
        # `exec` of the reference leaves this one as it is written, so only commands are looked at.
        "the id in the remote environment",
        {"image": TOOLS, "remoteEnv": {"ID": "${devcontainerId}"},
         "postCreateCommand": "env >/tmp/env"},
        environments=("/tmp/env",),
    ),
    Row(
        "a default with a colon",
        {"image": TOOLS, "containerEnv": {"URL": "${localEnv:ROW_MISSING:http://a:1}"}},
        exec=(("sh", "-c", "echo $URL"),),
        differs={
            fact: "the reference cuts a default at its first colon, so that it cannot hold an address"
            for fact in ("environment of the container", "exec sh -c echo $URL")
        },
    ),
    Row(
        "variables in everything else",
        {
            "name": "${localWorkspaceFolderBasename}",
            "image": "${localEnv:ROW_IMAGE}",
            "workspaceFolder": "/work/${localWorkspaceFolderBasename}",
            "workspaceMount": "source=${localWorkspaceFolder},target=/work/"
            "${localWorkspaceFolderBasename},type=bind",
            "mounts": ["source=@MARK@-${devcontainerId},target=/data,type=volume"],
            "runArgs": ["--label", "row=${devcontainerId}"],
            "initializeCommand": "echo ${localWorkspaceFolderBasename} >>host.log",
            "postCreateCommand": ["sh", "-c", "echo ${containerWorkspaceFolder} $0 >>/tmp/log",
                                  "${localWorkspaceFolder}"],
            "postStartCommand": {"a": "echo ${devcontainerId} >>/tmp/log"},
            "customizations": {"x": "${localEnv:ROW_IMAGE}"},
        },
        environment={"ROW_IMAGE": TOOLS},
        logs=("/tmp/log", "@host.log"),
        flags=WHOLE,
        live=True,
    ),
    Row(
        "the identity by labels of one's own",
        {"image": TOOLS, "containerEnv": {"ID": "${devcontainerId}"}},
        flags=("--id-label", "fairlead-reference=@MARK@", "--id-label", "another=a"),
        exec=(("pwd",),),
    ),
)
class Variables(Comparison):
    """Every variable; the same folder gives the same `devcontainerId`."""


@compares(
    Row("a folder in a git repository", {"image": TOOLS}, git="repository", exec=(("pwd",),)),
    Row(
        "a folder in a git repository mounted by itself",
        {"image": TOOLS},
        git="repository",
        flags=("--mount-workspace-git-root", "false"),
        exec=(("pwd",),),
    ),
    Row("a folder in a work tree of git", {"image": TOOLS}, git="worktree", exec=(("pwd",),), live=True),
    Row(
        "a folder in a repository with variables",
        {
            "image": TOOLS,
            "containerEnv": {
                "INNER": "${containerWorkspaceFolder}",
                "INNER_NAME": "${containerWorkspaceFolderBasename}",
                "OUTER": "${localWorkspaceFolder}",
            },
        },
        git="repository",
    ),
    Row(
        "a workspace folder of one's own",
        {"image": TOOLS, "workspaceFolder": "/workspaces/@MARK@/sub"},
        files={"sub/file": "x"},
        exec=(("pwd",),),
    ),
    Row(
        "a mount of one's own",
        {
            "image": TOOLS,
            "workspaceMount": "source=${localWorkspaceFolder}/sub,target=/elsewhere,type=bind,readonly",
            "workspaceFolder": "/elsewhere",
        },
        files={"sub/file": "x"},
        exec=(("pwd",), ("cat", "file")),
    ),
    Row(
        "no mount at all",
        {"image": TOOLS, "workspaceMount": "", "workspaceFolder": "/tmp"},
        exec=(("pwd",),),
    ),
    Row(
        "mounts of the command line",
        {"image": TOOLS},
        files={"sub/file": "x"},
        flags=("--mount", "type=bind,source=@FOLDER@/sub,target=/bound",
               "--mount", "type=volume,source=@MARK@-cli,target=/volume"),
        exec=(("cat", "/bound/file"),),
    ),
)
class Folders(Comparison):
    """What of the host is mounted where, and where commands run."""
