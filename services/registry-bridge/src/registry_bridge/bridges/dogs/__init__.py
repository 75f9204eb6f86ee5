"""The dog register: one file of registrations per evening, one answer file per night, in ISO 8859-15."""
