"""Sessions of the simulator: in any order of actions, a token works exactly until its end."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.support.simulator_client import plain_client

from pitboard.simulator import Population

POPULATION = Population(10)
ACCESS, REFRESH = 100, 400


class Sessions(RuleBasedStateMachine):
    """Keeps its own record of the sessions: [revoked, refresh tokens in order, access tokens]."""

    @initialize()
    def start(self):
        self.context = plain_client(population=POPULATION)
        self.client = self.context.__enter__()
        self.client.simulator.faults.access_lifetime = float(ACCESS)
        self.client.simulator.faults.refresh_lifetime = float(REFRESH)
        self.client.simulator.set_calls_left(10**6)
        self.client.simulator.set_logins_left(10**6)
        self.time = 0
        self.sessions = []

    def teardown(self):
        self.context.__exit__(None, None, None)

    def note(self, session, document):
        session["refresh"].append((document["refresh_token"], self.time + REFRESH))
        session["access"].append((document["access_token"], self.time + ACCESS))

    @rule()
    def login(self):
        session = {"revoked": False, "refresh": [], "access": []}
        self.note(session, self.client.login().json())
        self.sessions.append(session)

    @precondition(lambda self: self.sessions)
    @rule(which=st.integers(0, 50), back=st.integers(0, 3))
    def refresh(self, which, back):
        session = self.sessions[which % len(self.sessions)]
        tokens = session["refresh"]
        token, expires = tokens[max(0, len(tokens) - 1 - back)]
        newest = token == tokens[-1][0]
        answer = self.client.refresh(token)
        alive = not session["revoked"] and self.time < expires
        if alive and newest:
            assert answer.status == 200
            self.note(session, answer.json())
        else:
            assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
            session["revoked"] |= alive

    @rule(sevens=st.sampled_from([1, 7, 14, 50]))
    def wait(self, sevens):
        # Lifetimes are no multiples of seven, so no token is used at the exact moment of its end.
        self.client.simulator.clock.advance(7 * sevens)
        self.time += 7 * sevens

    @invariant()
    def access_tokens_work_as_long_as_they_should(self):
        for session in self.sessions[-3:]:
            for token, expires in session["access"][-2:]:
                bearer = {"Authorization": f"Bearer {token}"}
                status = self.client.api("constants/categories", bearer).status
                assert status == (401 if session["revoked"] or self.time >= expires else 200)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=25, stateful_step_count=20)
