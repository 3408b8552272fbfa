"""Streams: files, cameras and addresses, watched by one engine, and where their results go."""
