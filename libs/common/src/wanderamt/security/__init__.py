"""Authentication, authorisation and encryption of personal data."""
