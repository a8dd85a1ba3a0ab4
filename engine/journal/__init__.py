"""The journal: every step of every session on disk before the next one begins; also the audit trail.

One SQLite file a session, so that two windows never wait for each other and a damaged file costs one session. The file
is append-only: triggers refuse to change or delete a row. A window holds its file locked while it lives; a file that is
in the folder of open sessions and locked by nobody was left by a crash.

Durability: WAL with `synchronous=FULL`. A commit is in the operating system's hands before `record` returns, so killing
the process loses nothing; it is also flushed to the disk, so a power cut loses nothing that the disk said it had
written. That costs a flush a stroke (about 1 to 30 ms by the disk), not a flush a mouse move. The exclusive locking
mode keeps SQLite from needing shared memory, which network home folders lack (https://sqlite.org/wal.html, section 8).

Contours are stored once each and referred to by number: undoing a large step, or renaming a structure of hundreds of
planes, costs a few kilobytes, and planes that nobody touched come back as the same objects.

No value in a journal identifies a patient, unless the paths of the source files do. Whose series it is stands in a file
beside it (`about`). All of them are readable by their owner only.
"""

from engine.journal.claims import Claims, Holder
from engine.journal.folder import discard, recent, unfinished
from engine.journal.records import (
    STEPS,
    About,
    Entry,
    Kind,
    Replay,
    SessionRecord,
    State,
    Subject,
)
from engine.journal.session import Journal, journal_folder

__all__ = [
    "STEPS",
    "About",
    "Claims",
    "Entry",
    "Holder",
    "Journal",
    "Kind",
    "Replay",
    "SessionRecord",
    "State",
    "Subject",
    "discard",
    "journal_folder",
    "recent",
    "unfinished",
]
