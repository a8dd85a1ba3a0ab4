"""The coded concepts of a report of findings: those of the standard (PS3.16), and ours where it has none."""

from engine.answers import Box, Score
from engine.findings.assessment import Verdict
from engine.findings.conclusions import is_share
from engine.structures import Code, Provenance

#: Our private coding scheme (PS3.16 section 8: schemes of one's own begin with 99).
SCHEME = "99PLANIMETER"


def ours(value: str, meaning: str) -> Code:
    """A concept that the standard has no code for."""
    return Code(value, SCHEME, meaning)


TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
FINDING = Code("121071", "DCM", "Finding")
COMMENT = Code("121106", "DCM", "Comment")
CERTAINTY = Code("111012", "DCM", "Certainty of Finding")
METHOD = Code("370129005", "SCT", "Measurement Method")
DERIVATION = Code("121401", "DCM", "Derivation")
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
AGREEMENT = Code("122775", "DCM", "Agreement with prior findings")
DISAGREEMENT = Code("122776", "DCM", "Disagreement with prior findings")
PERSON_NAME = Code("121008", "DCM", "Person Observer Name")
DEVICE_NAME = Code("121013", "DCM", "Device Observer Name")
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
SOURCE = Code("260753009", "SCT", "Source")
MODALITY = Code("121139", "DCM", "Modality")
FRAME_OF_REFERENCE = Code("112227", "DCM", "Frame of Reference UID")
ROWS = Code("110910", "DCM", "Pixel Data Rows")
COLUMNS = Code("110911", "DCM", "Pixel Data Columns")
VOLUME = Code("118565006", "SCT", "Volume")
AREA = Code("42798000", "SCT", "Area")
IMAGING = Code("363679005", "SCT", "Imaging")
PERCENT = Code("%", "UCUM", "Percent")
NO_UNITS = Code("1", "UCUM", "no units")
PIXELS = Code("{pixels}", "UCUM", "Pixels")

#: What kind of finding a group holds.
KIND = ours("KIND", "Kind of finding")
SCORE = ours("SCORE", "Score of a model")
BOX = ours("BOX", "Place that a model marked")
REPORTED = ours("REPORTED", "Finding of a reader")

#: By whom a value is: stands as the method of a measurement.
OF_MODEL = ours("MODELVALUE", "Value of the model")
OF_READER = ours("READERVALUE", "Value of the reader")
OF_CONTOUR = ours("CONTOURVALUE", "Measured on the contour")
THRESHOLD = ours("THRESHOLD", "Threshold of the model")

OUTPUT = ours("OUTPUT", "Output of the model")
MODEL_TITLE = ours("MODELTITLE", "Title of the model")
CALIBRATION = ours("CALIBRATION", "Calibration of the model")
ONE_OF = ours("ONEOF", "One of")
ABSTAINED = ours("ABSTAINED", "No opinion of the model")
OTHER_SERIES = ours("SERIES", "Series that it was computed from")
FORM = ours("FORM", "Form")
STRUCTURE = ours("STRUCTURE", "Structure that it was computed from")

#: What the reader says of the model's value.
VERDICT = ours("VERDICT", "Verdict of the reader")
COMPARISON = ours("COMPARISON", "Comparison with the model")
VERDICTS = {
    Verdict.UNSEEN: ours("UNSEEN", "Not yet judged"),
    Verdict.ACCEPTED: ours("ACCEPTED", "Accepted"),
    Verdict.CHANGED: ours("CHANGED", "Changed"),
    Verdict.REJECTED: ours("REJECTED", "Rejected"),
    Verdict.ADDED: ours("ADDED", "Added by the reader"),
}
#: What holds by the reader (PS3.16 CID 230), and all that is said of a finding in one sentence.
CONCLUSION = ours("CONCLUSION", "Conclusion of the reader")
CONCLUSIONS = {True: Code("373066001", "SCT", "Yes"), False: Code("373067005", "SCT", "No")}
IN_WORDS = ours("INWORDS", "In words")
#: Of the classes of which a model takes one to be true.
CLASS = ours("CLASS", "Class that it stands for")
RIVAL = ours("RIVAL", "Class that excludes it")

#: What stands before the hash of a model's weights among the parameters of its algorithm.
WEIGHTS = "weights SHA-256 "

#: Names of modalities as PS3.16 CID 29 and 33 give them.
MODALITIES = {
    "CR": "Computed Radiography", "CT": "Computed Tomography", "DX": "Digital Radiography", "ES": "Endoscopy",
    "GM": "General Microscopy", "MG": "Mammography", "MR": "Magnetic Resonance", "NM": "Nuclear Medicine",
    "OP": "Ophthalmic Photography", "OPT": "Ophthalmic Tomography", "OT": "Other Modality",
    "PT": "Positron emission tomography", "SM": "Slide Microscopy", "US": "Ultrasound",
    "XA": "X-Ray Angiography", "XC": "External-camera Photography",
}  # fmt: skip


def same(code: Code | None, other: Code) -> bool:
    """Whether two codes are one concept, whatever they call it."""
    return code is not None and (code.value, code.scheme) == (other.value, other.scheme)


def unit_code(unit: str) -> Code:
    """A unit of measurement, in UCUM."""
    return Code(unit, "UCUM", unit) if unit else NO_UNITS


def value_concept(finding: Score | Box) -> Code:
    """What the value of a model is about."""
    return CERTAINTY if is_share(finding) else output_code(finding)


def output_code(finding: Score | Box) -> Code:
    """The output of a model as a concept of our own."""
    return ours(finding.label, finding.name)


def weights_texts(provenance: Provenance) -> tuple[str, ...]:
    """The hashes of a model's weights as parameters of an algorithm, one each."""
    return tuple(f"{WEIGHTS}{sha256}" for sha256 in provenance.weights_sha256.split())
