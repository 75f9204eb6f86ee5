"""The printing room and the reading room: burn CPU in processes of their own, know no case."""
