"""Events between services: outbox relay, inbox, deduplication, dead letters, replay and rebuild."""
