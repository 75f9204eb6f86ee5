"""bridge.toml: what is wrong with it is told by place, before anybody calls a register."""

import pytest
from connector_kit.manifest import Effect, Manifest, read_manifest, schema
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator


def test_a_good_manifest_is_read(manifest_text: str) -> None:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    assert manifest.operations["order_permit"].effect is Effect.PROBE
    assert manifest.limits.for_counter == 1


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ('kind = "lookup"', 'kind = "lookup"\neffect = "key"', "operations.find_permit: a lookup changes nothing"),
        ('answer = "Permit"\ntimeout_s = 10\ndeadline_s = 3600', "timeout_s = 10\ndeadline_s = 3600", "name its model"),
        (
            "timeout_s = 10\ndeadline_s = 86400",
            "deadline_s = 86400",
            "operations.order_permit.timeout_s: Field required",
        ),
        ("deadline_s = 86400", "deadline_s = 5", "the deadline ends before one call may"),
        ("rate_per_s = 5", "rate_per_s = 0", "limits.rate_per_s"),
        ("stale_if_down_s = 3600", "stale_if_down_s = 30", "is not longer than ttl_s"),
        ('ends = "04:00:00"', 'ends = "23:00:00"', "begins and ends are the same"),
        ('transport = "http"', 'transport = "pigeon"', "transport"),
        ('kind = "command"\neffect = "probe"', 'kind = "batch"\neffect = "probe"', "files travel by sftp"),
        ("version = 1", "version = 1\ncolour = 3", "colour: Extra inputs"),
        ("version = 1", "version = 9", "version: "),
        ('id = "parking"', 'id = "parking"\ntime_zone = "Linz"', "no time zone Linz"),
        ("version = 1", "version =", "not TOML"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(manifest_text: str, good: str, bad: str, told: str) -> None:
    assert good in manifest_text
    faults = read_manifest(manifest_text.replace(good, bad, 1))
    assert isinstance(faults, list)
    assert any(told in fault for fault in faults), faults


@given(st.text())
def test_no_text_brings_the_reader_down(text: str) -> None:
    assert isinstance(read_manifest(text), Manifest | list)


def test_the_schema_for_editors_is_one() -> None:
    Draft202012Validator.check_schema(schema())
