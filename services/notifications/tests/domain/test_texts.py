"""Texts: whole, strict, in every language, and as many parts as they cost."""

import shutil
from importlib import resources
from pathlib import Path

import notifications.texts
import pytest
from notifications.domain.kinds import Kind
from notifications.domain.segments import size_of
from notifications.domain.text import BadText
from notifications.texts import LANGUAGES, SAMPLE, Texts
from wanderamt.contracts import Channel

TEXTS = Texts()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(Kind))
def test_an_sms_has_no_link_and_few_parts(kind: Kind, language: str) -> None:
    text = TEXTS.render(kind, Channel.SMS, language, SAMPLE).body
    assert text.startswith("Stadt Linz: ")
    assert "http" not in text
    assert "@" not in text
    assert size_of(text).segments <= (1 if language in {"de", "en"} else 3)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_mail_says_the_same_in_both_its_parts(kind: Kind) -> None:
    mail = TEXTS.render(kind, Channel.EMAIL, "en", SAMPLE)
    assert mail.subject
    assert "\n" not in mail.subject
    for line in mail.body.splitlines():
        for word in line.split():
            assert word.strip(".,:()") in mail.html.replace("&#39;", "'")


def test_a_language_without_texts_is_told_in_german_and_three_are_told_in_one() -> None:
    german = TEXTS.render(Kind.DELAYED, Channel.SMS, "de", SAMPLE)
    assert TEXTS.render(Kind.DELAYED, Channel.SMS, "fr", SAMPLE) == german
    bosnian = TEXTS.render(Kind.DELAYED, Channel.SMS, "bs", SAMPLE)
    assert (
        TEXTS.render(Kind.DELAYED, Channel.SMS, "hr", SAMPLE)
        == bosnian
        == TEXTS.render(Kind.DELAYED, Channel.SMS, "sr", SAMPLE)
    )
    assert bosnian != german


def test_what_comes_from_outside_is_no_markup() -> None:
    place = {**SAMPLE, "place": "<b>Markt</b> & {{ inquiries }}"}
    mail = TEXTS.render(Kind.APPOINTMENT_BOOKED, Channel.EMAIL, "de", place)
    assert "&lt;b&gt;Markt&lt;/b&gt; &amp; {{ inquiries }}" in mail.html


@pytest.mark.parametrize("value", ["", "x\r\nBcc: all@x.at"])
def test_a_value_that_is_none_makes_no_text(value: str) -> None:
    for channel in Channel:
        with pytest.raises(BadText):
            TEXTS.render(Kind.DOCUMENT_READY, channel, "de", {**SAMPLE, "reference": value})


@pytest.mark.parametrize(
    ("text", "coding", "used", "segments", "room"),
    [
        ("a" * 160, "GSM7", 160, 1, 160),
        ("a" * 161, "GSM7", 161, 2, 306),
        ("€" * 80, "GSM7", 160, 1, 160),
        ("ş" + "a" * 69, "UCS2", 70, 1, 70),
        ("ş" + "a" * 70, "UCS2", 71, 2, 134),
        ("Їжак" * 34, "UCS2", 136, 3, 201),
    ],
)
def test_parts_are_counted_as_networks_bill_them(text: str, coding: str, used: int, segments: int, room: int) -> None:
    size = size_of(text)
    assert (size.coding.name, size.used, size.segments, size.room) == (coding, used, segments, room)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{{ reference }}", "{{ refrence }}", "names refrence"),
        ("{{ reference }} ist", "{{ place }} ist", "names place"),
        ("Auskunft:", "Siehe www.linz.at:", "looks like one"),
        ('needs: ["code", "reference"]', 'needs: ["code"]', "needs"),
        ("  de:", "  xx:", "de"),
        ("sms:", "smss:", "sms"),
        ("Ihr Dokument", "Ihr sehr schönes und lange erwartetes Dokument, auf das wir alle uns freuen,", "2 parts"),
        ("{{ sender }}:", "{{ sender", "Template"),
    ],
)
def test_a_bad_text_stops_the_start_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, complaint: str
) -> None:
    with resources.as_file(resources.files("notifications") / "templates") as ours:
        shutil.copytree(ours, tmp_path / "templates")
    file = tmp_path / "templates" / "document_ready" / "1.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    monkeypatch.setattr(notifications.texts, "_ROOT", tmp_path / "templates")
    with pytest.raises(BadText, match=r"document_ready/1\.yaml") as wrong:
        Texts()
    assert complaint in str(wrong.value)


def test_an_older_version_stays_for_what_was_decided_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with resources.as_file(resources.files("notifications") / "templates") as ours:
        shutil.copytree(ours, tmp_path / "templates")
    folder = tmp_path / "templates" / "delayed"
    (folder / "2.yaml").write_text((folder / "1.yaml").read_text().replace("dauert länger", "braucht länger"))
    monkeypatch.setattr(notifications.texts, "_ROOT", tmp_path / "templates")
    texts = Texts()
    assert texts.newest[Kind.DELAYED] == 2
    assert "braucht" in texts.render(Kind.DELAYED, Channel.SMS, "de", SAMPLE).body
    assert "dauert" in texts.render(Kind.DELAYED, Channel.SMS, "de", SAMPLE, version=1).body
