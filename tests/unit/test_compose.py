"""compose.yaml: what it needs is said in it, and what it runs is what the image and the docs say."""

import ipaddress
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text("utf-8")
yaml = pytest.importorskip("yaml", reason="PyYAML is missing: uv sync --all-groups")
COMPOSE = yaml.safe_load(TEXT)
SERVER, PROXY = (COMPOSE["services"][name] for name in ("pitboard", "caddy"))


def test_every_variable_is_one_that_the_comment_says():
    comment = "".join(line for line in TEXT.splitlines(keepends=True) if line.startswith("#"))
    used = set(re.findall(r"\$\{(\w+)", TEXT))
    assert used == set(re.findall(r"PITBOARD_\w+", comment))


def test_the_server_writes_to_its_volume_alone_and_has_no_rights():
    assert SERVER["read_only"] is True
    assert SERVER["cap_drop"] == ["ALL"]
    assert SERVER["security_opt"] == ["no-new-privileges:true"]
    assert SERVER["volumes"] == ["data:/data"]
    assert "ports" not in SERVER
    assert SERVER["build"]["dockerfile"] == "Containerfile"
    assert re.search(r"^VOLUME /data$", (ROOT / "Containerfile").read_text("utf-8"), re.M)


def test_the_proxy_is_believed_and_finds_the_server():
    trusted = ipaddress.ip_network(SERVER["environment"]["PITBOARD_TRUSTED_PROXIES"])
    (inner,) = COMPOSE["networks"]["inner"]["ipam"]["config"]
    assert ipaddress.ip_network(inner["subnet"]) == trusted
    assert SERVER["networks"] == PROXY["networks"] == ["inner"]
    recipe, place, mode = PROXY["volumes"][0].split(":")
    assert (place, mode) == ("/etc/caddy/Caddyfile", "ro")
    assert "reverse_proxy pitboard:8765" in (ROOT / recipe).read_text("utf-8")
    assert "EXPOSE 8765" in (ROOT / "Containerfile").read_text("utf-8")


def test_the_proxies_leave_the_same_out_of_their_logs():
    kept = [
        re.search(r"\tlog \{\n.*?\n\t\}\n", (ROOT / "hosting" / name).read_text("utf-8"), re.DOTALL)
        for name in ("Caddyfile", "Caddyfile.compose")
    ]
    assert kept[0]
    assert kept[1]
    assert kept[0][0] == kept[1][0]
