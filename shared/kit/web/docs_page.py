"""`/docs`: a service's HTTP API as one plain page, made from its OpenAPI document. No script, nothing from elsewhere.

Our own because the usual viewers fetch themselves from the public network, which agencies' separated networks do not
have, and the one that comes as a Python package knows no OpenAPI 3.1.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse

from shared.kit.web.route_bounds import PAGE, Router, bounded

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}section{border-top:1px solid #d0d7de;padding:.6rem 0}
h2{font:600 1rem ui-monospace,monospace;margin:.3rem 0}h2 b{display:inline-block;min-width:4.2rem;color:#0a5}
p{margin:.3rem 0}table{border-collapse:collapse;font-size:.9rem}td{padding:.1rem .8rem .1rem 0;vertical-align:top}
code{font:.9em ui-monospace,monospace}
"""


def docs_routes(app: FastAPI) -> APIRouter:
    """The page and the document itself, both made once, when somebody asks: what describes the application has its say
    before. In a thread, for it takes long, and whoever else asks waits for the same one."""
    routes = Router()

    def make() -> tuple[bytes, str]:
        document = app.openapi()
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(), page(document)

    @cache
    def making() -> asyncio.Future[tuple[bytes, str]]:
        return asyncio.ensure_future(asyncio.to_thread(make))

    async def made() -> tuple[bytes, str]:
        return await asyncio.shield(making())

    @routes.get("/openapi.json", include_in_schema=False)
    @bounded(PAGE)
    async def openapi() -> Response:
        return Response((await made())[0], media_type="application/json")

    @routes.get("/docs", include_in_schema=False)
    @bounded(PAGE)
    async def docs() -> HTMLResponse:
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return HTMLResponse((await made())[1], headers=policy)

    return routes


def page(document: Mapping[str, Any]) -> str:
    """The document as HTML. Everything in it is escaped."""
    title = escape(document["info"]["title"])
    sections = "".join(
        _operation(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    metrics = ' · <a href="/metrics">metrics</a>' if "/metrics" in document["paths"] else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title} {escape(document["info"]["version"])}</h1><p><a href="/openapi.json">openapi.json</a> · '
        f'<a href="/schemas">event types</a> · <a href="/asyncapi.json">asyncapi.json</a>{metrics}</p>'
        f"{sections}</html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}"
        f"{', required' if one.get('required') else ''}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", ())
    )
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer.get('description', ''))}</td></tr>"
        for status, answer in operation.get("responses", {}).items()
    )
    return (
        f"<section><h2><b>{escape(method.upper())}</b>{escape(path)}</h2><p>{escape(operation.get('summary', ''))}</p>"
        f"<p>{escape(operation.get('description', ''))}</p><table>{rows}</table><table>{answers}</table></section>"
    )
