"""No relay: the container's own address, over the engine's bridge."""

from harness.paths.base import Path


class Address(Path):
    name = "address"
    what = "the container's own address, no relay"
    bind = "0.0.0.0"
    kernel = True

    def start(self, world, container):
        self.host = container.address
        self.host_ports = self.ports
        self.check_listening()
