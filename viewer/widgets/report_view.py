"""Shows the certificate of a structured report: what was to be said, and that the file says it when it is read back."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine import person_name
from engine.dicom.report_certificate import ReportCertificate
from engine.findings.words import with_unit
from viewer.widgets.certificate_parts import copy_and_close, digest_text, facts_label, table_to_read, verdict_label

#: Title of a column → the parts of the certificate that it shows.
COLUMNS = {
    "Finding": ("name",),
    "Model": ("value of the model", "no opinion"),
    "Reader": ("conclusion of the reader", "value of the reader", "what the reader stated"),
    "Verdict": ("verdict",),
    "Comment": ("comment",),
    "Where": ("place",),
}


#: Columns that are as wide as what stands in them; the others share the rest.
_NARROW = ("Model", "Verdict")


class ReportView(QDialog):
    """The certificate as a table, one row a finding.

    Args:
        certificate: of the report.
        path: of its file.
        words: UID of a finding → title of a column → how the window tells it, in place of the certificate's codes.
    """

    def __init__(
        self,
        certificate: ReportCertificate,
        path: Path,
        parent: QWidget | None = None,
        *,
        words: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        super().__init__(parent)
        self._words = words
        self.setWindowTitle("Report certificate")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        count = len(certificate.findings)
        agree = "The report was read back and says what is on screen" if certificate.ok else "The report differs"
        self.verdict = verdict_label(f"{agree}: {count} finding{'' if count == 1 else 's'}.", certificate.ok, self)
        self.table = self._table(certificate)
        signed = person_name.shown(certificate.signed_by)
        facts = [
            f"Signed by {signed}: complete and verified." if signed else "Not signed: partial and unverified.",
            f"It names {certificate.predecessor} as its predecessor." if certificate.predecessor else "",
            str(path),
            f"SOP Instance UID {certificate.sop_instance_uid}",
            digest_text(certificate.sha256),
            f"{certificate.program}, {certificate.created}. The certificate is saved beside the file.",
        ]
        self.facts = facts_label("\n".join(filter(None, (*certificate.problems, *certificate.changes, *facts))), self)
        buttons = copy_and_close(self, certificate.model_dump_json(indent=2))
        layout = QVBoxLayout(self)
        layout.addWidget(self.verdict)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.facts)
        layout.addWidget(buttons)
        self.resize(min(980, self.screen().availableGeometry().width() - 40), min(270 + 40 * count, 640))

    def _table(self, certificate: ReportCertificate) -> QTableWidget:
        table = table_to_read(len(certificate.findings), len(COLUMNS), self)
        table.setHorizontalHeaderLabels(list(COLUMNS))
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column, title in enumerate(COLUMNS):
            if title in _NARROW:
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for row, finding in enumerate(certificate.findings):
            words = self._words.get(finding.get("uid", ""), {})
            for column, (title, parts) in enumerate(COLUMNS.items()):
                shown = dict.fromkeys(_shown(finding, part) for part in parts if part in finding)
                item = QTableWidgetItem(words.get(title) or ", ".join(shown) or "–")
                item.setToolTip("\n".join(f"{part}: {text}" for part, text in finding.items()))
                table.setItem(row, column, item)
        return table


def _shown(finding: Mapping[str, str], part: str) -> str:
    """A part as a person reads it: numbers, of which a certificate has all digits, as the window shows them."""
    if not part.startswith("value of"):
        return finding[part]
    try:
        return with_unit(f"{float(finding[part]):.3g}", finding.get("unit", ""))
    except ValueError:
        return finding[part]
