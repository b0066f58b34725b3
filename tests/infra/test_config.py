"""What may be set, and what is refused with a sentence."""

import pytest
from infra.config import environment, from_context
from infra.errors import ConfigError


def read(**context):
    return from_context({"env": "prod", **context}.get)


def test_defaults_are_those_of_the_environment():
    assert read() == environment("prod")
    assert read(canary="true").given == {"canary": "true"}


def test_settings_come_from_the_context():
    config = read(
        python="3.12",
        architecture="x86_64",
        canary="true",
        cache="true",
        snap_start="false",
        provisioned="3",
        tables="ir_drivers=ir_drivers_restored",
        existing="ir_drivers_restored,ir_auth",
    )
    assert (config.python, config.architecture, config.canary, config.cache) == ("3.12", "x86_64", True, True)
    assert (config.drivers.snap_start, config.drivers.provisioned) == (False, 3)
    assert config.table("ir_drivers") == "ir_drivers_restored"
    assert config.table("ir_auth") == "ir_auth"
    assert config.existing == {"ir_drivers_restored", "ir_auth"}


@pytest.mark.parametrize(
    ("context", "sentence"),
    [
        ({"env": "production"}, "There is no environment 'production'; there are dev, staging, prod"),
        ({"env": None}, "There is no environment ''"),
        ({"provisioned": "1"}, "ir-drivers-prod has both SnapStart and provisioned concurrency"),
        ({"provisioned": "many"}, "provisioned is 'many'; it must be a whole number"),
        ({"python": "3.11"}, "ir-drivers-prod has SnapStart, which Lambda does not have for Python 3.11"),
        ({"python": "2.7"}, "Python 2.7 is not one of Lambda's"),
        ({"architecture": "riscv"}, "The architecture 'riscv' is not one of Lambda's: arm64 or x86_64"),
        ({"domain": "stats.example.org"}, "A domain needs a certificate, and a certificate a domain"),
        ({"reserved": "some"}, "reserved is 'some'; it must be true or false"),
        (
            {"snap_start": "false", "provisioned": "50"},
            "ir-drivers-prod has 50 provisioned copies and may run 40; give reserved=false",
        ),
        ({"canary": "perhaps"}, "canary is 'perhaps'; it must be true or false"),
        ({"tables": "ir_drivers"}, "tables has 'ir_drivers'; it takes NAME=OTHER"),
    ],
)
def test_wrong_values_are_refused_with_a_sentence(context, sentence):
    with pytest.raises(ConfigError, match=sentence.replace("(", r"\(")):
        read(**context)
