"""doctor: what it says about this machine, and what it does about killed supervisors."""

import json
import os
import shutil
import signal

from harness import Case
from network import fetch, free_port, refuses
from processes import alive, program, wait_for

ORDINARY = 54321
STATUSES = {"ok", "missing", "broken", "unknown"}


class DoctorCase(Case):
    def doctor(self, *words, prefix=(), **options):
        """Findings by name, of the state directory of this test; checks the form and the status."""
        binary = options.pop("binary", program())
        argv = [*prefix, binary, "doctor", "--json", *words]
        result = self.call(argv, check=False, **options)
        answer = json.loads(result.out)
        for finding in answer["findings"]:
            self.assertEqual(list(finding), ["group", "name", "status", "words", "fix"])
            self.assertIn(finding["status"], STATUSES)
            self.assertTrue(finding["words"], finding)
        broken = [f for f in answer["findings"] if f["status"] == "broken"]
        self.assertEqual(answer["healthy"], not broken)
        self.assertEqual(result.rc, 1 if broken else 0, result)
        self.repaired = answer.get("repaired")
        self.assertEqual(self.repaired is not None, "--repair" in words)
        return {f["name"]: f for f in answer["findings"]}

    def broken(self, *words):
        return {n: f for n, f in self.doctor(*words).items() if f["status"] == "broken"}


class Machine(DoctorCase):
    def test_that_is_well_is_told_so_in_every_form(self):
        findings = self.doctor()
        groups = {f["group"] for f in findings.values()}
        self.assertEqual(groups, {"engines", "permissions", "kernel", "relays", "state"})
        self.assertEqual(findings["docker"]["status"], "ok")
        self.assertIn("not supported", findings["podman"]["words"])
        text = self.fairlead("doctor")
        rows = [line.split("\t") for line in text.out.splitlines()]
        self.assertEqual({len(row) for row in rows}, {5}, text)
        self.assertEqual({row[1] for row in rows}, set(findings))
        self.assertFalse(self.state.exists(), "looking makes nothing")

    def test_unknown_flags_are_usage_errors(self):
        result = self.fairlead("doctor", "--bogus", check=False)
        self.assertEqual((result.rc, result.out), (2, ""))

    def test_without_an_engine_that_answers_says_where_it_looked(self):
        self.env["DOCKER_HOST"] = f"unix://{self.root}/nothing"
        findings = self.doctor()
        self.assertEqual(findings["docker"]["status"], "broken")
        self.assertIn(f"{self.root}/nothing", findings["docker"]["words"])
        self.assertEqual(findings["docker"]["fix"], "unset DOCKER_HOST")
        for kind in ("namespace", "direct", "exec"):
            self.assertEqual(findings[f"docker/{kind}"]["status"], "missing")

    def test_an_engine_behind_a_network_that_does_not_answer_is_named_with_its_reason(self):
        self.env["DOCKER_HOST"] = "tcp://127.0.0.1:1"
        docker = self.doctor()["docker"]
        self.assertEqual(docker["status"], "broken")
        self.assertIn("tcp://127.0.0.1:1", docker["words"])
        self.assertIn("connection refused", docker["words"])

    def test_without_the_engines_command_says_what_needs_it(self):
        findings = self.doctor("--docker-path", str(self.root / "none"))
        self.assertEqual(findings["docker"]["status"], "broken")
        self.assertIn("none", findings["docker"]["words"])
        self.assertEqual(findings["docker/exec"]["status"], "missing")

    def test_an_ordinary_user_is_told_what_needs_more_rights(self):
        binary = self.root / "fairlead"
        shutil.copy(program(), binary)
        os.chmod(self.root, 0o755)
        home = self.root / "home"
        home.mkdir()
        os.chown(home, ORDINARY, ORDINARY)
        self.env.update(HOME=str(home), FAIRLEAD_STATE_DIR=str(home / "state"))
        user = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"]
        findings = self.doctor(prefix=user, binary=binary)
        self.assertIn(str(ORDINARY), findings["user"]["words"])
        self.assertEqual(findings["CAP_SYS_ADMIN"]["status"], "missing")
        self.assertEqual(findings["docker"]["status"], "broken")
        self.assertIn("no permission", findings["docker"]["words"])
        self.assertIn("sudo", findings["docker"]["fix"])
        self.assertEqual(findings["directory"]["status"], "ok")
        self.assertEqual(list(home.iterdir()), [])


class Killed(DoctorCase):
    def kill(self, work):
        pid = work.supervisor()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid), "the supervisor is dead")
        return pid

    def test_supervisor_is_named_and_repaired_and_the_living_are_left_alone(self):
        one, two = self.workspace("one"), self.workspace("two")
        one.up()
        two.up()
        gone, kept = one.serve(free_port(), "one"), two.serve(free_port(), "two")
        killed, living = self.kill(one), two.supervisor()
        name = "supervisor " + one.marker()["container_name"]
        other = "supervisor " + two.marker()["container_name"]
        broken = self.broken()
        self.assertEqual(set(broken), {name, "registry"})
        self.assertIn(str(killed), broken[name]["words"])
        self.assertEqual(broken[name]["fix"], "fairlead doctor --repair")
        self.assertTrue(one.marker_path().exists(), "looking changes nothing")

        findings = self.doctor("--repair")
        self.assertEqual(len(self.repaired), 2, self.repaired)
        self.assertNotIn(name, findings)
        self.assertEqual(findings[other]["status"], "ok")
        left = {p.name for p in (self.state / "supervisors").iterdir()}
        self.assertFalse([n for n in left if n.startswith(one.id[:12])], left)
        self.assertTrue(refuses(gone))
        registry = json.loads((self.state / "forwarded_ports.json").read_text())
        self.assertEqual({e["pid"] for e in registry["entries"]}, {living})
        self.assertIn(gone, [r["host_port"] for r in registry["reserved"]])

        self.doctor("--repair")
        self.assertEqual(self.repaired, [])
        self.assertEqual(two.supervisor(), living)
        self.assertEqual(fetch(kept), "two")
        one.up()
        self.assertEqual(one.answering(gone, "one"), gone)

    def test_writers_half_written_files_go_and_those_of_the_living_stay(self):
        work = self.workspace()
        work.up()
        living = work.supervisor()
        dead = 2**22 - 1
        stale = self.state / f".forwarded_ports.json.{dead}.0"
        marker = self.state / "supervisors" / f".0123456789ab.json.{dead}.3"
        fresh = self.state / f".forwarded_ports.json.{living}.9"
        foreign = self.state / ".hidden"
        for path in (stale, marker, fresh, foreign):
            path.write_text("{")
        self.assertEqual(len(self.broken()), 2)
        self.doctor("--repair")
        self.assertEqual(len(self.repaired), 2, self.repaired)
        self.assertEqual([p.exists() for p in (stale, marker, fresh, foreign)], [False, False, True, True])

    def test_locks_sockets_and_markers_without_a_holder_go(self):
        work = self.workspace()
        work.up()
        folder = self.state / "supervisors"
        files = [folder / n for n in ("0123456789ab.lock", "ba9876543210.json", "name-x.lock")]
        for path in files:
            path.write_text("no marker")
            path.chmod(0o600)
        self.assertEqual(len(self.broken()), 3)
        self.doctor("--repair")
        self.assertEqual([p for p in files if p.exists()], [])
        self.assertTrue(alive(work.supervisor()))
        self.assertEqual(self.broken(), {})

    def test_corrupt_registry_is_set_aside_and_from_then_on_reported(self):
        work = self.workspace()
        work.up()
        port = work.serve(free_port(), "on")
        (self.state / "forwarded_ports.json").write_text("no registry")
        self.assertIn("registry", self.broken())
        findings = self.doctor("--repair")
        aside = [n for n in findings if ".corrupt-" in n]
        self.assertEqual(len(aside), 1, findings)
        self.assertTrue(findings[aside[0]]["fix"].startswith("rm "))
        self.doctor("--repair")
        self.assertEqual(self.repaired, [])
        self.assertEqual(len(list(self.state.glob("*.corrupt-*"))), 1)
        self.assertEqual(fetch(port), "on")

    def test_run_that_goes_on_keeps_its_marker(self):
        name = self.mark
        run = self.spawn([program(), "run", "--quiet", "--name", name, "--", "sleep", "300"])
        folder = self.state / "supervisors"
        marker = wait_for(lambda: next(iter(folder.glob("[0-9a-f]*.json")), None), "a marker")
        wait_for(lambda: self.doctor().get(f"supervisor {name}"), "the supervisor runs")
        os.kill(json.loads(marker.read_text())["pid"], signal.SIGKILL)
        wait_for(lambda: f"supervisor {name}" in self.broken(), "it is seen as killed")
        finding = self.doctor("--repair")[f"supervisor {name}"]
        self.assertEqual(finding["fix"], f"fairlead forward {name}")
        self.assertTrue(marker.exists())
        self.assertIsNone(run.poll())
        self.fairlead("forward", name)
        self.assertEqual(self.doctor()[f"supervisor {name}"]["status"], "ok")
        self.fairlead("down", "--container-id", name)
