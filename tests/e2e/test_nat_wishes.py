"""What is wished of relay `nat`: `natProxy` of devcontainer.json, `nat-proxy` of a Compose service."""

import json
from pathlib import Path

from compose import ComposeCase, idle
from harness import Case
from network import free_port, free_ports, try_fetch
from processes import docker, wait_for


def wish(value):
    return {"x-fairlead": {"nat-proxy": value}}


def natproxy(value):
    return {"customizations": {"fairlead": {"natProxy": value}}}


def goes_by(work, **relays):
    """Waits until each of these container ports ("p3000") answers and goes by that relay."""
    def seen():
        return {f"p{f['containerPort']}": f["relay"] for f in work.forwards()
                if f["hostPort"] and try_fetch(f["hostPort"]) == f"port {f['containerPort']}"}
    wait_for(lambda: {name: seen().get(name) for name in relays} == relays,
             lambda: f"{relays}: {json.dumps(work.forwards())}", 30)


def serve(work, *ports, loopback=None, service="app"):
    for port in ports:
        work.start_in(service, "http", "0.0.0.0", port, f"port {port}")
    if loopback:
        work.start_in(service, "http", "127.0.0.1", loopback, f"port {loopback}")


class OfComposeServices(ComposeCase):
    def test_hold_for_each_port_and_can_be_changed_and_taken_back(self):
        one, two, three = free_ports(3)
        names = [f"p{port}" for port in (one, two, three)]
        work = self.project(services={"app": idle(**wish({str(one): False, str(two): True}))})
        work.up()
        serve(work, one, two, loopback=three)
        goes_by(work, **dict(zip(names, ("namespace", "nat", "namespace"))))
        work.write_services(app=idle(**wish({str(one): True, str(two): False})))
        work.up()
        goes_by(work, **dict(zip(names, ("nat", "namespace", "namespace"))))
        work.write_services(app=idle(**wish(False)))
        work.up("--remove-existing-container")
        serve(work, one, two, loopback=three)
        goes_by(work, **dict(zip(names, ("namespace", "namespace", "namespace"))))
        work.write_services(app=idle())
        work.up("--remove-existing-container")
        serve(work, one, two, loopback=three)
        goes_by(work, **dict(zip(names, ("nat", "nat", "namespace"))))

    def test_are_those_of_the_service_that_says_so(self):
        one, two, three = free_ports(3)
        own = {"allServices": True}
        work = self.project(
            services={"app": idle(), "off": idle(**wish(False)), "part": idle(**wish({str(three): False}))},
            customizations={"fairlead": own},
        )
        work.up()
        serve(work, one)
        serve(work, two, service="off")
        serve(work, three, service="part")
        kinds = {f"p{one}": "nat", f"p{two}": "namespace", f"p{three}": "namespace"}
        goes_by(work, **kinds)
        # What the configuration says beats the service's own for the workspace's container alone.
        work.write(customizations={"fairlead": {**own, "natProxy": False}})
        work.up()
        goes_by(work, **{**kinds, f"p{one}": "namespace"})

    def test_leave_no_trace_in_what_is_created(self):
        seen = []
        for number, more in enumerate(({}, wish(True))):
            folder = f"{self.mark}{number}"
            work = self.project(folder, services={"app": idle(**more)})
            spy, log = self.spy()
            work.up("--docker-compose-path", spy, auto=False)
            override = Path(f"{log}.override")
            box = work.inspect()
            inspected = {key: box[key] for key in ("Config", "HostConfig", "Mounts")}
            inspected["Config"]["Hostname"] = ""
            text = json.dumps(inspected, indent=1, sort_keys=True)
            for label in ("com.docker.compose.config-hash", "com.docker.compose.project.config_files"):
                text = text.replace(inspected["Config"]["Labels"][label], label)
            seen.append([part.replace(folder, "FOLDER") for part in (override.read_text(), text)])
            override.unlink()
        self.assertEqual(seen[0], seen[1])

    def test_that_make_no_sense_are_an_error_that_names_them(self):
        work = self.project(services={"app": idle(**wish("perhaps"))})
        up = work.up(check=False)
        self.assertEqual(up.rc, 1)
        self.assertIn('services.app["x-fairlead"]["nat-proxy"] must be true, false, or an object', up.err)
        self.assertEqual(docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.mark}").out, "")


class OfTheConfiguration(Case):
    def test_that_cannot_be_granted_are_warned_of_and_fail_nothing(self):
        one, two = free_ports(2)
        work = self.workspace(forwardPorts=[one, two], **natproxy({str(one): True}))
        work.up()
        work.start("http", "127.0.0.1", one, f"port {one}")
        work.start("http", "127.0.0.1", two, f"port {two}")
        goes_by(work, **{f"p{one}": "namespace", f"p{two}": "namespace"})
        told = [line for line in work.up("--strict-forwarding").err.splitlines() if "as wished" in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn(f"container {one} ", told[0])
        self.assertIn("does not reach what is bound to loopback", told[0])

    def test_for_one_of_several_networks_take_the_one_that_came_first(self):
        """Whatever it is called: engines name a container's networks in the order of the alphabet."""
        port = free_port()
        second, first = self.network("a"), self.network("b")
        work = self.workspace(forwardPorts=[port], runArgs=["--network", first], **natproxy(True))
        work.up()
        docker("network", "connect", second, work.id)
        work.start("http", "0.0.0.0", port, f"port {port}")
        goes_by(work, **{f"p{port}": "nat"})
        own = f'{{{{(index .NetworkSettings.Networks "{first}").IPAddress}}}}'
        address = docker("inspect", "--format", own, work.id).out.strip()
        self.assertIn(f"the kernel sends to {address}, the first", work.up().err)

    def test_change_nothing_where_nothing_is_said(self):
        shown = []
        for port, value in zip(free_ports(2), (None, True)):
            work = self.workspace(f"w{value}", forwardPorts=[port], **(natproxy(value) if value else {}))
            work.up()
            work.start("http", "0.0.0.0", port, f"port {port}")
            goes_by(work, **{f"p{port}": "nat"})
            forward = work.forwards()[0]
            shown.append((list(forward), forward["relayReason"].split(" to ")[0], forward["reason"]))
            work.down()
        self.assertEqual(shown[0], shown[1])
