"""Notifications: SMS and e-mail to citizens, once per person, case and status; webhooks to partners."""
