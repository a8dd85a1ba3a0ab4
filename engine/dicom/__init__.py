"""DICOM in and out: scan folders, read series, read and write RTSTRUCT."""

import logging
import warnings

# pydicom remarks on each odd value, the value included, and a patient's name may be one. What matters of them is said
# in notes; none of it belongs on the screen or in a log.
logging.getLogger("pydicom").propagate = False
warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\b")
