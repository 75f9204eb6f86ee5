"""The register of vehicles: REST; a question by plate names the keeper."""
