"""Shows the certificate of an export: what was on screen, and what the file holds when it is read back."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.dicom.certificate import Certificate, StructureCertificate
from engine.unseen import unseen_sentence
from viewer.widgets.certificate_parts import (
    Notes,
    copy_and_close,
    digest_text,
    facts_label,
    show_rows,
    table_to_read,
    verdict_label,
)
from viewer.widgets.long_names import LongNames
from viewer.widgets.theme import ERROR

COLUMNS = (
    "Structure",
    "On screen",
    "In the file",
    "Dice",
    "Farthest line",
    "Planes",
    "Islands",
    "Holes",
    "As it was read",
    "Not seen",
)
TIPS = (
    "",
    "Volume of the polygons on screen, cm³",
    "Volume of the polygons in the file, cm³",
    "Overlap of the voxels inside, 1 where none differs",
    "Largest distance between the lines on screen and in the file, mm",
    "Planes with contours: on screen, and in the file where it differs",
    "Separate areas: on screen, and in the file where it differs",
    "Holes: on screen, and in the file where it differs",
    "Planes that nobody touched, whose text in the file is that of the file they came from",
    "Contours that a model drew and nobody has marked as seen",
)


class CertificateView(QDialog):
    """The certificate as a table, one row a structure."""

    def __init__(self, certificate: Certificate, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export certificate")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.certificate = certificate
        count, out = len(certificate.structures), certificate.left_out
        holds = "what was ticked" if out else "what is on screen"
        agree = f"The file was read back and holds {holds}" if certificate.ok else "The file differs"
        every = count + len(out)
        counted = f"{f'{count} of ' if out else ''}{every} structure{'' if every == 1 else 's'}"
        self.verdict = verdict_label(f"{agree}: {counted}.", certificate.ok, self)
        self.table = self._table()
        unseen = unseen_sentence((entry.name, len(entry.unseen)) for entry in certificate.structures)
        missing = f"Left out: {', '.join(out)}." if out else ""
        below = "\n".join((*certificate.problems, *filter(None, (missing, unseen)), *certificate.changes))
        facts = facts_label(
            f"{path}\n{digest_text(certificate.sha256)}\n"
            f"{certificate.program}, {certificate.created}, tolerance {certificate.tolerance_mm:g} mm. "
            "The certificate is saved beside the file.",
            self,
        )
        buttons = copy_and_close(self, certificate.model_dump_json(indent=2))
        layout = QVBoxLayout(self)
        layout.addWidget(self.verdict)
        layout.addWidget(self.table, 1)
        layout.addWidget(Notes(below, self))
        layout.addWidget(facts)
        layout.addWidget(buttons)
        room = self.screen().availableGeometry().size()
        self.resize(min(1060, room.width() - 40), min(240 + 30 * count, 700, room.height() - 60))

    def _table(self) -> QTableWidget:
        entries = self.certificate.structures
        table = table_to_read(len(entries), len(COLUMNS), self)
        for column, (title, tip) in enumerate(zip(COLUMNS, TIPS, strict=True)):
            head = QTableWidgetItem(title)
            head.setToolTip(tip)
            head.setTextAlignment(_side(column))
            table.setHorizontalHeaderItem(column, head)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setItemDelegateForColumn(0, LongNames(table))
        for row, entry in enumerate(entries):
            for column, text in enumerate(_cells(entry)):
                item = QTableWidgetItem(text)
                item.setTextAlignment(_side(column))
                item.setToolTip(_planes(entry.unseen) if entry.unseen and column == len(COLUMNS) - 1 else text)
                if entry.problems:
                    item.setForeground(QColor(ERROR))
                    item.setToolTip(" ".join(entry.problems))
                table.setItem(row, column, item)
        show_rows(table)
        return table


def _side(column: int) -> Qt.AlignmentFlag:
    """Names to the left, figures to the right."""
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


def _cells(entry: StructureCertificate) -> tuple[str, ...]:
    kept = f"{entry.untouched_planes} planes" if entry.untouched_planes else "–"
    return (
        entry.name,
        f"{entry.volume_screen_cm3:.3f} cm³",
        f"{entry.volume_file_cm3:.3f} cm³",
        f"{entry.dice:.6g}",
        f"{entry.largest_distance_mm:.4f} mm",
        _pair(entry.planes_screen, entry.planes_file),
        _pair(entry.islands_screen, entry.islands_file),
        _pair(entry.holes_screen, entry.holes_file),
        kept if entry.untouched_identical else f"{kept}, not identical",
        str(len(entry.unseen)) if entry.unseen else "–",
    )


def _planes(planes: Sequence[int]) -> str:
    """Plane numbers, those that follow each other as a range."""
    runs: list[list[int]] = []
    for plane in planes:
        if runs and plane == runs[-1][-1] + 1:
            runs[-1][1:] = [plane]
        else:
            runs.append([plane])
    return f"Planes {', '.join('–'.join(map(str, run)) for run in runs)}"


def _pair(screen: int, file: int) -> str:
    return str(screen) if screen == file else f"{screen} / {file}"
