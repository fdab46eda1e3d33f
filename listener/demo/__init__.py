"""A bundled, invented week of posts, and a loopback server that speaks like the real sources."""

from listener.demo.configuration import BRAND, RIVAL, config_table
from listener.demo.server import DemoServer, Received

__all__ = ["BRAND", "RIVAL", "DemoServer", "Received", "config_table"]
