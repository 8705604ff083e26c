"""Which listeners are forwarded, by the address and the network they are in."""

from harness import Case
from network import fetch, free_port, free_ports, refuses, try_fetch
from processes import docker, holds_for, program, wait_for

IPV6 = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]


class Listeners(Case):
    def reached(self, address, *options, **config):
        work = self.workspace(**config)
        work.up()
        port = free_port()
        work.start("http", address, port, "found", *options)
        host_port = work.answering(port, "found")
        self.assertEqual(host_port, port)
        return work, port

    def test_on_127_0_0_1_is_reached(self):
        self.reached("127.0.0.1")

    def test_on_127_0_0_2_is_reached(self):
        self.reached("127.0.0.2")

    def test_on_0_0_0_0_is_reached(self):
        self.reached("0.0.0.0")

    def test_on_ipv6_loopback_is_reached(self):
        self.reached("::1", runArgs=IPV6)

    def test_on_the_dual_stack_wildcard_is_reached(self):
        self.reached("::", runArgs=IPV6)

    def test_on_the_dual_stack_wildcard_is_reached_without_ipv6_in_the_container(self):
        self.reached("::")

    def test_on_the_ipv6_only_wildcard_is_reached(self):
        self.reached("::", "--v6only", 1, runArgs=IPV6)

    def test_on_v4_mapped_loopback_is_reached(self):
        self.reached("::ffff:127.0.0.1")

    def test_on_the_own_address_is_reached(self):
        work = self.workspace()
        work.up()
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = docker("inspect", "--format", form, work.id).out.strip()
        port = free_port()
        work.start("http", address, port, "found")
        self.assertEqual(work.answering(port, "found"), port)

    def test_of_one_number_on_both_loopbacks_make_one_forward(self):
        work, port = self.reached("127.0.0.1", runArgs=IPV6)
        work.start("http", "::1", port, "found")
        wait_for(lambda: work.listening(port, "tcp6"), "the second")
        wait_for(lambda: fetch(port) == "found", "an answer")
        forwards = [f for f in work.forwards() if f["containerPort"] == port]
        self.assertEqual(len({f["hostPort"] for f in forwards}), len(forwards))

    def test_when_the_ipv4_one_of_two_ends_the_ipv6_one_is_reached(self):
        work = self.workspace(runArgs=IPV6)
        work.up()
        remote, port = work.remote(), free_port()
        _, first = remote.start("http", "127.0.0.1", port, "four")
        remote.start("http", "::1", port, "six")
        work.port(port)
        remote.stop(first)
        wait_for(lambda: answer_of(work, port) == "six", "an answer of the one that lives")

    def test_many_at_once_are_all_reached(self):
        work = self.workspace()
        work.up()
        ports = free_ports(40)
        work.start("multi", *(f"127.0.0.1:{port}" for port in ports))
        for port in ports:
            host_port = work.port(port)
            self.assertEqual(fetch(host_port), f"127.0.0.1:{port}")

    def test_beyond_the_cap_are_not_forwarded_and_it_is_said_once(self):
        work = self.workspace()
        work.up("--max-auto-forwards", "5")
        ports = free_ports(8)
        work.start("multi", *(f"127.0.0.1:{port}" for port in ports))
        wait_for(lambda: len(self.forwarding(work)) == 5, "five forwards")
        holds_for(lambda: len(self.forwarding(work)) == 5, "five forwards", 0.5, 0.1)

    def forwarding(self, work):
        return [f for f in work.forwards() if f["state"] == "forwarding"]


def answer_of(work, port):
    """What the forward of a container port answers now, wherever it is."""
    forward = work.forward_of(port, state="forwarding")
    return try_fetch(forward["hostPort"]) if forward else None


class Excluded(Case):
    def test_dockers_dns_listener_never_appears(self):
        work = self.workspace(runArgs=["--network", self.network()])
        up = work.up()
        table = work.exec("cat", "/proc/net/tcp").out
        dns = [line.split()[1] for line in table.splitlines() if " 0B00007F:" in line]
        self.assertTrue(dns, f"no listener on 127.0.0.11 in {table}")
        port = int(dns[0].split(":")[1], 16)
        work.serve(free_port())  # whatever was to be seen has been seen by now
        self.assertIsNone(work.forward_of(port))
        self.assertNotIn(str(port), up.err)
        self.assertTrue(refuses(port))

    def test_a_published_port_never_appears(self):
        inner, outer = free_ports(2)
        work = self.workspace(runArgs=["-p", f"127.0.0.1:{outer}:{inner}"])
        work.up()
        work.start("http", "0.0.0.0", inner, "published")
        wait_for(lambda: try_fetch(outer) == "published", "the engine's own forward")
        work.serve(free_port())
        self.assert_not_forwarded(work, inner)
        self.assertTrue(refuses(inner))

    def test_a_port_published_by_app_port_never_appears(self):
        port = free_port()
        work = self.workspace(appPort=[f"127.0.0.1:{port}:{port}"])
        work.up()
        work.start("http", "0.0.0.0", port, "published")
        wait_for(lambda: try_fetch(port) == "published", "the engine's own forward")
        work.serve(free_port())
        self.assert_not_forwarded(work, port)
        work.down()
        self.assertTrue(refuses(port))

    def assert_not_forwarded(self, work, port):
        for forward in work.forwards():
            if forward["containerPort"] == port:
                self.assertEqual(forward["state"], "not-forwarding", forward)
                self.assertIsNone(forward["hostPort"])


class Networks(Case):
    def test_the_hosts_network_is_told_apart_and_nothing_loops(self):
        port = free_port()
        work = self.workspace(runArgs=["--network", "host"])
        up = work.up()
        self.assertRegex(up.err.lower(), r"host.{0,20}network|network.{0,20}host")
        work.start("http", "127.0.0.1", port, "on the host")
        wait_for(lambda: try_fetch(port) == "on the host", "the server itself")
        holds_for(lambda: self.nothing_forwarded(work), "no forwards", 1.5, 0.1)

    def nothing_forwarded(self, work):
        return all(f["state"] == "not-forwarding" for f in work.forwards())

    def test_forward_on_a_container_in_the_hosts_network_says_so(self):
        container = self.container("/bin/portd", "idle", options=["--network", "host"])
        result = self.fairlead("forward", container, check=False)
        self.assertRegex(result.err.lower(), r"host.{0,20}network|network.{0,20}host")
        holds_for(lambda: self.all_forwarding() == [], "no forwards", 1, 0.1)

    def all_forwarding(self):
        return [f for f in self.all_forwards() if f["state"] == "forwarding"]

    def test_a_container_in_anothers_network_is_forwarded(self):
        port = free_port()
        owner = self.container("/bin/portd", "idle")
        guest = self.container(
            "/bin/portd", "http", "127.0.0.1", str(port), "guest",
            options=["--network", f"container:{owner}"],
        )  # fmt: skip
        self.fairlead("forward", guest)
        wait_for(lambda: try_fetch(port) == "guest", "the guest's server")
        forward = next(f for f in self.all_forwards() if f["containerPort"] == port)
        self.assertTrue(guest.startswith(forward["containerId"][:12]))

    def test_of_two_supervisors_on_one_network_the_second_forwards_what_is_declared_to_it(self):
        port, declared = free_ports(2)
        owner = self.container("/bin/portd", "multi", f"127.0.0.1:{port}", f"127.0.0.1:{declared}")
        guest = self.container("/bin/portd", "idle", options=["--network", f"container:{owner}"])
        self.fairlead("forward", owner)
        wait_for(lambda: try_fetch(port), "the owner's forward")
        self.fairlead("forward", guest, str(declared))
        forward = wait_for(lambda: self.of(guest, declared), "the guest's declared forward")
        self.assertEqual(fetch(forward["hostPort"]), f"127.0.0.1:{declared}")
        holds_for(lambda: self.of(guest, port) is None, "one forward of the port", 1, 0.1)
        self.assertEqual(fetch(port), f"127.0.0.1:{port}")

    def of(self, container, port):
        for forward in self.all_forwards():
            same = container.startswith(forward["containerId"][:12])
            if same and forward["containerPort"] == port and forward["state"] == "forwarding":
                return forward
        return None

    def test_a_container_without_any_network_is_forwarded(self):
        port = free_port()
        lonely = self.container(
            "/bin/portd", "http", "127.0.0.1", str(port), "alone", options=["--network", "none"]
        )
        self.fairlead("forward", lonely)
        wait_for(lambda: try_fetch(port) == "alone", "the server")


class Forward(Case):
    def serving(self, port, *options):
        return self.container("/bin/portd", "http", "127.0.0.1", str(port), "any", options=options)

    def test_takes_a_name(self):
        port = free_port()
        self.serving(port, "--name", f"{self.mark}-named")
        self.fairlead("forward", f"{self.mark}-named")
        wait_for(lambda: try_fetch(port) == "any", "the server")

    def test_takes_a_unique_prefix_of_an_id(self):
        port = free_port()
        self.fairlead("forward", self.serving(port)[:9])
        wait_for(lambda: try_fetch(port) == "any", "the server")

    def test_takes_a_host_port(self):
        outer, inner = free_ports(2)
        self.fairlead("forward", self.serving(inner), f"{outer}:{inner}")
        wait_for(lambda: try_fetch(outer) == "any", "the server")

    def test_says_that_there_is_no_such_container(self):
        result = self.fairlead("forward", f"{self.mark}-nobody", check=False)
        self.assertNotEqual(result.rc, 0)
        self.assertIn(f"{self.mark}-nobody", result.err)
        self.assertEqual(self.supervisors(), [])

    def test_names_the_word_that_is_no_port(self):
        container = self.serving(free_port())
        for word in ("0", "3000x", "70000", "3000-3002:1-2", "a:b:c:d"):
            with self.subTest(word):
                result = self.fairlead("forward", container, word, check=False)
                self.assertEqual(result.rc, 2, result)
                self.assertIn(word, result.err)

    def test_in_the_foreground_stays_and_prints_events(self):
        port = free_port()
        container = self.serving(port)
        process = self.spawn([program(), "forward", container, "--foreground"])
        try:
            wait_for(lambda: try_fetch(port) == "any", "the server")
            self.assertIsNone(process.poll())
        finally:
            process.terminate()
            out, err = process.communicate(timeout=20)
        self.assertIn(str(port), out + err)
        self.assertTrue(refuses(port))
