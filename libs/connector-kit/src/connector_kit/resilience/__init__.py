"""Pure rules that protect a register and us: retries, circuit breaker, rate limit, bulkhead, cache."""
