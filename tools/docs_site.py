"""What the docs site shows beside docs/: the RFCs, the house rules and the examples. An mkdocs hook.

Pages link to them as one does in a checkout (``../rfcs/0001-….md``); here they become pages of the site, and the links
follow. Pages that nobody put into the navigation are added to it, so that none is ever missing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
HOUSE_RULES = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
OUTSIDE = re.compile(r"\]\((?:\.\./)+([^)#]+)(#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the navigation: pages of docs/ that are not in it, the RFCs, the examples."""
    named = set(re.findall(r"[\w/-]+\.md", str(config.nav)))
    docs = Path(config.docs_dir)
    more = [
        page for page in sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md")) if page not in named
    ]
    rfcs = [f"rfcs/{path.name}" for path in sorted((ROOT / "rfcs").glob("*.md"))]
    examples = [f"examples/{path.stem}.md" for path in sorted((ROOT / "examples").glob("*.py"))]
    nav = list(config.nav or [])
    if more:
        nav.append({"More": more})
    config.nav = [*nav, {"RFCs": rfcs}, {"Examples": examples}, {"House rules": list(HOUSE_RULES)}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/ as generated pages."""
    from mkdocs.structure.files import File

    for path in sorted((ROOT / "rfcs").glob("*.md")):
        files.append(File.generated(config, f"rfcs/{path.name}", content=path.read_text()))
    for name in HOUSE_RULES:
        files.append(File.generated(config, name, content=(ROOT / name).read_text()))
    for path in sorted((ROOT / "examples").glob("*.py")):
        page = f"# {path.name}\n\n```python\n{path.read_text()}```\n"
        files.append(File.generated(config, f"examples/{path.stem}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave docs/ at the pages made of their targets."""
    up = "../" * page.file.src_uri.count("/")

    def moved(match: re.Match[str]) -> str:
        target, anchor = match[1].rstrip("/"), match[2] or ""
        if target == "rfcs":
            return f"]({up}rfcs/0001-rooms-and-events.md)"
        if target.startswith("rfcs/") or target in HOUSE_RULES:
            return f"]({up}{target}{anchor})"
        if target.startswith("examples/") and target.endswith(".py"):
            return f"]({up}{target.removesuffix('.py')}.md)"
        if target == "README.md":
            return f"]({up}index.md)"
        if (ROOT / "docs" / target).exists():
            return match[0]
        return f"]({up}index.md)"  # source files are not part of the site

    return OUTSIDE.sub(moved, markdown)
