#!/usr/bin/env python3
"""The pure part of the bench: what clients print, figures, goals, tables, plots."""

import pathlib
import sys
import unittest
import xml.dom.minidom

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from harness import clients, goals, micro, plots, profile, syscalls, tables  # noqa: E402
from harness.figures import Figures, percentile  # noqa: E402
from harness.paths import ALL, docker_exec_pipe  # noqa: E402
from harness.world import Unavailable  # noqa: E402

WRK = """Running 1s test @ http://127.0.0.1:1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     0.85ms    1.20ms  12.00ms   92.00%
    Req/Sec    18.02k     1.00k   20.00k    70.00%
  Latency Distribution
     50%  526.00us
     75%  900.00us
     90%    2.00ms
     99%    6.43ms
  18112 requests in 1.00s, 12.00MB read
Requests/sec:  18101.50
Transfer/sec:     12.00MB
"""


def rounds(measure, figure, **paths):
    """A round for each position of the lists, `None` where a path has failed."""
    count = max(map(len, paths.values()))
    return [{measure: {path: {figure: values[i]} for path, values in paths.items()
                       if i < len(values) and values[i] is not None}} for i in range(count)]


class Clients(unittest.TestCase):
    def test_wrks_output_gives_count_rate_and_latencies_in_microseconds(self):
        self.assertEqual(clients.parse_wrk(WRK),
                         {"count": 18112, "rate": 18101.5, "p50_us": 526.0, "p99_us": 6430.0})

    def test_failed_requests_make_the_run_worthless(self):
        for line in ("  Socket errors: connect 0, read 3, write 0, timeout 0\n",
                     "  Non-2xx or 3xx responses: 7\n"):
            with self.assertRaises(Unavailable):
                clients.parse_wrk(WRK + line)

    def test_perfs_lines_give_counts_by_call(self):
        text = "# started\n\n120,,raw_syscalls:sys_enter,5,100.00,,\n40,,syscalls:sys_enter_read,5\n" \
               "<not counted>,,syscalls:sys_enter_write,0\n"
        self.assertEqual(syscalls.parse(text), {"raw_syscalls:sys_enter": 120, "read": 40})

    def test_the_medians_of_google_benchmark_are_taken(self):
        text = """{"benchmarks": [
          {"name": "a/1", "run_name": "a/1", "time_unit": "ns", "real_time": 1, "cpu_time": 1},
          {"name": "a/1_median", "run_name": "a/1", "aggregate_name": "median",
           "time_unit": "ns", "real_time": 2000, "cpu_time": 1000}]}"""
        self.assertEqual(micro.parse(text), {"a/1": {"real_us": 2.0, "cpu_us": 1.0}})


STACKS = """
ffffffff81000010 tcp_sendmsg
ffffffff81000020 __x64_sys_sendto
ffffffff81000030 do_syscall_64
    7f0000000010 __send

    7f0000000020 fairlead::relay::Pump::step

ffffffff81000040 __schedule
ffffffff81000050 asm_sysvec_reschedule_ipi
    7f0000000020 [unknown]
"""


class Profile(unittest.TestCase):
    def test_a_sample_is_of_a_system_call_or_the_relays_own_or_neither(self):
        self.assertEqual(profile.parse(STACKS),
                         {"sendto": 1, profile.OWN: 1, profile.ELSEWHERE: 1})

    def test_the_floor_leaves_our_own_code_out_and_the_peers_in(self):
        profiles = {"ours": {"new": {profile.OWN: 1.0, "connect": 2.0}},
                    "theirs": {"new": {profile.OWN: 2.0, "connect": 2.0}}}
        self.assertEqual(profile.floor(profiles, "new", "ours", "theirs"), 0.5)
        self.assertIsNone(profile.floor(profiles, "keep", "ours", "theirs"))
        headings, (ours, _) = profile.table_of(profiles, "new")
        self.assertEqual(headings[4:], ["connect", "other calls"])
        self.assertEqual(ours[2:4], ["33 %", "67 %"])


class Ratios(unittest.TestCase):
    def test_percentiles_go_by_nearest_rank(self):
        self.assertEqual(percentile(range(1, 101), 0.99), 99)
        self.assertEqual(percentile([5], 0.99), 5)

    def test_a_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians(self):
        figures = Figures(rounds("bulk", "gbit", a=[10, 2, 30], b=[5, 1, 60]))
        self.assertEqual(figures.ratio("bulk", "a", "b", "gbit"), 2)

    def test_a_round_in_which_one_has_failed_does_not_count_for_the_pair(self):
        figures = Figures(rounds("bulk", "gbit", a=[10, None, 30], b=[5, 1, 30]))
        self.assertEqual(figures.ratios("bulk", "a", "b", "gbit"), [2, 1])
        self.assertIsNone(figures.ratio("bulk", "a", "nobody", "gbit"))


class Paths(unittest.TestCase):
    def taking_part(self, measure):
        return {kind.name for kind in ALL if kind(None, None).takes_part(measure)}

    def test_the_raw_pipe_takes_part_in_bulk_alone(self):
        measures = [*clients.IN_ROUNDS, "syscalls", "profile"]
        self.assertEqual([name for name in measures if goals.PIPE in self.taking_part(name)], ["bulk"])

    def test_the_mux_takes_part_in_everything(self):
        for measure in (*clients.IN_ROUNDS, "syscalls", "profile"):
            self.assertIn(goals.MUX, self.taking_part(measure))

    def test_a_process_for_each_connection_is_not_tried_with_64_and_not_looked_into(self):
        for measure in ("fair", "syscalls", "profile"):
            self.assertNotIn("fairlead exec", self.taking_part(measure))
        self.assertIn("fairlead exec", self.taking_part("new"))

    def test_what_arrived_in_the_raw_pipe_is_the_far_ends_count(self):
        lines = (b"12+3 records in\n", b"12+3 records out\n",
                 b"4194304 bytes (4.2 MB, 4.0 MiB) copied, 0.01 s, 420 MB/s\n")
        self.assertEqual([docker_exec_pipe.count_of(line) for line in lines],
                         [None, None, 4194304])


class Goals(unittest.TestCase):
    def row(self, number, measured, results=None, scale=None):
        rows = goals.rows(Figures(measured), results or {}, scale or {})
        return next(row for row in rows if row[0] == number)

    def test_bulk_is_judged_by_the_hardest_peer(self):
        measured = rounds("bulk", "gbit", **{goals.OURS: [12], "HAProxy": [6], "pasta": [11]})
        self.assertIn("pasta", self.row("P1", measured)[3])
        self.assertEqual(self.row("P1", measured)[4], "**not met**")
        measured[0]["bulk"]["pasta"]["gbit"] = 9
        self.assertEqual(self.row("P1", measured)[4], "met")

    def test_what_was_not_measured_is_never_called_met(self):
        rows = goals.rows(Figures([]), {}, {})
        names = [f"P{n}" for n in range(1, 13)]
        self.assertEqual([row[0] for row in rows], [*names[:6], "agent", *names[6:]])
        self.assertEqual({row[4] for row in rows}, {"not measured"})

    def mux_round(self, mux, pipe, setup_us, rates):
        return {"bulk": {goals.MUX: {"gbit": mux}, goals.PIPE: {"gbit": pipe}},
                "single": {goals.MUX: {"p50_us": setup_us}},
                "stalled": {goals.MUX: {"left": 0.97}},
                "new": {path: {"rate": rate} for path, rate in rates.items()}}

    def test_the_mux_is_judged_by_the_pipe_of_its_own_round_and_by_each_way_of_exec(self):
        rates = {goals.MUX: 900, "fairlead exec": 30, "docker exec": 10}
        measured = [self.mux_round(9, 10, 1500, rates), self.mux_round(0.5, 1, 1700, rates),
                    self.mux_round(90, 100, 1100, rates)]
        row = self.row("P6", measured)
        self.assertEqual(row[3], "bulk, raw pipe 0.90 ×; set-up, request included 1.50 ms; "
                                 "faster than fairlead exec 30 ×; faster than docker exec 90 ×; "
                                 "8 flows beside a stuck client 0.97 ×")
        self.assertEqual(row[4], "met")
        for each in measured:
            each["new"]["fairlead exec"] = {"rate": 60}
        self.assertEqual(self.row("P6", measured)[4], "**not met**")

    def test_a_mux_that_could_not_be_had_says_why(self):
        row = self.row("P6", [], {"missing": {goals.MUX: "no agent runs in the container"}})
        self.assertIn("no agent runs in the container", row[3])
        self.assertEqual(row[4], "not measured")

    def test_one_part_missed_is_a_goal_missed(self):
        scale = {"forwards": {"pss_mib": 12.0}, "connections": {"bytes_each": 2000, "pipes": 0}}
        self.assertEqual(self.row("P11", [], scale=scale)[4], "**not met**")
        scale["connections"]["bytes_each"] = 200
        self.assertEqual(self.row("P11", [], scale=scale)[4], "met")
        del scale["connections"]
        self.assertEqual(self.row("P11", [], scale=scale)[4], "met as far as measured")


class Report(unittest.TestCase):
    def test_losses_are_those_beyond_the_margin_the_worst_first(self):
        measured = rounds("keep", "rate", ours=[100], a=[102], b=[150], c=[200])
        self.assertEqual([row[2] for row in tables.losses(Figures(measured), "ours", "abc")],
                         ["c", "b"])

    def test_a_plot_is_well_formed_and_escapes_names(self):
        text = plots.strip_plot("a < b", [("fairlead", [1.0, 2.0]), ("<&>", [0.5]), ("none", [])])
        self.assertEqual(len(xml.dom.minidom.parseString(text).getElementsByTagName("circle")), 3)
        self.assertIsNone(plots.strip_plot("nothing", [("none", [])]))


if __name__ == "__main__":
    unittest.main()
