"""Optional packages: loaded when first used, with the pip line when they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from roomkit.errors import MissingExtraError


def installed(module: str) -> bool:
    """Whether ``module`` (a top-level name) could be imported; nothing is loaded."""
    return importlib.util.find_spec(module) is not None


def require(module: str, *, extra: str, why: str) -> ModuleType:
    """Import and return an optional module.

    Args:
        module: Dotted module name.
        extra: The extra of ``roomkit`` that installs it.
        why: What needs it, as the subject of a sentence ("the local voice stack").

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{why} needs {module}: pip install 'roomkit[{extra}]'") from error
