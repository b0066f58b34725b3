"""Where records, ids and tokens are kept: one port (`pitboard.drivers.ports.Store`), two adapters."""
