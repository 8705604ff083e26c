"""pasta, splicing between the host's loopback and the container's."""

from harness.paths.base import Spawned
from harness.world import program


class Pasta(Spawned):
    name = "pasta"
    what = "pasta `-t`, spliced from loopback to loopback, in the container's namespace"
    package = "passt"

    def start(self, world, container):
        binary = program("pasta")
        # It drops the capability that opening /proc/PID/ns/net takes, so the namespace gets a name.
        forwards = ",".join(f"{host}:{inner}" for host, inner in self.specs())
        process = self.spawn(world, [
            binary, "--foreground", "--quiet", "--stderr", "--runas", "0", "-I", "pasta0",
            "-t", f"127.0.0.1/{forwards}", "-u", "none", "-T", "none", "-U", "none",
            "--netns-only", "--netns", world.name_namespace(container.pid),
        ])
        world.wait_listening(self.name, process, self.host_ports.web)
