"""A gateway and a phone, each in a network of its own with a cable between, the gateway's firewall on.

The phone's side is curl and openssl: peers that share no code with us.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from heg.web.tls.fingerprints import pinned
from tests.cli.test_cli import ROOT, config, heg, port
from tests.support.peers import demand_nft

__all__ = ["config", "port"]
pytestmark = pytest.mark.system

_TOOLS = ("unshare", "nsenter", "ip", "nft", "ss", "curl", "openssl")
_HOUSE = """
cd "$ROOT"
heg() { "$PYTHON" -m heg "$@" --config "$CONFIG"; }
phone() { nsenter -t $peer -n "$@"; }
ip link set lo up
unshare -n sleep 60 & peer=$!
while [ "$(readlink /proc/$peer/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
ip link add one type veth peer name two netns $peer
ip addr add 192.168.77.1/24 dev one; ip addr add fd00:77::1/64 dev one nodad; ip link set one up
phone sh -c 'ip addr add 192.168.77.2/24 dev two; ip addr add fd00:77::2/64 dev two nodad; ip link set two up'
heg sockets --nft >"$STATE.nft"
nft -f "$STATE.nft"
heg run >/dev/null 2>"$STATE.log" & gateway=$!
tries=0
while [ "$(ss -ltnH | wc -l)" -lt 3 ] && [ $tries -lt 200 ]; do sleep 0.1; tries=$((tries + 1)); done
"""
_END = """
kill -TERM $gateway; wait $gateway || true
kill $peer
"""


def played(config: Path, script: str, *, host: str = "0.0.0.0") -> list[str]:
    """Lines that a script says, played in the house's network, where the gateway listens on `host`."""
    demand_nft(*_TOOLS)
    config.write_text(config.read_text().replace("[web]\n", f'[web]\nhost = "{host}"\n'))
    names = {"ROOT": ROOT, "PYTHON": sys.executable, "CONFIG": config, "STATE": config.parent / "state"}
    said = subprocess.run(
        ["unshare", "-rnpf", "--kill-child", "--mount-proc", "bash", "-uc", _HOUSE + script + _END],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **{name: str(value) for name, value in names.items()}},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    log = Path(f"{names['STATE']}.log")
    assert said.stdout, said.stderr + (log.read_text() if log.exists() else "")
    return said.stdout.splitlines()


def test_it_listens_where_the_table_says_and_nowhere_else(config: Path) -> None:
    lines = played(config, "ss -ltnH | awk '{print $4}'; ss -lunH | awk '{print $4}'; echo ==; heg sockets --json")
    listening, [said] = lines[: lines.index("==")], lines[lines.index("==") + 1 :]
    assert sorted(listening) == sorted(f"{one['host']}:{one['port']}" for one in json.loads(said))
    assert len(listening) == 3


def test_it_speaks_the_internets_both_versions_where_it_is_told_to(config: Path) -> None:
    lines = played(
        config,
        """
        ask() { phone curl -sk -m 10 -o /dev/null -w '%{http_code} %{redirect_url}\\n' "$@" || :; }
        ask 'http://[fd00:77::1]/'
        ask 'https://[fd00:77::1]/'
        ask https://192.168.77.1/
        phone curl -sk -m 10 -X POST -H 'X-Heg-Request: 1' -H 'Content-Type: application/json' \\
          -d '{"name": "nobody", "password": "wrong"}' https://192.168.77.1/api/v1/session >/dev/null
        heg audit export
        """,
        host="::",
    )
    assert [line.strip() for line in lines[:3]] == ["308 https://[fd00:77::1]/", "200", "200"]
    assert "192.168.77.2" in "".join(lines[3:])
    assert "::ffff" not in "".join(lines[3:])


def test_the_home_network_is_let_in_and_out_while_it_runs(config: Path) -> None:
    lines = played(
        config,
        """
        listen() { for _ in $(seq 100); do [ "$(ss -ltnH | wc -l)" = $1 ] && break; sleep 0.2; done; }
        fingerprint=$(heg fingerprint)
        sed -i 's/^host = .*/host = "127.0.0.1"\\nlogin = true/' "$CONFIG"
        listen 1; ss -ltnH | wc -l
        sed -i 's/^host = .*/host = "192.168.77.1"/' "$CONFIG"
        listen 3; ss -ltnH | awk '{print $4}' | grep -c ^192.168.77.1:
        phone curl -sk -m 10 -o /dev/null -w '%{http_code}\\n' https://192.168.77.1/ || :
        [ "$fingerprint" = "$(heg fingerprint)" ] && echo same
        """,
    )
    assert lines == ["1", "2", "200", "same"]


def test_a_phone_types_the_name_and_arrives_over_tls(config: Path, port: int) -> None:
    lines = played(
        config,
        f"""
        ask() {{ phone curl -sk -m 10 -o /dev/null -w '%{{http_code}} %{{redirect_url}}\\n' "$@" || :; }}
        ask http://192.168.77.1/plan
        ask https://192.168.77.1/
        ask https://192.168.77.1/api/v1/state
        ask https://192.168.77.1:8463/api/v1/session
        ask http://192.168.77.1:8464/
        ask -m 2 http://192.168.77.1:{port}/
        ask --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 https://192.168.77.1/
        ask -d '{{}}' http://192.168.77.1/
        ask -H 'Host: evil.example' https://192.168.77.1/
        """,
    )
    assert [line.strip() for line in lines] == [
        "308 https://192.168.77.1/plan",
        "200",
        "401",
        "200",
        "308 https://192.168.77.1:8463/",
        "000",
        "000",
        "403",
        "421",
    ]


def test_the_fingerprint_of_the_console_is_the_phones(config: Path) -> None:
    lines = played(
        config,
        """
        shaken() { phone openssl s_client -connect 192.168.77.1:443 "$@" </dev/null 2>&1; }
        heg claim-code --json
        heg fingerprint
        shaken | openssl x509 -noout -fingerprint -sha256
        shaken -brief | grep Protocol
        cat "$STATE/tls/device.key.sha256"
        heg certificate renew >/dev/null
        sleep 6
        shaken | openssl x509 -noout -fingerprint -sha256
        heg fingerprint
        cat "$STATE/tls/device.key.sha256"
        """,
    )
    claim, first, shown, protocol, key, shown_renewed, renewed, key_renewed = lines
    assert shown.partition("=")[2] == first
    assert json.loads(claim)["sha256"] == first.replace(":", "").lower()
    assert shown_renewed.partition("=")[2] == renewed != first
    assert key == key_renewed
    assert protocol == "Protocol version: TLSv1.3"
    said = heg("certificate", "show", "--config", config)
    assert pinned(key) in said.stdout
