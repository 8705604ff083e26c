"""`exec`: in the container of `up`, as its user, in its folder; terminal, input and status."""

import os
import pty
import select
import signal
import subprocess
import time

from processes import docker, wait_for
from workspace_case import WorkspaceCase


class Exec(WorkspaceCase):
    def exec(self, work, *words, check=True, **options):
        return self.call(work.command("exec", *words), check=check, **options)

    def test_runs_as_the_remote_user_in_the_folder(self):
        work = self.workspace(remoteUser="dev", remoteEnv={"A": "b c"})
        work.up(auto=False)
        result = self.exec(work, "sh", "-c", 'echo "$(id -un) $(pwd) $A $HOME"')
        self.assertEqual(result.out, "dev /workspaces/work b c /home/dev\n")
        self.assertEqual(result.err, "")

    def test_leaves_the_words_of_the_command_alone(self):
        work = self.workspace()
        work.up(auto=False)
        for words in (["echo", "--help", "--", "-x", "a  b", "$HOME"], ["--", "echo", "--config"]):
            with self.subTest(words):
                expected = " ".join(words[1:] if words[0] == "echo" else words[2:])
                self.assertEqual(self.exec(work, *words).out, expected + "\n")

    def test_passes_the_status_on(self):
        work = self.workspace()
        work.up(auto=False)
        for status in (0, 7, 255):
            result = self.exec(work, "sh", "-c", f"exit {status}", check=False)
            self.assertEqual(result.rc, status)
        result = self.exec(work, "sh", "-c", "kill -KILL $$", check=False)
        self.assertEqual(result.rc, 128 + signal.SIGKILL)

    def test_keeps_stdout_and_stderr_apart_and_passes_input_in(self):
        work = self.workspace()
        work.up(auto=False)
        argv = work.command("exec", "sh", "-c", "cat; echo wrong >&2")
        done = subprocess.run(
            [str(word) for word in argv],
            input="some\nlines",
            capture_output=True,
            text=True,
            env=self.env,
            timeout=30,
        )
        self.assertEqual((done.stdout, done.stderr), ("some\nlines", "wrong\n"))

    def test_has_a_terminal_if_there_is_one(self):
        work = self.workspace()
        work.up(auto=False)
        self.assertNotEqual(self.exec(work, "test", "-t", "0", check=False).rc, 0)
        argv = work.command("exec", "sh", "-c", "test -t 0 && test -t 1 && echo yes; read x; exit 5")
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(argv[0], [str(word) for word in argv], self.env)
        seen = b""
        end = time.monotonic() + 30
        while b"yes" not in seen and time.monotonic() < end:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    seen += os.read(terminal, 1024)
                except OSError:
                    break
        self.assertIn(b"yes", seen)
        os.write(terminal, b"\n")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(status), 5)

    def test_finds_the_container_by_id_label(self):
        work = self.workspace(remoteUser="dev")
        label = f"fairlead-e2e-id={self.mark}"
        work.up("--id-label", label, auto=False)
        out = self.fairlead("exec", "--id-label", label, "id", "-un", cwd=work.folder).out
        self.assertEqual(out, "dev\n")
        out = self.fairlead("exec", "--id-label", label, "id", "-un", cwd=self.root).out
        self.assertEqual(out, "dev\n")

    def test_by_id_needs_no_file(self):
        work = self.workspace(remoteUser="dev", remoteEnv={"A": "b"})
        work.up(auto=False)
        words = ("sh", "-c", 'echo "$(id -un) $(pwd) $A"')
        out = self.fairlead("exec", "--container-id", work.id[:12], *words, cwd="/").out
        self.assertEqual(out, "dev /workspaces/work b\n")
        work.file.unlink()
        out = self.fairlead("exec", "--container-id", work.id, *words, cwd="/").out
        self.assertEqual(out, "dev /home/dev b\n")

    def test_works_in_any_container_of_a_strangers(self):
        other = self.container("/bin/portd", "idle")
        self.assertEqual(self.fairlead("exec", "--container-id", other, "id", "-un").out, "root\n")

    def test_in_a_container_that_does_not_run_is_an_error_that_says_so(self):
        work = self.workspace()
        work.up(auto=False)
        docker("stop", "-t", "1", work.id)
        result = self.exec(work, "true", check=False)
        self.assertEqual((result.rc, result.out), (1, ""))
        self.assertIn("not running", result.err)

    def test_without_a_container_is_an_error_that_says_so(self):
        work = self.workspace()
        result = self.exec(work, "true", check=False)
        self.assertEqual((result.rc, result.out), (1, ""))
        self.assertIn(str(work.folder), result.err)
        result = self.fairlead("exec", "--container-id", "no-such", "true", check=False)
        self.assertEqual(result.rc, 1)
        self.assertIn("no-such", result.err)

    def test_without_a_command_is_a_usage_error(self):
        self.assertEqual(self.exec(self.workspace(), check=False).rc, 2)

    def test_takes_the_container_that_up_takes(self):
        work = self.workspace(workspaceFolder="/")
        labels = [f"devcontainer.local_folder={work.folder}"]
        options = [word for label in labels for word in ("--label", label)]
        other = self.container("/bin/portd", "idle", options=options)
        work.up(auto=False)
        self.assertEqual(work.id, other)
        self.assertEqual(self.exec(work, "cat", "/etc/hostname", check=False).out.strip(), other[:12])

    def test_ends_with_its_command_when_the_terminal_is_gone(self):
        work = self.workspace()
        work.up(auto=False)
        process = self.spawn(work.command("exec", "sh", "-c", "echo started; sleep 1000"))
        self.assertEqual(process.stdout.readline(), "started\n")
        process.terminate()
        wait_for(lambda: process.poll() is not None, "the end of exec")
