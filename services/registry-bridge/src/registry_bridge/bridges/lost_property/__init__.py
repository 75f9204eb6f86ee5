"""The lost-property office: JSON-RPC 2.0 on a single address. A refusal is an error in an answer with status 200."""
