"""The planner on generated cities: generator, evaluator, figures."""
