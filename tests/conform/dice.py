"""Numbers out of a text: the same on every machine and with every Python, for what is made up by a number."""
import hashlib


class Dice:
    def __init__(self, text):
        self.state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def n(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & (2 ** 64 - 1)
        return (self.state >> 33) % n

    def of(self, items):
        return items[self.n(len(items))]

    def one_in(self, n):
        return self.n(n) == 0
