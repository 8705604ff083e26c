"""What every way into the container has in common."""

from harness import procs
from harness.world import Unavailable, answers, package_version, wait_until


class Path:
    """One way to the server. Subclasses start it and say whose CPU time counts.

    `ports` are the container's, `host_ports` the host's; both belong to this path alone.
    """

    name = ""
    what = ""           # one line for the report
    package = ""        # Debian package whose version counts
    bind = "127.0.0.1"  # where the container's servers listen for this path
    host = "127.0.0.1"
    forks = False       # CPU time of ended children counts, in ticks
    slow = False        # a process per connection: few connections, no flood
    kernel = False      # no relay process: CPU 0
    publishes = False   # the engine forwards, from the container's start
    raw = False         # no host port: has a verify() and a bulk() of its own
    measures = ()       # those it takes part in; none named: all that make sense for it

    def __init__(self, ports, host_ports):
        self.ports = ports
        self.host_ports = host_ports

    def start(self, world, container):
        raise NotImplementedError

    def takes_part(self, measure):
        if self.measures:
            return measure in self.measures
        if measure in ("fair", "stalled"):
            return not self.slow
        if measure in ("syscalls", "profile"):  # of processes that stay
            return not (self.kernel or self.forks or self.slow)
        return True

    def pids(self):
        """Processes whose CPU time counts."""
        return []

    def cpu(self):
        pids = self.pids()
        return procs.cpu_coarse(pids) if self.forks else procs.cpu_fine(pids)

    def version(self):
        return package_version(self.package) if self.package else ""

    def threads(self):
        return sum(procs.threads(pid) for pid in self.pids())

    def specs(self):
        """(host port, container port), three times."""
        return list(zip(self.host_ports, self.ports))

    def check_listening(self):
        wait_until(lambda: all(answers(self.host, port) for port in self.host_ports),
                   f"{self.name} on {self.host_ports}")


class Spawned(Path):
    """A path of processes that we start and keep."""

    def __init__(self, ports, host_ports):
        super().__init__(ports, host_ports)
        self.processes = []

    def spawn(self, world, argv, label="", **options):
        name = self.name.replace(" ", "-") + label
        process = world.spawn(name, argv, **options)
        self.processes.append(process)
        return process

    def pids(self):
        return procs.family(*(process.pid for process in self.processes))


__all__ = ["Path", "Spawned", "Unavailable"]
