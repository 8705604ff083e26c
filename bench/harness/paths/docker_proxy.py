"""docker-proxy, as the engine starts it for published ports."""

from harness import procs
from harness.paths.base import Path, Unavailable
from harness.world import package_version


class DockerProxy(Path):
    name = "docker-proxy"
    what = "docker-proxy (`docker run -p 127.0.0.1:…`)"
    bind = "0.0.0.0"
    publishes = True

    def start(self, world, container):
        wanted = {str(port) for port in self.host_ports}
        self.found = []
        for pid in procs.parents():
            words = procs.command_line(pid)
            if words and words[0].endswith("docker-proxy") and "-host-port" in words:
                if words[words.index("-host-port") + 1] in wanted:
                    self.found.append(pid)
        if len(self.found) != 3:
            raise Unavailable(f"{len(self.found)} docker-proxy processes instead of 3 "
                              "(does the engine run with --userland-proxy=false?)")
        self.check_listening()

    def pids(self):
        return self.found

    def version(self):
        return package_version("docker.io")
