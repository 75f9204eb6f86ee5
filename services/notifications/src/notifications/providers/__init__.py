"""Who carries messages: SMS gateways and mail servers, and the texts in their form."""
