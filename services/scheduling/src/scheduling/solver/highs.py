"""Models for the HiGHS solver: without output, on one thread."""

import highspy
import numpy as np


def new_model() -> highspy.Highs:
    """An empty model to be maximised."""
    model = highspy.Highs()  # type: ignore[no-untyped-call]
    model.setOptionValue("output_flag", False)  # noqa: FBT003 -- the library's signature
    model.setOptionValue("threads", 1)
    model.changeObjectiveSense(highspy.ObjSense.kMaximize)
    return model


def require_integers(model: highspy.Highs, count: int) -> None:
    """Requires integer values of the first `count` columns."""
    kinds = np.full(count, highspy.HighsVarType.kInteger)
    model.changeColsIntegrality(count, np.arange(count, dtype=np.int32), kinds)
