"""What the public sees: pages in German and English, a map, calendars."""
