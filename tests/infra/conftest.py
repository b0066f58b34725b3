"""Each environment is synthesized once a session, on a package that is built once for all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from infra.bundle import Package
from infra.config import Config, environment
from tests.support import needs


@dataclass(frozen=True)
class Synthesized:
    """A template, as it would be deployed."""

    template: dict[str, Any]
    config: Config

    def of(self, kind: str) -> dict[str, Any]:
        """The resources of a type such as AWS::Lambda::Function, by their logical ids; at least one, so that
        no test about all of them passes without any."""
        found = {k: r for k, r in self.template["Resources"].items() if r["Type"] == kind}
        assert found, f"the template has no {kind}"
        return found

    def lacks(self, kind: str) -> bool:
        """Whether there is no resource of a type."""
        return all(resource["Type"] != kind for resource in self.template["Resources"].values())

    def properties(self, kind: str) -> list[dict[str, Any]]:
        """The properties of all resources of a type."""
        return [resource.get("Properties", {}) for resource in self.of(kind).values()]

    def one(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The properties of the one resource of a type that has these."""
        found = [p for p in self.properties(kind) if wanted.items() <= p.items()]
        assert len(found) == 1, f"{len(found)} of {kind} with {wanted}"
        return found[0]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A package that is as good as any for a template; test_bundle.py builds the real one."""
    path = tmp_path_factory.mktemp("package")
    (path / "handler.py").write_text("")
    return Package(path, "0" * 64, 0)


@pytest.fixture(scope="session")
def packages(package: Package, addon: Package) -> tuple[Package, Package]:
    """That of most functions, and ir-addon's."""
    return package, addon


@pytest.fixture(scope="session")
def addon(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The same for ir-addon."""
    path = tmp_path_factory.mktemp("addon")
    (path / "handler.py").write_text("")
    return Package(path, "1" * 64, 0)


@pytest.fixture(scope="session")
def synthesize(
    packages: tuple[Package, Package], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Config], Synthesized]:
    """Makes the template of a configuration."""
    cdk = needs.cdk()
    from infra.stack import PitboardStack

    def make(config: Config) -> Synthesized:
        app = cdk.App(
            outdir=str(tmp_path_factory.mktemp("cdk")),
            analytics_reporting=False,
            builtin_cloud_formation_validation=False,
        )
        stack = PitboardStack(app, config.check(), *packages)
        return Synthesized(app.synth().get_stack_by_name(stack.stack_name).template, config)

    return make


@pytest.fixture(scope="session")
def dev(synthesize: Callable[[Config], Synthesized]) -> Synthesized:
    return synthesize(environment("dev"))


@pytest.fixture(scope="session")
def staging(synthesize: Callable[[Config], Synthesized]) -> Synthesized:
    """With the canary and the cache, which are off by default."""
    return synthesize(replace(environment("staging"), canary=True, cache=True))


@pytest.fixture(scope="session")
def prod(synthesize: Callable[[Config], Synthesized]) -> Synthesized:
    return synthesize(environment("prod"))


@pytest.fixture(params=["dev", "staging", "prod"])
def each(request: pytest.FixtureRequest) -> Synthesized:
    """Each of the three environments."""
    found: Synthesized = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def templates(
    dev: Synthesized, staging: Synthesized, prod: Synthesized, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The templates as files."""
    import json

    folder = tmp_path_factory.mktemp("templates")
    files = []
    for one in (dev, staging, prod):
        files.append(folder / f"{one.config.names.environment}.json")
        files[-1].write_text(json.dumps(one.template))
    return files


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process synthesizes the stacks: in each of four it takes the time of both cores."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("infra"))
