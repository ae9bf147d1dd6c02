"""A server that speaks MCP over stdio by hand, and badly; the argument says how (see `test_mcp_rubbish`)."""

from __future__ import annotations

import json
import sys
from typing import Any

OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOLS: dict[str, list[dict[str, Any]]] = {
    "schemas": [
        {"name": "fine", "inputSchema": OBJECT},
        {"name": "elsewhere", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x"}}}},
        {"name": "broken", "inputSchema": {"type": "object", "properties": {"a": {"type": "nonsense"}}}},
        {"name": "pattern", "inputSchema": {"type": "object", "properties": {"a": {"pattern": "(("}}}},
        {"name": "odd name/ü", "inputSchema": OBJECT},
    ],
    "twins": [{"name": "a.b", "inputSchema": OBJECT}, {"name": "a/b", "inputSchema": OBJECT}],
    "answers": [{"name": "call", "inputSchema": OBJECT}],
    "no_tools": [],
}


def answer(kind: str, request: dict[str, Any]) -> Any:
    match request["method"]:
        case "initialize":
            version = request["params"]["protocolVersion"]
            info = {"name": "rubbish", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            return {"tools": TOOLS[kind]}
        case "tools/call":
            return {"content": 7}
    return None


def main() -> None:
    kind = sys.argv[1]
    if kind == "exits":
        return
    for line in sys.stdin:
        request = json.loads(line)
        if kind == "noise":
            sys.stdout.write("Traceback: this is no JSON\n")
        elif "id" in request:
            result = answer(kind, request)
            outcome = {"result": result} if result else {"error": {"code": -32601, "message": "no such method"}}
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **outcome}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
