"""portsAttributes of exact numbers: label, protocol, onAutoForward."""

from harness import Case
from network import fetch, free_port, free_ports, refuses
from processes import holds_for, wait_for


class Attributes(Case):
    def open_before_up(self, port, **attributes):
        """The port is open already when `up --auto-forward` runs, so that its line is printed."""
        work = self.workspace(portsAttributes={str(port): attributes})
        work.up(auto=False)
        work.start("http", "127.0.0.1", port, "hello")
        wait_for(lambda: work.listening(port), "the listener")
        return work, work.up()

    def test_a_label_stands_in_the_line_and_in_the_listing(self):
        port = free_port()
        work, up = self.open_before_up(port, label="web")
        expected = f"Forwarding container {port} -> http://localhost:{port} (web)"
        self.assertEqual(up.line_for(port), expected)
        self.assertEqual(work.forward_of(port)["label"], "web")

    def test_a_label_stands_before_the_reason_of_a_remapping(self):
        port = free_port()
        self.server("http", "127.0.0.1", port, "taken")
        work, up = self.open_before_up(port, label="web")
        self.assertIn(f"(web; remapped: host {port} is in use", up.line_for(port))

    def test_a_label_with_control_characters_does_not_reach_the_terminal(self):
        port = free_port()
        _, up = self.open_before_up(port, label="a\x1b[31mred\nForwarding container 1 -> x")
        self.assertNotIn("\x1b", up.err)
        lines = [line for line in up.err.splitlines() if line.startswith("Forwarding container 1 ")]
        self.assertEqual(lines, [])

    def test_protocol_https_makes_an_https_url(self):
        port = free_port()
        work, up = self.open_before_up(port, protocol="https")
        self.assertIn(f"https://localhost:{port}", up.line_for(port))
        self.assertEqual(work.forward_of(port)["url"], f"https://localhost:{port}")

    def test_ignore_forwards_nothing_and_says_why(self):
        port = free_port()
        work, up = self.open_before_up(port, onAutoForward="ignore")
        self.assertEqual(
            up.line_for(port),
            f'Not forwarding container {port}: onAutoForward is "ignore" '
            f'(portsAttributes "{port}")',
        )
        holds_for(lambda: refuses(port), "a refusal", 0.5)
        forward = work.forward_of(port)
        if forward is not None:
            self.assertEqual(forward["state"], "not-forwarding")
            self.assertIsNone(forward["hostPort"])

    def test_silent_forwards_without_a_line(self):
        port = free_port()
        work, up = self.open_before_up(port, onAutoForward="silent")
        self.assertNotIn(f"container {port} ", up.err)
        self.assertEqual(fetch(work.port(port)), "hello")

    def test_notify_is_what_happens_without_attributes(self):
        port = free_port()
        _, up = self.open_before_up(port, onAutoForward="notify")
        expected = f"Forwarding container {port} -> http://localhost:{port}"
        self.assertEqual(up.line_for(port), expected)

    def test_of_one_port_leave_the_others_alone(self):
        ignored, other = free_ports(2)
        work = self.workspace(portsAttributes={str(ignored): {"onAutoForward": "ignore"}})
        work.up()
        work.start("http", "127.0.0.1", ignored, "ignored")
        work.serve(other)
        self.assertTrue(refuses(ignored))

    def test_a_port_that_appears_later_has_them_too(self):
        port = free_port()
        work = self.workspace(portsAttributes={str(port): {"label": "late", "protocol": "https"}})
        work.up()
        work.serve(port)
        forward = work.forward_of(port)
        self.assertEqual((forward["label"], forward["url"]), ("late", f"https://localhost:{port}"))
