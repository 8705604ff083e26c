"""socat: a process per connection, to the container's address."""

from harness.paths.base import Spawned
from harness.world import program


class Socat(Spawned):
    name = "socat"
    what = "socat `TCP-LISTEN,fork`, to the container's address"
    package = "socat"
    bind = "0.0.0.0"
    forks = True

    def start(self, world, container):
        binary = program("socat")
        for host, inner in self.specs():
            process = self.spawn(world, [
                binary, f"TCP-LISTEN:{host},bind=127.0.0.1,fork,reuseaddr,backlog=512,nodelay",
                f"TCP:{container.address}:{inner},nodelay",
            ], label=f"-{host}")
            world.wait_listening(f"{self.name}-{host}", process, host)
