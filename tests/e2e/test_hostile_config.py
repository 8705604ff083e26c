"""Configurations that are hostile or broken: an error or no harm, soon and within bounds.

Nothing of a configuration is executed on the host but `initializeCommand`: every text tries to make a
canary, in a folder that no container sees, so that its being there means that this host ran it.
"""

import json
import os
import random
import socket
import subprocess
import time

from harness import PLAIN, Case
from network import fetch, free_port
from processes import cpu_seconds, docker, program, pss_kib, wait_for

SOON = 20.0  # seconds, on a busy machine: nothing here is work
MEMORY_KIB = 300 * 1024


class Ended:
    """How a command ended, what it took, and its last line of stdout taken apart."""

    def __init__(self, rc, out, err, seconds, memory_kib):
        self.rc, self.out, self.err = rc, out, err
        self.seconds, self.memory_kib = seconds, memory_kib
        self.json = json.loads(out) if out.startswith("{") else {}

    def __str__(self):
        return f"exit {self.rc} after {self.seconds:.1f} s, {self.memory_kib} KiB\n{self.err[-2000:]}"


class Hostile(Case):
    limit = 300

    def setUp(self):
        super().setUp()
        self.nowhere = self.root / "here"  # the working directory: relative names end up here
        self.nowhere.mkdir()
        self.canary = self.root / "canary"
        touch = f"touch {self.canary}; touch canary"
        self.text = (
            f"; {touch}; '; {touch}; '\"; {touch}; \"$({touch})`{touch}`\n{touch}\n"
            f"& {touch} & | {touch} || {touch} && {touch} #{{{touch}}} ${{IFS}}"
        )

    def measured(self, argv, timeout=60):
        with open(self.root / "out", "w+") as out, open(
            self.root / "err", "w+", errors="replace"
        ) as err:
            began = time.monotonic()
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.env,
                cwd=self.nowhere,
            )
            status = usage = None
            while time.monotonic() < began + timeout and status is None:
                pid, code, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    status = code
                    break
                time.sleep(0.01)
            seconds = time.monotonic() - began
            if status is None:
                process.kill()
                process.wait(10)
                err.seek(0)
                raise AssertionError(f"{argv} did not end within {timeout} s: {err.read()[-2000:]}")
            process.returncode = os.waitstatus_to_exitcode(status)
            for file in (out, err):
                file.seek(0)
            return Ended(process.returncode, out.read(), err.read(), seconds, usage.ru_maxrss)

    def bounded(self, argv, why=""):
        """Runs to the end: an error that is said, or success; quick and small, without a trace."""
        ended = self.measured(argv)
        self.assertIn(ended.rc, (0, 1, 2), f"{why}: {ended}")
        if ended.rc == 1:
            self.assertEqual(ended.json.get("outcome"), "error", f"{why}: {ended}")
            self.assertTrue(ended.json.get("message"), f"{why}: {ended}")
        self.assertLess(ended.seconds, SOON, f"{why}: {ended}")
        self.assertLess(ended.memory_kib, MEMORY_KIB, f"{why}: {ended}")
        self.assertLess(len(ended.err), 256 * 1024, f"{why}: stderr is flooded")
        self.assert_unharmed(why)
        return ended

    def assert_unharmed(self, why=""):
        self.assertFalse(self.canary.exists(), f"{why}: executed on the host")
        self.assertEqual(os.listdir(self.nowhere), [], f"{why}: executed on the host")

    def up(self, work, *words):
        return work.command("up", "--auto-forward", *words)

    def rejected(self, work, *words, why=""):
        ended = self.bounded(self.up(work, *words), why)
        self.assertNotEqual(ended.rc, 0, f"{why}: accepted: {ended}")
        self.assertEqual(self.containers(), [], why)
        self.assertEqual(self.supervisors(), [], why)
        return ended


class Files(Hostile):
    def replaced(self, make):
        work = self.workspace()
        work.file.unlink()
        make(work.file)
        return work

    def test_of_bytes_that_are_no_text_are_rejected(self):
        seed = random.randrange(1 << 32)
        contents = {
            f"random bytes, seed {seed}": random.Random(seed).randbytes(100_000),
            "NUL bytes": b"\0" * 1000,
            "a NUL in a string": b'{"image": "a\0b"}',
            "no UTF-8 in a string": b'{"image": "\xff\xfe"}',
            "an overlong encoding": b'{"image": "\xc0\xaf"}',
            "UTF-16": '{"image": "x"}'.encode("utf-16"),
            "a lone surrogate": b'{"image": "\\ud800"}',
            "an unknown escape": b'{"image": "\\x41"}',
            "a string without an end": b'{"image": "' + b"a" * 100_000,
            "a comment without an end": b'{"image": "x"} /*' + b"*" * 100_000,
            "control characters": b'{"image": "a\x01b"}',
        }
        work = self.workspace()
        for why, content in contents.items():
            with self.subTest(why):
                work.file.write_bytes(content)
                ended = self.rejected(work, why=why)
                self.assertNotRegex(ended.err + ended.out, "[\x00-\x08\x0e-\x1f]")

    def test_of_great_depth_are_rejected(self):
        work = self.workspace()
        for why, content in {
            "arrays": "[" * 100_000,
            "arrays that end": "[" * 100_000 + "]" * 100_000,
            "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
            "below customizations": '{"image": "x", "customizations": '
            + "[" * 50_000 + "]" * 50_000 + "}",
            "comments": "/*" * 400_000,
        }.items():
            with self.subTest(why):
                work.file.write_text(content)
                self.rejected(work, why=why)

    def test_of_great_size_are_rejected(self):
        work = self.workspace()
        size = 100 * 1024 * 1024
        for why, head, fill in (("a string", b'{"image": "', b"a"), ("spaces", b"{", b" "),
                                ("numbers", b"[", b"1,"), ("a hole", b"", b"")):
            with self.subTest(why), open(work.file, "wb") as file:
                file.write(head)
                if fill:
                    block = fill * ((1 << 20) // len(fill))
                    for _ in range(100):
                        file.write(block)
                else:
                    file.truncate(size)
                file.flush()
                self.rejected(work, why=why)

    def test_that_are_no_files_are_rejected_without_waiting(self):
        def a_socket(path):
            server = socket.socket(socket.AF_UNIX)
            self.addCleanup(server.close)
            here = os.open(path.parent, os.O_PATH)
            server.bind(f"/proc/self/fd/{here}/{path.name}")
            os.close(here)

        def a_loop(path):
            path.symlink_to("other")
            (path.parent / "other").symlink_to(path.name)

        for number, (why, make) in enumerate({
            "a FIFO": os.mkfifo,
            "a directory": os.mkdir,
            "a socket": a_socket,
            "a loop": a_loop,
            "a link to itself": lambda path: path.symlink_to(path.name),
            "a dead link": lambda path: path.symlink_to("/nonexistent"),
            "endless zeros": lambda path: path.symlink_to("/dev/zero"),
            "a link to a FIFO": lambda path: (
                os.mkfifo(path.parent / "pipe"), path.symlink_to("pipe")),
            "the terminal": lambda path: path.symlink_to("/dev/tty"),
        }.items()):
            with self.subTest(why):
                work = self.workspace(f"work{number}")
                work.file.unlink()
                make(work.file)
                self.rejected(work, why=why)
                self.rejected(work, "--config", str(work.file), why=why)

    def test_that_are_named_by_flags_are_read_with_the_same_care(self):
        pipe, folder, big = self.root / "pipe", self.root / "folder", self.root / "big"
        os.mkfifo(pipe)
        folder.mkdir()
        with open(big, "wb") as file:
            file.truncate(100 * 1024 * 1024)
        work = self.workspace()
        for flag in ("--config", "--override-config", "--secrets-file"):
            for path in (pipe, folder, big, "/dev/zero"):
                if flag == "--secrets-file" and path == pipe:
                    continue  # the caller's own words: secrets may come out of a pipe
                with self.subTest(flag=flag, path=str(path)):
                    self.rejected(work, flag, path, why=f"{flag} {path}")

    def test_in_folders_that_lead_nowhere_are_not_looked_for_for_ever(self):
        work = self.workspace()
        work.file.unlink()
        work.file.parent.rmdir()
        place = work.file.parent
        place.symlink_to(place.name)
        self.rejected(work, why="a loop")
        place.unlink()
        os.mkfifo(place)
        self.rejected(work, why="a FIFO")
        place.unlink()
        place.symlink_to("..")  # everything contains itself
        self.rejected(work, why="its own parent")

    def test_in_ten_thousand_folders_are_not_all_listed(self):
        work = self.workspace()
        work.file.unlink()
        for number in range(10_000):
            folder = work.file.parent / f"number-{number}"
            folder.mkdir()
            (folder / "devcontainer.json").touch()
        ended = self.rejected(work, why="many")
        self.assertLess(len(ended.out), 64 * 1024)

    def test_of_build_and_compose_that_never_end_are_not_waited_for(self):
        work = self.workspace()
        pipe = work.file.parent / "pipe"
        os.mkfifo(pipe)
        for config in (
            {"build": {"dockerfile": "pipe"}},
            {"dockerFile": "pipe"},
            {"dockerComposeFile": "pipe", "service": "app"},
            {"dockerComposeFile": ["/dev/zero"], "service": "app"},
        ):
            with self.subTest(str(config)):
                work.file.write_text(json.dumps(config))
                self.rejected(work, why=str(config))

    def test_of_the_user_are_read_with_the_same_care(self):
        config = self.root / "config"
        self.env["XDG_CONFIG_HOME"] = str(config)
        (config / "fairlead").mkdir(parents=True)
        file = config / "fairlead" / "config.json"
        work = self.workspace()
        os.mkfifo(file)
        self.bounded(self.up(work), "a FIFO")
        file.unlink()
        file.mkdir()
        self.bounded(self.up(work), "a directory")
        file.rmdir()
        for content in (b"\xff\0" * 1000, b"[" * 100_000, b'{"workspaces": 7}', b"{oops"):
            file.write_bytes(content)
            self.bounded(self.up(work), repr(content[:20]))
        with open(file, "wb") as hole:
            hole.truncate(100 * 1024 * 1024)
        self.bounded(self.up(work), "a big one")


class Values(Hostile):
    def test_of_wrong_kinds_are_rejected_by_name(self):
        work = self.workspace()
        for name, values in {
            "image": (7, [], {}, None, ""),
            "forwardPorts": ([70000], [-1], [0], [1.5], [1e300], [18446744073709551617], ["x:"],
                             [":1"], ["a:b:c"], [[]], {}),
            "appPort": ([70000], [{}], {}),
            "portsAttributes": (7, [], {"3000": 7}, {"3000": {"label": 7}},
                                {"3000": {"onAutoForward": "explode"}}),
            "otherPortsAttributes": (7, {"requireLocalPort": "yes"}),
            "containerEnv": (7, [], {"A": {}}),
            "runArgs": ("--privileged", [7]),
            "mounts": ("x", [7]),
            "remoteUser": (7, {}),
            "waitFor": (7, "nothingOfTheKind"),
            "userEnvProbe": (7, "guess"),
            "postCreateCommand": (7, [7], {"a": 7}, True),
            "initializeCommand": (7, [{}]),
            "init": ("yes",),
            "overrideCommand": ("no",),
            "build": (7, {"dockerfile": 7}, {"dockerfile": "Dockerfile", "args": 7}),
            "features": (7, []),
        }.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    config = {"image": PLAIN, "runArgs": work.config["runArgs"], name: value}
                    work.file.write_text(json.dumps(config, indent=1))
                    ended = self.rejected(work, why=f"{name}: {value!r}")
                    self.assertIn(name, ended.err + ended.out)

    def test_of_a_megabyte_do_no_harm(self):
        work = self.workspace()
        long = "a" * 900_000
        for why, config in {
            "a name": {"name": long},
            "a label": {"portsAttributes": {"3000": {"label": long}}},
            "a key": {"portsAttributes": {long: {"label": "x"}}},
            "an unknown property": {long: 1},
            "an image": {"image": long},
            "a user": {"remoteUser": long},
            "an environment": {"containerEnv": {"A": long}},
            "many of the same": {"capAdd": ["SYS_PTRACE"] * 50_000},
            "many keys": {"portsAttributes": {f"k{i}": {"label": "x"} for i in range(20_000)}},
        }.items():
            with self.subTest(why):
                work.file.write_text(json.dumps({**work.config, **config}))
                self.bounded(self.up(work, "--remove-existing-container"), why)

    def test_ten_thousand_ports_are_bounded_and_go_away(self):
        # Above the numbers that tests choose from, so that nobody else is disturbed.
        work = self.workspace(forwardPorts=[*range(48000, 58000)])
        ended = self.measured(self.up(work), timeout=120)
        self.assertEqual(ended.rc, 0, ended)
        self.assertNotIn("fairlead: ", ended.err, ended)  # what the descriptors suffice for
        self.assertLess(ended.memory_kib, MEMORY_KIB)
        self.report(f"10,000 declared ports: {ended.seconds:.1f} s, {ended.memory_kib} KiB")
        for pid in self.supervisors():
            self.assertLess(pss_kib(pid), MEMORY_KIB)
        began = time.monotonic()
        self.assertEqual(len(work.forwards()), 10_000)
        self.report(f"listing them: {time.monotonic() - began:.1f} s")
        work.id = ended.json["containerId"]
        work.serve(48_005)  # under whatever number: some connection of this machine may have it
        began = time.monotonic()
        self.call(work.command("down"), timeout=60)
        self.report(f"down: {time.monotonic() - began:.1f} s")
        self.assertEqual(self.supervisors(), [])

    def test_more_ports_than_ten_thousand_are_an_error_that_names_them(self):
        work = self.workspace(forwardPorts=["1-10000", "db:1"])
        ended = self.rejected(work)
        self.assertIn("forwardPorts[1] makes more than 10000 ports", ended.err)
        self.assertRegex(ended.err, r"devcontainer\.json:\d+:\d+: ")
        work.write(forwardPorts=["1-6000"])
        flags = self.bounded([*self.up(work), "--forward-port", "10001-20001"])
        self.assertEqual(flags.rc, 2, flags)
        self.assertIn("10001-20001", flags.err)
        both = self.bounded([*self.up(work), "--forward-port", "10001-15000", "--strict-forwarding"])
        self.assertEqual(both.rc, 1, both)
        self.assertIn("forwardPorts, appPort and --forward-port", both.err)

    def test_thousands_of_attributes_are_bounded(self):
        port = free_port()

        def attributes(count):
            keys = {f"^no such program {n}.*$": {"label": "no"} for n in range(count)}
            keys.update({f"{n}-{n + 30000}": {"protocol": "https"} for n in range(1, count)})
            keys.update({f"host{n}:{port}": {"label": "no"} for n in range(count)})
            keys.update({str(n): {"label": f"l{n}"} for n in range(1, count)})
            return {**keys, str(port): {"label": "mine"}}

        work = self.workspace(portsAttributes=attributes(10_000))
        self.bounded(self.up(work), "40,000 keys")
        work.write(portsAttributes=attributes(800))
        ended = self.bounded(self.up(work), "3,200 keys")
        self.assertEqual(ended.rc, 0, ended)
        work.id = ended.json["containerId"]
        work.serve(port)
        self.assertEqual(work.forward_of(port)["label"], "mine")

    def test_expressions_that_explode_keep_nobody_waiting(self):
        first, second = free_port(), free_port()
        keys = ("(a+)+b", "(.*)*x$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a|aa)+$y", "((a{1,99}){1,99}){1,99}z",
                "(?=a)(a*)*c", "\\1(a)", "[", "a" * 10_000, "(" * 5_000 + ")" * 5_000)
        work = self.workspace(portsAttributes={key: {"label": "exploded"} for key in keys})
        ended = self.bounded(self.up(work))
        if ended.rc != 0:
            return
        work.id = ended.json["containerId"]
        for port in (first, second):
            work.start("http", "127.0.0.1", port, "a" * 2000)
        for port in (first, second):
            self.assertEqual(len(fetch(work.port(port, timeout=SOON))), 2000)
        supervisor = work.supervisor()
        spent = cpu_seconds(supervisor)
        self.assertLess(spent, SOON / 2)
        self.bounded(self.up(work))
        self.assertEqual(work.supervisor(), supervisor)


class Texts(Hostile):
    """`; touch CANARY` and worse in every property that holds text."""

    def everywhere(self):
        text = self.text
        folder = f"/workspaces/{text.replace('/', '_')}"
        yield from {
            "name": text,
            "image": text,
            "workspaceFolder": folder,
            "workspaceMount": f"source={text},target=/w,type=bind",
            "mounts": [f"source={text},target=/m,type=bind"],
            "mounts ": [{"type": "volume", "source": text, "target": text}],
            "runArgs": [text],
            "runArgs ": ["--label", text],
            "containerUser": text,
            "remoteUser": text,
            "containerEnv": {"A": text},
            "containerEnv ": {text: "A"},
            "remoteEnv": {"A": text, "PATH": text},
            "remoteEnv ": {text: "A"},
            "appPort": [text],
            "forwardPorts": [text],
            "forwardPorts ": [f"{text}:3000"],
            "portsAttributes": {text: {"label": text}},
            "portsAttributes ": {"3000": {"label": text, "protocol": text}},
            "portsAttributes  ": {"3000": {"onAutoForward": text}},
            "otherPortsAttributes": {"label": text},
            "capAdd": [text],
            "securityOpt": [text],
            "userEnvProbe": text,
            "waitFor": text,
            "shutdownAction": text,
            "hostRequirements": {"cpus": text, "memory": text},
            "features": {text: {"version": text}},
            "secrets": {text: {"description": text}},
            "customizations": {"fairlead": {"hostPorts": {text: text}, "maxAutoForwards": text}},
            "customizations ": {text: {text: text}},
            "onCreateCommand": [text, text],
            "updateContentCommand": ["true", text],
            "postCreateCommand": {text: ["true", text]},
            "build": {"dockerfile": text},
            "build ": {"dockerfile": "Dockerfile", "context": text},
            "build  ": {"dockerfile": "Dockerfile", "args": {"A": text, text: "A"}, "target": text},
            "build   ": {"dockerfile": "Dockerfile", "options": [text], "cacheFrom": text},
            "dockerFile": text,
            "dockerComposeFile": text,
            "dockerComposeFile ": ["compose.yml", text],
            "service": text,
            "runServices": [text],
            text: text,
        }.items()

    def test_in_every_property_execute_nothing(self):
        work = self.workspace()
        (work.file.parent / "Dockerfile").write_text(f"FROM {PLAIN}\nARG A\n")
        (work.file.parent / "compose.yml").write_text(
            f'version: "3"\nservices:\n  app:\n    image: {PLAIN}\n    command: /bin/portd idle\n'
            f"    labels:\n      fairlead-e2e: {self.mark}\n"
        )
        for name, value in self.everywhere():
            with self.subTest(name):
                config = {"runArgs": work.config["runArgs"]}
                if name.strip() in ("service", "runServices"):
                    config.update(dockerComposeFile="compose.yml", service="app")
                elif name.strip() not in ("build", "dockerFile", "dockerComposeFile"):
                    config["image"] = PLAIN
                elif name.strip() == "dockerComposeFile":
                    config["service"] = "app"
                if name.strip() == "runArgs":
                    value = [*config["runArgs"], *value]
                config[name.rstrip() if name != self.text else name] = value
                work.file.write_text(json.dumps(config))
                self.bounded(self.up(work), name)
                for command in (("ports",), ("events",), ("why", "3000"), ("logs",), ("down", "--remove")):
                    self.measured(work.command(*command))
                self.assert_unharmed(name)

    def test_in_names_of_folders_and_in_the_environment_execute_nothing(self):
        work = self.workspace("; touch canary; $(touch canary) `touch canary` ' \" \\ \n x")
        self.env["ROW"] = self.text
        work.write(containerEnv={"A": "${localEnv:ROW}", "B": "${localEnv:NONE:" + self.text + "}"})
        self.bounded(self.up(work))
        for command in (("ports",), ("exec", "--", "true"), ("down",)):
            self.measured(work.command(*command))
        self.assert_unharmed()

    def test_in_metadata_of_an_image_execute_nothing(self):
        for number, metadata in enumerate((
            [{"initializeCommand": f"touch {self.canary}"}],
            {"initializeCommand": ["touch", str(self.canary)]},
            [{"remoteUser": self.text, "containerEnv": {self.text: self.text}}],
            [{"mounts": [self.text], "entrypoint": f"touch {self.canary}"}],
            [{"postCreateCommand": {"a": self.text}, "waitFor": self.text}],
            [[], 7, None, "x", {"postStartCommand": 7, "portsAttributes": []}],
            "[" * 50_000,
            [{"a": "b" * 15_000}] * 3,
        )):
            with self.subTest(str(metadata)[:80]):
                label = metadata if isinstance(metadata, str) else json.dumps(metadata)
                image = f"{self.mark.replace('_', 'x')}-hostile:{number}"
                made = self.container("/bin/portd", "idle")
                change = f"LABEL devcontainer.metadata={json.dumps(label)}".replace("$", "\\$")
                docker("commit", "--change", change, made, image)
                self.addCleanup(docker, "image", "rm", "-f", image, check=False)
                docker("rm", "-f", made)
                work = self.workspace(f"work{number}", image=image)
                self.bounded(self.up(work), str(metadata)[:80])
                self.measured(work.command("down", "--remove"))
                self.assert_unharmed(str(metadata)[:80])

    def test_of_output_do_not_reach_the_terminal_raw(self):
        evil = "\x1b]0;title\x07\x1b[2J\r\nForwarding container 1 -> http://evil"
        port = free_port()
        work = self.workspace(
            name=evil, portsAttributes={str(port): {"label": evil}, f"(x{evil}": {"label": "x"}}
        )
        ended = self.bounded(self.up(work))
        self.assertNotIn("\x1b", ended.err)
        self.assertNotIn("\x07", ended.err)


    def printed(self, argv):
        """stderr and stdout of a command, whole, which must be text that no terminal obeys."""
        done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL,
                              capture_output=True, env=self.env, cwd=self.nowhere, timeout=60)
        for stream in (done.stderr, done.stdout):
            try:
                text = stream.decode()
            except UnicodeDecodeError as error:
                raise AssertionError(f"{argv} printed {stream!r}: {error}") from None
            self.assertNotRegex(text, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
        return done.stderr.decode(), done.stdout.decode()

    def test_that_are_no_text_are_printed_as_text(self):
        work = self.workspace()
        words = b"\xff\xfe\x9b31m\xc2\x9b32m\x7f\xe2\x80\xae"
        cases = {
            "a value": b'{"image": "%s", "waitFor": "%s"}',
            "a key": b'{"image": "x", "portsAttributes": {"%s": {"label": 7}}, "a": "%s"}',
            "no JSON": b'{"image": %s%s}',
            "a warning": b'{"image": "x", "customizations": {"fairlead": {"%s": "%s"}}, "remoteUser": 7}',
        }
        for why, template in cases.items():
            with self.subTest(why):
                work.file.write_bytes(template % (words, words))
                self.assertIn("fairlead: ", self.printed(self.up(work))[0])
        strange = os.fsdecode(words)
        self.printed([*self.up(work), "--forward-port", strange])
        self.printed([*self.up(work), "--" + strange])

    def test_in_lines_make_no_lines_of_their_own(self):
        work = self.workspace("work\nForwarding container 1 -> http:||evil")
        work.file.unlink()
        err, _ = self.printed(self.up(work))
        self.assertIn("Forwarding container 1", err)
        self.assertNotRegex(err, "(?m)^Forwarding container 1")

    def test_of_listings_are_printed_as_text(self):
        port = free_port()
        evil = "\u009b31m\x7f\u202e\x1b[2J"
        work = self.workspace(portsAttributes={str(port): {"label": evil}})
        work.up()
        work.serve(port)
        for words in (["ports"], ["ports", "--json"], ["why", str(port)], ["events"], ["logs"],
                      ["ports", "rm", str(port)]):
            with self.subTest(words):
                self.printed([program(), *words])


class Commands(Hostile):
    def test_only_the_initialize_command_runs_on_the_host(self):
        names = ("onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand",
                 "postAttachCommand")
        # What works in the container, too: a file of its own in /tmp, which is not this host's.
        mine = f"/tmp/{self.mark}-ran"
        commands = {name: f"echo {name} >>{mine}" for name in names}
        work = self.workspace(initializeCommand=f"echo initializeCommand >>{mine}", **commands)
        self.addCleanup(lambda: os.path.exists(mine) and os.unlink(mine))
        ended = self.bounded(self.up(work))
        self.assertEqual(ended.rc, 0, ended)
        with open(mine) as file:
            self.assertEqual(file.read().split(), ["initializeCommand"])
        inside = docker("exec", ended.json["containerId"], "cat", mine).out.split()
        self.assertEqual(inside, list(names))

    def test_an_initialize_command_of_words_meets_no_shell(self):
        work = self.workspace(initializeCommand=["/bin/echo", self.text, f"$(touch {self.canary})"])
        ended = self.bounded(self.up(work))
        self.assertEqual(ended.rc, 0, ended)

    def test_an_initialize_command_that_fails_creates_nothing(self):
        work = self.workspace(initializeCommand="exit 3")
        ended = self.rejected(work)
        self.assertIn("initializeCommand", ended.err + ended.out)

    def test_a_broken_configuration_does_not_run_it(self):
        work = self.workspace(initializeCommand=f"touch {self.canary}")
        work.write(forwardPorts=[70000])
        self.rejected(work)

    def test_a_flood_of_output_is_passed_on_without_being_kept(self):
        flood = "head -c 50000000 /dev/zero | tr '\\0' x"
        work = self.workspace(postCreateCommand=flood)
        ended = self.measured(self.up(work), timeout=90)
        self.assertEqual(ended.rc, 0, str(ended)[:500])
        self.assertLess(ended.memory_kib, MEMORY_KIB)
        self.assertLess(len(ended.out), 4096)
        wait_for(lambda: len(self.supervisors()) == 1, "a supervisor")
