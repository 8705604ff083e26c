"""HAProxy, one thread, dialling inside the container's namespace."""

from harness.paths.base import Spawned
from harness.world import program


class Haproxy(Spawned):
    name = "HAProxy"
    what = "HAProxy, `namespace`, one thread, `option splice-auto`"
    package = "haproxy"

    def start(self, world, container):
        binary = program("haproxy")
        named = world.name_namespace(container.pid)
        listens = "".join(
            f"listen p{host}\n  bind 127.0.0.1:{host}\n"
            f"  server s 127.0.0.1:{inner} namespace {named.name}\n"
            for host, inner in self.specs()
        )
        config = world.work / "haproxy.cfg"
        config.write_text(
            "global\n  nbthread 1\n  maxconn 4000\ndefaults\n  mode tcp\n  maxconn 4000\n"
            "  timeout connect 5s\n  timeout client 300s\n  timeout server 300s\n"
            f"  option splice-auto\n{listens}"
        )
        process = self.spawn(world, [binary, "-db", "-f", config])
        world.wait_listening(self.name, process, self.host_ports.web)
