"""A gateway that takes SMS as JSON and knows a message again by our reference."""
