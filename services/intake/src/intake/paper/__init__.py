"""The printing room: burns CPU, knows no case."""
