"""What is written about the program is held against the program."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
VARIABLE = re.compile(r"\b(?:COMPTOIR|TWILIO)_[A-Z_]+")


def read_settings() -> dict[str, str]:
    """Return the variables that the code reads, each with the default that stands there, as it is written."""
    source = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    # env.int("NAME", 8000, …): a default that follows from other settings is empty there.
    found = re.findall(r'env\.\w+\(\s*"([A-Z_]+)",\s*(?:Path\()?("[^"]*"|[\d_.]+)', source)
    return {name: default.strip('"').replace("_", "") for name, default in found}


def documented_settings() -> dict[str, str]:
    """Return the rows of the table: variable and default."""
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", table, re.MULTILINE))


def test_every_variable_that_the_code_names_is_read_by_it():
    source = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")

    named = {name for name in VARIABLE.findall(source) if not name.endswith("_")}

    assert named == read_settings().keys()


def test_every_setting_stands_in_the_table_and_no_other():
    assert documented_settings().keys() == read_settings().keys()


def test_every_setting_stands_in_the_example_and_no_other():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")

    named = re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)

    assert sorted(named) == sorted(read_settings())


def test_the_table_gives_the_defaults_of_the_code():
    documented = documented_settings()

    for name, default in read_settings().items():
        if default:
            assert documented[name] == f"`{default}`", name


def test_whatever_compose_and_the_image_set_is_a_setting():
    for file in ("compose.yaml", "Dockerfile"):
        named = set(VARIABLE.findall((ROOT / file).read_text(encoding="utf-8")))

        assert named <= read_settings().keys(), file
