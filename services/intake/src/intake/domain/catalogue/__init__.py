"""The services of an authority as dated data: their steps, required documents, fees and obligations."""
