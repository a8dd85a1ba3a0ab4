"""Qt: main window, panes, panels and dialogs."""
