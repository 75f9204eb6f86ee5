"""Handlers of stands, appointments, the queue, planning and public pages."""
