"""Smaller and faster networks from trained ones: 8 bits, fewer channels, or a student of a larger one."""
