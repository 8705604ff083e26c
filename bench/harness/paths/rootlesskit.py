"""rootlesskit's builtin port driver. It forwards into a namespace of its own making only, so the
same server runs in there, on that namespace's loopback."""

import os

from harness import image, procs
from harness.paths.base import Spawned
from harness.world import program


class Rootlesskit(Spawned):
    name = "rootlesskit"
    what = "rootlesskit, `--port-driver builtin`; its server runs in rootlesskit's own namespace"
    package = "rootlesskit"

    def start(self, world, container):
        scratch = world.folder("rootlesskit")
        site = scratch / "site"
        site.mkdir()
        (site / "index.html").write_bytes(image.PAGE)
        services = [("127.0.0.1", self.ports)]
        conf = "user root;\n" + image.nginx_conf(image.web_listens(services), site, scratch)
        (scratch / "nginx.conf").write_text(conf)
        serve = scratch / "serve"
        serve.write_text(image.serve_script(services, scratch))
        (scratch / "bin").mkdir()
        (scratch / "bin/portd").symlink_to(world.portd.resolve())
        # It asks for subordinate ids of the user; a private /etc/subuid spares the machine's.
        for name in ("subuid", "subgid"):
            (scratch / name).write_text("root:100000:65536\n")
        published = []
        for host, inner in self.specs():
            published += ["-p", f"127.0.0.1:{host}:{inner}/tcp"]
        setup = (f"mount --bind {scratch}/subuid /etc/subuid && "
                 f"mount --bind {scratch}/subgid /etc/subgid && exec \"$@\"")
        process = self.spawn(world, [
            program("unshare"), "--mount", "sh", "-c", setup, "setup", program("rootlesskit"),
            "--state-dir", scratch / "state", "--net", "slirp4netns", "--disable-host-loopback",
            "--port-driver", "builtin", *published, "sh", serve,
        ], env={**os.environ, "PATH": f"{scratch}/bin:{os.environ['PATH']}"})
        world.wait_listening(self.name, process, self.host_ports.web)

    def pids(self):
        # The server descends from them, too; the relay is rootlesskit's own two processes.
        return [pid for pid in super().pids() if procs.program_of(pid).endswith("/rootlesskit")]
