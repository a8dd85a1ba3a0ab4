"""Where dialogs that ask for a file begin: in the folder used last, else in that of the study."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from viewer.widgets.settings import FILES_KEY, OPENED_KEY, settings


def ask_open_file(parent: QWidget, title: str, kinds: str) -> Path | None:
    """Ask for a file that is there; None where nobody chose one."""
    chosen, _ = QFileDialog.getOpenFileName(parent, title, str(files_folder()), kinds)
    return _used(chosen)


def ask_save_file(parent: QWidget, title: str, name: str, kinds: str) -> tuple[Path | None, str]:
    """Ask for a file to write, whose name is `name` at first; the path, None where nobody chose, and the kind."""
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(files_folder() / name), kinds)
    return _used(chosen), kind


def files_folder() -> Path:
    """A folder that is there: used last for a file, else what was opened last is in it, else the person's own."""
    stored = settings()
    folders = (str(stored.value(key, "")) for key in (FILES_KEY, OPENED_KEY))
    return next((Path(name) for name in folders if name and Path(name).is_dir()), Path.home())


def _used(chosen: str) -> Path | None:
    if not chosen:
        return None
    path = Path(chosen)
    settings().setValue(FILES_KEY, str(path.absolute().parent))
    return path
