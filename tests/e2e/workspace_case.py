"""What the tests of configurations, creation and exec share: workspaces whose images are built."""

import hashlib
import json
import shlex

from harness import PLAIN, Case
from processes import docker


class WorkspaceCase(Case):
    """Removes the images that fairlead builds for this test's workspaces, after their containers."""

    def setUp(self):
        self.folders = []
        self.addCleanup(self.remove_images)  # before the harness': it runs after it
        super().setUp()

    def workspace(self, name="work", **config):
        work = super().workspace(name, **config)
        self.folders.append(work.folder)
        return work

    def image_of(self, work):
        """The name of the image that is built for a workspace whose folder has a plain name."""
        digest = hashlib.sha256(str(work.folder).encode()).hexdigest()
        return f"vsc-{work.folder.name}-{digest}"

    def remove_images(self):
        for folder in self.folders:
            digest = hashlib.sha256(str(folder).encode()).hexdigest()
            for suffix in ("-uid", ""):
                docker("image", "rm", f"vsc-{folder.name}-{digest}{suffix}", check=False)

    def built(self, dockerfile, name="work", **config):
        """A workspace with .devcontainer/Dockerfile."""
        config.setdefault("build", {"dockerfile": "Dockerfile"})
        work = self.workspace(name, **config)
        del work.config["image"]
        work.write()
        (work.file.parent / "Dockerfile").write_text(dockerfile)
        return work

    def labelled(self, metadata, name="work", extra="", **config):
        """A workspace whose image carries these metadata."""
        label = json.dumps(json.dumps(metadata)).replace("$", "\\$")
        text = f"FROM {PLAIN}\n{extra}\nLABEL devcontainer.metadata={label}\n"
        return self.built(text, name, **config)

    def read(self, work, path):
        return work.exec("cat", path).out

    def environment(self, work, *flags):
        """What `exec` gives a command."""
        out = self.call(work.command("exec", *flags, "--", "env")).out
        return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def note(word, path="/tmp/log"):
    """A shell line that writes a word to the log."""
    return f"echo {shlex.quote(word)} >>{path}"
