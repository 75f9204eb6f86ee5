"""Public pages in German and English, a map, calendars."""
