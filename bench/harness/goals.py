"""The goals P1 to P12 against the figures: (number, what, goal, figure, verdict)."""

from harness import nat

OURS = "fairlead namespace"
MUX, PIPE = "fairlead mux", "docker exec pipe"
BULK_PEERS = ("docker-proxy", "HAProxy", "rootlesskit", "pasta")


class Goal:
    """Collects the parts of one goal; it is met if every part is."""

    def __init__(self, number, what):
        self.number, self.what = number, what
        self.wanted, self.got, self.verdicts = [], [], []

    def at_least(self, label, value, limit, form="{:.2f} ×"):
        self._part(label, value, limit, "≥", form, lambda: value >= limit)

    def at_most(self, label, value, limit, form="{:.2f} ×"):
        self._part(label, value, limit, "≤", form, lambda: value <= limit)

    def unmeasured(self, goal, why):
        self.wanted.append(goal)
        self.got.append(why)
        self.verdicts.append(None)

    def _part(self, label, value, limit, sign, form, met):
        self.wanted.append(f"{label} {sign} {form.format(limit)}")
        self.got.append("not measured" if value is None else f"{label} {form.format(value)}")
        self.verdicts.append(None if value is None else met())

    def verdict(self):
        if False in self.verdicts:
            return "**not met**"
        if None in self.verdicts:
            return "not measured" if True not in self.verdicts else "met as far as measured"
        return "met"

    def row(self):
        return (self.number, self.what, "; ".join(self.wanted), "; ".join(self.got),
                self.verdict())


def _against_best(goal, figures, figure, limit, more_is_better):
    """Ours against each peer; the hardest one is the best of them."""
    ratios = {}
    for peer in BULK_PEERS:
        ratio = figures.ratio("bulk", OURS, peer, figure)
        if ratio is not None:
            ratios[peer] = ratio
    if not ratios:
        return goal.unmeasured("against the best of them", "no peer was measured")
    hardest = (min if more_is_better else max)(ratios, key=ratios.get)
    part = goal.at_least if more_is_better else goal.at_most
    part(f"against {hardest}, the best of {len(ratios)}:", ratios[hardest], limit)
    return None


def relay_goals(figures, results):
    def ratio(measure, peer, figure):
        return figures.ratio(measure, OURS, peer, figure)

    first = Goal("P1", "bulk, one flow, loopback-bound server")
    _against_best(first, figures, "gbit", 1.2, True)
    second = Goal("P2", "relay CPU seconds per GiB")
    _against_best(second, figures, "cpu_s_gib", 0.8, False)
    third = Goal("P3", "new connection + request + close")
    third.at_least("HAProxy", ratio("new", "HAProxy", "rate"), 1.15)
    third.at_least("docker-proxy", ratio("new", "docker-proxy", "rate"), 1.6)
    third.at_least("docker exec", ratio("new", "docker exec", "rate"), 500, "{:.0f} ×")
    third.at_most("CPU, HAProxy", ratio("new", "HAProxy", "cpu_us"), 0.8)
    fourth = Goal("P4", "keep-alive requests, against HAProxy")
    fourth.at_least("rate", ratio("keep", "HAProxy", "rate"), 1.15)
    fourth.at_most("p50", ratio("keep", "HAProxy", "p50_us"), 0.95)
    fourth.at_most("p99", ratio("keep", "HAProxy", "p99_us"), 0.8)
    fourth.at_most("CPU", ratio("keep", "HAProxy", "cpu_us"), 0.8)
    fifth = Goal("P5", "kernel NAT, against the container's own address")
    for measure, figure, label in (("bulk", "gbit", "bulk"), ("new", "rate", "new connections"),
                                   ("keep", "rate", "keep-alive")):
        fifth.at_least(label, figures.ratio(measure, "fairlead nat", "address", figure), 0.97)
    missing = results.get("missing", {})
    kernel = results.get("nat")
    if kernel:
        new = kernel["new"]
        fifth.at_least("10,000 ports against 1",
                       new["connect, 10000 ports"] / new["connect, 1 port"], 0.97)
        fifth.at_least("kept for 30 s beside another dialler",
                       nat.kept(kernel["beside"]["connect, 1 port"]), 0.97)
    else:
        fifth.unmeasured("flat to 10,000 ports; 30 s beside another dialler",
                         missing.get("fairlead nat", "not measured"))
    agent = Goal("agent", "relay agent, by an ordinary user, against namespace")
    for measure, figure, label in (("bulk", "gbit", "bulk"), ("new", "rate", "new connections"),
                                   ("keep", "rate", "keep-alive")):
        agent.at_least(label, figures.ratio(measure, "fairlead agent", OURS, figure), 0.9)
        agent.at_least(f"{label}, ::1", figures.ratio(measure, "fairlead agent ::1",
                                                      f"{OURS} ::1", figure), 0.9)
    return [first, second, third, fourth, fifth, mux_goal(figures, missing), agent]


def mux_goal(figures, missing):
    goal = Goal("P6", "mux over exec stdio")
    setup = figures.median("single", MUX, "p50_us")
    goal.at_least("bulk, raw pipe", figures.ratio("bulk", MUX, PIPE, "gbit"), 0.8)
    goal.at_most("set-up, request included", setup and setup / 1000, 2, "{:.2f} ms")
    for path in ("fairlead exec", "docker exec"):
        goal.at_least(f"faster than {path}", figures.ratio("new", MUX, path, "rate"), 20,
                      "{:.0f} ×")
    goal.at_least("8 flows beside a stuck client", figures.median("stalled", MUX, "left"), 0.95)
    for path in (MUX, PIPE):
        if path in missing:
            goal.got.append(f"{path}: {missing[path]}")
    return goal


def prompt_goals(results):
    seventh = Goal("P7", "`listen()` to first successful connect")
    eighth = Goal("P8", "close to host port free")
    prompts = {"": results.get("prompt"), **(results.get("prompt_by") or {})}
    for way, prompt in prompts.items():
        appear, gone = ((prompt or {}).get(each, {})
                        for each in ("listen_to_reachable", "close_to_free"))
        by = f" by {way}" if way else ""
        seventh.at_most(f"p50{by}", appear.get("p50_ms"), 30, "{:.1f} ms")
        seventh.at_most(f"p99{by}", appear.get("p99_ms"), 120, "{:.1f} ms")
        eighth.at_most(f"p99{by}", gone.get("p99_ms"), 20, "{:.1f} ms")
    return [seventh, eighth]


def scan_goal(results):
    goal = Goal("P9", "one scan, 0 to 20,000 connections")
    scans = (results.get("micro") or {}).get("scan_benchmark", {})
    times = [scans.get(f"scan_sock_diag/{n}", {}).get("cpu_us") for n in (0, 1000, 20000)]
    worst = None
    if all(times):
        worst = max(abs(time / times[0] - 1) for time in times) * 100
    goal.at_most("sock_diag, off by", worst, 10, "{:.1f} %")
    return goal


def idle_goal(results):
    goal = Goal("P10", "supervisor of an idle container")
    idle = results.get("idle") or {}
    memory = idle.get("pss_kib")
    started = idle.get("started_meanwhile")
    goal.at_most("of a core", idle.get("core_percent"), 0.1, "{:.3f} %")
    goal.at_most("PSS", sum(memory) / 1024 if memory else None, 6, "{:.1f} MiB")
    goal.at_most("processes", idle.get("processes"), 2, "{:d}")
    goal.at_most("`fairlead ports`", idle.get("ports_p50_ms"), 10, "{:.1f} ms")
    goal.at_most("processes started meanwhile", started, 0, "{:d}")
    return goal


def scale_goals(scale):
    many, idle = scale.get("forwards") or {}, scale.get("connections") or {}
    crowd = scale.get("containers") or {}
    eleventh = Goal("P11", "1,000 forwards in one supervisor; 10,000 idle connections")
    eleventh.at_most("PSS", many.get("pss_mib"), 16, "{:.1f} MiB")
    eleventh.at_most("each connection", idle.get("bytes_each"), 1024, "{:.0f} B")
    eleventh.at_most("pipes held", idle.get("pipes"), 0, "{:d}")
    twelfth = Goal("P12", "100 containers, 10 forwards each")
    twelfth.at_most("registry p99", crowd.get("registry_p99_ms"), 2, "{:.2f} ms")
    twelfth.at_most("one more supervisor", crowd.get("start_p50_ms"), 50, "{:.1f} ms")
    return [eleventh, twelfth]


def rows(figures, results, scale):
    goals = [*relay_goals(figures, results), *prompt_goals(results), scan_goal(results),
             idle_goal(results), *scale_goals(scale)]
    return [goal.row() for goal in goals]
