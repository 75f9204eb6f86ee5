"""The project's own state folder: data, logs, secrets of systems that run on this machine. Deleting it is safe."""

import json
import os
import socket
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from secrets import token_urlsafe

import asyncssh
from intake.proof.authority import new_authority
from wanderamt.backbone.sources import utc_now
from wanderamt.security.keys import new_master_key
from wanderamt.security.tokens import new_key_pair

ROOT = "WANDERAMT_STATE"


def state_root() -> Path:
    """Of the project in which the command runs: its .state folder, or what WANDERAMT_STATE names."""
    return Path(os.environ.get(ROOT, ".state")).resolve()


def free_port() -> int:
    """Never the same twice in this process: what is given out may not be listened on yet, and look free."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given_ports:
            _given_ports.add(port)
            return port


_given_ports: set[int] = set()


@dataclass(frozen=True)
class Secrets:
    """Made for one local system. Production takes its own from its own settings."""

    token_private_key: str
    token_public_key: str
    sealing_key: str
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
    def make(cls) -> "Secrets":
        private, public = new_key_pair()
        key, certificate = new_authority("Stadt Linz", now=utc_now())
        return cls(
            token_private_key=private,
            token_public_key=public,
            sealing_key=new_master_key(),
            sms_key=token_urlsafe(16),
            postgres_password=token_urlsafe(16),
            document_key=key,
            document_certificate=certificate,
            **dict(zip(("sftp_key", "sftp_key_public"), _ssh_keys(), strict=True)),
            **dict(zip(("sftp_host_key", "sftp_host_key_public"), _ssh_keys(), strict=True)),
            assertion_key=new_master_key(),
            session_key=new_key_pair()[0],
        )

    @classmethod
    def load(cls, path: Path) -> "Secrets":
        """Those of the folder; what a newer version needs besides is made and kept."""
        kept = json.loads(path.read_text()) if path.exists() else {}
        if kept.keys() >= {one.name for one in fields(cls)}:
            return cls(**kept)
        secrets = cls(**(asdict(cls.make()) | kept))
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(secrets)))
        return secrets


def _ssh_keys() -> tuple[str, str]:
    """(private in OpenSSH's form, public in one line)."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    return key.export_private_key().decode(), key.export_public_key().decode().strip()


@dataclass(frozen=True)
class State:
    """The folder of one system."""

    folder: Path

    def sub(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @cached_property
    def secrets(self) -> Secrets:
        return Secrets.load(self.sub("secrets") / "secrets.json")
