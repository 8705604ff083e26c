"""An sshd of the test's own on 127.0.0.1, behind which the engine of the tests is a remote one."""

import os
import shutil
import signal
import subprocess

from network import bindable, free_port
from processes import run, wait_for


class SshEngine:
    """`url` is what DOCKER_HOST takes, `path` what comes first in PATH: an ssh that knows the way."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        directory.chmod(0o755)
        for name in ("host_key", "user_key"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name])
        shutil.copy(directory / "user_key.pub", directory / "authorized_keys")
        (directory / "authorized_keys").chmod(0o600)
        self.port = free_port()
        socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        (directory / "sshd_config").write_text(
            f"Port {self.port}\n"
            "ListenAddress 127.0.0.1\n"
            f"HostKey {directory}/host_key\n"
            f"AuthorizedKeysFile {directory}/authorized_keys\n"
            f"PidFile {directory}/pid\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            "MaxSessions 100\nMaxStartups 100\n"
            f"SetEnv DOCKER_HOST={socket} PATH={os.environ['PATH']} SHLVL=2\n"
        )
        (directory / "ssh_config").write_text(
            "Host *\n"
            f"  IdentityFile {directory}/user_key\n"
            "  IdentitiesOnly yes\n  BatchMode yes\n  LogLevel ERROR\n"
            "  StrictHostKeyChecking no\n"
            f"  UserKnownHostsFile {directory}/known_hosts\n"
        )
        self.path = directory / "bin"
        self.path.mkdir()
        ssh = self.path / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {directory}/ssh_config "$@"\n')
        ssh.chmod(0o755)
        self.url = f"ssh://root@127.0.0.1:{self.port}"
        self.daemon = None
        self.start()

    def start(self):
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd insists on it
        self.daemon = subprocess.Popen(
            [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", self.directory / "sshd_config"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=open(self.directory / "log", "ab"),
        )
        wait_for(lambda: not bindable(self.port), "sshd listens", 20)

    def connections(self):
        """The daemon's own children, one for each connection."""
        listed = run(["pgrep", "-P", str(self.daemon.pid)], check=False).out.split()
        return [int(pid) for pid in listed]

    def cut(self):
        """Ends every connection, in the middle of whatever it carries."""
        for pid in self.connections():
            for child in [*run(["pgrep", "-P", str(pid)], check=False).out.split(), pid]:
                try:
                    os.kill(int(child), signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def stop(self):
        if self.daemon is None:
            return
        self.cut()
        self.daemon.kill()
        self.daemon.wait()
        self.daemon = None
