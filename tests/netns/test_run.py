"""fairlead run: a command in namespaces of its own, as an ordinary user and without an engine."""

import json
import os
import signal
import subprocess
import time

from network import fetch, free_port, refuses
from processes import alive, children, stat_fields, wait_for
from run_case import PYTHON, RunCase, ordinary_user


class Passthrough(RunCase):
    def test_the_exit_status_is_the_commands(self):
        for script, status in (("exit 0", 0), ("exit 7", 7), ("exit 255", 255)):
            self.assertEqual(self.run_to_end("sh", "-c", script).rc, status, script)
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            result = self.run_to_end("sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual(result.rc, 128 + number, result)
        self.nothing_is_left()

    def test_a_command_that_cannot_be_run_is_named(self):
        missing = self.run_to_end("no-such-command", "x")
        self.assertEqual(missing.rc, 127, missing)
        self.assertIn('"no-such-command"', missing.err)
        nowhere = self.run_to_end("/no/such/command")
        self.assertEqual(nowhere.rc, 127, nowhere)
        forbidden = self.run_to_end("/etc/passwd")
        self.assertEqual(forbidden.rc, 126, forbidden)
        self.assertIn('"/etc/passwd"', forbidden.err)
        self.nothing_is_left()

    def test_words_after_the_command_are_its_own(self):
        words = ["--name", "x", "--", "--help", "-q", "", "a b", "ports"]
        for dashes in (["--"], []):
            argv = [*self.prefix, self.binary, "run", *dashes, "printf", "<%s>", *words]
            self.assertEqual(self.call(argv).out, "".join(f"<{w}>" for w in words))

    def test_usage_errors_run_nothing(self):
        for words in (
            ["run"],
            ["run", "--"],
            ["run", "--bogus", "touch", "ran"],
            ["run", "--name", "a/b", "touch", "ran"],
            ["run", "--forward-port", "0", "touch", "ran"],
            ["run", "--relay", "pigeon", "touch", "ran"],
        ):
            result = self.fairlead(*words, check=False, cwd=self.root)
            self.assertEqual((result.rc, result.out), (2, ""), result)
        self.assertFalse((self.root / "ran").exists())
        self.assertFalse(self.state.exists())

    def test_stdin_and_stdout_are_bytes_and_nothing_is_added(self):
        data = self.data_file(3_000_000)
        with open(data, "rb") as source:
            result = subprocess.run(
                self.words("cat"), stdin=source, capture_output=True, env=self.env, timeout=60
            )
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertTrue(result.stdout == data.read_bytes())

    def test_stderr_is_the_commands_too(self):
        result = self.run_to_end("sh", "-c", "echo out; echo err >&2")
        self.assertEqual((result.out, result.err), ("out\n", "err\n"))

    def test_user_folder_environment_and_umask_stay(self):
        script = 'id -u; id -g; pwd; echo "$FAIRLEAD_TEST"; umask'
        self.env["FAIRLEAD_TEST"] = "a b"
        direct = self.call([*self.prefix, "sh", "-c", script], cwd=self.root, umask=0o027)
        inside = self.run_to_end("sh", "-c", script, cwd=self.root, umask=0o027)
        self.assertEqual(inside.out, direct.out)

    def test_an_ordinary_users_command_has_no_capabilities(self):
        status = self.run_to_end("cat", "/proc/self/status").out
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertIn(f"{kind}:\t0000000000000000", status)

    def test_signal_mask_and_dispositions_are_the_callers(self):
        def prepare():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTTOU})
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

        def lines(argv, **options):
            out = self.call(argv, **options).out
            return [line for line in out.splitlines() if not line.startswith("SigQ")]

        look = ("grep", "^Sig", "/proc/self/status")
        for options in (
            {},
            {"preexec_fn": prepare},
            {"restore_signals": False},  # SIGPIPE ignored, as Python has it
        ):
            self.assertEqual(
                lines(self.words(*look), **options), lines([*self.prefix, *look], **options)
            )

    def test_no_descriptor_of_ours_is_inherited_and_the_callers_are(self):
        script = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        argv = [PYTHON, "-c", script]
        direct = self.call([*self.prefix, *argv], pass_fds=[write]).out
        self.assertIn(str(write), direct)
        self.assertEqual(self.call(self.words(*argv), pass_fds=[write]).out, direct)


class Signals(RunCase):
    SCRIPT = """
import signal, sys
def heard(number, frame):
    print(signal.Signals(number).name, flush=True)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), heard)
print("ready", flush=True)
for line in sys.stdin:
    print("over", flush=True)
    sys.exit(5)
"""
    NAMES = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")

    def test_what_a_process_sends_is_passed_on(self):
        process = self.start(PYTHON, "-c", self.SCRIPT, *self.NAMES)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        for name in self.NAMES:
            process.send_signal(getattr(signal, name))
            self.assertEqual(process.stdout.readline().decode(), name + "\n")
        out, _ = process.communicate(b"end\n", timeout=20)
        self.assertEqual((out, process.returncode), (b"over\n", 5))

    def test_a_command_that_a_signal_ends_gives_128_and_its_number(self):
        process = self.start("sleep", "1000", flags=["--name", "sleeper"])
        wait_for(lambda: self.marker("sleeper"), "the marker")
        pid = self.command_pid("sleeper")
        wait_for(lambda: b"sleep" in open(f"/proc/{pid}/cmdline", "rb").read(), "the command")
        process.terminate()
        self.assertEqual(process.wait(20), 128 + signal.SIGTERM)
        self.nothing_is_left()


class AfterTheEnd(RunCase):
    def test_nothing_is_left(self):
        port = free_port()
        process = self.http(port, "here")
        host = self.host_port(port)
        self.answers(host, "here")
        helpers = [c for s in self.supervisors() for c in children(s)]
        self.assertTrue(helpers)
        process.terminate()
        process.wait(20)
        self.nothing_is_left(host)
        self.assertEqual([p for p in helpers if alive(p)], [])

    def test_what_the_command_left_running_is_ended(self):
        port = free_port()
        script = f"PORTD http 127.0.0.1 {port} x & echo $!; (setsid sleep 1000 & echo $!); read _; exit 4"
        process = self.shell(script)
        lines = [process.stdout.readline() for _ in range(3)]
        left = sorted(int(line) for line in lines if line.strip().isdigit())
        self.assertEqual(len(left), 2, lines)
        host = self.host_port(port)
        process.stdin.write(b"end\n")
        process.stdin.flush()
        self.assertEqual(process.wait(20), 4)
        self.assertEqual([p for p in left if alive(p)], [])
        self.nothing_is_left(host)

    def test_a_killed_run_takes_along_all_that_it_has_started(self):
        port = free_port()
        process = self.shell(
            f"PORTD http 127.0.0.1 {port} x & echo $!; (setsid sleep 1000 & echo $!); echo $$; wait"
        )
        lines = [process.stdout.readline() for _ in range(4)]
        started = [int(line) for line in lines if line.strip().isdigit()]
        self.assertEqual(len(started), 3, lines)
        host = self.host_port(port)
        process.kill()
        wait_for(lambda: not any(map(alive, started)), "the end of the command and its children")
        wait_for(lambda: refuses(host), f"host port {host} refusing")
        wait_for(lambda: not self.leftovers(), self.leftovers)

    def test_a_run_killed_while_it_starts_leaves_no_process(self):
        for pause in range(0, 60, 5):
            process = self.start("sleep", "1000")
            time.sleep(pause / 1000)  # any moment will do: this spreads the kills over the start
            process.kill()
            wait_for(lambda: not self.supervisors(), self.supervisors)
            wait_for(lambda: not self.in_state("sleep", "1000"), "the command's end")

    def test_the_same_run_again_gets_the_same_host_port(self):
        port = free_port()
        for _ in range(2):
            process = self.http(port, "here")
            self.assertEqual(self.host_port(port), port)
            process.terminate()
            process.wait(20)


class Names(RunCase):
    def test_two_runs_with_the_same_port_get_a_host_port_each(self):
        port = free_port()
        hosts = []
        for name in ("one", "two"):
            self.http(port, name, flags=["--name", name])
            hosts.append(self.host_port(port, name))
            self.answers(hosts[-1], name)
        self.assertEqual(len(set(hosts)), 2)
        self.assertEqual(fetch(hosts[0]), "one")

    def test_a_name_in_use_is_an_error_and_harms_nobody(self):
        port = free_port()
        self.http(port, "first", flags=["--name", "same"])
        second = self.run_to_end("touch", "ran", flags=["--name", "same"], cwd=self.root)
        self.assertEqual(second.rc, 1, second)
        self.assertIn('"same"', second.err)
        self.assertFalse((self.root / "ran").exists())
        self.answers(self.host_port(port), "first")
        self.assertEqual(len(self.supervisors()), 1)

    def test_of_many_starts_with_one_name_one_succeeds(self):
        runs = [self.shell("echo began; read _", flags=["--name", "same"]) for _ in range(5)]
        first = [process.stdout.readline() for process in runs]
        self.assertEqual(sorted(first), [b""] * 4 + [b"began\n"])
        ends = [p.wait(20) for p, line in zip(runs, first) if not line]
        self.assertEqual(ends, [1] * 4)

    def test_ports_and_logs_find_a_run_by_name(self):
        port = free_port()
        self.http(port, "here", flags=["--name", "box"])
        found = self.fairlead(
            "ports", "wait", str(port), "--container-id", "box", "--timeout", "15", "--json"
        )
        forward = json.loads(found.out)
        self.assertEqual((forward["engine"], forward["containerName"]), ("native", "box"))
        self.assertEqual(forward["relay"], "namespace")
        log = self.fairlead("logs", "--container-id", "box").out
        self.assertIn("container box runs as process", log)
        self.assertEqual(self.fairlead("logs", "--container-id", "other", check=False).rc, 1)


class Supervision(RunCase):
    def test_a_dying_supervisor_leaves_the_command_alone_and_can_be_replaced(self):
        port = free_port()
        process = self.http(port, "here", flags=["--name", "box"])
        host = self.host_port(port)
        (supervisor,) = self.supervisors()
        os.kill(supervisor, signal.SIGKILL)
        wait_for(lambda: refuses(host), "the host port closed")
        self.fairlead("forward", "box")
        self.answers(self.host_port(port), "here")
        process.terminate()
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0)
        self.assertIn("supervisor has ended", err.decode())
        self.assertEqual(self.supervisors(), [])
        self.assertEqual(self.entries(), [])

    def test_forwarding_can_be_stopped_while_the_command_goes_on(self):
        port = free_port()
        process = self.http(port, "here", flags=["--name", "box"])
        host = self.host_port(port)
        command = self.command_pid("box")
        self.assertIn("Stopped", self.fairlead("forward", "--stop", "box").err)
        self.assertTrue(refuses(host))
        self.assertTrue(alive(command))
        self.assertIsNone(process.poll())

    def test_without_a_state_directory_the_command_runs_all_the_same(self):
        self.env["FAIRLEAD_STATE_DIR"] = "/dev/null/state"
        result = self.run_to_end("sh", "-c", "echo ran; exit 3")
        self.assertEqual((result.rc, result.out), (3, "ran\n"))
        self.assertIn("ports are not forwarded", result.err)

    def test_lines_tell_what_is_forwarded_unless_quiet(self):
        for flags, told in (([], True), (["--quiet"], False)):
            port = free_port()
            process = self.http(port, "here", flags=flags)
            host = self.host_port(port)
            if told:
                line = process.stderr.readline().decode()
                self.assertEqual(line, f"Forwarding container {port} -> http://localhost:{host}\n")
            process.terminate()
            self.assertEqual(process.communicate(timeout=20)[1], b"")


class Down(RunCase):
    def down(self, *words):
        """As on a machine without any engine."""
        result = self.fairlead("down", "--docker-path", "/no/docker", *words, check=False)
        self.assertEqual(result.rc, 0, result)
        return json.loads(result.out)

    def test_down_ends_a_run_without_an_engine(self):
        port = free_port()
        process = self.http(port, "here", flags=["--name", "box"])
        host = self.host_port(port)
        result = self.down("--container-id", "box")
        self.assertEqual(result["outcome"], "success")
        self.assertEqual(len(result["containers"]), 1)
        self.assertTrue(refuses(host))
        self.assertEqual(process.wait(20), 0)  # the server's own answer to SIGTERM
        self.nothing_is_left(host)

    def test_down_and_run_settle_at_once_and_neither_takes_the_other_for_the_supervisor(self):
        # `run` settles what is left the moment its command ends, `down` because it was asked to.
        for _ in range(8):
            process = self.http(free_port(), "here", flags=["--name", "box"])
            self.down("--container-id", "box")  # fails where it is ended by a signal
            self.assertEqual(process.wait(20), 0)
            process.stdout.close()

    def test_down_all_ends_every_run(self):
        runs = [self.http(free_port(), "here", flags=["--name", f"box{n}"]) for n in range(2)]
        self.assertEqual(len(self.down("--all")["containers"]), 2)
        self.assertEqual([p.wait(20) for p in runs], [0, 0])

    def test_a_command_that_does_not_want_to_end_is_killed(self):
        process = self.shell("trap '' TERM; echo ready; while :; do sleep 0.1; done",
                             flags=["--name", "box"])
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.down("--container-id", "box", "--timeout", "0")
        self.assertEqual(process.wait(20), 128 + signal.SIGKILL)

    def test_a_run_whose_supervisor_was_killed_is_ended(self):
        process = self.http(free_port(), "here", flags=["--name", "box"])
        os.kill(wait_for(self.supervisors, "the supervisor")[0], signal.SIGKILL)
        self.down("--container-id", "box")
        self.assertEqual(process.wait(20), 0)

    def test_no_marker_leads_to_a_process_that_is_no_run(self):
        self.http(free_port(), "here", flags=["--name", "box"])
        marker = self.marker("box")
        os.kill(wait_for(self.supervisors, "the supervisor")[0], signal.SIGKILL)
        stranger = subprocess.Popen([*self.prefix, "sleep", "1000"])
        self.addCleanup(self._end, stranger)
        ticks = stat_fields(stranger.pid)[19].decode()
        marker["engine_endpoint"] = f"native:{stranger.pid}:{ticks}:box"
        path = self.state / "supervisors" / f"{marker['container_id'][:12]}.json"
        path.write_text(json.dumps(marker))
        self.down("--container-id", "box")
        self.assertIsNone(stranger.poll())


class Refused(RunCase):
    def refused(self, setting):
        script = f'echo 0 > /proc/sys/{setting.replace(".", "/")} && exec "$@"'
        wrapper = [*ordinary_user(), "unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"]
        return self.call([*wrapper, self.binary, "run", "--", "echo", "ran"], check=False)

    def test_user_namespaces_switched_off_are_named(self):
        result = self.refused("user.max_user_namespaces")
        self.assertEqual((result.rc, result.out), (1, ""), result)
        self.assertIn("sysctl -w user.max_user_namespaces=", result.err)

    def test_network_namespaces_switched_off_are_named(self):
        result = self.refused("user.max_net_namespaces")
        self.assertEqual((result.rc, result.out), (1, ""), result)
        self.assertIn("sysctl -w user.max_net_namespaces=", result.err)

    def test_nothing_is_left_of_a_refused_run(self):
        self.refused("user.max_user_namespaces")
        self.assertFalse(self.state.exists())

