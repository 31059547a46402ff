"""Lets the parent start its children with the very interpreter that runs it: `python -m api.embedded worker`."""

from api.cli import main

main(prog_name="comptoir")
