"""The container's image: this machine's nginx, iperf3, socat and a shell, and the tests' portd.

No registry is needed, and every path meets the same server.
"""

import re
import shutil
import subprocess
from pathlib import Path

PAGE = b"x" * 512
PROGRAMS = ("nginx", "iperf3", "socat", "dash", "sleep", "cat", "dd")


def nginx_conf(listens, root, scratch):
    """Configuration of the web server: one worker, short answers, connections kept for ever."""
    lines = "\n".join(f"    listen {listen};" for listen in listens)
    temporary = "\n".join(
        f"  {kind}_temp_path {scratch}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""worker_processes 1;
daemon off;
error_log {scratch}/error.log;
pid {scratch}/nginx.pid;
events {{ worker_connections 16384; }}
http {{
{temporary}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600;
  client_header_timeout 3600;
  server {{
{lines}
    root {root};
  }}
}}
"""


def libraries_of(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/[^ ]+) \(0x", text)


def serve_script(services, scratch):
    """A shell script that runs nginx, and an iperf3 and a portd for each path."""
    lines = []
    for bind, ports in services:
        lines.append(f"iperf3 -s -B {bind} -p {ports.bulk} >/dev/null 2>&1 &")
        lines.append(f"portd echo {bind} {ports.echo} >/dev/null 2>&1 &")
    lines.append(f"exec nginx -c {scratch}/nginx.conf -e {scratch}/error.log")
    return "\n".join(lines) + "\n"


def web_listens(services):
    return [f"{f'[{bind}]' if ':' in bind else bind}:{ports.web}" for bind, ports in services]


def take_tools_out(pid):
    """Leaves what a distroless image has: the servers that run, and no shell or tool beside them."""
    binaries = Path(f"/proc/{pid}/root/bin")
    for word in ("sh", "dash", "socat", "sleep", "cat", "dd"):
        (binaries / word).unlink()


def make(tree, portd, services, name):
    """Builds the image in the directory `tree` and imports it as `name`."""
    for folder in ("bin", "etc", "tmp", "scratch", "site", "dev", "proc", "sys", "run", "bench",
                   "var/log/nginx", "var/lib/nginx"):
        (tree / folder).mkdir(parents=True)
    for word in PROGRAMS:
        program = shutil.which(word)
        shutil.copy(program, tree / "bin" / word)
        for library in libraries_of(program):
            copy = tree / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, copy)
    shutil.copy(portd, tree / "bin/portd")
    (tree / "bin/sh").symlink_to("dash")
    (tree / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (tree / "site/index.html").write_bytes(PAGE)
    conf = "user root;\n" + nginx_conf(web_listens(services), "/site", "/scratch")
    (tree / "scratch/nginx.conf").write_text(conf)
    (tree / "bin/serve").write_text("#!/bin/sh\n" + serve_script(services, "/scratch"))
    (tree / "bin/serve").chmod(0o755)
    packed = Path(f"{tree}.tar")
    subprocess.run(["tar", "-C", tree, "--owner=0", "--group=0", "-cf", packed, "."], check=True)
    subprocess.run(
        ["docker", "import", "--change", "ENV PATH=/bin", packed, name],
        check=True, stdout=subprocess.DEVNULL,
    )
    packed.unlink()
