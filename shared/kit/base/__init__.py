"""What every part of a service needs: logs, metrics, ids, sealing, clocks, back-off, supervision."""
