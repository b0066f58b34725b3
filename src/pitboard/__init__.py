"""Pitboard: driver stats beside every post author in the iRacing forum."""

__version__ = "0.1.0"
