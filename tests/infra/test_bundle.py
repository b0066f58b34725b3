"""The functions' package, as it is deployed."""

import json
import re
import subprocess

import pytest
from infra.errors import ConfigError
from tests.support.lambda_runtime import ARCHITECTURE, PYTHON

from infra import bundle

LAMBDA_LIMIT = 262_144_000


@pytest.fixture(scope="module")
def built() -> bundle.Package:
    return bundle.build(PYTHON, ARCHITECTURE, 40_000_000)


@pytest.fixture(scope="module")
def addon() -> bundle.Package:
    return bundle.build(PYTHON, ARCHITECTURE, 40_000_000, bundle.ADDON)


def test_it_stays_far_below_lambdas_limit(built):
    assert built.size < LAMBDA_LIMIT / 10


def test_its_size_is_printed_and_over_the_set_limit_the_build_fails(capsys):
    with pytest.raises(ConfigError, match=r"has [\d,]+ bytes unpacked; the limit is 1,000"):
        bundle.build(PYTHON, ARCHITECTURE, 1000)
    assert "bytes unpacked, limit 1,000" in capsys.readouterr().err


def test_every_module_has_bytecode_that_is_not_checked_against_its_source(built):
    """CDK dates all files in a package to 1980: bytecode that is checked by time would be thrown away."""
    modules = [path for path in built.path.rglob("*.py") if "dist-info" not in path.parts]
    assert len(modules) > 100
    for module in modules:
        (compiled,) = (module.parent / "__pycache__").glob(f"{module.stem}.cpython-*.pyc")
        assert f"cpython-{PYTHON.replace('.', '')}" in compiled.name
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 0b01, f"{compiled} is checked against its source"


def test_the_functions_can_be_loaded_from_it_alone(built):
    """With nothing of this machine's libraries on the path. The entry points ask for ENVIRONMENT first."""
    for kind in ("auth", "custid", "drivers", "index"):
        done = loaded(kind, built)
        assert done.returncode == 0, done.stderr


def loaded(kind, package):
    return subprocess.run(
        [bundle.interpreter(PYTHON), "-S", "-c", f"import pitboard.aws.{kind}"],
        env={"PYTHONPATH": str(package.path), "AWS_DEFAULT_REGION": "us-east-1", "ENVIRONMENT": "dev"},
        cwd=package.path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_ir_addon_can_be_loaded_from_its_own_package_alone(addon):
    done = loaded("addon", addon)
    assert done.returncode == 0, done.stderr


def test_ir_addon_s_package_differs_in_the_files_that_it_hands_out_alone(built, addon):
    def held(package):
        return {
            str(file.relative_to(package.path)): file.read_bytes()
            for file in package.path.rglob("*")
            if file.is_file() and file.suffix != ".pyc"
        }

    ours, more = held(built), held(addon)
    assert ours.items() <= more.items()
    added = more.keys() - ours.keys()
    assert added
    assert all(name.startswith("pitboard/addon/") for name in added)
    assert addon.digest != built.digest


def test_only_what_a_function_needs_of_us_is_in_it(built):
    ours = {path.name for path in (built.path / "pitboard").iterdir()}
    assert {"aws", "drivers", "iracing", "stores"} <= ours
    assert not {"addon", "cli.py", "local", "ops", "simulator"} & ours


def test_only_what_functions_call_is_described_in_it(built):
    """test_roles.py holds what they call against what their roles allow."""
    data = built.path / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == set(bundle.OPERATIONS)
    for service, operations in bundle.OPERATIONS.items():
        (description,) = data.glob(f"{service}/*/service-2.json")
        assert set(json.loads(description.read_text("utf-8"))["operations"]) == set(operations)


def test_a_description_keeps_the_shapes_that_its_operations_use_and_drops_all_documentation():
    service = {
        "metadata": {"serviceId": "Pit"},
        "operations": {
            "Get": {"input": {"shape": "Asked"}, "errors": [{"shape": "Gone"}], "documentation": "long"},
            "List": {"input": {"shape": "Page"}},
        },
        "shapes": {
            "Asked": {"type": "structure", "members": {"shape": {"shape": "Tree"}}},
            "Tree": {"type": "list", "member": {"shape": "Tree"}},
            "Gone": {"type": "structure", "members": {}, "exception": True},
            "Page": {"type": "string"},
        },
    }
    described = bundle.described(service, ["Get"])
    assert set(described["operations"]) == {"Get"}
    assert set(described["shapes"]) == {"Asked", "Tree", "Gone"}
    assert "documentation" not in described["operations"]["Get"]
    assert described["metadata"] == service["metadata"]


def test_the_default_target_is_built_when_its_python_is_here():
    try:
        bundle.interpreter("3.13")
    except ConfigError:
        pytest.skip("Python 3.13 is not here; CI has it")
    package = bundle.build("3.13", "arm64", 40_000_000)
    assert package.size > 1_000_000
    assert not list(package.path.rglob("*.so")), "so far all libraries are plain Python"


def test_native_code_is_that_of_the_functions_python_and_processor(tmp_path):
    """No library of the functions has any now; the server's httptools has."""
    versions, needed = tmp_path / "versions.txt", tmp_path / "needed.txt"
    bundle.uv("export", "--locked", "--no-emit-project", "-o", str(versions))
    entry = re.search(r"^httptools==.*(?:\n +--hash.*)+", versions.read_text(), re.M)
    assert entry
    needed.write_text(entry[0])
    bundle.install(tmp_path / "target", needed, versions, "3.13", "arm64")
    natives = {native.name for native in (tmp_path / "target").rglob("*.so")}
    assert natives
    assert all("cpython-313-aarch64" in name for name in natives), natives


@pytest.mark.parametrize("package", ["urllib3", "idna"], ids=["imported by us", "a dependency's dependency"])
def test_a_wheel_with_another_hash_than_in_the_lock_is_not_installed(tmp_path, package):
    versions, needed = tmp_path / "versions.txt", tmp_path / "needed.txt"
    bundle.uv("export", "--locked", "--no-emit-project", "--extra", "aws", "-o", str(versions))
    lines, inside = [], False
    for line in versions.read_text().splitlines():
        if "==" in line and not line.startswith(" "):
            inside = line.startswith(f"{package}==")
        lines.append(re.sub(r"sha256:\w{8}", "sha256:00000000", line) if inside else line)
    versions.write_text("\n".join(lines))
    needed.write_text(bundle.pinned(versions.read_text()))
    with pytest.raises(ConfigError, match=r"(?i)hash"):
        bundle.install(tmp_path / "target", needed, versions, PYTHON, ARCHITECTURE)


def test_a_package_that_the_lock_has_not_is_named():
    with pytest.raises(ConfigError, match=r"botocore"):
        bundle.pinned("starlette==1 \\\n    --hash=sha256:0\nurllib3==2 \\\n    --hash=sha256:0\n")


def test_a_python_that_is_not_here_is_named_with_the_remedy():
    with pytest.raises(ConfigError, match=r"Python 3\.99 is missing.*uv python install 3\.99"):
        bundle.interpreter("3.99")


def test_only_what_a_function_can_see_makes_another_digest(tmp_path):
    """Lambda refuses a second version of the same code and settings ("A version for this Lambda function
    exists"), so tools for developers, installers' notes and bytecode make none."""
    (tmp_path / "handler.py").write_text("one")
    digest = bundle._digest(tmp_path, "3.13", "arm64")
    for name in ("tool-1.dist-info/RECORD", "__pycache__/handler.cpython-313.pyc"):
        file = tmp_path / name
        file.parent.mkdir()
        file.write_text("note")
        assert bundle._digest(tmp_path, "3.13", "arm64") == digest
    assert bundle._digest(tmp_path, "3.13", "x86_64") != digest
    (tmp_path / "handler.py").write_text("two")
    assert bundle._digest(tmp_path, "3.13", "arm64") != digest


def test_a_built_package_is_named_by_what_is_in_it(built):
    assert built.digest == bundle._digest(built.path, PYTHON, ARCHITECTURE)
    assert built.digest[:16] not in built.path.name
