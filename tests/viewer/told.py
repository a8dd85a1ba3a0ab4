"""What the part of the window that opens files says."""

from viewer.features.opening import Opener


class Told:
    """What an opener said since the start of a test."""

    def __init__(self, opener: Opener) -> None:
        self.opened, self.failed, self.scanned = 0, [], 0
        opener.opened.connect(self._opened)
        opener.failed.connect(self.failed.append)
        opener.scanned.connect(self._scanned)

    def _opened(self) -> None:
        self.opened += 1

    def _scanned(self) -> None:
        self.scanned += 1
