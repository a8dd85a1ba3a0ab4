"""What can be stored: one handler a kind of object, and the catalogue of what lies in folders and files."""
