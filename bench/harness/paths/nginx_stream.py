"""nginx's stream module on the host, to the container's address."""

from pathlib import Path as File

from harness.paths.base import Spawned, Unavailable
from harness.world import program

MODULE = File("/usr/lib/nginx/modules/ngx_stream_module.so")


class NginxStream(Spawned):
    name = "nginx stream"
    what = "nginx `stream` on the host, one worker, to the container's address"
    package = "nginx"
    bind = "0.0.0.0"

    def start(self, world, container):
        binary = program("nginx")
        if not MODULE.exists():
            raise Unavailable("libnginx-mod-stream is not installed")
        scratch = world.folder("nginx-stream")
        servers = "".join(
            f"  server {{ listen 127.0.0.1:{host}; proxy_pass {container.address}:{inner}; }}\n"
            for host, inner in self.specs()
        )
        config = scratch / "nginx.conf"
        config.write_text(
            f"load_module {MODULE};\nuser root;\nworker_processes 1;\ndaemon off;\n"
            f"error_log {scratch}/error.log;\npid {scratch}/pid;\n"
            "events { worker_connections 8192; }\n"
            f"stream {{\n  tcp_nodelay on;\n  proxy_half_close on;\n{servers}}}\n"
        )
        process = self.spawn(world, [binary, "-c", config, "-e", scratch / "error.log"])
        world.wait_listening(self.name, process, self.host_ports.web)
