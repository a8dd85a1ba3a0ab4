"""Writes packaging/constraints.txt: the version of every package that pyproject.toml leads to, as installed here.

Packages that only some platforms need (CUDA's libraries, for one) are pinned by the packages that ask for them.
"""

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Follow the requirements from pyproject.toml through what is installed, and write the pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        asked += extra
    pins: dict[str, str] = {}
    queue = [Requirement(text) for text in asked]
    seen: set[tuple[str, str]] = set()
    while queue:
        requirement = queue.pop()
        for extra in ("", *requirement.extras):
            name = canonicalize_name(requirement.name)
            # The project's own extras are all among what is asked for.
            if (name, extra) in seen or name == canonicalize_name(project["project"]["name"]):
                continue
            seen.add((name, extra))
            try:
                found = distribution(requirement.name)
            except PackageNotFoundError:
                # An optional extra that is not installed here.
                continue
            # "2.13.0+cpu" and the other builds of the same release are all "2.13.0" to a constraint.
            pins[name] = f"{found.metadata['Name']}=={found.version.split('+')[0]}"
            for text in found.requires or []:
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    queue.append(needed)
    (ROOT / "packaging" / "constraints.txt").write_text("\n".join(pins[name] for name in sorted(pins)) + "\n")
    print(f"{len(pins)} packages are pinned in packaging/constraints.txt.")


if __name__ == "__main__":
    main()
