"""A server that notes every byte that reaches it: `recorder.py PORT`, stdout has a line per connection.

Runs in the network namespace of a container that is nobody's (nsenter), and answers as an HTTP
server would, so that a client which gets here by mistake shows it, too.
"""

import os
import socket
import sys
import threading

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nstranger"


def serve(connection):
    data = b""
    try:
        connection.settimeout(10)
        data = connection.recv(1 << 16)
        connection.sendall(ANSWER if data != b"probe" else b"probed")
    except OSError:
        pass
    finally:
        connection.close()
    # A connection without a byte is what a trial looks like: no harm.
    line = "probe" if data == b"probe" else f"bytes {len(data)}"
    os.write(1, f"{line}\n".encode())  # whole, whichever threads write at the same time


listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=128)
print("listening", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
