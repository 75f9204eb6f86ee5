"""What can be booked: each service's time at a desk, its name and what to bring."""
