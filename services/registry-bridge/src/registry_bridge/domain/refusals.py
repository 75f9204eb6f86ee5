"""Every refusal of the registry bridge."""

from wanderamt.kernel.refusal import Ground, Refusal

NO_REQUEST = Refusal("request.not_found", "There is no such register request.", Ground.NOT_FOUND)
