"""bridge.toml: errors are reported with their place."""

import pytest
from connector_kit.manifest.manifest import Manifest, read_manifest, schema
from connector_kit.manifest.operation import Idempotency
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator


def test_a_valid_manifest_is_read(manifest_text: str) -> None:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    assert manifest.operations["order_permit"].idempotency is Idempotency.BY_LOOKUP
    assert manifest.limits.interactive_slots == 1


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        (
            'kind = "lookup"',
            'kind = "lookup"\nidempotency = "by_key"',
            "operations.find_permit: a lookup changes nothing",
        ),
        ('answer = "Permit"\ntimeout_s = 10\ndeadline_s = 3600', "timeout_s = 10\ndeadline_s = 3600", "name its model"),
        (
            "timeout_s = 10\ndeadline_s = 86400",
            "deadline_s = 86400",
            "operations.order_permit.timeout_s: Field required",
        ),
        ("deadline_s = 86400", "deadline_s = 5", "deadline_s is shorter than timeout_s"),
        ("rate_per_s = 5", "rate_per_s = 0", "limits.rate_per_s"),
        ("stale_if_down_s = 3600", "stale_if_down_s = 30", "must be longer than ttl_s"),
        ('ends = "04:00:00"', 'ends = "23:00:00"', "begins and ends must differ"),
        ('transport = "http"', 'transport = "pigeon"', "transport"),
        (
            'kind = "command"\nidempotency = "by_lookup"',
            'kind = "batch"\nidempotency = "by_lookup"',
            "needs transport sftp",
        ),
        ("version = 1", "version = 1\ncolour = 3", "colour: Extra inputs"),
        ("version = 1", "version = 9", "version: "),
        ('time_zone = "Europe/Vienna"', 'time_zone = "Linz"', "unknown time zone Linz"),
        ("version = 1", "version =", "not TOML"),
    ],
)
def test_errors_are_reported_with_their_place(manifest_text: str, good: str, bad: str, message: str) -> None:
    assert good in manifest_text
    errors = read_manifest(manifest_text.replace(good, bad, 1))
    assert isinstance(errors, list)
    assert any(message in error for error in errors), errors


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert isinstance(read_manifest(text), Manifest | list)


def test_the_editor_schema_is_valid() -> None:
    Draft202012Validator.check_schema(schema())
