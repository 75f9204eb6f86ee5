"""The manifest of a bridge (bridge.toml) as typed data."""
