"""Settings of intake: those of every service, none of its own yet."""

from wanderamt.shell.settings import ServiceSettings


class Settings(ServiceSettings):
    pass
