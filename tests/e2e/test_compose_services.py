"""Ports of a Compose project's services, and `down`, which takes the project whole."""

import json
import shutil

from compose import ComposeCase, http, idle
from network import free_port, free_ports, refuses, try_fetch
from processes import alive, docker, wait_for

ALL = {"customizations": {"fairlead": {"allServices": True}}}


class AllServices(ComposeCase):
    def listed(self, work, service, port):
        """The forward of a service's port, however the listing names it."""
        container = work.containers()[service]
        for forward in work.forwards():
            if forward["containerId"] == container and forward["containerPort"] == port:
                return forward
        return None

    def reached(self, work, service, port, text):
        """Waits until the service's port answers on the host; returns the host port."""
        def answer():
            forward = self.listed(work, service, port)
            if forward and forward["hostPort"] and try_fetch(forward["hostPort"]) == text:
                return forward["hostPort"]
            return None
        return wait_for(answer, lambda: f"{service}:{port} in {json.dumps(work.forwards())}")

    def test_are_all_reachable_and_all_reaped(self):
        web, metrics = free_ports(2)
        work = self.project(
            services={"app": idle(), "db": http(5432, "this is db"),
                      "cache": http(5432, "this is cache")},
            forwardPorts=["db:5432", "cache:5432"],
            portsAttributes={"cache:5432": {"label": "database"}},
            **ALL,
        )
        up = work.up()
        work.start("http", "127.0.0.1", web, "the primary's")
        work.start_in("db", "http", "127.0.0.1", metrics, "undeclared")
        ports = {
            self.reached(work, "db", 5432, "this is db"),
            self.reached(work, "cache", 5432, "this is cache"),
            self.reached(work, "app", web, "the primary's"),
            self.reached(work, "db", metrics, "undeclared"),
        }
        self.assertEqual(len(ports), 4)
        self.assertEqual(len(self.supervisors()), 3)
        self.assertTrue(self.listed(work, "db", 5432)["declared"])
        self.assertFalse(self.listed(work, "db", metrics)["declared"])
        self.assertEqual(self.listed(work, "cache", 5432)["label"], "database")
        lines = [line for line in up.err.splitlines() if line.startswith("Forwarding container")]
        self.assertEqual(len([line for line in lines if "5432" in line]), 2, up.err)
        # Nobody else's: the main container does not try "db:5432" a second time.
        about = [f for f in work.forwards() if f["containerPort"] == 5432]
        self.assertEqual(len(about), 2, about)
        containers = set(work.containers().values())
        down = work.down("--timeout", "1")
        self.assertEqual(set(json.loads(down.out)["containers"]), containers)
        self.assertEqual(self.supervisors(), [])
        self.assertTrue(all(refuses(port) for port in ports))
        self.assertEqual(work.containers(running=True), {})

    def test_are_named_by_their_service(self):
        work = self.project(services={"app": idle(), "db": http(5432, "db")},
                            forwardPorts=["db:5432"], **ALL)
        up = work.up()
        self.reached(work, "db", 5432, "db")
        self.assertEqual(self.listed(work, "db", 5432)["service"], "db")
        self.assertIn("Forwarding container db:5432 -> ", up.err)
        self.assertIn("db", work.case.fairlead("why", "5432").out)

    def test_are_left_alone_unless_they_are_asked_for(self):
        work = self.project(services={"app": idle(), "db": http(5432, "db")}, **ALL)
        work.up()
        self.assertEqual(len(self.supervisors()), 2)
        work.write(customizations={})
        work.up()
        self.assertEqual([work.supervisor()], self.supervisors())

    def test_that_come_later_are_taken_up_by_the_next_up(self):
        work = self.project(services={"app": idle()}, **ALL)
        work.up()
        work.write_services(late=http(7000, "late"))
        self.compose("-p", work.project, "-f", work.compose_file, "up", "-d", "late")
        work.up()
        self.reached(work, "late", 7000, "late")

    def test_in_one_shared_network_are_forwarded_once(self):
        web = free_port()
        work = self.project(
            services={"app": idle(network_mode="service:db", depends_on=["db"]),
                      "db": http(5432, "shared db")},
            **ALL,
        )
        work.up()
        work.start("http", "127.0.0.1", web, "from the app")
        forwarded = lambda port: [f for f in work.forwards()
                                  if f["containerPort"] == port and f["hostPort"]]
        for port, text in ((5432, "shared db"), (web, "from the app")):
            wait_for(lambda: len(forwarded(port)) == 1 and
                     try_fetch(forwarded(port)[0]["hostPort"]) == text,
                     lambda: f"{port} in {json.dumps(work.forwards())}")
        work.down("--timeout", "1")
        self.assertEqual(self.supervisors(), [])

    def test_on_the_hosts_network_are_said_to_be_there_already(self):
        work = self.project(services={"app": idle(), "proxy": idle(network_mode="host")}, **ALL)
        for _ in range(2):
            up = work.up()
            told = [line for line in up.err.splitlines() if "host's own network" in line]
            self.assertEqual(len(told), 1, up)
            self.assertIn("service proxy", told[0])
        self.assertEqual([work.supervisor()], self.supervisors())
        work.write(customizations={})
        self.assertNotIn("host's own network", work.up().err)

    def test_change_of_a_port_goes_to_whom_it_concerns(self):
        work = self.project(services={"app": idle(), "db": http(5432, "db")}, **ALL)
        work.up()
        self.reached(work, "db", 5432, "db")
        port = free_port()
        self.fairlead("ports", "--workspace-folder", work.folder, "add", str(port))
        self.assertEqual(work.forward_of(port)["containerId"], work.id)
        self.fairlead("ports", "--workspace-folder", work.folder, "rm", "5432")
        wait_for(lambda: self.listed(work, "db", 5432)["refusal"] == "removed", "5432 removed")


class SharedNetwork(ComposeCase):
    def test_of_another_service_is_the_containers_own(self):
        web = free_port()
        work = self.project(services={
            "app": idle(network_mode="service:db", depends_on=["db"]),
            "db": http(5432, "shared db", address="127.0.0.1"),
        }, forwardPorts=[5432])
        work.up()
        host = work.answering(5432, "shared db")
        self.assertEqual(work.forward_of(5432)["hostPort"], host)
        work.serve(web, "from the app")


class ServicePorts(ComposeCase):
    """Without allServices: resolved as the workspace's container resolves them."""

    def test_of_two_services_with_one_number_are_both_reachable(self):
        work = self.project(services={"app": idle(), "db": http(5432, "db"),
                                      "cache": http(5432, "cache")},
                            forwardPorts=["db:5432", "cache:5432"])
        work.up()
        for service in ("db", "cache"):
            def answer():
                forward = work.forward_of(5432, service=service)
                return forward and forward["hostPort"] and try_fetch(forward["hostPort"]) == service
            wait_for(answer, lambda: f"{service}: {json.dumps(work.forwards())}")


    def test_of_the_own_service_are_the_containers_own(self):
        port, later = free_ports(2)
        work = self.project(services={"app": idle()}, forwardPorts=[f"app:{port}", port],
                            portsAttributes={f"app:{port}": {"label": "own"}})
        up = work.up()
        lines = [line for line in up.err.splitlines() if "Forwarding container" in line]
        self.assertEqual(len(lines), 1, up)
        listed = [f for f in work.forwards() if f["containerPort"] == port]
        self.assertEqual([(f["service"], f["hostPort"], f["label"]) for f in listed],
                         [(None, port, "own")])
        work.serve(port)
        self.fairlead("ports", "--workspace-folder", work.folder, "add", f"app:{later}")
        self.assertIsNone(work.forward_of(later)["service"])


class Down(ComposeCase):
    def setUp(self):
        super().setUp()
        self.services = {
            "app": idle(volumes=["data:/data", "/anonymous"]),
            "db": http(5432, "db"),
            "cache": idle(),
        }
        self.top = {"volumes": {"data": {"labels": {"fairlead-e2e": self.mark}}}}

    def down(self, work, *words):
        return json.loads(work.down("--timeout", "1", *words).out)["containers"]

    def test_stops_the_project_and_keeps_it(self):
        work = self.project(services=self.services, top=self.top)
        work.up()
        before = work.containers()
        self.assertEqual(set(self.down(work)), set(before.values()))
        self.assertEqual(work.containers(running=True), {})
        self.assertEqual(work.containers(), before)
        self.assertEqual(set(self.down(work)), set(before.values()), "again is success, too")

    def test_removes_containers_and_networks_and_keeps_volumes(self):
        work = self.project(services=self.services, top=self.top)
        work.up()
        self.assertTrue(work.networks())
        self.assertEqual(len(self.down(work, "--remove")), 3)
        self.assertEqual((work.containers(), work.networks()), ({}, []))
        self.assertEqual(work.volumes(), [f"{work.project}_data"])
        self.assertEqual(self.down(work, "--remove"), [])

    def test_removes_volumes_when_asked(self):
        work = self.project(services=self.services, top=self.top)
        work.up()
        anonymous = [m["Name"] for m in work.inspect()["Mounts"] if m["Destination"] == "/anonymous"]
        self.down(work, "--remove", "--remove-volumes")
        self.assertEqual(work.volumes(), [])
        left = docker("volume", "ls", "-q").out.split()
        self.assertEqual([name for name in anonymous if name in left], [])

    def test_keeps_external_volumes(self):
        name = f"ext-{self.mark}"
        docker("volume", "create", "--label", f"fairlead-e2e={self.mark}", name)
        self.top["volumes"] = {"data": {"external": True, "name": name}}
        work = self.project(services=self.services, top=self.top)
        work.up()
        self.down(work, "--remove", "--remove-volumes")
        self.assertIn(name, docker("volume", "ls", "-q").out.split())

    def test_of_volumes_needs_remove(self):
        done = self.fairlead("down", "--remove-volumes", check=False)
        self.assertEqual((done.rc, done.out), (2, ""))

    def test_needs_none_of_the_projects_files(self):
        work = self.project(services=self.services, top=self.top, **ALL)
        work.up()
        self.assertEqual(len(self.supervisors()), 3)
        shutil.rmtree(work.folder)
        found = self.fairlead("down", "--workspace-folder", work.folder, "--timeout", "1", "--remove")
        self.assertEqual(len(json.loads(found.out)["containers"]), 3)
        self.assertEqual((work.containers(), work.networks(), self.supervisors()), ({}, [], []))

    def test_takes_the_project_whole_whichever_way_it_is_named(self):
        work = self.project(services=self.services, top=self.top)
        work.up()
        everything = set(work.containers().values())
        labels = ["--id-label", f"devcontainer.local_folder={work.folder}"]
        for words in (["--container-id", work.id], ["--container-id", work.containers()["db"][:12]],
                      labels, ["--all"]):
            with self.subTest(words=words):
                work.up()
                done = self.fairlead("down", "--timeout", "1", *words)
                self.assertEqual(set(json.loads(done.out)["containers"]), everything)
                self.assertEqual((work.containers(running=True), self.supervisors()), ({}, []))

    def test_takes_of_somebody_elses_project_only_the_container(self):
        work = self.project(services=self.services, top=self.top)
        self.compose("-p", self.mark, "-f", work.compose_file, "up", "-d")
        work.project = self.mark
        theirs = work.containers()
        self.fairlead("forward", theirs["db"])
        done = self.fairlead("down", "--all", "--timeout", "1")
        self.assertEqual(json.loads(done.out)["containers"], [theirs["db"]])
        self.assertEqual(work.containers(running=True).keys(), {"app", "cache"})

    def test_reaps_before_it_stops_and_all_side_by_side(self):
        work = self.project(services=self.services, top=self.top, **ALL)
        work.up()
        pids = self.supervisors()
        self.assertEqual(len(pids), 3)
        for pid in pids:
            self.assertTrue(alive(pid))
        self.down(work)
        self.assertEqual([pid for pid in pids if alive(pid)], [])
        self.assertEqual(list((self.state / "supervisors").glob("*.json")), [])

    def test_finds_the_other_services_when_the_own_container_is_gone(self):
        work = self.project(services=self.services, top=self.top, **ALL)
        work.up()
        docker("rm", "-f", work.id)
        done = self.down(work, "--remove")
        self.assertEqual(work.containers(), {}, done)
        self.assertEqual(self.supervisors(), [])
