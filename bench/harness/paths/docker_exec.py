"""`docker exec -i … socat` for each connection: what a tool without any relay of its own does."""

from harness import engine
from harness.paths.base import Spawned
from harness.world import package_version, program


class DockerExec(Spawned):
    name = "docker exec"
    what = ("`docker exec -i … socat` per connection, spawned by a socat on the host; "
            "the engine daemon's CPU counted, the container's not")
    forks = True
    slow = True

    def start(self, world, container):
        binary = program("socat")
        docker = program("docker")
        self.daemon = engine.daemon()
        for host, inner in self.specs():
            process = self.spawn(world, [
                binary, f"TCP-LISTEN:{host},bind=127.0.0.1,fork,reuseaddr,backlog=512",
                f"EXEC:{docker} exec -i {container.name} socat - TCP\\:127.0.0.1\\:{inner}",
            ], label=f"-{host}")
            world.wait_listening(f"{self.name}-{host}", process, host)

    def pids(self):
        return super().pids() + [self.daemon]

    def version(self):
        return package_version("docker.io")
