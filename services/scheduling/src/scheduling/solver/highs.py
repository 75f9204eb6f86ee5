"""HiGHS as we use it: silent, one thread, the same seed."""

import highspy
import numpy as np


def quiet_model() -> highspy.Highs:
    """An empty model that is maximised."""
    model = highspy.Highs()  # type: ignore[no-untyped-call]
    model.setOptionValue("output_flag", False)  # noqa: FBT003 -- the library's signature
    model.setOptionValue("threads", 1)
    model.changeObjectiveSense(highspy.ObjSense.kMaximize)
    return model


def whole(model: highspy.Highs, many: int) -> None:
    """The first `many` columns take whole numbers alone."""
    kinds = np.full(many, highspy.HighsVarType.kInteger)
    model.changeColsIntegrality(many, np.arange(many, dtype=np.int32), kinds)
