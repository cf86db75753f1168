"""The report: one ordinary program over saved runs. It reads JSON and imports nothing that measures."""
