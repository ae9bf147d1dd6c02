"""Tools of MCP servers, for any agent. The package ``mcp`` (extra ``mcp``) is loaded when first used."""
