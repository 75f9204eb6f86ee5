"""Reference data of a city: which services citizens can book, its districts, its places."""
