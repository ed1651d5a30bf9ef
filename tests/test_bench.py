"""The bench measures what was promised and says so in one JSON document."""

import json
import sys

import pytest

from bench.__main__ import SCENES, main
from bench.figures import FIGURES, Figure


@pytest.mark.parametrize(
    ("figure", "measured", "median", "reached"),
    [
        (Figure("per second", at_least=4_000), [3_999.0, 4_001.0, 5_000.0], 4_001, True),
        (Figure("per second", at_least=4_000), [3_999.0, 3_999.0, 9_000.0], 3_999, False),
        (Figure("seconds", at_most=1.2), [1.21, 0.8, 1.3], 1.21, False),
        (Figure("seconds", at_most=1.2), [1.2], 1.2, True),
        (Figure("errors", at_most=0), [0, 0, 1], 0, True),
    ],
)
def test_the_median_is_held_against_the_goal(figure: Figure, measured: list[float], median: float, reached: bool):
    report = figure.report(measured)
    assert (report["median"], report["reached"]) == (median, reached)
    assert len(report["runs"]) == len(measured)


def test_a_figure_stands_beside_the_original_systems():
    assert Figure("seconds", original=61).report([0.5]) == {
        "meaning": "seconds", "median": 0.5, "original": 61, "runs": [0.5],
    }  # fmt: skip


def test_it_prints_one_document(monkeypatch, capsys):
    scenes = ["acceptance", "whole way", "start"]
    chosen = [argument for scene in scenes for argument in ("--only", scene)]
    monkeypatch.setattr(sys, "argv", ["bench", "--runs", "1", "--payments", "200", *chosen])
    main()
    report = json.loads(capsys.readouterr().out)
    assert report["machine"]["cores"] >= 1
    assert report["figures"]["accepted_errors"]["median"] == 0
    assert all(figure["median"] > 0 for name, figure in report["figures"].items() if name != "accepted_errors")
    assert set(report["figures"]) <= set(FIGURES)
    assert set(scenes) <= set(SCENES)
