"""HTML pages in German and English: the templates, and their texts in texts/."""
