"""The variables that the stack sets for a function: environment, tables, secret, ir-auth, queue."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pitboard.aws.names import Variable
from pitboard.settings import SettingError


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """The names in a function's variables. A name that the function may not use is ""."""

    environment: str
    auth_table: str
    custid_table: str
    drivers_table: str
    secret: str
    auth_function: str
    renewals_queue: str

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "FunctionSettings":
        """Reads the environment. Raises `SettingError` without ENVIRONMENT."""
        values = os.environ if environment is None else environment
        if not values.get(Variable.ENVIRONMENT):
            raise SettingError(
                f"{Variable.ENVIRONMENT} is not set; this runs as a function that `pitboard deploy` has made."
            )
        return cls(
            environment=values[Variable.ENVIRONMENT],
            auth_table=values.get(Variable.AUTH_TABLE, ""),
            custid_table=values.get(Variable.CUSTID_TABLE, ""),
            drivers_table=values.get(Variable.DRIVERS_TABLE, ""),
            secret=values.get(Variable.SECRET, ""),
            auth_function=values.get(Variable.AUTH_FUNCTION, ""),
            renewals_queue=values.get(Variable.RENEWALS_QUEUE, ""),
        )
