"""The HTML pages for citizens and their texts."""
