"""The command that prints the API's description."""

import click


@click.command()
def openapi() -> None:
    """Print the OpenAPI document of the REST API, as docs/openapi.json has it."""
    from api.openapi import document

    click.echo(document(), nl=False)
