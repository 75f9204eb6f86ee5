"""What makes two e-mail addresses the same mailbox, for everything that counts or recognises addresses."""


def mailbox_of(email: str) -> str:
    """The address without its sub-address (RFC 5233) and without capitals: `V+1@` and `v@` reach one person.
    Only to recognise it: messages go to the address as it was entered."""
    local, at, domain = email.rpartition("@")
    name, _, _ = local.partition("+")
    return f"{name or local}{at}{domain}".casefold()
