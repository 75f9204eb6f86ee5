"""Whether a Docker engine answers on this machine."""

import docker
from docker.errors import DockerException

TIMEOUT_S = 2


def engine_answers() -> bool:
    try:
        client = docker.from_env(timeout=TIMEOUT_S)
    except (DockerException, OSError):
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()
