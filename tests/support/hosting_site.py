"""Caddy or nginx in front of a server, with the project's own recipe and a certificate of this machine's."""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import urllib3
from tests.support import needs
from tests.support.waiting import wait_until
from urllib3.response import BaseHTTPResponse

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "hosting"
NAME = "pit.example.org"
SOCKET = "/run/pitboard/pitboard.sock"


def free_port() -> int:
    """A port that nobody has at the moment."""
    with closing(socket.socket()) as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def caddyfile(port: int, place: Path, folder: Path) -> Path:
    """The recipe, with another socket and port, and a certificate of Caddy's own authority."""
    recipe = (RECIPES / "Caddyfile").read_text("utf-8")
    assert recipe.count(SOCKET) == 1
    made = folder / "Caddyfile"
    settings = f"""{{
	admin off
	skip_install_trust
	auto_https disable_redirects
	https_port {port}
	storage file_system {folder / "caddy"}
"""
    site = recipe.replace("{\n", settings, 1)  # the recipe's own settings
    site = site.replace(f"{NAME} {{", f"{NAME} {{\n\tbind 127.0.0.1\n\ttls internal")
    site = site.replace(SOCKET, str(place))
    made.write_text(site)
    return made


def nginx_conf(port: int, place: Path, folder: Path) -> Path:
    """The recipe, with another socket, port and certificate."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}",
         "-addext", f"subjectAltName=DNS:{NAME}",
         "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    site = (RECIPES / "nginx.conf").read_text("utf-8").replace(SOCKET, str(place))
    site = re.sub(r"^ +listen \[::\].*\n", "", site, flags=re.MULTILINE)
    site = site.replace("listen 443", f"listen 127.0.0.1:{port}")
    site = site.replace("listen 80", f"listen 127.0.0.1:{free_port()}")
    site = re.sub(r"/etc/letsencrypt/\S+/fullchain.pem", str(certificate), site)
    site = re.sub(r"/etc/letsencrypt/\S+/privkey.pem", str(key), site)
    site = site.replace("/var/log/nginx/error.log", str(folder / "error.log"))
    made = folder / "nginx.conf"
    paths = "".join(
        f"{kind}_temp_path {folder / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    made.write_text(
        f"daemon off;\nworker_processes 1;\npid {folder / 'nginx.pid'};\nerror_log {folder / 'error.log'};\n"
        f"user root;\nevents {{}}\nhttp {{\naccess_log {folder / 'access.log'};\n{paths}{site}\n}}\n"
    )
    return made


def ask(proxy: tuple[int, Path], target: str, **headers: str) -> BaseHTTPResponse:
    """GET from the proxy by the server's public name; `proxy` is its port, and the certificate that vouches
    for it."""
    port, authority = proxy
    with urllib3.HTTPSConnectionPool(
        "127.0.0.1", port, server_hostname=NAME, assert_hostname=NAME, ca_certs=str(authority)
    ) as pool:
        return pool.request("GET", target, headers={"Host": NAME, **headers}, retries=False, timeout=20)


def caddy(place: Path, folder: Path) -> tuple[list[str], int, Path]:
    """The command that runs Caddy in front of a socket, its port, and the certificate of its authority."""
    program, port = needs.program("caddy"), free_port()
    made = caddyfile(port, place, folder)
    command = [program, "run", "--config", str(made), "--adapter", "caddyfile"]
    return command, port, folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"


def nginx(place: Path, folder: Path) -> tuple[list[str], int, Path]:
    """The same of nginx, with its certificate."""
    program, port = needs.program("nginx"), free_port()
    made = nginx_conf(port, place, folder)
    return [program, "-c", str(made), "-e", str(folder / "error.log")], port, folder / "cert.pem"


PROXIES = {"caddy": caddy, "nginx": nginx}


@contextmanager
def proxied(command: list[str], port: int, folder: Path) -> Iterator[int]:
    """Runs a proxy until the block ends; gives its port once it answers."""
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"HOME": str(folder)})
    try:
        wait_until(lambda: _answers(port) or process.poll() is not None, 30.0)
        assert process.poll() is None, (folder / "proxy.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    """Whether it has its certificate, too: Caddy listens a moment before it has."""
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 1.0) as opened,
            anyone.wrap_socket(opened, server_hostname=NAME),
        ):
            return True
    except OSError:
        return False
