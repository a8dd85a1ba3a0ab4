"""How far something is that runs."""

from PySide6.QtWidgets import QProgressBar, QWidget


class ProgressBar(QProgressBar):
    """The part that is done, and the stage that it is in where `worded`."""

    def __init__(self, parent: QWidget | None = None, *, worded: bool = False) -> None:
        super().__init__(parent)
        self.setRange(0, 1000)
        self.setTextVisible(worded)
        self.show_part(0.0)

    def show_part(self, fraction: float, stage: str = "") -> None:
        """Show how much is done, 0..1, and what is being done."""
        self.setRange(0, 1000)
        self.setValue(round(1000 * fraction))
        self.setFormat(stage)

    def show_waiting(self) -> None:
        """Show that something runs of which nobody knows how far it is."""
        self.setRange(0, 0)
