"""How bridges speak to registers and providers: HTTP, REST, SOAP, SFTP, SMTP, SMPP."""
