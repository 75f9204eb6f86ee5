"""What makes a paper checkable by anybody: the signature in the file, the stamp as a QR code on the page."""
