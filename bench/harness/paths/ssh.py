"""`ssh -L` through a server of our own on 127.0.0.1, with keys made for this run."""

import os
from pathlib import Path as File

from harness.paths.base import Spawned
from harness.world import free_port, output_of, program


class Ssh(Spawned):
    name = "ssh -L"
    what = "OpenSSH `ssh -L` via an sshd on 127.0.0.1, to the container's address"
    package = "openssh-server"
    bind = "0.0.0.0"

    def start(self, world, container):
        server = program("sshd")
        folder = world.folder("ssh")
        for name in ("host", "user"):
            output_of("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
        port = free_port()
        File("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # Debian's sshd insists on it
        config = folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin prohibit-password\nAllowUsers {self.user()}\n"
            "AllowTcpForwarding local\nMaxStartups 100\nMaxSessions 100\n"
        )
        daemon = self.spawn(world, [server, "-D", "-e", "-f", config], label="d")
        world.wait_listening(f"{self.name.replace(' ', '-')}d", daemon, port)
        forwards = []
        for host, inner in self.specs():
            forwards += ["-L", f"127.0.0.1:{host}:{container.address}:{inner}"]
        client = self.spawn(world, [
            program("ssh"), "-F", "none", "-N", "-i", folder / "user", "-p", port, "-o",
            f"UserKnownHostsFile={folder}/known", "-o", "StrictHostKeyChecking=accept-new",
            "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", *forwards,
            f"{self.user()}@127.0.0.1",
        ])
        world.wait_listening(self.name.replace(" ", "-"), client, self.host_ports.web)

    @staticmethod
    def user():
        import pwd
        return pwd.getpwuid(os.getuid()).pw_name
