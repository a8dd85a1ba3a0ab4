"""Findings in the window: their panel, and the keys by which a reader judges them."""

from PySide6.QtWidgets import QMainWindow

from engine.answers import FindingKey, key_of
from engine.findings.words import is_judged
from viewer.widgets.finding_detail import KEYS
from viewer.widgets.findings_panel import FindingsPanel
from viewer.widgets.main_window import MainWindow, bring_to_front

FINDINGS = "Findings"


def install(window: MainWindow) -> None:
    """Add the panel beside the structures, and the menu."""
    session = window.session
    panel = FindingsPanel(session, window.history, window.show_message)
    dock = window.add_panel(FINDINGS, panel, "right", "Ctrl+F11")
    QMainWindow.tabifyDockWidget(window, window.panel("Structures"), dock)
    detail = panel.detail
    slots = {"accept": detail.accept, "change": detail.change, "reject": detail.reject, "evidence": panel.show_where}
    actions = []
    for verb, (text, key, tip) in KEYS.items():
        actions.append(window.add_action(FINDINGS, text, slots[verb], shortcut=key, tip=tip))
    reopen = "Take back what was said of the finding; the comment stays"
    actions.append(window.add_action(FINDINGS, "Judge anew", detail.reopen, tip=reopen))
    for action in actions:
        panel.add_to_menu(action)
    rest = "Reject every box that its model gives less than its threshold, and that nobody has judged, as one step"
    below = window.add_action(
        FINDINGS,
        "Reject what is below the threshold",
        detail.reject_below,
        for_series=True,
        shortcut="Ctrl+Shift+X",
        tip=rest,
    )
    panel.add_to_menu(below)
    window.menu(FINDINGS).addSeparator()
    window.menu(FINDINGS).addMenu(panel.add_menu).setText("Add a finding")
    unseen: set[FindingKey] = set()

    def chosen() -> None:
        active = session.active_finding is not None
        for action in actions:
            action.setEnabled(active)
        if active:
            bring_to_front(dock)

    def changed() -> None:
        """What a model answers comes to the front; what a person says of it is said where the person looks."""
        findings = session.document.findings if session.document is not None else ()
        now = {key_of(finding) for finding in findings if not is_judged(finding)}
        if now - unseen:
            dock.raise_()
        unseen.clear()
        unseen.update(now)

    session.active_finding_changed.connect(chosen)
    session.volume_changed.connect(chosen)
    session.findings_changed.connect(changed)
    session.volume_changed.connect(changed)
    chosen()
