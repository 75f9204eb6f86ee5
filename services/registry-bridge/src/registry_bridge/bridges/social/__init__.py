"""The social office: yes or no to an income threshold, and the passes that follow from it. REST."""
