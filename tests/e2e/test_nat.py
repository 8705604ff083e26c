"""Relay `nat`: the kernel sends connections to the container by itself, beside a real listener."""

import ctypes
import os
import signal
import socket
import struct
from pathlib import Path

from network import connect, fetch, refuses, try_fetch
from processes import docker, run, wait_for
from relay_case import OrdinaryCase, RelayCase, WithoutBpf

SYS_BPF = 321
BPF_LINK_GET_NEXT_ID = 31


def links():
    """Every BPF link of this machine."""
    libc = ctypes.CDLL(None, use_errno=True)
    found, last = [], 0
    while True:
        attributes = ctypes.create_string_buffer(struct.pack("III", last, 0, 0), 12)
        if libc.syscall(SYS_BPF, BPF_LINK_GET_NEXT_ID, attributes, 12) != 0:
            return found
        last = struct.unpack_from("I", attributes, 4)[0]
        found.append(last)


def links_of(pid):
    """Those that a process holds; others come and go beside us."""
    found = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        for line in info.read_text().splitlines():
            if line.startswith("link_id:"):
                found.add(int(line.split()[1]))
    return found


def read(path):
    return Path(path).read_text()


def forgets(table):
    """Whether nftables has no table of that name any more."""
    return run(["nft", "list", "table", "ip", table], check=False).rc != 0


class BothBackends:
    alone = True  # others want host port 3000, too, as soon as it is free

    def begin_any(self, *words):
        self.begin("plain", *words)
        self.start("http", "0.0.0.0", 3000, "found")
        return self.wait(3000, state="forwarding", relay="nat")["hostPort"]

    def test_carries_what_is_not_bound_to_loopback_while_the_supervisor_is_stopped(self):
        port = self.begin_any()
        self.start("http", "127.0.0.1", 3001, "inside")
        inside = self.wait(3001, state="forwarding", relay="namespace")
        self.assertIn("not nat", inside["relayReason"])
        self.assertEqual(fetch(inside["hostPort"]), "inside")
        forward = self.listing()[3000]
        for words in (f"by the kernel ({self.backend})", "what the kernel leaves goes by namespace"):
            self.assertIn(words, forward["relayReason"])
        before = forward["connections"]["byKernel"]
        supervisor = self.supervisor()
        os.kill(supervisor, signal.SIGSTOP)
        try:
            self.assertEqual([try_fetch(port) for _ in range(20)], ["found"] * 20)
        finally:
            os.kill(supervisor, signal.SIGCONT)
        self.assertEqual(self.listing()[3000]["connections"]["byKernel"], before + 20)

    def test_no_server_sees_a_connection_that_nobody_made(self):
        """Some take one connection in their lives: it must not be ours."""
        self.begin("plain")
        self.start("hold", "0.0.0.0", 3000)
        port = self.wait(3000, state="forwarding", relay="nat")["hostPort"]
        pid = docker("inspect", "--format", "{{.State.Pid}}", self.box).out.strip()

        def others():
            lines = (Path(f"/proc/{pid}/net/tcp").read_text()).splitlines()[1:]
            return [line for line in lines if line.split()[1].endswith(f":{3000:04X}")
                    and line.split()[3] != "0A"]

        self.assertEqual(others(), [])
        with connect(port):
            wait_for(others, "one that somebody made is seen")

    def test_goes_over_to_the_listener_and_comes_back_with_the_address(self):
        network = self.network()
        port = self.begin_any()
        docker("network", "disconnect", "bridge", self.box)
        gone = self.wait(3000, state="forwarding", relay="namespace", hostPort=port)
        self.assertIn("not nat", gone["relayReason"])
        self.assertEqual(fetch(port), "found")
        docker("network", "connect", network, self.box)
        self.wait(3000, state="forwarding", relay="nat", hostPort=port)
        self.assertEqual(fetch(port), "found")

    def test_other_interfaces_and_networks_leave_its_connections_alone(self):
        port = self.begin_any()
        pid = docker("inspect", "--format", "{{.State.Pid}}", self.box).out.strip()
        with connect(port) as held:
            self.call(["nsenter", "-t", pid, "-n", "ip", "link", "add", "inner0", "type", "veth"])
            self.call(["nsenter", "-t", pid, "-n", "ip", "address", "add", "10.99.0.1/24", "dev", "inner0"])
            self.call(["nsenter", "-t", pid, "-n", "ip", "link", "delete", "inner0"])
            docker("network", "connect", self.network(), self.box)
            wait_for(lambda: "the first of its 2" in self.listing()[3000]["relayReason"], "it is known")
            self.assertEqual(self.listing()[3000]["relay"], "nat")
            held.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"found", held.recv(4096))

    def test_an_address_that_goes_in_silence_goes_at_once(self):
        port = self.begin_any()
        pid = docker("inspect", "--format", "{{.State.Pid}}", self.box).out.strip()
        self.call(["nsenter", "-t", pid, "-n", "ip", "address", "flush", "dev", "eth0"])
        self.wait(3000, state="forwarding", relay="namespace", hostPort=port)
        self.assertEqual(fetch(port), "found")

    def test_needs_nothing_of_what_lets_a_host_forward(self):
        forwarding = Path("/proc/sys/net/ipv4/ip_forward")
        self.addCleanup(forwarding.write_text, forwarding.read_text())
        self.addCleanup(run, ["nft", "delete", "table", "inet", "fairlead-e2e"], check=False)
        chain = "type filter hook forward priority 0; policy drop;"
        self.call(["nft", f"table inet fairlead-e2e {{ chain forward {{ {chain} }}; }}"])
        port = self.begin_any()
        forwarding.write_text("0")
        supervisor = self.supervisor()
        os.kill(supervisor, signal.SIGSTOP)
        try:
            self.assertEqual(try_fetch(port), "found")
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def test_follows_restarts_on_the_same_number(self):
        self.box = self.container("/bin/portd", "http", "0.0.0.0", "3000", "found", image="fairlead-test:plain")
        self.forward()
        port = self.wait(3000, state="forwarding", relay="nat")["hostPort"]
        docker("restart", "-t", "0", self.box)
        self.wait(3000, state="forwarding", relay="nat", hostPort=port)
        self.assertEqual(fetch(port), "found")
        docker("stop", "-t", "0", self.box)
        wait_for(lambda: refuses(port), "refused while it is stopped")


class Connect(BothBackends, RelayCase):
    backend = "BPF"

    def test_the_listener_serves_what_the_kernel_leaves(self):
        port = self.begin_any()
        with socket.create_connection(("127.0.0.1", port), 10, source_address=("127.0.0.1", 0)) as one:
            one.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"found", one.recv(4096))
        if not self.listing()[3000]["v6Remark"]:
            self.assertEqual(fetch(port, host="::1"), "found")

    def test_other_kinds_that_are_asked_for_keep_it_away(self):
        self.begin("plain", "--relay", "namespace")
        self.start("http", "0.0.0.0", 3000, "found")
        forward = self.wait(3000, state="forwarding", relay="namespace")
        self.assertNotIn("nat", forward["relayReason"])
        self.assertEqual(links_of(self.supervisor()), set())
        self.forward("--relay", "nat")
        self.wait(3000, state="forwarding", relay="nat", hostPort=forward["hostPort"])
        self.forward("--relay", "namespace")
        self.wait(3000, state="forwarding", relay="namespace", hostPort=forward["hostPort"])
        self.assertEqual(fetch(forward["hostPort"]), "found")

    def test_after_sigkill_nothing_is_left_of_it(self):
        port = self.begin_any()
        held_links = links_of(self.supervisor())
        self.assertEqual(held_links & set(links()), held_links)
        self.assertEqual(len(held_links), 2)
        held = connect(port)
        os.kill(self.supervisor(), signal.SIGKILL)
        wait_for(lambda: not held_links & set(links()), "the kernel has let go")
        wait_for(lambda: refuses(port), "the listener is gone, too")
        held.sendall(b"GET / HTTP/1.0\r\n\r\n")
        self.assertIn(b"found", held.recv(4096), "what was there goes on")
        held.close()
        self.forward()
        self.wait(3000, state="forwarding", relay="nat", hostPort=port)
        held_links = links_of(self.supervisor())
        self.fairlead("forward", self.box, "--stop")
        self.assertFalse(held_links & set(links()))
        self.assertTrue(refuses(port))


class BothTakeovers:
    alone = True  # who gets the address is decided by the engine: nobody else may ask

    def test_the_next_owner_of_an_address_never_hears_from_us(self):
        self.begin("plain")
        self.start("http", "0.0.0.0", 3000, "ours")
        port = self.wait(3000, state="forwarding", relay="nat")["hostPort"]
        address = self.address_of(self.box)
        for _ in range(3):
            docker("network", "disconnect", "bridge", self.box)
            other = self.container("/bin/portd", "http", "0.0.0.0", "3000", "stranger", image="fairlead-test:plain")
            self.assertEqual(self.address_of(other), address, "no test")
            answers = {try_fetch(port) for _ in range(50)}
            self.assertEqual(answers, {"ours"})
            docker("rm", "-f", other)
            docker("network", "connect", "bridge", self.box)
            self.wait(3000, state="forwarding", relay="nat", hostPort=port)


class ConnectTakeover(BothTakeovers, RelayCase):
    pass


class NftTakeover(WithoutBpf, BothTakeovers, RelayCase):
    pass


class Nft(WithoutBpf, BothBackends, RelayCase):
    backend = "nftables"

    def bridge(self):
        return self.listing()[3000]["relayReason"].split(" through ")[1].split(",")[0].split(";")[0].split(")")[0]

    def setting(self):
        return Path(f"/proc/sys/net/ipv4/conf/{self.bridge()}/route_localnet")

    def test_everything_is_as_before_when_it_has_gone(self):
        """What others have beside it, byte for byte: tests/netns/nft_table_test.cc."""
        port = self.begin_any()
        setting = self.setting()
        self.assertEqual(fetch(port), "found")
        self.assertEqual(setting.read_text(), "1\n")
        self.fairlead("forward", self.box, "--stop")
        self.assertEqual(setting.read_text(), "0\n")
        self.assertNotIn("fairlead", self.call(["nft", "list", "tables"]).out)
        address = self.address_of(self.box)
        flows = [line for line in read("/proc/net/nf_conntrack").splitlines() if f"src={address} " in line]
        self.assertEqual([flow for flow in flows if "dst=127.0.0.1 " in flow], [])
        self.assertTrue(refuses(port))

    def test_a_setting_that_somebody_lowers_leaves_it_to_the_listener(self):
        port = self.begin_any()
        setting = self.setting()
        setting.write_text("0")
        # In between a connection may have to wait for the end of it, but none is lost.
        self.assertEqual(fetch(port), "found")
        # It comes back soon, and who looks too late sees nothing of it.
        wait_for(lambda: "was switched off" in self.fairlead("logs", "--container-id", self.box).out, "it is noticed")
        self.assertEqual(fetch(port), "found")
        self.wait(3000, state="forwarding", relay="nat", hostPort=port)
        self.assertEqual(setting.read_text(), "1\n")

    def test_a_firewall_that_lets_no_answer_in_leaves_it_to_the_listener(self):
        self.addCleanup(run, ["nft", "delete", "table", "inet", "fairlead-e2e"], check=False)
        rule = 'iifname != "lo" ip daddr 127.0.0.0/8 drop'
        chain = "type filter hook input priority 0; policy accept;"
        self.call(["nft", f"table inet fairlead-e2e {{ chain input {{ {chain} {rule}; }}; }}"])
        self.begin("plain")
        self.start("http", "0.0.0.0", 3000, "found")
        wait_for(lambda: "not nat" in self.listing().get(3000, {}).get("relayReason", ""), "it was tried")
        self.assertEqual(fetch(self.wait(3000, relay="namespace")["hostPort"]), "found")

    def test_a_killed_supervisor_leaves_the_guard_until_doctor_has_been_there(self):
        port = self.begin_any()
        setting, supervisor = self.setting(), self.supervisor()
        held = connect(port)
        self.addCleanup(held.close)
        self.assertIn(f"for process {supervisor}", self.fairlead("doctor", check=False).out)
        os.kill(supervisor, signal.SIGKILL)
        wait_for(lambda: refuses(port), "the listener is gone, too")
        self.assertEqual(setting.read_text(), "1\n")
        report = self.fairlead("doctor", check=False).out
        self.assertIn(f"process {supervisor} was killed", report)
        self.assertIn("--repair", report)
        self.assertFalse(forgets("fairlead-guard"))
        self.assertIn("lowered route_localnet", self.fairlead("doctor", "--repair", check=False).err)
        self.assertEqual(setting.read_text(), "0\n")
        self.assertTrue(forgets("fairlead-guard"))
        self.forward()
        self.wait(3000, state="forwarding", relay="nat", hostPort=port)
        self.assertEqual(fetch(port), "found")


class OrdinaryUser(OrdinaryCase):
    def test_is_told_why_not(self):
        self.begin("plain")
        self.start("http", "0.0.0.0", 3000, "found")
        forward = self.wait(3000, state="forwarding")
        self.assertNotEqual(forward["relay"], "nat")
        self.assertIn("not nat: takes a socket of its network", forward["relayReason"])
