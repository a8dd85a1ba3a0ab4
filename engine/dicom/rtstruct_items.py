"""What the items of an RTSTRUCT's header say, read with patience for what is missing or malformed."""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from engine.dicom.fields import whole_number
from engine.dicom.rtstruct_file import json_text
from engine.dicom.rtstruct_header import PRIVATE_CREATOR, PRIVATE_GROUP
from engine.structures import Code, Generation, Provenance

KNOWN_ROI = ("ROINumber", "ReferencedFrameOfReferenceUID", "ROIName", "ROIGenerationAlgorithm",
              "ROIGenerationDescription", "ROIDerivationAlgorithmIdentificationSequence")  # fmt: skip
KNOWN_OBSERVATION = ("ObservationNumber", "ReferencedROINumber", "RTROIInterpretedType",
                      "RTROIIdentificationCodeSequence")  # fmt: skip


def sequence(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is absent or no sequence."""
    value = dataset.get(keyword, None)
    return [item for item in value if isinstance(item, Dataset)] if value else []


def string(dataset: Dataset, keyword: str) -> str:
    """A value as text with its backslashes, "" where it is absent."""
    value = dataset.get(keyword, None)
    if value is None:
        return ""
    if isinstance(value, bytes):  # a value that its representation does not allow
        return value.decode("latin-1").strip("\0 ")
    return ("\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)).strip()


def integer(dataset: Dataset, keyword: str) -> int | None:
    """A whole number, None where it is absent or none."""
    return whole_number(string(dataset, keyword))


def without(dataset: Dataset, known: Sequence[str]) -> Dataset:
    """The data set without elements of these keywords."""
    out = Dataset()
    for element in dataset:
        if element.keyword not in known and element.keyword != "SpecificCharacterSet":
            out.add(element)
    return out


def provenance_of(item: Dataset) -> Provenance:
    """Who or what drew a structure, from its item in the Structure Set ROI Sequence."""
    try:
        generation = Generation(string(item, "ROIGenerationAlgorithm").upper())
    except ValueError:
        generation = Generation.UNKNOWN
    algorithm = next(iter(sequence(item, "ROIDerivationAlgorithmIdentificationSequence")), Dataset())
    parameters = string(algorithm, "AlgorithmParameters")
    return Provenance(
        generation=generation,
        description=string(item, "ROIGenerationDescription"),
        algorithm=string(algorithm, "AlgorithmName"),
        version=string(algorithm, "AlgorithmVersion"),
        weights_sha256=parameters.removeprefix("weights SHA-256 ") if parameters.startswith("weights SHA-256 ") else "",
        edited=generation is Generation.SEMIAUTOMATIC,
    )


def code_of(observation: Dataset) -> Code | None:
    """The code of a structure, from its item in the RT ROI Observations Sequence."""
    item = next(iter(sequence(observation, "RTROIIdentificationCodeSequence")), None)
    if item is None:
        return None
    value = string(item, "CodeValue") or string(item, "LongCodeValue") or string(item, "URNCodeValue")
    return Code(value, string(item, "CodingSchemeDesignator"), string(item, "CodeMeaning"))


def uid_of(item: Dataset) -> str:
    """The UID that we gave a structure, "" where another program wrote the file."""
    try:
        value = item.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[1].value
    except KeyError:
        return ""
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip("\0 ")


def header_json(header: Dataset) -> str:
    """All of the header but its structures, as pydicom JSON."""
    left = ("StructureSetROISequence", "RTROIObservationsSequence")
    return json_text(without(header, left))
