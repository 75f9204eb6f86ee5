"""The planner on generated cities: generator, audit, benchmark."""
