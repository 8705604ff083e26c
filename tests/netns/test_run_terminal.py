"""`fairlead run` at a terminal: a real pty, and a small shell that does job control on it."""

import os
import pty
import select
import subprocess
import time

from processes import alive, command_line, stat_fields, wait_for
from run_case import PYTHON, RunCase

# What a shell does with a job: a process group of its own, the terminal handed over and taken back.
SHELL = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        break
    print("shell: stopped", flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
code = os.waitstatus_to_exitcode(status)
print("shell: ended", code, flush=True)
"""

# Says what it sees, and counts how often it is interrupted.
COMMAND = """
import os, signal, sys
count = 0
def interrupted(number, frame):
    global count
    count += 1
    print("interrupt", count, flush=True)
signal.signal(signal.SIGINT, interrupted)
print("terminal", [os.isatty(fd) for fd in range(3)], os.getpgrp() == os.tcgetpgrp(0), flush=True)
while True:
    word = sys.stdin.readline().strip()
    if word == "end":
        print("total", count, flush=True)
        sys.exit(9)
    if word == "size":
        print("size", tuple(os.get_terminal_size(0)), flush=True)
    elif word == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
        print("resumed", flush=True)
    else:
        print("word", word, flush=True)
"""


class Terminal(RunCase):
    def setUp(self):
        super().setUp()
        self.output = b""
        self.master, slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, slave)
        self.slave = slave
        # The ordinary user's own terminal.
        if self.prefix:
            os.chown(os.ttyname(slave), 65534, -1)

    def open(self, *words, shell=True):
        argv = self.words(*words, flags=["--name", "box"])
        if shell:
            argv = [*self.prefix, PYTHON, "-c", SHELL, *argv[len(self.prefix) :]]
        code = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
        process = subprocess.Popen(
            [PYTHON, "-c", code, *argv],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, env=self.env, cwd=self.root,
        )
        self.addCleanup(self._end, process)
        return process

    def command(self):
        return self.open(PYTHON, "-c", COMMAND)

    def type(self, text):
        os.write(self.master, text.encode())

    def sees(self, text, timeout=20):
        """Reads the screen until the text has come; what came before is forgotten."""
        end = time.monotonic() + timeout
        while text.encode() not in self.output:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text!r} not on the screen: {self.output!r}")
            self.output += os.read(self.master, 65536)
        before, _, self.output = self.output.partition(text.encode())
        return before

    def run_pid(self):
        command = self.command_pid("box")
        return int(stat_fields(command)[1]), command

    def test_the_command_has_the_terminal(self):
        self.command()
        self.sees("terminal [True, True, True] True")
        self.type("hello\n")
        self.sees("word hello")
        self.type("end\n")
        self.sees("shell: ended 9")
        self.nothing_is_left()

    def test_each_ctrl_c_reaches_the_command_once(self):
        self.command()
        self.sees("terminal")
        for n in range(1, 6):
            self.type("\x03")
            self.sees(f"interrupt {n}")
        self.type("end\n")
        self.sees("total 5")
        self.sees("shell: ended 9")

    def test_ctrl_c_ends_a_command_that_does_not_catch_it(self):
        self.open("sh", "-c", "echo ready; exec sleep 1000")
        self.sees("ready")
        self.type("\x03")
        self.sees("shell: ended 130")
        self.nothing_is_left()

    def test_ctrl_z_stops_and_fg_resumes(self):
        self.command()
        self.sees("terminal")
        run, command = self.run_pid()
        for _ in range(3):
            self.type("\x1a")
            self.sees("shell: stopped")
            wait_for(lambda: stat_fields(command)[0] == b"T", "the command stopped")
            self.assertEqual(stat_fields(run)[0], b"T")
            self.type("fg\n")
            self.type("again\n")
            self.sees("word again")
        self.type("end\n")
        self.sees("shell: ended 9")

    def test_a_command_that_stops_itself_is_a_stopped_job(self):
        self.command()
        self.sees("terminal")
        self.type("stop\n")
        self.sees("shell: stopped")
        self.type("fg\n")
        self.sees("resumed")
        self.type("end\n")
        self.sees("shell: ended 9")

    def test_an_interactive_shell_does_job_control_of_its_own(self):
        self.env.update(PS1="> ", HISTFILE="/dev/null")
        self.open("bash", "--norc", "--noprofile", "-i")
        self.sees("> ")
        _, command = self.run_pid()

        def in_front():
            """The command line of the terminal's foreground group's leader."""
            return command_line(int(stat_fields(command)[5]))

        self.type("sleep 1000\n")
        wait_for(lambda: in_front() == ["sleep", "1000"], in_front)
        self.type("\x03")
        wait_for(lambda: in_front()[0] == "bash", in_front)
        self.type("sleep 2000\n")
        wait_for(lambda: in_front() == ["sleep", "2000"], in_front)
        self.type("\x1a")
        self.sees("Stopped")
        self.type("kill %1; exit 6\n")
        self.sees("exit 6")
        self.type("exit 6\n")
        self.sees("shell: ended 6")
        self.nothing_is_left()

    def test_a_terminal_that_hangs_up_leaves_nothing(self):
        process = self.open("sleep", "1000", shell=False)
        wait_for(lambda: self.marker("box"), "the marker")
        command = self.command_pid("box")
        wait_for(lambda: b"sleep" in open(f"/proc/{command}/cmdline", "rb").read(), "the command")
        os.close(self.slave)
        os.close(self.master)
        self.master, self.slave = pty.openpty()  # the cleanups close these
        process.wait(20)
        wait_for(lambda: not alive(command), "the end of the command")
        wait_for(lambda: not self.leftovers(), self.leftovers)
