"""The shelf of offers: YAML files, one a service, in one folder an authority."""
