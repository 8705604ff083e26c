"""fairlead, one supervisor (and state directory) for each relay kind."""

import os

from harness import engine, procs
from harness.paths.base import Path, Unavailable
from harness.world import answers, output_of, wait_until


class Fairlead(Path):
    relay = ""
    ordinary = False  # in the hands of a user who may use the engine and nothing more
    flags = ()
    within = ()  # the command that runs it

    def start(self, world, container):
        state = world.folder(f"state-{self.name.replace(' ', '-')}")
        words = [f"{host}:{inner}" for host, inner in self.specs()]
        words += ["--relay", self.relay, "--max-auto-forwards", "0", *self.flags]
        self.pid = world.forward(state, container.name, *words, ordinary=self.ordinary,
                                 within=self.within)
        self.binary = world.fairlead
        self.check_listening()

    def check_listening(self):
        for port in self.host_ports:
            wait_until(lambda: answers(self.host, port), f"{self.name} on port {port}")

    def pids(self):
        return procs.family(self.pid)

    def version(self):
        try:
            return output_of(self.binary, "--version").splitlines()[0]
        except Unavailable as error:
            return str(error)


class FairleadNamespace(Fairlead):
    name = "fairlead namespace"
    what = "fairlead, `--relay namespace`, to a server on the container's 127.0.0.1"
    relay = "namespace"


class FairleadAgent(Fairlead):
    name = "fairlead agent"
    what = "fairlead, `--relay agent`, run by a user who may use the engine and nothing more"
    relay = "agent"
    ordinary = True
    flags = ("--sidecar",)


class ToV6:
    what = "the same, to a server on the container's ::1 alone"
    bind = "::1"


class FairleadNamespaceV6(ToV6, FairleadNamespace):
    name = "fairlead namespace ::1"


class FairleadAgentV6(ToV6, FairleadAgent):
    name = "fairlead agent ::1"


class FairleadDirect(Fairlead):
    name = "fairlead direct"
    what = "fairlead, `--relay direct`, to the container's address"
    relay = "direct"
    bind = "0.0.0.0"


class FairleadExec(Fairlead):
    name = "fairlead exec"
    what = "fairlead, `--relay exec`: one exec (socat) per connection; the engine's CPU not counted"
    relay = "exec"
    forks = True
    slow = True


class FairleadNat(Fairlead):
    name = "fairlead nat"
    what = "fairlead, `--relay nat`, in the kernel (BPF), to the container's address"
    relay = "nat"
    bind = "0.0.0.0"


class FairleadNatNft(FairleadNat):
    name = "fairlead nat nft"
    what = "the same by nftables, as where no BPF can be had: it sees no control groups"

    @property
    def within(self):
        mounts = [line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2"]
        hide = "".join(f"umount -l {mount}; " for mount in mounts)
        return ("unshare", "--mount", "sh", "-c", hide + 'exec "$@"', "sh")


class FairleadMux(Fairlead):
    name = "fairlead mux"
    what = ("fairlead, `--relay mux`: all connections over the stdio of one exec; CPU of its agent "
            "in the container, the engine's daemon and the container's shim counted")
    relay = "mux"

    def start(self, world, container):
        self.shim = engine.shim(container)
        self.daemon = engine.daemon()
        super().start(world, container)
        self.agents()  # without one, whatever answers is no mux

    def agents(self):
        """The far end. Its file is gone, but /proc still knows the name."""
        found = [pid for pid in procs.family(self.shim)
                 if os.path.basename(procs.program_of(pid)).startswith(".fairlead-")]
        if not found:
            raise Unavailable("no agent runs in the container")
        return found

    def pids(self):
        return super().pids() + self.agents()

    def cpu(self):
        return procs.cpu_fine([*self.pids(), self.daemon, self.shim])
