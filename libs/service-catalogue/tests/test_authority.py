"""The file of the authority and its pictures: each mistake is reported with its line, before a paper is printed."""

import shutil
from pathlib import Path

import pytest
from service_catalogue.authority import (
    AuthorityProfile,
    Letterhead,
    load_letterhead,
    parse_authority_file,
    read_letterhead,
)
from service_catalogue.reader import CatalogueError, shipped_folder

PROFILE = (shipped_folder() / "authority.yaml").read_text("utf-8")
NAMES = ("authority.yaml", "arms.svg", "mark.svg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        shutil.copy(shipped_folder() / name, tmp_path)
    return tmp_path


def test_the_shipped_authority_has_names_in_both_languages_and_two_pictures() -> None:
    letterhead = load_letterhead()
    profile = letterhead.profile
    assert (profile.code, profile.name.de) == ("at-linz", "Magistrat der Landeshauptstadt Linz")
    assert profile.head.en
    assert letterhead.arms.startswith("<svg")
    assert letterhead.mark != letterhead.arms


@pytest.mark.parametrize(
    ("good", "bad", "line", "message"),
    [
        ("verify_at: linz.example/verify", "verify_at: /verify", 12, "match pattern"),
        ("verify_at: linz.example/verify", "verify_at: wanderamt verify", 12, "match pattern"),
        ("verify_at: linz.example/verify", "verify_at: https://linz.example/verify", 12, "match pattern"),
        ("web: linz.example", "web: localhost", 11, "match pattern"),
        ("arms: arms.svg", "arms: ../arms.svg", 14, "match pattern"),
        ("arms: arms.svg", "arms: arms.png", 14, "match pattern"),
        ("email: buergerservice@linz.example", "email: nobody", 10, "match pattern"),
        ("phone: +43 732 7070", "phone: 0732 7070", 9, "match pattern"),
        ('postal_code: "4041"', "postal_code: 4041", 7, "valid string"),
        ("head: {de: Für den Bürgermeister, en: For the Mayor}", "head: {de: Für den Bürgermeister}", 13, "'en'"),
        ("code: at-linz", "code: Linz", 3, "match pattern"),
        ("place: Linz", "place: Linz\nplace: Wels", 9, "appears twice"),
        ("place: Linz", "place: ＝Linz", 8, "U+FF1D"),
        ("    Sie unter {verify_at}.", "    Sie im Amt.", 16, "must contain {verify_at}"),
        ("department:", "colour: red\ndepartment:", 5, "not permitted"),
    ],
)
def test_a_mistake_is_reported_with_its_line(good: str, bad: str, line: int, message: str) -> None:
    assert good in PROFILE
    faults = parse_authority_file(PROFILE.replace(good, bad, 1))
    assert isinstance(faults, list)
    assert any(message in fault.text and abs(fault.line - line) <= 1 for fault in faults), faults


@pytest.mark.parametrize("text", ["", "x", "- a", "a: [", "a: " + "[" * 5000, "name: &a {de: x}\nx: *a"])
def test_no_text_crashes_the_reader(text: str) -> None:
    faults = parse_authority_file(text)
    assert isinstance(faults, list)
    assert faults


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("", "needs an SVG file"),
        ("<svg", "not SVG"),
        ("<html/>", "the root element must be svg"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "needs a viewBox"),
        ('<!DOCTYPE svg [<!ENTITY a "a">]><svg/>', "document type"),
        ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script>1</script></svg>', "<script"),
        ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" onload="a()"/>', "onload"),
        ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><image href="http://a.b/c"/></svg>', "href"),
        ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><text>Linz</text></svg>', "as paths"),
        ("<svg>" + "x" * 70_000 + "</svg>", "at most 64 KiB"),
    ],
)
def test_a_picture_that_runs_or_fetches_something_is_refused(folder: Path, picture: str, message: str) -> None:
    (folder / "mark.svg").write_text(picture)
    faults = read_letterhead(folder)
    assert isinstance(faults, dict)
    assert message in faults["mark.svg"][0].text
    with pytest.raises(CatalogueError, match=r"mark\.svg:1: "):
        load_letterhead(folder)


def test_a_city_brings_its_own_authority(folder: Path) -> None:
    own = PROFILE.replace("at-linz", "at-wels").replace(
        "Magistrat der Landeshauptstadt Linz", "Magistrat der Stadt Wels"
    )
    (folder / "authority.yaml").write_text(own)
    letterhead = read_letterhead(folder)
    assert isinstance(letterhead, Letterhead)
    assert isinstance(letterhead.profile, AuthorityProfile)
    assert (letterhead.profile.code, letterhead.profile.name.de) == ("at-wels", "Magistrat der Stadt Wels")
    (folder / "authority.yaml").unlink()
    with pytest.raises(CatalogueError, match=r"the folder has no authority\.yaml"):
        load_letterhead(folder)
