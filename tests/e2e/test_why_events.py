"""`why`, `events`, `ports add` and `ports rm`."""

import json
import os
import signal
import subprocess

from harness import Case
from network import fetch, free_port, refuses
from processes import program, wait_for


class PortStories(Case):
    def begin(self, **config):
        work = self.workspace(**config)
        work.up()
        return work

    def why(self, work, port, *words, **options):
        return self.call(work.command("why", str(port), *words), **options)

    def test_why_tells_process_attribute_holder_and_relay(self):
        port = free_port()
        work = self.begin(portsAttributes={str(port): {"label": "web"}})
        holder = self.server("http", "127.0.0.1", port, "mine")
        host_port = work.serve(port)
        self.assertNotEqual(host_port, port)
        told = self.why(work, port).out
        self.assertIn("listening on 127.0.0.1", told)
        self.assertIn(f"portd http 127.0.0.1 {port}", told)
        self.assertIn(f'label "web" (portsAttributes "{port}"), in {work.file}', told)
        self.assertIn(f"wished was {port}, held by process {holder.pid}", told)
        self.assertIn("namespace: bound to loopback; namespace joined", told)
        self.assertIn(f"http://localhost:{host_port}", told)
        story = json.loads(self.why(work, port, "--json").out)["stories"][0]
        self.assertEqual(story["forward"]["hostPort"], host_port)
        self.assertIn(str(holder.pid), story["hostPortHolder"])

    def test_why_tells_of_a_port_that_nobody_knows(self):
        work = self.begin()
        told = self.why(work, 9).out
        self.assertIn("nobody listens on it", told)
        self.assertIn("ports add 9", told)

    def test_why_tells_of_an_ignored_port_and_its_process(self):
        port = free_port()
        work = self.begin(portsAttributes={str(port): {"onAutoForward": "ignore"}})
        work.start("http", "127.0.0.1", port, "x")
        wait_for(lambda: work.forward_of(port, state="not-forwarding"), "seen")
        told = self.why(work, port).out
        self.assertIn('onAutoForward is "ignore"', told)
        self.assertIn(f"portd http 127.0.0.1 {port}", told)

    def test_why_without_a_supervisor_says_how_to_get_one(self):
        result = self.fairlead("why", "3000", check=False)
        self.assertEqual(result.rc, 1)
        self.assertIn("fairlead up --auto-forward", result.err)

    def test_ports_can_be_added_and_removed_while_it_runs(self):
        work = self.begin()
        port = free_port()
        self.call(work.command("ports", "add", str(port)))
        waiting = work.forward_of(port, state="waiting")
        self.assertTrue(waiting["declared"])
        host_port = work.serve(port)
        self.assertEqual(host_port, waiting["hostPort"])
        self.call(work.command("ports", "rm", str(port)))
        self.assertTrue(refuses(host_port))
        self.assertEqual(work.forward_of(port)["refusal"], "removed")
        self.call(work.command("ports", "add", str(port)))
        self.assertEqual(fetch(work.port(port)), "hello")
        # A new `up` means what the configuration says.
        self.call(work.command("ports", "rm", str(port)))
        work.up()
        self.assertEqual(fetch(work.port(port)), "hello")

    def test_an_open_connection_survives_what_happens_to_other_ports(self):
        work = self.begin()
        echo, other = free_port(), free_port()
        work.start("echo", "127.0.0.1", echo)
        host_port = work.port(echo)
        from network import connect

        with connect(host_port) as connection:
            connection.sendall(b"before")
            self.assertEqual(connection.recv(100), b"before")
            self.call(work.command("ports", "add", str(other)))
            self.call(work.command("ports", "rm", str(other)))
            connection.sendall(b"after")
            self.assertEqual(connection.recv(100), b"after")

    def test_bad_words_are_usage_errors_and_change_nothing(self):
        work = self.begin()
        before = work.forwards()
        for words in (["add", "70000"], ["add", "0"], ["add", "x"], ["rm", "0"], ["rm", "x"], ["add"]):
            result = self.call(work.command("ports", *words), check=False)
            self.assertEqual(result.rc, 2, result)
        self.assertEqual(work.forwards(), before)

    def test_events_tell_what_happened(self):
        work = self.begin()
        port = free_port()
        host_port = work.serve(port)
        work.remote()
        told = [json.loads(line) for line in self.call(work.command("events")).out.splitlines()]
        self.assertEqual([e["type"] for e in told if e["type"] == "engine"], ["engine"])
        mine = [e for e in told if e.get("containerPort") == port]
        self.assertEqual([e["type"] for e in mine], ["forwarding"])
        self.assertEqual(mine[0]["hostPort"], host_port)
        self.assertEqual(mine[0]["containerId"], work.id)
        self.assertTrue(mine[0]["time"].endswith("Z"))

    def test_events_are_followed_across_a_restart_to_the_end(self):
        work = self.begin()
        follower = subprocess.Popen(
            [program(), "events", "--follow", "--workspace-folder", str(work.folder)],
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(follower.wait, 10)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.kill)
        os.set_blocking(follower.stdout.fileno(), False)
        seen = []

        def told(**wanted):
            while line := follower.stdout.readline():
                seen.append(json.loads(line))
            return any(all(e.get(k) == v for k, v in wanted.items()) for e in seen)

        port = free_port()
        work.serve(port)
        wait_for(lambda: told(type="forwarding", containerPort=port), "forwarding")
        work.exec("sh", "-c", "kill $(cat /proc/[0-9]*/stat | grep '(portd)' | cut -d' ' -f1)", check=False)
        wait_for(lambda: told(type="withdrawn", containerPort=port), "withdrawn")
        work.down()
        wait_for(lambda: told(type="engine", state="unsupervised"), "the supervisor's end")
        follower.send_signal(signal.SIGINT)
        follower.wait(10)
