"""An alarm must reach somebody: the topic lets CloudWatch publish, an address is confirmed, and a message has
arrived."""

import json
import time

from pitboard.ops.doctor.check import Check, Finding, Fix, Section, ok, problem, skipped, warning
from pitboard.ops.environment import AwsEnvironment, as_list

DAY = 24 * 3600
DAYS = 30
TESTED = "renewals-dead"
"""The alarm that a test sets off. CloudWatch puts it back to its real state within minutes."""


def aws(environment: AwsEnvironment) -> Finding:
    topic = _topic(environment)
    sns = environment.client("sns")
    attributes = environment.found(sns.get_topic_attributes, "NotFound", TopicArn=topic)
    if attributes is None:
        return skipped("The topic of the alarms is not deployed yet.")
    if not _cloudwatch_may_publish(attributes["Attributes"].get("Policy", "")):
        remedy = "Run `pitboard deploy`: the topic's policy must allow cloudwatch.amazonaws.com to publish."
        return problem("CloudWatch may not publish to the topic of the alarms.", remedy, fixable=False)
    confirmed, pending = (
        int(attributes["Attributes"].get(f"Subscriptions{kind}", 0)) for kind in ("Confirmed", "Pending")
    )
    if not confirmed and not pending:
        return warning("Nobody is told of alarms: the topic has no subscription.", fixable=False)
    if not confirmed:
        remedy = "Open the mail with the subject `AWS Notification - Subscription Confirmation`, and confirm."
        return problem("No address for the alarms is confirmed yet.", remedy, fixable=False)
    if _messages(environment, "NumberOfNotificationsFailed", 1):
        return problem("A message of an alarm could not be delivered in the last day.")
    if not _messages(environment, "NumberOfNotificationsDelivered", DAYS):
        return warning(f"No message has arrived at the confirmed address in {DAYS} days.")
    return ok("An address is confirmed, and a message has arrived.")


def test(environment: AwsEnvironment) -> str:
    name = environment.names.alarm(TESTED)
    with environment.change("The alarm could not be set off"):
        environment.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue="ALARM", StateReason="A test by pitboard doctor: nothing is wrong."
        )
    return f"{name} has been set off: a message must arrive within minutes, and soon another that it is over."


def _topic(environment: AwsEnvironment) -> str:
    partition, account = environment.caller["Arn"].split(":")[1], environment.caller["Account"]
    return f"arn:{partition}:sns:{environment.region}:{account}:{environment.names.alarm_topic}"


def _cloudwatch_may_publish(policy: str) -> bool:
    """SNS' default policy allows whatever is in the account; one that only denies replaces it."""
    for statement in as_list(json.loads(policy or "{}").get("Statement", [])):
        principal = json.dumps(statement.get("Principal", ""))
        if statement["Effect"] == "Allow" and ("cloudwatch.amazonaws.com" in principal or '"*"' in principal):
            return True
    return False


def _messages(environment: AwsEnvironment, metric: str, days: int) -> float:
    now = time.time()
    answer = environment.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SNS",
        MetricName=metric,
        Dimensions=[{"Name": "TopicName", "Value": environment.names.alarm_topic}],
        StartTime=now - days * DAY,
        EndTime=now + 60,
        Period=DAY,
        Statistics=["Sum"],
    )
    return sum(float(point["Sum"]) for point in answer["Datapoints"])


CHECK = Check(
    id="alarms",
    title="Alarms reach somebody",
    section=Section.MONITORING,
    symptoms=("The service was down, and nobody was told",),
    remedy=(
        "Name an address with `pitboard deploy --context alarm_email=you@example.org` and confirm it; test it"
        " with `pitboard doctor --env prod --only alarms --fix`."
    ),
    aws=aws,
    fix=Fix("Set off an alarm as a test?", aws=test),
)
