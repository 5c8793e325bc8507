"""What comes before JupyterLab opens: the copies of the notebooks, and what stands in the way; see tests/browser."""

import sys
from pathlib import Path

import pytest

from cctrack import lab
from cctrack.__main__ import main

ORIGINALS = Path(__file__).resolve().parent.parent / "notebooks"


def test_copies_are_all_there_and_the_originals_stay(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in ORIGINALS.glob("*.ipynb")}
    made = lab.copies(tmp_path / "a" / "b")
    assert made == lab.Copies(tmp_path / "a" / "b", ())
    assert {path.name: path.read_bytes() for path in made.folder.iterdir()} == before
    for path in made.folder.iterdir():
        path.write_text("changed")
    assert {path.name: path.read_bytes() for path in ORIGINALS.glob("*.ipynb")} == before


def test_what_somebody_changed_is_kept_and_told(tmp_path: Path) -> None:
    lab.copies(tmp_path)
    (tmp_path / "01_quickstart.ipynb").write_text("mine")
    (tmp_path / "02_engagement_funnels.ipynb").unlink()
    (tmp_path / "of my own.ipynb").write_text("mine, too")
    assert lab.copies(tmp_path).kept == ("01_quickstart.ipynb",)
    assert (tmp_path / "01_quickstart.ipynb").read_text() == "mine"
    assert (tmp_path / "of my own.ipynb").read_text() == "mine, too"
    original = (ORIGINALS / "02_engagement_funnels.ipynb").read_bytes()
    assert (tmp_path / "02_engagement_funnels.ipynb").read_bytes() == original


def test_the_folder_of_the_originals_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(ORIGINALS)
    for folder in (ORIGINALS, link):
        with pytest.raises(lab.LabError, match="--out"):
            lab.copies(folder)


def test_a_folder_that_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(lab.LabError, match=r"file: .*--out"):
        lab.copies(tmp_path / "file")


def test_without_jupyterlab_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jupyterlab", None)  # as if it were not installed
    assert main(["demo", "--lab", "--out", str(tmp_path / "new")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "pip install '.[lab]'" in told.err
    assert not (tmp_path / "new").exists()


def test_another_account_is_chosen_in_the_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--lab", "--contacts", "50"]) == 2
    assert "cctrack.demo(contacts=" in capsys.readouterr().err
