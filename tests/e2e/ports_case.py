"""A case whose servers listen before `up --auto-forward` runs, so that it speaks of them."""

from harness import Case
from processes import wait_for


class PortsCase(Case):
    def opened(self, *ports, words=(), up=(), **config):
        work = self.workspace(**config)
        work.up(auto=False)
        for port in ports:
            work.start("http", "127.0.0.1", port, "hello", *words)
            wait_for(lambda port=port: work.listening(port), "the listener")
        return work, work.up(*up)
