"""What the size of the kernel's table costs, and another dialler of the same port (P5)."""

import json
import subprocess

from harness.world import Unavailable


def measure(world, quick):
    words = ["--rounds", "2", "--long", "3"] if quick else []
    done = subprocess.run([world.build / "bench/nat_rates", *words], capture_output=True, text=True,
                          timeout=1200, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip()[-200:])
    return json.loads(done.stdout)


def kept(beside):
    """What is left of the rate in the last third."""
    return beside["last_third"] / beside["first_third"]


def lines(found):
    """For the report."""
    text = ["## The kernel's table", "",
            "`bench/nat_rates` (preset `bench`): new connections a second, one after the other, request "
            "and answer of a byte, the server closes; in networks of its own, medians.", ""]
    text += [f"- {name}: {rate:,.0f}" for name, rate in found["new"].items()]
    text += ["", "Beside another process that dials the same container port 100 times a second, as a share of "
             "what the address gives in the second before:", ""]
    for name, beside in found["beside"].items():
        text.append(f"- {name}: {beside['first_third']:.2f} in the first third of the time, "
                    f"{beside['last_third']:.2f} in the last, {beside['lowest']:.2f} in the slowest second; "
                    f"{beside['rate']:,.0f} a second, {beside['failed']} failed")
    return [*text, ""]
