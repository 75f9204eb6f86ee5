"""Every message into notifications but events: ended calls, receipts, requests of citizens and partners."""
