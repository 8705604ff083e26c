"""Every way into the container that the bench knows, in the order of the report."""

from harness.paths.address import Address
from harness.paths.docker_exec import DockerExec
from harness.paths.docker_exec_pipe import DockerExecPipe
from harness.paths.docker_proxy import DockerProxy
from harness.paths.fairlead import (
    FairleadAgent,
    FairleadAgentV6,
    FairleadDirect,
    FairleadExec,
    FairleadMux,
    FairleadNamespace,
    FairleadNamespaceV6,
    FairleadNat,
    FairleadNatNft,
)
from harness.paths.haproxy import Haproxy
from harness.paths.nginx_stream import NginxStream
from harness.paths.pasta import Pasta
from harness.paths.rootlesskit import Rootlesskit
from harness.paths.socat import Socat
from harness.paths.ssh import Ssh

ALL = [
    FairleadNamespace, FairleadNamespaceV6, FairleadAgent, FairleadAgentV6, FairleadDirect,
    FairleadNat, FairleadNatNft, FairleadMux, FairleadExec,
    Haproxy, DockerProxy, NginxStream, Rootlesskit, Pasta, Socat, Ssh, DockerExec, DockerExecPipe,
    Address,
]
