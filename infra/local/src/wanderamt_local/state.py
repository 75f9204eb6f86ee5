"""The state folder of the project: data, logs and secrets of systems on this machine. It can be deleted at any time."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from secrets import token_urlsafe

import asyncssh
from intake.signing.authority import new_authority
from wanderamt.backbone.environment import utc_now
from wanderamt.security.keys import generate_master_key
from wanderamt.security.tokens import TokenSigner, generate_key_pair

STATE_VARIABLE = "WANDERAMT_STATE"


def state_root() -> Path:
    """The folder in WANDERAMT_STATE, else .state in the current folder."""
    return Path(os.environ.get(STATE_VARIABLE, ".state")).resolve()


def free_port() -> int:
    """A free TCP port, never the same twice in a process: a port handed out before may not be in use yet."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _used_ports:
            _used_ports.add(port)
            return port


_used_ports: set[int] = set()


@dataclass(frozen=True)
class Secrets:
    """The secrets of one local system; a production system takes its own from its settings."""

    token_private_key: str
    token_public_key: str
    encryption_key: str
    sms_key: str
    postgres_password: str
    document_key: str
    document_certificate: str
    assertion_key: str
    session_key: str
    sftp_key: str
    sftp_key_public: str
    sftp_host_key: str
    sftp_host_key_public: str

    @classmethod
    def generate(cls) -> "Secrets":
        private, public = generate_key_pair()
        key, certificate = new_authority("Stadt Linz", now=utc_now())
        return cls(
            token_private_key=private,
            token_public_key=public,
            encryption_key=generate_master_key(),
            sms_key=token_urlsafe(16),
            postgres_password=token_urlsafe(16),
            document_key=key,
            document_certificate=certificate,
            **dict(zip(("sftp_key", "sftp_key_public"), _ssh_keys(), strict=True)),
            **dict(zip(("sftp_host_key", "sftp_host_key_public"), _ssh_keys(), strict=True)),
            assertion_key=generate_master_key(),
            session_key=generate_key_pair()[0],
        )

    @property
    def session_public_key(self) -> str:
        return TokenSigner(self.session_key).public_pem

    @classmethod
    def load(cls, path: Path) -> "Secrets":
        """Loads the stored secrets; generates and stores those that are missing."""
        names = {field.name for field in fields(cls)}
        stored = json.loads(path.read_text()) if path.exists() else {}
        known = {name: value for name, value in stored.items() if name in names}
        if known.keys() == names:
            return cls(**known)
        secrets = cls(**(asdict(cls.generate()) | known))
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(secrets)))
        return secrets


def _ssh_keys() -> tuple[str, str]:
    """(private key in OpenSSH format, public key in one line)."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    return key.export_private_key().decode(), key.export_public_key().decode().strip()


@dataclass(frozen=True)
class StateFolder:
    """The state folder of one system."""

    folder: Path

    def subfolder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write_env(self, name: str, env: Mapping[str, str]) -> Path:
        """The settings of a service, for a second terminal: set -a; . .state/up/env/intake.env"""
        path = self.subfolder("env") / f"{name}.env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key}='{value}'\n" for key, value in env.items()))
        return path

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets.load(self.subfolder("secrets") / "secrets.json")
