"""The command line ``python -m sluice``: a file a command, above everything else of the package."""
