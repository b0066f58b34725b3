"""What the stack tells a function: its environment, tables, secret and the functions it may call."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pitboard.settings import SettingError


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """Names that the stack sets in the function's variables. What a function may not use is ""."""

    environment: str
    auth_table: str
    custid_table: str
    drivers_table: str
    secret: str
    auth_function: str
    drivers_function: str

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "FunctionSettings":
        """Reads the environment. Raises `SettingError` without ENVIRONMENT."""
        values = os.environ if environment is None else environment
        if not values.get("ENVIRONMENT"):
            raise SettingError("ENVIRONMENT is not set; this runs where `pitboard deploy` has put it.")
        return cls(
            environment=values["ENVIRONMENT"],
            auth_table=values.get("AUTH_TABLE", ""),
            custid_table=values.get("CUSTID_TABLE", ""),
            drivers_table=values.get("DRIVERS_TABLE", ""),
            secret=values.get("SECRET_NAME", ""),
            auth_function=values.get("AUTH_FUNCTION", ""),
            drivers_function=values.get("DRIVERS_FUNCTION", ""),
        )
