"""The services on offer, as dated data: what finishing each of them takes, costs and leaves open."""
