"""How a plane of an image is stored: in which file and format, at which place, with which rescale."""

from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from engine.dicom.traits import TRAITS
from engine.dicom.value_maps import ValueMap

#: Modalities whose images are always meant to be planes in the patient.
VOLUME_MODALITIES = frozenset({"CT", "MR", "PT"})

#: Transfer syntaxes whose pixel data lies in the file as it is.
NATIVE = {ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian}
#: The same, and where the file is deflated as a whole.
PLAIN = {*NATIVE, DeflatedExplicitVRLittleEndian}


@dataclass(frozen=True, slots=True)
class StoredImage:
    """The pixel format of one file and where its pixel data begins.

    `offset` is the byte at which the value of Pixel Data starts (in what a deflated file inflates to); `length` its
    bytes, or -1 when it is encapsulated. `size` and `modified_ns` are the file's when its header was read. `swapped`
    tells that the two bytes of each word have changed places, as in big-endian words of pixels of 8 or 32 bits.
    `remarks` say what had to be assumed about the file: clauses for a sentence that begins with its name.
    `deflated_at` is the byte at which the file is deflated from, 0 where it is not. `padding` are the least and the
    greatest stored value that the file calls padding. `floating` tells that pixels are floating-point numbers.
    """

    path: Path
    size: int
    modified_ns: int
    transfer_syntax: str
    sop_class_uid: str
    sop_instance_uid: str
    rows: int
    columns: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    frames: int
    offset: int
    length: int
    swapped: bool = False
    remarks: tuple[str, ...] = ()
    deflated_at: int = 0
    mosaic: bool = False
    padding: tuple[int, int] | tuple[float, float] | None = None
    floating: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8


@dataclass(frozen=True, slots=True)
class StoredPlane:
    """One plane: a file, or one frame of it.

    `frame` counts from 1 and is None in a single-frame file. `position` and `orientation` are ImagePositionPatient and
    ImageOrientationPatient (LPS); `spacing_uv` is (mm between columns, mm between rows). None means that the file does
    not say. `acquired` is AcquisitionDate and AcquisitionTime, joined, or a date and time in one. `traits` has the text
    of each of `traits.TRAITS`. `maps` are a frame's real world value mappings, which replace the rescale; those of a
    file of one plane are read when its values are.
    """

    image: StoredImage
    frame: int | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing_uv: tuple[float, float] | None
    thickness: float | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    instance_number: int
    acquired: str
    traits: tuple[str, ...]
    maps: tuple[ValueMap, ...] = ()

    def trait(self, name: str) -> str:
        """The text of one of `TRAITS`."""
        return self.traits[TRAITS.index(name)]
