"""What the resources of an environment are called in AWS."""

from dataclasses import dataclass

from pitboard.settings import UsageError

ENVIRONMENTS = ("dev", "staging", "prod")
SECRET_FIELDS = ("client_id", "client_secret", "username", "password")
TABLE_OUTPUTS = ("TableAuth", "TableCustid", "TableDrivers")
"""The stack's outputs that say which tables are in use: after a restore it may be others."""

METRICS_NAMESPACE = "iRacing/Lambda"


@dataclass(frozen=True, slots=True)
class Names:
    """Functions carry the environment's name; tables only outside prod. Raises `UsageError` for others."""

    environment: str

    def __post_init__(self) -> None:
        if self.environment not in ENVIRONMENTS:
            known = ", ".join(ENVIRONMENTS)
            raise UsageError(f"There is no environment {self.environment!r}; there are {known}.")

    @property
    def auth(self) -> str:
        """The function that owns the token."""
        return f"ir-auth-{self.environment}"

    @property
    def custid(self) -> str:
        """The function that turns names into customer ids."""
        return f"ir-custid-{self.environment}"

    @property
    def drivers(self) -> str:
        """The function that answers with drivers."""
        return f"ir-drivers-{self.environment}"

    @property
    def functions(self) -> tuple[str, ...]:
        """All functions."""
        return (self.auth, self.custid, self.drivers)

    @property
    def tables(self) -> dict[str, str]:
        """Each table's key, by the table's name: ir_auth's first."""
        suffix = "" if self.environment == "prod" else f"_{self.environment}"
        return {f"ir_auth{suffix}": "username", f"ir_custid{suffix}": "name", f"ir_drivers{suffix}": "name"}

    @property
    def stack(self) -> str:
        """The CloudFormation stack."""
        return f"pitboard-{self.environment}"

    @property
    def api(self) -> str:
        """The REST API. Its stage is named after the environment."""
        return f"pitboard-{self.environment}"

    @property
    def secret(self) -> str:
        """The secret with iRacing's credentials; ir-auth alone may read it."""
        suffix = "" if self.environment == "prod" else f"-{self.environment}"
        return f"iRacing/OAuth/Credentials{suffix}"

    def log_group(self, function: str) -> str:
        """The log group of a function."""
        return f"/aws/lambda/{function}"

    @property
    def url_output(self) -> str:
        """The stack's output that holds the API's address."""
        return "ApiUrl"
