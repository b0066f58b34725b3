"""What `pitboard bench` says when a part of it cannot be measured."""

import io

from rich.console import Console

from pitboard.ops import bench


def test_without_wrk_the_row_is_left_out_and_that_is_no_failure(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))  # no program is found there
    met = bench.Figure("a page", "1 s", "1 s", 1.0, "<= 2 s", fine=True)
    for step in ("unknown_pages", "indexed_pages", "slow_name", "renewals"):
        monkeypatch.setattr(bench, step, lambda _: [met])
    said = io.StringIO()
    assert bench.bench(Console(file=said, width=100))
    assert "Pages a second were not measured: that needs wrk" in said.getvalue()
    assert "missed" not in said.getvalue()
