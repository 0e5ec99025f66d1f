"""A program on a pseudo-terminal, and its screen as a picture: the 16 colours of a VGA console, or more."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte
from PIL import Image, ImageDraw, ImageFont

KEYS = {
    "enter": "\r", "esc": "\x1b", "tab": "\t", "space": " ", "bs": "\x7f", "lt": "<", "nak": "\x15",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "pgup": "\x1b[5~", "pgdn": "\x1b[6~", "f1": "\x1b[[A", "f8": "\x1b[19~",
}
DARK = {
    "black": (0, 0, 0), "red": (170, 0, 0), "green": (0, 170, 0), "brown": (170, 85, 0),
    "blue": (0, 0, 170), "magenta": (170, 0, 170), "cyan": (0, 170, 170), "white": (170, 170, 170),
}
FACE = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono"
FONT_SIZE, LINE = 16, 20
DEADLINE = 60


class Terminal:
    """Runs a program; what it shows can be waited for and drawn."""

    def __init__(self, command, columns, rows, environment):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(environment)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvp(command[0], command)

    def press(self, keys):
        """Types; `<enter>` and the like are keys."""
        for key in re.findall(r"<[a-z0-9]+>|.", keys, re.S):
            os.write(self.fd, KEYS.get(key[1:-1], key).encode() if len(key) > 1 else key.encode())
            # An escape sequence is told from Esc and a letter by the time between them.
            self.read(0.12)

    def until(self, pattern):
        """Waits for a text on the screen, then until the screen rests."""
        end = time.monotonic() + DEADLINE
        while not re.search(pattern, self.text()):
            if time.monotonic() > end:
                raise SystemExit(f"pictures: {pattern!r} does not show:\n{self.text()}")
            self.read(0.05)
        self.read(0.3)

    def rest(self):
        """Waits until nothing has been written for a second and a half."""
        end = time.monotonic() + DEADLINE
        while self.read(1.5) and time.monotonic() < end:
            pass

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def read(self, seconds):
        """Takes what is written within so long; whether there was anything."""
        end = time.monotonic() + seconds
        had = False
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                break
            had = True
            self.stream.feed(got)
            if b"\x1b[6n" in got:
                place = f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R"
                os.write(self.fd, place.encode())
        return had

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            self.read(0.05)
        os.close(self.fd)

    def draw(self, path):
        """Writes the screen as a PNG of few colours."""
        font = ImageFont.truetype(f"{FACE}.ttf", FONT_SIZE)
        bold = ImageFont.truetype(f"{FACE}-Bold.ttf", FONT_SIZE)
        width = round(font.getlength("M"))
        image = Image.new("RGB", (self.screen.columns * width, self.screen.lines * LINE))
        pen = ImageDraw.Draw(image)
        for y in range(self.screen.lines):
            for x in range(self.screen.columns):
                cell = self.screen.buffer[y][x]
                front, back = colour(cell.fg, DARK["white"], cell.bold), colour(cell.bg, DARK["black"], False)
                if cell.reverse:
                    front, back = back, front
                place = (x * width, y * LINE)
                pen.rectangle([place, (place[0] + width - 1, place[1] + LINE - 1)], fill=back)
                if cell.data.strip():
                    pen.text((place[0], place[1] + 1), cell.data, font=bold if cell.bold else font, fill=front)
                if cell.underscore:
                    line = place[1] + LINE - 2
                    pen.line([(place[0], line), (place[0] + width, line)], fill=front)
        if not self.screen.cursor.hidden:
            x, y = self.screen.cursor.x * width, self.screen.cursor.y * LINE
            pen.rectangle([(x, y + LINE - 3), (x + width - 1, y + LINE - 1)], fill=(255, 255, 255))
        image.quantize(64).save(path, optimize=True)


def colour(name, default, bright):
    if name == "default":
        return default
    if name.startswith("bright"):
        name, bright = name[len("bright"):], True
    if name in DARK:
        if not bright:
            return DARK[name]
        return (255, 255, 85) if name == "brown" else tuple(min(255, part + 85) for part in DARK[name])
    return tuple(int(name[at:at + 2], 16) for at in (0, 2, 4))
