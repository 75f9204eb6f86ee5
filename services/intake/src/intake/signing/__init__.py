"""Signatures that anybody can verify: in PDF files, in seals (QR codes on documents), in tokens and status lists."""
