"""Burns CPU: searches plans and proves how good they are. Holds no transaction and no clock but its stopwatch."""
