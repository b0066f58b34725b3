"""The container's image, built from its Containerfile on a Debian of this machine, started and asked."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
import urllib3
from tests.support import debian, needs
from tests.support.hosting_site import free_port
from tests.support.waiting import wait_until

from pitboard import __version__
from pitboard.simulator import Population, Simulator

ROOT = Path(__file__).parents[2]
NAME = "localhost/pitboard-test"

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def buildah(*arguments, check=True, **more):
    """Runs buildah without a container runtime; the storage is this machine's."""
    environment = os.environ | {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
    return subprocess.run(
        ["buildah", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=check,
        **more,
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The name of the image."""
    needs.program("buildah")
    base = debian.tree(tmp_path_factory.mktemp("debian"))
    container = buildah("from", "scratch").stdout.strip()
    buildah("add", "--quiet", container, str(base), "/")
    buildah("commit", "--quiet", "--rm", container, f"{NAME}-base")
    certificates = "/etc/ssl/certs:/etc/ssl/certs:ro"
    build = ("build", "--format", "docker", "--build-arg", f"BASE={NAME}-base", "--volume", certificates)
    done = buildah(*build, "--tag", NAME, ".", check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    yield NAME
    buildah("rmi", "--force", NAME, f"{NAME}-base", check=False)


@pytest.fixture
def container(image):
    made = buildah("from", image).stdout.strip()
    yield made
    buildah("rm", made)


def test_the_image_says_how_it_runs(image):
    config = json.loads(buildah("inspect", "--type", "image", image).stdout)["Docker"]["config"]
    assert config["User"] == "10001:10001"
    assert config["Volumes"] == {"/data": {}}
    assert config["Cmd"] == ["pitboard", "serve"]
    assert config["Healthcheck"]["Test"][0] == "CMD"
    given = dict(one.split("=", 1) for one in config["Env"])
    assert given["PITBOARD_DB"].startswith("/data/")
    assert given["TMPDIR"] == given["HOME"] == "/data"


def test_it_has_the_program_and_nothing_of_its_building(container):
    mounted = Path(buildah("mount", container).stdout.strip())
    assert not (mounted / "build").exists()
    size = sum(path.lstat().st_size for path in (mounted / "opt").rglob("*") if not path.is_symlink())
    assert size < 120e6
    assert __version__ in buildah("run", container, "--", "pitboard", "--version").stdout


def test_it_serves_as_a_user_who_writes_nothing_but_its_data_and_passes_its_health_check(image, container):
    mounted = Path(buildah("mount", container).stdout.strip())
    check = json.loads(buildah("inspect", "--type", "image", image).stdout)["Docker"]["config"]["Healthcheck"]
    port, begun = free_port(), time.time()
    with Simulator(latency=0.0, link_latency=0.0) as simulator:
        settings = simulator.environment() | {
            "PITBOARD_PORT": str(port),
            "PITBOARD_ALLOWED_HOSTS": "pit.example.org",
            "PITBOARD_AUDIENCE": "everyone",
        }
        given = [f"--env={name}={value}" for name, value in settings.items()]
        command = ["buildah", "run", *given, container, "--", "pitboard", "serve"]
        environment = os.environ | {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}
        serving = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_until(lambda: answers(port) or serving.poll() is not None, 60.0)
            assert serving.poll() is None
            told = urllib3.request("GET", f"http://127.0.0.1:{port}/health").json()
            assert told["status"] in ("healthy", "degraded")
            asked = buildah("run", *given, container, "--", *check["Test"][1:], check=False)
            assert asked.returncode == 0, asked.stderr
            # buildah's chroot ends now and then before it has handed on what was printed
            wait_until(lambda: "uid=10001" in buildah("run", container, "--", "id").stdout, 30.0)
        finally:
            serving.terminate()
            serving.wait(20)
    buildah("run", container, "--", "test", "-s", "/data/pitboard.sqlite3")  # in the volume
    assert written(mounted, begun) <= {"tmp"}
    asked = buildah("run", *given, container, "--", *check["Test"][1:], check=False)
    assert asked.returncode != 0


READ_ONLY = """
mount --bind "$1" "$1" && mount --bind "$2" "$1/data"
mount --rbind /dev "$1/dev" && mount -t proc none "$1/proc"
mount -o remount,ro,bind "$1"
root=$1; shift 2
exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all "$@"
"""
"""As `docker run --read-only --cap-drop ALL`, where no container runtime runs: $1 is the image's folder, $2
that of the volume, the rest a command."""


class ReadOnly:
    """The image with a root that nobody can write to, and its volume."""

    def __init__(self, image, root, volume, settings):
        config = json.loads(buildah("inspect", "--type", "image", image).stdout)["Docker"]["config"]
        self._environment = dict(one.split("=", 1) for one in config["Env"]) | settings
        self._command = ["unshare", "--mount", "bash", "-ec", READ_ONLY, "-", str(root), str(volume)]

    def start(self, *command, **more):
        return subprocess.Popen([*self._command, *command], env=self._environment, text=True, **more)

    def run(self, *command):
        started = self.start(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return started.communicate(timeout=120)[0], started.returncode


def test_with_a_root_that_cannot_be_written_to_everything_works_and_lies_in_the_volume(
    image, container, tmp_path
):
    mounted, volume, port = Path(buildah("mount", container).stdout.strip()), tmp_path / "volume", free_port()
    volume.mkdir()
    os.chown(volume, 10001, 10001)
    url = f"http://127.0.0.1:{port}"
    with Simulator(Population(500), latency=0.0, link_latency=0.0) as simulator:
        settings = {"PITBOARD_PORT": str(port), "PITBOARD_HOST": "127.0.0.1", "PITBOARD_INDEX_HOURS": "24"}
        inside = ReadOnly(image, mounted, volume, simulator.environment() | settings)
        assert "Read-only" in inside.run("touch", "/opt/file")[0]
        serving = inside.start("pitboard", "serve", stderr=subprocess.PIPE)
        try:
            wait_until(lambda: answers(port) or serving.poll() is not None, 60.0)
            wait_until(lambda: list(volume.glob("*index*")), 60.0)
            name = simulator.population.sample(1, seed=4)[0].display_name
            asked = urllib3.request("GET", f"{url}/drivers", fields={"name": name}).json()
            assert "cust_id" in asked[name], asked
            for command in (
                ("pitboard", "backup", "/data/copy.sqlite3"),
                ("pitboard", "forget", name),
                ("pitboard", "index", "refresh"),
                ("pitboard", "restore", "/data/copy.sqlite3", "--yes"),
                ("pitboard", "logs"),
            ):
                told, code = inside.run(*command)
                assert code == 0, told
            doctor, _ = inside.run("pitboard", "doctor")
            assert "Traceback" not in doctor
            wait_until(
                lambda: (
                    urllib3.request("GET", f"{url}/drivers", fields={"name": name}).json()[name].get("code")
                    == "withheld"
                ),
                20.0,
            )
        finally:
            serving.terminate()
            said = serving.communicate(timeout=30)[1]
    assert "Read-only" not in said
    assert "Traceback" not in said
    assert {path.name for path in volume.iterdir()} >= {"pitboard.sqlite3", "pitboard.log", "copy.sqlite3"}


def answers(port):
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/health", retries=False, timeout=5)
    except urllib3.exceptions.HTTPError:
        return None


def written(folder, since):
    """The top folders in which a file of the program's user is younger."""
    young = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file() or path.stat().st_mtime <= since:
            continue
        top = path.relative_to(folder).parts[0]
        if path.stat().st_uid == 10001 or top == "opt":
            young.add(top)
    return young
