"""A file that is put in place only when it was read back and says what it should, with its certificate beside it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from engine.errors import CertificationError
from engine.safe_file import whole_file, write_errors

#: What the name of a certificate ends with, behind that of its file.
CERTIFICATE_SUFFIX = ".certificate.json"


class Proof(Protocol):
    """A certificate: whether the file agrees, what differs, and itself as JSON."""

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""

    @property
    def problems(self) -> Sequence[str]:
        """What differs, in sentences."""

    def model_dump_json(self, *, indent: int) -> str:
        """The certificate as JSON."""


AnyProof = TypeVar("AnyProof", bound=Proof)


def write_certified(path: Path, data: bytes, what: str, certify: Callable[[Path], AnyProof]) -> AnyProof:
    """Write data to `path`, and its certificate to `NAME.certificate.json`; both or neither.

    Args:
        path: of the file.
        data: that it shall hold.
        what: the file is, for people: "RTSTRUCT".
        certify: reads a file that holds the data and compares it with what it should say; what it raises is passed on.

    Raises:
        CertificationError: the file, read back, differs; what stood at `path` is still there.
        WriteError: the folder can't be written to.
    """
    beside = path.with_name(f"{path.name}{CERTIFICATE_SUFFIX}")
    # The inner one is put in place first.
    with write_errors(path), whole_file(beside) as proof, whole_file(path) as temporary:
        temporary.write_bytes(data)
        certificate = certify(temporary)
        if not certificate.ok:
            raise CertificationError(
                f"The {what} {path.name} was not written, because read back it differs: {certificate.problems[0]}"
            )
        proof.write_text(certificate.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return certificate
