"""The machines a package is for, and the Pythons that stand on them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """As Debian, the kernel and ELF name it."""

    debian: str
    machine: str


@dataclass(frozen=True, slots=True)
class Python:
    """The Python of a Debian release."""

    version: str

    @property
    def tag(self) -> str:
        """As wheels name it."""
        return "cp" + self.version.replace(".", "")


ARCHITECTURES = (Architecture("amd64", "x86_64"), Architecture("arm64", "aarch64"))
PYTHONS = (Python("3.11"), Python("3.13"))
"""Of Debian 12 and Debian 13."""

_GLIBC = ("2_36", "2_35", "2_34", "2_31", "2_28", "2_27", "2_26", "2_24", "2_17")
"""Debian 12 has 2.36: no wheel that asks for more is taken."""


def platforms(architecture: Architecture) -> list[str]:
    """Name every platform tag whose wheels run there."""
    return [f"manylinux_{version}_{architecture.machine}" for version in _GLIBC] + [
        f"manylinux2014_{architecture.machine}"
    ]


def environment(architecture: Architecture, python: Python) -> dict[str, str]:
    """What markers of requirements are asked about."""
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": architecture.machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python.version}.0",
        "python_version": python.version,
        "sys_platform": "linux",
    }
