"""Every refusal of notifications."""

from wanderamt.kernel.refusal import Ground, Refusal

NO_NOTICE = Refusal("notice.not_found", "There is no such notice.", Ground.NOT_FOUND)
