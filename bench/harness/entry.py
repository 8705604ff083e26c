"""What the programs of the harness begin and end with."""

import sys


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def run(main):
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started has been ended")
