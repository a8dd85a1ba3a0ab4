"""A dark, quiet look for a reading room."""

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from engine.shipped import shipped

BACKGROUND = "#1b1d20"
RAISED = "#25282c"
FIELD = "#141618"
TEXT = "#c9ccd1"
FAINT = "#868b93"
ACCENT = "#5b8db8"
BORDER = "#34383d"
WARNING = "#c9a14a"
ERROR = "#c96a5f"
GOOD = "#7fbf8f"

_TICK = shipped("icons", "tick.svg").as_posix()

_STYLE = f"""
QWidget {{ font-size: 10pt; }}
QSplitter::handle {{ background: {BACKGROUND}; }}
QSplitter::handle:hover {{ background: {ACCENT}; }}
QMainWindow::separator {{ background: {BACKGROUND}; width: 4px; height: 4px; }}
QMainWindow::separator:hover {{ background: {ACCENT}; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {BORDER}; padding: 4px; }}
QDockWidget {{ titlebar-close-icon: none; color: {FAINT}; }}
QDockWidget::title {{ background: {BACKGROUND}; padding: 5px 6px; text-align: left; }}
QMenuBar {{ background: {BACKGROUND}; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {ACCENT}; color: #ffffff; }}
QMenu {{ background: {RAISED}; border: 1px solid {BORDER}; }}
QMenu::item {{ padding: 4px 28px 4px 22px; }}
QMenu::item:disabled {{ color: {FAINT}; }}
QMenu::separator {{ height: 1px; background: {BORDER}; margin: 4px 8px; }}
QToolBar {{ background: {BACKGROUND}; border: none; spacing: 3px; padding: 3px; }}
QToolBar::separator {{ background: {BORDER}; width: 1px; margin: 4px 4px; }}
QToolButton {{ padding: 4px 8px; border: 1px solid transparent; border-radius: 3px; }}
QToolButton:hover {{ background: {RAISED}; border-color: {BORDER}; }}
QToolButton:checked {{ background: #2f4a61; border-color: {ACCENT}; color: #ffffff; }}
QToolButton:disabled {{ color: #5a5f66; }}
QStatusBar {{ background: {BACKGROUND}; color: {FAINT}; }}
QStatusBar::item {{ border: none; }}
QTreeView, QListView, QTableView {{
    background: {FIELD}; border: 1px solid {BORDER}; alternate-background-color: #181a1d; }}
QTreeView::item, QListView::item {{ padding: 2px; }}
QTreeView::indicator, QListView::indicator, QTableView::indicator, QCheckBox::indicator {{
    width: 12px; height: 12px; background: {FIELD}; border: 1px solid {FAINT}; border-radius: 3px; }}
QTreeView::indicator:hover, QListView::indicator:hover, QTableView::indicator:hover, QCheckBox::indicator:hover {{
    border-color: {TEXT}; }}
QTreeView::indicator:checked, QListView::indicator:checked, QTableView::indicator:checked,
QCheckBox::indicator:checked {{
    background: {ACCENT}; border-color: {ACCENT}; image: url("{_TICK}"); }}
QTreeView::indicator:indeterminate {{
    border-color: {ACCENT}; background: qlineargradient(x1: 0, y1: 0, x2: 0, y2: 1, stop: 0.35 {FIELD},
        stop: 0.36 {ACCENT}, stop: 0.64 {ACCENT}, stop: 0.65 {FIELD}); }}
QTreeView::indicator:disabled, QListView::indicator:disabled, QCheckBox::indicator:disabled {{
    background: {BACKGROUND}; border-color: #5a5f66; }}
QHeaderView::section {{ background: {RAISED}; color: {FAINT}; border: none; padding: 3px 6px; }}
QPushButton {{ background: {RAISED}; border: 1px solid {BORDER}; border-radius: 3px; padding: 4px 12px; }}
QPushButton:hover {{ border-color: {ACCENT}; }}
QPushButton:pressed, QPushButton:checked {{ background: #2f4a61; }}
QPushButton:disabled {{ color: #5a5f66; }}
QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit {{
    background: {FIELD}; border: 1px solid {BORDER}; border-radius: 3px; padding: 2px 4px; }}
QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus {{ border-color: {ACCENT}; }}
QDoubleSpinBox::up-button, QDoubleSpinBox::down-button, QSpinBox::up-button, QSpinBox::down-button {{
    width: 0; border: none; }}
QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
QProgressBar {{ background: {FIELD}; border: 1px solid {BORDER}; border-radius: 3px; text-align: center; }}
QProgressBar::chunk {{ background: #3d6485; }}
QScrollBar:vertical {{ background: {BACKGROUND}; width: 11px; }}
QScrollBar:horizontal {{ background: {BACKGROUND}; height: 11px; }}
QScrollBar::handle {{ background: #3c4147; border-radius: 4px; min-height: 24px; min-width: 24px; margin: 2px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QTabBar {{ qproperty-elideMode: "ElideNone"; qproperty-usesScrollButtons: true; }}
QTabBar::scroller {{ width: 40px; }}
QTabBar QToolButton {{ padding: 0; background: {RAISED}; border: 1px solid {BORDER}; }}
QTabBar::tab {{ background: {BACKGROUND}; color: {FAINT}; padding: 5px 8px; border: none; }}
QTabBar::tab:selected {{ background: {RAISED}; color: {TEXT}; }}
"""


def apply_theme(application: QApplication) -> None:
    """Dress the whole application."""
    application.setStyle(QStyleFactory.create("Fusion"))
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: BACKGROUND,
        QPalette.ColorRole.WindowText: TEXT,
        QPalette.ColorRole.Base: FIELD,
        QPalette.ColorRole.AlternateBase: "#181a1d",
        QPalette.ColorRole.Text: TEXT,
        QPalette.ColorRole.Button: RAISED,
        QPalette.ColorRole.ButtonText: TEXT,
        QPalette.ColorRole.BrightText: ERROR,
        QPalette.ColorRole.ToolTipBase: RAISED,
        QPalette.ColorRole.ToolTipText: TEXT,
        QPalette.ColorRole.Highlight: "#2f4a61",
        QPalette.ColorRole.HighlightedText: "#ffffff",
        QPalette.ColorRole.PlaceholderText: FAINT,
        QPalette.ColorRole.Link: ACCENT,
        QPalette.ColorRole.Light: "#3c4147",
        QPalette.ColorRole.Mid: BORDER,
        QPalette.ColorRole.Dark: "#101214",
        QPalette.ColorRole.Shadow: "#000000",
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor("#5a5f66"))
    application.setPalette(palette)
    application.setStyleSheet(_STYLE)
