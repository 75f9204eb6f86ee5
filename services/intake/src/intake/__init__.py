"""Field intake: entries from the stand become cases, cases become documents."""
