"""`python -m tests.drivers.upnp.fuzz NAME --seconds N --corpus FOLDER`: atheris on one target.

A process of its own: libFuzzer ends it. Exit code 0: nothing was found. atheris is brought by `./dev soak` into
`.cache/atheris`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PEER = Path(__file__).parents[4] / ".cache" / "atheris"
_LONGEST = 16_384
_HANG_S = 5
_MOST_MB = 1024


def main() -> None:
    """Fuzz one target."""
    options = argparse.ArgumentParser()
    options.add_argument("name")
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--corpus", type=Path, required=True)
    asked = options.parse_args()
    sys.path.append(str(PEER))
    import atheris

    with atheris.instrument_imports(include=["drivers", "appliance"], enable_loader_override=False):
        from tests.drivers.upnp.fuzz.targets import TARGETS
    target = TARGETS[asked.name]
    fed = target.make()
    asked.corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (asked.corpus / f"seed-{number}").write_bytes(seed)
    words = asked.corpus.parent / f"{target.name}.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))

    def once(data: bytes) -> None:
        fed.feed(data)
        assert fed.kept() <= fed.most_kept, f"keeps {fed.kept()} of what was fed, expected at most {fed.most_kept}"

    flags = [f"-max_total_time={asked.seconds}", f"-max_len={_LONGEST}", f"-timeout={_HANG_S}"]
    flags += [f"-rss_limit_mb={_MOST_MB}", f"-artifact_prefix={asked.corpus.parent}/", "-print_final_stats=1"]
    flags += [f"-dict={words}"] if target.words else []
    atheris.Setup([sys.argv[0], *flags, str(asked.corpus)], once)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


main()
