"""Runs the commands of docs/HOSTING.md, exactly as written, in a bare Debian in a folder.

What needs the internet runs first, in the folder. Then it is booted with its own systemd, as a container
(systemd-nspawn) in a network of its own, where the name leads to this machine and ports 80 and 443 are free:
`unshare --net python hosting_guide.py FOLDER CHROMIUM`.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "pit.example.org"
FILES = "/root/files"
CADDY_ROOT = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
LIVE = f"/etc/letsencrypt/live/{NAME}"
CERTIFICATE = f"""mkdir -p {LIVE}
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME} \\
    -keyout {LIVE}/privkey.pem -out {LIVE}/fullchain.pem 2>/dev/null"""
"""What certbot would have made."""
PASSWORD = 'a "b" $HOME `c` \\\\d #e; f&'
"""What a shell and systemd take for something else outside single quotes."""

LOGS = "journalctl --no-pager; cat /var/log/nginx/* /var/lib/pitboard/pitboard.log"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def blocks() -> dict[str, str]:
    """The guide's commands by the name in the comment before them."""
    text = (ROOT / "docs" / "HOSTING.md").read_text("utf-8")
    return dict(re.findall(r"<!-- guide: ([\w ]+) -->\n```\n(.*?)```", text, re.DOTALL))


Place = Sequence[str | Path]
"""The command that takes another one into the Debian: `chroot FOLDER`, or `nsenter` once it is booted."""


def run(place: Place, commands: str, **environment: str) -> str:
    """Runs commands in there as root, in the folder with the files; gives what they print."""
    given = [f"{name}={value}" for name, value in {"PATH": PATH, "HOME": "/root", **environment}.items()]
    done = subprocess.run(
        [*place, "env", "-i", *given, "bash", "-c", f"set -e\ncd {FILES}\n{commands}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout[-1000:]}{done.stderr[-2000:]}"
    return done.stdout


def prepare(tree: Path, wheel: Path) -> None:
    """Puts the files of a release there, and what a machine has: names, certificates, an editor."""
    files = tree / FILES.lstrip("/")
    files.mkdir(parents=True)
    for source in (wheel, *(ROOT / "hosting").iterdir()):
        shutil.copy(source, files)
    caddyfile = files / "Caddyfile"  # nobody gives a certificate for an invented name
    caddyfile.write_text(caddyfile.read_text().replace(f"{NAME} {{", f"{NAME} {{\n\ttls internal"))
    shutil.copy("/etc/resolv.conf", tree / "etc" / "resolv.conf")
    certificates = tree / "etc" / "ssl" / "certs" / "ca-certificates.crt"
    certificates.unlink(missing_ok=True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", certificates)
    (tree / "etc" / "hosts").write_text(f"127.0.0.1 localhost {NAME}\n")
    scripts = {
        "usr/local/bin/editor": '#!/bin/sh\ncat /root/credentials >> "$1"\n',
        "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    }
    for name, content in scripts.items():
        (tree / name).write_text(content)
        (tree / name).chmod(0o755)


@contextmanager
def booted(tree: Path) -> Iterator[Place]:
    """The Debian with its own systemd as a container, until the block ends."""
    command = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--resolv-conf=off"]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, "--console=pipe", "-D", tree], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            leader = wait_for(lambda: systemd_below(process.pid))
            place = ["nsenter", f"--target={leader}", "-m", "-p", "-u", "-i", "-r", "-w"]
            wait_for(lambda: "running" in running(place) or "degraded" in running(place))
            yield place
        finally:
            process.terminate()  # it shuts the container down
            process.wait(60)


def running(place: Place) -> str:
    """What systemd says of the whole."""
    command = [*place, "systemctl", "is-system-running"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def systemd_below(pid: int) -> int:
    """The first process of the container that nspawn's process has begun; 0 if it is not there yet."""
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
            return child
        if found := systemd_below(child):
            return found
    return 0


def wait_for(found: Callable[[], int]) -> int:
    """Waits until there is something."""
    end = time.monotonic() + 90.0
    while not (something := found()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return something


def offline(tree: Path, chromium: str) -> dict[str, str]:
    """The rest of the guide after `install`; gives what its checks print."""
    from pitboard.simulator import Client, Population, Simulator

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    todo, client = blocks(), Client(password=PASSWORD)
    with Simulator(Population(2_000), latency=0.0, link_latency=0.0, client=client) as simulator:
        lines = "".join(f"{name}='{value}'\n" for name, value in simulator.environment().items())
        (tree / "root" / "credentials").write_text(lines)
        authors = [driver.display_name for driver in simulator.population.sample(20, seed=7)]
        with booted(tree) as place:
            told = {name: run(place, todo[name]) for name in ("settings", "service")}
            run(place, "until test -S /run/pitboard/pitboard.sock; do sleep 0.2; done")
            told |= behind_caddy(tree, place, authors, chromium)
            told["private"] = run(place, "stat -c %a /etc/pitboard.env /run/pitboard/pitboard.sock")
            told["exposure"] = run(place, "systemd-analyze security pitboard --no-pager | tail -1")
            run(place, f"systemctl stop caddy\n{CERTIFICATE}")
            run(place, todo["nginx"])
            told["over nginx"] = run(place, todo["check"], CURL_CA_BUNDLE=f"{LIVE}/fullchain.pem")
            told["logs"] = run(place, LOGS)
            told["uninstall"] = run(place, todo["uninstall"])
    return told | {"authors": ",".join(authors)}


def behind_caddy(tree: Path, place: Place, authors: list[str], chromium: str) -> dict[str, str]:
    """What the guide says for the running server, and a reader with the extension from its /addon/."""
    from tests.support.hosting_reader import sees_every_author

    todo, packed = blocks(), f"{FILES}/extension.zip"
    told = {name: run(place, todo[name], CURL_CA_BUNDLE=CADDY_ROOT) for name in ("check", "metrics")}
    told |= {name: run(place, todo[name]) for name in ("allow", "backup")}
    run(place, "pitboard allow " + shlex.join(authors))
    run(place, f"curl -so {packed} https://{NAME}/addon/pitboard-chromium.zip", CURL_CA_BUNDLE=CADDY_ROOT)
    with tempfile.TemporaryDirectory() as folder:
        zipped = (tree / packed.lstrip("/")).read_bytes()
        sees_every_author(chromium, zipped, f"{NAME}:443 127.0.0.1:443", authors, Path(folder))
    return told


if __name__ == "__main__":
    print(json.dumps(offline(Path(sys.argv[1]), sys.argv[2])))
