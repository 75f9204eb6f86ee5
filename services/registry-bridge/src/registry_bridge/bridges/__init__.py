"""One folder a register. The only place that speaks their languages."""
