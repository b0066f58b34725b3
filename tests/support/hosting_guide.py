"""Runs the commands of docs/HOSTING.md, exactly as written, in a bare Debian in a folder.

The folder has no systemd running: `systemctl` there is `hosting_systemctl.sh`, which starts what the unit
says as the user that it says. What needs the internet runs first. The rest runs in a network of its own,
where the name leads to this machine and ports 80 and 443 are free:
`unshare --net python hosting_guide.py FOLDER CHROMIUM`.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
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

LOGS = "/var/log/stand-in.* /var/log/nginx/* /var/lib/pitboard/pitboard.log"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def blocks() -> dict[str, str]:
    """The guide's commands by the name in the comment before them."""
    text = (ROOT / "docs" / "HOSTING.md").read_text("utf-8")
    return dict(re.findall(r"<!-- guide: ([\w ]+) -->\n```\n(.*?)```", text, re.DOTALL))


def run(tree: Path, commands: str, **environment: str) -> str:
    """Runs commands in the folder as root, in the folder with the files; gives what they print."""
    given = [f"{name}={value}" for name, value in {"PATH": PATH, "HOME": "/root", **environment}.items()]
    done = subprocess.run(
        ["chroot", tree, "env", "-i", *given, "bash", "-c", f"set -e\ncd {FILES}\n{commands}"],
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
        "usr/local/bin/systemctl": (ROOT / "tests" / "support" / "hosting_systemctl.sh").read_text(),
        "usr/local/bin/editor": '#!/bin/sh\ncat /root/credentials >> "$1"\n',
        "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    }
    for name, content in scripts.items():
        (tree / name).write_text(content)
        (tree / name).chmod(0o755)


def offline(tree: Path, chromium: str) -> dict[str, str]:
    """The rest of the guide after `install`; gives what its checks print."""
    from pitboard.simulator import Client, Population, Simulator

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    todo, client = blocks(), Client(password=PASSWORD)
    with Simulator(Population(2_000), latency=0.0, link_latency=0.0, client=client) as simulator:
        lines = "".join(f"{name}='{value}'\n" for name, value in simulator.environment().items())
        (tree / "root" / "credentials").write_text(lines)
        told = {name: run(tree, todo[name]) for name in ("settings", "service")}
        authors = [driver.display_name for driver in simulator.population.sample(20, seed=7)]
        try:
            told |= behind_caddy(tree, todo, authors, chromium)
            told["private"] = run(tree, "stat -c %a /etc/pitboard.env /run/pitboard/pitboard.sock")
            run(tree, f"kill $(cat /run/stand-in.caddy); sleep 1\n{CERTIFICATE}")
            run(tree, todo["nginx"])
            told["over nginx"] = run(tree, todo["check"], CURL_CA_BUNDLE=f"{LIVE}/fullchain.pem")
            told["logs"] = run(tree, f"cat {LOGS} 2>/dev/null || true")
        finally:
            told["uninstall"] = run(tree, todo["uninstall"])
            run(tree, "kill $(cat /run/stand-in.nginx /run/stand-in.caddy) 2>/dev/null || true")
    return told | {"authors": ",".join(authors)}


def behind_caddy(tree: Path, todo: dict[str, str], authors: list[str], chromium: str) -> dict[str, str]:
    """What the guide says for the running server, and a reader with the extension from its /addon/."""
    from tests.support.hosting_reader import sees_every_author

    told = {name: run(tree, todo[name], CURL_CA_BUNDLE=CADDY_ROOT) for name in ("check", "metrics")}
    told |= {name: run(tree, todo[name]) for name in ("allow", "backup")}
    run(tree, "pitboard allow " + shlex.join(authors))
    packed = f"{FILES}/extension.zip"
    run(tree, f"curl -so {packed} https://{NAME}/addon/pitboard-chromium.zip", CURL_CA_BUNDLE=CADDY_ROOT)
    with tempfile.TemporaryDirectory() as folder:
        zipped = (tree / packed.lstrip("/")).read_bytes()
        sees_every_author(chromium, zipped, f"{NAME}:443 127.0.0.1:443", authors, Path(folder))
    return told


if __name__ == "__main__":
    print(json.dumps(offline(Path(sys.argv[1]), sys.argv[2])))
