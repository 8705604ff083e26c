"""Ends and returns of containers: ports go at once and come back on the same numbers."""

import os
import signal
import time

from harness import Case
from network import bindable, connect, fetch, free_port, refuses, try_fetch
from processes import alive, children, docker, holds_for, supervisors_of, wait_for


class LifecycleCase(Case):
    def remapped(self, text="hello"):
        """A workspace whose host port differs from the container's, so that chance can't help."""
        self.inner = free_port()
        blocker = self.server("http", "127.0.0.1", self.inner, "blocker")
        work = self.workspace()
        work.up()
        self.outer = work.serve(self.inner, text)
        self.assertNotEqual(self.outer, self.inner)
        blocker.close()
        return work

    def serving_container(self, *options):
        """A container of a stranger's making whose own command is the server, under forward."""
        self.inner = self.outer = free_port()
        words = ("/bin/portd", "http", "127.0.0.1", str(self.inner), "own")
        container = self.container(*words, options=options)
        self.fairlead("forward", container)
        wait_for(lambda: try_fetch(self.outer) == "own", "the server")
        return container

    def until_free(self, port, timeout=5):
        began = time.monotonic()
        wait_for(lambda: bindable(port), f"host port {port} free", timeout, 0.002)
        return time.monotonic() - began


class Stop(LifecycleCase):
    def test_docker_stop_frees_the_host_port_at_once(self):
        work = self.remapped()
        docker("stop", "-t", "1", work.id)
        took = self.until_free(self.outer)
        self.report(f"docker stop's return to free host port: {took * 1e3:.1f} ms")
        self.assertTrue(refuses(self.outer))

    def test_docker_stop_leaves_the_supervisor_dormant_and_without_helper(self):
        work = self.remapped()
        supervisor = work.supervisor()
        docker("stop", "-t", "1", work.id)
        self.until_free(self.outer)
        self.assertTrue(alive(supervisor))
        self.assertTrue(work.marker_path().exists())
        wait_for(lambda: children(supervisor) == [], "no helper", 5)

    def test_docker_stop_frees_declared_ports_too(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        docker("stop", "-t", "1", work.id)
        self.until_free(port)

    def test_docker_stop_ends_open_connections(self):
        work = self.workspace()
        work.up()
        port = free_port()
        work.start("echo", "127.0.0.1", port)
        with connect(work.port(port)) as connection:
            connection.sendall(b"x")
            self.assertEqual(connection.recv(1), b"x")
            docker("stop", "-t", "1", work.id)
            connection.settimeout(10)
            try:
                self.assertEqual(connection.recv(1), b"")
            except ConnectionResetError:
                pass

    def test_docker_start_brings_the_forwards_back_by_itself_on_the_same_numbers(self):
        work = self.remapped()
        docker("stop", "-t", "1", work.id)
        self.until_free(self.outer)
        docker("start", work.id)
        self.assertEqual(work.serve(self.inner, "back"), self.outer)

    def test_docker_start_brings_a_declared_port_back_by_itself(self):
        port = free_port()
        work = self.workspace(forwardPorts=[port])
        work.up()
        docker("stop", "-t", "1", work.id)
        self.until_free(port)
        docker("start", work.id)
        self.assertEqual(work.port(port, state="waiting"), port)
        work.serve(port)

    def test_a_server_that_starts_with_its_container_is_back_after_stop_and_start(self):
        container = self.serving_container()
        for _ in range(3):
            docker("stop", "-t", "1", container)
            self.until_free(self.outer)
            docker("start", container)
            wait_for(lambda: try_fetch(self.outer) == "own", "the server again")

    def test_up_after_docker_stop_starts_the_container_under_the_same_supervisor(self):
        work = self.remapped()
        supervisor, container = work.supervisor(), work.id
        docker("stop", "-t", "1", work.id)
        self.until_free(self.outer)
        work.up()
        self.assertEqual((work.id, work.supervisor()), (container, supervisor))
        self.assertEqual(work.serve(self.inner, "back"), self.outer)


class Restart(LifecycleCase):
    def test_docker_restart_never_yields_a_dead_pool(self):
        container = self.serving_container()
        for _ in range(5):
            docker("restart", "-t", "1", container)
            wait_for(lambda: try_fetch(self.outer) == "own", "the server after the restart")
            for _ in range(50):
                self.assertEqual(fetch(self.outer), "own")

    def test_docker_restart_never_yields_a_false_empty_picture(self):
        container = self.serving_container()
        for _ in range(3):
            docker("restart", "-t", "1", container)
            wait_for(lambda: try_fetch(self.outer) == "own", "the server after the restart")
            holds_for(lambda: self.listed(), "the forward in the listing", 1.5, 0.05)

    def listed(self):
        return any(
            f["containerPort"] == self.inner and f["state"] == "forwarding"
            for f in self.all_forwards()
        )

    def test_docker_restart_leaves_no_port_of_a_server_that_did_not_come_back(self):
        work = self.remapped()
        docker("restart", "-t", "1", work.id)
        work.gone(self.inner)
        self.assertTrue(refuses(self.outer))

    def test_docker_restart_without_patience_keeps_the_numbers(self):
        container = self.serving_container()
        for _ in range(5):
            docker("restart", "-t", "0", container)
        wait_for(lambda: try_fetch(self.outer) == "own", "the server after five restarts")
        self.assertEqual(len(self.supervisors()), 1)

    def test_a_container_that_dies_and_is_restarted_by_its_policy_is_forwarded_again(self):
        container = self.serving_container("--restart", "always")
        state = docker("inspect", "--format", "{{.State.Pid}} {{.State.StartedAt}}", container)
        os.kill(int(state.out.split()[0]), signal.SIGKILL)
        wait_for(
            lambda: docker("inspect", "--format", "{{.State.Pid}} {{.State.StartedAt}}", container)
            .out.split()[1:] != state.out.split()[1:],
            "the container started again",
        )  # fmt: skip
        wait_for(lambda: try_fetch(self.outer) == "own", "the server again")


class Pause(LifecycleCase):
    def test_keeps_the_port_and_says_paused(self):
        work = self.remapped()
        docker("pause", work.id)
        self.addCleanup(docker, "unpause", work.id, check=False)
        wait_for(
            lambda: "paused" in str(work.forward_of(self.inner)).lower(),
            lambda: f"paused, but {work.forwards()}",
        )
        self.assertFalse(bindable(self.outer))
        holds_for(lambda: not bindable(self.outer), "the port held", 0.5)

    def test_ends_with_a_working_port(self):
        work = self.remapped()
        docker("pause", work.id)
        wait_for(lambda: "paused" in str(work.forward_of(self.inner)).lower(), "paused")
        docker("unpause", work.id)
        wait_for(lambda: try_fetch(self.outer) == "hello", "the server again")
        wait_for(lambda: "paused" not in str(work.forward_of(self.inner)).lower(), "not paused")

    def test_then_stop_frees_the_port(self):
        work = self.remapped()
        docker("pause", work.id)
        docker("kill", work.id)
        self.until_free(self.outer)


class End(LifecycleCase):
    def assert_all_gone(self, work, supervisor):
        wait_for(lambda: not alive(supervisor), "the supervisor's end")
        self.until_free(self.outer)
        wait_for(lambda: not work.marker_path().exists(), "no marker", 5)
        self.assertFalse(work.marker_path().with_suffix(".sock").exists())
        self.assertEqual(self.all_forwards(), [])

    def assert_back(self, work):
        work.up()
        self.assertEqual(work.serve(self.inner, "back"), self.outer)
        self.assertEqual(len(self.supervisors()), 1)

    def test_by_down_gives_the_same_numbers_at_the_next_up(self):
        work = self.remapped()
        supervisor = work.supervisor()
        work.down()
        self.assert_all_gone(work, supervisor)
        self.assert_back(work)

    def test_by_docker_rm_ends_the_supervisor_and_gives_the_same_numbers(self):
        work = self.remapped()
        supervisor = work.supervisor()
        docker("rm", "-f", work.id)
        self.assert_all_gone(work, supervisor)
        self.assert_back(work)

    def test_by_docker_rm_while_stopped_ends_the_supervisor(self):
        work = self.remapped()
        supervisor = work.supervisor()
        docker("stop", "-t", "1", work.id)
        self.until_free(self.outer)
        docker("rm", work.id)
        self.assert_all_gone(work, supervisor)

    def test_by_sigterm_cleans_up_and_gives_the_same_numbers(self):
        work = self.remapped()
        supervisor = work.supervisor()
        helpers = children(supervisor)
        os.kill(supervisor, signal.SIGTERM)
        self.assert_all_gone(work, supervisor)
        for helper in helpers:
            wait_for(lambda pid=helper: not alive(pid), "the helper's end", 5)
        running = docker("inspect", "--format", "{{.State.Running}}", work.id).out.strip()
        self.assertEqual(running, "true")
        work.up()
        self.assertEqual(work.answering(self.inner), self.outer)

    def test_by_sigkill_blocks_nothing_and_gives_the_same_numbers(self):
        work = self.remapped()
        supervisor = work.supervisor()
        helpers = children(supervisor)
        os.kill(supervisor, signal.SIGKILL)
        wait_for(lambda: not alive(supervisor), "the supervisor's end")
        self.until_free(self.outer)
        for helper in helpers:
            wait_for(lambda pid=helper: not alive(pid), "the helper's end", 5)
        self.assertEqual(self.all_forwards(), [])
        work.up()
        self.assertEqual(work.answering(self.inner), self.outer)
        self.assertEqual(len(self.supervisors()), 1)

    def test_by_sigkill_again_and_again_blocks_nothing(self):
        work = self.remapped()
        for _ in range(5):
            os.kill(work.supervisor(), signal.SIGKILL)
            work.up()
            self.assertEqual(work.answering(self.inner), self.outer)
        self.assertEqual(len(self.supervisors()), 1)

    def test_by_sigkill_then_down_stops_the_container(self):
        work = self.remapped()
        os.kill(work.supervisor(), signal.SIGKILL)
        work.down()
        state = docker("inspect", "--format", "{{.State.Running}}", work.id).out.strip()
        self.assertEqual(state, "false")
        self.assertFalse(work.marker_path().exists())

    def test_of_the_helper_by_sigkill_interrupts_nothing(self):
        work = self.remapped()
        supervisor = work.supervisor()
        helpers = children(supervisor)
        if not helpers:
            self.skipTest("the supervisor keeps no helper at rest")
        for helper in helpers:
            os.kill(helper, signal.SIGKILL)
        for _ in range(300):  # more than any pool holds
            self.assertEqual(fetch(self.outer), "hello")
        self.assertEqual(work.supervisor(), supervisor)
        later = free_port()
        work.start("http", "127.0.0.1", later, "later")
        wait_for(lambda: try_fetch(later) == "later", "a port that appears after the kill")

    def test_of_the_helper_by_sigkill_leaves_no_zombie(self):
        work = self.remapped()
        supervisor = work.supervisor()
        for helper in children(supervisor):
            os.kill(helper, signal.SIGKILL)
        wait_for(lambda: all(alive(pid) for pid in children(supervisor)), "no zombie", 5)

    def test_of_the_container_by_docker_kill_frees_the_port(self):
        work = self.remapped()
        docker("kill", work.id)
        took = self.until_free(self.outer)
        self.report(f"docker kill's return to free host port: {took * 1e3:.1f} ms")


class Strangers(LifecycleCase):
    def forged(self, work, stranger):
        """After a SIGKILL: the marker as it was, but with a stranger's pid."""
        os.kill(work.supervisor(), signal.SIGKILL)
        wait_for(lambda: not supervisors_of(self.state), "the supervisor's end")
        text = work.marker_path().read_text()
        work.marker_path().write_text(text.replace(str(work.marker()["pid"]), str(stranger)))
        self.assertEqual(work.marker()["pid"], stranger)

    def test_a_marker_that_names_a_strangers_pid_leaves_the_stranger_alone_on_down(self):
        work = self.remapped()
        stranger = self.server("http", "127.0.0.1", free_port(), "stranger").pid
        self.forged(work, stranger)
        work.down()
        self.assertTrue(alive(stranger))

    def test_a_marker_that_names_a_strangers_pid_leaves_the_stranger_alone_on_up(self):
        work = self.remapped()
        stranger = self.server("http", "127.0.0.1", free_port(), "stranger").pid
        self.forged(work, stranger)
        work.up()
        self.assertTrue(alive(stranger))
        self.assertNotEqual(work.supervisor(), stranger)
        self.assertEqual(work.answering(self.inner), self.outer)

    def test_a_marker_that_names_a_strangers_pid_leaves_the_stranger_alone_on_down_all(self):
        work = self.remapped()
        stranger = self.server("http", "127.0.0.1", free_port(), "stranger").pid
        self.forged(work, stranger)
        self.fairlead("down", "--all")
        self.assertTrue(alive(stranger))

    def test_down_leaves_a_container_of_another_workspace_alone(self):
        first, second = self.workspace("first"), self.workspace("second")
        first.up()
        second.up()
        first.down()
        state = docker("inspect", "--format", "{{.State.Running}}", second.id).out.strip()
        self.assertEqual(state, "true")


class DownThenUp(LifecycleCase):
    def test_at_once_never_loses_the_new_supervisors_files(self):
        work = self.remapped()
        for _ in range(5):
            work.down()
            work.up()
            supervisor = work.supervisor()
            self.assertEqual(work.serve(self.inner, "again"), self.outer)
            self.assertEqual(self.supervisors(), [supervisor])
        holds_for(lambda: self.complete(work, supervisor), "the new supervisor's files", 3, 0.1)

    def test_with_a_connection_that_drains_never_loses_the_new_supervisors_files(self):
        work = self.workspace()
        work.up()
        port = free_port()
        work.start("echo", "127.0.0.1", port)
        with connect(work.port(port)) as connection:
            connection.sendall(b"x")
            connection.recv(1)
            old = work.supervisor()
            os.kill(old, signal.SIGTERM)
            work.up()
            supervisor = work.supervisor()
            self.assertNotEqual(supervisor, old)
            wait_for(lambda: not alive(old), "the old supervisor's end", 30)
        holds_for(lambda: self.complete(work, supervisor), "the new supervisor's files", 3, 0.1)
        self.assertEqual(work.port(port), port)

    def complete(self, work, supervisor):
        marker = work.marker_path()
        return (
            alive(supervisor)
            and marker.exists()
            and marker.with_suffix(".sock").exists()
            and work.marker()["pid"] == supervisor
        )

    def test_at_the_same_time_leaves_one_supervisor_or_none(self):
        work = self.workspace()
        work.up()
        for _ in range(3):
            processes = [
                self.spawn(work.command("down")),
                self.spawn(work.command("up", "--auto-forward")),
            ]
            for process in processes:
                process.communicate(timeout=90)
            self.assertLessEqual(len(self.supervisors()), 1)
        work.up()
        work.serve(free_port())
        self.assertEqual(len(self.supervisors()), 1)
