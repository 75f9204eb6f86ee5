"""The HTTP routes of intake: for the crew's app, the back office, and any holder of a document."""
