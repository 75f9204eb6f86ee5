"""Whether Docker runs on this machine."""

import docker
from docker.errors import DockerException

TIMEOUT_S = 2


def docker_available() -> bool:
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
