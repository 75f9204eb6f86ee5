"""Message templates: complete, strict, in every language, with the right number of SMS parts."""

import shutil
from importlib import resources
from pathlib import Path

import notifications.message_templates
import pytest
from notifications.domain.kinds import NoticeKind
from notifications.domain.message_text import TemplateError
from notifications.domain.sms_segments import sms_size
from notifications.message_templates import LANGUAGES, SAMPLE, MessageTemplates
from service_catalogue.authority import shipped_profile
from wanderamt.contracts import Channel

TEMPLATES = MessageTemplates.of(shipped_profile())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_an_sms_has_no_link_and_few_parts(kind: NoticeKind, language: str) -> None:
    text = TEMPLATES.render(kind, Channel.SMS, language, SAMPLE).body
    assert text.startswith("Stadt Linz: ")
    assert "http" not in text
    assert "@" not in text
    assert sms_size(text).segments <= (1 if language in {"de", "en"} else 3)


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_both_parts_of_a_mail_have_the_same_content(kind: NoticeKind) -> None:
    mail = TEMPLATES.render(kind, Channel.EMAIL, "en", SAMPLE)
    assert mail.subject
    assert "\n" not in mail.subject
    for line in mail.body.splitlines():
        for word in line.split():
            assert word.strip(".,:()") in mail.html.replace("&#39;", "'")


def test_a_language_without_texts_falls_back_to_german_and_three_share_one_text() -> None:
    german = TEMPLATES.render(NoticeKind.DELAYED, Channel.SMS, "de", SAMPLE)
    assert TEMPLATES.render(NoticeKind.DELAYED, Channel.SMS, "fr", SAMPLE) == german
    bosnian = TEMPLATES.render(NoticeKind.DELAYED, Channel.SMS, "bs", SAMPLE)
    assert (
        TEMPLATES.render(NoticeKind.DELAYED, Channel.SMS, "hr", SAMPLE)
        == bosnian
        == TEMPLATES.render(NoticeKind.DELAYED, Channel.SMS, "sr", SAMPLE)
    )
    assert bosnian != german


def test_values_from_outside_are_escaped() -> None:
    place = {**SAMPLE, "place": "<b>Markt</b> & {{ inquiries }}"}
    mail = TEMPLATES.render(NoticeKind.APPOINTMENT_BOOKED, Channel.EMAIL, "de", place)
    assert "&lt;b&gt;Markt&lt;/b&gt; &amp; {{ inquiries }}" in mail.html


@pytest.mark.parametrize("value", ["", "x\r\nBcc: all@x.at"])
def test_an_invalid_value_renders_no_text(value: str) -> None:
    for channel in Channel:
        with pytest.raises(TemplateError):
            TEMPLATES.render(NoticeKind.DOCUMENT_READY, channel, "de", {**SAMPLE, "reference": value})


@pytest.mark.parametrize(
    ("text", "coding", "used", "segments", "capacity"),
    [
        ("a" * 160, "GSM7", 160, 1, 160),
        ("a" * 161, "GSM7", 161, 2, 306),
        ("€" * 80, "GSM7", 160, 1, 160),
        ("ş" + "a" * 69, "UCS2", 70, 1, 70),
        ("ş" + "a" * 70, "UCS2", 71, 2, 134),
        ("Їжак" * 34, "UCS2", 136, 3, 201),
    ],
)
def test_parts_are_counted_as_networks_bill_them(
    text: str, coding: str, used: int, segments: int, capacity: int
) -> None:
    size = sms_size(text)
    assert (size.coding.name, size.used, size.segments, size.capacity) == (coding, used, segments, capacity)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{{ reference }}", "{{ refrence }}", "uses refrence"),
        ("{{ reference }} ist", "{{ place }} ist", "uses place"),
        ("Auskunft:", "Siehe www.linz.at:", "looks like one"),
        ('required_variables: ["code", "reference"]', 'required_variables: ["code"]', "required_variables"),
        ("  de:", "  xx:", "de"),
        ("sms:", "smss:", "sms"),
        ("Ihr Dokument", "Ihr sehr schönes und lange erwartetes Dokument, auf das wir alle uns freuen,", "2 parts"),
        ("{{ sender }}:", "{{ sender", "Template"),
    ],
)
def test_an_invalid_template_stops_the_start_with_its_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, complaint: str
) -> None:
    with resources.as_file(resources.files("notifications") / "templates") as ours:
        shutil.copytree(ours, tmp_path / "templates")
    file = tmp_path / "templates" / "document_ready" / "1.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    monkeypatch.setattr(notifications.message_templates, "_ROOT", tmp_path / "templates")
    with pytest.raises(TemplateError, match=r"document_ready/1\.yaml") as raised:
        MessageTemplates.of(shipped_profile())
    assert complaint in str(raised.value)


def test_an_older_version_stays_for_notices_decided_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with resources.as_file(resources.files("notifications") / "templates") as ours:
        shutil.copytree(ours, tmp_path / "templates")
    folder = tmp_path / "templates" / "delayed"
    (folder / "2.yaml").write_text((folder / "1.yaml").read_text().replace("dauert länger", "braucht länger"))
    monkeypatch.setattr(notifications.message_templates, "_ROOT", tmp_path / "templates")
    templates = MessageTemplates.of(shipped_profile())
    assert templates.newest[NoticeKind.DELAYED] == 2
    assert "braucht" in templates.render(NoticeKind.DELAYED, Channel.SMS, "de", SAMPLE).body
    assert "dauert" in templates.render(NoticeKind.DELAYED, Channel.SMS, "de", SAMPLE, version=1).body
