"""The names of one environment, as the troubleshooting guide's commands have them, and the settings of a
deploy."""

import pytest

from pitboard.aws import names
from pitboard.aws.deploy_settings import (
    DEPLOY_SETTINGS,
    NAMES,
    SETTINGS_OUTPUT,
    UnknownSettingError,
    parse,
    remembered,
)
from pitboard.aws.names import Names, UnknownEnvironmentError


def test_in_production_functions_carry_its_name_and_tables_and_secret_do_not():
    prod = Names("prod")
    assert prod.serving == ("ir-auth-prod", "ir-custid-prod", "ir-drivers-prod")
    assert prod.functions == (*prod.serving, "ir-index-prod", "ir-addon-prod")
    assert prod.tables == {"ir_auth": "username", "ir_custid": "name", "ir_drivers": "name"}
    assert prod.secret == "iRacing/OAuth/Credentials"
    assert prod.role("auth") == "ir-auth-role"
    assert prod.protected


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_elsewhere_everything_carries_the_environments_name(environment):
    other = Names(environment)
    assert other.functions == tuple(
        f"ir-{kind}-{environment}" for kind in ("auth", "custid", "drivers", "index", "addon")
    )
    assert list(other.tables) == [f"ir_{kind}_{environment}" for kind in ("auth", "custid", "drivers")]
    assert other.secret == f"iRacing/OAuth/Credentials-{environment}"
    assert other.role("auth") == f"ir-auth-role-{environment}"
    assert not other.protected


@pytest.mark.parametrize("environment", names.ENVIRONMENTS)
def test_what_is_named_alike_in_every_environment(environment):
    one = Names(environment)
    assert (one.renewals, one.dead_renewals) == (
        f"ir-renewals-{environment}",
        f"ir-renewals-dead-{environment}",
    )
    assert one.stack == one.api == f"pitboard-{environment}"
    assert one.alarm_topic == f"pitboard-{environment}-alarms"
    assert one.alarm("api-5xx") == f"pitboard-{environment}-api-5xx"
    assert one.log_group(one.auth) == f"/aws/lambda/ir-auth-{environment}"
    assert one.table_outputs == dict(
        zip(one.tables, ("TableAuth", "TableCustid", "TableDrivers"), strict=True)
    )


def test_there_are_three_environments_and_no_other():
    for one in ("dev", "staging", "prod"):
        assert Names(one).stack == f"pitboard-{one}"
    for other in ("", "production", "Prod"):
        with pytest.raises(UnknownEnvironmentError, match=f"{other!r}; there are dev, staging, prod"):
            Names(other)


# --- settings of a deploy


def test_settings_are_words_with_a_sign_between_name_and_value():
    first, second = NAMES[:2]
    assert parse([f"{first}=a=b", f"{second}="]) == {first: "a=b", second: ""}
    assert parse([]) == {}


@pytest.mark.parametrize(
    ("word", "sentence"),
    [(NAMES[0], "takes NAME=VALUE, not"), ("boats=1", "There is no setting 'boats'; there are ")],
)
def test_what_is_no_setting_is_named(word, sentence):
    with pytest.raises(UnknownSettingError, match=sentence):
        parse([word])


def test_the_settings_of_the_last_deploy_are_those_that_there_are():
    name = NAMES[0]
    assert remembered({SETTINGS_OUTPUT: f'{{"{name}": 5, "boats": "1"}}'}) == {name: "5"}
    assert remembered({SETTINGS_OUTPUT: "{broken"}) == remembered({}) == {}


def test_every_setting_has_a_name_of_its_own():
    assert len(set(NAMES)) == len(DEPLOY_SETTINGS) > 5
