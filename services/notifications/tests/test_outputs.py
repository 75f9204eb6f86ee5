"""Mails, their calendars and SMS for any text in any place: they are made, can be read again, and show the text."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from connector_kit.adapter import CallContext
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from notifications.domain.citizen_case import time_variables
from notifications.domain.kinds import NoticeKind
from notifications.domain.sms_segments import sms_size
from notifications.message_templates import LANGUAGES, SAMPLE, MessageTemplates
from notifications.providers.messages import MAX_SMS, MAX_SUBJECT, Mail, Sms, mail_of, shortened
from notifications.providers.relay.adapter import RelayAdapter
from notifications_fixtures import OpenNotificationsEnv
from service_catalogue.authority import shipped_profile
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.contracts import Channel
from wanderamt.kernel.line_text import as_line

TEMPLATES = MessageTemplates.of(shipped_profile())
KINDS = [NoticeKind.APPOINTMENT_BOOKED, NoticeKind.APPOINTMENT_CANCELLED, NoticeKind.APPOINTMENT_MOVED]
ODD = st.sampled_from("＝=,;:\\\"'\r\n\t\0\u200b\u202e\u2028\u0085\u0301😀\ud800€{<&")
ANY_PLACE = st.text(st.one_of(ODD, st.characters(exclude_categories=())), min_size=1, max_size=200)
UNSUBSCRIBE = "https://mobil.linz.example/status/unsubscribe?token=" + "Aa0_-" * 60


def variables_of(place: str) -> dict[str, str]:
    return {**SAMPLE, **time_variables(place, utc_now(), utc_now())}


def sent(mail: Mail) -> EmailMessage:
    adapter = RelayAdapter("buergerservice@linz.example", "Stadt Linz – Bürgerservice")
    content = adapter.encode("send", mail, CallContext(uuid7(), "x", "notice")).content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    read = message_from_bytes(content, policy=SMTP)
    assert isinstance(read, EmailMessage)
    return read


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(place=ANY_PLACE)
def test_a_mail_shows_the_place_and_has_no_other_header(kind: NoticeKind, place: str) -> None:
    variables = variables_of(place)
    text = TEMPLATES.render(kind, Channel.EMAIL, "de", variables)
    mail = mail_of("zoe@mail.example", text, kind, variables, notice_id="1", unsubscribe=UNSUBSCRIBE)
    read = sent(mail)
    assert read["Bcc"] is None
    assert read["To"] == "zoe@mail.example"
    plain = read.get_body(("plain",))
    assert plain
    shown = " ".join(as_line(place).split())
    assert shown in " ".join(plain.get_content().split())
    for attached in read.iter_attachments():
        [event] = Calendar.from_ical(attached.get_content()).walk("VEVENT")
        assert event["LOCATION"] == variables["place"]


@settings(max_examples=60, deadline=None)
@given(place=ANY_PLACE, language=st.sampled_from(LANGUAGES))
def test_an_sms_is_made_and_its_parts_are_counted(place: str, language: str) -> None:
    text = TEMPLATES.render(NoticeKind.APPOINTMENT_BOOKED, Channel.SMS, language, variables_of(place)).body
    sms = Sms(to="+436601234567", text=shortened(text, MAX_SMS))
    size = sms_size(sms.text)
    assert size.segments * size.capacity >= size.used or size.segments == 1
    assert Sms.model_validate_json(sms.model_dump_json()) == sms


@settings(max_examples=100, deadline=None)
@given(subject=st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=MAX_SUBJECT))
def test_a_subject_in_any_script_arrives_in_encoded_words(subject: str) -> None:
    read = sent(Mail(to="zoe@mail.example", subject=subject, text="x", html="<p>x</p>"))
    assert " ".join(str(read["Subject"]).split()) == " ".join(subject.split())


def test_addresses_for_programs_are_never_encoded() -> None:
    mail = Mail(to="zoe@mail.example", subject="x", text="x", html="<p>x</p>", unsubscribe=UNSUBSCRIBE)
    adapter = RelayAdapter(f"buergerservice@{'linz-' * 20}.example", "Stadt Linz")
    content = adapter.encode("send", mail, CallContext(uuid7(), "x", "notice")).content.decode()
    assert f"\r\nList-Unsubscribe: <{UNSUBSCRIBE}>\r\n" in content
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content
    assert re.search(r"\r\nMessage-ID: <[^=?\r\n]+>\r\n", content)


def test_a_header_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match=r"header|[Ll]inefeed|carriage"):
        sent(Mail(to="zoe@mail.example", subject="x", text="x", html="x", unsubscribe="https://x\r\nBcc: all@x.at"))


async def test_line_breaks_in_a_value_reach_no_mail_header(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("post") as env:
        await env.deliver_events(
            env.appointment_booked(email="zoe@mail.example", place="Markt\r\nBcc: all@mail.example")
        )
        await env.wait_until_idle()
        mail = env.post.last
        assert mail
        assert (mail["To"], mail["Bcc"]) == ("zoe@mail.example", None)
        plain = mail.get_body(("plain",))
        assert plain
        assert "Markt  Bcc: all@mail.example" in plain.get_content().replace("\n", " ")
