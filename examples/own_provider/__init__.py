"""A provider of one's own: "Parrot", an invented vendor that says back what it hears. See docs/add-a-provider.md."""

from examples.own_provider.provider import PARROT_PROFILE, ParrotConfig, ParrotProvider
from examples.own_provider.simulator import parrot_server

__all__ = ["PARROT_PROFILE", "ParrotConfig", "ParrotProvider", "parrot_server"]
