"""Pages for people, in German and English: templates here, their words in words/."""
