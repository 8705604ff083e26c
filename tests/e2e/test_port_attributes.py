"""What the attributes of a port do: kinds of keys, host numbers, events, live changes."""

import json
import os
import random

from network import bindable, connect, fetch, free_port, free_ports, refuses
from ports_case import PortsCase
from processes import holds_for, wait_for

EVENT_KEYS = [
    "port", "protocol", "label", "onAutoForward", "autoForwarded", "localPort", "hostIp",
    "description", "openPreview", "requireLocalPort", "elevateIfNeeded",
]


def privileged_port():
    """One below 1024 that nobody has; only for who may bind it."""
    while True:
        port = random.randint(600, 1000)
        if bindable(port):
            return port


def refusal(up, port):
    """The line that says why a port is not forwarded."""
    start = f"Not forwarding container {port}: "
    lines = [line for line in up.err.splitlines() if line.startswith(start)]
    if len(lines) != 1:
        raise AssertionError(f"not one line {start!r} in {up}")
    return lines[0]


class Keys(PortsCase):
    def test_an_expression_is_searched_in_the_command_line(self):
        port, other = free_ports(2)
        work, up = self.opened(
            port, portsAttributes={rf"portd http .* {port} hello$": {"label": "by expression"}}
        )
        self.assertIn("(by expression)", up.line_for(port))
        work.serve(other)
        self.assertIsNone(work.forward_of(other)["label"])

    def test_an_expression_counts_for_a_port_that_appears_later(self):
        port = free_port()
        work = self.workspace(portsAttributes={"http.*special": {"label": "s", "protocol": "https"}})
        work.up()
        work.start("http", "127.0.0.1", port, "special")
        work.port(port)
        wait_for(lambda: work.forward_of(port)["label"] == "s", "the label", 5)
        self.assertEqual(work.forward_of(port)["url"], f"https://localhost:{port}")

    def test_an_expression_can_ignore_a_port(self):
        port, other = free_ports(2)
        key = f"http 127.0.0.1 {port} "
        work, up = self.opened(port, portsAttributes={key: {"onAutoForward": "ignore"}})
        self.assertEqual(
            up.line_for(port),
            f'Not forwarding container {port}: onAutoForward is "ignore" (portsAttributes "{key}")',
        )
        self.assertTrue(refuses(port))
        work.serve(other)
        holds_for(lambda: refuses(port), "a refusal", 0.5)

    def test_an_invalid_expression_is_told_and_the_others_count(self):
        port = free_port()
        work, up = self.opened(
            port, portsAttributes={"(": {"label": "no"}, "[a": {}, "portd": {"label": "yes"}}
        )
        self.assertIn('"("', up.err)
        self.assertEqual(work.forward_of(port)["label"], "yes")

    def test_a_number_wins_attribute_by_attribute(self):
        port = free_port()
        work, _ = self.opened(
            port,
            portsAttributes={
                "portd": {"label": "expression", "protocol": "https", "onAutoForward": "silent"},
                f"{port - 1}-{port + 1}": {"label": "range", "protocol": "http"},
                str(port): {"label": "number"},
            },
        )
        forward = work.forward_of(port)
        self.assertEqual(
            (forward["label"], forward["url"], forward["onAutoForward"]),
            ("number", f"http://localhost:{port}", "silent"),
        )

    def test_what_only_looks_like_a_range_is_an_expression(self):
        port = free_port()
        work, _ = self.opened(
            port, portsAttributes={f"{port - 1}x-{port + 1}": {"label": "expression"}}
        )
        self.assertIsNone(work.forward_of(port)["label"])

    def test_the_others_count_only_if_nothing_matches(self):
        matched, other = free_ports(2)
        work, up = self.opened(
            matched,
            other,
            portsAttributes={str(matched): {"label": "mine"}},
            otherPortsAttributes={"label": "others'", "protocol": "https", "onAutoForward": "silent"},
        )
        forward = work.forward_of(matched)
        self.assertEqual((forward["label"], forward["onAutoForward"]), ("mine", "notify"))
        self.assertEqual(forward["url"], f"http://localhost:{matched}")
        forward = work.forward_of(other)
        self.assertEqual((forward["label"], forward["onAutoForward"]), ("others'", "silent"))
        self.assertIn(f"container {matched} ", up.err)
        self.assertNotIn(f"container {other} ", up.err)

    def test_the_others_can_all_be_ignored(self):
        wanted, declared, other = free_ports(3)
        work, up = self.opened(
            wanted,
            declared,
            other,
            forwardPorts=[declared],
            portsAttributes={str(wanted): {"onAutoForward": "notify"}},
            otherPortsAttributes={"onAutoForward": "ignore"},
        )
        self.assertEqual(fetch(work.port(wanted)), "hello")
        self.assertEqual(fetch(work.port(declared)), "hello")  # declared means always
        self.assertIn("otherPortsAttributes", up.line_for(other))
        self.assertTrue(refuses(other))


class HostPorts(PortsCase):
    def test_a_required_number_that_is_taken_is_told_with_its_holder(self):
        port = free_port()
        holder = self.server("http", "127.0.0.1", port, "mine")
        work, up = self.opened(port, portsAttributes={str(port): {"requireLocalPort": True}})
        forward = work.forward_of(port)
        self.assertEqual((forward["state"], forward["hostPort"]), ("not-forwarding", None))
        for text in (refusal(up, port), forward["reason"]):
            self.assertIn("requireLocalPort", text)
            self.assertIn(str(holder.pid), text)
            self.assertIn("portd", text)
        self.assertEqual(fetch(port), "mine")

    def test_a_required_number_that_is_taken_is_told_once(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "mine")
        work = self.workspace(
            forwardPorts=[port], portsAttributes={str(port): {"requireLocalPort": True}}
        )
        for _ in range(2):
            up = work.up()
            told = [line for line in up.err.splitlines() if "requireLocalPort" in line]
            self.assertEqual(len(told), 1, up)
        self.assertIn("requireLocalPort", work.log())

    def test_a_required_number_that_stays_taken_is_no_news(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "mine")
        work = self.workspace(
            forwardPorts=[port], portsAttributes={str(port): {"requireLocalPort": True}}
        )
        work.up()

        def events():
            lines = self.fairlead("events").out.splitlines()
            return [e for e in map(json.loads, lines) if e.get("containerPort") == port]

        # It is tried again every second.
        holds_for(lambda: len(events()) == 1, lambda: f"one event: {events()}", 3, 0.1)
        self.assertEqual(work.forward_of(port)["refusal"], "no-host-port")

    def test_a_required_number_is_taken_once_it_is_free_and_up_runs_again(self):
        port = free_port()
        holder = self.server("http", "127.0.0.1", port, "mine")
        work, _ = self.opened(port, portsAttributes={str(port): {"requireLocalPort": True}})
        work.port(port, state="not-forwarding")
        holder.close()
        work.up()
        self.assertEqual(work.answering(port), port)

    def test_a_required_number_that_is_free_is_nothing_special(self):
        port = free_port()
        work, up = self.opened(port, portsAttributes={str(port): {"requireLocalPort": True}})
        self.assertEqual(up.line_for(port), f"Forwarding container {port} -> http://localhost:{port}")
        self.assertEqual(fetch(port), "hello")

    def test_a_required_declared_number_that_is_taken_fails_a_strict_up_alone(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "mine")
        work = self.workspace(
            forwardPorts=[port], portsAttributes={str(port): {"requireLocalPort": True}}
        )
        up = work.up()
        self.assertIn("requireLocalPort", refusal(up, port))
        strict = work.up("--strict-forwarding", check=False)
        self.assertEqual((strict.rc, strict.json["outcome"]), (1, "error"))
        self.assertIn(str(port), strict.json["message"] + strict.json["description"])

    def test_a_number_below_1024_is_taken_if_elevation_is_wanted_and_permitted(self):
        if os.geteuid() != 0:
            self.skipTest("takes the right to bind below 1024")
        port = privileged_port()
        work, up = self.opened(port, portsAttributes={str(port): {"elevateIfNeeded": True}})
        self.assertIn(f":{port}", up.line_for(port).split("->")[1])
        self.assertNotIn("privileged", up.line_for(port))
        self.assertEqual(work.answering(port), port)

    def test_a_number_below_1024_is_remapped_otherwise(self):
        port = privileged_port()
        work, up = self.opened(port)
        self.assertIn("(remapped: privileged port)", up.line_for(port))
        self.assertGreaterEqual(work.answering(port), 1024)

    def test_a_number_below_1024_that_is_required_but_not_elevated_is_refused(self):
        port = privileged_port()
        work, up = self.opened(port, portsAttributes={str(port): {"requireLocalPort": True}})
        self.assertIn("elevateIfNeeded", refusal(up, port))
        self.assertEqual(work.forward_of(port)["state"], "not-forwarding")

    def test_a_wished_number_is_given(self):
        port, wished = free_ports(2)
        work, up = self.opened(
            port, customizations={"fairlead": {"hostPorts": {str(port): wished}}}
        )
        self.assertEqual(work.answering(port), wished)
        self.assertIn(f":{wished}", up.line_for(port))
        self.assertTrue(refuses(port))

    def test_a_wished_number_of_a_declared_port_is_given(self):
        port, wished = free_ports(2)
        work = self.workspace(
            forwardPorts=[port], customizations={"fairlead": {"hostPorts": {str(port): wished}}}
        )
        work.up()
        self.assertEqual(work.port(port, state="waiting"), wished)

    def test_a_number_of_the_command_line_beats_a_wished_one(self):
        port, wished, named = free_ports(3)
        work = self.workspace(customizations={"fairlead": {"hostPorts": {str(port): wished}}})
        work.up("--forward-port", f"{named}:{port}")
        self.assertEqual(work.port(port, state="waiting"), named)

    def test_automatic_forwards_are_capped_by_the_configuration_and_the_flag(self):
        ports = free_ports(4)
        work, _ = self.opened(*ports, customizations={"fairlead": {"maxAutoForwards": 2}})

        def forwarded():
            return sum(f["state"] == "forwarding" for f in work.forwards())

        wait_for(lambda: forwarded() == 2, "two forwards")
        holds_for(lambda: forwarded() == 2, "two forwards", 0.5)
        work.up("--max-auto-forwards", "3")
        wait_for(lambda: forwarded() == 3, "three forwards")

    def personal(self, **workspaces):
        folder = self.root / "config" / "fairlead"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"workspaces": workspaces}))
        self.env["XDG_CONFIG_HOME"] = str(self.root / "config")

    def test_a_personal_file_overrides_the_workspaces(self):
        port, other, wished, own = free_ports(4)
        work = self.workspace(
            customizations={"fairlead": {"hostPorts": {str(port): wished}, "maxAutoForwards": 1}}
        )
        self.personal(**{
            str(work.folder): {"hostPorts": {str(port): own}},
            "*": {"maxAutoForwards": 7, "hostPorts": {str(port): 1}},
            "/another/workspace": {"hostPorts": {str(port): 2}},
        })
        work.up()
        work.start("http", "127.0.0.1", port, "hello")
        work.start("http", "127.0.0.1", other, "hello")
        self.assertEqual(work.port(port), own)
        work.port(other)


class Events(PortsCase):
    def lines(self, up):
        prefix = "PORT_EVENT: "
        texts = [x[len(prefix):] for x in up.err.splitlines() if x.startswith(prefix)]
        return [json.loads(text) for text in texts]

    def test_are_told_by_up_with_their_keys_in_order(self):
        port, plain, declared = free_ports(3)
        work, up = self.opened(
            port,
            plain,
            up=("--ports-events",),
            forwardPorts=[declared],
            portsAttributes={
                str(port): {"label": "web", "protocol": "https", "onAutoForward": "silent",
                            "requireLocalPort": True}
            },
        )
        events = {event["port"]: event for event in self.lines(up)}
        self.assertEqual(set(events), {port, plain, declared})
        for event in events.values():
            self.assertEqual(list(event), EVENT_KEYS)
        event = events[port]
        self.assertEqual(
            (event["protocol"], event["label"], event["onAutoForward"], event["requireLocalPort"]),
            ("tcp", "web", "silent", True),  # the protocol is the relay's, not the URL's
        )
        self.assertEqual((event["localPort"], event["hostIp"]), (port, "127.0.0.1"))
        self.assertTrue(event["autoForwarded"])
        for name in ("label", "onAutoForward", "requireLocalPort", "elevateIfNeeded"):
            self.assertIsNone(events[plain][name], name)
        self.assertEqual(events[plain]["localPort"], plain)

    def test_are_not_told_unless_asked_for(self):
        port = free_port()
        _, up = self.opened(port)
        self.assertNotIn("PORT_EVENT", up.err)

    def test_leave_stdout_as_it_is(self):
        port = free_port()
        work, up = self.opened(port, up=("--ports-events",))
        self.assertEqual(up.out, work.up().out)

    def test_of_ports_that_come_and_go_are_in_the_log(self):
        port = free_port()
        work = self.workspace()
        work.up()
        _, pid = work.remote().start("http", "127.0.0.1", port, "hello")
        work.answering(port)
        work.remote().stop(pid)
        work.gone(port)

        def told(word):
            return any(f"{word}container {port} " in x for x in work.log().splitlines())

        wait_for(lambda: told("forwarding: ") and told("withdrawn: "), work.log)

    def follow(self, work):
        process = self.spawn(work.command("events", "--follow"))
        os.set_blocking(process.stdout.fileno(), False)
        seen = []

        def told(**wanted):
            while line := process.stdout.readline():
                seen.append(json.loads(line))
            return next((e for e in seen if all(e.get(k) == v for k, v in wanted.items())), None)

        return told

    def test_are_followed_with_type_and_reason(self):
        port, ignored, required = free_ports(3)
        holder = self.server("http", "127.0.0.1", required, "mine")
        work = self.workspace(
            portsAttributes={
                str(ignored): {"onAutoForward": "ignore"},
                str(required): {"requireLocalPort": True},
                str(port): {"onAutoForward": "silent", "label": "web"},
            }
        )
        work.up()
        told = self.follow(work)
        servers = {p: work.remote().start("http", "127.0.0.1", p, "x")[1]
                   for p in (port, ignored, required)}
        event = wait_for(lambda: told(type="forwarding", containerPort=port), "forwarding")
        self.assertEqual((event["hostPort"], event["containerId"]), (port, work.id))
        event = wait_for(lambda: told(type="not-forwarding", containerPort=ignored), "ignored")
        self.assertIn("ignore", event["reason"])
        event = wait_for(lambda: told(type="not-forwarding", containerPort=required), "refused")
        self.assertIn(str(holder.pid), event["reason"])
        work.remote().stop(servers[port])
        event = wait_for(lambda: told(type="withdrawn", containerPort=port), "withdrawn")
        self.assertTrue(event["reason"])


class LiveChanges(PortsCase):
    """Editing the keys and running `up` again: one supervisor, and open connections go on."""

    def begin(self, **config):
        self.echo, self.port = free_ports(2)
        work = self.workspace(**config)
        work.up()
        work.start("echo", "127.0.0.1", self.echo)
        work.serve(self.port)
        self.connection = connect(work.port(self.echo))
        self.addCleanup(self.connection.close)
        self.before = work.supervisor()
        self.alive()
        return work

    def alive(self):
        self.connection.sendall(b"alive?")
        self.assertEqual(self.connection.recv(6), b"alive?")

    def again(self, work, **changes):
        work.write(**changes)
        up = work.up()
        self.alive()
        self.assertEqual(work.supervisor(), self.before)
        return up

    def test_of_attributes_hold_at_once(self):
        work = self.begin()
        both = str(self.port), str(self.echo)
        self.again(work, portsAttributes={key: {"label": "one"} for key in both})
        self.assertEqual(work.forward_of(self.port)["label"], "one")
        self.again(work, portsAttributes={"portd (http|echo)": {"label": "two", "protocol": "https"}})
        for port in (self.port, self.echo):
            forward = wait_for(
                lambda port=port: work.forward_of(port, label="two"), lambda: str(work.forwards())
            )
            self.assertEqual(forward["url"], f"https://localhost:{port}")
        self.again(work, portsAttributes={}, otherPortsAttributes={"label": "three"})
        self.assertEqual(work.forward_of(self.port)["label"], "three")

    def test_of_what_is_ignored_withdraw_without_breaking(self):
        work = self.begin()
        self.again(work, portsAttributes={str(self.echo): {"onAutoForward": "ignore"}})
        wait_for(lambda: refuses(self.echo), "a refusal", 5)
        self.alive()
        self.again(work, portsAttributes={"portd": {"onAutoForward": "ignore"}})
        wait_for(lambda: refuses(self.port), "a refusal", 5)
        self.alive()
        self.again(work, portsAttributes={})
        work.answering(self.port)
        self.alive()

    def test_of_wished_numbers_move_the_port_without_breaking(self):
        work = self.begin()
        wished, inner = free_port(), str(self.echo)
        self.again(work, customizations={"fairlead": {"hostPorts": {inner: wished}}})
        wait_for(lambda: work.port(self.echo) == wished, lambda: str(work.forwards()))
        with connect(wished) as fresh:
            fresh.sendall(b"x")
            self.assertEqual(fresh.recv(1), b"x")
        self.alive()

    def test_of_declared_ports_and_the_cap_hold_at_once(self):
        work = self.begin()
        added, extra = free_ports(2)
        self.again(work, forwardPorts=[added, self.port])
        self.assertEqual(work.port(added, state="waiting"), added)
        self.assertTrue(work.forward_of(self.port)["declared"])
        work.start("http", "127.0.0.1", extra, "x")
        work.port(extra)
        self.again(work, customizations={"fairlead": {"maxAutoForwards": 0}}, forwardPorts=[self.port])
        wait_for(lambda: refuses(extra), "the end of what is over the cap", 5)
        self.assertEqual(fetch(work.port(self.port)), "hello")
        self.alive()

    def test_of_a_required_number_hold_at_once(self):
        inner = free_port()
        holder = self.server("http", "127.0.0.1", inner, "mine")
        work = self.begin()
        work.start("http", "127.0.0.1", inner, "inner")
        self.assertNotEqual(work.answering(inner, "inner"), inner)
        self.again(work, portsAttributes={str(inner): {"requireLocalPort": True}})
        forward = wait_for(
            lambda: work.forward_of(inner, state="not-forwarding"), lambda: str(work.forwards())
        )
        self.assertIn(str(holder.pid), forward["reason"])
        self.again(work, portsAttributes={})
        work.answering(inner, "inner")

    def test_of_everything_at_once_twenty_times_keep_the_connection(self):
        work = self.begin()
        for number in range(20):
            self.again(
                work,
                forwardPorts=[self.port] if number % 2 else [],
                portsAttributes={str(self.echo): {"label": f"l{number}"}},
                otherPortsAttributes={"onAutoForward": "silent" if number % 3 else "notify"},
            )
            self.assertEqual(work.forward_of(self.echo)["label"], f"l{number}")
        self.assertEqual(self.supervisors(), [self.before])
