"""SIGSTOP for a while, then SIGCONT: what a machine that sleeps does to its processes."""

import signal
import time

from fault_case import Churn, FaultCase, count, helpers
from network import fetch, free_port
from processes import alive, docker, wait_for

SECONDS = count(3, 60)


class Sleep(FaultCase):
    def sleep(self, *family):
        for pid in family:
            self.kill(pid, signal.SIGSTOP)
        time.sleep(SECONDS)  # what is tested is that nothing was done for so long
        for pid in reversed(family):
            self.kill(pid, signal.SIGCONT)

    def through(self, *, with_container):
        work = self.serving()
        supervisor = work.supervisor()
        with self.streams(patience=SECONDS + 60) as streams:
            with Churn(work.remote(), self.seed) as churn:
                wait_for(lambda: churn.changes > 3, "listeners that come and go")
                family = [supervisor, *helpers(supervisor)]
                if with_container:
                    churn.stop()  # its servers are about to be stopped, too
                    family += map(int, docker("top", work.id, "-o", "pid").out.split()[1:])
                self.sleep(*family)
                self.progress(streams)
            self.settled(work, churn)
        self.assertEqual(self.one_supervisor(work), supervisor)
        self.assertEqual(len(helpers(supervisor)), 1)
        self.report(f"stopped for {SECONDS} s: {len(family)} processes; {churn.changes} changes")
        self.sound(streams, unbroken=True)
        work.down()
        self.nothing_is_left()

    def test_of_the_supervisor_and_its_helper_loses_no_stream_and_no_change(self):
        self.through(with_container=False)

    def test_of_everything_loses_no_stream(self):
        self.through(with_container=True)

    def test_of_the_helper_alone_ends_no_stream_silently(self):
        work = self.serving()
        supervisor = work.supervisor()
        with self.streams(patience=SECONDS + 60) as streams:
            wait_for(lambda: streams.complete() > 3, "streams")
            family = helpers(supervisor)
            self.sleep(*family)
            self.progress(streams)
        self.report(f"helper stopped for {SECONDS} s")
        self.sound(streams)
        self.assertEqual(self.one_supervisor(work), supervisor)

    def test_of_a_supervisor_does_not_keep_the_next_up_from_working(self):
        work = self.serving()
        supervisor = work.supervisor()
        self.kill(supervisor, signal.SIGSTOP)
        self.addCleanup(self.kill, supervisor, signal.SIGKILL)
        work.up()
        wait_for(lambda: not alive(supervisor), "the stopped one's end", 20)
        for port in (self.source, self.sink):
            self.assertEqual(work.port(port), port)
        later = free_port()
        self.assertEqual(fetch(work.serve(later)), "hello")
        self.leases_are_of(self.one_supervisor(work))
        self.report("up while the supervisor was stopped: another one took its place")
        work.down()
        self.nothing_is_left()
