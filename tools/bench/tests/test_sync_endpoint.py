"""The benchmark changes the system by overriding its methods: a method that no longer exists would change nothing."""

from wanderamt_bench.sync_endpoint import UntracedSystem
from wanderamt_local.system import System


def test_the_untraced_system_adds_only_these_names_to_the_system() -> None:
    own = {name for name in vars(UntracedSystem) if not name.startswith("__")}
    assert own - (set(dir(System)) | System.__dataclass_fields__.keys()) == {"prefix", "create_databases"}
