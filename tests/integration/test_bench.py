"""`pitboard bench`: its counts, its table and its exit code. Speeds are not looked at: machines differ."""

import io
import re

import pytest
import typer
from rich.console import Console
from tests.support import needs

from pitboard.commands import bench as command
from pitboard.ops import bench
from pitboard.ops.bench import Figure
from pitboard.simulator import Population

STEPS = ("unknown_pages", "indexed_pages", "slow_name", "renewals", "known_pages")


def figure(*, fine: bool) -> Figure:
    return Figure("Calls of a page", "21", "20", 1.05, "<= 21", fine=fine)


@pytest.mark.parametrize("fine", [True, False])
def test_a_target_that_is_missed_is_said_and_is_exit_code_1(monkeypatch, capsys, fine):
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/wrk")
    for step in STEPS:
        monkeypatch.setattr(bench, step, lambda *_: [figure(fine=fine)])
    if fine:
        command.bench()
    else:
        with pytest.raises(typer.Exit) as caught:
            command.bench()
        assert caught.value.exit_code == 1
    table = capsys.readouterr().out
    assert len(re.findall(rf"Calls of a page .* 1\.05 .* {'met' if fine else 'missed'}", table)) == len(STEPS)


def test_its_counts_of_calls_are_the_plans(monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", 1)
    population = Population()
    figures = {f.what: f for f in (*bench.unknown_pages(population), *bench.renewals(population))}
    calls = {what: f.measured for what, f in figures.items() if "calls" in what}
    assert calls == {"  calls to iRacing until then": "21", "Licences of 1,000 drivers renewed, calls": "20"}
    assert all(f.fine for what, f in figures.items() if "calls" in what)


def test_a_server_that_does_not_start_is_an_error():
    with pytest.raises(RuntimeError, match="did not start"), bench._program(["true"], {}):
        pass


def test_without_wrk_the_row_is_left_out_and_that_is_no_failure(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    met = bench.Figure("a page", "1 s", "1 s", 1.0, "<= 2 s", fine=True)
    for step in STEPS[:-1]:
        monkeypatch.setattr(bench, step, lambda _: [met])
    said = io.StringIO()
    assert bench.bench(Console(file=said, width=100))
    assert "Pages a second were not measured: that needs wrk" in said.getvalue()
    assert "missed" not in said.getvalue()


@pytest.mark.long
def test_the_whole_of_it_prints_a_table_with_every_figure():
    needs.program("wrk")
    out = io.StringIO()
    bench.bench(Console(file=out, width=140))
    table = out.getvalue()
    for what in (
        "20 unknown authors, complete",
        "index loaded: p99",
        "beside one that hangs",
        "1,000 drivers",
    ):
        assert what in table
    assert len(re.findall(r"pages a second +[\d,]+ +[\d,]+ ", table)) == 2
