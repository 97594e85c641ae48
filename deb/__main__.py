"""`python -m deb`: builds the packages; `./dev deb` runs it."""

import argparse
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import heg
from deb.alone import alone
from deb.package import QUICKLY, SHELLS, Build, build
from deb.targets import ARCHITECTURES
from deb.wheels import all_dependencies, own_wheel

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Build for the named architectures and say what was made."""
    names = [one.debian for one in ARCHITECTURES]
    parser = argparse.ArgumentParser(prog="./dev deb", description="Builds the Debian packages (Debian 12 and 13).")
    parser.add_argument("architecture", nargs="*", choices=[*names, []], help=f"default: {' '.join(names)}")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "deb", help="default: build/deb")
    parser.add_argument("--package-version", help="default: of heg, with the commit's time unless it is a release")
    parser.add_argument("--quick", action="store_true", help="packed in a second and less tightly, for trying out")
    options = parser.parse_args()
    epoch_s = _epoch_s()
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch_s)
    version = options.package_version or _version(epoch_s)
    work = ROOT / ".cache" / "deb"
    with alone(work):
        own, completions = own_wheel(ROOT, work), {shell: _completion(shell) for shell in SHELLS}
        for architecture in ARCHITECTURES:
            if architecture.debian in (options.architecture or names):
                wheels = all_dependencies(ROOT, work, architecture)
                what = Build(ROOT, version, epoch_s, architecture, own, wheels, completions)
                made = build(replace(what, packed=QUICKLY) if options.quick else what, work, options.out)
                print(f"{made} {made.stat().st_size / 1e6:.1f} MB")
    return 0


def _epoch_s() -> int:
    """Return the time that everything in the package bears: SOURCE_DATE_EPOCH, or the commit's."""
    if (said := os.environ.get("SOURCE_DATE_EPOCH", "")).isdecimal():
        return int(said)
    said = _git("log", "-1", "--format=%ct")
    if not said.isdecimal():
        raise SystemExit("expected a git checkout with a commit, or SOURCE_DATE_EPOCH set to seconds since 1970")
    return int(said)


def _version(epoch_s: int) -> str:
    """Return the release's number; before it is released, one that sorts below it and grows with each commit."""
    if _git("tag", "--points-at", "HEAD") == f"v{heg.__version__}":
        return heg.__version__
    time, count = datetime.fromtimestamp(epoch_s, UTC), _git("rev-list", "--count", "HEAD") or "0"
    return f"{heg.__version__}~{time:%Y%m%d%H%M%S}.{count}"


def _completion(shell: str) -> str:
    """Return what the command itself prints for a shell."""
    code = f"from heg.cli import main; main(['completion', '{shell}'])"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _git(*arguments: str) -> str:
    try:
        said = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return said.stdout.strip()


sys.exit(main())
