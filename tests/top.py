"""Opens `fairgate room top` in a terminal of its own, looks, and presses q: top.py FAIRGATE ADMIN_URL ROOM.

It has to show the room's numbers, to end by itself, and to leave the terminal as it found it.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

WITHIN_S = 60
LEAVES_SCREEN = b"\x1b[?1049l"


def read_until(terminal, seen, is_enough):
    """Everything on the screen so far, once it is enough; the terminal's end is enough, too."""
    deadline = time.monotonic() + WITHIN_S
    while not is_enough(seen):
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([terminal], [], [], left_s)[0]:
            sys.exit(f"not within {WITHIN_S} s; on the screen: {seen!r}")
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # the other end has closed it
            return seen
    return seen


def main():
    program, url, room = sys.argv[1:]
    child, terminal = pty.fork()
    if child == 0:
        time.sleep(0.2)  # until the terminal has a size
        os.execv(program, [program, "room", "top", room, "--admin", url])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    before = termios.tcgetattr(terminal)
    words = [b"Cup final", b"places,", b"quits"]
    seen = read_until(terminal, b"", lambda seen: all(word in seen for word in words))
    if termios.tcgetattr(terminal) == before:
        sys.exit("keys would be echoed and wait for Enter")
    os.write(terminal, b"q")
    seen = read_until(terminal, seen, lambda seen: LEAVES_SCREEN in seen)
    after = termios.tcgetattr(terminal)
    while after != before and os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.05)
        after = termios.tcgetattr(terminal)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except ChildProcessError:
        code = 0
    if after != before or code != 0:
        sys.exit(f"ended with {code}; the terminal was {'restored' if after == before else 'left raw'}")
    print("ok")


main()
