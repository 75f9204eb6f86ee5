"""Runs the whole system on one machine: real Kafka, real PostgreSQL, every service a process of its own."""
