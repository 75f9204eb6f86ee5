"""HTTP in: parse, handler, render. One function a route."""
