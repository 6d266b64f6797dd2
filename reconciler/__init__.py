"""Declarative, YAML-driven sync and reconciliation for video-AI platforms."""

__version__ = "0.1.0"
